"""Cross-entropy and mean squared error: values, gradients, masks."""

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
from lstmlab.losses import bits, cross_entropy, mean_squared_error, word_perplexity

QUICK = settings(max_examples=examples(12), deadline=None)


@pytest.mark.parametrize("group", cases("cross_entropy", "mean_squared_error"))
def test_values_and_gradients_equal_the_frozen_ones(group):
    compare(ll, group, frozen()[group])


@pytest.mark.parametrize("kind", ["cross_entropy", "mean_squared_error"])
@pytest.mark.parametrize("case", ["plain", "masked"])
def test_live(kind, case, monkeypatch):
    pytest.importorskip("torch", reason="the live comparison needs torch; the frozen one has run")
    monkeypatch.syspath_prepend(FROZEN)
    case = "ignored" if (kind, case) == ("cross_entropy", "masked") else case
    compare(ll, f"{kind}/{case}", live(kind, case, 1))


def some(seed=0, masked=True, dtype="float64"):
    rng = np.random.default_rng(seed)
    keep = rng.random((3, 2)) > 0.4
    keep[0, 0] = True
    logits, targets = draw(rng, 3, 2, 4, dtype=dtype), xp.asarray(rng.integers(0, 4, size=(3, 2)))
    return logits, targets, xp.asarray(keep) if masked else None


@pytest.mark.parametrize("masked", [False, True])
def test_cross_entropy_gradients_agree_with_finite_differences(masked):
    logits, targets, mask = some(masked=masked)

    def f(logits):
        loss, dlogits = cross_entropy(logits, targets, mask)
        return loss, [dlogits]

    report = ll.gradcheck(f, [logits])
    assert report.ok, str(report)


@pytest.mark.parametrize("mask_of", ["none", "steps", "numbers"])
def test_mean_squared_error_gradients_agree_with_finite_differences(mask_of):
    rng = np.random.default_rng(0)
    prediction, target = draw(rng, 3, 2, 2), draw(rng, 3, 2, 2)
    shape = {"steps": (3, 2), "numbers": (3, 2, 2)}.get(mask_of)
    mask = xp.asarray(rng.random(shape) > 0.4) if shape else None

    def f(prediction):
        loss, gradient = mean_squared_error(prediction, target, mask)
        return loss, [gradient]

    report = ll.gradcheck(f, [prediction])
    assert report.ok, str(report)


def test_by_hand():
    loss, dlogits = cross_entropy(xp.asarray([[0.0, math.log(3.0)]]), xp.asarray(np.array([0])))
    assert loss == pytest.approx(math.log(4.0), rel=1e-15)
    np.testing.assert_allclose(ll.to_numpy(dlogits), [[-0.75, 0.75]], rtol=1e-14)
    loss, gradient = mean_squared_error(xp.asarray([[1.0, 4.0]]), xp.asarray([[3.0, 3.0]]))
    assert loss == 2.5
    assert ll.to_numpy(gradient).tolist() == [[-2.0, 1.0]]


def test_an_undecided_model_pays_the_logarithm_of_the_number_of_classes():
    loss, _ = cross_entropy(xp.zeros((5, 8)), xp.asarray(np.arange(5)))
    assert loss == pytest.approx(math.log(8), rel=1e-15)
    assert bits(loss) == pytest.approx(3.0, rel=1e-15)


@pytest.mark.equation("eq-word-perplexity")
def test_a_word_is_as_hard_as_its_characters_together():
    assert word_perplexity(1.0, 3.0) == 8.0
    assert word_perplexity(1.2, 5.6) == pytest.approx(105.4, abs=0.05)
    characters = [0.5, 0.25, 0.125]  # probabilities of the characters of one word
    mean = -sum(math.log2(p) for p in characters) / 3
    assert word_perplexity(mean, 3) == pytest.approx(1.0 / math.prod(characters), rel=1e-14)


def test_a_hopeless_probability_costs_much_and_not_infinity():
    loss, dlogits = cross_entropy(xp.asarray([[0.0, -2000.0]]), xp.asarray(np.array([1])))
    assert loss == pytest.approx(2000.0)
    assert ll.to_numpy(dlogits).tolist() == [[1.0, -1.0]]


@QUICK
@given(seed=st.integers(0, 2**31))
def test_the_mask_leaves_out_and_the_mean_goes_over_the_rest(seed):
    logits, targets, mask = some(seed)
    keep, a, y = (ll.to_numpy(v) for v in (mask, logits, targets))
    loss, dlogits = cross_entropy(logits, targets, mask)
    rest, drest = cross_entropy(xp.asarray(a[keep]), xp.asarray(y[keep]))
    assert loss == pytest.approx(rest, rel=1e-13)
    np.testing.assert_allclose(ll.to_numpy(dlogits)[keep], ll.to_numpy(drest), atol=1e-15)
    assert not ll.to_numpy(dlogits)[~keep].any()
    wild = xp.asarray(np.where(keep, y, -100))
    assert cross_entropy(logits, wild, mask)[0] == loss
    np.testing.assert_allclose(ll.to_numpy(dlogits).sum(axis=-1), 0.0, atol=1e-15)


@QUICK
@given(seed=st.integers(0, 2**31), copies=st.integers(2, 4))
def test_a_mean_does_not_change_with_the_number_of_copies(seed, copies):
    logits, targets, _ = some(seed)
    many = cross_entropy(xp.concat([logits] * copies), xp.concat([targets] * copies))[0]
    assert many == pytest.approx(cross_entropy(logits, targets)[0], rel=1e-13)
    square = mean_squared_error(xp.concat([logits] * copies), xp.zeros_like(xp.concat([logits] * copies)))[0]
    assert square == pytest.approx(float(xp.mean(logits * logits)), rel=1e-13)


def test_float32_is_kept():
    logits, targets, mask = some(dtype="float32")
    loss, dlogits = cross_entropy(logits, targets, mask)
    assert dlogits.dtype == mean_squared_error(logits, logits, mask)[1].dtype == logits.dtype
    assert isinstance(loss, float)


def test_errors_say_what_is_wrong():
    logits, targets, mask = some()
    with pytest.raises(ValueError, match=r"targets: expected shape \(3, 2\), got \(2, 2\)"):
        cross_entropy(logits, targets[:2, :])
    with pytest.raises(ValueError, match="targets: expected whole numbers from 0 to 3, got 4 to 4"):
        cross_entropy(logits, xp.full((3, 2), 4))
    with pytest.raises(TypeError, match="targets: expected an array of whole numbers, got list"):
        cross_entropy(logits, [[0, 1]] * 3)
    with pytest.raises(TypeError, match="targets: expected an array of whole numbers, got list"):
        cross_entropy(logits, [[0, 1]] * 3, mask)
    with pytest.raises(TypeError, match="targets: expected an array of whole numbers, got float64"):
        cross_entropy(logits, logits[..., 0])
    with pytest.raises(ValueError, match="mask: expected at least one True, got none"):
        cross_entropy(logits, targets, xp.zeros((3, 2), dtype=xp.bool))
    with pytest.raises(ValueError, match=r"mask: expected shape \(3, 2\), got \(3, 2, 4\)"):
        cross_entropy(logits, targets, xp.ones((3, 2, 4), dtype=xp.bool))
    with pytest.raises(ValueError, match=r"logits: expected finite values"):
        cross_entropy(logits * math.nan, targets)
    with pytest.raises(ValueError, match=r"logits: expected shape \(\.\.\., K\), got \(\)"):
        cross_entropy(xp.asarray(1.0), targets)
    with pytest.raises(TypeError, match="logits: expected one of float32, float64, got int64"):
        cross_entropy(xp.ones((3, 2, 4), dtype=xp.int64), targets)
    with pytest.raises(ValueError, match=r"target: expected shape \(3, 2, 4\), got \(3, 2\)"):
        mean_squared_error(logits, logits[..., 0])
    with pytest.raises(TypeError, match="mask: expected an array of booleans, got float64"):
        mean_squared_error(logits, logits, logits)
    with pytest.raises(TypeError, match="mask: expected an array of booleans, got list"):
        mean_squared_error(logits, logits, [True])
