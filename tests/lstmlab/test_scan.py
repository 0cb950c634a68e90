"""Linear recurrences: the rounds of a scan against the loop, and against the cell that is one."""

import numpy as np
import pytest
from cases import draw, examples, same
from hypothesis import given, settings
from hypothesis import strategies as st

import lstmlab as ll
from lstmlab import xp
from lstmlab.cells.lstm import WEIGHTS
from lstmlab.scan import compose, linear_scan, linear_scan_backward, scan_rounds


def steps(seed, T, B=2, n=3):
    rng = np.random.default_rng(seed)
    return xp.asarray(rng.uniform(size=(T, B, n))), draw(rng, T, B, n), draw(rng, B, n)


@pytest.mark.equation("eq-compose")
def test_two_steps_composed_are_two_steps():
    f, u, C_0 = steps(0, 2)
    F, U = compose(f[0, ...], u[0, ...], f[1, ...], u[1, ...])
    same(F * C_0 + U, f[1, ...] * (f[0, ...] * C_0 + u[0, ...]) + u[1, ...])


@pytest.mark.equation("eq-compose")
@given(seed=st.integers(0, 2**31))
@settings(max_examples=examples(10), deadline=None)
def test_grouping_does_not_matter_and_order_does(seed):
    f, u, _ = steps(seed, 3)
    one, two, three = ((f[t, ...], u[t, ...]) for t in range(3))
    left, right = compose(*compose(*one, *two), *three), compose(*one, *compose(*two, *three))
    for a, b in zip(left, right, strict=True):
        same(a, b)
    assert float(xp.max(xp.abs(compose(*one, *two)[1] - compose(*two, *one)[1]))) > 1e-3


@pytest.mark.equation("eq-linear-recurrence")
@given(seed=st.integers(0, 2**31), T=st.integers(1, 20))
@settings(max_examples=examples(12), deadline=None)
def test_the_scan_equals_the_loop(seed, T):
    f, u, C = steps(seed, T)
    scanned, looped = linear_scan(f, u, C), []
    for t in range(T):
        C = f[t, ...] * C + u[t, ...]
        looped.append(C)
    same(scanned, xp.stack(looped), 1e-13)


@pytest.mark.equation("eq-scan-rounds")
@pytest.mark.parametrize(("T", "rounds"), [(1, 0), (2, 1), (5, 3), (8, 3), (9, 4), (64, 6)])
def test_rounds_grow_with_the_logarithm(T, rounds, monkeypatch):
    calls = []
    monkeypatch.setattr("lstmlab.scan.compose", lambda *a: calls.append(a) or compose(*a))
    linear_scan(*steps(0, T))
    assert len(calls) == rounds == scan_rounds(T)


@pytest.mark.equation("eq-scan-backward")
@pytest.mark.parametrize("T", [1, 2, 5])
def test_gradients_agree_with_finite_differences(T):
    f, u, C_0 = steps(1, T)
    v = draw(np.random.default_rng(2), T, 2, 3)

    def loss(**_):
        C = linear_scan(f, u, C_0)
        df, du, dC_0 = linear_scan_backward(v, f, C, C_0)
        return xp.sum(v * C), {"f": df, "u": du, "C_0": dC_0}

    report = ll.gradcheck(loss, {"f": f, "u": u, "C_0": C_0})
    assert report.ok, str(report)


def silent_lstm():
    """An LSTM whose gates do not read h."""
    cell = ll.LSTM(2, 3, rng=0)
    for name in WEIGHTS:
        cell.params[name][:, :3] = 0.0
    return cell


@pytest.mark.equation("eq-linear-recurrence", "eq-scan-backward")
def test_an_lstm_whose_gates_do_not_read_h_is_a_scan_forwards_and_backwards():
    rng = np.random.default_rng(1)
    cell, x = silent_lstm(), draw(rng, 7, 2, 2)
    run = ll.unroll(cell, x)
    trace, C_0 = run.trace, xp.zeros((2, 3))
    same(linear_scan(trace.f, trace.i * trace.C_tilde, C_0), trace.C)
    dh = draw(rng, 7, 2, 3)
    direct = dh * trace.o * (1.0 - xp.tanh(trace.C) ** 2)
    df, du, dC_0 = linear_scan_backward(direct, trace.f, trace.C, C_0)
    back = ll.backprop(cell, run, dh)
    same(dC_0, back.dstate.C)
    delta_f, delta_i = df * trace.f * (1 - trace.f), du * trace.C_tilde * trace.i * (1 - trace.i)
    same(xp.sum(delta_f, axis=(0, 1)), back.grads["b_f"], 1e-13)
    same(xp.sum(delta_i, axis=(0, 1)), back.grads["b_i"], 1e-13)


def test_float32_is_kept_and_bad_arrays_are_named():
    f, u, C_0 = (xp.asarray(ll.to_numpy(a).astype("float32")) for a in steps(0, 4))
    C = linear_scan(f, u, C_0)
    assert {a.dtype for a in (C, *linear_scan_backward(u, f, C, C_0))} == {f.dtype}
    with pytest.raises(ValueError, match=r"u: expected shape \(4, 2, 3\), got \(3, 2, 3\)"):
        linear_scan(f, u[1:, ...], C_0)
    with pytest.raises(ValueError, match=r"C_0: expected shape \(2, 3\), got \(3,\)"):
        linear_scan(f, u, C_0[0, :])
    with pytest.raises(ValueError, match=r"dC: expected shape \(4, 2, 3\), got \(3, 2, 3\)"):
        linear_scan_backward(u[1:, ...], f, C, C_0)
    with pytest.raises(ValueError, match=r"C: expected shape \(4, 2, 3\), got \(5, 2, 3\)"):
        linear_scan_backward(u, f, xp.concat([C_0[None, ...], C]), C_0)
    with pytest.raises(ValueError, match=r"C_0: expected shape \(2, 3\), got \(1, 3\)"):
        linear_scan_backward(u, f, C, C_0[:1, :])
    with pytest.raises(ValueError, match="T: expected a positive whole number, got 0"):
        scan_rounds(0)
