"""What an encoder-decoder learns from, and what its decoder reads meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from lstmlab.backend import namespace
from lstmlab.typing import Array


class Seq2SeqBatch(NamedTuple):
    """What is read, and what is to be written.

    Attributes
    ----------
    x
        Symbols of the source, whole numbers ``(S, B)``.
    y
        Symbols of the target, ``(T, B)``, *not* shifted: the model puts its start symbol in front.
    x_lengths, y_lengths
        Number of symbols of each sequence; what follows does not count. ``None``: S, T for all.
    """

    x: Array
    y: Array
    x_lengths: Sequence[int] | None = None
    y_lengths: Sequence[int] | None = None


def shifted(y: Array, start: int) -> Array:
    r"""What the decoder reads under teacher forcing, :math:`[\text{start}, y_1, \dots, y_{T-1}]`.

    Implements :eq:`eq-shifted`.

    Parameters
    ----------
    y
        Symbols ``(T, B)``.
    start
        The first symbol read.

    Returns
    -------
    array
        Shape ``(T, B)``: row t holds what stands before :math:`y_t`.
    """
    xp = namespace(y)
    return xp.concat([xp.full_like(y[:1, ...], start), y[:-1, ...]], axis=0)
