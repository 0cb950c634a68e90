"""What numbers with finitely many digits can hold: counts, counts that tanh still shows, stacks of bits."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

NUMBERS = ("float16", "float32", "float64")


def significant_bits(dtype: str) -> int:
    """Binary digits p of a number's significand: 11, 24 or 53.

    Parameters
    ----------
    dtype
        ``"float16"``, ``"float32"`` or ``"float64"``.

    Raises
    ------
    ValueError
        If it is another one.
    """
    if dtype not in NUMBERS:
        raise ValueError(f"dtype: expected one of {', '.join(NUMBERS)}, got {dtype!r}")
    return int(np.finfo(dtype).nmant) + 1


def largest_count(dtype: str) -> int:
    r"""Where a counter in this type stands still, :math:`2^p`: one more is rounded away.

    Implements :eq:`eq-largest-count`.

    Parameters
    ----------
    dtype
        As for :func:`significant_bits`.

    Returns
    -------
    int
        2048, 16 777 216, 9 007 199 254 740 992.
    """
    return int(2 ** significant_bits(dtype))


def visible_range(dtype: str) -> float:
    r"""Cell state from which on :math:`\tanh C` is rounded to 1, :math:`\tfrac12(p+2)\ln2`.

    Implements :eq:`eq-visible-range`, from :math:`1-\tanh C\approx2e^{-2C}` and half the distance from 1 to
    the number below it, :math:`2^{-p-1}`. A library's tanh may round at another last digit.

    Parameters
    ----------
    dtype
        As for :func:`significant_bits`.

    Returns
    -------
    float
        4.5, 9.0, 19.1.
    """
    return (significant_bits(dtype) + 2) * math.log(2.0) / 2.0


def push(q: Any, bit: int) -> Any:
    r"""Put a bit on a stack that is one number, :math:`q' = (q + 2\beta + 1)/4`.

    Implements :eq:`eq-push`. The stack :math:`\beta_1\beta_2\dots`, top first, is
    :math:`q = \sum_k (2\beta_k+1)\,4^{-k}`; the empty one is 0.

    Parameters
    ----------
    q
        A stack: a float of any kind, or a :class:`fractions.Fraction`.
    bit
        0 or 1.

    Returns
    -------
    number
        Of the type of ``q``.

    References
    ----------
    Siegelmann and Sontag (1995).
    """
    return (q + (2 * bit + 1)) / 4


def top(q: Any) -> int:
    r"""Return the bit on top, :math:`\beta = \operatorname{sat}(4q-2)` with sat cutting off at 0 and 1.

    Implements :eq:`eq-top`. A stack with a 0 on top lies in [1/4, 1/2), one with a 1 in [3/4, 1): the gap
    between them makes the linear function, cut off, a clean decision.

    Parameters
    ----------
    q
        A stack that is not empty.

    Returns
    -------
    int
        0 or 1.
    """
    return int(min(max(4 * q - 2, 0), 1))


def pop(q: Any) -> Any:
    r"""Take the top bit off, :math:`q' = 4q - 2\beta - 1`.

    Implements :eq:`eq-pop`.

    Parameters
    ----------
    q
        A stack that is not empty.

    Returns
    -------
    number
        Of the type of ``q``.
    """
    return 4 * q - (2 * top(q) + 1)


def stack_depth(dtype: str) -> int:
    r"""Bits that a stack in one number of this type can hold for certain, :math:`\lfloor p/2\rfloor+1`.

    Implements :eq:`eq-stack-depth`: every bit takes two binary digits, and the one at the bottom is still
    read rightly when it has been rounded, for :func:`top` cuts off.

    Parameters
    ----------
    dtype
        As for :func:`significant_bits`.

    Returns
    -------
    int
        6, 13, 27.
    """
    return significant_bits(dtype) // 2 + 1
