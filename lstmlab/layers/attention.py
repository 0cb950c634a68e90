"""Attention: a decoder reads all states of an encoder, each as much as it fits.

Arrays come and go as ``(T, B, n)``. Inside, the sequences stand first, as in
:mod:`lstmlab.layers.scores`, where the equations are. Keys and values are the same here: the encoder's
states h_s.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from lstmlab.arguments import check_mask
from lstmlab.backend import namespace
from lstmlab.cells.gradients import weight_gradient
from lstmlab.checks import check_array, check_size
from lstmlab.functions import softmax_backward
from lstmlab.initializers import generator, uniform
from lstmlab.layers.base import Layer, columns
from lstmlab.layers.scores import (
    additive_delta,
    additive_hidden,
    additive_scores,
    attention_weights,
    batch_first,
    context,
    dot_key_gradient,
    dot_query_gradient,
    dot_scores,
    value_gradient,
    weights_gradient,
)
from lstmlab.parameters import Parameters
from lstmlab.typing import Array, Namespace
from lstmlab.unroll import length_mask


class AttentionTrace(NamedTuple):
    """What attention stores for the backward pass.

    Attributes
    ----------
    queries, keys
        The inputs, ``(T_q, B, n_q)`` and ``(S, B, n_k)``.
    weights
        :math:`\\alpha_{t,s}` as ``(B, T_q, S)``: a matrix for each sequence, whose rows sum to 1.
    u
        Hidden layer of the additive score, ``(B, T_q, S, n_a)``; ``None`` in the dot product's.
    """

    queries: Array
    keys: Array
    weights: Array
    u: Array | None


class Attention(Layer):
    """What the two kinds share: checking, softmax, context, and their mirrors."""

    n_q: int | None = None
    n_k: int | None = None

    def forward(
        self, queries: Array, keys: Array, mask: Array | None = None, *, lengths: Sequence[int] | None = None
    ) -> tuple[Array, AttentionTrace]:
        """Read the encoder's states for each query.

        Parameters
        ----------
        queries
            The decoder's states, ``(T_q, B, n_q)``.
        keys
            The encoder's states, ``(S, B, n_k)``; they are the values too.
        mask
            Booleans ``(S, B)``, True where there is something to read.
        lengths
            Instead of ``mask``: B lengths of the encoder's sequences, whole numbers from 1 to S.

        Returns
        -------
        context, trace
            Shape ``(T_q, B, n_k)``, and what :meth:`backward` needs; the weights are
            ``trace.weights``, ``(B, T_q, S)``.

        Raises
        ------
        TypeError, ValueError
            If an array has the wrong library, dtype or shape, is empty, or is not finite, a sequence
            has nothing to read, or both ``mask`` and ``lengths`` are given.
        """
        like = self.params.flat
        check_array("queries", queries, ("T_q", "B", self.n_q or "n"), like)
        _, B, n_q = queries.shape
        check_array("keys", keys, ("S", B, self.n_k or n_q), like)
        S = keys.shape[0]
        if lengths is not None:
            if mask is not None:
                raise ValueError("mask, lengths: expected one of the two, got both")
            mask = length_mask(lengths, S, B, like)[..., 0] > 0.5
        if mask is not None:
            check_mask(mask, (S, B))

        Q, H = batch_first(queries), batch_first(keys)
        e, u = self._scores(Q, H)
        alpha = attention_weights(e, mask)
        c = context(alpha, H)
        return batch_first(c), AttentionTrace(queries, keys, alpha, u)

    def backward(self, dcontext: Array, trace: AttentionTrace, grads: Parameters) -> tuple[Array, Array]:
        """Mirror of :meth:`forward`.

        Parameters
        ----------
        dcontext
            Shape ``(T_q, B, n_k)``.
        trace
            What :meth:`forward` stored.
        grads
            Added into.

        Returns
        -------
        dqueries, dkeys
            Shaped as the inputs. A key's gradient has two parts: as a value in the context, and as a
            key in the scores.

        Raises
        ------
        TypeError, ValueError
            If ``dcontext`` does not fit the forward pass.
        """
        shape = (*trace.queries.shape[:2], trace.keys.shape[2])
        check_array("dcontext", dcontext, shape, self.params.flat)
        Q, H, alpha = batch_first(trace.queries), batch_first(trace.keys), trace.weights
        dc = batch_first(dcontext)

        dalpha = weights_gradient(dc, H)
        dH_value = value_gradient(dc, alpha)
        de = softmax_backward(dalpha, alpha)
        dQ, dH_key = self._scores_back(de, Q, H, trace.u, grads)
        return batch_first(dQ), batch_first(dH_value + dH_key)

    def _scores(self, Q: Array, H: Array) -> tuple[Array, Array | None]:
        raise NotImplementedError

    def _scores_back(
        self, de: Array, Q: Array, H: Array, u: Array | None, grads: Parameters
    ) -> tuple[Array, Array]:
        raise NotImplementedError


class DotAttention(Attention):
    r"""Attention by the dot product, :math:`e_{t,s} = q_t^\top h_s`.

    It has no parameters; queries and keys have the same width.

    Parameters
    ----------
    scaled
        Whether the scores are divided by :math:`\sqrt n`, which keeps their variance at 1 for wide
        states with entries of variance 1.
    dtype
        ``"float64"`` or ``"float32"``.
    xp
        Array library; ``None`` takes ``lstmlab.xp``.

    Raises
    ------
    ValueError
        If the dtype is not as above.

    References
    ----------
    Luong, Pham and Manning (2015); Vaswani et al. (2017) for the scale.
    """

    def __init__(self, scaled: bool = False, *, dtype: str = "float64", xp: Namespace | None = None) -> None:
        self.scaled = bool(scaled)
        super().__init__({}, dtype=dtype, xp=xp)

    def _scale(self, n: int) -> float:
        return float(n) ** -0.5 if self.scaled else 1.0

    def _scores(self, Q: Array, H: Array) -> tuple[Array, None]:
        return self._scale(Q.shape[2]) * dot_scores(Q, H), None

    def _scores_back(
        self, de: Array, Q: Array, H: Array, u: Array | None, grads: Parameters
    ) -> tuple[Array, Array]:
        de = self._scale(Q.shape[2]) * de
        return dot_query_gradient(de, H), dot_key_gradient(de, Q)


class AdditiveAttention(Attention):
    r"""Attention by a small network, :math:`e_{t,s} = v^\top \tanh(W_q q_t + W_k h_s)`.

    Parameters
    ----------
    n_q, n_k
        Widths of the queries and of the keys.
    n_a
        Width of the hidden layer.
    rng
        Seed or :class:`numpy.random.Generator` of the first weights, each drawn from U(-1/√n, 1/√n)
        with n the width of what it multiplies.
    dtype
        ``"float64"`` or ``"float32"``.
    xp
        Array library; ``None`` takes ``lstmlab.xp``.

    Attributes
    ----------
    params
        ``W_q``, ``(n_a, n_q)``, ``W_k``, ``(n_a, n_k)``, and ``v``, ``(n_a,)``.

    Raises
    ------
    ValueError, TypeError
        If a size, the dtype or ``rng`` is not as above.

    References
    ----------
    Bahdanau, Cho and Bengio (2015). Their query is the decoder's state *before* the step, Luong's the
    state after it; which one is passed is the model's business.
    """

    n_q: int
    n_k: int

    def __init__(
        self,
        n_q: int,
        n_k: int,
        n_a: int,
        *,
        rng: int | np.random.Generator = 0,
        dtype: str = "float64",
        xp: Namespace | None = None,
    ) -> None:
        self.n_q, self.n_k, self.n_a = check_size("n_q", n_q), check_size("n_k", n_k), check_size("n_a", n_a)
        rng = generator(rng)
        values = {
            "W_q": uniform(rng, (self.n_a, self.n_q), self.n_q**-0.5),
            "W_k": uniform(rng, (self.n_a, self.n_k), self.n_k**-0.5),
            "v": uniform(rng, (self.n_a,), self.n_a**-0.5),
        }
        super().__init__(values, dtype=dtype, xp=xp)

    def _scores(self, Q: Array, H: Array) -> tuple[Array, Array]:
        u = additive_hidden(self.params["W_q"], self.params["W_k"], Q, H)
        return additive_scores(self.params["v"], u), u

    def _scores_back(
        self, de: Array, Q: Array, H: Array, u: Array | None, grads: Parameters
    ) -> tuple[Array, Array]:
        xp = namespace(de)
        delta = additive_delta(de, self.params["v"], u)
        delta_q, delta_k = xp.sum(delta, axis=2), xp.sum(delta, axis=1)
        grads["v"] += columns(u) @ xp.reshape(de, (-1,))
        grads["W_q"] += weight_gradient(columns(delta_q), columns(Q))
        grads["W_k"] += weight_gradient(columns(delta_k), columns(H))
        return delta_q @ self.params["W_q"], delta_k @ self.params["W_k"]
