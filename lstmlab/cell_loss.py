"""A loss that reaches everything in a cell, for :func:`lstmlab.gradcheck`."""

from __future__ import annotations

from collections.abc import Mapping

from lstmlab.backend import namespace
from lstmlab.typing import Array, Cell, State
from lstmlab.unroll import Run, backprop, unroll


class CellLoss:
    r"""A loss that reaches every parameter, input and state of a cell: what :func:`cell_loss` returns.

    Calling it returns the value and all gradients; :meth:`value` returns the value alone.
    """

    def __init__(self, cell: Cell, x: Array, state: State, v: Array, v_state: State | None) -> None:
        self.cell, self.x, self.state, self.v, self.v_state = cell, x, state, v, v_state
        initial = {f"{field}_0": a for field, a in zip(state._fields, state, strict=True)}
        self.args = {**cell.params, "x": x, **initial}

    def _of(self, run: Run) -> Array:
        xp = namespace(self.x)
        value = xp.sum(self.v * run.h)
        for weights, last in zip(self.v_state or (), run.state, strict=False):
            value = value + xp.sum(weights * last)
        return value

    def _check(self, given: Mapping[str, Array]) -> None:
        for name, a in given.items():
            if self.args.get(name) is not a:
                raise ValueError(
                    f"{name}: expected the very array that cell_loss returned under this name, got another; "
                    "change it in place"
                )

    def value(self, **given: Array) -> Array:
        """Return the loss; the arguments are read where they lie."""
        self._check(given)
        return self._of(unroll(self.cell, self.x, self.state, trace=False))

    def __call__(self, **given: Array) -> tuple[Array, dict[str, Array]]:
        self._check(given)
        run = unroll(self.cell, self.x, self.state)
        back = backprop(self.cell, run, self.v, self.v_state)
        initial = zip(back.dstate._fields, back.dstate, strict=True)
        grads = {**back.grads, "x": back.dx, **{f"{field}_0": a for field, a in initial}}
        return self._of(run), grads


def cell_loss(
    cell: Cell, x: Array, state: State | None, v: Array, v_state: State | None = None
) -> tuple[CellLoss, dict[str, Array]]:
    r"""Build the function and arguments that check a whole cell: every parameter, input and state.

    The loss is :math:`L = \sum_t \langle v_t, h_t\rangle + \langle v_{\text{state}}, \text{state}_T\rangle`,
    whose direct derivatives are the ``v`` themselves: whatever else is in the gradient comes from
    backpropagation.

    Parameters
    ----------
    cell
        A float64 cell.
    x
        Shape ``(T, B, n_x)``.
    state
        Initial state; ``None`` takes zeros.
    v
        Weights of the hidden states in the loss, ``(T, B, n_h)``.
    v_state
        Weights of the final state; ``None`` leaves it out.

    Returns
    -------
    f, args
        For ``gradcheck(f, args)``. Names are the parameters', ``x``, and the state's with ``_0``.
    """
    f = CellLoss(cell, x, cell.initial_state(x.shape[1]) if state is None else state, v, v_state)
    return f, f.args
