"""Every notebook runs on an array library that refuses, on any machine, what a GPU would refuse."""

import re
from pathlib import Path

import notebooks as book
import pytest

from execute import execute

#: There an operation costs twenty times as much. What it must show, that each one is accepted, a few steps of
#: a training show, and two entries of a gradient; what the whole gives, nbval compares on NumPy.
CUT_SHORT = f"""
{(Path(__file__).parents[1] / "quick_strict.py").read_text(encoding="utf8")}
quicken()
import lstmlab
from lstmlab.training_loop import Training
lstmlab.gradcheck.__kwdefaults__["max_entries"] = 2
whole = Training.reason
Training.reason = lambda self: "cut short" if self.done >= 3 else whole(self)
"""
#: The same for a loop that a chapter writes out: its number of steps is called ``steps``.
OWN_LOOP = re.compile(r"(?<=for _ in range\()steps(?=\))|(?<=range\(1, )steps(?= \+ 1\))|(?<=< )steps\b")
#: Two searches that are long for other reasons: what stands in their cells, and less of the same.
SHORTER = {
    "04_cell_state": ("for k in range(6))", "for k in range(1))"),
    "12_highway_and_multiplicative": ("range(20, most + 1, 20)", "range(20, 41, 20)"),
}


@pytest.mark.parametrize("path", book.CHAPTERS, ids=book.name)
def test_the_same_cells_run_on_the_strict_backend(path, monkeypatch):
    monkeypatch.setenv("LSTMLAB_BACKEND", "strict")
    monkeypatch.delenv("MPLBACKEND", raising=False)  # the kernel draws into the notebook
    nb = book.read(path)
    code = [cell for cell in nb.cells if cell.cell_type == "code"]
    nb.cells.insert(0, book.nbformat.v4.new_code_cell(CUT_SHORT))
    whole = "\n".join(cell.source for cell in code)
    long, short = SHORTER.get(path.stem, ("", ""))
    assert not long or whole.count(long) == 1, f"{path.stem}: {long} is no longer in one place"
    if re.search(r"\b(fit|Adam|SGD)\(", whole) or OWN_LOOP.search(whole) or long:
        for cell in code:
            cell.source = OWN_LOOP.sub("min(steps, 3)", cell.source.replace(long, short))
        monkeypatch.setenv("PYTHONOPTIMIZE", "1")  # no assert: nothing has been learnt
    execute(nb, path.parent)  # raises where a cell does; the numbers are nbval's to compare
