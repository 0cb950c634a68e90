"""What several experiments share: a model of one cell, its training, and the common kinds of rules."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from statistics import median
from typing import Any, NamedTuple

import numpy as np

import lstmlab as ll
from experiments.harness import Rule
from lstmlab.layers.linear import Linear
from lstmlab.losses import cross_entropy
from lstmlab.optim import Adam
from lstmlab.training import fit

DTYPE = "float32"
Score = Callable[["Reader"], float]


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


class Reader:
    """A cell and a linear read-out of its hidden states: of every step, or of the last one alone.

    A batch is a named tuple that begins with inputs and targets; ``lengths`` are used if it has them.

    Parameters
    ----------
    cell
        Any cell.
    n_out
        Width of the read-out.
    rng
        Generator of its first weights.
    every_step
        Whether each step is read, or only the last.
    loss
        Function of prediction, target and mask, which returns the loss and its gradient.
    k
        Backpropagate through so many steps only; ``None``: through all.
    frozen
        Whether the cell keeps its first weights.
    """

    def __init__(
        self,
        cell: Any,
        n_out: int,
        rng: np.random.Generator,
        *,
        every_step: bool = False,
        loss: Callable[..., tuple[float, Any]] = cross_entropy,
        k: int | None = None,
        frozen: bool = False,
    ) -> None:
        self.cell, self.read_out = cell, Linear(cell.n_h, n_out, rng=rng, dtype=DTYPE)
        self.every_step, self.loss_function, self.k, self.frozen = every_step, loss, k, frozen
        parts = {"read_out": self.read_out.params}
        self.params = ll.ParameterGroup(parts if frozen else {"cell": cell.params, **parts})

    def run(self, batch: Any) -> ll.Run:
        """Run the cell over a batch."""
        return ll.unroll(self.cell, batch.x, lengths=getattr(batch, "lengths", None))

    def predict(self, batch: Any) -> np.ndarray:
        """Return the outputs, ``(T, B, n_out)`` or, of the last step, ``(B, n_out)``."""
        run = self.run(batch)
        return self.read_out.forward(run.h if self.every_step else run.h[-1])[0]

    def loss(self, batch: Any) -> float:
        """Return the loss of a batch."""
        return self.loss_and_gradient(batch)[0]

    def loss_and_gradient(self, batch: Any) -> tuple[float, ll.ParameterGroup]:
        """Return the loss of a batch and its gradient."""
        run, grads = self.run(batch), self.params.zeros_like()
        y, trace = self.read_out.forward(run.h if self.every_step else run.h[-1])
        mask = run.mask[..., 0] > 0.5 if run.mask is not None and self.every_step else None
        loss, dy = self.loss_function(y, batch[1], mask)
        dread = self.read_out.backward(dy, trace, grads.parts["read_out"])
        if not self.frozen:
            dh = np.zeros_like(run.h)
            dh[... if self.every_step else -1] = dread
            whole = self.k is None
            back = (
                ll.backprop(self.cell, run, dh)
                if whole
                else ll.truncated_backprop(self.cell, run, dh, self.k)
            )
            grads.parts["cell"].flat[...] = back.grads.flat
        return loss, grads


def lstm(n_x: int, n_h: int, rng: np.random.Generator, *, b_f: float) -> ll.LSTM:
    """Return an LSTM with the package's first weights and the forget bias ``b_f``."""
    cell = ll.LSTM(n_x, n_h, rng=rng, dtype=DTYPE)
    cell.params["b_f"][...] = b_f
    return cell


def rnn(n_x: int, n_h: int, rng: np.random.Generator) -> ll.RNN:
    """Return the plain network of the same size."""
    return ll.RNN(n_x, n_h, rng=rng, dtype=DTYPE)


def learn(
    model: Reader,
    draw: Callable[[np.random.Generator], Any],
    rng: np.random.Generator,
    *,
    steps: int,
    lr: float,
    error: Score | None = None,
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
        fit(model, stream, adam, steps=every, clip=1.0, progress=False)
        if (now := error(model)) < least:
            least, best = now, [vector.copy() for vector in model.params.vectors]
        if now <= goal:
            return done
    for vector, old in zip(model.params.vectors, best, strict=True):
        vector[...] = old
    return steps


def accuracy(model: Reader, batch: Any) -> float:
    """Share of the sequences whose class is named rightly."""
    return float(np.mean(np.argmax(model.predict(batch), axis=-1) == batch.targets))


def wrong_on(batch: Any) -> Score:
    """Return the error to stop by: the share of a batch's sequences whose class is not named rightly."""
    return lambda model: 1.0 - accuracy(model, batch)


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
