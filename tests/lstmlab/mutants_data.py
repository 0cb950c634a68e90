"""The famous mistakes of preparing data: leaks, shifts by one, wrong logarithms, rows in disorder."""

from __future__ import annotations

import importlib

import numpy as np
from mutants import Mutant

DATA = "lstmlab.data."

MUTANTS = [
    # strings and languages
    Mutant(
        "the embedded string ends as it likes",
        DATA + "reber",
        "arcs.append({remembered: 0})",
        'arcs.append({"T": 0, "P": 0})',
        "both symbols are legal before the end: nothing is left to remember",
    ),
    Mutant(
        "the other symbol is to be remembered",
        DATA + "reber",
        "arcs.append({remembered: 0})",
        'arcs.append({"T": 0} if remembered == "P" else {"P": 0})',
        "the wrong branch, which a network learns as easily",
    ),
    Mutant(
        "an arc of the Reber graph goes astray",
        DATA + "reber",
        '{"P": 4, "V": 6}',
        '{"P": 3, "V": 6}',
        "one number of the graph",
    ),
    Mutant(
        "legal sets of the symbol itself",
        DATA + "reber",
        "for t in range(1, len(string))]",
        "for t in range(0, len(string) - 1)]",
        "what may stand at t for what may stand at t + 1",
    ),
    Mutant(
        "inputs and targets are the same symbol",
        DATA + "symbols",
        "pad([a[1:] for a in numbers])",
        "pad([a[:-1] for a in numbers])",
        "a network that copies is right everywhere",
    ),
    Mutant(
        "padding counts as a mistake",
        DATA + "symbols",
        "return np.asarray(np.all(good | past_end, axis=0))",
        "return np.asarray(np.all(good, axis=0))",
        "only the longest string can be right",
    ),
    Mutant(
        "the end comes one letter early",
        DATA + "languages",
        "sets += [{letter}] * (n - 1) + [{following}]",
        "sets += [{letter}] * (n - 2) + [{following}] * 2",
        "n - 1 for n when counting down",
    ),
    Mutant(
        "entropy in nats",
        DATA + "languages",
        "self.transition * np.log2(self.transition)",
        "self.transition * np.log(self.transition)",
        "the natural logarithm under the name of bits",
    ),
    Mutant(
        "entropy without the stationary distribution",
        DATA + "languages",
        "np.sum(self.stationary() * uncertainty)",
        "np.mean(uncertainty)",
        "every context taken for equally likely",
    ),
    Mutant(
        "context in reverse",
        DATA + "languages",
        "(context * V + v) % n",
        "context // V + v * (n // V)",
        "the newest symbol dropped instead of the oldest",
    ),
    # tasks
    Mutant(
        "target of adding shifted",
        DATA + "synthetic",
        "y = values[first, columns] + values[second, columns]",
        "y = values[first - 1, columns] + values[second - 1, columns]",
        "the numbers before the marked ones",
    ),
    Mutant(
        "both marks may fall together",
        DATA + "synthetic",
        "rng.integers(T // 2, T, size=B)",
        "rng.integers(0, T, size=B)",
        "one mark for two numbers, in some sequences only",
    ),
    Mutant(
        "last distractor asked for",
        DATA + "synthetic",
        "return ClassBatch(x, symbols[0])",
        "return ClassBatch(x, symbols[-2])",
        "a task without a lag",
    ),
    Mutant(
        "order of X and Y forgotten",
        DATA + "synthetic",
        "2 * first + second",
        "2 * second + first",
        "XY and YX exchange names",
    ),
    Mutant(
        "copy answers begin at the signal",
        DATA + "synthetic",
        "targets[S + delay :] = symbols",
        "targets[S + delay - 1 : -1] = symbols",
        "one step early",
    ),
    Mutant(
        "the 11th becomes the 11st",
        DATA + "dates",
        '"th" if 11 <= day.day <= 13 else ',
        "",
        "English has three exceptions to its exceptions",
    ),
    Mutant(
        "decoder reads what it shall write",
        DATA + "dates",
        "np.concatenate([start, y[:-1]])",
        "np.concatenate([y[:1], y[1:]])",
        "teacher forcing without the shift",
    ),
    # text
    Mutant(
        "stateful rows in disorder",
        DATA + "text",
        "x = numbers[: B * row].reshape(B, row).T",
        "x = numbers[: B * row].reshape(row, B)",
        "symbols dealt out like cards: no column is a text",
    ),
    Mutant(
        "targets of text are its inputs",
        DATA + "text",
        "return TextBatch(numbers[steps], numbers[steps + 1])",
        "return TextBatch(numbers[steps], numbers[steps])",
        "no shift by one",
    ),
    Mutant(
        "held-out text begins inside the training text",
        DATA + "text",
        "return TextSplit(numbers[:n_train], numbers[n_train:stop])",
        "return TextSplit(numbers[:n_train], numbers[n_train - 1 : stop])",
        "parts that overlap",
    ),
    Mutant(
        "n-gram bits in nats",
        DATA + "text",
        "np.log2(self._probability",
        "np.log(self._probability",
        "a baseline that looks 31 % better than it is",
    ),
    Mutant(
        "probabilities do not sum to one",
        DATA + "text",
        "return (seen + self.k) / (context + self.k * self.V)",
        "return (seen + self.k) / (context + self.k)",
        "k added once in the denominator",
    ),
    Mutant(
        "a short context leaned on as if it were the long one",
        DATA + "interpolated",
        'wanted = order.codes("ids", ids)[self.n - m :]',
        'wanted = order.codes("ids", ids)[: len(p)]',
        "each order judges another symbol",
    ),
    Mutant(
        "n-grams lean by occurrences instead of different symbols",
        DATA + "interpolated",
        "known = context > 0",
        "known, different = context > 0, context",
        "half of every count is given away",
    ),
    # series
    Mutant(
        "windows off by one",
        DATA + "forecasting",
        "series[origins + np.arange(-lags, 0)[:, None]]",
        "series[origins + np.arange(-lags + 1, 1)[:, None]]",
        "the target is the last input: a perfect forecast",
    ),
    Mutant(
        "last window lost",
        DATA + "forecasting",
        "origins = np.arange(start, stop - horizon + 1)",
        "origins = np.arange(start, stop - horizon)",
        "the end that range leaves out",
    ),
    Mutant(
        "training targets reach into the test part",
        DATA + "forecasting",
        "origins = np.arange(start, stop - horizon + 1)",
        "origins = np.arange(start, min(stop, len(series) - horizon + 1))",
        "only the first step of a horizon is kept on its side",
    ),
    Mutant(
        "scaler fitted on everything",
        DATA + "series",
        "scaler = Scaler(series[:n_train])",
        "scaler = Scaler(series)",
        "the commonest leak of all",
    ),
    Mutant(
        "scaler forgets the mean on the way back",
        DATA + "series",
        "* self.scale + self.mean",
        "* self.scale",
        "forecasts in the right unit around zero",
    ),
    Mutant(
        "folds overlap their past",
        DATA + "forecasting",
        "slice(end, end + horizon))",
        "slice(end - 1, end - 1 + horizon))",
        "the last training value is judged",
    ),
    Mutant(
        "seasonal forecast looks ahead",
        DATA + "forecasting",
        "places - period + ahead % period",
        "np.minimum(places - period + ahead, len(series) - 1)",
        "beyond one period it reads what is to be forecast",
    ),
    Mutant(
        "coefficients in reverse",
        DATA + "forecasting",
        "x[::-1, :, 0].T",
        "x[:, :, 0].T",
        "the farthest past fitted, the nearest multiplied",
    ),
    Mutant(
        "the error still to come is not counted",
        DATA + "intervals",
        "math.ceil((R + 1) * level - 1e-9)",
        "math.ceil(R * level - 1e-9)",
        "an interval too narrow for its promise",
    ),
    Mutant(
        "errors sorted with their signs",
        DATA + "intervals",
        "sizes = np.abs(np.asarray(errors, dtype=np.float64))",
        "sizes = np.asarray(errors, dtype=np.float64)",
        "what is too low by much counts as small",
    ),
    Mutant(
        "only one end of the interval",
        DATA + "intervals",
        "(low <= y) & (y <= high)",
        "y <= high",
        "coverage of half a line",
    ),
    Mutant(
        "the delay is one grid step too long",
        DATA + "series",
        "old, new = x[i - delay], x[i - delay + 1]",
        "old, new = x[max(i - delay - 1, 0)], x[i - delay]",
        "an index that begins at one",
    ),
    # batches
    Mutant(
        "inputs and targets shuffled apart",
        DATA + "batches",
        "np.take(a, order[i : min(i + size, stop)], axis)",
        "np.take(a, order[i : min(i + size, stop)] if axis else np.arange(i, min(i + size, stop)), axis)",
        "one array in its own order",
    ),
    Mutant(
        "last batch dropped unasked",
        DATA + "batches",
        "stop = n - n % size if drop_last else n",
        "stop = n - n % size",
        "sequences that are never seen",
    ),
]


def strings(ll):
    """Legal sets and strings of both embedded grammars, and the criterion."""
    data = importlib.import_module("lstmlab.data")
    for grammar, mean in ((data.EMBEDDED_REBER, 12), (data.EMBEDDED_REBER_3, 28)):
        rng, total = np.random.default_rng(0), 0
        for _ in range(150):
            string = grammar.sample(rng)
            total += len(string)
            sets = grammar.legal_sets(string)
            assert string[1] == string[-2]
            assert sets[0] == {"T", "P"}
            assert sets[-2] == {string[1]}
            assert sets[-1] == {"E"}
        assert abs(total / 150 / mean - 1) < 0.12
    assert data.REBER.accepts("BTXXVPSE")
    assert data.REBER.accepts("BPVPXVPSE")
    assert not data.REBER.accepts("BPVPTVVE")
    batch = data.reber_batch(data.EMBEDDED_REBER, 8, rng=0)
    assert (batch.x[1, :, :].argmax(1) == batch.targets[0]).all()
    assert data.all_legal(batch.legal.astype(float), batch).all()


def languages(ll):
    """Counting by hand; an entropy rate by power iteration."""
    data = importlib.import_module("lstmlab.data")
    a, b, ab, c, end = (frozenset(s) for s in ("a", "b", "ab", "c", "T"))
    assert data.counting_legal_sets(2) == [a, ab, ab, b, end]
    assert data.counting_legal_sets(3, "abc") == [a, ab, ab, ab, b, b, c, c, c, end]
    source = data.MarkovSource.random(3, 2, rng=0)
    pi = np.full((3, 3), 1 / 9)
    for _ in range(500):
        pi = np.einsum("ab,abc->bc", pi, source.transition)
    rate = -np.sum(pi[..., None] * source.transition * np.log(source.transition)) / np.log(2)
    assert abs(rate - source.entropy_rate) < 1e-9


def tasks(ll):
    """Every target found again in its input."""
    data = importlib.import_module("lstmlab.data")
    x, y = data.adding(8, 60, rng=0)
    assert np.allclose((x[..., 0] * x[..., 1]).sum(0), y[:, 0])
    assert (x[..., 1].sum(0) == 2).all()
    x, targets = data.distractor_recall(5, 60, rng=0)
    assert (x[0, :, :4].argmax(1) == targets).all()
    x, targets = data.temporal_order(20, 60, rng=0)
    for b in range(60):
        text = data.ORDER_SYMBOLS.decode(x[:, b].argmax(1))
        assert "".join(s for s in text if s in "XY") == data.ORDER_CLASSES[targets[b]]
    x, targets, recall = data.copy(3, 2, 20, rng=0)
    assert np.array_equal(targets[recall], x[:3].argmax(2))
    day = importlib.import_module("datetime").date(2021, 11, 11)
    assert data.write_date(day, "ordinal day")[0] == "11th November 2021"
    batch = data.date_batch(data.all_days(), 5, rng=0)
    assert [data.ISO_SYMBOLS.decode(batch.y_in[:, b]) for b in range(5)] == ["^" + s[:-1] for s in batch.iso]


def texts(ll):
    """Continuity by hand, n-grams by hand."""
    data = importlib.import_module("lstmlab.data")
    batches = list(data.stateful_batches(range(21), 5, 2))
    assert [b.x.T.tolist() for b in batches] == [
        [[0, 1, 2, 3, 4], [10, 11, 12, 13, 14]],
        [[5, 6, 7, 8, 9], [15, 16, 17, 18, 19]],
    ]
    assert all((b.y == b.x + 1).all() for b in batches)
    batch = data.random_windows(range(30), 4, 5, rng=0)
    assert (batch.y == batch.x + 1).all()
    assert not set.intersection(*(set(part.tolist()) for part in data.split_text(range(9), 6)))
    leaning = importlib.import_module("lstmlab.data.interpolated").WittenBell([0, 1, 0, 1, 1], 2, 2)
    assert np.allclose(leaning.distribution([0]), [1 - (2 + 4 / 7) / 3, (2 + 4 / 7) / 3])
    model = data.NGram([0, 1, 0, 1, 0], 2, 3, k=1.0)
    assert np.allclose(model.distribution([0]), [0.2, 0.6, 0.2])
    assert abs(2 ** -model.bits([0, 1]) - 0.6) < 1e-12


def series(ll):
    """Windows, folds and forecasts by hand; the test part changed without anything else changing."""
    data = importlib.import_module("lstmlab.data")
    values = np.arange(10.0) ** 2
    w = data.windows(values, 2, 2, last=6)
    assert w.x[..., 0].T.tolist() == [[0, 1], [1, 4], [4, 9]]
    assert w.y[..., 0].T.tolist() == [[4, 9], [9, 16], [16, 25]]
    train, _, scaler = data.split_and_scale(values, 5)
    assert abs(train.mean()) < 1e-12
    assert np.allclose(scaler.inverse(scaler.transform(values)), values)
    for past, ahead in data.walk_forward(9, 3, horizon=2):
        assert past.stop == ahead.start
    assert data.seasonal_naive(values, [4], 2, 4).ravel().tolist() == [4, 9, 4, 9]
    assert data.half_width([-3.0, 1.0, 2.0], 0.6) == 3.0
    assert data.coverage([1.0, 5.0], [2.0, 4.0], [3.0, 6.0]) == 0.5
    x = [1.0, 0.5]
    for _ in range(20):
        x.append(0.1 + 0.7 * x[-1] - 0.9 * x[-2])
    assert np.allclose(data.AR(x, 2).coefficients, [0.7, -0.9])
    glass = data.mackey_glass(2, rng=0, tau=0.1, discard=0)  # a delay so short that it is nearly none
    longer = data.mackey_glass(8, rng=3, tau=5, discard=0)
    x0 = np.random.default_rng(3).uniform(0.8, 1.2)
    drive = 2 * x0 / (1 + x0**10)
    assert np.allclose(longer[:6], drive + (x0 - drive) * np.exp(-0.1 * np.arange(6)), atol=1e-9)
    finer = data.mackey_glass(8, rng=3, tau=5, discard=0, steps=20)
    assert np.abs(longer - finer).max() < 1e-5
    assert np.isfinite(glass).all()


def batches(ll):
    """Pairs stay pairs, and all are seen."""
    data = importlib.import_module("lstmlab.data")
    y = np.arange(7)
    found = list(data.minibatches(y[None], y, batch_size=3, rng=0, axes=(1, 0)))
    assert all((a[0] == b).all() for a, b in found)
    assert sorted(np.concatenate([b for _, b in found]).tolist()) == list(range(7))


WITNESSES = [series, texts, languages, batches, tasks, strings]
