"""The cells on the workbench compute what lstmlab computes, and a link describes a bench or is refused.

The scripts are evaluated without a page; what they do in one is tests/site/test_lstm_workbench_browser.py.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lstmlab as ll
from lstmlab.cells.deltas import lstm_deltas
from lstmlab.unroll import walk_back

py_mini_racer = pytest.importorskip("py_mini_racer")
BOOK = Path(__file__).parents[2] / "book"
STATIC = BOOK / "static"
SCRIPTS = ("lstm-figure", "lstm-workbench-cells", "lstm-workbench-state", "lstm-workbench-views")
CELLS: dict[str, Any] = {
    "lstm": ll.LSTM,
    "peephole": ll.PeepholeLSTM,
    "coupled": ll.CoupledLSTM,
    "coupled-peephole": ll.CoupledPeepholeLSTM,
    "projected": partial(ll.ProjectedLSTM, n_c=4),
    "highway": ll.HighwayLSTM,
    "multiplicative": ll.MultiplicativeLSTM,
    "krause": ll.KrauseLSTM,
    "gru": partial(ll.GRU, reset="before"),
    "gru-after": partial(ll.GRU, reset="after"),
    "rnn": ll.RNN,
}
#: What the traces of lstmlab call the quantities of the equations.
NAMES = {"C̃": "C_tilde", "h̃": "h_tilde", "h'": "h_prev", "C'": "C_prev", "u": "h_lstm"}
HELPERS = """
function benchNumbers(hash) {
  const b = lstmFigure.workbench, s = b.read(hash), got = b.run(s.cell, b.sizes(s), b.params(s), s.x, s);
  return {
    state: s, params: b.params(s), got, again: b.write(s), typed: b.readSequence(b.writeSequence(s.x), s.n_x),
    says: b.says(s, got), cards: b.cards(s, got), drawing: b.drawing(s, got, 600), table: b.runTable(s, got),
  };
}
function benchRefuses(hash) {
  try { lstmFigure.workbench.read(hash); } catch (error) { return error.message; }
}
function benchReads(text, n_x) {
  try { return lstmFigure.workbench.readSequence(text, n_x); } catch (error) { return error.message; }
}
function benchFitted(hash, change) {
  const b = lstmFigure.workbench;
  return b.write(b.fitted(b.read(hash), change));
}"""

Call = Callable[..., Any]


def sources() -> dict[str, str]:
    return {name: (STATIC / f"{name}.js").read_text(encoding="utf8") for name in SCRIPTS}


@pytest.fixture(scope="module")
def js() -> Iterator[Call]:
    """A function that calls one of the helpers, or one of the bench's own: ``js("run", ...)``."""
    with py_mini_racer.mini_racer() as context:
        for source in [*sources().values(), HELPERS]:
            context.eval(source)
        yield lambda name, *args: context.call(
            name if name.startswith("bench") else f"lstmFigure.workbench.{name}", *args
        )


def bench(js: Call, name: str, seed: int, kind: str = "h") -> tuple[Any, Any, ll.Run, ll.Back]:
    """Run a cell with random weights, states and inputs on the bench and in lstmlab."""
    rng = np.random.default_rng(seed)
    n_x, n_h = (3, 3) if name == "multiplicative" else (2, 3)
    sizes, unit, T = {"n_x": n_x, "n_h": n_h, "n_c": 4}, 1 + seed % 2, 6
    cell = CELLS[name](n_x=n_x, n_h=n_h, xp=np)
    params = {p: rng.normal(size=shape) for p, shape in js("shapes", name, sizes).items()}
    for p in cell.params:
        cell.params[p] = params[p]
    x = rng.normal(size=(T, n_x))
    start = cell.State(*(params[f"{field}_0"][None] for field in cell.State._fields))
    run = ll.unroll(cell, x[:, None, :], start)
    dh, dstate = np.zeros_like(run.h), None
    if kind == "C":
        dstate = cell.State(*(np.zeros_like(a) for a in start))
        dstate.C[0, unit] = 1.0
    else:
        dh[slice(None) if kind == "all" else -1, 0, unit] = 1.0
    plain = {p: a.tolist() for p, a in params.items()}
    got = js("run", name, sizes, plain, x.tolist(), {"kind": kind, "unit": unit})
    back = ll.backprop(cell, run, dh, dstate)
    reads = run.state.C if kind == "C" else run.h[slice(None) if kind == "all" else slice(-1, None), 0]
    assert got["loss"] == pytest.approx(float(reads[:, unit].sum()), abs=1e-12)
    last = dstate or cell.initial_state(1)
    for step in walk_back(cell, run.trace, run.mask, dh, last, cell.params.zeros_like()):
        close(got["steps"][step.t]["grad"]["h"], step.total.h[0])
    return cell, got, run, back


def close(got: Any, wanted: Any) -> None:
    np.testing.assert_allclose(np.array(got), wanted, rtol=1e-12, atol=1e-12)


def compare(js: Call, name: str, seed: int, kind: str = "h") -> tuple[Any, ll.Run]:
    """Every quantity of every step, and all gradients, agree to 1e-12."""
    cell, got, run, back = bench(js, name, seed, kind)
    for quantity in got["names"]:
        field = NAMES.get(quantity, quantity)
        if field in run.trace._fields:
            values = [step["value"][quantity] for step in got["steps"]]
            close(values, getattr(run.trace, field)[:, 0])
    assert set(got["grads"]) == {*cell.params, *(f"{field}_0" for field in cell.State._fields)}
    for p in cell.params:
        close(got["grads"][p], back.grads[p])
    for field in cell.State._fields:
        close(got["grads"][f"{field}_0"], getattr(back.dstate, field)[0])
    close([step["grad"]["x"] for step in got["steps"]], back.dx[:, 0])
    return got, run


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", CELLS)
def test_a_cell_on_the_bench_is_the_packages_forward_and_back(js: Call, name: str, seed: int) -> None:
    kinds = ["h", "all"] + (["C"] if "C" in CELLS[name](n_x=2, n_h=2).State._fields else [])
    for kind in kinds:
        compare(js, name, seed, kind)


def test_the_bench_has_these_cells_and_their_parameters(js: Call) -> None:
    offered = re.findall(r"“x”; there are (.+)\.", js("benchRefuses", "cell=x"))[0]
    assert offered.split(", ") == list(CELLS)
    for name, make in CELLS.items():
        shapes = js("shapes", name, {"n_x": 2, "n_h": 2, "n_c": 4})
        wanted = {p: list(a.shape) for p, a in make(n_x=2, n_h=2, xp=np).params.items()}
        assert {p: n for p, n in shapes.items() if not p.endswith("_0")} == wanted


@pytest.mark.parametrize("seed", range(3))
def test_gates_and_states_get_the_gradients_of_the_derivation(js: Call, seed: int) -> None:
    got, run = compare(js, "lstm", seed)
    grad, delta = ([step[kind] for step in got["steps"]] for kind in ("grad", "delta"))
    trace, dC_next = run.trace, np.zeros((3, 1))
    for t in reversed(range(len(grad))):
        at = ll.at_step(trace, t)
        columns = (at.C_prev.T, at.f.T, at.i.T, at.C_tilde.T, at.C.T, at.o.T)
        dh_t = np.array(grad[t]["h"])[:, None]
        deltas, dC_t = lstm_deltas(dh_t, dC_next, *columns)
        close(grad[t]["C"], dC_t[:, 0])
        for gate, wanted in zip(("f", "i", "C̃", "o"), deltas, strict=True):
            close(delta[t][gate], wanted[:, 0])
        close(grad[t]["f"], dC_t[:, 0] * at.C_prev[0])
        dC_next = dC_t * at.f.T


MUTANTS = [
    ("lstm-figure", "(a >= 0 ? 1 : e) / (1 + e)", "1 / (1 + e)"),
    ("lstm-workbench-cells", "y.v[k] * (1 - y.v[k])", "y.v[k]"),
    ("lstm-workbench-cells", "1 - y.v[k] ** 2", "1 - y.v[k]"),
    ("lstm-workbench-cells", "W.g[r][k] += g", "W.g[r][k] = g"),
    ("lstm-workbench-cells", "product ? at(b.v, k) : 1", "product ? at(a.v, k) : 1"),
    ("lstm-workbench-cells", "product ? at(a.v, k) : sign", "product ? at(a.v, k) : 1"),
    ("lstm-workbench-cells", "C = f ⊙ C' + i ⊙ C̃", "C = f ⊙ C + i ⊙ C̃".replace("⊙ C +", "⊙ h' +")),
    ("lstm-workbench-cells", 'o: " + W_co ⊙ C"', 'o: " + W_co ⊙ C\'"'),
    ("lstm-workbench-cells", "h = (1 - z) ⊙ h' + z ⊙ h̃", "h = z ⊙ h' + (1 - z) ⊙ h̃"),
]


@pytest.mark.parametrize(("script", "right", "wrong"), MUTANTS)
def test_a_mistake_would_be_seen(script: str, right: str, wrong: str) -> None:
    changed = sources()
    assert right in changed[script]
    changed[script] = changed[script].replace(right, wrong)
    with py_mini_racer.mini_racer() as context:
        for source in changed.values():
            context.eval(source)

        def js(name: str, *args: Any) -> Any:
            return context.call(f"lstmFigure.workbench.{name}", *args)

        assert any(differs(js, name) for name in ("peephole", "coupled", "gru"))


def differs(js: Call, name: str) -> bool:
    try:
        compare(js, name, 0)
    except AssertionError:
        return True
    return False


# --- weights by seed ---------------------------------------------------------------------------


def mulberry(seed: int) -> Iterator[float]:
    """The same throws as the page's dice, computed with Python's whole numbers."""
    low = (1 << 32) - 1
    while True:
        seed = (seed + 0x6D2B79F5) & low
        t = (seed ^ (seed >> 15)) * (1 | seed) & low
        t = ((t + ((t ^ (t >> 7)) * (61 | t) & low)) & low) ^ t
        yield ((t ^ (t >> 14)) & low) / 2**32


@pytest.mark.parametrize("name", ["lstm", "peephole", "projected", "gru-after"])
@pytest.mark.parametrize("seed", [1, 21, 9999])
def test_a_seed_gives_these_weights(js: Call, name: str, seed: int) -> None:
    throws = mulberry(seed)
    got = js("weights", name, {"n_x": 2, "n_h": 3, "n_c": 4}, seed)
    for p, shape in js("shapes", name, {"n_x": 2, "n_h": 3, "n_c": 4}).items():
        if p.startswith("W"):
            drawn = [(np.floor(301 * next(throws)) - 150) / 100 for _ in range(int(np.prod(shape)))]
            assert np.array(got[p]).ravel().tolist() == drawn
        else:
            assert got[p] == [float(p == "b_f")] * shape[0]


# --- the address -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CELLS)
def test_a_link_survives_the_way_there_and_back(js: Call, name: str) -> None:
    n = 2 if name == "multiplicative" else 3
    link = f"#cell={name}&nx=2&nh={n}&seed=7&x=1,0.5;-2,1e-3;0,0&loss=all2&t=2&look=2&h_0={'1;' * n}".rstrip(
        ";"
    )
    first = js("benchNumbers", link)
    again = js("benchNumbers", f"#{first['again']}")
    assert again == first
    assert first["state"]["x"] == [[1, 0.5], [-2, 0.001], [0, 0]] == first["typed"]
    assert first["state"]["set"]["h_0"] == [1] * n
    for shown in ("cards", "drawing", "table", "says"):
        assert not re.search("NaN|undefined|null|Infinity", first[shown])


REFUSED = [
    ("cell=lsmt", "There is no cell “lsmt”; there are lstm, peephole"),
    ("cell=constructor", "There is no cell"),
    ("nh=9", "nh is “9”; it must be a whole number from 1 to 4."),
    ("seed=0", "seed is “0”"),
    ("seed=1.5", "seed is “1.5”"),
    ("cell=multiplicative&nx=2&nh=3", "nx and nh must be equal"),
    ("nx=2&x=1;2", "Step 1 of the input has 1 number; with n_x = 2 it needs 2."),
    ("x=", "The input is empty"),
    ("x=1;zwei", "“zwei” is not a number."),
    ("x=1e9", "1e9 is too large"),
    ("x=" + ";".join(["0"] * 61), "The input has 61 steps; at most 60 fit."),
    ("cell=gru&loss=C1", "The loss must be h or all with the number of a unit"),
    ("loss=h3", "the loss’s unit is “3”"),
    ("t=9", "t is “9”; it must be a whole number from 1 to 8."),
    ("W_f=1,2", "W_f must have 2 rows of 3 numbers."),
    ("b_f=1", "b_f must have 2 numbers."),
    ("b_f=1,1;2,2", "“1,1” is not a number."),
    ("cell=rnn&W_f=1", "“W_f”, which this cell does not know"),
    ("nh=1&nh=2", "“nh” stands in it twice."),
    ("cell=%E0%A4%A", "is not written as addresses are"),
    ("=1", "“”, which this cell does not know"),
]


@pytest.mark.parametrize(("hash_", "message"), REFUSED)
def test_a_broken_link_is_told_what_is_wrong(js: Call, hash_: str, message: str) -> None:
    assert message in js("benchRefuses", hash_)


@pytest.mark.parametrize(
    ("text", "n_x", "read"),
    [
        ("1 0,-2;.5\n3", 1, [[1], [0], [-2], [0.5], [3]]),
        ("1 0\n\n −2, .5 \n", 2, [[1, 0], [-2, 0.5]]),
        ("1, 0; 2, 3", 2, [[1, 0], [2, 3]]),
        ("1 0\n2", 2, "Step 2 of the input has 1 number; with n_x = 2 it needs 2."),
        ("Infinity", 1, "“Infinity” is not a number."),
    ],
)
def test_what_is_typed_is_read_or_refused(js: Call, text: str, n_x: int, read: Any) -> None:
    assert js("benchReads", text, n_x) == read


def test_a_change_keeps_what_still_fits(js: Call) -> None:
    here = "cell=lstm&nx=1&nh=2&seed=3&x=1;2&loss=C2&t=2&b_f=3;3&W_C=0,0,0;0,0,0"
    for change, wanted in (
        ({"n_x": 2}, "x=1,0;2,0&loss=C2&t=2&look=1&b_f=3;3"),
        ({"cell": "gru"}, "x=1;2&loss=h2&t=2&look=1"),
        ({"n_h": 1}, "x=1;2&loss=C1&t=2&look=1"),
    ):
        assert js("benchFitted", here, change).endswith(f"seed=3&{wanted}")
    assert "nx=1&nh=1" in js("benchFitted", here, {"cell": "multiplicative"})
    assert "nx=3&nh=3" in js("benchFitted", "cell=multiplicative&nx=2", {"n_h": 3})


# --- the page ----------------------------------------------------------------------------------

PAGE = (BOOK / "workbench.md").read_text(encoding="utf8")
LINKS = [html.unescape(link) for link in re.findall(r'data-bench="([^"]*)"', PAGE)]


def shown(x: float) -> str:
    return f"{x:.3f}".replace("-0.000", "0.000").replace("-", "−")


def test_the_page_without_scripts_shows_the_numbers_of_lstmlab(js: Call) -> None:
    first = js("benchNumbers", html.unescape(re.findall(r'<lstm-workbench state="([^"]*)"', PAGE)[0]))
    cell = ll.LSTM(1, 2, xp=np)
    for p in cell.params:
        cell.params[p] = first["params"][p]
    run = ll.unroll(cell, np.array(first["state"]["x"], float)[:, None, :])
    grad = [step["grad"] for step in first["got"]["steps"]]  # compared with lstmlab above
    rows = re.findall(r"^\| (\d) \| (.*) \|$", PAGE, re.M)
    assert len(rows) == 8
    for (_, numbers), t in zip(rows, range(8), strict=True):
        at = ll.at_step(run.trace, t)
        wanted = [at.f, at.i, at.C_tilde, at.C, at.o, at.h]
        wanted = [f"{at.x[0, 0]:.0f}", *(shown(a[0, 0]) for a in wanted)]
        assert numbers.split(" | ") == [*wanted, shown(grad[t]["C"][0]), shown(grad[t]["h"][0])]
    said = first["says"].replace("\N{NO-BREAK SPACE}", " ")
    assert "unit 1: −0.156. Of its gradient by the cell state at step 8, 86.6 % arrives at step 1." in said
    for part in ("it is −0.156", "86.6 % arrives at step 1", "13.5 %", "0.670 %"):
        assert part in PAGE
    plain = js("benchNumbers", first["again"].replace("&b_f=3;3", ""))["says"]
    assert "13.5\N{NO-BREAK SPACE}% arrives" in plain


@pytest.mark.parametrize(
    ("link", "says"),
    list(
        zip(
            LINKS,
            ["0.670 % arrives", "0.0813 % arrives", "637 % arrives", "74.9 % arrives", "14.576", "0.964"],
            strict=True,
        )
    ),
)
def test_what_the_page_says_of_a_link_is_so(js: Call, link: str, says: str) -> None:
    assert says in js("benchNumbers", link)["says"].replace("\N{NO-BREAK SPACE}", " ")
    assert says.removesuffix(" arrives") in PAGE
