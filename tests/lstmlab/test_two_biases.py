"""Two biases a gate: PyTorch's own numbers, and the plain LSTM with their sum."""

import numpy as np
import pytest
from cases import examples, make_case, shapes
from hypothesis import given, settings
from oracle import FROZEN, frozen, live
from variants import compare

import lstmlab as ll
from lstmlab import xp
from lstmlab.cells.lstm import BIASES
from lstmlab.cells.two_biases import SECOND_BIASES, TwoBiasLSTM, two_bias_parameter_count


def plain_twin(case):
    """The plain LSTM whose bias is the sum, in the same circumstances."""
    twin = make_case(ll.LSTM, n_x=case.cell.n_x, n_h=case.cell.n_h)
    for name in twin.cell.params:
        twin.cell.params[name] = case.cell.params[name]
    for name, second in zip(BIASES, SECOND_BIASES, strict=True):
        twin.cell.params[name] = case.cell.params[name] + case.cell.params[second]
    twin.x, twin.state, twin.dh, twin.dstate = case.x, case.state, case.dh, case.dstate
    return twin


@given(shape=shapes())
@settings(max_examples=examples(8), deadline=None)
def test_every_gradient_agrees_with_finite_differences(shape):
    report = make_case(TwoBiasLSTM, **shape).check()
    assert {*BIASES, *SECOND_BIASES} < set(report.errors)
    assert report.ok, str(report)


def test_frozen_pytorch_both_biases_apart():
    compare(ll, "two_biases", "pytorch", frozen("variants_pytorch")["two_biases/small"])


@pytest.mark.parametrize("seed", range(2))
def test_live_pytorch(seed, monkeypatch):
    torch = pytest.importorskip("torch", reason="the live comparison needs torch; the frozen one has run")
    monkeypatch.syspath_prepend(str(FROZEN))
    torch.manual_seed(seed)
    sizes = np.random.default_rng(seed).integers(1, 5, size=4).tolist()
    compare(ll, "two_biases", "pytorch", live("variants_pytorch").record("two_biases", *sizes, 0))


def test_it_has_the_parameters_pytorch_has():
    arrays = frozen("variants_pytorch")["two_biases/small"]
    n_x, n_h = arrays["x"].shape[2], arrays["h"].shape[2]
    weights = [name for name in arrays if name.startswith(("weight", "bias"))]
    assert TwoBiasLSTM(n_x, n_h).n_params == sum(arrays[name].size for name in weights)


@given(shape=shapes())
@settings(max_examples=examples(10), deadline=None)
def test_it_is_the_plain_lstm_with_the_sum(shape):
    case = make_case(TwoBiasLSTM, **shape)
    twin = plain_twin(case)
    run, want, back, want_back = case.run(), twin.run(), case.back(), twin.back()
    for got, expected in zip(
        (run.h, *run.state, back.dx, *back.dstate),
        (want.h, *want.state, want_back.dx, *want_back.dstate),
        strict=True,
    ):
        np.testing.assert_array_equal(ll.to_numpy(got), ll.to_numpy(expected))
    for name in want_back.grads:
        np.testing.assert_array_equal(ll.to_numpy(back.grads[name]), ll.to_numpy(want_back.grads[name]))
    for name, second in zip(BIASES, SECOND_BIASES, strict=True):
        np.testing.assert_array_equal(ll.to_numpy(back.grads[second]), ll.to_numpy(want_back.grads[name]))


def test_what_one_bias_gives_the_other_may_take():
    case = make_case(TwoBiasLSTM)
    before = ll.to_numpy(case.run().h)
    case.cell.params["b_i"] = case.cell.params["b_i"] + 2.5
    assert np.abs(ll.to_numpy(case.run().h) - before).max() > 1e-2
    case.cell.params["c_i"] = case.cell.params["c_i"] - 2.5
    np.testing.assert_allclose(ll.to_numpy(case.run().h), before, atol=1e-14)


def test_a_step_of_gradient_descent_moves_the_sum_twice_as_far():
    case = make_case(TwoBiasLSTM)
    twin, rate = plain_twin(case), 0.125
    before = twin.cell.params["b_o"] + 0.0
    for one in (case, twin):
        one.cell.params.flat[...] = one.cell.params.flat - rate * one.back().grads.flat
    moved = ll.to_numpy(case.cell.params["b_o"] + case.cell.params["c_o"] - before)
    np.testing.assert_allclose(moved, 2.0 * ll.to_numpy(twin.cell.params["b_o"] - before), rtol=1e-12)
    assert np.abs(moved).min() > 1e-4


def test_a_new_cell_is_the_plain_lstm_of_the_same_seed_and_forgets_as_little():
    new, plain = TwoBiasLSTM(2, 3, rng=5), ll.LSTM(2, 3, rng=5)
    for name in plain.params:
        np.testing.assert_array_equal(ll.to_numpy(new.params[name]), ll.to_numpy(plain.params[name]))
    for name in SECOND_BIASES:
        np.testing.assert_array_equal(ll.to_numpy(new.params[name]), np.zeros(3))


def test_float32_stays_and_agrees_with_float64():
    single, double = make_case(TwoBiasLSTM, dtype="float32"), make_case(TwoBiasLSTM)
    run, back = single.run(), single.back()
    everything = [*run.state, *run.trace, back.dx, *back.dstate, *back.grads.values()]
    assert {str(a.dtype).rpartition(".")[2] for a in everything} == {"float32"}
    np.testing.assert_allclose(ll.to_numpy(run.h), ll.to_numpy(double.run().h), atol=1e-5)


@given(shape=shapes(5))
@settings(max_examples=examples(8), deadline=None)
def test_parameter_count(shape):
    n_x, n_h = shape["n_x"], shape["n_h"]
    assert TwoBiasLSTM(n_x, n_h).n_params == two_bias_parameter_count(n_x, n_h)
    assert two_bias_parameter_count(n_x, n_h) == ll.LSTM(n_x, n_h).n_params + 4 * n_h


def test_what_does_not_fit_is_named():
    with pytest.raises(ValueError, match="n_x: expected a positive whole number"):
        TwoBiasLSTM(0, 1)
    case = make_case(TwoBiasLSTM)
    with pytest.raises(TypeError, match=r"run: expected .* stores TwoBiasTrace, got LSTMTrace"):
        ll.backprop(case.cell, make_case(ll.LSTM).run(), xp.zeros(case.dh.shape))
