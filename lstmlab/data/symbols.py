"""Symbols, their numbers, and batches in which the next symbol is to be predicted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from lstmlab.checks import check_dtype_name, check_size
from lstmlab.data.batches import pad

Floats = npt.NDArray[np.floating[Any]]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


class Vocabulary:
    """Symbols in a fixed order; the place of a symbol is its number.

    Parameters
    ----------
    symbols
        Distinct strings, in order.
    unknown
        The symbol that stands for every string outside the vocabulary; ``None`` refuses such strings.
    separator
        What :meth:`decode` puts between two symbols: nothing for characters, a space for words.

    Raises
    ------
    ValueError
        If there are no symbols, one stands twice, or ``unknown`` is not among them.

    Examples
    --------
    >>> letters = Vocabulary("abc")
    >>> letters.encode("cab").tolist()
    [2, 0, 1]
    >>> letters.decode([2, 0, 1])
    'cab'
    """

    def __init__(self, symbols: Iterable[str], *, unknown: str | None = None, separator: str = "") -> None:
        self.symbols = tuple(symbols)
        self.index = {symbol: i for i, symbol in enumerate(self.symbols)}
        if not self.symbols:
            raise ValueError("symbols: expected at least one, got none")
        if len(self.index) != len(self.symbols):
            twice = next(s for i, s in enumerate(self.symbols) if self.index[s] != i)
            raise ValueError(f"symbols: expected distinct symbols, got {twice!r} more than once")
        if unknown is not None and unknown not in self.index:
            raise ValueError(f"unknown: expected one of the symbols, got {unknown!r}")
        self.unknown = unknown
        self.separator = separator

    def __len__(self) -> int:
        return len(self.symbols)

    def __contains__(self, symbol: object) -> bool:
        return symbol in self.index

    def __iter__(self) -> Iterator[str]:
        return iter(self.symbols)

    def __repr__(self) -> str:
        return f"Vocabulary of {len(self)}: {' '.join(repr(s) for s in self.symbols[:8])}" + (
            " ..." if len(self) > 8 else ""
        )

    def encode(self, sequence: Iterable[str]) -> Ints:
        """Return the numbers of the symbols.

        Parameters
        ----------
        sequence
            A string (its characters are the symbols) or any iterable of symbols.

        Returns
        -------
        numpy.ndarray
            Shape ``(T,)``, int64.

        Raises
        ------
        ValueError
            If a symbol is not in the vocabulary and there is none for the unknown; says where.
        """
        fallback = None if self.unknown is None else self.index[self.unknown]
        numbers = []
        for position, symbol in enumerate(sequence):
            number = self.index.get(symbol, fallback)
            if number is None:
                raise ValueError(
                    f"sequence: {symbol!r} at position {position} is not one of the {len(self)} symbols"
                )
            numbers.append(number)
        return np.asarray(numbers, dtype=np.int64)

    def decode(self, numbers: Iterable[Any]) -> str:
        """Return the symbols of a sequence of numbers as one string.

        Raises
        ------
        ValueError
            If a number is not that of a symbol; says where.
        """
        symbols = []
        for position, number in enumerate(numbers):
            if not 0 <= int(number) < len(self):
                raise ValueError(
                    f"numbers: expected 0 to {len(self) - 1}, got {int(number)} at position {position}"
                )
            symbols.append(self.symbols[int(number)])
        return self.separator.join(symbols)


def one_hot(indices: npt.ArrayLike, n: int, dtype: str = "float64") -> Floats:
    """Return unit vectors: one at the index, zero elsewhere.

    Parameters
    ----------
    indices
        Whole numbers of any shape, each below ``n``; -1 stands for nothing and gives zeros.
    n
        Width of the vectors.
    dtype
        ``"float64"`` or ``"float32"``.

    Returns
    -------
    numpy.ndarray
        The shape of ``indices`` with ``n`` appended.

    Raises
    ------
    ValueError
        If an index is not a whole number from -1 to n-1.
    """
    n, numbers = check_size("n", n), np.asarray(indices)
    if numbers.size and (numbers.dtype.kind not in "iu" or numbers.min() < -1 or numbers.max() >= n):
        raise ValueError(f"indices: expected whole numbers from -1 to {n - 1}, got {indices!r:.80}")
    return np.asarray(numbers[..., None] == np.arange(n), dtype=check_dtype_name(dtype))


class NextSymbolBatch(NamedTuple):
    """Strings of which every symbol but the last is read, and the next one is to be predicted.

    Attributes
    ----------
    x
        Symbols read, as unit vectors ``(T, B, n)``; zero after a string's end.
    targets
        Number of the symbol that came next, ``(T, B)``; 0 after a string's end, where it means nothing.
    legal
        Which symbols could have come next, ``(T, B, n)`` bool; nowhere true after a string's end.
    lengths
        Number of predictions of each string, ``(B,)``: its length less one.
    """

    x: Floats
    targets: Ints
    legal: Bools
    lengths: Ints


def next_symbol_batch(
    strings: Sequence[Sequence[str]],
    legal: Sequence[Sequence[AbstractSet[str]]],
    vocabulary: Vocabulary,
    dtype: str = "float64",
) -> NextSymbolBatch:
    """Put strings side by side, padded to the longest.

    Parameters
    ----------
    strings
        B strings over the vocabulary, each of two symbols or more.
    legal
        For each string, the set of symbols that may follow each of its symbols but the last.
    vocabulary
        Symbols and their order.
    dtype
        Of ``x``.

    Returns
    -------
    NextSymbolBatch
        Time-major.

    Raises
    ------
    ValueError
        If there are no strings, one is too short, or the sets do not match the strings in number.
    """
    n = len(vocabulary)
    for b, (string, sets) in enumerate(zip(strings, legal, strict=True)):
        if len(string) < 2 or len(sets) != len(string) - 1:
            raise ValueError(
                f"strings[{b}]: expected two symbols or more and a set after each but the last, "
                f"got {len(string)} symbols and {len(sets)} sets"
            )
    numbers = [vocabulary.encode(string) for string in strings]
    read, lengths = pad([a[:-1] for a in numbers], value=-1)
    targets, _ = pad([a[1:] for a in numbers])
    allowed, _ = pad([np.array([[s in after for s in vocabulary] for after in sets]) for sets in legal])
    return NextSymbolBatch(one_hot(read, n, dtype), targets, allowed, lengths)


def all_legal(scores: npt.ArrayLike, batch: NextSymbolBatch) -> Bools:
    """Say of each string whether the symbol with the largest score was legal at every step.

    Parameters
    ----------
    scores
        Logits or probabilities, ``(T, B, n)``, on the host.
    batch
        What they were predicted for.

    Returns
    -------
    numpy.ndarray
        Shape ``(B,)``, bool. A guesser who knows the grammar but forgets the second symbol of an
        embedded Reber string is right in half of all strings.
    """
    best = np.argmax(check_scores(scores, batch), axis=2)
    good = np.take_along_axis(batch.legal, best[..., None], axis=2)[..., 0]
    past_end = np.arange(len(good))[:, None] >= batch.lengths
    return np.asarray(np.all(good | past_end, axis=0))


def exact_sets(probabilities: npt.ArrayLike, batch: NextSymbolBatch, threshold: float) -> Bools:
    """Say of each string whether exactly the legal symbols were above a threshold at every step.

    This is the stricter criterion: every legal symbol must be expected, and no other.

    Parameters
    ----------
    probabilities
        Shape ``(T, B, n)``, on the host.
    batch
        What they were predicted for.
    threshold
        Symbols above it count as predicted.

    Returns
    -------
    numpy.ndarray
        Shape ``(B,)``, bool.
    """
    same = np.all((check_scores(probabilities, batch) > threshold) == batch.legal, axis=2)
    past_end = np.arange(len(same))[:, None] >= batch.lengths
    return np.asarray(np.all(same | past_end, axis=0))


def check_scores(scores: npt.ArrayLike, batch: NextSymbolBatch) -> Floats:
    """Return the scores as an array, or say what is wrong with them: NaN must not pass for a prediction."""
    values: Floats = np.asarray(scores)
    if values.shape != batch.legal.shape:
        raise ValueError(f"scores: expected shape {batch.legal.shape}, got {values.shape}")
    if not np.isfinite(values).all():
        raise ValueError("scores: expected finite values, got NaN or infinite ones")
    return values
