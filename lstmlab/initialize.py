"""First values for a whole cell, by the name of a scheme.

A gate's matrix is two matrices side by side, :math:`W=[W_h, W_x]`, and every gate is a layer of its own:
Glorot's and the orthogonal scheme are applied to each block of each gate separately. Orthogonalising all
gates of a fused matrix together would leave blocks that are far from orthogonal.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from lstmlab.backend import from_numpy
from lstmlab.initializers import (
    HostArray,
    generator,
    glorot_normal,
    notes_candidate,
    notes_gate,
    orthogonal,
    pytorch_default,
)
from lstmlab.initializers import chrono as chrono_biases

SCHEMES = ("glorot", "orthogonal", "pytorch", "notes")
#: Matrices whose product goes through tanh; the notes draw them differently.
CANDIDATES = ("W", "W_C")
#: A matrix W alone has the bias of the plain network, or that of the GRU's candidate.
BIAS_OF_W = ("b", "b_h")


def initialize(
    cell: Any,
    scheme: str,
    *,
    rng: int | np.random.Generator = 0,
    scale: float = 1.0,
    forget_bias: float | None = None,
    chrono: float | None = None,
) -> None:
    r"""Write new first values into the gates of a cell.

    Parameters
    ----------
    cell
        Any cell whose matrices ``W_*`` with a bias ``b_*`` have width ``n_h + n_x``. Parameters that are
        no such pair (peepholes, projections) keep their values.
    scheme
        ``"glorot"``: each block from N(0, 2/(fan_in + fan_out)) with its own fans, so
        :math:`W_h \sim N(0, 1/n_h)` and :math:`W_x \sim N(0, 2/(n_h+n_x))`.
        ``"orthogonal"``: :math:`W_h` orthogonal times ``scale``, :math:`W_x` as in ``"glorot"``.
        ``"pytorch"``: everything, biases too, as PyTorch's layers draw it.
        ``"notes"``: gates N(0, 2/(n_h+n_x)), candidate N(0, 1/n_h), over the whole width.
    rng
        Seed or generator.
    scale
        Singular values of the orthogonal blocks; the other schemes do not use it.
    forget_bias
        Value of every entry of ``b_f``. ``None`` takes 1, but what was drawn in ``"pytorch"``. All other
        biases are zero, except in ``"pytorch"``.
    chrono
        Longest lag T_max: ``b_f`` from ln U(1, T_max - 1), and ``b_i = -b_f`` where the cell has a
        ``b_i``. Instead of ``forget_bias``.

    Raises
    ------
    TypeError
        If ``cell`` has no parameters, or ``rng`` is neither seed nor generator.
    ValueError
        If the scheme is unknown, a matrix with a bias has another width, a forget bias is asked of a
        cell without ``b_f``, both ways to set it are given, or a number is out of range.

    References
    ----------
    Glorot and Bengio (2010); Saxe, McClelland and Ganguli (2014); Gers, Schmidhuber and Cummins (2000)
    and Jozefowicz, Zaremba and Sutskever (2015) for the forget bias; Tallec and Ollivier (2018).

    Notes
    -----
    :math:`b_f = 1` is not memory for ever: the gate starts at 0.73 and halves what it holds every two to
    three steps. For a lag of T steps take :math:`b_f` near :math:`\ln T`, or ``chrono=T``.
    """
    rng = generator(rng)
    gates = gate_names(cell)
    if scheme not in SCHEMES:
        raise ValueError(f"scheme: expected one of {', '.join(SCHEMES)}, got {scheme!r}")
    if not 0.0 < scale < math.inf:
        raise ValueError(f"scale: expected a number above zero, got {scale!r}")
    values: dict[str, HostArray] = {}
    for W, b in gates:
        n = cell.params[W].shape[0]
        values[W], drawn = draw_gate(scheme, rng, W, n, cell.n_h, cell.n_x, scale)
        values[b] = np.full(n, float(b == "b_f")) if drawn is None else drawn
    values |= forget_biases(cell, rng, forget_bias, chrono)
    for name, numbers in values.items():
        cell.params[name] = from_numpy(numbers, cell.params[name])


def gate_names(cell: Any) -> list[tuple[str, str]]:
    """Return the names of a cell's matrices on :math:`[h; x]` with those of their biases."""
    if not hasattr(cell, "params") or not hasattr(cell, "n_h") or isinstance(cell, type):
        raise TypeError(f"cell: expected a cell such as LSTM(n_x, n_h), got {cell!r:.60}")
    found, width = [], cell.n_h + cell.n_x
    for W, array in cell.params.items():
        names = [b for b in (BIAS_OF_W if W == "W" else ("b" + W[1:],)) if b in cell.params]
        if (W == "W" or W.startswith("W_")) and names:
            if tuple(array.shape[1:]) != (width,):
                raise ValueError(f"cell: expected {W} of width n_h + n_x = {width}, got {tuple(array.shape)}")
            found.append((W, names[0]))
    if not found:
        raise ValueError(f"cell: expected matrices W_* with biases b_*, got {cell.params!r}")
    return found


def draw_gate(
    scheme: str, rng: np.random.Generator, name: str, n: int, n_h: int, n_x: int, scale: float
) -> tuple[HostArray, HostArray | None]:
    """Draw one gate: a matrix of n rows and, where the scheme has an opinion, a bias."""
    if scheme == "pytorch":
        return pytorch_default(rng, n, n_h + n_x)
    if scheme == "notes":
        return (notes_candidate if name in CANDIDATES else notes_gate)(rng, n, n_h + n_x), None
    if scheme == "glorot":
        return np.concatenate([glorot_normal(rng, n, n_h), glorot_normal(rng, n, n_x)], axis=1), None
    # Rows or columns of an orthogonal matrix, where a projection makes the block oblong.
    W_h = orthogonal(rng, max(n, n_h), scale)[:n, :n_h]
    return np.concatenate([W_h, glorot_normal(rng, n, n_x)], axis=1), None


def forget_biases(
    cell: Any, rng: np.random.Generator, forget_bias: float | None, T_max: float | None
) -> dict[str, HostArray]:
    r"""Return the biases that were asked for by name, nothing if none were.

    Implements :eq:`eq-forget-bias`: every entry of :math:`b_f` is the same number.
    """
    if forget_bias is None and T_max is None:
        return {}
    option = "chrono" if forget_bias is None else "forget_bias"
    if forget_bias is not None and T_max is not None:
        raise ValueError(f"forget_bias, chrono: expected one of the two, got {forget_bias!r} and {T_max!r}")
    if "b_f" not in cell.params:
        raise ValueError(f"{option}: expected a cell with b_f, got {cell.params!r}")
    if forget_bias is not None and not math.isfinite(forget_bias):
        raise ValueError(f"forget_bias: expected a finite number, got {forget_bias!r}")
    n = cell.params["b_f"].shape[0]
    if T_max is None:
        return {"b_f": np.full(n, forget_bias)}
    b_f, b_i = chrono_biases(rng, n, T_max)
    return {"b_f": b_f, "b_i": b_i} if "b_i" in cell.params else {"b_f": b_f}
