"""Which functions each test enters and how long it takes: what a mutant needs to be tried quickly."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import pytest

import graft
from edits import ROOT, Mutant

STORE = ROOT / "_build" / "mutation"


@cache
def content(path: Path) -> str:
    """Return what stands for a file's content."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


class Reach:
    """Which functions each test enters and how long it takes, remembered between runs."""

    def __init__(self, fresh: bool) -> None:
        self.path = STORE / "reach.json"
        stored = self.path.is_file() and not fresh
        self.tests: dict[str, Any] = json.loads(self.path.read_text("utf8")) if stored else {}

    def add(self, items: Sequence[pytest.Item], run: Any, exchanged: bool) -> tuple[str, int]:
        """Run these tests under a tracer, with every module put in its own place or with none.

        Those that fail only in the first case look at the code itself: they are ``delicate``.
        """
        living = graft.functions()
        for name, module in sorted(sys.modules.items()) if exchanged else ():
            if name.partition(".")[0] == "lstmlab":
                graft.graft(name, Path(str(module.__file__)).read_text(encoding="utf8"), living)
        for item in items:
            entered: set[CodeType] = set()

            def tracer(frame: FrameType, event: str, arg: Any, entered: set[CodeType] = entered) -> None:
                entered.add(frame.f_code)

            start = time.perf_counter()
            sys.settrace(tracer)
            try:
                good = run(item)
            finally:
                sys.settrace(None)
            seconds = time.perf_counter() - start
            root = f"{ROOT / 'lstmlab'}{os.sep}"
            names = {
                f"{Path(c.co_filename).relative_to(ROOT).as_posix()}:{c.co_qualname}"
                for c in entered
                if c.co_filename.startswith(root)
            }
            self.tests[item.nodeid] = {
                "seconds": seconds if good else None,
                "enters": sorted(names),
                "delicate": not exchanged,
                "file": content(item.path),
            }
        STORE.mkdir(parents=True, exist_ok=True)
        self.path.write_text(json.dumps(self.tests), encoding="utf8")
        return "", 0

    def is_new(self, item: pytest.Item) -> bool:
        """Whether a test, or the file it stands in, has changed since it was measured."""
        known = self.tests.get(item.nodeid)
        return known is None or known["file"] != content(item.path)

    def of(self, mutant: Mutant) -> list[str]:
        """Return the tests that enter the edited function, the quickest first."""
        whole = f"{mutant.path}:{mutant.where}"
        part = whole if whole.endswith((":", ".")) else f"{whole}."
        found = [
            (test["seconds"], name)
            for name, test in self.tests.items()
            if test["seconds"] is not None and any(f == whole or f.startswith(part) for f in test["enters"])
        ]
        return [name for _, name in sorted(found)]
