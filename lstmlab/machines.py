"""An LSTM that runs programs: counters, and units that show which line is to be done.

Weights are so large that a gate is a switch, as in :mod:`lstmlab.counting`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from lstmlab.backend import from_numpy
from lstmlab.cells.lstm import LSTM, LSTMState
from lstmlab.counting import SEEN
from lstmlab.typing import Namespace


class Instruction(NamedTuple):
    """One line of a program for counters.

    Attributes
    ----------
    counter
        Which counter, from 0.
    change
        1 adds one. -1 takes one away, unless the counter is zero.
    then
        The next line; the number of lines there are stops the machine.
    if_zero
        The next line if a -1 found zero; of no use with 1.
    """

    counter: int
    change: int
    then: int
    if_zero: int = -1


def counter_machine(
    program: Sequence[Instruction], counters: int, *, K: float = 200.0, xp: Namespace | None = None
) -> LSTM:
    r"""Weights of an LSTM that runs a program, two steps a line, at zero input.

    Implements :eq:`eq-machine`. Units 0 to ``counters - 1`` are the counters; then one a line and one for
    the end, which show what is to be done next; then two a line that show what was found: go on, or zero.

    Parameters
    ----------
    program
        Its lines.
    counters
        How many counters.
    K
        Size of the weights; 100 or more in float64.
    xp
        As for a cell.

    Returns
    -------
    LSTM
        Float64, ``n_x = 1``, ``n_h = counters + 3 len(program) + 1``.

    Raises
    ------
    ValueError
        If a line names a counter, a change or a line that does not exist.

    References
    ----------
    Minsky (1967): two counters suffice to compute whatever can be computed, given time.
    """
    lines = len(program)
    n_h = counters + 3 * lines + 1
    W_i, W_C, b_i, b_C, b_f = np.zeros((n_h, n_h)), np.zeros((n_h, n_h)), *np.zeros((3, n_h))
    b_f[:] = -1.0  # lines and findings last one step
    b_f[:counters] = b_f[counters + lines] = 1.0
    b_i[:] = -SEEN / 2
    b_C[counters:] = 1.0
    for k, (counter_, change, then, if_zero) in enumerate(program):
        check_instruction(k, program[k], counters, lines)
        line, go, zero = counters + k, counters + lines + 1 + k, counters + 2 * lines + 1 + k
        W_i[go, line] = W_i[counter_, go] = W_i[counters + then, go] = 1.0
        W_C[counter_, go] = change
        if change == -1:
            W_i[go, counter_], b_i[go] = 1.0, -(1.0 + 2.0 * SEEN) / 2.0  # line and counter
            W_i[zero, line], W_i[zero, counter_] = 1.0, -1.0  # line and no counter
            W_i[counters + if_zero, zero] = 1.0
    cell = LSTM(1, n_h, xp=xp)
    cell.params.flat[...] = 0.0
    pad = np.zeros((n_h, 1))
    values = {"W_i": np.hstack([W_i, pad]), "W_C": np.hstack([W_C, pad]), "b_f": b_f, "b_i": b_i, "b_C": b_C}
    for name, value in values.items():
        cell.params[name] = (K * value).tolist()
    cell.params["b_o"][...] = K
    return cell


def check_instruction(k: int, instruction: Instruction, counters: int, lines: int) -> None:
    """Refuse a line that names what does not exist."""
    counter_, change, then, if_zero = instruction
    good = 0 <= counter_ < counters and 0 <= then <= lines
    if not good or change not in (-1, 1) or (change == -1 and not 0 <= if_zero <= lines):
        raise ValueError(
            f"program: expected counters 0 to {counters - 1}, changes 1 or -1, lines 0 to {lines}, "
            f"got {instruction} in line {k}"
        )


def machine_start(cell: LSTM, counts: Sequence[int]) -> LSTMState:
    """State of :func:`counter_machine` before the first line, with numbers in the counters.

    Parameters
    ----------
    cell
        The machine.
    counts
        What its counters hold, zero or more each.

    Returns
    -------
    LSTMState
        Shape ``(1, n_h)`` each.
    """
    C = np.zeros((1, cell.n_h))
    C[0, : len(counts)], C[0, len(counts)] = counts, 1.0
    like = cell.params.flat
    return LSTMState(from_numpy(np.tanh(C), like), from_numpy(C, like))


def run_program(program: Sequence[Instruction], counts: Sequence[int], most: int = 100_000) -> list[int]:
    """Run a program without any network: what :func:`counter_machine` has to agree with.

    Parameters
    ----------
    program
        Its lines.
    counts
        What the counters hold at first.
    most
        Lines after which it is given up.

    Returns
    -------
    list of int
        The counters at the end.

    Raises
    ------
    ValueError
        If it has not stopped.
    """
    held, k = list(counts), 0
    for _ in range(most):
        if k == len(program):
            return held
        line = program[k]
        if line.change == -1 and held[line.counter] == 0:
            k = line.if_zero
        else:
            held[line.counter] += line.change
            k = line.then
    raise ValueError(f"most: expected a program that stops within {most} lines, got one that does not")
