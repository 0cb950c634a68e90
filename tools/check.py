"""Run every test and end with a table.

    python tools/check.py [STEP ...]

Without a name all steps run, in this order, even after one has failed:

    lint      ruff: mistakes and formatting, notebooks included
    types     mypy --strict
    package   tests of lstmlab and the examples in its docstrings; coverage
    strict    the same tests on an array library that refuses what a GPU would refuse
    mutants   lstmlab with one mistake in it, again and again: each must make a test fail
    around    tests of the book, the exercises, the experiments and the tools
    notebooks every stored output against a fresh run (nbval); names those over half a minute
    site      the site built anew, every page of it looked at in a browser

The building is one process for more than a minute. So it begins with the first step, if there are several,
and what it says is shown when its turn has come.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import seconds
from environment import ROOT, alone, child_environment, command
from execute import notebooks

REPORTS = ROOT / "_build" / "reports"
PROCESSES = "2"
MUTANTS = "tests/lstmlab/test_mutants.py"
CODE = ("lstmlab", "tests", "tools", "book", "exercises", "experiments", "benchmarks")


class Step(NamedTuple):
    """Commands run one after the other under the given variables; the first perhaps ahead of its turn."""

    commands: tuple[tuple[str, ...], ...]
    variables: dict[str, str]
    ahead: bool = False


class Result(NamedTuple):
    name: str
    seconds: float
    good: bool
    words: str


def python(*args: str) -> tuple[str, ...]:
    return (sys.executable, "-m", *args)


def pytest(report: str, *args: str) -> tuple[str, ...]:
    # Small portions: the long tests, which run whole notebooks, stand side by side in the list.
    spread = ("-n", PROCESSES, "--maxschedchunk=2")
    return python("pytest", "-q", f"--junitxml={REPORTS / report}.xml", *spread, *args)


def steps() -> dict[str, Step]:
    numpy = {"LSTMLAB_BACKEND": "numpy"}
    nbval = ("--nbval", "--nbval-current-env", "--nbval-sanitize-with", "tests/nbval_sanitize.cfg")
    files = [str(path.relative_to(ROOT)) for path in notebooks()]
    build = (sys.executable, "tools/build.py", "--fresh")
    package = ("tests/lstmlab", f"--ignore={MUTANTS}")
    around = (
        "tests/book",
        "tests/exercises",
        *sorted(str(p.relative_to(ROOT)) for p in ROOT.glob("tests/test_*.py")),
    )
    coverage = ("--cov=lstmlab", "--cov-report=term:skip-covered", "--cov-fail-under=95")
    return {
        "lint": Step((python("ruff", "check", *CODE), python("ruff", "format", "--check", *CODE)), {}),
        "types": Step((python("mypy", "--strict"),), {}),
        "package": Step((pytest("package", *package, "lstmlab", *coverage),), numpy),
        "strict": Step((pytest("strict", *package),), {"LSTMLAB_BACKEND": "strict"}),
        "mutants": Step((pytest("mutants", MUTANTS),), numpy),
        "around": Step((pytest("around", "--dist=loadgroup", *around),), numpy),
        # A worker takes whole notebooks: the cells of one share a kernel.
        "notebooks": Step((pytest("notebooks", *nbval, "--dist=loadscope", *files),), numpy),
        "site": Step((build, pytest("site", "tests/site")), numpy, ahead=True),
    }


def count(report: Path) -> tuple[int, str]:
    """Return how many tests of a pytest report were not skipped, and its numbers in words."""
    if not report.is_file():
        return 0, "no report"
    suite = ET.parse(report).getroot().find("testsuite")
    if suite is None:
        return 0, "no report"
    total, skipped = int(suite.get("tests", 0)), int(suite.get("skipped", 0))
    bad = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
    words = [f"{total - skipped - bad} passed"]
    words += [f"{bad} failed"] if bad else []
    words += [f"{skipped} skipped"] if skipped else []
    return total - skipped, ", ".join(words)


def environment_of(step: Step) -> dict[str, str]:
    environment = child_environment(**step.variables)
    environment.pop("MPLBACKEND", None)  # each kernel and tests/conftest.py choose their own
    # A run starts a hundred processes: each would compile the package, and pytest every test, once more.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    return environment


class Ahead:
    """A command that runs beside the steps before its own; its words are kept until somebody waits for it."""

    def __init__(self, name: str, step: Step) -> None:
        self.said = REPORTS / f"{name}.txt"
        with self.said.open("wb") as said:
            self.process = subprocess.Popen(
                step.commands[0], cwd=ROOT, env=environment_of(step), stdout=said, stderr=subprocess.STDOUT
            )

    def wait(self) -> int:
        """Return the exit status, and print what was said."""
        status = self.process.wait()
        print(self.said.read_text(encoding="utf8", errors="replace"), end="", flush=True)
        return status

    def stop(self) -> None:
        """End it if it still runs."""
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait()


def run(name: str, step: Step, ahead: Ahead | None = None) -> Result:
    print(f"\n=== {name} {'=' * (94 - len(name))}", flush=True)
    environment = environment_of(step)
    if name == "notebooks":
        environment |= seconds.prepare(REPORTS)
    report = REPORTS / f"{name}.xml"
    report.unlink(missing_ok=True)
    start, status, tested = time.perf_counter(), 0, False
    for parts in step.commands:
        print("$", shlex.join(["python" if part == sys.executable else part for part in parts]), flush=True)
        if ahead is not None and parts is step.commands[0]:
            status = ahead.wait()
        else:
            status = subprocess.run(parts, cwd=ROOT, env=environment, check=False).returncode or status
        tested = tested or "pytest" in parts
    if name == "notebooks":
        said, good = seconds.report(seconds.read(REPORTS, notebooks()))
        print(said, flush=True)
        status = status or int(not good)
    took = time.perf_counter() - start
    ran, words = count(report) if tested else (1, "")
    if not status and not ran:
        status, words = 1, f"no test ran ({words})"
    return Result(name, took, status == 0, words)


def table(results: Sequence[Result]) -> str:
    lines = [f"{'step':<10}  {'seconds':>7}  {'result':<6}", "-" * 60]
    for result in results:
        verdict = "ok" if result.good else "FAILED"
        lines.append(f"{result.name:<10}  {result.seconds:>7.0f}  {verdict:<6}  {result.words}".rstrip())
    lines.append("-" * 60)
    failed = [result.name for result in results if not result.good]
    total = sum(result.seconds for result in results)
    lines.append(f"{'all':<10}  {total:>7.0f}  {'FAILED' if failed else 'ok'}")
    if failed:
        lines.append(f"Run again what failed: {Path(sys.executable).name} tools/check.py {' '.join(failed)}")
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    available = steps()
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("step", nargs="*", help=f"any of: {', '.join(available)}")
    wanted = parser.parse_args(argv).step or list(available)
    if unknown := [name for name in wanted if name not in available]:
        parser.error(f"no step {', '.join(unknown)}; expected any of {', '.join(available)}")
    os.chdir(ROOT)
    REPORTS.mkdir(parents=True, exist_ok=True)
    results: list[Result] = []
    early = {name: Ahead(name, available[name]) for name in wanted[1:] if available[name].ahead}
    try:
        for name in wanted:
            results.append(run(name, available[name], early.get(name)))
    except KeyboardInterrupt:
        print("\nStopped.")
        return 130
    finally:
        for ahead in early.values():
            ahead.stop()
        print(f"\n{table(results)}", flush=True)
    if wanted == list(available):  # tools/budget.py reads it
        seconds_of = {result.name: round(result.seconds) for result in results}
        (REPORTS / "times.json").write_text(json.dumps(seconds_of) + "\n", encoding="utf8")
    return int(not all(result.good for result in results))


def one_at_a_time() -> int:
    """Run the steps when no other run writes its reports in this folder."""
    with alone("test"):
        return main()


if __name__ == "__main__":
    sys.exit(command(one_at_a_time))
