"""Linear recurrences, computed in a number of rounds that grows with the logarithm of the length.

In :math:`C_t = f_t \\odot C_{t-1} + u_t` a step is a pair (f, u). Two steps one after the other are again
such a pair, so steps may be put together in any grouping, and many at once.
"""

from __future__ import annotations

from lstmlab.arguments import check_floats
from lstmlab.backend import namespace
from lstmlab.checks import check_array, check_size
from lstmlab.typing import Array


def compose(f_1: Array, u_1: Array, f_2: Array, u_2: Array) -> tuple[Array, Array]:
    r"""Put two linear steps into one, :math:`(f_2 \odot f_1,\; f_2 \odot u_1 + u_2)`.

    Implements :eq:`eq-compose`: first the step with index 1, then that with index 2. The composition is
    associative, and not commutative.

    Parameters
    ----------
    f_1, u_1, f_2, u_2
        Factors and additions, arrays of one shape.

    Returns
    -------
    f, u
        Factor and addition of both steps together.
    """
    return f_2 * f_1, f_2 * u_1 + u_2


def scan_rounds(T: int) -> int:
    r"""Rounds of a scan over T steps, :math:`\lceil\log_2 T\rceil`.

    Implements :eq:`eq-scan-rounds`.

    Parameters
    ----------
    T
        Number of steps.

    Returns
    -------
    int
        The smallest k with :math:`2^k \ge T`; 0 for a single step.

    Raises
    ------
    ValueError
        If T is not a positive whole number.
    """
    return (check_size("T", T) - 1).bit_length()


def linear_scan(f: Array, u: Array, C_0: Array) -> Array:
    r"""States of :math:`C_t = f_t \odot C_{t-1} + u_t`, in :math:`\lceil\log_2 T\rceil` rounds.

    Implements :eq:`eq-linear-recurrence`. In each round every step is composed with the one that ends
    where it begins; what a pair covers doubles. The work is of order :math:`T\log_2 T` where a loop needs
    T steps; the gain is that the compositions of a round do not wait for each other. The factors must not
    depend on the states: in an LSTM they do, through h.

    Parameters
    ----------
    f, u
        Shape ``(T, B, n)``.
    C_0
        State before the first step, ``(B, n)``.

    Returns
    -------
    array
        :math:`C_1,\dots,C_T`, shape ``(T, B, n)``: those of the loop up to rounding.

    Raises
    ------
    TypeError, ValueError
        If an array has the wrong library, dtype or shape, is empty, or is not finite.

    References
    ----------
    Hillis and Steele (1986) for the doubling; Blelloch (1990) for linear recurrences, and for a scan whose
    work is of order T; Martin and Cundy (2018) for recurrent networks.
    """
    T, B, n = check_floats("f", f, ("T", "B", "n"))
    check_array("u", u, (T, B, n), f)
    check_array("C_0", C_0, (B, n), f)
    xp = namespace(f)
    for k in range(scan_rounds(T)):
        covered = 2**k
        F, U = compose(f[:-covered, ...], u[:-covered, ...], f[covered:, ...], u[covered:, ...])
        f = xp.concat([f[:covered, ...], F])
        u = xp.concat([u[:covered, ...], U])
    return f * C_0 + u


def linear_scan_backward(dC: Array, f: Array, C: Array, C_0: Array) -> tuple[Array, Array, Array]:
    r"""Mirror of :func:`linear_scan`: a scan too, from the last step to the first.

    Implements :eq:`eq-scan-backward`:
    :math:`\partial L/\partial C_t = \partial\ell_t/\partial C_t + f_{t+1}\odot\partial L/\partial C_{t+1}`.
    Then :math:`\partial L/\partial u_t = \partial L/\partial C_t` and
    :math:`\partial L/\partial f_t = \partial L/\partial C_t \odot C_{t-1}`.

    Parameters
    ----------
    dC
        Direct derivatives :math:`\partial\ell_t/\partial C_t`, shape ``(T, B, n)``.
    f, C
        Factors, and the states that :func:`linear_scan` returned, ``(T, B, n)``.
    C_0
        State before the first step, ``(B, n)``.

    Returns
    -------
    df, du, dC_0
        Shaped as ``f``, ``u`` and ``C_0``.

    Raises
    ------
    TypeError, ValueError
        If an array has the wrong library, dtype or shape, is empty, or is not finite.
    """
    T, B, n = check_floats("f", f, ("T", "B", "n"))
    check_array("dC", dC, (T, B, n), f)
    check_array("C", C, (T, B, n), f)
    check_array("C_0", C_0, (B, n), f)
    xp = namespace(f)
    nothing = xp.zeros_like(C_0)
    f_next = xp.concat([f[1:, ...], nothing[None, ...]])
    du = xp.flip(linear_scan(xp.flip(f_next, axis=0), xp.flip(dC, axis=0), nothing), axis=0)
    C_prev = xp.concat([C_0[None, ...], C[:-1, ...]])
    return du * C_prev, du, f[0, ...] * du[0, ...]
