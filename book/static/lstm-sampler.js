// <lstm-sampler>: a trained character model writes on, at a temperature of the reader's choice.
// Needs lstm-figure.js before it; fetches its weights, lstm-sampler-weights.js, only where it stands.
(() => {
const { sigmoid, fixed, dice } = lstmFigure;
const here = globalThis.document?.currentScript?.src, LENGTH = 280, SHOWN = 10;

// --- the model: the six equations, the read-out, the draw -------------------------------------------
const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
function bytes(text) { // base64
  const out = new Uint8Array(Math.floor((text.replace(/=/g, "").length * 3) / 4));
  for (let i = 0, k = 0, buffer = 0, bits = 0; k < out.length; i++) {
    buffer = ((buffer << 6) | ALPHABET.indexOf(text[i])) & 0xffff;
    bits += 6;
    if (bits >= 8) out[k++] = (buffer >> (bits -= 8)) & 255;
  }
  return out;
}
const floats = (text) => Float64Array.from(new Float32Array(bytes(text).buffer));
function matrix({ q, scale }) { // whole numbers, and what one of them is worth in each row
  const whole = new Int8Array(bytes(q).buffer), worth = floats(scale), n = whole.length / worth.length;
  return Array.from(worth, (s, r) => Float64Array.from(whole.subarray(r * n, (r + 1) * n), (w) => w * s));
}
let model;
function unpacked() {
  const w = lstmFigure.samplerWeights;
  return (model ??= w && { ...w, V: w.symbols.length, W: matrix(w.W), b: floats(w.b), W_y: matrix(w.W_y), b_y: floats(w.b_y) });
}
function step({ n_h, W, b, W_y, b_y }, symbol, { h, C }) {
  const a = W.map((row, r) => {
    let sum = b[r] + row[n_h + symbol]; // the input is a unit vector: it picks a column
    for (let j = 0; j < n_h; j++) sum += row[j] * h[j];
    return sum;
  });
  const C_t = C.map((c, j) => sigmoid(a[j]) * c + sigmoid(a[n_h + j]) * Math.tanh(a[2 * n_h + j]));
  const h_t = C_t.map((c, j) => sigmoid(a[3 * n_h + j]) * Math.tanh(c));
  return { h: h_t, C: C_t, scores: W_y.map((row, v) => row.reduce((sum, w, j) => sum + w * h_t[j], b_y[v])) };
}
function distribution(scores, tau) {
  const most = Math.max(...scores), first = scores.indexOf(most);
  const e = scores.map((a, v) => (tau > 0 ? Math.exp((a - most) / tau) : +(v === first)));
  const Z = e.reduce((sum, x) => sum + x, 0);
  return e.map((x) => x / Z);
}
function draw(p, u) {
  const total = p.reduce((sum, x) => sum + x, 0);
  let sum = 0;
  for (let v = 0; v < p.length; v++) if (u < (sum += p[v]) / total) return v;
  return p.findLastIndex((x) => x > 0);
}
// What the model has read after a beginning: characters it does not know are left out, a line end stands before.
function read(m, prompt) {
  let state = { h: new Float64Array(m.n_h), C: new Float64Array(m.n_h) };
  for (const c of "\n" + prompt.toLowerCase()) if (m.symbols.includes(c)) state = step(m, m.symbols.indexOf(c), state);
  return state;
}
let last = {}; // words, text and drawing ask for the same
function write(prompt, tau, seed, length = LENGTH) {
  const key = JSON.stringify([prompt, tau, seed, length]);
  return (last[key] ??= ((last = {}), written(prompt, tau, seed, length)));
}
function written(prompt, tau, seed, length) {
  const m = unpacked(), throws = dice(seed);
  let state = read(m, prompt), text = "", bits = 0;
  const expected = distribution(state.scores, 1), drawn = distribution(state.scores, tau), us = [];
  for (let t = 0; t < length; t++) {
    us.push(throws());
    const v = draw(distribution(state.scores, tau), us[t]);
    bits -= Math.log2(distribution(state.scores, 1)[v]); // judged by the model itself, without a temperature
    text += m.symbols[v];
    state = step(m, v, state);
  }
  return { text, expected, drawn, us, bits: bits / length, real: m.bits, symbols: m.symbols };
}
const name = (c) => ({ "\n": "line end", " ": "space" })[c] ?? `“${c}”`;
function conclusion({ prompt, tau, seed, length }) {
  const w = write(prompt, tau, seed, length), best = w.expected.indexOf(Math.max(...w.expected));
  const percent = (p) => `${fixed(100 * p, 0)} %`;
  const kind = w.bits < 0.8 * w.real ? "tamer than" : w.bits > 1.25 * w.real ? "wilder than" : "about as surprising as";
  return `After “${prompt}” the model expects ${name(w.symbols[best])} with ${percent(w.expected[best])}; at temperature ${fixed(tau, 2)} it draws that with ${percent(w.drawn[best])}. `
    + `By its own judgement the ${w.text.length} characters it wrote cost ${fixed(w.bits, 1)} bits each: ${kind} the text of people, which costs ${fixed(w.real, 1)}.`;
}
Object.assign(lstmFigure, { samplerWrite: write, samplerSays: conclusion, samplerDraw: draw, samplerDistribution: distribution });
lstmFigure.samplerScores = (prompt) => read(unpacked(), prompt).scores;
if (!globalThis.customElements) return;

// --- the figure ---------------------------------------------------------------------------------------
const load = lstmFigure.weights(here);
const plain = (text) => text.replace(/[&<]/g, (c) => (c === "&" ? "&amp;" : "&lt;"));
customElements.define("lstm-sampler", class extends LSTMFigure {
  static SLIDERS = [["tau", 0.7, 0, 2, 0.05, "temperature τ", 2], ["seed", 1, 1, 100, 1, "throw of the dice"]];
  static HEIGHT = 190;
  connectedCallback() {
    if (this.shadowRoot) return;
    this.message = "The model is on its way.";
    super.connectedCallback();
    const root = this.shadowRoot;
    root.querySelector(".set").insertAdjacentHTML("beforebegin", `<style>.text{font:.9rem/1.4 monospace;white-space:pre-wrap;overflow-wrap:anywhere;min-height:9em;margin:.3rem 0}.text b{color:var(--b)}rect{fill:currentColor}rect.one{fill:none;stroke:currentColor;stroke-width:1.5}</style>
<label>how the text begins<input class="type" id="prompt" maxlength="80" autocomplete="off" spellcheck="false"></label>`);
    const input = root.getElementById("prompt");
    input.value = this.prompt;
    input.addEventListener("input", (event) => {
      event.stopPropagation(); // no number, as the sliders' values are
      this.prompt = input.value;
      this.show(300);
    });
    load().then(() => this.show(), () => ((this.message = "The model could not be loaded."), this.show()));
  }
  reset() {
    this.prompt = this.getAttribute("prompt") ?? "the function ";
    const input = this.shadowRoot.getElementById("prompt");
    if (input) input.value = this.prompt;
    super.reset();
  }
  ready(v) { return lstmFigure.samplerWeights && { prompt: this.prompt, length: LENGTH, ...v }; }
  says(v) { return this.ready(v) ? conclusion(this.ready(v)) : this.message; }
  table(v) {
    if (!this.ready(v)) return "";
    return `<p class="text"><b>${plain(this.prompt)}</b>${plain(write(this.prompt, v.tau, v.seed).text)}</p>`;
  }
  draw(v, width) {
    if (!this.ready(v)) return "";
    const w = write(this.prompt, v.tau, v.seed), left = 50, top = 30, bottom = 160, slot = (width - left - 4) / SHOWN;
    const Y = (p) => bottom - p * (bottom - top), order = w.expected.map((_, k) => k).sort((a, b) => w.expected[b] - w.expected[a]);
    const bars = order.slice(0, SHOWN).map((s, k) => {
      const x = left + k * slot, label = { "\n": "⏎", " ": "␣" }[w.symbols[s]] ?? plain(w.symbols[s]);
      const bar = (p, from, kind) => `<rect class="${kind}" x="${x + slot * from}" width="${slot * 0.36}" y="${Y(p)}" height="${bottom - Y(p)}"/>`;
      return `<g class="b" style="stroke-dasharray:none">${bar(w.expected[s], 0.1, "one")}</g><g class="a">${bar(w.drawn[s], 0.52, "")}</g>
<text x="${x + slot / 2}" y="${bottom + 18}" text-anchor="middle">${label}</text>`;
    });
    return [0, 0.5, 1].map((p) => `<line x1="${left}" x2="${width - 4}" y1="${Y(p)}" y2="${Y(p)}"/><text x="${left - 6}" y="${Y(p) + 4}" text-anchor="end">${100 * p} %</text>`).join("")
      + `<text class="b" x="0" y="14">the model</text><text class="a" x="${width - 4}" y="14" text-anchor="end">drawn at τ = ${fixed(v.tau, 2)}</text>` + bars.join("");
  }
});
})();
