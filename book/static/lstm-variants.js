// <lstm-variants>: add peepholes, coupling and projection to an LSTM; see its equations, its parameters and
// what one unit does with the same pulses. Needs lstm-figure.js before it.
(() => {
const { sigmoid, short } = lstmFigure;
// One unit. p.W[g] = [W_gh, W_gx] acts on [h; x], p.b[g] is the bias, p.peep[g] the peephole, p.W_p the projection.
function variantStep(p, { h, C }, x, { peepholes, coupled, projected }) {
  const a = (g, seen) => p.W[g][0] * h + p.W[g][1] * x + p.b[g] + (peepholes ? p.peep[g] * seen : 0);
  const f = sigmoid(a("f", C)), i = coupled ? 1 - f : sigmoid(a("i", C));
  const C_tilde = Math.tanh(p.W.C[0] * h + p.W.C[1] * x + p.b.C);
  C = f * C + i * C_tilde;
  const m = sigmoid(a("o", C)) * Math.tanh(C);
  return { h: projected ? p.W_p * m : m, C };
}
const variantRun = (p, xs, v, state = { h: 0, C: 0 }) => xs.map((x) => (state = variantStep(p, state, x, v)));
function parameterCount({ n_x, n_h, n_c, peepholes, coupled, projected }) {
  const n = projected ? n_c : n_h, gates = coupled ? 3 : 4;
  return gates * n * (n_h + n_x + 1) + (peepholes ? (gates - 1) * n : 0) + (projected ? n_h * n_c : 0);
}
// The unit of the picture and its input: two pulses.
const UNIT = {
  W: { f: [0.5, -1], i: [0.5, 4], C: [0.8, 1], o: [0.5, 0.5] }, b: { f: 2, i: -2, C: 0, o: 0.5 },
  peep: { f: 1.5, i: -2, o: -3 }, W_p: 0.6,
};
const PULSES = Array.from({ length: 40 }, (_, t) => (t === 1 || t === 18 ? 1 : 0));
function conclusion(v) {
  const plain = parameterCount({ n_x: v.n_x, n_h: v.n_h }), n = parameterCount(v), change = (100 * (n - plain)) / plain;
  const h = variantRun(UNIT, PULSES, v), h_0 = variantRun(UNIT, PULSES, {});
  const moved = Math.max(...h.map((s, t) => Math.abs(s.h - h_0[t].h)));
  const name = [v.peepholes && "peepholes", v.coupled && "coupled gates", v.projected && "projection"].filter(Boolean);
  if (!name.length) return `The plain LSTM has ${short(n)} parameters. Switch something on.`;
  return `With ${name.join(" and ")}: ${short(n)} parameters, ${Math.abs(change) < 0.05 ? "as many as" : `${short(Math.abs(change))} % ${change > 0 ? "more" : "fewer"} than`} the plain LSTM’s ${short(plain)}. `
    + `On these pulses the unit’s output moves by at most ${short(moved)}.`;
}
Object.assign(lstmFigure, { variantStep, variantRun, parameterCount, variantUnit: () => ({ unit: UNIT, pulses: PULSES }), variantSays: conclusion });
if (!globalThis.customElements) return;

const maths = (text) => text.replace(/([A-Za-zC̃σ]\u0303?)_([\w−p]+)/g, "<i>$1</i><sub>$2</sub>");
function equations({ peepholes, coupled, projected }) {
  const gate = (g, when) => `${g}_t = σ(W_${g}[h_t−1; x_t]${peepholes ? ` + <mark>W_c${g} ⊙ C_${when}</mark>` : ""} + b_${g})`;
  return [["forget", gate("f", "t−1")], ["input", coupled ? "<mark>i_t = 1 − f_t</mark>" : gate("i", "t−1")],
    ["candidate", "C̃_t = tanh(W_C[h_t−1; x_t] + b_C)"], ["cell state", "C_t = f_t ⊙ C_t−1 + i_t ⊙ C̃_t"],
    ["output", gate("o", "t")], ["hidden state", projected ? "h_t = <mark>W_p</mark>(o_t ⊙ tanh C_t)" : "h_t = o_t ⊙ tanh C_t"]];
}
customElements.define("lstm-variants", class extends LSTMFigure {
  static SWITCHES = [["peepholes", "peepholes"], ["coupled", "coupled gates, <i>i</i> = 1 − <i>f</i>"], ["projected", "projection"]];
  static SLIDERS = [
    ["n_x", 40, 1, 256, 1, "inputs <i>n</i><sub>x</sub>"],
    ["n_h", 64, 1, 256, 1, "hidden numbers <i>n</i><sub>h</sub>"],
    ["n_c", 128, 1, 512, 1, "cells <i>n</i><sub>c</sub>, with projection"],
  ];
  static HEIGHT = 190;
  says(v) { return conclusion(v); }
  table(v) {
    return `<table>${equations(v).map(([name, e]) => `<tr><th scope="row">${name}</th><td>${maths(e)}</td></tr>`).join("")}</table>`;
  }
  draw(v, width) {
    const left = 40, right = width - 14, top = 26, bottom = 150, X = (t) => left + (t * (right - left)) / (PULSES.length - 1);
    const Y = (h) => top + ((bottom - top) * (0.8 - h)) / 1.0;
    const line = (run, k) => `<g class="${k}"><path d="M${run.map((s, t) => `${X(t)} ${Y(s.h)}`).join("L")}"/></g>`;
    return [-0.2, 0, 0.4, 0.8].map((h) => `<line x1="${left}" x2="${right}" y1="${Y(h)}" y2="${Y(h)}"/><text x="${left - 6}" y="${Y(h) + 4}" text-anchor="end">${lstmFigure.fixed(h, 1)}</text>`).join("")
      + PULSES.map((x, t) => (x ? `<text x="${X(t)}" y="${bottom + 20}" text-anchor="middle">pulse</text>` : "")).join("")
      + `<text x="${left}" y="${top - 10}">output h: <tspan class="h">yours</tspan>, <tspan>plain LSTM, dotted</tspan></text>`
      + line(variantRun(UNIT, PULSES, {}), "o") + line(variantRun(UNIT, PULSES, v), "h solid");
  }
});
})();
