"""Two multiplicative LSTMs, the notes' form and that of Krause et al.: both can become the LSTM."""

import math

import numpy as np
import pytest
from cases import draw, examples, logistic, make_case, same
from hypothesis import given, settings
from hypothesis import strategies as st

import lstmlab as ll
from lstmlab import xp
from lstmlab.cells.krause import KrauseLSTM, krause_parameter_count
from lstmlab.cells.lstm import lstm_parameter_count
from lstmlab.cells.multiplicative import (
    MultiplicativeLSTM,
    interaction,
    interaction_gradient,
    multiplicative_parameter_count,
)

W = {"f": (0.5, -1.0), "i": (0.25, 2.0), "C": (-0.5, 1.0), "o": (1.0, 0.5)}
W_M = {"f": 1.5, "i": -0.75, "C": 0.5, "o": -2.0}
BIAS = {"f": 1.0, "i": -0.5, "C": 0.25, "o": 0.0}


@pytest.mark.parametrize("kind", [MultiplicativeLSTM, KrauseLSTM])
def test_two_steps_by_hand(kind):
    cell = kind(1, 1)
    for g in "fiCo":
        cell.params[f"W_{g}"], cell.params[f"b_{g}"] = [list(W[g])], [BIAS[g]]
        if kind is MultiplicativeLSTM:
            cell.params[f"W_m{g}"] = [[W_M[g]]]
    if kind is KrauseLSTM:
        cell.params["W_mx"], cell.params["W_mh"] = [[0.75]], [[-1.25]]
    h, C = 0.3, -0.4
    run = ll.unroll(cell, xp.asarray([[[1.0]], [[-2.0]]]), ll.LSTMState(xp.asarray([[h]]), xp.asarray([[C]])))
    for t, x in enumerate((1.0, -2.0)):
        if kind is MultiplicativeLSTM:
            a = {g: W[g][0] * h + W[g][1] * x + W_M[g] * h * x + BIAS[g] for g in "fiCo"}
        else:
            m = (0.75 * x) * (-1.25 * h)
            a = {g: W[g][0] * m + W[g][1] * x + BIAS[g] for g in "fiCo"}
        C = logistic(a["f"]) * C + logistic(a["i"]) * math.tanh(a["C"])
        h = logistic(a["o"]) * math.tanh(C)
        assert float(run.trace.C[t, 0, 0]) == pytest.approx(C, rel=1e-14)
        assert float(run.h[t, 0, 0]) == pytest.approx(h, rel=1e-14)


def test_link_interaction():
    rng = np.random.default_rng(0)
    v, u, w = (draw(rng, 3, 4) for _ in range(3))
    report = ll.gradcheck(
        lambda u, w: (xp.sum(v * interaction(u, w)), list(interaction_gradient(v, u, w))), [u, w]
    )
    assert report.ok, str(report)


@given(seed=st.integers(0, 2**31))
@settings(max_examples=examples(6), deadline=None)
def test_without_its_product_the_notes_form_is_the_lstm(seed):
    case = make_case(MultiplicativeLSTM, n_x=3, n_h=3, seed=seed)
    lstm = ll.LSTM(3, 3)
    for name in lstm.params:
        lstm.params[name] = case.cell.params[name]
    for g in "fiCo":
        case.cell.params[f"W_m{g}"] = 0.0
    want = ll.unroll(lstm, case.x, case.state)
    same(case.run().h, want.h)
    got, want = case.back(), ll.backprop(lstm, want, case.dh, case.dstate)
    same(got.dx, want.dx, 1e-13)
    same(got.dstate.h, want.dstate.h, 1e-13)
    for name in lstm.params:
        same(got.grads[name], want.grads[name], 1e-13)


@given(seed=st.integers(0, 2**31))
@settings(max_examples=examples(6), deadline=None)
def test_where_m_is_the_hidden_state_krauses_form_is_the_lstm(seed):
    """An input that is always one makes W_mx x a vector of ones; with W_mh = 1, m is h."""
    case = make_case(KrauseLSTM, n_x=3, n_h=2, seed=seed)
    x = ll.to_numpy(case.x).copy()
    x[:, :, 2] = 1.0
    case.x = xp.asarray(x)
    case.cell.params["W_mx"] = [[0.0, 0.0, 1.0], [0.0, 0.0, 1.0]]
    case.cell.params["W_mh"] = [[1.0, 0.0], [0.0, 1.0]]
    lstm = ll.LSTM(3, 2)
    for name in lstm.params:
        lstm.params[name] = case.cell.params[name]
    want = ll.unroll(lstm, case.x, case.state)
    same(case.run().h, want.h)
    got, want = case.back(), ll.backprop(lstm, want, case.dh, case.dstate)
    same(got.dstate.h, want.dstate.h, 1e-13)
    same(got.dstate.C, want.dstate.C, 1e-13)
    same(got.dx[:, :, :2], want.dx[:, :, :2], 1e-13)
    for name in lstm.params:
        same(got.grads[name], want.grads[name], 1e-13)


def test_in_krauses_form_every_symbol_has_its_own_recurrent_matrix():
    """The symbol k scales the rows of W_mh by column k of W_mx: both together give one transition matrix."""
    case = make_case(KrauseLSTM, T=1, B=1, n_x=4, n_h=3)
    for k in range(4):
        x = np.eye(4)[k]
        trace = ll.unroll(case.cell, xp.asarray(x[None, None, :]), case.state).trace
        W_mx, W_mh = (ll.to_numpy(case.cell.params[name]) for name in ("W_mx", "W_mh"))
        transition = np.diag(W_mx[:, k]) @ W_mh
        m = ll.to_numpy(trace.u * trace.v)[0, 0]
        np.testing.assert_allclose(m, transition @ ll.to_numpy(case.state.h)[0], atol=1e-14)


def test_both_forms_have_more_parameters_than_the_lstm_not_fewer():
    lstm = lstm_parameter_count(100, 100)
    assert multiplicative_parameter_count(100, 100) / lstm == pytest.approx(1.4975, abs=1e-4)
    assert krause_parameter_count(40, 100) / lstm_parameter_count(40, 100) == pytest.approx(1.248, abs=1e-3)


def test_the_notes_form_needs_equal_sizes():
    with pytest.raises(ValueError, match=r"n_h: expected n_x = 5, .* got 3; project the input first"):
        MultiplicativeLSTM(5, 3)


def test_names():
    gates = ["W_f", "W_i", "W_C", "W_o"]
    biases = ["b_f", "b_i", "b_C", "b_o"]
    assert list(MultiplicativeLSTM(2, 2).params) == [*gates, "W_mf", "W_mi", "W_mC", "W_mo", *biases]
    assert list(KrauseLSTM(2, 3).params) == [*gates, "W_mx", "W_mh", *biases]
