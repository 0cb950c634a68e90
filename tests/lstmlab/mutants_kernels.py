"""What goes wrong when the LSTM is written fast, and a witness that compares with the slow one."""

import importlib

import numpy as np
from mutants import Mutant

KERNEL = "lstmlab.kernels.numpy_lstm"
MUTANTS = [
    Mutant(
        "the half of the sigmoid is left out of the weights",
        KERNEL,
        "W[: 3 * n_h] *= half\n\n    U",
        "W[: 3 * n_h] *= 1.0\n\n    U",
        "tanh(a) in place of tanh(a / 2): gates twice as sure",
    ),
    Mutant(
        "the order of the gates is the parameters' own",
        KERNEL,
        "ORDER = (3, 0, 1, 2)",
        "ORDER = (0, 1, 2, 3)",
        "the forget gate's weights open the output",
    ),
    Mutant(
        "gradients handed back in another order of gates",
        KERNEL,
        "grads[WEIGHTS[k]] += dW[here, :-1]",
        "grads[WEIGHTS[row]] += dW[here, :-1]",
        "the values are right, their names are not",
    ),
    Mutant(
        "bias gradient from the weights' last column",
        KERNEL,
        "grads[BIASES[k]] += dW[here, -1]",
        "grads[BIASES[k]] += dW[here, -2]",
        "an input's gradient passes for the bias's",
    ),
    Mutant(
        "the cell state's gradient forgets the gate",
        KERNEL,
        "multiply(dC, f_t, dC)",
        "multiply(dC, 1.0, dC)",
        "the carousel of 1997 under gates of 2000",
    ),
    Mutant(
        "factor of the forget gate reads the new cell state",
        KERNEL,
        "factors[:, 1] *= C_prev",
        "factors[:, 1] *= C_new",
        "off by one in time",
    ),
    Mutant(
        "slope of tanh twice",
        KERNEL,
        "np.subtract(one, factors[:, 3], factors[:, 3])",
        "np.subtract(factors[:, 3] ** 0.5, factors[:, 3], factors[:, 3])",
        "the candidate treated as a sigmoid",
    ),
    Mutant(
        "the old state is lost where a sequence has ended",
        KERNEL,
        "U[t + 1, :n_h] = running * h_new[t] + (1.0 - running) * U[t, :n_h]",
        "U[t + 1, :n_h] = running * h_new[t]",
        "a masked state drops to zero",
    ),
    Mutant(
        "an ended sequence swallows its gradient",
        KERNEL,
        "            add(dC_t, held[1], dC_t)",
        "            pass",
        "the gradient of the last state never reaches its step",
    ),
    Mutant(
        "segments of the way back all read the first steps",
        KERNEL,
        'side_by_side("U", U[start:stop])',
        'side_by_side("U", U[:n])',
        "right as long as one portion holds everything",
    ),
    Mutant(
        "scratch memory handed out",
        KERNEL,
        "dx = np.empty((T, B, n_x), dtype)",
        'dx = scratch.take("dx", (T, B, n_x), dtype)',
        "the next call writes over this one's result",
    ),
]


def _all(ll, B, masked):
    kernel = importlib.import_module(KERNEL)
    unroll = importlib.import_module("lstmlab.unroll")
    rng = np.random.default_rng(8)
    cell = ll.LSTM(2, 3, rng=8, xp=np)
    cell.params.flat[...] = rng.normal(size=cell.n_params)
    x, dh = rng.normal(size=(9, B, 2)), rng.normal(size=(9, B, 3))
    state, dstate = ll.LSTMState(*rng.normal(size=(2, B, 3))), ll.LSTMState(*rng.normal(size=(2, B, 3)))
    mask = unroll.length_mask([9, 4, 1, 6][:B], 9, B, x) if masked else None
    kernel.CHUNK = 4 * 3 * B * 4
    plain, fused = (run(cell, x, state, mask) for run in (kernel.plain_run, kernel.forward))
    one, two = cell.params.zeros_like(), cell.params.zeros_like()
    dx, d = kernel.plain_back(cell, plain.trace, mask, dh, dstate, one)
    fused_dx, fused_d = kernel.backward(cell, fused.trace.blocks, mask, dh, dstate, two)
    kernel.backward(cell, fused.trace.blocks, mask, 2.0 * dh, dstate, cell.params.zeros_like())
    pairs = [*zip(plain.trace, fused.trace, strict=True), *zip(plain.state, fused.state, strict=True)]
    pairs += [(dx, fused_dx), *zip(d, fused_d, strict=True), (one.flat, two.flat)]
    return max(float(np.max(np.abs(a - b))) for a, b in pairs)


def one_sequence(ll):
    assert _all(ll, 1, False) < 1e-12


def a_batch(ll):
    assert _all(ll, 4, False) < 1e-12


def a_padded_batch(ll):
    assert _all(ll, 4, True) < 1e-12


WITNESSES = [one_sequence, a_batch, a_padded_batch]
