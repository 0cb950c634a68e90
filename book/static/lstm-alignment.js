// <lstm-alignment>: a trained encoder-decoder rewrites a date that the reader types, and shows where it looks.
// Needs lstm-figure.js before it; fetches its weights, lstm-alignment-weights.js, only where it stands.
(() => {
const { sigmoid, fixed } = lstmFigure;
const here = globalThis.document?.currentScript?.src, T = 10, LONGEST = 24, ENOUGH = 0.75;
const PARTS = { year: [0, 4], month: [5, 7], day: [8, 10] }; // of what is written, 2021-03-05

// --- the model: encoder in two directions, bridge, decoder, attention after the step, read-out ------
const matrix = ({ q, unit }) => q.map((row, r) => row.map((w) => w * Math.fround(unit[r]))); // whole numbers times units
const layer = (part) => ({ W: matrix(part), b: (part.b ?? []).map(Math.fround) });
let model;
function unpacked() {
  const w = lstmFigure.alignmentWeights;
  return (model ??= w && {
    reads: w.reads, writes: w.writes, source: matrix(w.source), target: matrix(w.target),
    forward: layer(w["encoder.forward"]), backward: layer(w["encoder.backward"]), decoder: layer(w.decoder),
    bridge: { h: layer(w["bridge.h"]), C: layer(w["bridge.C"]) }, join: layer(w.join), out: layer(w.out),
  });
}
const dot = (u, v) => u.reduce((sum, x, j) => sum + x * v[j], 0);
const linear = ({ W, b }, z) => W.map((row, r) => dot(row, z) + (b[r] ?? 0));
function softmax(a) {
  const most = Math.max(...a), e = a.map((x) => Math.exp(x - most)), Z = e.reduce((sum, x) => sum + x, 0);
  return e.map((x) => x / Z);
}
function step(cell, x, { h, C }) { // the six equations, gates in the order f, i, C, o
  const a = linear(cell, [...h, ...x]), n = h.length;
  const C_t = C.map((c, j) => sigmoid(a[j]) * c + sigmoid(a[n + j]) * Math.tanh(a[2 * n + j]));
  return { C: C_t, h: C_t.map((c, j) => sigmoid(a[3 * n + j]) * Math.tanh(c)) };
}
function run(cell, xs) {
  let state = { h: Array(cell.b.length / 4).fill(0), C: Array(cell.b.length / 4).fill(0) };
  return xs.map((x) => (state = step(cell, x, state)));
}
function known(text) { // the padding, symbol 0, cannot be typed
  return [...text].filter((c) => unpacked().reads.indexOf(c) > 0).slice(0, LONGEST).join("");
}
let last = {}; // words and drawing ask for the same
function align(text) {
  return (last[text] ??= ((last = {}), aligned(unpacked(), known(text))));
}
function aligned(m, text) {
  if (!text) return { text, written: "", weights: [], p: [] };
  const xs = [...text].map((c) => m.source[m.reads.indexOf(c)]);
  const there = run(m.forward, xs), back = run(m.backward, [...xs].reverse()).reverse();
  const H = there.map(({ h }, s) => [...h, ...back[s].h]), ends = [there.at(-1), back[0]];
  let state = { h: linear(m.bridge.h, ends.flatMap(({ h }) => h)), C: linear(m.bridge.C, ends.flatMap(({ C }) => C)) };
  let y = m.writes.indexOf("^"), written = "";
  const weights = [], p = [];
  for (let t = 0; t < T; t++) {
    state = step(m.decoder, m.target[y], state);
    const alpha = softmax(H.map((h) => dot(state.h, h)));
    const context = H[0].map((_, j) => alpha.reduce((sum, weight, s) => sum + weight * H[s][j], 0));
    const scores = softmax(linear(m.out, linear(m.join, [...context, ...state.h]).map(Math.tanh)));
    y = scores.indexOf(Math.max(...scores));
    weights.push(alpha);
    p.push(scores[y]);
    written += m.writes[y];
  }
  return { text, written, weights, p };
}
// --- in words -----------------------------------------------------------------------------------------
// The shortest piece of the text that holds enough of the weight of rows from to to.
function piece({ text, weights }, [from, to]) {
  const mean = [...text].map((_, s) => weights.slice(from, to).reduce((sum, row) => sum + row[s], 0) / (to - from));
  for (let n = 1; ; n++) {
    const held = mean.slice(n - 1).map((_, s) => mean.slice(s, s + n).reduce((sum, x) => sum + x, 0));
    const best = held.indexOf(Math.max(...held));
    if (held[best] >= ENOUGH || n === text.length) return { words: text.slice(best, best + n), share: held[best] };
  }
}
const percent = (p) => `${fixed(100 * p, 0)}\u00a0%`;
function conclusion({ typed, t }) {
  const got = align(typed), { text, written, weights, p } = got;
  if (!text) return "Type a date, for example 5 March 2021.";
  const looks = Object.entries(PARTS).map(([part, rows], k) => {
    const { words, share } = piece(got, rows);
    return `${k ? "" : "While it writes "}the ${part}, ${percent(share)} of its look ${k ? "" : "lies "}on “${words}”`;
  });
  const row = weights[t - 1], most = row.indexOf(Math.max(...row)), left = [...typed].length > [...text].length;
  return `It reads “${text}”${left ? " (the rest it does not know)" : ""} and writes ${written}, to which it gives a probability of ${percent(p.reduce((a, b) => a * b))}. `
    + `${looks.join("; ")}. Symbol ${t}, “${written[t - 1]}”, looks most at “${text[most]}”, with ${percent(row[most])}.`;
}
Object.assign(lstmFigure, { align, alignmentSays: conclusion, alignmentPiece: piece });
if (!globalThis.customElements) return;

// --- the figure ---------------------------------------------------------------------------------------
const load = lstmFigure.weights(here);
const shown = (c) => ({ " ": "␣", "&": "&amp;", "<": "&lt;" })[c] ?? c;
customElements.define("lstm-alignment", class extends LSTMFigure {
  static SLIDERS = [["t", 6, 1, T, 1, "symbol that is being written"]];
  static HEIGHT = 226;
  connectedCallback() {
    if (this.shadowRoot) return;
    this.message = "The model is on its way.";
    super.connectedCallback();
    const root = this.shadowRoot;
    root.querySelector(".set").insertAdjacentHTML("beforebegin", `<style>svg text{font-family:monospace}rect{fill:currentColor}rect.row{fill:none;stroke:currentColor;stroke-width:2}</style>
<label>a date, as people write it<input class="type" id="date" maxlength="${LONGEST}" autocomplete="off" spellcheck="false"></label>`);
    const input = root.getElementById("date");
    input.value = this.typed;
    input.addEventListener("input", (event) => {
      event.stopPropagation(); // no number, as the slider's value is
      this.typed = input.value;
      this.show(300);
    });
    load().then(() => this.show(), () => ((this.message = "The model could not be loaded."), this.show()));
  }
  reset() {
    this.typed = this.getAttribute("date") ?? "5 March 2021";
    const input = this.shadowRoot.getElementById("date");
    if (input) input.value = this.typed;
    super.reset();
  }
  says({ t }) { return unpacked() ? conclusion({ typed: this.typed, t }) : this.message; }
  draw({ t }, width) {
    if (!unpacked()) return "";
    const { text, written, weights } = align(this.typed), left = 26, top = 36, high = 18;
    if (!text) return "";
    const wide = Math.min(30, (width - left - 4) / text.length), most = Math.max(...weights[t - 1]);
    const X = (s) => left + s * wide, Y = (k) => top + k * high;
    const columns = [...text].map((c, s) => `<text class="${weights[t - 1][s] === most ? "a" : ""}" x="${X(s + 0.5)}" y="${top - 10}" text-anchor="middle">${shown(c)}</text>`);
    const rows = weights.map((row, k) => `<text class="${k === t - 1 ? "b" : ""}" x="10" y="${Y(k) + 14}">${written[k]}</text><g class="a">`
      + row.map((weight, s) => `<rect x="${X(s)}" y="${Y(k)}" width="${wide}" height="${high}" opacity="${fixed(weight, 3)}"/>`).join("") + "</g>");
    const frame = (name, x, y, w, h) => `<g class="${name}" style="stroke-dasharray:none"><rect class="row" x="${x}" y="${y}" width="${w}" height="${h}"/></g>`;
    const grid = Object.values(PARTS).flat().map((k) => `<line x1="${left}" x2="${X(text.length)}" y1="${Y(k)}" y2="${Y(k)}"/>`);
    return columns.join("") + rows.join("") + grid.join("") + frame("b", left, Y(t - 1), wide * text.length, high);
  }
});
})();
