"""The famous mistakes of the Tree-LSTM and of the walk over the levels."""

from __future__ import annotations

import numpy as np
from mutants import Mutant, finite_differences
from oracle import frozen
from tree_helpers import compare, modules, tree_loss

TREE, GATES = "lstmlab.cells.tree", "lstmlab.cells.tree_gates"
TREES, WALK = "lstmlab.trees", "lstmlab.unroll_tree"

MUTANTS = [
    # forward
    Mutant(
        "forget gates read the child sum",
        TREE,
        "to_each_child(x_T, counts), h_k)",
        "to_each_child(x_T, counts), to_each_child(h_tilde_j, counts))",
        "h̃_j for h_k in f_jk, as some lecture notes print it: one gate, shared by all children",
    ),
    Mutant(
        "gates and cell states of the children summed apart",
        GATES,
        "return i_j * u_j + sum_over_children(f_jk * C_k, counts)",
        "return i_j * u_j + sum_over_children(f_jk, counts) * sum_over_children(C_k, counts)",
        "(Σf) ⊙ (ΣC) for Σ f ⊙ C: right on a chain",
    ),
    Mutant(
        "children's cell states averaged",
        GATES,
        "start += n_k\n    return a_tilde_j",
        "start += n_k\n    return a_tilde_j / max(1.0, len(counts) - 1.0)",
        "mean for sum: right for at most one child",
    ),
    Mutant(
        "leaf starts from ones",
        GATES,
        "namespace(a_k).zeros(",
        "namespace(a_k).ones(",
        "an empty sum that is not zero",
    ),
    Mutant(
        "only the first child",
        GATES,
        "for n_k in counts[1:]:\n        a_tilde_j",
        "for n_k in counts[1:2]:\n        a_tilde_j",
        "right on a chain",
    ),
    Mutant(
        "child sum without a start",
        GATES,
        "        start += n_k\n",
        "",
        "every slot reads the first children again",
    ),
    Mutant(
        "input and output gates of a node swapped",
        TREE,
        'GATES = ("f", "i", "o", "u")',
        'GATES = ("f", "o", "i", "u")',
        "forward and backward agree with each other; only another implementation objects",
    ),
    Mutant(
        "the child's input in the forget gate",
        TREE,
        "f_jk = tree_forget_gate(W_f, U_f, b_f, to_each_child(x_T, counts), h_k)",
        "f_jk = tree_forget_gate(W_f, U_f, b_f, 0.0 * to_each_child(x_T, counts), h_k)",
        "x_j left out of f_jk",
    ),
    # one step backward
    Mutant(
        "cell state of a child without its forget gate",
        TREE,
        "dC_k = previous_cell_state_gradient(dC_jk, f_jk)",
        "dC_k = dC_jk",
        "∂L/∂C_k = ∂L/∂C_j",
    ),
    Mutant(
        "child sum missing in the children's gradient",
        GATES,
        "return to_each_child(dh_tilde_j, counts) + U_f.T @ delta_f",
        "return U_f.T @ delta_f",
        "only the path through the forget gate",
    ),
    Mutant(
        "forget gate missing in the children's gradient",
        GATES,
        "return to_each_child(dh_tilde_j, counts) + U_f.T @ delta_f",
        "return to_each_child(dh_tilde_j, counts)",
        "only the path through the sum",
    ),
    Mutant(
        "forget gates missing in the input's gradient",
        GATES,
        "return concatenation_gradient(W, deltas) + W_f.T @ sum_over_children(delta_f, counts)",
        "return concatenation_gradient(W, deltas)",
        "x_j is read once more for every child",
    ),
    Mutant(
        "forget gate's matrix learns from the child sum",
        TREE,
        'grads[f"U_{g}"] += weight_gradient(delta, h_k if g == "f" else h_tilde_j)',
        'grads[f"U_{g}"] += weight_gradient(delta, to_each_child(h_tilde_j, counts) '
        'if g == "f" else h_tilde_j)',
        "h̃_j for h_k again, this time only backward",
    ),
    Mutant(
        "new cell state in a child's forget gate gradient",
        TREE,
        "df_jk = forget_gate_gradient(dC_jk, C_k)",
        "df_jk = forget_gate_gradient(dC_jk, to_each_child(C_j, counts))",
        "C_j for C_k",
    ),
    # trees
    Mutant(
        "nothing comes from the parent's cell state",
        WALK,
        "dstate = TreeState(dh_j, _rows(dC_edge, above))",
        "dstate = TreeState(dh_j, 0.0 * _rows(dC_edge, above))",
        "the memory's own path forgotten: invisible in a tree of one node",
    ),
    Mutant(
        "inner losses ignored",
        WALK,
        "total_hidden_gradient(dh[level.nodes, :], _rows(dh_edge, above))",
        "(_rows(dh_edge, above) if level is not trees.levels[-1] else dh[level.nodes, :])",
        "only the top level's nodes have a loss",
    ),
    Mutant(
        "nodes left in sorted order",
        WALK,
        "h, C = _rows(h, trees.position), _rows(C, trees.position)",
        "h, C = h, C",
        "the caller's rows come back permuted",
    ),
    Mutant(
        "sorted back by the wrong permutation",
        TREES,
        "self.position: Indices = np.argsort(self.order)",
        "self.position: Indices = self.order",
        "a permutation taken for its inverse: right for every swap",
    ),
    Mutant(
        "parents before their last child",
        TREES,
        "above[waiting[above] == 0]",
        "above[height[above] < 0]",
        "a node placed one above its lowest child: its highest is not computed yet",
    ),
]


def gradients_of_trees(ll):
    """First witness: branching 0 to 4, levels skipped, nothing zero."""
    tree, trees, _ = modules(ll)
    rng = np.random.default_rng(0)
    batch = trees.Trees([[-1, 0, 0, 1, 1, 1, 0, 6], [2, 2, -1, 2, 2]])
    cell = tree.TreeLSTM(2, 3)
    for name in cell.params:
        cell.params[name] = ll.xp.asarray(rng.normal(size=cell.params[name].shape))
    x, v = (ll.xp.asarray(rng.normal(size=(batch.n_nodes, n))) for n in (2, 3))
    f, args = tree_loss(ll, cell, batch, x, v)
    report = ll.gradcheck(f, args, max_entries=6)
    assert report.ok, str(report)


def gradients_of_a_chain(ll):
    """With children whose states are not zero."""
    finite_differences(ll, modules(ll)[0].TreeLSTM)


def independent_implementation(ll):
    """Second witness."""
    for arrays in frozen("tree").values():
        compare(ll, arrays)


WITNESSES = [independent_implementation, gradients_of_trees, gradients_of_a_chain]
