"""Exact attention that never holds the matrix of all scores."""

from __future__ import annotations

import math

from lstmlab.arguments import check_floats, check_mask
from lstmlab.backend import namespace
from lstmlab.checks import check_array, check_size
from lstmlab.functions import masked_scores
from lstmlab.layers.scores import batch_first, dot_scores
from lstmlab.typing import Array


def streaming_attention(
    queries: Array,
    keys: Array,
    values: Array,
    mask: Array | None = None,
    *,
    scaled: bool = False,
    block: int = 64,
) -> Array:
    r"""Dot-product attention over blocks of keys, with a softmax that is corrected as it goes.

    Implements :eq:`eq-streaming`. For each query three things are kept: the largest score m so far, the sum
    :math:`\ell = \sum_s e^{e_s - m}` and the weighted values :math:`a = \sum_s e^{e_s - m} v_s`. When a
    block brings a larger score m', the old sums are multiplied by :math:`e^{m-m'}`. At the end
    :math:`c = a/\ell`, the same number as with all scores at once, up to rounding.

    Parameters
    ----------
    queries, keys
        Shapes ``(T_q, B, n)`` and ``(S, B, n)``.
    values
        Shape ``(S, B, n_v)``.
    mask
        Booleans ``(S, B)``, True where there is something to read.
    scaled
        Whether the scores are divided by :math:`\sqrt n`.
    block
        Number of keys taken together. The extra memory is of order ``B T_q block`` instead of
        ``B T_q S``; the work stays the same.

    Returns
    -------
    array
        Shape ``(T_q, B, n_v)``. There is no backward pass: this function shows what inference needs.

    Raises
    ------
    TypeError, ValueError
        If an array has the wrong library, dtype or shape, is empty, or is not finite, ``block`` is not
        a positive whole number, or a sequence has nothing to read.

    References
    ----------
    Milakov and Gimelshein (2018) for the softmax; Rabe and Staats (2021) for attention.
    """
    _, B, n = check_floats("queries", queries, ("T_q", "B", "n"))
    check_array("keys", keys, ("S", B, n), queries)
    S = keys.shape[0]
    check_array("values", values, (S, B, "n_v"), queries)
    block = check_size("block", block)
    if mask is not None:
        check_mask(mask, (S, B))

    xp = namespace(queries)
    Q, H, V = batch_first(queries), batch_first(keys), batch_first(values)
    Q = float(n) ** -0.5 * Q if scaled else Q
    top = xp.full_like(Q[:, :, :1], -math.inf)
    total = xp.zeros_like(top)
    a = xp.zeros_like(Q[:, :, :1] * V[:, :1, :])
    for s in range(0, S, block):
        here = slice(s, min(s + block, S))
        e = dot_scores(Q, H[:, here, :])
        if mask is not None:
            e = masked_scores(e, mask.T[:, None, here])
        new = xp.maximum(top, xp.max(e, axis=-1, keepdims=True))
        # While nothing has been readable the largest score is -inf, and -inf - (-inf) is not a number.
        safe = xp.where(xp.isfinite(new), new, xp.zeros_like(new))
        old, p = xp.exp(top - safe), xp.exp(e - safe)
        total = old * total + xp.sum(p, axis=-1, keepdims=True)
        a = old * a + p @ V[:, here, :]
        top = new
    if bool(xp.any(total == 0.0)):
        raise ValueError("mask: expected at least one True for each sequence, got a sequence without")
    return batch_first(a / total)
