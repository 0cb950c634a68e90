"""The depth gate between two LSTM layers: its equations and their derivatives, one function each.

Arrays stand in columns, ``(n_h, B)``, one column a sequence. Both layers have ``n_h`` units.
"""

from __future__ import annotations

from lstmlab.functions import sigmoid
from lstmlab.typing import Array


def depth_gate(
    W_d: Array, w_cd: Array, w_ld: Array, b_d: Array, x_t: Array, C_prev: Array, C_below: Array
) -> Array:
    r"""Depth gate of layer l.

    Implements :eq:`eq-depth-gate`:
    :math:`d_t = \sigma(W_d x_t^{(l)} + w_{cd} \odot C_{t-1}^{(l)} + w_{ld} \odot C_t^{(l-1)} + b_d)`.

    Parameters
    ----------
    W_d
        Shape ``(n_h, n_h)``.
    w_cd, w_ld, b_d
        Shape ``(n_h, 1)``: the cell states are weighed entry by entry.
    x_t
        The layer's input, which is the hidden state of the layer below, ``(n_h, B)``.
    C_prev, C_below
        The layer's own cell state at t-1 and the lower layer's at t, ``(n_h, B)``.

    Returns
    -------
    array
        Shape ``(n_h, B)``, values in (0, 1).
    """
    return sigmoid(W_d @ x_t + w_cd * C_prev + w_ld * C_below + b_d)


def depth_gated_cell_state(C_lstm_t: Array, d_t: Array, C_below: Array) -> Array:
    r"""Cell state with the highway from below.

    Implements :eq:`eq-depth-gated-cell-state`:
    :math:`C_t^{(l)} = f_t \odot C_{t-1}^{(l)} + i_t \odot \tilde C_t + d_t \odot C_t^{(l-1)}`.

    Parameters
    ----------
    C_lstm_t
        The LSTM's own two terms, ``(n_h, B)``.
    d_t, C_below
        Each of shape ``(n_h, B)``.

    Returns
    -------
    array
        Shape ``(n_h, B)``.
    """
    return C_lstm_t + d_t * C_below


def depth_gate_gradient(dC_t: Array, C_below: Array) -> Array:
    r"""Gradient of the depth gate.

    Implements :eq:`eq-dd`:
    :math:`\partial L/\partial d_t = \partial L/\partial C_t^{(l)} \odot C_t^{(l-1)}`.

    Parameters
    ----------
    dC_t, C_below
        Each of shape ``(n_h, B)``.

    Returns
    -------
    array
        Shape ``(n_h, B)``.
    """
    return dC_t * C_below


def lower_cell_state_gradient(dC_t: Array, d_t: Array, w_ld: Array, delta_d: Array) -> Array:
    r"""What layer l passes down to the cell state of the layer below, at the same step.

    Implements :eq:`eq-dC-below`:
    :math:`\partial L/\partial C_t^{(l)} \odot d_t + w_{ld} \odot \delta_{d,t}`: along the highway, and
    through the gate, which looks at the same cell state.

    Parameters
    ----------
    dC_t, d_t, delta_d
        Each of shape ``(n_h, B)``.
    w_ld
        Shape ``(n_h, 1)``.

    Returns
    -------
    array
        Shape ``(n_h, B)``.
    """
    return dC_t * d_t + w_ld * delta_d
