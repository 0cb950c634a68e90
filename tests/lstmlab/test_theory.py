"""What a cell can do in principle: capacity, one unit's rest, cells set by hand, numbers that end."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from cases import host
from hypothesis import given, settings
from hypothesis import strategies as st

import lstmlab as ll
from lstmlab import data, xp
from lstmlab.counting import (
    counter,
    drifted_count,
    horizon_error,
    opened,
    opened_hidden_state,
    small_counter,
    string_network,
)
from lstmlab.diagnostics.capacity import retained_bits, saturated_states
from lstmlab.diagnostics.one_unit import critical_weight, lyapunov_exponent, one_unit_map, stable_by_trace
from lstmlab.finite import largest_count, pop, push, significant_bits, stack_depth, top, visible_range
from lstmlab.machines import Instruction, counter_machine, machine_start, run_program

FORMATS = ("float16", "float32", "float64")
quick = settings(max_examples=12, deadline=None)


# --- capacity ----------------------------------------------------------------------------------


@pytest.mark.equation("eq-retained-bits")
@pytest.mark.parametrize("f", [0.5, 0.9, 1.0])
def test_the_bits_retained_are_those_of_the_geometric_series(f):
    T, i, s2, v = 30, 0.3, 2.0, 0.5
    got = ll.to_numpy(retained_bits(host([f] * T), host([i] * T), signal=s2, noise=v))
    t = np.arange(1, T + 1)
    disturbed = i * i * v * (t if f == 1.0 else (1 - f ** (2 * t)) / (1 - f * f))
    want = np.log1p(f ** (2 * t) * s2 / disturbed) / (2 * np.log(2))
    np.testing.assert_allclose(got, want, rtol=1e-12)


def test_the_bits_retained_are_what_a_sample_shows():
    rng, T, N = np.random.default_rng(0), 12, 40_000
    f, i = rng.uniform(0.7, 1.0, T), rng.uniform(0.1, 0.5, T)
    C = C_0 = rng.normal(size=N)
    for t in range(T):
        C = f[t] * C + i[t] * rng.normal(size=N)
    want = ll.diagnostics.gaussian_information(float(np.corrcoef(C_0, C)[0, 1]))
    assert float(retained_bits(host(f), host(i))[-1]) == pytest.approx(want, abs=0.02)


def states_reached(make, n_h, T, seed):
    """How many different states the strings of T binary symbols lead to; the weights are enormous."""
    cell = make(2, n_h, rng=seed, xp=np)
    cell.params.flat[...] = 1e9 * np.random.default_rng(seed).normal(size=cell.params.flat.shape)
    words = np.array(list(itertools.product((0, 1), repeat=T))).T
    run = ll.unroll(cell, np.eye(2)[words])
    a = run.trace.C[-1] if make is ll.LSTM else run.h[-1]
    np.testing.assert_allclose(a, np.round(a), atol=1e-6 if make is not ll.LSTM else 1e-5)
    return len(np.unique(np.round(a), axis=0))


@pytest.mark.equation("eq-saturated-states")
@pytest.mark.parametrize("make", [ll.RNN, ll.GRU, ll.LSTM])
def test_saturated_cells_have_no_more_states_than_counted(make):
    most = {T: max(states_reached(make, 2, T, seed) for seed in range(12)) for T in (3, 7)}
    for T, found in most.items():
        assert found <= saturated_states(make.__name__, 2, T)
    assert saturated_states("RNN", 2, 7) == 4
    assert saturated_states("GRU", 2, 7) == 9
    assert (most[7] > 9) == (make is ll.LSTM)


def test_one_unit_reaches_every_count():
    cell = counter([1, -1, 0], xp=np)
    words = np.array(list(itertools.product((0, 1, 2), repeat=5))).T
    C = ll.unroll(cell, np.eye(3)[words]).state.C
    assert len(np.unique(C)) == saturated_states("LSTM", 1, 5) == 11


def test_bad_questions_about_capacity_are_named():
    with pytest.raises(ValueError, match="kind: expected 'RNN', 'GRU' or 'LSTM', got 'lstm'"):
        saturated_states("lstm", 2, 3)
    with pytest.raises(ValueError, match="n_h: expected a positive whole number, got 0"):
        saturated_states("LSTM", 0, 3)


# --- one unit ----------------------------------------------------------------------------------


def self_reader(w, b=0.0, b_f=1.0):
    """One unit whose candidate alone reads h; gates σ(b_f), σ(3), σ(3)."""
    cell = ll.LSTM(1, 1)
    cell.params.flat[...] = 0.0
    cell.params["W_C"], cell.params["b_C"] = [[w, 0.0]], b
    cell.params["b_f"], cell.params["b_i"], cell.params["b_o"] = b_f, 3.0, 3.0
    return cell


GATES = {"f": 1 / (1 + math.exp(-1.0)), "i": 1 / (1 + math.exp(-3.0)), "o": 1 / (1 + math.exp(-3.0))}


@pytest.mark.equation("eq-one-unit-map")
def test_the_map_is_the_cell_after_its_first_step():
    C = ll.unroll(
        self_reader(2.5, 0.3), xp.zeros((9, 1, 1)), ll.LSTMState(host([[0.0]]), host([[1.7]]))
    ).trace.C
    got = one_unit_map(C[:-1, ...], **GATES, w=2.5, b=0.3)
    np.testing.assert_allclose(ll.to_numpy(got), ll.to_numpy(C[1:, ...]), rtol=1e-12)


@pytest.mark.equation("eq-critical-weight")
def test_the_number_of_fixed_points_changes_at_the_critical_weights():
    low, high = critical_weight(**GATES)
    assert low < 0 < high
    for w, stable in ((1.02 * low, []), (0.98 * low, [1]), (0.98 * high, [1]), (1.02 * high, [1, 0, 1])):
        points = ll.diagnostics.fixed_points(self_reader(w), xp.zeros((1,)), starts=8)
        assert [int(p.stable) for p in points] == (stable or [0])
    for b in (-2.0, 0.4):
        (point,) = ll.diagnostics.fixed_points(self_reader(0.99 * high, b), xp.zeros((1,)), starts=8)
        assert point.stable
    with pytest.raises(ValueError, match="f below 1"):
        critical_weight(1.0, 0.5, 0.5)


@pytest.mark.equation("eq-jury")
@quick
@given(st.lists(st.floats(-2, 2, allow_nan=False), min_size=4, max_size=4))
def test_trace_and_determinant_decide_as_the_eigenvalues_do(entries):
    J = np.array(entries).reshape(2, 2)
    radius = ll.diagnostics.spectral_radius(J)
    if abs(radius - 1.0) > 1e-6:
        assert stable_by_trace(J) == (radius < 1.0)


def test_trace_and_determinant_need_a_small_matrix():
    with pytest.raises(ValueError, match=r"J: expected shape \(2, 2\), got \(3, 3\)"):
        stable_by_trace(np.eye(3))


@pytest.mark.equation("eq-lyapunov")
def test_the_exponent_at_a_fixed_point_is_the_logarithm_of_the_radius():
    cell = self_reader(0.9)
    *_, point = ll.diagnostics.fixed_points(cell, xp.zeros((1,)), starts=8)
    start = ll.LSTMState(point.h[None, :], point.C[None, :])
    got = lyapunov_exponent(cell, xp.zeros((400, 1, 1)), start)
    assert got == pytest.approx(math.log(point.radius), abs=1e-6)
    with pytest.raises(ValueError, match="x: expected more than discard = 100 steps, got 50"):
        lyapunov_exponent(cell, xp.zeros((50, 1, 1)), start)


def test_where_nothing_is_carried_on_neighbours_meet_at_once():
    cell, zero = ll.LSTM(1, 2), xp.zeros((1, 2))
    cell.params["b_f"][...] = cell.params["b_i"][...] = -1e4
    assert lyapunov_exponent(cell, xp.zeros((3, 1, 1)), ll.LSTMState(zero, zero), discard=1) == -math.inf


def test_the_exponent_is_the_rate_at_which_two_runs_part():
    cell = ll.LSTM(1, 16, rng=1)
    cell.W[...] = 10.0 * cell.W
    C = np.random.default_rng(3).normal(size=(1, 16))
    x = xp.zeros((80, 2, 1))
    pair = ll.LSTMState(xp.zeros((2, 16)), host(np.concatenate([C, C + 1e-12])))
    h = ll.to_numpy(ll.unroll(cell, x, pair).h)
    apart = np.linalg.norm(h[:, 0] - h[:, 1], axis=1)
    got = lyapunov_exponent(cell, x[:, :1, :], ll.LSTMState(xp.zeros((1, 16)), host(C)), discard=20)
    assert got == pytest.approx(math.log(apart[-1] / apart[19]) / 60, abs=0.05)


# --- counting ----------------------------------------------------------------------------------


@pytest.mark.equation("eq-counter")
@quick
@given(st.lists(st.integers(0, 2), min_size=1, max_size=40))
def test_a_counter_adds_up(symbols):
    C = ll.to_numpy(ll.unroll(counter([1, -1, 0]), host(np.eye(3)[symbols])[:, None, :]).trace.C)
    assert C[:, 0, 0].tolist() == np.cumsum(np.array([1.0, -1.0, 0.0])[symbols]).tolist()


def test_a_counter_in_float32_needs_less():
    cell = counter([1], K=17.0, dtype="float32")
    assert float(ll.unroll(cell, xp.ones((500, 1, 1), dtype=xp.float32)).state.C[0, 0]) == 500.0
    with pytest.raises(ValueError, match="increments: expected -1, 0 or 1"):
        counter([2])


@pytest.mark.equation("eq-drifted-count")
@pytest.mark.parametrize("K", [1.0, 3.0, 5.0, 12.0])
def test_a_counter_drifts_as_the_formula_says(K):
    C = ll.to_numpy(ll.unroll(counter([1], K=K), xp.ones((200, 1, 1))).trace.C)[:, 0, 0]
    np.testing.assert_allclose([drifted_count(K, n) for n in range(1, 201)], C, rtol=1e-10)
    assert drifted_count(K, 10**9) == pytest.approx(math.exp(K) * math.tanh(K))


def test_the_formula_of_the_drift_keeps_its_digits():
    assert drifted_count(40.0, 1000) == pytest.approx(1000.0, rel=1e-13)


@pytest.mark.equation("eq-horizon-error")
@pytest.mark.parametrize("epsilon", [0.2, 0.01])
def test_a_counter_of_small_steps_shows_the_sum_up_to_its_horizon(epsilon):
    x = host(np.eye(2)[[0] * 60 + [1] * 80])[:, None, :]
    h = ll.to_numpy(ll.unroll(small_counter(epsilon), x).h)[:, 0, 0]
    y = np.cumsum([1.0] * 60 + [-1.0] * 80)
    want = [horizon_error(epsilon, v) for v in y]
    np.testing.assert_allclose(np.abs(h / epsilon - y), want, atol=1e-10)
    assert horizon_error(0.01, 3.0) == pytest.approx(0.01**2 * 27 / 3, rel=1e-3)


@pytest.mark.equation("eq-open-lstm")
def test_an_opened_lstm_is_a_plain_network():
    cell, rng = opened(ll.LSTM(2, 3, rng=5)), np.random.default_rng(5)
    cell.params["b_C"] = [0.3, -0.2, 0.1]
    x, h = host(rng.normal(size=(6, 4, 2))), xp.zeros((4, 3))
    for t in range(6):
        z = xp.concat([h, x[t, ...]], axis=1).T
        h = opened_hidden_state(cell.params["W_C"], cell.params["b_C"][:, None], z).T
    np.testing.assert_allclose(ll.to_numpy(h), ll.to_numpy(ll.unroll(cell, x).h)[-1], atol=1e-14)
    far = ll.unroll(cell, 1e3 * x).trace  # the gates do not read what comes, however large
    for gate, value in ((far.f, 0.0), (far.i, 1.0), (far.o, 1.0)):
        np.testing.assert_allclose(ll.to_numpy(gate), value, atol=1e-15)
    kept = ll.LSTM(2, 3, rng=5)
    np.testing.assert_array_equal(ll.to_numpy(cell.params["W_C"]), ll.to_numpy(kept.params["W_C"]))


@pytest.mark.equation("eq-string-scores")
@pytest.mark.parametrize("letters", ["ab", "abc", "abcd"])
def test_the_network_set_by_hand_knows_what_may_follow(letters):
    model, batch = string_network(letters), data.counting_batch(range(1, 31), letters)
    scores = ll.to_numpy(model.logits(batch.x, batch.lengths))
    inside = np.arange(len(scores))[:, None] < batch.lengths
    assert ((scores > 0) == batch.legal).all(axis=2)[inside].all()
    assert np.abs(scores[inside]).min() > 10
    assert all(v.dtype == xp.float32 for v in string_network(letters, dtype="float32").params.vectors)


def test_the_network_set_by_hand_refuses_every_other_string():
    letters, vocabulary = "abc", data.counting_vocabulary("abc")
    for length in (1, 2, 3, 6):
        words = ["".join(w) for w in itertools.product(letters, repeat=length)]
        numbers = np.array([vocabulary.encode(f"S{w}T") for w in words]).T
        scores = ll.to_numpy(string_network(letters).logits(host(np.eye(5)[numbers])))
        follows = np.take_along_axis(scores[:-1], numbers[1:, :, None], axis=2)[..., 0]
        accepted = [w for w, good in zip(words, (follows > 0).all(axis=0), strict=True) if good]
        n = length // 3
        assert accepted == (["a" * n + "b" * n + "c" * n] if length == 3 * n else [])


MULTIPLY = [
    Instruction(0, -1, 1, 6),
    Instruction(1, -1, 2, 4),
    Instruction(2, 1, 3),
    Instruction(3, 1, 1),
    Instruction(3, -1, 5, 0),
    Instruction(1, 1, 4),
]


def by_machine(program, counts, T):
    cell = counter_machine(program, len(counts))
    run = ll.unroll(cell, xp.zeros((T, 1, 1)), machine_start(cell, counts))
    C = ll.to_numpy(run.state.C)[0]
    np.testing.assert_allclose(C, np.round(C), atol=1e-9)
    return [int(v) for v in np.round(C)], len(counts) + len(program)


@pytest.mark.equation("eq-machine")
@pytest.mark.parametrize(("a", "b"), [(0, 5), (1, 1), (3, 4), (5, 2)])
def test_the_machine_multiplies(a, b):
    C, end = by_machine(MULTIPLY, [a, b, 0, 0], T=20 + 12 * (a + 1) * (b + 1))
    assert C[:4] == [0, b, a * b, 0] == run_program(MULTIPLY, [a, b, 0, 0])
    assert C[end] == 1
    assert sum(C[4:]) == 1  # it has stopped, and nothing else is left


@quick
@given(st.data())
def test_the_machine_does_what_the_program_says(draw):
    lines, counts = 4, draw.draw(st.lists(st.integers(0, 3), min_size=2, max_size=2))
    program = [
        Instruction(
            draw.draw(st.integers(0, 1)),
            draw.draw(st.sampled_from([-1, -1, 1])),
            draw.draw(st.integers(0, lines)),
            draw.draw(st.integers(0, lines)),
        )
        for _ in range(lines)
    ]
    try:
        want = run_program(program, counts, most=60)
    except ValueError:
        return
    assert by_machine(program, counts, T=130)[0][:2] == want


def test_bad_programs_are_named():
    with pytest.raises(ValueError, match=r"got Instruction.* in line 0"):
        counter_machine([Instruction(0, 1, 2)], 1)
    with pytest.raises(ValueError, match="changes 1 or -1"):
        counter_machine([Instruction(0, 2, 1)], 1)
    with pytest.raises(ValueError, match="a program that stops within 50 lines"):
        run_program([Instruction(0, 1, 0)], [0], most=50)


# --- numbers that end --------------------------------------------------------------------------


@pytest.mark.equation("eq-largest-count")
@pytest.mark.parametrize("dtype", FORMATS)
def test_the_largest_count(dtype):
    number, n = np.dtype(dtype).type, largest_count(dtype)
    assert number(n) + number(1) == number(n)
    assert number(n - 1) + number(1) == number(n) != number(n - 1)
    with pytest.raises(ValueError, match="dtype: expected one of float16, float32, float64, got 'int8'"):
        significant_bits("int8")


@pytest.mark.equation("eq-visible-range")
@pytest.mark.parametrize(("dtype", "slack"), [("float16", 0.1), ("float32", 1.1), ("float64", 0.2)])
def test_the_hidden_state_stops_telling_counts_apart(dtype, slack):
    C = np.arange(0, 25, 0.01)
    one = C[np.tanh(C.astype(dtype)) == 1][0]
    assert one == pytest.approx(visible_range(dtype), abs=slack)


def stack_of(bits, number):
    q = number(0)
    for bit in bits:
        q = number(push(q, number(bit)))
    return q


def unstack(q, n):
    bits = []
    for _ in range(n):
        bits.append(top(q))
        q = pop(q)
    return bits[::-1]


@pytest.mark.equation("eq-push", "eq-pop", "eq-top")
@quick
@given(st.lists(st.integers(0, 1), max_size=200))
def test_a_fraction_is_a_stack_of_any_depth(bits):
    q = Fraction(0)
    for bit in bits:
        q = push(q, bit)
    assert q == sum(Fraction(2 * bit + 1, 4**k) for k, bit in enumerate(reversed(bits), 1))
    assert unstack(q, len(bits)) == bits


@pytest.mark.equation("eq-stack-depth")
@pytest.mark.parametrize("dtype", FORMATS)
def test_a_stack_in_a_float_is_as_deep_as_said(dtype):
    number, depth = np.dtype(dtype).type, stack_depth(dtype)
    rng = np.random.default_rng(0)
    words = itertools.product((0, 1), repeat=6) if dtype == "float16" else rng.integers(0, 2, (200, depth))
    assert all(unstack(stack_of(bits, number), depth) == list(bits) for bits in words)
    deeper = rng.integers(0, 2, (50, depth + 1))
    assert any(unstack(stack_of(bits, number), depth + 1) != list(bits) for bits in deeper)
