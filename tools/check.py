"""Run every test and end with a table.

    python tools/check.py [STEP ...]

Without a name all steps run, even after one has failed, and the table has this order:

    lint      ruff: mistakes and formatting, notebooks included
    types     mypy --strict
    package   tests of lstmlab and the examples in its docstrings; coverage
    strict    the same tests, but for drawings, on an array library that refuses what a GPU would refuse
    mutants   lstmlab with one mistake in it, again and again: each must make a test fail
    book      tests of the chapters and of what makes pages of them; the chapters on that same library
    around    tests of the exercises, the experiments and the tools
    notebooks every stored output against a fresh run (nbval); names those over half a minute
    site      the site built anew, every page of it looked at in a browser

Two steps run side by side, the longest first, and what a step says is shown when it has ended. A step that is
asked for alone speaks at once, and its tests have all processors.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import shlex
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any, NamedTuple, TextIO

import seconds
from environment import ROOT, alone, child_environment, command
from execute import notebooks

REPORTS = ROOT / "_build" / "reports"
ABREAST = 2  # steps side by side
SPEAKING = threading.Lock()
MUTANTS = "tests/lstmlab/test_mutants.py"
DRAWINGS = ("--ignore-glob=tests/lstmlab/test_*diagrams.py",)  # of cells: they hold no arrays
CODE = ("lstmlab", "tests", "tools", "book", "exercises", "experiments", "benchmarks")


class Step(NamedTuple):
    """Commands run one after the other under the given variables; about how long they take one processor."""

    commands: tuple[tuple[str, ...], ...]
    variables: dict[str, str]
    weight: int = 0


class Result(NamedTuple):
    name: str
    seconds: float
    good: bool
    words: str


def python(*args: str) -> tuple[str, ...]:
    return (sys.executable, "-m", *args)


def steps(processes: int = 1) -> dict[str, Step]:
    """Return the steps by name, each to be tested by so many processes."""

    def pytest(report: str, *args: str, dist: str = "load") -> tuple[str, ...]:
        # Small portions: the long tests, which run whole notebooks, stand side by side in the list.
        spread = ("-n", str(processes), "--maxschedchunk=2", f"--dist={dist}") if processes > 1 else ()
        return python("pytest", "-q", f"--junitxml={REPORTS / report}.xml", *spread, *args)

    numpy = {"LSTMLAB_BACKEND": "numpy"}
    nbval = ("--nbval", "--nbval-current-env", "--nbval-sanitize-with", "tests/nbval_sanitize.cfg")
    files = [str(path.relative_to(ROOT)) for path in notebooks()]
    build = (sys.executable, "tools/build.py", "--fresh")
    package = ("tests/lstmlab", f"--ignore={MUTANTS}")
    around = (
        "tests/exercises",
        *sorted(str(p.relative_to(ROOT)) for p in ROOT.glob("tests/test_*.py")),
    )
    coverage = ("--cov=lstmlab", "--cov-report=term:skip-covered", "--cov-fail-under=95")
    return {
        "lint": Step((python("ruff", "check", *CODE), python("ruff", "format", "--check", *CODE)), {}, 2),
        "types": Step((python("mypy", "--strict"),), {}, 15),
        "package": Step((pytest("package", *package, "lstmlab", *coverage),), numpy, 95),
        "strict": Step((pytest("strict", *package, *DRAWINGS),), {"LSTMLAB_BACKEND": "strict"}, 50),
        "mutants": Step((pytest("mutants", MUTANTS),), numpy, 30),
        "book": Step((pytest("book", "tests/book", dist="loadgroup"),), numpy, 130),
        "around": Step((pytest("around", *around, dist="loadgroup"),), numpy, 145),
        # A worker takes whole notebooks: the cells of one share a kernel.
        "notebooks": Step((pytest("notebooks", *nbval, *files, dist="loadscope"),), numpy, 300),
        "site": Step((build, pytest("site", "tests/site")), numpy, 335),
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


class Running:
    """The processes of the steps, so that all of them can be ended."""

    def __init__(self) -> None:
        self.stopped = False
        self.processes: set[subprocess.Popen[bytes]] = set()

    def run(self, parts: Sequence[str], environment: dict[str, str], output: TextIO | None) -> int:
        """Run a command to its end and return its exit status; after :meth:`stop` not even begin."""
        if self.stopped:
            return 130
        both: dict[str, Any] = {} if output is None else {"stdout": output, "stderr": subprocess.STDOUT}
        with subprocess.Popen(parts, cwd=ROOT, env=environment, **both) as process:
            self.processes.add(process)
            try:
                return process.wait()
            finally:
                self.processes.discard(process)

    def stop(self) -> None:
        self.stopped = True
        for process in list(self.processes):
            process.terminate()


RUNNING = Running()


def run(name: str, step: Step, output: TextIO | None = None) -> Result:
    """Run the commands of a step; what they say goes to the screen, or into a file."""
    print(f"\n=== {name} {'=' * (94 - len(name))}", file=output, flush=True)
    environment = child_environment(**step.variables)
    environment.pop("MPLBACKEND", None)  # each kernel and tests/conftest.py choose their own
    # A run starts a hundred processes: each would compile the package, and pytest every test, once more.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    if name == "notebooks":
        environment |= seconds.prepare(REPORTS)
    report = REPORTS / f"{name}.xml"
    report.unlink(missing_ok=True)
    start, status, tested = time.perf_counter(), 0, False
    for parts in step.commands:
        shown = shlex.join(["python" if part == sys.executable else part for part in parts])
        print("$", shown, file=output, flush=True)
        status = RUNNING.run(parts, environment, output) or status
        tested = tested or "pytest" in parts
    if name == "notebooks":
        said, good = seconds.report(seconds.read(REPORTS, notebooks()))
        print(said, file=output, flush=True)
        status = status or int(not good)
    took = time.perf_counter() - start
    ran, words = count(report) if tested else (1, "")
    if not status and not ran:
        status, words = 1, f"no test ran ({words})"
    return Result(name, took, status == 0, words)


def aside(name: str, step: Step) -> Result:
    """Run a step whose words are kept until it has ended."""
    file = REPORTS / f"{name}.txt"
    with file.open("w", encoding="utf8") as output:
        result = run(name, step, output)
    with SPEAKING:
        print(file.read_text(encoding="utf8", errors="replace"), end="", flush=True)
    return result


def run_all(chosen: dict[str, Step]) -> Iterator[Result]:
    """Run steps and yield each one's result when it has ended."""
    if len(chosen) == 1:
        yield from itertools.starmap(run, chosen.items())
        return
    with ThreadPoolExecutor(ABREAST) as pool:
        longest_first = sorted(chosen, key=lambda name: -chosen[name].weight)
        print(f"{ABREAST} steps side by side: {', '.join(longest_first)}", flush=True)
        waiting = [pool.submit(aside, name, chosen[name]) for name in longest_first]
        try:
            for done in as_completed(waiting):
                yield done.result()
        except BaseException:
            RUNNING.stop()
            raise


def table(results: Sequence[Result], took: float) -> str:
    lines = [f"{'step':<10}  {'seconds':>7}  {'result':<6}", "-" * 60]
    for result in results:
        verdict = "ok" if result.good else "FAILED"
        lines.append(f"{result.name:<10}  {result.seconds:>7.0f}  {verdict:<6}  {result.words}".rstrip())
    lines.append("-" * 60)
    failed = [result.name for result in results if not result.good]
    lines.append(f"{'all':<10}  {took:>7.0f}  {'FAILED' if failed else 'ok'}")
    if failed:
        lines.append(f"Run again what failed: {Path(sys.executable).name} tools/check.py {' '.join(failed)}")
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    cores, available = os.cpu_count() or 1, steps()
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("step", nargs="*", help=f"any of: {', '.join(available)}")
    wanted = parser.parse_args(argv).step or list(available)
    if unknown := [name for name in wanted if name not in available]:
        parser.error(f"no step {', '.join(unknown)}; expected any of {', '.join(available)}")
    os.chdir(ROOT)
    REPORTS.mkdir(parents=True, exist_ok=True)
    chosen = steps(cores if len(wanted) == 1 else max(1, cores // ABREAST))
    results: list[Result] = []
    start = time.perf_counter()
    try:
        for result in run_all({name: chosen[name] for name in wanted}):
            results.append(result)
    except KeyboardInterrupt:
        print("\nStopped.")
        return 130
    finally:
        took = time.perf_counter() - start
        results.sort(key=lambda result: list(available).index(result.name))
        print(f"\n{table(results, took)}", flush=True)
    if wanted == list(available):  # tools/budget.py reads it
        (REPORTS / "times.json").write_text(json.dumps({"all": round(took)}) + "\n", encoding="utf8")
    return int(not all(result.good for result in results))


def one_at_a_time() -> int:
    """Run the steps when no other run writes its reports in this folder."""
    with alone("test"):
        return main()


if __name__ == "__main__":
    sys.exit(command(one_at_a_time))
