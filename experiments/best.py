"""Training that keeps the best parameters, and the rules that compare two numbers of the same seed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

import lstmlab as ll
from experiments.harness import Rule


def learn_and_keep_best(
    model: Any,
    draw: Callable[[np.random.Generator], Any],
    rng: np.random.Generator,
    *,
    steps: int,
    lr: float,
    error: Callable[[Any], float],
    every: int,
    drop: float = 0.2,
    callbacks: Sequence[Callable[..., object]] = (),
) -> None:
    """Train with Adam and the gradient clipped to norm 1; the model ends as it was when the error was least.

    Parameters
    ----------
    model
        Its parameters are changed.
    draw
        Returns a fresh batch.
    rng
        Generator of the batches.
    steps, lr
        How long, and the learning rate.
    error
        Looked at after every ``every`` steps, on what is neither learnt nor tested.
    drop
        What the learning rate is multiplied by after 70 % of the steps.
    callbacks
        As for :func:`lstmlab.fit`.
    """

    def batches(rng: np.random.Generator) -> Iterator[Any]:
        while True:
            yield draw(rng)

    ll.fit(
        model,
        batches,
        ll.Adam(model.params, lr),
        steps=steps,
        clip=1.0,
        validate=error,
        every=every,
        patience=steps,  # never runs out: all steps are taken
        schedule=lambda step: lr if step <= 0.7 * steps else drop * lr,
        callbacks=callbacks,
        rng=rng,
        progress=False,
    )


def below(key: str, other: str, factor: float = 1.0, *, by: float = 0.0) -> Rule:
    """One number is less than another, or than its multiple, by more than so much, with every seed."""
    return Rule(
        f"{key}: {amount('below', other, factor, by)} with every seed",
        lambda m: all(a < factor * b - by for a, b in zip(m[key], m[other], strict=True)),
    )


def above(key: str, other: str, factor: float = 1.0, *, by: float = 0.0) -> Rule:
    """One number is more than another, or than its multiple, by more than so much, with every seed."""
    return Rule(
        f"{key}: {amount('above', other, factor, by)} with every seed",
        lambda m: all(a > factor * b + by for a, b in zip(m[key], m[other], strict=True)),
    )


def amount(side: str, other: str, factor: float, by: float) -> str:
    """Say how far on one side of another number: above 1.5 times that one."""
    by_how_much = f"more than {by:g} " if by else ""
    return by_how_much + side + (f" {factor:g} times" if factor != 1.0 else "") + f" {other}"
