// What the small interactive figures share: sliders and switches above a drawing and a sentence.
// A classic script, not a module: browsers refuse modules on file:// pages.
(() => {
const sigmoid = (a) => {
  const e = Math.exp(-Math.abs(a));
  return (a >= 0 ? 1 : e) / (1 + e);
};
const fixed = (x, d = 2) => x.toFixed(d).replace(/^-(?=[0.]*$)/, "").replace("-", "−");
// Large and small numbers in words that fit a sentence: 12 300, 0.0031, 4 × 10^−9.
const SUPERSCRIPT = { "-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };
function short(x) {
  if (x === 0) return "0";
  const power = Math.floor(Math.log10(Math.abs(x)));
  if (power >= 6 || power < -3)
    return `${fixed(x / 10 ** power, 1)} × 10${[...String(power)].map((c) => SUPERSCRIPT[c]).join("")}`;
  if (power >= 2) return fixed(x, 0).replace(/\B(?=(\d{3})+$)/g, "\u202f");
  return Number.isInteger(x) ? fixed(x, 0) : fixed(x, Math.min(2 - power, 4));
}
function dice(seed) { // mulberry32: the same throws on every machine
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
// One panel of curves over time, each [key, name, points]; its name stands at its end, moved apart where ends meet.
// The key is its colour and its dashes: the same letter looks the same in every figure.
function panel(title, curves, { X, left = 34, right, top, bottom, low, high }) {
  const Y = (y) => top + ((bottom - top) * (high - y)) / (high - low || 1);
  let svg = `<text x="${left}" y="${top - 8}">${title}</text>`, free = top - 15;
  for (const y of [low, (low + high) / 2, high])
    svg += `<line x1="${left}" x2="${right}" y1="${Y(y)}" y2="${Y(y)}"/><text x="${left - 6}" y="${Y(y) + 4}" text-anchor="end">${`${+y.toPrecision(2)}`.replace("-", "−")}</text>`;
  const drawn = curves.filter(([, , points]) => points.length).sort(([, , a], [, , b]) => b.at(-1)[1] - a.at(-1)[1]);
  drawn.forEach(([key, name, points], n) => {
    const [t, y] = points.at(-1);
    free = Math.max(free + 15, Math.min(Y(y), bottom - 15 * (drawn.length - 1 - n)));
    svg += `<g class="curve ${key}"><path d="M${points.map(([t, y]) => `${X(t)} ${Y(y)}`).join("L")}"/><text x="${X(t) + 7}" y="${free + 4}">${name}</text></g>`;
  });
  return svg;
}
const nice = (m) => [0.001, 0.01, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 1000].find((n) => m <= n) ?? m; // an axis to here
// The script of weights beside a figure's own, lstm-x-weights.js for lstm-x.js: asked for by the first figure, once.
function weights(here) {
  let loading;
  return () => (loading ??= new Promise((good, bad) => {
    const script = document.createElement("script");
    Object.assign(script, { src: here.replace(/\.js(?=\?|$)/, "-weights.js"), onload: good, onerror: bad });
    document.head.append(script);
  }));
}
globalThis.lstmFigure = { sigmoid, fixed, short, dice, panel, nice, weights };
if (!globalThis.customElements) return;

const STYLE = `<style>
:host{display:block;margin:1rem 0;padding:.8rem 1rem;border:1px solid var(--pst-color-border,#bbb);border-radius:.5rem;
 --ink:var(--pst-color-text-base,#222);--paper:var(--pst-color-background,#fff);--muted:var(--pst-color-text-muted,#555);
 --C:light-dark(#b84d00,#ff9a57);--h:light-dark(#0072b2,#6cbcf2);--f:light-dark(#007a58,#3fcf9f);--i:light-dark(#a8417e,#f08fc8);
 --o:var(--ink);--g:light-dark(#6b3fa0,#c3a5ff);--T:light-dark(#75610a,#d8bd4f);--a:var(--C);--b:var(--h);--c:var(--f)}
.row{display:flex;flex-wrap:wrap;gap:.4rem;align-items:center}
button{font:inherit;font-size:.9rem;min-height:2rem;padding:.1rem .7rem;border:1px solid var(--muted);border-radius:1rem;background:none;color:inherit;cursor:pointer}
button[aria-pressed=true]{background:var(--ink);color:var(--paper)}
:focus-visible{outline:3px solid var(--pst-color-primary,#0b57c2);outline-offset:2px}
input[type=range]{width:100%;min-width:0;height:1.8rem;margin:0;accent-color:var(--pst-color-primary)}
input[type=checkbox]{width:1.2rem;height:1.2rem;margin:0 .4rem 0 0;accent-color:var(--pst-color-primary)}
.set{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,13rem),1fr));align-items:end;gap:.3rem 1.4rem}
label{font-size:.9rem}.set .switch{display:flex;align-items:center;min-height:2rem}
.value{float:right;font-variant-numeric:tabular-nums}
svg{display:block;width:100%;margin:.6rem 0}
text{font-size:13px;fill:var(--muted)}line{stroke:var(--pst-color-border,#ccc)}
path{fill:none;stroke:currentColor;stroke-width:2.5}
.a{color:var(--a)}.b{color:var(--b);stroke-dasharray:8 4}.c{color:var(--c);stroke-dasharray:2 3}
.curve text{fill:currentColor;stroke:var(--paper);stroke-width:4;stroke-dasharray:none;paint-order:stroke;font-weight:600}.now{stroke:var(--muted);stroke-dasharray:2 3}
.C{color:var(--C)}.h{color:var(--h);stroke-dasharray:10 4}.f{color:var(--f);stroke-dasharray:7 3}.i{color:var(--i);stroke-dasharray:9 3 2 3}
.o{color:var(--o);stroke-dasharray:2 3}.g{color:var(--g);stroke-dasharray:5 2 1 2}.T{color:var(--T);stroke-dasharray:1 3}
.solid{stroke-dasharray:none}.a text,.b text,.c text,.o text,text.a,text.b,text.c,tspan{fill:currentColor;font-weight:600;stroke:none}.curve text{stroke:var(--paper)}circle{fill:var(--a)}.f circle{fill:var(--f)}
select,textarea,input:not([type=range],[type=checkbox]){font:inherit;color:inherit;background:var(--paper);border:1px solid var(--muted);border-radius:.3rem;min-height:2.2rem;box-sizing:border-box;padding:.1rem .4rem;max-width:100%}
input.type{display:block;width:100%;font:.95rem monospace;margin-bottom:.5rem}
table{border-collapse:collapse;font-size:.9rem;width:100%}th,td{text-align:start;padding:.2rem .8rem .2rem 0;border-bottom:1px solid var(--pst-color-border,#ccc);vertical-align:top}
mark{background:light-dark(#fff0c2,#5a4500);color:inherit;padding:0 .15em}
p{margin:.6rem 0}#says{min-height:3em}i{font-family:serif}sub{line-height:0}
</style>`;
lstmFigure.STYLE = STYLE;
// A subclass names SLIDERS [id, value, min, max, step, label, digits], SWITCHES [id, label], HEIGHT, and has
// says(v): a sentence, draw(v, width): the inside of the drawing, and perhaps table(v): rows beneath it.
// A value may be set by an attribute, b_f by b-f. A subclass with more controls of its own extends reset().
globalThis.LSTMFigure = class extends HTMLElement {
  connectedCallback() {
    if (this.shadowRoot) return;
    const { SLIDERS, SWITCHES = [], HEIGHT } = this.constructor, root = this.attachShadow({ mode: "open" });
    const switches = SWITCHES.map(([id, text]) => `<label class="switch"><input type="checkbox" id="${id}"><span>${text}</span></label>`);
    // The value is a span: an output would be what its label names, and leave the slider without a name.
    const sliders = SLIDERS.map(([id, , min, max, step, text]) =>
      `<label>${text} <span class="value" aria-hidden="true"></span><input type="range" id="${id}" min="${min}" max="${max}" step="${step}"></label>`);
    root.innerHTML = `${STYLE}<div class="set" role="group" aria-label="Settings">${switches.join("")}${sliders.join("")}</div>
<svg role="img" style="height:${HEIGHT}px"></svg><div id="table"></div><p id="says" aria-live="polite"></p><button type="button" id="reset">Reset</button>`;
    this.start = {};
    for (const [id, value] of SLIDERS) this.start[id] = +(this.getAttribute(id.replace("_", "-")) ?? value);
    for (const [id] of SWITCHES) this.start[id] = this.hasAttribute(id);
    root.getElementById("reset").addEventListener("click", () => this.reset());
    root.addEventListener("input", ({ target }) => {
      this.v[target.id] = target.type === "checkbox" ? target.checked : +target.value;
      this.show(300);
    });
    this.reset();
    new ResizeObserver(() => this.show()).observe(root.querySelector("svg"));
  }
  reset() {
    this.v = { ...this.start };
    for (const [id, value] of Object.entries(this.v)) {
      const input = this.shadowRoot.getElementById(id);
      if (typeof value === "boolean") input.checked = value;
      else input.value = value;
    }
    this.show();
  }
  show(wait = 0) {
    const root = this.shadowRoot, svg = root.querySelector("svg"), words = this.says(this.v);
    for (const [id, , , , , , digits = 0] of this.constructor.SLIDERS) {
      const text = fixed(this.v[id], digits), input = root.getElementById(id);
      input.previousElementSibling.textContent = text;
      input.ariaValueText = text;
    }
    svg.innerHTML = this.draw(this.v, svg.clientWidth || 600);
    svg.ariaLabel = words;
    root.getElementById("table").innerHTML = this.table?.(this.v) ?? "";
    clearTimeout(this.later);
    this.later = setTimeout(() => (root.getElementById("says").textContent = words), wait);
  }
};
})();
