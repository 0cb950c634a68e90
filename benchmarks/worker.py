"""Time one peer beside ours, in a process of its own: python -m benchmarks.worker PEER ROUNDS.

The variables of the environment (threads, BLAS kernels) are the caller's business; they must be set
before NumPy is imported.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from lstmlab.config import blas_libraries

from .peers import OURS, OURS_GRU, SETS, Data, Peer, data, gru_data, threads, torch_gru
from .sizes import SIZES, Size

PAUSE = 0.3  # seconds after which the last one's threads have stopped waiting for work at full speed


def clock() -> float:
    """Processor time with one thread, where others on the machine do not count; otherwise wall time."""
    return time.process_time() if threads() == 1 else time.perf_counter()


def once(call: Callable[[], Any], repeats: int) -> float:
    """Return the seconds of one call, averaged over a few."""
    start = clock()
    for _ in range(repeats):
        call()
    return (clock() - start) / repeats


def measure(calls: dict[str, Callable[[], Any]], rounds: int) -> dict[str, list[float]]:
    """Return each implementation's seconds, one number a round, taking turns within a round."""
    repeats = {}
    for name, call in calls.items():
        call()  # compiles, allocates, warms the caches
        repeats[name] = max(1, int(0.02 / max(once(call, 1), 1e-6)))
    found: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            if threads() > 1:
                time.sleep(PAUSE)
            found[name].append(once(call, repeats[name]))
    return found


def agree(peers: dict[str, Peer]) -> float:
    """Return the largest difference between the outputs of all peers that have some."""
    outputs = {name: np.asarray(peer.h()) for name, peer in peers.items() if peer.h is not None}
    first = outputs["lstmlab"]
    return max(float(np.max(np.abs(first - other))) for other in outputs.values())


def run_size(size: Size, extra: str, rounds: int) -> dict[str, Any]:
    """Time all implementations of the LSTM at one size."""
    return time_all(size, data(size), OURS | ({extra: SETS[extra]} if extra in SETS else {}), rounds)


def run_gru(size: Size, rounds: int) -> dict[str, Any]:
    """Time our GRU and PyTorch's at one size."""
    return time_all(size, gru_data(size), OURS_GRU | {"torch": torch_gru}, rounds)


def time_all(
    size: Size, given: Data, makers: dict[str, Callable[[Size, Data], Peer]], rounds: int
) -> dict[str, Any]:
    """Compare all outputs, then time everybody."""
    peers = {name: make(size, given) for name, make in makers.items()}
    difference = agree(peers)
    if difference > 1e-4:
        raise RuntimeError(f"{size}: the implementations differ by {difference:.1e}: nothing was timed")
    forward = measure({name: peer.forward for name, peer in peers.items()}, rounds)
    training = measure({n: p.training for n, p in peers.items() if p.training is not None}, rounds)
    return {"size": list(size), "difference": difference, "forward": forward, "training": training}


def peak_flops() -> float:
    """Return what BLAS reaches on a large square product in float32, operations a second."""
    n = 1536
    a, b, out = np.ones((n, n), "float32"), np.ones((n, n), "float32"), np.empty((n, n), "float32")
    np.matmul(a, b, out=out)
    return 2.0 * n**3 / statistics.median(once(lambda: np.matmul(a, b, out=out), 1) for _ in range(5))


def main() -> None:
    extra, rounds = sys.argv[1], int(sys.argv[2])
    wanted = os.environ.get("BENCH_SIZES")
    sizes = [SIZES[int(k)] for k in wanted.split(",")] if wanted else SIZES
    result = {
        "peer": extra,
        "version": getattr(sys.modules.get(extra), "__version__", ""),
        "threads": threads(),
        "blas": [list(blas) for blas in blas_libraries()],
        "peak": peak_flops(),
        "sizes": [run_size(size, extra, rounds) for size in sizes],
        "gru": [run_gru(size, rounds) for size in sizes] if extra == "torch" else [],
    }
    if extra in SETS:
        result["version"] = __import__(extra).__version__
    print(json.dumps(result))


if __name__ == "__main__":
    main()
