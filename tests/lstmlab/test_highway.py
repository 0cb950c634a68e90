"""A highway through time and a highway between layers: their limits are the LSTM and a plain stack."""

import copy
import math
import pickle

import pytest
from cases import examples, logistic, make_case, same
from hypothesis import given, settings
from hypothesis import strategies as st

import lstmlab as ll
from lstmlab import xp
from lstmlab.cells.depth_gated import DepthGatedLSTM, depth_gated_parameter_count
from lstmlab.cells.highway import HighwayLSTM, highway_parameter_count
from lstmlab.cells.lstm import lstm_parameter_count

SHUT, OPEN = -800.0, 800.0  # the sigmoid rounds to exactly 0 and 1


def lstm_step(W, b, x, h, C):
    """One LSTM step of one unit, in plain Python."""
    a = {g: W[g][0] * h + W[g][1] * x + b[g] for g in "fiCo"}
    C = logistic(a["f"]) * C + logistic(a["i"]) * math.tanh(a["C"])
    return logistic(a["o"]), C


W = {"f": (0.5, -1.0), "i": (0.25, 2.0), "C": (-0.5, 1.0), "o": (1.0, 0.5), "T": (-1.0, 0.75)}
BIAS = {"f": 1.0, "i": -0.5, "C": 0.25, "o": 0.0, "T": -0.25}


def test_two_steps_of_the_highway_by_hand():
    cell = HighwayLSTM(1, 1)
    for g in W:
        cell.params[f"W_{g}"], cell.params[f"b_{g}"] = [list(W[g])], [BIAS[g]]
    h, C = 0.3, -0.4
    run = ll.unroll(cell, xp.asarray([[[1.0]], [[-2.0]]]), ll.LSTMState(xp.asarray([[h]]), xp.asarray([[C]])))
    for t, x in enumerate((1.0, -2.0)):
        T = logistic(W["T"][0] * h + W["T"][1] * x + BIAS["T"])
        o, C = lstm_step(W, BIAS, x, h, C)
        h = T * o * math.tanh(C) + (1 - T) * h
        for got, want in ((run.trace.T, T), (run.trace.C, C), (run.h, h)):
            assert float(got[t, 0, 0]) == pytest.approx(want, rel=1e-14)


@given(seed=st.integers(0, 2**31))
@settings(max_examples=examples(6), deadline=None)
def test_with_the_gate_open_it_is_the_lstm(seed):
    case = make_case(HighwayLSTM, seed=seed)
    case.cell.params["W_T"], case.cell.params["b_T"] = 0.0, OPEN
    lstm = make_case(ll.LSTM, seed=seed)
    lstm.x, lstm.state, lstm.dh, lstm.dstate = case.x, case.state, case.dh, case.dstate
    for name in lstm.cell.params:
        lstm.cell.params[name] = case.cell.params[name]
    same(case.run().h, lstm.run().h)
    got, want = case.back(), lstm.back()
    same(got.dx, want.dx, 1e-13)
    for name in lstm.cell.params:
        same(got.grads[name], want.grads[name], 1e-13)


def test_with_the_gate_shut_the_hidden_state_stands_still_and_the_cell_state_does_not():
    case = make_case(HighwayLSTM)
    case.cell.params["W_T"], case.cell.params["b_T"] = 0.0, SHUT
    run = case.run()
    for t in range(4):
        same(run.h[t, ...], case.state.h, 0)
    assert float(xp.max(xp.abs(run.trace.C[3, ...] - run.trace.C[0, ...]))) > 0.1


def test_the_highway_counts_five_quarters():
    assert 4 * highway_parameter_count(40, 100) == 5 * lstm_parameter_count(40, 100)


# --- between layers ------------------------------------------------------------------------------


def stack_of(cell):
    """Plain LSTM layers with the weights of a depth-gated stack."""
    layers = []
    for l in range(1, cell.n_layers + 1):
        layers.append(ll.LSTM(cell.n_x if l == 1 else cell.n_h, cell.n_h))
        for name in layers[-1].params:
            layers[-1].params[name] = cell.params[f"{name}_{l}"]
    return layers


def layers_of(state):
    """The states of single layers, from below."""
    suffixes = [*(f"_{l}" for l in range(1, len(state) // 2)), ""]
    return [ll.LSTMState(getattr(state, f"h{s}"), getattr(state, f"C{s}")) for s in suffixes]


@pytest.mark.parametrize("n_layers", [2, 3])
@pytest.mark.parametrize("seed", range(3))
def test_with_the_depth_gate_shut_it_is_a_plain_stack(n_layers, seed):
    def make(n_x, n_h, **options):
        return DepthGatedLSTM(n_x, n_h, n_layers, **options)

    case = make_case(make, seed=seed)
    for l in range(2, n_layers + 1):
        for name in ("W_d", "w_cd", "w_ld"):
            case.cell.params[f"{name}_{l}"] = 0.0
        case.cell.params[f"b_d_{l}"] = SHUT
    run, back = case.run(), case.back()
    layers, states, dstates = stack_of(case.cell), layers_of(case.state), layers_of(case.dstate)
    runs, x = [], case.x
    for layer, state in zip(layers, states, strict=True):
        runs.append(ll.unroll(layer, x, state))
        x = runs[-1].h
    same(run.h, x)
    for got, one in zip(layers_of(run.state), runs, strict=True):
        same(got.h, one.state.h)
        same(got.C, one.state.C)
    dh = case.dh
    for l in reversed(range(n_layers)):
        one = ll.backprop(layers[l], runs[l], dh, dstates[l])
        dh = one.dx
        same(layers_of(back.dstate)[l].h, one.dstate.h, 1e-13)
        same(layers_of(back.dstate)[l].C, one.dstate.C, 1e-13)
        for name in layers[l].params:
            same(back.grads[f"{name}_{l + 1}"], one.grads[name], 1e-13)
    same(back.dx, dh, 1e-13)


def test_the_depth_gate_by_hand():
    cell = DepthGatedLSTM(1, 1)
    for g in "fiCo":
        for l in (1, 2):
            cell.params[f"W_{g}_{l}"], cell.params[f"b_{g}_{l}"] = [list(W[g])], [BIAS[g] / l]
    cell.params["W_d_2"], cell.params["w_cd_2"] = [[0.5]], [2.0]
    cell.params["w_ld_2"], cell.params["b_d_2"] = [-1.5], [0.25]
    h_2, C_2, h_1, C_1 = 0.1, -0.2, 0.3, 0.4
    run = ll.unroll(
        cell,
        xp.asarray([[[1.0]], [[-2.0]]]),
        cell.State(*(xp.asarray([[v]]) for v in (h_2, C_2, h_1, C_1))),
    )
    half = {g: b / 2 for g, b in BIAS.items()}
    for t, x in enumerate((1.0, -2.0)):
        o_1, C_1 = lstm_step(W, BIAS, x, h_1, C_1)
        h_1 = o_1 * math.tanh(C_1)
        d = logistic(0.5 * h_1 + 2.0 * C_2 - 1.5 * C_1 + 0.25)
        o_2, C_2 = lstm_step(W, half, h_1, h_2, C_2)
        C_2 = C_2 + d * C_1
        h_2 = o_2 * math.tanh(C_2)
        trace = run.trace
        for got, want in ((trace.d, d), (trace.C_1, C_1), (trace.C, C_2), (trace.h_1, h_1), (run.h, h_2)):
            assert float(got[t, 0, 0]) == pytest.approx(want, rel=1e-14)


def test_names_of_the_stack():
    cell = DepthGatedLSTM(2, 3, n_layers=3)
    assert cell.State._fields == ("h", "C", "h_1", "C_1", "h_2", "C_2")
    assert cell.State is DepthGatedLSTM(5, 1, 3).State
    assert cell.Trace._fields[0] == "x"
    assert "d_1" not in cell.Trace._fields
    assert {"d_2", "d", "h"} < set(cell.Trace._fields)
    assert tuple(cell.params["W_f_1"].shape) == (3, 5)
    assert tuple(cell.params["W_f_3"].shape) == (3, 6)
    assert tuple(cell.params["w_ld_3"].shape) == (3,)
    assert repr(cell) == "DepthGatedLSTM(n_x=2, n_h=3, n_layers=3, dtype='float64')"
    plain = lstm_parameter_count(2, 3) + 2 * lstm_parameter_count(3, 3)
    assert depth_gated_parameter_count(2, 3, 3) == plain + 2 * (3 * 3 + 3 * 3)


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda cell: pickle.loads(pickle.dumps(cell))])
def test_a_copy_of_the_stack_is_whole_and_its_own(duplicate):
    case = make_case(DepthGatedLSTM)
    other = duplicate(case.cell)
    same(ll.unroll(other, case.x, case.state).h, case.run().h, 0)
    other.params["b_d_2"] = 5.0
    assert float(xp.max(xp.abs(ll.unroll(other, case.x, case.state).h - case.run().h))) > 0.01


@pytest.mark.parametrize("wrong", [1, 0, 2.5, True])
def test_fewer_than_two_layers_are_named(wrong):
    with pytest.raises(ValueError, match="n_layers: expected"):
        DepthGatedLSTM(2, 3, n_layers=wrong)
