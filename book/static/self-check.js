// Questions to be answered before the page measures the answer: predict, then see the reason. In the notebook a
// question is words, a list of choices and a folded <details>; here it becomes a form. The answer begins with the
// letter of the right choice ("b."); a question without choices is answered in one line and compared by the reader.
(() => {
const letterOf = (text) => (/^\s*([a-e])\./.exec(text) || [])[1] || "";

function verdict(right, said) {
  if (!right) return said ? "Compare your line with the reason." : "Here is the reason.";
  if (!said) return `The answer is ${right}.`;
  return said === right ? `Yes, ${right} is right.` : `Not ${said}: the answer is ${right}.`;
}
// What was stored counts only while the question still has that choice; without choices any line does.
function restored(answer, letters) {
  if (!answer || typeof answer.said !== "string") return null;
  return answer.said && letters.length && !letters.includes(answer.said) ? null : answer.said;
}
globalThis.selfCheck = { letterOf, verdict, restored };
if (!globalThis.document) return;

const { storage, here, load, make, button, set } = courseProgress;

function build(box) {
  const details = box.querySelector("details"), list = box.querySelector(":scope > ul");
  if (!details || !box.id) return;
  const right = list ? letterOf(details.querySelector("strong").textContent) : "";
  const form = make("form"), group = make("fieldset"), question = make("div", "", { id: `${box.id}-question` });
  while (box.firstChild !== (list ?? details)) question.append(box.firstChild);
  group.setAttribute("aria-labelledby", question.id);
  group.append(question);

  const inputs = list ? [...list.children].map(choice) : [line()];
  function choice(item) {
    const words = make("span"), label = make("label");
    words.append(...(item.querySelector(":scope > p") ?? item).childNodes);
    const input = make("input", "", { type: "radio", name: box.id, value: letterOf(words.textContent) });
    label.append(input, words);
    item.replaceChildren(label);
    return input;
  }
  function line() {
    const label = make("label", "Your prediction, in one line", { className: "self-check-line" });
    const input = make("input", "", { type: "text", maxLength: 300, autocomplete: "off" });
    label.append(input);
    group.append(label);
    return input;
  }
  if (list) group.append(list);

  const check = make("button", "", { type: "submit", className: "self-check-button" });
  const skip = button("I cannot say", () => keep(""));
  const says = make("p", "", { className: "self-check-verdict" }), row = make("div", "", { className: "self-check-row" });
  says.setAttribute("role", "status"); // there from the start: a region that comes with its words is not read
  row.append(check, skip, says);
  form.append(group, row);
  box.prepend(form);
  box.classList.add("is-form");

  let open = false;
  function show() {
    const said = restored(load(storage, here).answers[box.id], right ? inputs.map((input) => input.value) : []);
    open = said !== null;
    details.hidden = !open;
    details.open = open;
    check.textContent = open ? "Try again" : "Check my prediction";
    skip.hidden = open;
    const words = open ? verdict(right, said) : "";
    if (says.textContent !== words) says.textContent = words;
    for (const input of inputs) {
      input.disabled = open && right !== "";
      input.readOnly = open;
      if (!right) { if (open) input.value = said; continue; }
      if (open) input.checked = input.value === said;
      const item = input.closest("li"), isRight = input.value === right, isSaid = input.value === said;
      item.classList.toggle("is-right", open && isRight);
      item.querySelector(".self-check-mark")?.remove();
      const mark = [isSaid && "your prediction", isRight && "right"].filter(Boolean).join(", ");
      if (open && mark) input.parentElement.append(make("span", mark, { className: "self-check-mark" }));
    }
  }
  function keep(said) {
    set((record) => { record.answers[box.id] = { said }; });
    check.focus(); // the pressed button, or the choice in focus, may just have gone
  }
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (open) {
      set((record) => { delete record.answers[box.id]; });
      for (const input of inputs) { input.checked = false; input.value = right ? input.value : ""; }
      inputs[0].focus();
      return;
    }
    const said = right ? inputs.find((input) => input.checked)?.value : inputs[0].value.trim();
    if (said) keep(said);
    else says.textContent = right ? "Choose one first." : "Write a line first.";
  });
  document.addEventListener("course-progress", show);
  show();
}
document.querySelectorAll(".self-check").forEach(build);

// On paper every answer is open.
const folded = () => document.querySelectorAll(".self-check details:not([open])");
let opened = [];
addEventListener("beforeprint", () => { opened = [...folded()]; opened.forEach((details) => { details.open = true; }); });
addEventListener("afterprint", () => opened.forEach((details) => { details.open = false; }));
})();
