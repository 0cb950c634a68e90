"""The law every hand-derived gradient must obey: finite differences say the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lstmlab.backend import to_numpy
from lstmlab.checks import DTYPES, check_size, dtype_name
from lstmlab.initializers import generator
from lstmlab.typing import Array


@dataclass(frozen=True)
class ArgumentCheck:
    """What the check found for one argument.

    Attributes
    ----------
    worst
        Largest relative error over the entries checked.
    index
        Where it stands.
    got
        The gradient under test, there.
    expected
        The finite difference, there.
    entries
        Number of entries checked.
    """

    worst: float
    index: tuple[int, ...]
    got: float
    expected: float
    entries: int


@dataclass(frozen=True, repr=False)
class GradcheckReport:
    """The result of :func:`gradcheck`; printing it gives a table.

    Attributes
    ----------
    errors
        Argument name to :class:`ArgumentCheck`.
    tol
        Largest relative error that passes.
    """

    errors: dict[str, ArgumentCheck]
    tol: float

    @property
    def ok(self) -> bool:
        """Whether every argument passes."""
        return not self.failed

    @property
    def failed(self) -> tuple[str, ...]:
        """The arguments whose gradient is wrong, the worst first."""
        bad = [name for name, check in self.errors.items() if not check.worst < self.tol]
        return tuple(sorted(bad, key=lambda name: -self.errors[name].worst))

    @property
    def worst(self) -> float:
        """Largest relative error over all arguments."""
        return max(check.worst for check in self.errors.values())

    def __str__(self) -> str:
        """Errors that pass print as the tolerance: their digits are rounding and differ by machine."""
        width = max(len("argument"), *(len(name) for name in self.errors))
        lines = [f"{'argument':<{width}}  entries  relative error  verdict"]
        for name, c in self.errors.items():
            if c.worst < self.tol:
                error, verdict = f"< {self.tol:.0e}", "ok"
            else:
                where = "[" + ", ".join(map(str, c.index)) + "]" if c.index else ""
                error = f"{c.worst:.1e}"
                verdict = f"WRONG at {name}{where}: got {c.got:.4g}, expected {c.expected:.4g}"
            lines.append(f"{name:<{width}}  {c.entries:>7}  {error:>14}  {verdict}")
        return "\n".join(lines)

    __repr__ = __str__


def gradcheck(
    f: Callable[..., tuple[Any, Any]],
    args: Mapping[str, Array] | Sequence[Array],
    *,
    eps: float = 1e-3,
    tol: float = 1e-7,
    max_entries: int | None = None,
    rng: int = 0,
) -> GradcheckReport:
    r"""Compare gradients with finite differences, entry by entry.

    The differences are those of :func:`finite_difference`, the errors those of :func:`relative_error`.

    Parameters
    ----------
    f
        Called as ``f(*args)``, or ``f(**args)`` if ``args`` is a mapping. Returns ``(value, grads)``:
        a scalar, and the gradients in the same order or under the same names. Entries of ``args``
        are changed in place and put back, so ``f`` may also read them elsewhere (a cell's
        ``params``, say). If it has a method ``value`` with the same arguments, the differences use
        that and are spared the gradients.
    args
        float64 arrays.
    eps
        Step of the difference.
    tol
        Largest relative error that passes.
    max_entries
        Check at most this many entries of each argument, drawn with ``rng``; ``None`` checks all.
    rng
        Seed for that draw.

    Returns
    -------
    GradcheckReport
        Per argument the worst relative error, its index, got and expected. An error is divided by
        the larger of the two numbers, but at least by a thousandth of the argument's largest
        gradient and by :math:`10^{-5}\max(1,|f|)`: in smaller entries rounding alone may exceed ``tol``.

    Raises
    ------
    TypeError
        If an argument is not a float64 array, or ``f`` returns no pair, or its gradients are not real
        or do not come in the arguments' container.
    ValueError
        If an option is not above zero, the value is not a finite scalar, a gradient is missing or has
        another shape, or an argument is empty or cannot be written.
    """
    named = dict(args) if isinstance(args, Mapping) else {f"args[{k}]": a for k, a in enumerate(args)}
    if not named:
        raise ValueError("args: expected at least one array, got none")
    for word, number in (("eps", eps), ("tol", tol)):
        if not number > 0.0:
            raise ValueError(f"{word}: expected a number above zero, got {number!r}")
    if max_entries is not None:
        check_size("max_entries", max_entries)
    for name, a in named.items():
        _check_argument(name, a)

    def call(function: Callable[..., Any]) -> Any:
        return function(**args) if isinstance(args, Mapping) else function(*args)

    pair = call(f)
    if not isinstance(pair, tuple) or len(pair) != 2:
        raise TypeError(f"f: expected a pair (value, grads), got {type(pair).__name__}")
    value_alone = getattr(f, "value", None)
    value, grads = _scalar(pair[0]), _named_gradients(pair[1], args, named)
    got = {name: _host_gradient(name, a, grads) for name, a in named.items()}
    floor = 1e-5 * max(1.0, abs(value))
    draw = generator(rng)

    def difference(a: Array, index: tuple[int, ...]) -> float:
        kept, values = float(a[index]), []
        try:
            for shift in (2.0, 1.0, -1.0, -2.0):
                a[index] = kept + shift * eps
                values.append(_scalar(call(value_alone) if value_alone else call(f)[0]))
        finally:
            a[index] = kept
        return finite_difference(values, eps)

    errors = {}
    for name, a in named.items():
        indices = list(np.ndindex(tuple(a.shape)))
        if max_entries is not None and len(indices) > max_entries:
            chosen = draw.choice(len(indices), size=max_entries, replace=False)
            indices = [indices[k] for k in sorted(chosen)]
        expected = {index: difference(a, index) for index in indices}
        errors[name] = _worst(got[name], expected, floor)
    return GradcheckReport(errors, tol)


def finite_difference(values: Sequence[float], eps: float) -> float:
    r"""Five-point central difference, whose error is of order ε⁴.

    Implements :eq:`eq-finite-difference`:
    :math:`\bigl(8[L(\theta+\varepsilon)-L(\theta-\varepsilon)]
    - [L(\theta+2\varepsilon)-L(\theta-2\varepsilon)]\bigr)/12\varepsilon`.

    Parameters
    ----------
    values
        L at :math:`\theta+2\varepsilon,\ \theta+\varepsilon,\ \theta-\varepsilon,\ \theta-2\varepsilon`.
    eps
        The step ε.

    Returns
    -------
    float
        The derivative.
    """
    far_plus, plus, minus, far_minus = values
    return (8.0 * (plus - minus) - (far_plus - far_minus)) / (12.0 * eps)


def relative_error(got: float, expected: float, floor: float = 0.0) -> float:
    r"""Relative error of a gradient entry.

    Implements :eq:`eq-relative-error`:
    :math:`|\text{got}-\text{expected}|/\max(|\text{got}|,|\text{expected}|,\text{floor})`.

    Parameters
    ----------
    got, expected
        The two numbers.
    floor
        Least denominator.

    Returns
    -------
    float
        Zero if both are equal; infinity if either is not finite.
    """
    if not (np.isfinite(got) and np.isfinite(expected)):
        return float("inf")
    scale = max(abs(got), abs(expected), floor)
    return abs(got - expected) / scale if scale > 0.0 else 0.0


def _worst(got: np.ndarray[Any, Any], expected: dict[tuple[int, ...], float], floor: float) -> ArgumentCheck:
    floor = max(floor, 1e-3 * max(abs(e) for e in expected.values()))
    errors = {index: relative_error(float(got[index]), e, floor) for index, e in expected.items()}
    index = max(errors, key=lambda k: errors[k])
    return ArgumentCheck(errors[index], index, float(got[index]), expected[index], len(errors))


def _named_gradients(grads: Any, args: Any, named: Mapping[str, Array]) -> Mapping[str, Array]:
    """Return the gradients by name, or say that their container does not fit the arguments'."""
    if isinstance(args, Mapping):
        if not isinstance(grads, Mapping):
            raise TypeError(f"f: expected gradients under the names of args, got {type(grads).__name__}")
        return grads
    if not isinstance(grads, (list, tuple)) or len(grads) != len(named):
        got = f"{len(grads)}" if isinstance(grads, (list, tuple)) else type(grads).__name__
        raise TypeError(f"f: expected a list of {len(named)} gradients, one for each argument, got {got}")
    return dict(zip(named, grads, strict=True))


def _check_argument(name: str, a: Array) -> None:
    is_array = hasattr(a, "dtype") and hasattr(a, "shape") and not isinstance(a, np.generic)
    if not is_array or dtype_name(a) != "float64":
        kind = dtype_name(a) if hasattr(a, "dtype") else type(a).__name__
        raise TypeError(f"{name}: expected a float64 array (finite differences need the digits), got {kind}")
    if 0 in a.shape:
        raise ValueError(f"{name}: expected at least one entry, got shape {tuple(a.shape)}")
    if isinstance(a, np.ndarray) and not a.flags.writeable:
        raise ValueError(f"{name}: expected an array that can be written, got a read-only one")


def _scalar(value: Any) -> float:
    if getattr(value, "shape", ()) != ():
        raise ValueError(f"f: expected a scalar value, got shape {tuple(value.shape)}")
    number = float(value)
    if not np.isfinite(number):
        raise ValueError(f"f: expected a finite value, got {number}")
    return number


def _host_gradient(name: str, a: Array, grads: Any) -> np.ndarray[Any, Any]:
    try:
        gradient = grads[name]
    except (KeyError, IndexError):
        raise ValueError(f"f: returned no gradient for {name}") from None
    if getattr(gradient, "shape", ()) != a.shape:
        raise ValueError(
            f"f: gradient of {name}: expected shape {tuple(a.shape)}, got {getattr(gradient, 'shape', ())}"
        )
    if dtype_name(gradient) not in DTYPES:
        raise TypeError(f"f: gradient of {name}: expected real numbers, got {dtype_name(gradient)}")
    return to_numpy(gradient).copy()  # f may use the same memory at its next call
