"""How much a cell can hold: a number under noise, and the states of a cell whose gates are switches."""

from __future__ import annotations

import math

from lstmlab.backend import namespace
from lstmlab.checks import check_size
from lstmlab.typing import Array


def retained_bits(f: Array, i: Array, *, signal: float = 1.0, noise: float = 1.0) -> Array:
    r"""Bits that :math:`C_t` still holds about :math:`C_0` while noise is written, for every t.

    Implements :eq:`eq-retained-bits`:
    :math:`I_t = \tfrac12\log_2\bigl(1 + g_t^2\,s^2/N_t\bigr)` with the gain :math:`g_t = f_t\,g_{t-1}` and
    the noise :math:`N_t = f_t^2 N_{t-1} + i_t^2 v`, from :math:`g_0 = 1` and :math:`N_0 = 0`. Exact if
    :math:`C_0` and the candidates are independent and Gaussian and the gates are given.

    Parameters
    ----------
    f, i
        Gates, both of shape ``(T, ...)``; i not zero at the first step, or nothing disturbs and the answer
        is infinite.
    signal
        :math:`s^2`, variance of :math:`C_0`.
    noise
        v, variance of a candidate.

    Returns
    -------
    array
        Same shape, in bits.

    References
    ----------
    Shannon (1948), for the channel with Gaussian noise.
    """
    xp = namespace(f, i)
    gain, disturbed, bits = f[0, ...] * 0.0 + 1.0, f[0, ...] * 0.0, []
    for t in range(f.shape[0]):
        gain = f[t, ...] * gain
        disturbed = f[t, ...] ** 2 * disturbed + i[t, ...] ** 2 * noise
        bits.append(xp.log1p(gain**2 * signal / disturbed) / (2.0 * math.log(2.0)))
    return xp.stack(bits)


def saturated_states(kind: str, n_h: int, T: int) -> int:
    r"""Most states that a cell with saturated gates can tell apart after T steps from the zero state.

    Implements :eq:`eq-saturated-states`. A saturated gate is 0 or 1, a saturated candidate -1 or 1. Then
    the plain network has :math:`2^{n_h}` hidden states and the GRU :math:`3^{n_h}`, however long the
    string; the LSTM has :math:`(2T+1)^{n_h}` cell states, whole numbers from -T to T.

    Parameters
    ----------
    kind
        ``"RNN"``, ``"GRU"`` or ``"LSTM"``.
    n_h
        Number of units.
    T
        Number of steps.

    Returns
    -------
    int
        The binary logarithm of it is the memory in bits.

    Raises
    ------
    ValueError
        If the kind is none of the three, or a size is not a positive whole number.

    References
    ----------
    Merrill (2019), whose measure this is.
    """
    n_h, T = check_size("n_h", n_h), check_size("T", T)
    values = {"RNN": 2, "GRU": 3, "LSTM": 2 * T + 1}
    if kind not in values:
        raise ValueError(f"kind: expected 'RNN', 'GRU' or 'LSTM', got {kind!r}")
    return int(values[kind] ** n_h)
