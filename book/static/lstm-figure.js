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
globalThis.lstmFigure = { sigmoid, fixed, short };
if (!globalThis.customElements) return;

const STYLE = `<style>
:host{display:block;margin:1rem 0;padding:.8rem 1rem;border:1px solid var(--pst-color-border,#bbb);border-radius:.5rem;
 --ink:var(--pst-color-text-base,#222);--paper:var(--pst-color-background,#fff);--muted:var(--pst-color-text-muted,#555);
 --a:light-dark(#b84d00,#ff9a57);--b:light-dark(#0072b2,#6cbcf2);--c:light-dark(#007a58,#3fcf9f)}
input[type=range]{width:100%;min-width:0;height:1.8rem;margin:0;accent-color:var(--pst-color-primary)}
input[type=checkbox]{width:1.2rem;height:1.2rem;margin:0 .4rem 0 0;accent-color:var(--pst-color-primary)}
.set{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,13rem),1fr));gap:.3rem 1.4rem}
label{font-size:.9rem}.set .switch{display:flex;align-items:center;min-height:2rem}
output{float:right;font-variant-numeric:tabular-nums}
svg{display:block;width:100%;margin:.6rem 0}
text{font-size:13px;fill:var(--muted)}line{stroke:var(--pst-color-border,#ccc)}
path{fill:none;stroke:currentColor;stroke-width:2.5}
.a{color:var(--a)}.b{color:var(--b);stroke-dasharray:8 4}.c{color:var(--c);stroke-dasharray:2 3}
.a text,.b text,.c text,text.a,text.b,text.c,tspan{fill:currentColor;font-weight:600;stroke:none}circle{fill:var(--a)}
table{border-collapse:collapse;font-size:.9rem;width:100%}th,td{text-align:start;padding:.2rem .8rem .2rem 0;border-bottom:1px solid var(--pst-color-border,#ccc);vertical-align:top}
mark{background:light-dark(#fff0c2,#5a4500);color:inherit;padding:0 .15em}
p{margin:.6rem 0}#says{min-height:3em}i{font-family:serif}sub{line-height:0}
</style>`;
// A subclass names SLIDERS [id, value, min, max, step, label, digits], SWITCHES [id, label], HEIGHT, and has
// says(v): a sentence, draw(v, width): the inside of the drawing, and perhaps table(v): rows beneath it.
// A value may be set by an attribute, b_f by b-f.
globalThis.LSTMFigure = class extends HTMLElement {
  connectedCallback() {
    if (this.shadowRoot) return;
    const { SLIDERS, SWITCHES = [], HEIGHT } = this.constructor, root = this.attachShadow({ mode: "open" });
    const switches = SWITCHES.map(([id, text]) => `<label class="switch"><input type="checkbox" id="${id}"><span>${text}</span></label>`);
    const sliders = SLIDERS.map(([id, , min, max, step, text]) =>
      `<label>${text} <output for="${id}"></output><input type="range" id="${id}" min="${min}" max="${max}" step="${step}"></label>`);
    root.innerHTML = `${STYLE}<div class="set">${switches.join("")}${sliders.join("")}</div>
<svg role="img" style="height:${HEIGHT}px"></svg><div id="table"></div><p id="says" aria-live="polite"></p>`;
    this.v = {};
    for (const [id, value] of SLIDERS) this.v[id] = +(this.getAttribute(id.replace("_", "-")) ?? value);
    for (const [id] of SWITCHES) this.v[id] = this.hasAttribute(id);
    for (const [id, value] of Object.entries(this.v)) {
      const input = root.getElementById(id);
      if (typeof value === "boolean") input.checked = value;
      else input.value = value;
    }
    root.addEventListener("input", ({ target }) => {
      this.v[target.id] = target.type === "checkbox" ? target.checked : +target.value;
      this.show(300);
    });
    new ResizeObserver(() => this.show()).observe(root.querySelector("svg"));
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
