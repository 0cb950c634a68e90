"""Every notebook runs on an array library that refuses, on any machine, what a GPU would refuse."""

import importlib
import multiprocessing
import re

import notebooks as book
import pytest

#: There an operation costs twenty times as much. What it must show, that each one is accepted, a few steps of
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
        context.set_forkserver_preload(["strict_chapter"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LSTMLAB_BACKEND", "strict")
        patch.setenv("MPLBACKEND", "agg")
        yield context


@pytest.mark.parametrize("path", book.CHAPTERS, ids=book.name)
def test_the_same_cells_run_on_the_strict_backend(path, processes, tmp_path):
    cells = [cell.source for cell in book.read(path).cells if cell.cell_type == "code"]
    whole = "\n".join(cells)
    long, short = SHORTER.get(path.stem, ("", ""))
    assert not long or whole.count(long) == 1, f"{path.stem}: {long} is no longer in one place"
    trains = bool(re.search(r"\b(fit|Adam|SGD)\(", whole) or OWN_LOOP.search(whole) or long)
    if trains:
        cells = [OWN_LOOP.sub(f"min(steps, {STEPS})", cell.replace(long, short)) for cell in cells]
    log = tmp_path / "said.txt"
    process = processes.Process(target=run_chapter, args=(cells, path.parent, STEPS, not trains, log))
    process.start()
    process.join(60 * MINUTES)
    if process.is_alive():
        process.kill()
    assert process.exitcode == 0, (
        log.read_text(encoding="utf8")[-4000:] if log.is_file() else "it did not start"
    )
