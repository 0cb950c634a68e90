"""What students hand in, for the tests: the copy with answers put into it, and what it is wrapped in."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from exercises.make import student_copy
from exercises.source import Exercise, names

NAMES = names()


def handed_in(exercise: Exercise, answers: Mapping[int, str] | None = None) -> dict[str, Any]:
    """Return the student's copy; ``answers`` takes the place of the stubs, part by part."""
    nb = student_copy(exercise)
    for cell in nb["cells"]:
        name = cell["id"]
        if name.startswith("task-") and int(name[5:]) in (answers or {}):
            cell["source"] = (answers or {})[int(name[5:])].splitlines(keepends=True)
    return nb


def solved(exercise: Exercise) -> dict[str, Any]:
    """Return the copy with every solution."""
    return handed_in(exercise, {part.number: exercise.solution(part.number) for part in exercise.parts})


def save(nb: Mapping[str, Any], path: Path) -> Path:
    """Write a notebook."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(nb), encoding="utf8")
    return path


def run(nb: Mapping[str, Any]) -> str:
    """Run a notebook's code cells in one namespace, as Jupyter would, and return what they print."""
    out = io.StringIO()
    namespace: dict[str, Any] = {"__name__": "__main__"}
    with contextlib.redirect_stdout(out):
        for number, cell in enumerate(nb["cells"], 1):
            if cell["cell_type"] == "code":
                exec(compile("".join(cell["source"]), f"<cell {number}>", "exec"), namespace)
    return out.getvalue()
