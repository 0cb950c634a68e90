"""The notes' Highway LSTM: a gate that lets the hidden state pass a time step unchanged.

Inside a step, arrays stand in columns as in the notes; the public shapes are ``(B, n)`` and the
transposes are views. The name is used in print for something else, a gate between *layers*: see
:mod:`lstmlab.cells.depth_gated`.
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
    gate_delta,
    previous_cell_state_gradient,
    split_concatenation,
    weight_gradient,
)
from lstmlab.cells.lstm import LSTMState
from lstmlab.functions import concatenate, sigmoid
from lstmlab.initializers import generator, uniform
from lstmlab.parameters import Parameters
from lstmlab.typing import Array, Namespace

WEIGHTS = ("W_f", "W_i", "W_C", "W_o", "W_T")
BIASES = ("b_f", "b_i", "b_C", "b_o", "b_T")


class HighwayTrace(NamedTuple):
    """What one step stores for the backward pass, each ``(B, n)``; over a run, ``(T, B, n)``."""

    x: Array
    h_prev: Array
    C_prev: Array
    f: Array
    i: Array
    C_tilde: Array
    C: Array
    o: Array
    h_lstm: Array
    T: Array
    h: Array


def transform_gate(W_T: Array, b_T: Array, z_t: Array) -> Array:
    r"""Transform gate, :math:`T_t = \sigma(W_T z_t + b_T)`.

    Implements :eq:`eq-transform-gate`.

    Parameters
    ----------
    W_T
        Shape ``(n_h, n_h + n_x)``.
    b_T
        Shape ``(n_h, 1)``. A negative start favours carrying.
    z_t
        :math:`[h_{t-1}; x_t]`, shape ``(n_h + n_x, B)``.

    Returns
    -------
    array
        Shape ``(n_h, B)``, values in (0, 1): the share of the hidden state that is computed anew.
    """
    return sigmoid(W_T @ z_t + b_T)


def highway_hidden_state(T_t: Array, h_lstm_t: Array, h_prev: Array) -> Array:
    r"""Hidden state, :math:`h_t = T_t \odot h_t^{\text{LSTM}} + (1-T_t) \odot h_{t-1}`.

    Implements :eq:`eq-highway-hidden-state`.

    Parameters
    ----------
    T_t, h_lstm_t, h_prev
        Each of shape ``(n_h, B)``.

    Returns
    -------
    array
        Shape ``(n_h, B)``.
    """
    return T_t * h_lstm_t + (1.0 - T_t) * h_prev


def transform_gate_gradient(dh_t: Array, h_lstm_t: Array, h_prev: Array) -> Array:
    r"""Gradient of the transform gate.

    Implements :eq:`eq-dT`:
    :math:`\partial L/\partial T_t = \partial L/\partial h_t \odot (h_t^{\text{LSTM}} - h_{t-1})`.

    Parameters
    ----------
    dh_t, h_lstm_t, h_prev
        Each of shape ``(n_h, B)``.

    Returns
    -------
    array
        Shape ``(n_h, B)``.
    """
    return dh_t * (h_lstm_t - h_prev)


def transformed_gradient(dh_t: Array, T_t: Array) -> Array:
    r"""Gradient of what the LSTM computes.

    Implements :eq:`eq-dh-transformed`:
    :math:`\partial L/\partial h_t^{\text{LSTM}} = \partial L/\partial h_t \odot T_t`.

    Parameters
    ----------
    dh_t, T_t
        Each of shape ``(n_h, B)``.

    Returns
    -------
    array
        Shape ``(n_h, B)``.
    """
    return dh_t * T_t


def carried_gradient(dh_t: Array, T_t: Array) -> Array:
    r"""What step t passes straight back, :math:`\partial L/\partial h_t \odot (1-T_t)`.

    Implements :eq:`eq-dh-carried`. Part of :math:`\partial L/\partial h_{t-1}`: the gates are held fixed.

    Parameters
    ----------
    dh_t, T_t
        Each of shape ``(n_h, B)``.

    Returns
    -------
    array
        Shape ``(n_h, B)``.
    """
    return dh_t * (1.0 - T_t)


def highway_parameter_count(n_x: int, n_h: int) -> int:
    r"""Number of parameters, :math:`5n_h(n_h+n_x+1)`: five quarters of the LSTM's.

    Implements :eq:`eq-highway-parameters`.

    Parameters
    ----------
    n_x, n_h
        Sizes of input and hidden state.

    Returns
    -------
    int
        Five matrices and five bias vectors.
    """
    return 5 * n_h * (n_h + n_x + 1)


class HighwayLSTM(BaseCell):
    r"""The LSTM with a highway through time for the hidden state.

    The LSTM's six equations give :math:`h_t^{\text{LSTM}}` and :math:`C_t`; then

    .. math::

        T_t &= \sigma(W_T [h_{t-1}; x_t] + b_T) \\
        h_t &= T_t \odot h_t^{\text{LSTM}} + (1-T_t) \odot h_{t-1}

    With T at one it is the LSTM; with T at zero the hidden state stands still, whatever the cell
    state does.

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
        ``W_f W_i W_C W_o W_T``, each ``(n_h, n_h + n_x)``, and ``b_f b_i b_C b_o b_T``, each ``(n_h,)``.

    Raises
    ------
    ValueError, TypeError
        If a size, the dtype or ``rng`` is not as above.

    Notes
    -----
    This is the notes' definition. The Highway LSTM in print joins the cell states of adjacent layers
    (Zhang et al., 2016); the Recurrent Highway Network stacks highway layers inside one time step
    (Zilly et al., 2017). The gate itself is that of the Highway Network.

    References
    ----------
    Srivastava, Greff and Schmidhuber (2015) for the transform gate of a feed-forward layer.
    """

    State = LSTMState
    Trace = HighwayTrace
    h_is_only_read = False

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

    def step(self, x_t: Array, state: LSTMState) -> tuple[LSTMState, HighwayTrace]:
        """Advance by one time step: the LSTM's six equations and two more.

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
        W_f, W_i, W_C, W_o, W_T = (self.params[name] for name in WEIGHTS)
        b_f, b_i, b_C, b_o, b_T = (self.params[name][:, None] for name in BIASES)
        h_prev, C_prev = state.h.T, state.C.T

        z_t = concatenate(h_prev, x_t.T)
        f_t = forget_gate(W_f, b_f, z_t)
        i_t = input_gate(W_i, b_i, z_t)
        C_tilde_t = candidate(W_C, b_C, z_t)
        C_t = cell_state(f_t, C_prev, i_t, C_tilde_t)
        o_t = output_gate(W_o, b_o, z_t)
        h_lstm_t = hidden_state(o_t, C_t)
        T_t = transform_gate(W_T, b_T, z_t)
        h_t = highway_hidden_state(T_t, h_lstm_t, h_prev)

        stored = (f_t, i_t, C_tilde_t, C_t, o_t, h_lstm_t, T_t, h_t)
        return LSTMState(h_t.T, C_t.T), HighwayTrace(x_t, state.h, state.C, *(a.T for a in stored))

    def step_back(self, dstate: LSTMState, trace: HighwayTrace, grads: Parameters) -> tuple[Array, LSTMState]:
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
        x_t, h_prev, C_prev, f_t, i_t, C_tilde_t, C_t, o_t, h_lstm_t, T_t, _ = (a.T for a in trace)
        z_t = concatenate(h_prev, x_t)
        dh_t = dstate.h.T

        dh_carried = carried_gradient(dh_t, T_t)
        dT_t = transform_gate_gradient(dh_t, h_lstm_t, h_prev)
        dh_lstm_t = transformed_gradient(dh_t, T_t)
        lstm_gates = (f_t, i_t, C_tilde_t, C_t, o_t)
        lstm, dC_t = lstm_deltas(dh_lstm_t, dstate.C.T, C_prev, *lstm_gates)
        dC_prev = previous_cell_state_gradient(dC_t, f_t)
        deltas = (*lstm, gate_delta(dT_t, T_t))

        for W, b, delta in zip(WEIGHTS, BIASES, deltas, strict=True):
            grads[W] += weight_gradient(delta, z_t)
            grads[b] += bias_gradient(delta)
        dz_t = concatenation_gradient(tuple(self.params[name] for name in WEIGHTS), deltas)
        dh_gates, dx_t = split_concatenation(dz_t, self.n_h)
        return dx_t.T, LSTMState((dh_carried + dh_gates).T, dC_prev.T)
