"""Two directions: one cell reads forwards, another backwards.

The pair is no cell: the backward layer's first step needs the last input.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from lstmlab.backend import device, namespace, to_numpy
from lstmlab.depth import Composite
from lstmlab.parameters import ParameterGroup
from lstmlab.typing import Array, Cell, State, Trace
from lstmlab.unroll import Run, check_cell, run_sequence, sequence_back


class BidirectionalTrace(NamedTuple):
    """What a bidirectional pair stores: input, both traces, output, and the order of reversal.

    ``order`` holds, for every place of the reversed batch laid out flat, where its row came from.
    """

    x: Array
    forward: Trace
    backward: Trace
    h: Array
    order: Array


class Bidirectional(Composite):
    r"""A cell that reads forwards beside one that reads backwards. Made by :func:`bidirectional`."""

    Trace = BidirectionalTrace
    causal = False

    def __init__(self, forward: Cell, backward: Cell) -> None:
        parts = {"forward": forward, "backward": backward}
        super().__init__(parts, ["_forward", "_backward"], forward.n_h + backward.n_h)

    def summary(self, state: State) -> Array:
        r"""What each direction knows after its own last step, :math:`[h_T^{\to}; h_1^{\gets}]`.

        Implements :eq:`eq-summary`.

        Parameters
        ----------
        state
            The final state of a run.

        Returns
        -------
        array
            Shape ``(B, n_h)``. Not the output at T, whose backward half has read one symbol.
        """
        forward, backward = self.split(state)
        return namespace(forward.h).concat([forward.h, backward.h], axis=1)

    def __repr__(self) -> str:
        return f"bidirectional({self.parts['forward']!r}, {self.parts['backward']!r})"


def bidirectional(forward: Cell, backward: Cell) -> Bidirectional:
    r"""Read a sequence in both directions, :math:`h_t = [h_t^{\to}; h_t^{\gets}]`.

    Implements :eq:`eq-bidirectional`. The backward cell starts from its initial state at each sequence's
    own end: with ``lengths`` each sequence is turned round within its length, and padding is never read.
    The output at t depends on the whole sequence, so the pair cannot predict a next symbol and cannot be
    stepped.

    Parameters
    ----------
    forward, backward
        Two cells of equal ``n_x``.

    Returns
    -------
    Bidirectional
        For :func:`lstmlab.unroll` and :func:`lstmlab.backprop`; ``n_h`` is the sum of both. Fields of
        its state carry ``_forward`` and ``_backward``.

    Raises
    ------
    TypeError, ValueError
        If an argument is not a cell, cannot be stepped itself, or the input sizes differ.

    References
    ----------
    Schuster and Paliwal (1997); Graves and Schmidhuber (2005).
    """
    for name, cell in (("forward", forward), ("backward", backward)):
        check_cell(cell)
        if not cell.causal:
            raise TypeError(f"{name}: expected a cell that reads in one direction, got {cell!r:.60}")
    if forward.n_x != backward.n_x:
        raise ValueError(f"backward: expected n_x = {forward.n_x}, that of forward, got {backward.n_x}")
    return Bidirectional(forward, backward)


def reversal(mask: Array | None, x: Array) -> Array:
    """Return where each row of the reversed batch comes from, ``(T * B,)``, rows laid out time first.

    Implements :eq:`eq-reversal`. Steps after a sequence's end stay where they are. Reversing twice changes
    nothing.
    """
    T, B = x.shape[0], x.shape[1]
    lengths = np.full(B, T) if mask is None else to_numpy(mask)[:, :, 0].sum(axis=0).astype(np.int64)
    t, b = np.arange(T)[:, None], np.arange(B)[None, :]
    source = np.where(t < lengths, lengths - 1 - t, t)
    return namespace(x).asarray((source * B + b).ravel(), device=device(x))


def reorder(a: Array, order: Array) -> Array:
    """Return the rows of ``(T, B, n)`` in another order."""
    xp = namespace(a)
    rows = xp.reshape(a, (a.shape[0] * a.shape[1], a.shape[2]))
    return xp.reshape(xp.take(rows, order, axis=0), a.shape)


@run_sequence.register(Bidirectional)
def _run_both(cell: Bidirectional, x: Array, state: State, mask: Array | None) -> Run:
    forward_state, backward_state = cell.split(state)
    order = reversal(mask, x)
    forward = run_sequence(cell.parts["forward"], x, forward_state, mask)
    backward = run_sequence(cell.parts["backward"], reorder(x, order), backward_state, mask)
    h = namespace(x).concat([forward.h, reorder(backward.h, order)], axis=2)
    trace = BidirectionalTrace(x, forward.trace, backward.trace, h, order)
    return Run(h, cell.join([forward.state, backward.state]), trace, mask)


@sequence_back.register(Bidirectional)
def _both_back(
    cell: Bidirectional,
    trace: BidirectionalTrace,
    mask: Array | None,
    dh: Array,
    dstate: State,
    grads: ParameterGroup,
) -> tuple[Array, State]:
    """Mirror of :func:`_run_both`; both directions read x, so their gradients of it add.

    Implements :eq:`eq-both-back`.
    """
    n = cell.parts["forward"].n_h
    dforward, dbackward = cell.split(dstate)

    def back(name: str, trace_of: Trace, dh_of: Array, d: State) -> tuple[Array, State]:
        return sequence_back(cell.parts[name], trace_of, mask, dh_of, d, grads.parts[name])

    dx, dforward = back("forward", trace.forward, dh[:, :, :n], dforward)
    dx_reversed, dbackward = back("backward", trace.backward, reorder(dh[:, :, n:], trace.order), dbackward)
    return dx + reorder(dx_reversed, trace.order), cell.join([dforward, dbackward])
