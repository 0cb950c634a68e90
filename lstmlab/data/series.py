"""Series: real ones that ship with statsmodels, a chaotic one, the reader's own, and their scaling."""

from __future__ import annotations

import importlib
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from lstmlab.checks import check_size
from lstmlab.data.files import Series, Values
from lstmlab.initializers import generator

#: Name of each real series to what it is.
SERIES = {
    "sunspots": "yearly mean number of sunspots, 1700 to 2008",
    "nile": "yearly flow of the Nile at Aswan, 10^8 cubic metres, 1871 to 1970",
    "co2": "weekly carbon dioxide at Mauna Loa, ppm, 1958 to 2001; gaps up to 1985 filled by straight lines",
    "elnino": "monthly sea surface temperature off Peru, degrees Celsius, 1950 to 2010",
    "macrodata": "quarterly economy of the United States, twelve columns, 1959 to 2009",
}


def load_series(name: str) -> Series:
    """Load a real series that comes with the package statsmodels; nothing is downloaded.

    Parameters
    ----------
    name
        One of :data:`SERIES`.

    Returns
    -------
    Series
        One column, but ``macrodata`` has twelve. In ``co2`` 59 of 2284 weeks were not measured; a
        straight line between the neighbours stands there, which looks ahead by some weeks. The last gap
        lies in 1985: test on what comes later.

    Raises
    ------
    ImportError
        If statsmodels is not installed.
    ValueError
        If there is no such series.
    """
    if name not in SERIES:
        raise ValueError(f"name: expected one of {', '.join(SERIES)}, got {name!r}")
    try:
        module = importlib.import_module(f"statsmodels.datasets.{name}")
    except ImportError as error:
        raise ImportError(
            f"the series {name!r} comes with the package statsmodels (found: {error}); "
            "install it with: pip install statsmodels. Your own series can be read with read_csv"
        ) from error
    table = module.load_pandas().data
    columns = [str(column) for column in table.columns]
    values = np.asarray(table, dtype=np.float64)
    if name == "co2":
        t = np.arange(len(values))
        known = np.isfinite(values[:, 0])
        filled = np.interp(t, t[known], values[known, 0])
        years = np.array([day.year + (day.day_of_year - 1) / 365.25 for day in table.index])
        return Series(filled[:, None], ("co2",), years)
    if name == "elnino":
        years = (values[:, :1] + np.arange(12) / 12).ravel()
        return Series(values[:, 1:].reshape(-1, 1), ("temperature",), years)
    if name == "macrodata":
        return Series(values[:, 2:], tuple(columns[2:]), values[:, 0] + (values[:, 1] - 1) / 4)
    return Series(values[:, 1:], tuple(c.lower() for c in columns[1:]), values[:, 0])


def mackey_glass(
    T: int,
    *,
    rng: int | np.random.Generator,
    tau: float = 17.0,
    steps: int = 10,
    discard: int = 500,
) -> Values:
    r"""Solve the Mackey-Glass equation, a short rule with a long memory, and sample it once a unit of time.

    .. math:: \dot x(t) = \frac{0.2\, x(t - \tau)}{1 + x(t - \tau)^{10}} - 0.1\, x(t)

    By the classical Runge-Kutta method; between two grid points the delayed value is read from a cubic
    through the two and their slopes. Before t = 0 the series is constant, from U(0.8, 1.2).

    Parameters
    ----------
    T
        Number of values returned.
    rng
        Seed or generator of the constant beginning.
    tau
        Delay, a whole number of grid steps. Chaotic for 17, periodic for small delays.
    steps
        Grid steps a unit of time.
    discard
        Units of time left out at the start, until the beginning is forgotten; 0 returns x(0) first.

    Returns
    -------
    numpy.ndarray
        Shape ``(T,)``.

    Raises
    ------
    ValueError
        If the delay is not a whole positive number of grid steps, or another number is not as above.

    References
    ----------
    Mackey and Glass (1977).
    """
    T, steps = check_size("T", T), check_size("steps", steps)
    delay = round(tau * steps)
    if delay < 1 or abs(delay - tau * steps) > 1e-9:
        raise ValueError(f"tau: expected a positive multiple of 1/{steps}, got {tau!r}")
    if not isinstance(discard, int) or discard < 0:
        raise ValueError(f"discard: expected a whole number, 0 or more, got {discard!r}")
    dt, n = 1.0 / steps, (discard + T - 1) * steps
    x = np.full(delay + n + 1, generator(rng).uniform(0.8, 1.2))
    slope = np.zeros_like(x)  # dx/dt at the grid points; zero before t = 0

    def rate(now: float, delayed: float) -> float:
        return 0.2 * delayed / (1.0 + delayed**10) - 0.1 * now

    for i in range(delay, delay + n):  # x[i] is x(t) for t = (i - delay) dt
        old, new = x[i - delay], x[i - delay + 1]
        k1 = rate(x[i], old)
        slope[i] = k1
        left, right = slope[i - delay], slope[i - delay + 1]
        if i - delay + 1 == delay:  # the slope jumps at t = 0: here it is still that of the beginning
            right = 0.0
        middle = (old + new) / 2 + dt * (left - right) / 8
        k2 = rate(x[i] + dt / 2 * k1, middle)
        k3 = rate(x[i] + dt / 2 * k2, middle)
        k4 = rate(x[i] + dt * k3, new)
        x[i + 1] = x[i] + dt / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return x[delay + discard * steps :: steps]


class Scaler:
    r"""Take away a mean and divide by a standard deviation, both of the data it was fitted on.

    Implements :eq:`eq-scaler`: :math:`\tilde v_t = (v_t - \mu) / s` for every t, with :math:`\mu` and
    :math:`s` of the training part.

    Fit it on the training part only: with the test part's mean and spread a forecast knows something of
    the future. :func:`split_and_scale` does it right.

    Parameters
    ----------
    train
        Shape ``(T, n)`` or ``(T,)``.

    Attributes
    ----------
    mean, scale
        Shapes ``(n,)`` or ``()``. The scale is the standard deviation (divisor T), and 1 for a column that
        does not change.

    Raises
    ------
    ValueError
        If the data are empty or not finite.
    """

    def __init__(self, train: npt.ArrayLike) -> None:
        values = np.asarray(train, dtype=np.float64)
        if values.ndim not in (1, 2) or len(values) == 0 or not np.isfinite(values).all():
            raise ValueError(
                f"train: expected finite values of shape (T, n) or (T,), got shape {values.shape}"
            )
        self.mean: Any = values.mean(axis=0)
        spread = values.std(axis=0)
        constant = np.max(values, axis=0) == np.min(values, axis=0)
        self.scale: Any = np.where(constant, 1.0, spread)

    def transform(self, values: npt.ArrayLike) -> Values:
        """Return the values scaled; any leading axes before the last, ``(..., n)``."""
        return np.asarray((np.asarray(values, dtype=np.float64) - self.mean) / self.scale)

    def inverse(self, scaled: npt.ArrayLike) -> Values:
        """Undo :meth:`transform`."""
        return np.asarray(np.asarray(scaled, dtype=np.float64) * self.scale + self.mean)


class ScaledSplit(NamedTuple):
    """``train`` and ``test``, scaled by the same ``scaler``, which has seen ``train`` only."""

    train: Values
    test: Values
    scaler: Scaler


def split_and_scale(values: npt.ArrayLike, n_train: int) -> ScaledSplit:
    """Cut a series in two and scale both parts by the first.

    Parameters
    ----------
    values
        Shape ``(T, n)`` or ``(T,)``, in order of time.
    n_train
        Length of the first part, below T.

    Returns
    -------
    ScaledSplit
        ``train``, ``test``, ``scaler``.
    """
    series, n_train = np.asarray(values, dtype=np.float64), check_size("n_train", n_train)
    if n_train >= len(series):
        raise ValueError(f"n_train: expected less than the {len(series)} values there are, got {n_train}")
    scaler = Scaler(series[:n_train])
    return ScaledSplit(scaler.transform(series[:n_train]), scaler.transform(series[n_train:]), scaler)
