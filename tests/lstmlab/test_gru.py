"""The GRU: each equation by itself, both places of the reset gate, and the limits of both gates."""

import math

import gated
import numpy as np
import oracle
import pytest
from cases import draw, examples, logistic, make_case
from hypothesis import given, settings
from hypothesis import strategies as st

import lstmlab as ll
from lstmlab import xp
from lstmlab.cells import gru_gates
from lstmlab.cells.gru import GRU, GRUState, gru_parameter_count
from lstmlab.cells.lstm import lstm_parameter_count

RESETS = pytest.mark.parametrize("reset", ["before", "after"])
SHUT, OPEN = -800.0, 800.0  # the sigmoid rounds to exactly 0 and 1


def gru(reset, **more):
    return lambda n_x, n_h, **options: GRU(n_x, n_h, reset=reset, **more, **options)


@pytest.mark.equation(
    "eq-gru-update",
    "eq-gru-reset",
    "eq-gru-candidate",
    "eq-gru-candidate-after",
    "eq-gru-hidden",
)
@RESETS
def test_two_steps_by_hand(reset):
    cell = GRU(1, 1, reset=reset)
    W = {"z": (0.5, -1.0), "r": (0.25, 2.0), "h": (-0.75, 1.0)}
    b = {"z": 0.1, "r": -0.5, "h": 0.25, "hh": 0.4 if reset == "after" else 0.0}
    cell.params["W_z"], cell.params["W_r"], cell.params["W"] = ([list(W[g])] for g in "zrh")
    for name in b if reset == "after" else "zrh":
        cell.params[f"b_{name}"] = [b[name]]
    h = 0.3
    run = ll.unroll(cell, xp.asarray([[[1.0]], [[-2.0]]]), GRUState(xp.asarray([[h]])))
    for t, x in enumerate((1.0, -2.0)):
        z = logistic(W["z"][0] * h + W["z"][1] * x + b["z"])
        r = logistic(W["r"][0] * h + W["r"][1] * x + b["r"])
        h_tilde = math.tanh(r * (W["h"][0] * h + b["hh"]) + W["h"][1] * x + b["h"])
        h = (1 - z) * h + z * h_tilde
        for got, want in zip(run.trace[2:], (z, r, h_tilde, h), strict=True):
            assert float(got[t, 0, 0]) == pytest.approx(want, rel=1e-14)


def link(forward, backward, n, rng):
    """Check local gradients: L = <v, forward(...)>, and ``backward(v, ...)`` claims every derivative."""
    v = draw(rng, 3, 4)
    report = ll.gradcheck(
        lambda *a: (xp.sum(v * forward(*a)), list(backward(v, *a))), [draw(rng, 3, 4) for _ in range(n)]
    )
    assert report.ok, str(report)


@pytest.mark.equation("eq-gru-dz", "eq-gru-kept", "eq-gru-dcandidate")
def test_link_hidden_state():
    link(
        gru_gates.gru_hidden_state,
        lambda v, z, h_prev, h_tilde: (
            gru_gates.update_gate_gradient(v, h_prev, h_tilde),
            gru_gates.kept_share_gradient(v, z),
            gru_gates.new_share_gradient(v, z),
        ),
        3,
        np.random.default_rng(0),
    )


@pytest.mark.equation("eq-gru-dr", "eq-gru-dreset")
def test_link_reset():
    link(
        gru_gates.reset_state,
        lambda v, r, s: (
            gru_gates.reset_gate_gradient(v, s),
            gru_gates.reset_argument_gradient(v, r),
        ),
        2,
        np.random.default_rng(0),
    )


def copied(case, reset, **changes):
    """A GRU with another reset and the same parameters, but for some."""
    cell = GRU(case.cell.n_x, case.cell.n_h, reset=reset)
    for name in cell.params:
        cell.params[name] = changes.get(name, case.cell.params.get(name, 0.0))
    return cell


@given(seed=st.integers(0, 2**31))
@settings(max_examples=examples(8), deadline=None)
def test_both_resets_agree_where_the_recurrent_matrix_is_diagonal_and_its_bias_zero(seed):
    case = make_case(GRU, n_x=2, n_h=3, seed=seed)
    W = ll.to_numpy(case.cell.params["W"]).copy()
    W[:, :3] *= np.eye(3)
    before, after = copied(case, "before", W=W), copied(case, "after", W=W)
    h_before, h_after = (ll.to_numpy(ll.unroll(c, case.x, case.state).h) for c in (before, after))
    np.testing.assert_allclose(h_before, h_after, rtol=0, atol=1e-14)


def test_otherwise_the_two_resets_are_different_functions():
    case = make_case(GRU, n_x=2, n_h=3)
    before = ll.to_numpy(case.run().h)
    after = ll.to_numpy(ll.unroll(copied(case, "after"), case.x, case.state).h)
    assert np.abs(before - after).max() > 0.1
    diagonal = ll.to_numpy(case.cell.params["W"]).copy()
    diagonal[:, :3] *= np.eye(3)
    pair = copied(case, "after", W=diagonal), copied(case, "after", W=diagonal, b_hh=1.0)
    one, other = (ll.to_numpy(ll.unroll(c, case.x, case.state).h) for c in pair)
    assert np.abs(one - other).max() > 0.05


@RESETS
def test_with_z_at_zero_the_state_stands_still_and_its_gradient_too(reset):
    case = make_case(gru(reset))
    case.cell.params["W_z"], case.cell.params["b_z"] = 0.0, SHUT
    run, back = case.run(), case.back()
    for t in range(4):
        np.testing.assert_array_equal(ll.to_numpy(run.h[t, ...]), ll.to_numpy(case.state.h))
    want = ll.to_numpy(case.dstate.h) + ll.to_numpy(case.dh).sum(0)
    np.testing.assert_allclose(ll.to_numpy(back.dstate.h), want, atol=1e-14)
    assert float(xp.max(xp.abs(back.grads.flat))) == 0.0


@RESETS
def test_with_both_gates_at_one_it_is_the_plain_network(reset):
    case = make_case(gru(reset))
    for g in "zr":
        case.cell.params[f"W_{g}"], case.cell.params[f"b_{g}"] = 0.0, OPEN
    rnn = ll.RNN(2, 3)
    rnn.params["W"], rnn.params["b"] = case.cell.params["W"], case.cell.params["b_h"]
    if reset == "after":
        rnn.params["b"] = case.cell.params["b_h"] + case.cell.params["b_hh"]
    plain = ll.unroll(rnn, case.x, ll.RNNState(case.state.h))
    np.testing.assert_allclose(ll.to_numpy(case.run().h), ll.to_numpy(plain.h), atol=1e-14)
    plain_back = ll.backprop(rnn, plain, case.dh, ll.RNNState(case.dstate.h))
    back = case.back()
    np.testing.assert_allclose(ll.to_numpy(back.dx), ll.to_numpy(plain_back.dx), atol=1e-13)
    np.testing.assert_allclose(ll.to_numpy(back.grads["W"]), ll.to_numpy(plain_back.grads["W"]), atol=1e-13)


@RESETS
@given(seed=st.integers(0, 2**31))
@settings(max_examples=examples(6), deadline=None)
def test_the_state_stays_between_minus_one_and_one(reset, seed):
    case = make_case(gru(reset), T=8, seed=seed)
    h = ll.unroll(case.cell, 5.0 * case.x).h
    assert float(xp.max(xp.abs(h))) <= 1.0


def test_pytorchs_gate_keeps_where_the_notes_gate_renews(monkeypatch):
    """Without the change of sign, or with other rows, or with the other reset, nothing fits."""
    arrays = oracle.frozen("gru_pytorch")["small"]
    gated.compare(ll, "gru_after", "PyTorch", arrays)
    cell = GRU(2, 4, reset="after")
    for name, value in gated.from_pytorch(arrays).items():
        cell.params[name] = -value if name in ("W_z", "b_z") else value
    h = ll.to_numpy(ll.unroll(cell, xp.asarray(arrays["x"]), GRUState(xp.asarray(arrays["h_0"]))).h)
    assert np.abs(h - arrays["h"]).max() > 0.1
    monkeypatch.setattr(gated, "PYTORCH_ORDER", "zrh")
    with pytest.raises(AssertionError, match="differs from PyTorch"):
        gated.compare(ll, "gru_after", "PyTorch", arrays)


@pytest.mark.equation("eq-gru-parameter-count")
def test_counts():
    assert gru_parameter_count(40, 100) == 42_300
    assert gru_parameter_count(40, 100, "after") == 42_400
    assert 4 * gru_parameter_count(40, 100) == 3 * lstm_parameter_count(40, 100)


def test_the_names_of_the_parameters():
    assert list(GRU(2, 3).params) == ["W_z", "W_r", "W", "b_z", "b_r", "b_h"]
    assert list(GRU(2, 3, reset="after").params) == ["W_z", "W_r", "W", "b_z", "b_r", "b_h", "b_hh"]
    assert repr(GRU(2, 3)) == "GRU(n_x=2, n_h=3, reset='before', dtype='float64')"


@pytest.mark.parametrize("wrong", ["middle", None, 1])
def test_a_reset_that_is_neither_is_named(wrong):
    with pytest.raises(ValueError, match=f"reset: expected 'before' or 'after', got {wrong!r}"):
        GRU(2, 3, reset=wrong)
    with pytest.raises(ValueError, match="reset: expected"):
        gru_parameter_count(2, 3, wrong)
