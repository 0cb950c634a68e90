"""Writing with a trained encoder-decoder: the best symbol each time, or the best few texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lstmlab.arguments import check_positive
from lstmlab.backend import device, namespace, to_numpy
from lstmlab.checks import check_size
from lstmlab.functions import log_softmax
from lstmlab.typing import Array

if TYPE_CHECKING:
    from lstmlab.models.seq2seq import Seq2Seq


class Written(NamedTuple):
    """What :func:`greedy` returns.

    Attributes
    ----------
    tokens
        Symbols ``(steps, B)``; after a sequence's end, the end symbol again.
    log_p
        Logarithm of each sequence's probability, its end symbol included, host array ``(B,)``.
    lengths
        Symbols of each, its end symbol included, host array ``(B,)``.
    weights
        Attention weights ``(B, steps, S)``, or ``None`` without attention.
    """

    tokens: Array
    log_p: np.ndarray[Any, Any]
    lengths: np.ndarray[Any, Any]
    weights: Array | None


class Hypothesis(NamedTuple):
    """One text of :func:`beam_search`.

    Attributes
    ----------
    tokens
        Its symbols, the end symbol included if it came to an end.
    score
        What it was ranked by.
    log_p
        Logarithm of its probability.
    weights
        Attention weights, host array ``(T, S)``, or ``None`` without attention.
    """

    tokens: tuple[int, ...]
    score: float
    log_p: float
    weights: np.ndarray[Any, Any] | None


def greedy(model: Seq2Seq, x: Array, steps: int, lengths: Sequence[int] | None = None) -> Written:
    r"""Write the likeliest next symbol, :math:`\hat y_t = \arg\max_k p(k \mid \hat y_{<t}, x)`, and read it.

    Implements :eq:`eq-greedy`.

    Parameters
    ----------
    model
        An encoder-decoder; noise is switched off while it writes.
    x
        Symbols ``(S, B)``.
    steps
        How many symbols to write; fewer for a sequence that ends.
    lengths
        Number of symbols of each source.

    Returns
    -------
    Written
        ``tokens``, ``log_p``, ``lengths``, ``weights``.

    Raises
    ------
    TypeError, ValueError
        If ``x`` or ``lengths`` does not fit the model, or ``steps`` is not a positive whole number.
    """
    steps, tokens, weights, scores = check_size("steps", steps), [], [], []
    with model.evaluation():
        encoded = model.encode(x, lengths)
        xp = namespace(encoded.memory.h)
        B, state = encoded.memory.h.shape[1], encoded.state
        y_t, ended = start_symbols(model, B), xp.zeros_like(encoded.memory.h[0, :, 0]) > 1.0
        for _ in range(steps):
            decoded = model.decode(y_t, state, encoded.memory)
            log_p, state = log_softmax(decoded.logits), decoded.state
            y_t = xp.argmax(log_p, axis=-1)
            best = xp.max(log_p[0, ...], axis=-1)
            if model.end is not None:
                y_t = xp.where(ended[None, :], xp.full_like(y_t, model.end), y_t)
            scores.append(to_numpy(xp.where(ended, xp.zeros_like(best), best)))
            tokens.append(y_t)
            weights.append(decoded.weights)
            if model.end is not None:
                ended = ended | (y_t[0, :] == model.end)
    written = xp.concat(tokens, axis=0)
    seen = None if weights[0] is None else xp.concat(weights, axis=1)
    return Written(written, np.sum(scores, axis=0), ends(to_numpy(written), model.end), seen)


def beam_search(
    model: Seq2Seq,
    x: Array,
    steps: int,
    width: int,
    lengths: Sequence[int] | None = None,
    *,
    length_power: float = 0.0,
) -> list[list[Hypothesis]]:
    r"""Keep the best few beginnings of a text instead of one.

    At each step every beginning is extended by every symbol and the ``width`` likeliest are kept; those
    that have ended are set aside, and the search goes on until none of the others can still be among the
    best. A text of n symbols is ranked by :math:`\log p(y \mid x)\,/\,n^a`: without division (a = 0) every
    further symbol costs, and short texts win; a = 1 is the mean for each symbol.

    Parameters
    ----------
    model
        An encoder-decoder; noise is switched off while it writes.
    x
        Symbols ``(S, B)``.
    steps
        Largest number of symbols, the end symbol included.
    width
        Beginnings kept. With 1 this is :func:`greedy`; with as many as there are texts, the best text is
        found for certain.
    lengths
        Number of symbols of each source.
    length_power
        a, from 0.

    Returns
    -------
    list
        For each sequence up to ``width`` hypotheses, the best first. Texts cut off at ``steps`` are among
        them.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as above.

    References
    ----------
    Graves (2012); Sutskever, Vinyals and Le (2014); Wu et al. (2016) divide by :math:`((5+n)/6)^a`.
    """
    steps, width = check_size("steps", steps), check_size("width", width)
    power = check_positive("length_power", length_power, zero=True)
    with model.evaluation():
        encoded = model.encode(x, lengths)
        return [beam_of_one(model, encoded, b, steps, width, power) for b in range(encoded.memory.h.shape[1])]


def beam_of_one(
    model: Seq2Seq, encoded: Any, b: int, steps: int, width: int, power: float
) -> list[Hypothesis]:
    """Search for sequence b; the live hypotheses are the batch.

    Implements :eq:`eq-beam`.
    """
    live, ended = [Hypothesis((), 0.0, 0.0, None)], list[Hypothesis]()
    parents, y_t, state = [b], start_symbols(model, 1), encoded.state
    for n in range(1, steps + 1):
        state = type(state)(*(rows(a, parents) for a in state))
        memory = type(encoded.memory)(*(rows(a, [b] * len(live), axis=1) for a in encoded.memory))
        decoded = model.decode(y_t, state, memory)
        state, weights = decoded.state, None if decoded.weights is None else to_numpy(decoded.weights)
        log_p = to_numpy(log_softmax(decoded.logits))[0] + np.array([[h.log_p] for h in live])
        best = np.argsort(-log_p, axis=None, kind="stable")[:width].tolist()
        made = [divmod(place, model.n_target) for place in best]
        grown = [(p, extend(live[p], k, float(log_p[p, k]), weights, p, power)) for p, k in made]
        ended += [h for _, h in grown if h.tokens[-1] == model.end or n == steps]
        going_on = [(p, h) for p, h in grown if h.tokens[-1] != model.end]
        ended = sorted(ended, key=lambda h: -h.score)[:width]
        if not going_on:
            break
        # A log-probability only falls, and is divided by steps^a at the most.
        reach = max(h.log_p for _, h in going_on) / steps**power
        if len(ended) == width and ended[-1].score >= reach:
            break
        parents, live = [p for p, _ in going_on], [h for _, h in going_on]
        y_t = symbols(model, [h.tokens[-1] for h in live])
    return ended


def extend(h: Hypothesis, k: int, log_p: float, weights: Any, p: int, power: float) -> Hypothesis:
    """Return a hypothesis with one more symbol and one more row of attention weights.

    Implements :eq:`eq-length-score`.
    """
    tokens = (*h.tokens, k)
    if weights is not None:
        weights = weights[p] if h.weights is None else np.concatenate([h.weights, weights[p]])
    return Hypothesis(tokens, log_p / len(tokens) ** power, log_p, weights)


def exact_match(tokens: Array, y: Array, lengths: Sequence[int] | None = None) -> float:
    """Share of the texts without a mistake.

    Implements :eq:`eq-exact-match`.

    Parameters
    ----------
    tokens
        What was written, ``(at least T, B)``.
    y
        What was wanted, ``(T, B)``.
    lengths
        Number of symbols of each target; what comes later does not count.

    Returns
    -------
    float
        From 0 to 1.

    Raises
    ------
    ValueError
        If there are fewer symbols than wanted, or another number of texts.
    """
    written, wanted = to_numpy(tokens), to_numpy(y)
    if written.ndim != 2 or written.shape[1:] != wanted.shape[1:] or len(written) < len(wanted):
        raise ValueError(f"tokens: expected at least {wanted.shape} symbols, got {written.shape}")
    counts = np.full(wanted.shape[1], len(wanted)) if lengths is None else np.asarray(lengths)
    right = (written[: len(wanted)] == wanted) | (np.arange(len(wanted))[:, None] >= counts)
    return float(right.all(axis=0).mean())


def start_symbols(model: Seq2Seq, B: int) -> Array:
    """Return what a decoder reads first, ``(1, B)``."""
    return symbols(model, [model.start] * B)


def symbols(model: Seq2Seq, tokens: Sequence[int]) -> Array:
    """Return symbols as one step, ``(1, B)``, beside the parameters."""
    return namespace(model.like).asarray(np.array([tokens], dtype=np.int64), device=device(model.like))


def rows(a: Array | None, places: Sequence[int], axis: int = 0) -> Array | None:
    """Return some sequences of an array, in the order of ``places``."""
    if a is None:
        return None
    xp = namespace(a)
    return xp.take(a, xp.asarray(np.array(places, dtype=np.int64), device=device(a)), axis=axis)


def ends(tokens: np.ndarray[Any, Any], end: int | None) -> np.ndarray[Any, Any]:
    """Return the number of symbols of each text, up to its first end symbol or all."""
    stops = np.zeros(tokens.shape, dtype=bool) if end is None else tokens == end
    return np.where(stops.any(axis=0), stops.argmax(axis=0) + 1, len(tokens))
