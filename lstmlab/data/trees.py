"""List operations: expressions such as MAX(1, MIN(2, 0)) whose value a network shall tell.

An expression is a digit, or a tuple ``(operator, argument, ...)``. A tree network reads its nodes, a
sequence network the same tokens in a row with brackets; both are to answer the value. The operators do
not care for the order of their arguments, so a sum over children loses nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from lstmlab.checks import check_size
from lstmlab.initializers import generator

#: A digit, or ``(operator, argument, ...)``.
Expression: TypeAlias = Any
#: A digit, the name of an operator, or a bracket.
Token: TypeAlias = int | str

#: Name to function of the arguments and the modulus.
OPERATORS: dict[str, Callable[[list[int], int], int]] = {
    "MAX": lambda values, m: max(values),
    "MIN": lambda values, m: min(values),
    "SUM": lambda values, m: sum(values) % m,
}
BRACKETS = ("(", ")")
#: So many draws in a row may be refused before there is nothing left to draw.
PATIENCE = 1000


class ListOperations(NamedTuple):
    """A set of expressions.

    Attributes
    ----------
    expressions
        n nested tuples, as ``Trees.from_nested`` takes them.
    tokens
        For each expression its nodes' tokens in reading order, the order of the nodes in ``Trees``.
    sequences
        For each expression its tokens with brackets, in a row.
    labels
        The values, ``(n,)``, whole numbers below the modulus.
    """

    expressions: list[Expression]
    tokens: list[list[Token]]
    sequences: list[list[Token]]
    labels: np.ndarray[Any, np.dtype[np.int64]]


def list_operations(
    n: int,
    *,
    depth: int | tuple[int, int] = (1, 3),
    modulus: int = 3,
    n_children: int | tuple[int, int] = 2,
    operators: Sequence[str] = ("MAX", "MIN", "SUM"),
    p_digit: float = 0.5,
    exclude: Collection[Expression] = (),
    rng: int | np.random.Generator = 0,
) -> ListOperations:
    """Draw expressions.

    The depth of an expression is drawn first and then reached exactly: one argument of each operator on
    the way leads on to it. Each other argument is a digit with probability ``p_digit``, else an
    expression of a depth drawn evenly from 1 to the depth left. So a set of greater depths has no
    expression in common with a set of lesser ones.

    Parameters
    ----------
    n
        Number of expressions.
    depth
        Operators on the longest path from the root to a digit: a number, or the least and the
        greatest, drawn evenly.
    modulus
        Digits run from 0 to ``modulus - 1``, and SUM is taken modulo this number.
    n_children
        Arguments of an operator: a number, or the least and the greatest, drawn evenly.
    operators
        Names from ``MAX``, ``MIN``, ``SUM``.
    p_digit
        Probability that an argument off the longest path is a digit, from 0 to 1.
    exclude
        Expressions that shall not come (those of the training set, say).
    rng
        Seed or generator.

    Returns
    -------
    ListOperations
        ``expressions``, ``tokens``, ``sequences``, ``labels``.

    Raises
    ------
    ValueError, TypeError
        If an argument is not as above, or ``exclude`` leaves nothing to draw.

    References
    ----------
    Nangia and Bowman (2018), whose ListOps have digits 0 to 9, more operators and much larger trees.

    Examples
    --------
    >>> data = list_operations(1, depth=2, rng=1)
    >>> data.expressions[0], int(data.labels[0])
    (('MIN', ('MAX', 2, 2), ('MAX', 2, 1)), 2)
    """
    n, modulus, rng = check_size("n", n), check_size("modulus", modulus), generator(rng)
    depths, widths = _check_range("depth", depth), _check_range("n_children", n_children)
    names = _check_operators(operators)
    if not 0.0 <= p_digit <= 1.0:
        raise ValueError(f"p_digit: expected a probability from 0 to 1, got {p_digit!r}")

    def number(least: int, greatest: int) -> int:
        return int(rng.integers(least, greatest + 1))

    def grow(d: int) -> Expression:
        """Return an expression of depth d exactly."""
        if d == 0:
            return number(0, modulus - 1)
        operator, k = names[number(0, len(names) - 1)], number(*widths)
        leading = number(0, k - 1)
        below = [d - 1 if j == leading else branch(d - 1) for j in range(k)]
        return (operator, *(grow(d_j) for d_j in below))

    def branch(d: int) -> int:
        """Return the depth of an argument off the longest path, d at most."""
        return 0 if d == 0 or rng.random() < p_digit else number(1, d)

    refused = set(exclude)
    expressions: list[Expression] = []
    misses = 0
    while len(expressions) < n:
        expression = grow(number(*depths))
        misses = misses + 1 if expression in refused else 0
        if misses == 0:
            expressions.append(expression)
        elif misses == PATIENCE:
            raise ValueError(f"exclude: expected something left to draw, got {PATIENCE} refusals in a row")
    labels = np.array([evaluate(e, modulus) for e in expressions], dtype=np.int64)
    sequences = [sequence_tokens(e) for e in expressions]
    return ListOperations(expressions, [node_tokens(e) for e in expressions], sequences, labels)


def evaluate(expression: Expression, modulus: int) -> int:
    """Compute the value of an expression exactly.

    Parameters
    ----------
    expression
        A digit, or ``(operator, argument, ...)``.
    modulus
        Digits are below it, and SUM is taken modulo this number.

    Returns
    -------
    int
        From 0 to ``modulus - 1``.

    Raises
    ------
    ValueError
        If a digit or an operator is not known, or an operator has no argument.

    Examples
    --------
    >>> evaluate(("SUM", 2, ("MAX", 1, 2)), 3)
    1
    """
    if isinstance(expression, tuple):
        operator, *arguments = expression or ("",)
        if operator not in OPERATORS or not arguments:
            wanted = ", ".join(OPERATORS)
            raise ValueError(f"expression: expected one of {wanted} with arguments, got {expression!r:.60}")
        return OPERATORS[operator]([evaluate(a, modulus) for a in arguments], modulus)
    if isinstance(expression, bool) or not isinstance(expression, int) or not 0 <= expression < modulus:
        raise ValueError(f"expression: expected a digit from 0 to {modulus - 1}, got {expression!r:.60}")
    return expression


def node_tokens(expression: Expression) -> list[Token]:
    """Return a token for each node in reading order: an operator before its arguments.

    Parameters
    ----------
    expression
        A digit, or ``(operator, argument, ...)``.

    Returns
    -------
    list
        As many as the tree has nodes. Without brackets the tree cannot be told from them.
    """
    return [token for token in sequence_tokens(expression) if token not in BRACKETS]


def sequence_tokens(expression: Expression) -> list[Token]:
    """Write an expression in a row: ``( MAX 1 ( MIN 2 0 ) )``.

    Parameters
    ----------
    expression
        A digit, or ``(operator, argument, ...)``.

    Returns
    -------
    list
        Digits, operators and brackets; the tree can be read from them.
    """
    if not isinstance(expression, tuple):
        return [expression]
    operator, *arguments = expression
    return [BRACKETS[0], operator, *(t for a in arguments for t in sequence_tokens(a)), BRACKETS[1]]


def list_vocabulary(
    modulus: int = 3, operators: Sequence[str] = ("MAX", "MIN", "SUM"), *, brackets: bool = False
) -> dict[Token, int]:
    """Number the tokens: digits first, each with its own value, then operators, then brackets.

    Parameters
    ----------
    modulus, operators
        As in :func:`list_operations`.
    brackets
        Whether brackets occur: in sequences they do, at nodes they do not.

    Returns
    -------
    dict
        Token to index; its length is the width of a one-hot input.

    Raises
    ------
    ValueError
        If an argument is not as above.
    """
    digits = range(check_size("modulus", modulus))
    tokens = [*digits, *_check_operators(operators), *(BRACKETS if brackets else ())]
    return {token: index for index, token in enumerate(tokens)}


def _check_range(name: str, given: Any) -> tuple[int, int]:
    pair = given if isinstance(given, tuple) else (given, given)
    if len(pair) != 2:
        raise ValueError(f"{name}: expected a number or (least, greatest), got {given!r}")
    least, greatest = (check_size(name, v) for v in pair)
    if least > greatest:
        raise ValueError(f"{name}: expected (least, greatest), got {given!r}")
    return least, greatest


def _check_operators(operators: Sequence[str]) -> list[str]:
    names = [operators] if isinstance(operators, str) else list(operators)
    if not names or len(set(names)) < len(names) or not set(names) <= set(OPERATORS):
        raise ValueError(f"operators: expected some of {', '.join(OPERATORS)}, got {operators!r}")
    return names
