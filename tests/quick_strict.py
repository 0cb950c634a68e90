"""Make array_api_strict four times as fast without letting it accept anything more.

It asks the same questions at each operation: whether a dtype is one of the standard's and its device has it,
whether two dtypes may meet, whether a key is a number. What the answers depend on is little, so each is asked
once and remembered.
"""

from typing import Any

import array_api_strict
import numpy as np
from array_api_strict import _array_object
from array_api_strict._array_object import Array
from array_api_strict._dtypes import _all_dtypes


class _HasIndex(type):
    """The same question as ``typing.SupportsIndex`` asks, put to the class alone."""

    def __instancecheck__(cls, instance: Any) -> bool:
        return hasattr(type(instance), "__index__")


class SupportsIndex(metaclass=_HasIndex):
    """Whatever can be an index."""


def quicken() -> None:
    whole, check, space = Array._new.__func__, Array._check_allowed_dtypes, Array.__array_namespace__
    if whole.__module__ == __name__:
        return
    answers: dict[Any, Any] = {}
    accepted: set[Any] = set()

    def _new(cls: Any, x: Any, /, device: Any) -> Any:
        if isinstance(x, np.generic):
            x = np.asarray(x)
        pair = (x.dtype, id(device))
        if pair not in answers:
            first = whole(cls, x, device)  # raises where it should
            # The library's own object for the dtype: found by identity, not by comparison. The device is
            # kept with it, so that nothing else takes its place in memory.
            answers[pair] = next(d for d in _all_dtypes if d == first._dtype), first._device, device
        new = object.__new__(cls)
        new._array = x
        new._dtype, new._device, _ = answers[pair]
        return new

    def _check_allowed_dtypes(self: Any, other: Any, dtype_category: str, op: str) -> Any:
        if type(other) is not Array:
            return check(self, other, dtype_category, op)
        meeting = (id(self._dtype), id(other._dtype), dtype_category, op)  # the library's own objects
        if meeting not in accepted:
            if check(self, other, dtype_category, op) is not other:
                return NotImplemented
            accepted.add(meeting)
        return other

    def array_namespace(self: Any, /, *, api_version: str | None = None) -> Any:
        return array_api_strict if api_version is None else space(self, api_version=api_version)

    Array._new = classmethod(_new)
    Array._check_allowed_dtypes = _check_allowed_dtypes
    Array.__array_namespace__ = array_namespace
    _array_object.SupportsIndex = SupportsIndex
