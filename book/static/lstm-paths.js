// <lstm-paths>: how far a gradient travels through recurrence and through attention, and what each must keep.
// Needs lstm-figure.js before it.
(() => {
const { fixed, short } = lstmFigure;
// gain: factor of the gradient in one recurrent step. focus: how much larger the score of the one step that
// matters is than the others'; its attention weight is what reaches it, in one hop.
function paths({ T, gain, focus }) {
  const weight = 1 / (1 + (T - 1) * Math.exp(-focus));
  return { recurrent: gain ** (T - 1), attention: weight, hops: T - 1, scores: T * T, states: T };
}
function conclusion(v) {
  const p = paths(v), wins = p.recurrent > p.attention ? "recurrence" : "attention";
  return `From the last of ${v.T} steps back to the first: through recurrence ${p.hops} hops, and a share of ${short(p.recurrent)} arrives; `
    + `through attention one hop, and its weight ${short(p.attention)} arrives. Here ${wins} carries more. `
    + `Kept for the way back: ${short(p.states)} states a unit against a table of ${short(p.scores)} weights.`;
}
lstmFigure.paths = paths;
lstmFigure.pathsSay = conclusion;
if (!globalThis.customElements) return;

customElements.define("lstm-paths", class extends LSTMFigure {
  static SLIDERS = [
    ["T", 12, 2, 200, 1, "length of the sequence <i>T</i>"],
    ["gain", 0.9, 0.5, 1.1, 0.01, "gradient’s factor in one recurrent step", 2],
    ["focus", 3, 0, 12, 0.1, "score of the step that matters, above the others", 1],
  ];
  static HEIGHT = 190;
  says(v) { return conclusion(v); }
  draw(v, width) {
    const shown = Math.min(v.T, 40), left = 24, right = width - 24, y = 120, p = paths(v);
    const X = (t) => left + (t * (right - left)) / (shown - 1), strength = (s) => Math.max(0.06, Math.min(1, s));
    let svg = `<g class="a"><path d="M${X(0)} ${y - 12}C${X(0)} 20 ${X(shown - 1)} 20 ${X(shown - 1)} ${y - 12}" style="stroke-width:${1 + 5 * p.attention}" opacity="${strength(p.attention)}"/>
<text x="${width / 2}" y="34" text-anchor="middle">attention: one hop, weight ${short(p.attention)}</text></g>`;
    for (let t = 1; t < shown; t++) { // the gradient comes from the right and thins out on its way
      const share = v.gain ** (((shown - 1 - t) * (v.T - 1)) / (shown - 1));
      svg += `<path class="b" style="stroke-dasharray:none;stroke-width:${Math.min(6, 1 + 4 * share)}" opacity="${strength(share)}" d="M${X(t) - 5} ${y}H${X(t - 1) + 5}"/>`;
    }
    for (let t = 0; t < shown; t++) svg += `<circle cx="${X(t)}" cy="${y}" r="${shown > 24 ? 3 : 5}"/>`;
    return svg + `<text class="b" x="${width / 2}" y="${y + 30}" text-anchor="middle">recurrence: ${p.hops} hops, ${short(p.recurrent)} arrives</text>
<text x="${left}" y="${y + 54}" text-anchor="middle">1</text><text x="${right}" y="${y + 54}" text-anchor="middle">${v.T}</text>`;
  }
});
})();
