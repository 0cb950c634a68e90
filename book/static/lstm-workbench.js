// <lstm-workbench>: a cell of the family on the bench: set it, feed it, step through time, watch the gradient flow back.
// Needs lstm-workbench-form.js before it. The attribute state="cell=gru&nh=3" sets the start.
(() => {
if (!globalThis.customElements) return;
const bench = lstmFigure.workbench, { CELLS, MOST, PRESETS, FORM, numbers } = bench;

customElements.define("lstm-workbench", class extends HTMLElement {
  connectedCallback() {
    if (this.shadowRoot) return;
    const root = this.attachShadow({ mode: "open" });
    root.innerHTML = FORM;
    this.$ = (id) => root.getElementById(id);
    this.svg = root.querySelector("svg");
    root.addEventListener("click", (event) => this.clicked(event));
    root.addEventListener("change", ({ target }) => this.changed(target));
    root.addEventListener("input", ({ target }) => target.id === "t" && this.set({ t: +target.value }));
    root.addEventListener("keydown", (event) => this.pressed(event));
    addEventListener("hashchange", () => this.arrive());
    // What the page itself puts on the bench: <button data-bench="cell=gru">.
    document.addEventListener("click", ({ target }) => {
      const state = target.closest?.("[data-bench]")?.dataset.bench;
      if (!state) return;
      this.set(bench.read(state));
      this.scrollIntoView();
    });
    this.first = bench.read(this.getAttribute("state") ?? "");
    this.arrive(this.first);
    new ResizeObserver(() => this.draw()).observe(this.svg);
  }
  // What the address holds, if it is meant for the workbench at all: other anchors have no equals sign.
  arrive(other) {
    let state = other, wrong = "";
    if (location.hash.includes("=")) {
      if (location.hash === this.written) return;
      try {
        state = bench.read(location.hash);
      } catch (error) {
        wrong = `The link does not describe a bench. ${error.message} ${other ? "Here is the usual one." : "What was there has stayed."}`;
      }
    }
    if (state) {
      this.set(state, wrong);
      this.arrived = this.s;
    } else if (wrong) this.$("error").textContent = wrong;
    if (!other) this.scrollIntoView(); // somebody followed a link to a bench
  }
  // Change the state; everything on the page follows.
  set(change, wrong = "") {
    this.s = this.s ? bench.fitted(this.s, change) : change;
    this.$("error").textContent = wrong;
    this.params = bench.params(this.s);
    this.got = bench.run(this.s.cell, bench.sizes(this.s), this.params, this.s.x, this.s);
    if (!this.params[this.chosen]) this.chosen = Object.keys(this.params)[0];
    this.controls();
    this.draw();
    clearTimeout(this.later);
    this.later = setTimeout(() => this.rest(), 250);
  }
  rest() { // what need not follow every movement of a slider
    this.$("says").textContent = bench.says(this.s, this.got);
    if (this.s === this.arrived) return; // a page that was only opened keeps its address
    this.written = "#" + bench.write(this.s);
    try {
      history.replaceState(history.state, "", this.written);
    } catch { /* a browser that forbids it on a file keeps the link for the button */ }
  }
  controls() {
    const { s } = this, select = (id, options, value) => {
      if (this.$(id).innerHTML !== options) this.$(id).innerHTML = options;
      this.$(id).value = value;
    };
    const option = (value, text) => `<option value="${value}">${text}</option>`, T = s.x.length;
    const list = (kind, text) => [...Array(bench.units(s, kind))].map((_, k) => option(kind + (k + 1), `${text} of unit ${k + 1}`)).join("");
    for (const id of ["cell", "n_x", "n_h", "n_c", "seed"]) this.$(id).value = s[id];
    this.$("n_c").parentElement.hidden = !CELLS[s.cell].wide;
    this.$("n_c").parentElement.style.display = CELLS[s.cell].wide ? "" : "none";
    select("loss", list("h", "last h") + (bench.hasC(s.cell) ? list("C", "last C") : "") + list("all", "h at all steps, summed,"), s.kind + (s.unit + 1));
    select("look", numbers(bench.units(s, "C")), s.look + 1);
    this.$("how").textContent = s.n_x === 1 ? "(spaces between)" : `(a line each, ${s.n_x} numbers)`;
    if (this.typed !== s.x) {
      this.typed = s.x;
      this.$("x").value = bench.writeSequence(s.x);
      this.$("x").rows = s.n_x === 1 ? 2 : Math.min(T, 8);
    }
    Object.assign(this.$("t"), { max: T, value: s.t, ariaValueText: `${s.t} of ${T}` });
    this.$("t").nextElementSibling.textContent = `${s.t} of ${T}`;
    for (const [id, off] of [["first", s.t === 1], ["back", s.t === 1], ["next", s.t === T], ["last", s.t === T]]) this.$(id).ariaDisabled = off;
  }
  draw() {
    const { s, got, svg } = this;
    this.$("now").textContent = `Step ${s.t} of ${s.x.length}`;
    this.$("cards").innerHTML = bench.cards(s, got);
    svg.style.height = `${bench.height(s, got)}px`;
    svg.innerHTML = bench.drawing(s, got, svg.clientWidth || 600);
    svg.ariaLabel = `Curves over ${s.x.length} steps. ${bench.says(s, got)}`;
    this.$("run").innerHTML = bench.runTable(s, got);
    this.weights();
  }
  weights() {
    const values = this.params[this.chosen], grid = this.$("grid"), held = this.shadowRoot.activeElement, name = held?.dataset.name;
    this.$("weights").innerHTML = bench.weightButtons(this.s, this.got, this.chosen);
    if (name) this.shadowRoot.querySelector(`[data-name="${name}"]`)?.focus();
    const table = [this.s.cell, this.chosen, ...Object.values(bench.sizes(this.s))].join();
    if (this.table !== table) grid.innerHTML = bench.weightGrid(this.s, values, this.chosen);
    this.table = table; // the same table stays, so that the focus does
    for (const input of grid.querySelectorAll("input")) {
      const row = values[input.dataset.row], w = `${row.length ? row[input.dataset.column] : row}`;
      if (input !== held && input.value !== w) input.value = w;
    }
    for (const span of grid.querySelectorAll("[data-gradient]")) {
      const [r, k] = span.dataset.gradient.split(","), g = this.got.grads[this.chosen][r];
      span.textContent = bench.small(g[k] ?? g);
    }
  }
  changed({ id, value, dataset }) {
    const change = {
      cell: () => ({ cell: value }), n_x: () => ({ n_x: +value }), n_h: () => ({ n_h: +value }), n_c: () => ({ n_c: +value }), look: () => ({ look: value - 1 }),
      seed: () => bench.read(`seed=${value}`) && { seed: +value, set: {} },
      loss: () => ({ kind: value.replace(/\d+/, ""), unit: value.match(/\d+/) - 1 }),
      x: () => ({ x: bench.readSequence(value, this.s.n_x) }),
    }[id] ?? (dataset.row && (() => ({ set: { ...this.s.set, [this.chosen]: this.edited(+dataset.row, +dataset.column, bench.number(value)) } })));
    if (!change) return;
    try {
      this.set(change());
    } catch (error) {
      this.$("error").textContent = `${error.message} What was there has stayed.`;
    }
  }
  edited(row, column, w) {
    return this.params[this.chosen].map((old, r) => (r !== row ? old : old.length ? old.map((v, k) => (k === column ? w : v)) : w));
  }
  clicked(event) {
    const { id, dataset } = event.target.closest("button") ?? {}, { s } = this, T = s.x.length;
    const to = { first: 1, back: s.t - 1, next: s.t + 1, last: T }[id];
    if (to) this.set({ t: Math.max(1, Math.min(T, to)) });
    else if (dataset?.preset) this.set({ x: [...Array(8)].map((_, t) => [...Array(s.n_x)].map((_, k) => (k ? 0 : PRESETS[dataset.preset](t)))) });
    else if (dataset?.name) {
      this.chosen = dataset.name;
      this.weights();
    } else if (id === "draw") this.set({ seed: (s.seed % MOST.seed) + 1, set: {} });
    else if (id === "reset") this.set(this.first);
    else if (id === "copy") this.copy();
    else if (event.target.closest("svg")) {
      const box = this.svg.getBoundingClientRect(), { left, right } = bench.place(s, box.width);
      const t = 1 + Math.round(((event.clientX - box.left - left) / (right - left)) * (T - 1));
      this.set({ t: Math.max(1, Math.min(T, t)) });
    }
  }
  pressed(event) {
    const { target, key } = event, step = { ArrowLeft: "back", ArrowRight: "next", Home: "first", End: "last" }[key];
    if (!step || event.altKey || event.ctrlKey || event.metaKey || target.closest("input,select,textarea,.scroll")) return;
    event.preventDefault();
    this.$(step).click();
  }
  async copy() {
    const link = location.href.replace(/#.*/, "") + "#" + bench.write(this.s);
    try {
      await navigator.clipboard.writeText(link);
      this.$("copied").textContent = "The link is copied.";
    } catch { // browsers that do not let a page copy show what to copy
      this.$("copied").innerHTML = '<label>Copy it from here: <input id="link" readonly></label>';
      Object.assign(this.$("link"), { value: link }).select();
    }
  }
});
})();
