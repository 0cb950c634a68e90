"""The backward pass, one function for each derivative, in the order in which a step back needs them.

Arrays stand in columns, ``(n_h, B)``. ``dh_t`` is the total derivative of the loss by ``h_t``, and so
on for every name that begins with d; a delta is the derivative by a pre-activation.
"""

from __future__ import annotations

from lstmlab.backend import namespace
from lstmlab.functions import side_by_side, sigmoid_derivative, tanh, tanh_derivative
from lstmlab.typing import Array


def output_gate_gradient(dh_t: Array, C_t: Array) -> Array:
    r"""Gradient of the output gate.

    Implements :eq:`eq-do`: :math:`\partial L/\partial o_t = \partial L/\partial h_t \odot \tanh(C_t)`.

    Parameters
    ----------
    dh_t
        Total derivative :math:`\partial L/\partial h_t`, shape ``(n_h, B)``.
    C_t
        Shape ``(n_h, B)``.

    Returns
    -------
    array
        Shape ``(n_h, B)``.
    """
    return dh_t * tanh(C_t)


def cell_state_gradient(dh_t: Array, o_t: Array, C_t: Array, dC_next: Array) -> Array:
    r"""Total derivative by the cell state: what comes through the output, and what comes from t+1.

    Implements :eq:`eq-dC`:
    :math:`\partial L/\partial C_t = \partial L/\partial h_t \odot o_t \odot (1-\tanh^2 C_t)
    + \partial L/\partial C_{t+1} \odot f_{t+1}`.

    Parameters
    ----------
    dh_t, o_t, C_t
        Each of shape ``(n_h, B)``.
    dC_next
        What step t+1 passed back, :math:`\partial L/\partial C_{t+1} \odot f_{t+1}`; at t=T the
        gradient of the final state, zero unless the loss uses it.

    Returns
    -------
    array
        Shape ``(n_h, B)``.
    """
    return dh_t * o_t * tanh_derivative(tanh(C_t)) + dC_next


def input_gate_gradient(dC_t: Array, C_tilde_t: Array) -> Array:
    r"""Gradient of the input gate.

    Implements :eq:`eq-di`: :math:`\partial L/\partial i_t = \partial L/\partial C_t \odot \tilde C_t`.

    Parameters
    ----------
    dC_t, C_tilde_t
        Each of shape ``(n_h, B)``.

    Returns
    -------
    array
        Shape ``(n_h, B)``.
    """
    return dC_t * C_tilde_t


def candidate_gradient(dC_t: Array, i_t: Array) -> Array:
    r"""Gradient of the candidate.

    Implements :eq:`eq-dC-tilde`: :math:`\partial L/\partial \tilde C_t = \partial L/\partial C_t \odot i_t`.

    Parameters
    ----------
    dC_t, i_t
        Each of shape ``(n_h, B)``.

    Returns
    -------
    array
        Shape ``(n_h, B)``.
    """
    return dC_t * i_t


def forget_gate_gradient(dC_t: Array, C_prev: Array) -> Array:
    r"""Gradient of the forget gate.

    Implements :eq:`eq-df`: :math:`\partial L/\partial f_t = \partial L/\partial C_t \odot C_{t-1}`.

    Parameters
    ----------
    dC_t, C_prev
        Each of shape ``(n_h, B)``.

    Returns
    -------
    array
        Shape ``(n_h, B)``; zero at the first step when :math:`C_0 = 0`.
    """
    return dC_t * C_prev


def previous_cell_state_gradient(dC_t: Array, f_t: Array) -> Array:
    r"""What step t passes back to the cell state, :math:`\partial L/\partial C_t \odot f_t`.

    Implements :eq:`eq-dC-prev`. Part of :math:`\partial L/\partial C_{t-1}`: the gates are held fixed.

    Parameters
    ----------
    dC_t, f_t
        Each of shape ``(n_h, B)``.

    Returns
    -------
    array
        Shape ``(n_h, B)``.
    """
    return dC_t * f_t


def gate_delta(dgate_t: Array, gate_t: Array) -> Array:
    r"""Gradient of a gate's pre-activation, :math:`\delta_{g,t} = \partial L/\partial g_t \odot g_t(1-g_t)`.

    Implements :eq:`eq-delta-gate`, for g one of f, i, o.

    Parameters
    ----------
    dgate_t, gate_t
        Each of shape ``(n_h, B)``.

    Returns
    -------
    array
        Shape ``(n_h, B)``.
    """
    return dgate_t * sigmoid_derivative(gate_t)


def candidate_delta(dC_tilde_t: Array, C_tilde_t: Array) -> Array:
    r"""Gradient of the candidate's pre-activation.

    Implements :eq:`eq-delta-candidate`:
    :math:`\delta_{C,t} = \partial L/\partial \tilde C_t \odot (1-\tilde C_t^2)`.

    Parameters
    ----------
    dC_tilde_t, C_tilde_t
        Each of shape ``(n_h, B)``.

    Returns
    -------
    array
        Shape ``(n_h, B)``.
    """
    return dC_tilde_t * tanh_derivative(C_tilde_t)


def concatenation_gradient(weights: tuple[Array, ...], deltas: tuple[Array, ...]) -> Array:
    r"""Gradient of the concatenation, :math:`\partial L/\partial z_t = \sum_g W_g^\top \delta_{g,t}`.

    Implements :eq:`eq-dz`.

    Parameters
    ----------
    weights
        The matrices that act on :math:`z_t`, each ``(n, n_h + n_x)``; four in the LSTM.
    deltas
        Their pre-activations' gradients in the same order, each ``(n, B)``.

    Returns
    -------
    array
        Shape ``(n_h + n_x, B)``: the hidden state's part above the input's part.
    """
    return sum(W.T @ delta for W, delta in zip(weights, deltas, strict=True))


def split_concatenation(dz_t: Array, n_h: int) -> tuple[Array, Array]:
    r"""Undo the concatenation, :math:`[\partial L/\partial h_{t-1};\ \partial L/\partial x_t]`.

    Implements :eq:`eq-dh-dx`. The first block is the part of :math:`\partial L/\partial h_{t-1}` that
    comes through step t; the losses at t-1 itself are added by the loop over time.

    Parameters
    ----------
    dz_t
        Shape ``(n_h + n_x, B)``.
    n_h
        Size of the hidden state.

    Returns
    -------
    dh_prev, dx_t
        Shapes ``(n_h, B)`` and ``(n_x, B)``.
    """
    return dz_t[:n_h, :], dz_t[n_h:, :]


def weight_gradient(delta: Array, z_t: Array) -> Array:
    r"""Gradient of a weight matrix at one step, :math:`\sum_b \delta_b\, z_b^\top`.

    Implements :eq:`eq-dW`. The product of the two matrices of columns *is* the sum over the batch.

    Parameters
    ----------
    delta
        Gradient of the pre-activation, shape ``(n_h, B)``.
    z_t
        :math:`[h_{t-1}; x_t]`, shape ``(n_h + n_x, B)``.

    Returns
    -------
    array
        Shape ``(n_h, n_h + n_x)``.
    """
    return delta @ z_t.T


def weight_gradient_of_run(delta: Array, z: Array) -> Array:
    r"""Gradient of a weight matrix over all steps, :math:`\sum_t\delta_t z_t^\top = \Delta Z^\top`.

    Implements :eq:`eq-dW-of-run`. One product: the sum over time becomes part of it, as the sum over the
    batch always was.

    Parameters
    ----------
    delta
        Gradients of the pre-activations of all steps, shape ``(T, n, B)``.
    z
        What the matrix was multiplied by, shape ``(T, k, B)``.

    Returns
    -------
    array
        Shape ``(n, k)``; the sum of :func:`weight_gradient` over the steps, up to rounding.
    """
    return side_by_side(delta) @ side_by_side(z).T


def bias_gradient(delta: Array) -> Array:
    r"""Gradient of a bias at one step, :math:`\sum_b \delta_b`.

    Implements :eq:`eq-db`.

    Parameters
    ----------
    delta
        Gradient of the pre-activation, shape ``(n_h, B)``.

    Returns
    -------
    array
        Shape ``(n_h,)``.
    """
    return namespace(delta).sum(delta, axis=1)
