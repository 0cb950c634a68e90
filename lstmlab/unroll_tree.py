"""The walk over the levels of a batch of trees: up with the states, down with the gradients."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from lstmlab.backend import device, namespace
from lstmlab.cells.tree import TreeLSTM, TreeState, TreeTrace
from lstmlab.checks import check_array
from lstmlab.parameters import Parameters
from lstmlab.trees import Indices, Trees
from lstmlab.typing import Array
from lstmlab.unroll import check_cell, total_hidden_gradient


class TreeRun(NamedTuple):
    """What :func:`unroll_tree` returns.

    Attributes
    ----------
    h, C
        Hidden and cell state of every node, ``(n_nodes, n_h)``, in the caller's order.
    h_root
        Hidden state of every tree's root, ``(n_trees, n_h)``.
    trees
        The batch.
    traces
        One :class:`~lstmlab.cells.tree.TreeTrace` a level, for the backward pass.
    """

    h: Array
    C: Array
    h_root: Array
    trees: Trees
    traces: list[TreeTrace]


class TreeBack(NamedTuple):
    """What :func:`backprop_tree` returns: ``dx``, ``(n_nodes, n_x)``, and ``grads`` by name."""

    dx: Array
    grads: Parameters


def unroll_tree(cell: TreeLSTM, trees: Trees, x: Array) -> TreeRun:
    """Run a tree cell over a batch of trees, from the leaves to the roots.

    Parameters
    ----------
    cell
        A :class:`~lstmlab.cells.tree.TreeLSTM`.
    trees
        The batch.
    x
        Each node's input, ``(n_nodes, n_x)``, nodes in the caller's order.

    Returns
    -------
    TreeRun
        ``h``, ``C``, ``h_root``, ``trees``, ``traces``.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind, or ``x`` has the wrong library, dtype or shape, or is
        not finite.
    """
    _check_tree_cell(cell)
    if not isinstance(trees, Trees):
        raise TypeError(f"trees: expected Trees(parents) or Trees.from_nested(...), got {trees!r:.60}")
    check_array("x", x, (trees.n_nodes, cell.n_x), cell.params.flat)
    x = _rows(x, trees.order)
    h, C = _zeros(trees.n_nodes, cell.n_h, x), _zeros(trees.n_nodes, cell.n_h, x)
    traces = []
    for level in trees.levels:
        below = trees.children[level.edges]
        children = TreeState(_rows(h, below), _rows(C, below))
        state, trace = cell.step(x[level.nodes, :], children, level.counts)
        h[level.nodes, :], C[level.nodes, :] = state.h, state.C
        traces.append(trace)
    h, C = _rows(h, trees.position), _rows(C, trees.position)
    return TreeRun(h, C, _rows(h, trees.roots), trees, traces)


def backprop_tree(cell: TreeLSTM, run: TreeRun, dh: Array) -> TreeBack:
    r"""Backpropagation through structure: the walk of :func:`unroll_tree`, from the roots down.

    A node has one parent, so what comes to it from above is looked up at its edge, never collected.

    Parameters
    ----------
    cell
        The cell that made the run, with the same parameters.
    run
        What :func:`unroll_tree` returned.
    dh
        Direct derivative of the loss by each node's hidden state, ``(n_nodes, n_h)``. If only the
        roots have a loss, :func:`from_roots` makes it.

    Returns
    -------
    TreeBack
        ``dx`` in the caller's order, ``grads`` summed over all nodes.

    Raises
    ------
    TypeError, ValueError
        If ``dh`` has the wrong library, dtype or shape, or is not finite, or ``run`` is not this
        cell's.

    References
    ----------
    Goller and Küchler (1996).
    """
    _check_tree_cell(cell)
    if not isinstance(run, TreeRun):
        raise TypeError(f"run: expected what unroll_tree returned, got {type(run).__name__}")
    trees = run.trees
    check_array("run.h", run.h, (trees.n_nodes, cell.n_h), cell.params.flat)
    check_array("dh", dh, (trees.n_nodes, cell.n_h), cell.params.flat)
    dh = _rows(dh, trees.order)
    n_rows = trees.children.size + 1  # the last row stays zero: nothing comes to a root from above
    dh_edge, dC_edge = _zeros(n_rows, cell.n_h, dh), _zeros(n_rows, cell.n_h, dh)
    grads = cell.params.zeros_like()
    dx = []
    for level, trace in zip(reversed(trees.levels), reversed(run.traces), strict=True):
        above = trees.edge_above[level.nodes]
        dh_j = total_hidden_gradient(dh[level.nodes, :], _rows(dh_edge, above))
        dstate = TreeState(dh_j, _rows(dC_edge, above))
        dx_j, dchildren = cell.step_back(dstate, trace, grads, level.counts)
        dh_edge[level.edges, :], dC_edge[level.edges, :] = dchildren.h, dchildren.C
        dx.append(dx_j)
    return TreeBack(_rows(namespace(dh).concat(dx[::-1], axis=0), trees.position), grads)


def from_roots(trees: Trees, dh_root: Array) -> Array:
    """Spread the roots' gradients over all nodes, zero at every other node: mirror of ``h_root``.

    Parameters
    ----------
    trees
        The batch.
    dh_root
        Direct derivative of the loss by each root's hidden state, ``(n_trees, n_h)``.

    Returns
    -------
    array
        Shape ``(n_nodes, n_h)``, for :func:`backprop_tree`.

    Raises
    ------
    TypeError, ValueError
        If ``dh_root`` is not such an array.
    """
    check_array("dh_root", dh_root, (trees.n_trees, "n_h"), dh_root)
    nothing = _zeros(1, dh_root.shape[1], dh_root)
    row = np.where(trees.parent < 0, trees.tree, trees.n_trees)
    return _rows(namespace(dh_root).concat([dh_root, nothing], axis=0), row)


def _rows(a: Array, index: Indices) -> Array:
    """Gather rows: the one look-up of this module."""
    xp = namespace(a)
    return xp.take(a, xp.asarray(index, device=device(a)), axis=0)


def _zeros(n: int, width: int, like: Array) -> Array:
    return namespace(like).zeros((n, width), dtype=like.dtype, device=device(like))


def _check_tree_cell(cell: Any) -> None:
    if not isinstance(cell, TreeLSTM):
        raise TypeError(f"cell: expected a TreeLSTM(n_x, n_h), got {cell!r:.60}")
    check_cell(cell)
