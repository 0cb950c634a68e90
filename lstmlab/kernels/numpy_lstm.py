r"""The LSTM over a whole sequence on NumPy: one product a step, and everything else in place.

What makes it fast, in the order of what each is worth:

* one product a step, :math:`[W\;b]\,[h_{t-1}; x_t; 1]`, in columns: BLAS likes this orientation best, and
  every gate is a block of rows; where it pays, the weights are divided so that BLAS need not copy them first
  (:mod:`lstmlab.kernels.small_products`);
* no array is made inside the loop;
* one tanh for all gates, because :math:`\sigma(a) = \tfrac12\tanh(\tfrac a2) + \tfrac12`: the halves go
  into the weights before the loop;
* on the way back, whatever does not depend on the gradient is computed for many steps at once, and the
  gradients of the weights are one product for many steps.

Rows stand in the order o, i, f, C̃, and behind them the cell state before the step: the three sigmoids side
by side, and :math:`[i; f] \odot [\tilde C; C]` is one product of neighbours, as are its derivatives on the
way back.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

from lstmlab.cells.lstm import BIASES, LSTM, WEIGHTS, LSTMState, LSTMTrace
from lstmlab.kernels.numpy_shared import columns, offer, portions, scratch, side_by_side, vectors
from lstmlab.kernels.small_products import in_blocks
from lstmlab.parameters import Parameters
from lstmlab.typing import Array
from lstmlab.unroll import Run, hold

ORDER = (3, 1, 0, 2)  # o, i, f, C among f, i, C, o


class Blocks(NamedTuple):
    """What a fused run stores, in columns.

    ``U`` is ``(T + 1, n_h + n_x + 1, B)``: h before each step, x, ones. ``gates`` is ``(T + 1, 5, n_h, B)``
    in the order o, i, f, C̃, and the cell state before the step; the last row of five holds nothing but the
    last state. ``C_new`` is ``(T, n_h, B)``: what each step computed; with a mask it is not always what is
    carried on.
    """

    U: Array
    gates: Array
    C_new: Array


class FusedTrace(LSTMTrace):
    """The trace of a fused run: the same fields, as views, and the blocks behind them."""

    blocks: Blocks | None = None


def weights(cell: LSTM, order: Literal["C", "F"]) -> Array:
    """Return ``[W b]``, rows in this module's order, ``(4 n_h, n_h + n_x + 1)``, in C or Fortran order."""
    n_h, params = cell.n_h, cell.params
    W = np.empty((4 * n_h, n_h + cell.n_x + 1), params.flat.dtype, order)
    for row, k in enumerate(ORDER):
        here = slice(row * n_h, (row + 1) * n_h)
        W[here, :-1], W[here, -1] = params[WEIGHTS[k]], params[BIASES[k]]
    return W


def weights_to_run(cell: LSTM, B: int) -> Array:
    """Return :func:`weights` as the forward loop wants them: sigmoids halved, in the faster order for B."""
    W = weights(cell, "F" if B == 1 else "C")
    W[: 3 * cell.n_h] *= np.array(0.5, W.dtype)
    return W


def inputs(x: Array, h: Array, U: Array) -> Array:
    """Fill ``U``: the first h, all x, the ones."""
    T, n_h = x.shape[0], h.shape[1]
    U[0, :n_h], U[:T, n_h:-1], U[:, -1] = h.T, columns(x), 1.0
    return U


def forward(cell: LSTM, x: Array, state: LSTMState, mask: Array | None) -> Run:
    """Run a whole sequence and keep what the way back needs.

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
    product, W = in_blocks(weights_to_run(cell, B), B)
    U = inputs(x, state.h, scratch.lend("inputs", (T + 1, n_h + n_x + 1, B), x.dtype))
    gates = scratch.lend("gates", (T + 1, 5, n_h, B), x.dtype)
    gates[0, 4] = state.C.T
    h_new = U[1:, :n_h] if mask is None else scratch.lend("h", (T, n_h, B), x.dtype)
    C_new = gates[1:, 4] if mask is None else scratch.lend("C", (T, n_h, B), x.dtype)
    terms = vectors(np.empty((2, n_h, B), x.dtype))
    written, kept = terms

    rows = gates[:T, :4].reshape(T, *W.shape[:-1], B)
    arrays = (U[:T], rows, gates[:T, :3], gates[:T, 0], gates[:T, 1:3], gates[:T, 3:], C_new, h_new)
    tanh, multiply, add = np.tanh, np.multiply, np.add
    for t, (u, a, sigmoids, o, i_f, C_tilde_C, C_t, h_t) in enumerate(
        zip(*map(vectors, arrays), strict=True)
    ):
        product(W, u, a)
        tanh(a, a)
        multiply(sigmoids, half, sigmoids)
        add(sigmoids, half, sigmoids)
        multiply(i_f, C_tilde_C, terms)
        add(written, kept, C_t)
        tanh(C_t, written)
        multiply(o, written, h_t)
        if mask is not None:  # a sequence that has ended keeps its state
            running = mask[t].T
            held = hold(running, LSTMState(h_new[t], C_new[t]), LSTMState(U[t, :n_h], gates[t, 4]))
            U[t + 1, :n_h], gates[t + 1, 4] = held

    h = np.ascontiguousarray(columns(h_new))
    o, i, f, C_tilde, C_prev = (columns(gates[:T, k]) for k in range(5))
    trace = FusedTrace(x, columns(U[:T, :n_h]), C_prev, f, i, C_tilde, columns(C_new), o, h)
    trace.blocks = Blocks(U, gates, C_new)
    last = LSTMState(U[T, :n_h].T.copy(), gates[T, 4].T.copy())
    return Run(h if mask is None else mask * h, last, trace, mask)


def outputs(cell: LSTM, x: Array, state: LSTMState, mask: Array | None) -> Run:
    """Do what :func:`forward` does where nobody will walk back: the gates of one step are enough."""
    (T, B, n_x), n_h = x.shape, cell.n_h
    half = np.array(0.5, x.dtype)
    product, W = in_blocks(weights_to_run(cell, B), B)
    U = inputs(x, state.h, scratch.take("U", (T + 1, n_h + n_x + 1, B), x.dtype))
    gates = np.empty((5, n_h, B), x.dtype)
    gates[4] = state.C.T
    a, sigmoids = vectors(gates[:4].reshape(*W.shape[:-1], B)), vectors(gates[:3].reshape(3 * n_h, B))
    o, i_f, C_tilde_C, C_tilde, C = map(vectors, (gates[0], gates[1:3], gates[3:], gates[3], gates[4]))

    tanh, multiply, add = np.tanh, np.multiply, np.add
    for t, (u, h_t) in enumerate(zip(vectors(U[:T]), vectors(U[1:, :n_h]), strict=True)):
        if mask is not None:
            C_prev = C.copy()
        product(W, u, a)
        tanh(a, a)
        multiply(sigmoids, half, sigmoids)
        add(sigmoids, half, sigmoids)
        multiply(i_f, C_tilde_C, C_tilde_C)
        add(C_tilde, C, C)
        tanh(C, C_tilde)
        multiply(o, C_tilde, h_t)
        if mask is not None:
            h_t[...], C[...] = hold(vectors(mask[t].T), LSTMState(h_t, C), LSTMState(u[:n_h], C_prev))

    h = columns(U[1:, :n_h]).copy()
    last = LSTMState(h[-1].copy(), gates[4].T.copy())
    return Run(h if mask is None else mask * h, last, None, mask)


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
    U, gates, C_new = blocks
    (T, B, n_h), n_x, dtype = dh.shape, cell.n_x, dh.dtype
    W = weights(cell, "F")
    dW = scratch.take("dW", W.shape, dtype)
    dx = np.empty((T, B, n_x), dtype)
    dh_t, dC_t = dstate.h.T.copy(), dstate.C.T.copy()
    for some in reversed(portions(T, 4 * n_h, B)):
        factors = local_derivatives(gates[some], C_new[some])
        n = factors.shape[0]
        dh_own = scratch.take("dh", (n, n_h, B), dtype)
        dh_own[...] = columns(dh[some])
        dU = walk(W.T[:-1], factors, dh_own, dh_t, dC_t, mask, some.start)
        dx[some] = columns(dU[:, n_h:])
        # One product for all steps of the portion: columns of all steps side by side.
        delta = side_by_side("delta", factors[:, 1:5].reshape(n, 4 * n_h, B))
        np.dot(delta, side_by_side("U", U[some]).T, dW)
        for row, k in enumerate(ORDER):
            here = slice(row * n_h, (row + 1) * n_h)
            grads[WEIGHTS[k]] += dW[here, :-1]
            grads[BIASES[k]] += dW[here, -1]
    return dx, LSTMState(dh_t.T.copy(), dC_t.T.copy())


def local_derivatives(gates: Array, C_new: Array) -> Array:
    """Return what a step's gradients are multiplied by, for many steps at once.

    Implements :eq:`eq-local-factors`.

    Parameters
    ----------
    gates
        ``(n, 5, n_h, B)``: o, i, f, C̃, and the cell state before the step.
    C_new
        ``(n, n_h, B)``: the cell state after it.

    Returns
    -------
    array
        ``(n, 6, n_h, B)``. By dh are multiplied: what goes to dC, and the pre-activation of o; by dC: the
        pre-activations of i, f, C, and what is carried on to the step before, which is f.
    """
    n, _, n_h, B = gates.shape
    factors = scratch.take("factors", (n, 6, n_h, B), gates.dtype)
    shown = scratch.take("shown", (n, n_h, B), gates.dtype)
    to_C, to_gates = factors[:, 0], factors[:, 1:5]
    one = np.array(1.0, gates.dtype)
    np.multiply(gates[:, :4], gates[:, :4], to_gates)
    np.subtract(gates[:, :3], to_gates[:, :3], to_gates[:, :3])  # a sigmoid's slope, s - s²
    np.subtract(one, to_gates[:, 3], to_gates[:, 3])  # a tanh's slope, 1 - s²
    np.tanh(C_new, shown)
    to_gates[:, 0] *= shown
    to_gates[:, 1:3] *= gates[:, 3:]
    to_gates[:, 3] *= gates[:, 1]
    np.multiply(shown, shown, to_C)
    np.subtract(one, to_C, to_C)
    to_C *= gates[:, 0]
    factors[:, 5] = gates[:, 2]
    return factors


def walk(
    W: Array, factors: Array, dh_own: Array, dh_t: Array, dC_t: Array, mask: Array | None, start: int
) -> Array:
    """Walk back through one portion: ``factors`` become gradients, ``dh_t`` and ``dC_t`` are carried on.

    Implements :eq:`eq-walk-back`.

    Parameters
    ----------
    W
        The weights of h and x, transposed, ``(n_h + n_x, 4 n_h)``.
    factors
        From :func:`local_derivatives`.
    dh_own
        Direct derivative by each hidden state, ``(n, n_h, B)``; written over.
    dh_t, dC_t
        Derivative by the portion's last state, ``(n_h, B)``; in the end, by the state before the portion.
    mask
        ``None``, or that of the whole run, ``(T, B, 1)``.
    start
        The run's step that is the portion's first.

    Returns
    -------
    array
        Derivative by the hidden state before each step and by its input, ``(n, n_h + n_x, B)``.
    """
    n, _, n_h, B = factors.shape
    dU = scratch.take("dU", (n, W.shape[0], B), W.dtype)
    product, W = in_blocks(W, B)
    dh, dC, carried = vectors(dh_t), vectors(np.empty_like(dC_t)), vectors(dC_t)
    deltas, rows = factors[:, 1:5].reshape(n, 4 * n_h, B), dU.reshape(n, *W.shape[:-1], B)
    arrays = (deltas, factors[:, 0], factors[:, :2], factors[:, 2:], factors[:, 5], dh_own, rows, dU[:, :n_h])
    backwards = [vectors(a)[::-1] for a in arrays]
    multiply, add = np.multiply, np.add
    for k, (delta, to_C, by_dh, by_dC, C_before, total, u_before, h_before) in enumerate(
        zip(*backwards, strict=True), 1
    ):
        if mask is not None:  # a sequence that has ended hands its gradient on as it is
            running = vectors(mask[start + n - k].T)
            held = (1.0 - running) * dh, (1.0 - running) * carried
        add(dh, total, total)
        if mask is not None:
            multiply(total, running, total)
            multiply(carried, running, carried)
        multiply(by_dh, total, by_dh)
        add(carried, to_C, dC)
        multiply(by_dC, dC, by_dC)
        product(W, delta, u_before)
        dh, carried = h_before, C_before
        if mask is not None:
            add(dh, held[0], dh)
            add(carried, held[1], carried)
    vectors(dh_t)[...], vectors(dC_t)[...] = dh, carried
    return dU


run, back, run_alone = offer(LSTM, forward, backward, outputs)  # the kernels of other arrays hand on to these
