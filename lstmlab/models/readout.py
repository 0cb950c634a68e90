r"""What a model reads off its cell: the last state, the mean over time, or scores by the embedding."""

from __future__ import annotations

from typing import Any

import numpy as np

from lstmlab.backend import namespace
from lstmlab.cells.gradients import bias_gradient, weight_gradient
from lstmlab.checks import check_array
from lstmlab.layers import Embedding, LinearTrace
from lstmlab.layers.base import Layer, check_features, columns
from lstmlab.models.base import beside
from lstmlab.parameters import ParameterGroup
from lstmlab.typing import Array, Reader, State
from lstmlab.unroll import zero_state


def last_hidden(state: State) -> Array:
    r"""What a cell knows at the end: :math:`h_T`, of two directions :math:`[h_T^{\to}; h_1^{\gets}]`.

    Parameters
    ----------
    state
        The final state of a run: with lengths, after each sequence's own last step.

    Returns
    -------
    array
        Shape ``(B, n_h)``. Not the output at T: in a padded batch that is zero, and of two directions its
        backward half has read one symbol.
    """
    parts = [getattr(state, name) for name in hidden_fields(state)]
    return parts[0] if len(parts) == 1 else namespace(*parts).concat(parts, axis=1)


def last_hidden_gradient(dlast: Array, cell: Reader) -> State:
    """Mirror of :func:`last_hidden`: the gradient of the final state, zero in all other fields.

    Parameters
    ----------
    dlast
        Shape ``(B, n_h)``.
    cell
        The cell that made the run.

    Returns
    -------
    named tuple
        For :func:`lstmlab.backprop`.
    """
    dstate, start = zero_state(cell, dlast.shape[0]), 0
    for name in hidden_fields(dstate):
        n = getattr(dstate, name).shape[1]
        dstate = dstate._replace(**{name: dlast[:, start : start + n]})
        start += n
    return dstate


def hidden_fields(state: State) -> tuple[str, ...]:
    """Return the names of the fields that hold the hidden state of the highest layer."""
    return ("h",) if "h" in state._fields else ("h_forward", "h_backward")


def mean_over_time(h: Array, mask: Array | None) -> Array:
    r"""Mean of the hidden states over each sequence's own steps, :math:`\frac1{T_b}\sum_{t\le T_b} h_t`.

    Parameters
    ----------
    h
        Hidden states, ``(T, B, n_h)``.
    mask
        1 where a sequence still runs and 0 after its end, ``(T, B, 1)``; ``None``: all run to the end.

    Returns
    -------
    array
        Shape ``(B, n_h)``.
    """
    return namespace(h).sum(_shares(h, mask) * h, axis=0)


def mean_over_time_gradient(dmean: Array, h: Array, mask: Array | None) -> Array:
    """Mirror of :func:`mean_over_time`: every step gets its share, ``(T, B, n_h)``."""
    return _shares(h, mask) * dmean


def _shares(h: Array, mask: Array | None) -> Array:
    """Return what each step counts for, 1/T_b and 0 after the end, ``(T, B, 1)``."""
    xp = namespace(h)
    running = xp.ones_like(h[..., :1]) if mask is None else mask
    return running / xp.sum(running, axis=0)


class TiedReadout(Layer):
    r"""Scores by the embedding's own vectors, :math:`a = E h + b`: one matrix reads and writes.

    Implements :eq:`eq-tied-scores`.

    Parameters
    ----------
    embedding
        Its E, ``(n_tokens, n)``, is shared: one memory, and its two gradients add.

    References
    ----------
    Press and Wolf (2017); Inan, Khosravi and Socher (2017).
    """

    def __init__(self, embedding: Embedding) -> None:
        self.n_in, self.n_out = embedding.n, embedding.n_tokens
        super().__init__({"b": np.zeros(self.n_out)}, **beside(embedding.params.flat))
        self._group = ParameterGroup({"embedding": embedding.params, "bias": self._params})

    @property
    def params(self) -> Any:
        """``embedding.E``, which is the embedding's, and ``bias.b``."""
        return self._group

    @property
    def n_params(self) -> int:
        """Number of trainable numbers, the shared ones among them."""
        return sum(int(vector.shape[0]) for vector in self._group.vectors)

    def forward(self, h: Array) -> tuple[Array, LinearTrace]:
        """Return scores ``(..., n_tokens)`` of vectors ``(..., n)``, and what :meth:`backward` needs."""
        check_features("h", h, self.n_in, self._params.flat)
        return h @ self.params["embedding.E"].T + self.params["bias.b"], LinearTrace(h)

    def backward(self, da: Array, trace: LinearTrace, grads: ParameterGroup) -> Array:
        """Mirror of :meth:`forward`: add into ``grads``, return the gradient of ``h``.

        Implements :eq:`eq-tied-gradient`: what the embedding adds on its way back stands in the same memory.
        """
        check_array("da", da, (*trace.x.shape[:-1], self.n_out), self._params.flat)
        grads["embedding.E"] += weight_gradient(columns(da), columns(trace.x))
        grads["bias.b"] += bias_gradient(columns(da))
        return da @ self.params["embedding.E"]
