"""Forecasting: four witnesses, recursion by hand, and nothing known before its time."""

import numpy as np
import pytest
from cases import examples, noisy
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st
from models_sequences import check_gradients
from models_series import FORECASTER, compare, packed
from oracle import FROZEN, frozen

import lstmlab as ll
from lstmlab.cells.gru import GRU
from lstmlab.data import persistence, rmse, windows
from lstmlab.models.forecaster import ForecastBatch, Forecaster
from lstmlab.optim import Adam
from lstmlab.training import fit

QUICK = settings(max_examples=examples(10), deadline=None)
T, B, N_Y, N_Z, H = 4, 3, 2, 1, 3
MODES = [("recursive", False), ("recursive", True), ("direct", False), ("direct", True)]


def forecaster(mode="recursive", residual=False, *, seed=0, n_z=N_Z, horizon=H, dtype="float64", cell=None):
    cell = ll.LSTM(N_Y + n_z, 3, rng=seed, dtype=dtype) if cell is None else cell
    model = Forecaster(cell, N_Y, horizon, mode=mode, residual=residual, rng=seed + 1)
    model.params["out.b"] = np.linspace(-1.0, 2.0, model.out.n_out).astype(dtype)
    return model


def series(seed=0, n_z=N_Z, mode="recursive", dtype="float64"):
    rng = np.random.default_rng(seed)
    x, y, z = (rng.normal(size=s).astype(dtype) for s in ((T, B, N_Y + n_z), (H, B, N_Y), (H - 1, B, n_z)))
    return ForecastBatch(x, y, z if mode == "recursive" and n_z else None)


# --- the four witnesses --------------------------------------------------------------------------


@pytest.mark.parametrize("case", FORECASTER)
def test_forecast_loss_and_every_gradient_equal_the_frozen_ones(case):
    compare(ll, "forecaster", case, frozen("forecaster")[case])


@pytest.mark.parametrize("case", ["residual", "direct"])
def test_live(case, monkeypatch):
    pytest.importorskip("jax", reason="the live comparison needs jax; the frozen one has run")
    monkeypatch.syspath_prepend(str(FROZEN))
    make = __import__("make_seq2seq_forecaster")
    compare(ll, "forecaster", case, packed(make.record("forecaster", case, 77)))


@pytest.mark.equation("eq-forecast-back", "eq-direct-back")
@pytest.mark.parametrize(("mode", "residual"), MODES)
def test_gradients_agree_with_finite_differences(mode, residual):
    check_gradients(ll, forecaster(mode, residual), series(mode=mode), max_entries=12)


@pytest.mark.parametrize(
    "cell",
    [
        ll.stack([ll.LSTM(3, 2), GRU(2, 3)]),
        noisy(ll.LSTM(3, 2)),
        ll.checkpointed(ll.LSTM(3, 2), 2),
    ],
    ids=["stack", "noise", "checkpointed"],
)
def test_gradients_of_other_cells(cell):
    check_gradients(ll, forecaster(cell=cell), series(), max_entries=4)


# --- what is forecast ----------------------------------------------------------------------------


@pytest.mark.equation("eq-forecast-one")
@pytest.mark.parametrize("mode", ["recursive", "direct"])
def test_one_step_is_the_read_out_of_the_last_hidden_state(mode):
    model, batch = forecaster(mode, horizon=1), series()
    h = ll.to_numpy(ll.unroll(model.cell, ll.xp.asarray(batch.x)).h)[-1]
    V, c = ll.to_numpy(model.params["out.W"]), ll.to_numpy(model.params["out.b"])
    got = ll.to_numpy(model.predict(batch.x))
    np.testing.assert_allclose(got, (h @ V.T + c)[None], atol=1e-15)
    beside = ll.to_numpy(forecaster(mode, residual=True, horizon=1).predict(batch.x))
    np.testing.assert_allclose(beside - got, batch.x[None, -1, :, :N_Y], atol=1e-14)


@pytest.mark.equation("eq-forecast-recursive")
@pytest.mark.parametrize("residual", [False, True])
@drawn(seed=st.integers(0, 2**31))
@QUICK
def test_a_recursive_forecast_is_one_step_after_the_other(residual, seed):
    """Reference: every step anew, from a past that the forecasts made longer."""
    model, batch = forecaster(residual=residual, seed=seed % 100), series(seed)
    past, made = batch.x, []
    for k in range(H):
        made.append(ll.to_numpy(model.predict(past, steps=1))[0])
        if k < H - 1:
            past = np.concatenate([past, np.concatenate([made[-1], batch.future[k]], axis=1)[None]])
    got = ll.to_numpy(model.predict(batch.x, batch.future))
    np.testing.assert_allclose(got, np.stack(made), atol=1e-13)


@pytest.mark.equation("eq-forecast-direct")
@pytest.mark.parametrize("residual", [False, True])
def test_a_direct_forecast_reads_all_steps_from_one_hidden_state(residual):
    model, batch = forecaster("direct", residual), series(mode="direct")
    h = ll.to_numpy(ll.unroll(model.cell, ll.xp.asarray(batch.x)).h)[-1]
    V, c = ll.to_numpy(model.params["out.W"]), ll.to_numpy(model.params["out.b"])
    got = ll.to_numpy(model.predict(batch.x))
    for k in range(H):
        rows = slice(k * N_Y, (k + 1) * N_Y)
        want = h @ V[rows].T + c[rows] + residual * batch.x[-1, :, :N_Y]
        np.testing.assert_allclose(got[k], want, atol=1e-14)


@pytest.mark.parametrize("mode", ["recursive", "direct"])
def test_a_residual_forecast_that_has_learnt_nothing_is_persistence(mode):
    values = np.random.default_rng(0).normal(size=(12, N_Y))
    cut = windows(values, T, H)
    model = forecaster(mode, True, n_z=0)
    model.params["out.W"], model.params["out.b"] = 0.0, 0.0
    np.testing.assert_array_equal(ll.to_numpy(model.predict(cut.x)), persistence(values, cut.origins, H))
    assert model.loss(cut) == pytest.approx(rmse(persistence(values, cut.origins, H), cut.y) ** 2, rel=1e-13)


def test_a_forecast_is_not_bounded_by_one():
    model = forecaster()
    model.params["out.b"] = [7.0, -7.0]
    got = ll.to_numpy(model.predict(series().x, series().future))
    assert (got[..., 0] > 4.0).all()
    assert (got[..., 1] < -4.0).all()


@pytest.mark.equation("eq-forecast-loss")
@pytest.mark.parametrize(("mode", "residual"), MODES)
@drawn(seed=st.integers(0, 2**31))
@QUICK
def test_members_of_a_batch_do_not_meet_and_the_loss_is_the_mean(mode, residual, seed):
    model, batch = forecaster(mode, residual), series(seed, mode=mode)
    y_hat = ll.to_numpy(model.predict(batch.x, batch.future))
    assert model.loss(batch) == pytest.approx(np.mean((y_hat - batch.y) ** 2), rel=1e-12)
    for b in range(B):
        future = None if batch.future is None else batch.future[:, b : b + 1]
        alone = ll.to_numpy(model.predict(batch.x[:, b : b + 1], future))
        np.testing.assert_allclose(alone[:, 0], y_hat[:, b], atol=1e-13)


# --- nothing before its time ---------------------------------------------------------------------


@pytest.mark.parametrize(("mode", "residual"), MODES)
def test_what_comes_later_does_not_change_a_forecast(mode, residual):
    model, batch = forecaster(mode, residual), series(mode=mode)
    one, other = (model.forward(batch._replace(y=y)) for y in (batch.y, -9.0 * batch.y))
    np.testing.assert_array_equal(ll.to_numpy(one.forecast.y_hat), ll.to_numpy(other.forecast.y_hat))
    assert one.loss != other.loss


def test_a_forecast_reads_what_comes_from_outside_one_step_later():
    model, batch = forecaster(), series()
    base = ll.to_numpy(model.predict(batch.x, batch.future))
    for k in range(H - 1):
        future = batch.future.copy()
        future[k] += 1.0
        changed = np.abs(ll.to_numpy(model.predict(batch.x, future)) - base).max(axis=(1, 2))
        assert (changed[: k + 1] == 0.0).all()
        assert (changed[k + 1 :] > 1e-6).all()
    more = np.concatenate([batch.future, 99.0 + batch.future])
    np.testing.assert_array_equal(ll.to_numpy(model.predict(batch.x, more)), base)


def test_the_future_of_what_is_not_predicted_must_be_given():
    model, batch = forecaster(), series()
    message = r"future: expected an array \(at least 2, 3, 1\), because 1 of the inputs come .* got None"
    with pytest.raises(ValueError, match=message):
        model.predict(batch.x)
    with pytest.raises(ValueError, match=message):
        model.loss(batch._replace(future=None))
    with pytest.raises(ValueError, match=r"future: expected shape \(at least 4, 3, 1\), got \(2, 3, 1\)"):
        model.predict(batch.x, batch.future, steps=5)
    assert model.predict(batch.x, steps=1).shape == (1, B, N_Y)


def test_a_recursive_forecast_may_be_longer_than_the_horizon():
    model, batch = forecaster(n_z=0), series(n_z=0)
    long = ll.to_numpy(model.predict(batch.x, steps=2 * H))
    assert long.shape == (2 * H, B, N_Y)
    np.testing.assert_array_equal(long[:H], ll.to_numpy(model.predict(batch.x)))


# --- noise, types, errors, learning --------------------------------------------------------------


def test_a_forecast_is_without_noise_and_puts_it_back():
    model, batch = forecaster(cell=noisy(ll.LSTM(3, 4))), series()
    assert model.loss_and_gradient(batch)[0] != model.loss_and_gradient(batch)[0]
    before = model.training_state()
    first, second = (ll.to_numpy(model.predict(batch.x, batch.future)) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert model.loss(batch) == pytest.approx(np.mean((first - batch.y) ** 2), rel=1e-13)
    assert all(switch.training for switch in (model, model.cell, model.cell.cell))
    assert model.training_state() == before


@pytest.mark.parametrize(("mode", "residual"), MODES)
def test_float32_stays_float32(mode, residual):
    model, batch = forecaster(mode, residual, dtype="float32"), series(mode=mode, dtype="float32")
    loss, grads = model.loss_and_gradient(batch)
    arrays = [model.predict(batch.x, batch.future), *grads.values()]
    assert {str(a.dtype).rpartition(".")[2] for a in arrays} == {"float32"}
    wide = forecaster(mode, residual)
    for name in wide.params:
        wide.params[name] = ll.to_numpy(model.params[name]).astype("float64")
    assert loss == pytest.approx(wide.loss(series(mode=mode)), rel=1e-5)
    with pytest.raises(TypeError, match="x: expected dtype float32, got float64"):
        model.predict(batch.x.astype("float64"))


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (
            {"cell": ll.bidirectional(ll.LSTM(2, 2), ll.LSTM(2, 1))},
            TypeError,
            "cell: expected a cell that reads",
        ),
        ({"n_y": 4}, ValueError, "n_y: expected at most the cell's n_x = 3"),
        ({"n_y": 0}, ValueError, "n_y: expected a positive whole number"),
        ({"horizon": 0}, ValueError, "horizon: expected a positive whole number"),
        ({"mode": "both"}, ValueError, "mode: expected one of recursive, direct, got 'both'"),
    ],
)
def test_what_does_not_fit_is_named(change, error, message):
    with pytest.raises(error, match=message):
        Forecaster(**({"cell": ll.LSTM(3, 2), "n_y": 2} | change))


def test_bad_batches_are_named():
    batch = series()
    for model, change, message in (
        (forecaster(), {"x": batch.x[..., :2]}, r"x: expected shape \(T, B, 3\)"),
        (forecaster(), {"y": batch.y[:2]}, r"y: expected shape \(3, 3, 2\), got \(2, 3, 2\)"),
        (forecaster(), {"future": batch.future[:, :2]}, r"future: expected shape \(K, 3, 1\)"),
        (forecaster("direct"), {}, "steps, future: expected 3 .* and None in a direct forecast"),
        (
            forecaster(n_z=0),
            {"x": batch.x[..., :2]},
            "future: expected None, because all inputs are predicted",
        ),
    ):
        with pytest.raises(ValueError, match=message):
            model.loss(batch._replace(**change))
    with pytest.raises(ValueError, match="steps, future: expected 3"):
        forecaster("direct").predict(batch.x, steps=2)


@pytest.mark.parametrize(("mode", "horizon", "residual"), [("recursive", 1, True), ("direct", 8, False)])
def test_a_sine_is_forecast_better_than_by_persistence(mode, horizon, residual):
    rng = np.random.default_rng(0)
    values = np.sin(0.4 * np.arange(200)) + 0.02 * rng.normal(size=200)
    train, test = windows(values, 10, horizon, last=150), windows(values, 10, 8, first=150)
    model = Forecaster(ll.LSTM(1, 8), 1, horizon, mode=mode, residual=residual)
    fit(model, [train[:2]], Adam(model.params, 0.03), steps=100, progress=False)
    error = rmse(ll.to_numpy(model.predict(test.x, steps=8)), test.y)
    assert error < 0.5 * rmse(persistence(values, test.origins, 8), test.y)
