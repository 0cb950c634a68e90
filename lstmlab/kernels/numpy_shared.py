"""What the fused runs on NumPy share: columns, scratch memory, portions of time, and who takes over when.

A fused run keeps its arrays in columns, ``(T, n, B)``, so that a product needs no transpose and every
gate is a block of rows.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from lstmlab.kernels.choice import worthwhile
from lstmlab.typing import Array, State, Trace
from lstmlab.unroll import Run, run_outputs, run_sequence, sequence_back, walk_outputs, walks_as

CHUNK = 2**18  # numbers of pre-activations worked on at once: about the second cache
COLUMNS = (
    512  # at least so many columns in a product over steps: each one costs a sum as large as the weights
)
KEPT = 2**24  # numbers of scratch space that stay allocated between two calls
LENT = 2**18  # numbers from which an array is made of such space: smaller ones cost no fresh pages
AT_HOME = 2  # spaces of a kind that are kept: a loop makes its next run before it lets go of the last

plain_run = run_sequence.dispatch(object)
plain_outputs = run_outputs.dispatch(object)
plain_back = sequence_back.dispatch(object)


class Loan:
    """Memory under an array: it goes home when the array is gone, and every view of it."""

    def __init__(self, flat: Array, home: list[Array]) -> None:
        self.flat, self.home = flat, home
        self.__array_interface__ = flat.__array_interface__

    def __del__(self) -> None:
        self.home.append(self.flat)
        self.home.sort(key=len)
        del self.home[:-AT_HOME]  # the largest stay: they serve every run


class Scratch(threading.local):
    """Memory that is used again: fresh pages cost more than arithmetic.

    What is taken belongs to the same thread's next call of the same thing; what is lent, to whoever holds it.
    """

    def __init__(self) -> None:
        self.flat: dict[tuple[str, np.dtype[Any]], Array] = {}
        self.homes: dict[tuple[str, np.dtype[Any]], list[Array]] = {}

    def take(self, name: str, shape: tuple[int, ...], dtype: Any) -> Array:
        """Return an array of a shape, whatever stands in it."""
        size, key = math.prod(shape), (name, np.dtype(dtype))
        flat = self.flat.get(key)
        if flat is None or flat.size < size:
            flat = np.empty(size, dtype)
            if size <= KEPT:
                self.flat[key] = flat
        return flat[:size].reshape(shape)

    def lend(self, name: str, shape: tuple[int, ...], dtype: Any) -> Array:
        """Return an array of a shape, whatever stands in it, to be kept as long as one likes."""
        size = math.prod(shape)
        if not LENT <= size <= KEPT:
            return np.empty(shape, dtype)
        home = self.homes.setdefault((name, np.dtype(dtype)), [])
        fitting = [k for k, flat in enumerate(home) if flat.size >= size]  # the smallest first
        flat = home.pop(fitting[0]) if fitting else np.empty(size, dtype)
        return np.asarray(Loan(flat, home))[:size].reshape(shape)


scratch = Scratch()


def can_run(kind: type, cell: Any, x: Array) -> bool:
    """Whether a kernel for one kind of cell may run this one: no subclass, and NumPy arrays."""
    return type(x) is np.ndarray and type(cell.params.flat) is np.ndarray and type(cell) is kind


def offer(
    kind: type,
    forward: Callable[..., Run],
    backward: Callable[..., tuple[Array, State]],
    outputs: Callable[..., Run] | None = None,
) -> tuple[Callable[..., Run], Callable[..., tuple[Array, State]], Callable[..., Run]]:
    """Let a kernel do the large runs of a kind of cell.

    Parameters
    ----------
    kind
        The class of the cell.
    forward
        Takes what :func:`lstmlab.unroll.run_sequence` takes; its trace has an attribute ``blocks``.
    backward
        Takes what :func:`lstmlab.unroll.sequence_back` takes, with these blocks in place of the trace.
    outputs
        Takes what ``forward`` takes and keeps no trace; ``None`` lets ``forward`` do it.

    Returns
    -------
    run, back, run_alone
        What is registered now: the kernel where it may and should run, the plain way elsewhere.
    """

    @run_sequence.register(kind)
    def run(cell: Any, x: Array, state: State, mask: Array | None) -> Run:
        if can_run(kind, cell, x) and worthwhile(x.shape[0], x.shape[1], cell.n_x, cell.n_h):
            return forward(cell, x, state, mask)
        return plain_run(cell, x, state, mask)

    @run_outputs.register(kind)
    def run_alone(cell: Any, x: Array, state: State, mask: Array | None) -> Run:
        if can_run(kind, cell, x) and worthwhile(x.shape[0], x.shape[1], cell.n_x, cell.n_h):
            return (outputs or forward)(cell, x, state, mask)._replace(trace=None)
        return (walk_outputs if walks_as(cell, kind) else plain_outputs)(cell, x, state, mask)

    @sequence_back.register(kind)
    def back(
        cell: Any, trace: Trace, mask: Array | None, dh: Array, dstate: State, grads: Any
    ) -> tuple[Array, State]:
        blocks = getattr(trace, "blocks", None)
        if blocks is not None and can_run(kind, cell, dh):
            return backward(cell, blocks, mask, dh, dstate, grads)
        return plain_back(cell, trace, mask, dh, dstate, grads)

    return run, back, run_alone


def columns(a: Array) -> Array:
    """``(..., B, n)`` to ``(..., n, B)``, a view; and back."""
    return np.swapaxes(a, -1, -2)


def vectors(a: Array) -> Array:
    """Drop the axis of the batch if it holds one sequence: NumPy and BLAS are quicker without it."""
    return a[..., 0] if a.shape[-1] == 1 else a


def portions(T: int, rows: int, B: int) -> list[slice]:
    """Divide T steps, ``(rows, B)`` numbers each, into portions that fit a cache and fill a product."""
    steps = min(T, max(1, CHUNK // (rows * B), COLUMNS // B))
    return [slice(max(0, stop - steps), stop) for stop in range(T, 0, -steps)][::-1]


def side_by_side(name: str, a: Array) -> Array:
    """``(n, rows, B)`` to ``(rows, n B)``: the columns of all steps side by side, a view if B is 1."""
    n, rows, B = a.shape
    if B == 1:
        return a[..., 0].T
    joined = scratch.take(name, (rows, n, B), a.dtype)
    joined[...] = a.transpose(1, 0, 2)
    return joined.reshape(rows, n * B)


def one_after_the_other(joined: Array, n: int) -> Array:
    """``(rows, n B)`` to ``(n, B, rows)``, a view: from columns side by side to the public shape."""
    rows = joined.shape[0]
    return joined.reshape(rows, n, -1).transpose(1, 2, 0)
