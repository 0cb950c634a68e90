"""The element-wise functions of the notes, with the derivatives that backpropagation needs.

Each derivative is written in terms of the function's *value*, because that is what a trace stores:
the pre-activations need not be kept.
"""

from __future__ import annotations

from lstmlab.backend import namespace
from lstmlab.typing import Array


def sigmoid(a: Array) -> Array:
    r"""Logistic function, :math:`\sigma(a) = 1/(1+e^{-a})`.

    Implements :eq:`eq-sigmoid`. Only :math:`e^{-|a|}` is computed, so nothing overflows and small
    values keep their relative accuracy.

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
