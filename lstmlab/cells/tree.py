"""The Child-Sum Tree-LSTM: the LSTM's node when the past is not one state but any number of children.

Inside a step, arrays stand in columns, one a node or one a child, in the order that
:mod:`lstmlab.cells.tree_gates` describes. All nodes of a step are of one level, so that their children
are known; :mod:`lstmlab.unroll_tree` walks over the levels.

The equations are those of :mod:`lstmlab.cells.tree_gates`; derivatives that are the LSTM's own stand in
:mod:`lstmlab.cells.gradients`. Here they are put in order.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from lstmlab.cells.base import BaseCell, check_sizes
from lstmlab.cells.gates import hidden_state
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
from lstmlab.cells.lstm import lstm_parameter_count
from lstmlab.cells.tree_gates import (
    child_hidden_gradient,
    child_sum_gradient,
    node_input_gradient,
    sum_over_children,
    to_each_child,
    tree_candidate,
    tree_cell_state,
    tree_forget_gate,
    tree_input_gate,
    tree_output_gate,
)
from lstmlab.initializers import generator, uniform
from lstmlab.parameters import Parameters
from lstmlab.typing import Array, Namespace

GATES = ("f", "i", "o", "u")


class TreeState(NamedTuple):
    """What a node hands to its parent: hidden state ``h`` and cell state ``C``, each ``(n, n_h)``."""

    h: Array
    C: Array


class TreeTrace(NamedTuple):
    """What one step stores: ``h_k C_k f`` have a row a child, ``(K, n_h)``, the others a row a node."""

    x: Array
    h_k: Array
    C_k: Array
    f: Array
    i: Array
    o: Array
    u: Array
    C: Array
    h: Array


def tree_lstm_parameter_count(n_x: int, n_h: int) -> int:
    r"""Number of parameters, :math:`4n_h(n_h+n_x+1)`: the LSTM's, however many children a node has.

    Implements :eq:`eq-tree-parameter-count`.

    Parameters
    ----------
    n_x, n_h
        Sizes of input and hidden state.

    Returns
    -------
    int
        Four pairs of matrices and four bias vectors.
    """
    return lstm_parameter_count(n_x, n_h)


class TreeLSTM(BaseCell):
    r"""The Child-Sum Tree-LSTM as a cell: all nodes of one level, and the mirror of that step.

    Where each node has one child it *is* the LSTM with :math:`W_g = [U_g, W_g]`, so
    :func:`lstmlab.unroll` runs it over a sequence as over a chain of nodes. It cannot tell a node's
    children apart: where their order matters the N-ary Tree-LSTM of the same paper is needed.

    Parameters
    ----------
    n_x, n_h
        Sizes of the input and of the hidden state.
    rng
        Seed or :class:`numpy.random.Generator` of the first weights, drawn from
        U(-1/√n_h, 1/√n_h). Biases start at zero, but the forget gate's at one.
    dtype
        ``"float64"`` or ``"float32"``.
    xp
        Array library; ``None`` takes ``lstmlab.xp``.

    Attributes
    ----------
    params
        ``W_f W_i W_o W_u``, each ``(n_h, n_x)``, ``U_f U_i U_o U_u``, each ``(n_h, n_h)``, and
        ``b_f b_i b_o b_u``, each ``(n_h,)``.

    Raises
    ------
    ValueError, TypeError
        If a size, the dtype or ``rng`` is not as above.

    References
    ----------
    Tai, Socher and Manning (2015), equations 2 to 8.
    """

    State = TreeState
    Trace = TreeTrace

    def __init__(
        self,
        n_x: int,
        n_h: int,
        *,
        rng: int | np.random.Generator = 0,
        dtype: str = "float64",
        xp: Namespace | None = None,
    ) -> None:
        n_x, n_h, dtype = check_sizes(n_x, n_h, dtype)
        rng = generator(rng)
        values = {f"W_{g}": uniform(rng, (n_h, n_x), n_h**-0.5) for g in GATES}
        values |= {f"U_{g}": uniform(rng, (n_h, n_h), n_h**-0.5) for g in GATES}
        values |= {f"b_{g}": np.full(n_h, float(g == "f")) for g in GATES}
        super().__init__(n_x, n_h, values, dtype=dtype, xp=xp)

    def step(
        self, x_j: Array, children: TreeState, counts: tuple[int, ...] | None = None
    ) -> tuple[TreeState, TreeTrace]:
        """Compute all nodes of one level from their children: equations 2 to 8 of the paper.

        Parameters
        ----------
        x_j
            The nodes' inputs, shape ``(n, n_x)``, nodes with the most children first.
        children
            The children's states, each ``(K, n_h)``: all first children, then all second ones, ...
        counts
            ``counts[k]`` nodes have at least k children; ``None``: every node has one, ``(n, n)``.

        Returns
        -------
        state, trace
            The nodes' states, each ``(n, n_h)``, and what :meth:`step_back` needs.
        """
        counts = (x_j.shape[0], x_j.shape[0]) if counts is None else counts
        W_f, W_i, W_o, W_u = (self.params[f"W_{g}"] for g in GATES)
        U_f, U_i, U_o, U_u = (self.params[f"U_{g}"] for g in GATES)
        b_f, b_i, b_o, b_u = (self.params[f"b_{g}"][:, None] for g in GATES)
        x_T, h_k, C_k = x_j.T, children.h.T, children.C.T

        h_tilde_j = sum_over_children(h_k, counts)
        f_jk = tree_forget_gate(W_f, U_f, b_f, to_each_child(x_T, counts), h_k)
        i_j = tree_input_gate(W_i, U_i, b_i, x_T, h_tilde_j)
        o_j = tree_output_gate(W_o, U_o, b_o, x_T, h_tilde_j)
        u_j = tree_candidate(W_u, U_u, b_u, x_T, h_tilde_j)
        C_j = tree_cell_state(i_j, u_j, f_jk, C_k, counts)
        h_j = hidden_state(o_j, C_j)

        trace = TreeTrace(x_j, children.h, children.C, f_jk.T, i_j.T, o_j.T, u_j.T, C_j.T, h_j.T)
        return TreeState(h_j.T, C_j.T), trace

    def step_back(
        self,
        dstate: TreeState,
        trace: TreeTrace,
        grads: Parameters,
        counts: tuple[int, ...] | None = None,
    ) -> tuple[Array, TreeState]:
        """Mirror of :meth:`step`, from the last line to the first.

        Parameters
        ----------
        dstate
            ``h``: total derivative of the loss by the nodes' hidden states. ``C``: what their parents
            passed back to their cell states.
        trace
            What the step stored.
        grads
            Added into.
        counts
            As in the step.

        Returns
        -------
        dx_j, dchildren
            Gradients of the inputs, ``(n, n_x)``, and of the children's states through this step,
            each ``(K, n_h)``.
        """
        x_j, h_k, C_k, f_jk, i_j, o_j, u_j, C_j, _ = (a.T for a in trace)
        counts = (x_j.shape[1], x_j.shape[1]) if counts is None else counts
        W_f, *W = (self.params[f"W_{g}"] for g in GATES)
        U_f, *U = (self.params[f"U_{g}"] for g in GATES)
        x_jk, h_tilde_j = to_each_child(x_j, counts), sum_over_children(h_k, counts)
        dh_j = dstate.h.T

        do_j = output_gate_gradient(dh_j, C_j)
        dC_j = cell_state_gradient(dh_j, o_j, C_j, dstate.C.T)
        du_j = candidate_gradient(dC_j, i_j)
        di_j = input_gate_gradient(dC_j, u_j)
        dC_jk = to_each_child(dC_j, counts)
        df_jk = forget_gate_gradient(dC_jk, C_k)
        dC_k = previous_cell_state_gradient(dC_jk, f_jk)

        delta_f = gate_delta(df_jk, f_jk)
        delta_i = gate_delta(di_j, i_j)
        delta_o = gate_delta(do_j, o_j)
        delta_u = candidate_delta(du_j, u_j)
        deltas = (delta_i, delta_o, delta_u)

        for g, delta in zip(GATES, (delta_f, *deltas), strict=True):
            grads[f"W_{g}"] += weight_gradient(delta, x_jk if g == "f" else x_j)
            grads[f"U_{g}"] += weight_gradient(delta, h_k if g == "f" else h_tilde_j)
            grads[f"b_{g}"] += bias_gradient(delta)
        dh_tilde_j = child_sum_gradient(tuple(U), deltas)
        dh_k = child_hidden_gradient(U_f, delta_f, dh_tilde_j, counts)
        dx_j = node_input_gradient(tuple(W), deltas, W_f, delta_f, counts)
        return dx_j.T, TreeState(dh_k.T, dC_k.T)
