"""Make array_api_strict twice as fast without letting it accept anything more.

It asks at each new array whether its dtype is one of the standard's and whether its device has it, by
comparing with one after the other. The answer depends on nothing else, so one answer for each pair is enough.
"""

from typing import Any

import numpy as np
from array_api_strict._array_object import Array
from array_api_strict._dtypes import _all_dtypes


def quicken() -> None:
    whole = Array._new.__func__
    if whole.__module__ == __name__:
        return
    answers: dict[Any, Any] = {}

    def _new(cls: Any, x: Any, /, device: Any) -> Any:
        if isinstance(x, np.generic):
            x = np.asarray(x)
        pair = (x.dtype, device)
        if pair not in answers:
            first = whole(cls, x, device)  # raises where it should
            # The library's own object for the dtype: found by identity, not by comparison.
            answers[pair] = next(d for d in _all_dtypes if d == first._dtype), first._device
        new = object.__new__(cls)
        new._array = x
        new._dtype, new._device = answers[pair]
        return new

    Array._new = classmethod(_new)
