"""Tasks of which everything is known: what must be remembered, for how long, and what guessing gets.

Every function draws a fresh batch, so there is no training set to overfit. Inputs are ``(T, B, n_x)``.
"""

from __future__ import annotations

from math import log
from typing import NamedTuple

import numpy as np

from lstmlab.checks import check_dtype_name, check_size
from lstmlab.data.symbols import Bools, Floats, Ints, Vocabulary, one_hot
from lstmlab.initializers import generator


class AddingBatch(NamedTuple):
    """``x`` ``(T, B, 2)``: a number from U(0, 1) and a mark. ``y`` ``(B, 1)``: sum of the marked two."""

    x: Floats
    y: Floats


class ClassBatch(NamedTuple):
    """``x`` ``(T, B, n_x)`` and the class of each sequence, ``targets`` ``(B,)``, after the last step."""

    x: Floats
    targets: Ints


class CopyBatch(NamedTuple):
    """The copy task.

    Attributes
    ----------
    x
        Symbols as unit vectors, ``(T, B, K + 2)``: the K symbols, then blank, then the signal to recall.
    targets
        Symbol to be given at every step, ``(T, B)``: blank (number K) until the signal has come.
    recall
        Which steps ask for a symbol, ``(T,)`` bool: the last S. Accuracy is to be taken there.
    """

    x: Floats
    targets: Ints
    recall: Bools


def adding(T: int, B: int, *, rng: int | np.random.Generator, dtype: str = "float64") -> AddingBatch:
    r"""Draw the adding problem: two marked numbers are to be added at the end.

    One mark lies in the first half of the sequence, one in the second. To give the mean 1 always is to
    have a mean squared error of :math:`2 \operatorname{Var}[U(0,1)] = 1/6`, the value to beat. (0.1767,
    which is often quoted, is not this variance.)

    Parameters
    ----------
    T
        Length, at least 2.
    B
        Number of sequences.
    rng
        Seed or generator.
    dtype
        Of both arrays.

    Returns
    -------
    AddingBatch
        ``x`` ``(T, B, 2)``, ``y`` ``(B, 1)``.

    References
    ----------
    Hochreiter and Schmidhuber (1997), experiment 4, with numbers from U(-1, 1) and one mark among the
    first ten steps; this shape is the later one of Arjovsky, Shah and Bengio (2016).
    """
    T, B, rng = check_least("T", T, 2), check_size("B", B), generator(rng)
    values, marks = rng.uniform(size=(T, B)), np.zeros((T, B))
    columns = np.arange(B)
    first, second = rng.integers(0, T // 2, size=B), rng.integers(T // 2, T, size=B)
    marks[first, columns] = 1.0
    marks[second, columns] = 1.0
    y = values[first, columns] + values[second, columns]
    kind = check_dtype_name(dtype)
    return AddingBatch(np.stack([values, marks], axis=2).astype(kind), y[:, None].astype(kind))


def distractor_recall(
    lag: int,
    B: int,
    *,
    K: int = 4,
    own_symbols: bool = False,
    rng: int | np.random.Generator,
    dtype: str = "float64",
) -> ClassBatch:
    """Draw a recall task with distractors: the flagged first symbol is asked for at the end.

    Step 0 holds a symbol and the flag, steps 1 to lag - 1 hold random symbols without the flag, step
    ``lag`` holds only the question. The random symbols must not overwrite the first: this needs a
    gate. The gradient of the first input is exactly zero if it is carried back fewer than lag + 1 steps.

    Parameters
    ----------
    lag
        Steps between symbol and question; the sequence has T = lag + 1 steps.
    B
        Number of sequences.
    K
        Number of symbols; a guess is right with probability 1/K.
    own_symbols
        Whether the distractors are K symbols of their own, so that no weight serves both: a little
        easier. By default they are the same K symbols, and the flag alone tells which one counts.
    rng
        Seed or generator.
    dtype
        Of the inputs.

    Returns
    -------
    ClassBatch
        ``x`` ``(lag + 1, B, K + 2)``: K symbols, flag, question; with ``own_symbols`` the K of the
        distractors follow, ``(lag + 1, B, 2 K + 2)``. ``targets`` ``(B,)``.
    """
    lag, B, K = check_size("lag", lag), check_size("B", B), check_least("K", K, 2)
    symbols = generator(rng).integers(0, K, size=(lag + 1, B))
    places = symbols.copy()
    if own_symbols:
        places[1:] += K + 2
    x = one_hot(places, 2 * K + 2 if own_symbols else K + 2, dtype)
    x[0, :, K] = 1.0
    x[lag] = 0.0
    x[lag, :, K + 1] = 1.0
    return ClassBatch(x, symbols[0])


def blank_recall(
    T: int, B: int, *, K: int = 8, rng: int | np.random.Generator, dtype: str = "float64"
) -> ClassBatch:
    """Draw a recall task over silence: a symbol at step 0, zeros afterwards, asked for after step T - 1.

    Nothing disturbs the memory, so this measures only how slowly a network forgets. It says little about
    learning over time: a random network that is never trained keeps a trace of the symbol as well.

    Parameters
    ----------
    T
        Length, at least 2.
    B
        Number of sequences.
    K
        Number of symbols; a guess is right with probability 1/K.
    rng
        Seed or generator.
    dtype
        Of the inputs.

    Returns
    -------
    ClassBatch
        ``x`` ``(T, B, K)``, ``targets`` ``(B,)``.
    """
    T, B, K = check_least("T", T, 2), check_size("B", B), check_least("K", K, 2)
    targets = generator(rng).integers(0, K, size=B)
    x = np.zeros((T, B, K), dtype=check_dtype_name(dtype))
    x[0] = one_hot(targets, K, dtype)
    return ClassBatch(x, targets)


#: E opens and B closes a sequence, X and Y carry its meaning, a to d carry none.
ORDER_SYMBOLS = Vocabulary("abcdXYEB")
#: The four classes of :func:`temporal_order` in the order of their numbers.
ORDER_CLASSES = ("XX", "XY", "YX", "YY")


def temporal_order(T: int, B: int, *, rng: int | np.random.Generator, dtype: str = "float64") -> ClassBatch:
    """Draw the temporal order task: in which order came the two symbols that matter?

    X or Y stands at a random step from T/10 to 2T/10 and again at one from 5T/10 to 6T/10; all else
    between E at the start and B at the end is noise from a, b, c, d.

    Parameters
    ----------
    T
        Length, at least 10.
    B
        Number of sequences.
    rng
        Seed or generator.
    dtype
        Of the inputs.

    Returns
    -------
    ClassBatch
        ``x`` ``(T, B, 8)`` in the order of :data:`ORDER_SYMBOLS`, ``targets`` ``(B,)`` in that of
        :data:`ORDER_CLASSES`. A guess is right with probability 1/4.

    References
    ----------
    Hochreiter and Schmidhuber (1997), experiment 6a, where T was 100 to 110.
    """
    T, B, rng = check_least("T", T, 10), check_size("B", B), generator(rng)
    X, E, end = (ORDER_SYMBOLS.index[symbol] for symbol in "XEB")
    symbols, columns = rng.integers(0, 4, size=(T, B)), np.arange(B)
    first, second = rng.integers(0, 2, size=(2, B))
    symbols[rng.integers(T // 10, 2 * T // 10 + 1, size=B), columns] = X + first
    symbols[rng.integers(5 * T // 10, 6 * T // 10 + 1, size=B), columns] = X + second
    symbols[0], symbols[T - 1] = E, end
    return ClassBatch(one_hot(symbols, len(ORDER_SYMBOLS), dtype), 2 * first + second)


def copy(
    S: int, delay: int, B: int, *, K: int = 8, rng: int | np.random.Generator, dtype: str = "float64"
) -> CopyBatch:
    """Draw the copy task: S symbols, a silence, a signal, and the symbols are to be given in order.

    Symbols come at steps 0 to S - 1, the signal at step S + delay - 1, and the answers are due at the S
    steps from S + delay on: T = 2 S + delay.

    Parameters
    ----------
    S
        Number of symbols to be remembered.
    delay
        Steps from the end of the symbols to the first answer; the last of them is the signal.
    B
        Number of sequences.
    K
        Number of different symbols; a guess is right with probability 1/K at each of the last S steps.
    rng
        Seed or generator.
    dtype
        Of the inputs.

    Returns
    -------
    CopyBatch
        ``x`` ``(2 S + delay, B, K + 2)``, ``targets`` ``(2 S + delay, B)``, ``recall`` ``(2 S + delay,)``.

    References
    ----------
    Hochreiter (1991) for tasks of this kind; the shape is that of Arjovsky, Shah and Bengio (2016).
    """
    S, delay, B, K = (
        check_size("S", S),
        check_size("delay", delay),
        check_size("B", B),
        check_least("K", K, 2),
    )
    T, blank, signal = 2 * S + delay, K, K + 1
    symbols = generator(rng).integers(0, K, size=(S, B))
    read = np.full((T, B), blank)
    read[:S] = symbols
    read[S + delay - 1] = signal
    targets = np.full((T, B), blank)
    targets[S + delay :] = symbols
    return CopyBatch(one_hot(read, K + 2, dtype), targets, np.arange(T) >= S + delay)


def copy_baseline(S: int, delay: int, K: int = 8) -> float:
    r"""Cross-entropy of the copy task without memory, :math:`S \ln K / (2S + d)` nats a step.

    Blanks are given with certainty until the signal, and each symbol with probability 1/K after it.

    Parameters
    ----------
    S, delay, K
        As in :func:`copy`.

    Returns
    -------
    float
        Mean over all steps.
    """
    return S * log(K) / (2 * S + delay)


def check_least(name: str, n: int, least: int) -> int:
    """Return a whole number that is large enough, or say what came instead."""
    if check_size(name, n) < least:
        raise ValueError(f"{name}: expected a whole number of at least {least}, got {n}")
    return int(n)
