"""Prediction intervals made of past errors, and the books kept on them."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from lstmlab.data.files import Values


def half_width(errors: npt.ArrayLike, level: float) -> Values:
    r"""Half the width of an interval around a forecast, from errors made on data not learnt from.

    Implements :eq:`eq-half-width`:

    .. math:: q = |\epsilon|_{(r)}, \qquad r = \lceil (R + 1)\,\beta \rceil

    the r-th smallest of R absolute errors. If the next error is drawn as these were, or if all R + 1 are
    only exchangeable, it is at most q with a probability of at least :math:`\beta`. Errors of a training
    set are smaller than those to come, and those of another time may be of another size: neither keeps
    the promise.

    Parameters
    ----------
    errors
        Shape ``(..., R)``, with or without signs; each row gets a width of its own.
    level
        :math:`\beta`, between 0 and 1.

    Returns
    -------
    numpy.ndarray
        Shape ``(...)``; infinite where r > R, because so few errors promise nothing.

    Raises
    ------
    ValueError
        If there is no error, one is not a number, or the level is not between 0 and 1.

    References
    ----------
    Vovk, Gammerman and Shafer (2005).
    """
    sizes = np.abs(np.asarray(errors, dtype=np.float64))
    if sizes.ndim == 0 or sizes.size == 0 or np.isnan(sizes).any():
        raise ValueError(f"errors: expected numbers, shape (..., R), got shape {sizes.shape}")
    if not 0.0 < level < 1.0:
        raise ValueError(f"level: expected a number between 0 and 1, got {level!r}")
    R = sizes.shape[-1]
    r = math.ceil((R + 1) * level - 1e-9)  # 0.55 * 20 is a little more than 11 in floating point
    q: Values = np.sort(sizes, axis=-1)[..., r - 1] if r <= R else np.full(sizes.shape[:-1], np.inf)
    return q


def coverage(truth: npt.ArrayLike, lower: npt.ArrayLike, upper: npt.ArrayLike) -> float:
    r"""Share of the true values that lie in their intervals.

    Implements :eq:`eq-coverage`:

    .. math:: \frac1N \sum_{n=1}^N \bigl[\, l_n \le y_n \le u_n \,\bigr]

    the ends included.

    Parameters
    ----------
    truth, lower, upper
        The values and the two ends, of one shape.

    Returns
    -------
    float
        Between 0 and 1.

    Raises
    ------
    ValueError
        If the shapes differ, which would otherwise be broadcast to a wrong number.
    """
    y, low, high = (np.asarray(a, dtype=np.float64) for a in (truth, lower, upper))
    if low.shape != y.shape or high.shape != y.shape or y.size == 0:
        raise ValueError(f"lower, upper: expected shape {y.shape}, got {low.shape} and {high.shape}")
    return float(np.mean((low <= y) & (y <= high)))
