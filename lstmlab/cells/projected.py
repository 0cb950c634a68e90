"""The LSTM with a recurrent projection: many cells, a narrow hidden state.

Arrays stand in columns inside a step, ``(n, B)``, as in :mod:`lstmlab.cells.lstm`, but the widths
differ: the gates and the cell state have ``n_c`` rows, the hidden state ``n_h``. Equations that are the
plain LSTM's are taken from :mod:`lstmlab.cells.gates` and :mod:`lstmlab.cells.gradients`.
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
from lstmlab.cells.lstm import BIASES, WEIGHTS
from lstmlab.checks import check_size
from lstmlab.functions import concatenate
from lstmlab.initializers import generator, uniform
from lstmlab.parameters import Parameters
from lstmlab.typing import Array, Namespace


class ProjectedState(NamedTuple):
    """What the cell carries: hidden state ``h``, ``(B, n_h)``, and cell state ``C``, ``(B, n_c)``."""

    h: Array
    C: Array


class ProjectedTrace(NamedTuple):
    """What one step stores for the backward pass; over a run with T in front.

    ``h_prev`` and ``h`` are ``(B, n_h)``, ``x`` is ``(B, n_x)``, all others ``(B, n_c)``; ``m`` is the
    output before its projection.
    """

    x: Array
    h_prev: Array
    C_prev: Array
    f: Array
    i: Array
    C_tilde: Array
    C: Array
    o: Array
    m: Array
    h: Array


def projected_hidden_state(W_p: Array, m_t: Array) -> Array:
    r"""Hidden state, :math:`h_t = W_p m_t` with :math:`m_t = o_t \odot \tanh(C_t)`.

    Implements :eq:`eq-projection`. No bias and no other function follows, so :math:`h_t` is not bounded
    by 1. This narrow vector, not :math:`m_t`, is what the next step's gates see.

    Parameters
    ----------
    W_p
        Shape ``(n_h, n_c)``.
    m_t
        Shape ``(n_c, B)``.

    Returns
    -------
    array
        Shape ``(n_h, B)``.

    References
    ----------
    Sak, Senior and Beaufays (2014).
    """
    return W_p @ m_t


def projection_gradient(W_p: Array, dh_t: Array) -> Array:
    r"""Gradient of what is projected.

    Implements :eq:`eq-projection-gradient`:
    :math:`\partial L/\partial m_t = W_p^\top\, \partial L/\partial h_t`. The gradient of :math:`W_p` itself
    is that of any matrix, :func:`~lstmlab.cells.gradients.weight_gradient` of the two.

    Parameters
    ----------
    W_p
        Shape ``(n_h, n_c)``.
    dh_t
        Total derivative :math:`\partial L/\partial h_t`, shape ``(n_h, B)``.

    Returns
    -------
    array
        Shape ``(n_c, B)``.
    """
    return W_p.T @ dh_t


def projected_parameter_count(n_x: int, n_h: int, n_c: int) -> int:
    r"""Number of parameters, :math:`4n_c(n_h+n_x+1) + n_h n_c`.

    Implements :eq:`eq-projected-parameters`. Fewer than an LSTM of :math:`n_c` units has only if
    :math:`n_h < \tfrac45 n_c`.

    Parameters
    ----------
    n_x, n_h, n_c
        Sizes of input, hidden state and cell state.

    Returns
    -------
    int
        Four matrices, four bias vectors and the projection.
    """
    return 4 * n_c * (n_h + n_x + 1) + n_h * n_c


class ProjectedLSTM(BaseCell):
    """The LSTM whose hidden state is a projection of what its cells put out.

    Parameters
    ----------
    n_x, n_h
        Sizes of the input and of the hidden state.
    n_c
        Number of cells, usually larger than ``n_h``.
    rng
        Seed or :class:`numpy.random.Generator` of the first weights. The gates' are drawn from
        U(-1/√n_h, 1/√n_h), the projection's from U(-1/√n_c, 1/√n_c): each by the width of what it
        reads of the cell itself. Biases start at zero, but the forget gate's at one.
    dtype
        ``"float64"`` or ``"float32"``.
    xp
        Array library; ``None`` takes ``lstmlab.xp``.

    Attributes
    ----------
    params
        ``W_f W_i W_C W_o``, each ``(n_c, n_h + n_x)``, ``b_f b_i b_C b_o``, each ``(n_c,)``, and
        ``W_p``, ``(n_h, n_c)``.

    Raises
    ------
    ValueError, TypeError
        If a size, the dtype or ``rng`` is not as above.

    References
    ----------
    Sak, Senior and Beaufays (2014).
    """

    State = ProjectedState
    Trace = ProjectedTrace

    def __init__(
        self,
        n_x: int,
        n_h: int,
        n_c: int,
        *,
        rng: int | np.random.Generator = 0,
        dtype: str = "float64",
        xp: Namespace | None = None,
    ) -> None:
        n_x, n_h, dtype = check_sizes(n_x, n_h, dtype)
        self.n_c = check_size("n_c", n_c)
        rng = generator(rng)
        values = {name: uniform(rng, (self.n_c, n_h + n_x), n_h**-0.5) for name in WEIGHTS}
        values |= {name: np.full(self.n_c, float(name == "b_f")) for name in BIASES}
        values |= {"W_p": uniform(rng, (n_h, self.n_c), self.n_c**-0.5)}
        super().__init__(n_x, n_h, values, dtype=dtype, xp=xp)

    @property
    def state_sizes(self) -> tuple[int, ...]:
        """Widths of ``h`` and ``C``: ``(n_h, n_c)``."""
        return self.n_h, self.n_c

    def __repr__(self) -> str:
        return f"{type(self).__name__}(n_x={self.n_x}, n_h={self.n_h}, n_c={self.n_c}, dtype={self.dtype!r})"

    def step(self, x_t: Array, state: ProjectedState) -> tuple[ProjectedState, ProjectedTrace]:
        """Advance by one time step: the six equations and the projection.

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

        z_t = concatenate(h_prev, x_t.T)
        f_t = forget_gate(W_f, b_f, z_t)
        i_t = input_gate(W_i, b_i, z_t)
        C_tilde_t = candidate(W_C, b_C, z_t)
        C_t = cell_state(f_t, C_prev, i_t, C_tilde_t)
        o_t = output_gate(W_o, b_o, z_t)
        m_t = hidden_state(o_t, C_t)
        h_t = projected_hidden_state(self.params["W_p"], m_t)

        columns = (f_t, i_t, C_tilde_t, C_t, o_t, m_t, h_t)
        trace = ProjectedTrace(x_t, state.h, state.C, *(a.T for a in columns))
        return ProjectedState(h_t.T, C_t.T), trace

    def step_back(
        self, dstate: ProjectedState, trace: ProjectedTrace, grads: Parameters
    ) -> tuple[Array, ProjectedState]:
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
        x_t, h_prev, C_prev, f_t, i_t, C_tilde_t, C_t, o_t, m_t, _ = (a.T for a in trace)
        z_t = concatenate(h_prev, x_t)
        dh_t = dstate.h.T

        dm_t = projection_gradient(self.params["W_p"], dh_t)
        do_t = output_gate_gradient(dm_t, C_t)
        dC_t = cell_state_gradient(dm_t, o_t, C_t, dstate.C.T)
        dC_tilde_t = candidate_gradient(dC_t, i_t)
        di_t = input_gate_gradient(dC_t, C_tilde_t)
        df_t = forget_gate_gradient(dC_t, C_prev)
        dC_prev = previous_cell_state_gradient(dC_t, f_t)

        delta_f = gate_delta(df_t, f_t)
        delta_i = gate_delta(di_t, i_t)
        delta_C = candidate_delta(dC_tilde_t, C_tilde_t)
        delta_o = gate_delta(do_t, o_t)
        deltas = (delta_f, delta_i, delta_C, delta_o)

        grads["W_p"] += weight_gradient(dh_t, m_t)
        for name, delta in zip(WEIGHTS, deltas, strict=True):
            grads[name] += weight_gradient(delta, z_t)
        for name, delta in zip(BIASES, deltas, strict=True):
            grads[name] += bias_gradient(delta)
        weights = tuple(self.params[name] for name in WEIGHTS)
        dz_t = concatenation_gradient(weights, deltas)
        dh_prev, dx_t = split_concatenation(dz_t, self.n_h)
        return dx_t.T, ProjectedState(dh_prev.T, dC_prev.T)
