r"""The plain network over a whole sequence on NumPy.

A step is the product :math:`[W\;b]\,[h_{t-1}; x_t; 1]` and a tanh, both in place. On the way back the
gradients of weights, bias and inputs are products over many steps at once, as in
:mod:`lstmlab.kernels.numpy_lstm`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from lstmlab.cells.rnn import RNN, RNNState, RNNTrace
from lstmlab.kernels.numpy_shared import (
    columns,
    offer,
    one_after_the_other,
    portions,
    scratch,
    side_by_side,
    vectors,
)
from lstmlab.kernels.small_products import in_blocks
from lstmlab.parameters import Parameters
from lstmlab.typing import Array
from lstmlab.unroll import Run, hold


class Blocks(NamedTuple):
    """What a fused run stores, in columns.

    ``U`` is ``(T + 1, n_h + n_x + 1, B)``: h before each step, x, ones. ``h_new`` is ``(T, n_h, B)``: what
    each step computed; with a mask it is not always what is carried on.
    """

    U: Array
    h_new: Array


class FusedTrace(RNNTrace):
    """The trace of a fused run: the same fields, as views, and the blocks behind them."""

    blocks: Blocks | None = None


def forward(cell: RNN, x: Array, state: RNNState, mask: Array | None) -> Run:
    """Run a whole sequence.

    Parameters
    ----------
    cell
        The plain network.
    x
        Shape ``(T, B, n_x)``.
    state
        Its field ``(B, n_h)``.
    mask
        ``None``, or ``(T, B, 1)``.

    Returns
    -------
    Run
        Its trace is a :class:`FusedTrace`.
    """
    (T, B, n_x), n_h = x.shape, cell.n_h
    product, W = in_blocks(np.concatenate([cell.params["W"], cell.params["b"][:, None]], axis=1), B)
    U = scratch.lend("inputs", (T + 1, n_h + n_x + 1, B), x.dtype)
    U[0, :n_h], U[:T, n_h:-1], U[:, -1] = state.h.T, columns(x), 1.0
    h_new = U[1:, :n_h] if mask is None else scratch.lend("h", (T, n_h, B), x.dtype)
    rows = h_new.reshape(T, *W.shape[:-1], B)
    for t, (u, rows_t, h_t) in enumerate(zip(*map(vectors, (U[:T], rows, h_new)), strict=True)):
        product(W, u, rows_t)
        np.tanh(h_t, h_t)
        if mask is not None:  # a sequence that has ended keeps its state
            running = mask[t].T
            (U[t + 1, :n_h],) = hold(running, RNNState(h_new[t]), RNNState(U[t, :n_h]))

    h = np.ascontiguousarray(columns(h_new))
    trace = FusedTrace(x, columns(U[:T, :n_h]), h)
    trace.blocks = Blocks(U, h_new)
    return Run(h if mask is None else mask * h, RNNState(U[T, :n_h].T.copy()), trace, mask)


def backward(
    cell: RNN, blocks: Blocks, mask: Array | None, dh: Array, dstate: RNNState, grads: Parameters
) -> tuple[Array, RNNState]:
    """Mirror of :func:`forward`.

    Parameters
    ----------
    cell
        The plain network, its parameters as they were.
    blocks
        What the run stored.
    mask
        As for the run.
    dh
        Direct derivative by each hidden state, ``(T, B, n_h)``.
    dstate
        Direct derivative by the last state.
    grads
        Added into.

    Returns
    -------
    dx, dstate
        Gradients of the input, ``(T, B, n_x)``, and of the first state.
    """
    (T, B, n_h), U = dh.shape, blocks.U
    W_h, W_x = (np.ascontiguousarray(W.T) for W in np.split(cell.params["W"], [n_h], axis=1))
    dx, dh_t = np.empty((T, B, cell.n_x), dh.dtype), dstate.h.T.copy()
    for some in reversed(portions(T, n_h, B)):
        h_new = blocks.h_new[some]
        n = h_new.shape[0]
        slope, delta = (scratch.take(name, (n, n_h, B), dh.dtype) for name in ("slope", "dh"))
        np.multiply(h_new, h_new, slope)
        np.subtract(np.array(1.0, dh.dtype), slope, slope)
        delta[...] = columns(dh[some])
        walk(W_h, delta, slope, dh_t, None if mask is None else mask[some])
        rows = side_by_side("delta", delta)
        dW = rows @ side_by_side("U", U[some]).T
        grads["W"] += dW[:, :-1]
        grads["b"] += dW[:, -1]
        dx[some] = one_after_the_other(W_x @ rows, n)
    return dx, RNNState(dh_t.T.copy())


def walk(W_h: Array, delta: Array, slope: Array, dh_t: Array, mask: Array | None) -> None:
    """Walk back through some steps.

    Parameters
    ----------
    W_h
        Transposed, ``(n_h, n_h)``.
    delta
        Direct derivative by each hidden state, ``(n, n_h, B)``; becomes the pre-activations' gradients.
    slope
        The tanh's, ``(n, n_h, B)``.
    dh_t
        Derivative by the last state, ``(n_h, B)``; in the end, by the first.
    mask
        ``None``, or ``(n, B, 1)``.
    """
    n, B = delta.shape[0], delta.shape[2]
    product, W_h = in_blocks(W_h, B)
    dh, rows = vectors(dh_t), vectors(dh_t.reshape(*W_h.shape[:-1], B))
    for t, delta_t, slope_t in zip(
        reversed(range(n)), vectors(delta)[::-1], vectors(slope)[::-1], strict=True
    ):
        np.add(dh, delta_t, delta_t)
        np.multiply(delta_t, slope_t, delta_t)
        if mask is not None:  # a sequence that has ended hands its gradient on as it is
            running = mask[t].T
            held = (1.0 - running) * dh_t
            delta[t] *= running
        product(W_h, delta_t, rows)
        if mask is not None:
            dh_t += held


offer(RNN, forward, backward)
