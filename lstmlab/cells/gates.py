"""The LSTM's equations, one function each.

Arrays stand in columns as in the notes: ``z_t`` is ``(n_h + n_x, B)``, one column a sequence, and a
gate is ``sigmoid(W_f @ z_t + b_f)``. Their derivatives stand in :mod:`lstmlab.cells.gradients`.
"""

from __future__ import annotations

from lstmlab.backend import namespace
from lstmlab.functions import side_by_side, sigmoid, tanh
from lstmlab.typing import Array


def forget_gate(W_f: Array, b_f: Array, z_t: Array) -> Array:
    r"""Forget gate, :math:`f_t = \sigma(W_f z_t + b_f)`.

    Implements :eq:`eq-forget-gate`.

    Parameters
    ----------
    W_f
        Shape ``(n_h, n_h + n_x)``.
    b_f
        Shape ``(n_h, 1)``.
    z_t
        :math:`[h_{t-1}; x_t]`, shape ``(n_h + n_x, B)``.

    Returns
    -------
    array
        Shape ``(n_h, B)``, values in (0, 1), which round to 0 or 1 far from zero.

    References
    ----------
    Gers, Schmidhuber and Cummins (2000); the cell of 1997 had no forget gate.
    """
    return sigmoid(W_f @ z_t + b_f)


def input_gate(W_i: Array, b_i: Array, z_t: Array) -> Array:
    r"""Input gate, :math:`i_t = \sigma(W_i z_t + b_i)`.

    Implements :eq:`eq-input-gate`.

    Parameters
    ----------
    W_i
        Shape ``(n_h, n_h + n_x)``.
    b_i
        Shape ``(n_h, 1)``.
    z_t
        Shape ``(n_h + n_x, B)``.

    Returns
    -------
    array
        Shape ``(n_h, B)``, values in (0, 1), which round to 0 or 1 far from zero.

    References
    ----------
    Hochreiter and Schmidhuber (1997).
    """
    return sigmoid(W_i @ z_t + b_i)


def candidate(W_C: Array, b_C: Array, z_t: Array) -> Array:
    r"""Candidate values, :math:`\tilde C_t = \tanh(W_C z_t + b_C)`.

    Implements :eq:`eq-candidate`.

    Parameters
    ----------
    W_C
        Shape ``(n_h, n_h + n_x)``.
    b_C
        Shape ``(n_h, 1)``.
    z_t
        Shape ``(n_h + n_x, B)``.

    Returns
    -------
    array
        Shape ``(n_h, B)``, values in (-1, 1), which round to -1 or 1 far from zero.
    """
    return tanh(W_C @ z_t + b_C)


def cell_state(f_t: Array, C_prev: Array, i_t: Array, C_tilde_t: Array) -> Array:
    r"""Cell state, :math:`C_t = f_t \odot C_{t-1} + i_t \odot \tilde C_t`.

    Implements :eq:`eq-cell-state`. The first term is what is kept, the second what is written.

    Parameters
    ----------
    f_t, C_prev, i_t, C_tilde_t
        Each of shape ``(n_h, B)``.

    Returns
    -------
    array
        Shape ``(n_h, B)``; not bounded by 1.

    References
    ----------
    Gers, Schmidhuber and Cummins (2000).
    """
    return f_t * C_prev + i_t * C_tilde_t


def output_gate(W_o: Array, b_o: Array, z_t: Array) -> Array:
    r"""Output gate, :math:`o_t = \sigma(W_o z_t + b_o)`.

    Implements :eq:`eq-output-gate`.

    Parameters
    ----------
    W_o
        Shape ``(n_h, n_h + n_x)``.
    b_o
        Shape ``(n_h, 1)``.
    z_t
        Shape ``(n_h + n_x, B)``.

    Returns
    -------
    array
        Shape ``(n_h, B)``, values in (0, 1), which round to 0 or 1 far from zero.

    References
    ----------
    Hochreiter and Schmidhuber (1997).
    """
    return sigmoid(W_o @ z_t + b_o)


def hidden_state(o_t: Array, C_t: Array) -> Array:
    r"""Hidden state, :math:`h_t = o_t \odot \tanh(C_t)`.

    Implements :eq:`eq-hidden-state`.

    Parameters
    ----------
    o_t, C_t
        Each of shape ``(n_h, B)``.

    Returns
    -------
    array
        Shape ``(n_h, B)``, values in (-1, 1) up to rounding: larger targets need a read-out.
    """
    return o_t * tanh(C_t)


def weight_blocks(W: Array, n_h: int) -> tuple[Array, Array]:
    r"""Split a gate's matrix, :math:`W = [W_h, W_x]`.

    Implements :eq:`eq-weight-blocks`.

    Parameters
    ----------
    W
        Shape ``(n, n_h + n_x)``.
    n_h
        Width of the recurrent block.

    Returns
    -------
    W_h, W_x
        Views of shape ``(n, n_h)`` and ``(n, n_x)``.
    """
    return W[:, :n_h], W[:, n_h:]


def explicit_pre_activation(W_h: Array, W_x: Array, b: Array, h_prev: Array, x_t: Array) -> Array:
    r"""Pre-activation with two matrices, :math:`a_t = W_h h_{t-1} + W_x x_t + b`.

    Implements :eq:`eq-explicit-gate`.

    Parameters
    ----------
    W_h, W_x
        Shapes ``(n_h, n_h)`` and ``(n_h, n_x)``.
    b
        Shape ``(n_h, 1)``.
    h_prev, x_t
        Shapes ``(n_h, B)`` and ``(n_x, B)``.

    Returns
    -------
    array
        Shape ``(n_h, B)``; equal to the concatenated product up to rounding.
    """
    return W_h @ h_prev + W_x @ x_t + b


def fused_gates(W: Array, b: Array, z_t: Array) -> tuple[Array, Array, Array, Array]:
    r"""Compute all gates from one product, :math:`[f;i;\tilde C;o]_t = \sigma_{\text{mixed}}(W z_t + b)`.

    Implements :eq:`eq-fused-gates`.

    Parameters
    ----------
    W
        The four matrices stacked, shape ``(4 n_h, n_h + n_x)``.
    b
        The four biases stacked, shape ``(4 n_h, 1)``.
    z_t
        Shape ``(n_h + n_x, B)``.

    Returns
    -------
    f_t, i_t, C_tilde_t, o_t
        Each of shape ``(n_h, B)``.
    """
    n_h = W.shape[0] // 4
    a = W @ z_t + b
    a_f, a_i, a_C, a_o = (a[k * n_h : (k + 1) * n_h, :] for k in range(4))
    return sigmoid(a_f), sigmoid(a_i), tanh(a_C), sigmoid(a_o)


def hoisted_input_product(W_x: Array, b: Array, x: Array) -> Array:
    r"""The inputs' part of all pre-activations, :math:`[A_1, \dots, A_T] = W_x [x_1, \dots, x_T] + b`.

    Implements :eq:`eq-hoisted-product`. Nothing in it waits for a hidden state: it is done before
    the loop.

    Parameters
    ----------
    W_x
        The input's block of the stacked matrix, shape ``(4 n_h, n_x)``.
    b
        Shape ``(4 n_h, 1)``.
    x
        Shape ``(T, n_x, B)``.

    Returns
    -------
    array
        Shape ``(T, 4 n_h, B)``; a step adds :math:`W_h h_{t-1}`.

    References
    ----------
    Appleyard, Kočiský and Blunsom (2016).
    """
    xp = namespace(x)
    T, _, B = x.shape
    A = W_x @ side_by_side(x) + b
    return xp.permute_dims(xp.reshape(A, (W_x.shape[0], T, B)), (1, 0, 2))


def one_tanh(a: Array, n_sigmoids: int) -> tuple[Array, Array]:
    r"""All gates by one tanh, :math:`\sigma(a) = \tfrac12\tanh(\tfrac a2) + \tfrac12`.

    Implements :eq:`eq-one-tanh`. Good to an absolute error of half a unit in the last place of 1, which is
    enough for a gate; small values lose relative accuracy.

    Parameters
    ----------
    a
        Pre-activations, shape ``(4 n_h, B)``; in the first rows, which go through σ, already halved, because
        the halves have been put into the weights.
    n_sigmoids
        How many rows these are.

    Returns
    -------
    sigmoids, tanhs
        Shapes ``(n_sigmoids, B)`` and ``(4 n_h - n_sigmoids, B)``.
    """
    y = tanh(a)
    return y[:n_sigmoids, :] * 0.5 + 0.5, y[n_sigmoids:, :]


def augmented_pre_activation(W_b: Array, h_prev: Array, x_t: Array) -> Array:
    r"""All pre-activations and their biases as one product, :math:`a_t = [W\; b]\,[h_{t-1}; x_t; 1]`.

    Implements :eq:`eq-augmented-product`.

    Parameters
    ----------
    W_b
        Weights and biases side by side, shape ``(4 n_h, n_h + n_x + 1)``.
    h_prev, x_t
        Shapes ``(n_h, B)`` and ``(n_x, B)``.

    Returns
    -------
    array
        Shape ``(4 n_h, B)``.
    """
    xp = namespace(h_prev, x_t)
    return W_b @ xp.concat([h_prev, x_t, xp.ones_like(x_t[:1, :])], axis=0)
