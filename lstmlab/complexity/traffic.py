"""An array that counts calls of the array library, and the numbers that each call reads and writes.

The other instrument, :mod:`lstmlab.complexity.instrument`, counts what the equations ask for. This one counts
what the library is made to do: a σ of eight calls is eight calls here, and each reads its arguments and
writes its result. How long that takes is the machine's affair; how much it is can be counted anywhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np

from lstmlab.backend import to_numpy
from lstmlab.complexity.instrument import FREE, PRODUCTS, UNSEEN, counted_cell
from lstmlab.typing import Array


@dataclass
class Traffic:
    """What the array library was made to do; two can be added or subtracted.

    Attributes
    ----------
    calls
        Calls that read or write numbers. Views (a transpose, a slice) cost nothing and are none.
    products
        How many of them are matrix products.
    macs
        Multiply-accumulates of the products.
    operations
        Floating-point operations outside products, one for each number that a call computes.
    read, written
        Numbers read and written: each argument once, each result once. A truth value is a number, too.
    made
        Numbers for which new memory was asked.
    """

    calls: int = 0
    products: int = 0
    macs: int = 0
    operations: int = 0
    read: int = 0
    written: int = 0
    made: int = 0

    @property
    def moved(self) -> int:
        """Numbers read and written together."""
        return self.read + self.written

    @property
    def flops(self) -> int:
        """Floating-point operations, two for each multiply-accumulate."""
        return 2 * self.macs + self.operations

    @property
    def intensity(self) -> float:
        """Floating-point operations for each number moved; divide by its bytes."""
        return self.flops / self.moved

    def __add__(self, more: Traffic) -> Traffic:
        return Traffic(*(getattr(self, f.name) + getattr(more, f.name) for f in fields(self)))

    def __sub__(self, less: Traffic) -> Traffic:
        return Traffic(*(getattr(self, f.name) - getattr(less, f.name) for f in fields(self)))


class WatchedArray(np.ndarray[Any, Any]):
    """A NumPy array that tells the tally of :func:`watching` about each call. Made by :func:`watched`.

    What is computed from it is watched in turn, and so is what ``empty_like`` makes beside it.
    """

    tally: ClassVar[Traffic] = Traffic()

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, out: Any = None, **options: Any) -> Any:
        """Do what NumPy would do, and count it."""
        plain = [_plain(a) for a in inputs]
        if out is not None:
            options["out"] = tuple(_plain(a) for a in out)
        result = getattr(ufunc, method)(*plain, **{name: _plain(a) for name, a in options.items()})
        macs = result.size * plain[0].shape[-1] if ufunc.__name__ in PRODUCTS else 0
        computed = plain[0].size - result.size if method == "reduce" else result.size
        _count(plain, result, macs, 0 if macs or ufunc.__name__ in FREE else computed, made=out is None)
        return watched(result) if out is None else out[0]

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        """Count what moves numbers, and refuse what would go unseen."""
        name = function.__name__
        if name == "dot":
            left, right, out = *(_plain(a) for a in args[:2]), args[2] if len(args) > 2 else kwargs.get("out")
            result = np.dot(left, right, _plain(out))
            _count((left, right), result, result.size * left.shape[-1], made=out is None)
            return watched(result) if out is None else out
        if name in UNSEEN or function.__module__ == "numpy.linalg":
            raise TypeError(f"cannot watch what {function.__module__}.{name} does; use @ instead")
        result = super().__array_function__(function, types, args, kwargs)
        if name == "empty_like":
            self.tally.made += result.size
        elif name == "copyto":
            _count(args[1:2], args[0], made=False)
        elif name == "concatenate":
            _count(args[0], result)
        elif name == "where":
            _count(args, result)
        return watched(result) if type(result) is np.ndarray else result

    def __setitem__(self, place: Any, value: Any) -> None:
        _count((value,), _plain(self)[place], made=False)
        super().__setitem__(place, _plain(value))

    def reshape(self, *shape: Any, **options: Any) -> Any:
        """Count a reshape that has to copy; one that does not is a view."""
        result = super().reshape(*shape, **options)
        if not np.shares_memory(self, result):
            _count((self,), result)
        return result


def watched(a: Array) -> WatchedArray:
    """Return an array, of any library, as a NumPy array whose calls are counted.

    Parameters
    ----------
    a
        An array or a number.

    Returns
    -------
    WatchedArray
        On NumPy, the same memory.
    """
    return to_numpy(a).view(WatchedArray)


def watched_cell(cell: Any) -> Any:
    """Return a copy of a cell or layer whose parameters are watched; the original stays as it was.

    Parameters
    ----------
    cell
        Whatever has ``params``: Parameters, or a group of them.

    Returns
    -------
    object
        Its copy, on NumPy.
    """
    return counted_cell(cell, watched)


@contextmanager
def watching() -> Iterator[Traffic]:
    """Count all calls on watched arrays inside a ``with`` block.

    Yields
    ------
    Traffic
        The tally.

    Examples
    --------
    >>> a, b = watched(np.ones(6)), np.ones(6)
    >>> with watching() as tally:
    ...     c = a * b + 1.0
    >>> tally.calls, tally.read, tally.written, tally.made
    (2, 18, 12, 12)
    """
    before, WatchedArray.tally = WatchedArray.tally, Traffic()
    try:
        yield WatchedArray.tally
    finally:
        WatchedArray.tally = before


def _count(arguments: Any, result: Any, macs: int = 0, operations: int = 0, *, made: bool = True) -> None:
    """Add one call to the tally; numbers of Python are no traffic."""
    tally = WatchedArray.tally
    tally.calls += 1
    tally.products += macs > 0
    tally.macs += macs
    tally.operations += operations
    tally.read += sum(a.size for a in arguments if isinstance(a, np.ndarray))
    tally.written += result.size
    tally.made += result.size if made else 0


def _plain(value: Any) -> Any:
    return value.view(np.ndarray) if isinstance(value, WatchedArray) else value
