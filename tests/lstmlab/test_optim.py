"""Optimisers and clipping: PyTorch, properties, checkpoints."""

import math

import numpy as np
import pytest
from cases import draw, examples
from hypothesis import given, settings
from hypothesis import strategies as st
from learning import cases, compare, frozen, live
from oracle import FROZEN

import lstmlab as ll
from lstmlab import xp
from lstmlab.layers import Linear
from lstmlab.optim import SGD, Adam, clip_by_global_norm, clip_by_value, global_norm
from lstmlab.parameters import ParameterGroup

QUICK = settings(max_examples=examples(12), deadline=None)
MAKE = {
    "sgd": lambda p: SGD(p, 0.1),
    "momentum": lambda p: SGD(p, 0.1, momentum=0.9),
    "nesterov": lambda p: SGD(p, 0.1, momentum=0.9, nesterov=True),
    "adam": lambda p: Adam(p, 0.1),
    "adamw": lambda p: Adam(p, 0.1, weight_decay=0.1),
    "uncorrected": lambda p: Adam(p, 0.1, bias_correction=False),
}


def parameters(seed=0, dtype="float64"):
    return ll.Parameters({"W": (2, 2), "b": (2,)}, draw(np.random.default_rng(seed), 6, dtype=dtype))


def group(seed=0):
    """Two parts, one of them under two names."""
    shared = parameters(seed)
    return ParameterGroup({"one": shared, "two": parameters(seed + 1), "again": shared})


@pytest.mark.parametrize("name", cases("optimiser", "clip"))
def test_twenty_steps_and_clipping_equal_the_frozen_ones(name):
    compare(ll, name, frozen()[name])


@pytest.mark.parametrize("name", cases("optimiser", "clip"))
def test_live(name, monkeypatch):
    pytest.importorskip("torch", reason="the live comparison needs torch; the frozen one has run")
    monkeypatch.syspath_prepend(FROZEN)
    compare(ll, name, live(*name.split("/"), 1))


@pytest.mark.parametrize("name", MAKE)
@QUICK
@given(seed=st.integers(0, 2**31))
def test_a_group_moves_like_its_parts_and_a_shared_part_once(name, seed):
    joined, one, two = group(seed), parameters(seed), parameters(seed + 1)
    optimisers = [MAKE[name](p) for p in (joined, one, two)]
    for step in range(3):
        grads, grads_two = parameters(seed + 7 + step), parameters(seed + 70 + step)
        sums = joined.zeros_like()
        for key in grads:  # half through each name of the shared part
            sums[f"one.{key}"] += 0.5 * grads[key]
            sums[f"again.{key}"] += 0.5 * grads[key]
            sums[f"two.{key}"] += grads_two[key]
        for optimiser, g in zip(optimisers, (sums, grads, grads_two), strict=True):
            optimiser.step(g)
    for vector, part in zip(joined.vectors, (one, two), strict=True):
        np.testing.assert_allclose(ll.to_numpy(vector), ll.to_numpy(part.flat), rtol=1e-12)


@pytest.mark.parametrize("name", MAKE)
def test_the_parameters_change_where_they_lie_and_the_gradients_do_not(name):
    cell = ll.LSTM(2, 3)
    before, view, optimiser = (
        ll.to_numpy(cell.params.flat).copy(),
        cell.params["W_f"],
        MAKE[name](cell.params),
    )
    grads = cell.params.zeros_like()
    grads.flat[...] = draw(np.random.default_rng(0), cell.n_params)
    kept = ll.to_numpy(grads.flat).copy()
    optimiser.step(grads)
    np.testing.assert_array_equal(ll.to_numpy(view), ll.to_numpy(cell.params["W_f"]))
    assert (ll.to_numpy(cell.params.flat) != before).all()
    np.testing.assert_array_equal(ll.to_numpy(grads.flat), kept)


@pytest.mark.parametrize("name", MAKE)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_dtype_is_kept_even_with_a_learning_rate_of_numpy(name, dtype):
    params = parameters(dtype=dtype)
    optimiser = MAKE[name](params)
    optimiser.lr = np.float64(0.01)
    optimiser.step(parameters(1, dtype=dtype))
    assert params.flat.dtype == params["W"].dtype == parameters(dtype=dtype).flat.dtype
    assert type(optimiser.lr) is float


def test_first_steps_by_hand():
    def step(optimiser_of, g):
        params = ll.Parameters({"b": (1,)}, xp.asarray([1.0]))
        optimiser_of(params).step(ll.Parameters({"b": (1,)}, xp.asarray([g])))
        return 1.0 - float(params.flat[0])

    assert step(lambda p: SGD(p, 0.1), 3.0) == pytest.approx(0.3, rel=1e-14)
    assert step(lambda p: SGD(p, 0.1, 0.5, nesterov=True), 3.0) == pytest.approx(0.45, rel=1e-14)
    for g in (1e-3, 1.0, 1e3):  # the first step of Adam has the length of the learning rate
        assert step(lambda p: Adam(p, 0.1), g) == pytest.approx(0.1, rel=1e-4)
    assert step(lambda p: Adam(p, 0.1, eps=1.0), 3.0) == pytest.approx(0.1 * 3 / 4, rel=1e-12)
    plain = step(lambda p: Adam(p, 0.1, bias_correction=False), 1.0)
    assert plain == pytest.approx(0.1 * 0.1 / math.sqrt(0.001), rel=1e-6)
    assert step(lambda p: Adam(p, 0.1, weight_decay=0.2), 0.0) == pytest.approx(0.02, rel=1e-12)


@pytest.mark.parametrize("name", MAKE)
def test_a_parabola_is_walked_to_its_bottom(name):
    params, target = parameters(), ll.to_numpy(parameters(5).flat)
    optimiser = MAKE[name](params)
    for k in range(400):
        optimiser.lr = 0.1 * 0.99**k
        optimiser.step(ll.Parameters(params.shapes, params.flat - xp.asarray(target)))
    assert np.abs(ll.to_numpy(params.flat) - target).max() < (0.3 if name == "adamw" else 5e-3)


@pytest.mark.parametrize("name", MAKE)
def test_a_checkpoint_goes_on_exactly(name):
    params = group()
    optimiser = MAKE[name](params)
    for k in range(3):
        optimiser.step(group(10 + k))
    optimiser.lr = 0.05
    state = optimiser.state()
    assert all(isinstance(a, np.ndarray) for a in state.values())
    copy = group()
    for vector, other in zip(copy.vectors, params.vectors, strict=True):
        vector[...] = other
    resumed = MAKE[name](copy)
    resumed.load_state(state)
    for k in range(3):
        optimiser.step(group(20 + k))
        resumed.step(group(20 + k))
    for vector, other in zip(copy.vectors, params.vectors, strict=True):
        np.testing.assert_array_equal(ll.to_numpy(vector), ll.to_numpy(other))
    again = MAKE[name](group())
    again.load_state(state)  # the steps since have not written into what was kept
    assert int(again.state()["steps"]) == 3


def test_a_state_that_does_not_fit_is_refused_and_nothing_changes():
    optimiser = Adam(parameters(), 0.1)
    with pytest.raises(ValueError, match="state: expected"):
        optimiser.load_state(SGD(parameters(), 0.2).state())
    with pytest.raises(ValueError, match="state: expected"):
        optimiser.load_state(Adam(Linear(2, 3).params, 0.2).state())
    assert optimiser.lr == 0.1


@pytest.mark.equation("eq-global-norm", "eq-clip-norm")
@QUICK
@given(seed=st.integers(0, 2**31), threshold=st.floats(0.1, 10.0))
def test_clipping_keeps_the_direction_and_bounds_the_norm(seed, threshold):
    grads = group(seed)
    before = np.concatenate([ll.to_numpy(v).copy() for v in grads.vectors])
    norm = clip_by_global_norm(grads, threshold)
    after = np.concatenate([ll.to_numpy(v) for v in grads.vectors])
    assert norm == pytest.approx(np.linalg.norm(before), rel=1e-13)
    assert global_norm(grads) == pytest.approx(min(norm, threshold), rel=1e-13)
    np.testing.assert_allclose(after, before * min(1.0, threshold / norm), rtol=1e-13)


def test_a_gradient_short_enough_is_left_as_it_is():
    grads = parameters()
    before = ll.to_numpy(grads.flat).copy()
    clip_by_global_norm(grads, 100.0)
    np.testing.assert_array_equal(ll.to_numpy(grads.flat), before)
    assert clip_by_global_norm(grads.zeros_like(), 1.0) == 0.0


def test_the_norm_counts_a_single_number_and_minds_no_empty_part():
    one, none = ll.Parameters({"w": (1,)}, xp.asarray([-3.0])), ll.Parameters({}, xp.zeros(0))
    assert global_norm(one) == 3.0
    assert global_norm(none) == 0.0
    assert global_norm(ParameterGroup({"one": one, "none": none})) == 3.0


def test_the_norm_of_an_exploding_float32_gradient_does_not_overflow():
    grads = parameters(dtype="float32")
    grads.flat[...] = xp.asarray(np.array([3e30, 4e30, 0, 0, 0, 0], dtype="float32"))
    assert clip_by_global_norm(grads, 5.0) == pytest.approx(5e30, rel=1e-6)
    np.testing.assert_allclose(ll.to_numpy(grads.flat)[:2], [3.0, 4.0], rtol=1e-6)


@pytest.mark.equation("eq-clip-value")
def test_clipping_by_value_changes_the_direction():
    grads = parameters()
    grads.flat[...] = xp.asarray([10.0, -0.5, -7.0, 0.25, 0.0, 1.0])
    clip_by_value(grads, 1.0)
    assert ll.to_numpy(grads.flat).tolist() == [1.0, -0.5, -1.0, 0.25, 0.0, 1.0]


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_gradients_that_are_no_numbers_are_named(bad):
    grads, params = group(), group()
    grads["two.b"][...] = xp.asarray([1.0, bad])
    grads["one.W"][...] = xp.asarray([[1.0, bad], [0.0, 0.0]])
    before = [ll.to_numpy(v).copy() for v in params.vectors]
    for act in (
        lambda: global_norm(grads),
        lambda: clip_by_global_norm(grads, 1.0),
        lambda: clip_by_value(grads, 1.0),
        lambda: Adam(params, 0.1).step(grads),
    ):
        with pytest.raises(ValueError, match=r"grads: .* got NaN or infinity in one\.W, two\.b$"):
            act()
    for vector, kept in zip(params.vectors, before, strict=True):
        np.testing.assert_array_equal(ll.to_numpy(vector), kept)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: SGD(p, -0.1), "lr: expected a number from zero, got -0.1"),
        (lambda p: SGD(p, math.nan), "lr: expected a number from zero, got nan"),
        (lambda p: SGD(p, 0.1, momentum=1.0), "momentum: expected a number from 0 to below 1, got 1.0"),
        (lambda p: SGD(p, 0.1, nesterov=True), "nesterov: expected a momentum above zero beside it"),
        (lambda p: Adam(p, beta1=-0.1), "beta1: expected a number from zero, got -0.1"),
        (lambda p: Adam(p, beta2=1.0), "beta2: expected a number from 0 to below 1, got 1.0"),
        (lambda p: Adam(p, eps=0.0), "eps: expected a number above zero, got 0.0"),
        (lambda p: Adam(p, weight_decay=-1.0), "weight_decay: expected a number from zero, got -1.0"),
        (lambda p: clip_by_global_norm(p, 0.0), "threshold: expected a number above zero, got 0.0"),
        (lambda p: clip_by_value(p, "1"), "threshold: expected a number above zero, got '1'"),
        (lambda p: Adam(p).step(Linear(2, 3).params.zeros_like()), "grads: expected the names and shapes of"),
    ],
)
def test_errors_say_what_is_wrong(make, message):
    with pytest.raises(ValueError, match=message):
        make(parameters())


def test_the_learning_rate_is_checked_when_it_is_set_and_params_must_be_parameters():
    optimiser = Adam(parameters())
    with pytest.raises(ValueError, match="lr: expected a number from zero, got -1"):
        optimiser.lr = -1
    with pytest.raises(TypeError, match="params: expected a cell's params or a group, got LSTM"):
        Adam(ll.LSTM(1, 1))
    for act in (optimiser.step, global_norm):
        with pytest.raises(TypeError, match=r"grads: expected what params\.zeros_like\(\) returns, got dict"):
            act(dict(parameters()))
