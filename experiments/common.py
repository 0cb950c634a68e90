"""What several experiments share: random numbers, cells, the training, the common kinds of rules."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from functools import partial
from statistics import median
from typing import Any, NamedTuple

import numpy as np

import lstmlab as ll
from experiments.harness import Rule
from lstmlab.models.base import BaseModel
from lstmlab.optim import Adam
from lstmlab.training import fit

DTYPE = "float32"
#: What is looked at while a model learns: a number, the less the better.
Error = Callable[[Any], float]


class Streams(NamedTuple):
    """Independent random numbers: nothing that is tested depends on what is trained on."""

    weights: np.random.Generator
    train: np.random.Generator
    check: np.random.Generator
    test: np.random.Generator


def streams(seed: int) -> Streams:
    """Return the four generators of a seed."""
    return Streams(*np.random.default_rng(seed).spawn(4))


def part_of(sequence: str, seed: int) -> str:
    """Say whether a string is for training, checking or testing, always the same for a seed.

    Where a task has few different strings, fresh draws would meet those that were trained on.
    """
    return ("train", "train", "check", "test")[zlib.crc32(f"{seed} {sequence}".encode()) % 4]


def lstm(n_x: int, n_h: int, rng: np.random.Generator, *, b_f: float) -> ll.LSTM:
    """Return an LSTM with the package's first weights and the forget bias ``b_f``."""
    cell = ll.LSTM(n_x, n_h, rng=rng, dtype=DTYPE)
    cell.params["b_f"][...] = b_f
    return cell


def rnn(n_x: int, n_h: int, rng: np.random.Generator) -> ll.RNN:
    """Return the plain network of the same size."""
    return ll.RNN(n_x, n_h, rng=rng, dtype=DTYPE)


def learn(
    model: BaseModel,
    draw: Callable[[np.random.Generator], Any],
    rng: np.random.Generator,
    *,
    steps: int,
    lr: float,
    error: Error | None = None,
    goal: float = 0.0,
    every: int = 50,
    schedule: Callable[[int], float] | None = None,
) -> int:
    """Train with Adam and the gradient clipped to norm 1; return the number of steps taken.

    Parameters
    ----------
    model
        Its parameters are changed.
    draw
        Returns a fresh batch.
    rng
        Generator of the batches.
    steps, lr
        How long at most, and the learning rate.
    error
        Looked at after every ``every`` steps, on sequences for checking: the training stops where it is
        no more than ``goal``, and the model ends as it was when it was least. ``None``: all the steps
        are taken.
    schedule
        Learning rate of a step, instead of ``lr``.
    """

    def batches() -> Iterator[Any]:
        while True:
            yield draw(rng)

    stream, adam = batches(), Adam(model.params, lr)
    if error is None:
        fit(model, stream, adam, steps=steps, clip=1.0, schedule=schedule, progress=False)
        return steps
    least, best = np.inf, []
    for done in range(every, steps + 1, every):
        later = None if schedule is None else partial(shifted, schedule, done - every)
        fit(model, stream, adam, steps=every, clip=1.0, schedule=later, progress=False)
        if (now := error(model)) < least:
            least, best = now, [vector.copy() for vector in model.params.vectors]
        if now <= goal:
            return done
    for vector, old in zip(model.params.vectors, best, strict=True):
        vector[...] = old
    return steps


def shifted(schedule: Callable[[int], float], before: int, step: int) -> float:
    """Return the learning rate of a step that others came before."""
    return schedule(before + step)


def dropped(lr: float, steps: int, share: float = 0.6) -> Callable[[int], float]:
    """Return the schedule of a learning rate that falls to a fifth after a share of the steps."""
    return lambda step: lr if step <= share * steps else lr / 5


def wrong_on(batch: Any) -> Error:
    """Return the error to stop by: the share of a batch's sequences whose class is not named rightly."""
    return lambda model: 1.0 - float(model.accuracy(batch))


# --- rules: the sentence and what it demands, from the same numbers ------------------------------


def most(key: str, bound: float, count: int = 4, of: int = 5) -> Rule:
    """Most of the seeds reach a number."""
    return Rule(
        f"{key}: at least {bound:g} with {count} of {of} seeds or more",
        lambda m: sum(v >= bound for v in m[key]) >= count,
    )


def all_at_least(key: str, bound: float) -> Rule:
    """Every seed reaches a number."""
    return Rule(f"{key}: at least {bound:g} with every seed", lambda m: min(m[key]) >= bound)


def all_at_most(key: str, bound: float) -> Rule:
    """No seed exceeds a number."""
    return Rule(f"{key}: at most {bound:g} with every seed", lambda m: max(m[key]) <= bound)


def median_at_most(key: str, bound: float) -> Rule:
    """The median of the seeds does not exceed a number."""
    return Rule(f"{key}: median at most {bound:g}", lambda m: median(m[key]) <= bound)


def median_at_least(key: str, bound: float) -> Rule:
    """The median of the seeds reaches a number."""
    return Rule(f"{key}: median at least {bound:g}", lambda m: median(m[key]) >= bound)
