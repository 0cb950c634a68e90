"""Every exercise: its solution, its stubs, its mistakes, its copies. A new source is tested unasked."""

import json
import re

import numpy as np
import pytest
from handed_in import NAMES, handed_in, run, solved

import exercises
from exercises import check
from exercises.judge import judge, outputs
from exercises.make import as_text, main, student_copy
from exercises.source import BEGIN, END, HERE, SOURCES, find, read, role

PARTS = [(name, part.number) for name in NAMES for part in find(name).parts]
every_part = pytest.mark.parametrize(("name", "number"), PARTS, ids=[f"{n}-{k}" for n, k in PARTS])
LINES, WIDTH = 12, 400  # of a message


def verdict(exercise, number, edit, hidden=False):
    function = exercise.function(number, {number: edit} if edit else None)
    return judge(exercise, number, exercise.outcomes(function, number, hidden), hidden)


@every_part
@pytest.mark.parametrize("hidden", [False, True], ids=["notebook", "grader"])
def test_the_solution_earns_everything(name, number, hidden):
    found = verdict(find(name), number, None, hidden)
    assert (found.state, found.points) == ("right", found.of), str(found)


@every_part
def test_other_right_answers_earn_everything(name, number):
    exercise = find(name)
    for right in exercise.part(number).right:
        found = verdict(exercise, number, right, hidden=True)
        assert found.state == "right", f"{right}\n{found}"


@every_part
def test_each_mistake_is_rejected_with_its_own_sentence(name, number):
    """By the notebook's own check, and by the grader, which knows more cases."""
    exercise = find(name)
    of_notebook = len(exercise.cases(number))
    for mistake in exercise.part(number).mistakes:
        outcomes = exercise.outcomes(exercise.function(number, {number: mistake}), number, hidden=True)
        rejected(exercise, number, mistake, judge(exercise, number, outcomes[:of_notebook]))
        rejected(exercise, number, mistake, judge(exercise, number, outcomes, hidden=True))


def rejected(exercise, number, mistake, found):
    assert (found.state, found.points) == ("wrong", 0), f"{mistake} is not rejected"
    assert found.mistake == mistake.says, f"{mistake}: another mistake computes the same\n{found}"
    text = str(found)
    assert not [
        other.says for other in exercise.part(number).mistakes if other is not mistake and other.says in text
    ]
    assert len(found.lines) <= LINES
    assert max(map(len, found.lines)) <= WIDTH
    assert "Traceback" not in text


@every_part
def test_a_part_is_complete(name, number):
    exercise = find(name)
    part = exercise.part(number)
    assert part.points > 0
    assert all(len(hint) > 10 for hint in part.hints)
    assert all(n < number for n in part.needs)
    says = [mistake.says for mistake in part.mistakes]
    assert len(says) == len(set(says))
    assert all(text[-1] in ".?" for text in says), "a mistake's sentence ends with a full stop"
    cases = exercise.cases(number)
    assert len(exercise.cases(number, True)) > len(cases), "no hidden case"
    size = [sum(np.size(a) for a in flat(case.arguments)) for case in cases]
    assert size[0] == min(size), "the smallest case comes first"


@every_part
def test_shapes_in_messages_are_true(name, number):
    exercise = find(name)
    part = exercise.part(number)
    if part.plot:
        return
    ndims = {len([d for d in leaf.shape.split(",") if d.strip()]) for leaf in outputs(part)}
    assert all("value" in outcome for outcome in exercise.expected(number, True))
    found = {np.ndim(a) for outcome in exercise.expected(number) for a in flat(outcome["value"])}
    assert not any(leaf.shape for leaf in outputs(part)) or found & ndims


def flat(value):
    if isinstance(value, dict | list | tuple):
        return [a for item in (value.values() if isinstance(value, dict) else value) for a in flat(item)]
    return [value]


def test_an_exercise_is_complete(exercise):
    assert exercise.name[:2].isdigit()
    assert exercise.points + exercise.points_by_hand >= 6
    assert sum(len(part.mistakes) for part in exercise.parts) >= 5
    assert sum(part.plot for part in exercise.parts) >= 1, "no picture to draw"
    assert exercise.points_by_hand, "no question to answer in words"
    assert [part.number for part in exercise.parts] == list(range(1, len(exercise.parts) + 1))
    statement = "\n".join(cell.text for cell in exercise.cells if role(cell) == "text")
    assert f"**Points** {exercise.points} by the checks" in statement
    assert f"{exercise.points_by_hand} by hand" in statement
    assert f"about {exercise.minutes} minutes" in statement


@pytest.mark.parametrize("name", NAMES)
def test_the_copy_is_fresh(name):
    """``python -m exercises.make`` makes them anew."""
    assert main([name, "--check"]) == 0


def test_there_is_no_copy_without_a_source():
    copies = {path.stem for path in HERE.glob("*.ipynb")}
    assert copies == set(NAMES)


def secrets(exercise):
    """What must stand neither in the student's copy nor on the site."""
    shown = "\n".join(c.text for c in exercise.cells if role(c) in ("given", "try", "text"))
    found = [line for cell in exercise.cells if role(cell) == "answer" for line in cell.text.splitlines()]
    for part in exercise.parts:
        solution = exercise.solution(part.number)
        found += solution[solution.index(BEGIN) : solution.index(END)].splitlines()[1:]
        found += [*part.hints, *(m.says for m in part.mistakes), *(r.code for r in part.right if r.code)]
    return [text.strip() for text in found if len(text.strip()) >= 18 and text.strip() not in shown]


def test_the_copy_gives_nothing_away(exercise):
    hidden = secrets(exercise)
    assert len(hidden) > 10
    copy = as_text(student_copy(exercise))
    plain = "\n".join("".join(cell["source"]) for cell in student_copy(exercise)["cells"])
    for text in hidden:
        assert text not in plain, text
        assert json.dumps(text, ensure_ascii=False)[1:-1] not in copy
    for word in ("BEGIN SOLUTION", "HIDDEN TESTS", "Mistake(", "Part("):
        assert word not in copy
    assert any(text in exercise.text for text in hidden)  # the search would find them


def test_what_nbgrader_reads_is_there(exercise):
    cells = {cell["id"]: cell for cell in student_copy(exercise)["cells"]}
    assert len(cells) == len(student_copy(exercise)["cells"])
    for part in exercise.parts:
        grading = cells[f"check-{part.number}"]["metadata"]["nbgrader"]
        assert (grading["grade"], grading["locked"], grading["points"]) == (True, True, part.points)
        assert grading["schema_version"] == 3
        task = cells[f"task-{part.number}"]
        assert task["metadata"]["nbgrader"]["solution"]
        source = "".join(task["source"])
        assert f'# YOUR CODE HERE\n    raise NotImplementedError("task {part.number}: ' in source
    answers = [cell for name, cell in cells.items() if name.startswith("answer-")]
    assert sum(cell["metadata"]["nbgrader"]["points"] for cell in answers) == exercise.points_by_hand


@pytest.mark.parametrize("backend", ["numpy", "strict"])
def test_the_copy_runs_untouched_and_solved(exercise, backend, monkeypatch):
    """Untouched, every check names the stub; solved, every one is right; on a GPU's like as well."""
    if backend == "strict":
        from lstmlab import get_xp, to_numpy

        xp = get_xp("strict")
        monkeypatch.setattr(exercises, "xp", xp, raising=False)
        monkeypatch.setattr(check, "_mover", lambda: (xp.asarray, to_numpy))
    said = run(handed_in(exercise))
    for part in exercise.parts:
        assert f"… Part {part.number}, {part.function}: not written yet. Task {part.number}: " in said
    assert f"0 of {exercise.points} points" in said
    said = run(solved(exercise))
    for part in exercise.parts:
        assert f"✓ Part {part.number}, {part.function}: right." in said, said
    assert f"{exercise.points} of {exercise.points} points" in said


def test_the_text_is_a_notebook_for_jupytext_too(exercise):
    jupytext = pytest.importorskip("jupytext")
    nb = jupytext.reads(exercise.text, fmt="md:myst")
    theirs = [(cell.cell_type, cell.source.strip()) for cell in nb.cells]
    assert theirs == [(cell.kind, cell.text.strip()) for cell in exercise.cells]
    assert [cell.metadata.get("tags", []) for cell in nb.cells] == [cell.tags for cell in exercise.cells]


def test_the_template_is_an_exercise():
    template = read(SOURCES / "template.md")
    for part in template.parts:
        function = template.function(part.number)
        assert judge(template, part.number, template.outcomes(function, part.number)).state == "right"
        for mistake in part.mistakes:
            assert verdict(template, part.number, mistake).mistake == mistake.says
    assert re.search(r'exercises\.start\("template"\)', template.text)
