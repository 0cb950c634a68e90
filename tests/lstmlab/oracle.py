"""Second witness, what every area shares: reading frozen files, and comparing a cell with one."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

FROZEN = Path(__file__).parents[1] / "frozen"
Arrays = dict[str, np.ndarray[Any, Any]]


@cache
def frozen(name: str = "pytorch") -> dict[str, Arrays]:
    """Return a file's arrays, grouped: ``frozen("pytorch")["LSTM/small"]["h"]``."""
    groups: dict[str, Arrays] = {}
    with np.load(FROZEN / f"{name}.npz", allow_pickle=False) as file:
        for key in file.files:
            group, _, array = key.rpartition("/")
            if group:
                groups.setdefault(group, {})[array] = file[key]
    return groups


def live(name: str) -> Any:
    """Import the script that makes a frozen file, to make more of the same."""
    return importlib.import_module(f"make_{name}")


def worst_of(ll: Any, pairs: Iterable[tuple[Any, Any]], what: str, tol: float) -> float:
    """Return the largest difference of all pairs; raise if it is above the tolerance."""
    pairs = list(pairs)
    for got, want in pairs:
        assert tuple(getattr(got, "shape", ())) == tuple(want.shape), f"{what}: shapes differ"
    worst = max(float(np.abs(np.asarray(ll.to_numpy(got)) - want).max()) for got, want in pairs)
    assert worst < tol, f"{what} by {worst:.1e}"
    return worst


def compare_cell(
    ll: Any, cell: Any, weights: Arrays, gradients: Arrays, arrays: Arrays, what: str, tol: float = 1e-12
) -> float:
    """Assert that a cell's run and all its gradients are the frozen ones; return the worst difference.

    ``weights`` and ``gradients`` are the frozen ones in the course's names; ``arrays`` holds x, h, dh,
    dx, and each field of the state at 0 and T with its gradient.
    """
    assert set(weights) == set(gradients) == set(cell.params)
    for name, value in weights.items():
        cell.params[name] = value

    def state(prefix: str, suffix: str) -> Any:
        return cell.State(*(ll.xp.asarray(arrays[f"{prefix}{s}{suffix}"]) for s in cell.State._fields))

    run = ll.unroll(cell, ll.xp.asarray(arrays["x"]), state("", "_0"))
    back = ll.backprop(cell, run, ll.xp.asarray(arrays["dh"]), state("d", "_T"))
    pairs = [(run.h, arrays["h"]), (back.dx, arrays["dx"])]
    for s in cell.State._fields:
        pairs += [(getattr(run.state, s), arrays[f"{s}_T"]), (getattr(back.dstate, s), arrays[f"d{s}_0"])]
    pairs += [(back.grads[name], value) for name, value in gradients.items()]
    return worst_of(ll, pairs, what, tol)
