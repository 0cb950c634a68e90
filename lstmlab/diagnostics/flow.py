"""How gradients travel through time: Jacobians of one step, and their products.

Everything here follows one sequence. Functions that take a run follow its sequence ``b``.
"""

from __future__ import annotations

from functools import reduce

from lstmlab.backend import device, namespace
from lstmlab.cells.gates import weight_blocks
from lstmlab.cells.lstm import LSTM, LSTMTrace
from lstmlab.cells.rnn import RNN
from lstmlab.checks import check_array, check_size
from lstmlab.functions import sigmoid_derivative, tanh, tanh_derivative
from lstmlab.typing import Array, Cell, State
from lstmlab.unroll import Run, at_step, check_run, check_state, stack_steps, walk_back, zero_state


def diagonal(v: Array) -> Array:
    """Return the matrix with ``v`` on its diagonal, ``(n, n)``."""
    xp = namespace(v)
    return v[:, None] * xp.eye(v.shape[0], dtype=v.dtype, device=device(v))


# --- the plain network -------------------------------------------------------------------------


def rnn_jacobian(W_h: Array, h_t: Array) -> Array:
    r"""Jacobian of one step of the plain network.

    Implements :eq:`eq-rnn-jacobian`: :math:`\partial h_t/\partial h_{t-1} = \operatorname{diag}(1-h_t^2)W_h`.

    Parameters
    ----------
    W_h
        Recurrent block of W, shape ``(n_h, n_h)``.
    h_t
        The new hidden state, shape ``(n_h,)``.

    Returns
    -------
    array
        Shape ``(n_h, n_h)``.
    """
    return tanh_derivative(h_t)[:, None] * W_h


def jacobian_product(jacobians: list[Array]) -> Array:
    r"""Jacobian of many steps, :math:`J_T J_{T-1}\cdots J_1`: the last step stands leftmost.

    Implements :eq:`eq-jacobian-product`. Matrices do not commute: the order matters.

    Parameters
    ----------
    jacobians
        :math:`J_1, \dots, J_T` in the order of time, each ``(n, n)``.

    Returns
    -------
    array
        Shape ``(n, n)``.

    Raises
    ------
    ValueError
        If the list is empty.
    """
    if len(jacobians) == 0:
        raise ValueError("jacobians: expected at least one matrix, got an empty list")
    return reduce(lambda product, J: J @ product, jacobians)


def spectral_norm(J: Array) -> float:
    r"""Largest singular value :math:`\|J\|_2`: the most a vector can be stretched.

    Parameters
    ----------
    J
        Matrix.

    Returns
    -------
    float
        Zero or more.
    """
    return float(namespace(J).linalg.matrix_norm(J, ord=2))


def rnn_gradient_bound(W_h: Array, h: Array) -> float:
    r"""Upper bound on :math:`\|\partial h_T/\partial h_0\|_2` of the plain network.

    Implements :eq:`eq-rnn-bound`: :math:`\prod_t \|W_h\|_2 \max_j (1-h_{t,j}^2)`. A bound, not the
    gradient: the two can lie many orders of magnitude apart.

    Parameters
    ----------
    W_h
        Shape ``(n_h, n_h)``.
    h
        Hidden states of one sequence, shape ``(T, n_h)``.

    Returns
    -------
    float
        The bound.
    """
    xp = namespace(h)
    return float(xp.prod(spectral_norm(W_h) * xp.max(tanh_derivative(h), axis=1)))


def growth_rate(norm_start: float, norm_end: float, steps: int) -> float:
    r"""Factor a norm is multiplied by in each step, on geometric average.

    Implements :eq:`eq-growth-rate`: the ratio of the two norms to the power 1/steps.

    Parameters
    ----------
    norm_start, norm_end
        The norms, above zero.
    steps
        The number of steps k between them.

    Returns
    -------
    float
        Below 1 the gradient vanishes, above 1 it explodes.

    Raises
    ------
    ValueError
        If a norm is not above zero, or ``steps`` is not a positive whole number.
    """
    for name, norm in (("norm_start", norm_start), ("norm_end", norm_end)):
        if not norm > 0.0:
            raise ValueError(f"{name}: expected a norm above zero, got {norm}")
    check_size("steps", steps)
    return float((norm_end / norm_start) ** (1.0 / steps))


# --- the LSTM ----------------------------------------------------------------------------------


def direct_path(f_t: Array) -> Array:
    r"""Partial derivative of the cell state, gates held fixed: :math:`\operatorname{diag}(f_t)`.

    Implements :eq:`eq-direct-path`.

    Parameters
    ----------
    f_t
        Shape ``(n_h,)``.

    Returns
    -------
    array
        Shape ``(n_h, n_h)``.
    """
    return diagonal(f_t)


def gate_path(cell: LSTM, trace_t: LSTMTrace) -> Array:
    r"""How the cell state depends on the last hidden state, through the gates.

    Implements :eq:`eq-gate-path`: :math:`M_t = \partial C_t/\partial h_{t-1} =
    \operatorname{diag}(C_{t-1}\odot f_t(1-f_t))W_{fh} + \operatorname{diag}(\tilde C_t\odot i_t(1-i_t))W_{ih}
    + \operatorname{diag}(i_t\odot(1-\tilde C_t^2))W_{Ch}`.

    Parameters
    ----------
    cell
        The cell.
    trace_t
        One step of one sequence, fields of shape ``(1, n)``.

    Returns
    -------
    array
        Shape ``(n_h, n_h)``.
    """
    W_fh, W_ih, W_Ch = (weight_blocks(cell.params[name], cell.n_h)[0] for name in ("W_f", "W_i", "W_C"))
    C_prev, f_t, i_t, C_tilde_t = (
        a[0, :, None] for a in (trace_t.C_prev, trace_t.f, trace_t.i, trace_t.C_tilde)
    )
    return (
        C_prev * sigmoid_derivative(f_t) * W_fh
        + C_tilde_t * sigmoid_derivative(i_t) * W_ih
        + i_t * tanh_derivative(C_tilde_t) * W_Ch
    )


def output_path(o_t: Array, C_t: Array) -> Array:
    r"""How the hidden state follows its own cell state, :math:`\operatorname{diag}(o_t\odot(1-\tanh^2 C_t))`.

    Implements :eq:`eq-output-path`.

    Parameters
    ----------
    o_t, C_t
        Shape ``(n_h,)``.

    Returns
    -------
    array
        Shape ``(n_h, n_h)``.
    """
    return diagonal(o_t * tanh_derivative(tanh(C_t)))


def total_cell_jacobian(cell: LSTM, trace_t: LSTMTrace, o_prev: Array) -> Array:
    r"""Total derivative of the cell state by the last one, gates following.

    Implements :eq:`eq-total-cell-jacobian`: :math:`\mathrm{d}C_t/\mathrm{d}C_{t-1} = \operatorname{diag}(f_t)
    + M_t\,\operatorname{diag}(o_{t-1}\odot(1-\tanh^2 C_{t-1}))`.

    Parameters
    ----------
    cell
        The cell.
    trace_t
        One step of one sequence, fields of shape ``(1, n)``.
    o_prev
        Output gate of the step before, shape ``(n_h,)``.

    Returns
    -------
    array
        Shape ``(n_h, n_h)``.

    References
    ----------
    Derived in the course and checked by finite differences; the full gradient is that of Graves
    and Schmidhuber (2005).
    """
    return direct_path(trace_t.f[0, :]) + gate_path(cell, trace_t) @ output_path(o_prev, trace_t.C_prev[0, :])


def step_jacobian(cell: LSTM, trace_t: LSTMTrace) -> Array:
    r"""Jacobian of one step of the whole state, :math:`\partial[h_t;C_t]/\partial[h_{t-1};C_{t-1}]`.

    Implements :eq:`eq-full-jacobian`. With :math:`D_t = \operatorname{diag}(o_t\odot(1-\tanh^2 C_t))` its
    blocks are :math:`D_t M_t + \operatorname{diag}(\tanh C_t\odot o_t(1-o_t))W_{oh}` and
    :math:`D_t\,\operatorname{diag}(f_t)` above :math:`M_t` and :math:`\operatorname{diag}(f_t)`.

    Parameters
    ----------
    cell
        The cell.
    trace_t
        One step of one sequence, fields of shape ``(1, n)``.

    Returns
    -------
    array
        Shape ``(2 n_h, 2 n_h)``.
    """
    xp = namespace(trace_t.h)
    o_t, C_t = trace_t.o[0, :], trace_t.C[0, :]
    W_oh, _ = weight_blocks(cell.params["W_o"], cell.n_h)
    D_t, M_t, F_t = output_path(o_t, C_t), gate_path(cell, trace_t), direct_path(trace_t.f[0, :])
    h_by_h = D_t @ M_t + (tanh(C_t) * sigmoid_derivative(o_t))[:, None] * W_oh
    return xp.concat([xp.concat([h_by_h, D_t @ F_t], axis=1), xp.concat([M_t, F_t], axis=1)], axis=0)


def direct_path_product(f: Array) -> Array:
    r"""The direct path over many steps, :math:`\prod_t f_t`, element by element.

    Implements :eq:`eq-direct-product`. It is :math:`\partial C_T/\partial C_0` exactly if the forget
    gate, the input gate and the candidate do not depend on the hidden state.

    Parameters
    ----------
    f
        Forget gates of one sequence, ``(T, n_h)``.

    Returns
    -------
    array
        Shape ``(n_h,)``.
    """
    return namespace(f).prod(f, axis=0)


# --- over a run --------------------------------------------------------------------------------


def jacobians(cell: RNN | LSTM, run: Run, b: int = 0) -> list[Array]:
    """Jacobians of every step of one sequence of a run.

    Parameters
    ----------
    cell
        The cell that made the run.
    run
        What :func:`lstmlab.unroll` returned.
    b
        Which sequence of the batch.

    Returns
    -------
    list of arrays
        :math:`J_1, \\dots, J_T`: ``(n_h, n_h)`` for an RNN, ``(2 n_h, 2 n_h)`` for an LSTM.
    """
    _, B = check_run(cell, run)
    if not 0 <= b < B:
        raise ValueError(f"b: expected one of the {B} sequences, 0 to {B - 1}, got {b}")
    one = type(run.trace)(*(field[:, b : b + 1, :] for field in run.trace))
    if isinstance(cell, RNN):
        W_h, _ = weight_blocks(cell.params["W"], cell.n_h)
        return [rnn_jacobian(W_h, one.h[t, 0, :]) for t in range(one.h.shape[0])]
    return [step_jacobian(cell, at_step(one, t)) for t in range(one.h.shape[0])]


def state_gradients(cell: Cell, run: Run, dh: Array, dstate: State | None = None) -> State:
    """Total derivative of a loss by the state after every step, not only by the first.

    Parameters
    ----------
    cell, run, dh, dstate
        As for :func:`lstmlab.backprop`.

    Returns
    -------
    named tuple
        Fields of shape ``(T + 1, B, n_h)``; index t is the state after step t, index 0 the initial one.
        For an LSTM the derivative by ``C`` counts what passes through ``h`` of the same step too
        (from index 1 on: the initial hidden state does not come from the initial cell state).
    """
    T, B = check_run(cell, run)
    check_array("dh", dh, (T, B, cell.n_h), cell.params.vectors[0])
    last = zero_state(cell, B) if dstate is None else check_state("dstate", dstate, cell, B)
    grads, totals = cell.params.zeros_like(), []
    for step in walk_back(cell, run.trace, run.mask, dh, last, grads):
        totals.append(_through_output(step.total, run, step.t))
        last = step.dstate
    totals.append(last)
    return stack_steps(totals[::-1])


def _through_output(total: State, run: Run, t: int) -> State:
    """Add to the cell state's gradient what it contributes through the hidden state it makes."""
    if not isinstance(run.trace, LSTMTrace):
        return total
    o_t, C_t = run.trace.o[t, ...], run.trace.C[t, ...]
    return total._replace(C=total.C + total.h * o_t * tanh_derivative(tanh(C_t)))
