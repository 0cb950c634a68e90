"""Peak bytes of a training step beside the floats that the formula of chapter 19 says are stored."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np

import lstmlab as ll
from lstmlab.kernels.numpy_shared import scratch

from .peers import data
from .sizes import SIZES


def peak(size: Any, plain: bool) -> int:
    """Return the most bytes that one forward and backward pass holds at once, beyond what was there."""
    cell, x, dh = data(size)
    if not plain:
        ll.backprop(cell, ll.unroll(cell, x), dh)  # scratch space that stays is not this pass's,
        scratch.homes.clear()  # and what a run is lent is
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    if plain:
        with ll.kernels.plain():
            ll.backprop(cell, ll.unroll(cell, x), dh)
    else:
        ll.backprop(cell, ll.unroll(cell, x), dh)
    most = tracemalloc.get_traced_memory()[1] - before
    tracemalloc.stop()
    return most


def memory_table() -> list[dict[str, Any]]:
    """Return one row a size: bytes by the formula, and what the fused and the plain pass hold at most."""
    width = np.dtype("float32").itemsize
    return [
        {
            "size": list(size),
            "formula": ll.complexity.lstm_stored_floats(
                size.n_x, size.n_h, T=size.T, B=size.B, each_once=True
            )
            * width,
            "fused": peak(size, plain=False),
            "plain": peak(size, plain=True),
        }
        for size in SIZES
    ]
