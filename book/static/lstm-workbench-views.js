// What <lstm-workbench> shows of a run, as text: cards of one step, curves over time, weights, a sentence.
// Needs lstm-workbench-state.js before it.
(() => {
const { fixed, short, panel, nice } = lstmFigure, { CELLS, hasC, shapes, sizes, units } = lstmFigure.workbench;
const ROLES = {
  x: "input", "h'": "hidden state before", "C'": "cell state before", f: "forget gate", i: "input gate", "C̃": "candidate", C: "cell state", o: "output gate",
  h: "hidden state", z: "update gate", r: "reset gate", "h̃": "candidate", T: "transform gate", u: "the LSTM’s hidden state", m: "product of input and state",
};
const GATES = "fiozrT", STATES = ["C", "C̃", "h̃", "h", "m", "u"];
// A quantity’s colour and dashes, the same as in the other figures.
const KEYS = { "C'": "C", "h'": "h", z: "f", r: "i", "C̃": "g", "h̃": "g", m: "T", u: "o", x: "o" };
const key = (name) => KEYS[name] ?? name;

const maths = (line) => line.replace(" - ", " − ").replace(/tanh|σ|([A-Za-z]\u0303?)(?:_([A-Za-z]+))?('?)/gu, (all, name, sub, before) =>
  name ? `<i>${name}</i><sub>${/[Wb]/.test(name) ? (sub ?? "") : before ? "t−1" : "t"}</sub>` : all);
const role = (s, name) => (name === "m" && CELLS[s.cell].wide ? "output before the projection" : ROLES[name]);
// Gradients can be far below a thousandth.
const small = (g) => (Math.abs(g) >= 0.001 || g === 0 ? fixed(g, 3) : short(g).replace(" × ", "·"));
const lossName = (s) => (s.kind === "all" ? `the sum of h over all steps, unit ${s.unit + 1}` : `${s.kind} at step ${s.x.length}, unit ${s.unit + 1}`);
const most = (numbers) => Math.max(...numbers.map(Math.abs), 1e-300);

// --- one step -------------------------------------------------------------------------------------------
function bar(value, scale, from = 50) {
  const long = (value / scale) * (100 - from);
  return `<span class="bar" style="left:${Math.min(from, from + long).toFixed(1)}%;width:${Math.abs(long).toFixed(1)}%"></span>`;
}
function cards(s, got) {
  const { value, grad, delta } = got.steps[s.t - 1], all = (of) => got.steps.flatMap((step) => Object.values(step[of]).flat());
  const scale = most([...all("grad"), ...all("delta")]);
  return got.names.map((name) => {
    const line = CELLS[s.cell].lines.find((text) => text.startsWith(`${name} =`)), gate = GATES.includes(name) && name.length === 1;
    const size = gate ? 1 : most(got.steps.flatMap((step) => step.value[name]));
    const rows = value[name].map((v, k) => `<tr><th scope="row">${k + 1}</th><td>${fixed(v, 3)}${bar(v, size, gate ? 0 : 50)}</td><td>${small(grad[name][k])}${bar(grad[name][k], scale)}</td>`
      + (delta[name] ? `<td>${small(delta[name][k])}${bar(delta[name][k], scale)}</td>` : "") + "</tr>");
    const plain = maths(name);
    return `<table class="card ${key(name)}"><caption><b>${role(s, name)}</b> <span>${maths(line ?? name)}</span></caption>
<tr><th scope="col">${name === "x" ? "channel" : "unit"}</th><th scope="col">value</th><th scope="col">∂L/∂${plain}</th>${delta[name] ? `<th scope="col">δ<sub>${plain.replace(/<sub>.*/, "")}</sub></th>` : ""}</tr>${rows.join("")}</table>`;
  }).join("");
}

// --- over time --------------------------------------------------------------------------------------------
// What there is to draw of the unit that is looked at: [title, [[name, points, word at the end]], from, to].
function panels(s, got) {
  const at = (of, name, k) => got.steps.flatMap((step, t) => (step[of][name]?.[k] === undefined ? [] : [[t + 1, step[of][name][k]]]));
  const curves = (of, names, before = "") => names.map((name) => [name, at(of, name, s.look), before + name]).filter(([, points]) => points.length);
  const spread = (lines) => most(lines.flatMap(([, points]) => points.map(([, y]) => y))), both = (title, lines) => {
    const m = nice(spread(lines)), negative = lines.some(([, points]) => points.some(([, y]) => y < 0));
    return [title, lines, negative ? -m : 0, m];
  };
  const gates = got.names.filter((name) => name.length === 1 && GATES.includes(name)), unit = `of unit ${s.look + 1}`;
  const with_delta = got.names.filter((name) => got.steps[0].delta[name]);
  return [
    both("input x", s.x[0].map((_, k) => ["x", at("value", "x", k), s.n_x > 1 ? `x${k + 1}` : "x"])),
    both(`states ${unit}`, curves("value", got.names.filter((name) => STATES.includes(name)))),
    ["gates " + unit, curves("value", gates), 0, 1],
    both(`gradients of the loss by the states ${unit}`, curves("grad", ["C", "h"], "∂L/∂")),
    both(`gradients before σ and tanh ${unit}`, curves("delta", with_delta, "δ ")),
  ].filter(([, lines]) => lines.length);
}
const TOP = 24, TALL = 84, GAP = 42;
const height = (s, got) => panels(s, got).length * (TALL + GAP) + 18;
function place(s, width) {
  const T = s.x.length, left = 40, right = width - 96;
  return { left, right, X: (t) => (T === 1 ? (left + right) / 2 : left + ((t - 1) * (right - left)) / (T - 1)) };
}
function drawing(s, got, width) {
  const { left, right, X } = place(s, width), T = s.x.length, drawn = panels(s, got), end = drawn.length * (TALL + GAP) - GAP + TOP;
  const every = Math.ceil((T * 30) / (right - left));
  const marks = s.x.map((_, t) => (t % every ? "" : `<text x="${X(t + 1)}" y="${end + 20}" text-anchor="middle">${t ? t + 1 : "t = 1"}</text>`));
  return `<line class="now" x1="${X(s.t)}" x2="${X(s.t)}" y1="${TOP}" y2="${end}"/>` + drawn.map(([title, lines, low, high], n) => {
    const top = TOP + n * (TALL + GAP), bottom = top + TALL, y = (v) => top + (TALL * (high - v)) / (high - low);
    const named = lines.map(([name, points, word]) => [name === "x" ? "x" : key(name), `${name === "x" ? word : name} ${small(points[s.t - 1][1])}`, points]);
    return panel(title, named, { X, left, right, top, bottom, low, high })
      + named.map(([k, , points]) => `<circle class="${k}" style="fill:currentColor" cx="${X(s.t)}" cy="${y(points[s.t - 1][1])}" r="4"/>`).join("");
  }).join("") + marks.join("");
}
function runTable(s, got) {
  const drawn = panels(s, got).flatMap(([, lines]) => lines);
  return `<table><thead><tr><th scope="col">step</th>${drawn.map(([, , word]) => `<th scope="col">${word}</th>`).join("")}</tr></thead><tbody>`
    + s.x.map((_, t) => `<tr><th scope="row">${t + 1}</th>${drawn.map(([, points]) => `<td>${small(points[t][1])}</td>`).join("")}</tr>`).join("") + "</tbody></table>";
}

// --- weights ------------------------------------------------------------------------------------------------
const norm = (v) => Math.hypot(...v.flat());
const label = (name) => name.replace(/_(.*)/, "<sub>$1</sub>");
function weightButtons(s, got, chosen) {
  return Object.entries(got.grads).map(([name, g]) =>
    `<button type="button" data-name="${name}" aria-pressed="${name === chosen}">${label(name)} <small>${short(norm(g))}</small></button>`).join("");
}
function columns(s, name) {
  const [, n] = shapes(s.cell, sizes(s))[name], read = s.cell === "krause" ? "m" : "h";
  if (!n) return [""];
  if (n === s.n_h + s.n_x) return [...Array(n)].map((_, k) => (k < s.n_h ? `${read}${k + 1}` : `x${k + 1 - s.n_h}`));
  const [, operand] = CELLS[s.cell].lines.join("\n").match(RegExp(`${name} (\\w)`));
  return [...Array(n)].map((_, k) => operand + (k + 1));
}
function weightGrid(s, values, name) {
  const heads = columns(s, name), plain = (k, r) => `${name}, unit ${r + 1}${heads[k] && `, from ${heads[k]}`}`;
  const cell = (w, r, k) => `<td><input inputmode="decimal" autocomplete="off" data-row="${r}" data-column="${k}" aria-label="${plain(k, r)}" value="${w}"><span data-gradient="${r},${k}"></span></td>`;
  return `<table><caption><i>${label(name)}</i>, and under each number ∂L by it</caption>${heads[0] ? `<tr><td></td>${heads.map((head) => `<th scope="col">${head}</th>`).join("")}</tr>` : ""}`
    + values.map((row, r) => `<tr><th scope="row">${r + 1}</th>${[row].flat().map((w, k) => cell(w, r, k)).join("")}</tr>`).join("") + "</table>";
}

// --- in words -------------------------------------------------------------------------------------------------
function says(s, got) {
  const T = s.x.length, { value } = got.steps[s.t - 1], carried = hasC(s.cell) ? "C" : "h", at = (t) => norm(got.steps[t - 1].grad[carried]);
  const share = (t) => `${short((100 * at(t)) / at(T))}\u00a0%`;
  const holds = [hasC(s.cell) && `holds C = ${fixed(value.C[s.look], 3)}`, s.look < s.n_h && `shows h = ${fixed(value.h[s.look], 3)}`].filter(Boolean).join(" and ");
  const flow = T === 1 || !at(T) ? "" : ` Of its gradient by the ${ROLES[carried]} at step ${T}, ${s.t > 1 && s.t < T ? `${share(s.t)} arrives at step ${s.t} and ` : ""}${share(1)}${s.t > 1 && s.t < T ? "" : " arrives"} at step 1.`;
  return `${CELLS[s.cell].title[0].toUpperCase()}${CELLS[s.cell].title.slice(1)}, step ${s.t} of ${T}: unit ${s.look + 1} ${holds}. The loss is ${lossName(s)}: ${fixed(got.loss, 3)}.${flow}`;
}
Object.assign(lstmFigure.workbench, { maths, small, units, cards, drawing, height, place, panels, runTable, weightButtons, weightGrid, says, label });
})();
