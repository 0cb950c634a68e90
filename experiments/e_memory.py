"""What is remembered, over which lag: gradients at a distance, Reber, recall, order, and what is inside."""

from __future__ import annotations

from functools import cache, partial
from statistics import median
from typing import Any

import numpy as np

import lstmlab as ll
from experiments.common import (
    DTYPE,
    Streams,
    all_at_least,
    all_at_most,
    learn,
    lstm,
    median_at_most,
    most,
    part_of,
    rnn,
    streams,
    wrong_on,
)
from experiments.harness import Experiment, Measurements, Rule
from lstmlab import data, diagnostics
from lstmlab.initializers import chrono, orthogonal
from lstmlab.models.base import add_gradients
from lstmlab.models.classifier import LabelledBatch, SequenceClassifier, SequenceTagger

ADAM = "Adam, gradient clipped to norm 1, float32, first weights U(±1/√n_h), biases 0 but b_f"


# --- E1: how gradients shrink or grow with the lag, without any training -------------------------


def gradient_over_lag(seed: int) -> Measurements:
    """Norm of the derivative of v·h_T by the state, from the last step to the first."""
    n_x, n_h, T, B = 8, 64, 100, 8
    weights, _, _, test = streams(seed)
    x, v = test.normal(size=(T, B, n_x)), test.normal(size=n_h)
    found: Measurements = {}

    def measure(name: str, cell: ll.LSTM | ll.RNN) -> None:
        run = ll.unroll(cell, x)
        dh = np.zeros_like(run.h)
        dh[-1] = v
        fields = diagnostics.gradient_norms_over_lag(cell, run, dh)
        norms = np.sqrt(sum(norm**2 for norm in fields))  # of the whole state, (T + 1, B)
        factors = [diagnostics.growth_rate(a, b, T) for a, b in zip(norms[0], norms[T], strict=True)]
        found[f"factor a step, {name}"] = median(factors)
        found[f"norm at lag 100, {name}"] = float(np.median(norms[T]))

    for b_f in (0, 1, 3, 5):
        cell = ll.LSTM(n_x, n_h, rng=weights)
        cell.params["b_f"][...] = b_f
        measure(f"LSTM b_f={b_f}", cell)
    measure("RNN uniform", ll.RNN(n_x, n_h, rng=weights))
    plain = ll.RNN(n_x, n_h, rng=weights)
    plain.params["W"][:, :n_h] = orthogonal(weights, n_h, 1.0)
    measure("RNN orthogonal", plain)
    return found


FACTORS = [f"factor a step, LSTM b_f={b_f}" for b_f in (0, 1, 3, 5)]
E1 = Experiment(
    "E1",
    "How fast gradients shrink or grow with the lag, before any training",
    gradient_over_lag,
    [
        Rule(
            "LSTM: the factor a step grows with b_f, 0 < 1 < 3 < 5, with every seed",
            lambda m: all(list(f) == sorted(f) for f in zip(*(m[key] for key in FACTORS), strict=True)),
        ),
        Rule(
            "the norm at lag 100 with b_f=3 is more than 1000 times that with b_f=1, with every seed",
            lambda m: all(
                a > 1e3 * b
                for a, b in zip(
                    m["norm at lag 100, LSTM b_f=3"], m["norm at lag 100, LSTM b_f=1"], strict=True
                )
            ),
        ),
        Rule(
            "being an LSTM is not enough: with b_f=1 its median factor is below the orthogonal RNN's",
            lambda m: median(m[FACTORS[1]]) < median(m["factor a step, RNN orthogonal"]),
        ),
        all_at_least(FACTORS[3], 1.0),
    ],
    settings={
        "cells": "n_x=8, n_h=64, float64, untrained, weights U(±1/√n_h); in the orthogonal RNN W_h alone is "
        "orthogonal; stronger inputs saturate the RNN and make its factor smaller",
        "input": "N(0, 1), T=100, 8 sequences, the median of them",
        "loss": "v·h_T with v from N(0, 1); the norm is that of the derivative by h and C together",
    },
    source="Pascanu, Mikolov and Bengio (2013); Jozefowicz, Zaremba and Sutskever (2015)",
)


# --- E2, E2b: the embedded Reber grammar ---------------------------------------------------------


#: Strings up to this length are few, and each is common: all are for training.
SHORT = 12


def reber(grammar: data.Grammar, b_f: float, steps: int, seed: int) -> Measurements:
    """Both networks learn to predict the next symbol; a string is right if every prediction is legal."""
    s = streams(seed)

    @cache
    def kind(string: str) -> str:
        return "train" if len(string) <= SHORT else part_of(string, seed)

    def draw(part: str, distinct: bool, B: int, rng: np.random.Generator) -> data.NextSymbolBatch:
        strings: list[str] = []
        while len(strings) < B:
            string = grammar.sample(rng)
            if kind(string) == part and not (distinct and string in strings):
                strings.append(string)
        sets = [grammar.legal_sets(string) for string in strings]
        return data.next_symbol_batch(strings, sets, data.REBER_SYMBOLS, DTYPE)

    check, test = draw("check", True, 256, s.check), draw("test", True, 512, s.test)

    def right(model: SequenceTagger, batch: data.NextSymbolBatch) -> float:
        return float(data.all_legal(model.logits(batch.x, batch.lengths), batch).mean())

    found: Measurements = {}
    for name, cell in (("LSTM", lstm(7, 16, s.weights, b_f=b_f)), ("RNN", rnn(7, 16, s.weights))):
        model = SequenceTagger(cell, 7, rng=s.weights)
        found[f"{name} steps"] = learn(
            model,
            partial(draw, "train", False, 32),
            s.train,
            steps=steps,
            lr=1e-2,
            error=lambda model: 1.0 - right(model, check),
        )
        found[name] = right(model, test)
    return found


REBER = {
    "network": "n_h=16, read-out of every step",
    "training": f"{ADAM}, batches of 32 strings, until all 256 strings for checking are right",
    "test": "512 different strings, longer than 12 symbols; those are split by a checksum, half for "
    "training, a quarter each for checking and testing, so that none that is tested was trained on; a string "
    "counts if the largest score is legal at every step",
    "chance": "0.5 for a network that knows the grammar but not the symbol to be remembered",
}
E2 = Experiment(
    "E2",
    "Embedded Reber grammar, three inner strings in a row: the second symbol must come again at the end",
    partial(reber, data.EMBEDDED_REBER_3, 3.0, 1000),
    [most("LSTM", 0.98), median_at_most("RNN", 0.7)],
    settings={**REBER, "budget": "b_f=3, lr 0.01, at most 1000 steps, both networks"},
    source="Hochreiter and Schmidhuber (1997), experiment 1, made longer",
)
E2B = Experiment(
    "E2b",
    "Embedded Reber grammar as published: a test of the code, since the RNN solves it too",
    partial(reber, data.EMBEDDED_REBER, 1.0, 1500),
    [most("LSTM", 0.98, 3, 3), most("RNN", 0.98, 2, 3)],
    seeds=(0, 1, 2),
    settings={**REBER, "budget": "b_f=1, lr 0.01, at most 1500 steps, both networks"},
    source="Hochreiter and Schmidhuber (1997), experiment 1",
)


# --- E3: recall past distractors -----------------------------------------------------------------


def recall_batch(lag: int, B: int, rng: np.random.Generator) -> LabelledBatch:
    return LabelledBatch(*data.distractor_recall(lag, B, K=4, rng=rng, dtype=DTYPE))


def recall(model: SequenceClassifier, s: Streams, lag: int, steps: int, goal: float = 0.002) -> int:
    """Train a network to recall past distractors."""
    error = wrong_on(recall_batch(lag, 512, s.check))
    return learn(
        model,
        partial(recall_batch, lag, 64),
        s.train,
        steps=steps,
        lr=5e-3,
        error=error,
        goal=goal,
        every=25,
    )


def recall_past_distractors(seed: int) -> Measurements:
    """Both networks are to name the first symbol after 49 others."""
    s, lag = streams(seed), 50
    test = recall_batch(lag, 1000, s.test)
    found: Measurements = {}
    for name, cell in (("LSTM", lstm(6, 24, s.weights, b_f=3.0)), ("RNN", rnn(6, 24, s.weights))):
        model = SequenceClassifier(cell, 4, rng=s.weights)
        found[f"{name} steps"] = recall(model, s, lag, 600)
        found[name] = model.accuracy(test)
    return found


RECALL = f"K=4 symbols, n_h=24, b_f=3, {ADAM}, lr 0.005, batches of 64, read-out of the last step"
E3 = Experiment(
    "E3",
    "Recall of the first of 50 symbols, the others being distractors",
    recall_past_distractors,
    [most("LSTM", 0.95), all_at_most("RNN", 0.35)],
    settings={
        "task": "lag 50; fresh sequences, of which there are 4 to the power of 50",
        "training": f"{RECALL}, at most 600 steps, until 99.8 % of 512 sequences for checking are right",
        "test": "1000 sequences",
        "chance": 0.25,
    },
    source="after Hochreiter and Schmidhuber (1997), experiment 2",
)


# --- E4: the forget bias -------------------------------------------------------------------------


def forget_bias(seed: int) -> Measurements:
    """The same network with five first biases of the forget gate, and the plain network."""
    T, K, n_h = 30, 8, 32
    s = streams(seed)
    x = np.zeros((T, K, K), dtype=DTYPE)
    x[0] = np.eye(K)
    every_sequence = LabelledBatch(x, np.arange(K))
    cells: dict[str, ll.LSTM | ll.RNN] = {
        f"LSTM b_f={b_f}": lstm(K, n_h, s.weights, b_f=b_f) for b_f in (0, 1, 2, 3)
    }
    cells["LSTM chrono"] = with_chrono = lstm(K, n_h, s.weights, b_f=1.0)
    for name, bias in zip(("b_f", "b_i"), chrono(s.weights, n_h, T), strict=True):
        with_chrono.params[name][...] = bias
    cells["RNN"] = rnn(K, n_h, s.weights)
    found: Measurements = {}
    for name, cell in cells.items():
        model = SequenceClassifier(cell, K, rng=s.weights)
        learn(
            model,
            lambda rng: LabelledBatch(*data.blank_recall(T, 64, K=K, rng=rng, dtype=DTYPE)),
            s.train,
            steps=300,
            lr=5e-3,
            error=wrong_on(every_sequence),
        )
        found[name] = model.accuracy(every_sequence)
    return found


E4 = Experiment(
    "E4",
    "The forget gate's first bias decides: recall of one of 8 symbols over 29 silent steps, in 300 steps",
    forget_bias,
    [
        most("LSTM b_f=3", 0.95),
        most("LSTM chrono", 0.95),
        median_at_most("LSTM b_f=1", 0.5),
        all_at_most("LSTM b_f=0", 0.25),
    ],
    settings={
        "task": "T=30, K=8; there are only 8 sequences, so all of them are trained on and tested: the "
        "question is whether a network learns at all",
        "training": f"n_h=32, {ADAM}, lr 0.005, batches of 64, at most 300 steps, the first all-right "
        "network of every 50 steps, or else the best; chrono has T_max=30",
        "chance": 0.125,
    },
    source="Jozefowicz, Zaremba and Sutskever (2015); Tallec and Ollivier (2018)",
)


# --- E5: truncated backpropagation ---------------------------------------------------------------


class Truncated(SequenceClassifier):
    """A classifier whose gradient goes back through k cells only; with k=0 the cell is never trained."""

    def __init__(self, cell: ll.LSTM, n_classes: int, k: int, *, rng: np.random.Generator) -> None:
        super().__init__(cell, n_classes, rng=rng)
        self.k = k

    def _back(self, done: Any, dh: Any, dstate: Any, grads: Any) -> None:
        if self.k:
            back = ll.truncated_backprop(self.cell, done.run, dh, self.k, dstate=dstate)
            add_gradients(grads.parts["cell"], back.grads)


def truncation(seed: int) -> Measurements:
    """Recall over a lag of 30, with the gradient carried back through k cells only."""
    s, lag = streams(seed), 30
    test = recall_batch(lag, 1000, s.test)
    first = s.weights.integers(2**32)
    found: Measurements = {}
    for k in (0, 1, 15, 30, 31):  # 0: the cell is not trained at all
        weights = np.random.default_rng(first)  # the same for every k
        model = Truncated(lstm(6, 24, weights, b_f=3.0), 4, k, rng=weights)
        recall(model, s, lag, 250)
        found[f"LSTM k={k}" if k else "untrained LSTM, trained read-out"] = model.accuracy(test)

    cell = lstm(6, 24, s.weights, b_f=3.0)
    run = ll.unroll(cell, test.x)
    dh = np.zeros_like(run.h)
    dh[-1] = 1.0
    for k in (30, 31):
        dx = ll.truncated_backprop(cell, run, dh, k).dx
        found[f"largest entry of dL/dx_0, k={k}"] = float(np.abs(dx[0]).max())
    return found


E5 = Experiment(
    "E5",
    "Truncated backpropagation learns no dependence longer than k: recall over 30 steps takes k=31",
    truncation,
    [
        all_at_least("LSTM k=31", 0.99),
        *(all_at_most(f"LSTM k={k}", 0.85) for k in (1, 15, 30)),
        Rule(
            "dL/dx_0 is exactly zero with k=30 and not with k=31",
            lambda m: (
                max(m["largest entry of dL/dx_0, k=30"]) == 0.0 < min(m["largest entry of dL/dx_0, k=31"])
            ),
        ),
    ],
    settings={
        "task": "distractor recall, lag 30, which is 31 cells; at lag 20, with 400 steps, the trace "
        "that an untrained cell keeps can be trained to 0.88 with k=20",
        "training": f"{RECALL}, at most 250 steps, until 99.8 % of 512 sequences for checking are right; "
        "the same first weights for every k",
        "test": "1000 sequences",
        "chance": "0.25; an untrained LSTM keeps a trace of the symbol, which its read-out finds",
    },
    source="Williams and Peng (1990)",
)


# --- E7: temporal order --------------------------------------------------------------------------


def order(seed: int) -> Measurements:
    """In which order came two symbols far apart? With two biases, and the plain network."""
    T, n_h = 50, 16
    s = streams(seed)

    def draw(B: int, rng: np.random.Generator) -> LabelledBatch:
        return LabelledBatch(*data.temporal_order(T, B, rng=rng, dtype=DTYPE))

    check, test = draw(512, s.check), draw(1000, s.test)
    cells: dict[str, ll.LSTM | ll.RNN] = {
        "LSTM b_f=3": lstm(8, n_h, s.weights, b_f=3.0),
        "LSTM b_f=0": lstm(8, n_h, s.weights, b_f=0.0),
        "RNN": rnn(8, n_h, s.weights),
    }
    found: Measurements = {}
    for name, cell in cells.items():
        model = SequenceClassifier(cell, 4, rng=s.weights)
        found[f"{name} steps"] = learn(
            model,
            partial(draw, 64),
            s.train,
            steps=500,
            lr=5e-3,
            error=wrong_on(check),
            goal=0.002,
        )
        found[name] = model.accuracy(test)
    return found


E7 = Experiment(
    "E7",
    "Temporal order: which of two symbols came first, 20 steps apart or more",
    order,
    [most("LSTM b_f=3", 0.99), median_at_most("LSTM b_f=0", 0.5), median_at_most("RNN", 0.4)],
    settings={
        "task": "T=50, 4 classes; fresh sequences",
        "training": f"n_h=16, {ADAM}, lr 0.005, batches of 64, at most 500 steps, until 99.8 % of 512 "
        "sequences for checking are right",
        "test": "1000 sequences",
        "chance": 0.25,
    },
    source="Hochreiter and Schmidhuber (1997), experiment 6a",
)


# --- E15, E16: inside a network that recalls -----------------------------------------------------


def inside(seed: int) -> tuple[Streams, dict[str, SequenceClassifier]]:
    """Return an untrained network and the same one after it has learnt to recall over 20 steps."""
    networks = {}
    for name in ("untrained", "trained"):
        s = streams(seed)
        networks[name] = SequenceClassifier(lstm(6, 24, s.weights, b_f=3.0), 4, rng=s.weights)
    recall(networks["trained"], s, LAG, 400)
    return s, networks


LAG = 20


def half_lives(seed: int) -> Measurements:
    """How long each unit would keep half of its cell state, while the distractors come."""
    s, networks = inside(seed)
    test = recall_batch(LAG, 512, s.test)
    found: Measurements = {}
    for name, model in networks.items():
        steps = diagnostics.unit_half_lives(ll.unroll(model.cell, test.x).trace.f[1:LAG])
        found[f"median half-life, {name}"] = float(np.median(steps))
        found[f"longest half-life, {name}"] = float(np.max(steps))
        found[f"accuracy, {name}"] = model.accuracy(test)
    return found


E15 = Experiment(
    "E15",
    "Units learn to keep their cell state for about as long as the task asks",
    half_lives,
    [
        Rule(
            "the median half-life grows with training, with every seed",
            lambda m: all(
                after > before
                for before, after in zip(
                    m["median half-life, untrained"], m["median half-life, trained"], strict=True
                )
            ),
        ),
        all_at_least("longest half-life, trained", LAG),
    ],
    settings={
        "network": f"that of E3 at lag {LAG}: {RECALL}",
        "half-life": "ln ½ / ln f̄ of each unit, f̄ the geometric mean of its forget gate over the 19 "
        "distractors of 512 sequences",
    },
    source="this course",
)


def information(seed: int) -> Measurements:
    """What single units, and all together, tell about the first symbol after the last distractor."""
    s, networks = inside(seed)
    test = recall_batch(LAG, 4000, s.test)
    found: Measurements = {}
    for name, model in networks.items():
        C = ll.unroll(model.cell, test.x).trace.C[LAG - 1 : LAG]
        told = diagnostics.symbol_information(test.labels, C, bins=16, base=np.e)
        found[f"best unit (nats), {name}"] = float(told.best[0])
        found[f"linear decoder, {name}"] = float(diagnostics.decoder_accuracy(test.labels, C)[0])
    return found


E16 = Experiment(
    "E16",
    "A single unit comes to hold nearly all of ln 4 = 1.386 nats about the symbol to be remembered",
    information,
    [all_at_least("best unit (nats), trained", 1.2), all_at_most("best unit (nats), untrained", 0.3)],
    settings={
        "network": f"that of E3 at lag {LAG}: {RECALL}",
        "estimate": "4000 sequences, cell state after the last distractor in 16 quantile bins, corrected as "
        "by Miller and Madow; the unit is chosen on one half of the sequences and measured on the other",
        "decoder": "linear, fitted to one half; it finds a good part of the symbol in an untrained network "
        "too, so being readable proves nothing about training",
    },
    source="Miller (1955) for the correction",
)

EXPERIMENTS = [E1, E2, E2B, E3, E4, E5, E7, E15, E16]
