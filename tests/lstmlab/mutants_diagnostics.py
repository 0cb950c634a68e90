"""The famous mistakes of looking inside a cell, and of counting what it costs."""

from __future__ import annotations

import importlib
import math

import numpy as np
from mutants import Mutant

GATES, GRADIENTS = "lstmlab.diagnostics.gates", "lstmlab.diagnostics.gradients"
INFORMATION = "lstmlab.diagnostics.information"
OPERATIONS, FLOATS = "lstmlab.complexity.operations", "lstmlab.complexity.floats"
INSTRUMENT = "lstmlab.complexity.instrument"

MUTANTS = [
    # gates
    Mutant(
        "arithmetic for geometric mean",
        GATES,
        "return xp.mean(xp.where(positive, logs, xp.full_like(f, -math.inf)), axis=(0, 1))",
        "return xp.log(xp.mean(f, axis=(0, 1)))",
        "Mean(f) > 0.5 taken for good memory, as in the notes",
    ),
    Mutant(
        "spread over units for spread over time",
        GATES,
        "over_time = xp.sqrt(xp.mean(xp.var(gate, axis=0), axis=0))",
        "over_time = xp.sqrt(xp.mean(xp.var(gate, axis=2), axis=0))",
        "the axis of the units: diversity reported as selectivity",
    ),
    Mutant(
        "sequences pooled into the spread over time",
        GATES,
        "over_time = xp.sqrt(xp.mean(xp.var(gate, axis=0), axis=0))",
        "over_time = xp.std(gate, axis=(0, 1))",
        "gates that stand still, but elsewhere in each sequence, counted as selective",
    ),
    Mutant(
        "half-life to the base e",
        GATES,
        "steps = math.log(0.5) /",
        "steps = -1.0 /",
        "the time constant, until 1/e is left",
    ),
    Mutant(
        "open and closed share one side",
        GATES,
        "(gate < edge, gate > 1.0 - edge)",
        "(gate < edge, gate > edge)",
        "1 - edge forgotten: everything that is not closed is called open",
    ),
    Mutant(
        "correlation without the means taken away",
        GATES,
        "di, dC = (a - xp.mean(a, axis=(0, 1), keepdims=True) for a in (i, C_tilde))",
        "di, dC = i, C_tilde",
        "the cosine of two raw vectors",
    ),
    Mutant(
        "half the coin's entropy",
        GATES,
        "entropy(xp.stack([gate, 1.0 - gate]), axis=0, base=base)",
        "entropy(xp.stack([gate]), axis=0, base=base)",
        "-o log o alone",
    ),
    # information
    Mutant(
        "entropy in nats called bits",
        INFORMATION,
        "log_p = xp.log(xp.where(p > 0.0, p, xp.ones_like(p))) / math.log(base)",
        "log_p = xp.log(xp.where(p > 0.0, p, xp.ones_like(p)))",
        "the natural logarithm where bits were promised",
    ),
    Mutant(
        "bias made twice as large",
        INFORMATION,
        "return plug_in + correction if corrected else plug_in",
        "return plug_in - correction if corrected else plug_in",
        "the sign of Miller and Madow's correction",
    ),
    Mutant(
        "correction in nats added to bits",
        INFORMATION,
        "correction = (K - 1) / (2 * N) / math.log(base)",
        "correction = (K - 1) / (2 * N)",
        "the textbook's formula, which is for the natural logarithm",
    ),
    Mutant(
        "best unit chosen and measured on the same sequences",
        INFORMATION,
        "best = [units(t, second)[units(t, first).argmax()] for t in range(T)]",
        "best = [units(t, slice(None)).max() for t in range(T)]",
        "the largest of many noisy numbers reported as a finding",
    ),
    Mutant(
        "decoder judged on what it was fitted to",
        INFORMATION,
        "fitted, tested = order[:N], order[N:]",
        "fitted, tested = order[:N], order[:N]",
        "training accuracy",
    ),
    Mutant(
        "bins of equal width",
        INFORMATION,
        'edges = np.quantile(host, np.arange(1, check_size("bins", bins)) / bins)',
        "edges = np.linspace(host.min(), host.max(), bins + 1)[1:-1]",
        "one far value leaves all others in one bin",
    ),
    Mutant(
        "shuffled in name only",
        INFORMATION,
        "draws.permutation(host)",
        "host",
        "the baseline equals the finding, and nothing is ever found",
    ),
    # gradients
    Mutant(
        "norm over the number of entries, not its root",
        GRADIENTS,
        "norm / math.sqrt(math.prod(W.shape))",
        "norm / math.prod(W.shape)",
        "a per-element norm that shrinks as the matrix grows",
    ),
    Mutant(
        "relative to the gradient itself",
        GRADIENTS,
        "norm, size = _norm(dW), _norm(W)",
        "norm, size = _norm(dW), _norm(dW)",
        "a share that is always one",
    ),
    Mutant(
        "lag counted from the beginning",
        GRADIENTS,
        "xp.flip(norm, axis=0) for norm in norms",
        "norm for norm in norms",
        "a plot of vanishing gradients that seem to grow with the lag",
    ),
    # cost
    Mutant(
        "a multiply-accumulate counted as one operation",
        OPERATIONS,
        "return 2 * self.macs",
        "return self.macs",
        "4 n_h (n_h + n_x) FLOPs, as in the notes",
    ),
    Mutant(
        "eight element-wise operations",
        OPERATIONS,
        "return Counts(products=3 * n_h, sums=n_h, sigmoid=3 * n_h, tanh=2 * n_h)",
        "return Counts(products=3 * n_h, sums=n_h, sigmoid=3 * n_h, tanh=n_h)",
        "the notes' 8 n_h: one tanh forgotten",
    ),
    Mutant(
        "backward as dear as forward",
        OPERATIONS,
        "products = Counts(macs=2 * 4 * n_h * n_z)",
        "products = Counts(macs=4 * n_h * n_z)",
        "only the gradient of the weights, none of the state",
    ),
    Mutant(
        "four gates an element are the memory",
        FLOATS,
        "return T * B * (n_x + 8 * n_h)",
        "return T * B * (4 * n_h)",
        "the notes' O(T n_h × 4), read as a count",
    ),
    Mutant(
        "segments of root T whatever a step stores",
        FLOATS,
        "math.sqrt(T * state / step)",
        "math.sqrt(T)",
        "O(√T) taken for √T",
    ),
    Mutant(
        "the third of a rerun counted in steps forward",
        OPERATIONS,
        "return 1.0 + again / (3 * T)",
        "return 1.0 + again / (2 * T)",
        "a step back taken for as cheap as a step forward: half more work",
    ),
    Mutant(
        "inner length left out",
        INSTRUMENT,
        "result.size * plain[0].shape[-1]",
        "result.size",
        "one operation for each entry of the product",
    ),
]


def near(got, want, what, tol=1e-12):
    np.testing.assert_allclose(got, want, rtol=tol, atol=tol, err_msg=what)


def gates(ll):
    D, xp = ll.diagnostics, ll.xp
    f = xp.asarray(np.tile([1.0, 0.02], 10)[:, None, None])
    near(float(D.geometric_mean(f)[0]), math.sqrt(0.02), "geometric mean")
    near(float(D.unit_half_lives(0.0 * f + 0.5)[0]), 1.0, "half-life")
    standing = D.gate_statistics(xp.asarray(np.broadcast_to([[0.1, 0.9], [0.3, 0.6]], (6, 2, 2)).copy()))
    near(ll.to_numpy(standing.over_time), 0.0, "spread over time")
    near(ll.to_numpy(standing.open), 0.0, "share of open gates")
    a = xp.asarray(np.linspace(0.1, 0.9, 9)[:, None, None])
    near(float(D.gate_correlation(a, 5.0 - a)[0]), -1.0, "correlation")
    near(float(D.bernoulli_entropy(0.0 * a + 0.5)[0]), 1.0, "entropy of a coin")


def information(ll):
    D, rng = ll.diagnostics, np.random.default_rng(0)
    four = np.arange(40) % 4
    near(D.label_entropy(four, corrected=False), 2.0, "entropy")
    near(D.label_entropy(four), 2.0 + 3 / 80 / math.log(2), "corrected entropy")
    noise, symbols = rng.normal(size=(2, 300, 30)), rng.integers(0, 2, size=300)
    empty = D.symbol_information(symbols[:100], rng.normal(size=(3, 100, 40)), bins=8)
    near(empty.best.mean(), 0.0, "best of empty units", tol=0.05)
    near(D.decoder_accuracy(symbols, noise, train=0.2), 0.5, "decoder of noise", tol=0.15)
    near(D.shuffled_information(four, four, shuffles=3).max(), 0.0, "shuffled", tol=0.3)
    near(np.bincount(D.quantile_bins(np.exp(3 * noise[0, :, 0]), 4)), [75] * 4, "bins")


def gradients(ll):
    D, xp = ll.diagnostics, ll.xp
    W, dW = xp.asarray([[3.0, 0.0, 0.0, 4.0]]), xp.asarray([[0.0, 2.0, 0.0, 0.0]])
    near(D.gradient_norm(W, dW), (2.0, 0.4, 1.0), "norms")
    dh = xp.asarray(np.eye(6)[:, 5:, None] * np.ones(2))
    cell = ll.RNN(1, 2)
    norms = D.gradient_norms_over_lag(cell, ll.unroll(cell, xp.ones((6, 1, 1))), dh).h
    near(float(norms[0, 0]), math.sqrt(2), "norm at lag 0")


def costs(ll):
    c = importlib.import_module("lstmlab.complexity")
    size = {"n_x": 2, "n_h": 3, "T": 2, "B": 2}
    found = c.measure(ll.LSTM(2, 3), T=2, B=2)
    for got, formula in (
        (found.forward, c.lstm_forward),
        (found.backward, c.lstm_backward),
        (found.stored, c.lstm_stored_floats),
    ):
        if got != formula(**size):
            raise AssertionError(f"{formula.__name__}: a run does {got}, the formula says {formula(**size)}")
    near(c.lstm_forward(2, 3).matrix_flops, 8 * 3 * 5, "operations of the matrix products")
    near(c.lstm_elementwise(3).elementwise, 9 * 3, "element-wise operations")
    near(c.best_segment(100, state=4, step=36), 100 / 30, "segment")
    near(c.checkpoint_work(12, 4), 4 / 3, "work with checkpoints")


WITNESSES = [gates, gradients, costs, information]
