"""The LSTM: six equations forward, their mirror backward.

Inside a step, arrays stand in columns as in the notes: ``z_t`` is ``(n_h + n_x, B)``, one column a
sequence, and a gate is ``sigmoid(W_f @ z_t + b_f)``. The public shapes are ``(B, n)``; the transposes
are views. Gates lie in memory in the order f, i, C, o (PyTorch: i, f, g, o; ONNX: i, o, f, c).

The equations are those of :mod:`lstmlab.cells.gates`, their derivatives those of
:mod:`lstmlab.cells.gradients`; here they are put in order.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from lstmlab.cells.base import BaseCell, check_sizes
from lstmlab.cells.gates import (
    candidate,
    cell_state,
    explicit_pre_activation,
    forget_gate,
    fused_gates,
    hidden_state,
    input_gate,
    output_gate,
    weight_blocks,
)
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
from lstmlab.functions import concatenate
from lstmlab.initializers import generator, uniform
from lstmlab.parameters import Parameters
from lstmlab.typing import Array, Namespace

# Everything about the LSTM can be reached here; its equations stand in the two modules above.
__all__ = [
    "LSTM",
    "LSTMState",
    "LSTMTrace",
    "bias_gradient",
    "candidate",
    "candidate_delta",
    "candidate_gradient",
    "cell_state",
    "cell_state_gradient",
    "concatenation_gradient",
    "explicit_pre_activation",
    "forget_gate",
    "forget_gate_gradient",
    "fused_gates",
    "gate_delta",
    "hidden_state",
    "input_gate",
    "input_gate_gradient",
    "lstm_parameter_count",
    "output_gate",
    "output_gate_gradient",
    "previous_cell_state_gradient",
    "split_concatenation",
    "weight_blocks",
    "weight_gradient",
]

WEIGHTS = ("W_f", "W_i", "W_C", "W_o")
BIASES = ("b_f", "b_i", "b_C", "b_o")


class LSTMState(NamedTuple):
    """What the LSTM carries: hidden state ``h`` and cell state ``C``, each ``(B, n_h)``."""

    h: Array
    C: Array


class LSTMTrace(NamedTuple):
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


def lstm_parameter_count(n_x: int, n_h: int) -> int:
    r"""Number of parameters, :math:`4n_h(n_h+n_x+1)`.

    Implements :eq:`eq-lstm-parameters`. One bias a gate; PyTorch and ONNX keep two and count
    :math:`4n_h(n_h+n_x+2)`.

    Parameters
    ----------
    n_x, n_h
        Sizes of input and hidden state.

    Returns
    -------
    int
        Four matrices and four bias vectors.
    """
    return 4 * n_h * (n_h + n_x + 1)


class LSTM(BaseCell):
    """The LSTM as a cell: one step and its mirror.

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
        ``W_f W_i W_C W_o``, each ``(n_h, n_h + n_x)`` acting on :math:`[h_{t-1}; x_t]`, and
        ``b_f b_i b_C b_o``, each ``(n_h,)``.
    W, b
        The same memory fused: ``(4 n_h, n_h + n_x)`` and ``(4 n_h,)``.

    Raises
    ------
    ValueError, TypeError
        If a size, the dtype or ``rng`` is not as above.

    References
    ----------
    Hochreiter and Schmidhuber (1997); Gers, Schmidhuber and Cummins (2000).
    """

    State = LSTMState
    Trace = LSTMTrace

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

    @property
    def W(self) -> Array:
        """The four matrices as one view, ``(4 n_h, n_h + n_x)``, order f, i, C, o."""
        return self.params.fused(WEIGHTS)

    @property
    def b(self) -> Array:
        """The four biases as one view, ``(4 n_h,)``, order f, i, C, o."""
        return self.params.fused(BIASES)

    def step(self, x_t: Array, state: LSTMState) -> tuple[LSTMState, LSTMTrace]:
        """Advance by one time step: the six equations.

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
        h_t = hidden_state(o_t, C_t)

        trace = LSTMTrace(x_t, state.h, state.C, f_t.T, i_t.T, C_tilde_t.T, C_t.T, o_t.T, h_t.T)
        return LSTMState(h_t.T, C_t.T), trace

    def step_back(self, dstate: LSTMState, trace: LSTMTrace, grads: Parameters) -> tuple[Array, LSTMState]:
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
        for name, delta in zip(BIASES, deltas, strict=True):
            grads[name] += bias_gradient(delta)
        weights = tuple(self.params[name] for name in WEIGHTS)
        dz_t = concatenation_gradient(weights, deltas)
        dh_prev, dx_t = split_concatenation(dz_t, self.n_h)
        return dx_t.T, LSTMState(dh_prev.T, dC_prev.T)
