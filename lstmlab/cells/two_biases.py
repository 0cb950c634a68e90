"""The LSTM with two biases a gate, as PyTorch and ONNX keep it: one too many, and equal otherwise.

Arrays stand in columns inside a step, ``(n, B)``, as in :mod:`lstmlab.cells.lstm`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from lstmlab.cells.base import BaseCell, check_sizes
from lstmlab.cells.gates import candidate, cell_state, forget_gate, hidden_state, input_gate, output_gate
from lstmlab.cells.gradients import (
    bias_gradient,
    candidate_delta,
    candidate_gradient,
    cell_state_gradient,
    concatenation_gradient,
    forget_gate_gradient,
    gate_delta,
    input_gate_gradient,
    output_gate_gradient,
    previous_cell_state_gradient,
    split_concatenation,
    weight_gradient,
)
from lstmlab.cells.lstm import BIASES, WEIGHTS, LSTMState
from lstmlab.functions import concatenate
from lstmlab.initializers import generator, uniform
from lstmlab.parameters import Parameters
from lstmlab.typing import Array, Namespace

SECOND_BIASES = ("c_f", "c_i", "c_C", "c_o")


class TwoBiasTrace(NamedTuple):
    """What one step stores for the backward pass, each ``(B, n)``; over a run, ``(T, B, n)``."""

    x: Array
    h_prev: Array
    C_prev: Array
    f: Array
    i: Array
    C_tilde: Array
    C: Array
    o: Array
    h: Array


def summed_bias(b: Array, c: Array) -> Array:
    r"""Add the two biases of a gate, :math:`W_x x_t + b + W_h h_{t-1} + c = W z_t + (b + c)`.

    The gate sees the sum alone, so its derivative by either is the derivative by the sum.

    Parameters
    ----------
    b
        The bias beside the input weights (PyTorch ``bias_ih``, ONNX ``Wb``), shape ``(n_h,)``.
    c
        The bias beside the recurrent weights (PyTorch ``bias_hh``, ONNX ``Rb``), shape ``(n_h,)``.

    Returns
    -------
    array
        Shape ``(n_h,)``.
    """
    return b + c


def two_bias_parameter_count(n_x: int, n_h: int) -> int:
    r"""Number of parameters, :math:`4n_h(n_h+n_x+2)`: what PyTorch and ONNX count.

    Parameters
    ----------
    n_x, n_h
        Sizes of input and hidden state.

    Returns
    -------
    int
        Four matrices and eight bias vectors, of which four are redundant.
    """
    return 4 * n_h * (n_h + n_x + 2)


class TwoBiasLSTM(BaseCell):
    """The LSTM with a bias beside the input weights and another beside the recurrent weights.

    Parameters
    ----------
    n_x, n_h
        Sizes of the input and of the hidden state.
    rng
        Seed or :class:`numpy.random.Generator` of the first weights, drawn from U(-1/√n_h, 1/√n_h).
        Biases start at zero, but ``b_f`` at one: a one in ``c_f`` as well would make two.
    dtype
        ``"float64"`` or ``"float32"``.
    xp
        Array library; ``None`` takes ``lstmlab.xp``.

    Attributes
    ----------
    params
        The LSTM's, and the second biases ``c_f c_i c_C c_o``, each ``(n_h,)``.

    Raises
    ------
    ValueError, TypeError
        If a size, the dtype or ``rng`` is not as above.

    Notes
    -----
    It computes what the plain LSTM with bias b + c computes. It does not *learn* the same: both
    biases receive the gradient of their sum, so a step of gradient descent moves the sum twice as far.
    """

    State = LSTMState
    Trace = TwoBiasTrace

    def __init__(
        self,
        n_x: int,
        n_h: int,
        *,
        rng: int | np.random.Generator = 0,
        dtype: str = "float64",
        xp: Namespace | None = None,
    ) -> None:
        n_x, n_h, dtype = check_sizes(n_x, n_h, dtype)
        rng = generator(rng)
        values = {name: uniform(rng, (n_h, n_h + n_x), n_h**-0.5) for name in WEIGHTS}
        values |= {name: np.full(n_h, float(name == "b_f")) for name in BIASES + SECOND_BIASES}
        super().__init__(n_x, n_h, values, dtype=dtype, xp=xp)

    def step(self, x_t: Array, state: LSTMState) -> tuple[LSTMState, TwoBiasTrace]:
        """Advance by one time step; shapes as in :meth:`lstmlab.cells.lstm.LSTM.step`."""
        W_f, W_i, W_C, W_o = (self.params[name] for name in WEIGHTS)
        b, c = ([self.params[name][:, None] for name in names] for names in (BIASES, SECOND_BIASES))
        b_f, b_i, b_C, b_o = (summed_bias(b_g, c_g) for b_g, c_g in zip(b, c, strict=True))
        h_prev, C_prev = state.h.T, state.C.T

        z_t = concatenate(h_prev, x_t.T)
        f_t = forget_gate(W_f, b_f, z_t)
        i_t = input_gate(W_i, b_i, z_t)
        C_tilde_t = candidate(W_C, b_C, z_t)
        C_t = cell_state(f_t, C_prev, i_t, C_tilde_t)
        o_t = output_gate(W_o, b_o, z_t)
        h_t = hidden_state(o_t, C_t)

        trace = TwoBiasTrace(x_t, state.h, state.C, f_t.T, i_t.T, C_tilde_t.T, C_t.T, o_t.T, h_t.T)
        return LSTMState(h_t.T, C_t.T), trace

    def step_back(self, dstate: LSTMState, trace: TwoBiasTrace, grads: Parameters) -> tuple[Array, LSTMState]:
        """Mirror of :meth:`step`; shapes as in :meth:`lstmlab.cells.lstm.LSTM.step_back`."""
        x_t, h_prev, C_prev, f_t, i_t, C_tilde_t, C_t, o_t, _ = (a.T for a in trace)
        z_t = concatenate(h_prev, x_t)
        dh_t = dstate.h.T

        do_t = output_gate_gradient(dh_t, C_t)
        dC_t = cell_state_gradient(dh_t, o_t, C_t, dstate.C.T)
        dC_tilde_t = candidate_gradient(dC_t, i_t)
        di_t = input_gate_gradient(dC_t, C_tilde_t)
        df_t = forget_gate_gradient(dC_t, C_prev)
        dC_prev = previous_cell_state_gradient(dC_t, f_t)

        delta_f = gate_delta(df_t, f_t)
        delta_i = gate_delta(di_t, i_t)
        delta_C = candidate_delta(dC_tilde_t, C_tilde_t)
        delta_o = gate_delta(do_t, o_t)
        deltas = (delta_f, delta_i, delta_C, delta_o)

        for name, delta in zip(WEIGHTS, deltas, strict=True):
            grads[name] += weight_gradient(delta, z_t)
        for name, second, delta in zip(BIASES, SECOND_BIASES, deltas, strict=True):
            grads[name] += bias_gradient(delta)
            grads[second] += bias_gradient(delta)
        weights = tuple(self.params[name] for name in WEIGHTS)
        dz_t = concatenation_gradient(weights, deltas)
        dh_prev, dx_t = split_concatenation(dz_t, self.n_h)
        return dx_t.T, LSTMState(dh_prev.T, dC_prev.T)
