"""The embedding: a vector for each symbol."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from lstmlab.arguments import check_tokens
from lstmlab.backend import namespace
from lstmlab.cells.gradients import weight_gradient
from lstmlab.checks import check_array, check_size
from lstmlab.functions import one_hot
from lstmlab.initializers import generator, normal
from lstmlab.layers.base import Layer, columns
from lstmlab.parameters import Parameters
from lstmlab.typing import Array, Namespace


class EmbeddingTrace(NamedTuple):
    """What an embedding stores for the backward pass: its tokens, any shape."""

    tokens: Array


class Embedding(Layer):
    r"""Look up a vector for each symbol, :math:`y = E^\top e_k`: row k of E, for symbol k.

    Parameters
    ----------
    n_tokens, n
        Number of symbols, and size of their vectors.
    rng
        Seed or :class:`numpy.random.Generator` of the first vectors, drawn from N(0, 1).
    dtype
        ``"float64"`` or ``"float32"``.
    xp
        Array library; ``None`` takes ``lstmlab.xp``.

    Attributes
    ----------
    params
        ``E``, ``(n_tokens, n)``.

    Raises
    ------
    ValueError, TypeError
        If a size, the dtype or ``rng`` is not as above.
    """

    def __init__(
        self,
        n_tokens: int,
        n: int,
        *,
        rng: int | np.random.Generator = 0,
        dtype: str = "float64",
        xp: Namespace | None = None,
    ) -> None:
        self.n_tokens, self.n = check_size("n_tokens", n_tokens), check_size("n", n)
        super().__init__({"E": normal(generator(rng), (self.n_tokens, self.n), 1.0)}, dtype=dtype, xp=xp)

    def forward(self, tokens: Array) -> tuple[Array, EmbeddingTrace]:
        """Look the symbols up.

        Parameters
        ----------
        tokens
            Whole numbers from 0 to n_tokens - 1, any shape.

        Returns
        -------
        y, trace
            Shape ``(..., n)``, and what :meth:`backward` needs.

        Raises
        ------
        TypeError, ValueError
            If ``tokens`` is not an array of whole numbers in that range, or is empty.
        """
        xp = namespace(self.params.flat)
        tokens = check_tokens("tokens", tokens, self.n_tokens, self.params.flat)
        found = xp.take(self.params["E"], xp.reshape(tokens, (-1,)), axis=0)
        return xp.reshape(found, (*tokens.shape, self.n)), EmbeddingTrace(tokens)

    def backward(self, dy: Array, trace: EmbeddingTrace, grads: Parameters) -> None:
        r"""Mirror of :meth:`forward`: a symbol's gradient is the *sum* over all its places.

        :math:`\partial L/\partial E = \sum e_k\,(\partial L/\partial y)^\top`, written as that
        product. Assigning row by row would keep only the last place of each symbol. Adding in place
        with repeated indices is right too, but each library spells it differently, and a GPU then adds
        in an order that changes from run to run. The product needs an array of one number for each
        place and symbol, as large as the logits of a model that predicts the same symbols.

        Parameters
        ----------
        dy
            Shape ``(..., n)``.
        trace
            What :meth:`forward` stored.
        grads
            Added into.

        Raises
        ------
        TypeError, ValueError
            If ``dy`` does not fit the forward pass.

        Notes
        -----
        Nothing is returned: symbols have no gradient.
        """
        check_array("dy", dy, (*trace.tokens.shape, self.n), self.params.flat)
        e = one_hot(trace.tokens, self.n_tokens, dy)
        grads["E"] += weight_gradient(columns(e), columns(dy))
