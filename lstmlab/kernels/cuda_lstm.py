r"""The LSTM over a whole sequence in CUDA: what a kernel needs before, between and after its launches.

Two levels, and both store the same:

1. the input's products before the loop, :math:`[A_1, \dots, A_T] = W_x [x_1, \dots, x_T]`, then a step is one
   product with :math:`W_h` and one launch for everything else (``lstm_step.cu``);
2. the whole loop is one launch that keeps :math:`W_h` in registers (``lstm_persistent.cu``), where
   :func:`~lstmlab.kernels.cuda_plan.plan` finds that all its blocks can be resident at once.

On the way back a loop leaves the gradients of all pre-activations, and the gradients of weights, biases
and inputs are products over all steps at once.

Arrays stand in rows here, ``(T, B, 4 n_h)``, gates in the parameters' order f, i, C, o. The device is
whatever has an array library and kernels: :mod:`lstmlab.kernels.cupy_lstm` has CuPy's; the tests have
another.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from lstmlab.cells.lstm import BIASES, LSTM, WEIGHTS, LSTMState, LSTMTrace
from lstmlab.kernels.cuda_plan import THREADS, Constants, Device, Plan
from lstmlab.parameters import Parameters
from lstmlab.typing import Array
from lstmlab.unroll import Run

NOTHING = np.intp(0)  # a null pointer, as an argument of a kernel


class DeviceBlocks(NamedTuple):
    """What a fused run stores, in rows.

    ``x`` is ``(T, B, n_x)``, ``gates`` ``(T, B, 4 n_h)``. ``U`` and ``C`` are ``(T + 1, B, n_h)``: the states
    before each step, and the last. ``C_new`` is ``(T, B, n_h)``: what each step computed; with a mask it is
    not always what is carried on.
    """

    x: Array
    gates: Array
    U: Array
    C: Array
    C_new: Array


class DeviceTrace(LSTMTrace):
    """The trace of a fused run: the same fields, as views, and the blocks behind them."""

    blocks: DeviceBlocks | None = None


def forward(
    device: Device, cell: LSTM, x: Array, state: LSTMState, mask: Array | None, how: Plan | None = None
) -> Run:
    """Run a whole sequence.

    Parameters
    ----------
    device
        Where the arrays lie.
    cell
        The LSTM.
    x
        Shape ``(T, B, n_x)``.
    state
        Each field ``(B, n_h)``.
    mask
        ``None``, or ``(T, B, 1)``.
    how
        A plan for this direction; ``None`` launches once a step.

    Returns
    -------
    Run
        Its trace is a :class:`DeviceTrace`.
    """
    xp, W, bias = device.xp, cell.W, cell.b
    (T, B, n_x), n_h = x.shape, cell.n_h
    x = xp.ascontiguousarray(x)
    gates = xp.dot(xp.reshape(x, (T * B, n_x)), W[:, n_h:].T).reshape(T, B, 4 * n_h)
    U, C = xp.empty((T + 1, B, n_h), x.dtype), xp.empty((T + 1, B, n_h), x.dtype)
    U[0], C[0] = state.h, state.C
    h_new = U[1:] if mask is None else xp.empty((T, B, n_h), x.dtype)
    C_new = C[1:] if mask is None else xp.empty((T, B, n_h), x.dtype)
    running = NOTHING if mask is None else xp.ascontiguousarray(mask)
    sizes = np.int32(B), np.int32(n_h)
    if how is not None:
        counters = xp.zeros((how.slices, 32), "uint32")
        kernel = device.kernel(how.kernel, how.constants)
        stride = np.int32(W.shape[1])
        args = (gates, W, stride, bias, U, C, h_new, C_new, running, counters, np.int32(T), *sizes)
        kernel(how.blocks, THREADS, args, how.shared)
    else:
        kernel = device.kernel("lstm_step", step_constants(x))
        W_h, product = xp.ascontiguousarray(W[:, :n_h].T), xp.empty((B, 4 * n_h), x.dtype)
        blocks = -(-B * n_h // THREADS)
        for t, h_prev in zip(np.arange(T, dtype=np.int32), U, strict=False):
            xp.dot(h_prev, W_h, product)
            kernel(blocks, THREADS, (gates, product, bias, U, C, h_new, C_new, running, t, *sizes), 0)

    f, i, C_tilde, o = (gates[..., k * n_h : (k + 1) * n_h] for k in range(4))
    trace = DeviceTrace(x, U[:T], C[:T], f, i, C_tilde, C_new, o, h_new)
    trace.blocks = DeviceBlocks(x, gates, U, C, C_new)
    return Run(h_new if mask is None else mask * h_new, LSTMState(U[T].copy(), C[T].copy()), trace, mask)


def backward(
    device: Device,
    cell: LSTM,
    blocks: DeviceBlocks,
    mask: Array | None,
    dh: Array,
    dstate: LSTMState,
    grads: Parameters,
    how: Plan | None = None,
) -> tuple[Array, LSTMState]:
    """Mirror of :func:`forward`.

    Parameters
    ----------
    device
        Where the arrays lie.
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
    how
        A plan for this direction; ``None`` launches once a step.

    Returns
    -------
    dx, dstate
        Gradients of the input, ``(T, B, n_x)``, and of the first state.
    """
    xp, W = device.xp, cell.W
    x, gates, U, C, C_new = blocks
    (T, B, n_x), n_h, dtype = x.shape, cell.n_h, x.dtype
    delta, dh = xp.empty((T, B, 4 * n_h), dtype), xp.ascontiguousarray(dh)
    dh_t, dC_t = xp.array(dstate.h, order="C"), xp.array(dstate.C, order="C")  # copies: written below
    running = NOTHING if mask is None else xp.ascontiguousarray(mask)
    sizes = np.int32(B), np.int32(n_h)
    if how is not None:
        counters = xp.zeros((how.slices, 32), "uint32")
        kernel = device.kernel(how.kernel, how.constants)
        stored: tuple[Any, ...] = (dh, gates, C, C_new, running, counters)
        if how.parts:
            stored += (xp.empty((how.parts, B, n_h), dtype),)
        args = (delta, W, np.int32(W.shape[1]), dh_t, dC_t, *stored, np.int32(T), *sizes)
        kernel(how.blocks, THREADS, args, how.shared)
    else:
        kernel = device.kernel("lstm_step_back", step_constants(x))
        W_h, held = xp.ascontiguousarray(W[:, :n_h]), xp.zeros((B, n_h), dtype)
        number = -(-B * n_h // THREADS)
        for t in np.arange(T - 1, -1, -1, dtype=np.int32):
            kernel(number, THREADS, (delta, dC_t, held, dh_t, dh, gates, C, C_new, running, t, *sizes), 0)
            xp.dot(delta[t], W_h, dh_t)
        dh_t += held

    rows = delta.reshape(T * B, 4 * n_h)
    dW = grads.fused(WEIGHTS)
    dW[:, :n_h] += xp.dot(rows.T, U[:T].reshape(T * B, n_h))
    dW[:, n_h:] += xp.dot(rows.T, x.reshape(T * B, n_x))
    db = grads.fused(BIASES)
    db += rows.sum(axis=0)
    return xp.dot(rows, W[:, n_h:]).reshape(T, B, n_x), LSTMState(dh_t, dC_t)


def step_constants(x: Array) -> Constants:
    """Return what a kernel of one step is compiled for: the numbers' type."""
    return (("REAL", "double" if x.dtype.itemsize == 8 else "float"),)
