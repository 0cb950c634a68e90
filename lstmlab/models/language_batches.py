"""Batches for a language model: symbols, and the symbol that came after each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from lstmlab.data.batches import pad
from lstmlab.models.base import as_batch


class LanguageBatch(NamedTuple):
    """Symbols, and the symbol that came after each. A ``TextBatch`` of the text data has these fields too.

    Attributes
    ----------
    x, y
        Symbols ``(T, B)``: ``y[t]`` came after ``x[t]``.
    lengths
        Number of steps of each sequence, ``(B,)``; ``None``: T for all.
    carry
        Whether each column goes on where the same column of the batch before ended. Masks of variational
        dropout are part of the state and go on too.
    """

    x: Any
    y: Any
    lengths: Any = None
    carry: bool = False


def continued(batches: Iterable[Any]) -> Iterator[LanguageBatch]:
    """Say of batches that each goes on where the one before ended; the first begins anew.

    Parameters
    ----------
    batches
        Pairs x, y, as ``stateful_batches`` of the text data gives them.

    Returns
    -------
    iterator
        The same batches with ``carry``. For a training write
        ``fit(model, lambda rng: continued(stateful_batches(ids, T, B)), ...)``: each epoch begins anew.
    """
    for k, batch in enumerate(batches):
        yield as_batch(LanguageBatch, batch)._replace(carry=k > 0)


def sentences(sequences: Sequence[Sequence[int]], *, bos: int, eos: int) -> LanguageBatch:
    r"""Put sentences side by side, each read from its start and predicted to its end.

    :math:`\langle bos\rangle, s_1, \dots, s_n` is read, :math:`s_1, \dots, s_n, \langle eos\rangle` is to be
    predicted.

    Parameters
    ----------
    sequences
        B sentences as numbers of symbols, without start and end; one may be empty.
    bos, eos
        The symbols that stand before and after a sentence.

    Returns
    -------
    LanguageBatch
        Shapes ``(T, B)`` with T one more than the longest sentence has symbols.

    Examples
    --------
    >>> batch = sentences([[5, 6], []], bos=0, eos=1)
    >>> batch.x.T.tolist(), batch.y.T.tolist(), batch.lengths.tolist()
    ([[0, 5, 6], [0, 0, 0]], [[5, 6, 1], [1, 0, 0]], [3, 1])
    """
    whole = [[bos, *(int(s) for s in sequence), eos] for sequence in sequences]
    x, lengths = pad([sentence[:-1] for sentence in whole])
    y, _ = pad([sentence[1:] for sentence in whole])
    return LanguageBatch(x, y, lengths)
