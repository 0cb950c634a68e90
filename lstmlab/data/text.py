"""Real text without a download, vocabularies, batches of a long text, and n-gram baselines."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from lstmlab.checks import check_size
from lstmlab.data.symbols import Floats, Ints, Vocabulary
from lstmlab.initializers import generator

#: What a word vocabulary holds that is no word, for anything else, the start, the end of a sentence.
SPECIAL = ("<unk>", "<bos>", "<eos>")


class TextBatch(NamedTuple):
    """``x`` and ``y``, ``(T, B)`` numbers of symbols: ``y[t]`` is the symbol after ``x[t]``."""

    x: Ints
    y: Ints


class TextSplit(NamedTuple):
    """``train`` and ``validation``, two neighbouring pieces ``(N,)`` of one text."""

    train: Ints
    validation: Ints


def pydoc_text() -> str:
    """Return the language reference that comes with Python for ``help()``, about 440 000 characters.

    Real English prose and code, offline, under Python's own licence. Only ASCII characters are kept, runs
    of spaces and of line ends become one, and letters are lower-cased. The text differs between versions
    of Python, so numbers measured on it do too, and what one holds out another has among what it learns.
    """
    from pydoc_data.topics import topics  # two thirds of a megabyte: only when it is asked for

    text = "\n".join(topics[name] for name in sorted(topics))
    text = text.encode("ascii", "ignore").decode("ascii")
    return re.sub(r"\n+", "\n", re.sub(r" +", " ", text)).lower()


def char_vocabulary(text: str, *, unknown: str | None = None) -> Vocabulary:
    """Return the characters of a text in the order of their code points.

    Parameters
    ----------
    text
        Any text.
    unknown
        One character that stands for all others, added in front if the text lacks it; ``None``: others
        are refused.
    """
    extra = [] if unknown is None or unknown in text else [unknown]
    return Vocabulary(extra + sorted(set(text)), unknown=unknown)


def split_words(text: str) -> list[str]:
    """Split a text into words and single marks.

    Examples
    --------
    >>> split_words("It's 3 o'clock, isn't it?")
    ["It's", '3', "o'clock", ',', "isn't", 'it', '?']
    """
    return re.findall(r"\w+(?:'\w+)*|[^\w\s]", text)


def word_vocabulary(words: Iterable[str], *, max_size: int | None = None, min_count: int = 1) -> Vocabulary:
    """Return ``<unk> <bos> <eos>`` and the words, the commonest first and then by the alphabet.

    Parameters
    ----------
    words
        Words of the training text only, or the held-out text would have no unknown words.
    max_size
        Largest size, the three special symbols included.
    min_count
        Rarer words are left out.

    Returns
    -------
    Vocabulary
        Encodes every other word as ``<unk>``.
    """
    counts = Counter(words)
    for special in SPECIAL:
        counts.pop(special, None)
    kept = sorted((w for w, c in counts.items() if c >= min_count), key=lambda w: (-counts[w], w))
    stop = None if max_size is None else max(0, check_size("max_size", max_size) - len(SPECIAL))
    return Vocabulary([*SPECIAL, *kept[:stop]], unknown="<unk>", separator=" ")


def split_text(ids: npt.ArrayLike, n_train: int, n_validation: int | None = None) -> TextSplit:
    """Cut a text in two: the first symbols to learn from, the next ones to judge by.

    Parameters
    ----------
    ids
        Numbers of symbols, ``(N,)``.
    n_train
        Length of the first part.
    n_validation
        Length of the second; ``None`` takes the rest.

    Returns
    -------
    TextSplit
        ``train`` ``(n_train,)``, ``validation`` ``(n_validation,)``; they do not overlap.

    Raises
    ------
    ValueError
        If the text is too short.
    """
    numbers = check_ids("ids", ids, 2)
    n_train = check_size("n_train", n_train)
    stop = len(numbers) if n_validation is None else n_train + check_size("n_validation", n_validation)
    if not n_train < stop <= len(numbers):
        raise ValueError(
            f"n_train, n_validation: expected parts of a text of {len(numbers)} symbols, "
            f"got {n_train} and {n_validation}"
        )
    return TextSplit(numbers[:n_train], numbers[n_train:stop])


def stateful_batches(ids: npt.ArrayLike, T: int, B: int) -> Iterator[TextBatch]:
    """Cut a text into B long rows and go through them T steps at a time.

    Column b of a batch continues column b of the batch before, so the state may be carried over. What does
    not fill a row or a last batch is left out.

    Parameters
    ----------
    ids
        Numbers of symbols, ``(N,)``, with N at least T B + 1.
    T, B
        Steps and columns of a batch.

    Returns
    -------
    iterator
        :class:`TextBatch` after :class:`TextBatch`, once through the text.

    Raises
    ------
    ValueError
        If the text is too short for one batch.

    Examples
    --------
    >>> for batch in stateful_batches(range(9), T=2, B=2):
    ...     print(batch.x.T.tolist(), batch.y.T.tolist())
    [[0, 1], [4, 5]] [[1, 2], [5, 6]]
    [[2, 3], [6, 7]] [[3, 4], [7, 8]]
    """
    T, B = check_size("T", T), check_size("B", B)
    numbers = check_ids("ids", ids, T * B + 1)
    row = (len(numbers) - 1) // B
    x = numbers[: B * row].reshape(B, row).T
    y = numbers[1 : B * row + 1].reshape(B, row).T
    return (TextBatch(x[t : t + T], y[t : t + T]) for t in range(0, row - T + 1, T))


def random_windows(ids: npt.ArrayLike, T: int, B: int, *, rng: int | np.random.Generator) -> TextBatch:
    """Draw B windows of T symbols, each beginning anywhere with equal probability.

    Parameters
    ----------
    ids
        Numbers of symbols, ``(N,)``, with N at least T + 1.
    T, B
        Steps and columns.
    rng
        Seed or generator.

    Returns
    -------
    TextBatch
        ``x`` and ``y``, ``(T, B)``.
    """
    T, B = check_size("T", T), check_size("B", B)
    numbers = check_ids("ids", ids, T + 1)
    starts = generator(rng).integers(0, len(numbers) - T, size=B)
    steps = np.arange(T)[:, None] + starts
    return TextBatch(numbers[steps], numbers[steps + 1])


class NGram:
    r"""A count of n-grams as a language model, the baseline of every other.

    Implements :eq:`eq-additive-counts`.
    :math:`p(v \mid c) = \dfrac{N(c, v) + k}{N(c) + k V}` with the n - 1 symbols before as context c.

    Parameters
    ----------
    train
        Numbers of symbols, ``(N,)``.
    n
        1 for unigrams, 2 for bigrams, ...
    V
        Number of symbols.
    k
        Added to every count.

    References
    ----------
    Lidstone (1920).
    """

    def __init__(self, train: npt.ArrayLike, n: int, V: int, k: float = 0.1) -> None:
        self.n, self.V, self.k = check_size("n", n), check_size("V", V), float(k)
        if not self.k > 0:
            raise ValueError(
                f"k: expected a positive number, or unseen n-grams have probability 0, got {k!r}"
            )
        if self.V**self.n >= 2**63:
            raise ValueError(f"n, V: expected V^n below 2^63, got {V}^{n}")
        codes = self.codes("train", train)
        self._grams, self._counts = np.unique(codes, return_counts=True)
        self._contexts, where = np.unique(self._grams // self.V, return_inverse=True)
        self._context_counts = np.bincount(where, weights=self._counts)
        self._different = np.bincount(where)

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
        return float(-np.mean(np.log2(self._probability(self.codes("held_out", held_out)))))

    def distribution(self, context: npt.ArrayLike) -> Floats:
        """Return the probabilities of the symbol after a context of n - 1 symbols, ``(V,)``."""
        before = np.asarray(context, dtype=np.int64).reshape(-1)
        if len(before) != self.n - 1:
            raise ValueError(f"context: expected {self.n - 1} symbols, got {len(before)}")
        return self._probability(
            np.array([self.codes("context", np.append(before, v))[0] for v in range(self.V)])
        )

    def _probability(self, codes: Ints) -> Floats:
        seen, context, _ = self.counts(codes)
        return (seen + self.k) / (context + self.k * self.V)

    def counts(self, codes: Ints) -> tuple[Floats, Floats, Floats]:
        """Return of n-grams: how often each was seen, how often its context, and D symbols followed that.

        Parameters
        ----------
        codes
            Numbers of n-grams, as :meth:`codes` gives them.

        Returns
        -------
        seen, context, different
            N(c, v), N(c) and the number of different symbols that followed c, each ``(N,)``.
        """
        return (
            lookup(self._grams, self._counts, codes),
            lookup(self._contexts, self._context_counts, codes // self.V),
            lookup(self._contexts, self._different, codes // self.V),
        )

    def codes(self, name: str, ids: npt.ArrayLike) -> Ints:
        """Number every n-gram of a text: its symbols are the digits of a number in base V.

        Parameters
        ----------
        name
            What the text is called where it is refused.
        ids
            Numbers of symbols, ``(N,)``.

        Returns
        -------
        numpy.ndarray
            Shape ``(N - n + 1,)``.
        """
        numbers = check_ids(name, ids, self.n)
        if numbers.min() < 0 or numbers.max() >= self.V:
            raise ValueError(
                f"{name}: expected numbers from 0 to {self.V - 1}, got {numbers.min()} to {numbers.max()}"
            )
        codes = np.zeros(len(numbers) - self.n + 1, dtype=np.int64)
        for j in range(self.n):
            codes = codes * self.V + numbers[j : len(codes) + j]
        return codes


def lookup(keys: Ints, values: npt.NDArray[Any], wanted: Ints) -> Floats:
    """Return the values of sorted keys, 0 where there is no such key."""
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[place] == wanted, values[place], 0.0)


def check_ids(name: str, ids: npt.ArrayLike, least: int) -> Ints:
    """Return numbers of symbols as one array ``(N,)``, or say what came instead."""
    numbers = np.asarray(ids)
    if numbers.ndim != 1 or numbers.dtype.kind not in "iu":
        raise TypeError(
            f"{name}: expected whole numbers of shape (N,), got {numbers.dtype} of {numbers.shape}"
        )
    if len(numbers) < least:
        raise ValueError(f"{name}: expected at least {least} symbols, got {len(numbers)}")
    return numbers.astype(np.int64, copy=False)
