"""Where one unit comes to rest, and how fast neighbouring states part."""

from __future__ import annotations

import math

import numpy as np

from lstmlab.backend import from_numpy, namespace, to_numpy
from lstmlab.cells.lstm import LSTM, LSTMState
from lstmlab.checks import check_size
from lstmlab.diagnostics.flow import step_jacobian
from lstmlab.initializers import generator
from lstmlab.typing import Array


def one_unit_map(C: Array, *, f: float, i: float, o: float, w: float, b: float = 0.0) -> Array:
    r"""The next cell state of a unit whose candidate reads its own hidden state, all gates being constant.

    Implements :eq:`eq-one-unit-map`: :math:`C' = f\,C + i\tanh(w\,o\tanh C + b)`.

    Parameters
    ----------
    C
        Cell states, any shape.
    f, i, o
        The gates.
    w, b
        Weight of the candidate for h, and its bias with what a constant input adds.

    Returns
    -------
    array
        Same shape. A fixed point is where it equals ``C``.
    """
    xp = namespace(C)
    return f * C + i * xp.tanh(w * o * xp.tanh(C) + b)


def critical_weight(f: float, i: float, o: float) -> tuple[float, float]:
    r"""Weights between which the unit of :func:`one_unit_map` has one fixed point and it is stable.

    Implements :eq:`eq-critical-weight`: :math:`w_- = -(1+f)/(i\,o)` and :math:`w_+ = (1-f)/(i\,o)`.
    In between the map is a contraction, whatever b. With b = 0 there are three fixed points above
    :math:`w_+`, two of them stable, and below :math:`w_-` the only one is unstable: the unit swings.

    Parameters
    ----------
    f, i, o
        Constant gates, f below 1, i and o above 0.

    Returns
    -------
    w_minus, w_plus
        The first negative, the second positive.

    Raises
    ------
    ValueError
        If a gate is out of range.
    """
    if not (0.0 <= f < 1.0 and 0.0 < i <= 1.0 and 0.0 < o <= 1.0):
        raise ValueError(f"f, i, o: expected gates, f below 1, i and o above 0, got {f}, {i}, {o}")
    return -(1.0 + f) / (i * o), (1.0 - f) / (i * o)


def stable_by_trace(J: Array) -> bool:
    r"""Whether both eigenvalues of a 2 × 2 matrix lie inside the unit circle, without computing them.

    Implements :eq:`eq-jury`: :math:`|\mathrm{tr}\,J| < 1 + \det J < 2`.

    Parameters
    ----------
    J
        Jacobian of one unit, the state being ``[h; C]``: shape ``(2, 2)``.

    Returns
    -------
    bool
        The same answer as ``spectral_radius(J) < 1``.

    Raises
    ------
    ValueError
        If the matrix has another shape.
    """
    if tuple(J.shape) != (2, 2):
        raise ValueError(f"J: expected shape (2, 2), got {tuple(J.shape)}")
    (a, b), (c, d) = to_numpy(J).tolist()
    trace, determinant = a + d, a * d - b * c
    return bool(abs(trace) < 1.0 + determinant < 2.0)


def lyapunov_exponent(
    cell: LSTM, x: Array, state: LSTMState, *, discard: int = 100, rng: int | np.random.Generator = 0
) -> float:
    r"""Rate at which two neighbouring states part, on average over a run.

    Implements :eq:`eq-lyapunov`:
    :math:`\lambda = \frac1T\sum_t \ln\|J_t\,v_{t-1}\|` with
    :math:`v_t = J_t v_{t-1}/\|J_t v_{t-1}\|` from a random unit vector, after ``discard`` steps in which
    the state and the vector find their way.

    Parameters
    ----------
    cell
        An LSTM.
    x
        Inputs of one sequence, ``(T + discard, 1, n_x)``.
    state
        Where it starts, ``(1, n_h)`` each.
    discard
        Steps that do not count.
    rng
        Seed of the vector.

    Returns
    -------
    float
        Per step. Negative: neighbours meet. Positive, in a bounded state: chaos.

    Raises
    ------
    ValueError
        If ``x`` is no longer than what is discarded.
    """
    if x.shape[0] <= check_size("discard", discard):
        raise ValueError(f"x: expected more than discard = {discard} steps, got {x.shape[0]}")
    v = generator(rng).normal(size=2 * cell.n_h)
    v, total = from_numpy(v / np.linalg.norm(v), x), 0.0
    for t in range(x.shape[0]):
        state, trace = cell.step(x[t, ...], state)
        v = step_jacobian(cell, trace) @ v
        length = math.sqrt(float(namespace(v).sum(v * v)))
        if length == 0.0:
            return -math.inf
        v = v / length
        if t >= discard:
            total += math.log(length)
    return total / float(x.shape[0] - discard)
