"""The count of n-grams that is hard to beat: each order leans on the one below where it has seen little."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lstmlab.data.symbols import Floats
from lstmlab.data.text import NGram


class WittenBell:
    r"""Interpolated n-grams: a context seen seldom, or followed by many symbols, leans on a shorter one.

    Implements :eq:`eq-witten-bell`.
    :math:`p_m(v \mid c) = \dfrac{N(c, v) + D(c)\, p_{m-1}(v \mid c')}{N(c) + D(c)}` for
    :math:`m = 1, \dots, n`, where D(c) different symbols followed c, c' is c without its oldest symbol, and
    :math:`p_0 = 1/V`. A context never seen has :math:`p_m = p_{m-1}`.

    Parameters
    ----------
    train
        Numbers of symbols, ``(N,)``.
    n
        Length of the longest n-gram.
    V
        Number of symbols.

    Raises
    ------
    TypeError, ValueError
        As :class:`~lstmlab.data.text.NGram`.

    References
    ----------
    Witten and Bell (1991).
    """

    def __init__(self, train: npt.ArrayLike, n: int, V: int) -> None:
        self.orders = [NGram(train, m, V) for m in range(1, n + 1)]
        if not self.orders:
            raise ValueError(f"n: expected a whole number from 1, got {n!r}")
        self.n, self.V = n, V

    def bits(self, held_out: npt.ArrayLike) -> float:
        """Cross-entropy of a text in bits a symbol; its first n - 1 symbols are context only.

        Parameters
        ----------
        held_out
            Numbers of symbols, ``(N,)``.

        Returns
        -------
        float
            Bits per character, if symbols are characters.
        """
        return float(-np.mean(np.log2(self.probability(held_out))))

    def distribution(self, context: npt.ArrayLike) -> Floats:
        """Return the probabilities of the symbol after a context of n - 1 symbols, ``(V,)``."""
        before = np.asarray(context, dtype=np.int64).reshape(-1)
        if len(before) != self.n - 1:
            raise ValueError(f"context: expected {self.n - 1} symbols, got {len(before)}")
        return np.array([self.probability(np.append(before, v))[0] for v in range(self.V)])

    def probability(self, ids: npt.ArrayLike) -> Floats:
        """Return the probability of every symbol but the first n - 1, given those before it.

        Parameters
        ----------
        ids
            Numbers of symbols, ``(N,)``.

        Returns
        -------
        numpy.ndarray
            Shape ``(N - n + 1,)``.
        """
        p: Floats = np.full(max(0, np.size(ids) - self.n + 1), 1.0 / self.V)
        for m, order in enumerate(self.orders, start=1):
            wanted = order.codes("ids", ids)[self.n - m :]
            seen, context, different = order.counts(wanted)
            known = context > 0
            p = np.where(known, (seen + different * p) / np.where(known, context + different, 1.0), p)
        return p
