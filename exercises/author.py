"""What an author writes: parts, their arguments, their famous mistakes. See ``AUTHORS.md``.

A :class:`Part` is data. Its arguments are drawn from shapes such as ``"n_h, B"``; its expected values come
from the solution in the source notebook; a :class:`Mistake` is an edit of that solution, so that it can be
carried out, and recognised when a student makes it.
"""

from __future__ import annotations

import itertools
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .box.values import Seed

__all__ = [
    "Mistake", "Part", "Right", "Seed", "fixed", "gate", "normal", "size", "uniform", "whole",
]  # fmt: skip

Sizes = Mapping[str, int]
Draw = Callable[[np.random.Generator, Sizes], Any]

#: Smallest first. B ≠ n_h and B = n_h are both there: a bias added along the wrong axis fits in the second.
SIZES: tuple[dict[str, int], ...] = (
    {"T": 1, "B": 1, "n_x": 1, "n_h": 1},
    {"T": 2, "B": 1, "n_x": 1, "n_h": 1},
    {"T": 2, "B": 2, "n_x": 1, "n_h": 2},
    {"T": 3, "B": 3, "n_x": 2, "n_h": 4},
)
HIDDEN_SIZES: tuple[dict[str, int], ...] = (
    {"T": 4, "B": 3, "n_x": 3, "n_h": 3},
    {"T": 1, "B": 5, "n_x": 4, "n_h": 2},
    {"T": 6, "B": 2, "n_x": 1, "n_h": 5},
)
_parts: ContextVar[list[Part] | None] = ContextVar("parts", default=None)


class Edit:
    """An edit of a part's solution: pairs ``(old, new)``, each ``old`` once in it; or the ``code`` anew."""

    def __init__(self, says: str, *edits: tuple[str, str], code: str = "") -> None:
        if bool(edits) == bool(code):
            raise ValueError(f"{says!r}: expected either pairs (old, new) or code=")
        self.says, self.edits, self.code = says, edits, code

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.says!r})"

    def apply(self, solution: str) -> str:
        """Return the solution as this edit leaves it."""
        for old, new in self.edits:
            if solution.count(old) != 1:
                raise ValueError(
                    f"{self!r}: {old!r} stands {solution.count(old)} times in the solution, not once"
                )
            solution = solution.replace(old, new)
        return self.code or solution


class Mistake(Edit):
    """A famous wrong answer; ``says`` is the sentence a student reads who made it."""


class Right(Edit):
    """A right answer written in another way; ``says`` is its name in the tests."""


@dataclass(frozen=True)
class Case:
    """One call: a name to show, the arguments by name, and how close the answer must be."""

    name: str
    arguments: dict[str, Any]
    tolerance: float
    hidden: bool = False


@dataclass
class Part:
    """One function a student writes.

    Attributes
    ----------
    number, function, points
        The part's number, the name of the function, and what it is worth.
    title
        A few words.
    inputs
        Argument to what is drawn for it, in the order of the function's arguments: a shape such as
        ``"n_h, n_h + n_x"`` (normal numbers), :func:`gate`, :func:`uniform`, :func:`whole`, :func:`size`,
        :func:`fixed`, a function of a generator and the sizes, or a dictionary or tuple of these.
    outputs
        What is returned, in the order in which it is returned: name to ``(shape, equation)``; a dictionary
        of such pairs where a dictionary is returned. The shape is one for the messages, or ``"number"``,
        ``"text"`` or ``"any"``. With ``plot``, some of ``curves``, ``points``, ``images``, ``bars``.
    mistakes, right
        Lists of :class:`Mistake` (five or more an exercise) and :class:`Right`.
    hints
        Three texts, the last nearly the answer.
    order
        Names of outputs in the order in which they are computed, where that is not the order in which they
        are returned: the first wrong one names the broken equation.
    needs
        Numbers of earlier parts whose functions this one calls.
    plot
        The function gets an empty ``Axes`` first, and draws.
    tolerance
        Largest error allowed, as a share of the largest expected entry.
    sizes, hidden_sizes
        Sizes of the cases, smallest first.
    float32, large
        Add a case in single precision (errors up to 1e-4 allowed), and one with inputs 300 times as large.
    extra
        ``extra(rng)`` yields further pairs of a name and a dictionary of arguments.
    judge
        ``judge(arguments, expected, got)`` returns ``None`` or what is wrong, in place of a comparison.
    """

    number: int
    function: str
    points: int
    title: str
    inputs: dict[str, Any]
    outputs: dict[str, Any]
    hints: Sequence[str]
    mistakes: Sequence[Mistake] = ()
    right: Sequence[Right] = ()
    order: Sequence[str] = ()
    needs: Sequence[int] = ()
    plot: bool = False
    tolerance: float = 1e-5
    sizes: Sequence[Sizes] = SIZES
    hidden_sizes: Sequence[Sizes] = HIDDEN_SIZES
    float32: bool = True
    large: bool = False
    extra: Callable[[np.random.Generator], Iterable[tuple[str, dict[str, Any]]]] | None = None
    hidden_extra: Callable[[np.random.Generator], Iterable[tuple[str, dict[str, Any]]]] | None = None
    judge: Callable[[dict[str, Any], Any, Any], str | None] | None = None
    salt: str = field(default="", repr=False)
    secret: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        if len(self.hints) != 3:
            raise ValueError(f"part {self.number}: expected three hints, got {len(self.hints)}")
        if unknown := set(self.order) - set(self.outputs):
            raise ValueError(f"part {self.number}: order names {sorted(unknown)}, which are no outputs")
        if self.plot:
            self.float32 = False
        collected = _parts.get()
        if collected is not None:
            collected.append(self)

    def cases(self, hidden: bool) -> list[Case]:
        """Return the cases a notebook checks, or those that only the grader has; always the same ones."""
        ladder = self.hidden_sizes if hidden else self.sizes
        cases: list[Case] = []
        seen = set()
        for sizes in ladder:
            used = {name: n for name, n in sizes.items() if name in self.symbols()}
            key = tuple(used.items())
            if key in seen:
                continue
            seen.add(key)
            rng = self.generator(hidden, len(cases))
            name = ", ".join(f"{symbol} = {n}" for symbol, n in used.items()) or f"numbers {len(cases) + 1}"
            cases.append(Case(name, self.draw(rng, sizes), self.tolerance, hidden))
            if not used:
                break
        cases += self.variants(cases[-1] if cases else None, ladder[-1] if ladder else {}, hidden)
        extra = self.hidden_extra if hidden else self.extra
        for name, arguments in extra(self.generator(hidden, 99)) if extra else ():
            cases.append(Case(name, arguments, self.tolerance, hidden))
        return cases

    def variants(self, case: Case | None, sizes: Sizes, hidden: bool) -> Iterator[Case]:
        """Yield the last case once more, in single precision and with large numbers."""
        if case is None:
            return
        if self.large:
            rng = self.generator(hidden, 50)
            yield Case(f"{case.name}, large numbers", self.draw(rng, sizes, 300.0), self.tolerance, hidden)
        if self.float32:
            single = _single(case.arguments)
            yield Case(f"{case.name}, float32", single, max(self.tolerance, 1e-4), hidden)

    def generator(self, hidden: bool, k: int) -> np.random.Generator:
        """Return the generator of one case; ``secret`` changes those that only the grader has."""
        text = f"{self.salt}/{self.function}/{self.secret if hidden else ''}/{hidden}/{k}"
        return np.random.default_rng(zlib.crc32(text.encode()))

    def draw(self, rng: np.random.Generator, sizes: Sizes, scale: float = 1.0) -> dict[str, Any]:
        """Draw the arguments of one case."""
        return {name: _draw(kind, rng, sizes, scale) for name, kind in self.inputs.items()}

    def symbols(self) -> set[str]:
        """Names of the sizes that the arguments' shapes use."""
        return set(itertools.chain.from_iterable(map(_symbols, self.inputs.values())))


@contextmanager
def collecting() -> Iterator[list[Part]]:
    """Collect the parts made inside."""
    parts: list[Part] = []
    token = _parts.set(parts)
    try:
        yield parts
    finally:
        _parts.reset(token)


class Drawn:
    """What :func:`normal` and its kin return: how an argument is drawn, and with which sizes."""

    def __init__(self, draw: Callable[[np.random.Generator, Sizes, float], Any], shape: str = "") -> None:
        self.draw, self.symbols = draw, set(re.findall(r"[A-Za-z_]\w*", shape))


def normal(shape: str, scale: float = 1.0) -> Drawn:
    """Normal numbers with two decimals, none near zero; the plain string ``shape`` means the same."""

    def draw(rng: np.random.Generator, sizes: Sizes, large: float) -> Any:
        numbers = rng.normal(size=dimensions(shape, sizes))
        return np.round((numbers + np.copysign(0.2, numbers)) * scale * large, 2)

    return Drawn(draw, shape)


def uniform(low: float, high: float, shape: str) -> Drawn:
    """Uniform numbers with two decimals."""
    return Drawn(
        lambda rng, sizes, large: np.round(rng.uniform(low, high, dimensions(shape, sizes)), 2), shape
    )


def gate(shape: str) -> Drawn:
    """Values a gate may have."""
    return uniform(0.05, 0.95, shape)


def whole(low: int, high: int, shape: str) -> Drawn:
    """Whole numbers from ``low`` up to, not including, ``high``."""
    return Drawn(lambda rng, sizes, large: rng.integers(low, high, dimensions(shape, sizes)), shape)


def size(symbol: str) -> Drawn:
    """One of the sizes itself, as a Python ``int``: an expression such as ``"n_h"`` or ``"2 * B"``."""
    return Drawn(lambda rng, sizes, large: dimensions(symbol, sizes)[0], symbol)


def fixed(value: Any) -> Drawn:
    """Give the same value every time: a number, a text, an array, ``Seed(7)`` for a generator."""
    return Drawn(lambda rng, sizes, large: value)


def dimensions(shape: str, sizes: Sizes) -> tuple[int, ...]:
    """Turn ``"n_h, n_h + n_x"`` into numbers."""
    parts = [part for part in shape.split(",") if part.strip()]
    return tuple(int(eval(part, {"__builtins__": {}}, dict(sizes))) for part in parts)


def _draw(kind: Any, rng: np.random.Generator, sizes: Sizes, scale: float) -> Any:
    if isinstance(kind, str):
        kind = normal(kind)
    if isinstance(kind, Drawn):
        return kind.draw(rng, sizes, scale)
    if isinstance(kind, dict):
        return {name: _draw(item, rng, sizes, scale) for name, item in kind.items()}
    if isinstance(kind, list | tuple):
        return type(kind)(_draw(item, rng, sizes, scale) for item in kind)
    if callable(kind):
        return kind(rng, sizes)
    raise TypeError(f"inputs: expected a shape, gate(...), fixed(...) or a function, got {kind!r:.60}")


def _symbols(kind: Any) -> set[str]:
    if isinstance(kind, str):
        return set(re.findall(r"[A-Za-z_]\w*", kind))
    if isinstance(kind, Drawn):
        return kind.symbols
    if isinstance(kind, dict | list | tuple):
        items = kind.values() if isinstance(kind, dict) else kind
        return set(itertools.chain.from_iterable(map(_symbols, items)))
    return {"T", "B", "n_x", "n_h"}  # a function may use all of them


def _single(value: Any) -> Any:
    if isinstance(value, np.ndarray) and value.dtype == np.float64:
        return value.astype(np.float32)
    if isinstance(value, dict):
        return {name: _single(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_single(item) for item in value)
    return value
