"""Gate statistics: cases worked out by hand, NumPy's own functions, and the notes' traps."""

import math

import numpy as np
import pytest
from cases import examples, host, make_case
from hypothesis import given, settings
from hypothesis import strategies as st

import lstmlab as ll
from lstmlab import xp

D = ll.diagnostics


def gate(seed=0, T=7, B=3, n=4):
    return np.random.default_rng(seed).uniform(size=(T, B, n))


def close(got, want, tol=1e-12):
    np.testing.assert_allclose(ll.to_numpy(got), want, rtol=tol, atol=tol)


# --- memory ------------------------------------------------------------------------------------


@pytest.mark.equation("eq-geometric-mean", "eq-unit-half-life")
def test_a_mean_of_one_half_may_keep_nothing():
    f = host(np.tile([1.0, 0.02], 10)[:, None, None])
    close(D.gate_statistics(f).mean, [0.51])
    close(D.geometric_mean(f), [math.sqrt(0.02)])
    close(D.geometric_mean(f) ** 20, ll.to_numpy(D.retention(f))[-1, 0])
    close(D.unit_half_lives(f), [math.log(0.5) / math.log(math.sqrt(0.02))])


def test_a_mean_of_one_half_may_keep_everything():
    f = host(np.broadcast_to([0.999, 0.001], (5, 2, 2)))
    assert float(xp.mean(f)) == pytest.approx(0.5)
    close(D.unit_half_lives(f), [692.8, 0.1003], tol=1e-3)


def test_half_lives_at_the_ends():
    f = host([[[1.0, 0.5, 0.0, 0.9]], [[1.0, 0.5, 0.9, 0.9]]])
    half_lives = ll.to_numpy(D.unit_half_lives(f))
    assert half_lives[0] == np.inf
    assert half_lives[2] == 0.0
    close(half_lives[[1, 3]], [1.0, ll.to_numpy(D.half_life(host([0.9])))[0]])
    close(D.geometric_mean(f), [1.0, 0.5, 0.0, 0.9])


@settings(max_examples=examples(12), deadline=None)
@given(seed=st.integers(0, 2**31))
def test_the_geometric_mean_is_the_constant_gate_of_the_same_product(seed):
    f = gate(seed, B=2)
    close(D.geometric_mean(host(f)) ** 14, f.prod(axis=(0, 1)), tol=1e-10)
    assert (ll.to_numpy(D.geometric_mean(host(f))) <= f.mean(axis=(0, 1))).all()


# --- level, spread, quantiles, saturation ------------------------------------------------------


@pytest.mark.equation("eq-gate-statistics")
def test_spread_over_time_and_spread_over_units_are_two_things():
    standing = host(np.broadcast_to([0.1, 0.9], (6, 2, 2)))
    switching = host(np.broadcast_to(np.tile([0.1, 0.9], 3)[:, None, None], (6, 2, 2)))
    still, busy = D.gate_statistics(standing), D.gate_statistics(switching)
    close(still.over_time, [0.0, 0.0])
    assert still.over_units == pytest.approx(0.4)
    close(busy.over_time, [0.4, 0.4])
    assert busy.over_units == pytest.approx(0.0)
    close(busy.mean, [0.5, 0.5])


def test_sequences_that_differ_are_no_spread_over_time():
    f = host(np.broadcast_to(np.array([0.2, 0.8])[:, None], (5, 2, 1)))
    close(D.gate_statistics(f).over_time, [0.0])
    uneven = np.stack([np.tile([0.0, 1.0], 2), np.full(4, 0.5)], axis=1)[:, :, None]
    close(D.gate_statistics(host(uneven)).over_time, [math.sqrt(0.25 / 2)])


def test_quantiles_equal_numpys():
    g, levels = gate(), (0.0, 0.05, 0.3, 0.5, 0.77, 1.0)
    close(D.unit_quantiles(host(g), levels), np.quantile(g, levels, axis=(0, 1)))
    close(D.gate_statistics(host(g), levels=levels).quantiles, np.quantile(g, levels, axis=(0, 1)))
    close(D.unit_quantiles(host(g[:1, :1]), (0.3,)), g[0, :1])


def test_saturation_is_a_share_on_each_side():
    g = host([[[0.05, 0.5]], [[0.95, 0.5]], [[0.99, 0.85]], [[0.0, 0.5]]])
    s = D.gate_statistics(g)
    close(s.closed, [0.5, 0.0])
    close(s.open, [0.5, 0.0])
    close(D.gate_statistics(g, edge=0.2).open, [0.5, 0.25])
    close(D.gate_statistics(g, edge=0.02).closed, [0.25, 0.0])


def test_a_run_is_described_gate_by_gate():
    run = make_case(T=5).run()
    found = D.run_statistics(run)
    assert list(found) == ["f", "i", "o"]
    for name, s in found.items():
        g = ll.to_numpy(getattr(run.trace, name))
        close(s.mean, g.mean(axis=(0, 1)))
        close(s.over_time, np.sqrt(g.var(axis=0).mean(axis=0)))
        assert s.over_units == pytest.approx(g.mean(axis=(0, 1)).std())
    assert D.run_statistics(make_case(ll.RNN).run()) == {}


def test_a_padded_run_is_refused():
    case = make_case()
    with pytest.raises(ValueError, match="run: expected one without lengths"):
        D.run_statistics(ll.unroll(case.cell, case.x, lengths=[4, 2]))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dtype_and_order_of_units_are_kept(dtype):
    f = gate().astype(dtype)
    for function in (
        D.geometric_mean,
        D.unit_half_lives,
        D.bernoulli_entropy,
        D.histogram_entropy,
        lambda g: D.gate_statistics(g).over_time,
        lambda g: D.gate_statistics(g).quantiles[2, :],
        lambda g: D.gate_correlation(g, g * g),
    ):
        a, b = (ll.to_numpy(function(host(v, dtype))) for v in (f, f[:, :, ::-1]))
        assert a.dtype == np.dtype(dtype)
        np.testing.assert_allclose(a, b[::-1], rtol=1e-5)


# --- correlation -------------------------------------------------------------------------------


@pytest.mark.equation("eq-gate-correlation")
def test_correlation_equals_numpys():
    i, C_tilde = gate(1), 2 * gate(2) - 1 + gate(1)
    want = [np.corrcoef(i[:, :, j].ravel(), C_tilde[:, :, j].ravel())[0, 1] for j in range(4)]
    close(D.gate_correlation(host(i), host(C_tilde)), want)


def test_correlation_is_no_measure_of_redundancy():
    a = np.linspace(-3.0, 3.0, 61)[:, None, None]
    i = host(1 / (1 + np.exp(-a)))
    same, opposite, even = (host(np.tanh(v)) for v in (a, -a, np.abs(a)))
    assert float(D.gate_correlation(i, same)[0]) > 0.95
    assert float(D.gate_correlation(i, opposite)[0]) < -0.95
    assert abs(float(D.gate_correlation(i, even)[0])) < 1e-12


def test_correlation_with_what_never_changes_is_no_number():
    found = ll.to_numpy(D.gate_correlation(host(np.full((4, 1, 1), 0.5)), host(gate(T=4, B=1, n=1))))
    assert np.isnan(found).all()


# --- entropies ---------------------------------------------------------------------------------


def three(o):
    o = host(o)
    return (
        float(xp.mean(D.bernoulli_entropy(o))),
        float(xp.mean(D.histogram_entropy(o))),
        D.entropy_across_units(o),
    )


@pytest.mark.equation("eq-bernoulli-entropy", "eq-histogram-entropy", "eq-entropy-across-units")
def test_three_entropies_of_a_constant_gate():
    assert three(np.full((10, 1, 64), 0.5)) == pytest.approx((1.0, 0.0, 6.0))


def test_three_entropies_of_a_switch():
    o = np.where((np.arange(10)[:, None, None] + np.arange(64)) % 2 == 0, 0.01, 0.99)
    p = 0.01
    bernoulli = -p * math.log2(p) - (1 - p) * math.log2(1 - p)
    shares = np.array([0.01, 0.99]) / 32
    across = -32 * (shares * np.log2(shares)).sum()
    assert three(o) == pytest.approx((bernoulli, 1.0, across))
    assert bernoulli == pytest.approx(0.0808, abs=1e-4)


def test_entropies_at_the_ends_and_in_nats():
    o = host([[[0.0, 1.0]]])
    close(D.bernoulli_entropy(o), [0.0, 0.0])
    close(D.histogram_entropy(o, bins=4), [0.0, 0.0])
    assert D.entropy_across_units(o) == 0.0
    half = host(np.full((1, 1, 2), 0.5))
    close(D.bernoulli_entropy(half, base=math.e), [math.log(2)] * 2)
    assert D.entropy_across_units(half, base=math.e) == pytest.approx(math.log(2))


def test_histogram_entropy_equals_numpys_histogram():
    o = gate(3, T=50, n=2)
    o[0, 0, 0], o[1, 0, 0] = 1.0, 0.0
    for bins in (4, 16):
        p = [np.histogram(o[:, :, j], bins=bins, range=(0, 1))[0] / 150 for j in range(2)]
        close(
            D.histogram_entropy(host(o), bins=bins), [-sum(q * math.log2(q) for q in row if q) for row in p]
        )


@pytest.mark.parametrize(
    "function", [D.gate_statistics, D.geometric_mean, D.bernoulli_entropy, D.entropy_across_units]
)
def test_what_is_no_gate_is_refused(function):
    with pytest.raises(ValueError, match=r"expected values in \[0, 1\], got -0.5 to 2"):
        function(host([[[-0.5, 2.0]]]))
    for outside in (-0.5, 1.5):
        with pytest.raises(ValueError, match=r"expected values in \[0, 1\], got"):
            function(host([[[0.5, outside]]]))
    with pytest.raises(ValueError, match=r"expected shape \(T, B, n\)"):
        function(host([0.5, 0.5]))


def test_other_refusals():
    with pytest.raises(ValueError, match="every step, got all closed"):
        D.entropy_across_units(host(np.zeros((1, 1, 2))))
    with pytest.raises(ValueError, match="levels: expected numbers from 0 to 1"):
        D.unit_quantiles(host(gate()), (1.5,))
    with pytest.raises(ValueError, match="C_tilde: expected shape"):
        D.gate_correlation(host(gate()), host(gate(n=3)))
