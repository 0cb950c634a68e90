"""Costs: every formula against a run on arrays that count."""

import importlib
import math
import tracemalloc

import numpy as np
import pytest

import lstmlab as ll
from lstmlab import complexity as cost
from lstmlab.cells.lstm import BIASES, WEIGHTS, lstm_parameter_count
from lstmlab.functions import sigmoid
from lstmlab.layers import scores

SIZES = [
    {"n_x": 2, "n_h": 3, "T": 1, "B": 1},
    {"n_x": 3, "n_h": 2, "T": 3, "B": 4},
    {"n_x": 7, "n_h": 5, "T": 4, "B": 2},
]
FORMULAS = {
    "LSTM": (cost.lstm_forward, cost.lstm_backward, cost.lstm_stored_floats),
    "RNN": (cost.rnn_forward, cost.rnn_backward, cost.rnn_stored_floats),
}


def variant(module, name, n_x=3, n_h=3, **options):
    """A cell of another module, or a skip if it is not there."""
    found = pytest.importorskip(f"lstmlab.cells.{module}", reason=f"there is no {name} to measure")
    return getattr(found, name)(n_x, n_h, **options)


# --- the formulas against the instrument -------------------------------------------------------


@pytest.mark.equation("eq-lstm-forward", "eq-lstm-backward", "eq-lstm-floats")
@pytest.mark.equation("eq-rnn-forward", "eq-rnn-backward", "eq-rnn-floats")
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", FORMULAS)
def test_formulas_equal_what_a_run_does(kind, size):
    n_x, n_h, T, B = size.values()
    forward, backward, stored = FORMULAS[kind]
    found = cost.measure(getattr(ll, kind)(n_x, n_h), T=T, B=B)
    assert found.forward == forward(n_x, n_h, T=T, B=B)
    assert found.backward == backward(n_x, n_h, T=T, B=B)
    assert found.stored == stored(n_x, n_h, T=T, B=B)
    assert cost.distinct_floats(getattr(ll, kind)(n_x, n_h), T=T, B=B) == stored(
        n_x, n_h, T=T, B=B, each_once=True
    )


def test_without_sizes_one_step_of_one_sequence_is_measured():
    found = cost.measure(ll.LSTM(2, 3))
    assert found.forward == cost.lstm_forward(2, 3)
    assert found.stored == cost.lstm_stored_floats(2, 3, T=1, B=1)
    assert cost.distinct_floats(ll.LSTM(2, 3)) == cost.lstm_stored_floats(2, 3, T=1, B=1, each_once=True)


def test_the_numbers_of_the_notes_and_the_right_ones():
    n_x, n_h = 40, 100
    one = cost.lstm_forward(n_x, n_h)
    assert one.macs == 4 * n_h * (n_h + n_x) == 56_000
    assert one.matrix_flops == 8 * n_h * (n_h + n_x) == 112_000
    assert cost.lstm_elementwise(n_h).elementwise == 9 * n_h
    assert one.elementwise == 13 * n_h
    assert one.flops == 112_000 + 1300
    assert cost.lstm_backward(n_x, n_h).macs == 2 * one.macs
    assert cost.lstm_forward(8, 16, T=30, B=4).macs == 30 * 4 * cost.lstm_forward(8, 16).macs
    assert cost.lstm_stored_floats(8, 16, T=100, B=4, each_once=True) == 400 * (8 + 96) + 128


@pytest.mark.equation("eq-lstm-elementwise")
def test_nine_operations_a_unit_by_equation():
    """The element-wise work, equation by equation, without the four bias additions."""
    n_h = 5
    found = cost.measure(ll.LSTM(2, n_h)).equations
    gates = sum((found[g] for g in ("forget_gate", "input_gate", "candidate", "output_gate")), cost.Counts())
    assert gates == cost.Counts(macs=4 * n_h * 7, sums=4 * n_h, sigmoid=3 * n_h, tanh=n_h)
    assert found["cell_state"] == cost.Counts(products=2 * n_h, sums=n_h)
    assert found["hidden_state"] == cost.Counts(products=n_h, tanh=n_h)
    without_bias = gates.elementwise - 4 * n_h + found["cell_state"].elementwise
    assert without_bias + found["hidden_state"].elementwise == 9 * n_h


def test_every_operation_of_a_run_stands_in_an_equation():
    found = cost.measure(ll.LSTM(2, 3), T=2, B=2)
    assert sum(found.equations.values(), cost.Counts()) == found.forward + found.backward
    assert found.equations["weight_gradient"].macs == found.equations["concatenation_gradient"].macs
    assert found.equations["bias_gradient"].sums == 2 * 4 * 3
    assert {"cell_state_gradient", "gate_delta", "step_back", "total_hidden_gradient"} <= set(found.equations)


@pytest.mark.equation("eq-matrix-macs")
@pytest.mark.parametrize(
    ("module", "name", "options"),
    [
        ("coupled", "CoupledLSTM", {}),
        ("peephole", "PeepholeLSTM", {}),
        ("coupled_peephole", "CoupledPeepholeLSTM", {}),
        ("projected", "ProjectedLSTM", {"n_c": 5}),
        ("two_biases", "TwoBiasLSTM", {}),
        ("highway", "HighwayLSTM", {}),
        ("multiplicative", "MultiplicativeLSTM", {}),
        ("gru", "GRU", {}),
        ("gru", "GRU", {"reset": "after"}),
    ],
)
def test_the_matrix_products_of_any_cell(module, name, options):
    cell = variant(module, name, **options)
    found = cost.measure(cell, T=3, B=2)
    assert found.forward.macs == 3 * cost.matrix_macs(cell, B=2)
    again = 3 * 2 * 3 * 3 if options == {"reset": "after"} else 0  # the product inside the bracket
    assert found.backward.macs - 2 * found.forward.macs in (0, again)
    assert sum(cost.parameters_by_gate(cell).values()) == cell.n_params


@pytest.mark.parametrize("parents", [[-1], [-1, 0, 1, 2], [-1, 0, 0, 0], [-1, 0, 0, 1, 1, 2, 2]])
def test_a_tree_costs_a_forget_gate_for_each_child(parents):
    cell, N = ll.TreeLSTM(3, 5), len(parents)
    with cost.counting() as tally:
        ll.unroll_tree(cost.counted_cell(cell), ll.Trees([parents]), cost.counted(np.ones((N, 3))))
    assert tally.total.macs == (4 * N - 1) * 5 * (5 + 3)
    assert not isinstance(cell.params.flat, cost.CountingArray)


def test_a_gru_has_three_quarters_of_the_matrix_products_of_an_lstm():
    gru, lstm = (cost.measure(c, T=2).forward.macs for c in (variant("gru", "GRU"), ll.LSTM(3, 3)))
    assert 4 * gru == 3 * lstm


def test_peepholes_cost_products_and_no_matrix():
    plain, peephole = (cost.measure(c).forward for c in (ll.LSTM(3, 3), variant("peephole", "PeepholeLSTM")))
    assert peephole == plain + cost.Counts(products=9, sums=9)


@pytest.mark.equation("eq-attention-cost", "eq-attention-floats")
@pytest.mark.parametrize("sizes", [(1, 5, 1, 4), (3, 5, 2, 4), (7, 7, 1, 3)])
def test_attention_costs_what_a_run_does(sizes):
    T_q, S, B, n = sizes
    rng = np.random.default_rng(0)
    Q, H = (cost.counted(rng.normal(size=(B, T, n))) for T in (T_q, S))
    with cost.counting() as found:
        scores.context(scores.attention_weights(scores.dot_scores(Q, H), None), H)
    assert found.total == cost.attention_forward(n, T_q=T_q, S=S, B=B)
    queries, keys = (cost.counted(scores.batch_first(a)) for a in (Q, H))
    with cost.counting() as streamed:
        ll.streaming_attention(queries, keys, keys, block=2)
    assert streamed.total.macs == found.total.macs == 2 * T_q * S * n * B
    _, trace = ll.DotAttention(xp=np).forward(*(a.view(np.ndarray) for a in (queries, keys)))
    stored = sum(a.size for a in trace if a is not None)
    assert stored == cost.attention_stored_floats(n, T_q=T_q, S=S, B=B)


# --- parameters --------------------------------------------------------------------------------


@pytest.mark.equation("eq-gate-parameters")
def test_parameters_by_gate():
    cell = ll.LSTM(40, 100)
    assert cost.parameters_by_gate(cell) == dict.fromkeys("fiCo", 100 * 141)
    assert sum(cost.parameters_by_gate(cell).values()) == lstm_parameter_count(40, 100) == 56_400
    assert cost.parameters_by_gate(ll.RNN(2, 3)) == {"h": 18}


def test_parameters_of_variants_fall_to_their_gates():
    assert cost.parameters_by_gate(variant("peephole", "PeepholeLSTM")) == {
        "f": 24,
        "i": 24,
        "C": 21,
        "o": 24,
    }
    assert cost.parameters_by_gate(variant("gru", "GRU")) == {"z": 21, "r": 21, "h": 21}
    assert cost.parameters_by_gate(variant("gru", "GRU", reset="after"))["h"] == 24


# --- the instrument itself ---------------------------------------------------------------------


def test_the_instrument_by_hand():
    rng = np.random.default_rng(0)
    A, B = (cost.counted(rng.normal(size=s)) for s in ((2, 3), (3, 4)))
    with cost.counting() as tally:
        C = A @ B  # 24
        C += 1.0  # 8 sums
        s = np.sum(C, axis=0)  # 4 sums
        t = np.tanh(-s)  # 4 tanh, 4 other
        u = np.where(t > 0, t, 0.0) * np.stack([t, t])[0, ...]  # 4 products
        v = sigmoid(np.concat([u, u]))  # 8 σ
        v / np.max(v)  # 7 + 8 other
    assert tally.total == cost.Counts(macs=24, products=4, sums=12, sigmoid=8, tanh=4, other=4 + 7 + 8)
    np.testing.assert_allclose(np.asarray(C), np.asarray(A) @ np.asarray(B) + 1.0)


def test_outside_of_a_block_nothing_is_added():
    a = cost.counted(np.ones(3))
    with cost.counting() as outer:
        a * a
        with cost.counting() as inner:
            a + a
        a * a
    a * a
    assert (outer.total, inner.total) == (cost.Counts(products=6), cost.Counts(sums=3))


def test_what_cannot_be_seen_is_refused():
    a = cost.counted(np.ones((2, 2)))
    for function in (np.dot, np.tensordot, np.kron, lambda a, b: np.linalg.solve(a, b)):
        with pytest.raises(TypeError, match=r"cannot count what numpy\S+ does; use @ instead"):
            function(a, a)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_counting_changes_no_number_and_no_cell(dtype):
    cell = ll.LSTM(2, 3, dtype=dtype)
    before = ll.to_numpy(cell.params.flat).copy()
    cost.measure(cell, T=2, B=2)
    np.testing.assert_array_equal(ll.to_numpy(cell.params.flat), before)
    assert not isinstance(cell.params.flat, cost.CountingArray)
    on_numpy = ll.LSTM(2, 3, dtype=dtype, xp=np)
    x = np.random.default_rng(0).normal(size=(4, 2, 2)).astype(dtype)
    plain = ll.unroll(on_numpy, x).h
    on_numpy.params.__init__(on_numpy.params.shapes, cost.counted(on_numpy.params.flat))
    watched = ll.unroll(on_numpy, cost.counted(x)).h
    assert isinstance(watched, cost.CountingArray)
    assert watched.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(np.asarray(watched), plain)


def test_a_wrapped_cell_is_measured_and_draws_nothing_from_its_generator():
    wrappers = pytest.importorskip("lstmlab.zoneout", reason="there is no zoneout to measure")
    rng = np.random.default_rng(0)
    cell = wrappers.zoneout(ll.LSTM(2, 3), 0.1, 0.3, rng=rng)
    state = rng.bit_generator.state
    found = cost.measure(cell, T=3, B=2)
    assert found.forward.macs == 3 * cost.matrix_macs(ll.LSTM(2, 3), B=2)
    assert found.forward.elementwise > cost.lstm_forward(2, 3, T=3, B=2).elementwise
    assert rng.bit_generator.state == state


def test_counts_add_and_repeat():
    a, b = cost.Counts(macs=1, tanh=2), cost.Counts(macs=10, other=3)
    assert a + b == cost.Counts(macs=11, tanh=2, other=3)
    assert a * 3 == cost.Counts(macs=3, tanh=6)
    assert (a + b).flops == 22 + 5


# --- memory ------------------------------------------------------------------------------------


@pytest.mark.equation("eq-state-floats")
def test_inference_carries_a_state_whatever_the_length():
    cell = ll.LSTM(2, 32, xp=np)
    assert cost.state_floats(cell, B=3) == 2 * 3 * 32
    x_t, peaks = np.ones((3, 2)), []
    for T in (20, 200):
        state = cell.initial_state(3)
        tracemalloc.start()
        for _ in range(T):
            state, _ = cell.step(x_t, state)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]


@pytest.mark.equation("eq-checkpoint-floats")
def test_checkpoint_floats_by_hand():
    assert cost.checkpoint_floats(10, 5, state=6, step=7) == 2 * 6 + 5 * 7
    assert cost.checkpoint_floats(11, 5, state=6, step=7) == 3 * 6 + 5 * 7
    B, n_x, n_h = 16, 16, 64
    best = cost.best_segment(1024, state=2 * B * n_h, step=B * (n_x + 11 * n_h))
    assert best == pytest.approx(13.5, abs=0.05)
    assert cost.best_segment(1, state=9, step=1) == 1.0
    with pytest.raises(ValueError, match="segment: expected at most T = 3 steps, got 4"):
        cost.checkpoint_floats(3, 4, state=1, step=1)


@pytest.mark.equation("eq-best-segment")
@pytest.mark.parametrize(("state", "step"), [(4, 30), (40, 30), (2, 1)])
def test_the_best_segment_is_best(state, step):
    T = 400
    floats = [cost.checkpoint_floats(T, S, state=state, step=step) for S in range(1, T + 1)]
    best = cost.best_segment(T, state=state, step=step)
    assert floats[round(best) - 1] <= 1.05 * min(floats)
    assert floats[max(1, round(best / 3)) - 1] > 1.2 * min(floats)
    assert floats[min(T, round(best * 3)) - 1] > 1.2 * min(floats)


def test_a_checkpointed_run_keeps_what_the_formula_says():
    module = pytest.importorskip("lstmlab.recompute", reason="there is no checkpointing to measure")
    n_x, n_h, T, B, S = 2, 3, 11, 2, 4
    found = cost.measure(module.checkpointed(ll.LSTM(n_x, n_h), every=S), T=T, B=B)
    state, step = cost.state_floats(ll.LSTM(n_x, n_h), B), cost.lstm_stored_floats(n_x, n_h, B=B)
    callers = T * B * (n_x + n_h)
    kept = cost.checkpoint_floats(T, S, state=state, step=step) - S * step
    assert found.stored == callers + kept == callers + math.ceil(T / S) * 2 * B * n_h
    segment = cost.measure(ll.LSTM(n_x, n_h), T=S, B=B).stored
    assert segment == S * step
    plain = cost.lstm_forward(n_x, n_h, T=T, B=B).macs
    assert found.forward.macs + found.backward.macs == 4 * plain


@pytest.mark.equation("eq-checkpoint-work")
@pytest.mark.parametrize(("T", "S"), [(11, 4), (12, 4), (7, 1), (7, 7)])
def test_the_work_of_checkpoints_is_counted_in_products(T, S):
    cell = ll.LSTM(2, 3)
    plain, again = (cost.measure(c, T=T, B=2) for c in (cell, ll.checkpointed(cell, every=S)))
    macs = [found.forward.macs + found.backward.macs for found in (plain, again)]
    assert cost.checkpoint_work(T, S) == pytest.approx(macs[1] / macs[0], rel=1e-15) == pytest.approx(4 / 3)
    last = T - S * (math.ceil(T / S) - 1)
    saved = last * plain.forward.macs / T
    assert cost.checkpoint_work(T, S, keep_last=True) == pytest.approx((macs[1] - saved) / macs[0], rel=1e-15)
    with pytest.raises(ValueError, match="segment: expected at most T = 3 steps, got 4"):
        cost.checkpoint_work(3, 4)


# --- another counter ---------------------------------------------------------------------------


def test_the_matrix_products_equal_those_pytorch_counts():
    torch = pytest.importorskip("torch", reason="the formulas have been compared with a run above")
    counter = importlib.import_module("torch.utils.flop_counter").FlopCounterMode(display=False)
    n_x, n_h, T, B = 8, 16, 5, 4
    layer = torch.nn.LSTM(n_x, n_h, dtype=torch.float64)
    with counter:
        layer(torch.zeros(T, B, n_x, dtype=torch.float64))
    assert counter.get_total_flops() == cost.lstm_forward(n_x, n_h, T=T, B=B).matrix_flops


def test_names_of_the_lstm_are_those_of_its_gates():
    assert [n.removeprefix("W_") for n in WEIGHTS] == [n.removeprefix("b_") for n in BIASES]
