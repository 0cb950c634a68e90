"""Make the students' copies from the sources.

python -m exercises.make                    write exercises/NN_name.ipynb for every source, and the pages
                                            about the exercises
python -m exercises.make --check            write nothing; exit with 1 if a copy or page is stale
python -m exercises.make --nbgrader COURSE  write COURSE/source/NN_name/NN_name.ipynb, solutions and
                                            hidden tests in place, for `nbgrader generate_assignment`
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .page import pages
from .sealed import ENDING, seal
from .source import BEGIN, CHECK, END, HERE, Cell, Exercise, find, names, role

KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
#: What stands in place of a solution; nbgrader is configured to write the same (see INSTRUCTORS.md).
STUB = "# YOUR CODE HERE"
ANSWER = "YOUR ANSWER HERE"


def student_copy(exercise: Exercise) -> dict[str, Any]:
    """Return the notebook a student gets, as data: no solution, no author cell, no hidden test."""
    return notebook(exercise, nbgrader_cells(exercise, solved=False))


def nbgrader_source(exercise: Exercise) -> dict[str, Any]:
    """Return the notebook nbgrader makes its release from: solutions and hidden tests in place."""
    return notebook(exercise, nbgrader_cells(exercise, solved=True))


def notebook(exercise: Exercise, cells: list[dict[str, Any]]) -> dict[str, Any]:
    """Put cells into a notebook."""
    metadata = {"kernelspec": dict(KERNEL), "exercise": {"name": exercise.name}}
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def nbgrader_cells(exercise: Exercise, solved: bool) -> list[dict[str, Any]]:
    """Return the cells with nbgrader's metadata."""
    cells = []
    counts: dict[str, int] = {}
    for cell in exercise.cells:
        kind = role(cell)
        if kind == "author":
            continue
        counts[kind] = counts.get(kind, 0) + 1
        name, text = f"{kind}-{counts[kind]}", cell.text
        grading: dict[str, Any] = {}
        if kind == "task":
            number = next(n for n, task in exercise.tasks.items() if task is cell)
            name, text = f"task-{number}", text if solved else without_solution(text)
            grading = {"solution": True}
        elif kind == "check":
            number = int(CHECK.findall(text)[0][0])
            name = f"check-{number}"
            if solved:
                text += f"\n### BEGIN HIDDEN TESTS\ncheck.points({number})\n### END HIDDEN TESTS"
            grading = {"grade": True, "locked": True, "points": exercise.part(number).points}
        elif kind == "answer":
            text = text if solved else ANSWER
            grading = {"grade": True, "solution": True, "points": int(cell.metadata["points"])}
        elif kind == "given":
            grading = {"locked": True}
        cells.append(as_cell(cell, name, text, grading))
    return cells


def as_cell(cell: Cell, name: str, text: str, grading: dict[str, Any]) -> dict[str, Any]:
    """Return one cell in the notebook's format."""
    metadata: dict[str, Any] = {}
    if grading:
        defaults = {"grade": False, "solution": False, "locked": False, "task": False, "schema_version": 3}
        metadata["nbgrader"] = {**defaults, **grading, "grade_id": name}
        if metadata["nbgrader"]["locked"]:
            metadata |= {"deletable": False, "editable": False}
    made: dict[str, Any] = {
        "cell_type": cell.kind,
        "id": name,
        "metadata": metadata,
        "source": text.splitlines(keepends=True),
    }
    if cell.kind == "code":
        made |= {"execution_count": None, "outputs": []}
    return made


def without_solution(text: str) -> str:
    """Put the stub in place of every solution, as nbgrader does."""
    region = re.compile(rf"^([ \t]*){BEGIN}.*?{END}[ \t]*$", re.S | re.M)
    text, count = region.subn(lambda match: f"{match[1]}{STUB}", text)
    if not count or BEGIN in text or END in text:
        raise ValueError(f"the markers {BEGIN} and {END} do not pair up")
    return text


def as_text(nb: dict[str, Any]) -> str:
    """Write a notebook the one way it is stored."""
    return json.dumps(nb, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m exercises.make",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", nargs="*", help="an exercise; without a name all of them")
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if a copy is stale")
    parser.add_argument("--sources", type=Path, help="a folder of sources to look into first")
    parser.add_argument("--to", type=Path, default=HERE, help="where the copies go")
    parser.add_argument(
        "--nbgrader", type=Path, metavar="COURSE", help="write an nbgrader course's sources instead"
    )
    parser.add_argument(
        "--sealed", action="store_true", help="write the checks without their source beside each copy"
    )
    options = parser.parse_args(argv)
    stale = 0
    if not (options.name or options.sources or options.nbgrader) and options.to == HERE:
        stale = sum(renew(path, text, options.check) for path, text in pages().items())
    for name in options.name or names(options.sources):
        exercise = find(name, options.sources)
        if options.nbgrader:
            path, nb = options.nbgrader / "source" / name / f"{name}.ipynb", nbgrader_source(exercise)
        else:
            path, nb = options.to / f"{name}.ipynb", student_copy(exercise)
        stale += renew(path, as_text(nb), options.check)
        if options.sealed and not options.check:
            path.with_suffix(ENDING).write_bytes(seal(exercise))
    return int(options.check and stale > 0)


def renew(path: Path, text: str, only_look: bool) -> bool:
    """Write a file unless it is fresh or is only looked at; return whether it was stale."""
    fresh = path.is_file() and path.read_text(encoding="utf8") == text
    if not fresh and not only_look:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf8", newline="\n")
    print(f"{'unchanged' if fresh else 'stale' if only_look else 'written':<9}  {path}")
    return not fresh


if __name__ == "__main__":
    sys.exit(main())
