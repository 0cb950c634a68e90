r"""The LSTM over a whole sequence on NumPy: one product a step, and everything else in place.

What makes it fast, in the order of what each is worth:

* one product a step, :math:`[W\;b]\,[h_{t-1}; x_t; 1]`, in columns: BLAS likes this orientation best, and
  every gate is a block of rows;
* no array is made inside the loop;
* one tanh for all gates, because :math:`\sigma(a) = \tfrac12\tanh(\tfrac a2) + \tfrac12`: the halves go
  into the weights before the loop;
* on the way back, whatever does not depend on the gradient is computed for many steps at once, and the
  gradients of the weights are one product for many steps.

Rows of gates stand in the order o, f, i, C here: the three sigmoids side by side, and beside each other
the three that the cell state's gradient multiplies.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from lstmlab.cells.lstm import BIASES, LSTM, WEIGHTS, LSTMState, LSTMTrace
from lstmlab.kernels.numpy_shared import (
    columns,
    offer,
    one_after_the_other,
    portions,
    scratch,
    side_by_side,
    vectors,
)
from lstmlab.parameters import Parameters
from lstmlab.typing import Array
from lstmlab.unroll import Run, hold

ORDER = (3, 0, 1, 2)  # o, f, i, C among f, i, C, o


class Blocks(NamedTuple):
    """What a fused run stores, in columns.

    ``U`` is ``(T + 1, n_h + n_x + 1, B)``: h before each step, x, ones. ``gates`` is ``(T, 4, n_h, B)`` in
    the order o, f, i, C̃. ``C`` is ``(T + 1, n_h, B)``: the cell state before each step, and the last.
    ``C_new`` is ``(T, n_h, B)``: what each step computed; with a mask it is not always what is carried on.
    """

    U: Array
    gates: Array
    C: Array
    C_new: Array


class FusedTrace(LSTMTrace):
    """The trace of a fused run: the same fields, as views, and the blocks behind them."""

    blocks: Blocks | None = None


def weights(cell: LSTM) -> Array:
    """Return ``[W b]`` with rows in this module's order, ``(4 n_h, n_h + n_x + 1)``."""
    W, b = cell.W.reshape(4, cell.n_h, -1), cell.b.reshape(4, cell.n_h, 1)
    joined = np.concatenate([W, b], axis=2)[list(ORDER)]
    return joined.reshape(4 * cell.n_h, -1)


def forward(cell: LSTM, x: Array, state: LSTMState, mask: Array | None) -> Run:
    """Run a whole sequence.

    Parameters
    ----------
    cell
        The LSTM.
    x
        Shape ``(T, B, n_x)``.
    state
        Each field ``(B, n_h)``.
    mask
        ``None``, or ``(T, B, 1)``.

    Returns
    -------
    Run
        Its trace is a :class:`FusedTrace`.
    """
    (T, B, n_x), n_h = x.shape, cell.n_h
    half = np.array(0.5, x.dtype)  # an array without axes: NumPy takes twice as long over a Python number
    W = weights(cell)
    W[: 3 * n_h] *= half

    U = np.empty((T + 1, n_h + n_x + 1, B), x.dtype)
    U[0, :n_h], U[:T, n_h:-1], U[:, -1] = state.h.T, columns(x), 1.0
    gates = np.empty((T, 4 * n_h, B), x.dtype)
    C = np.empty((T + 1, n_h, B), x.dtype)
    C[0] = state.C.T
    h_new = U[1:, :n_h] if mask is None else np.empty((T, n_h, B), x.dtype)
    C_new = C[1:] if mask is None else np.empty((T, n_h, B), x.dtype)
    written = vectors(np.empty((n_h, B), x.dtype))

    blocks = gates.reshape(T, 4, n_h, B)
    by_gate = np.moveaxis(blocks, 1, 0)
    arrays = (U[:T], gates, gates[:, : 3 * n_h], *by_gate, C[:T], C_new, h_new)
    dot, tanh, multiply, add = np.dot, np.tanh, np.multiply, np.add
    for t, (u, a, sigmoids, o, f, i, C_tilde, C_prev, C_t, h_t) in enumerate(
        zip(*map(vectors, arrays), strict=True)
    ):
        dot(W, u, a)
        tanh(a, a)
        multiply(sigmoids, half, sigmoids)
        add(sigmoids, half, sigmoids)
        multiply(f, C_prev, C_t)
        multiply(i, C_tilde, written)
        add(C_t, written, C_t)
        tanh(C_t, written)
        multiply(o, written, h_t)
        if mask is not None:  # a sequence that has ended keeps its state
            running = mask[t].T
            held = hold(running, LSTMState(h_new[t], C_new[t]), LSTMState(U[t, :n_h], C[t]))
            U[t + 1, :n_h], C[t + 1] = held

    h = np.ascontiguousarray(columns(h_new))
    kept = Blocks(U, blocks, C, C_new)
    o, f, i, C_tilde = map(columns, by_gate)
    trace = FusedTrace(x, columns(U[:T, :n_h]), columns(C[:T]), f, i, C_tilde, columns(C_new), o, h)
    trace.blocks = kept
    last = LSTMState(U[T, :n_h].T.copy(), C[T].T.copy())
    return Run(h if mask is None else mask * h, last, trace, mask)


def backward(
    cell: LSTM, blocks: Blocks, mask: Array | None, dh: Array, dstate: LSTMState, grads: Parameters
) -> tuple[Array, LSTMState]:
    """Mirror of :func:`forward`.

    Parameters
    ----------
    cell
        The LSTM, its parameters as they were.
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
    U, gates, C, C_new = blocks
    (T, B, n_h), n_x, dtype = dh.shape, cell.n_x, dh.dtype
    W = weights(cell)
    W_h, W_x = np.ascontiguousarray(W[:, :n_h].T), np.ascontiguousarray(W[:, n_h:-1].T)
    dW = np.zeros_like(W)
    dx = np.empty((T, B, n_x), dtype)
    dh_t, dC_t = dstate.h.T.copy(), dstate.C.T.copy()
    for some in reversed(portions(T, 4 * n_h * B)):
        delta, dC_by_dh = local_derivatives(gates[some], C[some], C_new[some])
        n = delta.shape[0]
        dh_own = scratch.take("dh", (n, n_h, B), dtype)
        dh_own[...] = columns(dh[some])
        walk(W_h, delta, dC_by_dh, gates[some, 1], dh_own, dh_t, dC_t, mask, some.start)
        # One product for all steps of the portion: columns of all steps side by side.
        rows = side_by_side("delta", delta.reshape(n, 4 * n_h, B))
        dW += rows @ side_by_side("U", U[some]).T
        dx[some] = one_after_the_other(W_x @ rows, n)
    for row, k in enumerate(ORDER):
        here = slice(row * n_h, (row + 1) * n_h)
        grads[WEIGHTS[k]] += dW[here, :-1]
        grads[BIASES[k]] += dW[here, -1]
    return dx, LSTMState(dh_t.T.copy(), dC_t.T.copy())


def local_derivatives(gates: Array, C_prev: Array, C_new: Array) -> tuple[Array, Array]:
    """Return what a step's gradients are multiplied by, for many steps at once.

    Implements :eq:`eq-local-factors`.

    Returns
    -------
    factors, dC_by_dh
        ``(n, 4, n_h, B)``: from dh to the pre-activation of o, from dC to those of f, i, C; and
        ``(n, n_h, B)``: from dh to dC.
    """
    n, _, n_h, B = gates.shape
    factors = scratch.take("factors", (n, 4, n_h, B), gates.dtype)
    shown = scratch.take("shown", (n, n_h, B), gates.dtype)
    o, _, i, C_tilde = np.moveaxis(gates, 1, 0)
    one = np.array(1.0, gates.dtype)
    np.multiply(gates, gates, factors)
    np.subtract(gates[:, :3], factors[:, :3], factors[:, :3])  # a sigmoid's slope, s - s²
    np.subtract(one, factors[:, 3], factors[:, 3])  # a tanh's slope, 1 - s²
    np.tanh(C_new, shown)
    factors[:, 0] *= shown
    factors[:, 1] *= C_prev
    factors[:, 2] *= C_tilde
    factors[:, 3] *= i
    np.multiply(shown, shown, shown)
    np.subtract(one, shown, shown)
    shown *= o
    return factors, shown


def walk(
    W_h: Array,
    delta: Array,
    dC_by_dh: Array,
    f: Array,
    dh_own: Array,
    dh_t: Array,
    dC_t: Array,
    mask: Array | None,
    start: int,
) -> None:
    """Walk back through one chunk: ``delta`` becomes gradients, ``dh_t`` and ``dC_t`` are carried on.

    Implements :eq:`eq-walk-back`.
    """
    n, _, n_h, B = delta.shape
    through, dh, dC = vectors(np.empty_like(dC_t)), vectors(dh_t), vectors(dC_t)
    arrays = (delta.reshape(n, 4 * n_h, B), delta[:, 0], delta[:, 1:], dC_by_dh, f, dh_own)
    backwards = [vectors(a)[::-1] for a in arrays]
    dot, multiply, add = np.dot, np.multiply, np.add
    for k, (joined, delta_o, delta_fiC, to_C, f_t, own) in enumerate(zip(*backwards, strict=True), 1):
        if mask is not None:  # a sequence that has ended hands its gradient on as it is
            running = mask[start + n - k].T
            held = (1.0 - running) * dh_t, (1.0 - running) * dC_t
        add(dh, own, dh)
        if mask is not None:
            multiply(dh_t, running, dh_t)
            multiply(dC_t, running, dC_t)
        multiply(dh, to_C, through)
        add(dC, through, dC)
        multiply(delta_o, dh, delta_o)
        multiply(delta_fiC, dC, delta_fiC)
        dot(W_h, joined, dh)
        multiply(dC, f_t, dC)
        if mask is not None:
            add(dh_t, held[0], dh_t)
            add(dC_t, held[1], dC_t)


run, back = offer(LSTM, forward, backward)  # the kernels of other arrays hand on to these
