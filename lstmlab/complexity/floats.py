"""How many floats a run stores: for the way back, for inference, and with checkpoints."""

from __future__ import annotations

import math

from lstmlab.checks import check_size
from lstmlab.typing import Cell


def lstm_stored_floats(n_x: int, n_h: int, *, T: int = 1, B: int = 1, each_once: bool = False) -> int:
    r"""Floats that the way back needs: :math:`TB(n_x+8n_h)` in a trace of this package.

    Implements :eq:`eq-lstm-floats`, with ``each_once``: :math:`TB(n_x+6n_h)+2Bn_h`, for x, f, i, C̃, C, o, h
    and the initial state. In a trace :math:`h_{t-1}` and :math:`C_{t-1}` stand a second time. The
    order is O(T n_h) for a fixed batch either way, and that is training: see :func:`state_floats`.

    Parameters
    ----------
    n_x, n_h
        Sizes of input and hidden state.
    T, B
        Numbers of steps and of sequences.
    each_once
        Whether to count each number once.

    Returns
    -------
    int
        Times 8 bytes in float64, 4 in float32.
    """
    if each_once:
        return T * B * (n_x + 6 * n_h) + 2 * B * n_h
    return T * B * (n_x + 8 * n_h)


def rnn_stored_floats(n_x: int, n_h: int, *, T: int = 1, B: int = 1, each_once: bool = False) -> int:
    r"""Floats that the way back needs: :math:`TB(n_x+2n_h)`, or each once :math:`TB(n_x+n_h)+Bn_h`.

    Implements :eq:`eq-rnn-floats`, with ``each_once``.

    Parameters
    ----------
    n_x, n_h, T, B, each_once
        As for :func:`lstm_stored_floats`.

    Returns
    -------
    int
        For the plain network.
    """
    if each_once:
        return T * B * (n_x + n_h) + B * n_h
    return T * B * (n_x + 2 * n_h)


def attention_stored_floats(n: int, *, T_q: int, S: int, B: int = 1) -> int:
    r"""Floats that the way back through dot-product attention needs, :math:`B(T_q S + T_q n + S n)`.

    Implements :eq:`eq-attention-floats`: the weights, the queries and the keys. The weights grow with the
    square of the length; they need not be held at all, see :func:`lstmlab.streaming_attention`.

    Parameters
    ----------
    n
        Width of queries and keys.
    T_q, S
        Numbers of queries and of keys.
    B
        Number of sequences.

    Returns
    -------
    int
        Times 8 bytes in float64, 4 in float32.
    """
    return B * (T_q * S + T_q * n + S * n)


def state_floats(cell: Cell, B: int = 1) -> int:
    """Floats that inference carries from step to step: the state, however long the sequence.

    Implements :eq:`eq-state-floats`.

    Parameters
    ----------
    cell
        Any cell.
    B
        Number of sequences.

    Returns
    -------
    int
        2 B n_h for the LSTM.
    """
    return B * sum(cell.state_sizes)


def checkpoint_floats(T: int, segment: int, *, state: int, step: int) -> int:
    r"""Most floats held at once with checkpoints, :math:`\lceil T/S\rceil\,s + S\,k`.

    Implements :eq:`eq-checkpoint-floats`. The state before each segment of S steps is kept, and what S
    steps store while one segment is walked back. Inputs and hidden states of the whole sequence, which
    belong to the caller, come on top.

    Parameters
    ----------
    T
        Number of steps.
    segment
        The steps S of a segment, from 1 to T.
    state
        Floats s of one state: :func:`state_floats`.
    step
        Floats k that one step stores, such as :func:`lstm_stored_floats` at T = 1.

    Returns
    -------
    int
        Of the order of √T where S is.

    Raises
    ------
    ValueError
        If a size is not a positive whole number, or the segment is longer than the sequence.

    References
    ----------
    Chen, Xu, Zhang and Guestrin (2016).
    """
    if check_size("segment", segment) > check_size("T", T):
        raise ValueError(f"segment: expected at most T = {T} steps, got {segment}")
    return math.ceil(T / segment) * state + segment * step


def best_segment(T: int, *, state: int, step: int) -> float:
    r"""The segment for which :func:`checkpoint_floats` is least, :math:`S^* = \sqrt{T s/k}`.

    Implements :eq:`eq-best-segment`. It grows as √T, but is not √T: a step of the LSTM stores several times
    what its state holds, so shorter segments are better.

    Parameters
    ----------
    T, state, step
        As for :func:`checkpoint_floats`.

    Returns
    -------
    float
        To be rounded; between 1 and T.
    """
    return min(float(T), max(1.0, math.sqrt(T * state / step)))
