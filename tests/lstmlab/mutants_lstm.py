"""The famous mistakes of the LSTM, the plain network and the loop over time."""

from __future__ import annotations

import numpy as np
from mutants import Mutant, finite_differences
from oracle import frozen
from pytorch import compare

LSTM, RNN = "lstmlab.cells.lstm", "lstmlab.cells.rnn"
GATES, GRADIENTS = "lstmlab.cells.gates", "lstmlab.cells.gradients"
UNROLL, FUNCTIONS = "lstmlab.unroll", "lstmlab.functions"

MUTANTS = [
    # forward
    Mutant(
        "input and output gates swapped",
        LSTM,
        'WEIGHTS = ("W_f", "W_i", "W_C", "W_o")',
        'WEIGHTS = ("W_f", "W_o", "W_C", "W_i")',
        "weights read in another framework's gate order; forward and backward agree with each other",
    ),
    Mutant(
        "input above hidden state",
        FUNCTIONS,
        "concat([h_prev, x_t], axis=0)",
        "concat([x_t, h_prev], axis=0)",
        "[x; h] where the weights are [W_h, W_x]; invisible when n_x = n_h and weights are random",
    ),
    Mutant(
        "hidden state without tanh",
        GATES,
        "return o_t * tanh(C_t)",
        "return o_t * C_t",
        "h = o ⊙ C",
    ),
    Mutant(
        "forget gate multiplies everything",
        GATES,
        "return f_t * C_prev + i_t * C_tilde_t",
        "return f_t * (C_prev + i_t * C_tilde_t)",
        "a bracket too many",
    ),
    Mutant(
        "candidate by sigmoid",
        GATES,
        "return tanh(W_C @ z_t + b_C)",
        "return sigmoid(W_C @ z_t + b_C)",
        "all four rows through the same function",
    ),
    Mutant(
        "output from the old cell state",
        LSTM,
        "h_t = hidden_state(o_t, C_t)",
        "h_t = hidden_state(o_t, C_prev)",
        "C_{t-1} for C_t in the last line",
    ),
    Mutant(
        "sigmoid overflows to nan",
        FUNCTIONS,
        "e = xp.exp(-xp.abs(a))",
        "e = xp.exp(a)",
        "e^a/(1+e^a): infinity over infinity for large a",
    ),
    # one step backward
    Mutant(
        "sigma' missing",
        GRADIENTS,
        "return dgate_t * sigmoid_derivative(gate_t)",
        "return dgate_t",
        "the gates' gradient taken for their pre-activation's",
    ),
    Mutant(
        "sigma' of the value instead of from the value",
        FUNCTIONS,
        "return s * (1.0 - s)",
        "return sigmoid(s) * (1.0 - sigmoid(s))",
        "the derivative applied to σ(a) as if it were a",
    ),
    Mutant(
        "tanh' of the candidate missing",
        GRADIENTS,
        "return dC_tilde_t * tanh_derivative(C_tilde_t)",
        "return dC_tilde_t",
        "1 - C̃² forgotten",
    ),
    Mutant(
        "tanh' not squared",
        FUNCTIONS,
        "return 1.0 - y * y",
        "return 1.0 - y",
        "1 - tanh for 1 - tanh²",
    ),
    Mutant(
        "tanh' at C instead of at tanh(C)",
        GRADIENTS,
        "return dh_t * o_t * tanh_derivative(tanh(C_t)) + dC_next",
        "return dh_t * o_t * tanh_derivative(C_t) + dC_next",
        "1 - C² for 1 - tanh²(C)",
    ),
    Mutant(
        "nothing carried from the next cell state",
        GRADIENTS,
        "return dh_t * o_t * tanh_derivative(tanh(C_t)) + dC_next",
        "return dh_t * o_t * tanh_derivative(tanh(C_t))",
        "the term ∂L/∂C_{t+1} ⊙ f_{t+1} forgotten: invisible at T = 1",
    ),
    Mutant(
        "new cell state in the forget gate's gradient",
        LSTM,
        "df_t = forget_gate_gradient(dC_t, C_prev)",
        "df_t = forget_gate_gradient(dC_t, C_t)",
        "C_t for C_{t-1}",
    ),
    Mutant(
        "input gate and candidate exchange gradients",
        LSTM,
        "di_t = input_gate_gradient(dC_t, C_tilde_t)",
        "di_t = input_gate_gradient(dC_t, i_t)",
        "∂L/∂i = ∂L/∂C ⊙ i",
    ),
    Mutant(
        "cell state passed back without the forget gate",
        LSTM,
        "dC_prev = previous_cell_state_gradient(dC_t, f_t)",
        "dC_prev = dC_t",
        "right for the cell of 1997, wrong since the forget gate",
    ),
    Mutant(
        "dh overwritten before dC is computed",
        LSTM,
        "dC_t = cell_state_gradient(dh_t, o_t, C_t, dstate.C.T)",
        "dh_t = self.params['W_o'][:, : self.n_h].T @ gate_delta(do_t, o_t)\n"
        "        dC_t = cell_state_gradient(dh_t, o_t, C_t, dstate.C.T)",
        "the order of two lines, as in a well-known published tutorial for four years",
    ),
    Mutant(
        "recurrent term dropped",
        LSTM,
        "return dx_t.T, LSTMState(dh_prev.T, dC_prev.T)",
        "return dx_t.T, LSTMState(0.0 * dh_prev.T, dC_prev.T)",
        "only the cell state carries gradients back in time",
    ),
    Mutant(
        "one gate missing in the gradient of the hidden state",
        LSTM,
        "dz_t = concatenation_gradient(weights, deltas)",
        "dz_t = concatenation_gradient(weights[:3], deltas[:3])",
        "three of four terms",
    ),
    Mutant(
        "hidden and input parts exchanged",
        GRADIENTS,
        "return dz_t[:n_h, :], dz_t[n_h:, :]",
        "return dz_t[-n_h:, :], dz_t[:-n_h, :]",
        "the concatenation undone in the wrong order",
    ),
    Mutant(
        "no sum over time",
        LSTM,
        "grads[name] += weight_gradient(delta, z_t)",
        "grads[name] = weight_gradient(delta, z_t)",
        "= for +=: only the first step's gradient is left",
    ),
    Mutant(
        "mean over the batch instead of sum",
        GRADIENTS,
        "return delta @ z_t.T",
        "return delta @ z_t.T / z_t.shape[1]",
        "right only if the loss is a mean, and then twice",
    ),
    Mutant(
        "bias gradient of the first sequence only",
        GRADIENTS,
        "return namespace(delta).sum(delta, axis=1)",
        "return delta[:, 0]",
        "invisible at B = 1",
    ),
    # time
    Mutant(
        "direct gradient of the next step",
        UNROLL,
        "total_hidden_gradient(dh[t, ...], dstate.h)",
        "total_hidden_gradient(dh[min(t + 1, dh.shape[0] - 1), ...], dstate.h)",
        "the notes' ∂L/∂h_t^{next}, read as the loss at t+1",
    ),
    Mutant(
        "future counted twice",
        UNROLL,
        "return dh_direct + dh_through_next",
        "return dh_direct + 2.0 * dh_through_next",
        "the total derivative added where the direct one belongs",
    ),
    Mutant(
        "gradient of the final state ignored",
        UNROLL,
        'dstate = zero_state(cell, B) if dstate is None else check_state("dstate", dstate, cell, B)',
        "dstate = zero_state(cell, B)",
        "an encoder whose decoder teaches it nothing",
    ),
    Mutant(
        "input gradients in reverse order",
        UNROLL,
        "namespace(dh).stack(dx[::-1])",
        "namespace(dh).stack(dx)",
        "the list of a backward loop, not turned round",
    ),
    Mutant(
        "initial state ignored",
        UNROLL,
        'state = cell.initial_state(B) if state is None else check_state("state", state, cell, B)',
        "state = cell.initial_state(B)",
        "every chunk of a long text starts from nothing",
    ),
    # the plain network
    Mutant(
        "plain network without tanh'",
        RNN,
        "return dh_t * tanh_derivative(h_t)",
        "return dh_t",
        "the linear network's gradient",
    ),
    Mutant(
        "plain network without its recurrent term",
        RNN,
        "RNNState(dz_t[: self.n_h, :].T)",
        "RNNState(0.0 * dz_t[: self.n_h, :].T)",
        "every step learns alone",
    ),
]


def gradients_of_both_cells(ll):
    for kind in (ll.LSTM, ll.RNN):
        finite_differences(ll, kind)


def large_inputs(ll):
    """Numbers far from zero stay numbers."""
    for kind in (ll.LSTM, ll.RNN):
        run = ll.unroll(kind(1, 2), ll.xp.asarray(np.array([[[1e4]], [[-1e4]]])))
        assert np.isfinite(ll.to_numpy(run.h)).all()


def independent_implementation(ll):
    """Second witness."""
    for group, arrays in frozen().items():
        compare(ll, group.partition("/")[0], arrays)


WITNESSES = [independent_implementation, large_inputs, gradients_of_both_cells]
