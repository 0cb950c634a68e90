"""The notes' multiplicative LSTM: the product of hidden state and input, beside both of them.

Inside a step, arrays stand in columns as in the notes; the public shapes are ``(B, n)`` and the
transposes are views. The published multiplicative LSTM is another: see :mod:`lstmlab.cells.krause`.
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
from lstmlab.functions import concatenate
from lstmlab.initializers import generator, uniform
from lstmlab.parameters import Parameters
from lstmlab.typing import Array, Namespace

PRODUCT_WEIGHTS = ("W_mf", "W_mi", "W_mC", "W_mo")


class MultiplicativeTrace(NamedTuple):
    """What one step of the cell stores, each ``(B, n)``; over a run, ``(T, B, n)``."""

    x: Array
    h_prev: Array
    C_prev: Array
    m: Array
    f: Array
    i: Array
    C_tilde: Array
    C: Array
    o: Array
    h: Array


def interaction(u_t: Array, v_t: Array) -> Array:
    r"""Multiplicative interaction, :math:`m_t = u_t \odot v_t`.

    Implements :eq:`eq-interaction`.

    Parameters
    ----------
    u_t, v_t
        Shape ``(n, B)``: what comes of the input, and what comes of the hidden state.

    Returns
    -------
    array
        Shape ``(n, B)``.
    """
    return u_t * v_t


def interaction_gradient(dm_t: Array, u_t: Array, v_t: Array) -> tuple[Array, Array]:
    r"""Gradients of both factors.

    Implements :eq:`eq-interaction-gradient`:
    :math:`\partial L/\partial u_t = \partial L/\partial m_t \odot v_t` and
    :math:`\partial L/\partial v_t = \partial L/\partial m_t \odot u_t`.

    Parameters
    ----------
    dm_t, u_t, v_t
        Each of shape ``(n, B)``.

    Returns
    -------
    du_t, dv_t
        Each of shape ``(n, B)``.
    """
    return dm_t * v_t, dm_t * u_t


def bias_with_interaction(W_m: Array, b: Array, m_t: Array) -> Array:
    r"""What the notes' form adds to :math:`W z_t`, :math:`W_m m_t + b`.

    Implements :eq:`eq-notes-multiplicative`.

    Parameters
    ----------
    W_m
        Shape ``(n_h, n_h)``.
    b
        Shape ``(n_h, 1)``.
    m_t
        Shape ``(n_h, B)``.

    Returns
    -------
    array
        Shape ``(n_h, B)``: a bias of its own for every sequence and step.
    """
    return W_m @ m_t + b


def multiplicative_parameter_count(n_x: int, n_h: int) -> int:
    r"""Number of parameters of the notes' form, :math:`4n_h(n_h+n_x+1) + 4n_h^2`.

    Implements :eq:`eq-multiplicative-parameters`. Half as many again as the LSTM's, not fewer as the notes
    have it.

    Parameters
    ----------
    n_x, n_h
        Sizes of input and hidden state, equal.

    Returns
    -------
    int
        The LSTM's, and four square matrices more.
    """
    return lstm_parameter_count(n_x, n_h) + 4 * n_h * n_h


class MultiplicativeLSTM(BaseCell):
    r"""The notes' multiplicative LSTM: every pre-activation also sees :math:`h_{t-1} \odot x_t`.

    .. math::

        m_t &= x_t \odot h_{t-1} \\
        f_t &= \sigma(W_f [h_{t-1}; x_t] + W_{mf} m_t + b_f)

    and likewise i, the candidate and o; the notes write the forget gate alone. The two states follow
    as in the LSTM. With every :math:`W_{mg} = 0` it *is* the LSTM.

    Parameters
    ----------
    n_x, n_h
        Sizes of the input and of the hidden state. They must be equal: the product is element-wise.
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
        ``W_f W_i W_C W_o``, each ``(n_h, n_h + n_x)``, ``W_mf W_mi W_mC W_mo``, each ``(n_h, n_h)``, and
        ``b_f b_i b_C b_o``, each ``(n_h,)``.

    Raises
    ------
    ValueError, TypeError
        If the sizes differ, or a size, the dtype or ``rng`` is not as above.

    Notes
    -----
    The notes promise fewer parameters; the form has half as many again. The multiplicative LSTM in
    print is :class:`~lstmlab.cells.krause.KrauseLSTM`.
    """

    State = LSTMState
    Trace = MultiplicativeTrace

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
        if n_x != n_h:
            raise ValueError(
                f"n_h: expected n_x = {n_x}, for h and x are multiplied entry by entry, got {n_h}; "
                "project the input first, or take KrauseLSTM"
            )
        rng = generator(rng)
        values = {name: uniform(rng, (n_h, n_h + n_x), n_h**-0.5) for name in WEIGHTS}
        values |= {name: uniform(rng, (n_h, n_h), n_h**-0.5) for name in PRODUCT_WEIGHTS}
        values |= {name: np.full(n_h, float(name == "b_f")) for name in BIASES}
        super().__init__(n_x, n_h, values, dtype=dtype, xp=xp)

    def step(self, x_t: Array, state: LSTMState) -> tuple[LSTMState, MultiplicativeTrace]:
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
        W_mf, W_mi, W_mC, W_mo = (self.params[name] for name in PRODUCT_WEIGHTS)
        b_f, b_i, b_C, b_o = (self.params[name][:, None] for name in BIASES)
        h_prev, C_prev = state.h.T, state.C.T

        z_t = concatenate(h_prev, x_t.T)
        m_t = interaction(x_t.T, h_prev)
        f_t = forget_gate(W_f, bias_with_interaction(W_mf, b_f, m_t), z_t)
        i_t = input_gate(W_i, bias_with_interaction(W_mi, b_i, m_t), z_t)
        C_tilde_t = candidate(W_C, bias_with_interaction(W_mC, b_C, m_t), z_t)
        C_t = cell_state(f_t, C_prev, i_t, C_tilde_t)
        o_t = output_gate(W_o, bias_with_interaction(W_mo, b_o, m_t), z_t)
        h_t = hidden_state(o_t, C_t)

        stored = (m_t, f_t, i_t, C_tilde_t, C_t, o_t, h_t)
        trace = MultiplicativeTrace(x_t, state.h, state.C, *(a.T for a in stored))
        return LSTMState(h_t.T, C_t.T), trace

    def step_back(
        self, dstate: LSTMState, trace: MultiplicativeTrace, grads: Parameters
    ) -> tuple[Array, LSTMState]:
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
        x_t, h_prev, C_prev, m_t, f_t, i_t, C_tilde_t, C_t, o_t, _ = (a.T for a in trace)
        z_t = concatenate(h_prev, x_t)
        gates = (f_t, i_t, C_tilde_t, C_t, o_t)
        deltas, dC_t = lstm_deltas(dstate.h.T, dstate.C.T, C_prev, *gates)
        dC_prev = previous_cell_state_gradient(dC_t, f_t)

        for W, W_m, b, delta in zip(WEIGHTS, PRODUCT_WEIGHTS, BIASES, deltas, strict=True):
            grads[W] += weight_gradient(delta, z_t)
            grads[W_m] += weight_gradient(delta, m_t)
            grads[b] += bias_gradient(delta)
        dm_t = concatenation_gradient(tuple(self.params[name] for name in PRODUCT_WEIGHTS), deltas)
        dx_product, dh_product = interaction_gradient(dm_t, x_t, h_prev)
        dz_t = concatenation_gradient(tuple(self.params[name] for name in WEIGHTS), deltas)
        dh_gates, dx_gates = split_concatenation(dz_t, self.n_h)
        return (dx_gates + dx_product).T, LSTMState((dh_gates + dh_product).T, dC_prev.T)
