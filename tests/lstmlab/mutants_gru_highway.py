"""The famous mistakes of GRU, highway, depth-gated and multiplicative LSTMs."""

from __future__ import annotations

import importlib

import gated
import numpy as np
import oracle
from mutants import Mutant, finite_differences

GRU, GATES = "lstmlab.cells.gru", "lstmlab.cells.gru_gates"
HIGHWAY, DEPTH, DEPTH_GATES = (
    "lstmlab.cells.highway",
    "lstmlab.cells.depth_gated",
    "lstmlab.cells.depth_gates",
)
MULTIPLICATIVE, KRAUSE = "lstmlab.cells.multiplicative", "lstmlab.cells.krause"
DELTAS = "lstmlab.cells.deltas"

MUTANTS = [
    # GRU
    Mutant(
        "update gate keeps instead of renewing",
        GATES,
        "return (1.0 - z_t) * h_prev + z_t * h_tilde_t",
        "return z_t * h_prev + (1.0 - z_t) * h_tilde_t",
        "PyTorch's convention under the notes' equation",
    ),
    Mutant(
        "update gate's gradient has the other sign",
        GATES,
        "return dh_t * (h_tilde_t - h_prev)",
        "return dh_t * (h_prev - h_tilde_t)",
        "PyTorch's convention in the backward pass alone",
    ),
    Mutant(
        "direct path of the GRU forgotten",
        GRU,
        "GRUState((dh_prev + dh_candidate + dh_gates).T)",
        "GRUState((dh_candidate + dh_gates).T)",
        "the term (1 - z) ⊙ dh is the GRU's highway; without it the gradient vanishes",
    ),
    Mutant(
        "reset after the product where it stands before",
        GATES,
        "return tanh(W @ concatenate(reset_state(r_t, h_prev), x_t) + b_h)",
        "W_h, W_x = weight_blocks(W, h_prev.shape[0])\n"
        "    return tanh(W_x @ x_t + r_t * (W_h @ h_prev) + b_h)",
        "two functions under one name",
    ),
    Mutant(
        "reset gate on the input too",
        GATES,
        "return tanh(W_x @ x_t + b_h + reset_state(r_t, recurrent_part(W, b_hh, h_prev)))",
        "return tanh(reset_state(r_t, W_x @ x_t + b_h + recurrent_part(W, b_hh, h_prev)))",
        "a bracket too many",
    ),
    Mutant(
        "recurrent bias outside the bracket",
        GATES,
        "return tanh(W_x @ x_t + b_h + reset_state(r_t, recurrent_part(W, b_hh, h_prev)))",
        "return tanh(W_x @ x_t + b_h + b_hh + reset_state(r_t, recurrent_part(W, 0.0 * b_hh, h_prev)))",
        "b_h and b_hh added as if they were one",
    ),
    Mutant(
        "reset gate missing in the gradient of the state",
        GRU,
        "return reset_gate_gradient(drh_t, h_prev), reset_argument_gradient(drh_t, r_t), dx_t",
        "return reset_gate_gradient(drh_t, h_prev), drh_t, dx_t",
        "h for r ⊙ h",
    ),
    Mutant(
        "candidate's weight gradient from the state before its reset",
        GRU,
        "weight_gradient(delta_h, concatenate(reset_state(r_t, h_prev), x_t))",
        "weight_gradient(delta_h, concatenate(h_prev, x_t))",
        "the gates' concatenation used for all three matrices",
    ),
    Mutant(
        "update and reset gates swapped",
        GRU,
        'W_z, W_r = self.params["W_z"], self.params["W_r"]',
        'W_z, W_r = self.params["W_r"], self.params["W_z"]',
        "PyTorch's rows r, z read in the order z, r",
    ),
    # highway
    Mutant(
        "transform gate carries",
        HIGHWAY,
        "return T_t * h_lstm_t + (1.0 - T_t) * h_prev",
        "return (1.0 - T_t) * h_lstm_t + T_t * h_prev",
        "T taken for the carry gate",
    ),
    Mutant(
        "carried gradient dropped",
        HIGHWAY,
        "LSTMState((dh_carried + dh_gates).T, dC_prev.T)",
        "LSTMState(dh_gates.T, dC_prev.T)",
        "the highway used forward only",
    ),
    Mutant(
        "transform gate's gradient without the carried state",
        HIGHWAY,
        "return dh_t * (h_lstm_t - h_prev)",
        "return dh_t * h_lstm_t",
        "1 - T held fixed",
    ),
    Mutant(
        "LSTM of the highway sees the whole gradient",
        HIGHWAY,
        "dh_lstm_t = transformed_gradient(dh_t, T_t)",
        "dh_lstm_t = dh_t",
        "T forgotten on the way back",
    ),
    # depth gate
    Mutant(
        "depth gate multiplies the layer's own cell state",
        DEPTH_GATES,
        "return C_lstm_t + d_t * C_below",
        "return (1.0 - d_t) * C_lstm_t + d_t * C_below",
        "a highway layer's carry gate, which the depth gate has not",
    ),
    Mutant(
        "depth gate's look at the lower cell state is free",
        DEPTH_GATES,
        "return dC_t * d_t + w_ld * delta_d",
        "return dC_t * d_t",
        "the gate held fixed",
    ),
    Mutant(
        "depth gate's look at its own past is free",
        DEPTH,
        "dC_prev = dC_prev + w_cd * delta_d",
        "dC_prev = dC_prev + 0.0 * delta_d",
        "a peephole's gradient forgotten",
    ),
    Mutant(
        "layer above passes down its cell state's gradient alone",
        DEPTH,
        'dh_t = getattr(dstate, f"h{s}").T + dinput_t',
        'dh_t = getattr(dstate, f"h{s}").T + 0.0',
        "the hidden state between layers forgotten",
    ),
    Mutant(
        "depth gate looks at the old cell state below",
        DEPTH,
        "input_t, C_below = h_t, C_t",
        "input_t, C_below = h_t, C_prev",
        "C_{t-1} for C_t",
    ),
    # multiplicative
    Mutant(
        "product's gradient for its own factor",
        MULTIPLICATIVE,
        "return dm_t * v_t, dm_t * u_t",
        "return dm_t * u_t, dm_t * v_t",
        "d(uv)/du = u",
    ),
    Mutant(
        "product missing in the input gate",
        MULTIPLICATIVE,
        "i_t = input_gate(W_i, bias_with_interaction(W_mi, b_i, m_t), z_t)",
        "i_t = input_gate(W_i, b_i, z_t)",
        "the notes write out the forget gate alone",
    ),
    Mutant(
        "product's input gradient dropped",
        MULTIPLICATIVE,
        "return (dx_gates + dx_product).T",
        "return dx_gates.T",
        "x seen through the concatenation only",
    ),
    Mutant(
        "gates read the hidden state beside m",
        KRAUSE,
        "z_t = concatenate(m_t, x_t.T)",
        "z_t = concatenate(h_prev, x_t.T)",
        "m computed and not used",
    ),
    Mutant(
        "hidden state's gradient past W_mh",
        KRAUSE,
        'dh_prev = self.params["W_mh"].T @ dv_t',
        "dh_prev = dm_t",
        "the gradient of m handed on as that of h",
    ),
    # all cells built on the LSTM
    Mutant(
        "shared step back with the other gate order",
        DELTAS,
        "return (delta_f, delta_i, delta_C, delta_o), dC_t",
        "return (delta_i, delta_f, delta_C, delta_o), dC_t",
        "PyTorch's i, f where the course has f, i",
    ),
]


def gradients_of_the_gru(ll):
    """First witness; for the other cells the second one holds every gradient in less time."""
    for kind in ("gru", "gru_after"):
        finite_differences(ll, lambda n_x, n_h, kind=kind: gated.build(ll, kind, n_x, n_h))


def independent_implementations(ll):
    """Second witness."""
    gated.compare(ll, "gru_after", "PyTorch", oracle.frozen("gru_pytorch")["small"])
    gated.compare_onnx(ll, "before", oracle.frozen("gru_onnx")["before/small"])
    for kind, arrays in oracle.frozen("gated_jax").items():
        gated.compare(ll, kind, "JAX", arrays)


def limits(ll):
    """Third witness: a transform gate at one leaves the LSTM, at zero the old hidden state."""
    cell = importlib.import_module("lstmlab.cells.highway").HighwayLSTM(2, 3)
    lstm, x = ll.LSTM(2, 3), ll.xp.asarray(np.random.default_rng(0).normal(size=(3, 2, 2)))
    for name in lstm.params:
        lstm.params[name] = cell.params[name]
    cell.params["W_T"], cell.params["b_T"] = 0.0, 800.0
    got, want = (ll.to_numpy(ll.unroll(c, x).h) for c in (cell, lstm))
    assert np.abs(got - want).max() < 1e-14
    cell.params["b_T"] = -800.0
    assert np.abs(ll.to_numpy(ll.unroll(cell, x).h)).max() == 0.0


WITNESSES = [independent_implementations, gradients_of_the_gru, limits]
