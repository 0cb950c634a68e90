"""What goes wrong when the cells are written fast, and witnesses that compare with the slow ones."""

import importlib

import numpy as np
from mutants import Mutant

KERNEL = "lstmlab.kernels.numpy_lstm"
GRU = "lstmlab.kernels.numpy_gru"
RNN = "lstmlab.kernels.numpy_rnn"
SHARED = "lstmlab.kernels.numpy_shared"
SMALL = "lstmlab.kernels.small_products"
TIED = "lstmlab.kernels.numpy_tied"
MUTANTS = [
    Mutant(
        "the half of the sigmoid is left out of the weights",
        KERNEL,
        "W[: 3 * cell.n_h] *= np.array(0.5, W.dtype)",
        "W[: 3 * cell.n_h] *= np.array(1.0, W.dtype)",
        "tanh(a) in place of tanh(a / 2): gates twice as sure",
    ),
    Mutant(
        "the order of the gates is the parameters' own",
        KERNEL,
        "ORDER = (3, 1, 0, 2)",
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
        "each portion's gradient replaces that of the one after it",
        KERNEL,
        "grads[WEIGHTS[k]] += dW[here, :-1]",
        "grads[WEIGHTS[k]] = dW[here, :-1]",
        "right as long as one portion holds everything",
    ),
    Mutant(
        "the terms of the cell state are added crosswise",
        KERNEL,
        "multiply(i_f, C_tilde_C, terms)",
        "multiply(i_f, C_tilde_C[::-1], terms)",
        "the input gate keeps the old, the forget gate admits the new",
    ),
    Mutant(
        "the cell state's gradient forgets the gate",
        KERNEL,
        "factors[:, 5] = gates[:, 2]",
        "factors[:, 5] = 1.0",
        "the carousel of 1997 under gates of 2000",
    ),
    Mutant(
        "factor of the forget gate reads the new cell state",
        KERNEL,
        "to_gates[:, 1:3] *= gates[:, 3:]",
        "to_gates[:, 1:3] *= np.stack([gates[:, 3], C_new], axis=1)",
        "off by one in time",
    ),
    Mutant(
        "slope of tanh twice",
        KERNEL,
        "np.subtract(one, to_gates[:, 3], to_gates[:, 3])",
        "np.subtract(to_gates[:, 3] ** 0.5, to_gates[:, 3], to_gates[:, 3])",
        "the candidate treated as a sigmoid",
    ),
    Mutant(
        "the old state is lost where a sequence has ended",
        KERNEL,
        "LSTMState(U[t, :n_h], gates[t, 4])",
        "LSTMState(0.0 * U[t, :n_h], gates[t, 4])",
        "a masked state drops to zero",
    ),
    Mutant(
        "an ended sequence swallows its gradient",
        KERNEL,
        "            add(carried, held[1], carried)",
        "            pass",
        "the gradient of the last state never reaches its step",
    ),
    Mutant(
        "segments of the way back all read the first steps",
        KERNEL,
        'side_by_side("U", U[some])',
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
    Mutant(
        "a portion's last gradient of the cell state left in scratch memory",
        KERNEL,
        "vectors(dh_t)[...], vectors(dC_t)[...] = dh, carried",
        "vectors(dh_t)[...] = dh",
        "the earlier portion starts without what the later one carried",
    ),
    Mutant(
        "without a trace an ended sequence runs on",
        KERNEL,
        "h_t[...], C[...] = hold(",
        "hold(",
        "zero output, and a state of steps that never were",
    ),
    Mutant(
        "without a trace the state before is the state after",
        KERNEL,
        "C_prev = C.copy()",
        "C_prev = C",
        "the cell is written over before it is kept",
    ),
    Mutant(
        "without a trace the output is scratch memory",
        KERNEL,
        "h = columns(U[1:, :n_h]).copy()",
        "h = columns(U[1:, :n_h])",
        "the next call writes over this one's result",
    ),
    Mutant(
        "the state kept and the candidate change places",
        GRU,
        "multiply(kept, h, h_t)\n        multiply(z, c, kept)",
        "multiply(z, h, h_t)\n        multiply(kept, c, kept)",
        "z and 1-z: PyTorch's gate keeps, this one renews",
    ),
    Mutant(
        "fast reset after where before was asked for",
        GRU,
        "multiply(r, h, s)\n            product_c(W_c, s, by_s)",
        "product_c(W_c, h, s.reshape(by_s.shape))\n            multiply(r, s, c)",
        "the reset gate scales the product, not the state",
    ),
    Mutant(
        "biases left out of the inputs' product",
        GRU,
        "of_x = [np.concatenate([W[k][:, n_h:], b[k]], axis=1)",
        "of_x = [np.concatenate([W[k][:, n_h:], 0.0 * b[k]], axis=1)",
        "what was taken out of the loop was only the product",
    ),
    Mutant(
        "the bias inside the reset forgotten",
        GRU,
        "(zero, zero, b_hh)[k]",
        "zero",
        "two biases counted as one",
    ),
    Mutant(
        "halves for the wrong rows of x",
        GRU,
        "W_x[n_h:] *= 0.5",
        "W_x[: 2 * n_h] *= 0.5",
        "the candidate stands first on one side and last on the other",
    ),
    Mutant(
        "the GRU's gates in one order for x and h",
        GRU,
        "for k in (2, 0, 1)]",
        "for k in (0, 1, 2)]",
        "the update gate's input fed to the candidate",
    ),
    Mutant(
        "the GRU's gradients handed back under other names",
        GRU,
        "of_gate = of_x[(k + 1) % 3]",
        "of_gate = of_x[k]",
        "the same confusion on the way back",
    ),
    Mutant(
        "h corrected instead of mixed",
        GRU,
        "multiply(kept, h, h_t)\n        multiply(z, c, kept)\n        add(h_t, kept, h_t)",
        "subtract(c, h, kept)\n        multiply(z, kept, kept)\n        add(h, kept, h_t)",
        "one operation less, and no digit left of a candidate beside a large state",
    ),
    Mutant(
        "fast direct path not weighted",
        GRU,
        "multiply(total, kept_t, total)",
        "multiply(total, 1.0, total)",
        "the whole gradient passed straight back",
    ),
    Mutant(
        "the reset gate forgotten on the way back",
        GRU,
        "multiply(ds, r_t, ds)",
        "multiply(ds, 1.0, ds)",
        "the state's gradient as if nothing had been reset",
    ),
    Mutant(
        "reset after, its gate's gradient from the state",
        GRU,
        "factors[:, 2] *= s",
        "factors[:, 2] *= h_prev",
        "right with the reset before",
    ),
    Mutant(
        "the gate's gradient without the candidate's slope",
        GRU,
        "        factors[:, 2] *= factors[:, 0]\n",
        "",
        "the reset gate read off h and not off the pre-activation it scales",
    ),
    Mutant(
        "candidate's weights learn from the state as it was",
        GRU,
        'side_by_side("s", gates[some, 3])',
        'side_by_side("s", H[some, :n_h])',
        "h where the product saw r h",
    ),
    Mutant(
        "outer bias's gradient for the inner one",
        GRU,
        'grads["b_hh"] += of_h[2, :, -1]',
        'grads["b_hh"] += of_x[0, :, -1]',
        "the reset gate scales the bias inside the bracket, and its gradient",
    ),
    Mutant(
        "the GRU's old state is lost where a sequence has ended",
        GRU,
        "GRUState(H[t, :n_h])",
        "GRUState(0.0 * H[t, :n_h])",
        "a masked state drops to zero",
    ),
    Mutant(
        "the mask of the way back read forwards",
        GRU,
        "running = mask[n - k].T",
        "running = mask[k - 1].T",
        "the wrong end of time",
    ),
    Mutant(
        "all portions read the first mask",
        GRU,
        "dh_own, dh_t, None if mask is None else mask[some])",
        "dh_own, dh_t, None if mask is None else mask[:n])",
        "right as long as one portion holds everything",
    ),
    Mutant(
        "fast plain network without its bias",
        RNN,
        'cell.params["b"][:, None]], axis=1)',
        '0.0 * cell.params["b"][:, None]], axis=1)',
        "ones in the input, zeros in the weights",
    ),
    Mutant(
        "a sigmoid's slope for the plain network's tanh",
        RNN,
        "np.subtract(np.array(1.0, dh.dtype), slope, slope)",
        "np.subtract(h_new, slope, slope)",
        "h (1 - h)",
    ),
    Mutant(
        "each portion's gradient in place of the last one's",
        RNN,
        'grads["b"] += dW[:, -1]',
        'grads["b"][...] = dW[:, -1]',
        "= for +=",
    ),
    Mutant(
        "the plain network's ended sequence swallows its gradient",
        RNN,
        "            dh_t += held",
        "            pass",
        "the gradient of the last state never reaches its step",
    ),
    Mutant(
        "columns beside each other without the transpose",
        SHARED,
        "joined[...] = a.transpose(1, 0, 2)",
        "joined[...] = a.reshape(rows, n, B)",
        "a reshape moves no number: steps and units mixed",
    ),
    Mutant(
        "the earliest steps lost",
        SHARED,
        "for stop in range(T, 0, -steps)]",
        "for stop in range(T, steps - 1, -steps)]",
        "a portion that is not full is left out",
    ),
    Mutant(
        "lent memory goes home at once",
        SHARED,
        "return np.asarray(Loan(flat, home))[:size].reshape(shape)",
        "home.append(flat)\n        return flat[:size].reshape(shape)",
        "the next run writes over this one's trace",
    ),
    Mutant(
        "a derived cell takes its parent's kernel",
        SHARED,
        "type(cell) is kind",
        "isinstance(cell, kind)",
        "whoever overrides a step is not asked",
    ),
    Mutant(
        "every window of a fused run is its first steps",
        "lstmlab.unroll",
        "made.blocks = map_trace(kept, change)",
        "made.blocks = kept",
        "right as long as nothing is cut",
    ),
    Mutant(
        "a weight matrix dealt out to its blocks row by row",
        SMALL,
        "W.reshape(-1, n, K)",
        "W.reshape(n, -1, K).swapaxes(0, 1)",
        "every row is multiplied, and written where another belongs",
    ),
    Mutant(
        "the way back's product reads one block too far",
        KERNEL,
        "deltas, rows = factors[:, 1:5].reshape(n, 4 * n_h, B), dU.reshape(n, *W.shape[:-1], B)",
        "deltas, rows = factors[:, 2:6].reshape(n, 4 * n_h, B), dU.reshape(n, *W.shape[:-1], B)",
        "what is carried on passes for the candidate's gradient",
    ),
    Mutant(
        "the coupled input gate opens with the forget gate",
        TIED,
        '"W_i": -params["W_f"]',
        '"W_i": params["W_f"]',
        "coupled, but in the same direction",
    ),
    Mutant(
        "the coupled input gate has a bias of its own",
        TIED,
        '"b_i": -params["b_f"]',
        '"b_i": 0.0 * params["b_f"]',
        "weights are tied, biases forgotten",
    ),
    Mutant(
        "the coupled gate learns from what it keeps alone",
        TIED,
        'grads[f"{weights}_f"] -= found[f"{weights}_i"]',
        "pass",
        "a parameter used twice gets the gradient of one use",
    ),
    Mutant(
        "the gradient of a negative parameter keeps its sign",
        TIED,
        'grads[f"{weights}_f"] -= found[f"{weights}_i"]',
        'grads[f"{weights}_f"] += found[f"{weights}_i"]',
        "the chain rule without its minus",
    ),
    Mutant(
        "the second bias learns nothing",
        TIED,
        "grads[c] += found[b]",
        "pass",
        "both are seen by the same gate, and only one by the loss",
    ),
    Mutant(
        "the second bias is left out",
        TIED,
        "summed_bias(params[b], params[c])",
        "summed_bias(params[b], 0.0 * params[c])",
        "a checkpoint's second bias is loaded and never read",
    ),
    Mutant(
        "tied gradients replace what other runs have added",
        TIED,
        "    for name in grads:\n        grads[name] += found[name]",
        "    for name in grads:\n        grads[name] = found[name]",
        "right as long as nothing shares the cell",
    ),
]


#: A cell's module, and the kernel in it where there are several.
KINDS = {
    "LSTM": (KERNEL, ""),
    "GRU": (GRU, ""),
    "GRU after": (GRU, ""),
    "RNN": (RNN, ""),
    "CoupledLSTM": (TIED, "coupled"),
    "TwoBiasLSTM": (TIED, "two_biases"),
}


def _make(ll, kind, n_x, n_h):
    cell = (
        ll.GRU(n_x, n_h, reset="after", xp=np) if kind == "GRU after" else getattr(ll, kind)(n_x, n_h, xp=np)
    )
    cell.params.flat[...] = np.random.default_rng(8).normal(size=cell.n_params)
    return cell


def _all(ll, kind, B, masked):
    module, name = KINDS[kind]
    kernel, shared = importlib.import_module(module), importlib.import_module(SHARED)
    kernel = getattr(kernel, name) if name else kernel
    unroll = importlib.import_module("lstmlab.unroll")
    rng = np.random.default_rng(8)
    cell = _make(ll, kind, 2, 3)
    x, dh = rng.normal(size=(9, B, 2)), rng.normal(size=(9, B, 3))
    state, dstate = (cell.State(*rng.normal(size=(len(cell.state_sizes), B, 3))) for _ in range(2))
    mask = unroll.length_mask([9, 4, 1, 6][:B], 9, B, x) if masked else None
    shared.CHUNK, shared.COLUMNS = 2 * 4 * 3 * B, 1  # two steps of an LSTM, eight of the plain network
    shared.LENT = 1
    plain, fused = (run(cell, x, state, mask) for run in (shared.plain_run, kernel.forward))
    kernel.forward(cell, 2.0 * x, state, mask)
    one, two = cell.params.zeros_like(), cell.params.zeros_like()
    one.flat[...] = two.flat[...] = 1.0  # gradients are added to what is there
    dx, d = shared.plain_back(cell, plain.trace, mask, dh, dstate, one)
    fused_dx, fused_d = kernel.backward(cell, fused.trace.blocks, mask, dh, dstate, two)
    kernel.backward(cell, fused.trace.blocks, mask, 2.0 * dh, dstate, cell.params.zeros_like())
    pairs = [*zip(plain.trace, fused.trace, strict=True), *zip(plain.state, fused.state, strict=True)]
    if hasattr(kernel, "outputs"):
        alone = kernel.outputs(cell, x, state, mask)
        kernel.outputs(cell, 2.0 * x, state, mask)
        pairs += [(plain.h, alone.h), *zip(plain.state, alone.state, strict=True)]
    pairs += [(dx, fused_dx), *zip(d, fused_d, strict=True), (one.flat, two.flat)]
    return max(float(np.max(np.abs(a - b))) for a, b in pairs)


def one_sequence(ll):
    assert max(_all(ll, kind, 1, False) for kind in KINDS) < 1e-12


def a_batch(ll):
    assert max(_all(ll, kind, 4, False) for kind in KINDS) < 1e-12


def a_padded_batch(ll):
    assert max(_all(ll, kind, 4, True) for kind in KINDS) < 1e-12


def a_batch_in_blocks(ll):
    small = importlib.import_module(SMALL)
    small.SMALL, small.pays = 120, lambda: True
    assert max(_all(ll, kind, 4, False) for kind in KINDS) < 1e-12


def windows(ll):
    rng = np.random.default_rng(8)
    x, dh = rng.normal(size=(9, 4, 2)), rng.normal(size=(9, 4, 3))
    for cell in (_make(ll, kind, 2, 3) for kind in KINDS):
        gradients = []
        for way in (ll.kernels.plain, ll.kernels.fused):
            with way():
                gradients.append(ll.truncated_backprop(cell, ll.unroll(cell, x), dh, 4, every=3).grads.flat)
        assert np.max(np.abs(gradients[0] - gradients[1])) < 1e-12


def a_candidate_beside_a_large_state(ll):
    cell = _make(ll, "GRU", 2, 3)
    for name in ("W_z", "W_r", "W"):
        cell.params[name] = np.zeros((3, 5))
    cell.params["b_z"] = np.full(3, 50.0)
    run = importlib.import_module(GRU).forward(
        cell, np.ones((1, 1, 2)), cell.State(np.full((1, 3), 1e9)), None
    )
    assert np.max(np.abs(run.h - run.trace.h_tilde)) < 1e-12


def a_derived_cell(ll):
    class Still(ll.RNN):
        def step(self, x_t, state):
            return state, super().step(x_t, state)[1]

    assert np.all(ll.unroll(Still(20, 30, xp=np), np.ones((100, 2, 20))).state.h == 0.0)


WITNESSES = [
    one_sequence,
    a_batch,
    a_padded_batch,
    a_batch_in_blocks,
    windows,
    a_candidate_beside_a_large_state,
    a_derived_cell,
]
