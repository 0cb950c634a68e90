"""The GRU's equations and their derivatives, one function each.

Arrays stand in columns, ``(n_h, B)``, one column a sequence. The letter z belongs to the update gate
here, so the concatenation :math:`[h_{t-1}; x_t]` is called ``hx_t``.
"""

from __future__ import annotations

from lstmlab.cells.gates import weight_blocks
from lstmlab.functions import concatenate, sigmoid, tanh
from lstmlab.typing import Array


def update_gate(W_z: Array, b_z: Array, hx_t: Array) -> Array:
    r"""Update gate, :math:`z_t = \sigma(W_z [h_{t-1}; x_t] + b_z)`.

    Implements :eq:`eq-gru-update`.
    The notes leave the bias out of the equation and count it all the same.

    Parameters
    ----------
    W_z
        Shape ``(n_h, n_h + n_x)``.
    b_z
        Shape ``(n_h, 1)``.
    hx_t
        :math:`[h_{t-1}; x_t]`, shape ``(n_h + n_x, B)``.

    Returns
    -------
    array
        Shape ``(n_h, B)``, values in (0, 1): the share of the hidden state that is new.

    References
    ----------
    Chung, Gulcehre, Cho and Bengio (2014).
    """
    return sigmoid(W_z @ hx_t + b_z)


def reset_gate(W_r: Array, b_r: Array, hx_t: Array) -> Array:
    r"""Reset gate, :math:`r_t = \sigma(W_r [h_{t-1}; x_t] + b_r)`.

    Implements :eq:`eq-gru-reset`.

    Parameters
    ----------
    W_r
        Shape ``(n_h, n_h + n_x)``.
    b_r
        Shape ``(n_h, 1)``.
    hx_t
        Shape ``(n_h + n_x, B)``.

    Returns
    -------
    array
        Shape ``(n_h, B)``, values in (0, 1).

    References
    ----------
    Cho et al. (2014).
    """
    return sigmoid(W_r @ hx_t + b_r)


def reset_state(r_t: Array, s_t: Array) -> Array:
    r"""What the reset gate lets through, :math:`r_t \odot s_t`.

    Parameters
    ----------
    r_t
        Shape ``(n_h, B)``.
    s_t
        Shape ``(n_h, B)``. Reset before the product: :math:`h_{t-1}`. Reset after it:
        :math:`W_h h_{t-1} + b_{hh}`.

    Returns
    -------
    array
        Shape ``(n_h, B)``.
    """
    return r_t * s_t


def reset_before_candidate(W: Array, b_h: Array, r_t: Array, h_prev: Array, x_t: Array) -> Array:
    r"""Candidate of the notes, :math:`\tilde h_t = \tanh(W [r_t \odot h_{t-1}; x_t] + b_h)`.

    Implements :eq:`eq-gru-candidate`.

    Parameters
    ----------
    W
        Shape ``(n_h, n_h + n_x)``.
    b_h
        Shape ``(n_h, 1)``.
    r_t, h_prev, x_t
        Shapes ``(n_h, B)``, ``(n_h, B)`` and ``(n_x, B)``.

    Returns
    -------
    array
        Shape ``(n_h, B)``, values in (-1, 1) up to rounding.

    References
    ----------
    Cho et al. (2014).
    """
    return tanh(W @ concatenate(reset_state(r_t, h_prev), x_t) + b_h)


def recurrent_part(W: Array, b_hh: Array, h_prev: Array) -> Array:
    r"""What the gate resets when it stands after the product, :math:`W_h h_{t-1} + b_{hh}`.

    Parameters
    ----------
    W
        :math:`[W_h, W_x]`, shape ``(n_h, n_h + n_x)``.
    b_hh
        Shape ``(n_h, 1)``.
    h_prev
        Shape ``(n_h, B)``.

    Returns
    -------
    array
        Shape ``(n_h, B)``.
    """
    W_h, _ = weight_blocks(W, h_prev.shape[0])
    return W_h @ h_prev + b_hh


def reset_after_candidate(W: Array, b_h: Array, b_hh: Array, r_t: Array, h_prev: Array, x_t: Array) -> Array:
    r"""Candidate of PyTorch and cuDNN.

    Implements :eq:`eq-gru-candidate-after`:
    :math:`\tilde h_t = \tanh(W_x x_t + b_h + r_t \odot (W_h h_{t-1} + b_{hh}))`. The gate scales the
    bias inside the bracket, so the two biases are not one.

    Parameters
    ----------
    W
        :math:`[W_h, W_x]`, shape ``(n_h, n_h + n_x)``.
    b_h, b_hh
        Shape ``(n_h, 1)``.
    r_t, h_prev, x_t
        Shapes ``(n_h, B)``, ``(n_h, B)`` and ``(n_x, B)``.

    Returns
    -------
    array
        Shape ``(n_h, B)``, values in (-1, 1) up to rounding.
    """
    _, W_x = weight_blocks(W, h_prev.shape[0])
    return tanh(W_x @ x_t + b_h + reset_state(r_t, recurrent_part(W, b_hh, h_prev)))


def gru_hidden_state(z_t: Array, h_prev: Array, h_tilde_t: Array) -> Array:
    r"""Hidden state, :math:`h_t = (1-z_t) \odot h_{t-1} + z_t \odot \tilde h_t`.

    Implements :eq:`eq-gru-hidden`.
    PyTorch, Keras and ONNX let the gate keep instead, :math:`z_t \odot h_{t-1} + (1-z_t) \odot
    \tilde h_t`. Both are one family: :math:`1-\sigma(a) = \sigma(-a)`, so negate ``W_z`` and ``b_z``.

    Parameters
    ----------
    z_t, h_prev, h_tilde_t
        Each of shape ``(n_h, B)``.

    Returns
    -------
    array
        Shape ``(n_h, B)``, between the two states.

    References
    ----------
    Chung, Gulcehre, Cho and Bengio (2014).
    """
    return (1.0 - z_t) * h_prev + z_t * h_tilde_t


def update_gate_gradient(dh_t: Array, h_prev: Array, h_tilde_t: Array) -> Array:
    r"""Gradient of the update gate.

    Implements :eq:`eq-gru-dz`:
    :math:`\partial L/\partial z_t = \partial L/\partial h_t \odot (\tilde h_t - h_{t-1})`.

    Parameters
    ----------
    dh_t, h_prev, h_tilde_t
        Each of shape ``(n_h, B)``.

    Returns
    -------
    array
        Shape ``(n_h, B)``.
    """
    return dh_t * (h_tilde_t - h_prev)


def new_share_gradient(dh_t: Array, z_t: Array) -> Array:
    r"""Gradient of the candidate.

    Implements :eq:`eq-gru-dcandidate`:
    :math:`\partial L/\partial \tilde h_t = \partial L/\partial h_t \odot z_t`.

    Parameters
    ----------
    dh_t, z_t
        Each of shape ``(n_h, B)``.

    Returns
    -------
    array
        Shape ``(n_h, B)``.
    """
    return dh_t * z_t


def kept_share_gradient(dh_t: Array, z_t: Array) -> Array:
    r"""What step t passes straight back, :math:`\partial L/\partial h_t \odot (1-z_t)`.

    Implements :eq:`eq-gru-kept`.
    Part of :math:`\partial L/\partial h_{t-1}`: gates and candidate are held fixed.

    Parameters
    ----------
    dh_t, z_t
        Each of shape ``(n_h, B)``.

    Returns
    -------
    array
        Shape ``(n_h, B)``.
    """
    return dh_t * (1.0 - z_t)


def reset_gate_gradient(drs_t: Array, s_t: Array) -> Array:
    r"""Gradient of the reset gate.

    Implements :eq:`eq-gru-dr`:
    :math:`\partial L/\partial r_t = \partial L/\partial (r_t \odot s_t) \odot s_t`, s as in
    :func:`reset_state`.

    Parameters
    ----------
    drs_t, s_t
        Each of shape ``(n_h, B)``.

    Returns
    -------
    array
        Shape ``(n_h, B)``.
    """
    return drs_t * s_t


def reset_argument_gradient(drs_t: Array, r_t: Array) -> Array:
    r"""Gradient of what is reset.

    Implements :eq:`eq-gru-dreset`:
    :math:`\partial L/\partial s_t = \partial L/\partial (r_t \odot s_t) \odot r_t`.

    Parameters
    ----------
    drs_t, r_t
        Each of shape ``(n_h, B)``.

    Returns
    -------
    array
        Shape ``(n_h, B)``.
    """
    return drs_t * r_t
