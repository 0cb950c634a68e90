"""The part of a notebook's code that a function needs: imports, definitions, constants. Nothing runs here.

Cells that only call, print or draw are left out, so what happens in them cannot hurt. Of what is left,
only the statements that the wanted functions need, directly or through others, are taken.
"""

from __future__ import annotations
import __future__

import ast
import linecache
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from types import CodeType
from typing import Any

MAGIC = re.compile(r"^(\s*)(%|!|\?).*$|^(\s*)\S[^#'\"]*\?\s*$")
LAZY = __future__.annotations.compiler_flag  # what a name is annotated with is nobody's business here
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


@dataclass
class Statement:
    """One statement at the top level of a cell, with the names it makes and the names it uses."""

    node: ast.stmt
    file: str
    makes: set[str] = field(default_factory=set)
    uses: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.makes = set(_made(self.node))
        self.uses = _free(self.node)

    @cached_property
    def is_future(self) -> bool:
        """Whether it is an import from the future, which has its place at the top of a file only."""
        return isinstance(self.node, ast.ImportFrom) and self.node.module == "__future__"

    @cached_property
    def code(self) -> CodeType:
        tree = ast.Module([] if self.is_future else [self.node], [])
        code: CodeType = compile(tree, self.file, "exec", LAZY, dont_inherit=True)
        return code


def read_cells(sources: Iterable[tuple[str, str]]) -> tuple[list[Statement], list[str]]:
    """Parse cells, given as pairs of a name and a text; return their statements and what cannot be parsed."""
    statements: list[Statement] = []
    problems: list[str] = []
    for name, source in sources:
        try:
            found = _statements(name, source)
        except SyntaxError as error:
            problems.append(f"{name} cannot be read by Python: {error.msg} (line {error.lineno})")
            continue
        except (ValueError, RecursionError, MemoryError) as error:
            problems.append(f"{name} cannot be read by Python ({type(error).__name__})")
            continue
        lines = source.splitlines(keepends=True)
        linecache.cache[f"<{name}>"] = (len(source), None, lines, f"<{name}>")
        statements += found
    return statements, problems


@lru_cache(maxsize=256)  # the course's own cells are read again for each answer that is judged
def _statements(name: str, source: str) -> tuple[Statement, ...]:
    return tuple(Statement(node, f"<{name}>") for node in _parse(source).body)


def _parse(source: str) -> ast.Module:
    try:
        return ast.parse(source)
    except SyntaxError as error:
        cleaned = "\n".join(MAGIC.sub(_pass, line) for line in source.splitlines())
        try:
            return ast.parse(cleaned)
        except SyntaxError:
            raise error from None


def _pass(match: re.Match[str]) -> str:
    return f"{match[1] or match[3] or ''}pass"


def _made(node: ast.AST) -> Iterator[str]:
    """Yield the names a statement binds; what a function binds inside itself is its own affair."""
    if isinstance(node, DEFINITIONS):
        yield node.name
    elif isinstance(node, ast.Import | ast.ImportFrom):
        for alias in node.names:
            yield (alias.asname or alias.name).partition(".")[0]
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store | ast.Del):
        yield node.id
    elif isinstance(node, ast.Lambda):
        return
    else:
        if isinstance(node, ast.Assign | ast.AugAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:  # table["f"] = 1 and point.x = 1 change table and point
                while isinstance(target, ast.Subscript | ast.Attribute):
                    target = target.value
                if isinstance(target, ast.Name):
                    yield target.id
        for child in ast.iter_child_nodes(node):
            yield from _made(child)


def _free(node: ast.AST) -> set[str]:
    """Return the names a statement looks up outside itself."""
    if isinstance(node, ast.Name):
        return {node.id}
    free = {name for child in ast.iter_child_nodes(node) for name in _free(child)}
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        args = node.args
        every = [*args.posonlyargs, *args.args, *args.kwonlyargs, args.vararg, args.kwarg]
        local = {arg.arg for arg in every if arg}
        body = node.body if isinstance(node.body, list) else [node.body]
        local |= {name for statement in body for name in _made(statement)}
        local -= {name for n in ast.walk(node) if isinstance(n, ast.Global) for name in n.names}
        outside = [*args.defaults, *(d for d in args.kw_defaults if d), *getattr(node, "decorator_list", [])]
        return (free - local) | {name for child in outside for name in _free(child)}
    return free


def is_stub(node: ast.AST) -> bool:
    """Whether a function does nothing but raise ``NotImplementedError``."""
    if not isinstance(node, ast.FunctionDef):
        return False
    body = [s for s in node.body if not (isinstance(s, ast.Pass) or _is_text(s))]
    return len(body) == 1 and isinstance(body[0], ast.Raise) and "NotImplementedError" in ast.dump(body[0])


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def borrows_reference(node: ast.AST) -> bool:
    """Whether this is ``name = check.reference(2)``: a loan for going on, never an answer."""
    value = getattr(node, "value", None)
    return (
        isinstance(node, ast.Assign)
        and isinstance(value, ast.Call)
        and isinstance(value.func, ast.Attribute)
        and value.func.attr == "reference"
    )


def needed(statements: Sequence[Statement], wanted: Collection[str]) -> list[Statement]:
    """Return, in order, the statements that the wanted names need."""
    usable = [s for s in statements if not isinstance(s.node, ast.Expr) and not borrows_reference(s.node)]
    written = {name for s in usable if not is_stub(s.node) for name in s.makes}
    usable = [s for s in usable if not (is_stub(s.node) and s.makes <= written)]  # an empty copy below
    names, chosen = set(wanted), set()
    grew = True
    while grew:
        grew = False
        for k, statement in enumerate(usable):
            everywhere = isinstance(statement.node, ast.ImportFrom) and (
                statement.node.module == "__future__" or "*" in statement.makes
            )
            if k not in chosen and (everywhere or statement.makes & names):
                chosen.add(k)
                names |= statement.uses
                grew = True
    return [usable[k] for k in sorted(chosen)]


def execute(statements: Sequence[Statement], namespace: dict[str, Any]) -> list[str]:
    """Execute statements one by one; return what failed, and go on after it."""
    problems = []
    for statement in statements:
        try:
            exec(statement.code, namespace)
        except SystemExit:
            problems.append(f"{statement.file[1:-1]}, line {statement.node.lineno}: ends Python (exit)")
        except Exception as error:
            what = f"{type(error).__name__}: {_short(error)}"
            problems.append(f"{statement.file[1:-1]}, line {statement.node.lineno}: {what}")
    return problems


def _short(error: BaseException) -> str:
    try:
        return " ".join(str(error).split())[:200]
    except Exception:
        return ""
