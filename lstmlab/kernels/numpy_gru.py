r"""The GRU over a whole sequence on NumPy: what :mod:`lstmlab.kernels.numpy_lstm` does, for three gates.

Its candidate cannot share the gates' product: the reset gate stands inside it. So the inputs' products of
all three, :math:`[A_1, \dots, A_T] = [W_x\;b]\,[x_1, \dots, x_T; 1]`, are taken out of the loop, and a step
has left

* reset before: one product with :math:`h_{t-1}` for both gates, and one with
  :math:`s_t = r_t \odot h_{t-1}` for the candidate;
* reset after: one product for all three, whose last rows are :math:`s_t = W_h h_{t-1} + b_{hh}`. Forward
  that is all the difference; on the way back nothing is left in the loop but this product, because every
  pre-activation's gradient is a multiple of :math:`\partial L/\partial h_t` known beforehand.

Blocks of rows stand in the order h̃, z, r, s. What reads the input are the first three, the two gates
are neighbours, and what reads :math:`h_{t-1}` with the reset after are the last three.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from lstmlab.cells.gru import BIASES, GRU, WEIGHTS, GRUState, GRUTrace
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

    ``X`` is ``(T, n_x + 1, B)``: x, ones. ``H`` is ``(T + 1, n_h + 1, B)``: h before each step and after the
    last, ones. ``gates`` is ``(T, 4, n_h, B)`` in the order h̃, z, r, s.
    """

    X: Array
    H: Array
    gates: Array


class FusedTrace(GRUTrace):
    """The trace of a fused run: the same fields, as views, and the blocks behind them."""

    blocks: Blocks | None = None


class Weights(NamedTuple):
    """The parameters as the two sides need them, each block with a bias for its last column.

    ``x`` is ``(3 n_h, n_x + 1)``, in the order h̃, z, r. ``h`` is ``(3 n_h, n_h + 1)``, in the order z, r, h̃:
    its biases are zero, but for ``b_hh`` with the reset after.
    """

    x: Array
    h: Array


def weights(cell: GRU) -> Weights:
    """Return the parameters, divided in what acts on x and what acts on h."""
    n_h, params = cell.n_h, cell.params
    W, b = [params[name] for name in WEIGHTS], [params[name][:, None] for name in BIASES]
    of_x = [np.concatenate([W[k][:, n_h:], b[k]], axis=1) for k in (2, 0, 1)]
    zero = np.zeros_like(b[0])
    b_hh = params["b_hh"][:, None] if cell.reset == "after" else zero
    of_h = [np.concatenate([W[k][:, :n_h], (zero, zero, b_hh)[k]], axis=1) for k in range(3)]
    return Weights(np.concatenate(of_x), np.concatenate(of_h))


def forward(cell: GRU, x: Array, state: GRUState, mask: Array | None) -> Run:
    """Run a whole sequence.

    Parameters
    ----------
    cell
        The GRU, with the reset before or after.
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
    (T, B, n_x), n_h, dtype = x.shape, cell.n_h, x.dtype
    W_x, W_h = weights(cell)
    W_x[n_h:] *= 0.5  # sigmoids by tanh, as in the LSTM
    W_h[: 2 * n_h] *= 0.5

    X, H = scratch.lend("X", (T, n_x + 1, B), dtype), scratch.lend("H", (T + 1, n_h + 1, B), dtype)
    X[:, :n_x], X[:, n_x], H[:, n_h], H[0, :n_h] = columns(x), 1.0, 1.0, state.h.T
    gates = scratch.lend("gates", (T, 4, n_h, B), dtype)
    h_new = H[1:, :n_h] if mask is None else scratch.lend("h", (T, n_h, B), dtype)
    for some in portions(T, 3 * n_h, B):
        A = inputs_product(W_x, X[some])
        after = slice(some.start, some.stop + 1)
        run_portion(
            cell.reset, W_h, A, H[after], gates[some], h_new[some], None if mask is None else mask[some]
        )

    h = np.ascontiguousarray(columns(h_new))
    h_tilde, z, r, _ = map(columns, np.moveaxis(gates, 1, 0))
    trace = FusedTrace(x, columns(H[:T, :n_h]), z, r, h_tilde, h)
    trace.blocks = Blocks(X, H, gates)
    return Run(h if mask is None else mask * h, GRUState(H[T, :n_h].T.copy()), trace, mask)


def inputs_product(W_x: Array, X: Array) -> Array:
    """Return what the inputs add to the pre-activations of h̃, z and r, ``(n, 3 n_h, B)``."""
    n, _, B = X.shape
    A = scratch.take("A", (n, W_x.shape[0], B), X.dtype)
    if B == 1:
        np.dot(X[..., 0], W_x.T, A[..., 0])
    else:
        _, blocks = in_blocks(W_x, B)
        blocks = blocks.reshape(-1, *blocks.shape[-2:])  # one block, if it was not divided
        np.matmul(blocks, X[:, None], A.reshape(n, *blocks.shape[:-1], B))
    return A


def run_portion(
    reset: str, W_h: Array, A: Array, H: Array, gates: Array, h_new: Array, mask: Array | None
) -> None:
    """Run some steps: fill ``gates`` and ``h_new``, and ``H`` from its second entry on.

    ``W_h`` has the sigmoids' weights halved; ``A`` is what :func:`inputs_product` gave. ``H`` holds one entry
    more than there are steps.
    """
    n, _, n_h, B = gates.shape
    before, both, three = reset == "before", slice(n_h, 3 * n_h), slice(n_h, 4 * n_h)
    half, one = np.array(0.5, A.dtype), np.array(1.0, A.dtype)
    product_c, W_c = in_blocks(np.ascontiguousarray(W_h[2 * n_h :, :n_h]), B)
    product, W_h = in_blocks(W_h[: 2 * n_h] if before else W_h, B)
    rows, kept = gates.reshape(n, 4 * n_h, B), vectors(np.empty((n_h, B), A.dtype))
    products = rows[:, both if before else three].reshape(n, *W_h.shape[:-1], B)
    products_c = rows[:, :n_h].reshape(n, *W_c.shape[:-1], B)
    arrays = (H[:n], H[:n, :n_h], A[:, :n_h], A[:, n_h:], products, products_c, rows[:, both])
    tanh, multiply, add, subtract = np.tanh, np.multiply, np.add, np.subtract
    for t, (h1, h, A_c, A_zr, by_h, by_s, zr, c, z, r, s, h_t) in enumerate(
        zip(*map(vectors, (*arrays, *np.moveaxis(gates, 1, 0), h_new)), strict=True)
    ):
        product(W_h, h1, by_h)
        add(zr, A_zr, zr)
        tanh(zr, zr)
        multiply(zr, half, zr)
        add(zr, half, zr)
        if before:
            multiply(r, h, s)
            product_c(W_c, s, by_s)
        else:
            multiply(r, s, c)
        add(c, A_c, c)
        tanh(c, c)
        subtract(one, z, kept)
        multiply(kept, h, h_t)
        multiply(z, c, kept)
        add(h_t, kept, h_t)
        if mask is not None:  # a sequence that has ended keeps its state
            running = mask[t].T
            (H[t + 1, :n_h],) = hold(running, GRUState(h_new[t]), GRUState(H[t, :n_h]))


def backward(
    cell: GRU, blocks: Blocks, mask: Array | None, dh: Array, dstate: GRUState, grads: Parameters
) -> tuple[Array, GRUState]:
    """Mirror of :func:`forward`.

    Parameters
    ----------
    cell
        The GRU, its parameters as they were.
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
    X, H, gates = blocks
    (T, B, n_h), before = dh.shape, cell.reset == "before"
    W = weights(cell)
    dW_x, dW_h = map(np.zeros_like, W)
    W_x = np.ascontiguousarray(W.x[:, :-1].T)
    dx, dh_t = np.empty((T, B, cell.n_x), dh.dtype), dstate.h.T.copy()
    for some in reversed(portions(T, 4 * n_h, B)):
        h_prev = H[some, :n_h]
        delta, kept = local_derivatives(cell.reset, gates[some], h_prev)
        n = delta.shape[0]
        dh_own = scratch.take("dh", (n, n_h, B), dh.dtype)
        dh_own[...] = columns(dh[some])
        walk(cell.reset, W.h, delta, kept, gates[some, 2], dh_own, dh_t, None if mask is None else mask[some])
        # One product for all steps of the portion, on each side.
        rows = side_by_side("delta", delta.reshape(n, 4 * n_h, B)[:, : 3 * n_h if before else None])
        dx[some] = one_after_the_other(W_x @ rows[: 3 * n_h], n)
        dW_x += rows[: 3 * n_h] @ side_by_side("X", X[some]).T
        states = side_by_side("H", H[some])
        if before:
            dW_h[: 2 * n_h] += rows[n_h : 3 * n_h] @ states.T
            dW_h[2 * n_h :, :n_h] += rows[:n_h] @ side_by_side("s", gates[some, 3]).T
        else:
            dW_h += rows[n_h:] @ states.T
    of_x, of_h = dW_x.reshape(3, n_h, -1), dW_h.reshape(3, n_h, -1)
    for k, (W_name, b_name) in enumerate(zip(WEIGHTS, BIASES, strict=True)):
        of_gate = of_x[(k + 1) % 3]  # h̃ first there, last here
        grads[W_name] += np.concatenate([of_h[k, :, :-1], of_gate[:, :-1]], axis=1)
        grads[b_name] += of_gate[:, -1]
    if not before:
        grads["b_hh"] += of_h[2, :, -1]
    return dx, GRUState(dh_t.T.copy())


def local_derivatives(reset: str, gates: Array, h_prev: Array) -> tuple[Array, Array]:
    """Return what a step's gradients are multiplied by, for many steps at once.

    Returns
    -------
    factors, kept
        ``(n, 4, n_h, B)``: from dh to the pre-activations of h̃ and z and, with the reset after, to that of r
        and to s; with the reset before, r's is from ds, and the last is not used. And ``(n, n_h, B)``: from
        dh to the old state, through what is kept.
    """
    n, _, n_h, B = gates.shape
    factors = scratch.take("factors", gates.shape, gates.dtype)
    kept = scratch.take("kept", (n, n_h, B), gates.dtype)
    h_tilde, z, r, s = np.moveaxis(gates, 1, 0)
    one = np.array(1.0, gates.dtype)
    np.subtract(one, z, kept)
    np.multiply(gates[:, :3], gates[:, :3], factors[:, :3])
    np.subtract(one, factors[:, 0], factors[:, 0])  # a tanh's slope, 1 - s²
    np.subtract(gates[:, 1:3], factors[:, 1:3], factors[:, 1:3])  # a sigmoid's slope, s - s²
    factors[:, 0] *= z
    np.subtract(h_tilde, h_prev, factors[:, 3])  # this place is still free
    factors[:, 1] *= factors[:, 3]
    if reset == "before":
        factors[:, 2] *= h_prev
    else:
        factors[:, 2] *= s
        factors[:, 2] *= factors[:, 0]
        np.multiply(factors[:, 0], r, factors[:, 3])
    return factors, kept


def walk(
    reset: str,
    W_h: Array,
    delta: Array,
    kept: Array,
    r: Array,
    dh_own: Array,
    dh_t: Array,
    mask: Array | None,
) -> None:
    """Walk back through some steps: ``delta`` becomes gradients, ``dh_t`` is carried on.

    ``delta`` and ``kept`` are what :func:`local_derivatives` gave; ``dh_own`` is written over. The last block
    of ``delta`` means nothing with the reset before.
    """
    n, _, n_h, B = delta.shape
    before = reset == "before"
    of_dh = delta[:, : 2 if before else 4]
    product_c, W_c = in_blocks(np.ascontiguousarray(W_h[2 * n_h :, :n_h].T), B)
    product, W_h = in_blocks(np.ascontiguousarray(W_h[: 2 * n_h if before else None, :n_h].T), B)
    ds_t = np.empty_like(dh_t)
    by_c, by_h = (vectors(d.reshape(*W.shape[:-1], B)) for d, W in ((ds_t, W_c), (dh_t, W_h)))
    ds, dh = vectors(ds_t), vectors(dh_t)
    read = delta.reshape(n, 4 * n_h, B)[:, n_h : 3 * n_h if before else None]
    backwards = [vectors(a)[::-1] for a in (of_dh, delta[:, 0], delta[:, 2], read, kept, r, dh_own)]
    multiply, add = np.multiply, np.add
    for k, (from_dh, delta_c, delta_r, joined, kept_t, r_t, total) in enumerate(
        zip(*backwards, strict=True), 1
    ):
        add(dh, total, total)
        if mask is not None:  # a sequence that has ended hands its gradient on as it is
            running = mask[n - k].T
            held = (1.0 - running) * dh_t
            multiply(dh_own[n - k], running, dh_own[n - k])
        multiply(from_dh, total, from_dh)
        if before:
            product_c(W_c, delta_c, by_c)
            multiply(delta_r, ds, delta_r)
        product(W_h, joined, by_h)
        multiply(total, kept_t, total)
        add(dh, total, dh)
        if before:
            multiply(ds, r_t, ds)
            add(dh, ds, dh)
        if mask is not None:
            add(dh_t, held, dh_t)


offer(GRU, forward, backward)
