"""Call a student's function on copies of the arguments, and say in plain data what happened."""

from __future__ import annotations

import copy
import io
import linecache
import traceback
import warnings
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from typing import Any

import numpy as np

from .values import Seed, Strange

Outcome = dict[str, Any]


class Silent(io.TextIOBase):
    """Where prints of a function under test go: nowhere."""

    def write(self, text: str) -> int:
        return len(text)


def map_arrays(value: Any, change: Callable[[Any], Any], depth: int = 0) -> Any:
    """Apply a function to every leaf of nested lists, tuples and dictionaries; named tuples become tuples."""
    if depth > 12:
        return Strange("a value nested too deeply")
    if isinstance(value, dict):
        return {key: map_arrays(item, change, depth + 1) for key, item in value.items()}
    if isinstance(value, tuple):
        return tuple(map_arrays(item, change, depth + 1) for item in value)
    if isinstance(value, list):
        return [map_arrays(item, change, depth + 1) for item in value]
    return change(value)


def call(
    function: Callable[..., Any],
    arguments: Mapping[str, Any],
    *,
    move: Callable[[Any], Any] = lambda a: a,
    fetch: Callable[[Any], Any] = lambda a: a,
    plot: bool = False,
    files: str = "<cell",
) -> Outcome:
    """Call a function; its prints and warnings are dropped.

    Parameters
    ----------
    function
        A student's function, or a reference.
    arguments
        Name to plain value, passed by position. The function gets copies.
    move, fetch
        Take a NumPy array to the library in use, and an array of it back.
    plot
        Pass an empty ``Axes`` first, and return what was drawn on it instead of a value.
    files
        How the names of the files begin whose lines may be quoted.

    Returns
    -------
    dict
        ``value``, or ``error`` with ``type``, ``message``, ``line``, ``text``; and ``changed``, the names
        of the arguments that were written to.
    """
    given = {
        name: map_arrays(copy.deepcopy(value), lambda a: _given(a, move)) for name, value in arguments.items()
    }
    before = {
        name: map_arrays(value, lambda a: _plain(a, fetch, copied=True)) for name, value in given.items()
    }
    outcome: Outcome = {}
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings(), redirect_stdout(Silent()):
            warnings.simplefilter("ignore")
            if plot:
                axes = _empty_axes()
                function(axes, *given.values())
                outcome["value"] = describe(axes)
            else:
                outcome["value"] = map_arrays(function(*given.values()), lambda a: _plain(a, fetch))
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        outcome["error"] = explain(error, files)
    outcome["changed"] = [
        name
        for name, value in given.items()
        if not same(map_arrays(value, lambda a: _plain(a, fetch)), before[name])
    ]
    return outcome


def _given(value: Any, move: Callable[[Any], Any]) -> Any:
    if isinstance(value, Seed):
        return np.random.default_rng(int(value))
    return move(value) if isinstance(value, np.ndarray) else value


def _plain(value: Any, fetch: Callable[[Any], Any], copied: bool = False) -> Any:
    if value is None or isinstance(value, bool | int | float | str | np.generic):
        return value
    if not isinstance(value, np.ndarray):
        if not hasattr(value, "__array_namespace__") and not hasattr(value, "get"):
            return Strange(type(value).__name__)
        try:
            value = fetch(value)
        except Exception:
            return Strange(type(value).__name__)
        if not isinstance(value, np.ndarray):
            return Strange(type(value).__name__)
    return np.array(value) if copied else value


def same(a: Any, b: Any) -> bool:
    """Whether two plain values are equal in every number, NaN included."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()
    return type(a) is type(b) and bool(a == b)


def explain(error: BaseException, files: str) -> dict[str, Any]:
    """Return type, message and place of an exception: the last line of the student's own code."""
    try:
        message = " ".join(str(error).split())
    except Exception:
        message = ""
    found = {"type": type(error).__name__, "message": message[:300], "line": 0, "text": "", "within": ""}
    for frame, line in traceback.walk_tb(error.__traceback__):
        name = frame.f_code.co_filename
        if name.startswith(files) or "ipykernel" in name or "ipython-input" in name:
            text = linecache.getline(name, line).strip()
            found |= {"line": line, "text": text[:120], "within": frame.f_code.co_name}
    return found


def _empty_axes() -> Any:
    from matplotlib.figure import Figure

    return Figure(figsize=(6, 4)).subplots()


def describe(axes: Any) -> dict[str, Any]:
    """Return what is drawn on an ``Axes`` as plain data."""
    legend = axes.get_legend()
    return {
        "curves": [
            _left_to_right(np.array([np.asarray(a, float) for a in line.get_data()])) for line in axes.lines
        ],
        "points": [np.asarray(c.get_offsets(), float) for c in axes.collections],
        "images": [_from_the_top(image, axes) for image in axes.images],
        "bars": np.asarray([p.get_height() for p in axes.patches if hasattr(p, "get_height")], float),
        "xlabel": str(axes.get_xlabel()),
        "ylabel": str(axes.get_ylabel()),
        "title": str(axes.get_title()),
        "xscale": str(axes.get_xscale()),
        "yscale": str(axes.get_yscale()),
        "legend": [str(text.get_text()) for text in legend.get_texts()] if legend else [],
    }


def _from_the_top(image: Any, axes: Any) -> Any:
    """Return an image's rows as one sees them: with ``origin="lower"`` the first stands at the bottom."""
    rows = np.asarray(np.ma.filled(image.get_array(), np.nan), float)
    return rows if axes.yaxis_inverted() else rows[::-1]


def _left_to_right(curve: Any) -> Any:
    """Turn a curve round that was drawn from right to left: it is the same curve."""
    x = curve[0]
    return curve[:, ::-1] if x.size > 1 and (x[1:] < x[:-1]).all() else curve
