"""What every layer shares: its parameters, and how the arrays it is given are checked."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from lstmlab.backend import default_namespace, namespace
from lstmlab.checks import check_array, check_dtype_name
from lstmlab.initializers import HostArray
from lstmlab.parameters import Parameters
from lstmlab.typing import Array, Namespace


class Layer:
    """Parameters of a layer.

    Parameters
    ----------
    values
        Name to host array, in the order in which they shall lie in memory; may be empty.
    dtype
        ``"float64"`` or ``"float32"``.
    xp
        Array library; ``None`` takes ``lstmlab.xp``.
    """

    def __init__(self, values: Mapping[str, HostArray], *, dtype: str, xp: Namespace | None) -> None:
        self.dtype = check_dtype_name(dtype)
        library = default_namespace() if xp is None else xp
        flat = np.concatenate([np.zeros(0), *(v.ravel() for v in values.values())]).astype(self.dtype)
        self._params = Parameters({name: v.shape for name, v in values.items()}, library.asarray(flat))

    @property
    def params(self) -> Parameters:
        """Name to array, views into one fused vector ``params.flat``."""
        return self._params

    @property
    def n_params(self) -> int:
        """Number of trainable numbers."""
        return int(self._params.flat.shape[0])


def check_features(name: str, a: Array, n: int, like: Array) -> None:
    """Raise unless ``a`` is an array ``(..., n)`` of the library and dtype of ``like``, not empty."""
    leading = tuple(getattr(a, "shape", ()))[:-1]
    check_array(name, a, (*(size or "..." for size in leading), n), like)


def columns(a: Array) -> Array:
    """Return ``(..., n)`` as ``(n, N)``: all leading axes as one, a vector a column."""
    return namespace(a).reshape(a, (-1, a.shape[-1])).T
