"""Every notebook runs on an array library that refuses, on any machine, what a GPU would refuse."""

import notebooks as book
import pytest

from execute import execute

SECONDS = 30


@pytest.mark.parametrize("path", book.NOTEBOOKS, ids=book.name)
def test_the_same_cells_run_on_the_strict_backend(path, monkeypatch):
    monkeypatch.setenv("LSTMLAB_BACKEND", "strict")
    monkeypatch.delenv("MPLBACKEND", raising=False)  # the kernel draws into the notebook
    execute(book.read(path), path.parent)  # raises where a cell does; the numbers are nbval's to compare


@pytest.mark.parametrize("path", book.NOTEBOOKS, ids=book.name)
def test_a_notebook_needs_half_a_minute_at_most(path, monkeypatch):
    """Processor time of the kernel, so that a busy machine does not fail the test."""
    monkeypatch.setenv("LSTMLAB_BACKEND", "numpy")
    monkeypatch.delenv("MPLBACKEND", raising=False)
    nb = book.read(path)
    nb.cells.append(book.nbformat.v4.new_code_cell("import time; print(time.process_time())"))
    execute(nb, path.parent)
    spent = float(nb.cells[-1].outputs[0].text)
    assert spent < SECONDS, f"{spent:.0f} s"
