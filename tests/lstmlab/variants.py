"""Frozen oracles of the LSTM's variants, and their translation into the course's names and layout."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
from oracle import Arrays, compare_cell, frozen, worst_of

PYTORCH_ORDER, ONNX_ORDER, ONNX_PEEPHOLES = "ifCo", "iofC", "iof"


def groups(library: str, kind: str) -> list[str]:
    """Return the names of the frozen groups of one kind of cell."""
    return [group for group in frozen(f"variants_{library}") if group.partition("/")[0] == kind]


def build(ll: Any, kind: str, n_x: int, n_h: int, n_c: int = 0) -> Any:
    """Build the course's cell of a kind from the package ``ll``, which may be a freshly imported one."""
    module = importlib.import_module(f"{ll.__name__}.cells.{kind}")
    if kind == "projected":
        return module.ProjectedLSTM(n_x, n_h, n_c)
    names = {"peephole": "PeepholeLSTM", "coupled": "CoupledLSTM", "two_biases": "TwoBiasLSTM"}
    return getattr(module, names.get(kind, "CoupledPeepholeLSTM"))(n_x, n_h)


def from_pytorch(kind: str, arrays: Arrays, d: str = "") -> Arrays:
    """Translate PyTorch's weights (with ``d="d"`` their gradients).

    The gradient of a sum of two biases is that of either. In a coupled cell the input gate's rows are
    minus the forget gate's, so that their gradient arrives there with a minus sign.
    """
    W = np.concatenate([arrays[f"{d}weight_hh_l0"], arrays[f"{d}weight_ih_l0"]], axis=1)
    b, c = arrays[f"{d}bias_ih_l0"], arrays[f"{d}bias_hh_l0"]
    named = {}
    rows = (np.split(a, 4) for a in (W, b, c))
    for g, W_g, b_g, c_g in zip(PYTORCH_ORDER, *rows, strict=True):
        if kind == "two_biases":
            named |= {f"W_{g}": W_g, f"b_{g}": b_g, f"c_{g}": c_g}
        else:
            named |= {f"W_{g}": W_g, f"b_{g}": b_g if d else b_g + c_g}
    if kind == "projected":
        named |= {"W_p": arrays[f"{d}weight_hr_l0"]}
    if kind == "coupled":
        W_i, b_i = named.pop("W_i"), named.pop("b_i")
        if d:
            named |= {"W_f": named["W_f"] - W_i, "b_f": named["b_f"] - b_i}
    return named


def from_jax(kind: str, arrays: Arrays, d: str = "") -> Arrays:
    """Translate the names of Graves (2013), or their gradients."""
    named = {}
    for g in "fico" if kind == "peephole" else "fco":
        ours = "C" if g == "c" else g
        named[f"W_{ours}"] = np.concatenate([arrays[f"{d}W_h{g}"], arrays[f"{d}W_x{g}"]], axis=1)
        named[f"b_{ours}"] = arrays[f"{d}b_{g}"]
        if g != "c":
            named[f"W_c{g}"] = arrays[f"{d}w_c{g}"]
    return named


def from_onnx(kind: str, arrays: Arrays) -> Arrays:
    """Translate ONNX's weights into float64.

    Where gates are coupled the runtime computes f = 1 - i from the rows of i, and 1 - σ(a) = σ(-a):
    the course's forget gate has minus those rows.
    """
    W = np.concatenate([arrays["R"][0], arrays["W"][0]], axis=1).astype("float64")
    b = np.add(*np.split(arrays["B"][0].astype("float64"), 2))
    named = {}
    for g, W_g, b_g in zip(ONNX_ORDER, np.split(W, 4), np.split(b, 4), strict=True):
        named |= {f"W_{g}": W_g, f"b_{g}": b_g}
    if "P" in arrays:
        for g, p in zip(ONNX_PEEPHOLES, np.split(arrays["P"][0].astype("float64"), 3), strict=True):
            named[f"W_c{g}"] = p
    if kind.startswith("coupled"):
        named |= {
            name.replace("i", "f"): -named.pop(name) for name in ("W_i", "b_i", "W_ci") if name in named
        }
    return named


def compare(ll: Any, kind: str, library: str, arrays: Arrays, tol: float = 1e-12) -> float:
    """Assert that lstmlab computes what the library computed, forward and backward; return the worst."""
    translate = {"pytorch": from_pytorch, "jax": from_jax}[library]
    cell = build(ll, kind, arrays["x"].shape[2], arrays["h"].shape[2], arrays["C_0"].shape[1])
    weights, gradients = translate(kind, arrays), translate(kind, arrays, "d")
    return compare_cell(ll, cell, weights, gradients, arrays, f"{kind}: differs from {library}", tol)


def compare_onnx(ll: Any, kind: str, arrays: Arrays, tol: float = 1e-6) -> float:
    """Assert that lstmlab in float64 computes what ONNX Runtime computed in float32; return the worst."""
    n_x, n_h = arrays["X"].shape[2], arrays["R"].shape[2]
    cell = build(ll, kind, n_x, n_h)
    weights = from_onnx(kind, arrays)
    assert set(weights) == set(cell.params)
    for name, value in weights.items():
        cell.params[name] = value
    x, h_0, C_0 = (
        ll.xp.asarray(a.astype("float64"))
        for a in (arrays["X"], arrays["initial_h"][0], arrays["initial_c"][0])
    )
    run = ll.unroll(cell, x, cell.State(h_0, C_0))
    pairs = [(run.h, arrays["Y"][:, 0]), (run.state.h, arrays["Y_h"][0]), (run.state.C, arrays["Y_c"][0])]
    return worst_of(ll, pairs, f"{kind}: differs from ONNX Runtime", tol)
