"""The plain recurrent network: one equation, and why it forgets.

Inside a step, arrays stand in columns as in the notes: ``z_t`` is ``(n_h + n_x, B)``, one column a
sequence. The public shapes are ``(B, n)``; the transposes are views.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from lstmlab.cells.base import BaseCell, check_sizes
from lstmlab.cells.gradients import bias_gradient, weight_gradient
from lstmlab.functions import concatenate, tanh, tanh_derivative
from lstmlab.initializers import generator, uniform
from lstmlab.parameters import Parameters
from lstmlab.typing import Array, Namespace


class RNNState(NamedTuple):
    """What the plain network carries: the hidden state ``h``, ``(B, n_h)``."""

    h: Array


class RNNTrace(NamedTuple):
    """What one step stores for the backward pass, each ``(B, n)``; over a run, ``(T, B, n)``."""

    x: Array
    h_prev: Array
    h: Array


def rnn_hidden_state(W: Array, b: Array, z_t: Array) -> Array:
    r"""Update of the plain network, :math:`h_t = \tanh(W z_t + b)`.

    Implements :eq:`eq-rnn-step`.

    Parameters
    ----------
    W
        Shape ``(n_h, n_h + n_x)``.
    b
        Shape ``(n_h, 1)``.
    z_t
        :math:`[h_{t-1}; x_t]`, shape ``(n_h + n_x, B)``.

    Returns
    -------
    array
        :math:`h_t`, shape ``(n_h, B)``, every entry in (-1, 1) up to rounding.

    References
    ----------
    Elman (1990).
    """
    return tanh(W @ z_t + b)


def rnn_delta(dh_t: Array, h_t: Array) -> Array:
    r"""Gradient of the pre-activation, :math:`\delta_t = \partial L/\partial h_t \odot (1-h_t^2)`.

    Implements :eq:`eq-rnn-delta`.

    Parameters
    ----------
    dh_t
        Total derivative :math:`\partial L/\partial h_t`, shape ``(n_h, B)``.
    h_t
        Shape ``(n_h, B)``.

    Returns
    -------
    array
        Shape ``(n_h, B)``.
    """
    return dh_t * tanh_derivative(h_t)


def rnn_parameter_count(n_x: int, n_h: int) -> int:
    r"""Number of parameters, :math:`n_h(n_h+n_x+1)`.

    Implements :eq:`eq-rnn-parameters`.

    Parameters
    ----------
    n_x, n_h
        Sizes of input and hidden state.

    Returns
    -------
    int
        One matrix and one bias vector.
    """
    return n_h * (n_h + n_x + 1)


class RNN(BaseCell):
    """The plain (Elman) recurrent network as a cell.

    Parameters
    ----------
    n_x, n_h
        Sizes of the input and of the hidden state.
    rng
        Seed or :class:`numpy.random.Generator` of the first weights, drawn from
        U(-1/√n_h, 1/√n_h); the bias starts at zero.
    dtype
        ``"float64"`` or ``"float32"``.
    xp
        Array library; ``None`` takes ``lstmlab.xp``.

    Raises
    ------
    ValueError, TypeError
        If a size, the dtype or ``rng`` is not as above.
    """

    State = RNNState
    Trace = RNNTrace

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
        W = uniform(generator(rng), (n_h, n_h + n_x), n_h**-0.5)
        super().__init__(n_x, n_h, {"W": W, "b": np.zeros(n_h)}, dtype=dtype, xp=xp)

    def step(self, x_t: Array, state: RNNState) -> tuple[RNNState, RNNTrace]:
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
        W, b = self.params["W"], self.params["b"][:, None]
        z_t = concatenate(state.h.T, x_t.T)
        h_t = rnn_hidden_state(W, b, z_t)
        return RNNState(h_t.T), RNNTrace(x_t, state.h, h_t.T)

    def step_back(self, dstate: RNNState, trace: RNNTrace, grads: Parameters) -> tuple[Array, RNNState]:
        """Mirror of :meth:`step`.

        Parameters
        ----------
        dstate
            Total derivative of the loss by the state at t.
        trace
            What the step stored.
        grads
            Added into.

        Returns
        -------
        dx_t, dstate
            Gradients of the input, ``(B, n_x)``, and of the state at t-1 through this step.
        """
        z_t = concatenate(trace.h_prev.T, trace.x.T)
        delta = rnn_delta(dstate.h.T, trace.h.T)
        grads["W"] += weight_gradient(delta, z_t)
        grads["b"] += bias_gradient(delta)
        dz_t = self.params["W"].T @ delta
        return dz_t[self.n_h :, :].T, RNNState(dz_t[: self.n_h, :].T)
