"""What a model's cell reads: learnt vectors of symbols, unit vectors of symbols, or vectors as they are."""

from __future__ import annotations

from typing import Any

import numpy as np

from lstmlab.backend import namespace
from lstmlab.checks import check_size
from lstmlab.functions import one_hot
from lstmlab.layers import Embedding
from lstmlab.layers.base import Layer
from lstmlab.models.base import beside
from lstmlab.parameters import Parameters
from lstmlab.typing import Array


class OneHot(Layer):
    """Unit vectors of symbols: an embedding whose E is the identity and is not learnt."""

    def __init__(self, n_tokens: int, *, dtype: str, xp: Any) -> None:
        self.n_tokens = n_tokens
        super().__init__({}, dtype=dtype, xp=xp)

    def forward(self, tokens: Array) -> tuple[Array, None]:
        """Return unit vectors, ``(..., n_tokens)``, and nothing to remember."""
        return one_hot(tokens, self.n_tokens, self.params.flat), None

    def backward(self, dy: Array, trace: None, grads: Parameters) -> None:
        """Mirror of :meth:`forward`: there is nothing to learn."""


class Vectors(Layer):
    """Vectors as they are, where a model reads numbers instead of symbols."""

    def forward(self, x: Array) -> tuple[Array, None]:
        """Return what came, and nothing to remember."""
        return x, None

    def backward(self, dy: Array, trace: None, grads: Parameters) -> None:
        """Mirror of :meth:`forward`: there is nothing to learn."""


def input_layer(
    cell: Any, n_tokens: int | None, one_hot: bool, rng: np.random.Generator
) -> Embedding | OneHot | Vectors:
    """Return the layer before a cell, as wide as the cell reads and where its parameters lie.

    Parameters
    ----------
    cell
        A cell with ``n_x`` and ``params``.
    n_tokens
        Number of symbols; ``None`` where the inputs are vectors already.
    one_hot
        Unit vectors instead of learnt ones; ``cell.n_x`` must then be ``n_tokens``.
    rng
        Of the learnt vectors.

    Raises
    ------
    ValueError
        If ``n_tokens`` is not a positive whole number or does not fit ``one_hot``.
    """
    place = beside(cell.params.vectors[0])
    if n_tokens is None:
        if one_hot:
            raise ValueError("n_tokens: expected a positive whole number with one_hot=True, got None")
        return Vectors({}, **place)
    if not one_hot:
        return Embedding(n_tokens, cell.n_x, rng=rng, **place)
    if check_size("n_tokens", n_tokens) != cell.n_x:
        raise ValueError(f"n_tokens: expected {cell.n_x}, the cell's n_x, with one_hot=True, got {n_tokens}")
    return OneHot(n_tokens, **place)


def sequence_input(layer: Layer, x: Array, running: Array | None) -> Array:
    """Return the inputs of a layer; symbols after a sequence's end become 0, whatever stands there.

    Parameters
    ----------
    layer
        What :func:`input_layer` returned.
    x
        Symbols ``(T, B)`` or vectors ``(T, B, n_x)``, beside the layer's parameters.
    running
        Booleans ``(T, B)``, or ``None``.

    Raises
    ------
    ValueError
        If symbols do not have two axes, T and B.
    """
    if isinstance(layer, Vectors):
        return x
    shape = tuple(getattr(x, "shape", (0, 0)))
    if len(shape) != 2:
        raise ValueError(f"x: expected symbols of shape (T, B), got shape {shape}")
    if running is None or shape != tuple(running.shape):
        return x
    return namespace(x).where(running, x, namespace(x).zeros_like(x))
