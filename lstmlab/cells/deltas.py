"""From the LSTM's states back to its pre-activations: what every cell built on the LSTM shares."""

from __future__ import annotations

from lstmlab.cells.gradients import (
    candidate_delta,
    candidate_gradient,
    cell_state_gradient,
    forget_gate_gradient,
    gate_delta,
    input_gate_gradient,
    output_gate_gradient,
)
from lstmlab.typing import Array


def lstm_deltas(
    dh_t: Array,
    dC_next: Array,
    C_prev: Array,
    f_t: Array,
    i_t: Array,
    C_tilde_t: Array,
    C_t: Array,
    o_t: Array,
) -> tuple[tuple[Array, Array, Array, Array], Array]:
    r"""Walk the LSTM's step back as far as its pre-activations, as the LSTM itself does.

    It holds wherever :math:`h_t = o_t \odot \tanh(C_t)` and the cell state holds the terms
    :math:`f_t \odot C_{t-1} + i_t \odot \tilde C_t`, whatever the gates look at and whatever other
    terms there are.

    Parameters
    ----------
    dh_t
        Total derivative :math:`\partial L/\partial h_t`, shape ``(n_h, B)``.
    dC_next
        What step t+1 (or another layer) passed back to :math:`C_t`, shape ``(n_h, B)``.
    C_prev, f_t, i_t, C_tilde_t, C_t, o_t
        What the step stored, each ``(n_h, B)``.

    Returns
    -------
    deltas, dC_t
        Gradients of the pre-activations of f, i, C and o, and the total derivative by :math:`C_t`;
        each ``(n_h, B)``.
    """
    do_t = output_gate_gradient(dh_t, C_t)
    dC_t = cell_state_gradient(dh_t, o_t, C_t, dC_next)
    dC_tilde_t = candidate_gradient(dC_t, i_t)
    di_t = input_gate_gradient(dC_t, C_tilde_t)
    df_t = forget_gate_gradient(dC_t, C_prev)

    delta_f = gate_delta(df_t, f_t)
    delta_i = gate_delta(di_t, i_t)
    delta_C = candidate_delta(dC_tilde_t, C_tilde_t)
    delta_o = gate_delta(do_t, o_t)
    return (delta_f, delta_i, delta_C, delta_o), dC_t
