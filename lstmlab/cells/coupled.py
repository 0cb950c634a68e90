"""Coupled gates: what is forgotten makes room for what is written, i = 1 - f.

Arrays stand in columns inside a step, ``(n, B)``, as in :mod:`lstmlab.cells.lstm`. Equations that are
the plain LSTM's are taken from :mod:`lstmlab.cells.gates` and :mod:`lstmlab.cells.gradients`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from lstmlab.cells.base import BaseCell, check_sizes
from lstmlab.cells.gates import candidate, cell_state, forget_gate, hidden_state, output_gate
from lstmlab.cells.gradients import (
    bias_gradient,
    candidate_delta,
    candidate_gradient,
    cell_state_gradient,
    concatenation_gradient,
    gate_delta,
    output_gate_gradient,
    previous_cell_state_gradient,
    split_concatenation,
    weight_gradient,
)
from lstmlab.cells.lstm import LSTMState
from lstmlab.functions import concatenate
from lstmlab.initializers import generator, uniform
from lstmlab.parameters import Parameters
from lstmlab.typing import Array, Namespace

WEIGHTS = ("W_f", "W_C", "W_o")
BIASES = ("b_f", "b_C", "b_o")


class CoupledTrace(NamedTuple):
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


def coupled_input_gate(f_t: Array) -> Array:
    r"""Input gate that has no weights of its own, :math:`i_t = 1 - f_t`.

    Implements :eq:`eq-coupled-input-gate`. The cell state is then a weighted mean,
    :math:`C_t = f_t \odot C_{t-1} + (1-f_t) \odot \tilde C_t`, and never leaves [-1, 1] once inside.

    Parameters
    ----------
    f_t
        Shape ``(n_h, B)``.

    Returns
    -------
    array
        Shape ``(n_h, B)``, values in (0, 1) up to rounding.

    References
    ----------
    Greff, Srivastava, Koutník, Steunebrink and Schmidhuber (2017).
    """
    return 1.0 - f_t


def coupled_forget_gate_gradient(dC_t: Array, C_prev: Array, C_tilde_t: Array) -> Array:
    r"""Gradient of the one gate that keeps and writes.

    Implements :eq:`eq-coupled-df`:
    :math:`\partial L/\partial f_t = \partial L/\partial C_t \odot (C_{t-1} - \tilde C_t)`, that of the
    plain forget gate minus that of the input gate, since :math:`\partial i_t/\partial f_t = -1`.

    Parameters
    ----------
    dC_t, C_prev, C_tilde_t
        Each of shape ``(n_h, B)``.

    Returns
    -------
    array
        Shape ``(n_h, B)``; zero where the candidate is what the cell held already.
    """
    return dC_t * (C_prev - C_tilde_t)


def coupled_parameter_count(n_x: int, n_h: int) -> int:
    r"""Number of parameters, :math:`3n_h(n_h+n_x+1)`: a quarter less than the LSTM's.

    Implements :eq:`eq-coupled-count`.

    Parameters
    ----------
    n_x, n_h
        Sizes of input and hidden state.

    Returns
    -------
    int
        Three matrices and three bias vectors.
    """
    return 3 * n_h * (n_h + n_x + 1)


class CoupledLSTM(BaseCell):
    r"""The LSTM with one gate for forgetting and writing (CIFG).

    Parameters
    ----------
    n_x, n_h
        Sizes of the input and of the hidden state.
    rng
        Seed or :class:`numpy.random.Generator` of the first weights, drawn from U(-1/√n_h, 1/√n_h).
        Biases start at zero, but the forget gate's at one.
    dtype
        ``"float64"`` or ``"float32"``.
    xp
        Array library; ``None`` takes ``lstmlab.xp``.

    Attributes
    ----------
    params
        ``W_f W_C W_o``, each ``(n_h, n_h + n_x)``, and ``b_f b_C b_o``, each ``(n_h,)``.

    Raises
    ------
    ValueError, TypeError
        If a size, the dtype or ``rng`` is not as above.

    Notes
    -----
    Because :math:`1-\sigma(a)=\sigma(-a)`, it is the plain LSTM with :math:`W_i=-W_f` and
    :math:`b_i=-b_f`. ONNX Runtime couples the other way if ``input_forget`` is set, f = 1 - i with the
    weights of i.

    References
    ----------
    Greff, Srivastava, Koutník, Steunebrink and Schmidhuber (2017).
    """

    State = LSTMState
    Trace = CoupledTrace

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
        values |= {name: np.full(n_h, float(name == "b_f")) for name in BIASES}
        super().__init__(n_x, n_h, values, dtype=dtype, xp=xp)

    def step(self, x_t: Array, state: LSTMState) -> tuple[LSTMState, CoupledTrace]:
        """Advance by one time step; shapes as in :meth:`lstmlab.cells.lstm.LSTM.step`."""
        W_f, W_C, W_o = (self.params[name] for name in WEIGHTS)
        b_f, b_C, b_o = (self.params[name][:, None] for name in BIASES)
        h_prev, C_prev = state.h.T, state.C.T

        z_t = concatenate(h_prev, x_t.T)
        f_t = forget_gate(W_f, b_f, z_t)
        i_t = coupled_input_gate(f_t)
        C_tilde_t = candidate(W_C, b_C, z_t)
        C_t = cell_state(f_t, C_prev, i_t, C_tilde_t)
        o_t = output_gate(W_o, b_o, z_t)
        h_t = hidden_state(o_t, C_t)

        trace = CoupledTrace(x_t, state.h, state.C, f_t.T, i_t.T, C_tilde_t.T, C_t.T, o_t.T, h_t.T)
        return LSTMState(h_t.T, C_t.T), trace

    def step_back(self, dstate: LSTMState, trace: CoupledTrace, grads: Parameters) -> tuple[Array, LSTMState]:
        """Mirror of :meth:`step`; shapes as in :meth:`lstmlab.cells.lstm.LSTM.step_back`."""
        x_t, h_prev, C_prev, f_t, i_t, C_tilde_t, C_t, o_t, _ = (a.T for a in trace)
        z_t = concatenate(h_prev, x_t)
        dh_t = dstate.h.T

        do_t = output_gate_gradient(dh_t, C_t)
        dC_t = cell_state_gradient(dh_t, o_t, C_t, dstate.C.T)
        dC_tilde_t = candidate_gradient(dC_t, i_t)
        df_t = coupled_forget_gate_gradient(dC_t, C_prev, C_tilde_t)
        dC_prev = previous_cell_state_gradient(dC_t, f_t)

        delta_f = gate_delta(df_t, f_t)
        delta_C = candidate_delta(dC_tilde_t, C_tilde_t)
        delta_o = gate_delta(do_t, o_t)
        deltas = (delta_f, delta_C, delta_o)

        for name, delta in zip(WEIGHTS, deltas, strict=True):
            grads[name] += weight_gradient(delta, z_t)
        for name, delta in zip(BIASES, deltas, strict=True):
            grads[name] += bias_gradient(delta)
        weights = tuple(self.params[name] for name in WEIGHTS)
        dz_t = concatenation_gradient(weights, deltas)
        dh_prev, dx_t = split_concatenation(dz_t, self.n_h)
        return dx_t.T, LSTMState(dh_prev.T, dC_prev.T)
