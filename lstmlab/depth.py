"""Depth: cells made of cells.

A stack of cells is a cell: it has a step and a step back, and everything that is true for a cell is true
for it.

The parts keep their own parameters. The same part given twice is shared: one memory, and its gradients
add up.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from lstmlab.parameters import ParameterGroup
from lstmlab.typing import Array, Reader, State, Trace
from lstmlab.unroll import Run, check_cell, run_outputs, run_sequence, sequence_back, walks_as


@cache
def state_type(name: str, fields: tuple[str, ...]) -> Any:
    """Return the named tuple of a composed state; equal fields give the same type."""
    return namedtuple(name, fields)


class Composite:
    """What a stack and a bidirectional pair share: parts, and a state made of the parts' states.

    Attributes
    ----------
    parts
        Name to cell, in order.
    State
        The parts' fields one after the other, each with its part's suffix.
    """

    State: Any
    #: A wrapper that masks the old hidden state belongs on the layers, not on the whole.
    h_is_only_read = False

    def __init__(self, parts: Mapping[str, Reader], suffixes: Sequence[str], n_h: int) -> None:
        self.parts: dict[str, Any] = dict(parts)  # only some of them can be stepped
        self.n_x, self.n_h = next(iter(parts.values())).n_x, n_h
        fields = [
            field + suffix
            for cell, suffix in zip(parts.values(), suffixes, strict=True)
            for field in cell.State._fields
        ]
        self.State = state_type(f"{type(self).__name__}State", tuple(fields))

    @property
    def params(self) -> ParameterGroup:
        """The parts' parameters under one roof, ``params["1.W_f"]`` or ``params.parts["1"]``."""
        return ParameterGroup({name: cell.params for name, cell in self.parts.items()})

    @property
    def n_params(self) -> int:
        """Number of trainable numbers; shared ones count once."""
        return sum(int(vector.shape[0]) for vector in self.params.vectors)

    @property
    def state_sizes(self) -> tuple[int, ...]:
        """Width of each field of the state."""
        return tuple(n for cell in self.parts.values() for n in cell.state_sizes)

    @property
    def training(self) -> bool:
        """Whether parts that behave differently in training do so; setting it sets all parts."""
        return any(getattr(cell, "training", False) for cell in self.parts.values())

    @training.setter
    def training(self, on: bool) -> None:
        for cell in self.parts.values():
            if hasattr(cell, "training"):
                cell.training = on

    @property
    def generators(self) -> tuple[np.random.Generator, ...]:
        """The generators that parts draw from while they run."""
        return tuple(g for cell in self.parts.values() for g in getattr(cell, "generators", ()))

    def initial_state(self, batch: int) -> Any:
        """Return the parts' initial states, joined."""
        return self.join([cell.initial_state(batch) for cell in self.parts.values()])

    def join(self, states: Iterable[State]) -> State:
        """Put the parts' states into one."""
        return self.State(*(array for state in states for array in state))

    def split(self, state: State) -> list[State]:
        """Take the parts' states out of one."""
        arrays = iter(state)
        return [cell.State(*(next(arrays) for _ in cell.State._fields)) for cell in self.parts.values()]


class StackTrace(NamedTuple):
    """What a stack stores: its input, each layer's trace from the lowest up, its output."""

    x: Array
    layers: tuple[Trace, ...]
    h: Array


class Stack(Composite):
    r"""Layers of cells, :math:`h^{(l)}_t = \mathrm{cell}^{(l)}(h^{(l-1)}_t, \mathrm{state}^{(l)}_{t-1})`.

    Made by :func:`stack`. The top layer's state keeps its names, ``h`` and ``C``; that of layer l below
    carries its number, ``h_1``, ``C_1``.
    """

    Trace = StackTrace

    def __init__(self, layers: Sequence[Reader]) -> None:
        parts = {str(l + 1): cell for l, cell in enumerate(layers)}
        suffixes = [*(f"_{l + 1}" for l in range(len(layers) - 1)), ""]
        super().__init__(parts, suffixes, layers[-1].n_h)
        self.causal = all(cell.causal for cell in layers)

    @property
    def layers(self) -> list[Any]:
        """The cells, the lowest first."""
        return list(self.parts.values())

    def step(self, x_t: Array, state: State) -> tuple[State, StackTrace]:
        """Advance every layer by one time step, the lowest first.

        Parameters
        ----------
        x_t
            Shape ``(B, n_x)``.
        state
            State at t-1.

        Returns
        -------
        state, trace
            State at t, and what :meth:`step_back` needs.
        """
        states, traces = [], []
        h_below = x_t
        for cell, state_l in zip(self.layers, self.split(state), strict=True):
            new, trace = cell.step(h_below, state_l)
            states.append(new)
            traces.append(trace)
            h_below = new.h
        return self.join(states), StackTrace(x_t, tuple(traces), h_below)

    def step_back(self, dstate: State, trace: StackTrace, grads: ParameterGroup) -> tuple[Array, State]:
        """Mirror of :meth:`step`, from the top layer down.

        Implements :eq:`eq-stack-back`: the gradient by a layer's input is the direct derivative of the
        layer below.

        Parameters
        ----------
        dstate
            Total derivative of the loss by the top layer's hidden state, and what step t+1 passed back
            to every other field.
        trace
            What the step stored.
        grads
            Added into.

        Returns
        -------
        dx_t, dstate
            Gradients of the input, ``(B, n_x)``, and of the state at t-1 through this step.
        """
        dstates, below = self.split(dstate), []
        for l in reversed(range(len(self.layers))):
            dx, through = self.layers[l].step_back(dstates[l], trace.layers[l], grads.parts[str(l + 1)])
            below.append(through)
            if l > 0:
                dstates[l - 1] = dstates[l - 1]._replace(h=dstates[l - 1].h + dx)
        return dx, self.join(below[::-1])

    def __repr__(self) -> str:
        return f"stack([{', '.join(map(repr, self.layers))}])"


def stack(cells: Sequence[Reader]) -> Stack:
    r"""Put cells above each other: the hidden state of one is the input of the next.

    Implements :eq:`eq-stack`:
    :math:`h^{(l)}_t = \mathrm{LSTM}^{(l)}(h^{(l-1)}_t, h^{(l)}_{t-1}, C^{(l)}_{t-1})` with
    :math:`h^{(0)}_t = x_t`. The same cell given several times is shared: one memory, gradients add.
    Implements :eq:`eq-shared-layers` in that case; it takes a cell with :math:`n_x = n_h`.

    Parameters
    ----------
    cells
        The layers, the lowest first: cells, wrapped cells or bidirectional pairs, each reading as many
        numbers as the one below writes.

    Returns
    -------
    Stack
        A cell with ``n_x`` of the lowest and ``n_h`` of the highest layer.

    Raises
    ------
    TypeError, ValueError
        If there is no cell, something is not a cell, or two sizes do not fit.

    References
    ----------
    Graves, Mohamed and Hinton (2013).
    """
    if not isinstance(cells, Sequence) or len(cells) == 0:
        raise ValueError(f"cells: expected a list of at least one cell, got {cells!r:.60}")
    for l, cell in enumerate(cells):
        check_cell(cell)
        if l and cell.n_x != cells[l - 1].n_h:
            raise ValueError(
                f"cells[{l}]: expected n_x = {cells[l - 1].n_h}, the n_h of the layer below, got {cell.n_x}"
            )
    return Stack(cells)


@run_sequence.register(Stack)
def _run_stack(cell: Stack, x: Array, state: State, mask: Array | None) -> Run:
    """Layer by layer: what a layer's whole sequence is quick at, the stack is quick at."""
    runs: list[Run] = []
    for layer, state_l in zip(cell.layers, cell.split(state), strict=True):
        runs.append(run_sequence(layer, runs[-1].h if runs else x, state_l, mask))
    trace = StackTrace(x, tuple(run.trace for run in runs), runs[-1].h)
    return Run(trace.h, cell.join(run.state for run in runs), trace, mask)


@run_outputs.register(Stack)
def _run_stack_alone(cell: Stack, x: Array, state: State, mask: Array | None) -> Run:
    if not walks_as(cell, Stack):
        return run_outputs.dispatch(object)(cell, x, state, mask)
    states = []
    for layer, state_l in zip(cell.layers, cell.split(state), strict=True):
        x, state_l, _, _ = run_outputs(layer, x, state_l, mask)
        states.append(state_l)
    return Run(x, cell.join(states), None, mask)


@sequence_back.register(Stack)
def _stack_back(
    cell: Stack, trace: StackTrace, mask: Array | None, dh: Array, dstate: State, grads: ParameterGroup
) -> tuple[Array, State]:
    dstates = cell.split(dstate)
    for l in reversed(range(len(dstates))):
        part = grads.parts[str(l + 1)]
        dh, dstates[l] = sequence_back(cell.layers[l], trace.layers[l], mask, dh, dstates[l], part)
    return dh, cell.join(dstates)
