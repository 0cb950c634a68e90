"""The equations of attention and their derivatives, one function each.

The sequences stand first: ``Q`` is ``(B, T_q, n)``, the encoder's states ``H`` are ``(B, S, n)``, so that
one matrix product serves all pairs of steps of a sequence.
"""

from __future__ import annotations

from lstmlab.backend import namespace
from lstmlab.functions import softmax, tanh, tanh_derivative
from lstmlab.typing import Array


def dot_scores(Q: Array, H: Array) -> Array:
    r"""Scores by the dot product, :math:`e_{t,s} = q_t^\top h_s`.

    Implements :eq:`eq-dot-scores`.

    Parameters
    ----------
    Q, H
        Shapes ``(B, T_q, n)`` and ``(B, S, n)``.

    Returns
    -------
    array
        Shape ``(B, T_q, S)``.

    References
    ----------
    Luong, Pham and Manning (2015), "dot".
    """
    return Q @ transpose(H)


def additive_hidden(W_q: Array, W_k: Array, Q: Array, H: Array) -> Array:
    r"""Hidden layer of the additive score, :math:`u_{t,s} = \tanh(W_q q_t + W_k h_s)`.

    Implements :eq:`eq-additive-hidden`.

    Parameters
    ----------
    W_q, W_k
        Shapes ``(n_a, n_q)`` and ``(n_a, n_k)``.
    Q, H
        Shapes ``(B, T_q, n_q)`` and ``(B, S, n_k)``.

    Returns
    -------
    array
        Shape ``(B, T_q, S, n_a)``: this score needs memory for every pair of steps times n_a.

    References
    ----------
    Bahdanau, Cho and Bengio (2015).
    """
    return tanh((Q @ W_q.T)[:, :, None, :] + (H @ W_k.T)[:, None, :, :])


def additive_scores(v: Array, u: Array) -> Array:
    r"""Additive scores, :math:`e_{t,s} = v^\top u_{t,s}`.

    Implements :eq:`eq-additive-scores`.

    Parameters
    ----------
    v
        Shape ``(n_a,)``.
    u
        Shape ``(B, T_q, S, n_a)``.

    Returns
    -------
    array
        Shape ``(B, T_q, S)``.
    """
    return u @ v


def attention_weights(e: Array, mask: Array | None) -> Array:
    r"""Attention weights, :math:`\alpha_{t,s} = e^{e_{t,s}} / \sum_{s'} e^{e_{t,s'}}`.

    Implements :eq:`eq-attention-weights`. The mask comes before the softmax: weights set to zero after it
    would no longer sum to 1.

    Parameters
    ----------
    e
        Shape ``(B, T_q, S)``.
    mask
        Shape ``(S, B)``, True where there is something to read; ``None`` reads everything.

    Returns
    -------
    array
        Shape ``(B, T_q, S)``, rows summing to 1.
    """
    return softmax(e, axis=-1, mask=None if mask is None else mask.T[:, None, :])


def context(alpha: Array, H: Array) -> Array:
    r"""Context vectors, :math:`c_t = \sum_s \alpha_{t,s} h_s`.

    Implements :eq:`eq-context`.

    Parameters
    ----------
    alpha
        Shape ``(B, T_q, S)``.
    H
        Shape ``(B, S, n)``.

    Returns
    -------
    array
        Shape ``(B, T_q, n)``.
    """
    return alpha @ H


def weights_gradient(dc: Array, H: Array) -> Array:
    r"""Gradient of the weights, :math:`\partial L/\partial\alpha_{t,s} = h_s^\top\,\partial L/\partial c_t`.

    Implements :eq:`eq-attention-dweights`.

    Parameters
    ----------
    dc
        Total derivative by the context, ``(B, T_q, n)``.
    H
        Shape ``(B, S, n)``.

    Returns
    -------
    array
        Shape ``(B, T_q, S)``.
    """
    return dc @ transpose(H)


def value_gradient(dc: Array, alpha: Array) -> Array:
    r"""Gradient of what was averaged, :math:`\sum_t \alpha_{t,s}\,\partial L/\partial c_t`.

    Implements :eq:`eq-attention-dvalue`. It is one of the two parts of :math:`\partial L/\partial h_s`; the
    other comes through the scores.

    Parameters
    ----------
    dc
        Shape ``(B, T_q, n)``.
    alpha
        Shape ``(B, T_q, S)``.

    Returns
    -------
    array
        Shape ``(B, S, n)``.
    """
    return transpose(alpha) @ dc


def dot_query_gradient(de: Array, H: Array) -> Array:
    r"""Gradient of the queries, :math:`\partial L/\partial q_t = \sum_s h_s\,\partial L/\partial e_{t,s}`.

    Implements :eq:`eq-dot-dquery`.

    Parameters
    ----------
    de
        Total derivative by the scores, ``(B, T_q, S)``.
    H
        Shape ``(B, S, n)``.

    Returns
    -------
    array
        Shape ``(B, T_q, n)``.
    """
    return de @ H


def dot_key_gradient(de: Array, Q: Array) -> Array:
    r"""Gradient of what was compared, :math:`\sum_t q_t\,\partial L/\partial e_{t,s}`.

    Implements :eq:`eq-dot-dkey`.

    Parameters
    ----------
    de
        Shape ``(B, T_q, S)``.
    Q
        Shape ``(B, T_q, n)``.

    Returns
    -------
    array
        Shape ``(B, S, n)``.
    """
    return transpose(de) @ Q


def additive_delta(de: Array, v: Array, u: Array) -> Array:
    r"""Gradient of the additive score's pre-activation, one vector for each pair of steps.

    Implements :eq:`eq-additive-delta`:
    :math:`\delta_{t,s} = \partial L/\partial e_{t,s}\; v \odot (1 - u_{t,s}^2)`.

    Parameters
    ----------
    de
        Shape ``(B, T_q, S)``.
    v
        Shape ``(n_a,)``.
    u
        Shape ``(B, T_q, S, n_a)``.

    Returns
    -------
    array
        Shape ``(B, T_q, S, n_a)``.
    """
    return de[..., None] * v * tanh_derivative(u)


def batch_first(a: Array) -> Array:
    """Exchange the first two axes, ``(T, B, n)`` and ``(B, T, n)``."""
    return namespace(a).permute_dims(a, (1, 0, 2))


def transpose(a: Array) -> Array:
    """Exchange the last two axes of ``(B, i, j)``."""
    return namespace(a).permute_dims(a, (0, 2, 1))
