"""Batches and padding. Everything is time-major: ``(T, B, ...)``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from lstmlab.checks import check_size
from lstmlab.initializers import generator


def pad(
    sequences: Sequence[npt.ArrayLike], value: float = 0
) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
    """Put sequences of different lengths side by side, each followed by padding.

    Parameters
    ----------
    sequences
        B arrays ``(T_b, ...)``; all but the first axis agree.
    value
        What stands after a sequence's end.

    Returns
    -------
    padded, lengths
        Shapes ``(T, B, ...)``, T the largest length, and ``(B,)``, int64.

    Raises
    ------
    ValueError
        If there are no sequences, one has no first axis, or their other axes differ.

    Examples
    --------
    >>> padded, lengths = pad([[1, 2, 3], [4]])
    >>> padded.tolist()
    [[1, 4], [2, 0], [3, 0]]
    >>> lengths.tolist()
    [3, 1]
    """
    arrays = [np.asarray(sequence) for sequence in sequences]
    if not arrays:
        raise ValueError("sequences: expected at least one, got none")
    for b, array in enumerate(arrays):
        if array.ndim == 0 or array.shape[1:] != arrays[0].shape[1:]:
            raise ValueError(
                f"sequences[{b}]: expected shape (T, {', '.join(map(str, arrays[0].shape[1:]))}), "
                f"got {array.shape}"
            )
    lengths = np.array([len(array) for array in arrays], dtype=np.int64)
    shape = (int(lengths.max()), len(arrays), *arrays[0].shape[1:])
    padded = np.full(shape, value, dtype=np.result_type(*arrays))
    for b, array in enumerate(arrays):
        padded[: len(array), b] = array
    return padded, lengths


def minibatches(
    *arrays: npt.NDArray[Any],
    batch_size: int,
    rng: int | np.random.Generator | None = None,
    shuffle: bool = True,
    drop_last: bool = False,
    axes: int | Sequence[int] = 1,
) -> Iterator[tuple[npt.NDArray[Any], ...]]:
    """Go once through a data set, a batch at a time.

    Parameters
    ----------
    *arrays
        Arrays which agree in the number of sequences, such as inputs ``(T, N, n)`` and targets ``(N,)``.
    batch_size
        Number of sequences of a batch.
    rng
        Seed or generator of the order; needed only to shuffle. The same seed gives the same order, so
        give a generator where every epoch is to have its own.
    shuffle
        Whether the order is random.
    drop_last
        Whether a last batch that is smaller than the others is left out.
    axes
        The axis that counts sequences, one for all arrays or one for each: 1 for ``(T, N, ...)``, 0 for
        ``(N, ...)``.

    Returns
    -------
    iterator
        Tuples of arrays, in the order given. The arguments are checked at once, before the first batch.

    Raises
    ------
    TypeError
        If there is something to shuffle and ``rng`` is no seed or generator.
    ValueError
        If there are no arrays or sequences, their numbers differ, or a batch is larger than the data
        while ``drop_last`` would then leave nothing.

    Examples
    --------
    >>> x, y = np.arange(10).reshape(2, 5), np.arange(5)
    >>> for a, b in minibatches(x, y, batch_size=2, shuffle=False, axes=(1, 0)):
    ...     print(a.tolist(), b.tolist())
    [[0, 1], [5, 6]] [0, 1]
    [[2, 3], [7, 8]] [2, 3]
    [[4], [9]] [4]
    """
    size = check_size("batch_size", batch_size)
    places = [axes] * len(arrays) if isinstance(axes, int) else list(axes)
    if not arrays or len(places) != len(arrays):
        raise ValueError(f"axes: expected one for each of {len(arrays)} arrays, got {axes!r}")
    for i, (array, axis) in enumerate(zip(arrays, places, strict=True)):
        if not 0 <= axis < array.ndim:
            raise ValueError(
                f"arrays[{i}]: expected an axis {axis} that counts sequences, got shape {array.shape}"
            )
    numbers = [array.shape[axis] for array, axis in zip(arrays, places, strict=True)]
    n = numbers[0]
    if set(numbers) != {n} or n == 0:
        raise ValueError(f"arrays: expected the same positive number of sequences, got {numbers}")
    if drop_last and size > n:
        raise ValueError(f"batch_size: expected at most {n} with drop_last, got {size}")
    if shuffle and rng is None:
        raise TypeError("rng: expected a seed or a numpy.random.Generator to shuffle with, got None")
    order = generator(rng).permutation(n) if shuffle and rng is not None else np.arange(n)
    stop = n - n % size if drop_last else n
    return (
        tuple(
            np.take(a, order[i : min(i + size, stop)], axis) for a, axis in zip(arrays, places, strict=True)
        )
        for i in range(0, stop, size)
    )
