// The cells of <lstm-workbench>: their equations as text, and a small machine that runs them forward and backward.
// What the page shows as a cell's equations is what is computed. Needs lstm-figure.js before it.
(() => {
const { sigmoid, dice } = lstmFigure;

// --- the equations ------------------------------------------------------------------------------------
// x, h, C and the gates belong to step t; h' and C' to the step before. W z is a product, ⊙ goes entry by entry.
const gate = (g, more = "", z = "[h'; x]") => `${g} = σ(W_${g} ${z}${more} + b_${g})`;
const six = (of = gate, last = ["h = o ⊙ tanh(C)"]) =>
  [of("f"), of("i"), of("C").replace("C = σ", "C̃ = tanh"), "C = f ⊙ C' + i ⊙ C̃", of("o"), ...last];
const peephole = (g) => gate(g, { f: " + W_cf ⊙ C'", i: " + W_ci ⊙ C'", o: " + W_co ⊙ C" }[g]);
const coupled = (lines) => lines.map((line) => (line.startsWith("i =") ? "i = 1 - f" : line));
const gru = (candidate) => [gate("z"), gate("r"), candidate, "h = (1 - z) ⊙ h' + z ⊙ h̃"];
const CELLS = {
  lstm: { title: "LSTM", lines: six() },
  peephole: { title: "LSTM with peepholes", lines: six(peephole) },
  coupled: { title: "LSTM with coupled gates", lines: coupled(six()) },
  "coupled-peephole": { title: "LSTM with coupled gates and peepholes", lines: coupled(six(peephole)) },
  projected: { title: "LSTM with projection", lines: six(gate, ["m = o ⊙ tanh(C)", "h = W_p m"]), wide: true },
  highway: { title: "Highway LSTM of the notes", lines: six(gate, ["u = o ⊙ tanh(C)", gate("T"), "h = T ⊙ u + (1 - T) ⊙ h'"]) },
  multiplicative: { title: "multiplicative LSTM of the notes", lines: ["m = x ⊙ h'", ...six((g) => gate(g, ` + W_m${g} m`))], square: true },
  krause: { title: "multiplicative LSTM of Krause et al.", lines: ["m = (W_mx x) ⊙ (W_mh h')", ...six((g) => gate(g, "", "[m; x]"))] },
  gru: { title: "GRU, reset before the product", lines: gru("h̃ = tanh(W [r ⊙ h'; x] + b_h)") },
  "gru-after": { title: "GRU, reset after the product", lines: gru("h̃ = tanh(W [0; x] + b_h + r ⊙ (W [h'; 0] + b_hh))") },
  rnn: { title: "plain recurrent network", lines: ["h = tanh(W [h'; x] + b)"] },
};

// --- from text to a tree --------------------------------------------------------------------------------
const TOKEN = /tanh|[σ01⊙+\-=;()[\]]|[A-Za-z]\u0303?(?:_[A-Za-z]+)?'?/gu;
function parse(line) {
  const [name, , ...rest] = line.match(TOKEN), take = () => rest.shift();
  const sum = () => {
    let left = product();
    while ("+-".includes(rest[0] ?? ";")) left = { op: take(), args: [left, product()] };
    return left;
  };
  const product = () => {
    let left = factor();
    while (rest[0] === "⊙") left = { op: take(), args: [left, factor()] };
    return left;
  };
  const factor = () => {
    const token = take();
    if (token === "(") return closed([sum()]).args[0];
    if (token === "[") return { op: ";", args: [...closed([sum(), take() && sum()]).args] };
    if (token === "σ" || token === "tanh") return { op: token, args: [factor()] };
    // A matrix stands right before what it multiplies; a vector before a sign.
    return token[0] === "W" && /^[A-Za-z([]/.test(rest[0] ?? "") ? { op: "W", name: token, args: [factor()] } : { op: "name", name: token, args: [] };
  };
  const closed = (args) => (take(), { args });
  return { name, tree: sum(), line };
}
for (const cell of Object.values(CELLS)) cell.equations = cell.lines.map(parse);
const hasC = (cell) => CELLS[cell].equations.some(({ name }) => name === "C");

// Names and shapes of everything that can be set, in the order in which the equations name it; at last the states
// before the first step. Widths: x has n_x, h has n_h, all else n_h too, or n_c where the cell is projected.
function shapes(cell, { n_x, n_h, n_c }) {
  const { equations, wide } = CELLS[cell], found = {}, n = wide ? n_c : n_h;
  const width = (name) => ({ x: n_x, h: n_h })[name.replace("'", "")] ?? n;
  const walk = (tree, rows) => {
    if (tree.op === ";") return walk(tree.args[0], n_h) + walk(tree.args[1], n_x);
    const inside = tree.args.map((arg) => walk(arg, rows));
    if (tree.op === "W") return (found[tree.name] = [rows, inside[0]]) && rows;
    if (tree.op !== "name") return Math.max(...inside);
    if (/[01]/.test(tree.name)) return tree.name === "0" ? rows : 1;
    if (/^[Wb]/.test(tree.name)) return (found[tree.name] = [rows])[0];
    return width(tree.name);
  };
  for (const { name, tree } of equations) walk(tree, width(name));
  found.h_0 = [n_h];
  if (hasC(cell)) found.C_0 = [n];
  return found;
}
// Weights by seed: hundredths from -1.5 to 1.5, drawn row by row; biases 0, but the forget gate's 1; first states 0.
function weights(cell, sizes, seed) {
  const draw = dice(seed), filled = {};
  const number = (name) => (name[0] === "W" ? (Math.floor(301 * draw()) - 150) / 100 : +(name === "b_f"));
  for (const [name, [rows, columns]] of Object.entries(shapes(cell, sizes)))
    filled[name] = Array.from({ length: rows }, () => (columns ? Array.from({ length: columns }, () => number(name)) : number(name)));
  return filled;
}

// --- forward, and back along the same way ---------------------------------------------------------------
const zeros = (v) => v.map((row) => (row.length ? row.map(() => 0) : 0));
// A quantity: its value v, and the derivative g of the loss by it, filled in on the way back.
const quantity = (v) => ({ v, g: zeros(v) });
function compute(tree, known, tape, { n_h, n_x }) {
  if (tree.op === "name") return known[tree.name] ?? quantity([+tree.name]);
  if (tree.op === ";") {
    const [a, b] = tree.args.map((arg, k) => (arg.name === "0" ? quantity(Array([n_h, n_x][k]).fill(0)) : compute(arg, known, tape, { n_h, n_x })));
    const y = quantity([...a.v, ...b.v]);
    tape.push(() => y.g.forEach((g, k) => (k < a.v.length ? (a.g[k] += g) : (b.g[k - a.v.length] += g))));
    return y;
  }
  const [a, b] = tree.args.map((arg) => compute(arg, known, tape, { n_h, n_x }));
  let y;
  if (tree.op === "W") {
    const W = known[tree.name];
    y = quantity(W.v.map((row) => row.reduce((sum, w, k) => sum + w * a.v[k], 0)));
    tape.push(() => y.g.forEach((g, r) => W.v[r].forEach((w, k) => {
      W.g[r][k] += g * a.v[k];
      a.g[k] += g * w;
    })));
  } else if (b) {
    const long = Math.max(a.v.length, b.v.length), at = (v, k) => v[k % v.length]; // the number 1 has length one
    const sign = tree.op === "-" ? -1 : 1, product = tree.op === "⊙";
    y = quantity(Array.from({ length: long }, (_, k) => (product ? at(a.v, k) * at(b.v, k) : at(a.v, k) + sign * at(b.v, k))));
    tape.push(() => y.g.forEach((g, k) => {
      a.g[k % a.v.length] += g * (product ? at(b.v, k) : 1);
      b.g[k % b.v.length] += g * (product ? at(a.v, k) : sign);
    }));
  } else {
    y = quantity(a.v.map(tree.op === "σ" ? sigmoid : Math.tanh));
    y.before = a;
    tape.push(() => y.g.forEach((g, k) => (a.g[k] += g * (tree.op === "σ" ? y.v[k] * (1 - y.v[k]) : 1 - y.v[k] ** 2))));
  }
  return y;
}
// The loss: kind "h" or "C" is one entry of the last state, kind "all" the sum of that entry of h over all steps.
// Gives the quantities of every step with their gradients, δ (those of the pre-activations), and all weights' gradients.
function run(cell, sizes, params, xs, { kind, unit }) {
  const { equations } = CELLS[cell], tape = [], steps = [];
  const set = Object.fromEntries(Object.entries(params).map(([name, v]) => [name, quantity(v)]));
  let state = { "h'": set.h_0, "C'": set.C_0 };
  for (const x of xs) {
    const known = { ...set, ...state, x: quantity(x) };
    for (const { name, tree } of equations) known[name] = compute(tree, known, tape, sizes);
    steps.push(known);
    state = { "h'": known.h, "C'": known.C };
  }
  let loss = 0;
  for (const step of kind === "all" ? steps : steps.slice(-1)) {
    const read = kind === "C" ? step.C : step.h;
    loss += read.v[unit];
    read.g[unit] += 1;
  }
  while (tape.length) tape.pop()();
  const names = ["x", "h'", ...(hasC(cell) ? ["C'"] : []), ...equations.map(({ name }) => name)];
  const table = (step, of) => Object.fromEntries(names.filter((name) => of(step[name])).map((name) => [name, of(step[name])]));
  return {
    loss, names,
    steps: steps.map((step) => ({ value: table(step, (q) => q.v), grad: table(step, (q) => q.g), delta: table(step, (q) => q.before?.g) })),
    grads: Object.fromEntries(Object.entries(set).map(([name, { g }]) => [name, g])),
  };
}
lstmFigure.workbench = { CELLS, hasC, shapes, weights, run };
})();
