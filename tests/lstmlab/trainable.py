"""Small models to train, for a package ``ll`` that may just have been imported afresh."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np


class Bowl:
    r"""½|w - batch|², whose gradient is w - batch: every number of a training is known by hand."""

    def __init__(self, ll: Any, start: tuple[float, ...] = (3.0, -2.0), dtype: str = "float64") -> None:
        self.ll = ll
        self.params = ll.Parameters({"w": (len(start),)}, ll.xp.asarray(np.asarray(start, dtype=dtype)))
        self.asked: list[str] = []

    def _difference(self, batch: Any) -> Any:
        return self.params["w"] - self.ll.from_numpy(np.asarray(batch), self.params.flat)

    def loss_and_gradient(self, batch: Any) -> tuple[Any, Any]:
        self.asked.append("training")
        d, grads = self._difference(batch), self.params.zeros_like()
        grads["w"] += d
        return 0.5 * self.ll.xp.sum(d * d), grads

    def loss(self, batch: Any) -> Any:
        self.asked.append("evaluation")
        d = self._difference(batch)
        return 0.5 * self.ll.xp.sum(d * d)


class Noisy(Bowl):
    """A bowl whose training adds noise from a generator of its own, as dropout does."""

    def __init__(self, ll: Any, start: tuple[float, ...] = (3.0, -2.0), seed: int = 5) -> None:
        super().__init__(ll, start)
        self.rng = np.random.default_rng(seed)

    def loss_and_gradient(self, batch: Any) -> tuple[Any, Any]:
        return super().loss_and_gradient(np.asarray(batch) + self.rng.normal(size=2))

    def training_state(self) -> Any:
        return self.rng.bit_generator.state

    def load_training_state(self, state: Any) -> None:
        self.rng.bit_generator.state = state


class Reader:
    """An LSTM and a linear read-out of its last hidden state; squared error. A batch is (x, y)."""

    def __init__(self, ll: Any, n_x: int, n_h: int, n_y: int, rng: int = 0, dtype: str = "float64") -> None:
        layers = importlib.import_module("lstmlab.layers")
        losses = importlib.import_module("lstmlab.losses")
        parameters = importlib.import_module("lstmlab.parameters")
        self.ll, self.error = ll, losses.mean_squared_error
        self.cell = ll.LSTM(n_x, n_h, rng=rng, dtype=dtype)
        self.out = layers.Linear(n_h, n_y, rng=rng + 1, dtype=dtype)
        self.params = parameters.ParameterGroup({"cell": self.cell.params, "out": self.out.params})

    def _forward(self, batch: Any) -> tuple[Any, ...]:
        x, y = (self.ll.from_numpy(a, self.cell.params.flat) for a in batch)
        run = self.ll.unroll(self.cell, x)
        prediction, trace = self.out.forward(run.state.h)
        return run, trace, *self.error(prediction, y)

    def loss_and_gradient(self, batch: Any) -> tuple[Any, Any]:
        run, trace, loss, dprediction = self._forward(batch)
        grads = self.params.zeros_like()
        dh = self.out.backward(dprediction, trace, grads.parts["out"])
        back = self.ll.backprop(self.cell, run, 0.0 * run.h, run.state._replace(h=dh, C=0.0 * dh))
        grads.parts["cell"].flat[...] = back.grads.flat
        return loss, grads

    def loss(self, batch: Any) -> Any:
        return self._forward(batch)[2]


def shuffled(data: Any, size: int = 1) -> Any:
    """One epoch of ``data`` in an order drawn from the epoch's generator."""

    def epoch(rng: np.random.Generator) -> Any:
        order = rng.permutation(len(data))
        for start in range(0, len(data), size):
            yield np.asarray(data)[order[start : start + size]].mean(axis=0)

    return epoch


def vectors(ll: Any, params: Any) -> list[list[float]]:
    """The parameters as Python numbers, to compare bit by bit."""
    return [ll.to_numpy(v).tolist() for v in params.vectors]
