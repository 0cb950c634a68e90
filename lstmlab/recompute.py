"""Memory for time: gradient checkpointing, for any cell that can be stepped.

Only the state at the start of each segment is kept. The way back runs each segment again and then walks
it, so that the traces of one segment at a time lie in memory.
"""

from __future__ import annotations

import copy
import math
from typing import Any, NamedTuple

from lstmlab.backend import namespace
from lstmlab.checks import check_size
from lstmlab.typing import Array, Cell, State
from lstmlab.unroll import Run, run_sequence, sequence_back
from lstmlab.wrappers import Wrapper, check_steps


class Start(NamedTuple):
    """What is needed to run a segment again: its first step, state, and the generators' states."""

    t: int
    state: State
    draws: list[Any]


class CheckpointTrace(NamedTuple):
    """What a checkpointed run stores instead of every step: input, output and the segments' starts."""

    x: Array
    h: Array
    starts: list[Start]


class Checkpointed(Wrapper):
    """A cell that keeps little and computes it again. Made by :func:`checkpointed`."""

    Trace = CheckpointTrace

    def __init__(self, cell: Cell, every: int | None) -> None:
        super().__init__(cell, 0)
        self.State, self.every = cell.State, every

    @property
    def generators(self) -> Any:
        """The wrapped cell's generators; checkpointing itself draws nothing."""
        return getattr(self.cell, "generators", ())

    def segment(self, T: int) -> int:
        """Return the steps of a segment: ``every``, or √T rounded up."""
        return self.every or math.ceil(math.sqrt(T))

    def step(self, x_t: Array, state: State) -> Any:
        """Advance by one time step, as the wrapped cell does; nothing is saved by it."""
        return self.cell.step(x_t, state)

    def step_back(self, dstate: State, trace: Any, grads: Any) -> Any:
        """Mirror of :meth:`step`, the wrapped cell's."""
        return self.cell.step_back(dstate, trace, grads)

    def __repr__(self) -> str:
        return f"checkpointed({self.cell!r}, every={self.every})"


def checkpointed(cell: Cell, every: int | None = None) -> Checkpointed:
    r"""Keep the state at the start of each segment only, and compute the rest again on the way back.

    Implements :eq:`eq-checkpointing`. The gradients are the same; the price is one more forward pass, a
    third more work where the way back costs twice the way there. With segments of S steps a run keeps T/S
    states and, while it walks back, the traces of S steps: with S near :math:`\sqrt T`, memory grows as
    :math:`\sqrt T`, apart from the input and the hidden states, which belong to the caller.

    Parameters
    ----------
    cell
        Any cell that can be stepped: a stack, a wrapped cell. Draws of zoneout are repeated exactly.
    every
        Steps of a segment; ``None`` takes √T, rounded up.

    Returns
    -------
    Checkpointed
        A cell for :func:`lstmlab.unroll` and :func:`lstmlab.backprop`.

    Raises
    ------
    TypeError, ValueError
        If the cell cannot be stepped, or ``every`` is not a positive whole number.

    References
    ----------
    Chen, Xu, Zhang and Guestrin (2016).
    """
    check_steps(cell, "cell")
    return Checkpointed(cell, None if every is None else check_size("every", every))


@run_sequence.register(Checkpointed)
def _run_segments(cell: Checkpointed, x: Array, state: State, mask: Array | None) -> Run:
    starts, h = [], []
    for t in range(0, x.shape[0], cell.segment(x.shape[0])):
        starts.append(Start(t, state, [copy.deepcopy(g.bit_generator.state) for g in cell.generators]))
        run = _run_segment(cell, x, starts[-1], mask)
        h.append(run.h)
        state = run.state
    trace = CheckpointTrace(x, namespace(x).concat(h, axis=0), starts)
    return Run(trace.h, state, trace, mask)


def _run_segment(cell: Checkpointed, x: Array, start: Start, mask: Array | None) -> Run:
    here = slice(start.t, min(start.t + cell.segment(x.shape[0]), x.shape[0]))
    return run_sequence(cell.cell, x[here, ...], start.state, None if mask is None else mask[here, ...])


@sequence_back.register(Checkpointed)
def _segments_back(
    cell: Checkpointed, trace: CheckpointTrace, mask: Array | None, dh: Array, dstate: State, grads: Any
) -> tuple[Array, State]:
    dx, now = [], [copy.deepcopy(g.bit_generator.state) for g in cell.generators]
    for start in reversed(trace.starts):
        for g, drawn in zip(cell.generators, start.draws, strict=True):
            g.bit_generator.state = drawn
        run = _run_segment(cell, trace.x, start, mask)
        here = slice(start.t, start.t + run.h.shape[0])
        dx_here, dstate = sequence_back(cell.cell, run.trace, run.mask, dh[here, ...], dstate, grads)
        dx.append(dx_here)
    for g, drawn in zip(cell.generators, now, strict=True):
        g.bit_generator.state = drawn
    return namespace(dh).concat(dx[::-1], axis=0), dstate
