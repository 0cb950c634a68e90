"""The length of a gradient, and two ways to shorten it. Both change the fused vectors where they lie."""

from __future__ import annotations

import math
from typing import TypeAlias

from lstmlab.arguments import check_positive
from lstmlab.backend import namespace
from lstmlab.parameters import ParameterGroup, Parameters

AnyParameters: TypeAlias = Parameters | ParameterGroup


def check_gradients(grads: AnyParameters) -> None:
    """Raise unless these are gradients and finite; name the parameters whose gradient is not."""
    if not hasattr(grads, "vectors"):
        raise TypeError(f"grads: expected what params.zeros_like() returns, got {type(grads).__name__}")
    if all(bool(namespace(g).all(namespace(g).isfinite(g))) for g in grads.vectors):
        return
    bad = [name for name, g in grads.items() if not bool(namespace(g).all(namespace(g).isfinite(g)))]
    raise ValueError(f"grads: expected finite gradients, got NaN or infinity in {', '.join(bad)}")


def global_norm(grads: AnyParameters) -> float:
    r"""Norm of all gradients together, :math:`\lVert g\rVert = \sqrt{\sum_i \lVert g_i\rVert_F^2}`.

    Implements :eq:`eq-global-norm`.

    The sum runs over every parameter, biases too. The largest entry is divided out first: squares of
    exploding gradients would overflow in float32 long before the gradients do.

    Parameters
    ----------
    grads
        Gradients, shared ones counted once.

    Returns
    -------
    float
        The norm.

    Raises
    ------
    ValueError
        If a gradient is not finite; the message names its parameter.
    """
    check_gradients(grads)
    vectors = [g for g in grads.vectors if g.shape[0] > 0]
    top = max((float(namespace(g).max(namespace(g).abs(g))) for g in vectors), default=0.0)
    if top == 0.0:
        return 0.0
    return top * math.sqrt(sum(float(namespace(g).sum((g / top) ** 2.0)) for g in vectors))


def clip_by_global_norm(grads: AnyParameters, threshold: float) -> float:
    r"""Shorten the gradient, in place, if it is longer than the threshold; its direction stays.

    Implements :eq:`eq-clip-norm`.

    :math:`g \leftarrow g \cdot \text{threshold}/\lVert g\rVert` if
    :math:`\lVert g\rVert > \text{threshold}`. PyTorch divides by :math:`\lVert g\rVert + 10^{-6}`.

    Parameters
    ----------
    grads
        Gradients; changed in place.
    threshold
        The greatest norm allowed, above zero.

    Returns
    -------
    float
        The norm before clipping.

    Raises
    ------
    ValueError
        If the threshold is not above zero, or a gradient is not finite.

    References
    ----------
    Pascanu, Mikolov and Bengio (2013).
    """
    threshold = check_positive("threshold", threshold)
    norm = global_norm(grads)
    if norm > threshold:
        for g in grads.vectors:
            g[...] = g * (threshold / norm)
    return norm


def clip_by_value(grads: AnyParameters, threshold: float) -> None:
    r"""Cut every entry to [-threshold, threshold], in place.

    Implements :eq:`eq-clip-value`.

    The notes call this per-parameter clipping. It acts on single numbers, so the direction of the
    gradient changes, and its norm may still be large: up to :math:`\text{threshold}\cdot\sqrt n`.

    Parameters
    ----------
    grads
        Gradients; changed in place.
    threshold
        The greatest absolute value allowed, above zero.

    Raises
    ------
    ValueError
        If the threshold is not above zero, or a gradient is not finite.
    """
    threshold = check_positive("threshold", threshold)
    check_gradients(grads)
    for g in grads.vectors:
        g[...] = namespace(g).clip(g, -threshold, threshold)
