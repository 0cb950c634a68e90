"""Hand the grader's scores to nbgrader: its gradebook, its form for marking by hand, its feedback pages.

Needs nbgrader, which is no part of the course's own dependencies. Nothing of a submission is run here:
the notebooks written for nbgrader are the course's own, with the student's text put into the cells where
it belongs, and the grader's words as the output of the checks.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from .grade import Result
from .make import as_text, student_copy
from .source import Exercise, role


def write_gradebook(results: Iterable[Result], path: Path, load: Callable[[str], Exercise]) -> list[str]:
    """Write scores and notebooks; return what there is to say.

    Parameters
    ----------
    results
        What was graded. Of several notebooks for one exercise the one with most points counts.
    path
        The ``gradebook.db`` of an nbgrader course.
    load
        Finds an exercise by its name.
    """
    try:
        from nbgrader.api import Gradebook  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        raise SystemExit("--gradebook needs nbgrader: pip install nbgrader==0.9.6") from None
    # nbgrader starts the program alembic of its own environment by its bare name
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    best: dict[tuple[str, str], Result] = {}
    for result in results:
        key = (result.student, result.exercise)
        if result.exercise and (key not in best or best[key].points < result.points):
            best[key] = result
    with Gradebook(f"sqlite:///{path.resolve()}") as gradebook:
        for result in best.values():
            exercise = load(result.exercise)
            _register(gradebook, exercise)
            course = path.resolve().parent
            handed_in = course / "submitted" / result.student / exercise.name
            folder = course / "autograded" / result.student / exercise.name
            folder.mkdir(parents=True, exist_ok=True)
            for file, text in (slips := _slips(handed_in)).items():
                (folder / file).unlink(missing_ok=True)
                (folder / file).write_text(text, encoding="utf8")
            when = slips.get("timestamp.txt", "")
            _scores(gradebook, exercise, result, when)
            notebook = folder / f"{exercise.name}.ipynb"
            notebook.unlink(missing_ok=True)  # nbgrader's own are read-only
            notebook.write_text(as_text(marked(exercise, result)), encoding="utf8")
    return [f"{len(best)} submissions are in {path}; nbgrader's formgrader shows them for marking by hand."]


def _register(gradebook: Any, exercise: Exercise) -> None:
    """Make the assignment known, where `nbgrader generate_assignment` has not done so."""
    from nbgrader.api import MissingEntry

    name = exercise.name
    try:
        gradebook.find_notebook(name, name)
    except MissingEntry:
        gradebook.update_or_create_assignment(name)
        gradebook.update_or_create_notebook(name, name)
    for cell, points, kind in grade_cells(exercise):
        try:
            gradebook.find_grade_cell(cell, name, name)
        except MissingEntry:
            gradebook.update_or_create_grade_cell(cell, name, name, max_score=points, cell_type=kind)
            if kind == "markdown":
                gradebook.update_or_create_solution_cell(cell, name, name)


def grade_cells(exercise: Exercise) -> list[tuple[str, float, str]]:
    """Return name, points and kind of every cell that has points."""
    checks = [(f"check-{part.number}", float(part.points), "code") for part in exercise.parts]
    answers = [cell for cell in exercise.cells if role(cell) == "answer"]
    return checks + [
        (f"answer-{k}", float(cell.metadata["points"]), "markdown") for k, cell in enumerate(answers, 1)
    ]


def _slips(folder: Path) -> dict[str, str]:
    """Return what the exchange put beside a submission; feedback and the rule for late work need it."""
    found = {}
    for name in ("timestamp.txt", "submission_secret.txt"):
        path = folder / name
        if path.is_file() and not path.is_symlink() and path.stat().st_size <= 200:
            text = path.read_text(encoding="utf8", errors="replace").strip()
            if re.fullmatch(r"[\w:. +-]+", text):
                found[name] = text
    return found


def _scores(gradebook: Any, exercise: Exercise, result: Result, when: str) -> None:
    from nbgrader.utils import parse_utc  # type: ignore[import-not-found,unused-ignore]

    name = exercise.name
    gradebook.update_or_create_student(result.student)
    timestamp = {"timestamp": parse_utc(when)} if when else {}
    gradebook.update_or_create_submission(name, result.student, **timestamp)
    for verdict in result.verdicts:
        grade = gradebook.find_grade(f"check-{verdict.number}", name, name, result.student)
        grade.auto_score, grade.needs_manual_grade = float(verdict.points), False
    for cell, _, kind in grade_cells(exercise):
        if kind == "markdown":
            grade = gradebook.find_grade(cell, name, name, result.student)
            if grade.manual_score is None:
                grade.needs_manual_grade = True
    gradebook.db.commit()


def marked(exercise: Exercise, result: Result) -> dict[str, Any]:
    """Return the course's notebook with the student's text in it, and the verdicts as outputs."""
    nb = student_copy(exercise)
    said = {f"check-{verdict.number}": str(verdict) for verdict in result.verdicts}
    for cell in nb["cells"]:
        grading = cell["metadata"].get("nbgrader", {})
        name = grading.get("grade_id", "")
        if grading.get("solution") and name in result.written:
            cell["source"] = result.written[name].splitlines(keepends=True)
        if name in said:
            cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": said[name] + "\n"}]
    return nb
