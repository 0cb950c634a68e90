"""Copies, sealed checks for private exercises, and nbgrader's own tools on what we make."""

import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from handed_in import handed_in, run, save, solved

from conftest import TOY
from exercises import make, sealed
from exercises.grade import Options, Result
from exercises.grade import main as grade
from exercises.judge import judge
from exercises.make import nbgrader_source, without_solution
from exercises.sealed import Sealed, seal
from exercises.source import SourceError, find, read, read_text


def test_the_front_of_a_stale_copy(tmp_path, capsys):
    arguments = ["90_toy", "--sources", str(TOY), "--to", str(tmp_path)]
    assert make.main([*arguments, "--check"]) == 1
    assert make.main(arguments) == 0
    assert make.main([*arguments, "--check"]) == 0
    copy = tmp_path / "90_toy.ipynb"
    copy.write_text(copy.read_text(encoding="utf8").replace("A toy", "Another toy"), encoding="utf8")
    assert make.main([*arguments, "--check"]) == 1
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == [
        "stale",
        "written",
        "unchanged",
        "stale",
    ]


def test_markers_must_pair_up():
    with pytest.raises(ValueError, match="do not pair up"):
        without_solution("def f():\n    ### BEGIN SOLUTION\n    return 1")
    text = "def f():\n    ### BEGIN SOLUTION\n    return 1\n    ### END SOLUTION\n    raise X"
    assert without_solution(text) == "def f():\n    # YOUR CODE HERE\n    raise X"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("title: A toy\n", "", "the head lacks title"),
        ("    return C_t\n    ### END", "    ### END", "part 1: the solution must return"),
        (
            '    raise NotImplementedError("task 1: blend old and new")\n',
            "",
            "part 1: the solution must return",
        ),
        ("def blend(", "def mix(", "part 1: expected one cell with a solution that defines blend, got 0"),
        ("check.part(2, walk)", "print(2)", "but check cells for \\[1\\]"),
        ('hints=["one", "two", "three"]', 'hints=["one"]', "expected three hints, got 1"),
        ('("double(x)", "x")', '("treble(x)", "x")', "stands 0 times in the solution, not once"),
        ('inputs={"f": gate', 'inputs={"f": 3, "g": gate', "expected a shape, gate"),
    ],
)
def test_a_source_that_is_not_right_says_where(old, new, words, tmp_path):
    text = (TOY / "90_toy.md").read_text(encoding="utf8")
    assert old in text
    (tmp_path / "90_toy.md").write_text(text.replace(old, new, 1), encoding="utf8")
    with pytest.raises((SourceError, ValueError, TypeError), match=words):
        read(tmp_path / "90_toy.md").mistaken(1)


def test_cells_and_their_metadata_are_read():
    head, cells = read_text(
        '---\ntitle: "T"\nchapter: 2\n---\n\n# One\n\n+++\n\nTwo\n\n```{code-cell}\n:tags: [try, x]\n\n1\n'
        '```\n\n+++ {"tags": ["answer"], "points": 2}\n\nThree\n'
        "\n```{code-cell}\n---\ntags: [author]\n---\n2\n```\n"
    )
    assert head == {"title": "T", "chapter": "2"}
    assert [(cell.kind, cell.text, cell.tags) for cell in cells] == [
        ("markdown", "# One", []),
        ("markdown", "Two", []),
        ("code", "1", ["try", "x"]),
        ("markdown", "Three", ["answer"]),
        ("code", "2", ["author"]),
    ]


def test_a_private_exercise_is_found_first(tmp_path, monkeypatch):
    private = (TOY / "90_toy.md").read_text(encoding="utf8").replace("title: A toy", "title: Ours")
    (tmp_path / "90_toy.md").write_text(private, encoding="utf8")
    monkeypatch.setenv("LSTMLAB_EXERCISES", str(tmp_path))
    assert find("90_toy").title == "Ours"
    assert find("90_toy", TOY).title == "A toy"


def test_sealed_checks_say_the_same_without_a_source(toy, exercise, tmp_path, monkeypatch):
    for each in (toy, exercise):
        if any(part.judge is not None for part in each.parts):
            with pytest.raises(SourceError, match="has a judge of its own"):
                seal(each)
            continue
        closed = Sealed(seal(each))
        assert closed.points == each.points
        for part in each.parts:
            n = part.number
            for edit in [None, *part.mistakes]:
                outcomes = each.outcomes(each.function(n, {n: edit} if edit else None), n)
                assert str(judge(closed, n, outcomes)) == str(judge(each, n, outcomes))
            with pytest.raises(ValueError, match="came without its source"):
                closed.function(n)
    data = seal(toy)
    for secret in (b"double(x)", b"reversed", b"return", b"def ", b"The secret of the toy"):
        assert secret not in data
    monkeypatch.chdir(tmp_path)
    assert make.main(["90_toy", "--sources", str(TOY), "--to", str(tmp_path), "--sealed"]) == 0
    assert sealed.find_sealed("90_toy") is not None
    said = run(solved(toy))  # no folder of sources is named here
    assert "✓ Part 1, blend: right." in said
    assert "✓ Part 2, walk: right." in said
    assert "not written yet" in run(handed_in(toy))


# --- nbgrader -----------------------------------------------------------------------------------------

CONFIG = 'c = get_config()\nc.ClearSolutions.code_stub = {"python": "# YOUR CODE HERE"}\n'


def test_the_nbgrader_source_has_solutions_and_hidden_tests(toy):
    cells = {cell["id"]: "".join(cell["source"]) for cell in nbgrader_source(toy)["cells"]}
    assert "### BEGIN SOLUTION" in cells["task-1"]
    assert (
        cells["check-2"]
        == "check.part(2, walk)\n### BEGIN HIDDEN TESTS\ncheck.points(2)\n### END HIDDEN TESTS"
    )
    assert "The secret of the toy" in cells["answer-1"]


@pytest.fixture
def course(tmp_path):
    pytest.importorskip("nbgrader")
    (tmp_path / "nbgrader_config.py").write_text(CONFIG, encoding="utf8")
    assert make.main(["02_lstm_step", "--nbgrader", str(tmp_path)]) == 0
    return tmp_path


def nbgrader(course, *arguments):
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    env = {**os.environ, "PYTHONPATH": str(make.HERE.parent), "PATH": path}
    command = [sys.executable, "-m", "nbgrader", *arguments]
    done = subprocess.run(command, cwd=course, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


def test_nbgrader_releases_grades_and_exports(course, monkeypatch):
    """Its release is our copy; its gradebook takes our scores; its own grading gives the same."""
    import json

    name = "02_lstm_step"
    exercise = find(name)
    nbgrader(course, "generate_assignment", name, "--create", "--force")
    release = json.loads((course / "release" / name / f"{name}.ipynb").read_text(encoding="utf8"))
    ours = handed_in(exercise)
    assert ["".join(cell["source"]) for cell in release["cells"]] == [
        "".join(cell["source"]) for cell in ours["cells"]
    ]
    for theirs, mine in zip(release["cells"], ours["cells"], strict=True):
        found = {
            k: v
            for k, v in theirs["metadata"].get("nbgrader", {}).items()
            if k not in ("checksum", "cell_type")
        }
        assert found == mine["metadata"].get("nbgrader", {})
    for student, nb in (("anna", solved(exercise)), ("ben", ours)):
        save(nb, course / "submitted" / student / name / f"{name}.ipynb")
    nbgrader(course, "autograde", name, "--create")
    nbgrader(course, "export", "--to", "theirs.csv")
    arguments = [
        str(course / "submitted"),
        "--out",
        str(course / "out.csv"),
        "--gradebook",
        str(course / "gradebook.db"),
    ]
    assert grade(arguments) == 0
    nbgrader(course, "export", "--to", "ours.csv")
    nbgrader(course, "generate_feedback", name)
    tables = [list(csv.DictReader((course / f"{who}.csv").open())) for who in ("theirs", "ours")]
    assert tables[0] == tables[1]
    assert [float(row["score"]) for row in tables[1]] == [exercise.points, 0.0]
    page = (course / "feedback" / "anna" / name / f"{name}.html").read_text(encoding="utf8")
    assert "Part 1, gate: right" in page


def test_the_gradebook_is_filled_without_a_release(tmp_path):
    api = pytest.importorskip("nbgrader.api")
    from exercises.gradebook import write_gradebook

    options = Options(tmp_path / "o.csv", sources=TOY)
    verdicts = [judge(find("90_toy", TOY), 1, find("90_toy", TOY).expected(1))]
    results = [
        Result("anna", "90_toy", "a", 2, 5, 1, verdicts, {"answer-1": "my words"}),
        Result("x", "", "y"),
    ]
    write_gradebook(results, tmp_path / "gradebook.db", options.load)
    with api.Gradebook(f"sqlite:///{tmp_path}/gradebook.db") as gradebook:
        assert gradebook.find_grade("check-1", "90_toy", "90_toy", "anna").auto_score == 2
        assert gradebook.find_grade("answer-1", "90_toy", "90_toy", "anna").needs_manual_grade
    notebook = (tmp_path / "autograded/anna/90_toy/90_toy.ipynb").read_text(encoding="utf8")
    assert "my words" in notebook
    assert shutil.which("python3")
