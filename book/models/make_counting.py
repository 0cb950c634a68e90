"""Train the nine small networks of chapter 24 that learn to count, and store them in counting.npz.

    python book/models/make_counting.py

Three seeds each of an LSTM (4 units, 144 parameters in the cell), a GRU (5 units, 150) and a plain network
(10 units, 150) learn to predict the next symbol of a^n b^n for n = 1 to 10. The file holds one float32
vector a network, `LSTM-0` to `RNN-2`: the cell's parameters, then those of the read-out, in the order of
`model.params.vectors`. Takes one to three minutes. The same machine gives the same bytes; on another the last
digits may differ, and with them what is learnt: the chapter's figures belong to the file whose SHA-256
stands in SHA256SUMS.
"""

from __future__ import annotations

import os
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from sums import record

import lstmlab as ll
from lstmlab import data
from lstmlab.models import SequenceTagger

FILE = Path(__file__).with_name("counting.npz")
STEPS, RATE, LONGEST = 1500, 0.02, 10


def network(name: str, seed: int) -> SequenceTagger:
    """Return a fresh network with four symbols in and out: S, a, b, T."""
    rng = np.random.default_rng(seed)
    if name == "LSTM":
        cell: ll.LSTM | ll.GRU | ll.RNN = ll.LSTM(4, 4, rng=rng, dtype="float32")
        cell.params["b_f"][...] = 3.0
    elif name == "GRU":
        cell = ll.GRU(4, 5, rng=rng, dtype="float32")
    else:
        cell = ll.RNN(4, 10, rng=rng, dtype="float32")
    return SequenceTagger(cell, 4, rng=rng)


def trained(name: str, seed: int) -> np.ndarray:
    """Train on all strings up to a length in one batch; return every parameter."""
    model, batch = network(name, seed), data.counting_batch(range(1, LONGEST + 1), dtype="float32")

    def rate(step: int) -> float:
        return RATE if step <= 0.6 * STEPS else RATE / 5

    adam = ll.Adam(model.params, RATE)
    ll.fit(model, [batch], adam, steps=STEPS, clip=1.0, schedule=rate, progress=False)
    return np.concatenate([ll.to_numpy(vector).ravel() for vector in model.params.vectors])


if __name__ == "__main__":
    found = {f"{name}-{seed}": trained(name, seed) for name in ("LSTM", "GRU", "RNN") for seed in range(3)}
    np.savez(FILE, **found)
    record(FILE.name)
