"""Memory and flow: each function against its definition, finite differences, or the loop it replaces."""

import math

import numpy as np
import pytest
from cases import host, make_case

import lstmlab as ll
from lstmlab import xp
from lstmlab.cells.lstm import weight_blocks
from lstmlab.diagnostics.flow import direct_path, gate_path, output_path

D = ll.diagnostics


def numerical_jacobian(function, s, eps=1e-6):
    """Central differences of a host function of a host vector."""
    columns = [(function(s + e) - function(s - e)) / (2 * eps) for e in eps * np.eye(len(s))]
    return np.stack(columns, axis=1)


# --- flow --------------------------------------------------------------------------------------


@pytest.mark.equation("eq-rnn-jacobian", "eq-jacobian-product")
def test_the_ordered_product_is_the_gradient_of_the_plain_network():
    case = make_case(ll.RNN, T=6, B=2)
    J = D.jacobian_product(D.jacobians(case.cell, case.run(), b=1))
    zero = 0.0 * case.dh
    back = ll.backprop(case.cell, case.run(), zero, case.dstate)
    np.testing.assert_allclose(
        ll.to_numpy(J.T @ case.dstate.h[1, :]), ll.to_numpy(back.dstate.h[1, :]), rtol=1e-10
    )
    reversed_order = D.jacobian_product(D.jacobians(case.cell, case.run(), b=1)[::-1])
    assert np.abs(ll.to_numpy(reversed_order - J)).max() > 1e-3 * np.abs(ll.to_numpy(J)).max()


def test_a_product_of_nothing_is_refused():
    with pytest.raises(ValueError, match="jacobians: expected at least one matrix"):
        D.jacobian_product([])


@pytest.mark.equation("eq-rnn-bound")
def test_the_bound_holds_and_is_a_bound():
    case = make_case(ll.RNN, T=8)
    run = case.run()
    W_h, _ = weight_blocks(case.cell.params["W"], 3)
    bound = D.rnn_gradient_bound(W_h, run.h[:, 0, :])
    by_hand = math.prod(
        np.linalg.norm(ll.to_numpy(W_h), 2) * (1 - h**2).max() for h in ll.to_numpy(run.h)[:, 0, :]
    )
    assert bound == pytest.approx(by_hand, rel=1e-12)
    assert D.spectral_norm(D.jacobian_product(D.jacobians(case.cell, run))) <= bound


@pytest.mark.equation("eq-growth-rate")
def test_growth_rate():
    assert D.growth_rate(3.0, 3.0 * 0.9**20, 20) == pytest.approx(0.9)
    assert D.growth_rate(1.0, 8.0, 3) == pytest.approx(2.0)


@pytest.mark.equation("eq-direct-path", "eq-gate-path", "eq-output-path", "eq-full-jacobian")
def test_the_full_jacobian_of_a_step_agrees_with_finite_differences():
    case = make_case(B=1, n_h=3)
    cell, x_t = case.cell, case.x[0, ...]

    def step(s):
        state, _ = cell.step(x_t, ll.LSTMState(host(s[None, :3]), host(s[None, 3:])))
        return np.concatenate([ll.to_numpy(state.h)[0], ll.to_numpy(state.C)[0]])

    s = np.concatenate([ll.to_numpy(a)[0] for a in case.state])
    _, trace = cell.step(x_t, case.state)
    J, want = ll.to_numpy(D.step_jacobian(cell, trace)), numerical_jacobian(step, s)
    np.testing.assert_allclose(J, want, atol=1e-8)
    np.testing.assert_allclose(ll.to_numpy(gate_path(cell, trace)), want[3:, :3], atol=1e-8)
    np.testing.assert_allclose(ll.to_numpy(direct_path(trace.f[0, :])), want[3:, 3:], atol=1e-8)
    D_t = ll.to_numpy(output_path(trace.o[0, :], trace.C[0, :]))
    np.testing.assert_allclose(D_t @ want[3:, 3:], want[:3, 3:], atol=1e-8)


@pytest.mark.equation("eq-total-cell-jacobian")
def test_the_total_derivative_of_the_cell_state_agrees_with_finite_differences():
    case = make_case(T=2, B=1, n_h=3)
    cell, o_prev = case.cell, case.run().trace.o[0, ...]

    def C_next(C):
        C = host(C[None, :])
        state = ll.LSTMState(o_prev * xp.tanh(C), C)
        return ll.to_numpy(cell.step(case.x[1, ...], state)[0].C)[0]

    run = case.run()
    trace = type(run.trace)(*(a[1, ...] for a in run.trace))
    want = numerical_jacobian(C_next, ll.to_numpy(run.trace.C)[0, 0])
    got = D.total_cell_jacobian(cell, trace, o_prev[0, :])
    np.testing.assert_allclose(ll.to_numpy(got), want, atol=1e-8)
    assert np.abs(want - np.diag(ll.to_numpy(run.trace.f)[1, 0])).max() > 0.05


def test_the_product_of_full_jacobians_is_what_backprop_computes():
    case = make_case(T=5, B=2)
    run = case.run()
    J = D.jacobian_product(D.jacobians(case.cell, run, b=1))
    back = ll.backprop(case.cell, run, 0.0 * case.dh, case.dstate)
    got = J.T @ xp.concat([case.dstate.h[1, :], case.dstate.C[1, :]])
    want = xp.concat([back.dstate.h[1, :], back.dstate.C[1, :]])
    np.testing.assert_allclose(ll.to_numpy(got), ll.to_numpy(want), rtol=1e-9)


@pytest.mark.equation("eq-direct-product")
@pytest.mark.parametrize("recurrent", [False, True])
def test_the_direct_path_is_the_gradient_only_without_recurrent_gate_weights(recurrent):
    case = make_case(T=6, B=1)
    if not recurrent:
        for name in ("W_f", "W_i", "W_C"):
            case.cell.params[name][:, :3] = 0.0
    run = case.run()
    dstate = ll.LSTMState(0.0 * case.dstate.h, case.dstate.C)
    got = ll.to_numpy(ll.backprop(case.cell, run, 0.0 * case.dh, dstate).dstate.C[0, :])
    direct = ll.to_numpy(case.dstate.C[0, :] * D.direct_path_product(run.trace.f[:, 0, :]))
    error = np.abs(got - direct).max() / np.abs(got).max()
    assert error < 1e-12 if not recurrent else error > 0.1


@pytest.mark.parametrize("make", [ll.LSTM, ll.RNN])
def test_state_gradients_agree_with_restarting_at_every_step(make):
    case = make_case(make, T=4, B=2)
    run = case.run()
    got = D.state_gradients(case.cell, run, case.dh, case.dstate)
    assert got.h.shape == (5, 2, 3)
    for t in range(4):
        state = (
            case.state
            if t == 0
            else type(case.state)(*(getattr(run.trace, s)[t - 1, ...] for s in state_of(case)))
        )
        later = ll.unroll(case.cell, case.x[t:, ...], state)
        dstate = ll.backprop(case.cell, later, case.dh[t:, ...], case.dstate).dstate
        own = case.dh[t - 1, ...] if t else 0.0 * dstate.h
        np.testing.assert_allclose(ll.to_numpy(got.h[t, ...]), ll.to_numpy(dstate.h + own), atol=1e-12)
        if make is ll.LSTM:
            through_h = 0.0
            if t:
                o, C = run.trace.o[t - 1, ...], run.trace.C[t - 1, ...]
                through_h = (dstate.h + own) * o * (1.0 - xp.tanh(C) ** 2)
            np.testing.assert_allclose(
                ll.to_numpy(got.C[t, ...]), ll.to_numpy(dstate.C + through_h), atol=1e-12
            )


def state_of(case):
    return type(case.state)._fields


# --- memory ------------------------------------------------------------------------------------


@pytest.mark.equation("eq-retention", "eq-closed-form")
def test_the_closed_form_equals_the_loop():
    case = make_case(T=7)
    run = case.run()
    f, i, C_tilde = run.trace.f, run.trace.i, run.trace.C_tilde
    got = D.cell_state_closed_form(f, i, C_tilde, case.state.C)
    np.testing.assert_allclose(ll.to_numpy(got), ll.to_numpy(run.state.C), rtol=1e-12)
    np.testing.assert_allclose(ll.to_numpy(D.retention(f)), np.cumprod(ll.to_numpy(f), axis=0), rtol=1e-12)


@pytest.mark.equation("eq-cell-state-bound")
def test_the_bound_on_the_cell_state_holds_and_is_nearly_reached():
    case = make_case(T=20)
    C = xp.abs(case.run().trace.C)
    for t in range(20):
        assert bool(xp.all(C[t, ...] <= D.cell_state_bound(case.state.C, t + 1)))
    eager = ll.LSTM(1, 1)
    for name in ("b_f", "b_i", "b_C"):
        eager.params[name] = 12.0
    C_T = float(ll.unroll(eager, xp.zeros((30, 1, 1))).state.C[0, 0])
    assert 0.99 * 30 < C_T < 30


@pytest.mark.equation("eq-half-life")
def test_half_life_is_the_number_of_steps_until_half_is_left():
    f = host([0.5, 0.9, 0.99])
    n = ll.to_numpy(D.half_life(f))
    np.testing.assert_allclose(ll.to_numpy(f) ** n, 0.5)
    assert n[0] == pytest.approx(1.0)
    for bad in ([1.0], [0.0], [-0.5], [float("nan")]):
        with pytest.raises(ValueError, match="f: expected values strictly between 0 and 1"):
            D.half_life(host(bad))


@pytest.mark.equation("eq-time-constant")
def test_time_constant_is_the_number_of_steps_until_1_over_e_is_left():
    b = host([0.0, 1.0, 4.0, 8.0])
    tau = ll.to_numpy(D.time_constant(b))
    f = 1 / (1 + np.exp(-ll.to_numpy(b)))
    np.testing.assert_allclose(f**tau, math.exp(-1.0), rtol=1e-12)
    np.testing.assert_allclose(tau[2:], np.exp([4.0, 8.0]) + 0.5, rtol=1e-3)


@pytest.mark.equation("eq-steady-state")
def test_a_cell_with_still_gates_comes_to_rest_at_the_steady_state():
    cell = ll.LSTM(1, 2)
    for name in ("W_f", "W_i", "W_C", "W_o"):
        cell.params[name] = 0.0
    cell.params["b_C"] = [0.5, -2.0]
    run = ll.unroll(cell, xp.zeros((200, 1, 1)))
    rest = D.steady_state(*(getattr(run.trace, g)[-1, ...] for g in ("f", "i", "C_tilde")))
    np.testing.assert_allclose(ll.to_numpy(run.state.C), ll.to_numpy(rest), rtol=1e-12)


@pytest.fixture
def flip_flop():
    """One unit whose candidate follows its own sign: two places to rest, and one between them."""
    cell = ll.LSTM(1, 1)
    cell.params.flat[...] = 0.0 * cell.params.flat
    cell.params["W_C"] = [[4.0, 0.0]]
    cell.params["b_f"], cell.params["b_i"], cell.params["b_o"] = 1.0, 1.0, 3.0
    return cell


@pytest.mark.equation("eq-fixed-point", "eq-spectral-radius")
def test_fixed_points_and_their_stability(flip_flop):
    low, middle, high = D.fixed_points(flip_flop, xp.zeros((1,)))
    assert [p.stable for p in (low, middle, high)] == [True, False, True]
    assert float(low.C[0]) == pytest.approx(-float(high.C[0]))
    assert float(middle.C[0]) == pytest.approx(0.0, abs=1e-12)
    for p in (low, middle, high):
        assert p.residual < 1e-12
        assert float(p.f[0]) < 1.0
        state = ll.LSTMState(p.h[None, :], p.C[None, :])
        moved = D.fixed_point_residual(flip_flop, state, xp.zeros((1, 1)))
        assert np.abs(ll.to_numpy(moved)).max() < 1e-12


def test_a_disturbance_returns_exactly_where_the_spectral_radius_is_below_one(flip_flop):
    for p in D.fixed_points(flip_flop, xp.zeros((1,))):
        start = ll.LSTMState(p.h[None, :], p.C[None, :] + 1e-6)
        end = ll.unroll(flip_flop, xp.zeros((300, 1, 1)), start).state.C
        returned = abs(float(end[0, 0] - p.C[0])) < 1e-6
        assert returned == p.stable


def test_fixed_points_of_random_cells_do_not_move():
    for seed in range(5):
        case = make_case(B=1, n_h=2, seed=seed)
        found = D.fixed_points(case.cell, case.x[0, 0, :], starts=10)
        assert found
        for p in found:
            state = ll.LSTMState(p.h[None, :], p.C[None, :])
            assert np.abs(ll.to_numpy(D.fixed_point_residual(case.cell, state, case.x[0, ...]))).max() < 1e-10


def test_the_residual_is_where_the_state_goes_minus_where_it_is():
    cell, state = ll.LSTM(1, 1), ll.LSTMState(xp.asarray([[0.25]]), xp.asarray([[2.0]]))
    cell.params.flat[...] = 0.0  # all gates at one half: C' = C/2, h' = tanh(C')/2
    moved = ll.to_numpy(D.fixed_point_residual(cell, state, xp.zeros((1, 1))))
    np.testing.assert_allclose(moved, [math.tanh(1.0) / 2 - 0.25, -1.0], rtol=1e-15)


def test_jacobians_keep_the_dtype_of_the_cell():
    for make in (ll.LSTM, ll.RNN):
        case = make_case(make, B=1, dtype="float32")
        assert all(J.dtype == xp.float32 for J in D.jacobians(case.cell, case.run()))


def test_the_spectral_radius_is_not_the_norm():
    J = host([[0.5, 100.0], [0.0, 0.5]])
    assert D.spectral_radius(J) == pytest.approx(0.5)
    assert D.spectral_norm(J) > 100.0
    rotation = host([[0.0, -0.9], [0.9, 0.0]])
    assert D.spectral_radius(rotation) == pytest.approx(0.9)


def test_bad_questions_about_fixed_points_are_explained(flip_flop):
    with pytest.raises(ValueError, match=r"x: expected shape \(1,\), got \(1, 1\)"):
        D.fixed_points(flip_flop, xp.zeros((1, 1)))
    with pytest.raises(ValueError, match="starts: expected a positive whole number, got 0"):
        D.fixed_points(flip_flop, xp.zeros((1,)), starts=0)


def test_diagonal():
    assert ll.to_numpy(D.diagonal(host([1.0, 2.0]))).tolist() == [[1.0, 0.0], [0.0, 2.0]]


def still_unit(**biases):
    """One unit without any recurrence."""
    cell = ll.LSTM(1, 1)
    cell.params.flat[...] = 0.0 * cell.params.flat
    for name, value in biases.items():
        cell.params[name] = value
    return cell


def test_fixed_points_that_differ_in_h_alone_are_all_found():
    cell = still_unit(b_o=-8.0, b_C=3.0, b_f=1.0, b_i=1.0)
    cell.params["W_o"] = [[20.0, 0.0]]
    found = D.fixed_points(cell, xp.zeros((1,)))
    assert [p.stable for p in found] == [True, False, True]
    start = ll.LSTMState(host([[0.9]]), found[0].C[None, :])
    rest = ll.unroll(cell, xp.zeros((200, 1, 1)), start).state.h
    assert float(rest[0, 0]) == pytest.approx(float(found[-1].h[0]), abs=1e-9)


@pytest.mark.parametrize("b_f", [6.0, 9.0])
def test_fixed_points_far_out_are_found(b_f):
    cell = still_unit(b_f=b_f, b_i=3.0, b_C=3.0)
    (found,) = D.fixed_points(cell, xp.zeros((1,)), starts=5)
    f, i = 1 / (1 + math.exp(-b_f)), 1 / (1 + math.exp(-3.0))
    assert float(found.f[0]) == pytest.approx(f, rel=1e-12)
    assert float(found.C[0]) == pytest.approx(i * math.tanh(3.0) / (1 - f), rel=1e-9)


def test_cells_and_inputs_without_fixed_points_to_find_are_named():
    with pytest.raises(TypeError, match="cell: expected a float64 LSTM, got RNN"):
        D.fixed_points(ll.RNN(1, 1), xp.zeros((1,)))
    with pytest.raises(TypeError, match="x: expected dtype float64, got int64"):
        D.fixed_points(ll.LSTM(1, 1), xp.zeros((1,), dtype=xp.int64))


def test_the_bound_is_what_its_formula_says():
    bound = D.cell_state_bound(host([-2.0, 0.5]), 30)
    assert ll.to_numpy(bound).tolist() == [32.0, 30.5]


def test_a_steady_state_needs_a_gate_below_one():
    with pytest.raises(ValueError, match="f: expected values below 1"):
        D.steady_state(host([1.0]), host([0.5]), host([0.5]))


def test_bad_questions_about_flow_are_named():
    case = make_case(T=4, B=2)
    run = case.run()
    with pytest.raises(ValueError, match=r"dh: expected shape \(4, 2, 3\), got \(4, 1, 3\)"):
        D.state_gradients(case.cell, run, case.dh[:, :1, :])
    with pytest.raises(TypeError, match=r"run: expected .* stores RNNTrace, got LSTMTrace"):
        D.jacobians(ll.RNN(2, 3), run)
    for b in (-1, 2):
        with pytest.raises(ValueError, match=f"b: expected one of the 2 sequences, 0 to 1, got {b}"):
            D.jacobians(case.cell, run, b=b)
    with pytest.raises(ValueError, match="norm_start: expected a norm above zero, got 0"):
        D.growth_rate(0.0, 1.0, 3)
    with pytest.raises(ValueError, match="steps: expected a positive whole number, got 0"):
        D.growth_rate(1.0, 1.0, 0)
