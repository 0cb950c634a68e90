"""The linear layer: the read-out of nearly every model."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from lstmlab.cells.gradients import bias_gradient, weight_gradient
from lstmlab.checks import check_array, check_size
from lstmlab.initializers import generator, uniform
from lstmlab.layers.base import Layer, check_features, columns
from lstmlab.parameters import Parameters
from lstmlab.typing import Array, Namespace


class LinearTrace(NamedTuple):
    """What a linear layer stores for the backward pass: its input ``(..., n_in)``."""

    x: Array


class Linear(Layer):
    r"""Linear layer, :math:`y = W x + b`.

    Parameters
    ----------
    n_in, n_out
        Sizes of the input and of the output.
    bias
        Whether there is a ``b``.
    rng
        Seed or :class:`numpy.random.Generator` of the first weights, drawn from
        U(-1/√n_in, 1/√n_in); the bias starts at zero.
    dtype
        ``"float64"`` or ``"float32"``.
    xp
        Array library; ``None`` takes ``lstmlab.xp``.

    Attributes
    ----------
    params
        ``W``, ``(n_out, n_in)``, and ``b``, ``(n_out,)``.

    Raises
    ------
    ValueError, TypeError
        If a size, the dtype or ``rng`` is not as above.
    """

    def __init__(
        self,
        n_in: int,
        n_out: int,
        bias: bool = True,
        *,
        rng: int | np.random.Generator = 0,
        dtype: str = "float64",
        xp: Namespace | None = None,
    ) -> None:
        self.n_in, self.n_out, self.bias = check_size("n_in", n_in), check_size("n_out", n_out), bool(bias)
        values = {"W": uniform(generator(rng), (self.n_out, self.n_in), self.n_in**-0.5)}
        if self.bias:
            values["b"] = np.zeros(self.n_out)
        super().__init__(values, dtype=dtype, xp=xp)

    def forward(self, x: Array) -> tuple[Array, LinearTrace]:
        """Apply the layer to every vector along the last axis.

        Parameters
        ----------
        x
            Shape ``(..., n_in)``, any leading axes.

        Returns
        -------
        y, trace
            Shape ``(..., n_out)``, and what :meth:`backward` needs.

        Raises
        ------
        TypeError, ValueError
            If ``x`` has the wrong library, dtype or width, is empty, or is not finite.
        """
        check_features("x", x, self.n_in, self.params.flat)
        y = x @ self.params["W"].T
        if self.bias:
            y = y + self.params["b"]
        return y, LinearTrace(x)

    def backward(self, dy: Array, trace: LinearTrace, grads: Parameters) -> Array:
        r"""Mirror of :meth:`forward`.

        :math:`\partial L/\partial W = \sum \partial L/\partial y\; x^\top`,
        :math:`\partial L/\partial b = \sum \partial L/\partial y`,
        :math:`\partial L/\partial x = W^\top\, \partial L/\partial y`; the sums go over all
        leading axes.

        Parameters
        ----------
        dy
            Shape ``(..., n_out)``.
        trace
            What :meth:`forward` stored.
        grads
            Added into.

        Returns
        -------
        array
            Shape ``(..., n_in)``.

        Raises
        ------
        TypeError, ValueError
            If ``dy`` does not fit the forward pass.
        """
        check_array("dy", dy, (*trace.x.shape[:-1], self.n_out), self.params.flat)
        grads["W"] += weight_gradient(columns(dy), columns(trace.x))
        if self.bias:
            grads["b"] += bias_gradient(columns(dy))
        return dy @ self.params["W"]
