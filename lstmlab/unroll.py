"""Time: the loop forward and the loop backward, once for every cell.

A cell needs no entry here: whatever has ``step`` and ``step_back`` is walked by the two plain loops,
:func:`run_sequence` and :func:`sequence_back`. What cannot be walked step by step (two directions), or
need not be (a stack, layer by layer; a segment computed twice; a fused kernel), registers its own
version of the two for its type.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import singledispatch
from typing import Any, NamedTuple

import numpy as np

from lstmlab.backend import from_numpy, namespace
from lstmlab.checks import check_array
from lstmlab.parameters import ParameterGroup, Parameters
from lstmlab.typing import Array, Cell, Reader, State, Trace


class Run(NamedTuple):
    """What :func:`unroll` returns.

    Attributes
    ----------
    h
        Hidden state at every step, ``(T, B, n_h)``: without lengths the array ``trace.h`` itself, not
        to be written. With lengths, zero after a sequence's end.
    state
        State after the last step (with lengths: after each sequence's own last step), a named tuple
        of ``(B, n)``.
    trace
        Everything the backward pass needs, a named tuple of ``(T, B, n)``; ``None`` after
        ``unroll(..., trace=False)``.
    mask
        ``None``, or 1 where a sequence still runs and 0 after its end, ``(T, B, 1)``.
    """

    h: Array
    state: State
    trace: Trace
    mask: Array | None = None


class Back(NamedTuple):
    """What :func:`backprop` returns.

    Attributes
    ----------
    dx
        Gradient of the input, ``(T, B, n_x)``.
    dstate
        Gradient of the initial state, a named tuple of ``(B, n)``.
    grads
        Name to gradient, summed over time and batch, shaped as the parameters.
    """

    dx: Array
    dstate: State
    grads: Parameters | ParameterGroup


class StepBack(NamedTuple):
    """One step of the walk back: what :func:`walk_back` yields.

    Attributes
    ----------
    t
        Which step, counted from 0.
    total
        Total derivative of the loss by the state after this step.
    dx_t
        Gradient of this step's input, ``(B, n_x)``.
    dstate
        Gradient of the state before this step, as far as it comes through this step.
    """

    t: int
    total: State
    dx_t: Array
    dstate: State


def unroll(
    cell: Reader,
    x: Array,
    state: State | None = None,
    *,
    lengths: Sequence[int] | None = None,
    trace: bool = True,
) -> Run:
    """Run a cell over a sequence.

    Parameters
    ----------
    cell
        Any cell of :mod:`lstmlab.cells`, or a stack, a bidirectional pair, a wrapper of cells.
    x
        Inputs, shape ``(T, B, n_x)``, T and B at least 1.
    state
        State before the first step; ``None`` takes zeros.
    lengths
        Number of steps of each sequence, B whole numbers from 1 to T, for a padded batch; ``None``
        means T for all. After its end a sequence keeps its state, and its output is zero.
    trace
        Whether to keep what :func:`backprop` needs. Without it the gates of one step are enough, where with
        it those of all steps are kept, and the large runs of an LSTM are quicker.

    Returns
    -------
    Run
        ``h``, ``state``, ``trace``, ``mask``.

    Raises
    ------
    TypeError, ValueError
        If ``x``, ``state`` or ``lengths`` has the wrong library, dtype or shape, is empty, or is not
        finite, or the cell's parameters are no longer finite.
    """
    check_cell(cell)
    check_array("x", x, ("T", "B", cell.n_x), cell.params.vectors[0])
    T, B, _ = x.shape
    state = cell.initial_state(B) if state is None else check_state("state", state, cell, B)
    mask = None if lengths is None else length_mask(lengths, T, B, x)
    return (run_sequence if trace else run_outputs)(cell, x, state, mask)


@singledispatch
def run_sequence(cell: Any, x: Array, state: State, mask: Array | None) -> Run:
    """Walk a sequence step by step; the arguments of :func:`unroll`, already checked."""
    traces = []
    for t in range(x.shape[0]):
        new, trace = cell.step(x[t, ...], state)
        state = new if mask is None else hold(mask[t, ...], new, state)
        traces.append(trace)
    stacked = stack_steps(traces)
    return Run(stacked.h if mask is None else mask * stacked.h, state, stacked, mask)


@singledispatch
def run_outputs(cell: Any, x: Array, state: State, mask: Array | None) -> Run:
    """Do what :func:`run_sequence` does, and keep no trace.

    A cell that walks time in a way of its own keeps for a moment what that way keeps.
    """
    own_way = run_sequence.dispatch(type(cell))
    if own_way is not run_sequence.dispatch(object):
        return own_way(cell, x, state, mask)._replace(trace=None)
    return walk_outputs(cell, x, state, mask)


def walks_as(cell: Any, kind: type) -> bool:
    """Whether a cell's sequences are run as those of a kind: a subclass may have registered its own way."""
    return run_sequence.dispatch(type(cell)) is run_sequence.dispatch(kind)


def walk_outputs(cell: Cell, x: Array, state: State, mask: Array | None) -> Run:
    """Walk step by step and keep the outputs alone."""
    outputs = []
    for t in range(x.shape[0]):
        new, _ = cell.step(x[t, ...], state)
        state = new if mask is None else hold(mask[t, ...], new, state)
        outputs.append(new.h)
    h = namespace(x).stack(outputs)
    return Run(h if mask is None else mask * h, state, None, mask)


def backprop(cell: Reader, run: Run, dh: Array, dstate: State | None = None) -> Back:
    r"""Backpropagation through time: the loop of :func:`unroll`, walked from the end.

    Parameters
    ----------
    cell
        The cell that made the run, with the same parameters.
    run
        What :func:`unroll` returned.
    dh
        Direct derivative of the loss by each hidden state,
        :math:`\partial \ell_t/\partial h_t`, shape ``(T, B, n_h)``; ignored after a sequence's end.
    dstate
        Direct derivative of the loss by the final state; ``None`` takes zeros.

    Returns
    -------
    Back
        ``dx``, ``dstate`` (of the initial state), ``grads``.

    Raises
    ------
    TypeError, ValueError
        If ``dh`` or ``dstate`` has the wrong library, dtype or shape, or is not finite, or the run
        was made by a cell of another size.

    Notes
    -----
    Nothing can tell that the cell's parameters were changed since the run: unroll again first.

    References
    ----------
    Werbos (1990); Graves and Schmidhuber (2005) for the full gradient of the LSTM.
    """
    T, B = check_run(cell, run)
    check_array("dh", dh, (T, B, cell.n_h), cell.params.vectors[0])
    dstate = zero_state(cell, B) if dstate is None else check_state("dstate", dstate, cell, B)
    grads = cell.params.zeros_like()
    dx, dstate = sequence_back(cell, run.trace, run.mask, dh, dstate, grads)
    return Back(dx, dstate, grads)


@singledispatch
def sequence_back(
    cell: Any, trace: Trace, mask: Array | None, dh: Array, dstate: State, grads: Any
) -> tuple[Array, State]:
    """Mirror of :func:`run_sequence`; return the gradients of ``x`` and of the initial state."""
    dx = []
    for step in walk_back(cell, trace, mask, dh, dstate, grads):
        dx.append(step.dx_t)
        dstate = step.dstate
    return namespace(dh).stack(dx[::-1]), dstate


def walk_back(
    cell: Cell, trace: Trace, mask: Array | None, dh: Array, dstate: State, grads: Any
) -> Iterator[StepBack]:
    """Walk from the last step to the first, one step of the chain rule at a time.

    Parameters
    ----------
    cell, trace, mask, dh, dstate
        The cell, what its run stored, and the derivatives of the loss, as for :func:`backprop`.
    grads
        Added into.

    Yields
    ------
    StepBack
        For t = T-1, ..., 0.
    """
    for t in reversed(range(dh.shape[0])):
        total = dstate._replace(h=total_hidden_gradient(dh[t, ...], dstate.h))
        if mask is None:
            dx_t, dstate = cell.step_back(total, at_step(trace, t), grads)
        else:  # a sequence that has ended hands its gradient on as it is
            running, ended = mask[t, ...], 1.0 - mask[t, ...]
            total = type(total)(*(running * d for d in total))
            dx_t, through = cell.step_back(total, at_step(trace, t), grads)
            dstate = type(total)(*(new + ended * old for new, old in zip(through, dstate, strict=True)))
        yield StepBack(t, total, dx_t, dstate)


def total_hidden_gradient(dh_direct: Array, dh_through_next: Array) -> Array:
    r"""Total derivative by a hidden state: its own losses, and every later one through step t+1.

    Implements :eq:`eq-dh-total`:
    :math:`\partial L/\partial h_t = \partial \ell_t/\partial h_t + \sum_g W_{gh}^\top \delta_{g,t+1}`.

    Parameters
    ----------
    dh_direct
        Direct derivative of the losses that read :math:`h_t`, shape ``(B, n_h)``.
    dh_through_next
        What step t+1 passed back, shape ``(B, n_h)``; at t=T the gradient of the final state.

    Returns
    -------
    array
        Shape ``(B, n_h)``.
    """
    return dh_direct + dh_through_next


def at_step(trace: Trace, t: int) -> Trace:
    """Return one step of a stacked trace, views of shape ``(B, n)``.

    Parameters
    ----------
    trace
        What a run stored, fields of shape ``(T, B, n)``.
    t
        Which step, counted from 0; negative from the end.

    Returns
    -------
    named tuple
        The same fields, as one step of the cell stored them.
    """
    return map_trace(trace, lambda field: field[t, ...])


def steps_between(trace: Trace, start: int, stop: int) -> Trace:
    """Return the steps from ``start`` up to, not including, ``stop`` of a stacked trace, as views.

    What a kernel keeps beside a trace is divided with it, but for the state after the last step.
    """
    return map_trace(trace, lambda field: field[start:stop, ...], blocks=True)


def map_trace(trace: Trace, change: Callable[[Array], Array], *, blocks: bool = False) -> Trace:
    """Apply a function to every array of a trace, which may hold traces; if asked, to kernels' blocks too."""
    if not isinstance(trace, tuple):
        return change(trace)
    fields = [map_trace(field, change, blocks=blocks) for field in trace]
    made: Any = type(trace)(*fields) if hasattr(trace, "_fields") else tuple(fields)
    if blocks and (kept := getattr(trace, "blocks", None)) is not None:
        made.blocks = map_trace(kept, change)
    return made


def stack_steps(traces: Sequence[Trace]) -> Trace:
    """Stack the traces of single steps along time, ``(T, B, n)``."""
    first = traces[0]
    if not isinstance(first, tuple):
        return namespace(first).stack(list(traces))
    columns = [stack_steps(field) for field in zip(*traces, strict=True)]
    return type(first)(*columns) if hasattr(first, "_fields") else tuple(columns)


def hold(running: Array, new: State, old: State) -> State:
    """Take the new state where a sequence still runs and keep the old one where it has ended.

    Implements :eq:`eq-hold`.
    """
    ended = 1.0 - running
    return type(new)(*(running * n + ended * o for n, o in zip(new, old, strict=True)))


def length_mask(lengths: Sequence[int], T: int, B: int, like: Array) -> Array:
    """Return 1 where a sequence still runs and 0 after its end, ``(T, B, 1)``, beside ``like``."""
    steps = np.asarray(lengths)
    if steps.shape != (B,) or steps.dtype.kind not in "iu" or steps.min() < 1 or steps.max() > T:
        raise ValueError(f"lengths: expected {B} whole numbers from 1 to T = {T}, got {lengths!r:.80}")
    return from_numpy(np.arange(T)[:, None, None] < steps[None, :, None], like)


def zero_state(cell: Reader, batch: int) -> State:
    """Return a state of zeros: where a gradient starts."""
    like = cell.params.vectors[0]
    return cell.State(*(from_numpy(np.zeros((batch, n)), like) for n in cell.state_sizes))


def check_cell(cell: Any) -> None:
    """Say what came instead of a cell, or that its parameters are no longer numbers."""
    if not hasattr(cell, "state_sizes") or isinstance(cell, type):
        raise TypeError(f"cell: expected a cell such as LSTM(n_x, n_h), got {cell!r:.60}")
    for vector in cell.params.vectors:
        check_array("cell.params", vector, tuple(vector.shape), vector)


def check_run(cell: Any, run: Any) -> tuple[int, int]:
    """Return T and B of a run that this cell may have made, or say what is wrong with it."""
    check_cell(cell)
    if not isinstance(run, Run):
        raise TypeError(f"run: expected what unroll returned, got {type(run).__name__}")
    check_traced(run)
    if not isinstance(run.trace, cell.Trace):
        raise TypeError(
            f"run: expected the run of a cell that stores {cell.Trace.__name__}, "
            f"got {type(run.trace).__name__}"
        )
    T, B, _ = run.trace.x.shape
    check_array("run.trace.x", run.trace.x, (T, B, cell.n_x), cell.params.vectors[0])
    check_array("run.h", run.h, (T, B, cell.n_h), cell.params.vectors[0])
    return T, B


def check_traced(run: Any) -> None:
    """Say that a run kept nothing to look at."""
    if run.trace is None:
        raise TypeError("run: expected one with its trace, got what unroll(..., trace=False) returned")


def check_state(name: str, state: Any, cell: Reader, batch: int) -> State:
    """Return the state, or say what is wrong with it."""
    if not isinstance(state, cell.State):
        wanted = f"{cell.State.__name__}({', '.join(cell.State._fields)})"
        raise TypeError(f"{name}: expected a {wanted}, got {type(state).__name__}")
    for field, array, n in zip(state._fields, state, cell.state_sizes, strict=True):
        check_array(f"{name}.{field}", array, (batch, n), cell.params.vectors[0])
    return state
