"""Series: sunspots, where a straight line wins, and a chaotic series, where it does not."""

from __future__ import annotations

from statistics import median
from typing import Any

import numpy as np

import lstmlab as ll
from experiments.best import below, learn_and_keep_best
from experiments.common import DTYPE, all_at_most, streams
from experiments.harness import Experiment, Measurements
from lstmlab import data
from lstmlab.models.forecaster import ForecastBatch, Forecaster


def batch_of(windows: data.Windows, places: Any = slice(None)) -> ForecastBatch:
    """Return windows as the network reads them."""
    return ForecastBatch(windows.x[:, places].astype(DTYPE), windows.y[:, places].astype(DTYPE))


def train(
    net: Forecaster, learnt: data.Windows, check: data.Windows, rng: Any, *, B: int, **settings: Any
) -> None:
    """Train on windows; the parameters that were best on the second set of windows are kept."""
    n, checked = len(learnt.origins), batch_of(check)
    learn_and_keep_best(
        net,
        lambda rng: batch_of(learnt, rng.integers(n, size=B)),
        rng,
        error=lambda m: m.loss(checked),
        **settings,
    )


# --- E12: sunspots -------------------------------------------------------------------------------

FIRST_YEAR, CHECK_FROM, TEST_FROM = 1700, 1881, 1921
LAGS, N_H, STEPS, B, LR, NETS = 24, 16, 1500, 32, 3e-3, 5


def run_sunspots(seed: int) -> Measurements:
    """Forecast a year from the years before, from 1921 to 2008."""
    rngs = streams(seed)
    values = data.load_series("sunspots").values
    check_from, test_from = CHECK_FROM - FIRST_YEAR, TEST_FROM - FIRST_YEAR
    root = np.sqrt(values)
    scaler = data.Scaler(root[:check_from])
    scaled = scaler.transform(root)
    learnt = data.windows(scaled, LAGS, last=check_from)
    check = data.windows(scaled, LAGS, first=check_from, last=test_from)
    test = data.windows(scaled, LAGS, first=test_from)
    truth, origins = values[test.origins][None], test.origins

    def spots(roots: Any) -> Any:
        return np.maximum(roots, 0.0) ** 2

    forecasts = []
    for _ in range(NETS):
        cell = ll.LSTM(1, N_H, rng=rngs.weights, dtype=DTYPE)
        net = Forecaster(cell, 1, residual=True, rng=rngs.weights)
        train(net, learnt, check, rngs.train, steps=STEPS, B=B, lr=LR, every=25)
        forecasts.append(spots(scaler.inverse(net.predict(batch_of(test).x))))
    errors = [data.rmse(forecast, truth) for forecast in forecasts]
    regression, of_roots = data.AR(values[:test_from], 9), data.AR(root[:test_from], 9)
    return {
        "LSTM, median of five": median(errors),
        "LSTM, worst of five": max(errors),
        "LSTM, mean forecast of five": data.rmse(np.mean(forecasts, axis=0), truth),
        "AR(9) of the roots": data.rmse(spots(of_roots.forecast(root, origins)), truth),
        "AR(9)": data.rmse(regression.forecast(values, origins), truth),
        "persistence": data.rmse(data.persistence(values, origins), truth),
        "eleven years before": data.rmse(data.seasonal_naive(values, origins, 11), truth),
    }


# --- E12b: Mackey-Glass --------------------------------------------------------------------------

AHEAD, LAGS_CHAOS, N_H_CHAOS, STEPS_CHAOS, B_CHAOS, LR_CHAOS = 6, 30, 32, 1200, 128, 5e-3
CHAOS_CHECK_FROM, CHAOS_TEST_FROM, CHAOS_LENGTH = 2000, 2500, 3500


def run_chaos(seed: int) -> Measurements:
    """Forecast a chaotic series six steps ahead, each seed with its own."""
    rngs = streams(seed)
    series = data.mackey_glass(CHAOS_LENGTH, rng=rngs.test)
    scaler = data.Scaler(series[:CHAOS_CHECK_FROM])
    scaled = scaler.transform(series)
    learnt = data.windows(scaled, LAGS_CHAOS, AHEAD, last=CHAOS_CHECK_FROM)
    check = data.windows(scaled, LAGS_CHAOS, AHEAD, first=CHAOS_CHECK_FROM, last=CHAOS_TEST_FROM)
    test = data.windows(scaled, LAGS_CHAOS, AHEAD, first=CHAOS_TEST_FROM)
    cell = ll.LSTM(1, N_H_CHAOS, rng=rngs.weights, dtype=DTYPE)
    net = Forecaster(cell, 1, AHEAD, mode="direct", residual=True, rng=rngs.weights)
    train(net, learnt, check, rngs.train, steps=STEPS_CHAOS, B=B_CHAOS, lr=LR_CHAOS, every=100)
    truth = test.y[-1]
    regression = data.AR(scaled[:CHAOS_TEST_FROM], LAGS_CHAOS, ahead=AHEAD)
    return {
        "LSTM": data.nrmse(net.predict(batch_of(test).x)[-1], truth),
        "AR(30)": data.nrmse(regression.predict(test.x), truth),
        "persistence": data.nrmse(data.persistence(scaled, test.origins, AHEAD)[-1], truth),
    }


EXPERIMENTS = [
    Experiment(
        "E12",
        "Sunspots a year ahead: the LSTM against persistence, the last cycle and a linear autoregression",
        run_sunspots,
        rules=[
            all_at_most("LSTM, median of five", 26.0),
            below("LSTM, worst of five", "persistence"),
            below("LSTM, worst of five", "eleven years before"),
            below("AR(9) of the roots", "LSTM, median of five"),
            below("AR(9) of the roots", "LSTM, mean forecast of five"),
        ],
        seeds=(0, 1, 2),
        settings={
            "data": f"yearly, {FIRST_YEAR} to 2008; to learn from before {CHECK_FROM}, to stop by before "
            f"{TEST_FROM}, to test from then on, each year from the true years before it; roots, scaled by "
            "the part to learn from",
            "network": f"n_h={N_H}, {LAGS} lags, the read-out adds to the last value",
            "training": f"Adam {LR:g}, x 0.2 after 70 %, clip 1, B={B}, {STEPS} steps, of which the "
            f"best of every 25 is kept; {NETS} networks a seed",
            "baselines": f"both AR(9) by least squares on all years before {TEST_FROM}: they need no "
            "years to stop by",
            "measured": "root of the mean squared error, in sunspots",
        },
        source="Yule (1927) for the autoregression; the series of the Solar Influences Data Centre, Brussels",
    ),
    Experiment(
        "E12b",
        "Mackey-Glass, six steps ahead",
        run_chaos,
        rules=[
            all_at_most("LSTM", 0.05),
            below("LSTM", "AR(30)", 0.5),
        ],
        seeds=(0, 1, 2, 3, 4),
        settings={
            "data": f"delay 17; {CHAOS_CHECK_FROM} values to learn from, "
            f"{CHAOS_TEST_FROM - CHAOS_CHECK_FROM} to stop by, {CHAOS_LENGTH - CHAOS_TEST_FROM} to test; "
            "each seed begins the series anew",
            "network": f"n_h={N_H_CHAOS}, {LAGS_CHAOS} lags, all {AHEAD} steps at once from the last state, "
            "added to the last value",
            "training": f"Adam {LR_CHAOS:g}, x 0.2 after 70 %, clip 1, B={B_CHAOS}, {STEPS_CHAOS} steps",
            "baselines": "AR(30) made for the sixth step, by least squares on learning and stopping values",
            "measured": "root of the mean squared error of the sixth step over the standard deviation",
        },
        source="Mackey and Glass (1977)",
    ),
]
