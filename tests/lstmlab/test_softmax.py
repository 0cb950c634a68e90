"""Softmax and its logarithm, masks, unit vectors, and the notes' forms of σ and tanh."""

import math

import numpy as np
import pytest
from cases import draw, examples, host
from hypothesis import given, settings
from hypothesis import strategies as st
from learning import cases, compare, frozen, live
from oracle import FROZEN

import lstmlab as ll
from lstmlab import functions, xp

QUICK = settings(max_examples=examples(12), deadline=None)


@pytest.mark.equation("eq-softmax-backward", "eq-softmax", "eq-log-softmax", "eq-log-softmax-backward")
@pytest.mark.parametrize("group", cases("softmax"))
def test_values_and_gradients_equal_the_frozen_ones(group):
    compare(ll, group, frozen()[group])


@pytest.mark.parametrize("case", ["last", "axis 0", "masked"])
def test_live(case, monkeypatch):
    pytest.importorskip("torch", reason="the live comparison needs torch; the frozen one has run")
    monkeypatch.syspath_prepend(FROZEN)
    compare(ll, f"softmax/{case}", live("softmax", case, 1))


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_gradients_agree_with_finite_differences(name, axis, masked):
    rng = np.random.default_rng(0)
    a, v = draw(rng, 3, 4), draw(rng, 3, 4)
    keep = rng.random((3, 4)) > 0.4
    keep[0, :] = keep[:, 0] = True
    mask = xp.asarray(keep) if masked else None
    function, backward = getattr(functions, name), getattr(functions, f"{name}_backward")

    def f(a):
        value = function(a, axis, mask)
        seen = value if mask is None else xp.where(mask, value, xp.zeros_like(value))
        return xp.sum(v * seen), [backward(v, value, axis)]

    report = ll.gradcheck(f, [a])
    assert report.ok, str(report)


@pytest.mark.equation("eq-log-sum-exp")
@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("masked", [False, True])
def test_log_sum_exp_has_its_value_and_the_softmax_as_gradient(axis, masked):
    rng = np.random.default_rng(1)
    a, keep = draw(rng, 3, 4), rng.random((3, 4)) > 0.4
    keep[0, :] = keep[:, 0] = True
    mask, weights = (xp.asarray(keep), keep) if masked else (None, 1.0)
    value = ll.to_numpy(functions.log_sum_exp(a, axis, mask))
    np.testing.assert_allclose(value, np.log(np.sum(weights * np.exp(ll.to_numpy(a)), axis=axis)), rtol=1e-13)
    far = ll.to_numpy(functions.log_sum_exp(a + 3000.0, axis, mask))
    np.testing.assert_allclose(far, value + 3000.0, rtol=1e-15)

    def f(a):
        return xp.sum(functions.log_sum_exp(a, axis, mask)), [functions.softmax(a, axis, mask)]

    assert ll.gradcheck(f, [a]).ok


def test_large_scores_do_not_overflow_and_small_probabilities_keep_their_logarithm():
    with np.errstate(all="raise", under="ignore"):
        p = functions.softmax(host([1000.0, 999.0, -1000.0]))
        log_p = functions.log_softmax(host([1000.0, 999.0, -1000.0]))
    np.testing.assert_allclose(ll.to_numpy(p)[:2], [1 / (1 + math.exp(-1)), 1 / (1 + math.e)], rtol=1e-14)
    assert float(log_p[2]) == pytest.approx(-2000.0 - math.log(1 + math.exp(-1)), rel=1e-14)


@QUICK
@given(seed=st.integers(0, 2**31), shift=st.floats(-500, 500), n=st.integers(1, 5))
def test_probabilities_sum_to_one_and_do_not_see_a_constant(seed, shift, n):
    a = draw(np.random.default_rng(seed), 3, n)
    p = functions.softmax(a)
    np.testing.assert_allclose(ll.to_numpy(xp.sum(p, axis=-1)), 1.0, rtol=1e-14)
    np.testing.assert_allclose(ll.to_numpy(functions.softmax(a + shift)), ll.to_numpy(p), rtol=1e-11)
    np.testing.assert_allclose(np.exp(ll.to_numpy(functions.log_softmax(a))), ll.to_numpy(p), rtol=1e-13)


@QUICK
@given(seed=st.integers(0, 2**31), n=st.integers(2, 6))
def test_a_mask_is_the_same_as_leaving_the_entries_out(seed, n):
    rng = np.random.default_rng(seed)
    a, keep = rng.normal(size=n), rng.random(n) > 0.5
    keep[rng.integers(n)] = True
    with_nan = np.where(keep, a, np.nan)
    p = ll.to_numpy(functions.softmax(host(with_nan), mask=xp.asarray(keep)))
    np.testing.assert_allclose(p[keep], ll.to_numpy(functions.softmax(host(a[keep]))), rtol=1e-14)
    assert p[~keep].tolist() == [0.0] * int((~keep).sum())
    log_p = ll.to_numpy(functions.log_softmax(host(with_nan), mask=xp.asarray(keep)))
    assert (log_p[~keep] == -np.inf).all()
    da = functions.log_softmax_backward(host(np.ones(n)), xp.asarray(log_p))
    assert ll.to_numpy(da)[~keep].tolist() == [0.0] * int((~keep).sum())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_dtype_is_kept(dtype):
    a = host([[1.0, 2.0]], dtype)
    p, log_p = functions.softmax(a), functions.log_softmax(a, mask=xp.asarray(np.array([[True, True]])))
    found = [p, log_p, functions.softmax_backward(a, p), functions.log_softmax_backward(a, log_p)]
    found += [functions.clipped_sigmoid(a), functions.tanh_by_sigmoid(a)]
    assert all(array.dtype == a.dtype for array in found)


@pytest.mark.parametrize("function", [functions.softmax, functions.log_softmax])
def test_errors_say_what_is_wrong(function):
    a = host([[1.0, 2.0], [3.0, 4.0]])
    with pytest.raises(ValueError, match="mask: expected at least one True along axis -1, got only False"):
        function(a, mask=xp.asarray(np.array([[True, True], [False, False]])))
    with pytest.raises(TypeError, match="mask: expected an array of booleans, got float64"):
        function(a, mask=a)
    with pytest.raises(ValueError, match=r"mask: expected a shape that fits \(2, 2\), got \(3,\)"):
        function(a, mask=xp.asarray(np.ones(3, dtype=bool)))
    for bad in (np.nan, np.inf):
        with pytest.raises(ValueError, match="a: expected finite scores, got NaN or infinity"):
            function(host([[1.0, bad], [3.0, 4.0]]))


@pytest.mark.parametrize("dtype", ["int64", "int32", "uint8"])
def test_one_hot_has_a_single_one_at_each_token(dtype):
    tokens = xp.asarray(np.array([[2, 0], [1, 2]], dtype=dtype))
    e = functions.one_hot(tokens, 4, host([0.0], "float32"))
    np.testing.assert_array_equal(ll.to_numpy(e), np.eye(4)[[[2, 0], [1, 2]]])
    assert str(e.dtype).endswith("float32")


@pytest.mark.parametrize("tokens", [[0, 4], [-1, 0]])
def test_one_hot_refuses_tokens_out_of_range(tokens):
    with pytest.raises(ValueError, match="tokens: expected whole numbers from 0 to 3, got"):
        functions.one_hot(xp.asarray(np.array(tokens)), 4, host([0.0]))


def test_one_hot_refuses_what_is_no_array_of_whole_numbers():
    with pytest.raises(TypeError, match="tokens: expected an array of whole numbers, got list"):
        functions.one_hot([0, 1], 4, host([0.0]))
    with pytest.raises(TypeError, match="tokens: expected an array of whole numbers, got float64"):
        functions.one_hot(host([0.0]), 4, host([0.0]))
    with pytest.raises(ValueError, match=r"tokens: expected at least one entry, got shape \(0,\)"):
        functions.one_hot(xp.asarray(np.zeros(0, dtype="int64")), 4, host([0.0]))


@pytest.mark.equation("eq-clipped-sigmoid")
def test_the_clipped_sigmoid_is_right_inside_and_has_a_floor_outside():
    a = host([-40.0, -1.0, 0.0, 3.0, 40.0])
    np.testing.assert_allclose(
        ll.to_numpy(functions.clipped_sigmoid(a)), ll.to_numpy(functions.sigmoid(a)), rtol=1e-14
    )
    far = ll.to_numpy(functions.clipped_sigmoid(host([-50.0, -51.0, -700.0])))
    np.testing.assert_allclose(far, 1.9287e-22, rtol=1e-4)
    assert far[0] == far[1] == far[2]  # no slope beyond the clip
    assert float(functions.sigmoid(host([-700.0]))[0]) < 1e-300
    with np.errstate(over="raise"):
        functions.clipped_sigmoid(host([-1e4], "float32"))
    with np.errstate(over="ignore"):
        assert 1 / (1 + np.exp(np.float64(1e4))) == 0.0  # what the clip is said to protect from
        assert np.isinf(np.exp(np.float16(50.0)))  # and where it protects from nothing


@pytest.mark.equation("eq-tanh-identity")
def test_tanh_by_sigmoid_is_exact_on_paper_and_loses_all_digits_near_zero():
    a = host(np.linspace(-3, 3, 13))
    np.testing.assert_allclose(
        ll.to_numpy(functions.tanh_by_sigmoid(a)), ll.to_numpy(functions.tanh(a)), atol=3e-16
    )

    def error(function, at):
        got = float(function(host([at], "float32"))[0])
        return abs(got - math.tanh(float(np.float32(at)))) / math.tanh(at)

    assert 1e-5 < error(functions.tanh_by_sigmoid, 1e-4) < 1e-3
    assert 0.01 < error(functions.tanh_by_sigmoid, 1e-6) < 0.2
    assert float(functions.tanh_by_sigmoid(host([1e-8], "float32"))[0]) == 0.0
    assert all(error(functions.tanh, at) < 1e-6 for at in (1e-4, 1e-6, 1e-8))
