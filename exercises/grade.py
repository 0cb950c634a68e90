"""Grade a folder of submissions.

    python -m exercises.grade SUBMISSIONS --out scores.csv

SUBMISSIONS holds one entry a student: a folder, a zip file or a notebook. What a student wrote is read, not
run; then the functions it defines run in a process of their own, walled off by bubblewrap where that is
installed, on arrays that go in, and plain arrays come out. Here they are compared. Written are the table,
and beside it a folder of feedback pages, one for each notebook. A run that was interrupted goes on
with --resume.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tqdm import tqdm

from . import report
from .judge import Verdict, judge
from .sandbox import Sandbox, SandboxError
from .source import Exercise, find, names
from .submissions import Notebook, Submission, clean, collect, parse, which

VERSION = 1  # of the results kept for --resume


@dataclass
class Result:
    """One row: a student's exercise."""

    student: str
    exercise: str
    where: str
    points: int = 0
    of: int = 0
    by_hand: int = 0
    verdicts: list[Verdict] = field(default_factory=list)
    written: dict[str, str] = field(default_factory=dict)
    why: str = ""
    remarks: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Result:
        return cls(**{**data, "verdicts": [Verdict(**verdict) for verdict in data["verdicts"]]})


def grade_one(submission: Submission, sandbox: Sandbox, known: Sequence[str], options: Options) -> Result:
    """Grade one submission; whatever it holds, a result comes back."""
    wanted = options.exercise
    trouble, notebook = submission.trouble, Notebook()
    if not trouble:
        notebook = parse(submission.data)
        trouble = notebook.trouble
    name = wanted or which(notebook, submission.where, list(known))
    if not trouble and not name:
        trouble = "answers no exercise of this course (expected one of " + ", ".join(known) + ")"
    if not name:
        return Result(submission.student, "", submission.where, why=sentence(submission.where, trouble))
    exercise = options.load(name)
    result = Result(
        submission.student, name, submission.where, of=exercise.points, by_hand=exercise.points_by_hand
    )
    if trouble:
        result.why = sentence(submission.where, trouble)
        result.verdicts = [Verdict(p.number, "missing", 0, p.points, ["Not graded."]) for p in exercise.parts]
        return result
    result.written = notebook.written
    result.verdicts, result.remarks = verdicts(exercise, notebook, sandbox)
    result.points = sum(verdict.points for verdict in result.verdicts)
    result.why = "; ".join(reasons(result.verdicts))
    return result


def verdicts(exercise: Exercise, notebook: Notebook, sandbox: Sandbox) -> tuple[list[Verdict], list[str]]:
    """Run a notebook's functions in the sandbox and judge what comes out."""
    job = {
        "cells": [list(cell) for cell in notebook.code],
        "given": [list(cell) for cell in exercise.given_sources()],
        "lstmlab": exercise.with_lstmlab,
        "parts": [as_job(exercise, part.number) for part in exercise.parts],
    }
    answers = sandbox.run(job)
    found = {n: to_verdict(exercise, n, answer) for n, answer in answers.items()}
    # Whoever is stuck on a part may still earn the points of a later one: it runs again, in a process of its
    # own, with the course's functions in place of the earlier parts.
    again = [
        p
        for p in exercise.parts
        if p.needs and found[p.number].state not in ("right", "untouched", "missing")
    ]
    if again:
        job["parts"] = [as_job(exercise, part.number, part.needs) for part in again]
        for n, answer in sandbox.run(job).items():
            verdict = to_verdict(exercise, n, answer)
            if verdict.state in ("right", "wrong") and verdict.good >= found[n].good:
                if verdict.lines != found[n].lines:
                    verdict.lines.append(
                        "  (Checked with the course's own functions in place of your earlier parts.)"
                    )
                found[n] = verdict
    remarks = sorted({str(line)[:300] for a in answers.values() for line in _list(a.get("problems"))})
    return [found[part.number] for part in exercise.parts], remarks


def as_job(exercise: Exercise, number: int, needs: Iterable[int] = ()) -> dict[str, Any]:
    """Return what the sandbox must know to run a part: arguments, and no expected value."""
    part = exercise.part(number)
    needs = sorted(all_needs(exercise, needs))
    return {
        "number": number,
        "function": part.function,
        "plot": part.plot,
        "cases": [case.arguments for case in exercise.cases(number, True)],
        "loans": [[f"course's part {n}", exercise.solution(n)] for n in needs],
        "lent": [exercise.part(n).function for n in needs],
    }


def all_needs(exercise: Exercise, needs: Iterable[int]) -> set[int]:
    """Return the parts needed, with those that they need."""
    found: set[int] = set()
    for n in needs:
        found |= {n} | all_needs(exercise, exercise.part(n).needs)
    return found


def to_verdict(exercise: Exercise, number: int, answer: dict[str, Any]) -> Verdict:
    """Judge what came back for one part. Nothing in it is trusted."""
    part = exercise.part(number)
    head = f"Part {number}, {part.function}"
    cases = exercise.cases(number, True)
    if answer.get("ended"):
        return Verdict(number, "wrong", 0, part.points, [f"✗ {head}: {answer['ended']}."], cases=len(cases))
    if answer.get("missing"):
        problems = _list(answer.get("problems"))
        said = f" {problems[0]}." if problems else ""
        lines = [f"✗ {head}: there is no function {part.function} in the notebook.{said}"[:400]]
        return Verdict(number, "missing", 0, part.points, lines, cases=len(cases))
    outcomes = [outcome if isinstance(outcome, dict) else {} for outcome in _list(answer.get("outcomes"))]
    if len(outcomes) != len(cases):
        lines = [f"✗ {head}: {len(outcomes)} results came back for {len(cases)} cases; they were not used."]
        return Verdict(number, "wrong", 0, part.points, lines, cases=len(cases))
    try:
        return judge(exercise, number, outcomes, hidden=True)
    except Exception as error:  # forged data may be of any form; a fault here must not stop the batch
        lines = [f"✗ {head}: the result has a form that cannot be compared ({type(error).__name__})."]
        return Verdict(number, "wrong", 0, part.points, lines, cases=len(cases))


def reasons(found: Iterable[Verdict]) -> list[str]:
    """Say in a few words each what costs points."""
    said = []
    for verdict in found:
        if verdict.state == "untouched":
            said.append(f"part {verdict.number} not written")
        elif verdict.state != "right":
            first = verdict.lines[0].partition(": ")[2]
            said.append(f"part {verdict.number}: {verdict.mistake or first}")
    return [clean(" ".join(line.split()))[:200] for line in said]


def sentence(where: str, trouble: str) -> str:
    return f"{where} {trouble}."


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else []


@dataclass
class Options:
    """What a batch is graded with."""

    out: Path
    exercise: str = ""
    sources: Path | None = None
    secret: str = ""
    jobs: int = 1
    resume: bool = False
    quiet: bool = False

    def load(self, name: str) -> Exercise:
        """Read an exercise, with the hidden cases that belong to the secret."""
        exercise = find(name, self.sources)
        for part in exercise.parts:
            part.secret = self.secret
        return exercise

    @property
    def kept(self) -> Path:
        """Folder of results, for --resume."""
        return self.out.with_name(f"{self.out.stem}_kept")

    @property
    def feedback(self) -> Path:
        """Folder of pages."""
        return self.out.with_name(f"{self.out.stem}_feedback")


def grade(submissions: Sequence[Submission], sandbox: Sandbox, options: Options) -> list[Result]:
    """Grade a batch; results are in the order of the submissions, whatever the number of jobs."""
    known = names(options.sources)
    for name in [options.exercise] if options.exercise else known:
        exercise = options.load(name)
        for part in exercise.parts:  # computed once, before the threads start
            exercise.expected(part.number, True)
            exercise.mistaken(part.number, True)
    texts = "".join(options.load(name).text for name in known)
    stamp = hashlib.sha256(f"{VERSION}{options.secret}{options.exercise}{texts}".encode()).hexdigest()
    options.kept.mkdir(parents=True, exist_ok=True)

    def one(submission: Submission) -> Result:
        content = hashlib.sha256(submission.data + submission.trouble.encode()).hexdigest()
        label = f"{stamp}{submission.student}{submission.where}{content}"
        path = options.kept / f"{hashlib.sha256(label.encode()).hexdigest()[:32]}.json"
        if options.resume and path.is_file():
            try:
                return Result.from_json(json.loads(path.read_text(encoding="utf8")))
            except (ValueError, TypeError, KeyError):
                pass  # the run ended while it was written: grade it again
        try:
            result = grade_one(submission, sandbox, known, options)
        except SandboxError:
            raise
        except Exception as error:  # one submission must never stop the others
            why = sentence(
                submission.where, f"could not be graded ({type(error).__name__}); please look at it"
            )
            result = Result(submission.student, options.exercise, submission.where, why=why)
        unfinished = path.with_suffix(".part")
        unfinished.write_text(json.dumps(result.to_json()), encoding="utf8")
        os.replace(unfinished, path)
        return result

    bar = tqdm(total=len(submissions), unit="notebook", disable=options.quiet)
    with ThreadPoolExecutor(max(1, options.jobs)) as pool, bar:
        futures = {pool.submit(one, submission): k for k, submission in enumerate(submissions)}
        try:
            done: dict[int, Result] = {}
            for future in as_completed(futures):
                done[futures[future]] = future.result()
                bar.update()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return [done[k] for k in range(len(submissions))]


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m exercises.grade",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("submissions", type=Path, help="a folder with one entry a student")
    parser.add_argument("--out", type=Path, required=True, help="the table to write, scores.csv")
    parser.add_argument(
        "--exercise", default="", help="grade all notebooks as this exercise; else each says which it is"
    )
    parser.add_argument(
        "--sources", type=Path, help="a folder of sources to look into first (private exercises)"
    )
    parser.add_argument(
        "--secret",
        default=os.environ.get("LSTMLAB_EXERCISES_SECRET", ""),
        help="any text: changes the numbers of the hidden cases",
    )
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="how many at a time")
    parser.add_argument("--seconds", type=float, default=10.0, help="time a part may take (10)")
    parser.add_argument(
        "--resume", action="store_true", help="keep what an interrupted run has graded already"
    )
    parser.add_argument("--shard", default="1/1", help="K/N: grade each Nth submission only")
    parser.add_argument(
        "--gradebook",
        type=Path,
        help="a course's gradebook.db: scores go into it, pages for nbgrader into autograded/ beside it",
    )
    parser.add_argument("--no-bwrap", action="store_true", help="do without bubblewrap")
    parser.add_argument("--require-bwrap", action="store_true", help="grade nothing unless bubblewrap works")
    args = parser.parse_args(argv)
    if not args.submissions.is_dir():
        parser.error(f"SUBMISSIONS: expected a folder, got {args.submissions}")
    if args.exercise and args.exercise not in names(args.sources):
        parser.error(f"--exercise: expected one of {', '.join(names(args.sources))}, got {args.exercise}")
    shard = re.fullmatch(r"(\d+)/(\d+)", args.shard)
    if not shard or not 1 <= int(shard[1]) <= int(shard[2]):
        parser.error(f"--shard: expected K/N with K from 1 to N, such as 2/4, got {args.shard}")
    sandbox = Sandbox("" if args.no_bwrap else None, {"seconds": args.seconds})
    for line in sandbox.not_isolated():
        print(line, file=sys.stderr)
    if args.require_bwrap and not sandbox.bwrap:
        return 3
    options = Options(args.out, args.exercise, args.sources, args.secret, args.jobs, args.resume)
    try:
        results = grade(collect(args.submissions)[int(shard[1]) - 1 :: int(shard[2])], sandbox, options)
    except KeyboardInterrupt:
        print("\nStopped. The same command with --resume goes on from here.", file=sys.stderr)
        return 130
    report.write_table(results, args.out)
    report.write_pages(results, options.feedback)
    if args.gradebook:
        from .gradebook import write_gradebook

        for line in write_gradebook(results, args.gradebook, options.load):
            print(line)
    graded = [result for result in results if result.verdicts and result.of]
    full = sum(result.points == result.of for result in graded)
    many = f"{len(results)} notebook{'s' if len(results) != 1 else ''}"
    print(f"{many} graded, {full} of them with all points: {args.out}")
    unread = [result for result in results if not result.exercise]
    if unread:
        print(f"{len(unread)} could not be read; the column why says the reason.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
