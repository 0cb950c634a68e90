"""σ, tanh, their derivatives, the concatenation, and the first weights."""

import math

import numpy as np
import pytest
from cases import draw, host

import lstmlab as ll
from lstmlab import functions, initializers, xp


@pytest.mark.equation("eq-sigmoid", "eq-stable-sigmoid")
def test_sigmoid_equals_its_formula_and_does_not_overflow():
    a = np.linspace(-30, 30, 61)
    want = [1 / (1 + math.exp(-v)) for v in a]
    np.testing.assert_allclose(ll.to_numpy(functions.sigmoid(host(a))), want, rtol=4e-16)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        far = ll.to_numpy(functions.sigmoid(host([-1e4, -700.0, 700.0, 1e4])))
    assert far[0] == 0.0
    assert far[1] == pytest.approx(math.exp(-700.0), rel=1e-12)
    assert far[2:].tolist() == [1.0, 1.0]


@pytest.mark.equation("eq-tanh")
def test_tanh_equals_its_formula():
    a = np.linspace(-3, 3, 31)
    want = [(math.exp(v) - math.exp(-v)) / (math.exp(v) + math.exp(-v)) for v in a]
    np.testing.assert_allclose(ll.to_numpy(functions.tanh(host(a))), want, rtol=1e-14, atol=1e-16)


@pytest.mark.equation("eq-sigmoid-derivative", "eq-tanh-derivative")
@pytest.mark.parametrize("name", ["sigmoid", "tanh"])
def test_derivatives_from_the_value_agree_with_finite_differences(name):
    function, derivative = getattr(functions, name), getattr(functions, f"{name}_derivative")
    a = draw(np.random.default_rng(0), 3, 4)

    def f(a):
        return xp.sum(function(a)), [derivative(function(a))]

    assert ll.gradcheck(f, [a]).ok


@pytest.mark.equation("eq-concatenation")
def test_concatenation_puts_the_hidden_state_above_the_input():
    z = functions.concatenate(host([[1.0], [2.0]]), host([[3.0]]))
    assert ll.to_numpy(z).tolist() == [[1.0], [2.0], [3.0]]


def test_orthogonal_has_equal_singular_values_and_uniform_its_bound():
    q = initializers.orthogonal(0, 5, scale=1.5)
    np.testing.assert_allclose(np.linalg.svd(q, compute_uv=False), 1.5)
    np.testing.assert_allclose(np.linalg.svd(initializers.orthogonal(0, 5), compute_uv=False), 1.0)
    u = initializers.uniform(0, (1000,), 0.1)
    assert np.abs(u).max() <= 0.1
    assert u.var() == pytest.approx(0.1**2 / 3, rel=0.1)


@pytest.mark.parametrize("bad", [-1, 1.5, "0", None, True])
def test_a_seed_must_be_a_seed(bad):
    with pytest.raises(
        TypeError, match=r"rng: expected a non-negative seed or a numpy\.random\.Generator, got"
    ):
        initializers.generator(bad)


def test_orthogonal_matrices_have_no_preferred_sign():
    corner = [initializers.orthogonal(seed, 3)[0, 0] for seed in range(300)]
    assert abs(np.mean(corner)) < 0.15
