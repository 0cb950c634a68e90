"""The LSTM with peepholes: its equations, its three extra backward terms, two oracles, its reductions."""

import math

import numpy as np
import pytest
from cases import draw, examples, make_case, shapes
from hypothesis import given, settings
from oracle import FROZEN, frozen, live
from test_lstm import link, logistic
from variants import compare, compare_onnx, from_onnx, groups

import lstmlab as ll
from lstmlab import xp
from lstmlab.cells import gradients, peephole
from lstmlab.cells.gates import cell_state, hidden_state
from lstmlab.cells.peephole import PeepholeLSTM, peephole_parameter_count

N_H, N_X, B = 3, 2, 4


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.mark.equation("eq-peephole-forget-gate", "eq-peephole-input-gate", "eq-peephole-output-gate")
def test_two_steps_by_hand_equal_unroll():
    cell = PeepholeLSTM(1, 1)
    W = {"f": (0.5, -1.0), "i": (0.25, 2.0), "C": (-0.5, 1.0), "o": (1.0, 0.5)}
    b = {"f": 1.0, "i": -0.5, "C": 0.25, "o": 0.0}
    sees = {"f": -1.5, "i": 0.75, "o": 2.0}
    for g in W:
        cell.params[f"W_{g}"], cell.params[f"b_{g}"] = [list(W[g])], [b[g]]
    for g in sees:
        cell.params[f"W_c{g}"] = [sees[g]]
    h, C = 0.1, -0.7
    state = ll.LSTMState(xp.asarray([[h]]), xp.asarray([[C]]))
    run = ll.unroll(cell, xp.asarray([[[1.0]], [[-2.0]]]), state)
    for t, x in enumerate((1.0, -2.0)):
        a = {g: W[g][0] * h + W[g][1] * x + b[g] for g in W}
        f, i = logistic(a["f"] + sees["f"] * C), logistic(a["i"] + sees["i"] * C)
        C = f * C + i * math.tanh(a["C"])
        o = logistic(a["o"] + sees["o"] * C)  # the new C
        h = o * math.tanh(C)
        for got, want in ((run.trace.f, f), (run.trace.i, i), (run.trace.o, o), (run.trace.C, C), (run.h, h)):
            assert float(got[t, 0, 0]) == pytest.approx(want, rel=1e-14)


@pytest.mark.equation("eq-peephole-weight")
@pytest.mark.parametrize(
    "gate", [peephole.peephole_forget_gate, peephole.peephole_input_gate, peephole.peephole_output_gate]
)
def test_link_gate(rng, gate):
    def backward(v, W, w, b, z, C):
        delta = gradients.gate_delta(v, gate(W, w, b, z, C))
        return (
            gradients.weight_gradient(delta, z),
            peephole.peephole_gradient(delta, C)[:, None],
            gradients.bias_gradient(delta)[:, None],
            W.T @ delta,
            w * delta,
        )

    sizes = [(N_H, N_H + N_X), (N_H, 1), (N_H, 1), (N_H + N_X, B), (N_H, B)]
    link(gate, backward, [draw(rng, *size) for size in sizes], rng)


@pytest.mark.equation("eq-peephole-dC")
def test_link_new_cell_state(rng):
    """The cell state reaches the loss through tanh and through the output gate."""
    W_o, W_co, b_o, z = (
        draw(rng, N_H, N_H + N_X),
        draw(rng, N_H, 1),
        draw(rng, N_H, 1),
        draw(rng, N_H + N_X, B),
    )

    def gate(C):
        return peephole.peephole_output_gate(W_o, W_co, b_o, z, C)

    def backward(v, C):
        delta_o = gradients.gate_delta(gradients.output_gate_gradient(v, C), gate(C))
        return [peephole.peephole_cell_state_gradient(v, gate(C), C, W_co, delta_o, xp.zeros((N_H, B)))]

    link(lambda C: hidden_state(gate(C), C), backward, [draw(rng, N_H, B)], rng)


@pytest.mark.equation("eq-peephole-dC-prev")
def test_link_old_cell_state(rng):
    """The old cell state reaches the new one by being kept, and through two gates."""
    W_f, W_i = draw(rng, N_H, N_H + N_X), draw(rng, N_H, N_H + N_X)
    W_cf, b_f, W_ci, b_i = (draw(rng, N_H, 1) for _ in range(4))
    z, C_tilde = draw(rng, N_H + N_X, B), draw(rng, N_H, B)

    def gates(C):
        f = peephole.peephole_forget_gate(W_f, W_cf, b_f, z, C)
        return f, peephole.peephole_input_gate(W_i, W_ci, b_i, z, C)

    def forward(C):
        f, i = gates(C)
        return cell_state(f, C, i, C_tilde)

    def backward(v, C):
        f, i = gates(C)
        delta_f = gradients.gate_delta(gradients.forget_gate_gradient(v, C), f)
        delta_i = gradients.gate_delta(gradients.input_gate_gradient(v, C_tilde), i)
        return [peephole.peephole_previous_cell_state_gradient(v, f, W_cf, delta_f, W_ci, delta_i)]

    link(forward, backward, [draw(rng, N_H, B)], rng)


@given(shape=shapes())
@settings(max_examples=examples(10), deadline=None)
def test_every_gradient_agrees_with_finite_differences(shape):
    case = make_case(PeepholeLSTM, **shape)
    report = case.check()
    assert {"W_cf", "W_ci", "W_co", "x", "h_0", "C_0"} < set(report.errors)
    assert report.ok, str(report)


def test_each_peephole_matters_to_the_loss():
    back = make_case(PeepholeLSTM).back()
    for name in ("W_cf", "W_ci", "W_co"):
        assert float(xp.min(xp.abs(back.grads[name]))) > 1e-4


def test_frozen_jax():
    compare(ll, "peephole", "jax", frozen("variants_jax")["peephole"])


@pytest.mark.parametrize("group", groups("onnx", "peephole"))
def test_frozen_onnx(group):
    compare_onnx(ll, "peephole", frozen("variants_onnx")[group])


def test_the_peepholes_order_matters_to_the_comparison(monkeypatch):
    monkeypatch.setattr("variants.ONNX_PEEPHOLES", "ifo")
    with pytest.raises(AssertionError, match="differs from ONNX"):
        compare_onnx(ll, "peephole", frozen("variants_onnx")["peephole/small"])


def test_the_frozen_files_are_small():
    assert all(path.stat().st_size < 30_000 for path in FROZEN.glob("variants_*.npz"))
    assert set(from_onnx("peephole", frozen("variants_onnx")["peephole/small"])) == set(
        PeepholeLSTM(1, 1).params
    )


@pytest.mark.parametrize("seed", range(2))
def test_live_jax(seed, monkeypatch):
    pytest.importorskip("jax", reason="the live comparison needs jax; the frozen one has run")
    monkeypatch.syspath_prepend(str(FROZEN))
    rng = np.random.default_rng(seed)
    compare(
        ll,
        "peephole",
        "jax",
        live("variants_jax").record("peephole", *rng.integers(1, 5, size=4).tolist(), rng),
    )


@pytest.mark.parametrize("seed", range(2))
def test_live_onnx(seed, monkeypatch):
    pytest.importorskip("onnxruntime", reason="the live comparison needs onnxruntime; the frozen one has run")
    pytest.importorskip("onnx", reason="the live comparison needs onnx; the frozen one has run")
    monkeypatch.syspath_prepend(str(FROZEN))
    rng = np.random.default_rng(seed)
    compare_onnx(
        ll, "peephole", live("variants_onnx").record("peephole", *rng.integers(1, 5, size=4).tolist(), rng)
    )


@given(shape=shapes())
@settings(max_examples=examples(8), deadline=None)
def test_with_closed_peepholes_it_is_the_plain_lstm(shape):
    plain, case = make_case(ll.LSTM, **shape), make_case(PeepholeLSTM, **shape)
    for name in case.cell.params:
        case.cell.params[name] = plain.cell.params.get(name, 0.0)
    plain.x, plain.state, plain.dh, plain.dstate = case.x, case.state, case.dh, case.dstate
    back, want = case.back(), plain.back()
    np.testing.assert_array_equal(ll.to_numpy(case.run().h), ll.to_numpy(plain.run().h))
    np.testing.assert_array_equal(ll.to_numpy(back.dx), ll.to_numpy(want.dx))
    np.testing.assert_array_equal(ll.to_numpy(back.dstate.C), ll.to_numpy(want.dstate.C))
    for name in want.grads:
        np.testing.assert_array_equal(ll.to_numpy(back.grads[name]), ll.to_numpy(want.grads[name]))


def test_a_new_cell_is_the_plain_lstm_of_the_same_seed():
    new, plain = PeepholeLSTM(2, 3, rng=5), ll.LSTM(2, 3, rng=5)
    for name in plain.params:
        np.testing.assert_array_equal(ll.to_numpy(new.params[name]), ll.to_numpy(plain.params[name]))
    for name in ("W_cf", "W_ci", "W_co"):
        np.testing.assert_array_equal(ll.to_numpy(new.params[name]), np.zeros(3))


def test_a_peephole_shows_a_unit_its_own_cell_state_alone():
    case = make_case(PeepholeLSTM, T=1, B=1, n_h=3)
    kicked = ll.LSTMState(case.state.h, case.state.C + xp.asarray([[0.5, 0.0, 0.0]]))
    before, after = case.run().state, ll.unroll(case.cell, case.x, kicked).state
    for old, new in zip(before, after, strict=True):
        moved = np.abs(ll.to_numpy(new - old))[0]
        assert moved[0] > 1e-3
        np.testing.assert_array_equal(moved[1:], 0.0)


def test_renaming_the_units_changes_nothing_else():
    case, order = make_case(PeepholeLSTM, n_h=3), [2, 0, 1]
    other = PeepholeLSTM(2, 3)
    for name, p in case.cell.params.items():
        host = ll.to_numpy(p)[order]
        other.params[name] = host[:, [*order, 3, 4]] if host.ndim == 2 else host
    state = ll.LSTMState(*(xp.asarray(ll.to_numpy(a)[:, order]) for a in case.state))
    got = ll.to_numpy(ll.unroll(other, case.x, state).h)
    np.testing.assert_allclose(got, ll.to_numpy(case.run().h)[:, :, order], atol=1e-14)


def test_float32_stays_and_agrees_with_float64():
    single, double = make_case(PeepholeLSTM, dtype="float32"), make_case(PeepholeLSTM)
    run, back = single.run(), single.back()
    everything = [*run.state, *run.trace, back.dx, *back.dstate, *back.grads.values()]
    assert {str(a.dtype).rpartition(".")[2] for a in everything} == {"float32"}
    np.testing.assert_allclose(ll.to_numpy(run.h), ll.to_numpy(double.run().h), atol=1e-5)


def test_the_run_of_a_plain_lstm_is_refused():
    case = make_case(PeepholeLSTM)
    with pytest.raises(TypeError, match=r"run: expected .* stores PeepholeTrace, got LSTMTrace"):
        ll.backprop(case.cell, make_case(ll.LSTM).run(), case.dh)


@pytest.mark.equation("eq-peephole-count")
@given(shape=shapes(5))
@settings(max_examples=examples(8), deadline=None)
def test_parameter_count(shape):
    n_x, n_h = shape["n_x"], shape["n_h"]
    assert PeepholeLSTM(n_x, n_h).n_params == peephole_parameter_count(n_x, n_h)
    assert peephole_parameter_count(n_x, n_h) == ll.LSTM(n_x, n_h).n_params + 3 * n_h


@pytest.mark.parametrize("sizes", [(0, 1), (1, 0), (1.5, 1)])
def test_bad_sizes_are_named(sizes):
    with pytest.raises(ValueError, match=r"n_[xh]: expected a positive whole number"):
        PeepholeLSTM(*sizes)
