"""From counts to a bound on the time: what a machine with given limits cannot do faster."""

from __future__ import annotations

from typing import NamedTuple


class Machine(NamedTuple):
    """The three limits of a machine that the model of this module knows.

    Attributes
    ----------
    peak
        Floating-point operations a second, at most.
    bandwidth
        Bytes a second between the arithmetic and where the numbers lie, at most.
    call
        Seconds that one call of the array library takes before it does anything.
    """

    peak: float
    bandwidth: float
    call: float = 0.0


def product_intensity(m: int, k: int, n: int, *, width: int = 4, uses: int = 1) -> float:
    r"""Arithmetic intensity of a product, (m, k) by (k, n), :math:`2mknr\,/\,s(mk+r(kn+mn))`.

    Implements :eq:`eq-product-intensity`. Every number is moved once: nothing smaller is possible.

    Parameters
    ----------
    m, k, n
        The left matrix holds the weights, ``(m, k)``; the right one has n columns.
    width
        Bytes of a number, s: 4 in float32, 8 in float64.
    uses
        How many products, r, are done with the same weights before they have to be moved again.

    Returns
    -------
    float
        Floating-point operations for each byte moved.
    """
    return 2.0 * m * k * n * uses / (width * (m * k + uses * (k * n + m * n)))


def attainable(intensity: float, machine: Machine) -> float:
    r"""The roofline, :math:`\min(P,\ I\,M)`: operations a second that an intensity allows at most.

    Implements :eq:`eq-roofline`.

    Parameters
    ----------
    intensity
        Operations for each byte moved, I.
    machine
        Its peak P and its bandwidth M.

    Returns
    -------
    float
        Operations a second.

    References
    ----------
    Williams, Waterman and Patterson (2009).
    """
    return min(machine.peak, intensity * machine.bandwidth)


def modelled_time(machine: Machine, *, calls: int, flops: int, moved: int, width: int = 4) -> float:
    r"""Seconds by three counts, :math:`q c + \max(F/P,\ sN/M)`: calls, and arithmetic or traffic.

    Implements :eq:`eq-time-model`. A model, not a measurement: it knows of no caches, and of no kernel that
    is better or worse at a shape.

    Parameters
    ----------
    machine
        Its limits.
    calls, flops, moved
        Calls of the array library, floating-point operations, and numbers moved.
    width
        Bytes of a number, s.

    Returns
    -------
    float
        Seconds.
    """
    return calls * machine.call + max(flops / machine.peak, width * moved / machine.bandwidth)
