"""Series: files with something wrong, scaling without leaks, windows by hand, the chaotic one, baselines."""

import importlib
import sys

import numpy as np
import pytest
from cases import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from lstmlab.data import (
    AR,
    SERIES,
    Scaler,
    load_series,
    mackey_glass,
    nrmse,
    persistence,
    read_csv,
    recursive_forecast,
    rmse,
    seasonal_naive,
    split_and_scale,
    walk_forward,
    windows,
)

some = settings(max_examples=examples(12), deadline=None)


# ---------------------------------------------------------------- the reader's own table


def write(tmp_path, text):
    file = tmp_path / "a.csv"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return file


def test_read_csv(tmp_path):
    file = write(tmp_path, '\ufeffyear, temp,rain,note\r\n2001,1.5,-2,ok\r\n2002,1e1,3,"a, b"\r\n\r\n')
    s = read_csv(file, ["rain", "temp"], time="year")
    assert s.values.tolist() == [[-2, 1.5], [3, 10]]
    assert s.columns == ("rain", "temp")
    assert s.times.tolist() == [2001, 2002]
    s = read_csv(write(tmp_path, "a;b\n1;2\n3;4\n"), delimiter=";")
    assert s.values.tolist() == [[1, 2], [3, 4]]
    assert s.times.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n3,x\n", r"line 3, column 'b' of .*a\.csv': expected a finite number, got 'x'"),
        ("a,b\n1,2\n3,\n", r"line 3, column 'b' .* got ''"),
        ("a,b\nnan,2\n", r"line 2, column 'a' .* got 'nan'"),
        ("a,b\n1,inf\n", r"line 2, column 'b' .* got 'inf'"),
        ('a,b\n1,"2,5"\n', r"line 2, column 'b' .* got '2,5'"),
        ("a,b\n1,1_000\n", r"column 'b' .* got '1_000'"),
        ("a,b\n1,2\n3\n", r"line 3 .* expected 2 cells, as line 1 has, got 1"),
        ("a,b\n1,2,3\n", r"line 2 .* expected 2 cells, as line 1 has, got 3"),
        ("a,b\n", "expected lines of numbers below line 1"),
        ("a\n1\n\n2\n", r"line 3 .* got a blank line"),
        ("1,2\n3,4\n", r"expected names of columns in line 1 .* got \['1', '2'\]"),
        ("a,a\n1,2\n", r"expected one column 'a' in line 1 .* got 2"),
        ("\n\n", "expected names of columns"),
        ('a,b\n1,"2\n', r"line 2 .*unexpected end of data"),
        ("", "which is empty"),
        (b"a\n\xff\n", "byte offset 2"),
    ],
)
def test_read_csv_says_where(tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        read_csv(write(tmp_path, text))


def test_read_csv_missing_columns_and_line_numbers(tmp_path):
    file = write(tmp_path, 'a,b\n1,"two\nlines"\n3,4\nx,5\n')
    with pytest.raises(ValueError, match=r"one column 'c' .* got 0; the columns are 'a', 'b'"):
        read_csv(file, ["a", "c"])
    with pytest.raises(ValueError, match="one column 't'"):
        read_csv(file, ["a"], time="t")
    with pytest.raises(ValueError, match="line 5, column 'a'"):  # a cell of two lines counts as two
        read_csv(file, ["a"])
    with pytest.raises(FileNotFoundError, match="does not exist"):
        read_csv(tmp_path / "b.csv")


# ---------------------------------------------------------------- scaling


@pytest.mark.equation("eq-scaler")
@some
@given(st.integers(0, 2**31), st.integers(1, 5))
def test_the_scaler_never_sees_the_test_part(seed, n):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(20, n)) * rng.uniform(0.1, 50, size=n) + rng.normal(size=n) * 10
    train, test, scaler = split_and_scale(values, 12)
    assert np.abs(train.mean(0)).max() < 1e-9
    assert np.abs(train.std(0) - 1).max() < 1e-9
    assert np.allclose(scaler.inverse(test), values[12:], rtol=1e-12, atol=1e-12)
    assert np.allclose(scaler.transform(values), np.concatenate([train, test]), rtol=0, atol=0)
    changed = values.copy()
    changed[12:] = rng.normal(size=(8, n)) * 1e6
    again = split_and_scale(changed, 12)
    assert np.array_equal(again.train, train)
    assert np.array_equal(again.scaler.mean, scaler.mean)
    assert np.array_equal(again.scaler.scale, scaler.scale)


def test_scaler_on_one_column_constants_and_refusals():
    s = Scaler([1.0, 3.0])
    assert s.transform([5.0, 2.0]).tolist() == [3.0, 0.0]
    assert s.inverse([3.0]).tolist() == [5.0]
    s = Scaler(np.column_stack([np.full(10, 0.1), np.arange(10)]))
    assert s.scale[0] == 1.0
    assert np.abs(s.transform([[0.1, 4.5]])).max() < 1e-12
    for bad in ([], [1.0, np.nan], 3.0):
        with pytest.raises(ValueError, match="train: expected finite values"):
            Scaler(bad)
    with pytest.raises(ValueError, match="less than the 3 values"):
        split_and_scale([1.0, 2.0, 3.0], 3)


# ---------------------------------------------------------------- windows and walks


@pytest.mark.equation("eq-window")
def test_windows_by_hand():
    w = windows([10, 11, 12, 13, 14, 15], 3, 2)
    assert w.origins.tolist() == [3, 4]
    assert w.x[..., 0].tolist() == [[10, 11], [11, 12], [12, 13]]
    assert w.y[..., 0].tolist() == [[13, 14], [14, 15]]
    assert w.x.shape == (3, 2, 1)
    w = windows([10, 11, 12, 13], 1)
    assert w.x.ravel().tolist() == [10, 11, 12]
    assert w.y.ravel().tolist() == [11, 12, 13]


@pytest.mark.equation("eq-window")
def test_windows_keep_their_targets_on_their_side():
    values = np.arange(20.0)
    train = windows(values, 3, 2, last=12)
    test = windows(values, 3, 2, first=12)
    assert train.y.max() == 11
    assert train.y.min() == 3
    assert test.y.min() == 12
    assert test.y.max() == 19
    assert test.x.min() == 9  # the known past may be read
    assert windows(values, 5, first=2).origins[0] == 5
    assert windows(values, 5, last=99).origins[-1] == 19


def test_windows_of_several_columns():
    values = np.column_stack([np.arange(6), np.arange(6) * 10, np.arange(6) * 100])
    w = windows(values, 2, 1, columns=[2])
    assert w.x.shape == (2, 4, 3)
    assert w.x[:, 1].tolist() == [[1, 10, 100], [2, 20, 200]]
    assert w.y[:, :, 0].tolist() == [[200, 300, 400, 500]]
    for call, message in (
        (lambda: windows([1, 2, 3], 3), "room for 3 lags and 1 targets, got 3 values"),
        (lambda: windows([1, 2, np.nan], 1), "finite"),
        (lambda: windows([1, 2, 3], 0), "lags"),
    ):
        with pytest.raises(ValueError, match=message):
            call()


@pytest.mark.equation("eq-walk")
@some
@given(st.integers(2, 30), st.integers(1, 10), st.integers(1, 4), st.integers(1, 4), st.integers(1, 9))
def test_walk_forward_never_trains_on_the_future(T, first, horizon, step, window):
    if first + horizon > T:
        with pytest.raises(ValueError, match="first: expected at most"):
            walk_forward(T, first, horizon=horizon)
        return
    folds = list(walk_forward(T, first, horizon=horizon, step=step, window=window))
    for i, (train, test) in enumerate(folds):
        assert train.stop == test.start == first + i * step
        assert test.stop - test.start == horizon
        assert test.stop <= T
        assert train.start == max(0, train.stop - window)
    assert folds[-1].test.stop + step > T  # no fold that fits is left out
    judged = [t for _, test in walk_forward(T, first, horizon=horizon) for t in range(test.start, test.stop)]
    assert judged == list(range(first, first + len(judged)))
    assert all(train.start == 0 for train, _ in walk_forward(T, first, horizon=horizon))


# ---------------------------------------------------------------- baselines


@pytest.mark.equation("eq-seasonal-naive")
def test_naive_forecasts_by_hand():
    values = np.array([1.0, 2, 3, 4, 5, 6, 7])
    assert persistence(values, [2, 5], 3)[..., 0].tolist() == [[2, 5], [2, 5], [2, 5]]
    assert persistence(values, [2, 5])[..., 0].tolist() == [[2, 5]]
    assert seasonal_naive(values, [3, 7], 3, 5)[..., 0].T.tolist() == [[1, 2, 3, 1, 2], [5, 6, 7, 5, 6]]
    with pytest.raises(ValueError, match="places from 3 to 7"):
        seasonal_naive(values, [2], 3)
    with pytest.raises(ValueError, match="origins"):
        persistence(values, [8])


@some
@given(st.integers(0, 2**31), st.integers(1, 3))
def test_no_baseline_reads_the_future(seed, horizon):
    rng = np.random.default_rng(seed)
    values, origin = rng.normal(size=30), 20
    spoilt = values.copy()
    spoilt[origin:] = 1e9
    model = AR(values[:origin], 3)
    for forecast in (
        lambda v: persistence(v, [origin], horizon),
        lambda v: seasonal_naive(v, [origin], 4, horizon),
        lambda v: model.forecast(v, [origin], horizon),
    ):
        assert np.array_equal(forecast(values), forecast(spoilt))


def test_ar_finds_the_recursion_that_made_the_series():
    x = [0.3, -0.2, 0.5]
    for _ in range(40):
        x.append(0.2 + 0.5 * x[-1] - 0.4 * x[-2] + 0.6 * x[-3])
    model = AR(x[:25], 3)
    assert np.abs(model.coefficients - [0.5, -0.4, 0.6]).max() < 1e-8
    assert abs(model.intercept - 0.2) < 1e-8
    forecast = model.forecast(x, [25, 30], 6)
    assert forecast.shape == (6, 2, 1)
    assert np.allclose(forecast[..., 0].T, [x[25:31], x[30:36]], atol=1e-7)


@pytest.mark.equation("eq-autoregression")
def test_ar_is_the_least_squares_solution():
    """Normal equations, element by element; and the direct forecast is another regression."""
    rng = np.random.default_rng(0)
    x = np.cumsum(rng.normal(size=60)) * 0.3
    for ahead in (1, 4):
        p = 2
        A = np.array([[1.0, x[t - 1], x[t - 2]] for t in range(p, 60 - ahead + 1)])
        b = np.array([x[t + ahead - 1] for t in range(p, 60 - ahead + 1)])
        c = np.linalg.solve(A.T @ A, A.T @ b)
        model = AR(x, p, ahead)
        assert np.abs(np.append(model.intercept, model.coefficients) - c).max() < 1e-10
        w = windows(x, 5, ahead)
        expected = [c @ [1.0, x[o - 1], x[o - 2]] for o in w.origins]
        assert np.abs(model.predict(w.x)[:, 0] - expected).max() < 1e-10
    with pytest.raises(ValueError, match="ahead: expected 1"):
        AR(x, 2, 4).forecast(x, [10])
    with pytest.raises(ValueError, match="at least 7 values"):
        AR(x[:6], 3)


def test_recursive_forecast_reads_its_own_forecasts():
    history = np.arange(6.0).reshape(3, 2, 1)
    seen = []

    def predict(past):
        seen.append(past[..., 0].T.tolist())
        return past[-1] + past[-2]

    out = recursive_forecast(predict, history, 3)
    assert out[..., 0].T.tolist() == [[6, 10, 16], [8, 13, 21]]
    assert seen[1] == [[2, 4, 6], [3, 5, 8]]
    assert history.ravel().tolist() == [0, 1, 2, 3, 4, 5]
    with pytest.raises(ValueError, match="predict: expected it to return shape"):
        recursive_forecast(lambda past: past, history, 1)


@pytest.mark.equation("eq-rmse")
def test_errors_of_forecasts():
    assert rmse([3.0, 0.0], [0.0, 4.0]) == pytest.approx(np.sqrt(12.5))
    truth = np.array([1.0, 2.0, 6.0])
    assert nrmse(np.full(3, truth.mean()), truth) == pytest.approx(1.0)
    with pytest.raises(ValueError, match=r"expected shape \(2, 1\)"):
        rmse(np.zeros(2), np.zeros((2, 1)))


# ---------------------------------------------------------------- Mackey-Glass


def exact_mackey_glass(t, x0, tau):
    """The first two intervals of the method of steps: an exponential, then an integral by Gauss-Legendre."""
    drive = 0.2 * x0 / (1 + x0**10) / 0.1

    def first(s):
        return drive + (x0 - drive) * np.exp(-0.1 * s)

    if t <= tau:
        return first(t)
    nodes, weights = np.polynomial.legendre.leggauss(30)
    s = (nodes + 1) / 2 * (t - tau)
    delayed = first(s)
    integral = (
        np.sum(weights * 0.2 * delayed / (1 + delayed**10) * np.exp(-0.1 * (t - tau - s))) * (t - tau) / 2
    )
    return first(tau) * np.exp(-0.1 * (t - tau)) + integral


@pytest.mark.parametrize("tau", [5, 17])
def test_mackey_glass_against_the_exact_solution_of_two_delays(tau):
    x = mackey_glass(2 * tau + 1, rng=3, tau=tau, discard=0)
    x0 = np.random.default_rng(3).uniform(0.8, 1.2)
    exact = np.array([exact_mackey_glass(t, x0, tau) for t in range(2 * tau + 1)])
    assert x[0] == x0
    assert np.abs(x - exact).max() < 1e-7
    assert np.abs(np.diff(exact)).max() > 0.01


def test_mackey_glass_converges_with_the_fourth_power_of_the_step():
    runs = [mackey_glass(60, rng=0, tau=6, steps=steps, discard=0) for steps in (2, 4, 32)]
    coarse, fine = (np.abs(run - runs[-1]).max() for run in runs[:2])
    assert 8 < coarse / fine < 40


def test_mackey_glass_is_sampled_once_a_unit_after_the_beginning():
    x = mackey_glass(40, rng=1, discard=0)
    assert np.array_equal(mackey_glass(10, rng=1, discard=30), x[30:])
    y = mackey_glass(600, rng=0, discard=300)
    assert 0.15 < y.min() < 0.6
    assert 1.2 < y.max() < 1.5
    for bad, message in (({"tau": 1.23}, "tau"), ({"discard": -1}, "discard"), ({"T": 0}, "T: expected")):
        with pytest.raises(ValueError, match=message):
            mackey_glass(**({"T": 3, "rng": 0} | bad))


# ---------------------------------------------------------------- real series


def test_without_statsmodels_the_error_says_what_to_do(monkeypatch):
    monkeypatch.setitem(sys.modules, "statsmodels", None)
    with pytest.raises(ImportError, match="pip install statsmodels"):
        load_series("sunspots")
    with pytest.raises(ValueError, match="name: expected one of sunspots, nile"):
        load_series("weather")


@pytest.mark.parametrize(
    ("name", "shape", "first", "last", "times"),
    [
        ("sunspots", (309, 1), 5.0, 2.9, (1700, 2008)),
        ("nile", (100, 1), 1120.0, 740.0, (1871, 1970)),
        ("co2", (2284, 1), 316.1, 371.5, (1958.238, 2001.991)),
        ("elnino", (732, 1), 23.11, 22.07, (1950, 2010 + 11 / 12)),
        ("macrodata", (203, 12), 2710.349, 12990.341, (1959, 2009.5)),
    ],
)
def test_real_series(name, shape, first, last, times):
    pytest.importorskip("statsmodels")
    s = load_series(name)
    assert s.values.shape == shape
    assert s.values.dtype == np.float64
    assert len(s.columns) == shape[1]
    assert np.isfinite(s.values).all()
    assert s.values[0, 0] == pytest.approx(first)
    assert s.values[-1, 0] == pytest.approx(last)
    assert (s.times[0], s.times[-1]) == pytest.approx(times, abs=1e-3)
    assert (np.diff(s.times) > 0).all()


def test_every_series_is_offered_and_gaps_are_where_they_are_said_to_be():
    pytest.importorskip("statsmodels")
    assert set(SERIES) == {"sunspots", "nile", "co2", "elnino", "macrodata"}
    raw = importlib.import_module("statsmodels.datasets.co2").load_pandas().data["co2"]
    gaps = np.flatnonzero(raw.isna())
    values = load_series("co2").values[:, 0]
    assert len(gaps) == 59
    assert raw.index[gaps[-1]].year == 1985
    known = np.flatnonzero(raw.notna())
    assert np.array_equal(values[known], raw.to_numpy()[known])
    for t in gaps:
        left, right = known[known < t][-1], known[known > t][0]
        line = values[left] + (values[right] - values[left]) * (t - left) / (right - left)
        assert abs(values[t] - line) < 1e-9


def test_published_baselines_of_the_sunspots():
    """Tested on 1921 to 2008, one year ahead: what a network has to beat."""
    pytest.importorskip("statsmodels")
    s = load_series("sunspots")
    origin = int(np.flatnonzero(s.times == 1921)[0])
    w = windows(s.values, 24, first=origin)
    assert len(w.origins) == 88
    assert rmse(persistence(s.values, w.origins), w.y) == pytest.approx(30.44, abs=0.01)
    assert rmse(seasonal_naive(s.values, w.origins, 11), w.y) == pytest.approx(34.24, abs=0.01)
    assert rmse(AR(s.values[:origin], 9).forecast(s.values, w.origins), w.y) == pytest.approx(17.44, abs=0.01)
    root = np.sqrt(s.values)
    assert rmse(AR(root[:origin], 9).forecast(root, w.origins) ** 2, w.y) == pytest.approx(15.44, abs=0.01)


def test_ar_against_statsmodels():
    pytest.importorskip("statsmodels")
    from statsmodels.tsa.ar_model import AutoReg

    values = load_series("sunspots").values[:, 0]
    ours, theirs = AR(values[:200], 9), AutoReg(values[:200], 9).fit()
    assert np.abs(np.append(ours.intercept, ours.coefficients) - theirs.params).max() < 1e-9
    forecast = ours.forecast(values, [200], 12)[:, 0, 0]
    assert np.abs(forecast - theirs.forecast(12)).max() < 1e-8
