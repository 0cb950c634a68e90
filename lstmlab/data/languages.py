"""Two kinds of languages: those one must count for, and those whose entropy rate is known exactly."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from lstmlab.checks import check_size
from lstmlab.data.symbols import Floats, Ints, NextSymbolBatch, Vocabulary, next_symbol_batch
from lstmlab.initializers import generator

START, END = "S", "T"


def counting_vocabulary(letters: str = "ab") -> Vocabulary:
    """Return the symbols of a counting language: S, the letters, T.

    Parameters
    ----------
    letters
        ``"ab"`` for :math:`a^n b^n`, ``"abc"`` for :math:`a^n b^n c^n`.

    Raises
    ------
    ValueError
        If there are fewer than two letters, one stands twice, or one is S or T.
    """
    if len(letters) < 2:
        raise ValueError(f"letters: expected two or more, got {letters!r}")
    return Vocabulary(START + letters + END)


def counting_string(n: int, letters: str = "ab") -> str:
    """Return S, each letter n times, T.

    Examples
    --------
    >>> counting_string(2, "abc")
    'SaabbccT'
    """
    n = check_size("n", n)
    return START + "".join(letter * n for letter in letters) + END


def counting_legal_sets(n: int, letters: str = "ab") -> list[frozenset[str]]:
    """Return the symbols that may follow each symbol but the last of :func:`counting_string`.

    After S only the first letter may come (n is at least 1). While first letters come, another one or the
    second letter may follow: n is not known yet. From the second letter on everything is determined.

    Parameters
    ----------
    n
        How often each letter stands.
    letters
        The letters in order.

    Returns
    -------
    list of frozenset
        Of length 1 + n times the number of letters.
    """
    n = check_size("n", n)
    sets = [{letters[0]}] + [{letters[0], letters[1]}] * n
    for letter, following in zip(letters[1:], letters[2:] + END, strict=True):
        sets += [{letter}] * (n - 1) + [{following}]
    return [frozenset(after) for after in sets]


def counting_batch(ns: Sequence[int], letters: str = "ab", dtype: str = "float64") -> NextSymbolBatch:
    """Put the strings of several n side by side for next-symbol prediction.

    Parameters
    ----------
    ns
        One n for each string, such as ``range(1, 16)``.
    letters
        ``"ab"``, ``"abc"``, ...
    dtype
        Of the inputs.

    Returns
    -------
    NextSymbolBatch
        ``x`` and ``legal`` ``(T, B, len(letters) + 2)``, ``targets`` ``(T, B)``, ``lengths`` ``(B,)``, with
        T = 1 + len(letters) max(ns).

    References
    ----------
    Gers and Schmidhuber (2001).
    """
    vocabulary = counting_vocabulary(letters)
    strings = [counting_string(n, letters) for n in ns]
    return next_symbol_batch(strings, [counting_legal_sets(n, letters) for n in ns], vocabulary, dtype)


class MarkovSource:
    r"""A stationary source in which a symbol depends on the k symbols before it and nothing else.

    Its entropy rate :math:`H = -\sum_c \pi(c) \sum_v p(v \mid c) \log_2 p(v \mid c)` is the smallest
    expected number of bits a symbol that any predictor can reach: a language model below it is
    measured wrongly.

    Parameters
    ----------
    transition
        Probabilities :math:`p(v \mid c)`, shape ``(V,) * (k + 1)``: k axes for the context, oldest first,
        and the last for the next symbol. All positive, so that one stationary distribution exists.

    Attributes
    ----------
    transition
        As given, float64.
    V, order
        Number of symbols, and k.

    Raises
    ------
    ValueError
        If the axes differ, there are fewer than two, a probability is not positive, or a row does not
        sum to 1.
    """

    def __init__(self, transition: npt.ArrayLike) -> None:
        self.transition = np.array(transition, dtype=np.float64)
        shape = self.transition.shape
        if len(shape) < 2 or len(set(shape)) != 1:
            raise ValueError(f"transition: expected shape (V, ..., V) with two axes or more, got {shape}")
        if not (self.transition > 0).all() or not np.allclose(self.transition.sum(-1), 1, rtol=0, atol=1e-9):
            raise ValueError("transition: expected positive probabilities that sum to 1 over the last axis")
        self.V, self.order = shape[0], len(shape) - 1

    @classmethod
    def random(
        cls, V: int, order: int, *, rng: int | np.random.Generator, concentration: float = 0.3
    ) -> MarkovSource:
        """Draw a source: for each context a Dirichlet distribution over the next symbol.

        Parameters
        ----------
        V, order
            Number of symbols and length of the context; the table has V^(order + 1) entries.
        rng
            Seed or generator.
        concentration
            The smaller, the more predictable the source. A probability is at least 1e-6.

        Returns
        -------
        MarkovSource
            For V = 8, order 2 and the concentration 0.3, an entropy rate near 1.8 bits.
        """
        V, order = check_size("V", V), check_size("order", order)
        if not concentration > 0:
            raise ValueError(f"concentration: expected a positive number, got {concentration!r}")
        p = generator(rng).dirichlet(np.full(V, float(concentration)), size=(V,) * order)
        p = np.maximum(p, 1e-6)
        return cls(p / p.sum(-1, keepdims=True))

    def context_matrix(self) -> Floats:
        """Return the chain of contexts, ``(V^k, V^k)``: contexts numbered with the oldest symbol first."""
        V, n = self.V, self.V**self.order
        matrix = np.zeros((n, n))
        context = np.arange(n)
        for v in range(V):  # drop the oldest symbol, append v
            matrix[context, (context * V + v) % n] = self.transition.reshape(n, V)[:, v]
        return matrix

    def stationary(self) -> Floats:
        r"""Return the distribution over contexts that one step leaves as it is: :math:`\pi = \pi\,\Pi`.

        Implements :eq:`eq-stationary-contexts`.

        Returns
        -------
        numpy.ndarray
            Shape ``(V,) * k``, sum 1.
        """
        n = self.V**self.order
        equations = np.vstack([self.context_matrix().T - np.eye(n), np.ones((1, n))])
        pi = np.linalg.lstsq(equations, np.append(np.zeros(n), 1.0), rcond=None)[0]
        return np.asarray(pi.reshape(self.transition.shape[:-1]))

    @property
    def entropy_rate(self) -> float:
        """Entropy rate in bits a symbol.

        Implements :eq:`eq-entropy-rate`.
        """
        uncertainty = -np.sum(self.transition * np.log2(self.transition), axis=-1)
        return float(np.sum(self.stationary() * uncertainty))

    def sample(self, T: int, B: int, *, rng: int | np.random.Generator) -> Ints:
        """Draw sequences that begin in the stationary distribution.

        Parameters
        ----------
        T, B
            Length and number of sequences.
        rng
            Seed or generator.

        Returns
        -------
        numpy.ndarray
            Numbers of symbols, ``(T, B)``, int64.
        """
        T, B, rng = check_size("T", T), check_size("B", B), generator(rng)
        contexts = rng.choice(self.V**self.order, size=B, p=np.abs(self.stationary()).ravel())
        symbols = np.zeros((self.order + T, B), dtype=np.int64)
        symbols[: self.order] = np.unravel_index(contexts, (self.V,) * self.order)
        levels, n = np.cumsum(self.transition, axis=-1)[..., :-1].reshape(-1, self.V - 1), self.V**self.order
        for t, height in enumerate(rng.uniform(size=(T, B, 1)), self.order):
            symbols[t] = (height >= levels[contexts]).sum(axis=1)
            contexts = (contexts * self.V + symbols[t]) % n  # drop the oldest symbol, append the new one
        return symbols[self.order :]

    def bits(self, symbols: npt.ArrayLike) -> float:
        r"""Mean of :math:`-\log_2 p(x_t \mid x_{t-k}, \dots, x_{t-1})` over a sample, in bits a symbol.

        Parameters
        ----------
        symbols
            Shape ``(T, B)`` with T above the order; the first k symbols are context only.

        Returns
        -------
        float
            Tends to :attr:`entropy_rate` for long samples of this source.
        """
        numbers = np.asarray(symbols)
        T = len(numbers)
        if numbers.ndim != 2 or self.order >= T:
            raise ValueError(f"symbols: expected shape (T, B) with T > {self.order}, got {numbers.shape}")
        windows = tuple(numbers[j : T - self.order + j] for j in range(self.order + 1))
        return float(-np.mean(np.log2(self.transition[windows])))
