"""Gradient norms gate by gate and over the lag, and the recorder that follows them through training."""

import math

import numpy as np
import pytest
from cases import draw, host, make_case

import lstmlab as ll
from lstmlab import xp
from lstmlab.parameters import ParameterGroup

D = ll.diagnostics


# --- gate by gate ------------------------------------------------------------------------------


@pytest.mark.equation("eq-gradient-norm")
def test_three_readings_of_a_gradient_by_hand():
    W, dW = host([[1.0, 2.0], [2.0, 0.0]]), host([[3.0, 0.0], [0.0, 4.0]])
    assert D.gradient_norm(W, dW) == pytest.approx((5.0, 5.0 / 3.0, 2.5))
    assert D.gradient_norm(0.01 * W, dW).relative == pytest.approx(500.0 / 3.0)
    assert D.gradient_norm(0.0 * W, dW).relative == math.inf
    with pytest.raises(ValueError, match=r"dW: expected shape \(2, 2\), got \(1, 2\)"):
        D.gradient_norm(W, dW[:1, :])


@pytest.mark.parametrize("kind", ["LSTM", "RNN"])
def test_every_matrix_of_a_cell_is_measured(kind):
    case = make_case(getattr(ll, kind))
    grads = case.back().grads
    found = D.gradient_norms(case.cell.params, grads)
    assert list(found) == {"LSTM": ["W_f", "W_i", "W_C", "W_o"], "RNN": ["W"]}[kind]
    for name, norms in found.items():
        W, dW = (ll.to_numpy(p[name]) for p in (case.cell.params, grads))
        assert norms.norm == pytest.approx(np.linalg.norm(dW), rel=1e-13)
        assert norms.relative == pytest.approx(np.linalg.norm(dW) / np.linalg.norm(W), rel=1e-13)
        assert norms.per_element == pytest.approx(np.sqrt((dW**2).mean()), rel=1e-13)


def test_a_repeated_matrix_has_a_larger_norm_and_the_same_per_element():
    W, dW = host([[1.0, 2.0]]), host([[3.0, 5.0]])
    once, twice = (D.gradient_norm(xp.concat([W] * k), xp.concat([dW] * k)) for k in (1, 2))
    assert twice.norm == pytest.approx(math.sqrt(2) * once.norm)
    assert (twice.relative, twice.per_element) == pytest.approx((once.relative, once.per_element))


def test_the_parts_of_a_model_keep_their_names():
    case = make_case()
    group = ParameterGroup({"encoder": case.cell.params})
    found = D.gradient_norms(group, {f"encoder.{n}": g for n, g in case.back().grads.items()}, prefix="b")
    assert list(found) == ["encoder.b_f", "encoder.b_i", "encoder.b_C", "encoder.b_o"]
    with pytest.raises(ValueError, match="prefix: expected the beginning"):
        D.gradient_norms(group, group, prefix="Q")


# --- over the lag ------------------------------------------------------------------------------


def loss_from(cell, x, dh, t, state):
    """The losses after step t as a function of the state there, nothing before it."""
    run = ll.unroll(cell, x[t:, ...], state)
    return float(xp.sum(dh[t:, ...] * run.h))


def derivative(function, a, eps=1e-5):
    """Central differences of a function of a host array."""
    d = np.zeros_like(a)
    for k in np.ndindex(a.shape):
        e = np.zeros_like(a)
        e[k] = eps
        d[k] = (function(a + e) - function(a - e)) / (2 * eps)
    return d


@pytest.mark.equation("eq-gradient-over-lag")
@pytest.mark.parametrize("t", [1, 3])
def test_the_norms_are_those_of_total_derivatives(t):
    """C_t is moved in the middle of a run: h_t follows, and so do all later gates."""
    T = 5
    case = make_case(T=T, B=2)
    run = case.run()
    found = D.gradient_norms_over_lag(case.cell, run, case.dh)
    h_t, C_t, o_t = (ll.to_numpy(a)[t - 1] for a in (run.h, run.trace.C, run.trace.o))
    now = ll.to_numpy(case.dh)[t - 1]

    def by_h(h):
        later = loss_from(case.cell, case.x, case.dh, t, ll.LSTMState(host(h), host(C_t)))
        return later + (now * h).sum()

    def by_C(C):
        h = o_t * np.tanh(C)
        later = loss_from(case.cell, case.x, case.dh, t, ll.LSTMState(host(h), host(C)))
        return later + (now * h).sum()

    for norms, function, at in ((found.h, by_h, h_t), (found.C, by_C, C_t)):
        assert tuple(norms.shape) == (T + 1, 2)
        want = np.linalg.norm(derivative(function, at), axis=1)
        np.testing.assert_allclose(ll.to_numpy(norms)[T - t], want, rtol=1e-7)


def test_lag_zero_is_the_end_and_the_last_entry_the_start():
    case = make_case(ll.RNN, T=4)
    dh = case.dh * host(np.arange(4) == 3)[:, None, None]
    found = ll.to_numpy(D.gradient_norms_over_lag(case.cell, case.run(), dh).h)
    np.testing.assert_allclose(found[0], np.linalg.norm(ll.to_numpy(dh)[3], axis=1))
    start = ll.backprop(case.cell, case.run(), dh).dstate.h
    np.testing.assert_allclose(found[4], np.linalg.norm(ll.to_numpy(start), axis=1))


def test_without_recurrent_weights_the_norm_follows_the_forget_gates():
    case = make_case(T=6, B=1, n_h=1)
    for name in ("W_f", "W_i", "W_C", "W_o"):
        case.cell.params[name][:, :1] = 0.0
    dh = case.dh * host(np.arange(6) == 5)[:, None, None]
    run = case.run()
    norms = ll.to_numpy(D.gradient_norms_over_lag(case.cell, run, dh).C)[:, 0]
    f = ll.to_numpy(run.trace.f)[:, 0, 0]
    np.testing.assert_allclose(norms[1:] / norms[:-1], f[::-1], rtol=1e-10)


# --- history -----------------------------------------------------------------------------------


@pytest.mark.equation("eq-gate-history")
def test_what_is_recorded_through_a_training():
    case = make_case(T=3)
    history, seen = D.GateHistory(every=2), []
    for step in range(5):
        run = case.run()
        grads = ll.backprop(case.cell, run, case.dh).grads
        if history(step, run, case.cell.params, grads):
            seen.append((ll.to_numpy(run.trace.f).mean(axis=(0, 1)), ll.to_numpy(grads["W_o"]).copy()))
        case.cell.params.flat[...] = case.cell.params.flat - 0.1 * grads.flat
    assert history.steps == [0, 2, 4]
    np.testing.assert_allclose(history["f.mean"], [mean for mean, _ in seen], rtol=1e-13)
    np.testing.assert_allclose(history["W_o.norm"], [np.linalg.norm(g) for _, g in seen], rtol=1e-13)
    assert history["i.quantiles"].shape == (3, 5, 3)
    assert (np.diff(history["i.quantiles"], axis=1) >= 0).all()
    assert history["o.over_units"].shape == (3,)
    assert np.ptp(history["f.half_life"], axis=0).min() > 0.0
    assert len(history) == 3 * 6 + 1 + 4 * 3
    assert repr(history) == "GateHistory(every=2, records=3, names=31)"


def test_a_record_does_not_change_with_what_was_recorded():
    run = make_case().run()
    history = D.GateHistory()
    history(0, run)
    before = history["f.mean"].copy()
    run.trace.f[...] = 0.0 * run.trace.f
    np.testing.assert_array_equal(history["f.mean"], before)


def test_what_a_history_refuses():
    case = make_case()
    history = D.GateHistory()
    history(3, case.run())
    with pytest.raises(ValueError, match="step: expected one after 3, got 3"):
        history(3, case.run())
    with pytest.raises(ValueError, match=r"expected the same at every record, differing: W_C\.norm"):
        history(4, case.run(), case.cell.params, case.cell.params)
    with pytest.raises(KeyError, match=r"nothing recorded as 'q'; there are f\.mean"):
        history["q"]
    with pytest.raises(ValueError, match="every: expected a positive whole number"):
        D.GateHistory(every=0)


def test_a_cell_without_gates_has_gradients_to_record():
    case = make_case(ll.RNN)
    history = D.GateHistory()
    history(0, case.run(), case.cell.params, draw_like(case.cell.params))
    assert sorted(history) == ["W.norm", "W.per_element", "W.relative"]


def draw_like(params):
    rng = np.random.default_rng(5)
    return {name: draw(rng, *a.shape) for name, a in params.items()}
