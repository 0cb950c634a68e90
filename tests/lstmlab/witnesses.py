"""Every cell against every witness: what the page ``book/witnesses.md`` shows.

python tests/lstmlab/witnesses.py        (writes the page; a test compares it with a fresh run)
"""

from __future__ import annotations

import ast
import inspect
import math
import re
import sys
import textwrap
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import gated
import numpy as np
import pytorch
import tree_helpers
import variants
from areas import AREAS
from cases import CELLS, make_case
from oracle import frozen

import lstmlab as ll

PAGE = Path(__file__).parents[2] / "book" / "witnesses.md"
Oracle = tuple[str, Callable[[], float]]


def _cell_oracles(kind: str, jax: bool, pytorch_too: bool, onnx: bool) -> list[Oracle]:
    """The comparisons of :mod:`variants` that exist for one kind."""

    def worst(library: str) -> Callable[[], float]:
        compare = variants.compare_onnx if library == "onnx" else variants.compare
        more = () if library == "onnx" else (library,)
        groups = variants.groups(library, kind)
        return lambda: max(compare(ll, kind, *more, frozen(f"variants_{library}")[g]) for g in groups)

    found = []
    for wanted, library, label in (
        (pytorch_too, "pytorch", "PyTorch"),
        (jax, "jax", "JAX"),
        (onnx, "onnx", "ONNX Runtime, forward, float32"),
    ):
        if wanted:
            found.append((label, worst(library)))
    return found


def _gated(kind: str) -> Oracle:
    return "JAX", lambda: gated.compare(ll, kind, "JAX", frozen("gated_jax")[kind])


def _onnx_gru(reset: str) -> Oracle:
    def worst() -> float:
        groups = {g: a for g, a in frozen("gru_onnx").items() if g.partition("/")[0] == reset}
        return max(gated.compare_onnx(ll, reset, arrays) for arrays in groups.values())

    return "ONNX Runtime, forward, float32", worst


def _pytorch(kind: str, names: Iterable[str], file: str = "pytorch") -> Oracle:
    names = list(names)
    return "PyTorch", lambda: max(pytorch.compare(ll, kind, frozen(file)[f"{kind}/{n}"]) for n in names)


SIZES = ("small", "one", "wide")
ORACLES: dict[str, list[Oracle]] = {
    "LSTM": [_pytorch("LSTM", SIZES)],
    "RNN": [_pytorch("RNN", SIZES)],
    "peephole": _cell_oracles("peephole", jax=True, pytorch_too=False, onnx=True),
    "coupled": _cell_oracles("coupled", jax=False, pytorch_too=True, onnx=True),
    "coupled with peepholes": _cell_oracles("coupled_peephole", jax=True, pytorch_too=False, onnx=True),
    "projected": _cell_oracles("projected", jax=False, pytorch_too=True, onnx=False),
    "two biases": _cell_oracles("two_biases", jax=False, pytorch_too=True, onnx=False),
    "GRU": [_gated("gru"), _onnx_gru("before")],
    "GRU, reset after": [
        (
            "PyTorch",
            lambda: max(gated.compare(ll, "gru_after", "PyTorch", a) for a in frozen("gru_pytorch").values()),
        ),
        _onnx_gru("after"),
    ],
    "highway": [_gated("highway")],
    "depth-gated": [_gated("depth_gated")],
    "multiplicative": [_gated("multiplicative")],
    "Krause": [_gated("krause")],
    "tree, as a chain": [
        ("JAX, whole trees", lambda: max(tree_helpers.compare(ll, a) for a in frozen("tree").values()))
    ],
    "stack": [_pytorch("LSTM", ["stack"], "pytorch_layers")],
    "bidirectional": [
        _pytorch("LSTM", ["both", "deep both", "deep both lengths"], "pytorch_layers"),
    ],
}


class Row(NamedTuple):
    """One line of the table."""

    name: str
    equations: list[str]
    finite_differences: float
    oracles: list[tuple[str, float]]
    strict: float


def equations(cell: Any) -> list[str]:
    """Return the equations a cell's step calls: their labels, or their functions' names."""
    if not hasattr(type(cell), "step") or type(cell).__module__.count(".cells.") == 0:
        return []
    module = sys.modules[type(cell).__module__]
    tree = ast.parse(textwrap.dedent(inspect.getsource(type(cell).step)))
    called = [n.func.id for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)]
    found = []
    for name in dict.fromkeys(called):
        doc = inspect.getdoc(getattr(module, name, None)) or ""
        if inspect.isfunction(getattr(module, name, None)) and ":math:" in doc:
            label = re.search(r"Implements :eq:`([\w-]+)`", doc)
            found.append(f"{{eq}}`{label[1]}`" if label else f"`{name}`")
    return found


def worst_finite_difference(make: Any) -> float:
    """Return the worst relative error over three seeds, every parameter, input and initial state."""
    return max(make_case(make, seed=seed).check(max_entries=20).worst for seed in range(3))


def worst_strict_difference(make: Any) -> float:
    """Return how far the strict array library is from NumPy, over outputs and all gradients."""
    case = make_case(make)
    strict = ll.get_xp("strict")
    cell = make(2, 3, xp=strict)  # the sizes of make_case
    for name, value in case.cell.params.items():
        cell.params[name] = ll.to_numpy(value)

    def moved(a: Any) -> Any:
        return strict.asarray(ll.to_numpy(a))

    state, dstate = (cell.State(*(moved(a) for a in s)) for s in (case.state, case.dstate))
    run = ll.unroll(cell, moved(case.x), state)
    back = ll.backprop(cell, run, moved(case.dh), dstate)
    want_run, want = case.run(), case.back()
    pairs = [
        (run.h, want_run.h),
        (back.dx, want.dx),
        *zip(back.grads.values(), want.grads.values(), strict=True),
    ]
    return max(float(np.abs(ll.to_numpy(a) - ll.to_numpy(b)).max()) for a, b in pairs)


def rows() -> list[Row]:
    """Run every witness of every cell."""
    found = []
    for name, make in CELLS.items():
        cell = make_case(make).cell
        measured = [(label, worst()) for label, worst in ORACLES.get(name, [])]
        strict = worst_strict_difference(make)
        found.append(Row(name, equations(cell), worst_finite_difference(make), measured, strict))
    return found


def bound(error: float) -> str:
    """Round up to a power of ten: digits below that are rounding, and differ by machine."""
    return "0" if error == 0.0 else f"1e{math.ceil(math.log10(error)):+03d}"


TEXT = """# The witnesses

No cell of this course is trusted because it looks right. Each is checked by four witnesses that do not
know of each other: finite differences in float64, an independent implementation, properties that every
cell must have, and mutants, famous mistakes that a test must catch. This table shows the first two, and
the array library that refuses what a GPU would refuse. The command
`python tests/lstmlab/witnesses.py` writes it, and a test compares it with a fresh run.

An error is rounded up to a power of ten. *Finite differences* is the worst relative error over three
random cells, up to 20 entries of every parameter, input and initial state each; the tests allow 1e-7.
*Independent implementation* is the worst absolute difference of outputs and, but for ONNX Runtime, of all
gradients, from frozen numbers; the tests allow 1e-12 in float64 and 1e-6 against float32. *Strict* is the
difference of outputs and all gradients between `array_api_strict` and NumPy.

| cell | equations of a step | finite differences | independent implementation | strict |
|---|---|---|---|---|
{table}

Where no independent implementation is named, what is wrapped has one, and the wrapping is checked by
reductions: without noise, or with all masks at one, the wrapped cell is the plain one, and a checkpointed
cell gives the same gradients.

## The mutants

Each of these is one edit of the package. The tests make the edit, import the package afresh, and fail
unless a witness objects. There are {n_mutants}.

{mutants}
"""


def page(found: list[Row]) -> str:
    """Return the page."""
    lines = []
    for row in found:
        oracles = "<br>".join(f"{label}: {bound(error)}" for label, error in row.oracles) or "–"
        called = ", ".join(row.equations) or "–"
        cells = (row.name, called, bound(row.finite_differences), oracles, bound(row.strict))
        lines.append(f"| {' | '.join(cells)} |")
    mutants = "\n\n".join(map(mutant_list, AREAS))
    n_mutants = sum(len(area.MUTANTS) for area in AREAS.values())
    return TEXT.format(table="\n".join(lines), mutants=mutants, n_mutants=n_mutants)


def mutant_list(area: str) -> str:
    """Return one area's mutants as a folded list."""
    mutants = AREAS[area].MUTANTS
    lines = [f":::{{dropdown}} {area.replace('_', ', ')}: {len(mutants)}"]
    lines += [f"- **{mutant.name}** ({mutant.module}): {mutant.story}" for mutant in mutants]
    return "\n".join([*lines, ":::"])


if __name__ == "__main__":
    PAGE.write_text(page(rows()), encoding="utf8")
