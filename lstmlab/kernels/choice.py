"""Whether a kernel or the step-by-step code runs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

#: Multiply-adds of a run's forward products from which a kernel takes over. Below it a run is done in
#: milliseconds either way, and the code of the chapters is what runs.
WORTHWHILE = 2**18

_wanted: ContextVar[bool] = ContextVar(
    "wanted", default=os.environ.get("LSTMLAB_KERNELS", "").lower() not in ("off", "0", "no")
)
_small_too: ContextVar[bool] = ContextVar("small_too", default=False)


def worthwhile(T: int, B: int, n_x: int, n_h: int) -> bool:
    """Whether a kernel shall run a cell of these sizes.

    Parameters
    ----------
    T, B, n_x, n_h
        Steps, sequences, sizes of input and hidden state.

    Returns
    -------
    bool
        ``False`` for small runs outside :func:`fused`, inside :func:`plain`, and under
        ``LSTMLAB_KERNELS=off``.
    """
    return _wanted.get() and (_small_too.get() or T * B * n_h * (n_h + n_x) >= WORTHWHILE)


@contextmanager
def _held(switch: ContextVar[bool], value: bool) -> Iterator[None]:
    token = switch.set(value)
    try:
        yield
    finally:
        switch.reset(token)


@contextmanager
def plain() -> Iterator[None]:
    """Run the step-by-step code inside a ``with`` block, whatever the size.

    Examples
    --------
    >>> import lstmlab as ll
    >>> with ll.kernels.plain():
    ...     run = ll.unroll(ll.LSTM(2, 3), ll.xp.zeros((4, 1, 2)))
    """
    with _held(_wanted, False):
        yield


@contextmanager
def fused() -> Iterator[None]:
    """Let the kernels run whatever is small, too, inside a ``with`` block: many small trainings end sooner.

    Examples
    --------
    >>> import lstmlab as ll
    >>> with ll.kernels.fused():
    ...     run = ll.unroll(ll.LSTM(2, 3), ll.xp.zeros((4, 1, 2)))
    """
    with _held(_small_too, True):
        yield
