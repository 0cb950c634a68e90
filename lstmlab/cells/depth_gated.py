"""The depth-gated LSTM: a gate that lets the cell state of one layer into the cell state of the next.

Inside a step, arrays stand in columns as in the notes; the public shapes are ``(B, n)`` and the
transposes are views. The upper layer needs the lower one's cell state at the same step, so the whole
stack is one cell.
"""

from __future__ import annotations

from collections import namedtuple
from functools import cache
from typing import Any

import numpy as np

from lstmlab.cells.base import BaseCell, check_sizes
from lstmlab.cells.deltas import lstm_deltas
from lstmlab.cells.depth_gates import (
    depth_gate,
    depth_gate_gradient,
    depth_gated_cell_state,
    lower_cell_state_gradient,
)
from lstmlab.cells.gates import (
    candidate,
    cell_state,
    forget_gate,
    hidden_state,
    input_gate,
    output_gate,
)
from lstmlab.cells.gradients import (
    bias_gradient,
    concatenation_gradient,
    gate_delta,
    previous_cell_state_gradient,
    split_concatenation,
    weight_gradient,
)
from lstmlab.cells.lstm import BIASES, WEIGHTS, lstm_parameter_count
from lstmlab.checks import check_size
from lstmlab.functions import concatenate
from lstmlab.initializers import HostArray, generator, uniform
from lstmlab.parameters import Parameters
from lstmlab.typing import Array, Namespace

#: What a layer stores at each step; the layers above the first store the depth gate d too.
STORED = ("h_prev", "C_prev", "f", "i", "C_tilde", "C", "o", "h")
DEPTH = ("W_d", "w_cd", "w_ld", "b_d")


def suffixes(n_layers: int) -> tuple[str, ...]:
    """Return what a layer's fields end in, from below: ``_1``, ``_2``, ..., and nothing for the top."""
    return (*(f"_{l}" for l in range(1, n_layers)), "")


@cache
def depth_gated_state(n_layers: int) -> Any:
    """Return the state's named tuple: ``h``, ``C`` of the top layer, then ``h_1``, ``C_1``, ..."""
    *below, _ = suffixes(n_layers)
    return namedtuple("DepthGatedState", ["h", "C", *(f"{k}{s}" for s in below for k in "hC")])


@cache
def depth_gated_trace(n_layers: int) -> Any:
    """Return the trace's named tuple: ``x``, then every layer's fields from below."""
    names = [f"{k}{s}" for s in suffixes(n_layers) for k in (*STORED, "d")]
    names.remove("d_1")
    return namedtuple("DepthGatedTrace", ["x", *names])


def depth_gated_parameter_count(n_x: int, n_h: int, n_layers: int = 2) -> int:
    r"""Number of parameters, those of a stack of LSTMs and :math:`n_h(n_h+3)` for each depth gate.

    Implements :eq:`eq-depth-gated-parameters`:
    :math:`4n_h(n_h+n_x+1) + (N-1)\,[4n_h(2n_h+1) + n_h(n_h+3)]`.

    Parameters
    ----------
    n_x, n_h
        Sizes of the input and of every layer's hidden state.
    n_layers
        Number of layers N.

    Returns
    -------
    int
        Of all layers.
    """
    upper = lstm_parameter_count(n_h, n_h) + n_h * (n_h + 3)
    return lstm_parameter_count(n_x, n_h) + (n_layers - 1) * upper


class DepthGatedLSTM(BaseCell):
    r"""A stack of LSTM layers with depth gates between them, as one cell.

    Layer 1 is the plain LSTM. Layer l reads :math:`x_t^{(l)} = h_t^{(l-1)}`, and its cell state has a
    third term:

    .. math::

        d_t &= \sigma(W_d x_t^{(l)} + w_{cd} \odot C_{t-1}^{(l)} + w_{ld} \odot C_t^{(l-1)} + b_d) \\
        C_t^{(l)} &= f_t \odot C_{t-1}^{(l)} + i_t \odot \tilde C_t + d_t \odot C_t^{(l-1)}

    With every d at zero it is a plain stack.

    Parameters
    ----------
    n_x, n_h
        Sizes of the input and of every layer's hidden state.
    n_layers
        Number of layers, at least 2.
    rng
        Seed or :class:`numpy.random.Generator` of the first weights, drawn from
        U(-1/√n_h, 1/√n_h). Biases start at zero, but the forget gates' at one.
    dtype
        ``"float64"`` or ``"float32"``.
    xp
        Array library; ``None`` takes ``lstmlab.xp``.

    Attributes
    ----------
    params
        For layer l ``W_f_l W_i_l W_C_l W_o_l``, ``(n_h, n_h + n_x)`` in layer 1 and ``(n_h, 2 n_h)`` above
        it, and ``b_f_l b_i_l b_C_l b_o_l``, ``(n_h,)``; from layer 2 on ``W_d_l``, ``(n_h, n_h)``, and
        ``w_cd_l w_ld_l b_d_l``, ``(n_h,)``.

    Raises
    ------
    ValueError, TypeError
        If a size, the dtype or ``rng`` is not as above.

    Notes
    -----
    Parameters carry the number of their layer, ``W_f_1``, ``W_d_2``. States and traces do so too, but
    for the top layer, whose hidden state ``h`` is the cell's: ``h, C, h_1, C_1, ...``.

    Kept from the papers: the depth gate with its two diagonal weights, and the third term. Left out:
    the peepholes of f, i and o, which :class:`~lstmlab.cells.lstm.LSTM` has not either.

    References
    ----------
    Yao, Cohn, Vylomova, Duh and Dyer (2015), as the depth-gated LSTM; Zhang, Chen, Yu, Yao, Khudanpur
    and Glass (2016), as the highway LSTM.
    """

    #: A mask on the top layer's hidden state would not reach the layers below.
    h_is_only_read = False

    def __init__(
        self,
        n_x: int,
        n_h: int,
        n_layers: int = 2,
        *,
        rng: int | np.random.Generator = 0,
        dtype: str = "float64",
        xp: Namespace | None = None,
    ) -> None:
        n_x, n_h, dtype = check_sizes(n_x, n_h, dtype)
        self.n_layers = check_size("n_layers", n_layers)
        if self.n_layers < 2:
            raise ValueError(f"n_layers: expected at least 2, got {n_layers!r}; one layer is an LSTM")
        rng = generator(rng)
        values: dict[str, HostArray] = {}
        for l in range(1, self.n_layers + 1):
            n_below = n_x if l == 1 else n_h
            values |= {f"{name}_{l}": uniform(rng, (n_h, n_h + n_below), n_h**-0.5) for name in WEIGHTS}
            values |= {f"{name}_{l}": np.full(n_h, float(name == "b_f")) for name in BIASES}
            if l > 1:
                values[f"W_d_{l}"] = uniform(rng, (n_h, n_h), n_h**-0.5)
                values[f"w_cd_{l}"] = uniform(rng, (n_h,), n_h**-0.5)
                values[f"w_ld_{l}"] = uniform(rng, (n_h,), n_h**-0.5)
                values[f"b_d_{l}"] = np.zeros(n_h)
        super().__init__(n_x, n_h, values, dtype=dtype, xp=xp)

    # The tuples depend on the number of layers. Asked for and not kept, they do not stand in the way
    # of pickling a cell.
    @property
    def State(self) -> Any:
        """The named tuple of this stack's state."""
        return depth_gated_state(self.n_layers)

    @property
    def Trace(self) -> Any:
        """The named tuple one step of this stack stores."""
        return depth_gated_trace(self.n_layers)

    def __repr__(self) -> str:
        sizes = f"n_x={self.n_x}, n_h={self.n_h}, n_layers={self.n_layers}"
        return f"DepthGatedLSTM({sizes}, dtype={self.dtype!r})"

    def _depth_parameters(self, l: int) -> tuple[Array, Array, Array, Array]:
        W_d, w_cd, w_ld, b_d = (self.params[f"{name}_{l}"] for name in DEPTH)
        return W_d, w_cd[:, None], w_ld[:, None], b_d[:, None]

    def step(self, x_t: Array, state: Any) -> tuple[Any, Any]:
        """Advance all layers by one time step, from below.

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
        stored: dict[str, Array] = {"x": x_t}
        new: dict[str, Array] = {}
        input_t, C_below = x_t.T, None
        for l, s in enumerate(suffixes(self.n_layers), start=1):
            W_f, W_i, W_C, W_o = (self.params[f"{name}_{l}"] for name in WEIGHTS)
            b_f, b_i, b_C, b_o = (self.params[f"{name}_{l}"][:, None] for name in BIASES)
            h_prev, C_prev = getattr(state, f"h{s}").T, getattr(state, f"C{s}").T

            z_t = concatenate(h_prev, input_t)
            f_t = forget_gate(W_f, b_f, z_t)
            i_t = input_gate(W_i, b_i, z_t)
            C_tilde_t = candidate(W_C, b_C, z_t)
            C_t = cell_state(f_t, C_prev, i_t, C_tilde_t)
            if C_below is not None:
                d_t = depth_gate(*self._depth_parameters(l), input_t, C_prev, C_below)
                C_t = depth_gated_cell_state(C_t, d_t, C_below)
                stored[f"d{s}"] = d_t.T
            o_t = output_gate(W_o, b_o, z_t)
            h_t = hidden_state(o_t, C_t)

            values = (h_prev, C_prev, f_t, i_t, C_tilde_t, C_t, o_t, h_t)
            stored |= {f"{name}{s}": a.T for name, a in zip(STORED, values, strict=True)}
            new |= {f"h{s}": h_t.T, f"C{s}": C_t.T}
            input_t, C_below = h_t, C_t
        return self.State(**new), self.Trace(**stored)

    def step_back(self, dstate: Any, trace: Any, grads: Parameters) -> tuple[Array, Any]:
        """Mirror of :meth:`step`, from the top layer to the first.

        Parameters
        ----------
        dstate
            For each ``h``: total derivative of the loss by the hidden state at t, but for what the
            layer above passes down. For each ``C``: what step t+1 passed back to it.
        trace
            What the step stored.
        grads
            Added into.

        Returns
        -------
        dx_t, dstate
            Gradients of the input, ``(B, n_x)``, and of the state at t-1 through this step.
        """
        previous: dict[str, Array] = {}
        # What the layer above passes down: nothing comes to the top.
        dinput_t: Array = 0.0
        dC_below: Array = 0.0
        names = suffixes(self.n_layers)
        for l, s in reversed(list(enumerate(names, start=1))):
            h_prev, C_prev, f_t, i_t, C_tilde_t, C_t, o_t, _ = (getattr(trace, k + s).T for k in STORED)
            input_t = getattr(trace, f"h{names[l - 2]}" if l > 1 else "x").T
            z_t = concatenate(h_prev, input_t)
            dh_t = getattr(dstate, f"h{s}").T + dinput_t
            dC_next = getattr(dstate, f"C{s}").T + dC_below

            deltas, dC_t = lstm_deltas(dh_t, dC_next, C_prev, f_t, i_t, C_tilde_t, C_t, o_t)
            dC_prev = previous_cell_state_gradient(dC_t, f_t)

            for W, b, delta in zip(WEIGHTS, BIASES, deltas, strict=True):
                grads[f"{W}_{l}"] += weight_gradient(delta, z_t)
                grads[f"{b}_{l}"] += bias_gradient(delta)
            dz_t = concatenation_gradient(tuple(self.params[f"{W}_{l}"] for W in WEIGHTS), deltas)
            dh_prev, dinput_t = split_concatenation(dz_t, self.n_h)

            if l > 1:
                W_d, w_cd, w_ld, _ = self._depth_parameters(l)
                C_below, d_t = getattr(trace, f"C{names[l - 2]}").T, getattr(trace, f"d{s}").T
                delta_d = gate_delta(depth_gate_gradient(dC_t, C_below), d_t)
                grads[f"W_d_{l}"] += weight_gradient(delta_d, input_t)
                grads[f"w_cd_{l}"] += bias_gradient(delta_d * C_prev)
                grads[f"w_ld_{l}"] += bias_gradient(delta_d * C_below)
                grads[f"b_d_{l}"] += bias_gradient(delta_d)
                dinput_t = dinput_t + W_d.T @ delta_d
                dC_prev = dC_prev + w_cd * delta_d
                dC_below = lower_cell_state_gradient(dC_t, d_t, w_ld, delta_d)
            previous |= {f"h{s}": dh_prev.T, f"C{s}": dC_prev.T}
        return dinput_t.T, self.State(**previous)
