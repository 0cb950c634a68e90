"""PyTorch's parameters, states and gradients in the course's names and layout."""

from __future__ import annotations

from typing import Any

import numpy as np
from oracle import Arrays, worst_of

PYTORCH_ORDER = "ifCo"


def parameters(arrays: Arrays, kind: str, d: str = "", suffix: str = "_l0") -> Arrays:
    """Translate a layer's weights (or with ``d="d"`` their gradients) into the course's parameters.

    W = [W_h, W_x] is PyTorch's [weight_hh, weight_ih]. A bias is the *sum* of PyTorch's two; its
    gradient is that of either.
    """
    W = np.concatenate([arrays[f"{d}weight_hh{suffix}"], arrays[f"{d}weight_ih{suffix}"]], axis=1)
    b_ih, b_hh = arrays[f"{d}bias_ih{suffix}"], arrays[f"{d}bias_hh{suffix}"]
    b = b_ih if d else b_ih + b_hh
    if kind == "RNN":
        return {"W": W, "b": b}
    named = {}
    for g, rows_W, rows_b in zip(PYTORCH_ORDER, np.split(W, 4), np.split(b, 4), strict=True):
        named |= {f"W_{g}": rows_W, f"b_{g}": rows_b}
    return named


def build(ll: Any, kind: str, arrays: Arrays) -> tuple[Any, list[tuple[str, Any]]]:
    """Return the net PyTorch's layer is, and its cells with PyTorch's suffixes, in PyTorch's order."""
    layers, cells = [], []
    n_x, n_h = arrays["x"].shape[2], arrays["h_0"].shape[2]
    both = "weight_hh_l0_reverse" in arrays
    while f"weight_hh_l{len(layers)}" in arrays:
        suffixes = [f"_l{len(layers)}", f"_l{len(layers)}_reverse"][: 1 + both]
        pair = [getattr(ll, kind)(n_x, n_h) for _ in suffixes]
        cells += zip(suffixes, pair, strict=True)
        layers.append(ll.bidirectional(*pair) if both else pair[0])
        n_x = n_h * len(pair)
    for suffix, cell in cells:
        for name, value in parameters(arrays, kind, "", suffix).items():
            cell.params[name] = value
    return (layers[0] if len(layers) == 1 else ll.stack(layers)), cells


def compare(ll: Any, kind: str, arrays: Arrays, tol: float = 1e-12) -> float:
    """Assert that lstmlab computes what PyTorch computed; return the worst difference."""
    net, cells = build(ll, kind, arrays)
    fields = cells[0][1].State._fields  # ours lie cell by cell, PyTorch's field by field

    def flat(prefix: str, suffix: str) -> list[Any]:
        return [arrays[f"{prefix}{s}{suffix}"][k] for k in range(len(cells)) for s in fields]

    def state(prefix: str, suffix: str) -> Any:
        return net.State(*(ll.xp.asarray(a) for a in flat(prefix, suffix)))

    lengths = arrays["lengths"].tolist() if "lengths" in arrays else None
    run = ll.unroll(net, ll.xp.asarray(arrays["x"]), state("", "_0"), lengths=lengths)
    back = ll.backprop(net, run, ll.xp.asarray(arrays["dh"]), state("d", "_T"))
    pairs = [(run.h, arrays["h"]), (back.dx, arrays["dx"])]
    pairs += zip(run.state, flat("", "_T"), strict=True)
    pairs += zip(back.dstate, flat("d", "_0"), strict=True)
    translated = [(cell.params, parameters(arrays, kind, "d", suffix)) for suffix, cell in cells]
    wanted = [gradients[name] for params, gradients in translated for name in params]
    pairs += zip(back.grads.values(), wanted, strict=True)
    return worst_of(ll, pairs, f"{kind}: differs from PyTorch", tol)
