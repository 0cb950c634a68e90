"""Make array_api_strict ten times as fast without letting it accept anything more.

At each operation it asks the same questions: whether a dtype is one of the standard's and its device has it,
whether two dtypes may meet, whether a key is one of the standard's. What the answers depend on is little: two
operands that are the library's arrays, of one dtype and on one device; a Python number beside a floating
dtype; a shape and a key of plain numbers and slices. So the library answers each question once; from then on
NumPy computes at once what the library would let NumPy compute. Whatever is not as plain as this goes to the
library each time, and so does what it has refused. Each replacement keeps the original as ``__wrapped__``:
``test_quick_strict.py`` compares the two.
"""

import functools
from collections.abc import Callable
from typing import Any

import array_api_compat
import array_api_strict
import numpy as np
from array_api_strict._dtypes import _all_dtypes

library: Any = array_api_strict  # its parts are replaced: their types would forbid it
Array: Any = library._array_object.Array
SIGNS = ("add", "sub", "mul", "truediv", "radd", "rsub", "rmul", "rtruediv", "matmul")
OPERATORS = tuple(f"__{name}__" for name in (*SIGNS, "lt", "le", "gt", "ge", "eq", "ne"))
IN_PLACE = ("__iadd__", "__isub__", "__imul__", "__itruediv__")
ELEMENTWISE = ("abs", "exp", "expm1", "log", "log1p", "log2", "sqrt", "square", "sin", "cos", "tanh")
OF_ONE = (*ELEMENTWISE, "isfinite", "isnan", "logical_not", "zeros_like", "ones_like")
OF_TWO = ("maximum", "minimum", "matmul")
REDUCTIONS = ("sum", "mean", "max", "min", "any", "all")
LISTS = ("concat", "stack")
FLOAT64, FLOAT32 = array_api_strict.float64, array_api_strict.float32
OWN = {id(dtype) for dtype in _all_dtypes}  # the library's own dtypes, told apart by identity
LARGEST = 2**53  # the largest whole numbers that a float64 tells apart
make = object.__new__


class _HasIndex(type):
    """The same question as ``typing.SupportsIndex`` asks, put to the class alone."""

    def __instancecheck__(cls, instance: Any) -> bool:
        return hasattr(type(instance), "__index__")


class SupportsIndex(metaclass=_HasIndex):
    """Whatever can be an index."""


def array(value: Any, dtype: Any, device: Any) -> Any:
    """Make an array of the library of what NumPy gave."""
    new = make(Array)
    new._array = value if type(value) is np.ndarray else np.asarray(value)
    new._dtype, new._device = dtype, device
    return new


def as_before(whole: Any) -> Callable[[Any], Any]:
    """Mark a replacement with what it replaces."""
    return functools.wraps(whole)


def operator(name: str) -> Any:
    """``a + b`` and its like: remembered is by dtype what the result's dtype is."""
    whole, plain = getattr(Array, name), getattr(np.ndarray, name)
    arrays: dict[int, Any] = {}
    numbers: dict[int, Any] = {}

    @as_before(whole)
    def quick(self: Any, other: Any, /) -> Any:
        dtype, kind = self._dtype, type(other)
        if kind is Array:
            if other._dtype is not dtype or other._device is not self._device:
                return whole(self, other)
            known, value = arrays, other._array
        elif dtype is not FLOAT64 and dtype is not FLOAT32:
            return whole(self, other)
        elif kind is float or (kind is int and -LARGEST <= other <= LARGEST):
            known, value = numbers, other
        else:
            return whole(self, other)
        if (gives := known.get(id(dtype))) is None:
            answer = whole(self, other)
            if type(answer) is Array and id(dtype) in OWN:
                known[id(dtype)] = answer._dtype
            return answer
        value = plain(self._array, value)
        new = make(Array)
        new._array = value if type(value) is np.ndarray else np.asarray(value)
        new._dtype, new._device = gives, self._device
        return new

    return quick


def in_place(name: str) -> Any:
    """``a += b`` and its like."""
    whole, plain = getattr(Array, name), getattr(np.ndarray, name)
    known: set[int] = set()

    @as_before(whole)
    def quick(self: Any, other: Any, /) -> Any:
        dtype = self._dtype
        if type(other) is not Array or other._dtype is not dtype or other._device is not self._device:
            return whole(self, other)
        if id(dtype) not in known:
            answer = whole(self, other)
            if id(dtype) in OWN:
                known.add(id(dtype))
            return answer
        plain(self._array, other._array)
        return self

    return quick


def of_one(whole: Any, plain: Any) -> Any:
    """Element-wise functions of one array, and what makes an array like another."""
    known: dict[int, Any] = {}

    @as_before(whole)
    def quick(*args: Any, **options: Any) -> Any:
        if options or len(args) != 1 or type(args[0]) is not Array:
            return whole(*args, **options)
        x = args[0]
        if (gives := known.get(id(x._dtype))) is None:
            answer = whole(x)
            if id(x._dtype) in OWN:
                known[id(x._dtype)] = answer._dtype
            return answer
        return array(plain(x._array), gives, x._device)

    return quick


def of_two(name: str) -> Any:
    """Functions of two arrays."""
    whole, plain = getattr(array_api_strict, name), getattr(np, name)
    known: dict[int, Any] = {}

    @as_before(whole)
    def quick(x1: Any, x2: Any, /) -> Any:
        if type(x1) is not Array or type(x2) is not Array:
            return whole(x1, x2)
        if x1._dtype is not x2._dtype or x1._device is not x2._device:
            return whole(x1, x2)
        if (gives := known.get(id(x1._dtype))) is None:
            answer = whole(x1, x2)
            if id(x1._dtype) in OWN:
                known[id(x1._dtype)] = answer._dtype
            return answer
        return array(plain(x1._array, x2._array), gives, x1._device)

    return quick


def reduction(name: str) -> Any:
    """Sums and their like. A device may lack the dtype of the result: it belongs to the question."""
    whole, plain = getattr(array_api_strict, name), getattr(np, name)
    known: dict[tuple[int, str], Any] = {}

    @as_before(whole)
    def quick(x: Any, /, *, axis: Any = None, keepdims: bool = False, **options: Any) -> Any:
        if options or type(x) is not Array:
            return whole(x, axis=axis, keepdims=keepdims, **options)
        asked = id(x._dtype), x._device._device
        if (gives := known.get(asked)) is None:
            answer = whole(x, axis=axis, keepdims=keepdims)
            if id(x._dtype) in OWN:
                known[asked] = answer._dtype
            return answer
        return array(plain(x._array, axis=axis, keepdims=keepdims), gives, x._device)

    return quick


def where() -> Any:
    whole = array_api_strict.where
    known: set[tuple[int, int]] = set()

    @as_before(whole)
    def quick(condition: Any, x1: Any, x2: Any, /) -> Any:
        if type(condition) is not Array or type(x1) is not Array or type(x2) is not Array:
            return whole(condition, x1, x2)
        if x1._dtype is not x2._dtype or not (condition._device is x1._device is x2._device):
            return whole(condition, x1, x2)
        meeting = id(condition._dtype), id(x1._dtype)
        if meeting not in known:
            answer = whole(condition, x1, x2)
            if OWN.issuperset(meeting):
                known.add(meeting)
            return answer
        return array(np.where(condition._array, x1._array, x2._array), x1._dtype, x1._device)

    return quick


def of_list(name: str) -> Any:
    """``concat`` and ``stack`` of arrays of one dtype on one device."""
    whole, plain = getattr(array_api_strict, name), getattr(np, name)

    @as_before(whole)
    def quick(arrays: Any, /, *, axis: Any = 0) -> Any:
        first: Any = arrays[0] if type(arrays) in (list, tuple) and arrays else None
        if type(first) is not Array:
            return whole(arrays, axis=axis)
        dtype, device = first._dtype, first._device
        for a in arrays:
            if type(a) is not Array or a._dtype is not dtype or a._device is not device:
                return whole(arrays, axis=axis)
        return array(plain([a._array for a in arrays], axis=axis), dtype, device)

    return quick


def form(key: Any) -> Any:
    """Return what can be remembered of a key of plain numbers, slices, ``...`` and ``None``, or nothing.

    Numbers are ``int`` and nothing else: ``True`` and ``1.0`` would be found under the same entry. Which one
    an index is does not matter to the library: whether the axis is as long, NumPy finds each time.
    """
    found: list[Any] = []
    for part in key if type(key) is tuple else (key,):
        kind = type(part)
        if kind is slice:
            for end in (part.start, part.stop, part.step):
                if end is not None and type(end) is not int:
                    return None
            found.append((part.start, part.stop, part.step))
        elif kind is int:
            found.append(int)
        elif part is None or part is Ellipsis:
            found.append(part)
        else:
            return None
    return tuple(found)


def indexing() -> tuple[Any, Any]:
    """``a[key]`` and ``a[key] = b``: remembered are keys that the library accepted for a shape."""
    get, put = Array.__getitem__, Array.__setitem__
    readable: set[Any] = set()
    writable: set[Any] = set()

    @as_before(get)
    def getitem(self: Any, key: Any, /) -> Any:
        if (plain := form(key)) is None:
            return get(self, key)
        asked = self._array.shape, plain
        if asked not in readable:
            answer = get(self, key)
            readable.add(asked)
            return answer
        return array(self._array[key], self._dtype, self._device)

    @as_before(put)
    def setitem(self: Any, key: Any, value: Any, /) -> None:
        kind, dtype = type(value), self._dtype
        if kind is Array and value._dtype is dtype and value._device is self._device:
            plain, new = form(key), value._array
        elif kind is float and (dtype is FLOAT64 or dtype is FLOAT32):
            plain, new = form(key), value
        else:
            plain = new = None
        asked = self._array.shape, plain
        if plain is None or asked not in writable:
            put(self, key, value)
            if plain is not None:
                writable.add(asked)
        else:
            self._array[key] = new

    return getitem, setitem


def construction(whole: Any) -> Any:
    """What every array goes through that is made in another way: which dtype, on which device."""
    answers: dict[Any, Any] = {}

    @as_before(whole)
    def _new(cls: Any, x: Any, /, device: Any) -> Any:
        if isinstance(x, np.generic):
            x = np.asarray(x)
        pair = (x.dtype, id(device))
        if pair not in answers:
            first = whole(cls, x, device)  # raises where it should
            # The library's own object for the dtype: found by identity, not by comparison. The device is
            # kept with it, so that nothing else takes its place in memory.
            answers[pair] = next(d for d in _all_dtypes if d == first._dtype), first._device, device
        new = make(cls)
        new._array = x
        new._dtype, new._device, _ = answers[pair]
        return new

    return classmethod(_new)


def conversion(whole: Any) -> Any:
    """``asarray`` of an array of NumPy's, to one of the library's dtypes or its own."""
    known: dict[Any, Any] = {}

    @as_before(whole)
    def quick(obj: Any, /, *, dtype: Any = None, device: Any = None, copy: bool | None = None) -> Any:
        plain = type(obj) is np.ndarray and (dtype is None or id(dtype) in OWN)
        if not plain or type(device) is not array_api_strict.Device:
            return whole(obj, dtype=dtype, device=device, copy=copy)
        asked = obj.dtype, id(dtype), device._device
        if (gives := known.get(asked)) is None:
            answer = whole(obj, dtype=dtype, device=device, copy=copy)
            known[asked] = answer._dtype
            return answer
        return array(np.array(obj, dtype=gives._np_dtype, copy=copy), gives, device)

    return quick


def transposed(whole: Any) -> Any:
    @as_before(whole.fget)
    def T(self: Any) -> Any:
        if self._array.ndim != 2:
            return whole.fget(self)
        return array(self._array.T, self._dtype, self._device)

    return property(T)


def namespaces(compat: Any, own: Any) -> tuple[Any, Any]:
    """Which library arrays belong to, as array-api-compat and as the array itself says it."""

    @as_before(compat)
    def array_namespace(*xs: Any, **options: Any) -> Any:
        if options or not xs or not all(type(x) is Array for x in xs):
            return compat(*xs, **options)
        return array_api_strict

    @as_before(own)
    def of_array(self: Any, /, *, api_version: str | None = None) -> Any:
        return array_api_strict if api_version is None else own(self, api_version=api_version)

    return array_namespace, of_array


def quicken() -> None:
    """Replace what is asked most often; a second call changes nothing."""
    if hasattr(Array.__add__, "__wrapped__"):
        return
    Array._new = construction(Array._new.__func__)
    for name in OPERATORS:
        setattr(Array, name, operator(name))
    for name in IN_PLACE:
        setattr(Array, name, in_place(name))
    Array.__getitem__, Array.__setitem__ = indexing()
    Array.T = transposed(Array.T)
    library._array_object.SupportsIndex = SupportsIndex
    Array.__neg__ = of_one(Array.__neg__, np.negative)
    for name in OF_ONE:
        setattr(array_api_strict, name, of_one(getattr(array_api_strict, name), getattr(np, name)))
    for names, quick in ((OF_TWO, of_two), (REDUCTIONS, reduction), (LISTS, of_list)):
        for name in names:
            setattr(array_api_strict, name, quick(name))
    library.where = where()
    library.asarray = conversion(library.asarray)
    compat, Array.__array_namespace__ = namespaces(
        array_api_compat.array_namespace, Array.__array_namespace__
    )
    array_api_compat.array_namespace = compat
