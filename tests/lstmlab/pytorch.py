"""PyTorch's parameters, states and gradients in the course's names and layout."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

FROZEN = Path(__file__).parents[1] / "frozen" / "pytorch.npz"
PYTORCH_ORDER = "ifCo"


@cache
def frozen() -> dict[str, dict[str, np.ndarray[Any, Any]]]:
    """Return the frozen arrays, grouped: ``frozen()["LSTM/small"]["h"]``."""
    groups: dict[str, dict[str, np.ndarray[Any, Any]]] = {}
    with np.load(FROZEN, allow_pickle=False) as file:
        for key in file.files:
            group, _, name = key.rpartition("/")
            groups.setdefault(group, {})[name] = file[key]
    return groups


def parameters(
    arrays: dict[str, np.ndarray[Any, Any]], kind: str, d: str = ""
) -> dict[str, np.ndarray[Any, Any]]:
    """Translate weights (or with ``d="d"`` their gradients) into the course's parameters.

    W = [W_h, W_x] is PyTorch's [weight_hh, weight_ih]. A bias is the *sum* of PyTorch's two; its
    gradient is that of either.
    """
    W = np.concatenate([arrays[f"{d}weight_hh_l0"], arrays[f"{d}weight_ih_l0"]], axis=1)
    b = arrays[f"{d}bias_ih_l0"] if d else arrays["bias_ih_l0"] + arrays["bias_hh_l0"]
    if kind == "RNN":
        return {"W": W, "b": b}
    named = {}
    for g, rows_W, rows_b in zip(PYTORCH_ORDER, np.split(W, 4), np.split(b, 4), strict=True):
        named |= {f"W_{g}": rows_W, f"b_{g}": rows_b}
    return named


def compare(ll: Any, kind: str, arrays: dict[str, np.ndarray[Any, Any]], tol: float = 1e-12) -> float:
    """Assert that lstmlab computes what PyTorch computed; return the worst difference."""
    xp = ll.xp
    cell = getattr(ll, kind)(arrays["x"].shape[2], arrays["h"].shape[2])
    for name, value in parameters(arrays, kind).items():
        cell.params[name] = value
    fields = type(cell.initial_state(1))._fields

    def state(prefix: str, suffix: str) -> Any:
        return type(cell.initial_state(1))(*(xp.asarray(arrays[f"{prefix}{s}{suffix}"]) for s in fields))

    run = ll.unroll(cell, xp.asarray(arrays["x"]), state("", "_0"))
    back = ll.backprop(cell, run, xp.asarray(arrays["dh"]), state("d", "_T"))
    pairs = [(run.h, arrays["h"]), (back.dx, arrays["dx"])]
    pairs += [(getattr(run.state, s), arrays[f"{s}_T"]) for s in fields]
    pairs += [(getattr(back.dstate, s), arrays[f"d{s}_0"]) for s in fields]
    pairs += [(back.grads[name], value) for name, value in parameters(arrays, kind, "d").items()]
    worst = max(float(np.abs(ll.to_numpy(got) - want).max()) for got, want in pairs)
    assert worst < tol, f"{kind}: differs from PyTorch by {worst:.1e}"
    return worst
