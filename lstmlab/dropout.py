"""Variational dropout: masks drawn once a sequence and used at every step."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from lstmlab.backend import from_numpy, namespace
from lstmlab.cells.gates import candidate, cell_state, forget_gate, hidden_state, input_gate, output_gate
from lstmlab.cells.gradients import (
    bias_gradient,
    candidate_delta,
    candidate_gradient,
    cell_state_gradient,
    forget_gate_gradient,
    gate_delta,
    input_gate_gradient,
    output_gate_gradient,
    previous_cell_state_gradient,
    weight_gradient,
)
from lstmlab.cells.lstm import BIASES, LSTM, WEIGHTS
from lstmlab.depth import state_type
from lstmlab.functions import concatenate
from lstmlab.typing import Array, Cell, State, Trace
from lstmlab.wrappers import Wrapper, check_probability, check_steps


class VariationalTrace(NamedTuple):
    """What one step stores: the old hidden state, both masks, and the wrapped cell's trace."""

    x: Array
    h_prev: Array
    m_x: Array
    m_h: Array
    inner: Trace
    h: Array


class VariationalDropout(Wrapper):
    """A cell that reads through masks drawn once a sequence. Made by :func:`variational_dropout`.

    The masks are fields ``m_x`` and ``m_h`` of the state, drawn by :meth:`initial_state` and carried
    along unchanged: chunks of one text keep them, and a segment that is computed twice sees the same.
    """

    Trace = VariationalTrace
    #: How many masks stand side by side in ``m_x`` and in ``m_h``.
    n_masks = 1

    def __init__(self, cell: Cell, p_x: float, p_h: float, rng: int | np.random.Generator) -> None:
        super().__init__(cell, rng)
        self.p_x, self.p_h = check_probability("p_x", p_x), check_probability("p_h", p_h)
        self.State = state_type("VariationalState", (*cell.State._fields, "m_x", "m_h"))

    @property
    def state_sizes(self) -> tuple[int, ...]:
        """Width of each field of the state."""
        return (*self.cell.state_sizes, self.n_masks * self.n_x, self.n_masks * self.n_h)

    def initial_state(self, batch: int) -> Any:
        r"""Return the wrapped cell's initial state and fresh masks, zero or :math:`1/(1-p)`.

        Implements :eq:`eq-dropout-mask`.

        Parameters
        ----------
        batch
            Number of sequences B.

        Returns
        -------
        named tuple
            Arrays of shape ``(B, n)``. In evaluation the masks are ones.
        """
        m_x = self._scaled_mask(self.p_x, (batch, self.n_masks * self.n_x))
        m_h = self._scaled_mask(self.p_h, (batch, self.n_masks * self.n_h))
        return self.State(*self.cell.initial_state(batch), m_x, m_h)

    def _scaled_mask(self, p: float, shape: tuple[int, ...]) -> Array:
        if self.training:
            return self.mask(1.0 - p, shape) / (1.0 - p)
        return from_numpy(np.ones(shape), self.params.vectors[0])

    def step(self, x_t: Array, state: State) -> tuple[State, VariationalTrace]:
        r"""Advance, reading :math:`m_h \odot h_{t-1}` and :math:`m_x \odot x_t`.

        Implements :eq:`eq-variational-read`.

        Parameters
        ----------
        x_t
            Shape ``(B, n_x)``.
        state
            State at t-1, masks included.

        Returns
        -------
        state, trace
            State at t, and what :meth:`step_back` needs.
        """
        m_x, m_h = state.m_x, state.m_h
        read = self._inner(state)._replace(h=m_h * state.h)
        new, inner = self.cell.step(m_x * x_t, read)
        return self.State(*new, m_x, m_h), VariationalTrace(x_t, state.h, m_x, m_h, inner, new.h)

    def step_back(self, dstate: State, trace: VariationalTrace, grads: Any) -> tuple[Array, State]:
        r"""Mirror of :meth:`step`.

        Implements :eq:`eq-variational-gradient`: each product sends back its other factor, so that
        :math:`m_h \odot` and :math:`m_x \odot` lead on, and the masks collect over the steps.

        Parameters
        ----------
        dstate
            Total derivative of the loss by the state at t.
        trace
            What the step stored.
        grads
            Added into.

        Returns
        -------
        dx_t, dstate
            Gradients of the input and of the state at t-1, the masks' among them.
        """
        dread_x, dread = self.cell.step_back(self._inner(dstate), trace.inner, grads)
        dx_t, dm_x = trace.m_x * dread_x, dstate.m_x + trace.x * dread_x
        dh_prev, dm_h = trace.m_h * dread.h, dstate.m_h + trace.h_prev * dread.h
        return dx_t, self.State(*dread._replace(h=dh_prev), dm_x, dm_h)

    def _inner(self, state: State) -> State:
        return self.cell.State(*state[:-2])

    def __repr__(self) -> str:
        return f"variational_dropout({self.cell!r}, p_x={self.p_x}, p_h={self.p_h})"


class UntiedDropout(VariationalDropout):
    r"""The LSTM with masks of their own for each gate, :math:`f_t = \sigma(W_f\,(m^f \odot z_t) + b_f)`.

    Made by :func:`variational_dropout` with ``tied=False``. The masks of f, i, C and o stand side by side:
    ``m_x`` is ``(B, 4 n_x)``, ``m_h`` is ``(B, 4 n_h)``.
    """

    cell: LSTM
    n_masks = 4

    def step(self, x_t: Array, state: State) -> tuple[State, VariationalTrace]:
        """Advance by one time step: the six equations, each gate reading through its own mask.

        Parameters
        ----------
        x_t
            Shape ``(B, n_x)``.
        state
            State at t-1, masks included.

        Returns
        -------
        state, trace
            State at t, and what :meth:`step_back` needs.
        """
        W_f, W_i, W_C, W_o = (self.params[name] for name in WEIGHTS)
        b_f, b_i, b_C, b_o = (self.params[name][:, None] for name in BIASES)
        z_f, z_i, z_C, z_o = self._read(x_t, state.h, state.m_x, state.m_h)

        f_t = forget_gate(W_f, b_f, z_f)
        i_t = input_gate(W_i, b_i, z_i)
        C_tilde_t = candidate(W_C, b_C, z_C)
        C_t = cell_state(f_t, state.C.T, i_t, C_tilde_t)
        o_t = output_gate(W_o, b_o, z_o)
        h_t = hidden_state(o_t, C_t).T

        inner = self.cell.Trace(x_t, state.h, state.C, f_t.T, i_t.T, C_tilde_t.T, C_t.T, o_t.T, h_t)
        new = self.State(h_t, C_t.T, state.m_x, state.m_h)
        return new, VariationalTrace(x_t, state.h, state.m_x, state.m_h, inner, h_t)

    def step_back(self, dstate: State, trace: VariationalTrace, grads: Any) -> tuple[Array, State]:
        """Mirror of :meth:`step`.

        Parameters
        ----------
        dstate
            Total derivative of the loss by the state at t.
        trace
            What the step stored.
        grads
            Added into.

        Returns
        -------
        dx_t, dstate
            Gradients of the input and of the state at t-1, the masks' among them.
        """
        _, _, C_prev, f_t, i_t, C_tilde_t, C_t, o_t, _ = (a.T for a in trace.inner)
        zs = self._read(trace.x, trace.h_prev, trace.m_x, trace.m_h)
        dh_t = dstate.h.T

        do_t = output_gate_gradient(dh_t, C_t)
        dC_t = cell_state_gradient(dh_t, o_t, C_t, dstate.C.T)
        dC_tilde_t = candidate_gradient(dC_t, i_t)
        di_t = input_gate_gradient(dC_t, C_tilde_t)
        df_t = forget_gate_gradient(dC_t, C_prev)
        dC_prev = previous_cell_state_gradient(dC_t, f_t)

        deltas = (
            gate_delta(df_t, f_t),
            gate_delta(di_t, i_t),
            candidate_delta(dC_tilde_t, C_tilde_t),
            gate_delta(do_t, o_t),
        )
        dzs = []
        for W, b, delta, z in zip(WEIGHTS, BIASES, deltas, zs, strict=True):
            grads[W] += weight_gradient(delta, z)
            grads[b] += bias_gradient(delta)
            dzs.append(self.params[W].T @ delta)

        xp = namespace(dh_t)
        dread_h = xp.concat([dz[: self.n_h, :].T for dz in dzs], axis=1)
        dread_x = xp.concat([dz[self.n_h :, :].T for dz in dzs], axis=1)
        dh_prev = sum(self._parts(trace.m_h * dread_h, self.n_h))
        dx_t = sum(self._parts(trace.m_x * dread_x, self.n_x))
        dm_h = dstate.m_h + xp.concat([trace.h_prev] * self.n_masks, axis=1) * dread_h
        dm_x = dstate.m_x + xp.concat([trace.x] * self.n_masks, axis=1) * dread_x
        return dx_t, self.State(dh_prev, dC_prev.T, dm_x, dm_h)

    def _read(self, x_t: Array, h_prev: Array, m_x: Array, m_h: Array) -> list[Array]:
        r"""Return what each gate reads, :math:`[m_h^g \odot h_{t-1}; m_x^g \odot x_t]`.

        Implements :eq:`eq-untied-read`; a list of f, i, C and o, ``(n_h + n_x, B)`` each.
        """
        masks = zip(self._parts(m_h, self.n_h), self._parts(m_x, self.n_x), strict=True)
        return [concatenate((m * h_prev).T, (n * x_t).T) for m, n in masks]

    def _parts(self, a: Array, n: int) -> list[Array]:
        return [a[:, k * n : (k + 1) * n] for k in range(self.n_masks)]


def variational_dropout(
    cell: Cell,
    p_x: float,
    p_h: float,
    *,
    tied: bool = True,
    rng: int | np.random.Generator = 0,
) -> VariationalDropout:
    r"""Let a cell read its input and its old hidden state through masks drawn once a sequence.

    :math:`z_t = [m_h \odot h_{t-1}; m_x \odot x_t]` with :math:`m \sim \mathrm{Bernoulli}(1-p)/(1-p)`, one
    mask an example, the same at every step. The division by 1-p keeps the mean of what is read, so in
    evaluation (``training = False``) the masks are ones. PyTorch's ``LSTM(dropout=)`` is something else:
    fresh masks at every step, between layers only.

    Parameters
    ----------
    cell
        A cell that reads its old hidden state through products alone; in a stack, wrap each layer.
    p_x, p_h
        Probabilities, in [0, 1), of dropping a number of the input and of the hidden state.
    tied
        ``True``: one mask for all gates. ``False``: one for each gate, for :class:`lstmlab.LSTM`.
    rng
        Seed or generator of the masks.

    Returns
    -------
    VariationalDropout
        A cell with the same sizes and parameters, whose state also holds the masks ``m_x`` and ``m_h``.
        To start from a state of your own: ``net.initial_state(B)._replace(h=..., C=...)``.

    Raises
    ------
    TypeError, ValueError
        If the cell carries its old hidden state over (GRU, highway, zoneout: masking it would shrink what
        is carried), cannot be stepped, ``tied=False`` meets another cell than the LSTM, or a probability
        is not one.

    References
    ----------
    Gal and Ghahramani (2016).
    """
    check_steps(cell, "cell")
    if not getattr(cell, "h_is_only_read", False):
        raise TypeError(
            "cell: expected a cell that reads its old hidden state through products alone, such as LSTM, "
            f"got {cell!r:.60}; zoneout goes outside of variational_dropout, and a stack's layers are "
            "wrapped one by one"
        )
    if tied:
        return VariationalDropout(cell, p_x, p_h, rng)
    if type(cell) is not LSTM:
        raise TypeError(f"tied: expected True for {cell!r:.60}; masks for each gate need the plain LSTM")
    return UntiedDropout(cell, p_x, p_h, rng)
