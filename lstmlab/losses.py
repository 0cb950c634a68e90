"""Losses: a number to make small, and its gradient. Both are means over what the mask lets count."""

from __future__ import annotations

import math

from lstmlab.arguments import check_floats, check_mask
from lstmlab.backend import namespace
from lstmlab.checks import check_array
from lstmlab.functions import log_softmax, one_hot
from lstmlab.typing import Array


def cross_entropy(logits: Array, targets: Array, mask: Array | None = None) -> tuple[float, Array]:
    r"""Cross-entropy of the right classes, :math:`L = -\frac1N\sum_t \log p_{t,y_t}`, in nats.

    With :math:`p_t = \operatorname{softmax}(a_t)` the gradient is
    :math:`\partial L/\partial a_t = (p_t - e_{y_t})/N`, where :math:`e_y` is the unit vector of class y
    and N the number of places that count.

    Parameters
    ----------
    logits
        Scores a, shape ``(..., K)``.
    targets
        Whole numbers from 0 to K - 1, shape ``(...)``. Where the mask is False anything may stand.
    mask
        Booleans of the shape of ``targets``: which places count. ``None`` counts all.

    Returns
    -------
    loss, dlogits
        The mean over the places that count, and its gradient, shape ``(..., K)``, zero elsewhere.

    Raises
    ------
    TypeError, ValueError
        If an array has the wrong library, dtype or shape, is empty, or is not finite, a target is out
        of range, or no place counts.
    """
    shape = check_floats("logits", logits)
    if not shape:
        raise ValueError("logits: expected shape (..., K), got ()")
    if hasattr(targets, "shape") and tuple(targets.shape) != shape[:-1]:
        raise ValueError(f"targets: expected shape {shape[:-1]}, got {tuple(targets.shape)}")
    counts, N = counted(mask, logits[..., 0])
    if mask is not None and hasattr(targets, "shape"):
        xp = namespace(targets, mask)
        targets = xp.where(mask, targets, xp.zeros_like(targets))

    xp = namespace(logits)
    log_p = log_softmax(logits)
    e_y = one_hot(targets, shape[-1], logits, "targets")
    counts = counts[..., None]
    loss = -float(xp.sum(counts * e_y * log_p)) / N
    return loss, counts * (xp.exp(log_p) - e_y) / N


def mean_squared_error(prediction: Array, target: Array, mask: Array | None = None) -> tuple[float, Array]:
    r"""Mean squared error, :math:`L = \frac1N\sum (\hat y - y)^2`.

    The gradient is :math:`\partial L/\partial\hat y = 2(\hat y - y)/N`; N counts single numbers, not
    vectors.

    Parameters
    ----------
    prediction, target
        Arrays of one shape.
    mask
        Booleans of that shape, or of that shape without its last axis: which numbers count. ``None``
        counts all.

    Returns
    -------
    loss, dprediction
        The mean over the numbers that count, and its gradient, zero elsewhere.

    Raises
    ------
    TypeError, ValueError
        If an array has the wrong library, dtype or shape, is empty, or is not finite, or nothing counts.
    """
    shape = check_floats("prediction", prediction)
    check_array("target", target, shape, prediction)
    if mask is not None and tuple(getattr(mask, "shape", shape)) == shape[:-1] != shape:
        mask = namespace(mask).broadcast_to(mask[..., None], shape)
    counts, N = counted(mask, prediction)
    error = counts * (prediction - target)
    return float(namespace(error).sum(error * error)) / N, 2.0 * error / N


def bits(nats: float) -> float:
    r"""Convert nats into bits, :math:`L_2 = L/\ln 2`: bits per character of a mean cross-entropy.

    Parameters
    ----------
    nats
        A loss of :func:`cross_entropy`.

    Returns
    -------
    float
        The same loss with logarithms to base 2.

    Examples
    --------
    >>> import math
    >>> bits(math.log(8))
    3.0
    """
    return nats / math.log(2.0)


def word_perplexity(bits_per_character: float, characters_per_word: float) -> float:
    r"""Convert bits per character into a perplexity per word, :math:`2^{L_2\,\bar n}`.

    Implements :eq:`eq-word-perplexity`. A word of :math:`\bar n` characters on average costs
    :math:`L_2\,\bar n` bits. Both models must spell the same text: a model of words that may say "unknown"
    has not spelled what it did not know.

    Parameters
    ----------
    bits_per_character
        :math:`L_2`, as :func:`bits` gives it.
    characters_per_word
        :math:`\bar n`: characters of the text divided by its words, so with whatever stands between words.

    Returns
    -------
    float
        The number of equally likely words that would be as hard to guess.

    Examples
    --------
    >>> round(word_perplexity(1.2, 5.6), 1)
    105.4
    """
    return float(2.0 ** (bits_per_character * characters_per_word))


def counted(mask: Array | None, like: Array) -> tuple[Array, int]:
    """Return 1 where the mask counts and 0 elsewhere, shaped as ``like``, and how many count."""
    xp = namespace(like)
    if mask is None:
        return xp.ones_like(like), math.prod(like.shape)
    check_mask(mask, tuple(like.shape))
    N = int(xp.sum(xp.astype(mask, xp.int64)))
    if N == 0:
        raise ValueError("mask: expected at least one True, got none")
    return xp.astype(mask, like.dtype), N
