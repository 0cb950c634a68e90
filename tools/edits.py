"""The mechanical mutants of a module: Cosmic Ray's operators, and three for code made of calls and arrays."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import parso
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator

ROOT = Path(__file__).resolve().parent.parent
Span = tuple[tuple[int, int], tuple[int, int]]

BINARY = (
    *("Add_Sub", "Add_Mul", "Sub_Add", "Mul_Div", "Mul_Add", "Div_Mul"),
    *("FloorDiv_Div", "FloorDiv_Mul", "Mod_FloorDiv", "Pow_Mul", "Pow_Div"),
)
COMPARISONS = (
    *("Lt_LtE", "Lt_Gt", "LtE_Lt", "LtE_GtE", "Gt_GtE", "Gt_Lt", "GtE_Gt", "GtE_LtE"),
    *("Eq_NotEq", "NotEq_Eq", "Is_IsNot", "IsNot_Is"),
)
OTHERS = (
    "AddNot",
    "NumberReplacer",
    "ReplaceAndWithOr",
    "ReplaceBreakWithContinue",
    "ReplaceContinueWithBreak",
    "ReplaceFalseWithTrue",
    "ReplaceOrWithAnd",
    "ReplaceTrueWithFalse",
    "ReplaceUnaryOperator_Delete_Not",
    "ReplaceUnaryOperator_USub_UAdd",
    "ZeroIterationForLoop",
)


COMMUTATIVE = ("max", "maximum", "min", "minimum", "namespace")


class DropStatement:
    """``a += b``, ``a[i] = b`` or a call for its effect: left out."""

    def mutation_positions(self, node: Any) -> Iterator[Span]:
        if node.type != "simple_stmt":
            return
        first = node.children[0]
        target = first.children[0].type if first.type == "expr_stmt" else ""
        augmented = first.type == "expr_stmt" and first.children[1].type == "operator"
        changes = augmented and (first.children[1].value != "=" or target in ("atom_expr", "power"))
        if changes or first.type in ("atom_expr", "power"):
            yield node.start_pos, node.end_pos

    def mutate(self, node: Any, index: int) -> Any:
        """Nothing is done, on as many lines as before."""
        lines = node.get_code(include_prefix=False).count("\n")
        prefix = node.get_first_leaf().prefix
        return _leaf(f"{prefix}pass" + "\n" * lines)


class DropKeyword:
    """``f(x, name=value)`` without its last named argument, or any but the last."""

    def mutation_positions(self, node: Any) -> Iterator[Span]:
        if node.type == "arglist":
            for child in node.children:
                if _named(child):
                    yield child.start_pos, child.end_pos
        elif node.type == "trailer" and len(node.children) == 3 and _named(node.children[1]):
            yield node.children[1].start_pos, node.children[1].end_pos

    def mutate(self, node: Any, index: int) -> Any:
        if node.type == "trailer":
            node.children = [node.children[0], node.children[2]]
            return node
        named = [i for i, child in enumerate(node.children) if _named(child)][index]
        following = node.children[named + 2 :]
        node.children = node.children[: named if following else max(named - 1, 0)] + following
        return node


class SwapArguments:
    """``f(b, a)`` for ``f(a, b)``, of each two neighbours without a name."""

    def mutation_positions(self, node: Any) -> Iterator[Span]:
        for i in self._first(node):
            yield node.children[i].start_pos, node.children[i + 2].end_pos

    def mutate(self, node: Any, index: int) -> Any:
        i = self._first(node)[index]
        a, b = node.children[i], node.children[i + 2]
        a.get_first_leaf().prefix, b.get_first_leaf().prefix = (
            b.get_first_leaf().prefix,
            a.get_first_leaf().prefix,
        )
        node.children[i], node.children[i + 2] = b, a
        return node

    @staticmethod
    def _first(node: Any) -> list[int]:
        if node.type != "arglist":
            return []
        if node.get_first_leaf().get_previous_leaf().get_previous_leaf().value in COMMUTATIVE:
            return []
        plain = [child.type not in ("argument", "operator") for child in node.children]
        return [i for i in range(len(plain) - 2) if plain[i] and plain[i + 2]]


def _named(node: Any) -> bool:
    """Say whether a node is ``name=value``; ``strict=`` of a zip of equal lengths does not count."""
    return (
        node.type == "argument"
        and getattr(node.children[1], "value", "") == "="
        and node.children[0].value != "strict"
    )


def _leaf(text: str) -> Any:
    return parso.python.tree.Name(text, (0, 0))


def operators() -> dict[str, Any]:
    """Return an instance of every operator in use, by a short name."""
    names = {f"ReplaceBinaryOperator_{pair}": pair for pair in BINARY}
    names |= {f"ReplaceComparisonOperator_{pair}": pair for pair in COMPARISONS} | {n: n for n in OTHERS}
    found = {short: get_operator(f"core/{name}")() for name, short in names.items()}
    own = (DropStatement(), DropKeyword(), SwapArguments())
    return found | {type(operator).__name__: operator for operator in own}


OPERATORS = operators()


class Mutant(NamedTuple):
    """One edit: where it stands, and how to make it."""

    path: str
    operator: str
    #: The innermost function's qualified name; empty in the body of a class or of the module.
    where: str
    line: int
    occurrence: int

    @property
    def module(self) -> str:
        return self.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    def source(self, root: Path) -> str | None:
        """Return the whole edited module, or nothing if it is not Python or nothing new."""
        before = (root / self.path).read_text(encoding="utf8")
        after = mutate_code(before, OPERATORS[self.operator], self.occurrence)
        try:
            same = after is None or ast.dump(ast.parse(after)) == ast.dump(ast.parse(before))
        except SyntaxError:
            return None
        return None if same else str(after)

    def lines(self, root: Path, source: str) -> tuple[str, str]:
        """Return the edited lines, before and after."""
        before = (root / self.path).read_text(encoding="utf8").splitlines()
        pairs = itertools.zip_longest(before, source.splitlines(), fillvalue="")
        changed = [(a.strip(), b.strip()) for a, b in pairs if a.strip() != b.strip()]
        return " ".join(a for a, _ in changed), " ".join(b for _, b in changed)


def words_only(tree: ast.Module) -> set[int]:
    """Return the lines on which an error is worded or types are named: an edit there changes no number."""
    found: set[int] = set()
    for node in ast.walk(tree):
        types_only = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        if types_only or isinstance(node, ast.Raise | ast.Assert):
            assert isinstance(node, ast.stmt)
            found |= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return found


def type_spans(tree: ast.Module) -> list[Span]:
    """Return where types stand."""
    nodes: list[ast.expr | None] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.arg | ast.AnnAssign):
            nodes.append(node.annotation)
        elif isinstance(node, ast.FunctionDef):
            nodes.append(node.returns)
    return [((n.lineno, n.col_offset), (n.end_lineno or 0, n.end_col_offset or 0)) for n in nodes if n]


def idle(node: Any) -> bool:
    """Say whether a node is a bare ``*`` among parameters, or the ``strict=`` of a zip of equal lengths."""
    around = node.parent
    if around is not None and around.type == "argument":
        return bool(around.children[0].get_code().strip() == "strict")
    bare = around is not None and around.type in ("parameters", "lambdef", "param")
    return bool(bare and getattr(node, "value", "") in ("*", "/"))


def where(node: Any) -> str:
    """Return the qualified name of the function a parso node stands in, or nothing outside of functions."""
    names: list[str] = []
    while node := node.parent:
        if node.type in ("funcdef", "classdef"):
            if not names and node.type == "classdef":
                return ""
            if names and node.type == "funcdef":
                names.append("<locals>")
            names.append(node.name.value)
    return ".".join(reversed(names))


def mutants_of(root: Path, path: str) -> list[Mutant]:
    """Return every mutant of a module, in the order of its lines."""
    text = (root / path).read_text(encoding="utf8")
    tree = ast.parse(text)
    silent, types = words_only(tree), type_spans(tree)
    counts = dict.fromkeys(OPERATORS, 0)
    found = []
    for node in ast_nodes(get_ast(text)):
        for name, operator in OPERATORS.items():
            for start, end in operator.mutation_positions(node):
                occurrence = counts[name]
                counts[name] += 1
                # parso counts characters and ast bytes: a Greek letter before a type shifts it, no harm done.
                typed = any(a <= start and end <= b for a, b in types)
                if start[0] not in silent and not typed and not idle(node):
                    found.append(Mutant(path, name, where(node), start[0], occurrence))
    return sorted(found, key=lambda mutant: mutant.line)
