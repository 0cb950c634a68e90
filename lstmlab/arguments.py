"""Checks of what layers, losses and optimisers are given: symbols, masks, floats, numbers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from lstmlab.backend import namespace
from lstmlab.checks import DTYPES, NOT_PLAIN, check_array, dtype_name
from lstmlab.typing import Array


def check_tokens(name: str, tokens: Array, n: int, like: Array) -> Array:
    """Return whole numbers from 0 to n - 1 as int64, or say what came instead."""
    if not hasattr(tokens, "shape") or not hasattr(tokens, "dtype") or isinstance(tokens, NOT_PLAIN):
        raise TypeError(f"{name}: expected an array of whole numbers, got {type(tokens).__name__}")
    xp = namespace(tokens, like)
    if not xp.isdtype(tokens.dtype, "integral"):
        raise TypeError(f"{name}: expected an array of whole numbers, got {dtype_name(tokens)}")
    if 0 in tokens.shape:
        raise ValueError(f"{name}: expected at least one entry, got shape {tuple(tokens.shape)}")
    tokens = xp.astype(tokens, xp.int64)
    low, high = int(xp.min(tokens)), int(xp.max(tokens))
    if low < 0 or high >= n:
        raise ValueError(f"{name}: expected whole numbers from 0 to {n - 1}, got {low} to {high}")
    return tokens


def check_symbol(name: str, symbol: Any, n: int) -> int:
    """Return the number of a symbol, or say what came instead."""
    if isinstance(symbol, bool) or not isinstance(symbol, (int, np.integer)) or not 0 <= symbol < n:
        raise ValueError(f"{name}: expected the number of a symbol, from 0 to {n - 1}, got {symbol!r}")
    return int(symbol)


def check_mask(mask: Any, shape: tuple[int, ...] | None = None) -> None:
    """Raise unless ``mask`` is an array of booleans, of the shape if one is given."""
    if not hasattr(mask, "dtype") or dtype_name(mask) not in ("bool", "bool_"):
        got = dtype_name(mask) if hasattr(mask, "dtype") else type(mask).__name__
        raise TypeError(f"mask: expected an array of booleans, got {got}")
    if shape is not None and tuple(mask.shape) != shape:
        raise ValueError(f"mask: expected shape {shape}, got {tuple(mask.shape)}")


def check_floats(name: str, a: Any, shape: tuple[int | str, ...] | None = None) -> tuple[int, ...]:
    """Return the shape of a finite array of floats that sets library and dtype, or say what came."""
    got = tuple(getattr(a, "shape", ()))
    check_array(name, a, tuple(n or "..." for n in got) if shape is None else shape, a)
    if dtype_name(a) not in DTYPES:
        raise TypeError(f"{name}: expected one of {', '.join(DTYPES)}, got {dtype_name(a)}")
    return got


def check_positive(name: str, value: Any, *, zero: bool = False) -> float:
    """Return a finite number above zero (or from zero) as a float, or say what came instead."""
    real = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
    if not real or not math.isfinite(value) or value < 0 or (value == 0 and not zero):
        raise ValueError(f"{name}: expected a number {'from' if zero else 'above'} zero, got {value!r}")
    return float(value)


def check_decay(name: str, value: Any) -> float:
    """Return a number in [0, 1) as a float, or say what came instead."""
    if check_positive(name, value, zero=True) >= 1.0:
        raise ValueError(f"{name}: expected a number from 0 to below 1, got {value!r}")
    return float(value)
