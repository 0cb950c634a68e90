"""Every notebook runs on an array library that refuses, on any machine, what a GPU would refuse."""

import importlib
import multiprocessing
import os
import re
import sys

import notebooks as book
import pytest

#: There an operation costs a few times as much. What it must show, that each one is accepted, a few steps of
#: a training show, and two entries of a gradient; what the whole gives, nbval compares on NumPy.
STEPS = 3
#: A loop of a training that a chapter writes out: its number of steps is called ``steps``.
OWN_LOOP = re.compile(r"(?<=for _ in range\()steps(?=\))|(?<=range\(1, )steps(?= \+ 1\))|(?<=< )steps\b")
#: Two searches that are long for other reasons: what stands in their cells, and less of the same.
SHORTER = {
    "04_cell_state": ("for k in range(6))", "for k in range(1))"),
    "12_highway_and_multiplicative": ("range(20, most + 1, 20)", "range(20, 41, 20)"),
}
MINUTES = 5


def run_chapter(*args):
    """Run a chapter in the process that this is called in, which alone imports lstmlab strictly."""
    importlib.import_module("strict_chapter").run(*args)


@pytest.fixture(scope="module")
def processes():
    """Where processes come from: forks of one that has imported everything, where there is such a thing."""
    forks = "forkserver" in multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("forkserver" if forks else "spawn")
    if forks:
        context.set_forkserver_preload(["strict_chapter", __name__])
    with pytest.MonkeyPatch.context() as patch:
        # What it is to import it must find: Python up to 3.12 hands it no path, and says nothing.
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
        patch.setenv("LSTMLAB_BACKEND", "strict")
        patch.setenv("MPLBACKEND", "agg")
        yield context


def ran(processes, cells, folder, asserts, log):
    """Run cells in a process of their own; return how it ended and what it said."""
    process = processes.Process(target=run_chapter, args=(cells, folder, STEPS, asserts, log))
    process.start()
    process.join(60 * MINUTES)
    if late := process.is_alive():
        process.kill()
        process.join()
    said = log.read_text(encoding="utf8")[-4000:] if log.is_file() else "it did not start"
    return process.exitcode, f"{said}\nafter {MINUTES} minutes it was ended" if late else said


@pytest.mark.parametrize("path", book.CHAPTERS, ids=book.name)
def test_the_same_cells_run_on_the_strict_backend(path, processes, tmp_path):
    cells = [cell.source for cell in book.read(path).cells if cell.cell_type == "code"]
    whole = "\n".join(cells)
    long, short = SHORTER.get(path.stem, ("", ""))
    assert not long or whole.count(long) == 1, f"{path.stem}: {long} is no longer in one place"
    trains = bool(re.search(r"\b(fit|Adam|SGD)\(", whole) or OWN_LOOP.search(whole) or long)
    if trains:
        cells = [OWN_LOOP.sub(f"min(steps, {STEPS})", cell.replace(long, short)) for cell in cells]
    ended, said = ran(processes, cells, path.parent, not trains, tmp_path / "said.txt")
    assert ended == 0, said


@pytest.mark.parametrize(
    ("cells", "noticed"),
    [
        (["from lstmlab import xp", "xp.zeros(2)"], ""),
        (["import numpy as np\nfrom lstmlab import xp", "xp.zeros(2) + np.ones(2)"], "Expected Array"),
        (["class A:\n    def __repr__(self):\n        raise ValueError('hidden')", "A()"], "hidden"),
        (["1 +"], "invalid syntax"),
        (["assert False"], "AssertionError"),
    ],
)
def test_a_cell_that_raises_is_noticed(cells, noticed, processes, tmp_path):
    ended, said = ran(processes, cells, tmp_path, True, tmp_path / "said.txt")
    assert ended == bool(noticed)
    assert noticed in said
