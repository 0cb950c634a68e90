"""The GRU: two gates, one state, and two places where the reset gate may stand.

Inside a step, arrays stand in columns as in the notes; the public shapes are ``(B, n)`` and the
transposes are views. The equations are those of :mod:`lstmlab.cells.gru_gates`; here they are put
in order.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from lstmlab.backend import namespace
from lstmlab.cells.base import BaseCell, check_sizes
from lstmlab.cells.gates import weight_blocks
from lstmlab.cells.gradients import (
    bias_gradient,
    candidate_delta,
    concatenation_gradient,
    gate_delta,
    split_concatenation,
    weight_gradient,
)
from lstmlab.cells.gru_gates import (
    gru_hidden_state,
    kept_share_gradient,
    new_share_gradient,
    recurrent_part,
    reset_after_candidate,
    reset_argument_gradient,
    reset_before_candidate,
    reset_gate,
    reset_gate_gradient,
    reset_state,
    update_gate,
    update_gate_gradient,
)
from lstmlab.functions import concatenate
from lstmlab.initializers import generator, uniform
from lstmlab.parameters import Parameters
from lstmlab.typing import Array, Namespace

WEIGHTS = ("W_z", "W_r", "W")
BIASES = ("b_z", "b_r", "b_h")
RESETS = ("before", "after")


class GRUState(NamedTuple):
    """What the GRU carries: the hidden state ``h``, ``(B, n_h)``."""

    h: Array


class GRUTrace(NamedTuple):
    """What one step stores for the backward pass, each ``(B, n)``; over a run, ``(T, B, n)``."""

    x: Array
    h_prev: Array
    z: Array
    r: Array
    h_tilde: Array
    h: Array


def gru_parameter_count(n_x: int, n_h: int, reset: str = "before") -> int:
    r"""Number of parameters: :math:`3n_h(n_h+n_x+1)`, and :math:`n_h` more with the reset after.

    Implements :eq:`eq-gru-parameter-count`.
    Three quarters of an LSTM's at the same sizes. PyTorch keeps two biases for every gate and counts
    :math:`3n_h(n_h+n_x+2)`.

    Parameters
    ----------
    n_x, n_h
        Sizes of input and hidden state.
    reset
        ``"before"`` or ``"after"``.

    Returns
    -------
    int
        Three matrices and three bias vectors, or four.

    Raises
    ------
    ValueError
        If ``reset`` is neither.
    """
    return 3 * n_h * (n_h + n_x + 1) + (n_h if check_reset(reset) == "after" else 0)


def check_reset(reset: str) -> str:
    """Return the place of the reset gate, or say what came instead."""
    if reset not in RESETS:
        raise ValueError(f"reset: expected 'before' or 'after', got {reset!r}")
    return reset


class GRU(BaseCell):
    r"""The gated recurrent unit as a cell.

    .. math::

        z_t &= \sigma(W_z [h_{t-1}; x_t] + b_z) \\
        r_t &= \sigma(W_r [h_{t-1}; x_t] + b_r) \\
        \tilde h_t &= \tanh(W [r_t \odot h_{t-1}; x_t] + b_h) \\
        h_t &= (1-z_t) \odot h_{t-1} + z_t \odot \tilde h_t

    Parameters
    ----------
    n_x, n_h
        Sizes of the input and of the hidden state.
    reset
        ``"before"``: the gate acts on :math:`h_{t-1}`, before the product with W, as above and in the
        notes. ``"after"``: it acts on :math:`W_h h_{t-1} + b_{hh}`, as in PyTorch, with a fourth bias
        ``b_hh``. The two are different functions, but for a diagonal :math:`W_h` and a zero ``b_hh``.
    rng
        Seed or :class:`numpy.random.Generator` of the first weights, drawn from
        U(-1/√n_h, 1/√n_h); the biases start at zero.
    dtype
        ``"float64"`` or ``"float32"``.
    xp
        Array library; ``None`` takes ``lstmlab.xp``.

    Attributes
    ----------
    params
        ``W_z W_r W``, each ``(n_h, n_h + n_x)``, ``b_z b_r b_h`` and, reset after, ``b_hh``, ``(n_h,)``.

    Raises
    ------
    ValueError, TypeError
        If a size, ``reset``, the dtype or ``rng`` is not as above.

    References
    ----------
    Cho et al. (2014), whose gate z keeps instead of renewing and whose first version resets after the
    product; Chung et al. (2014) for the convention used here.
    """

    State = GRUState
    Trace = GRUTrace
    h_is_only_read = False

    def __init__(
        self,
        n_x: int,
        n_h: int,
        *,
        reset: str = "before",
        rng: int | np.random.Generator = 0,
        dtype: str = "float64",
        xp: Namespace | None = None,
    ) -> None:
        n_x, n_h, dtype = check_sizes(n_x, n_h, dtype)
        self.reset = check_reset(reset)
        rng = generator(rng)
        values = {name: uniform(rng, (n_h, n_h + n_x), n_h**-0.5) for name in WEIGHTS}
        values |= {name: np.zeros(n_h) for name in BIASES}
        if reset == "after":
            values["b_hh"] = np.zeros(n_h)
        super().__init__(n_x, n_h, values, dtype=dtype, xp=xp)

    def __repr__(self) -> str:
        return f"GRU(n_x={self.n_x}, n_h={self.n_h}, reset={self.reset!r}, dtype={self.dtype!r})"

    def step(self, x_t: Array, state: GRUState) -> tuple[GRUState, GRUTrace]:
        """Advance by one time step: the four equations.

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
        W_z, W_r = self.params["W_z"], self.params["W_r"]
        b_z, b_r = self.params["b_z"][:, None], self.params["b_r"][:, None]
        h_prev = state.h.T

        hx_t = concatenate(h_prev, x_t.T)
        z_t = update_gate(W_z, b_z, hx_t)
        r_t = reset_gate(W_r, b_r, hx_t)
        h_tilde_t = self._candidate(r_t, h_prev, x_t.T)
        h_t = gru_hidden_state(z_t, h_prev, h_tilde_t)

        return GRUState(h_t.T), GRUTrace(x_t, state.h, z_t.T, r_t.T, h_tilde_t.T, h_t.T)

    def _candidate(self, r_t: Array, h_prev: Array, x_t: Array) -> Array:
        W, b_h = self.params["W"], self.params["b_h"][:, None]
        if self.reset == "before":
            return reset_before_candidate(W, b_h, r_t, h_prev, x_t)
        return reset_after_candidate(W, b_h, self.params["b_hh"][:, None], r_t, h_prev, x_t)

    def step_back(self, dstate: GRUState, trace: GRUTrace, grads: Parameters) -> tuple[Array, GRUState]:
        """Mirror of :meth:`step`, from the last line to the first.

        Implements :eq:`eq-gru-dh`: four gradients meet in the state at t-1.

        Parameters
        ----------
        dstate
            Total derivative of the loss by the hidden state at t.
        trace
            What the step stored.
        grads
            Added into.

        Returns
        -------
        dx_t, dstate
            Gradients of the input, ``(B, n_x)``, and of the state at t-1 through this step.
        """
        x_t, h_prev, z_t, r_t, h_tilde_t, _ = (a.T for a in trace)
        hx_t = concatenate(h_prev, x_t)
        dh_t = dstate.h.T

        dh_prev = kept_share_gradient(dh_t, z_t)
        dh_tilde_t = new_share_gradient(dh_t, z_t)
        dz_t = update_gate_gradient(dh_t, h_prev, h_tilde_t)

        delta_h = candidate_delta(dh_tilde_t, h_tilde_t)
        back = self._candidate_back if self.reset == "before" else self._candidate_back_after
        dr_t, dh_candidate, dx_candidate = back(delta_h, r_t, h_prev, x_t, grads)
        deltas = (gate_delta(dz_t, z_t), gate_delta(dr_t, r_t))

        for g, delta in zip("zr", deltas, strict=True):
            grads[f"W_{g}"] += weight_gradient(delta, hx_t)
            grads[f"b_{g}"] += bias_gradient(delta)
        dhx_t = concatenation_gradient((self.params["W_z"], self.params["W_r"]), deltas)
        dh_gates, dx_gates = split_concatenation(dhx_t, self.n_h)
        return (dx_candidate + dx_gates).T, GRUState((dh_prev + dh_candidate + dh_gates).T)

    def _candidate_back(
        self, delta_h: Array, r_t: Array, h_prev: Array, x_t: Array, grads: Parameters
    ) -> tuple[Array, Array, Array]:
        grads["W"] += weight_gradient(delta_h, concatenate(reset_state(r_t, h_prev), x_t))
        grads["b_h"] += bias_gradient(delta_h)
        drh_t, dx_t = split_concatenation(self.params["W"].T @ delta_h, self.n_h)
        return reset_gate_gradient(drh_t, h_prev), reset_argument_gradient(drh_t, r_t), dx_t

    def _candidate_back_after(
        self, delta_h: Array, r_t: Array, h_prev: Array, x_t: Array, grads: Parameters
    ) -> tuple[Array, Array, Array]:
        W, b_hh = self.params["W"], self.params["b_hh"][:, None]
        W_h, W_x = weight_blocks(W, self.n_h)
        delta_hh = reset_argument_gradient(delta_h, r_t)
        dW = (weight_gradient(delta_hh, h_prev), weight_gradient(delta_h, x_t))
        grads["W"] += namespace(delta_h).concat(dW, axis=1)
        grads["b_h"] += bias_gradient(delta_h)
        grads["b_hh"] += bias_gradient(delta_hh)
        dr_t = reset_gate_gradient(delta_h, recurrent_part(W, b_hh, h_prev))
        return dr_t, W_h.T @ delta_hh, W_x.T @ delta_h
