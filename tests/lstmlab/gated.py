"""GRU, highway, depth-gated and multiplicative LSTMs: their oracles, translated into the course's layout."""

from __future__ import annotations

import importlib
import math
from typing import Any

import numpy as np
from oracle import Arrays, compare_cell, worst_of

PYTORCH_ORDER, ONNX_ORDER = "rzh", "zrh"
CLASSES = {  # kind: module, class, options
    "gru": ("gru", "GRU", {}),
    "gru_after": ("gru", "GRU", {"reset": "after"}),
    "highway": ("highway", "HighwayLSTM", {}),
    "depth_gated": ("depth_gated", "DepthGatedLSTM", {"n_layers": 3}),
    "multiplicative": ("multiplicative", "MultiplicativeLSTM", {}),
    "krause": ("krause", "KrauseLSTM", {}),
}


def build(ll: Any, kind: str, n_x: int, n_h: int, **options: Any) -> Any:
    """Build the course's cell of a kind from the package ``ll``, which may be a freshly imported one."""
    module, name, more = CLASSES[kind]
    cell = getattr(importlib.import_module(f"{ll.__name__}.cells.{module}"), name)
    return cell(n_x, n_h, **(more | options))


def gru_named(order: str, W: Any, b: Any, c: Any, d: str = "", *, after: bool = True) -> Arrays:
    """Name the rows of a GRU's matrix [W_h, W_x] and of its biases b beside x, c beside h.

    Elsewhere the gate z keeps, here it renews: 1 - σ(a) = σ(-a), so its rows change sign, and so do
    their gradients. Where a gate's biases are added, the gradient of the sum is that of either.
    """
    named = {}
    for g, W_g, b_g, c_g in zip(order, *(np.split(a, 3) for a in (W, b, c)), strict=True):
        sign = -1.0 if g == "z" else 1.0
        added = b_g if d or (after and g == "h") else b_g + c_g
        named |= {"W" if g == "h" else f"W_{g}": sign * W_g, f"b_{g}": sign * added}
        if after and g == "h":
            named["b_hh"] = c_g
    return named


def from_pytorch(arrays: Arrays, d: str = "") -> Arrays:
    """Translate the weights of PyTorch's GRU (with ``d="d"`` their gradients)."""
    W = np.concatenate([arrays[f"{d}weight_hh_l0"], arrays[f"{d}weight_ih_l0"]], axis=1)
    return gru_named(PYTORCH_ORDER, W, arrays[f"{d}bias_ih_l0"], arrays[f"{d}bias_hh_l0"], d)


def from_onnx(reset: str, arrays: Arrays) -> Arrays:
    """Translate the weights of ONNX's GRU into float64."""
    W = np.concatenate([arrays["R"][0], arrays["W"][0]], axis=1).astype("float64")
    b, c = np.split(arrays["B"][0].astype("float64"), 2)
    return gru_named(ONNX_ORDER, W, b, c, after=reset == "after")


def from_jax(arrays: Arrays, d: str = "") -> Arrays:
    """Translate the vector of all weights (with ``d="d"`` its gradient): first names, then the course's."""
    w, named, start = {}, {}, 0
    for entry in str(arrays["layout"]).split(", "):
        name, *shape = entry.split()
        size = math.prod(int(n) for n in shape)
        w[name] = arrays[f"{d}w"][start : start + size].reshape([int(n) for n in shape])
        start += size
    for name, value in w.items():
        letter, g = name[:3], name[3:].replace("c", "C")
        if letter in ("W_h", "W_m") and f"W_x{name[3:]}" in w and f"b_{name[3:]}" in w:
            named["W" if g == "h" else f"W_{g}"] = np.concatenate([value, w[f"W_x{name[3:]}"]], axis=1)
        elif name.startswith("W_xd"):
            named[name.replace("W_xd", "W_d")] = value
        elif name.startswith("V_"):
            named[f"W_m{name[2:].replace('c', 'C')}"] = value
        elif name.startswith("b_"):
            named[name.replace("c", "C")] = value
        elif name.startswith("w_") or name in ("W_mx", "W_mh"):
            named[name] = value
    return named


def states_from_jax(kind: str, arrays: Arrays) -> Arrays:
    """Give the fields of the states the course's names: the top layer's have no number."""
    fields = str(arrays["fields"]).split()
    top = f"_{len(fields) // 2}" if kind == "depth_gated" else "nothing"
    named = {}
    for when in ("s_0", "ds_0", "s_T", "ds_T"):
        d, _, end = when.partition("s_")
        for field, a in zip(fields, arrays[when], strict=True):
            named[f"{d}{field.replace(top, '')}_{end}"] = a
    return named


def compare(ll: Any, kind: str, library: str, arrays: Arrays, tol: float = 1e-12) -> float:
    """Assert that lstmlab computes what the library computed, forward and backward; return the worst."""
    cell = build(ll, kind, arrays["x"].shape[2], arrays["h"].shape[2])
    if library == "PyTorch":
        weights, gradients = from_pytorch(arrays), from_pytorch(arrays, "d")
    else:
        weights, gradients = from_jax(arrays), from_jax(arrays, "d")
        arrays = arrays | states_from_jax(kind, arrays)
    return compare_cell(ll, cell, weights, gradients, arrays, f"{kind}: differs from {library}", tol)


def compare_onnx(ll: Any, reset: str, arrays: Arrays, tol: float = 1e-6) -> float:
    """Assert that lstmlab in float64 computes what ONNX Runtime computed in float32; return the worst."""
    kind = "gru" if reset == "before" else "gru_after"
    cell = build(ll, kind, arrays["X"].shape[2], arrays["R"].shape[2])
    weights = from_onnx(reset, arrays)
    assert set(weights) == set(cell.params)
    for name, value in weights.items():
        cell.params[name] = value
    x, h_0 = (ll.xp.asarray(a.astype("float64")) for a in (arrays["X"], arrays["initial_h"][0]))
    run = ll.unroll(cell, x, cell.State(h_0))
    pairs = [(run.h, arrays["Y"][:, 0]), (run.state.h, arrays["Y_h"][0])]
    return worst_of(ll, pairs, f"{kind}: differs from ONNX Runtime", tol)
