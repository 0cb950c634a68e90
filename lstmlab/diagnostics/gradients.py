"""How large gradients are: gate by gate, and step by step back in time."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

from lstmlab.backend import namespace
from lstmlab.diagnostics.flow import state_gradients
from lstmlab.typing import Array, Cell, State
from lstmlab.unroll import Run


class GradientNorm(NamedTuple):
    r"""Three readings of one gradient.

    Attributes
    ----------
    norm
        :math:`\|\nabla W\|`, the root of the sum of squares. Larger matrices have larger ones.
    relative
        :math:`\|\nabla W\|/\|W\|`: a step of size η changes W by this share times η. Infinite for
        weights that are all zero.
    per_element
        :math:`\|\nabla W\|/\sqrt{\text{number of entries}}`: fit to compare matrices of different sizes.
    """

    norm: float
    relative: float
    per_element: float


def gradient_norm(W: Array, dW: Array) -> GradientNorm:
    """Measure one gradient.

    Implements :eq:`eq-gradient-norm`.

    Parameters
    ----------
    W, dW
        A parameter and its gradient, one shape.

    Returns
    -------
    GradientNorm
        ``norm``, ``relative``, ``per_element``.

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    if tuple(W.shape) != tuple(dW.shape):
        raise ValueError(f"dW: expected shape {tuple(W.shape)}, got {tuple(dW.shape)}")
    norm, size = _norm(dW), _norm(W)
    return GradientNorm(norm, norm / size if size > 0.0 else math.inf, norm / math.sqrt(math.prod(W.shape)))


def gradient_norms(
    params: Mapping[str, Array], grads: Mapping[str, Array], prefix: str = "W"
) -> dict[str, GradientNorm]:
    r"""Measure the gradient of every weight matrix, :math:`\|\nabla W_f\|, \|\nabla W_i\|, \dots`

    Parameters
    ----------
    params, grads
        ``cell.params`` and ``back.grads`` of any cell, or of a whole model (``encoder.W_f``).
    prefix
        What the wanted names begin with, after the last dot; ``""`` takes all, ``"b"`` the biases.

    Returns
    -------
    dict
        Name to :class:`GradientNorm`, in the order of the parameters.

    Raises
    ------
    ValueError
        If no name begins so.
    """
    names = [name for name in params if name.rpartition(".")[2].startswith(prefix)]
    if not names:
        raise ValueError(f"prefix: expected the beginning of a parameter's name, got {prefix!r}")
    return {name: gradient_norm(params[name], grads[name]) for name in names}


def gradient_norms_over_lag(cell: Cell, run: Run, dh: Array, dstate: State | None = None) -> State:
    r"""How large the loss's derivative by the state is, by distance from the end.

    Implements :eq:`eq-gradient-over-lag`: :math:`\|\partial L/\partial h_t\|` and, where there is one,
    :math:`\|\partial L/\partial C_t\|`. Total derivatives: everything the loss feels of a state counts, by
    way of the gates too, and not only what comes along the product of the forget gates. To follow one loss,
    let ``dh`` be zero but at the step that this loss reads.

    Parameters
    ----------
    cell, run, dh, dstate
        As for :func:`lstmlab.diagnostics.state_gradients`. For cells other than the LSTM the derivative
        by C leaves out what passes through h of the same step.

    Returns
    -------
    named tuple
        One field for each field of the state, shape ``(T + 1, B)``: entry k is the norm k steps before
        the last state, entry T that of the initial state; one column for each sequence.
    """
    totals = state_gradients(cell, run, dh, dstate)
    xp = namespace(dh)
    norms = (xp.linalg.vector_norm(field, axis=-1) for field in totals)
    return type(totals)(*(xp.flip(norm, axis=0) for norm in norms))


def _norm(a: Array) -> float:
    return float(namespace(a).linalg.vector_norm(a))
