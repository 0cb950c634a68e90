"""The famous mistakes of the LSTM's variants: peepholes, coupled gates, projection, two biases."""

from __future__ import annotations

from functools import partial

from mutants import Mutant, finite_differences
from oracle import frozen
from variants import build, compare, compare_onnx

PEEPHOLE, COUPLED = "lstmlab.cells.peephole", "lstmlab.cells.coupled"
BOTH, PROJECTED = "lstmlab.cells.coupled_peephole", "lstmlab.cells.projected"
TWO_BIASES = "lstmlab.cells.two_biases"

MUTANTS = [
    # peepholes
    Mutant(
        "output gate sees the old cell state",
        PEEPHOLE,
        "o_t = peephole_output_gate(W_o, W_co, b_o, z_t, C_t)",
        "o_t = peephole_output_gate(W_o, W_co, b_o, z_t, C_prev)",
        "all three peepholes at t-1, so that the four gates can be computed at once",
    ),
    Mutant(
        "no peephole on the forget gate",
        PEEPHOLE,
        "return sigmoid(W_f @ z_t + W_cf * C_prev + b_f)",
        "return sigmoid(W_f @ z_t + b_f)",
        "the plain LSTM's gate left in place",
    ),
    Mutant(
        "peepholes of f and i exchanged",
        PEEPHOLE,
        'PEEPHOLES = ("W_cf", "W_ci", "W_co")',
        'PEEPHOLES = ("W_ci", "W_cf", "W_co")',
        "a framework's vector P = [i, o, f] read in another order",
    ),
    Mutant(
        "the output gate's peephole passes nothing back",
        PEEPHOLE,
        "return dh_t * o_t * tanh_derivative(tanh(C_t)) + W_co * delta_o + dC_next",
        "return dh_t * o_t * tanh_derivative(tanh(C_t)) + dC_next",
        "the plain LSTM's ∂L/∂C_t, as the notes have it",
    ),
    Mutant(
        "the forget gate's peephole passes nothing back",
        PEEPHOLE,
        "return dC_t * f_t + W_cf * delta_f + W_ci * delta_i",
        "return dC_t * f_t + W_ci * delta_i",
        "W_cf ⊙ δ_f of step t+1 forgotten: invisible at T = 1 without a gradient of the initial state",
    ),
    Mutant(
        "the input gate's peephole passes nothing back",
        PEEPHOLE,
        "return dC_t * f_t + W_cf * delta_f + W_ci * delta_i",
        "return dC_t * f_t + W_cf * delta_f",
        "W_ci ⊙ δ_i of step t+1 forgotten",
    ),
    Mutant(
        "the peephole's gradient without its delta",
        PEEPHOLE,
        "dC_prev = peephole_previous_cell_state_gradient(dC_t, f_t, W_cf, delta_f, W_ci, delta_i)",
        "dC_prev = peephole_previous_cell_state_gradient(dC_t, f_t, W_cf, df_t, W_ci, di_t)",
        "the gates' gradients taken for their pre-activations'",
    ),
    Mutant(
        "the output peephole's gradient with the old cell state",
        PEEPHOLE,
        'grads["W_co"] += peephole_gradient(delta_o, C_t)',
        'grads["W_co"] += peephole_gradient(delta_o, C_prev)',
        "one line copied from the two above it",
    ),
    Mutant(
        "the forget peephole's gradient with the new cell state",
        PEEPHOLE,
        'grads["W_cf"] += peephole_gradient(delta_f, C_prev)',
        'grads["W_cf"] += peephole_gradient(delta_f, C_t)',
        "C_t for C_{t-1}",
    ),
    Mutant(
        "a peephole's gradient left unsummed over time",
        PEEPHOLE,
        'grads["W_ci"] += peephole_gradient(delta_i, C_prev)',
        'grads["W_ci"] = peephole_gradient(delta_i, C_prev)',
        "= for +=: only the first step's gradient is left",
    ),
    # coupled gates
    Mutant(
        "i read as f",
        COUPLED,
        "i_t = coupled_input_gate(f_t)",
        "i_t = f_t",
        "the two gates tied together instead of against each other",
    ),
    Mutant(
        "the coupling's sign forgotten",
        COUPLED,
        "return dC_t * (C_prev - C_tilde_t)",
        "return dC_t * (C_prev + C_tilde_t)",
        "∂i/∂f taken as +1",
    ),
    Mutant(
        "the coupling's gradient reversed",
        COUPLED,
        "return dC_t * (C_prev - C_tilde_t)",
        "return dC_t * (C_tilde_t - C_prev)",
        "the gradient of i, given to f",
    ),
    Mutant(
        "the coupled gate learns from forgetting alone",
        COUPLED,
        "return dC_t * (C_prev - C_tilde_t)",
        "return dC_t * C_prev",
        "the plain forget gate's gradient",
    ),
    Mutant(
        "coupled the other way",
        COUPLED,
        "C_t = cell_state(f_t, C_prev, i_t, C_tilde_t)",
        "C_t = cell_state(i_t, C_prev, f_t, C_tilde_t)",
        "f = 1 - i, as ONNX's input_forget couples",
    ),
    # both
    Mutant(
        "coupled output gate sees the old cell state",
        BOTH,
        "o_t = peephole_output_gate(W_o, W_co, b_o, z_t, C_t)",
        "o_t = peephole_output_gate(W_o, W_co, b_o, z_t, C_prev)",
        "C_{t-1} for C_t",
    ),
    Mutant(
        "the coupled peephole passes nothing back",
        BOTH,
        "return dC_t * f_t + W_cf * delta_f",
        "return dC_t * f_t",
        "coupled without peepholes",
    ),
    Mutant(
        "the coupled peephole counted for i as well",
        BOTH,
        "return dC_t * f_t + W_cf * delta_f",
        "return dC_t * f_t + 2.0 * W_cf * delta_f",
        "a term for i carried over from the uncoupled cell",
    ),
    # projection
    Mutant(
        "projection's gradient with the cell state",
        PROJECTED,
        'grads["W_p"] += weight_gradient(dh_t, m_t)',
        'grads["W_p"] += weight_gradient(dh_t, C_t)',
        "the projection taken to act on C",
    ),
    Mutant(
        "projection's gradient of the last step alone",
        PROJECTED,
        'grads["W_p"] += weight_gradient(dh_t, m_t)',
        'grads["W_p"] = weight_gradient(dh_t, m_t)',
        "= for +=",
    ),
    Mutant(
        "projection not transposed",
        PROJECTED,
        "return W_p.T @ dh_t",
        "return (W_p @ dh_t if W_p.shape[0] == W_p.shape[1] else W_p.T @ dh_t)",
        "W_p backwards as forwards: possible, and wrong, when n_h = n_c",
    ),
    Mutant(
        "a function after the projection",
        PROJECTED,
        "return W_p @ m_t",
        "return hidden_state(1.0, W_p @ m_t)",
        "tanh after W_p, as after every other matrix",
    ),
    Mutant(
        "projection before the output gate",
        PROJECTED,
        'h_t = projected_hidden_state(self.params["W_p"], m_t)',
        'h_t = projected_hidden_state(self.params["W_p"], hidden_state(1.0, C_t))',
        "W_p tanh(C): the gate is lost",
    ),
    Mutant(
        "the cell state's own path forgotten beside the projection",
        PROJECTED,
        "dC_t = cell_state_gradient(dm_t, o_t, C_t, dstate.C.T)",
        "dC_t = cell_state_gradient(dm_t, o_t, C_t, 0.0 * dstate.C.T)",
        "only h recurs: the cell state's own path is forgotten",
    ),
    # two biases
    Mutant(
        "the second bias ignored",
        TWO_BIASES,
        "return b + c",
        "return b",
        "one of a framework's two biases dropped on import",
    ),
    Mutant(
        "the second bias never learns",
        TWO_BIASES,
        "            grads[second] += bias_gradient(delta)\n",
        "",
        "its gradient forgotten",
    ),
    Mutant(
        "the gradient shared out between the two biases",
        TWO_BIASES,
        "grads[name] += bias_gradient(delta)\n            grads[second] += bias_gradient(delta)",
        "grads[name] += 0.5 * bias_gradient(delta)\n            grads[second] += 0.5 * bias_gradient(delta)",
        "half each, as if a sum divided its derivative",
    ),
]


def gradients_of_peepholes(ll):
    finite_differences(ll, partial(build, ll, "peephole"))


def gradients_of_coupled_gates(ll):
    finite_differences(ll, partial(build, ll, "coupled"))
    finite_differences(ll, partial(build, ll, "coupled_peephole"))


def gradients_of_the_projection(ll):
    for n_c in (3, 4):
        finite_differences(ll, partial(build, ll, "projected", n_c=n_c))


def gradients_of_two_biases(ll):
    finite_differences(ll, partial(build, ll, "two_biases"))


def independent_implementations(ll):
    """Second witness, by PyTorch and JAX in float64 with all gradients, by ONNX Runtime forward."""
    for library in ("pytorch", "jax"):
        for group, arrays in frozen(f"variants_{library}").items():
            compare(ll, group.partition("/")[0], library, arrays)
    for group, arrays in frozen("variants_onnx").items():
        compare_onnx(ll, group.partition("/")[0], arrays)


WITNESSES = [
    independent_implementations,
    gradients_of_two_biases,
    gradients_of_peepholes,
    gradients_of_coupled_gates,
    gradients_of_the_projection,
]
