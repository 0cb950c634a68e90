"""How long a cell state remembers, and where it comes to rest."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from lstmlab.backend import from_numpy, namespace, to_numpy
from lstmlab.cells.lstm import LSTM, LSTMState
from lstmlab.checks import check_array, check_size
from lstmlab.diagnostics.flow import step_jacobian
from lstmlab.initializers import generator
from lstmlab.typing import Array


def retention(f: Array) -> Array:
    r"""Share of :math:`C_0` still in :math:`C_t`, for every t: :math:`\prod_{s=1}^{t} f_s`.

    Implements :eq:`eq-retention`. A gain, not a probability.

    Parameters
    ----------
    f
        Forget gates, shape ``(T, ...)``.

    Returns
    -------
    array
        Same shape: the product up to and including each step.
    """
    xp = namespace(f)
    kept = [f[0, ...]]
    for t in range(1, f.shape[0]):
        kept.append(kept[-1] * f[t, ...])
    return xp.stack(kept)


def cell_state_closed_form(f: Array, i: Array, C_tilde: Array, C_0: Array) -> Array:
    r"""The last cell state as one sum instead of a loop.

    Implements :eq:`eq-closed-form`:
    :math:`C_T = \bigl(\prod_{t} f_t\bigr) \odot C_0
    + \sum_t \bigl(\prod_{s>t} f_s\bigr) \odot i_t \odot \tilde C_t`.

    Parameters
    ----------
    f, i, C_tilde
        Each of shape ``(T, ...)``.
    C_0
        Shape ``(...)``.

    Returns
    -------
    array
        :math:`C_T`, shape ``(...)``.
    """
    C_T, kept_since = C_0 * 0.0, C_0 * 0.0 + 1.0
    for t in reversed(range(f.shape[0])):
        C_T = C_T + kept_since * i[t, ...] * C_tilde[t, ...]
        kept_since = kept_since * f[t, ...]
    return C_T + kept_since * C_0


def cell_state_bound(C_0: Array, t: int) -> Array:
    r"""Bound on the cell state after t steps, :math:`|C_t| \le |C_0| + t`.

    Implements :eq:`eq-cell-state-bound`. Each step keeps at most all and writes less than one.

    Parameters
    ----------
    C_0
        Initial cell state, any shape.
    t
        Number of steps.

    Returns
    -------
    array
        Same shape.
    """
    return namespace(C_0).abs(C_0) + float(t)


def half_life(f: Array) -> Array:
    r"""Steps after which half of a cell state is left, :math:`n_{1/2} = \ln\tfrac12/\ln f`.

    Implements :eq:`eq-half-life`, for a constant forget gate.

    Parameters
    ----------
    f
        Forget gate, values in (0, 1), any shape.

    Returns
    -------
    array
        Same shape, in steps.

    Raises
    ------
    ValueError
        If a value is not strictly between 0 and 1.
    """
    xp = namespace(f)
    if not bool(xp.all((f > 0.0) & (f < 1.0))):
        raise ValueError("f: expected values strictly between 0 and 1 (at 1 nothing is ever forgotten)")
    return float(np.log(0.5)) / xp.log(f)


def time_constant(b_f: Array) -> Array:
    r"""Steps after which 1/e of a cell state is left, from the forget gate's bias alone.

    Implements :eq:`eq-time-constant`:
    :math:`\tau = -1/\ln\sigma(b_f) = 1/\ln(1+e^{-b_f}) \approx e^{b_f} + \tfrac12`.

    Parameters
    ----------
    b_f
        Bias, any shape; weights and inputs are taken as zero.

    Returns
    -------
    array
        Same shape, in steps.

    References
    ----------
    Compare Tallec and Ollivier (2018), who choose the bias from the time scale of a task.
    """
    xp = namespace(b_f)
    return 1.0 / xp.log1p(xp.exp(-b_f))


def steady_state(f: Array, i: Array, C_tilde: Array) -> Array:
    r"""Where the cell state comes to rest if the gates stand still, :math:`C^* = i\tilde C/(1-f)`.

    Implements :eq:`eq-steady-state`. In a cell with recurrent weights the gates depend on
    :math:`C^*` in turn, and this is an equation to solve (:func:`fixed_points`), not a solution.

    Parameters
    ----------
    f, i, C_tilde
        Constant gates and candidate, any one shape, f below 1.

    Returns
    -------
    array
        Same shape.

    Raises
    ------
    ValueError
        If f reaches 1 somewhere: then nothing comes to rest.
    """
    if not bool(namespace(f).all(f < 1.0)):
        raise ValueError("f: expected values below 1 (at 1 the cell state never comes to rest)")
    return i * C_tilde / (1.0 - f)


class FixedPoint(NamedTuple):
    """A state that one step does not change.

    Attributes
    ----------
    h, C
        Shape ``(n_h,)`` each.
    f
        The forget gate there, ``(n_h,)``.
    radius
        Spectral radius of the full Jacobian there; below 1 the point is stable.
    residual
        Largest change under one more step.
    """

    h: Array
    C: Array
    f: Array
    radius: float
    residual: float

    @property
    def stable(self) -> bool:
        """Whether small disturbances die out."""
        return self.radius < 1.0


def fixed_point_residual(cell: LSTM, state: LSTMState, x: Array) -> Array:
    r"""How far one step moves a state: zero exactly at a fixed point.

    Implements :eq:`eq-fixed-point`: :math:`h^* = o^*\odot\tanh C^*` and
    :math:`C^* = f^*\odot C^* + i^*\odot\tilde C^*` for a constant input.

    Parameters
    ----------
    cell
        The cell.
    state
        Shape ``(1, n_h)`` each.
    x
        Constant input, ``(1, n_x)``.

    Returns
    -------
    array
        :math:`[h'-h;\ C'-C]`, shape ``(2 n_h,)``.
    """
    return _change(state, cell.step(x, state)[0])


def _change(old: LSTMState, new: LSTMState) -> Array:
    return namespace(old.h).concat([(new.h - old.h)[0, :], (new.C - old.C)[0, :]])


def fixed_points(
    cell: LSTM, x: Array, *, starts: int = 40, spread: float = 4.0, rng: int = 0
) -> list[FixedPoint]:
    """Find fixed points of a cell under a constant input, by Newton's method from random states.

    Newton's method finds unstable points as readily as stable ones; running the cell cannot.
    The list need not be complete.

    Parameters
    ----------
    cell
        A float64 LSTM.
    x
        Constant input, shape ``(n_x,)``.
    starts
        Number of random starting states, beside the zero state.
    spread
        Standard deviation of the starting cell states.
    rng
        Seed of the starting states.

    Returns
    -------
    list of FixedPoint
        Distinct points, in ascending order of the first unit's cell state, then hidden state.

    Raises
    ------
    TypeError, ValueError
        If the cell is no float64 LSTM, ``x`` is not a finite array of shape ``(n_x,)`` beside it, or
        ``starts`` is not a positive whole number.
    """
    if not isinstance(cell, LSTM) or cell.dtype != "float64":
        raise TypeError(f"cell: expected a float64 LSTM, got {cell!r}")
    check_array("x", x, (cell.n_x,), cell.params.flat)
    draws = generator(rng).normal(size=(check_size("starts", starts), 2 * cell.n_h))
    draws[:, : cell.n_h], draws[:, cell.n_h :] = np.tanh(draws[:, : cell.n_h]), spread * draws[:, cell.n_h :]
    found: list[FixedPoint] = []
    for start in np.concatenate([np.zeros((1, 2 * cell.n_h)), draws]):
        point = _newton(cell, x[None, :], start)
        if point is not None and not any(_same(point, other) for other in found):
            found.append(point)
    return sorted(found, key=lambda p: (round(float(p.C[0]), 9), float(p.h[0])))


def _newton(cell: LSTM, x: Array, start: np.ndarray[Any, Any]) -> FixedPoint | None:
    n, s = cell.n_h, start
    for _ in range(100):
        state = LSTMState(from_numpy(s[None, :n], x), from_numpy(s[None, n:], x))
        new, trace = cell.step(x, state)
        residual = to_numpy(_change(state, new))
        J = to_numpy(step_jacobian(cell, trace))
        size = max(1.0, float(np.abs(s).max()))
        if np.abs(residual).max() < 1e-12 * size:
            h, C, f = (a[0, :] for a in (state.h, state.C, trace.f))
            return FixedPoint(h, C, f, spectral_radius(J), float(np.abs(residual).max()))
        try:
            move = np.linalg.solve(J - np.eye(2 * n), residual)
        except np.linalg.LinAlgError:
            return None
        # Far starts overshoot: a move is at most as long as the state itself, plus 5.
        s = s - move * min(1.0, (5.0 + np.abs(s).max()) / max(np.abs(move).max(), 1e-300))
        if not np.isfinite(s).all() or np.abs(s).max() > 1e12:
            return None
    return None


def _same(a: FixedPoint, b: FixedPoint) -> bool:
    pairs = ((a.h, b.h), (a.C, b.C))
    return all(np.allclose(to_numpy(u), to_numpy(v), rtol=1e-7, atol=1e-7) for u, v in pairs)


def spectral_radius(J: Array) -> float:
    r"""Largest absolute eigenvalue, :math:`\rho(J) = \max_k |\lambda_k|`.

    Implements :eq:`eq-spectral-radius`. A fixed point is stable if and only if (away from equality)
    :math:`\rho < 1` for the full Jacobian there; :math:`f^* < 1` alone does not suffice.

    Parameters
    ----------
    J
        Square matrix.

    Returns
    -------
    float
        Not the spectral norm: :math:`\rho \le \|J\|_2`.
    """
    return float(np.abs(np.linalg.eigvals(to_numpy(J))).max())
