"""The projected LSTM: two widths, PyTorch's proj_size, and its reductions."""

import math

import numpy as np
import pytest
from cases import Case, draw, examples, make_case, same, shapes
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import FROZEN, frozen, live
from test_lstm import link, logistic
from variants import compare, groups

import lstmlab as ll
from lstmlab import xp
from lstmlab.cells import gradients, projected
from lstmlab.cells.lstm import BIASES
from lstmlab.cells.projected import ProjectedLSTM, ProjectedState, projected_parameter_count


def make(*, n_c=4, n_h=2, **options):
    """Build a case whose two states have different widths."""
    return make_case(lambda n_x, n_h, **rest: ProjectedLSTM(n_x, n_h, n_c, **rest), n_h=n_h, **options)


def test_two_steps_by_hand_equal_unroll():
    """Two cells, one hidden number: it is the projected one that the gates see."""
    cell = ProjectedLSTM(1, 1, 2)
    W = {"f": [(0.5, -1.0), (0.2, 0.3)], "i": [(0.25, 2.0), (-1.0, 0.1)]}
    W |= {"C": [(-0.5, 1.0), (1.5, -0.4)], "o": [(1.0, 0.5), (0.6, -0.7)]}
    W_p = (1.5, -0.8)
    for g in W:
        cell.params[f"W_{g}"] = [list(row) for row in W[g]]
        cell.params[f"b_{g}"] = 0.1
    cell.params["W_p"] = [list(W_p)]
    h, C = 0.3, [-0.2, 0.9]
    state = ProjectedState(xp.asarray([[h]]), xp.asarray([C]))
    run = ll.unroll(cell, xp.asarray([[[1.0]], [[-2.0]]]), state)
    for t, x in enumerate((1.0, -2.0)):
        a = {g: [w * h + v * x + 0.1 for w, v in W[g]] for g in W}
        C = [logistic(a["f"][k]) * C[k] + logistic(a["i"][k]) * math.tanh(a["C"][k]) for k in range(2)]
        m = [logistic(a["o"][k]) * math.tanh(C[k]) for k in range(2)]
        h = W_p[0] * m[0] + W_p[1] * m[1]
        assert float(run.h[t, 0, 0]) == pytest.approx(h, rel=1e-13)
        for k in range(2):
            assert float(run.trace.C[t, 0, k]) == pytest.approx(C[k], rel=1e-13)
            assert float(run.trace.m[t, 0, k]) == pytest.approx(m[k], rel=1e-13)


@pytest.mark.equation("eq-projection", "eq-projection-gradient")
def test_link_projection():
    rng = np.random.default_rng(0)
    link(
        projected.projected_hidden_state,
        lambda v, W_p, m: (gradients.weight_gradient(v, m), projected.projection_gradient(W_p, v)),
        [draw(rng, 2, 5), draw(rng, 5, 3)],
        rng,
    )


@given(shape=shapes(), n_c=st.integers(1, 4))
@settings(max_examples=examples(10), deadline=None)
def test_every_gradient_agrees_with_finite_differences(shape, n_c):
    case = make(**shape, n_c=n_c)
    report = case.check()
    assert set(report.errors) == {*case.cell.params, "x", "h_0", "C_0"}
    assert report.ok, str(report)


@pytest.mark.parametrize("group", groups("pytorch", "projected"))
def test_frozen_pytorch(group):
    compare(ll, "projected", "pytorch", frozen("variants_pytorch")[group])


@pytest.mark.parametrize("seed", range(3))
def test_live_pytorch(seed, monkeypatch):
    torch = pytest.importorskip("torch", reason="the live comparison needs torch; the frozen one has run")
    monkeypatch.syspath_prepend(str(FROZEN))
    torch.manual_seed(seed)
    T, B, n_x, n_h = np.random.default_rng(seed).integers(1, 5, size=4).tolist()
    arrays = live("variants_pytorch").record("projected", T, B, n_x, n_h + 1 + seed, n_h)
    compare(ll, "projected", "pytorch", arrays)


@given(shape=shapes())
@settings(max_examples=examples(8), deadline=None)
def test_with_the_identity_it_is_the_plain_lstm(shape):
    plain = make_case(ll.LSTM, **shape)
    n_x, n_h = plain.cell.n_x, plain.cell.n_h
    cell = ProjectedLSTM(n_x, n_h, n_h)
    for name in cell.params:
        cell.params[name] = np.eye(n_h) if name == "W_p" else plain.cell.params[name]
    case = Case(cell, plain.x, ProjectedState(*plain.state), plain.dh, ProjectedState(*plain.dstate))
    run, want, back, want_back = case.run(), plain.run(), case.back(), plain.back()
    same(run.h, want.h)
    same(run.state.C, want.state.C)
    same(back.dx, want_back.dx, 1e-13)
    for field in ("h", "C"):
        same(getattr(back.dstate, field), getattr(want_back.dstate, field), 1e-13)
    for name in want_back.grads:
        same(back.grads[name], want_back.grads[name], 1e-12)


def test_mixing_the_cells_and_projecting_the_mix_back_changes_nothing():
    """The order of the cells is free, that of the hidden state is not: W_p's columns move along."""
    case, order = make(n_c=4), [3, 1, 0, 2]
    other = ProjectedLSTM(2, 2, 4)
    for name, p in case.cell.params.items():
        host = ll.to_numpy(p)
        other.params[name] = host[:, order] if name == "W_p" else host[order]
    state = ProjectedState(case.state.h, xp.asarray(ll.to_numpy(case.state.C)[:, order]))
    same(ll.unroll(other, case.x, state).h, case.run().h)


def test_a_projection_to_zero_leaves_the_gates_the_input_alone():
    case = make(T=3)
    case.cell.params["W_p"] = 0.0
    before = case.run()
    same(before.h, 0.0 * before.h, 0)
    case.cell.params["W_f"][:, :2] = 7.0
    after = case.run()
    assert (
        float(xp.max(xp.abs(after.trace.f[0, ...] - before.trace.f[0, ...]))) > 1e-2
    )  # h_0 is not projected
    same(after.trace.f[1:, ...], before.trace.f[1:, ...], 0)


def test_the_hidden_state_is_no_longer_bounded_by_one():
    cell = ProjectedLSTM(1, 1, 6)
    for name in BIASES:
        cell.params[name] = 4.0
    cell.params["W_p"] = 1.0
    h = float(ll.unroll(cell, xp.zeros((20, 1, 1))).h[-1, 0, 0])
    assert 5.0 < h < 6.0


def test_shapes_of_state_trace_and_gradients():
    case = make(T=5, B=3, n_x=2, n_h=2, n_c=4)
    run, back = case.run(), case.back()
    assert case.cell.state_sizes == (2, 4)
    assert [a.shape for a in case.cell.initial_state(3)] == [(3, 2), (3, 4)]
    assert [a.shape for a in run.state] == [a.shape for a in back.dstate] == [(3, 2), (3, 4)]
    widths = {name: a.shape[2] for name, a in zip(run.trace._fields, run.trace, strict=True)}
    assert widths == {"x": 2, "h_prev": 2, "h": 2} | dict.fromkeys(case.cell.Trace._fields[2:-1], 4)
    assert run.h.shape == (5, 3, 2)
    assert back.grads["W_p"].shape == (2, 4)
    same(run.h[-1, ...], run.state.h, 0)


def test_two_pieces_equal_one_run():
    case = make(T=5)
    whole, back = case.run(), case.back()
    first = ll.unroll(case.cell, case.x[:2, ...], case.state)
    second = ll.unroll(case.cell, case.x[2:, ...], first.state)
    same(xp.concat([first.h, second.h]), whole.h, 0)
    back2 = ll.backprop(case.cell, second, case.dh[2:, ...], case.dstate)
    back1 = ll.backprop(case.cell, first, case.dh[:2, ...], back2.dstate)
    same(xp.concat([back1.dx, back2.dx]), back.dx, 1e-13)
    same(back1.grads.flat + back2.grads.flat, back.grads.flat, 1e-12)


def test_the_sequences_of_a_batch_do_not_see_each_other():
    case = make(B=3)
    run, back, total = case.run(), case.back(), 0.0
    for b in range(3):
        one = slice(b, b + 1)
        state, dstate = (ProjectedState(*(a[one, :] for a in s)) for s in (case.state, case.dstate))
        alone = Case(case.cell, case.x[:, one, :], state, case.dh[:, one, :], dstate)
        same(alone.run().h, run.h[:, one, :])
        same(alone.back().dx, back.dx[:, one, :], 1e-13)
        total = total + alone.back().grads.flat
    same(total, back.grads.flat, 1e-12)


def test_float32_stays_and_agrees_with_float64():
    single, double = make(dtype="float32"), make()
    run, back = single.run(), single.back()
    everything = [*run.state, *run.trace, back.dx, *back.dstate, *back.grads.values()]
    assert {str(a.dtype).rpartition(".")[2] for a in everything} == {"float32"}
    same(run.h, double.run().h, 1e-5)


def test_first_values():
    cell = ProjectedLSTM(3, 4, 100, rng=1)
    for name, bound in {"W_f": 4**-0.5, "W_o": 4**-0.5, "W_p": 100**-0.5}.items():
        assert 0.9 * bound < float(xp.max(xp.abs(cell.params[name]))) <= bound
    assert {name: set(ll.to_numpy(cell.params[name])) for name in BIASES} == {
        "b_f": {1.0},
        "b_i": {0.0},
        "b_C": {0.0},
        "b_o": {0.0},
    }


@pytest.mark.equation("eq-projected-parameters")
@given(n_x=st.integers(1, 5), n_h=st.integers(1, 5), n_c=st.integers(1, 5))
@settings(max_examples=examples(10), deadline=None)
def test_parameter_count(n_x, n_h, n_c):
    assert ProjectedLSTM(n_x, n_h, n_c).n_params == projected_parameter_count(n_x, n_h, n_c)


def test_it_saves_parameters_below_four_fifths_of_the_cells():
    full = 4 * 100 * (100 + 7 + 1)
    assert projected_parameter_count(7, 79, 100) < full == projected_parameter_count(7, 80, 100)


def test_what_does_not_fit_is_named():
    with pytest.raises(ValueError, match="n_c: expected a positive whole number, got 0"):
        ProjectedLSTM(1, 1, 0)
    case = make()
    with pytest.raises(ValueError, match=r"state\.C: expected shape \(2, 4\), got \(2, 2\)"):
        ll.unroll(case.cell, case.x, ProjectedState(case.state.h, case.state.h))
    assert repr(case.cell) == "ProjectedLSTM(n_x=2, n_h=2, n_c=4, dtype='float64')"
