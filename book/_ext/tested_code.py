"""Which function of the package an equation is, and which tests stand behind it: read from the files.

Nothing is imported and nothing runs. A function says ``Implements :eq:`eq-name``` in its docstring, a test is
marked ``@pytest.mark.equation("eq-name")``; ``tests/book/test_equations.py`` keeps both true.
"""

from __future__ import annotations

import ast
import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pygments.lexers.python import PythonLexer  # type: ignore[import-untyped]
from pygments.token import STANDARD_TYPES  # type: ignore[import-untyped]

ROLE = r":eq:`(eq-[\w-]+)`"
IMPLEMENTS = re.compile(rf"Implements\s+(?:{ROLE}(?:\s*,\s*and\s+|\s*,\s*|\s+and\s+)?)+")
MARK = "pytest.mark.equation"
#: Classes of Pygments that have the colour of all other text in the site's styles: half of the markup.
PLAIN = {"", "n", "nn", "nx", "p", "pm", "w"}
Definition = ast.FunctionDef | ast.ClassDef


@dataclass(frozen=True)
class Code:
    """A function, class or test: its dotted name, where it stands, and its lines."""

    name: str
    path: str  # within the repository
    line: int
    text: str

    @property
    def test(self) -> str:
        """The name by which pytest knows it."""
        return f"{self.path.rpartition('/')[2]}::{self.name.rpartition('.')[2]}"


@dataclass(frozen=True)
class Index:
    """Labels of equations, the function of each, and its tests in the order of their files."""

    function: dict[str, Code]
    tests: dict[str, list[Code]]
    paths: tuple[Path, ...]


@cache  # asked for with every page; the files do not change while a site is built
def read(root: Path) -> Index:
    """Read the package and the tests below ``root``."""
    functions: dict[str, Code] = {}
    tests: dict[str, list[Code]] = {}
    package, checks = _files(root / "lstmlab", "*.py"), _files(root / "tests", "test_*.py")
    for path in package:
        for labels, code in _implementations(path, root):
            functions |= dict.fromkeys(labels, code)
    for path in checks:
        for labels, code in _tests(path, root):
            for label in dict.fromkeys(labels):
                tests.setdefault(label, []).append(code)
    return Index(functions, tests, (*package, *checks))


def _files(folder: Path, pattern: str) -> list[Path]:
    return sorted(folder.rglob(pattern))


def _implementations(path: Path, root: Path) -> Iterator[tuple[list[str], Code]]:
    text = path.read_text(encoding="utf8")
    module = ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
    for names, node in _definitions(ast.parse(text), (module,)):
        claims = IMPLEMENTS.finditer(ast.get_docstring(node) or "")
        labels = [label for claim in claims for label in re.findall(ROLE, claim[0])]
        if labels:
            lines = without_docstrings(text.splitlines(), node)
            yield labels, Code(".".join(names), path.relative_to(root).as_posix(), node.lineno, lines)


def _definitions(tree: ast.AST, inside: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Definition]]:
    """Yield every function and class with the names it stands under."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, Definition):
            names = (*inside, node.name)
            yield names, node
            yield from _definitions(node, names)
        else:
            yield from _definitions(node, inside)


def _tests(path: Path, root: Path) -> Iterator[tuple[list[str], Code]]:
    text = path.read_text(encoding="utf8")
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef):
            labels = [label for decorator in node.decorator_list for label in _marked(decorator)]
            if labels:
                # The marks are known from the panel; parameters and all the rest are part of the test.
                marks = [mark for mark in node.decorator_list if list(_marked(mark))]
                lines = _dedented(text.splitlines(), node, marks)
                yield labels, Code(node.name, path.relative_to(root).as_posix(), node.lineno, lines)


def _marked(decorator: ast.expr) -> Iterator[str]:
    if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == MARK:
        for argument in decorator.args:
            literal = argument.value if isinstance(argument, ast.Starred) else argument
            value = ast.literal_eval(literal)
            yield from value if isinstance(value, tuple | list) else [value]


def without_docstrings(lines: list[str], node: Definition) -> str:
    """Return the lines of a definition without its docstrings, each of which the API page shows in full.

    >>> text = 'def double(a):\\n    "Twice."\\n    return a + a'
    >>> print(without_docstrings(text.splitlines(), ast.parse(text).body[0]))
    def double(a):
        return a + a
    """
    strings: list[ast.AST] = []
    for part in ast.walk(node):
        if isinstance(part, Definition) and ast.get_docstring(part) is not None and len(part.body) > 1:
            strings.append(part.body[0])
    return _dedented(lines, node, strings)


def _dedented(lines: list[str], node: Definition, left_out: list[ast.AST] | list[ast.expr]) -> str:
    """Return the lines from the first decorator to the end, moved to the left margin."""
    gone = {
        number
        for part in left_out
        for number in range(getattr(part, "lineno", 0), (getattr(part, "end_lineno", 0) or 0) + 1)
    }
    start = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
    kept = [n for n in range(start, (node.end_lineno or start) + 1) if n not in gone]
    text = "\n".join(lines[n - 1][node.col_offset :] for n in kept)
    return re.sub(r"(:\n)\n+", r"\1", re.sub(r"\n{3,}", "\n\n", text))


@cache
def highlighted(text: str) -> str:
    """Return Python as HTML with the classes of Pygments, which both themes colour."""
    made = []
    for kind, words in PythonLexer().get_tokens(text):
        while kind not in STANDARD_TYPES:
            kind = kind.parent
        name, escaped = STANDARD_TYPES[kind], html.escape(words, quote=False)
        made.append(escaped if name in PLAIN else f'<span class="{name}">{escaped}</span>')
    return f'<div class="highlight"><pre tabindex="0">{"".join(made).rstrip()}\n</pre></div>'
