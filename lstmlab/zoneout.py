"""Zoneout: at every step some units keep their old value."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from lstmlab.typing import Array, Cell, State, Trace
from lstmlab.wrappers import Wrapper, check_probability, check_steps


class ZoneoutTrace(NamedTuple):
    """What one step stores: the wrapped cell's trace, and the share of the old state that was kept."""

    x: Array
    inner: Trace
    z: State
    h: Array


class Zoneout(Wrapper):
    """A cell whose units sometimes keep their old value. Made by :func:`zoneout`."""

    Trace = ZoneoutTrace

    def __init__(self, cell: Cell, p_h: float, p_C: float | None, rng: int | np.random.Generator) -> None:
        super().__init__(cell, rng)
        self.State = cell.State
        fields = [field.partition("_")[0] for field in cell.State._fields]
        if p_C is not None and "C" not in fields:
            raise ValueError(f"p_C: expected None, because {cell!r:.60} has no cell state, got {p_C}")
        p = {"h": check_probability("p_h", p_h), "C": check_probability("p_C", 0.0 if p_C is None else p_C)}
        self.p = tuple(p.get(field, 0.0) for field in fields)

    def step(self, x_t: Array, state: State) -> tuple[State, ZoneoutTrace]:
        r"""Advance, then put some old values back: :math:`s_t = z \odot s_{t-1} + (1-z) \odot s_t^{new}`.

        Implements :eq:`eq-zoneout`. The new hidden state is made of the new cell state before zoneout.

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
        new, inner = self.cell.step(x_t, state)
        z = self.State(*(self.share(p, a) for p, a in zip(self.p, new, strict=True)))
        kept = self.State(*(z_s * old + (1.0 - z_s) * n for z_s, old, n in zip(z, state, new, strict=True)))
        return kept, ZoneoutTrace(x_t, inner, z, kept.h)

    def step_back(self, dstate: State, trace: ZoneoutTrace, grads: Any) -> tuple[Array, State]:
        r"""Mirror of :meth:`step`.

        Implements :eq:`eq-zoneout-gradient`:
        :math:`\partial L/\partial s_t^{new} = (1-z) \odot \partial L/\partial s_t`, and
        :math:`z \odot \partial L/\partial s_t` goes straight to the state at t-1.

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
            Gradients of the input and of the state at t-1.
        """
        dnew = self.State(*((1.0 - z) * d for z, d in zip(trace.z, dstate, strict=True)))
        dx_t, through = self.cell.step_back(dnew, trace.inner, grads)
        dold = (t + z * d for t, z, d in zip(through, trace.z, dstate, strict=True))
        return dx_t, self.State(*dold)

    def share(self, p: float, like: Array) -> Array:
        """Return what is kept of the old state: zeros and ones in training, their mean in evaluation.

        Implements :eq:`eq-zoneout-share`.

        Parameters
        ----------
        p
            Probability of keeping.
        like
            An array of the field's shape.

        Returns
        -------
        array
            Shaped as ``like``.
        """
        if self.training:
            return self.mask(p, tuple(like.shape))
        return 0.0 * like + p

    def __repr__(self) -> str:
        named = dict(zip(self.State._fields, self.p, strict=True))
        return f"zoneout({self.cell!r}, {', '.join(f'p_{k}={v}' for k, v in named.items())})"


def zoneout(
    cell: Cell, p_h: float, p_C: float | None = None, *, rng: int | np.random.Generator = 0
) -> Zoneout:
    r"""Let each unit keep its old value with some probability, drawn anew at every step.

    :math:`h_t = z_h \odot h_{t-1} + (1-z_h) \odot h_t^{new}` with :math:`z_h \sim
    \mathrm{Bernoulli}(p_h)`, and the same for C with its own draw. :math:`h_t^{new}` is made from the
    new cell state before zoneout, as in the authors' code. In evaluation (``training = False``) z is
    replaced by p: the exact mean over one step, an approximation over many.

    Parameters
    ----------
    cell
        Any cell with a step. In a stack, wrap the layers, or the stack: then all layers take part.
    p_h, p_C
        Probabilities, in [0, 1), of *keeping the old* value of h and of C; ``None`` leaves C alone.
    rng
        Seed or generator of the draws.

    Returns
    -------
    Zoneout
        A cell with the same sizes, state and parameters, in training mode.

    Raises
    ------
    TypeError, ValueError
        If the cell cannot be stepped, a probability is not one, or ``p_C`` is given without a cell state.

    References
    ----------
    Krueger et al. (2017).
    """
    check_steps(cell, "cell")
    return Zoneout(cell, p_h, p_C, rng)
