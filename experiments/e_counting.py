"""Arithmetic in a cell state: adding, counting learnt, counting set by hand, copying."""

from __future__ import annotations

from functools import partial

import numpy as np

import lstmlab as ll
from experiments.common import (
    DTYPE,
    all_at_least,
    all_at_most,
    dropped,
    learn,
    lstm,
    median_at_least,
    median_at_most,
    most,
    part_of,
    rnn,
    streams,
)
from experiments.harness import Experiment, Measurements, Rule
from lstmlab import data
from lstmlab.models.classifier import SequenceTagger
from lstmlab.models.forecaster import ForecastBatch, Forecaster

ADAM = "Adam, gradient clipped to norm 1, float32, first weights U(±1/√n_h), biases 0 but b_f"


# --- E6: the adding problem ----------------------------------------------------------------------


def adding_batch(B: int, rng: np.random.Generator) -> ForecastBatch:
    """Draw the adding problem as a forecast of one number from 50 steps."""
    x, y = data.adding(50, B, rng=rng, dtype=DTYPE)
    return ForecastBatch(x, y[None])


def adding(seed: int) -> Measurements:
    """Both networks are to add two marked numbers among 50."""
    s = streams(seed)
    check, test = adding_batch(512, s.check), adding_batch(2000, s.test)
    found: Measurements = {"variance of the sum": float(np.var(test.y))}
    for name, cell in (("LSTM", lstm(2, 32, s.weights, b_f=1.0)), ("RNN", rnn(2, 32, s.weights))):
        model = Forecaster(cell, 1, mode="direct", rng=s.weights)
        found[f"{name} steps"] = learn(
            model,
            partial(adding_batch, 64),
            s.train,
            steps=1500,
            lr=5e-3,
            error=lambda model: model.loss(check),
            goal=0.006,
        )
        found[f"{name} mean squared error"] = model.loss(test)
    return found


E6 = Experiment(
    "E6",
    "Adding problem: the sum of the two marked numbers among 50",
    adding,
    [
        Rule(
            "LSTM mean squared error: at most 0.01 with 4 of 5 seeds or more",
            lambda m: sum(v <= 0.01 for v in m["LSTM mean squared error"]) >= 4,
        ),
        median_at_least("RNN mean squared error", 0.1),
    ],
    settings={
        "task": "T=50, numbers from U(0, 1), fresh sequences; the constant 1 has the error 1/6",
        "training": f"n_h=32, b_f=1, {ADAM}, lr 0.005, batches of 64, at most 1500 steps, until the error of "
        "512 sequences for checking is 0.006; else the best by them",
        "test": "2000 sequences",
    },
    source="Hochreiter and Schmidhuber (1997), experiment 4; Arjovsky, Shah and Bengio (2016)",
)


# --- E8, E8b: counting, learnt -------------------------------------------------------------------


def counting(
    letters: str, n_h: int, longest: int, steps: int, upto: int, rnn_longest: int, seed: int
) -> Measurements:
    """Train on all strings up to a length; find the first longer or shorter one that goes wrong."""
    s, n_x = streams(seed), len(letters) + 2
    test = data.counting_batch(range(1, upto + 1), letters, DTYPE)
    networks = {"LSTM": lstm(n_x, n_h, s.weights, b_f=3.0), "RNN": rnn(n_x, n_h, s.weights)}
    found: Measurements = {}
    for name, cell in networks.items():
        batch = data.counting_batch(
            range(1, (longest if name == "LSTM" else rnn_longest) + 1), letters, DTYPE
        )
        model = SequenceTagger(cell, n_x, rng=s.weights)
        learn(
            model,
            lambda rng, batch=batch: batch,
            s.train,
            steps=steps,
            lr=1e-2,
            schedule=dropped(1e-2, steps),
        )
        right = data.all_legal(model.logits(test.x, test.lengths), test)
        found[f"{name} right up to n"] = upto if right.all() else int(np.argmin(right))
    return found


COUNTING = {
    "criterion": "the largest n such that for every string up to it each predicted symbol is legal: the "
    "first letter may always come again, all that follows it is determined",
    "training": f"{ADAM}, lr 0.01, a fifth of it after 60 % of the steps, one batch of all strings",
}
E8 = Experiment(
    "E8",
    "Counting learnt: a^n b^n, trained on n up to 15",
    partial(counting, "ab", 4, 15, 3000, 60, 15),
    [
        most("LSTM right up to n", 16),
        all_at_most("RNN right up to n", 15),
        median_at_most("RNN right up to n", 10),
    ],
    settings={**COUNTING, "network": "n_h=4, b_f=3, 3000 steps, both networks", "test": "n from 1 to 60"},
    source="Gers and Schmidhuber (2001); Weiss, Goldberg and Yahav (2018)",
)
E8B = Experiment(
    "E8b",
    "Counting two things at once: a^n b^n c^n, trained on n up to 20, goes only a little beyond",
    partial(counting, "abc", 8, 20, 4000, 60, 20),
    [
        most("LSTM right up to n", 20, 3, 3),
        all_at_most("RNN right up to n", 20),
        median_at_most("RNN right up to n", 15),
    ],
    seeds=(0, 1, 2),
    settings={**COUNTING, "network": "n_h=8, b_f=3, 4000 steps, both networks", "test": "n from 1 to 60"},
    source="Gers and Schmidhuber (2001), whose cells had peepholes",
)


# --- E8c: counting, set by hand ------------------------------------------------------------------

LONGEST = 10_000


def counter(K: float, dtype: str = "float64") -> ll.LSTM:
    """Return an LSTM of one unit that adds 1 for a, takes 1 away for b, and never forgets.

    With f = i = o = σ(K) and C̃ = tanh(K) for a, tanh(-K) for b, all of them exactly ±1 in float64 from
    K = 37 on, C counts without any error.
    """
    cell = ll.LSTM(2, 1, dtype=dtype)
    cell.params.flat[...] = 0.0
    cell.params["W_C"] = np.array([[0.0, K, -K]], dtype=dtype)
    for name in ("b_f", "b_i", "b_o"):
        cell.params[name][...] = K
    return cell


def hand_set(seed: int) -> Measurements:
    """Count up to 10 000 and down again; find out where numbers end."""
    up, down = np.zeros((LONGEST, 1, 2)), np.zeros((LONGEST, 1, 2))
    up[..., 0], down[..., 1] = 1.0, 1.0
    n = np.arange(1, LONGEST + 1)
    found: Measurements = {}

    run = ll.unroll(counter(40.0), up)
    found["K=40: largest error up to 10 000 a"] = float(np.abs(run.trace.C[:, 0, 0] - n).max())
    # From every count k on, as many b lead back to zero: the string is accepted exactly there.
    back = ll.unroll(counter(40.0), down, run.state)
    found["K=40: largest error down to 0"] = float(np.abs(back.trace.C[:, 0, 0] - (LONGEST - n)).max())
    short = ll.unroll(counter(5.0), up[:10])
    found["K=5: error after 10 a"] = float(abs(short.trace.C[9, 0, 0] - 10.0))

    for dtype in ("float32", "float64"):
        h = ll.unroll(counter(40.0, dtype), up[:40].astype(dtype)).h[:, 0, 0]
        found[f"{dtype}: counts that h tells apart"] = len(set(h.tolist()))
    cell = counter(40.0, "float32")
    start = ll.LSTMState(np.ones((1, 1), "float32"), np.full((1, 1), 2**24 - 2, "float32"))
    found["float32: 2^24 - 2 and 10 more"] = float(
        ll.unroll(cell, up[:10].astype("float32"), start).state.C[0, 0]
    )
    return found


E8C = Experiment(
    "E8c",
    "Counting set by hand: one unit counts exactly, as far as its numbers reach",
    hand_set,
    [
        all_at_most("K=40: largest error up to 10 000 a", 0.0),
        all_at_most("K=40: largest error down to 0", 0.0),
        all_at_least("K=5: error after 10 a", 0.3),
        Rule(
            "float32 counts no further than 2^24",
            lambda m: set(m["float32: 2^24 - 2 and 10 more"]) == {2.0**24},
        ),
        all_at_most("float32: counts that h tells apart", 11),
        all_at_most("float64: counts that h tells apart", 20),
    ],
    seeds=(0,),
    settings={
        "deterministic": "no random number is drawn, so there is one seed",
        "weights": "n_h=1, n_x=2 (a, b); W_C = [0, K, -K], b_f = b_i = b_o = K, all else 0",
        "limits": "h = tanh C says less than C: tanh rounds to 1 soon",
    },
    source="after Weiss, Goldberg and Yahav (2018)",
)


# --- E9: copying ---------------------------------------------------------------------------------

S, DELAY, K = 4, 10, 8


def copying(seed: int) -> Measurements:
    """Both networks are to say four symbols again, ten steps after the last of them."""
    s = streams(seed)

    def draw(part: str, B: int, rng: np.random.Generator) -> data.CopyBatch:
        """Draw sequences whose symbols belong to one part, for training may meet all 4096."""
        batch = data.copy(S, DELAY, 8 * B, K=K, rng=rng, dtype=DTYPE)
        words = ["".join(map(str, word)) for word in batch.targets[-S:].T]
        chosen = np.array([b for b, word in enumerate(words) if part_of(word, seed) == part])[:B]
        return data.CopyBatch(batch.x[:, chosen], batch.targets[:, chosen], batch.recall)

    def right(model: SequenceTagger, batch: data.CopyBatch) -> float:
        return float(np.mean((model.predict(batch.x) == batch.targets)[batch.recall]))

    check, test = draw("check", 256, s.check), draw("test", 1000, s.test)
    found: Measurements = {}
    networks = {"LSTM": lstm(K + 2, 64, s.weights, b_f=3.0), "RNN": rnn(K + 2, 64, s.weights)}
    for name, cell in networks.items():
        model = SequenceTagger(cell, K + 1, rng=s.weights)
        found[f"{name} steps"] = learn(
            model,
            partial(draw, "train", 64),
            s.train,
            steps=2000,
            lr=1e-2,
            error=lambda model: 1.0 - right(model, check),
            goal=0.01,
        )
        found[name] = right(model, test)
    return found


E9 = Experiment(
    "E9",
    "Copying 4 of 8 different symbols over 10 steps",
    copying,
    [most("LSTM", 0.95), median_at_most("RNN", 0.7)],
    settings={
        "task": "S=4 symbols of K=8, delay 10, T=18; the 4096 words are split by a checksum, half for "
        "training, a quarter each for checking and testing",
        "training": f"n_h=64, b_f=3, {ADAM}, lr 0.01, batches of 64, at most "
        "2000 steps, until 99 % of the symbols for checking are right; else the best by them",
        "test": "share of right symbols in the last 4 steps of 1000 sequences",
        "note": "with S=5 symbols of K=4 there are only 1024 words, and the RNN learns the task as well as "
        "the LSTM",
        "chance": 0.125,
    },
    source="Arjovsky, Shah and Bengio (2016)",
)

EXPERIMENTS = [E6, E8, E8B, E8C, E9]
