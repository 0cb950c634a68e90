"""How the processor time of notebooks is noted and judged."""

import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

import seconds

ROOT = Path(__file__).parents[1]


def write(path, *sources):
    cells = [nbformat.v4.new_markdown_cell("words"), *map(nbformat.v4.new_code_cell, sources)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    return path


def test_a_run_of_nbval_leaves_a_note_for_each_notebook_that_ran_to_its_end(tmp_path):
    whole = write(
        tmp_path / "whole.ipynb", "import time\nx = 1", "while time.process_time() < 1.2:\n    pass"
    )
    broken = write(tmp_path / "broken.ipynb", "x = 2", "raise SystemExit")
    variables = seconds.prepare(tmp_path / "reports")
    command = [sys.executable, "-m", "pytest", "-q", "--nbval", "--nbval-current-env", str(whole)]
    done = subprocess.run(
        [*command, "-p", "no:cacheprovider"],
        cwd=tmp_path,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "2 passed" in done.stdout, done.stdout
    found = seconds.read(tmp_path / "reports", [whole, broken])
    assert found["whole"] == pytest.approx(1.5, abs=1.2)
    assert found["broken"] is None
    said, good = seconds.report(found)
    assert not good
    assert "not measured: broken" in said


@pytest.mark.parametrize(
    ("spent", "named", "good"),
    [(29.0, False, True), (30.0, True, True), (59.0, True, True), (60.0, True, False)],
)
def test_the_limit(tmp_path, spent, named, good):
    path = write(tmp_path / "one.ipynb", "x = 1")
    seconds.prepare(tmp_path / "reports")
    note = {"cells": seconds.cells_of(path), "seconds": spent}
    (tmp_path / "reports" / "seconds" / "7.json").write_text(json.dumps(note), encoding="utf8")
    said, verdict = seconds.report(seconds.read(tmp_path / "reports", [path]))
    assert verdict is good
    assert f"{spent:.0f} s  one" in said
    assert ("over 30 s: one" in said) is named


def test_what_an_earlier_run_noted_is_thrown_away(tmp_path):
    path = write(tmp_path / "one.ipynb", "x = 1")
    seconds.prepare(tmp_path)
    note = {"cells": seconds.cells_of(path), "seconds": 1.0}
    (tmp_path / "seconds" / "7.json").write_text(json.dumps(note), encoding="utf8")
    assert seconds.read(tmp_path, [path])["one"] == 1.0
    seconds.prepare(tmp_path)
    assert seconds.read(tmp_path, [path])["one"] is None


def test_two_notebooks_of_the_course_are_not_taken_for_each_other():
    paths = sorted((ROOT / "book").glob("part*/*.ipynb"))
    assert len({seconds.cells_of(path) for path in paths}) == len(paths)
