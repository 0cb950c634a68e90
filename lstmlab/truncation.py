"""Training on sequences that are too long to walk back: truncation, and states carried on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lstmlab.backend import from_numpy, namespace
from lstmlab.checks import check_array, check_size
from lstmlab.typing import Array, Cell, State
from lstmlab.unroll import (
    Back,
    Run,
    check_run,
    check_state,
    hold,
    sequence_back,
    steps_between,
    unroll,
    zero_state,
)
from lstmlab.wrappers import check_steps


def truncated_backprop(
    cell: Cell, run: Run, dh: Array, k: int, *, every: int = 1, dstate: State | None = None
) -> Back:
    r"""Backpropagation through at most k steps: each loss :math:`\ell_t` reaches the cells t-k+1, ..., t.

    Implements :eq:`eq-truncation` and :eq:`eq-chunks`, the second with ``every = k``.

    The constants are the state before those k cells, :math:`h_{t-k}` *and* :math:`C_{t-k}`: cutting the
    cell state alone would leave every cell reachable through h. The notes' index, t-k-1, reaches k+1
    cells. The result is biased: it is not the gradient of anything.

    Parameters
    ----------
    cell, run, dh, dstate
        As for :func:`lstmlab.backprop`; the cell can be stepped.
    k
        Number of cells the newest loss of a window reaches. With k at least T this is
        :func:`lstmlab.backprop`.
    every
        Steps between two windows, at most k. 1: every loss reaches exactly k cells, at k times the work.
        k: disjoint chunks, each loss reaching only to the start of its chunk, at the work of one pass.

    Returns
    -------
    Back
        As :func:`lstmlab.backprop`. ``dstate`` counts only windows that reach the first step.

    Raises
    ------
    TypeError, ValueError
        As :func:`lstmlab.backprop`; and if ``k`` or ``every`` is not a positive whole number or ``every``
        is larger than ``k``.

    References
    ----------
    Williams and Peng (1990), BPTT(k; every); Sutskever (2013).
    """
    check_steps(cell, "cell")
    T, B = check_run(cell, run)
    if hasattr(run.trace, "starts"):
        raise TypeError("run: expected one that stored every step, got a checkpointed one")
    check_array("dh", dh, (T, B, cell.n_h), cell.params.vectors[0])
    last = zero_state(cell, B) if dstate is None else check_state("dstate", dstate, cell, B)
    if check_size("every", every) > check_size("k", k):
        raise ValueError(f"every: expected at most k = {k}, got {every}")

    grads, zeros, dx, dfirst = (
        cell.params.zeros_like(),
        zero_state(cell, B),
        0.0 * run.trace.x,
        zero_state(cell, B),
    )
    xp = namespace(dh)
    for stop in sorted({*range(every, T, every), T}):
        start, newest = max(0, stop - k), (stop - 1) // every * every
        own = dh[newest:stop, ...]
        if stop < T and not bool(xp.any(own != 0.0)):
            continue
        losses = xp.concat([0.0 * dh[start:newest, ...], own], axis=0)
        mask = None if run.mask is None else run.mask[start:stop, ...]
        trace = steps_between(run.trace, start, stop)
        dx_here, through = sequence_back(cell, trace, mask, losses, last if stop == T else zeros, grads)
        dx[start:stop, ...] += dx_here
        if start == 0:
            dfirst = type(dfirst)(*(a + b for a, b in zip(dfirst, through, strict=True)))
    return Back(dx, dfirst, grads)


class Stateful:
    """Runs chunk after chunk of longer sequences, each from where the last one ended.

    Implements :eq:`eq-carried-state`. Made by :func:`stateful`.

    Attributes
    ----------
    state
        The state after the last chunk, a constant for the next one: values are exact, gradients stop at
        the seam.
    """

    def __init__(self, cell: Cell, batch: int) -> None:
        self.cell, self.batch = cell, batch
        self.state: State = cell.initial_state(batch)

    def unroll(self, x: Array, *, lengths: Sequence[int] | None = None, trace: bool = True) -> Run:
        """Run one chunk and remember its last state; arguments as for :func:`lstmlab.unroll`."""
        run = unroll(self.cell, x, self.state, lengths=lengths, trace=trace)
        self.state = run.state
        return run

    def reset(self, rows: Sequence[int] | None = None) -> None:
        """Start some rows anew, at the end of their document.

        Parameters
        ----------
        rows
            Which sequences of the batch; ``None`` resets all.

        Raises
        ------
        ValueError
            If a row is not one of the batch.
        """
        fresh = self.cell.initial_state(self.batch)
        chosen = list(range(self.batch) if rows is None else rows)
        if any(isinstance(b, bool) or not 0 <= b < self.batch for b in chosen):
            raise ValueError(f"rows: expected some of 0 to {self.batch - 1}, got {rows!r:.80}")
        anew = np.zeros((self.batch, 1))
        anew[chosen] = 1.0
        self.state = hold(from_numpy(anew, self.cell.params.vectors[0]), fresh, self.state)


def stateful(cell: Cell, batch: int) -> Stateful:
    """Carry the state of a batch from one chunk to the next.

    Row b of the next chunk must continue row b of this one.

    Parameters
    ----------
    cell
        Any cell that can be stepped.
    batch
        Number of rows B.

    Returns
    -------
    Stateful
        With ``unroll(x)``, ``state`` and ``reset(rows)``.

    Raises
    ------
    TypeError, ValueError
        If the cell cannot be stepped, or ``batch`` is not a positive whole number.

    Examples
    --------
    >>> import lstmlab as ll
    >>> from lstmlab import xp
    >>> carried = ll.stateful(ll.LSTM(3, 4), batch=2)
    >>> for chunk in (xp.zeros((5, 2, 3)), xp.ones((5, 2, 3))):
    ...     run = carried.unroll(chunk)
    >>> run.state is carried.state
    True
    """
    check_steps(cell, "cell")
    return Stateful(cell, check_size("batch", batch))
