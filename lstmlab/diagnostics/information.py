"""How much a state tells: entropies, mutual information, a linear decoder.

Estimates need *independent* samples. The states of one sequence are not: they follow from each other.
So every function here takes one sample from each sequence of a batch and never averages over time.
The estimators count and sort on the host: arrays of any library are moved there.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from lstmlab.backend import namespace, to_numpy
from lstmlab.checks import check_array, check_size
from lstmlab.initializers import HostArray, generator
from lstmlab.typing import Array

Labels = np.ndarray[Any, np.dtype[np.int64]]


def entropy(p: Array, *, axis: int = -1, base: float = 2.0) -> Array:
    r"""Entropy of a distribution, :math:`H = -\sum_k p_k \log p_k`, with :math:`0\log 0 = 0`.

    Implements :eq:`eq-entropy`.

    Parameters
    ----------
    p
        Probabilities that sum to one along ``axis``; any backend.
    axis
        The axis of the outcomes.
    base
        Of the logarithm: 2 gives bits, ``math.e`` nats.

    Returns
    -------
    array
        Shape of ``p`` without that axis; between 0 and the logarithm of the number of outcomes.

    References
    ----------
    Shannon (1948).
    """
    xp = namespace(p)
    log_p = xp.log(xp.where(p > 0.0, p, xp.ones_like(p))) / math.log(base)
    return 0.0 - xp.sum(p * log_p, axis=axis)


def label_entropy(labels: Array, *, corrected: bool = True, base: float = 2.0) -> float:
    r"""Entropy of a discrete variable from N independent samples.

    Implements :eq:`eq-miller-madow`. The plug-in estimate puts frequencies for probabilities and comes out
    too small on average. Miller and Madow's correction adds the leading term, :math:`(K-1)/2N` nats for K
    values that occur.

    Parameters
    ----------
    labels
        Whole numbers, shape ``(N,)``, or ``(N, d)`` where a row is one joint sample.
    corrected
        Whether to add the correction.
    base
        2 gives bits, ``math.e`` nats.

    Returns
    -------
    float
        The estimate.

    Raises
    ------
    TypeError, ValueError
        If the labels are not whole numbers, or there are none.

    References
    ----------
    Miller (1955).
    """
    rows = _labels("labels", labels)
    _, counts = np.unique(rows, axis=0, return_counts=True)
    N, K = rows.shape[0], counts.shape[0]
    plug_in = float(entropy(counts / N, base=base))
    correction = (K - 1) / (2 * N) / math.log(base)
    return plug_in + correction if corrected else plug_in


def mutual_information(a: Array, b: Array, *, corrected: bool = True, base: float = 2.0) -> float:
    r"""Mutual information of two discrete variables, :math:`I(A;B) = H(A) + H(B) - H(A,B)`.

    Implements :eq:`eq-mutual-information`. The plug-in estimate of independent variables is not 0 but about
    :math:`(K_A-1)(K_B-1)/2N` nats. The correction takes :math:`(K_{AB}-K_A-K_B+1)/2N` away, K counting what
    occurs; an estimate may then fall a little below zero.

    Parameters
    ----------
    a, b
        Whole numbers, shape ``(N,)``: N independent pairs.
    corrected
        Whether to correct the three entropies.
    base
        2 gives bits, ``math.e`` nats.

    Returns
    -------
    float
        The estimate; at most the smaller of the two entropies, up to the correction.

    Raises
    ------
    TypeError, ValueError
        If a or b are not whole numbers, or differ in number.
    """
    a, b = _labels("a", a), _labels("b", b)
    if a.ndim != 1 or a.shape != b.shape:
        raise ValueError(f"b: expected as many labels as a, shape (N,), got {a.shape} and {b.shape}")
    (_, place_a), (names, place_b) = (np.unique(v, return_inverse=True) for v in (a, b))
    pairs = place_a * len(names) + place_b  # one number for a pair: sorts far quicker than rows of two
    H_a, H_b, H_ab = (label_entropy(v, corrected=corrected, base=base) for v in (place_a, place_b, pairs))
    return H_a + H_b - H_ab


def shuffled_information(
    a: Array,
    b: Array,
    *,
    shuffles: int = 20,
    rng: int | np.random.Generator = 0,
    corrected: bool = True,
    base: float = 2.0,
) -> HostArray:
    r"""What :func:`mutual_information` finds where there is nothing to be found.

    Implements :eq:`eq-shuffled-information`: :math:`I(A;\,\pi B)` for random permutations π of the samples,
    which leave each variable as it is and cut what connects them. An estimate counts only as far as it lies
    above these: they have the estimator's own bias, for these bins and this N. The samples must be
    independent of each other; neighbours in time are not, and a permutation then cuts too much.

    Parameters
    ----------
    a, b, corrected, base
        As for :func:`mutual_information`.
    shuffles
        Number of permutations.
    rng
        Seed or generator of the permutations.

    Returns
    -------
    numpy.ndarray
        One estimate for each permutation, ``(shuffles,)``.
    """
    draws, host = generator(rng), to_numpy(b)
    found = [
        mutual_information(a, draws.permutation(host), corrected=corrected, base=base)
        for _ in range(check_size("shuffles", shuffles))
    ]
    return np.array(found)


def gaussian_information(rho: float, *, base: float = 2.0) -> float:
    r"""Mutual information of two jointly Gaussian numbers, :math:`-\tfrac12\log(1-\rho^2)`.

    A known value to test estimators on. For the AR(1) process :math:`x_t = \varphi x_{t-1} +
    \varepsilon_t` at lag k put :math:`\rho = \varphi^k`.

    Parameters
    ----------
    rho
        Correlation, strictly between -1 and 1.
    base
        2 gives bits, ``math.e`` nats.

    Returns
    -------
    float
        Zero or more.

    Raises
    ------
    ValueError
        If rho is out of range: a copy of a continuous number holds infinite information.
    """
    if not -1.0 < rho < 1.0:
        raise ValueError(f"rho: expected a correlation strictly between -1 and 1, got {rho}")
    return -0.5 * math.log1p(-rho * rho) / math.log(base)


def quantile_bins(values: Array, bins: int = 16) -> Labels:
    """Turn numbers into labels 0 to bins-1, about equally many in each.

    Equal numbers share a label, so a variable of few values keeps them apart and leaves bins empty.

    Parameters
    ----------
    values
        Shape ``(N,)``.
    bins
        Number of bins.

    Returns
    -------
    numpy.ndarray
        Whole numbers, shape ``(N,)``.
    """
    host = to_numpy(values)
    check_array("values", host, ("N",), host)
    edges = np.quantile(host, np.arange(1, check_size("bins", bins)) / bins)
    return np.searchsorted(edges, host, side="right").astype(np.int64)


class SymbolInformation(NamedTuple):
    """What the states still tell about a symbol.

    Attributes
    ----------
    units
        One estimate for each step and unit, ``(T, n)``.
    best
        One for each step, ``(T,)``: the best unit, chosen on the first half of the sequences and
        measured on the second. The largest of many estimates would be too large.
    """

    units: HostArray
    best: HostArray


def symbol_information(
    symbols: Array, C: Array, *, bins: int = 16, corrected: bool = True, base: float = 2.0
) -> SymbolInformation:
    r"""Mutual information :math:`I(s; C_{t,j})` between a symbol shown once and each unit after it.

    Implements :eq:`eq-symbol-information`. The state is cut into quantile bins over the batch. What a single
    unit tells may be far less than what all of them tell together: compare :func:`decoder_accuracy`.

    Parameters
    ----------
    symbols
        Whole numbers, shape ``(B,)``: what each sequence was shown.
    C
        States after it, shape ``(T, B, n)``: the index of time is the lag. The B sequences must be
        independent; a few thousand are not too many.
    bins, corrected, base
        As for :func:`quantile_bins` and :func:`mutual_information`.

    Returns
    -------
    SymbolInformation
        ``units`` and ``best``. At most the entropy of the symbol.

    Raises
    ------
    TypeError, ValueError
        If the shapes do not fit, or there are fewer than two sequences.
    """
    s, values = _labelled(symbols, C)

    def units(t: int, chosen: slice) -> HostArray:
        return np.array(
            [
                mutual_information(s[chosen], quantile_bins(column, bins), corrected=corrected, base=base)
                for column in values[t, chosen].T
            ]
        )

    T, B, _ = values.shape
    first, second = slice(0, B // 2), slice(B // 2, B)
    best = [units(t, second)[units(t, first).argmax()] for t in range(T)]
    return SymbolInformation(np.stack([units(t, slice(None)) for t in range(T)]), np.array(best))


def lagged_information(
    C: Array, k: int, *, bins: int = 16, corrected: bool = True, base: float = 2.0
) -> HostArray:
    r"""Mutual information :math:`I(C_{T,j};\,C_{T-k,j})` of each unit with its own past.

    Implements :eq:`eq-lagged-information`. Read it with care. A state that follows without noise from an
    earlier one holds infinite information about it, and an estimate then says only how fine the bins are: at
    most their logarithm. Even an untrained cell gives large values. What a cell remembers *of its input* is
    :func:`symbol_information`.

    Parameters
    ----------
    C
        Shape ``(T, B, n)``, the B sequences independent.
    k
        The lag in steps, below T.
    bins, corrected, base
        As for :func:`quantile_bins` and :func:`mutual_information`.

    Returns
    -------
    numpy.ndarray
        Shape ``(n,)``, from the last step and the one k before.

    Raises
    ------
    ValueError
        If k is not below T.
    """
    values = to_numpy(C)
    check_array("C", values, ("T", "B", "n"), values)
    if check_size("k", k) >= values.shape[0]:
        raise ValueError(f"k: expected a lag below the {values.shape[0]} steps, got {k}")
    pairs = zip(values[-1].T, values[-1 - k].T, strict=True)
    return np.array(
        [
            mutual_information(
                quantile_bins(now, bins), quantile_bins(then, bins), corrected=corrected, base=base
            )
            for now, then in pairs
        ]
    )


def decoder_accuracy(
    symbols: Array,
    C: Array,
    *,
    ridge: float = 1e-3,
    train: float = 0.5,
    rng: int | np.random.Generator = 0,
) -> HostArray:
    r"""How often a linear read-out of all units names the symbol, on sequences it was not fitted to.

    Implements :eq:`eq-decoder`. At each step the read-out minimises :math:`\tfrac1N\|Y - XW - b\|^2 +
    \lambda\|W\|^2`, where a row of Y is 1 at its symbol and 0 elsewhere and X holds the states, each unit
    scaled to mean 0 and variance 1. It then names the symbol of the largest entry. What it cannot read may
    still be there, in a form that is not linear.

    Parameters
    ----------
    symbols
        Shape ``(B,)``.
    C
        Shape ``(T, B, n)``.
    ridge
        The weight λ, zero or more.
    train
        Share of the sequences that the read-out is fitted to.
    rng
        Seed of the split.

    Returns
    -------
    numpy.ndarray
        Accuracy on the rest, ``(T,)``; compare it with the share of the commonest symbol.

    Raises
    ------
    TypeError, ValueError
        If the shapes do not fit, ``ridge`` is negative, or a part of the split is empty.
    """
    s, values = _labelled(symbols, C)
    B = values.shape[1]
    N = round(train * B)
    if not 0 < N < B:
        raise ValueError(f"train: expected a share that leaves both parts of {B} sequences, got {train}")
    if not ridge >= 0.0:
        raise ValueError(f"ridge: expected zero or more, got {ridge}")
    order = generator(rng).permutation(B)
    fitted, tested = order[:N], order[N:]
    names, index = np.unique(s[fitted], return_inverse=True)
    Y = np.eye(len(names))[index]

    def accuracy(X: HostArray) -> float:
        mean, std = X[fitted].mean(axis=0), X[fitted].std(axis=0)
        X = (X - mean) / np.where(std > 0.0, std, 1.0)
        W = _ridge(X[fitted], Y - Y.mean(axis=0), ridge)
        guess = names[np.argmax(X[tested] @ W + Y.mean(axis=0), axis=1)]
        return float(np.mean(guess == s[tested]))

    return np.array([accuracy(X.astype(np.float64)) for X in values])


def _ridge(X: HostArray, Y: HostArray, ridge: float) -> HostArray:
    """Least squares with a penalty, as plain least squares with one more row for each column of X."""
    n = X.shape[1]
    rows = math.sqrt(ridge * X.shape[0]) * np.eye(n)
    W, *_ = np.linalg.lstsq(np.concatenate([X, rows]), np.concatenate([Y, np.zeros((n, Y.shape[1]))]))
    return np.asarray(W)


def _labels(name: str, values: Array) -> Labels:
    host = to_numpy(values)
    if host.dtype.kind not in "iu":
        raise TypeError(f"{name}: expected whole numbers, got {host.dtype}; bin them with quantile_bins")
    if host.ndim not in (1, 2) or host.shape[0] == 0:
        raise ValueError(f"{name}: expected shape (N,) or (N, d) with N at least 1, got {host.shape}")
    return host.astype(np.int64)


def _labelled(symbols: Array, C: Array) -> tuple[Labels, HostArray]:
    s, values = _labels("symbols", symbols), to_numpy(C)
    check_array("C", values, ("T", "B", "n"), values)
    if s.shape != values.shape[1:2] or s.shape[0] < 2:
        raise ValueError(
            f"symbols: expected one for each of {values.shape[1]} sequences, at least 2, got shape {s.shape}"
        )
    return s, values
