"""The functions of the notes, with the derivatives that backpropagation needs.

Each derivative is written in terms of the function's *value*, because that is what a trace stores:
the pre-activations need not be kept.
"""

from __future__ import annotations

import math

import numpy as np

from lstmlab.arguments import check_mask, check_tokens
from lstmlab.backend import from_numpy, namespace
from lstmlab.typing import Array


def sigmoid(a: Array) -> Array:
    r"""Logistic function, :math:`\sigma(a) = 1/(1+e^{-a})`.

    Implements :eq:`eq-sigmoid` and :eq:`eq-stable-sigmoid`: computed as
    :math:`e^{\min(a,0)}/(1+e^{-|a|})`, so nothing overflows and small values keep their relative accuracy.

    Parameters
    ----------
    a
        Array of any shape.

    Returns
    -------
    array
        Same shape, values in (0, 1); far from zero they round to exactly 0 or 1.

    Examples
    --------
    >>> import numpy as np
    >>> sigmoid(np.array([-1000.0, 0.0, 1000.0]))
    array([0. , 0.5, 1. ])
    """
    xp = namespace(a)
    e = xp.exp(-xp.abs(a))
    return xp.where(a >= 0, xp.ones_like(e), e) / (1.0 + e)


def sigmoid_derivative(s: Array) -> Array:
    r"""Derivative of the logistic function from its value, :math:`\sigma'(a) = s(1-s)`.

    Implements :eq:`eq-sigmoid-derivative`.

    Parameters
    ----------
    s
        Value :math:`s=\sigma(a)`, any shape.

    Returns
    -------
    array
        Same shape, values in [0, 1/4].
    """
    return s * (1.0 - s)


def tanh(a: Array) -> Array:
    r"""Hyperbolic tangent.

    Implements :eq:`eq-tanh`. The library's own function is used: the identity
    :math:`\tanh a = 2\sigma(2a)-1` is exact on paper and loses all digits near zero.

    Parameters
    ----------
    a
        Array of any shape.

    Returns
    -------
    array
        Same shape, values in (-1, 1); far from zero they round to exactly -1 or 1.
    """
    return namespace(a).tanh(a)


def tanh_derivative(y: Array) -> Array:
    r"""Derivative of the hyperbolic tangent from its value, :math:`\tanh'(a) = 1 - y^2`.

    Implements :eq:`eq-tanh-derivative`.

    Parameters
    ----------
    y
        Value :math:`y=\tanh a`, any shape.

    Returns
    -------
    array
        Same shape, values in [0, 1].
    """
    return 1.0 - y * y


def concatenate(h_prev: Array, x_t: Array) -> Array:
    r"""Stack the previous hidden state above the input, :math:`z_t = [h_{t-1}; x_t]`.

    Implements :eq:`eq-concatenation`.

    Parameters
    ----------
    h_prev
        Shape ``(n_h, B)``.
    x_t
        Shape ``(n_x, B)``.

    Returns
    -------
    array
        Shape ``(n_h + n_x, B)``.
    """
    return namespace(h_prev, x_t).concat([h_prev, x_t], axis=0)


def side_by_side(a: Array) -> Array:
    """Put the columns of all steps beside each other, so that one product serves them all.

    Parameters
    ----------
    a
        Shape ``(T, n, B)``.

    Returns
    -------
    array
        Shape ``(n, T B)``: first the B columns of the first step.
    """
    xp = namespace(a)
    T, n, B = a.shape
    return xp.reshape(xp.permute_dims(a, (1, 0, 2)), (n, T * B))


def softmax(a: Array, axis: int = -1, mask: Array | None = None) -> Array:
    r"""Softmax, :math:`p_k = e^{a_k}/\sum_j e^{a_j}`.

    Implements :eq:`eq-softmax`. The largest entry is subtracted first: p stays the same, and
    nothing overflows.

    Parameters
    ----------
    a
        Scores of any shape, finite wherever the mask lets them count.
    axis
        The axis along which the result sums to 1.
    mask
        Booleans that fit the shape of ``a``; entries that are False get exactly 0, whatever stands
        there. ``None`` lets all count.

    Returns
    -------
    array
        Same shape, values in [0, 1].

    Raises
    ------
    TypeError
        If the mask is not boolean.
    ValueError
        If the mask does not fit or leaves nothing along the axis, or a score is NaN or infinite.

    Examples
    --------
    >>> import numpy as np
    >>> softmax(np.array([1000.0, 1000.0, 0.0]))
    array([0.5, 0.5, 0. ])
    """
    xp = namespace(a)
    e = xp.exp(shifted(a, axis, mask))
    return e / xp.sum(e, axis=axis, keepdims=True)


def softmax_backward(dp: Array, p: Array, axis: int = -1) -> Array:
    r"""Gradient of the scores from the softmax's value.

    Implements :eq:`eq-softmax-backward`:
    :math:`\partial L/\partial a_k = p_k\,(\partial L/\partial p_k - \sum_j p_j\,\partial L/\partial p_j)`,
    which is the product with the Jacobian :math:`\operatorname{diag}(p) - p\,p^\top`.

    Parameters
    ----------
    dp
        :math:`\partial L/\partial p`, any shape.
    p
        Value of :func:`softmax`, same shape.
    axis
        The axis of the softmax.

    Returns
    -------
    array
        Same shape; sums to zero along the axis, exactly 0 where p is.
    """
    return p * (dp - namespace(p).sum(p * dp, axis=axis, keepdims=True))


def log_softmax(a: Array, axis: int = -1, mask: Array | None = None) -> Array:
    r"""Logarithm of the softmax, :math:`\log p_k = a_k - \log\sum_j e^{a_j}`.

    Implements :eq:`eq-log-softmax`. Taking ``log(softmax(a))`` instead gives -inf as soon as a probability
    rounds to zero; subtracting :func:`log_sum_exp` as a whole loses digits where scores are large.

    Parameters
    ----------
    a, axis, mask
        As in :func:`softmax`.

    Returns
    -------
    array
        Same shape, values up to 0; entries the mask leaves out are -inf.

    Raises
    ------
    TypeError, ValueError
        As in :func:`softmax`.
    """
    xp = namespace(a)
    a = shifted(a, axis, mask)
    return a - xp.log(xp.sum(xp.exp(a), axis=axis, keepdims=True))


def log_sum_exp(a: Array, axis: int = -1, mask: Array | None = None) -> Array:
    r"""Logarithm of a sum of exponentials, :math:`m + \log\sum_j e^{a_j-m}` with :math:`m=\max_j a_j`.

    Implements :eq:`eq-log-sum-exp`. A smooth maximum: never below m, and above it by log n at most, where
    n scores count. Its gradient is :func:`softmax`.

    Parameters
    ----------
    a, axis, mask
        As in :func:`softmax`.

    Returns
    -------
    array
        The shape of ``a`` without the axis.

    Raises
    ------
    TypeError, ValueError
        As in :func:`softmax`.

    Examples
    --------
    >>> import numpy as np
    >>> round(float(log_sum_exp(np.array([1000.0, 1000.0]))), 4)
    1000.6931
    """
    xp = namespace(a)
    top = xp.max(a if mask is None else masked_scores(a, mask), axis=axis)
    return top + xp.log(xp.sum(xp.exp(shifted(a, axis, mask)), axis=axis))


def log_softmax_backward(dlog_p: Array, log_p: Array, axis: int = -1) -> Array:
    r"""Gradient of the scores from the log-softmax's value.

    Implements :eq:`eq-log-softmax-backward`:
    :math:`\partial L/\partial a_k = \partial L/\partial \log p_k
    - p_k\sum_j \partial L/\partial \log p_j`.

    Parameters
    ----------
    dlog_p
        :math:`\partial L/\partial\log p`, any shape; ignored where the mask left an entry out.
    log_p
        Value of :func:`log_softmax`, same shape.
    axis
        The axis of the softmax.

    Returns
    -------
    array
        Same shape; exactly 0 where ``log_p`` is -inf.
    """
    xp = namespace(log_p)
    dlog_p = xp.where(xp.isfinite(log_p), dlog_p, xp.zeros_like(dlog_p))
    return dlog_p - xp.exp(log_p) * xp.sum(dlog_p, axis=axis, keepdims=True)


def shifted(a: Array, axis: int, mask: Array | None) -> Array:
    r"""Return scores whose largest is 0 along the axis, -inf where the mask leaves one out."""
    xp = namespace(a)
    if mask is not None:
        a = masked_scores(a, mask)
    top = xp.max(a, axis=axis, keepdims=True)
    if bool(xp.all(xp.isfinite(top))):
        return a - top
    if mask is not None and bool(xp.any(top == -math.inf)):
        raise ValueError(f"mask: expected at least one True along axis {axis}, got only False in places")
    raise ValueError("a: expected finite scores, got NaN or infinity")


def masked_scores(a: Array, mask: Array) -> Array:
    """Return scores with -inf where the mask is False, or say why the mask does not fit."""
    xp = namespace(a)
    check_mask(mask)
    pairs = zip(reversed(tuple(mask.shape)), reversed(tuple(a.shape)), strict=False)
    if len(mask.shape) > len(a.shape) or any(m not in (1, n) for m, n in pairs):
        raise ValueError(f"mask: expected a shape that fits {tuple(a.shape)}, got {tuple(mask.shape)}")
    return xp.where(mask, a, xp.full_like(a, -math.inf))


def one_hot(tokens: Array, n: int, like: Array, name: str = "tokens") -> Array:
    r"""Unit vectors, :math:`(e_y)_k = 1` if :math:`k = y`, otherwise 0.

    Parameters
    ----------
    tokens
        Whole numbers y from 0 to n - 1, any shape.
    n
        Number of classes.
    like
        An array of the wanted library and dtype.
    name
        What the caller calls the tokens; for messages.

    Returns
    -------
    array
        Shape ``(..., n)``, a single 1 in each row.

    Raises
    ------
    TypeError, ValueError
        If ``tokens`` is not an array of whole numbers in that range.
    """
    tokens = check_tokens(name, tokens, n, like)
    return namespace(like).astype(tokens[..., None] == from_numpy(np.arange(n), tokens), like.dtype)


def clipped_sigmoid(a: Array) -> Array:
    r"""Logistic function as the notes write it, :math:`1/(1+e^{-\operatorname{clip}(a,-50,50)})`.

    Implements :eq:`eq-clipped-sigmoid`. Kept to be measured; :func:`sigmoid` is what the cells use. The
    clip does silence the overflow warning in float32 and float64. But nothing was wrong behind that
    warning: without the clip :math:`1/(1+\infty)` is already the right limit, 0. With it, no value is
    below :math:`1.9\cdot10^{-22}`; the derivative by a is exactly 0 beyond ±50, so that automatic
    differentiation learns nothing there; and in float16, where :math:`e^{11.1}` overflows already,
    50 is no protection.

    Parameters
    ----------
    a
        Array of any shape.

    Returns
    -------
    array
        Same shape, values from :math:`1.9\cdot10^{-22}` to 1.
    """
    xp = namespace(a)
    return 1.0 / (1.0 + xp.exp(-xp.clip(a, -50.0, 50.0)))


def tanh_by_sigmoid(a: Array) -> Array:
    r"""Hyperbolic tangent as the notes write it, :math:`\tanh a = 2\sigma(2a)-1`.

    Implements :eq:`eq-tanh-identity`. Kept to be measured; :func:`tanh` is what the cells use. The
    identity is exact, the claim that it is more stable is not: near zero two numbers close to 1 are
    subtracted. In float32 the relative error is about :math:`10^{-4}` at :math:`a=10^{-4}`, some per
    cent at :math:`10^{-6}`, and at :math:`10^{-8}` the result is 0.

    Parameters
    ----------
    a
        Array of any shape.

    Returns
    -------
    array
        Same shape, values in [-1, 1].
    """
    return 2.0 * sigmoid(2.0 * a) - 1.0
