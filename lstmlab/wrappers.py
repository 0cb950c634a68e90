"""What every wrapped cell shares. A wrapped cell is a cell.

``training = False`` switches noise to its mean; a stack or a pair passes the switch on to its parts.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lstmlab.backend import from_numpy
from lstmlab.initializers import generator
from lstmlab.typing import Array, Cell
from lstmlab.unroll import check_cell


def check_probability(name: str, p: Any) -> float:
    """Return a number in [0, 1), or say what came instead."""
    if isinstance(p, bool) or not isinstance(p, (int, float, np.number)) or not 0.0 <= p < 1.0:
        raise ValueError(f"{name}: expected a probability in [0, 1), got {p!r}")
    return float(p)


def check_steps(cell: Any, name: str) -> None:
    """Raise unless the cell can be walked step by step."""
    check_cell(cell)
    if not cell.causal:
        raise TypeError(
            f"{name}: expected a cell that reads in one direction, got {cell!r:.60}; "
            "wrap its two cells instead"
        )


class Wrapper:
    """The wrapped cell, its sizes and parameters, the switch, the draws.

    Parameters
    ----------
    cell
        The cell that is wrapped.
    rng
        Seed or generator of the draws.
    """

    causal = True
    #: Masking the old hidden state from outside would mask what is carried over as well.
    h_is_only_read = False
    State: Any

    def __init__(self, cell: Cell, rng: int | np.random.Generator) -> None:
        self.cell, self.rng = cell, generator(rng)
        self.n_x, self.n_h = cell.n_x, cell.n_h
        self._training = True

    @property
    def training(self) -> bool:
        """``True`` draws noise, ``False`` takes its mean; setting it sets the wrapped cell too."""
        return self._training

    @training.setter
    def training(self, on: bool) -> None:
        self._training = on
        if hasattr(self.cell, "training"):
            self.cell.training = on

    @property
    def n_params(self) -> int:
        """Number of trainable numbers; a wrapper adds none."""
        return sum(int(vector.shape[0]) for vector in self.params.vectors)

    @property
    def params(self) -> Any:
        """The wrapped cell's own parameters."""
        return self.cell.params

    @property
    def generators(self) -> tuple[np.random.Generator, ...]:
        """The generators drawn from while a sequence runs."""
        return (self.rng, *getattr(self.cell, "generators", ()))

    @property
    def state_sizes(self) -> tuple[int, ...]:
        """Width of each field of the state."""
        return self.cell.state_sizes

    def initial_state(self, batch: int) -> Any:
        """Return the wrapped cell's initial state."""
        return self.cell.initial_state(batch)

    def mask(self, keep: float, shape: tuple[int, ...]) -> Array:
        """Draw ones with probability ``keep`` and zeros otherwise, beside the parameters."""
        return from_numpy(self.rng.random(shape) < keep, self.params.vectors[0])
