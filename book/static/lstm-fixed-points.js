// <lstm-fixed-points>: where one LSTM unit comes to rest, how many such places there are, and which are stable.
// Needs lstm-figure.js before it.
(() => {
const { sigmoid, fixed, short } = lstmFigure;
// Zero input after the first step: h = o tanh C, so the next cell state depends on C alone. The candidate reads h
// with weight w and bias b, the forget gate with weight u and bias b_f; i and o stand still.
const i = sigmoid(3), o = sigmoid(3);
function next({ w, u, b_f, b }, C) {
  const h = o * Math.tanh(C), f = sigmoid(b_f + u * h), g = Math.tanh(w * h + b);
  const slope = f + (u * f * (1 - f) * C + i * w * (1 - g * g)) * o * (1 - Math.tanh(C) ** 2);
  return { C: f * C + i * g, f, slope };
}
// Every fixed point has |C| below i / (1 - f) with the largest forget gate there is. Sign changes of C' - C between
// points that lie denser around zero, each closed in by halving.
function fixedPoints(v) {
  const reach = Math.asinh((1.1 * i) / (1 - sigmoid(v.b_f + o * Math.abs(v.u))) + 1), N = 4000, found = [];
  const at = (k) => Math.sinh(reach * ((2 * k + 1) / N - 1)), moves = (C) => next(v, C).C - C;
  for (let k = 0, before = moves(at(0)); k < N - 1; k++) {
    const after = moves(at(k + 1));
    if (before > 0 !== after > 0) {
      let low = at(k), high = at(k + 1);
      for (let n = 0; n < 80; n++) {
        const middle = (low + high) / 2;
        if (moves(middle) > 0 === before > 0) low = middle;
        else high = middle;
      }
      const C = (low + high) / 2, { f, slope } = next(v, C);
      found.push({ C, f, radius: Math.abs(slope), stable: Math.abs(slope) < 1 });
    }
    before = after;
  }
  return found;
}
function end(v) {
  let C = v.C_0;
  for (let t = 0; t < 3000; t++) C = next(v, C).C;
  const one = next(v, C).C, two = next(v, one).C, near = (a) => Math.abs(a - C) < 1e-6 * (1 + Math.abs(C));
  return near(one) ? { rest: C } : near(two) ? { swing: [C, one].sort((a, b) => a - b) } : {};
}
const number = (C) => (Math.abs(C) < 0.005 ? "0" : short(C));
function conclusion(v) {
  const points = fixedPoints(v), { rest, swing } = end(v);
  const list = points.map((p) => `${number(p.C)} (${p.stable ? "stable" : "unstable"}, ρ = ${fixed(p.radius, 2)})`).join(", ");
  return `${points.length === 1 ? "One fixed point" : `${points.length} fixed points`}: ${list}. Started at ${fixed(v.C_0, 1)} the unit `
    + (rest !== undefined ? `comes to rest at ${number(rest)}.` : swing ? `swings between ${swing.map(number).join(" and ")}.` : "does not settle.");
}
Object.assign(lstmFigure, { fixedPoints, fixedPointsEnd: end, fixedPointsNext: next, fixedPointsSay: conclusion });
if (!globalThis.customElements) return;

customElements.define("lstm-fixed-points", class extends LSTMFigure {
  static SLIDERS = [
    ["w", 3, -6, 6, 0.1, "candidate’s weight for <i>h</i>, <i>w</i>", 1],
    ["u", 0, -4, 4, 0.1, "forget gate’s weight for <i>h</i>, <i>u</i>", 1],
    ["b_f", 1, -2, 4, 0.1, "forget gate’s bias <i>b</i><sub>f</sub>", 1],
    ["b", 0, -3, 3, 0.1, "candidate’s bias <i>b</i>: a constant input", 1],
    ["C_0", 0.5, -4, 4, 0.1, "where it starts, <i>C</i><sub>0</sub>", 1],
  ];
  static HEIGHT = 320;
  says(v) { return conclusion(v); }
  draw(v, width) {
    const points = fixedPoints(v), R = 1.3 * Math.max(3, Math.abs(v.C_0), ...points.map((p) => Math.abs(p.C)));
    const left = 30, right = width - 14, top = 26, bottom = 282, step = R > 12 ? 10 ** Math.floor(Math.log10(R)) : 2;
    const X = (C) => left + ((C + R) / (2 * R)) * (right - left), Y = (C) => bottom - ((C + R) / (2 * R)) * (bottom - top);
    const curve = Array.from({ length: 241 }, (_, k) => R * (k / 120 - 1)).map((C) => `${X(C)} ${Y(next(v, C).C)}`);
    let stairs = `M${X(v.C_0)} ${Y(v.C_0)}`, C = v.C_0, ticks = "";
    for (let t = 0; t < 40; t++) {
      const after = next(v, C).C;
      stairs += `L${X(C)} ${Y(after)}L${X(after)} ${Y(after)}`;
      C = after;
    }
    for (let C = -Math.floor(R / step) * step; C <= R; C += step)
      ticks += `<line x1="${X(C)}" x2="${X(C)}" y1="${top}" y2="${bottom}"/><text x="${X(C)}" y="${bottom + 18}" text-anchor="middle">${fixed(C, 0)}</text>`;
    const dots = points.map((p) => `<circle cx="${X(p.C)}" cy="${Y(p.C)}" r="7" style="stroke:var(--a);stroke-width:3;${p.stable ? "" : "fill:var(--paper)"}"/>`);
    return `${ticks}<line x1="${X(-R)}" y1="${Y(-R)}" x2="${X(R)}" y2="${Y(R)}" style="stroke:var(--muted)"/>
<text x="${left}" y="${top - 10}">next cell state; hollow: unstable</text><text x="${right}" y="${bottom + 34}" text-anchor="end">cell state</text>
<g class="o solid"><path d="M${curve.join("L")}"/></g><g class="C"><path d="${stairs}" style="stroke-width:1.5"/></g>${dots.join("")}`;
  }
});
})();
