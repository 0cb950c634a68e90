"""First values: measured variances, orthogonal blocks, biases, and whole cells."""

import math

import numpy as np
import pytest
from cases import draw, examples, make_case
from hypothesis import given, settings
from hypothesis import strategies as st

import lstmlab as ll
from lstmlab import initializers
from lstmlab.cells.coupled import CoupledLSTM
from lstmlab.cells.gru import GRU
from lstmlab.cells.peephole import PeepholeLSTM
from lstmlab.cells.projected import ProjectedLSTM
from lstmlab.cells.tree import TreeLSTM
from lstmlab.initialize import initialize

N_H, N_X = 120, 40
GATES = "fiCo"


def blocks(cell, name):
    W = ll.to_numpy(cell.params[name])
    return W[:, : cell.n_h], W[:, cell.n_h :]


def near(array, variance):
    """The variance of many independent numbers, within five standard errors."""
    assert array.var() == pytest.approx(variance, rel=5 * math.sqrt(2 / array.size))
    assert abs(array.mean()) < 5 * math.sqrt(variance / array.size)


@pytest.mark.equation("eq-glorot")
def test_glorot_has_the_variance_of_its_own_fans():
    near(initializers.glorot_normal(0, 300, 100), 2 / 400)
    u = initializers.glorot_uniform(0, 300, 100)
    near(u, 2 / 400)
    assert u.shape == (300, 100)
    assert 0.99 * math.sqrt(6 / 400) < np.abs(u).max() < math.sqrt(6 / 400)


@pytest.mark.equation("eq-notes-gate", "eq-notes-candidate")
def test_the_second_argument_of_n_is_a_variance():
    near(initializers.normal(0, (200, 200), 0.04), 0.04)
    near(initializers.notes_gate(0, N_H, N_H + N_X), 2 / (N_H + N_X))
    near(initializers.notes_candidate(0, N_H, N_H + N_X), 1 / N_H)


@pytest.mark.parametrize("ratio", [0.5, 1, 4])
def test_the_notes_candidate_is_smaller_only_with_fewer_inputs(ratio):
    n_x = int(N_H * ratio)
    gate = initializers.notes_gate(0, N_H, N_H + n_x).var()
    candidate = initializers.notes_candidate(1, N_H, N_H + n_x).var()
    assert candidate / gate == pytest.approx((1 + ratio) / 2, rel=0.06)
    z = np.random.default_rng(2).normal(size=(N_H + n_x, 400))
    W = initializers.notes_candidate(1, N_H, N_H + n_x)
    assert (W @ z).var() == pytest.approx(1 + ratio, rel=0.1)
    assert (initializers.notes_gate(0, N_H, N_H + n_x) @ z).var() == pytest.approx(2.0, rel=0.1)


@pytest.mark.equation("eq-preactivation-variance")
@pytest.mark.parametrize(("h2", "x2"), [(1.0, 1.0), (0.04, 9.0)])
def test_the_variance_of_a_pre_activation_counts_each_block_by_itself(h2, x2):
    rng, n_h, n_x = np.random.default_rng(5), 60, 90
    W_h, W_x = rng.normal(0, 0.3, size=(4000, n_h)), rng.normal(0, 0.1, size=(4000, n_x))
    h, x = (rng.normal(size=n) for n in (n_h, n_x))
    h, x = h * (h2 / np.mean(h**2)) ** 0.5, x * (x2 / np.mean(x**2)) ** 0.5
    expected = initializers.preactivation_variance(n_h, n_x, 0.09, 0.01, h2=h2, x2=x2)
    near(W_h @ h + W_x @ x, expected)
    of_mean_square_one = initializers.preactivation_variance(n_h, n_x, 0.09 * h2, 0.01 * x2)
    assert expected == pytest.approx(of_mean_square_one)
    assert expected == pytest.approx(60 * 0.09 * h2 + 90 * 0.01 * x2)
    with pytest.raises(ValueError, match="n_x: expected a positive whole number, got 0"):
        initializers.preactivation_variance(3, 0, 1.0, 1.0)


@pytest.mark.equation("eq-pytorch-default")
def test_pytorch_default_has_the_sum_of_two_biases():
    W, b = initializers.pytorch_default(0, 2000, 3)
    near(W, 1 / 6000)
    near(b, 2 / 6000)
    assert 2000**-0.5 < np.abs(b).max() < 2 * 2000**-0.5


@pytest.mark.equation("eq-chrono")
def test_chrono_spreads_the_time_constants_evenly():
    b_f, b_i = initializers.chrono(0, 4000, 50)
    np.testing.assert_array_equal(b_i, -b_f)
    lengths = 1 + np.exp(b_f)
    assert 2.0 <= lengths.min() < 2.1
    assert 49.9 < lengths.max() <= 50.0
    assert np.quantile(lengths, [0.25, 0.5, 0.75]) == pytest.approx([14, 26, 38], rel=0.05)


@pytest.mark.parametrize("bad", [2, 1.0, -3, math.inf, math.nan, True, "10"])
def test_chrono_needs_a_lag_above_two(bad):
    with pytest.raises(ValueError, match="T_max: expected a number of steps above 2, got"):
        initializers.chrono(0, 3, bad)


@pytest.mark.parametrize("name", ["glorot_uniform", "glorot_normal", "notes_gate", "notes_candidate"])
def test_sizes_are_checked(name):
    with pytest.raises(ValueError, match="expected a positive whole number, got 0"):
        getattr(initializers, name)(0, 3, 0)


def test_glorot_treats_each_block_of_each_gate_by_itself():
    cell = ll.LSTM(N_X, N_H)
    initialize(cell, "glorot", rng=0)
    for g in GATES:
        W_h, W_x = blocks(cell, f"W_{g}")
        near(W_h, 1 / N_H)
        near(W_x, 2 / (N_H + N_X))
        assert set(ll.to_numpy(cell.params[f"b_{g}"]).tolist()) == {float(g == "f")}


@pytest.mark.equation("eq-orthogonal")
def test_orthogonal_blocks_are_orthogonal_and_differ():
    cell = ll.LSTM(N_X, N_H)
    initialize(cell, "orthogonal", rng=0, scale=1.5)
    found = [blocks(cell, f"W_{g}") for g in GATES]
    for W_h, W_x in found:
        np.testing.assert_allclose(W_h.T @ W_h, 2.25 * np.eye(N_H), atol=1e-12)
        near(W_x, 2 / (N_H + N_X))
    assert np.abs(found[0][0] - found[1][0]).max() > 0.1


def test_notes_draws_gates_and_candidate_over_the_whole_width():
    cell = ll.LSTM(N_X, N_H)
    initialize(cell, "notes", rng=0)
    for g in GATES:
        for block in blocks(cell, f"W_{g}"):
            near(block, 1 / N_H if g == "C" else 2 / (N_H + N_X))


def test_pytorch_draws_the_biases_too():
    cell = ll.LSTM(N_X, N_H)
    initialize(cell, "pytorch", rng=0)
    bound = N_H**-0.5
    for g in GATES:
        W, b = (ll.to_numpy(cell.params[f"{kind}_{g}"]) for kind in "Wb")
        near(W, bound**2 / 3)
        assert 0.99 * bound < np.abs(W).max() <= bound
        near(b, 2 * bound**2 / 3)


@pytest.mark.equation("eq-forget-bias")
@pytest.mark.parametrize("scheme", ["glorot", "orthogonal", "pytorch", "notes"])
def test_the_forget_bias_is_what_was_asked_and_the_weights_do_not_change(scheme):
    plain, three, spread = (ll.LSTM(2, 5) for _ in range(3))
    initialize(plain, scheme, rng=1)
    initialize(three, scheme, rng=1, forget_bias=3.0)
    initialize(spread, scheme, rng=1, chrono=20)
    assert set(ll.to_numpy(three.params["b_f"]).tolist()) == {3.0}
    b_f, b_i = (ll.to_numpy(spread.params[name]) for name in ("b_f", "b_i"))
    assert ((b_f >= 0) & (b_f <= math.log(19))).all()
    np.testing.assert_array_equal(b_i, -b_f)
    for name in plain.params:
        if name not in ("b_f", "b_i"):
            np.testing.assert_array_equal(*(ll.to_numpy(c.params[name]) for c in (plain, three)))
            np.testing.assert_array_equal(*(ll.to_numpy(c.params[name]) for c in (plain, spread)))


@settings(max_examples=examples(8), deadline=None)
@given(seed=st.integers(0, 2**31), scheme=st.sampled_from(["glorot", "orthogonal", "pytorch", "notes"]))
def test_the_seed_decides_everything(seed, scheme):
    once, again, single = ll.LSTM(2, 3), ll.LSTM(2, 3, rng=9), ll.LSTM(2, 3, dtype="float32")
    for cell in (once, again, single):
        initialize(cell, scheme, rng=seed)
    np.testing.assert_array_equal(ll.to_numpy(once.params.flat), ll.to_numpy(again.params.flat))
    want = ll.to_numpy(once.params.flat).astype("float32")
    np.testing.assert_array_equal(ll.to_numpy(single.params.flat), want)


def test_other_cells():
    for cell in (ll.RNN(N_X, N_H), GRU(N_X, N_H)):
        initialize(cell, "orthogonal")
        W_h, _ = blocks(cell, "W")
        np.testing.assert_allclose(W_h @ W_h.T, np.eye(N_H), atol=1e-12)
        initialize(cell, "notes")
        near(np.concatenate(blocks(cell, "W"), axis=1), 1 / N_H)
    coupled = CoupledLSTM(2, 3)
    initialize(coupled, "glorot", chrono=9)
    assert (ll.to_numpy(coupled.params["b_f"]) > 0).all()
    case = make_case(PeepholeLSTM)
    names = ("W_cf", "W_ci", "W_co")
    kept = {name: ll.to_numpy(case.cell.params[name]).copy() for name in names}
    initialize(case.cell, "glorot")
    for name, values in kept.items():
        np.testing.assert_array_equal(ll.to_numpy(case.cell.params[name]), values)


def test_an_oblong_recurrent_block_keeps_orthonormal_rows_or_columns():
    cell = ProjectedLSTM(2, 3, 5)
    initialize(cell, "orthogonal", rng=0)
    W_h = ll.to_numpy(cell.params["W_f"])[:, : cell.n_h]
    small = W_h.T @ W_h if W_h.shape[0] > W_h.shape[1] else W_h @ W_h.T
    np.testing.assert_allclose(small, np.eye(small.shape[0]), atol=1e-14)


def test_a_cell_that_broke_can_be_initialised_anew():
    cell = ll.LSTM(2, 3)
    cell.params.flat[...] = cell.params.flat * math.nan
    initialize(cell, "glorot")
    assert np.isfinite(ll.to_numpy(ll.unroll(cell, draw(np.random.default_rng(0), 3, 2, 2)).h)).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scheme": "he"}, "scheme: expected one of glorot, orthogonal, pytorch, notes, got 'he'"),
        ({"scale": 0.0}, "scale: expected a number above zero, got 0.0"),
        ({"scale": math.inf}, "scale: expected a number above zero, got inf"),
        ({"forget_bias": 1.0, "chrono": 9}, "forget_bias, chrono: expected one of the two, got 1.0 and 9"),
        ({"chrono": 1}, "T_max: expected a number of steps above 2, got 1"),
        ({"forget_bias": math.nan}, "forget_bias: expected a finite number, got nan"),
    ],
)
def test_errors_say_what_is_wrong_and_change_nothing(options, message):
    cell = ll.LSTM(2, 3)
    before = ll.to_numpy(cell.params.flat).copy()
    with pytest.raises(ValueError, match=message):
        initialize(cell, **{"scheme": "glorot"} | options)
    np.testing.assert_array_equal(ll.to_numpy(cell.params.flat), before)


def test_what_is_no_such_cell_is_refused():
    for no_cell in (ll.LSTM, ll.layers.Linear(2, 3)):
        with pytest.raises(TypeError, match="cell: expected a cell such as LSTM"):
            initialize(no_cell, "glorot")
    with pytest.raises(ValueError, match="chrono: expected a cell with b_f, got Parameters"):
        initialize(ll.RNN(2, 3), "glorot", chrono=9)
    with pytest.raises(ValueError, match=r"cell: expected W_. of width n_h"):
        initialize(TreeLSTM(2, 3), "glorot")
