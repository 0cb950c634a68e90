// <lstm-forget-bias>: what the forget gate's first bias means in steps. Needs lstm-figure.js before it.
(() => {
const { sigmoid, fixed, short } = lstmFigure;
// Half-life, the share of a memory and of its gradient on the direct path after a lag, and chrono's largest bias.
function forgetBias(b_f, lag) {
  const f = sigmoid(b_f), log_f = -Math.log1p(Math.exp(-b_f));
  return { f, halfLife: -Math.LN2 / log_f, kept: Math.exp(lag * log_f), needed: -Math.log(2 ** (1 / lag) - 1) };
}
function conclusion({ b_f, lag }) {
  const { f, halfLife, kept, needed } = forgetBias(b_f, lag);
  return `With b_f = ${fixed(b_f, 1)} the gate opens to f = ${fixed(f, 4)}: half of a memory is gone after ${short(halfLife)} steps. `
    + `After ${lag} steps ${short(100 * kept)} % of it is left, and the same share of the gradient on the direct path. `
    + `To keep half over ${lag} steps the bias must be ${fixed(needed, 1)}${b_f < needed ? "." : ": this one is enough."}`;
}
lstmFigure.forgetBias = forgetBias;
lstmFigure.forgetBiasSays = conclusion;
if (!globalThis.customElements) return;

customElements.define("lstm-forget-bias", class extends LSTMFigure {
  static SLIDERS = [
    ["b_f", 1, -2, 8, 0.1, "forget gate’s bias <i>b</i><sub>f</sub>", 1],
    ["lag", 30, 1, 500, 1, "steps between cause and effect"],
  ];
  static HEIGHT = 258;
  says(v) { return conclusion(v); }
  draw(v, width) {
    const left = 46, right = width - 14, top = 24, bottom = 214;
    const X = (b) => left + ((b + 2) / 10) * (right - left), Y = (n) => bottom - ((Math.log10(n) + 1) / 5) * (bottom - top);
    const curve = Array.from({ length: 101 }, (_, k) => -2 + k / 10).map((b) => `${X(b)} ${Y(forgetBias(b, 1).halfLife)}`);
    const now = forgetBias(v.b_f, v.lag), y = Y(now.halfLife), lag = Y(v.lag);
    return [0.1, 1, 10, 100, 1000].map((n) => `<line x1="${left}" x2="${right}" y1="${Y(n)}" y2="${Y(n)}"/><text x="${left - 6}" y="${Y(n) + 4}" text-anchor="end">${n}</text>`).join("")
      + [-2, 0, 2, 4, 6, 8].map((b) => `<text x="${X(b)}" y="${bottom + 18}" text-anchor="middle">${fixed(b, 0)}</text>`).join("")
      + `<text x="${left}" y="${top - 9}">half-life in steps</text><text x="${right}" y="${bottom + 34}" text-anchor="end">bias of the forget gate</text>`
      + `<g class="o"><path d="M${left} ${lag}H${right}"/><text x="${left + 6}" y="${lag - 6}">the lag, ${v.lag}</text></g>`
      + `<g class="f solid"><path d="M${curve.join("L")}"/><circle cx="${X(v.b_f)}" cy="${y}" r="6"/></g>`;
  }
});
})();
