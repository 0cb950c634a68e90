"""Time: the loop forward and the loop backward, once for every cell."""

from __future__ import annotations

from typing import Any, NamedTuple

from lstmlab.backend import namespace
from lstmlab.checks import check_array
from lstmlab.parameters import Parameters
from lstmlab.typing import Array, Cell, State, Trace


class Run(NamedTuple):
    """What :func:`unroll` returns.

    Attributes
    ----------
    h
        Hidden state at every step, ``(T, B, n_h)``: the array ``trace.h`` itself, not to be written.
    state
        State after the last step, a named tuple of ``(B, n_h)``.
    trace
        Everything the backward pass needs, a named tuple of ``(T, B, n)``.
    """

    h: Array
    state: State
    trace: Trace


class Back(NamedTuple):
    """What :func:`backprop` returns.

    Attributes
    ----------
    dx
        Gradient of the input, ``(T, B, n_x)``.
    dstate
        Gradient of the initial state, a named tuple of ``(B, n_h)``.
    grads
        Name to gradient, summed over time and batch, shaped as the parameters.
    """

    dx: Array
    dstate: State
    grads: Parameters


def unroll(cell: Cell, x: Array, state: State | None = None) -> Run:
    """Run a cell over a sequence.

    Parameters
    ----------
    cell
        Any cell of :mod:`lstmlab.cells`.
    x
        Inputs, shape ``(T, B, n_x)``, T and B at least 1.
    state
        State before the first step; ``None`` takes zeros.

    Returns
    -------
    Run
        ``h``, ``state``, ``trace``.

    Raises
    ------
    TypeError, ValueError
        If ``x`` or ``state`` has the wrong library, dtype or shape, is empty, or is not finite, or
        the cell's parameters are no longer finite.
    """
    check_cell(cell)
    check_array("x", x, ("T", "B", cell.n_x), cell.params.flat)
    T, B, _ = x.shape
    state = cell.initial_state(B) if state is None else check_state("state", state, cell, B)
    traces = []
    for t in range(T):
        state, trace = cell.step(x[t, ...], state)
        traces.append(trace)
    stacked = stack(traces)
    return Run(stacked.h, state, stacked)


def backprop(cell: Cell, run: Run, dh: Array, dstate: State | None = None) -> Back:
    r"""Backpropagation through time: the loop of :func:`unroll`, walked from the end.

    Parameters
    ----------
    cell
        The cell that made the run, with the same parameters.
    run
        What :func:`unroll` returned.
    dh
        Direct derivative of the loss by each hidden state,
        :math:`\partial \ell_t/\partial h_t`, shape ``(T, B, n_h)``.
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
    check_array("dh", dh, (T, B, cell.n_h), cell.params.flat)
    dstate = cell.initial_state(B) if dstate is None else check_state("dstate", dstate, cell, B)
    grads = cell.params.zeros_like()
    dx = []
    for t in reversed(range(T)):
        dstate = dstate._replace(h=total_hidden_gradient(dh[t, ...], dstate.h))
        dx_t, dstate = cell.step_back(dstate, at_step(run.trace, t), grads)
        dx.append(dx_t)
    return Back(namespace(dh).stack(dx[::-1]), dstate, grads)


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
    """Return one step of a stacked trace, views of shape ``(B, n)``."""
    return type(trace)(*(field[t, ...] for field in trace))


def stack(traces: list[Trace]) -> Trace:
    """Stack the traces of single steps along time, ``(T, B, n)``."""
    xp = namespace(traces[0].h)
    return type(traces[0])(*(xp.stack(field) for field in zip(*traces, strict=True)))


def check_cell(cell: Any) -> None:
    """Say what came instead of a cell, or that its parameters are no longer numbers."""
    if not hasattr(cell, "step_back") or isinstance(cell, type):
        raise TypeError(f"cell: expected a cell such as LSTM(n_x, n_h), got {cell!r:.60}")
    flat = cell.params.flat
    check_array("cell.params", flat, tuple(flat.shape), flat)


def check_run(cell: Any, run: Any) -> tuple[int, int]:
    """Return T and B of a run that this cell may have made, or say what is wrong with it."""
    check_cell(cell)
    if not isinstance(run, Run):
        raise TypeError(f"run: expected what unroll returned, got {type(run).__name__}")
    if not isinstance(run.trace, cell.Trace):
        raise TypeError(
            f"run: expected the run of a cell that stores {cell.Trace.__name__}, "
            f"got {type(run.trace).__name__}"
        )
    T, B, _ = run.trace.x.shape
    check_array("run.trace.x", run.trace.x, (T, B, cell.n_x), cell.params.flat)
    check_array("run.h", run.h, (T, B, cell.n_h), cell.params.flat)
    return T, B


def check_state(name: str, state: Any, cell: Cell, batch: int) -> State:
    """Return the state, or say what is wrong with it."""
    if not isinstance(state, cell.State):
        wanted = f"{cell.State.__name__}({', '.join(cell.State._fields)})"
        raise TypeError(f"{name}: expected a {wanted}, got {type(state).__name__}")
    for field, array, n in zip(state._fields, state, cell.state_sizes, strict=True):
        check_array(f"{name}.{field}", array, (batch, n), cell.params.flat)
    return state
