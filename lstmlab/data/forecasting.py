"""Windows of a series, honest splits in time, and the forecasts that a network must beat.

A forecast is named by its origin o: it knows ``values[:o]`` and predicts ``values[o]`` and on.
Arrays are time-major: inputs ``(lags, N, n)``, forecasts ``(horizon, N, n)``, N the number of origins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lstmlab.checks import check_size
from lstmlab.data.files import Values


class Windows(NamedTuple):
    """Inputs and targets cut from one series.

    Attributes
    ----------
    x
        The ``lags`` values before each origin, ``(lags, N, n)``.
    y
        The ``horizon`` values from each origin on, ``(horizon, N, m)``, m the number of target columns.
    origins
        Place of the first target in the series, ``(N,)``.
    """

    x: Values
    y: Values
    origins: npt.NDArray[np.int64]


class Fold(NamedTuple):
    """One step of a walk forward: fit on ``values[train]``, judge on ``values[test]``."""

    train: slice
    test: slice


def windows(
    values: npt.ArrayLike,
    lags: int,
    horizon: int = 1,
    *,
    first: int | None = None,
    last: int | None = None,
    columns: Sequence[int] | None = None,
) -> Windows:
    """Cut a series into overlapping windows, one for each origin.

    Implements :eq:`eq-window`: what lies before an origin is read, what lies from it on is predicted.

    With ``horizon=1`` they teach one step, to be repeated (:func:`recursive_forecast`); with a larger one,
    all steps at once (direct forecast). For training give ``last``, the end of the training part: no
    target lies beyond it. For the test give ``first``, its beginning: the inputs may lie before it, as
    the past is known, but no target does.

    Parameters
    ----------
    values
        Shape ``(T, n)`` or ``(T,)``, in order of time.
    lags
        Values read before an origin.
    horizon
        Values predicted from an origin on.
    first
        No target before this place; ``None`` takes the first origin that has enough past.
    last
        No target from this place on; ``None`` takes T.
    columns
        Numbers of the columns to predict; ``None`` takes all. The other columns are read only.

    Returns
    -------
    Windows
        ``x``, ``y``, ``origins``.

    Raises
    ------
    ValueError
        If no window fits.

    Examples
    --------
    >>> w = windows([10, 11, 12, 13, 14], lags=2, horizon=2)
    >>> w.x[..., 0].T.tolist(), w.y[..., 0].T.tolist()
    ([[10.0, 11.0], [11.0, 12.0]], [[12.0, 13.0], [13.0, 14.0]])
    """
    series, lags, horizon = as_series(values), check_size("lags", lags), check_size("horizon", horizon)
    start = max(lags, 0 if first is None else first)
    stop = len(series) if last is None else min(last, len(series))
    origins = np.arange(start, stop - horizon + 1)
    if len(origins) == 0:
        raise ValueError(
            f"values: expected room for {lags} lags and {horizon} targets, got {len(series)} values, "
            f"targets from place {start} to {stop}"
        )
    wanted = np.arange(series.shape[1]) if columns is None else np.asarray(columns)
    x = series[origins + np.arange(-lags, 0)[:, None]]
    y = series[origins + np.arange(horizon)[:, None]][..., wanted]
    return Windows(x, y, origins)


def recursive_forecast(predict: Callable[[Values], npt.ArrayLike], history: Values, horizon: int) -> Values:
    """Repeat a one-step forecast, each time with the last one in place of the value not yet known.

    Parameters
    ----------
    predict
        From inputs ``(lags, N, n)`` to the next values ``(N, n)``.
    history
        The known past, ``(lags, N, n)``, such as ``Windows.x``; not written to.
    horizon
        Number of steps.

    Returns
    -------
    numpy.ndarray
        Shape ``(horizon, N, n)``.
    """
    past, steps = np.array(history), []
    for _ in range(check_size("horizon", horizon)):
        step = np.asarray(predict(past))
        if step.shape != past.shape[1:]:
            raise ValueError(f"predict: expected it to return shape {past.shape[1:]}, got {step.shape}")
        steps.append(step)
        past = np.concatenate([past[1:], step[None]])
    return np.stack(steps)


def walk_forward(
    T: int, first: int, *, horizon: int = 1, step: int | None = None, window: int | None = None
) -> Iterator[Fold]:
    r"""Go through a series as time does: fit on the past, judge on what comes next, move on.

    Implements :eq:`eq-walk`, where the step M is the length K of a fold: fold j trains on what lies before
    :math:`F + jM` and is judged on the K values from there on.

    Parameters
    ----------
    T
        Length of the series.
    first
        Length of the first training part.
    horizon
        Length of each test part.
    step
        How far to move; ``None`` takes ``horizon``, so that every value is judged once.
    window
        Largest length of a training part; ``None`` keeps all the past.

    Returns
    -------
    iterator
        :class:`Fold` after :class:`Fold`; every test part is complete.

    Examples
    --------
    >>> for train, test in walk_forward(8, 4, horizon=2):
    ...     print(train.start, train.stop, test.start, test.stop)
    0 4 4 6
    0 6 6 8
    """
    T, first, horizon = check_size("T", T), check_size("first", first), check_size("horizon", horizon)
    move = horizon if step is None else check_size("step", step)
    longest = T if window is None else check_size("window", window)
    if first + horizon > T:
        raise ValueError(f"first: expected at most {T - horizon}, so that one test part fits, got {first}")
    return (
        Fold(slice(max(0, end - longest), end), slice(end, end + horizon))
        for end in range(first, T - horizon + 1, move)
    )


def persistence(values: npt.ArrayLike, origins: npt.ArrayLike, horizon: int = 1) -> Values:
    """Forecast that nothing changes: the last known value, for every step.

    Parameters
    ----------
    values
        The whole series, ``(T, n)`` or ``(T,)``; only what lies before an origin is read.
    origins
        Shape ``(N,)``, such as ``Windows.origins``.
    horizon
        Number of steps.

    Returns
    -------
    numpy.ndarray
        Shape ``(horizon, N, n)``.
    """
    return seasonal_naive(values, origins, 1, horizon)


def seasonal_naive(values: npt.ArrayLike, origins: npt.ArrayLike, period: int, horizon: int = 1) -> Values:
    r"""Forecast that the last season comes again: the last known value a whole number of periods before.

    Implements :eq:`eq-seasonal-naive`: :math:`\hat v_{o+k} = v_{o-m+(k \bmod m)}`.

    Parameters
    ----------
    values
        The whole series, ``(T, n)`` or ``(T,)``; only what lies before an origin is read.
    origins
        Shape ``(N,)``, each at least ``period``.
    period
        Length of a season; 1 is :func:`persistence`.
    horizon
        Number of steps.

    Returns
    -------
    numpy.ndarray
        Shape ``(horizon, N, n)``.
    """
    series, period = as_series(values), check_size("period", period)
    places = check_origins(origins, period, len(series))
    ahead = np.arange(check_size("horizon", horizon))[:, None]
    forecast: Values = series[places - period + ahead % period]
    return forecast


class AR:
    r"""An autoregression :math:`\hat v_{t+a-1} = c + \sum_{j=1}^p \varphi_j\, v_{t-j}` by least squares.

    Implements :eq:`eq-autoregression`. One column, a linear network without hidden units. It is often
    hard to beat.

    Parameters
    ----------
    train
        The training part, ``(T,)`` or ``(T, 1)``.
    p
        Number of lags.
    ahead
        a: 1 for the next value; larger for a direct forecast several steps ahead.

    Attributes
    ----------
    intercept, coefficients
        c, and :math:`\varphi_1, \dots, \varphi_p` (nearest past first), shape ``(p,)``.

    Raises
    ------
    ValueError
        If there are fewer equations than unknowns, or more than one column.

    References
    ----------
    Yule (1927), who invented it for the sunspots.
    """

    def __init__(self, train: npt.ArrayLike, p: int, ahead: int = 1) -> None:
        self.p, self.ahead = check_size("p", p), check_size("ahead", ahead)
        series = as_series(train)
        equations = len(series) - self.p - self.ahead + 1
        if series.shape[1] != 1 or equations < self.p + 1:
            raise ValueError(
                f"train: expected one column and at least {2 * self.p + self.ahead} values, "
                f"got shape {series.shape}"
            )
        x, y, _ = windows(series, self.p, self.ahead)
        past = np.column_stack([np.ones(equations), x[::-1, :, 0].T])
        solution = np.linalg.lstsq(past, y[-1, :, 0], rcond=None)[0]
        self.intercept, self.coefficients = float(solution[0]), solution[1:]

    def predict(self, past: Values) -> Values:
        """Return the value ``ahead`` steps on, ``(N, 1)``, from the last p of ``past`` ``(lags, N, 1)``."""
        if past.ndim != 3 or len(past) < self.p or past.shape[2] != 1:
            raise ValueError(f"past: expected shape (lags, N, 1) with lags >= {self.p}, got {past.shape}")
        nearest_first = past[: -self.p - 1 : -1]
        predicted: Values = self.intercept + np.tensordot(self.coefficients, nearest_first, axes=1)
        return predicted

    def forecast(self, values: npt.ArrayLike, origins: npt.ArrayLike, horizon: int = 1) -> Values:
        """Forecast step by step, each step reading the ones before; needs ``ahead`` = 1.

        Parameters
        ----------
        values
            The whole series; only what lies before an origin is read.
        origins
            Shape ``(N,)``, each at least p.
        horizon
            Number of steps.

        Returns
        -------
        numpy.ndarray
            Shape ``(horizon, N, 1)``.
        """
        if self.ahead != 1:
            raise ValueError(f"ahead: expected 1 for a step-by-step forecast, got {self.ahead}")
        series = as_series(values)
        places = check_origins(origins, self.p, len(series))
        return recursive_forecast(self.predict, series[places + np.arange(-self.p, 0)[:, None]], horizon)


def rmse(forecast: npt.ArrayLike, truth: npt.ArrayLike) -> float:
    """Root of the mean squared error, in the unit of the series.

    Implements :eq:`eq-rmse`.

    Raises
    ------
    ValueError
        If the shapes differ, which would otherwise be broadcast to a wrong number.
    """
    a, b = np.asarray(forecast, dtype=np.float64), np.asarray(truth, dtype=np.float64)
    if a.shape != b.shape or a.size == 0:
        raise ValueError(f"forecast: expected shape {b.shape}, as the truth has, got {a.shape}")
    return float(np.sqrt(np.mean((a - b) ** 2)))


def nrmse(forecast: npt.ArrayLike, truth: npt.ArrayLike) -> float:
    """Return :func:`rmse` over the standard deviation of the truth: 1 for a forecast of its mean."""
    return rmse(forecast, truth) / float(np.std(np.asarray(truth, dtype=np.float64)))


def as_series(values: npt.ArrayLike) -> Values:
    """Return a series as ``(T, n)`` float64, or say what came instead."""
    series = np.asarray(values, dtype=np.float64)
    if series.ndim not in (1, 2) or not np.isfinite(series).all():
        raise ValueError(f"values: expected finite values of shape (T, n) or (T,), got shape {series.shape}")
    return series[:, None] if series.ndim == 1 else series


def check_origins(origins: npt.ArrayLike, least: int, T: int) -> npt.NDArray[np.int64]:
    """Return the origins, or say that one has not enough past."""
    places = np.asarray(origins, dtype=np.int64)
    if places.ndim != 1 or len(places) == 0 or places.min() < least or places.max() > T:
        raise ValueError(f"origins: expected places from {least} to {T}, shape (N,), got {origins!r:.80}")
    return places
