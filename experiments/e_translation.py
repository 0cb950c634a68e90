"""Translation: dates in many forms into ISO 8601, with attention and without."""

from __future__ import annotations

from typing import Any

import numpy as np

import lstmlab as ll
from experiments.best import above, learn_and_keep_best
from experiments.common import DTYPE, all_at_least, all_at_most, streams
from experiments.harness import Experiment, Measurements
from lstmlab import data
from lstmlab.models.seq2seq import Seq2Seq, Seq2SeqBatch

N_EMBEDDED, N_H, B = 16, 32, 64
STEPS, EARLY, EVERY, LR = 1400, 700, 100, 5e-3
N_CHECK, N_TEST = 250, 1000
#: Characters of an ISO date that are written while the year should be looked at.
YEAR = slice(0, 4)


def batch_of(days: Any, n: int, rng: np.random.Generator) -> tuple[Seq2SeqBatch, data.DateBatch]:
    """Draw dates; return them as the model reads them, and with all that is known of them."""
    dates = data.date_batch(days, n, rng=rng, side="right")
    return Seq2SeqBatch(dates.x, dates.y, dates.lengths), dates


def model(rng: np.random.Generator, attention: Any) -> Seq2Seq:
    """Return an encoder in two directions and a decoder as wide as both."""
    forward, backward = (ll.LSTM(N_EMBEDDED, N_H, rng=rng, dtype=DTYPE) for _ in range(2))
    return Seq2Seq(
        ll.bidirectional(forward, backward),
        ll.LSTM(N_EMBEDDED, 2 * N_H, rng=rng, dtype=DTYPE),
        len(data.DATE_SYMBOLS),
        len(data.ISO_SYMBOLS),
        start=data.ISO_SYMBOLS.index["^"],
        attention=attention,
        rng=rng,
    )


def on_the_year(weights: np.ndarray, dates: data.DateBatch) -> tuple[float, float]:
    """Share of the attention that lies on the year while the year is written; and if it were even."""
    year = (dates.fields == data.FIELDS["year"]).T  # (B, S)
    mass = np.sum(weights[:, YEAR, :] * year[:, None, :], axis=2)
    return float(np.mean(mass)), float(np.mean(np.sum(year, axis=1) / dates.lengths))


def run(seed: int) -> Measurements:
    """Train both on the same days; count what is written without a mistake, character by character."""
    rngs = streams(seed)
    rest, test_days = data.split_days(data.all_days(), 0.15, rng=rngs.test)
    days, check_days = data.split_days(rest, 0.1, rng=rngs.check)
    check, _ = batch_of(check_days, N_CHECK, rngs.check)
    test, dates = batch_of(test_days, N_TEST, rngs.test)

    measured: Measurements = {}
    for name, attention in (("attention", ll.DotAttention(dtype=DTYPE)), ("no attention", None)):
        net = model(rngs.weights, attention)

        def early(step: int, net: Seq2Seq, _: Any, name: str = name) -> None:
            if step == EARLY:
                measured[f"{name}, {EARLY} steps"] = net.accuracy(test)

        learn_and_keep_best(
            net,
            lambda rng: batch_of(days, B, rng)[0],
            rngs.train,
            steps=STEPS,
            lr=LR,
            error=lambda m: 1.0 - m.accuracy(check),
            every=EVERY,
            drop=1.0,
            callbacks=[early],
        )
        measured[name] = net.accuracy(test)
        if attention is not None:
            weights = ll.to_numpy(net.attention_weights(test))
            measured["mass on the year"], measured["if even"] = on_the_year(weights, dates)
    return measured


EXPERIMENTS = [
    Experiment(
        "E11",
        "Dates into ISO 8601, with and without attention",
        run,
        rules=[
            all_at_least("attention", 0.97),
            all_at_most(f"no attention, {EARLY} steps", 0.92),
            above(f"attention, {EARLY} steps", f"no attention, {EARLY} steps"),
            above("mass on the year", "if even", 1.5),
        ],
        seeds=(0, 1, 2),
        settings={
            "data": f"days of 1970 to 2029, 15 % held out to test, 8.5 % to stop by; "
            f"{len(data.DATE_FORMS)} forms: " + ", ".join(data.DATE_FORMS),
            "sizes": f"embeddings {N_EMBEDDED}, LSTM of {N_H} in each direction, LSTM of {2 * N_H} as "
            "decoder; dot-product attention after the step (Luong)",
            "training": f"Adam {LR:g}, clip 1, B={B}, {STEPS} steps; the parameters that were best on the "
            f"days to stop by are measured, and those after {EARLY} steps",
            "measured": f"share of {N_TEST} dates of held-out days written without a mistake, greedily; "
            "share of the attention on the year's characters while the year is written",
        },
        source="Luong, Pham and Manning (2015); Bahdanau, Cho and Bengio (2015)",
    ),
]
