"""Each equation of the LSTM by itself: forward against plain Python, backward against finite differences."""

import math

import numpy as np
import pytest
from cases import draw, logistic, make_case

import lstmlab as ll
from lstmlab import xp
from lstmlab.cells import gradients, lstm, rnn
from lstmlab.functions import concatenate

N_H, N_X, B = 3, 2, 4


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def by_hand(W, b, z, activation):
    """Plain Python: one gate, entry by entry."""
    W, b, z = ll.to_numpy(W), ll.to_numpy(b), ll.to_numpy(z)
    return [
        [activation(sum(W[j, k] * z[k, s] for k in range(z.shape[0])) + b[j, 0]) for s in range(z.shape[1])]
        for j in range(W.shape[0])
    ]


@pytest.mark.equation("eq-forget-gate", "eq-input-gate", "eq-output-gate", "eq-candidate", "eq-rnn-step")
@pytest.mark.parametrize(
    ("equation", "activation"),
    [
        (lstm.forget_gate, logistic),
        (lstm.input_gate, logistic),
        (lstm.output_gate, logistic),
        (lstm.candidate, math.tanh),
        (rnn.rnn_hidden_state, math.tanh),
    ],
)
def test_gates_equal_their_formula_entry_by_entry(rng, equation, activation):
    W, b, z = draw(rng, N_H, N_H + N_X), draw(rng, N_H, 1), draw(rng, N_H + N_X, B)
    got = ll.to_numpy(equation(W, b, z))
    np.testing.assert_allclose(got, by_hand(W, b, z, activation), rtol=1e-13)


@pytest.mark.equation("eq-cell-state", "eq-hidden-state")
def test_states_equal_their_formula_entry_by_entry():
    f, C_prev, i, C_tilde, o = 0.25, -2.0, 0.5, 0.75, 0.125
    C = lstm.cell_state(*(xp.asarray([[v]]) for v in (f, C_prev, i, C_tilde)))
    assert float(C[0, 0]) == f * C_prev + i * C_tilde
    assert float(lstm.hidden_state(xp.asarray([[o]]), C)[0, 0]) == pytest.approx(
        o * math.tanh(f * C_prev + i * C_tilde), rel=1e-15
    )


def test_two_steps_by_hand_equal_unroll():
    cell = ll.LSTM(1, 1)
    W = {"f": (0.5, -1.0), "i": (0.25, 2.0), "C": (-0.5, 1.0), "o": (1.0, 0.5)}
    b = {"f": 1.0, "i": -0.5, "C": 0.25, "o": 0.0}
    for g in W:
        cell.params[f"W_{g}"], cell.params[f"b_{g}"] = [list(W[g])], [b[g]]
    h, C = 0.1, -0.2
    run = ll.unroll(
        cell,
        xp.asarray([[[1.0]], [[-2.0]]]),
        ll.LSTMState(xp.asarray([[h]]), xp.asarray([[C]])),
    )
    for t, x in enumerate((1.0, -2.0)):
        a = {g: W[g][0] * h + W[g][1] * x + b[g] for g in W}
        C = logistic(a["f"]) * C + logistic(a["i"]) * math.tanh(a["C"])
        h = logistic(a["o"]) * math.tanh(C)
        assert float(run.trace.C[t, 0, 0]) == pytest.approx(C, rel=1e-14)
        assert float(run.h[t, 0, 0]) == pytest.approx(h, rel=1e-14)


@pytest.mark.equation("eq-weight-blocks", "eq-explicit-gate")
def test_two_matrices_equal_one(rng):
    W, b = draw(rng, N_H, N_H + N_X), draw(rng, N_H, 1)
    h_prev, x_t = draw(rng, N_H, B), draw(rng, N_X, B)
    W_h, W_x = lstm.weight_blocks(W, N_H)
    assert (W_h.shape, W_x.shape) == ((N_H, N_H), (N_H, N_X))
    explicit = ll.to_numpy(lstm.explicit_pre_activation(W_h, W_x, b, h_prev, x_t))
    np.testing.assert_allclose(explicit, ll.to_numpy(W @ concatenate(h_prev, x_t) + b), atol=1e-14)
    swapped = ll.to_numpy(W @ xp.concat([x_t, h_prev]) + b)
    assert np.abs(explicit - swapped).max() > 0.1
    W_h[0, 0] = 9.0
    assert float(W[0, 0]) == 9.0


@pytest.mark.equation("eq-fused-gates")
def test_one_product_equals_four(rng):
    cell = make_case(n_x=N_X, n_h=N_H).cell
    z = draw(rng, N_H + N_X, B)
    fused = lstm.fused_gates(cell.W, cell.b[:, None], z)
    equations = (lstm.forget_gate, lstm.input_gate, lstm.candidate, lstm.output_gate)
    for got, equation, g in zip(fused, equations, "fiCo", strict=True):
        want = equation(cell.params[f"W_{g}"], cell.params[f"b_{g}"][:, None], z)
        np.testing.assert_allclose(ll.to_numpy(got), ll.to_numpy(want), atol=4e-16)


def link(forward, backward, arguments, rng):
    """Check one local gradient: L = <v, forward(...)>, and ``backward(v)`` claims every derivative."""
    v = draw(rng, *forward(*arguments).shape)

    def f(*arguments):
        return xp.sum(v * forward(*arguments)), list(backward(v, *arguments))

    report = ll.gradcheck(f, arguments)
    assert report.ok, str(report)


@pytest.mark.equation("eq-do", "eq-dC")
def test_link_hidden_state(rng):
    zero = xp.zeros((N_H, B))
    link(
        lstm.hidden_state,
        lambda v, o, C: (lstm.output_gate_gradient(v, C), lstm.cell_state_gradient(v, o, C, zero)),
        [draw(rng, N_H, B), draw(rng, N_H, B)],
        rng,
    )


@pytest.mark.equation("eq-dC")
def test_the_cell_state_adds_what_comes_from_the_next_step(rng):
    dh, o, C, dC_next = (draw(rng, N_H, B) for _ in range(4))
    alone = lstm.cell_state_gradient(dh, o, C, xp.zeros((N_H, B)))
    both = lstm.cell_state_gradient(dh, o, C, dC_next)
    np.testing.assert_allclose(ll.to_numpy(both - alone), ll.to_numpy(dC_next), atol=1e-14)


@pytest.mark.equation("eq-df", "eq-dC-prev", "eq-di", "eq-dC-tilde")
def test_link_cell_state(rng):
    link(
        lstm.cell_state,
        lambda v, f, C_prev, i, C_tilde: (
            lstm.forget_gate_gradient(v, C_prev),
            lstm.previous_cell_state_gradient(v, f),
            lstm.input_gate_gradient(v, C_tilde),
            lstm.candidate_gradient(v, i),
        ),
        [draw(rng, N_H, B) for _ in range(4)],
        rng,
    )


@pytest.mark.equation("eq-delta-gate", "eq-delta-candidate", "eq-rnn-delta", "eq-dW", "eq-db")
@pytest.mark.parametrize(
    ("gate", "delta_of"),
    [
        (lstm.forget_gate, lstm.gate_delta),
        (lstm.candidate, lstm.candidate_delta),
        (rnn.rnn_hidden_state, rnn.rnn_delta),
    ],
)
def test_link_gate(rng, gate, delta_of):
    def backward(v, W, b, z):
        delta = delta_of(v, gate(W, b, z))
        return gradients.weight_gradient(delta, z), gradients.bias_gradient(delta)[:, None], W.T @ delta

    link(gate, backward, [draw(rng, N_H, N_H + N_X), draw(rng, N_H, 1), draw(rng, N_H + N_X, B)], rng)


@pytest.mark.equation("eq-dz", "eq-dh-dx")
def test_link_concatenation(rng):
    weights = tuple(draw(rng, N_H, N_H + N_X) for _ in range(4))
    deltas = tuple(draw(rng, N_H, B) for _ in range(4))

    def f(h_prev, x_t):
        z = concatenate(h_prev, x_t)
        value = sum(xp.sum(d * (W @ z)) for W, d in zip(weights, deltas, strict=True))
        return value, list(lstm.split_concatenation(lstm.concatenation_gradient(weights, deltas), N_H))

    report = ll.gradcheck(f, [draw(rng, N_H, B), draw(rng, N_X, B)])
    assert report.ok, str(report)


def test_the_hidden_state_is_below_one_and_the_cell_state_is_not():
    cell = ll.LSTM(1, 1)
    for name in ("b_f", "b_i", "b_C", "b_o"):
        cell.params[name] = 6.0
    run = ll.unroll(cell, xp.zeros((50, 1, 1)))
    assert float(xp.max(xp.abs(run.h))) < 1.0
    assert float(xp.max(run.trace.C)) > 40.0
