"""How gates and gradients change while a cell learns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from lstmlab.backend import to_numpy
from lstmlab.checks import check_size
from lstmlab.diagnostics.gates import run_statistics, unit_half_lives
from lstmlab.diagnostics.gradients import gradient_norms
from lstmlab.initializers import HostArray
from lstmlab.typing import Array
from lstmlab.unroll import Run


class GateHistory(Mapping[str, HostArray]):
    """A recorder to call in every step of training: ``history(step, run, cell.params, back.grads)``.

    Implements :eq:`eq-gate-history`. It writes down something only every k steps. Read it like a dict: each
    value has one row for every record, in the order of ``steps``, ready to plot.

    ========================  ===========  =====================================================
    name                      row          meaning
    ========================  ===========  =====================================================
    ``f.mean``                ``(n,)``     mean of the gate, per unit
    ``f.over_time``           ``(n,)``     spread over time, per unit
    ``f.over_units``          ``()``       spread of the units' means
    ``f.quantiles``           ``(5, n)``   5, 25, 50, 75 and 95 %, per unit
    ``f.closed``, ``f.open``  ``(n,)``     share of values near 0 and near 1, per unit
    ``f.half_life``           ``(n,)``     of the cell state, forget gate only
    ``W_f.norm``              ``()``       norm of the gradient
    ``W_f.relative``          ``()``       the same over the norm of the weights
    ``W_f.per_element``       ``()``       the same over the root of the number of entries
    ========================  ===========  =====================================================

    and so on for every gate and matrix that the cell has.

    Parameters
    ----------
    every
        Record if the number of the step is a multiple of this.

    Examples
    --------
    >>> history = GateHistory(every=10)
    >>> [history(step) for step in range(3)]
    [True, False, False]
    """

    def __init__(self, every: int = 1) -> None:
        self.every = check_size("every", every)
        self.steps: list[int] = []
        self._rows: dict[str, list[Any]] = {}

    def __call__(
        self,
        step: int,
        run: Run | None = None,
        params: Mapping[str, Array] | None = None,
        grads: Mapping[str, Array] | None = None,
    ) -> bool:
        """Record, if it is time.

        Parameters
        ----------
        step
            Number of the training step, larger at each call.
        run
            The run whose gates to describe.
        params, grads
            Weights and gradients to measure, before the weights are changed.

        Returns
        -------
        bool
            Whether something was recorded.

        Raises
        ------
        ValueError
            If the step is not after the last record, or not everything is given that was given before.
        """
        if step % self.every:
            return False
        if self.steps and step <= self.steps[-1]:
            raise ValueError(f"step: expected one after {self.steps[-1]}, got {step}")
        row = _gate_row(run) if run is not None else {}
        if params is not None and grads is not None:
            row |= _gradient_row(params, grads)
        if self.steps and row.keys() != self._rows.keys():
            differing = ", ".join(sorted(row.keys() ^ self._rows.keys()))
            raise ValueError(f"run, params, grads: expected the same at every record, differing: {differing}")
        for name, value in row.items():
            self._rows.setdefault(name, []).append(to_numpy(value))
        self.steps.append(step)
        return True

    def __getitem__(self, name: str) -> HostArray:
        try:
            return np.stack(self._rows[name])
        except KeyError:
            raise KeyError(f"nothing recorded as {name!r}; there are {', '.join(self._rows)}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def __repr__(self) -> str:
        return f"GateHistory(every={self.every}, records={len(self.steps)}, names={len(self)})"


def _gate_row(run: Run) -> dict[str, Any]:
    row = {
        f"{gate}.{word}": value
        for gate, statistics in run_statistics(run).items()
        for word, value in statistics._asdict().items()
    }
    return row | ({"f.half_life": unit_half_lives(run.trace.f)} if "f.mean" in row else {})


def _gradient_row(params: Mapping[str, Array], grads: Mapping[str, Array]) -> dict[str, Any]:
    return {
        f"{name}.{word}": value
        for name, norms in gradient_norms(params, grads).items()
        for word, value in norms._asdict().items()
    }
