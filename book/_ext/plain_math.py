"""Displayed formulas as readers of plain Markdown want them."""

from __future__ import annotations

import re
from textwrap import dedent

INNERMOST = re.compile(r"\\begin\{([\w*]+)\}((?!\\begin).)*?\\end\{\1\}", re.S)


def loose_lines(formula: str) -> bool:
    r"""Say whether lines are broken by ``\\`` outside of every environment, which MathJax 3 passes over."""
    before = None
    while before != formula:
        before, formula = formula, INNERMOST.sub("", formula)
    return r"\\" in formula


def formula(content: str, number: str, quoted: bool) -> str:
    """Write a displayed formula with its number, as Sphinx breaks its lines."""
    lines = [line.strip() if quoted else line.rstrip() for line in dedent(content.strip("\n")).split("\n")]
    body = "\n".join(line for line in lines if line.strip())
    if loose_lines(body):
        body = f"\\begin{{split}}\n{body}\n\\end{{split}}"
    body = f"$$\n{body}\n\\tag{{{number}}}\n$$" if number else f"$$\n{body}\n$$"
    return " ".join(body.split()) if quoted else body
