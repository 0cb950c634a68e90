// What a reader has answered and read, kept by this browser and sent nowhere: marks beside the chapters in the
// sidebar, a button at the end of each chapter, and the page "Your progress". Where the browser keeps nothing
// (a private window, storage refused) all of it lasts as long as the page. The questions are self-check.js.
(() => {
const PREFIX = "lstm-course/1/"; // the shape of a record: a new shape gets a new number
const LONGEST = 300;

const chapterOf = (path) => (/(part\d+\/\d\d_\w+)(?:\.html)?\/?$/.exec(path) || [])[1] || "";

// A record holds whatever was stored by whomever: only what has the right form is taken.
function clean(found) {
  const record = { read: found?.read === true, questions: 0, answers: {}, left: null };
  if (Number.isInteger(found?.questions) && found.questions > 0) record.questions = Math.min(found.questions, 99);
  for (const [id, answer] of Object.entries(found?.answers ?? {}))
    if (/^check-[\w-]+$/.test(id) && typeof answer?.said === "string") record.answers[id] = { said: answer.said.slice(0, LONGEST) };
  const { id, title, at } = found?.left ?? {};
  if (/^[\w.-]+$/.test(id) && typeof title === "string" && Number.isFinite(at)) record.left = { id, title: title.slice(0, LONGEST), at };
  return record;
}
function memory() {
  const kept = new Map();
  return {
    getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => kept.set(key, value),
    removeItem: (key) => kept.delete(key), key: (i) => [...kept.keys()][i], get length() { return kept.size; },
  };
}
function load(storage, chapter) {
  try { return clean(JSON.parse(storage.getItem(PREFIX + chapter))); } catch { return clean(null); }
}
function change(storage, chapter, edit) {
  const record = load(storage, chapter);
  edit(record);
  try { storage.setItem(PREFIX + chapter, JSON.stringify(record)); } catch { /* full: this one is not kept */ }
}
function chapters(storage) {
  const keys = Array.from({ length: storage.length }, (_, i) => storage.key(i));
  return keys.filter((key) => key.startsWith(PREFIX)).map((key) => key.slice(PREFIX.length)).sort();
}
function forget(storage) {
  for (const chapter of chapters(storage)) storage.removeItem(PREFIX + chapter);
}
const toText = (storage) =>
  JSON.stringify({ course: PREFIX, chapters: Object.fromEntries(chapters(storage).map((name) => [name, load(storage, name)])) }, null, 1);
function fromText(storage, text) {
  const found = JSON.parse(text);
  if (found?.course !== PREFIX) throw new Error("not a file of this course");
  const names = Object.keys(found.chapters ?? {}).filter((name) => chapterOf(name) === name);
  for (const name of names) change(storage, name, (record) => Object.assign(record, clean(found.chapters[name])));
  return names.length;
}
// What the sidebar shows and what it says aloud; `questions` where the page knows better than the record.
function summary(record, questions = record.questions) {
  const answered = Math.min(questions, Object.values(record.answers).filter((answer) => answer.said).length);
  const words = [record.read ? "read" : "", answered ? `${answered} of ${questions} questions answered` : ""];
  return { mark: record.read ? "✓" : answered ? `${answered}/${questions}` : "", words: words.filter(Boolean).join(", ") };
}
globalThis.courseProgress = { PREFIX, chapterOf, clean, memory, load, change, chapters, forget, toText, fromText, summary };
if (!globalThis.document) return;

function storageOr(instead) {
  try {
    const storage = window.localStorage;
    storage.setItem(PREFIX, "1"); // some browsers refuse only here
    storage.removeItem(PREFIX);
    return storage;
  } catch { return instead; }
}
const fleeting = memory(), storage = storageOr(fleeting), here = chapterOf(location.pathname);
const root = document.documentElement.dataset.content_root ?? "./";
const boxes = document.querySelectorAll(".self-check");

function make(tag, words = "", properties = {}) {
  return Object.assign(document.createElement(tag), { textContent: words }, properties);
}
const button = (words, click) => make("button", words, { type: "button", className: "self-check-button", onclick: click });
const refresh = () => document.dispatchEvent(new Event("course-progress"));
function set(edit) { change(storage, here, edit); refresh(); }

function sidebar() {
  for (const link of document.querySelectorAll(".bd-sidebar-primary .bd-links a.reference.internal")) {
    const chapter = chapterOf(new URL(link.href).pathname);
    if (!chapter) continue;
    link.querySelector(".progress-mark")?.remove();
    const { mark, words } = summary(load(storage, chapter));
    if (!mark) continue;
    const shown = make("span", "", { className: "progress-mark", title: words });
    shown.append(Object.assign(make("span", mark), { ariaHidden: "true" }), make("span", `, ${words}`, { className: "visually-hidden" }));
    link.append(shown);
  }
}

// The latest place, over all chapters or in one.
function latest(names) {
  const found = names.map((name) => ({ name, ...load(storage, name).left })).filter((left) => left.at);
  return found.sort((a, b) => b.at - a.at)[0];
}
const linkTo = ({ name, id, title }) => make("a", title, { href: `${root}book/${name}.html#${id}` });

function chapterPage() {
  const ids = [...boxes].map((box) => box.id), section = document.querySelector("article section");
  const headings = [...section.querySelectorAll(":scope > section[id]")];
  change(storage, here, (record) => {
    record.questions = ids.length;
    for (const id of Object.keys(record.answers)) if (!ids.includes(id)) delete record.answers[id];
  });
  const left = latest([here]);
  if (left && !location.hash && headings.some(({ id }) => id === left.id)) {
    const note = make("p", "You were here last: ", { className: "progress-note" });
    note.append(linkTo(left));
    section.querySelector("h1")?.after(note);
  }
  const end = make("div", "", { className: "progress-end" });
  const read = button("I have read this chapter", () => set((record) => { record.read = !record.read; }));
  end.append(read, button("Forget my answers here", () => set((record) => { record.answers = {}; })));
  const kept = make("p", storage === fleeting ? "This browser keeps nothing: it is forgotten when you leave. " : "Kept by this browser only. ");
  kept.append(make("a", "Your progress", { href: `${root}book/progress.html` }));
  end.append(kept);
  section.append(end);
  const show = () => { read.ariaPressed = String(load(storage, here).read); };
  document.addEventListener("course-progress", show);
  show();
  addEventListener("pagehide", () => {
    const passed = headings.filter((heading) => heading.getBoundingClientRect().top < innerHeight / 2).pop();
    const title = [...(passed?.querySelector("h2").childNodes ?? [])].filter((node) => node.className !== "headerlink");
    const words = title.map((node) => node.textContent).join("").trim();
    if (passed) change(storage, here, (record) => { record.left = { id: passed.id, title: words, at: Date.now() }; });
  });
}

// The list of the progress page, and the lines elsewhere that ask for the state: <p class="course-progress">.
function lists() {
  const items = [...document.querySelectorAll(".progress-list li")];
  for (const item of items) {
    const name = chapterOf(new URL(item.querySelector("a").href).pathname);
    const state = item.querySelector(".progress-state") ?? item.querySelector("p, a:last-of-type").appendChild(make("span", "", { className: "progress-state" }));
    state.textContent = summary(load(storage, name)).words.replace(/^(?=.)/, ": ");
  }
  const records = chapters(storage).map((name) => load(storage, name)), left = latest(chapters(storage));
  const count = (keep) => records.filter(keep).length, read = count((record) => record.read);
  const answered = records.flatMap((record) => Object.values(record.answers)).filter((answer) => answer.said).length;
  for (const line of document.querySelectorAll(".course-progress")) {
    line.hidden = !(read || answered || left);
    line.textContent = `Chapters read: ${read}. Questions answered: ${answered}. `;
    if (left) line.append("Last left at: ", linkTo(left), ".");
  }
}

function controls(place) {
  const says = make("p", storage === fleeting ? "This browser refuses to keep anything: your answers are forgotten when you leave a page." : "");
  says.setAttribute("role", "status");
  const file = make("input", "", { type: "file", accept: ".json", hidden: true });
  file.onchange = async () => {
    try { says.textContent = `Brought back: ${fromText(storage, await file.files[0].text())} chapters.`; }
    catch { says.textContent = "This file does not hold the progress of this course."; }
    file.value = "";
    refresh();
  };
  const save = () => {
    const link = make("a", "", { download: "lstm-course-progress.json" });
    link.href = URL.createObjectURL(new Blob([toText(storage)], { type: "application/json" }));
    link.click();
    URL.revokeObjectURL(link.href);
    says.textContent = "Saved as lstm-course-progress.json.";
  };
  const erase = () => {
    if (!confirm("Forget all answers and marks of this course in this browser?")) return;
    forget(storage);
    says.textContent = "Everything is forgotten.";
    refresh();
  };
  place.append(button("Save as a file", save), button("Bring back from a file", () => file.click()), button("Forget everything", erase), file, says);
}

Object.assign(courseProgress, { storage, here, make, button, set });
for (const place of document.querySelectorAll(".progress-controls")) controls(place);
if (here && boxes.length) chapterPage();
for (const show of [sidebar, lists]) { show(); document.addEventListener("course-progress", show); }
addEventListener("storage", refresh); // another tab of the course
})();
