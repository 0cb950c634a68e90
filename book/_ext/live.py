"""Numbers that no author types, counted when the site is built.

``{live}`equations``` is a figure on display, ``{live-word}`equations``` the same number in a line of text.
"""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxRole

import claims
import tested_code

WITNESSES = "book/witnesses.md"
#: How the first page sums up the verdicts of the ledger.
KINDS = {
    "right": {"right"},
    "loose": {"conditional", "imprecise"},
    "wrong": {"wrong"},
    "missing": {"missing"},
}
ROW = re.compile(r"^\| (?!cell )([^|-][^|]*) \|[^|]*\| ([^|]*) \| ([^|]*) \| [^|]* \|$", re.M)


@cache
def numbers(root: Path) -> dict[str, str]:
    """Count equations, tests, rows of the ledger, cells and mutants in the files below ``root``."""
    index, ledger = tested_code.read(root), claims.load(root / "book" / "claims.yml")
    table = (root / WITNESSES).read_text(encoding="utf8")
    cells = ROW.findall(table)
    mutants = re.search(r"There are (\d+)\.", table)
    if not cells or mutants is None:
        raise ValueError(f"{WITNESSES}: expected the table of cells and the number of mutants")
    # "PyTorch: 1e-15<br>ONNX Runtime, forward, float32: 1e-06": the second is a float32 comparison
    oracles = [
        float(error) for _, _, other in cells for error in re.findall(r"(?<!float32): (\de-\d+)", other)
    ]
    return {
        "equations": str(len(index.function.keys() & index.tests.keys())),
        "tests": str(_test_functions(root / "tests")),
        "claims": str(len(ledger.claims)),
        **{
            name: str(sum(claim.verdict in kinds for claim in ledger.claims)) for name, kinds in KINDS.items()
        },
        "cells": str(len(cells)),
        "oracles": str(sum(other != "–" for _, _, other in cells)),
        "gradient-error": _power(max(float(error) for _, error, _ in cells)),
        "oracle-error": _power(max(oracles)),
        "mutants": mutants[1],
        "experiments": str(len(list((root / "experiments" / "results").glob("*.json")))),
    }


def _test_functions(folder: Path) -> int:
    """Count functions that pytest runs, each once however many cases it has."""
    return sum(
        isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
        for path in folder.rglob("test_*.py")
        for node in ast.parse(path.read_text(encoding="utf8")).body
    )


def _power(error: float) -> str:
    """Write a power of ten as people do.

    >>> _power(1e-07)
    '10⁻⁷'
    """
    return "10" + f"{error:.0e}".partition("e")[2].replace("-0", "-").translate(
        str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
    )


class Live(SphinxRole):
    """One of the numbers; a name that is none of them stops the build."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        root = Path(self.env.srcdir)
        found = numbers(root)
        if self.text not in found:
            text = f"no such number: {self.text!r}; there are {', '.join(found)}"
            return [], [self.inliner.reporter.error(text, line=self.lineno)]
        for path in (WITNESSES, "book/claims.yml"):
            self.env.note_dependency(str(root / path))
        classes = ["live"] if self.name == "live" else []
        return [nodes.inline("", found[self.text], classes=classes)], []


def setup(app: Sphinx) -> dict[str, Any]:
    for name in ("live", "live-word"):
        app.add_role(name, Live())
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
