"""Prediction intervals: by hand, their promise kept where errors are alike, and broken where they are not."""

import math
from fractions import Fraction

import numpy as np
import pytest
from cases import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from lstmlab.data import coverage, half_width

some = settings(max_examples=examples(12), deadline=None)


@pytest.mark.equation("eq-half-width")
def test_half_width_by_hand():
    assert half_width(np.array([-128, 3, 4], dtype=np.int8), 0.75) == 128.0
    assert half_width([3.0, -1.0, 2.0], 0.75) == 3.0  # r = 3
    assert half_width([3.0, -1.0, 2.0], 0.5) == 2.0  # r = 2
    assert half_width([3.0, -1.0, 2.0], 0.51) == 3.0
    assert half_width([3.0, -1.0, 2.0], 0.76) == math.inf
    assert half_width([[1.0, -4.0, 2.0], [0.0, 0.5, -0.1]], 0.5).tolist() == [2.0, 0.1]
    assert half_width([[1.0], [2.0]], 0.9).tolist() == [math.inf, math.inf]


@some
@given(st.integers(1, 60), st.integers(1, 99))
def test_half_width_is_the_smallest_that_keeps_the_promise(R, percent):
    """Of R + 1 exchangeable errors each is as likely to be the last: count in whole numbers."""
    level = Fraction(percent, 100)
    q = float(half_width(np.arange(R, 0, -1.0), float(level)))
    assert q == math.inf or Fraction(int(q), R + 1) >= level
    assert Fraction(min(int(min(q, R + 1)), R + 1) - 1, R + 1) < level


@pytest.mark.equation("eq-half-width")
def test_the_promise_is_kept_on_average_and_broken_where_errors_grow():
    rng = np.random.default_rng(0)
    past, then = rng.standard_t(3, size=(4000, 19)), rng.standard_t(3, size=4000)
    q = half_width(past, 0.9)
    kept = coverage(then, -q, q)
    assert abs(kept - 18 / 20) < 0.02
    assert coverage(2 * then, -q, q) < kept - 0.1


@pytest.mark.equation("eq-coverage")
def test_coverage_by_hand():
    assert coverage([1.0, 2.0, 3.0, 4.0], [1.0, 3.0, 0.0, 0.0], [2.0, 4.0, 3.0, 3.9]) == 0.5
    assert coverage([[1.0], [np.inf]], [[-np.inf], [0.0]], [[np.inf], [1.0]]) == 0.5


def test_what_does_not_fit_is_named():
    for errors in ([], 3.0, [1.0, np.nan]):
        with pytest.raises(ValueError, match="errors: expected numbers"):
            half_width(errors, 0.9)
    for level in (0.0, 1.0, 90):
        with pytest.raises(ValueError, match="level: expected a number between 0 and 1"):
            half_width([1.0], level)
    with pytest.raises(ValueError, match=r"expected shape \(2,\), got \(1,\) and \(2,\)"):
        coverage([1.0, 2.0], [0.0], [3.0, 3.0])
