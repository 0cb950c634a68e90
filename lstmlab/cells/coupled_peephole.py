"""Coupled gates with peepholes: the two variants at once, and nothing new but their meeting point.

Arrays stand in columns inside a step, ``(n, B)``, as in :mod:`lstmlab.cells.lstm`. Only what is passed
back to the old cell state has an equation of its own here.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from lstmlab.cells.base import BaseCell, check_sizes
from lstmlab.cells.coupled import (
    BIASES,
    WEIGHTS,
    coupled_forget_gate_gradient,
    coupled_input_gate,
    coupled_parameter_count,
)
from lstmlab.cells.gates import candidate, cell_state, hidden_state
from lstmlab.cells.gradients import (
    bias_gradient,
    candidate_delta,
    candidate_gradient,
    concatenation_gradient,
    gate_delta,
    output_gate_gradient,
    split_concatenation,
    weight_gradient,
)
from lstmlab.cells.lstm import LSTMState
from lstmlab.cells.peephole import (
    peephole_cell_state_gradient,
    peephole_forget_gate,
    peephole_gradient,
    peephole_output_gate,
)
from lstmlab.functions import concatenate
from lstmlab.initializers import generator, uniform
from lstmlab.parameters import Parameters
from lstmlab.typing import Array, Namespace

PEEPHOLES = ("W_cf", "W_co")


class CoupledPeepholeTrace(NamedTuple):
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


def coupled_peephole_previous_cell_state_gradient(
    dC_t: Array, f_t: Array, W_cf: Array, delta_f: Array
) -> Array:
    r"""What step t passes back to the cell state: what was kept, and what one gate saw.

    Implements :eq:`eq-coupled-peephole-dC-prev`:
    :math:`\partial L/\partial C_t \odot f_t + W_{cf} \odot \delta_{f,t}`. The input gate adds no term
    of its own: its share is in :math:`\delta_{f,t}`.

    Parameters
    ----------
    dC_t, f_t, delta_f
        Each of shape ``(n_h, B)``.
    W_cf
        Shape ``(n_h, 1)``.

    Returns
    -------
    array
        Shape ``(n_h, B)``.
    """
    return dC_t * f_t + W_cf * delta_f


def coupled_peephole_parameter_count(n_x: int, n_h: int) -> int:
    r"""Number of parameters, :math:`3n_h(n_h+n_x+1) + 2n_h`.

    Implements :eq:`eq-coupled-peephole-count`.

    Parameters
    ----------
    n_x, n_h
        Sizes of input and hidden state.

    Returns
    -------
    int
        Those of the coupled LSTM, and two vectors.
    """
    return coupled_parameter_count(n_x, n_h) + 2 * n_h


class CoupledPeepholeLSTM(BaseCell):
    r"""The coupled LSTM whose two gates see the cell state: f the old one, o the new one.

    Parameters
    ----------
    n_x, n_h
        Sizes of the input and of the hidden state.
    rng
        Seed or :class:`numpy.random.Generator` of the first weights, drawn from U(-1/√n_h, 1/√n_h).
        Biases start at zero, but the forget gate's at one; peepholes start at zero, so that a new
        cell is the coupled LSTM of the same seed.
    dtype
        ``"float64"`` or ``"float32"``.
    xp
        Array library; ``None`` takes ``lstmlab.xp``.

    Attributes
    ----------
    params
        The coupled LSTM's, and the vectors ``W_cf W_co``, each ``(n_h,)``.

    Raises
    ------
    ValueError, TypeError
        If a size, the dtype or ``rng`` is not as above.

    Notes
    -----
    With :math:`W_{ci}=-W_{cf}`, :math:`W_i=-W_f` and :math:`b_i=-b_f` the peephole LSTM is the same cell.

    References
    ----------
    Gers and Schmidhuber (2000); Greff, Srivastava, Koutník, Steunebrink and Schmidhuber (2017).
    """

    State = LSTMState
    Trace = CoupledPeepholeTrace

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
        values |= {name: np.zeros(n_h) for name in PEEPHOLES}
        super().__init__(n_x, n_h, values, dtype=dtype, xp=xp)

    def step(self, x_t: Array, state: LSTMState) -> tuple[LSTMState, CoupledPeepholeTrace]:
        """Advance by one time step; shapes as in :meth:`lstmlab.cells.lstm.LSTM.step`."""
        W_f, W_C, W_o = (self.params[name] for name in WEIGHTS)
        b_f, b_C, b_o = (self.params[name][:, None] for name in BIASES)
        W_cf, W_co = (self.params[name][:, None] for name in PEEPHOLES)
        h_prev, C_prev = state.h.T, state.C.T

        z_t = concatenate(h_prev, x_t.T)
        f_t = peephole_forget_gate(W_f, W_cf, b_f, z_t, C_prev)
        i_t = coupled_input_gate(f_t)
        C_tilde_t = candidate(W_C, b_C, z_t)
        C_t = cell_state(f_t, C_prev, i_t, C_tilde_t)
        o_t = peephole_output_gate(W_o, W_co, b_o, z_t, C_t)
        h_t = hidden_state(o_t, C_t)

        trace = CoupledPeepholeTrace(x_t, state.h, state.C, f_t.T, i_t.T, C_tilde_t.T, C_t.T, o_t.T, h_t.T)
        return LSTMState(h_t.T, C_t.T), trace

    def step_back(
        self, dstate: LSTMState, trace: CoupledPeepholeTrace, grads: Parameters
    ) -> tuple[Array, LSTMState]:
        """Mirror of :meth:`step`; shapes as in :meth:`lstmlab.cells.lstm.LSTM.step_back`."""
        x_t, h_prev, C_prev, f_t, i_t, C_tilde_t, C_t, o_t, _ = (a.T for a in trace)
        W_cf, W_co = (self.params[name][:, None] for name in PEEPHOLES)
        z_t = concatenate(h_prev, x_t)
        dh_t = dstate.h.T

        do_t = output_gate_gradient(dh_t, C_t)
        delta_o = gate_delta(do_t, o_t)
        dC_t = peephole_cell_state_gradient(dh_t, o_t, C_t, W_co, delta_o, dstate.C.T)
        dC_tilde_t = candidate_gradient(dC_t, i_t)
        delta_C = candidate_delta(dC_tilde_t, C_tilde_t)
        df_t = coupled_forget_gate_gradient(dC_t, C_prev, C_tilde_t)
        delta_f = gate_delta(df_t, f_t)
        dC_prev = coupled_peephole_previous_cell_state_gradient(dC_t, f_t, W_cf, delta_f)
        deltas = (delta_f, delta_C, delta_o)

        for name, delta in zip(WEIGHTS, deltas, strict=True):
            grads[name] += weight_gradient(delta, z_t)
        for name, delta in zip(BIASES, deltas, strict=True):
            grads[name] += bias_gradient(delta)
        grads["W_cf"] += peephole_gradient(delta_f, C_prev)
        grads["W_co"] += peephole_gradient(delta_o, C_t)
        weights = tuple(self.params[name] for name in WEIGHTS)
        dz_t = concatenation_gradient(weights, deltas)
        dh_prev, dx_t = split_concatenation(dz_t, self.n_h)
        return dx_t.T, LSTMState(dh_prev.T, dC_prev.T)
