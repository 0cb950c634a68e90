"""The grader, graded: honest work, broken work, and work that attacks it."""

import csv
import os
import time

import pytest
from handed_in import handed_in, save, solved
from hostile import BAD, HONEST, inside, notebook

from conftest import TOY
from exercises import grade as grader
from exercises import report
from exercises.grade import Options, Result, grade, main
from exercises.sandbox import Sandbox
from exercises.source import find
from exercises.submissions import Submission, collect

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the grader needs Linux or macOS")
LIMITS = {"seconds": 2.0, "memory": 2**30}
HONEST_ONES = ("aa_first", "mm_middle", "zz_last")


@pytest.fixture(scope="module")
def batch(tmp_path_factory):
    """All of them graded at once, with honest students between: student to result."""
    root = tmp_path_factory.mktemp("batch")
    folder = root / "submissions"
    folder.mkdir()
    exercise = find("90_toy", TOY)
    for name, bad in BAD.items():
        bad.write(folder / name, exercise)
    for name in HONEST_ONES:
        save(notebook(exercise, HONEST), folder / name / "90_toy.ipynb")
    options = Options(root / "scores.csv", sources=TOY, jobs=2, quiet=True)
    start = time.perf_counter()
    results = grade(collect(folder), Sandbox(limits=LIMITS), options)
    print(f"{len(results)} submissions in {time.perf_counter() - start:.1f} s")
    assert len({result.student for result in results}) == len(results) == len(BAD) + len(HONEST_ONES)
    return {result.student: result for result in results}, root


@pytest.mark.parametrize("name", BAD)
def test_a_bad_submission_is_contained_and_the_reason_given(name, batch):
    result = batch[0][name]
    assert result.points == BAD[name].points, result.why
    assert BAD[name].why in result.why, result.why
    assert len(result.why) < 800
    assert result.points == 5 or result.why


@pytest.mark.parametrize("name", HONEST_ONES)
def test_neighbours_keep_their_points(name, batch):
    assert batch[0][name].points == 5
    assert batch[0][name].why == ""


def test_the_rows_of_honest_students_are_the_same_without_the_others(batch, tmp_path):
    exercise = find("90_toy", TOY)
    for name in HONEST_ONES:
        save(notebook(exercise, HONEST), tmp_path / "in" / name / "90_toy.ipynb")
    alone = grade(
        collect(tmp_path / "in"), Sandbox(limits=LIMITS), Options(tmp_path / "s.csv", sources=TOY, quiet=True)
    )
    assert alone == [batch[0][name] for name in HONEST_ONES]


def test_nothing_was_written_outside(batch):
    folder = batch[1]
    assert not list(folder.rglob("canary"))
    assert not list(folder.rglob("flood"))
    assert not list(folder.rglob("escaped*"))


def test_the_table_and_the_pages_are_harmless(batch):
    results, root = batch
    report.write_table(list(results.values()), root / "scores.csv")
    report.write_pages(list(results.values()), root / "pages")
    rows = list(csv.DictReader((root / "scores.csv").open(encoding="utf8")))
    assert len(rows) == len(results)
    assert not [cell for row in rows for cell in row.values() if cell.startswith(("=", "+", "-", "@"))]
    assert {row["student"] for row in rows} >= {"'=HYPERLINK(1)", "endless"}
    pages = list((root / "pages").iterdir())
    assert len(pages) == len(results)
    for page in pages:
        assert "<script" not in page.read_text(encoding="utf8")
        assert "http" not in page.read_text(encoding="utf8")


def test_hidden_numbers_stay_hidden(toy, tmp_path):
    """A mistake that shows in a hidden case only is named, but its numbers are not."""
    text = HONEST.replace("double(x)", "double(x) * (1 + (C.shape[1] > 4))")
    result = graded(toy, text, tmp_path)
    assert result.points == 3
    said = str(result.verdicts[0])
    assert "This case is not among those of the notebook's own check" in said
    assert "expected   " not in said
    assert "got  " not in said


def graded(exercise, code, tmp_path, sandbox=None, **options):
    data = save(notebook(exercise, code), tmp_path / "x.ipynb").read_bytes()
    options = Options(tmp_path / "out.csv", sources=TOY, quiet=True, **options)
    return grade([Submission("x", "x.ipynb", data)], sandbox or Sandbox(limits=LIMITS), options)[0]


@pytest.mark.parametrize("name", ["02_lstm_step", "05_lstm_backward"])
def test_the_grader_on_real_exercises(name, tmp_path):
    exercise = find(name)
    save(solved(exercise), tmp_path / "in" / "full.ipynb")
    save(handed_in(exercise), tmp_path / "in" / "none.ipynb")
    options = Options(tmp_path / "scores.csv", quiet=True)
    full, none = grade(collect(tmp_path / "in"), Sandbox(), options)
    assert (full.points, full.why) == (exercise.points, "")
    assert none.points == 0
    assert {verdict.state for verdict in none.verdicts} == {"untouched"}
    for part in exercise.parts:
        assert f"Task {part.number}: " in str(none.verdicts[part.number - 1])


def test_a_later_part_earns_its_points_without_the_earlier_one(toy, tmp_path):
    for code in ("", inside_text("return 0 * C")):
        answers = {2: toy.solution(2)} | ({1: code} if code else {})
        save(handed_in(toy, answers), tmp_path / "in" / "stuck.ipynb")
        options = Options(tmp_path / "scores.csv", sources=TOY, quiet=True)
        result = grade(collect(tmp_path / "in"), Sandbox(limits=LIMITS), options)[0]
        assert [verdict.points for verdict in result.verdicts] == [0, 3]
        assert "Checked with the course's own functions" in str(result.verdicts[1])


def inside_text(line):
    return f"def blend(f, C, x):\n    {line}\n"


def test_the_lent_function_earns_nothing_for_its_own_part(toy, tmp_path):
    code = "blend = check.reference(1)\n"
    assert [v.points for v in graded(toy, code, tmp_path).verdicts] == [0, 3]


def test_a_secret_changes_the_hidden_cases_only(toy):
    numbers = [[case.arguments["C"] for case in toy.part(1).cases(hidden)] for hidden in (False, True)]
    toy.part(1).secret = "of this year"
    try:
        again = [[case.arguments["C"] for case in toy.part(1).cases(hidden)] for hidden in (False, True)]
    finally:
        toy.part(1).secret = ""
    assert all((a == b).all() for a, b in zip(numbers[0], again[0], strict=True))
    assert not any((a == b).all() for a, b in zip(numbers[1], again[1], strict=True))


def test_an_interrupted_run_goes_on(toy, tmp_path, monkeypatch):
    submissions = [
        Submission(f"s{k}", f"s{k}.ipynb", save(notebook(toy, HONEST), tmp_path / f"{k}.ipynb").read_bytes())
        for k in range(3)
    ]
    options = Options(tmp_path / "scores.csv", sources=TOY, quiet=True)
    sandbox = Sandbox(limits=LIMITS)
    right, calls = grader.grade_one, []

    def interrupted(submission, *rest):
        calls.append(submission.student)
        if submission.student == "s2" and len(calls) == 3:
            raise KeyboardInterrupt
        return right(submission, *rest)

    monkeypatch.setattr(grader, "grade_one", interrupted)
    with pytest.raises(KeyboardInterrupt):
        grade(submissions, sandbox, options)
    options.resume = True
    results = grade(submissions, sandbox, options)
    assert [result.points for result in results] == [5, 5, 5]
    assert calls == ["s0", "s1", "s2", "s2"]  # the first two were kept
    assert Result.from_json(results[0].to_json()) == results[0]


def test_a_fault_in_one_does_not_stop_the_others(toy, tmp_path, monkeypatch):
    def breaks(submission, *rest):
        if submission.student == "a":
            raise RuntimeError("a fault of the grader's own")
        return Result(submission.student, "90_toy", "", 5, 5)

    monkeypatch.setattr(grader, "grade_one", breaks)
    options = Options(tmp_path / "scores.csv", sources=TOY, quiet=True)
    results = grade([Submission("a", "a.ipynb"), Submission("b", "b.ipynb")], Sandbox(), options)
    assert [result.points for result in results] == [0, 5]
    assert "could not be graded (RuntimeError)" in results[0].why


def test_the_command(toy, tmp_path, capsys):
    folder = tmp_path / "in"
    save(notebook(toy, HONEST), folder / "anna.ipynb")
    inside("return C")(folder / "ben", toy)
    out = tmp_path / "scores.csv"
    arguments = [str(folder), "--out", str(out), "--sources", str(TOY), "--jobs", "1", "--seconds", "5"]
    assert main(arguments) == 0
    first = out.read_bytes()
    assert b"student,exercise,points,of,by_hand_of,part_1,part_2,why,file" in first
    assert b"anna,90_toy,5,5,1,2,3,," in first
    assert (tmp_path / "scores_feedback" / "anna__90_toy.html").is_file()
    assert main([*arguments, "--resume"]) == 0
    assert main([*arguments[:-4], "--jobs", "2"]) == 0
    assert out.read_bytes() == first
    assert "2 notebooks graded, 1 of them with all points" in capsys.readouterr().out
    for shard in ("1/2", "2/2"):  # two machines that share the folder; a last run puts them together
        assert main([*arguments, "--shard", shard, "--resume"]) == 0
        assert "1 notebook graded" in capsys.readouterr().out
    assert main([*arguments, "--resume"]) == 0
    assert out.read_bytes() == first
    with pytest.raises(SystemExit):
        main([*arguments, "--shard", "3/2"])
    assert "--shard: expected K/N" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main([str(tmp_path / "nowhere"), "--out", str(out)])
    assert "SUBMISSIONS: expected a folder" in capsys.readouterr().err


# --- walls --------------------------------------------------------------------------------------------

walls = pytest.mark.skipif(not Sandbox().bwrap if os.name == "posix" else True, reason="needs bubblewrap")


def test_without_bubblewrap_it_is_said_loudly(toy, tmp_path, capsys):
    sandbox = Sandbox("", LIMITS)
    said = "\n".join(sandbox.not_isolated())
    assert "NOT ISOLATED" in said
    for word in ("network", "gradebook", "other submissions", "Install bubblewrap"):
        assert word in said
    assert graded(toy, HONEST, tmp_path, sandbox).points == 5
    main(
        [
            str(tmp_path),
            "--out",
            str(tmp_path / "s.csv"),
            "--sources",
            str(TOY),
            "--no-bwrap",
            "--require-bwrap",
        ]
    )
    assert "NOT ISOLATED" in capsys.readouterr().err


def test_limits_hold_without_bubblewrap_too(toy, tmp_path):
    for name in ("endless", "memory", "exits_hard", "fork_bomb", "returns_too_much"):
        BAD[name].write(tmp_path / name, toy)
    options = Options(tmp_path / "out.csv", sources=TOY, quiet=True, jobs=2)
    for result in grade(collect(tmp_path), Sandbox("", LIMITS), options):
        assert result.points == 3, result.why


@walls
@pytest.mark.parametrize(
    "line",
    [
        "import socket; socket.create_connection(('127.0.0.1', PORT), 1)",
        "open('GRADEBOOK', 'r+')",
        "open('SOURCE')",
        "open('/etc/passwd')",
        "open('/usr/x', 'w')",
        "open('/code/box/child.py', 'a')",
        "import lstmlab.cells",
        "import exercises.source",
    ],
)
def test_walls_stand(line, toy, tmp_path):
    """What would tell: an exception instead of an answer. The same line without walls works, or could."""
    import socket

    gradebook = tmp_path / "gradebook.db"
    gradebook.write_text("marks", encoding="utf8")
    with socket.create_server(("127.0.0.1", 0)) as server:
        line = line.replace("PORT", str(server.getsockname()[1]))
        line = line.replace("GRADEBOOK", str(gradebook)).replace("SOURCE", str(TOY / "90_toy.md"))
        code = f"def blend(f, C, x):\n    {line}\n    return f * C + (1 - f) * double(x)\n"
        found = graded(toy, code, tmp_path).verdicts[0]
    assert found.points == 0
    assert "it raises" in str(found), str(found)
    assert gradebook.read_text(encoding="utf8") == "marks"


@walls
def test_no_process_is_left(toy, tmp_path):
    BAD["leaves_a_process"].write(tmp_path / "x", toy)
    before = sleepers()
    grade(collect(tmp_path), Sandbox(limits=LIMITS), Options(tmp_path / "o.csv", sources=TOY, quiet=True))
    assert sleepers() <= before


def sleepers():
    """Processes that run the child of the grader."""
    found = set()
    for name in os.listdir("/proc"):
        try:
            with open(f"/proc/{name}/cmdline", "rb") as file:
                if b"box.child" in file.read():
                    found.add(name)
        except (OSError, NotADirectoryError):
            continue
    return found


def test_the_sandbox_carries_no_expected_value(toy):
    """What goes in has arguments and names; the solution goes in only on loan, for the parts that need it."""
    job = grader.as_job(toy, 1)
    assert set(job) == {"number", "function", "plot", "cases", "loans", "lent"}
    assert job["loans"] == []
    assert "double(x)" in grader.as_job(toy, 2, [1])["loans"][0][1]
