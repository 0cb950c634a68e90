"""An array that keeps a tally of what is done to it, and :func:`measure`, which runs a cell on such arrays.

A cell follows whatever arrays it is given, so what is counted is a real run.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, NamedTuple

import numpy as np

from lstmlab.backend import to_numpy
from lstmlab.checks import check_size
from lstmlab.complexity.operations import Counts
from lstmlab.functions import sigmoid
from lstmlab.initializers import generator
from lstmlab.parameters import Parameters
from lstmlab.typing import Array, Cell
from lstmlab.unroll import backprop, unroll

#: NumPy's names for what is counted by kind; all else that makes numbers is "other".
KINDS = {"multiply": "products", "add": "sums", "subtract": "sums", "tanh": "tanh"}
PRODUCTS = ("matmul", "vecdot", "matvec", "vecmat")
#: Comparisons and logic, which make no numbers.
FREE = (
    *("greater", "greater_equal", "less", "less_equal", "equal", "not_equal"),
    *("isfinite", "isnan", "isinf", "logical_and", "logical_or", "logical_not", "invert"),
    *("bitwise_and", "bitwise_or"),
)
#: NumPy computes these where no array can see it.
UNSEEN = ("dot", "einsum", "inner", "outer", "vdot", "tensordot", "kron", "convolve", "correlate")


class Tally:
    """Counts by equation: the name of the function in which an operation stands.

    Attributes
    ----------
    equations
        Name of the function to :class:`Counts`, in the order in which they were first met.
    """

    def __init__(self) -> None:
        self.equations: dict[str, Counts] = {}

    def count(self, equation: str, kind: str, number: int) -> None:
        """Add a number of operations of one kind."""
        self.equations[equation] = self.equations.get(equation, Counts()) + Counts(**{kind: number})

    @property
    def total(self) -> Counts:
        """All equations together."""
        return sum(self.equations.values(), Counts())


class CountingArray(np.ndarray[Any, Any]):
    """A NumPy array that tells the tally of :func:`counting` what is done to it.

    What is computed from it is counted in turn. Made by :func:`counted`.
    """

    tally: ClassVar[Tally] = Tally()

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, out: Any = None, **options: Any) -> Any:
        """Do what NumPy would do, and count it."""
        plain = [_plain(a) for a in inputs]
        if out is not None:
            options["out"] = tuple(_plain(a) for a in out)
        result = getattr(ufunc, method)(*plain, **{name: _plain(a) for name, a in options.items()})
        name, (equation, in_sigmoid) = ufunc.__name__, _place()
        if name in PRODUCTS:
            self.tally.count(equation, "macs", result.size * plain[0].shape[-1])
        elif in_sigmoid:  # its steps are one operation, and exactly one of them is an exponential
            self.tally.count(equation, "sigmoid", result.size if name == "exp" else 0)
        elif name not in FREE:
            number = plain[0].size - result.size if method == "reduce" else result.size
            self.tally.count(equation, KINDS.get(name, "other"), number)
        return counted(result) if out is None else out[0]

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        """Let NumPy's functions work on counting arrays, and return such arrays."""
        if function.__name__ in UNSEEN or function.__module__ == "numpy.linalg":
            raise TypeError(
                f"cannot count what {function.__module__}.{function.__name__} does; use @ instead"
            )
        result = super().__array_function__(function, types, args, kwargs)
        return counted(result) if type(result) is np.ndarray else result


def counted(a: Array) -> CountingArray:
    """Return an array, of any library, as a NumPy array whose use is counted.

    Parameters
    ----------
    a
        An array or a number.

    Returns
    -------
    CountingArray
        On NumPy, the same memory.
    """
    return to_numpy(a).view(CountingArray)


def counted_cell(cell: Any, wrap: Callable[[Array], Any] = counted) -> Any:
    """Return a copy of a cell or layer whose parameters count; the original stays as it was.

    Parameters
    ----------
    cell
        Whatever has ``params``: Parameters, or a group of them.
    wrap
        What makes an array count.

    Returns
    -------
    object
        Its copy, on NumPy.
    """
    twin = copy.deepcopy(cell)
    leaves = [("", twin.params)] if isinstance(twin.params, Parameters) else twin.params.leaves()
    for _, leaf in leaves:
        Parameters.__init__(leaf, leaf.shapes, wrap(leaf.flat))
    return twin


@contextmanager
def counting() -> Iterator[Tally]:
    """Count all that is done to counting arrays inside a ``with`` block.

    Yields
    ------
    Tally
        What has been counted, by equation.

    Examples
    --------
    >>> W, z = counted(np.ones((3, 5))), counted(np.ones((5, 2)))
    >>> with counting() as tally:
    ...     f = sigmoid(W @ z + 1.0)
    >>> tally.total
    Counts(macs=30, products=0, sums=6, sigmoid=6, tanh=0, other=0)
    """
    before, CountingArray.tally = CountingArray.tally, Tally()
    try:
        yield CountingArray.tally
    finally:
        CountingArray.tally = before


class Measured(NamedTuple):
    """What :func:`measure` found.

    Attributes
    ----------
    forward, backward
        :class:`Counts` of the two passes. Training is their sum, inference the first.
    equations
        The same by equation, over both passes.
    stored
        Floats that the run keeps for the way back.
    """

    forward: Counts
    backward: Counts
    equations: dict[str, Counts]
    stored: int


def measure(cell: Cell, *, T: int = 1, B: int = 1) -> Measured:
    """Run a cell forward and back over random numbers, and count.

    The cell is copied and left as it was. Comparisons, copies and transposes are not counted.

    Parameters
    ----------
    cell
        Anything :func:`lstmlab.unroll` takes.
    T, B
        Numbers of steps and of sequences.

    Returns
    -------
    Measured
        ``forward``, ``backward``, ``equations``, ``stored``.
    """
    twin, x, state = _counting_twin(cell, T, B)
    with counting() as forward:
        run = unroll(twin, x, state)
    dh = counted(generator(1).normal(size=run.h.shape).astype(run.h.dtype))
    with counting() as backward:
        backprop(twin, run, dh)
    stored = sum(a.size for a in _arrays(run.trace))
    return Measured(forward.total, backward.total, forward.equations | backward.equations, stored)


def distinct_floats(cell: Cell, *, T: int = 1, B: int = 1) -> int:
    """Walk a cell over T steps, keep what each step stores, and count every piece of memory once.

    Parameters
    ----------
    cell
        A cell that can be stepped.
    T, B
        Numbers of steps and of sequences.

    Returns
    -------
    int
        What :func:`lstm_stored_floats` says with ``each_once``.
    """
    twin, x, state = _counting_twin(cell, T, B)
    traces = []
    for t in range(T):
        state, trace = twin.step(x[t, ...], state)
        traces.append(trace)
    return sum({a.ctypes.data: a.size for a in _arrays(traces)}.values())


def _counting_twin(cell: Cell, T: int, B: int) -> tuple[Any, CountingArray, Any]:
    """Return a copy of the cell whose parameters count, random inputs, and the zero state."""
    twin = counted_cell(cell)
    dtype = twin.params.vectors[0].dtype
    x = counted(generator(0).normal(size=(check_size("T", T), check_size("B", B), cell.n_x)).astype(dtype))
    return twin, x, type(zero := twin.initial_state(B))(*(counted(a) for a in zero))


def _arrays(value: Any) -> list[Any]:
    """Return the arrays in a trace: a tuple that may hold tuples."""
    if isinstance(value, (tuple, list)):
        return [a for part in value for a in _arrays(part)]
    return [value] if isinstance(value, np.ndarray) else []


def _plain(value: Any) -> Any:
    return value.view(np.ndarray) if isinstance(value, CountingArray) else value


def _place() -> tuple[str, bool]:
    """Return the equation in which an operation stands, and whether it is a step of a σ in it."""
    frame, in_sigmoid = sys._getframe(2), False
    while frame.f_back and frame.f_globals["__name__"].startswith(("numpy", __name__)):
        frame = frame.f_back
    while frame.f_back and frame.f_globals["__name__"] == "lstmlab.functions":
        in_sigmoid = in_sigmoid or frame.f_code is sigmoid.__code__
        frame = frame.f_back
    return frame.f_code.co_qualname.partition(".<locals>")[0].rpartition(".")[2], in_sigmoid
