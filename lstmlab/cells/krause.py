"""The multiplicative LSTM of Krause et al.: an LSTM that reads a product in place of the hidden state.

Inside a step, arrays stand in columns as in the notes; the public shapes are ``(B, n)`` and the
transposes are views. The notes' form of the same name is :mod:`lstmlab.cells.multiplicative`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from lstmlab.cells.base import BaseCell, check_sizes
from lstmlab.cells.deltas import lstm_deltas
from lstmlab.cells.gates import (
    candidate,
    cell_state,
    forget_gate,
    hidden_state,
    input_gate,
    output_gate,
)
from lstmlab.cells.gradients import (
    bias_gradient,
    concatenation_gradient,
    previous_cell_state_gradient,
    split_concatenation,
    weight_gradient,
)
from lstmlab.cells.lstm import BIASES, WEIGHTS, LSTMState, lstm_parameter_count
from lstmlab.cells.multiplicative import interaction, interaction_gradient
from lstmlab.functions import concatenate
from lstmlab.initializers import generator, uniform
from lstmlab.parameters import Parameters
from lstmlab.typing import Array, Namespace


class KrauseTrace(NamedTuple):
    """What one step of :class:`KrauseLSTM` stores, each ``(B, n)``; over a run, ``(T, B, n)``.

    ``u`` is :math:`W_{mx} x_t`, ``v`` is :math:`W_{mh} h_{t-1}`, both of width ``n_h``.
    """

    x: Array
    h_prev: Array
    C_prev: Array
    u: Array
    v: Array
    f: Array
    i: Array
    C_tilde: Array
    C: Array
    o: Array
    h: Array


def krause_parameter_count(n_x: int, n_h: int) -> int:
    r"""Number of parameters of the published form, :math:`4n_h(n_h+n_x+1) + n_hn_x + n_h^2`.

    Implements :eq:`eq-krause-parameters`. A quarter more than the LSTM's, but for the biases.

    Parameters
    ----------
    n_x, n_h
        Sizes of input and hidden state.

    Returns
    -------
    int
        The LSTM's, and two matrices more.
    """
    return lstm_parameter_count(n_x, n_h) + n_h * n_x + n_h * n_h


class KrauseLSTM(BaseCell):
    r"""The multiplicative LSTM of Krause et al.: an LSTM that reads :math:`m_t` for :math:`h_{t-1}`.

    .. math::

        m_t &= (W_{mx} x_t) \odot (W_{mh} h_{t-1}) \\
        f_t &= \sigma(W_f [m_t; x_t] + b_f)

    and likewise i, the candidate and o; the two states follow as in the LSTM. Every input thus has a
    recurrent matrix of its own, :math:`W_{mh}` with its rows scaled by :math:`W_{mx} x_t`.

    Parameters
    ----------
    n_x, n_h
        Sizes of the input and of the hidden state.
    rng
        Seed or :class:`numpy.random.Generator` of the first weights, drawn from
        U(-1/√n_h, 1/√n_h). Biases start at zero, but the forget gate's at one.
    dtype
        ``"float64"`` or ``"float32"``.
    xp
        Array library; ``None`` takes ``lstmlab.xp``.

    Attributes
    ----------
    params
        ``W_f W_i W_C W_o``, each ``(n_h, n_h + n_x)``, ``W_mx (n_h, n_x)``, ``W_mh (n_h, n_h)``, and
        ``b_f b_i b_C b_o``, each ``(n_h,)``.

    Raises
    ------
    ValueError, TypeError
        If a size, the dtype or ``rng`` is not as above.

    References
    ----------
    Krause, Lu, Murray and Renals (2016).
    """

    State = LSTMState
    Trace = KrauseTrace

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
        values["W_mx"] = uniform(rng, (n_h, n_x), n_h**-0.5)
        values["W_mh"] = uniform(rng, (n_h, n_h), n_h**-0.5)
        values |= {name: np.full(n_h, float(name == "b_f")) for name in BIASES}
        super().__init__(n_x, n_h, values, dtype=dtype, xp=xp)

    def step(self, x_t: Array, state: LSTMState) -> tuple[LSTMState, KrauseTrace]:
        """Advance by one time step.

        Parameters
        ----------
        x_t
            Shape ``(B, n_x)``.
        state
            State at t-1.

        Returns
        -------
        state, trace
            State at t, and what :meth:`step_back` needs.
        """
        W_f, W_i, W_C, W_o = (self.params[name] for name in WEIGHTS)
        b_f, b_i, b_C, b_o = (self.params[name][:, None] for name in BIASES)
        h_prev, C_prev = state.h.T, state.C.T

        u_t = self.params["W_mx"] @ x_t.T
        v_t = self.params["W_mh"] @ h_prev
        m_t = interaction(u_t, v_t)
        z_t = concatenate(m_t, x_t.T)
        f_t = forget_gate(W_f, b_f, z_t)
        i_t = input_gate(W_i, b_i, z_t)
        C_tilde_t = candidate(W_C, b_C, z_t)
        C_t = cell_state(f_t, C_prev, i_t, C_tilde_t)
        o_t = output_gate(W_o, b_o, z_t)
        h_t = hidden_state(o_t, C_t)

        stored = (u_t, v_t, f_t, i_t, C_tilde_t, C_t, o_t, h_t)
        return LSTMState(h_t.T, C_t.T), KrauseTrace(x_t, state.h, state.C, *(a.T for a in stored))

    def step_back(self, dstate: LSTMState, trace: KrauseTrace, grads: Parameters) -> tuple[Array, LSTMState]:
        """Mirror of :meth:`step`, from the last line to the first.

        Parameters
        ----------
        dstate
            ``h``: total derivative of the loss by the hidden state at t. ``C``: what step t+1
            passed back to the cell state at t.
        trace
            What the step stored.
        grads
            Added into.

        Returns
        -------
        dx_t, dstate
            Gradients of the input, ``(B, n_x)``, and of the state at t-1 through this step.
        """
        x_t, h_prev, C_prev, u_t, v_t, f_t, i_t, C_tilde_t, C_t, o_t, _ = (a.T for a in trace)
        z_t = concatenate(interaction(u_t, v_t), x_t)
        gates = (f_t, i_t, C_tilde_t, C_t, o_t)
        deltas, dC_t = lstm_deltas(dstate.h.T, dstate.C.T, C_prev, *gates)
        dC_prev = previous_cell_state_gradient(dC_t, f_t)

        for W, b, delta in zip(WEIGHTS, BIASES, deltas, strict=True):
            grads[W] += weight_gradient(delta, z_t)
            grads[b] += bias_gradient(delta)
        dz_t = concatenation_gradient(tuple(self.params[name] for name in WEIGHTS), deltas)
        dm_t, dx_gates = split_concatenation(dz_t, self.n_h)
        du_t, dv_t = interaction_gradient(dm_t, u_t, v_t)
        grads["W_mh"] += weight_gradient(dv_t, h_prev)
        grads["W_mx"] += weight_gradient(du_t, x_t)
        dh_prev = self.params["W_mh"].T @ dv_t
        dx_t = dx_gates + self.params["W_mx"].T @ du_t
        return dx_t.T, LSTMState(dh_prev.T, dC_prev.T)
