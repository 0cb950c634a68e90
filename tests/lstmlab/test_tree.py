"""The Tree-LSTM: four witnesses, and what is said of trees that are none."""

from pathlib import Path

import numpy as np
import pytest
from cases import draw, examples, make_case, same
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import FROZEN, frozen
from tree_helpers import compare, random_forest, tree_loss

import lstmlab as ll
from lstmlab import xp
from lstmlab.cells import tree, tree_gates
from lstmlab.cells.tree import TreeLSTM, TreeState, tree_lstm_parameter_count
from lstmlab.trees import Trees
from lstmlab.unroll_tree import backprop_tree, from_roots, unroll_tree

MIXED = [[-1, 0, 0, 1, 1, 1, 2, 0, 7, 8], [3, 0, 0, -1, 3, 3, 3], [-1], [1, -1, 1, 0]]
SMALL = [[-1, 0, 0, 1, 1, 1, 0, 6], [2, 2, -1]]
SEEDS = given(seed=st.integers(0, 2**31))
FEW = settings(max_examples=examples(12), deadline=None)


def tree_case(parents, *, n_x=2, n_h=3, seed=0, dtype="float64"):
    """Cell, batch, inputs and loss weights in which nothing is zero."""
    rng = np.random.default_rng(seed)
    cell = TreeLSTM(n_x, n_h, dtype=dtype)
    for name in cell.params:
        cell.params[name] = draw(rng, *cell.params[name].shape, dtype=dtype)
    trees = Trees(parents)
    return cell, trees, *(draw(rng, trees.n_nodes, n, dtype=dtype) for n in (n_x, n_h))


def both(cell, trees, x, dh):
    run = unroll_tree(cell, trees, x)
    return run, backprop_tree(cell, run, dh)


# first witness


@pytest.mark.parametrize("parents", [SMALL, [[-1]], [[-1, 0, 0, 0]], [[1, 2, -1]]])
def test_gradients_equal_finite_differences(parents):
    cell, trees, x, v = tree_case(parents)
    report = ll.gradcheck(*tree_loss(ll, cell, trees, x, v))
    assert report.ok, str(report)


def test_as_a_cell_on_a_sequence_its_gradients_equal_finite_differences():
    report = make_case(TreeLSTM).check()
    assert report.ok, str(report)
    assert {"h_0", "C_0"} <= set(report.errors)


@pytest.mark.equation("eq-tree-dh-sum", "eq-tree-dh-child", "eq-tree-dx")
def test_a_step_is_the_mirror_of_a_step_for_children_with_states_of_their_own():
    """Gradients of the children's h and C, with 3, 2 and 0 children a node."""
    counts, K = (3, 2, 2, 1), 5
    cell, _, _, _ = tree_case([[-1]])
    rng = np.random.default_rng(1)
    x, h_k, C_k, v, w = (draw(rng, *s) for s in ((3, 2), (K, 3), (K, 3), (3, 3), (3, 3)))

    def f(x, h_k, C_k):
        state, trace = cell.step(x, TreeState(h_k, C_k), counts)
        dx, d = cell.step_back(TreeState(v, w), trace, cell.params.zeros_like(), counts)
        return xp.sum(v * state.h + w * state.C), [dx, d.h, d.C]

    report = ll.gradcheck(f, [x, h_k, C_k])
    assert report.ok, str(report)


# second witness


@pytest.mark.parametrize("group", frozen("tree"))
def test_outputs_and_every_gradient_equal_the_frozen_ones(group):
    compare(ll, frozen("tree")[group])


def test_the_frozen_file_is_small_and_the_comparison_can_fail():
    assert (FROZEN / "tree.npz").stat().st_size < 30_000
    arrays = dict(frozen("tree")["mixed"])
    arrays["U_f"], arrays["U_i"] = arrays["U_i"], arrays["U_f"]
    with pytest.raises(AssertionError, match="differs from the plain recursion"):
        compare(ll, arrays)


@pytest.mark.parametrize("seed", range(2))
def test_live(seed, monkeypatch):
    pytest.importorskip("jax", reason="the live comparison needs jax; the frozen one has run")
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "frozen"))
    rng = np.random.default_rng(seed)
    n_x, n_h = rng.integers(1, 5, size=2).tolist()
    compare(ll, __import__("make_tree").record(random_forest(rng, 3, 6), n_x, n_h, seed))


# third witness


@pytest.mark.equation("eq-tree-forget-gate", "eq-tree-input-gate", "eq-tree-output-gate")
@pytest.mark.equation("eq-tree-candidate", "eq-tree-cell-state")
def test_a_node_with_two_children_by_hand():
    cell = TreeLSTM(1, 1)
    for k, name in enumerate(cell.params):
        cell.params[name] = 0.1 * (k - 5)
    p = {name: float(ll.to_numpy(a).ravel()[0]) for name, a in cell.params.items()}
    x, h_k, C_k = 0.7, (0.3, -0.6), (1.5, -2.0)

    def sigma(a):
        return 1 / (1 + np.exp(-a))

    h_sum = sum(h_k)
    i, o = (sigma(p[f"W_{g}"] * x + p[f"U_{g}"] * h_sum + p[f"b_{g}"]) for g in "io")
    u = np.tanh(p["W_u"] * x + p["U_u"] * h_sum + p["b_u"])
    f = [sigma(p["W_f"] * x + p["U_f"] * h + p["b_f"]) for h in h_k]
    C = i * u + f[0] * C_k[0] + f[1] * C_k[1]
    children = TreeState(*(xp.asarray([[a], [b]]) for a, b in (h_k, C_k)))
    state, _ = cell.step(xp.asarray([[x]]), children, (1, 1, 1))
    assert float(state.C[0, 0]) == pytest.approx(C, rel=1e-14)
    assert float(state.h[0, 0]) == pytest.approx(o * np.tanh(C), rel=1e-14)


@pytest.mark.equation("eq-child-sum", "eq-to-each-child")
def test_sum_and_copy_are_transposes_of_each_other():
    """The 0/1 matrix that is never built, column by column."""
    counts = (4, 3, 3, 1)
    S = np.array(  # child k belongs to node j; first children, then second, then third
        [[1, 0, 0, 1, 0, 0, 1], [0, 1, 0, 0, 1, 0, 0], [0, 0, 1, 0, 0, 1, 0], [0, 0, 0, 0, 0, 0, 0]]
    ).T.astype(float)
    rng = np.random.default_rng(0)
    a_k, a_j = rng.normal(size=(2, 7)), rng.normal(size=(2, 4))
    same(tree_gates.sum_over_children(xp.asarray(a_k), counts), a_k @ S)
    same(tree_gates.to_each_child(xp.asarray(a_j), counts), a_j @ S.T)
    nothing = tree_gates.to_each_child(xp.asarray(a_j), (4,))
    assert nothing.shape == (2, 0)
    same(tree_gates.sum_over_children(nothing, (4,)), np.zeros((2, 4)), 0)


@SEEDS
@FEW
def test_a_chain_is_the_lstm_of_the_same_weights(seed):
    """With W_g = [U_g, W_g]: states, gradients of inputs and of all weights."""
    rng = np.random.default_rng(seed)
    T, n_x, n_h = rng.integers(1, 5, size=3).tolist()
    cell, chain, x, dh = tree_case([[*range(1, T), -1]], n_x=n_x, n_h=n_h, seed=seed)
    lstm = ll.LSTM(n_x, n_h)
    for g, ours in zip("fiCo", "fiuo", strict=True):
        lstm.params[f"W_{g}"] = xp.concat([cell.params[f"U_{ours}"], cell.params[f"W_{ours}"]], axis=1)
        lstm.params[f"b_{g}"] = cell.params[f"b_{ours}"]
    run, back = both(cell, chain, x, dh)
    want = ll.unroll(lstm, x[:, None, :])
    dwant = ll.backprop(lstm, want, dh[:, None, :])
    same(run.h, want.h[:, 0, :])
    same(run.C, want.trace.C[:, 0, :])
    same(run.h_root, want.state.h)
    same(back.dx, dwant.dx[:, 0, :], 1e-12)
    for g, ours in zip("fiCo", "fiuo", strict=True):
        W = xp.concat([back.grads[f"U_{ours}"], back.grads[f"W_{ours}"]], axis=1)
        same(W, dwant.grads[f"W_{g}"], 1e-12)
        same(back.grads[f"b_{ours}"], dwant.grads[f"b_{g}"], 1e-12)
    sequence = ll.unroll(cell, x[:, None, :])  # the same cell, walked by the loop over time
    same(sequence.h[:, 0, :], run.h)
    same(ll.backprop(cell, sequence, dh[:, None, :]).grads.flat, back.grads.flat, 1e-12)
    assert cell.n_params == lstm.n_params


@SEEDS
@FEW
def test_renumbering_the_nodes_changes_nothing_else(seed):
    """So neither the order of children nor the order of the rows matters."""
    rng = np.random.default_rng(seed)
    (parents,) = random_forest(rng, 1, 9)
    cell, trees, x, dh = tree_case([parents], seed=seed)
    run, back = both(cell, trees, x, dh)
    new = rng.permutation(len(parents))  # node j is called new[j]
    old = np.argsort(new)
    renamed = [-1 if parents[j] < 0 else int(new[parents[j]]) for j in old]
    x2, dh2 = (xp.asarray(ll.to_numpy(a)[old]) for a in (x, dh))
    run2, back2 = both(cell, Trees([renamed]), x2, dh2)
    same(ll.to_numpy(run2.h)[new], run.h)
    same(run2.h_root, run.h_root)
    same(ll.to_numpy(back2.dx)[new], back.dx, 1e-12)
    same(back2.grads.flat, back.grads.flat, 1e-12)


@SEEDS
@FEW
def test_the_trees_of_a_batch_do_not_see_each_other(seed):
    forest = random_forest(np.random.default_rng(seed), 4, 7)
    cell, trees, x, dh = tree_case(forest, seed=seed)
    run, back = both(cell, trees, x, dh)
    total = cell.params.zeros_like().flat
    for t, parents in enumerate(forest):
        start = int(np.flatnonzero(trees.tree == t)[0])
        rows = slice(start, start + len(parents))
        alone, alone_back = both(cell, Trees([parents]), x[rows, :], dh[rows, :])
        same(alone.h, run.h[rows, :])
        same(alone.h_root[0, :], run.h_root[t, :])
        same(alone_back.dx, back.dx[rows, :], 1e-12)
        total = total + alone_back.grads.flat
    same(total, back.grads.flat, 1e-12)


def test_a_tree_does_not_change_when_its_neighbour_is_enormous():
    cell, trees, x, dh = tree_case([[-1, 0, 0], [-1, 0]])
    run, back = both(cell, trees, x, dh)
    x2, dh2 = xp.asarray(ll.to_numpy(x).copy()), xp.asarray(ll.to_numpy(dh).copy())
    x2[3:, :], dh2[3:, :] = 1e8, 1e8
    run2, back2 = both(cell, trees, x2, dh2)
    same(run2.h[:3, :], run.h[:3, :], 0)
    same(back2.dx[:3, :], back.dx[:3, :], 0)


@SEEDS
@FEW
def test_levels_together_equal_one_node_at_a_time(seed):
    """The same cell, called once a node in an order that has children before parents."""
    cell, trees, x, _ = tree_case(random_forest(np.random.default_rng(seed), 2, 7), seed=seed)
    run = unroll_tree(cell, trees, x)
    zero = xp.zeros((0, cell.n_h))
    states = {}
    for j in trees.order.tolist():
        below = [states[k] for k in np.flatnonzero(trees.parent == j).tolist()]
        h_k, C_k = (xp.concat([zero, *(s[field] for s in below)], axis=0) for field in (0, 1))
        states[j], _ = cell.step(x[j : j + 1, :], TreeState(h_k, C_k), (1,) * (1 + len(below)))
        same(states[j].h[0, :], run.h[j, :])
        same(states[j].C[0, :], run.C[j, :])


@SEEDS
@FEW
def test_backprop_is_linear_in_the_losses(seed):
    cell, trees, x, dh = tree_case(random_forest(np.random.default_rng(seed), 2, 6), seed=seed)
    run = unroll_tree(cell, trees, x)
    other = draw(np.random.default_rng(seed + 1), trees.n_nodes, cell.n_h)
    a, b = backprop_tree(cell, run, dh), backprop_tree(cell, run, other)
    both_losses = backprop_tree(cell, run, 2.0 * dh - other)
    same(both_losses.dx, 2.0 * a.dx - b.dx, 1e-12)
    same(both_losses.grads.flat, 2.0 * a.grads.flat - b.grads.flat, 1e-11)


def test_only_descendants_reach_a_node():
    """A loss at one node gives no gradient above it or beside it."""
    cell, trees, x, dh = tree_case([[-1, 0, 0, 1, 1, 2]])
    one = np.zeros((6, cell.n_h))
    one[1] = ll.to_numpy(dh)[1]
    _, back = both(cell, trees, x, xp.asarray(one))
    reached = np.abs(ll.to_numpy(back.dx)).max(axis=1) > 0
    assert reached.tolist() == [False, True, False, True, True, False]


def test_a_loss_at_the_roots_is_spread_over_all_nodes():
    cell, trees, *_ = tree_case(MIXED)
    d = draw(np.random.default_rng(3), trees.n_trees, cell.n_h)
    dh = ll.to_numpy(from_roots(trees, d))
    want = np.zeros((trees.n_nodes, cell.n_h))
    want[trees.roots] = ll.to_numpy(d)
    np.testing.assert_array_equal(dh, want)
    h = draw(np.random.default_rng(4), trees.n_nodes, cell.n_h)  # <d, h_root> = <from_roots(d), h>
    assert float(xp.sum(xp.asarray(want) * h)) == pytest.approx(
        float((ll.to_numpy(d) * ll.to_numpy(h)[trees.roots]).sum())
    )
    with pytest.raises(ValueError, match=r"dh_root: expected shape \(4, n_h\), got \(22, 3\)"):
        from_roots(trees, h)


def test_float32_stays_and_inputs_are_not_written():
    cell, trees, x, dh = tree_case(MIXED, dtype="float32")
    before = [ll.to_numpy(a).copy() for a in (x, dh, cell.params.flat)]
    run, back = both(cell, trees, x, dh)
    for a in (run.h, run.C, run.h_root, back.dx, back.grads.flat, from_roots(trees, run.h_root)):
        assert a.dtype == xp.float32
    for a, b in zip((x, dh, cell.params.flat), before, strict=True):
        np.testing.assert_array_equal(ll.to_numpy(a), b)
    wide, *_ = tree_case(MIXED)
    wide.params.flat[...] = xp.asarray(ll.to_numpy(cell.params.flat).astype("float64"))
    same(unroll_tree(wide, trees, xp.asarray(ll.to_numpy(x).astype("float64"))).h, run.h, 1e-6)


@pytest.mark.equation("eq-tree-parameter-count")
@pytest.mark.parametrize(("n_x", "n_h"), [(1, 1), (3, 2), (2, 5)])
def test_the_parameter_count_is_the_lstms(n_x, n_h):
    cell = TreeLSTM(n_x, n_h)
    assert cell.n_params == tree_lstm_parameter_count(n_x, n_h) == ll.LSTM(n_x, n_h).n_params
    assert list(cell.params) == [f"{letter}_{g}" for letter in "WUb" for g in "fiou"]
    assert ll.to_numpy(cell.params["b_f"]).tolist() == [1.0] * n_h
    assert float(xp.max(xp.abs(cell.params["b_i"]))) == 0.0
    assert 0.0 < float(xp.max(xp.abs(cell.params["U_u"]))) <= n_h**-0.5
    same(TreeLSTM(n_x, n_h, rng=5).params.flat, TreeLSTM(n_x, n_h, rng=5).params.flat, 0)


# one product a level


@pytest.mark.parametrize("n_trees", [1, 20])
def test_each_equation_is_computed_once_a_level_however_many_trees_there_are(n_trees, monkeypatch):
    calls = {"step": 0, "step_back": 0}
    equations = ("tree_forget_gate", "tree_input_gate", "tree_output_gate", "tree_candidate")

    def count(owner, name):
        original = getattr(owner, name)
        calls[name] = 0

        def counted(*args):
            calls[name] += 1
            return original(*args)

        monkeypatch.setattr(owner, name, counted)

    for name in (*equations, "child_hidden_gradient", "node_input_gradient"):
        count(tree, name)
    count(TreeLSTM, "step")
    count(TreeLSTM, "step_back")
    cell, trees, x, dh = tree_case([[-1, 0, 0, 1, 1, 2, 3]] * n_trees)
    both(cell, trees, x, dh)
    assert len(trees.levels) == 4
    assert set(calls.values()) == {4}


def test_a_level_holds_the_nodes_of_equal_height_with_the_most_children_first():
    trees = Trees(MIXED)
    height = {}

    def height_of(j):
        below = np.flatnonzero(trees.parent == j).tolist()
        height[j] = 1 + max(map(height_of, below), default=-1)
        return height[j]

    for root in trees.roots.tolist():
        height_of(root)
    for l, level in enumerate(trees.levels):
        nodes = trees.order[level.nodes].tolist()
        assert nodes
        assert {height[j] for j in nodes} == {l}
        widths = [int((trees.parent == j).sum()) for j in nodes]
        assert widths == sorted(widths, reverse=True)
        assert level.counts == tuple(sum(w >= k for w in widths) for k in range(widths[0] + 1))
        expected = [  # all first children, then all second ones, ...
            np.flatnonzero(trees.parent == j)[k]
            for k in range(widths[0])
            for j in nodes[: level.counts[k + 1]]
        ]
        assert trees.order[trees.children[level.edges]].tolist() == expected
    assert sorted(trees.order.tolist()) == list(range(trees.n_nodes))
    assert (trees.edge_above[trees.position[trees.roots]] == trees.children.size).all()
    assert trees.children.size == trees.n_nodes - trees.n_trees


# what is said of bad trees


def test_nested_trees_are_read_in_reading_order():
    trees = Trees.from_nested([("MAX", 1, ["MIN", 2, 0]), "leaf", ("one",)])
    assert trees.labels == ("MAX", 1, "MIN", 2, 0, "leaf", "one")
    assert trees.parent.tolist() == [-1, 0, 0, 2, 2, -1, -1]
    assert trees.roots.tolist() == [0, 5, 6]
    assert repr(trees) == "Trees(n_trees=3, n_nodes=7, levels=3)"
    shared = ("a", "b")  # the same tuple twice is two subtrees
    assert Trees.from_nested([("r", shared, shared)]).parent.tolist() == [-1, 0, 1, 0, 3]


def test_a_tree_may_be_deep():
    deep = "end"
    for _ in range(1200):
        deep = ("node", deep)
    trees = Trees.from_nested([deep])
    assert len(trees.levels) == trees.n_nodes == 1201
    cell, x = TreeLSTM(1, 1), xp.ones((1201, 1))
    same(unroll_tree(cell, trees, x).h_root, ll.unroll(cell, x[:, None, :]).state.h)


LOOP = ["a"]
LOOP.append(LOOP)


@pytest.mark.parametrize(
    ("build", "error", "message"),
    [
        (lambda: Trees([[-1, 2, 1]]), ValueError, r"parents\[0\]: expected no cycle, got .* nodes 1, 2"),
        (lambda: Trees([[-1], [-1, 1, 1]]), ValueError, r"parents\[1\]: expected no cycle, got .* nodes 1$"),
        (lambda: Trees([[-1, -1, 0]]), ValueError, r"exactly one root, got 2 \(nodes 0, 1\)"),
        (lambda: Trees([[1, 0]]), ValueError, r"parents\[0\]: expected exactly one root, got none"),
        (lambda: Trees([[-1, 2]]), ValueError, r"parents\[0\]\[1\]: expected -1 or .* 0 to 1, got 2"),
        (lambda: Trees([[-1, -2]]), ValueError, r"parents\[0\]\[1\]: .*got -2"),
        (lambda: Trees([[-1, 0.5]]), TypeError, r"parents\[0\]: expected a list of whole numbers"),
        (lambda: Trees([[-1, True], [False]]), TypeError, r"parents\[1\]: expected a list of whole numbers"),
        (lambda: Trees([[-1, [0]]]), TypeError, r"parents\[0\]: expected a list of whole numbers"),
        (lambda: Trees([-1, 0]), TypeError, r"parents\[0\]: expected a list of whole numbers.*got -1"),
        (lambda: Trees([[]]), TypeError, r"parents\[0\]: expected a list of whole numbers"),
        (lambda: Trees([]), TypeError, r"parents: expected a list with at least one tree's parents"),
        (lambda: Trees.from_nested([]), TypeError, "trees: expected a list with at least one tree"),
        (lambda: Trees.from_nested(("a", "b")), TypeError, "got tuple; a tuple is one tree"),
        (lambda: Trees.from_nested([("a", ())]), ValueError, r"trees\[0\]: expected a label or .*got \(\)"),
        (lambda: Trees.from_nested([(("a",), "b")]), ValueError, r"trees\[0\]: expected a label or"),
        (lambda: Trees.from_nested([LOOP]), ValueError, r"trees\[0\]: .*a list that contains itself"),
    ],
)
def test_what_is_no_tree_is_named(build, error, message):
    with pytest.raises(error, match=message):
        build()


def test_bad_arguments_are_named():
    cell, trees, x, dh = tree_case([[-1, 0, 0]])
    run = unroll_tree(cell, trees, x)
    lstm = ll.LSTM(2, 3)
    for call, error, message in [
        (lambda: unroll_tree(lstm, trees, x), TypeError, r"cell: expected a TreeLSTM.*got LSTM"),
        (lambda: unroll_tree(cell, [[-1, 0, 0]], x), TypeError, r"trees: expected Trees"),
        (lambda: unroll_tree(cell, trees, x[:2, :]), ValueError, r"x: expected shape \(3, 2\), got \(2, 2\)"),
        (lambda: unroll_tree(cell, trees, x * float("nan")), ValueError, "x: expected finite values"),
        (lambda: backprop_tree(cell, trees, dh), TypeError, "run: expected what unroll_tree returned"),
        (lambda: backprop_tree(cell, run, x), ValueError, r"dh: expected shape \(3, 3\), got \(3, 2\)"),
        (lambda: backprop_tree(TreeLSTM(2, 4), run, dh), ValueError, r"run\.h: expected shape \(3, 4\)"),
        (lambda: TreeLSTM(0, 1), ValueError, "n_x: expected a positive whole number"),
    ]:
        with pytest.raises(error, match=message):
            call()
