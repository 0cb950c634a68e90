"""The LSTM with peepholes: the gates see the cell state, through one weight a unit.

Arrays stand in columns inside a step, ``(n, B)``, as in :mod:`lstmlab.cells.lstm`. Equations that are
the plain LSTM's are taken from :mod:`lstmlab.cells.gates` and :mod:`lstmlab.cells.gradients`; those
that differ stand here.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from lstmlab.cells.base import BaseCell, check_sizes
from lstmlab.cells.gates import candidate, cell_state, hidden_state
from lstmlab.cells.gradients import (
    bias_gradient,
    candidate_delta,
    candidate_gradient,
    concatenation_gradient,
    forget_gate_gradient,
    gate_delta,
    input_gate_gradient,
    output_gate_gradient,
    split_concatenation,
    weight_gradient,
)
from lstmlab.cells.lstm import BIASES, WEIGHTS, LSTMState, lstm_parameter_count
from lstmlab.functions import concatenate, sigmoid, tanh, tanh_derivative
from lstmlab.initializers import generator, uniform
from lstmlab.parameters import Parameters
from lstmlab.typing import Array, Namespace

PEEPHOLES = ("W_cf", "W_ci", "W_co")


class PeepholeTrace(NamedTuple):
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


def peephole_forget_gate(W_f: Array, W_cf: Array, b_f: Array, z_t: Array, C_prev: Array) -> Array:
    r"""Forget gate that sees the old cell state, :math:`f_t = \sigma(W_f z_t + W_{cf} \odot C_{t-1} + b_f)`.

    Implements :eq:`eq-peephole-forget-gate`.

    Parameters
    ----------
    W_f
        Shape ``(n_h, n_h + n_x)``.
    W_cf, b_f
        Shape ``(n_h, 1)``: unit j sees its own cell state and no other's.
    z_t
        :math:`[h_{t-1}; x_t]`, shape ``(n_h + n_x, B)``.
    C_prev
        Shape ``(n_h, B)``.

    Returns
    -------
    array
        Shape ``(n_h, B)``, values in (0, 1) up to rounding.

    References
    ----------
    Gers and Schmidhuber (2000).
    """
    return sigmoid(W_f @ z_t + W_cf * C_prev + b_f)


def peephole_input_gate(W_i: Array, W_ci: Array, b_i: Array, z_t: Array, C_prev: Array) -> Array:
    r"""Input gate that sees the old cell state, :math:`i_t = \sigma(W_i z_t + W_{ci} \odot C_{t-1} + b_i)`.

    Implements :eq:`eq-peephole-input-gate`.

    Parameters
    ----------
    W_i
        Shape ``(n_h, n_h + n_x)``.
    W_ci, b_i
        Shape ``(n_h, 1)``.
    z_t
        Shape ``(n_h + n_x, B)``.
    C_prev
        Shape ``(n_h, B)``.

    Returns
    -------
    array
        Shape ``(n_h, B)``, values in (0, 1) up to rounding.

    References
    ----------
    Gers and Schmidhuber (2000).
    """
    return sigmoid(W_i @ z_t + W_ci * C_prev + b_i)


def peephole_output_gate(W_o: Array, W_co: Array, b_o: Array, z_t: Array, C_t: Array) -> Array:
    r"""Output gate that sees the *new* cell state, :math:`o_t = \sigma(W_o z_t + W_{co} \odot C_t + b_o)`.

    Implements :eq:`eq-peephole-output-gate`. It can only be computed after :math:`C_t`: the four gates are
    no longer one product.

    Parameters
    ----------
    W_o
        Shape ``(n_h, n_h + n_x)``.
    W_co, b_o
        Shape ``(n_h, 1)``.
    z_t
        Shape ``(n_h + n_x, B)``.
    C_t
        Shape ``(n_h, B)``.

    Returns
    -------
    array
        Shape ``(n_h, B)``, values in (0, 1) up to rounding.

    References
    ----------
    Gers and Schmidhuber (2000).
    """
    return sigmoid(W_o @ z_t + W_co * C_t + b_o)


def peephole_cell_state_gradient(
    dh_t: Array, o_t: Array, C_t: Array, W_co: Array, delta_o: Array, dC_next: Array
) -> Array:
    r"""Total derivative by the cell state, which the output gate sees too.

    Implements :eq:`eq-peephole-dC`:
    :math:`\partial L/\partial C_t = \partial L/\partial h_t \odot o_t \odot (1-\tanh^2 C_t)
    + W_{co} \odot \delta_{o,t} + \partial L/\partial C_{t+1} \odot f_{t+1}
    + W_{cf} \odot \delta_{f,t+1} + W_{ci} \odot \delta_{i,t+1}`. The three terms with a peephole are
    those the plain LSTM's formula does not have; the last three come from step t+1 as one sum.

    Parameters
    ----------
    dh_t, o_t, C_t
        Each of shape ``(n_h, B)``.
    W_co
        Shape ``(n_h, 1)``.
    delta_o
        Gradient of the output gate's pre-activation at t, shape ``(n_h, B)``.
    dC_next
        What step t+1 passed back (:func:`peephole_previous_cell_state_gradient`); at t=T the gradient
        of the final state.

    Returns
    -------
    array
        Shape ``(n_h, B)``.
    """
    return dh_t * o_t * tanh_derivative(tanh(C_t)) + W_co * delta_o + dC_next


def peephole_previous_cell_state_gradient(
    dC_t: Array, f_t: Array, W_cf: Array, delta_f: Array, W_ci: Array, delta_i: Array
) -> Array:
    r"""What step t passes back to the cell state: what was kept, and what two gates saw.

    Implements :eq:`eq-peephole-dC-prev`:
    :math:`\partial L/\partial C_t \odot f_t + W_{cf} \odot \delta_{f,t} + W_{ci} \odot \delta_{i,t}`.

    Parameters
    ----------
    dC_t, f_t, delta_f, delta_i
        Each of shape ``(n_h, B)``.
    W_cf, W_ci
        Shape ``(n_h, 1)``.

    Returns
    -------
    array
        Shape ``(n_h, B)``.
    """
    return dC_t * f_t + W_cf * delta_f + W_ci * delta_i


def peephole_gradient(delta: Array, C: Array) -> Array:
    r"""Gradient of a peephole at one step, :math:`\sum_b \delta_b \odot C_b`.

    Implements :eq:`eq-peephole-weight`.

    Parameters
    ----------
    delta
        Gradient of the gate's pre-activation, shape ``(n_h, B)``.
    C
        The cell state the gate saw: :math:`C_{t-1}` for f and i, :math:`C_t` for o. Shape ``(n_h, B)``.

    Returns
    -------
    array
        Shape ``(n_h,)``: the diagonal of what :func:`~lstmlab.cells.gradients.weight_gradient` would give.
    """
    return bias_gradient(delta * C)


def peephole_parameter_count(n_x: int, n_h: int) -> int:
    r"""Number of parameters, :math:`4n_h(n_h+n_x+1) + 3n_h`.

    Implements :eq:`eq-peephole-count`.

    Parameters
    ----------
    n_x, n_h
        Sizes of input and hidden state.

    Returns
    -------
    int
        Those of the LSTM, and three vectors.
    """
    return lstm_parameter_count(n_x, n_h) + 3 * n_h


class PeepholeLSTM(BaseCell):
    """The LSTM whose gates see the cell state.

    Parameters
    ----------
    n_x, n_h
        Sizes of the input and of the hidden state.
    rng
        Seed or :class:`numpy.random.Generator` of the first weights, drawn from U(-1/√n_h, 1/√n_h).
        Biases start at zero, but the forget gate's at one; peepholes start at zero, so that a new
        cell is the plain LSTM of the same seed.
    dtype
        ``"float64"`` or ``"float32"``.
    xp
        Array library; ``None`` takes ``lstmlab.xp``.

    Attributes
    ----------
    params
        The LSTM's, and the vectors ``W_cf W_ci W_co``, each ``(n_h,)``.

    Raises
    ------
    ValueError, TypeError
        If a size, the dtype or ``rng`` is not as above.

    Notes
    -----
    The vectors are diagonal matrices: with ⊙ they act on each unit alone. Backwards, the cell state
    gets three terms that the plain LSTM does not have, one from each gate that saw it: from o at t,
    from f and i at t+1.

    References
    ----------
    Gers and Schmidhuber (2000); Graves (2013).
    """

    State = LSTMState
    Trace = PeepholeTrace

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

    def step(self, x_t: Array, state: LSTMState) -> tuple[LSTMState, PeepholeTrace]:
        """Advance by one time step: six equations, the output gate after the cell state.

        Shapes as in :meth:`lstmlab.cells.lstm.LSTM.step`.
        """
        W_f, W_i, W_C, W_o = (self.params[name] for name in WEIGHTS)
        b_f, b_i, b_C, b_o = (self.params[name][:, None] for name in BIASES)
        W_cf, W_ci, W_co = (self.params[name][:, None] for name in PEEPHOLES)
        h_prev, C_prev = state.h.T, state.C.T

        z_t = concatenate(h_prev, x_t.T)
        f_t = peephole_forget_gate(W_f, W_cf, b_f, z_t, C_prev)
        i_t = peephole_input_gate(W_i, W_ci, b_i, z_t, C_prev)
        C_tilde_t = candidate(W_C, b_C, z_t)
        C_t = cell_state(f_t, C_prev, i_t, C_tilde_t)
        o_t = peephole_output_gate(W_o, W_co, b_o, z_t, C_t)
        h_t = hidden_state(o_t, C_t)

        trace = PeepholeTrace(x_t, state.h, state.C, f_t.T, i_t.T, C_tilde_t.T, C_t.T, o_t.T, h_t.T)
        return LSTMState(h_t.T, C_t.T), trace

    def step_back(
        self, dstate: LSTMState, trace: PeepholeTrace, grads: Parameters
    ) -> tuple[Array, LSTMState]:
        """Mirror of :meth:`step`; shapes as in :meth:`lstmlab.cells.lstm.LSTM.step_back`.

        The output gate's delta must be known before the cell state's gradient, and those of f and i
        before anything is passed back to the old cell state.
        """
        x_t, h_prev, C_prev, f_t, i_t, C_tilde_t, C_t, o_t, _ = (a.T for a in trace)
        W_cf, W_ci, W_co = (self.params[name][:, None] for name in PEEPHOLES)
        z_t = concatenate(h_prev, x_t)
        dh_t = dstate.h.T

        do_t = output_gate_gradient(dh_t, C_t)
        delta_o = gate_delta(do_t, o_t)
        dC_t = peephole_cell_state_gradient(dh_t, o_t, C_t, W_co, delta_o, dstate.C.T)
        dC_tilde_t = candidate_gradient(dC_t, i_t)
        delta_C = candidate_delta(dC_tilde_t, C_tilde_t)
        di_t = input_gate_gradient(dC_t, C_tilde_t)
        delta_i = gate_delta(di_t, i_t)
        df_t = forget_gate_gradient(dC_t, C_prev)
        delta_f = gate_delta(df_t, f_t)
        dC_prev = peephole_previous_cell_state_gradient(dC_t, f_t, W_cf, delta_f, W_ci, delta_i)
        deltas = (delta_f, delta_i, delta_C, delta_o)

        for name, delta in zip(WEIGHTS, deltas, strict=True):
            grads[name] += weight_gradient(delta, z_t)
        for name, delta in zip(BIASES, deltas, strict=True):
            grads[name] += bias_gradient(delta)
        grads["W_cf"] += peephole_gradient(delta_f, C_prev)
        grads["W_ci"] += peephole_gradient(delta_i, C_prev)
        grads["W_co"] += peephole_gradient(delta_o, C_t)
        weights = tuple(self.params[name] for name in WEIGHTS)
        dz_t = concatenation_gradient(weights, deltas)
        dh_prev, dx_t = split_concatenation(dz_t, self.n_h)
        return dx_t.T, LSTMState(dh_prev.T, dC_prev.T)
