"""Random cells, inputs, states and loss weights, drawn on the host and moved to the backend under test."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from hypothesis import strategies as st

import lstmlab as ll
from lstmlab import xp


def _stack(n_x: int, n_h: int, *, rng: Any = 0, **options: Any) -> Any:
    rng = np.random.default_rng(rng)
    lower, upper = ll.LSTM(n_x, n_h + 1, rng=rng, **options), ll.RNN(n_h + 1, n_h, rng=rng, **options)
    return ll.stack([lower, upper])


def _both(n_x: int, n_h: int, *, rng: Any = 0, **options: Any) -> Any:
    rng = np.random.default_rng(rng)
    return ll.bidirectional(ll.LSTM(n_x, n_h, rng=rng, **options), ll.RNN(n_x, n_h, rng=rng, **options))


def _average_zoneout(n_x: int, n_h: int, **options: Any) -> Any:
    net = ll.zoneout(ll.LSTM(n_x, n_h, **options), 0.3, 0.2)
    net.training = False
    return net


#: Single cells, made as ``make(n_x, n_h, rng=, dtype=)``.
SINGLE: dict[str, Any] = {
    "LSTM": ll.LSTM,
    "RNN": ll.RNN,
    "peephole": ll.PeepholeLSTM,
    "coupled": ll.CoupledLSTM,
    "coupled with peepholes": ll.CoupledPeepholeLSTM,
    "projected": lambda n_x, n_h, **options: ll.ProjectedLSTM(n_x, n_h, n_h + 1, **options),
    "two biases": ll.TwoBiasLSTM,
    "GRU": ll.GRU,
    "GRU, reset after": partial(ll.GRU, reset="after"),
    "highway": ll.HighwayLSTM,
    "depth-gated": ll.DepthGatedLSTM,
    "multiplicative": lambda n_x, n_h, **options: ll.MultiplicativeLSTM(n_h, n_h, **options),
    "Krause": ll.KrauseLSTM,
    "tree, as a chain": ll.TreeLSTM,
}
#: Whatever can be stepped.
CAUSAL = SINGLE | {
    "stack": _stack,
    "zoneout in evaluation": _average_zoneout,
    "variational dropout": lambda *a, **k: ll.variational_dropout(ll.LSTM(*a, **k), 0.3, 0.2),
    "untied dropout": lambda *a, **k: ll.variational_dropout(ll.LSTM(*a, **k), 0.3, 0.2, tied=False),
    "checkpointed": lambda *a, **k: ll.checkpointed(ll.LSTM(*a, **k), 2),
}
#: Whatever can be unrolled.
CELLS = CAUSAL | {"bidirectional": _both}


#: What an operation of the strict array library costs, it costs fifty times: there a test asks whether it is
#: accepted, and a few examples and entries say so. The digits are NumPy's, and NumPy gets all of them.
FEW = 3
STRICT = xp.__name__ == "array_api_strict"


def examples(number: int) -> int:
    """Return how many examples hypothesis shall draw: all on NumPy, a few on the strict library."""
    return min(number, FEW) if STRICT else number


@dataclass
class Case:
    """Everything a forward and backward pass needs."""

    cell: Any
    x: Any
    state: Any
    dh: Any
    dstate: Any

    def run(self) -> Any:
        return ll.unroll(self.cell, self.x, self.state)

    def back(self) -> Any:
        return ll.backprop(self.cell, self.run(), self.dh, self.dstate)

    def check(self, **options: Any) -> Any:
        f, args = ll.cell_loss(self.cell, self.x, self.state, self.dh, self.dstate)
        return ll.gradcheck(f, args, **options)


def draw(rng: np.random.Generator, *shape: int, dtype: str = "float64") -> Any:
    """Standard normal numbers on the backend under test."""
    return xp.asarray(rng.normal(size=shape).astype(dtype))


def host(values: Any, dtype: str = "float64") -> Any:
    """Numbers that a test writes down, on the backend under test."""
    return xp.asarray(np.asarray(values, dtype=dtype))


def logistic(a: float) -> float:
    """The sigmoid of one number, in plain Python."""
    return 1 / (1 + math.exp(-a))


def same(a: Any, b: Any, tol: float = 1e-14) -> None:
    """Demand that two arrays agree, entry by entry."""
    np.testing.assert_allclose(ll.to_numpy(a), ll.to_numpy(b), rtol=0, atol=tol)


def noisy(cell: Any) -> Any:
    """The cell with both kinds of noise, each from a seed of its own."""
    return ll.zoneout(ll.variational_dropout(cell, 0.3, 0.2, rng=1), 0.3, 0.2, rng=2)


def make_case(
    make: Any = ll.LSTM,
    *,
    T: int = 4,
    B: int = 2,
    n_x: int = 2,
    n_h: int = 3,
    seed: int = 0,
    dtype: str = "float64",
) -> Case:
    """Build a case in which nothing is zero, so that no mistake can hide in a product with zero."""
    rng = np.random.default_rng(seed)
    cell = make(n_x, n_h, rng=rng, dtype=dtype)
    for name in cell.params:
        cell.params[name] = draw(rng, *cell.params[name].shape, dtype=dtype)

    def states() -> Any:
        return cell.State(*(draw(rng, B, n, dtype=dtype) for n in cell.state_sizes))

    x, dh = draw(rng, T, B, cell.n_x, dtype=dtype), draw(rng, T, B, cell.n_h, dtype=dtype)
    return Case(cell, x, states(), dh, states())


def shapes(largest: int = 3) -> Any:
    """Draw T, B, n_x, n_h and a seed."""
    size = st.integers(1, largest)
    return st.fixed_dictionaries(
        {"T": size, "B": size, "n_x": size, "n_h": size, "seed": st.integers(0, 2**31)}
    )
