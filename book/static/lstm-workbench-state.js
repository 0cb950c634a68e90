// The state of <lstm-workbench>: read from what is typed and from the address, checked, written into the address.
// Needs lstm-workbench-cells.js before it.
(() => {
const { CELLS, hasC, shapes, weights } = lstmFigure.workbench;
const MOST = { nx: 4, nh: 4, nc: 6, seed: 9999, steps: 60, size: 1000 };
const DEFAULT = { cell: "lstm", n_x: 1, n_h: 2, n_c: 3, seed: 1, x: [[1], [0], [0], [0], [-1], [0], [0], [0]], kind: "h", unit: 0, t: 1, look: 0, set: {} };

const sizes = ({ n_x, n_h, n_c }) => ({ n_x, n_h, n_c });
const units = ({ cell, n_h, n_c }, kind) => (kind === "C" && CELLS[cell].wide ? n_c : n_h);
const several = (n, word) => `${n} ${word}${n === 1 ? "" : "s"}`;

// --- what is typed --------------------------------------------------------------------------------------
function number(text) {
  const plain = text.trim().replace("−", "-"), value = Number(plain);
  if (!/^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(plain)) throw Error(`“${text.trim().slice(0, 20)}” is not a number.`);
  if (Math.abs(value) > MOST.size) throw Error(`${plain} is too large: numbers go from −${MOST.size} to ${MOST.size}.`);
  return value;
}
function whole(name, text, most) {
  if (!/^\d{1,5}$/.test(text) || +text < 1 || +text > most) throw Error(`${name} is “${text.slice(0, 20)}”; it must be a whole number from 1 to ${most}.`);
  return +text;
}
// Steps end with a line or a semicolon; with one channel a space or a comma ends a step too.
function readSequence(text, n_x) {
  const lines = text.trim().split(n_x === 1 ? /[\s,;]+/ : /\s*[\n;]\s*/).filter((line) => line);
  if (!lines.length) throw Error("The input is empty: type at least one step.");
  if (lines.length > MOST.steps) throw Error(`The input has ${lines.length} steps; at most ${MOST.steps} fit.`);
  return lines.map((line, t) => {
    const step = line.split(/[\s,]+/).filter((word) => word);
    if (step.length !== n_x) throw Error(`Step ${t + 1} of the input has ${several(step.length, "number")}; with n_x = ${n_x} it needs ${n_x}.`);
    return step.map(number);
  });
}
const writeSequence = (x) => x.map((step) => step.join(" ")).join(x[0].length === 1 ? " " : "\n");

// --- a state that fits together ---------------------------------------------------------------------------
// After a change of cell or size: channels are added or cut, what was set by hand stays where its shape still fits.
function fitted(old, change) {
  const s = { ...old, ...change };
  if (CELLS[s.cell].square) s.n_h = change.n_h ? (s.n_x = s.n_h) : s.n_x;
  if (!change.x) s.x = s.x.map((step) => Array.from({ length: s.n_x }, (_, k) => step[k] ?? 0));
  const wanted = shapes(s.cell, sizes(s));
  s.set = Object.fromEntries(Object.entries(s.set).filter(([name, v]) => wanted[name] && fits(v, wanted[name])));
  if (s.kind === "C" && !hasC(s.cell)) s.kind = "h";
  s.unit = Math.min(s.unit, units(s, s.kind) - 1);
  s.t = Math.min(s.t, s.x.length);
  s.look = Math.min(s.look, units(s, "C") - 1);
  return s;
}
const fits = (v, [rows, columns]) => v.length === rows && v.every((row) => (columns ? row.length === columns : !row?.length));
const params = (s) => ({ ...weights(s.cell, sizes(s), s.seed), ...s.set });

// --- the address --------------------------------------------------------------------------------------------
const rows = (v) => v.map((row) => (row.length ? row.join(",") : row)).join(";");
function write(s) {
  const parts = { cell: s.cell, nx: s.n_x, nh: s.n_h, ...(CELLS[s.cell].wide && { nc: s.n_c }), seed: s.seed, x: rows(s.x), loss: s.kind + (s.unit + 1), t: s.t, look: s.look + 1 };
  for (const [name, v] of Object.entries(s.set)) parts[name] = rows(v);
  return Object.entries(parts).map(([key, value]) => `${key}=${value}`).join("&");
}
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    throw Error(`“${text.slice(0, 20)}” is not written as addresses are.`);
  }
}
// Throws an Error whose message says, to the reader, what is wrong.
function read(hash) {
  const given = {};
  for (const part of hash.replace(/^#/, "").split("&").filter((part) => part)) {
    const [, key, value] = decoded(part).match(/^([^=]*)=?([^]*)$/);
    if (key in given) throw Error(`“${key.slice(0, 20)}” stands in it twice.`);
    given[key] = value;
  }
  const take = (key, other) => {
    const value = given[key] ?? `${other}`;
    delete given[key];
    return value;
  };
  const cell = take("cell", DEFAULT.cell);
  if (!Object.hasOwn(CELLS, cell)) throw Error(`There is no cell “${cell.slice(0, 20)}”; there are ${Object.keys(CELLS).join(", ")}.`);
  const n_x = whole("nx", take("nx", DEFAULT.n_x), MOST.nx), n_h = whole("nh", take("nh", CELLS[cell].square ? n_x : DEFAULT.n_h), MOST.nh);
  const n_c = CELLS[cell].wide ? whole("nc", take("nc", DEFAULT.n_c), MOST.nc) : DEFAULT.n_c;
  if (CELLS[cell].square && n_x !== n_h) throw Error(`The ${CELLS[cell].title} multiplies x and h entry by entry: nx and nh must be equal.`);
  const s = { cell, n_x, n_h, n_c, seed: whole("seed", take("seed", DEFAULT.seed), MOST.seed), set: {} };
  s.x = "x" in given ? readSequence(take("x"), n_x) : fitted(DEFAULT, { n_x }).x;
  const [, kind, unit] = take("loss", "h1").match(/^(h|C|all)(\d+)$/) ?? [];
  if (!kind || (kind === "C" && !hasC(cell))) throw Error(`The loss must be ${hasC(cell) ? "h, C or all" : "h or all"} with the number of a unit, such as h1.`);
  Object.assign(s, { kind, unit: whole("the loss’s unit", unit, units(s, kind)) - 1, t: whole("t", take("t", DEFAULT.t), s.x.length) });
  s.look = whole("look", take("look", 1), units(s, "C")) - 1;
  const wanted = shapes(cell, sizes(s));
  for (const [name, text] of Object.entries(given)) {
    if (!Object.hasOwn(wanted, name)) throw Error(`It has “${name.slice(0, 20)}”, which this cell does not know.`);
    const [n, columns] = wanted[name], v = text.split(";").map((row) => (columns ? row.split(",").map(number) : number(row)));
    if (!fits(v, wanted[name])) throw Error(`${name} must have ${columns ? `${several(n, "row")} of ${several(columns, "number")}` : several(n, "number")}.`);
    s.set[name] = v;
  }
  return s;
}
Object.assign(lstmFigure.workbench, { MOST, DEFAULT, sizes, units, number, readSequence, writeSequence, fitted, params, read, write });
})();
