"""From scores to a symbol: temperature, the k likeliest, a draw. On the host, the same for any device."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from lstmlab.checks import check_size
from lstmlab.functions import softmax

Floats = npt.NDArray[np.floating[Any]]
Ints = npt.NDArray[np.int64]


def next_distribution(logits: npt.ArrayLike, temperature: float = 1.0, top_k: int | None = None) -> Floats:
    r"""Return the probabilities to draw from, :math:`p_v \propto e^{a_v/\tau}` over the k largest scores.

    Implements :eq:`eq-temperature`.

    Parameters
    ----------
    logits
        Scores a, ``(B, V)``, on the host.
    temperature
        :math:`\tau`: 1 leaves the model's probabilities, less sharpens them, more flattens them. 0 is the
        limit: the symbol with the largest score has probability 1 (of several, the first).
    top_k
        Symbols below the k largest scores get exactly 0 (of equal scores, the first count as larger);
        ``None`` keeps all.

    Returns
    -------
    numpy.ndarray
        Shape ``(B, V)``, float64.

    Raises
    ------
    ValueError
        If the scores are not finite or do not have that shape, the temperature is not a finite number
        from 0, or ``top_k`` is not a whole number from 1 to V.

    Examples
    --------
    >>> import math
    >>> next_distribution([[math.log(8), math.log(4), 0.0]], temperature=0.5, top_k=2).round(3).tolist()
    [[0.8, 0.2, 0.0]]
    """
    a = np.asarray(logits, dtype=np.float64)
    if a.ndim != 2 or a.size == 0 or not np.isfinite(a).all():
        raise ValueError(f"logits: expected finite scores of shape (B, V), got {a!r:.80}")
    tau = check_temperature(temperature)
    k = a.shape[1] if top_k is None else check_size("top_k", top_k)
    if k > a.shape[1]:
        raise ValueError(f"top_k: expected at most V = {a.shape[1]}, got {k}")
    largest_first = np.argsort(-a, axis=1, kind="stable")
    kept = np.argsort(largest_first, axis=1) < (k if tau > 0.0 else 1)
    # A tiny temperature sends all but the largest score to -inf, which is what it means.
    with np.errstate(over="ignore"):
        scaled = (a - a.max(axis=1, keepdims=True)) / (tau or 1.0)
    return np.asarray(softmax(scaled, mask=kept))


def check_temperature(temperature: Any) -> float:
    """Return a finite number from 0, or say what came instead."""
    real = isinstance(temperature, (int, float)) and not isinstance(temperature, bool)
    if not real or not 0.0 <= temperature < math.inf:
        raise ValueError(f"temperature: expected a finite number from 0, got {temperature!r}")
    return float(temperature)


def draw_symbols(p: npt.ArrayLike, u: npt.ArrayLike) -> Ints:
    r"""Draw a symbol a row by inverting the distribution: the first v with :math:`u < \sum_{w\le v} p_w`.

    Implements :eq:`eq-draw`.

    Parameters
    ----------
    p
        Probabilities, ``(B, V)``.
    u
        B numbers in [0, 1), drawn evenly.

    Returns
    -------
    numpy.ndarray
        Shape ``(B,)``, int64; never a symbol of probability 0.
    """
    cumulative = np.cumsum(np.asarray(p, dtype=np.float64), axis=1)
    cumulative /= cumulative[:, -1:]  # ends at exactly 1, so rounding cannot reach a symbol without weight
    return np.asarray(np.sum(np.asarray(u)[:, None] >= cumulative, axis=1), dtype=np.int64)
