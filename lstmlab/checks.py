"""Clear errors for bad arguments: the argument's name, what was expected, what came."""

from __future__ import annotations

from typing import Any

import numpy as np

from lstmlab.backend import device, from_numpy, namespace
from lstmlab.typing import Array

DTYPES = ("float32", "float64")
#: What has a shape and is no plain array: their rules for products and masks are their own.
NOT_PLAIN = (np.generic, np.ma.MaskedArray, np.matrix)


def dtype_name(a: Array) -> str:
    """Return ``"float64"`` and the like for an array of any backend."""
    return str(a.dtype).rpartition(".")[2]


def check_size(name: str, n: Any) -> int:
    """Return a positive whole number, or say what came instead."""
    if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 1:
        raise ValueError(f"{name}: expected a positive whole number, got {n!r}")
    return int(n)


def check_dtype_name(dtype: Any) -> str:
    """Return ``"float32"`` or ``"float64"``, or say what came instead."""
    name = dtype if isinstance(dtype, str) else getattr(dtype, "__name__", str(dtype)).rpartition(".")[2]
    if name not in DTYPES:
        raise ValueError(f"dtype: expected one of {', '.join(DTYPES)}, got {dtype!r}")
    return str(name)


def check_array(name: str, a: Array, shape: tuple[int | str, ...], like: Array) -> None:
    """Raise unless ``a`` has the shape, library, device and dtype wanted, and is finite.

    Parameters
    ----------
    name
        The argument's name, as the caller knows it.
    a
        What the caller gave.
    shape
        The expected shape; a string stands for a free size and is shown in the message.
    like
        An array of the wanted library and dtype (a parameter of the cell).

    Raises
    ------
    TypeError
        If ``a`` is not an array of the same library, or has another dtype.
    ValueError
        If it lies on another device, the shape differs, a free size is zero, or a value is not finite.
    """
    usual = type(a) is np.ndarray is type(like) and a.dtype == like.dtype and fits(a.shape, shape)
    if usual and np.isfinite(a).all():  # quickly: each step of a training asks ten times
        return
    library, ours = (type(v).__module__.partition(".")[0] for v in (a, like))
    if not hasattr(a, "shape") or not hasattr(a, "dtype") or isinstance(a, NOT_PLAIN):
        raise TypeError(f"{name}: expected an array of shape {shown(shape)}, got {type(a).__name__}")
    if library != ours:
        raise TypeError(
            f"{name}: expected an array of {ours}, as the parameters are, got one of {library}; "
            "move it with xp.asarray(...)"
        )
    if library != "numpy" and device(a) != device(like):
        raise ValueError(f"{name}: expected an array on {device(like)}, got one on {device(a)}")
    got = tuple(a.shape)
    if len(got) != len(shape) or any(isinstance(w, int) and w != g for w, g in zip(shape, got, strict=True)):
        raise ValueError(f"{name}: expected shape {shown(shape)}, got {got}")
    for size, word in zip(got, shape, strict=True):
        if isinstance(word, str) and size == 0:
            raise ValueError(f"{name}: expected shape {shown(shape)} with {word} at least 1, got {got}")
    if a.dtype != like.dtype:
        raise TypeError(
            f"{name}: expected dtype {dtype_name(like)}, got {dtype_name(a)}; dtypes are not mixed"
        )
    xp = namespace(a)
    if not bool(xp.all(xp.isfinite(a))):
        bad = int(xp.sum(xp.astype(~xp.isfinite(a), xp.int64)))
        raise ValueError(f"{name}: expected finite values, got {bad} of shape {got} that are NaN or infinite")


def fits(got: tuple[int, ...], shape: tuple[int | str, ...]) -> bool:
    """Whether a shape is the one expected, in which a string stands for any size above zero."""
    return len(got) == len(shape) and all(
        g > 0 if isinstance(w, str) else g == w for g, w in zip(got, shape, strict=True)
    )


def shown(shape: tuple[int | str, ...]) -> str:
    """Return a shape as Python writes it, with the words for free sizes."""
    return "(" + ", ".join(str(n) for n in shape) + ("," if len(shape) == 1 else "") + ")"


def as_beside(name: str, value: Any, target: Array) -> Array:
    """Return ``value`` as an array that can be written into ``target``.

    A number fills the target. A list takes the target's dtype; an array must already have it, and
    either the target's library or NumPy's. Both must have exactly the target's shape.
    """
    if isinstance(value, (int, float)) or getattr(value, "shape", None) == ():
        value = from_numpy(np.full(target.shape, float(value)), target)
    elif isinstance(value, (list, tuple)):
        try:
            value = from_numpy(np.asarray(value, dtype=dtype_name(target)), target)
        except (TypeError, ValueError, OverflowError) as error:
            raise ValueError(
                f"{name}: expected numbers of shape {tuple(target.shape)}, got {error}"
            ) from error
    elif isinstance(value, np.ndarray) and dtype_name(value) == dtype_name(target):
        value = from_numpy(value, target)
    check_array(name, value, tuple(target.shape), target)
    return value
