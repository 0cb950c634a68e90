"""Change lstmlab mechanically, one token or statement at a time, and list the changes no test minds.

    python tools/mutate.py lstmlab/cells/lstm.py [MODULE ...] [--sample 40]

The edits are Cosmic Ray's operators (``pip install -c constraints.txt -e ".[test,mutation]"``) and three
more, in ``edits.py`` beside this file. Which test enters which function is measured first, in some minutes,
and kept in ``_build/mutation``; later runs measure the tests of changed files only. Then each mutant gets a
forked process, in which the edited code takes the place of the old one and the tests that enter the edited
function run, the quickest first, until one fails. Survivors that ``tests/lstmlab/survivors.yml`` explains
are counted and neither tried nor shown.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import random
import signal
import sys
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import yaml  # type: ignore[import-untyped]

import graft
from edits import ROOT, Mutant, mutants_of
from reach import STORE, Reach

EXPLAINED = ROOT / "tests" / "lstmlab" / "survivors.yml"
MUTANTS = "tests/lstmlab/test_mutants.py"
LIVING = ("survived", "unclear")
#: The hand-written mutants would import the package afresh a thousand times; their witnesses do it once each.
TESTS = (
    *("tests/lstmlab", "lstmlab"),
    f"--deselect={MUTANTS}::test_every_mutant_is_killed",
    f"--deselect={MUTANTS}::test_the_edit_finds_its_place",
)


def explained() -> dict[tuple[str, str, str], str]:
    """Return why the listed mutants survive: by module, old line and new line."""
    if not EXPLAINED.is_file():
        return {}
    groups = yaml.safe_load(EXPLAINED.read_text(encoding="utf8"))
    return {
        (m, old, new): g["why"] for g in groups for m, edits in g["mutants"].items() for old, new in edits
    }


class Mutation:
    """A pytest plugin that runs the collected tests once for each mutant, in processes of their own."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.failed = False
        self.results: dict[str, list[tuple[Mutant, str, str]]] = {}

    def pytest_configure(self) -> None:
        """No noise from Hypothesis: the same examples each time, no search for a smaller failure."""
        phases = (hypothesis.Phase.explicit, hypothesis.Phase.generate)
        hypothesis.settings.register_profile(
            "mutation",
            derandomize=True,
            database=None,
            deadline=None,
            phases=phases,
            suppress_health_check=list(hypothesis.HealthCheck),
        )
        hypothesis.settings.load_profile("mutation")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.failed = self.failed or report.failed

    def run(self, item: pytest.Item, following: pytest.Item | None = None) -> bool:
        self.failed = False
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        return not self.failed

    @staticmethod
    def fork(work: Any) -> tuple[int, str]:
        """Call ``work`` in a child; return how the child ended and what it said."""
        here, there = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(here)
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, 1)
            os.dup2(null, 2)
            (STORE / "scratch").mkdir(parents=True, exist_ok=True)
            os.chdir(STORE / "scratch")  # edited code may write anywhere
            status = 3
            try:
                said, status = work()
                os.write(there, said.encode())
            except BaseException as error:
                os.write(there, repr(error).encode())
            finally:
                os._exit(status)
        os.close(there)
        with os.fdopen(here, encoding="utf8") as pipe:
            said = pipe.read()
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), said

    def trial(self, mutant: Mutant, source: str, names: Sequence[str]) -> tuple[str, int]:
        """In a child: put the edited source in, run the tests, say which one failed."""
        try:
            graft.graft(mutant.module, source, self.living)
        except Exception as error:
            return f"while importing: {error!r}", 2
        items = [self.items[name] for name in names]
        for item, following in zip(items, [*items[1:], None], strict=True):
            # An edited loop may have no end: then the signal ends the process.
            signal.setitimer(signal.ITIMER_PROF, 10.0 + 10.0 * self.reach.tests[item.nodeid]["seconds"])
            if not self.run(item, following):
                return item.nodeid, 1
        return "", 0

    def within(self, names: Sequence[str]) -> list[str]:
        """Return as many of the first tests as fit the seconds for one mutant, and at least one."""
        total, chosen = 0.0, list[str]()
        for name in names:
            total += self.reach.tests[name]["seconds"]
            if chosen and total > self.options.seconds:
                break
            chosen.append(name)
        return chosen

    def judge(self, mutant: Mutant, source: str, first: Counter[str]) -> tuple[str, str]:
        every = [n for n in self.reach.of(mutant) if n in self.items]
        every = [n for n in every if n not in self.disturbed]
        names = self.within(sorted(every, key=lambda name: -first[name]))
        if not names:
            return "survived", "no test enters it"
        status, said = self.fork(partial(self.trial, mutant, source, names))
        if status == 0:
            return "survived", f"{len(names)} of {len(every)} tests"
        if status == 1:
            first[said] += 1
        if status == 3:
            return "unclear", said
        return "killed", said or "no end"

    def control(self, path: str) -> None:
        """Find the delicate tests that mind the unedited source of this module in its own place."""
        itself, self.disturbed = Mutant(path, "", "", 0, 0), set[str]()
        text = (ROOT / path).read_text(encoding="utf8")
        names = [n for n in self.reach.of(itself) if n in self.items and self.reach.tests[n]["delicate"]]
        while names:
            status, said = self.fork(partial(self.trial, itself, text, names))
            if status == 0:
                return
            self.disturbed.add(said if said in names else names[0])
            names = [n for n in names if n not in self.disturbed]

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self.items = {item.nodeid: item for item in session.items}
        self.reach = Reach(self.options.fresh)
        new = [item for item in session.items if self.reach.is_new(item)]
        for exchanged in (True, False):
            if new:
                print(f"measuring what {len(new)} tests enter ...", flush=True)
                status, said = self.fork(partial(self.reach.add, new, self.run, exchanged))
                if status:
                    raise SystemExit(f"the tests could not be measured: {said}")
                self.reach = Reach(fresh=False)
                new = [item for item in new if self.reach.tests[item.nodeid]["seconds"] is None]
        self.living = graft.functions()
        gc.freeze()  # children then need not copy what they never change
        for path in self.options.modules:
            self.control(path)
            self.module(path)
        return True

    def chosen(self, path: str, every: list[Mutant], store: Path) -> list[Mutant]:
        """Return the mutants to try, in the order of their lines."""
        if self.options.again:
            last = json.loads(store.read_text(encoding="utf8"))["mutants"]
            numbers = {tuple(number) for verdict, number, *_ in last if verdict in LIVING}
            return [m for m in every if (m.operator, m.occurrence) in numbers]
        rng = random.Random(f"{self.options.seed} {path}")
        some = rng.sample(every, min(self.options.sample or len(every), len(every)))
        return sorted(some, key=lambda mutant: mutant.line)

    def module(self, path: str) -> None:
        """Try a module's mutants, print the survivors, and keep everything in the store."""
        store = STORE / f"{path.removesuffix('.py').replace('/', '.')}.json"
        known, every = explained(), mutants_of(ROOT, path)
        first: Counter[str] = Counter()
        counts: Counter[str] = Counter()
        lines = []
        for mutant in self.chosen(path, every, store):
            source = mutant.source(ROOT)
            if source is None:
                counts["not Python"] += 1
                continue
            old, new = mutant.lines(ROOT, source)
            why = known.get((path, old, new), "")
            verdict, said = ("explained", why) if why else self.judge(mutant, source, first)
            counts[verdict] += 1
            lines.append([verdict, (mutant.operator, mutant.occurrence), mutant.line, old, new, said])
            if verdict in LIVING:
                print(f"{path}:{mutant.line} {mutant.operator} ({verdict}: {said})", flush=True)
                print(f"    - {old}\n    + {new}", flush=True)
        text = " ".join((ROOT / path).read_text(encoding="utf8").split())
        for old in sorted({old for module, old, _ in known if module == path}):
            if " ".join(old.split()) not in text:
                print(f"{EXPLAINED.name}: {path} has no longer the line {old!r}", flush=True)
        parts = ", ".join(f"{n} {word}" for word, n in counts.items())
        print(f"{path}: {counts.total()} of {len(every)} mutants: {parts}", flush=True)
        found = {"all": len(every), "counts": counts, "mutants": lines}
        store.write_text(json.dumps(found, indent=1), encoding="utf8")


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("modules", nargs="*", help="files of lstmlab, relative to the repository's root")
    parser.add_argument("--sample", type=int, help="try so many of a module's mutants, drawn with the seed")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=15.0, help="tests for one mutant (%(default)s)")
    parser.add_argument("--again", action="store_true", help="try only what survived the last time")
    parser.add_argument("--fresh", action="store_true", help="measure anew which test enters what")
    options = parser.parse_args(argv)
    os.chdir(ROOT)
    arguments = ("-s", "-p", "no:terminal", "-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:cov")
    return int(pytest.main([*arguments, *TESTS], plugins=[Mutation(options)]))


if __name__ == "__main__":
    sys.exit(main())
