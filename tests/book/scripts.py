"""The site's scripts evaluated without a page, for the tests that compare them with lstmlab."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

STATIC = Path(__file__).parents[2] / "book" / "static"

Call = Callable[..., Any]


def calls(owner: str, *names: str) -> Iterator[Call]:
    """Evaluate scripts one after the other; yield a function that calls one of ``owner``'s by name."""
    py_mini_racer = pytest.importorskip("py_mini_racer")
    with py_mini_racer.mini_racer() as context:
        for name in names:
            context.eval((STATIC / f"{name}.js").read_text(encoding="utf8"))
        yield lambda name, *args: context.call(f"{owner}.{name}", *args)
