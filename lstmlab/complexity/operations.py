"""How many parameters a cell has, and how many operations a step takes: the formulas.

One σ or tanh counts as one operation, as do one product and one sum of two numbers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from lstmlab.checks import check_size
from lstmlab.typing import Cell


@dataclass(frozen=True)
class Counts:
    """Numbers of operations; two can be added, and one can be multiplied by a number of steps.

    Attributes
    ----------
    macs
        Multiply-accumulates in matrix products: m·k·n for (m, k) by (k, n).
    products, sums
        Element by element; a difference is a sum. Sums along an axis are here too.
    sigmoid, tanh
        Evaluations.
    other
        Every other operation on numbers: division, exponential, maximum, change of sign.
    """

    macs: int = 0
    products: int = 0
    sums: int = 0
    sigmoid: int = 0
    tanh: int = 0
    other: int = 0

    @property
    def matrix_flops(self) -> int:
        """Floating-point operations of the matrix products, a product and a sum for each of ``macs``."""
        return 2 * self.macs

    @property
    def elementwise(self) -> int:
        """All operations outside matrix products."""
        return self.products + self.sums + self.sigmoid + self.tanh + self.other

    @property
    def flops(self) -> int:
        """Everything together."""
        return self.matrix_flops + self.elementwise

    def __add__(self, more: Counts) -> Counts:
        return Counts(*(getattr(self, f.name) + getattr(more, f.name) for f in fields(self)))

    def __mul__(self, times: int) -> Counts:
        return Counts(*(times * getattr(self, f.name) for f in fields(self)))


def parameters_by_gate(cell: Cell) -> dict[str, int]:
    r"""Number of parameters of each gate, :math:`n_h(n_h+n_x+1)` for every gate of the LSTM.

    Implements :eq:`eq-gate-parameters`.

    Parameters
    ----------
    cell
        Any cell; a parameter belongs to the gate that its name ends with: ``W_f``, ``b_f`` and the
        peephole ``W_cf`` to f.

    Returns
    -------
    dict
        Gate to number, in the order of the parameters; ``W`` and ``b`` without a gate belong to h.
    """
    gates = {name.removeprefix("b_") for name in cell.params if name.startswith("b_")}
    counts: dict[str, int] = {}
    for name, array in cell.params.items():
        ending = name.partition("_")[2] or "h"
        gate = ending[-1] if ending[-1] in gates else ending
        counts[gate] = counts.get(gate, 0) + math.prod(array.shape)
    return counts


def matrix_macs(cell: Cell, B: int = 1) -> int:
    r"""Multiply-accumulates of one step forward, :math:`B \sum_W \text{rows}\cdot\text{columns}`.

    Implements :eq:`eq-matrix-macs`, for any cell in which each weight matrix meets one vector a step. A
    step back costs twice that, one product for the gradient of the matrix and one for the gradient of the
    vector, and once more each product that is computed again instead of stored.

    Parameters
    ----------
    cell
        Its matrices are its parameters with two axes.
    B
        Number of sequences.

    Returns
    -------
    int
        For the LSTM :math:`4Bn_h(n_h+n_x)`.
    """
    return sum(B * math.prod(W.shape) for W in cell.params.values() if W.ndim == 2)


def lstm_elementwise(n_h: int) -> Counts:
    r"""Element-wise work of one step of one LSTM, :math:`9n_h`, biases not counted.

    Implements :eq:`eq-lstm-elementwise`: three σ and a tanh for the gates and the candidate; two products
    and a sum for :math:`C_t`; a tanh and a product for :math:`h_t`. The four bias additions make it
    :math:`13n_h`.

    Parameters
    ----------
    n_h
        Size of the hidden state.

    Returns
    -------
    Counts
        Of one sequence.
    """
    return Counts(products=3 * n_h, sums=n_h, sigmoid=3 * n_h, tanh=2 * n_h)


def lstm_forward(n_x: int, n_h: int, *, T: int = 1, B: int = 1) -> Counts:
    r"""Operations of an LSTM forward: :math:`4n_h(n_h+n_x)` multiply-accumulates a step, and :math:`13n_h`.

    Implements :eq:`eq-lstm-forward`. Twice the multiply-accumulates are the floating-point operations,
    :math:`8n_h(n_h+n_x)`; an inner product of k terms has only k-1 sums, but the bias adds one.

    Parameters
    ----------
    n_x, n_h
        Sizes of input and hidden state.
    T, B
        Numbers of steps and of sequences.

    Returns
    -------
    Counts
        Of inference, or of the first half of training.
    """
    products = Counts(macs=4 * n_h * (n_h + n_x))
    biases = Counts(sums=4 * n_h)
    return (products + biases + lstm_elementwise(n_h)) * (T * B)


def lstm_backward(n_x: int, n_h: int, *, T: int = 1, B: int = 1) -> Counts:
    r"""Operations of backpropagation through an LSTM: two matrix products for each one forward.

    Implements :eq:`eq-lstm-backward`. Counted as the package computes it: h_0 gets its gradient too, tanh
    C is computed again, and Python's ``sum`` begins with zero.

    Parameters
    ----------
    n_x, n_h
        Sizes of input and hidden state.
    T, B
        Numbers of steps and of sequences.

    Returns
    -------
    Counts
        Without the forward pass.
    """
    n_z = n_h + n_x
    products = Counts(macs=2 * 4 * n_h * n_z)
    total_dh = Counts(sums=n_h)
    do = Counts(products=n_h, tanh=n_h)
    dC = Counts(products=3 * n_h, sums=2 * n_h, tanh=n_h)
    df_di_dC_tilde_dC_prev = Counts(products=4 * n_h)
    deltas = Counts(products=4 * 2 * n_h, sums=4 * n_h)
    dz = Counts(sums=4 * n_z)
    db = Counts(sums=4 * n_h)
    one = products + total_dh + do + dC + df_di_dC_tilde_dC_prev + deltas + dz + db
    dW_over_time = Counts(sums=4 * n_h * n_z)
    return one * (T * B) + dW_over_time * T


def rnn_forward(n_x: int, n_h: int, *, T: int = 1, B: int = 1) -> Counts:
    r"""Operations of the plain network forward: :math:`n_h(n_h+n_x)` multiply-accumulates, and :math:`2n_h`.

    Implements :eq:`eq-rnn-forward`.

    Parameters
    ----------
    n_x, n_h
        Sizes of input and hidden state.
    T, B
        Numbers of steps and of sequences.

    Returns
    -------
    Counts
        A quarter of the LSTM's matrix products.
    """
    return Counts(macs=n_h * (n_h + n_x), sums=n_h, tanh=n_h) * (T * B)


def rnn_backward(n_x: int, n_h: int, *, T: int = 1, B: int = 1) -> Counts:
    """Operations of backpropagation through the plain network.

    Implements :eq:`eq-rnn-backward`.

    Parameters
    ----------
    n_x, n_h
        Sizes of input and hidden state.
    T, B
        Numbers of steps and of sequences.

    Returns
    -------
    Counts
        Without the forward pass.
    """
    products = Counts(macs=2 * n_h * (n_h + n_x))
    total_dh, db = Counts(sums=n_h), Counts(sums=n_h)
    delta = Counts(products=2 * n_h, sums=n_h)
    dW_over_time = Counts(sums=n_h * (n_h + n_x))
    return (products + total_dh + delta + db) * (T * B) + dW_over_time * T


def attention_forward(n: int, *, T_q: int, S: int, B: int = 1) -> Counts:
    r"""Operations of dot-product attention forward, :math:`2\,T_q S n` multiply-accumulates.

    Implements :eq:`eq-attention-cost`: n for each score, n for each pair's share of the context. Element
    by element, a score is compared, lowered by the row's largest, put through the exponential, added up
    and divided. Streaming does the same products. Neither a scale of the scores nor the matrices that
    make queries, keys and values out of inputs are in it.

    Parameters
    ----------
    n
        Width of queries, keys and values.
    T_q, S
        Numbers of queries and of keys; to generate one more symbol, T_q is 1.
    B
        Number of sequences.

    Returns
    -------
    Counts
        Quadratic in the length where T_q = S.
    """
    scores = T_q * S
    return Counts(macs=2 * scores * n, sums=2 * scores - T_q, other=3 * scores - T_q) * B


def checkpoint_work(T: int, segment: int, *, keep_last: bool = False) -> float:
    r"""Work of a training with checkpoints in units of the plain one, :math:`1 + R/(3T)`.

    Implements :eq:`eq-checkpoint-work`. A step back takes the matrix products of two steps forward, so plain
    training of T steps costs 3T; R steps are run a second time, all T of them, as
    :func:`lstmlab.checkpointed` does, or all but those of the last segment.

    Parameters
    ----------
    T
        Number of steps.
    segment
        The steps S of a segment, from 1 to T.
    keep_last
        Whether the last segment is walked back as the forward pass left it, without running it again.

    Returns
    -------
    float
        4/3, or less with ``keep_last``.

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
    again = segment * (math.ceil(T / segment) - 1) if keep_last else T
    return 1.0 + again / (3 * T)
