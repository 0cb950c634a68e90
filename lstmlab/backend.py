"""The one place that knows which array libraries exist.

Library code never asks which device is in use: it takes the namespace of the arrays it is given
(:func:`namespace`). Notebooks choose once, in their first cell, with ``from lstmlab import xp``.
"""

from __future__ import annotations

import importlib
import os
from functools import cache
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np

from lstmlab.typing import Array, Namespace

CHOICES = ("auto", "numpy", "cupy", "strict")
#: Functions of the array API that make an array from nothing, and therefore choose a device.
CREATION = ("arange", "asarray", "empty", "eye", "full", "linspace", "ones", "zeros")


def namespace(*arrays: Array) -> Namespace:
    """Return the array library the arguments belong to.

    Parameters
    ----------
    *arrays
        One or more arrays of the same library.

    Returns
    -------
    module
        :mod:`numpy` for NumPy arrays, an array-API view of ``cupy`` for CuPy arrays,
        ``array_api_strict`` for its arrays.

    Raises
    ------
    TypeError
        If an argument is not an array, or two libraries are mixed.
    """
    for a in arrays:  # a plain loop: this is asked a hundred times in each step of a training
        if not isinstance(a, np.ndarray):
            break
    else:
        return np
    import array_api_compat

    try:
        return array_api_compat.array_namespace(*arrays)
    except TypeError as error:
        found = sorted({f"{type(a).__module__.partition('.')[0]}.{type(a).__name__}" for a in arrays})
        raise TypeError(f"expected arrays of one library, got {', '.join(found)}") from error


def to_numpy(a: Array) -> np.ndarray[Any, Any]:
    """Return an array as a NumPy array in host memory: a NumPy array itself, a copy of any other.

    Parameters
    ----------
    a
        An array of any backend, or a Python number or list.

    Returns
    -------
    numpy.ndarray
        The same shape and dtype.
    """
    if isinstance(a, np.ndarray):
        return a
    if type(a).__module__.partition(".")[0] == "cupy":
        return np.asarray(a.get())
    if type(a).__module__.partition(".")[0] == "array_api_strict":
        return np.asarray(a.to_device(_strict().Device("CPU_DEVICE")))
    return np.asarray(a)


def from_numpy(a: Any, like: Array) -> Array:
    """Move a host array to the library, device and dtype of another array.

    Parameters
    ----------
    a
        A NumPy array, or anything :func:`numpy.asarray` takes.
    like
        An array of the wanted backend.

    Returns
    -------
    array
        The values of ``a`` with the dtype of ``like``, beside ``like``. On NumPy an array of that
        dtype is returned as it is.
    """
    if isinstance(like, np.ndarray):
        return np.asarray(a, dtype=like.dtype)
    import array_api_compat

    xp = array_api_compat.array_namespace(like)
    return xp.asarray(np.asarray(a), dtype=like.dtype, device=device(like))


def device(a: Array) -> Any:
    """Return the device an array lies on, as its library names it."""
    if isinstance(a, np.ndarray):
        return "cpu"
    import array_api_compat

    return array_api_compat.device(a)


def get_xp(choice: str | None = None) -> Namespace:
    """Choose the array library a notebook works with.

    Parameters
    ----------
    choice
        ``"auto"``: CuPy where a CUDA device answers, NumPy otherwise. ``"numpy"``. ``"cupy"``: an
        error if no device answers. ``"strict"``: ``array_api_strict`` on a mock device, which
        refuses on any machine what CuPy would refuse. ``None`` reads the environment variable
        ``LSTMLAB_BACKEND`` (``auto`` if it is not set, or empty).

    Returns
    -------
    module
        The array library; its creation functions already use the chosen device.

    Raises
    ------
    ValueError
        If the choice is not one of the four.
    RuntimeError
        If ``"cupy"`` is asked for and no device answers, or ``"strict"`` and its package is not
        installed. The message says what was found.
    """
    source = "choice"
    if choice is None:
        choice, source = os.environ.get("LSTMLAB_BACKEND") or "auto", "environment variable LSTMLAB_BACKEND"
    if choice not in CHOICES:
        raise ValueError(f"{source}: expected one of {', '.join(CHOICES)}, got {choice!r}")
    if choice == "numpy":
        return np
    if choice == "strict":
        return _strict_on_mock_device()
    found = _cupy_trouble()
    if found is None:  # CuPy, with the array API's names where an older CuPy lacks them
        return importlib.import_module("array_api_compat.cupy")
    if choice == "cupy":
        raise RuntimeError(f"{source} asks for cupy, which needs a CUDA device that answers; found: {found}")
    return np


@cache
def default_namespace() -> Namespace:
    """Return the library this process works with by default, as ``LSTMLAB_BACKEND`` says."""
    return get_xp()


def _cupy_trouble() -> str | None:
    """Say why CuPy cannot be used here, or return ``None`` if a device answers."""
    try:
        cupy = importlib.import_module("cupy")
    except Exception as error:  # a broken CUDA installation raises more than ImportError
        return f"cupy cannot be imported ({type(error).__name__}: {error})"
    try:
        devices = int(cupy.cuda.runtime.getDeviceCount())
        if devices == 0:
            return f"cupy {cupy.__version__} is installed, but there is no CUDA device"
        ones = cupy.ones((2, 2))  # a device may be listed and still refuse to compile or to multiply
        float(cupy.tanh(ones @ ones).sum())
    except Exception as error:
        return f"cupy {cupy.__version__} is installed, but its device does not answer ({error})"
    return None


def _strict() -> ModuleType:
    try:
        return importlib.import_module("array_api_strict")
    except ImportError as error:
        raise RuntimeError(
            "the strict backend needs the package array-api-strict (found: not installed); "
            "it comes with lstmlab[test]"
        ) from error


@cache
def _strict_on_mock_device() -> Namespace:
    """Return ``array_api_strict`` with a device that is not the host's, as a GPU is not.

    Without ``device=`` its creation functions would use the host, and nothing would be refused.
    """
    strict = _strict()
    device = strict.Device("device1")

    def on_device(create: Any) -> Any:
        def wrapped(*args: Any, **kwargs: Any) -> Array:
            kwargs.setdefault("device", device)
            return create(*args, **kwargs)

        wrapped.__name__, wrapped.__doc__ = create.__name__, create.__doc__
        return wrapped

    names = {name: getattr(strict, name) for name in dir(strict) if not name.startswith("_")}
    names |= {name: on_device(names[name]) for name in CREATION} | {"linalg": strict.linalg}
    return SimpleNamespace(__name__="array_api_strict", **names)
