// <lstm-pulse>: one LSTM unit (n_x = n_h = 1) and one pulse at t = 1, recomputed in the page.
// Needs lstm-figure.js before it.
(() => {
const { sigmoid, fixed, panel, nice, STYLE } = lstmFigure;
const STEPS = 41; // the pulse at t = 1 and the 40 steps after it

// p.W[g] = [W_gh, W_gx] acts on [h; x] and p.b[g] is the bias, for g in f, i, C, o.
function step(p, { h, C }, x) {
  const a = (g) => p.W[g][0] * h + p.W[g][1] * x + p.b[g];
  const f = sigmoid(a("f")), i = sigmoid(a("i")), C_tilde = Math.tanh(a("C")), o = sigmoid(a("o"));
  C = f * C + i * C_tilde;
  return { f, i, C_tilde, C, o, h: o * Math.tanh(C) };
}
const run = (p, xs, state = { h: 0, C: 0 }) => xs.map((x) => (state = step(p, state, x)));
const halfLife = (f) => Math.log(0.5) / Math.log(f);

// The unit of the picture: the pulse reaches the input gate and the candidate.
function pulse({ b_f, b_i, b_o, W_Ch, x_1 }) {
  const W = { f: [0, 0], i: [0, 4], C: [W_Ch, 1], o: [0, 0] }, b = { f: b_f, i: b_i, C: 0, o: b_o };
  return run({ W, b }, [x_1, ...Array(STEPS - 1).fill(0)]);
}
// What the picture shows, in words.
function conclusion(v) {
  const s = pulse(v), first = s[0], last = s[STEPS - 1], share = 100 * last.C / first.C;
  const says = [`The forget gate f = ${fixed(last.f, 3)} halves a memory in ln ½ / ln f = ${fixed(halfLife(last.f), 1)} steps.`,
    `The pulse ${first.C < 0.05 ? "is all but shut out" : "is written"}: i₁ = ${fixed(first.i)}, C₁ = ${fixed(first.C)}.`];
  if (v.W_Ch) says.push(`After 40 more steps C = ${fixed(last.C)}: the unit also writes to itself, so f alone no longer decides.`);
  else if (first.C) says.push(`After 40 more steps ${share < 0.1 ? "less than 0.1" : fixed(share, 1)}\u00a0% of it is left.`);
  if (last.o < 0.05) says.push(`The output gate is all but shut (o = ${fixed(last.o)}): h stays near 0 whatever the cell holds.`);
  return says.join(" ").replaceAll(" = ", "\u00a0=\u00a0");
}
globalThis.lstmPulse = { sigmoid, step, run, halfLife, pulse, conclusion };
if (!globalThis.customElements) return;

// id (as attribute: b-f), default, min, max, label
const SLIDERS = [
  ["b_f", 3, -4, 6, "forget gate’s bias b_f"],
  ["b_i", -2, -8, 4, "input gate’s bias b_i"],
  ["b_o", 1, -6, 6, "output gate’s bias b_o"],
  ["x_1", 1, 0, 3, "height of the pulse x_1"],
  ["W_Ch", 0, -4, 4, "feedback W_Ch"],
];
const PRESETS = {
  Remember: { b_f: 5 }, Forget: { b_f: 0 }, "Shut the input": { b_i: -8 }, "Shut the output": { b_o: -6 }, "Feed back": { W_Ch: 2 },
};

const button = (text, attributes = "") => `<button type="button" ${attributes}>${text}</button>`;
const html = `${STYLE}<style>
svg{height:292px}.time{flex:1 1 10rem;flex-wrap:nowrap;white-space:nowrap}.eq{font-size:.9rem}#says{min-height:4.5em}
</style>
<div class="row" role="group" aria-label="Ready-made settings">${Object.keys(PRESETS).map((k) => button(k, "aria-pressed")).join("")}</div>
<svg id="svg" role="img"></svg>
<div class="row">${button("", 'id="toggle"')}<label class="row time">time <input type="range" id="time" max="${STEPS}"><span aria-hidden="true"></span></label>${button("Reset")}</div>
<p id="says"></p><div class="set" role="group" aria-label="Settings">${SLIDERS.map(([id, , min, max, text]) => `<label>${text} <span class="value" aria-hidden="true"></span><input type="range" id="${id}" min="${min}" max="${max}" step="0.1"></label>`).join("")}</div>
<p class="eq">Here f_t = σ(b_f), i_t = σ(4 x_t + b_i), C̃_t = tanh(W_Ch h_t−1 + x_t), o_t = σ(b_o).</p>`
  .replace(/(?<=[ (])(\S{1,2})_([\w−]+)/g, "<i>$1</i><sub>$2</sub>");

class LSTMPulse extends HTMLElement {
  connectedCallback() {
    if (!this.shadowRoot) this.build();
    if (!this.hasAttribute("autoplay") || this.still.matches) return;
    this.tour = ["Remember", "Forget", "Feed back"];
    this.go();
  }
  disconnectedCallback() { this.stop(true); }
  build() {
    const root = this.attachShadow({ mode: "open" });
    root.innerHTML = html;
    for (const id of ["svg", "toggle", "time", "says"]) this[id] = root.getElementById(id);
    this.still = matchMedia("(prefers-reduced-motion: reduce)");
    this.start = Object.fromEntries(SLIDERS.map(([id, value]) => [id, +(this.getAttribute(id.replace("_", "-")) ?? value)]));
    this.set(this.start, STEPS);
    this.stop(true);
    new ResizeObserver(() => this.draw()).observe(this.svg);
    root.addEventListener("input", ({ target }) => {
      this.stop();
      if (target === this.time) this.draw();
      else this.set({ ...this.v, [target.id]: +target.value });
    });
    root.addEventListener("click", ({ target }) => {
      if (target === this.toggle) this.timer ? this.stop(true) : this.go();
      else if (target.localName === "button") {
        this.stop();
        this.set({ ...this.start, ...PRESETS[target.textContent] }, STEPS);
      }
    });
  }
  set(v, t = this.time.value) {
    this.v = v;
    this.time.value = t;
    for (const [id] of SLIDERS) {
      const input = this.shadowRoot.getElementById(id);
      input.value = v[id];
      input.previousElementSibling.textContent = input.ariaValueText = fixed(v[id], 1);
    }
    for (const b of this.shadowRoot.querySelectorAll("[aria-pressed]"))
      b.ariaPressed = Object.entries({ ...this.start, ...PRESETS[b.textContent] }).every(([k, x]) => v[k] === x);
    clearTimeout(this.later);
    this.later = setTimeout(() => (this.says.textContent = conclusion(this.v)), 200);
    this.draw();
  }
  go() {
    if (!this.still.matches) this.toggle.textContent = "Pause";
    this.tick();
  }
  // At a pause a tour may go on later. Otherwise the reader has taken over, and is told what changes.
  stop(pause) {
    this.timer = clearTimeout(this.timer);
    if (!pause) {
      this.tour = 0;
      this.says.ariaLive = "polite";
    }
    this.toggle.textContent = this.still.matches ? "Step" : "Play";
  }
  // One step of time, once in sight; the next follows unless the reader asked for stillness.
  tick() {
    const t = +this.time.value, running = this.timer;
    if (t < STEPS) this.time.value = t + (this.getBoundingClientRect().top < innerHeight);
    else if (this.tour?.length) this.set({ ...this.start, ...PRESETS[this.tour.shift()] }, 0);
    else if (running) {
      if (this.tour) this.set(this.start);
      return this.stop(true);
    } else this.time.value = 0;
    this.draw();
    if (this.still.matches) this.stop(true);
    else this.timer = setTimeout(() => this.tick(), this.time.value < STEPS ? 90 : 1500);
  }
  draw() {
    const now = +this.time.value, s = [{ C: 0, h: 0 }, ...pulse(this.v)], at = s[now];
    this.time.nextElementSibling.textContent = `t = ${now}`;
    this.time.ariaValueText = `${now}: C = ${fixed(at.C)}, h = ${fixed(at.h)}`;
    const right = (this.svg.clientWidth || 600) - 62, X = (t) => 34 + (t * (right - 34)) / STEPS;
    const named = (keys, from) => [...keys].map((k) => [k, `${k} ${fixed(at[k] ?? 0)}`, s.slice(from, now + 1).map((r, t) => [t + from, r[k]])]);
    const C = s.map((r) => r.C), low = Math.min(...C), high = nice(Math.max(...C, 1));
    this.svg.innerHTML = panel("cell state C, hidden state h", named("Ch", 0), { X, right, top: 22, bottom: 152, low: low < -0.005 ? -nice(Math.max(-low, 1)) : 0, high })
      + panel("gates f, i, o", named("fio", 1), { X, right, top: 186, bottom: 262, low: 0, high: 1 })
      + [1, 11, 21, 31, 41].map((t) => `<text x="${X(t)}" y="284" text-anchor="middle">${t > 1 ? t : "pulse, t = 1"}</text>`).join("")
      + `<line class="now" x1="${X(now)}" x2="${X(now)}" y1="22" y2="262"/>`;
    this.svg.ariaLabel = `Curves over ${STEPS} steps. ${conclusion(this.v)}`;
  }
}
customElements.define("lstm-pulse", LSTMPulse);
})();
