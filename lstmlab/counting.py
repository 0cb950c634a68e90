r"""Cells set by hand: a counter, networks for :math:`a^n b^n c^n`, a plain network in an LSTM.

A gate whose pre-activation is K or -K is a switch: in float64 :math:`\sigma(K)` and :math:`\tanh(K)` round
to exactly 1 from K = 37 on, and :math:`\sigma(-K)` is too small to be noticed beside a 1.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence

import numpy as np

from lstmlab.cells.lstm import LSTM
from lstmlab.checks import check_size
from lstmlab.data.languages import counting_vocabulary
from lstmlab.functions import tanh
from lstmlab.models.classifier import SequenceTagger
from lstmlab.typing import Array, Namespace

#: Hidden state of a unit that holds a 1 and shows it; one that holds nothing shows 0.
SEEN = math.tanh(1.0)


def counter(
    increments: Sequence[float], *, K: float = 40.0, dtype: str = "float64", xp: Namespace | None = None
) -> LSTM:
    r"""One unit that adds up: a number for each input symbol.

    Implements :eq:`eq-counter`: :math:`C_t = C_{t-1} + \delta(x_t)` where every increment is -1, 0 or 1. The
    gates stand at :math:`\sigma(K)`, and the candidate at :math:`\tanh(K\,\delta)`.

    Parameters
    ----------
    increments
        δ of each input, in the order of the entries of x: unit vectors, one entry a symbol.
    K
        Size of the weights; exact in float64 from 37 on, in float32 from 17 on.
    dtype, xp
        As for a cell.

    Returns
    -------
    LSTM
        With one unit.

    Raises
    ------
    ValueError
        If an increment is not -1, 0 or 1.

    References
    ----------
    Weiss, Goldberg and Yahav (2018).
    """
    if any(d not in (-1, 0, 1) for d in increments):
        raise ValueError(f"increments: expected -1, 0 or 1 for each symbol, got {list(increments)}")
    cell = LSTM(len(increments), 1, dtype=dtype, xp=xp)
    cell.params.flat[...] = 0.0
    cell.params["W_C"] = [[0.0, *(K * d for d in increments)]]
    for name in ("b_f", "b_i", "b_o"):
        cell.params[name][...] = K
    return cell


def drifted_count(K: float, n: int) -> float:
    r"""Cell state of a counter with finite K after n increments of 1.

    Implements :eq:`eq-drifted-count`: :math:`C_n = \sigma(K)\tanh(K)\,(1-\sigma(K)^n)/(1-\sigma(K))`, which
    tends to :math:`e^K\tanh K` instead of infinity.

    Parameters
    ----------
    K
        Size of the weights of :func:`counter`.
    n
        Number of steps.

    Returns
    -------
    float
        To all its digits for any K above zero.
    """
    missing = math.exp(-K)  # (1 - σ)/σ, which 1 - σ(K) would lose by cancellation
    return math.tanh(K) * -math.expm1(-check_size("n", n) * math.log1p(missing)) / missing


def small_counter(epsilon: float, *, K: float = 40.0, xp: Namespace | None = None) -> LSTM:
    r"""One unit that adds steps of ε for the first symbol and takes them away for the second.

    Parameters
    ----------
    epsilon
        Between 0 and 1.
    K
        Bias of its gates.
    xp
        As for a cell.

    Returns
    -------
    LSTM
        Float64, with two inputs. Its :math:`h/\varepsilon` is the sum as long as that is small against
        :math:`1/\varepsilon`: see :func:`horizon_error`.
    """
    cell = counter([1, -1], K=K, xp=xp)
    weight = math.atanh(epsilon)
    cell.params["W_C"] = [[0.0, weight, -weight]]
    return cell


def horizon_error(epsilon: float, y: float) -> float:
    r"""How far :math:`h/\varepsilon` of :func:`small_counter` is from the sum y.

    Implements :eq:`eq-horizon-error`: :math:`|y - \tanh(\varepsilon y)/\varepsilon|
    \approx \tfrac13\varepsilon^2|y|^3`.

    Parameters
    ----------
    epsilon
        Size of a step.
    y
        The sum.

    Returns
    -------
    float
        Zero or more; it grows with the size of y without end.
    """
    return abs(y - math.tanh(epsilon * y) / epsilon)


def opened(cell: LSTM, *, K: float = 40.0) -> LSTM:
    """Return a copy whose forget gates are shut and whose other gates are open, whatever comes.

    Parameters
    ----------
    cell
        Its candidate is kept.
    K
        Size of the biases.

    Returns
    -------
    LSTM
        Its hidden state is :func:`opened_hidden_state`.
    """
    plain = copy.deepcopy(cell)
    for name in ("W_f", "W_i", "W_o"):
        plain.params[name][...] = 0.0
    plain.params["b_f"][...] = -K
    plain.params["b_i"][...] = K
    plain.params["b_o"][...] = K
    return plain


def opened_hidden_state(W_C: Array, b_C: Array, z_t: Array) -> Array:
    r"""Hidden state of an LSTM that forgets, writes and shows everything.

    Implements :eq:`eq-open-lstm`: :math:`h_t = \tanh(\tanh(W_C z_t + b_C))`, a plain network with another
    squashing function.

    Parameters
    ----------
    W_C
        Shape ``(n_h, n_h + n_x)``.
    b_C
        Shape ``(n_h, 1)``.
    z_t
        :math:`[h_{t-1}; x_t]`, shape ``(n_h + n_x, B)``.

    Returns
    -------
    array
        Shape ``(n_h, B)``.
    """
    return tanh(tanh(W_C @ z_t + b_C))


def string_network(
    letters: str = "ab", *, K: float = 100.0, dtype: str = "float64", xp: Namespace | None = None
) -> SequenceTagger:
    r"""Network for :math:`a^n b^n`, :math:`a^n b^n c^n`, ...: a score is above 0 where a symbol may follow.

    Implements :eq:`eq-string-scores`. Unit r counts letter r up and letter r + 1 down; three more units
    hold whether the last symbol was S, the first letter, or the last one.

    Parameters
    ----------
    letters
        Two or more.
    K
        Size of the weights; 60 or more for switches that are exact in float64.
    dtype, xp
        As for a cell.

    Returns
    -------
    SequenceTagger
        Inputs and scores in the order of :func:`lstmlab.data.counting_vocabulary`: S, letters, T.
    """
    index, m = counting_vocabulary(letters).index, len(letters)
    n_x, n_h, counters = m + 2, m + 2, m - 1
    cell = LSTM(n_x, n_h, dtype=dtype, xp=xp)
    W_C, b_f = np.zeros((n_h, n_h + n_x)), np.full(n_h, K)
    for r in range(counters):
        W_C[r, n_h + index[letters[r]]], W_C[r, n_h + index[letters[r + 1]]] = K, -K
    start, first, last = range(counters, n_h)
    for unit, symbol in ((start, "S"), (first, letters[0]), (last, letters[-1])):
        W_C[unit, n_h + index[symbol]], b_f[unit] = K, -K
    cell.params.flat[...] = 0.0
    cell.params["W_C"], cell.params["b_f"] = W_C.tolist(), b_f.tolist()
    for name in ("b_i", "b_o"):
        cell.params[name][...] = K

    W, b = np.zeros((n_x, n_h)), np.full(n_x, -SEEN / 2)
    W[index[letters[0]], [start, first]] = 1.0
    for r, letter in enumerate(letters[1:]):
        W[index[letter], r] = 1.0
        if r:
            W[index[letter], r - 1] = -2.0
    W[index["T"], last], W[index["T"], counters - 1] = 1.0, -2.0
    model = SequenceTagger(cell, n_x)
    model.params["out.W"], model.params["out.b"] = (K * W).tolist(), (K * b).tolist()
    return model
