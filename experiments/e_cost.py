"""What memory costs: checkpoints for the way back, and attention with and without its matrix of scores."""

from __future__ import annotations

import math
import tracemalloc
from collections.abc import Callable
from functools import partial

import numpy as np

import lstmlab as ll
from experiments.common import all_at_least, all_at_most, streams
from experiments.harness import Experiment, Measurements, Rule
from lstmlab import complexity
from lstmlab.layers.attention import DotAttention
from lstmlab.layers.streaming import streaming_attention

# --- E17: checkpointing --------------------------------------------------------------------------

T, B, N_X, N_H = 1024, 16, 16, 64


def checkpointing(seed: int) -> Measurements:
    """The same gradients from a plain and a checkpointed run; what each stores and computes, counted."""
    s = streams(seed)
    cell = ll.LSTM(N_X, N_H, rng=s.weights)
    state, step = complexity.state_floats(cell, B), complexity.lstm_stored_floats(N_X, N_H, B=B)
    best = round(complexity.best_segment(T, state=state, step=step))
    root = math.isqrt(T)
    found: Measurements = {"best segment": best}

    x, dh = s.test.normal(size=(T, B, N_X)), s.test.normal(size=(T, B, N_H))
    kept = ll.checkpointed(cell, every=best)
    plain, again = (ll.backprop(c, ll.unroll(c, x), dh) for c in (cell, kept))
    pairs = [(plain.dx, again.dx), *((plain.grads[name], again.grads[name]) for name in plain.grads)]
    found["largest difference of the gradients"] = max(float(np.abs(a - b).max()) for a, b in pairs)

    # One count serves for all: the numbers do not depend on the values. A shorter run counts as well.
    caller = T * B * (N_X + N_H)  # x and h, which the caller holds anyway
    own = {"plain": complexity.measure(cell, T=T, B=B).stored - T * B * (N_X + N_H)}
    for name, segment in (("best segments", best), ("segments of √T", root)):
        starts = complexity.measure(ll.checkpointed(cell, every=segment), T=T, B=B).stored - caller
        own[name] = starts + complexity.measure(cell, T=segment, B=B).stored
    for name, floats in own.items():
        found[f"floats stored, {name}"] = floats
    found["floats by the formula, best segments"] = complexity.checkpoint_floats(
        T, best, state=state, step=step
    )
    counts = [complexity.measure(c, T=4 * best, B=B) for c in (cell, kept)]
    plain_macs, kept_macs = (c.forward.macs + c.backward.macs for c in counts)
    found["multiplications, checkpointed to plain"] = kept_macs / plain_macs
    return found


E17 = Experiment(
    "E17",
    "Gradient checkpointing: the same gradients from a small part of the memory, for a third more work",
    checkpointing,
    [
        all_at_most("largest difference of the gradients", 1e-10),
        Rule(
            "plain to best segments: at least 20 times the floats",
            lambda m: all(
                a >= 20 * b
                for a, b in zip(m["floats stored, plain"], m["floats stored, best segments"], strict=True)
            ),
        ),
        Rule(
            "the best segment is shorter than √T and stores less",
            lambda m: (
                max(m["best segment"]) < math.isqrt(T)
                and m["floats stored, best segments"][0] < m["floats stored, segments of √T"][0]
            ),
        ),
        Rule(
            "the floats stored are those of the formula",
            lambda m: m["floats stored, best segments"] == m["floats by the formula, best segments"],
        ),
        Rule(
            "multiplications: exactly 4/3 of the plain ones",
            lambda m: all(abs(r - 4 / 3) < 1e-12 for r in m["multiplications, checkpointed to plain"]),
        ),
    ],
    seeds=(0, 1, 2),
    settings={
        "sizes": f"T={T}, B={B}, n_x={N_X}, n_h={N_H}, float64; counted on arrays that keep a tally",
        "floats": "without x and h, which the caller holds in both cases; for checkpoints the states before "
        "the segments and the trace of one segment",
    },
    source="Chen, Xu, Zhang and Guestrin (2016)",
)


# --- E18: attention ------------------------------------------------------------------------------


def peak(work: Callable[[], object]) -> float:
    """Return the largest memory that a piece of work holds at once beyond what was held before, in MB."""
    work()  # whatever is imported or kept for good at the first call does not count
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()


def attention_memory(seed: int) -> Measurements:
    """Attention with all scores at once, and over blocks of keys: the same result, and what each holds."""
    n, lengths = 16, (256, 2048)
    s = streams(seed)
    layer = DotAttention(scaled=True)
    found: Measurements = {}
    differences = []
    for steps in lengths:
        q, k = s.test.normal(size=(2, steps, 1, n))
        differences.append(np.abs(layer.forward(q, k)[0] - streaming_attention(q, k, k, scaled=True)).max())
        works = {
            "all scores": partial(layer.forward, q, k),
            "blocks": partial(streaming_attention, q, k, k, scaled=True),
            "LSTM without training": partial(walk, ll.LSTM(n, n, rng=s.weights), k),
        }
        for name, work in works.items():
            found[f"{name}, T={steps} (MB)"] = peak(work)
    for name in ("all scores", "blocks", "LSTM without training"):
        short, long = (found[f"{name}, T={steps} (MB)"] for steps in lengths)
        found[f"{name}, growth for 8 T"] = long / short
    found["largest difference"] = float(max(differences))
    return found


def walk(cell: ll.LSTM, x: np.ndarray) -> ll.LSTMState:
    """Step through a sequence and keep nothing but the state."""
    state: ll.LSTMState = cell.initial_state(x.shape[1])
    for x_t in x:
        state, _ = cell.step(x_t, state)
    return state


E18 = Experiment(
    "E18",
    "Memory of attention: the square of T only if all scores are held at once; an LSTM needs its state",
    attention_memory,
    [
        all_at_least("all scores, growth for 8 T", 30.0),
        all_at_most("blocks, growth for 8 T", 8.5),
        all_at_most("LSTM without training, growth for 8 T", 2.0),
        all_at_most("largest difference", 1e-12),
    ],
    seeds=(0, 1, 2),
    settings={
        "sizes": "T queries and T keys, T=256 and 2048, one sequence, n=16, float64, blocks of 64 keys",
        "measured": "peak of what tracemalloc sees beyond the arguments, one forward pass; linear growth is "
        "8, quadratic 64",
    },
    source="Rabe and Staats (2021)",
)

EXPERIMENTS = [E17, E18]
