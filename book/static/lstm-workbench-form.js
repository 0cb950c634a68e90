// The controls of <lstm-workbench> and how they look. Needs lstm-workbench-views.js before it.
(() => {
if (!globalThis.customElements) return;
const { CELLS, MOST } = lstmFigure.workbench;
const numbers = (n) => [...Array(n)].map((_, k) => `<option>${k + 1}</option>`).join("");
const button = (id, text, more = "") => `<button type="button" id="${id}" ${more}>${text}</button>`;
const PRESETS = {
  "One pulse": (t) => +(t === 0), "Two pulses": (t) => +(t === 0) - (t === 4), Steps: (t) => +(t > 1 && t < 6), Alternating: (t) => (t % 2 ? -1 : 1),
};
const FORM = `${lstmFigure.STYLE}<style>
/* what stands still at the top of the page is 3rem high */:host{scroll-margin-top:4rem}.set{margin-bottom:.6rem}#weights{margin-bottom:.6rem}.set label,.wide{display:flex;flex-direction:column;gap:.15rem}.sizes{display:flex;gap:.6rem}.sizes label{flex:1 1 0;min-width:0}
#cell{width:100%}textarea{font-family:monospace;width:100%;resize:vertical;margin-bottom:.5rem}h3{font-size:1rem;margin:1.2rem 0 .4rem}
.time{margin:.8rem 0 0;position:sticky;top:3rem;background:var(--paper);padding:.4rem 0;z-index:1}.time label{flex:1 1 9rem;display:flex;align-items:center;gap:.5rem;white-space:nowrap}
#error{margin:0}#error:not(:empty){border-inline-start:4px solid var(--C);padding:.2rem .7rem;margin:.6rem 0}[aria-disabled=true]{opacity:.55}
#cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,15.5rem),1fr));gap:.7rem 1.2rem}
caption{text-align:start;padding-bottom:.1rem}caption span{display:block}.card{align-self:start}.card *{color:var(--ink)}.card caption{border-top:3px solid var(--k)}
.card td{position:relative;padding-bottom:.5rem}.bar{position:absolute;bottom:2px;height:4px;background:var(--k);min-width:1px}
.C{--k:var(--C)}.h{--k:var(--h)}.f{--k:var(--f)}.i{--k:var(--i)}.o,.x{--k:var(--o)}.g{--k:var(--g)}.T{--k:var(--T)}
td,th{font-variant-numeric:tabular-nums}.card th{font-weight:400;color:var(--muted)}.x{color:var(--muted)}small{font-size:.8rem}
.scroll{overflow-x:auto;max-width:100%}.scroll table{width:auto}#grid input{width:4.4rem}#grid td span{display:block;font-size:.8rem;text-align:end;padding-inline-end:.4rem}
.scroll th,.scroll td{white-space:nowrap}svg{cursor:pointer}summary{cursor:pointer;padding:.3rem 0}#link{width:100%}
</style>
<p id="error" role="alert"></p>
<div class="set" role="group" aria-label="The cell"><label>cell<select id="cell">${Object.entries(CELLS).map(([id, { title }]) => `<option value="${id}">${title}</option>`).join("")}</select></label>
<div class="sizes"><label><span>inputs <i>n</i><sub>x</sub></span><select id="n_x">${numbers(MOST.nx)}</select></label><label><span>units <i>n</i><sub>h</sub></span><select id="n_h">${numbers(MOST.nh)}</select></label>
<label><span>cells <i>n</i><sub>c</sub></span><select id="n_c">${numbers(MOST.nc)}</select></label></div>
<label><span>loss <i>L</i></span><select id="loss"></select></label><label>unit in the curves<select id="look"></select></label></div>
<label class="wide"><span>input, one step after the other <span id="how"></span></span><textarea id="x" rows="2" spellcheck="false"></textarea></label>
<div class="row" role="group" aria-label="Ready-made inputs">${Object.keys(PRESETS).map((text) => `<button type="button" data-preset="${text}">${text}</button>`).join("")}</div>
<div class="row time" role="group" aria-label="Time">${button("first", "⇤", 'aria-label="First step"')}${button("back", "←", 'aria-label="Step back"')}${button("next", "→", 'aria-label="Step on"')}${button("last", "⇥", 'aria-label="Last step"')}
<label>step <input type="range" id="t" min="1"><span class="value" aria-hidden="true"></span></label></div>
<p id="says" aria-live="polite"></p><h3 id="now"></h3><p>Each value, and the loss’s gradient by it; where σ or tanh made it, δ is the gradient before that.</p><div id="cards"></div>
<h3>Over time</h3><svg role="img"></svg><details><summary>The same numbers as a table</summary><div class="scroll" id="run" tabindex="0" role="region" aria-label="All steps"></div></details>
<h3>Weights and their gradients</h3><div class="row"><label>seed <input id="seed" type="number" min="1" max="${MOST.seed}"></label>${button("draw", "Draw others")}</div>
<p>Choose one to see and change it. Beside its name stands the length of its gradient.</p>
<div class="row" id="weights" role="group" aria-label="Weights"></div><div class="scroll" id="grid" tabindex="0" role="region" aria-label="The chosen weights"></div>
<div class="row" style="margin-top:1rem">${button("copy", "Copy a link to this")}${button("reset", "Reset")}<span id="copied" role="status"></span></div>`;
Object.assign(lstmFigure.workbench, { FORM, PRESETS, numbers });
})();
