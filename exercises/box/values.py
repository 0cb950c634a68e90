"""Plain values as bytes, and back: numbers, texts, arrays, lists, tuples, dictionaries.

What comes from a submission's process is read by :func:`loads`. Nothing is unpickled, nothing is unpacked:
one line of JSON says how the raw bytes behind it are cut into arrays, and every size is checked first.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np

MAGIC = b"LSTMLAB1"
LARGEST = 32 * 2**20  # bytes of one message
NODES, DEPTH, TEXT = 20_000, 12, 1_000_000
INTEGERS = [f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)]
DTYPES = frozenset(["bool", "float16", "float32", "float64", "complex64", "complex128", *INTEGERS])


class RefusedError(ValueError):
    """The bytes are not what :func:`dumps` writes, or too many."""


class Strange(str):
    """Stands for a value of a type that is not carried over; the text is the type's name."""


class Seed(int):
    """Stands for ``numpy.random.default_rng(seed)`` in the arguments of a call."""


def dumps(value: Any) -> bytes:
    """Write a value as bytes; an object of a type that is not plain becomes :class:`Strange`."""
    blobs: list[bytes] = []
    node = _pack(value, blobs, 0, [0])
    head = json.dumps(node).encode()
    return b"%s %010d\n%s%s" % (MAGIC, len(head), head, b"".join(blobs))


def loads(data: bytes) -> Any:
    """Read what :func:`dumps` wrote; anything else is :class:`RefusedError`."""
    start = len(MAGIC) + 12
    if len(data) > LARGEST:
        raise RefusedError(f"more than {LARGEST >> 20} MiB")
    if data[: len(MAGIC)] != MAGIC or not data[len(MAGIC) + 1 : start - 1].isdigit():
        raise RefusedError("not a result of this grader")
    length = int(data[len(MAGIC) + 1 : start - 1])
    try:
        node = json.loads(data[start : start + length])
        return _unpack(node, memoryview(data)[start + length :], [0, 0], 0)
    except RefusedError:
        raise
    except (
        ValueError,
        TypeError,
        KeyError,
        IndexError,
        AttributeError,
        RecursionError,
        OverflowError,
    ) as error:
        raise RefusedError(f"damaged ({type(error).__name__})") from None


def _pack(value: Any, blobs: list[bytes], depth: int, count: list[int]) -> Any:
    count[0] += 1
    if depth > DEPTH or count[0] > NODES:
        return {"?": "a value nested too deeply, or with too many parts"}
    if isinstance(value, Strange):
        return {"?": str(value)[:80]}
    if isinstance(value, Seed):
        return {"seed": int(value)}
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return {"i": str(int(value))} if abs(value) < 10**30 else {"?": "a whole number of over 30 digits"}
    if isinstance(value, float):
        return {"f": float(value).hex()}
    if isinstance(value, str):
        return str(value)[:TEXT]
    if isinstance(value, np.ndarray | np.generic):
        array = np.asarray(value)
        if array.dtype.name not in DTYPES:
            return {"?": f"array of {array.dtype.name}"}
        if array.nbytes > LARGEST // 2:
            return {"?": f"array of {array.nbytes >> 20} MiB"}
        array = array.astype(array.dtype.newbyteorder("<"), copy=False)
        blobs.append(array.tobytes())
        return {"a": array.dtype.name, "s": list(array.shape)}
    if isinstance(value, list | tuple):
        kind = "t" if isinstance(value, tuple) else "l"
        return {kind: [_pack(item, blobs, depth + 1, count) for item in value]}
    if isinstance(value, dict):
        pairs = [[str(key), _pack(item, blobs, depth + 1, count)] for key, item in value.items()]
        return {"d": pairs}
    return {"?": type(value).__name__[:80]}


def _unpack(node: Any, blob: memoryview, at: list[int], depth: int) -> Any:
    at[1] += 1
    if depth > DEPTH + 1 or at[1] > NODES + 10:
        raise RefusedError("nested too deeply, or too many parts")
    if node is None or isinstance(node, bool):
        return node
    if isinstance(node, str):
        return node[:TEXT]
    if not isinstance(node, dict) or not node:
        raise RefusedError("a value that is none")
    kind, content = next(iter(node.items()))
    if kind == "i":
        return int(content[:32])
    if kind == "f":
        return float.fromhex(content)
    if kind == "seed":
        return Seed(content)
    if kind == "?":
        return Strange(str(content)[:80])
    if kind == "a":
        return _array(content, node["s"], blob, at)
    if kind in "tl" and isinstance(content, list):
        items = [_unpack(item, blob, at, depth + 1) for item in content]
        return tuple(items) if kind == "t" else items
    if kind == "d":
        return {str(key)[:TEXT]: _unpack(item, blob, at, depth + 1) for key, item in content}
    raise RefusedError(f"unknown kind {kind!r:.20}")


def _array(name: str, shape: list[int], blob: memoryview, at: list[int]) -> Any:
    if name not in DTYPES or len(shape) > 16 or not all(type(n) is int and n >= 0 for n in shape):
        raise RefusedError("an array that is none")
    dtype, size = np.dtype(name).newbyteorder("<"), 1
    for n in shape:
        size *= n
    end = at[0] + size * dtype.itemsize
    if end > len(blob):
        raise RefusedError("an array larger than its data")
    array = np.frombuffer(blob[at[0] : end], dtype).reshape(shape).astype(np.dtype(name))
    at[0] = end
    return array
