"""Coupled gates, i = 1 - f, without and with peepholes: three oracles, and what coupling promises."""

import math

import numpy as np
import pytest
from cases import draw, examples, make_case, shapes
from hypothesis import given, settings
from oracle import FROZEN, frozen, live
from test_lstm import link, logistic
from variants import compare, compare_onnx, groups

import lstmlab as ll
from lstmlab import xp
from lstmlab.cells import coupled, coupled_peephole, gradients
from lstmlab.cells.coupled import CoupledLSTM, coupled_parameter_count
from lstmlab.cells.coupled_peephole import CoupledPeepholeLSTM, coupled_peephole_parameter_count
from lstmlab.cells.gates import cell_state
from lstmlab.cells.peephole import PeepholeLSTM, peephole_forget_gate

CELLS = {"coupled": CoupledLSTM, "coupled_peephole": CoupledPeepholeLSTM}
EVERY_CELL = pytest.mark.parametrize("kind", CELLS)
UNCOUPLED = {"coupled": ll.LSTM, "coupled_peephole": PeepholeLSTM}
N_H, N_X, B = 3, 2, 4


def arrays_of(case):
    """Everything a pass returns, on the host."""
    run, back = case.run(), case.back()
    return [ll.to_numpy(a) for a in (run.h, *run.state, back.dx, *back.dstate)]


@pytest.mark.equation("eq-coupled-input-gate")
@pytest.mark.parametrize("sees", [{"f": 0.0, "o": 0.0}, {"f": -1.5, "o": 2.0}])
def test_two_steps_by_hand_equal_unroll(sees):
    cell = CoupledPeepholeLSTM(1, 1)
    W, b = {"f": (0.5, -1.0), "C": (-0.5, 1.0), "o": (1.0, 0.5)}, {"f": 1.0, "C": 0.25, "o": 0.0}
    for g in W:
        cell.params[f"W_{g}"], cell.params[f"b_{g}"] = [list(W[g])], [b[g]]
    for g in sees:
        cell.params[f"W_c{g}"] = [sees[g]]
    h, C = 0.1, -0.7
    state = ll.LSTMState(xp.asarray([[h]]), xp.asarray([[C]]))
    run = ll.unroll(cell, xp.asarray([[[1.0]], [[-2.0]]]), state)
    for t, x in enumerate((1.0, -2.0)):
        a = {g: W[g][0] * h + W[g][1] * x + b[g] for g in W}
        f = logistic(a["f"] + sees["f"] * C)
        C = f * C + (1 - f) * math.tanh(a["C"])
        h = logistic(a["o"] + sees["o"] * C) * math.tanh(C)
        for got, want in ((run.trace.f, f), (run.trace.i, 1 - f), (run.trace.C, C), (run.h, h)):
            assert float(got[t, 0, 0]) == pytest.approx(want, rel=1e-14)


@pytest.mark.equation("eq-coupled-df")
def test_link_coupled_cell_state():
    rng = np.random.default_rng(0)
    link(
        lambda f, C_prev, C_tilde: cell_state(f, C_prev, coupled.coupled_input_gate(f), C_tilde),
        lambda v, f, C_prev, C_tilde: (
            coupled.coupled_forget_gate_gradient(v, C_prev, C_tilde),
            gradients.previous_cell_state_gradient(v, f),
            gradients.candidate_gradient(v, coupled.coupled_input_gate(f)),
        ),
        [draw(rng, N_H, B) for _ in range(3)],
        rng,
    )


@pytest.mark.equation("eq-coupled-peephole-dC-prev")
def test_link_old_cell_state_with_a_peephole():
    rng = np.random.default_rng(0)
    W_f, W_cf, b_f = draw(rng, N_H, N_H + N_X), draw(rng, N_H, 1), draw(rng, N_H, 1)
    z, C_tilde = draw(rng, N_H + N_X, B), draw(rng, N_H, B)

    def gate(C):
        return peephole_forget_gate(W_f, W_cf, b_f, z, C)

    def forward(C):
        return cell_state(gate(C), C, coupled.coupled_input_gate(gate(C)), C_tilde)

    def backward(v, C):
        delta_f = gradients.gate_delta(coupled.coupled_forget_gate_gradient(v, C, C_tilde), gate(C))
        return [coupled_peephole.coupled_peephole_previous_cell_state_gradient(v, gate(C), W_cf, delta_f)]

    link(forward, backward, [draw(rng, N_H, B)], rng)


@EVERY_CELL
@given(shape=shapes())
@settings(max_examples=examples(8), deadline=None)
def test_every_gradient_agrees_with_finite_differences(kind, shape):
    report = make_case(CELLS[kind], **shape).check()
    assert report.ok, str(report)


@pytest.mark.parametrize("group", groups("pytorch", "coupled"))
def test_frozen_pytorch(group):
    compare(ll, "coupled", "pytorch", frozen("variants_pytorch")[group])


def test_frozen_jax():
    compare(ll, "coupled_peephole", "jax", frozen("variants_jax")["coupled_peephole"])


@pytest.mark.parametrize("group", [group for kind in CELLS for group in groups("onnx", kind)])
def test_frozen_onnx(group):
    compare_onnx(ll, group.partition("/")[0], frozen("variants_onnx")[group])


@EVERY_CELL
def test_onnx_couples_the_other_way(kind, monkeypatch):
    """Its f = 1 - i comes from the rows of i; those of f, read as ours, give something else."""
    monkeypatch.setattr("variants.ONNX_ORDER", "foiC")
    with pytest.raises(AssertionError, match="differs from ONNX"):
        compare_onnx(ll, kind, frozen("variants_onnx")[f"{kind}/small"])


@pytest.mark.parametrize("seed", range(2))
def test_live_pytorch(seed, monkeypatch):
    torch = pytest.importorskip("torch", reason="the live comparison needs torch; the frozen one has run")
    monkeypatch.syspath_prepend(str(FROZEN))
    torch.manual_seed(seed)
    sizes = np.random.default_rng(seed).integers(1, 5, size=4).tolist()
    compare(ll, "coupled", "pytorch", live("variants_pytorch").record("coupled", *sizes, 0))


@pytest.mark.parametrize("seed", range(2))
def test_live_jax(seed, monkeypatch):
    pytest.importorskip("jax", reason="the live comparison needs jax; the frozen one has run")
    monkeypatch.syspath_prepend(str(FROZEN))
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 5, size=4).tolist()
    compare(ll, "coupled_peephole", "jax", live("variants_jax").record("coupled_peephole", *sizes, rng))


@EVERY_CELL
@pytest.mark.parametrize("seed", range(2))
def test_live_onnx(kind, seed, monkeypatch):
    pytest.importorskip("onnxruntime", reason="the live comparison needs onnxruntime; the frozen one has run")
    pytest.importorskip("onnx", reason="the live comparison needs onnx; the frozen one has run")
    monkeypatch.syspath_prepend(str(FROZEN))
    rng = np.random.default_rng(seed)
    compare_onnx(ll, kind, live("variants_onnx").record(kind, *rng.integers(1, 5, size=4).tolist(), rng))


@EVERY_CELL
@given(shape=shapes())
@settings(max_examples=examples(8), deadline=None)
def test_it_is_the_uncoupled_cell_whose_input_gate_has_minus_the_forget_gates_weights(kind, shape):
    case, other = make_case(CELLS[kind], **shape), make_case(UNCOUPLED[kind], **shape)
    pairs = {name: name.replace("i", "f") for name in other.cell.params if name in ("W_i", "b_i", "W_ci")}
    for name in other.cell.params:
        other.cell.params[name] = -case.cell.params[pairs[name]] if name in pairs else case.cell.params[name]
    other.x, other.state, other.dh, other.dstate = case.x, case.state, case.dh, case.dstate
    for got, want in zip(arrays_of(case), arrays_of(other), strict=True):
        np.testing.assert_allclose(got, want, atol=1e-12)
    back, want = case.back().grads, other.back().grads
    for i_name, f_name in pairs.items():
        want[f_name] = want[f_name] - want[i_name]
    for name in back:
        np.testing.assert_allclose(ll.to_numpy(back[name]), ll.to_numpy(want[name]), atol=1e-12)


@given(shape=shapes())
@settings(max_examples=examples(8), deadline=None)
def test_with_closed_peepholes_it_is_the_coupled_lstm(shape):
    case, plain = make_case(CoupledPeepholeLSTM, **shape), make_case(CoupledLSTM, **shape)
    for name in case.cell.params:
        case.cell.params[name] = plain.cell.params.get(name, 0.0)
    plain.x, plain.state, plain.dh, plain.dstate = case.x, case.state, case.dh, case.dstate
    for got, want in zip(arrays_of(case), arrays_of(plain), strict=True):
        np.testing.assert_array_equal(got, want)


@EVERY_CELL
def test_the_cell_state_stays_within_one_and_that_of_the_plain_lstm_does_not(kind):
    rng = np.random.default_rng(0)
    cell, plain = CELLS[kind](1, 4), ll.LSTM(1, 4)
    for c in (cell, plain):
        for name in c.params:
            c.params[name] = 3.0 * draw(rng, *c.params[name].shape)
    x = 3.0 * draw(rng, 300, 2, 1)
    start = xp.asarray(rng.uniform(-1.0, 1.0, size=(2, 4)))
    C = ll.unroll(cell, x, ll.LSTMState(0.0 * start, start)).trace.C
    assert 0.9 < float(xp.max(xp.abs(C))) <= 1.0
    assert float(xp.max(xp.abs(ll.unroll(plain, x).trace.C))) > 2.0


@EVERY_CELL
def test_a_new_cell_forgets_little_and_peepholes_are_closed(kind):
    cell = CELLS[kind](2, 3, rng=5)
    bounded = {name: p for name, p in cell.params.items() if name in coupled.WEIGHTS}
    assert all(0.0 < float(xp.max(xp.abs(p))) <= 3**-0.5 for p in bounded.values())
    assert {name: set(ll.to_numpy(p)) for name, p in cell.params.items() if name not in bounded} == {
        "b_f": {1.0},
        "b_C": {0.0},
        "b_o": {0.0},
    } | ({"W_cf": {0.0}, "W_co": {0.0}} if kind == "coupled_peephole" else {})


@EVERY_CELL
def test_renaming_the_units_changes_nothing_else(kind):
    case, order = make_case(CELLS[kind], n_h=3), [2, 0, 1]
    other = CELLS[kind](2, 3)
    for name, p in case.cell.params.items():
        host = ll.to_numpy(p)[order]
        other.params[name] = host[:, [*order, 3, 4]] if host.ndim == 2 else host
    state = ll.LSTMState(*(xp.asarray(ll.to_numpy(a)[:, order]) for a in case.state))
    got = ll.to_numpy(ll.unroll(other, case.x, state).h)
    np.testing.assert_allclose(got, ll.to_numpy(case.run().h)[:, :, order], atol=1e-14)


@EVERY_CELL
def test_float32_stays_and_agrees_with_float64(kind):
    single, double = make_case(CELLS[kind], dtype="float32"), make_case(CELLS[kind])
    run, back = single.run(), single.back()
    everything = [*run.state, *run.trace, back.dx, *back.dstate, *back.grads.values()]
    assert {str(a.dtype).rpartition(".")[2] for a in everything} == {"float32"}
    np.testing.assert_allclose(ll.to_numpy(run.h), ll.to_numpy(double.run().h), atol=1e-5)


@pytest.mark.equation("eq-coupled-count", "eq-coupled-peephole-count")
@given(shape=shapes(5))
@settings(max_examples=examples(8), deadline=None)
def test_parameter_count(shape):
    n_x, n_h = shape["n_x"], shape["n_h"]
    assert CoupledLSTM(n_x, n_h).n_params == coupled_parameter_count(n_x, n_h)
    assert 4 * coupled_parameter_count(n_x, n_h) == 3 * ll.LSTM(n_x, n_h).n_params
    assert CoupledPeepholeLSTM(n_x, n_h).n_params == coupled_peephole_parameter_count(n_x, n_h)
    assert coupled_peephole_parameter_count(n_x, n_h) == coupled_parameter_count(n_x, n_h) + 2 * n_h


@EVERY_CELL
def test_what_does_not_fit_is_named(kind):
    with pytest.raises(ValueError, match="n_h: expected a positive whole number"):
        CELLS[kind](1, 0)
    case = make_case(CELLS[kind])
    with pytest.raises(TypeError, match=r"run: expected .* stores Coupled.*Trace, got LSTMTrace"):
        ll.backprop(case.cell, make_case(ll.LSTM).run(), case.dh)
