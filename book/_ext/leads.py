"""Where the names in a row of the ledger lead: to a chapter, an equation, a function, a test that runs.

Kept apart from ``claims.py``, which makes pages: here the package is imported, there it is not.
"""

from __future__ import annotations

import ast
import contextlib
import importlib
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from claims import Claim
from contents import equations

ROOT = Path(__file__).parents[2]
#: What leaves a test out, always or on some machines. The package itself is always there.
LEFT_OUT = {"skip", "skipif", "xfail", "importorskip", "gpu", "site"}
OWN = re.compile(r"pytest\.importorskip\(f?'lstmlab\.")


def faults(claim: Claim) -> Iterator[str]:
    """Say which names of a row lead nowhere, and which of the names that each row needs it has not."""
    here = f"{claim.id}:"
    for field in ("chapter", "function", "test"):
        if not getattr(claim, field):
            yield f"{here} names no {field}"
    for chapter in claim.chapter:
        if not claim.pending and not written(chapter):
            yield f"{here} no such chapter: {chapter}"
    for label in claim.label:
        if label not in equations(ROOT):
            if not claim.pending:
                yield f"{here} no such label: {label}"
        elif not set(chapters_of(label)) <= set(claim.chapter):
            yield f"{here} {label} is numbered in {', '.join(chapters_of(label))}, which it does not name"
    for name in claim.function:
        if not callable(function(name)):
            yield f"{here} no such function: {name}"
    for name in claim.test:
        if answer := trouble(*name.split("::")):
            yield f"{here} {name}: {answer}"


def written(chapter: str) -> bool:
    return (ROOT / f"{chapter}.ipynb").is_file()


def chapters_of(label: str) -> list[str]:
    """Return the documents that number an equation."""
    return [place.rpartition(".")[0] for place in equations(ROOT).get(label, [])]


def function(name: str) -> Any:
    """Import the longest module in a dotted name and follow the rest; ``None`` where that leads nowhere."""
    parts = name.split(".")
    if parts[0] != "lstmlab":
        return None
    for cut in range(len(parts) - 1, 0, -1):
        with contextlib.suppress(ModuleNotFoundError):
            thing: Any = importlib.import_module(".".join(parts[:cut]))
            for part in parts[cut:]:
                thing = getattr(thing, part, None)
            return thing
    return None


def trouble(path: str, name: str) -> str | None:
    """Say why ``make test`` would not run a test, or ``None``."""
    file = ROOT / path
    if not (path.startswith("tests/") and file.name.startswith("test_") and file.is_file()):
        return "no such file"
    tree = _parsed(path)
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    if name not in functions or not name.startswith("test_"):
        return "no such test"
    outside = [node for node in tree.body if not isinstance(node, ast.FunctionDef | ast.ClassDef)]
    if any(LEFT_OUT & _names(node) for node in [functions[name], *outside]):
        return "it is left out, at least on some machines"
    return None


@cache
def _parsed(path: str) -> ast.Module:
    return ast.parse((ROOT / path).read_text(encoding="utf8"))


def _names(node: ast.AST) -> set[str]:
    return {n.attr if isinstance(n, ast.Attribute) else getattr(n, "id", "") for n in _outside_package(node)}


def _outside_package(node: ast.AST) -> Iterator[ast.AST]:
    """Walk, but not into ``pytest.importorskip("lstmlab.…")``."""
    yield node
    for child in ast.iter_child_nodes(node):
        if not (isinstance(child, ast.Call) and OWN.match(ast.unparse(child))):
            yield from _outside_package(child)
