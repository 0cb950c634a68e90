"""The small interactive figures compute what lstmlab computes, and stay small and self-contained.

Their scripts are evaluated without a page; what they do in one is tests/site/test_lstm_figures_browser.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from scripts import STATIC, Call, calls

import lstmlab as ll
from lstmlab.diagnostics import half_life, retention
from lstmlab.functions import sigmoid

SCRIPTS = ("lstm-figure", "lstm-forget-bias", "lstm-variants", "lstm-paths", "lstm-fixed-points")


@pytest.fixture(scope="module")
def js() -> Iterator[Call]:
    """A function that calls one of the scripts' own: ``js("forgetBias", 1, 30)``."""
    yield from calls("lstmFigure", *SCRIPTS)


def plain(text: str) -> str:
    return text.replace("\N{NARROW NO-BREAK SPACE}", "").replace("\N{MINUS SIGN}", "-")


@pytest.mark.parametrize(
    ("x", "shown"),
    [
        (0, "0"),
        (3, "3"),
        (2.2128, "2.21"),
        (0.00314, "0.0031"),
        (0.1694, "0.169"),
        (99.96, "100.0"),
        (12345, "12345"),
        (-0.5, "-0.500"),
        (1234567, "1.2 × 10⁶"),
        (4.2e-9, "4.2 × 10⁻⁹"),
    ],
)
def test_numbers_fit_a_sentence(js: Call, x: float, shown: str) -> None:
    assert plain(js("short", x)) == shown


# --- forget bias -------------------------------------------------------------------------------


@pytest.mark.parametrize("b_f", [-2.0, 0.0, 1.0, 3.3, 8.0])
@pytest.mark.parametrize("lag", [1, 30, 500])
def test_the_bias_means_what_the_package_says(js: Call, b_f: float, lag: int) -> None:
    got, f = js("forgetBias", b_f, lag), sigmoid(np.array([b_f]))
    assert got["f"] == pytest.approx(f[0], rel=1e-14)
    assert got["halfLife"] == pytest.approx(half_life(f)[0], rel=1e-10)
    assert got["kept"] == pytest.approx(retention(np.full((lag, 1), f[0]))[-1, 0], rel=1e-10)
    needed = sigmoid(np.array([got["needed"]]))
    assert half_life(needed)[0] == pytest.approx(lag, rel=1e-9)


def test_the_bias_in_words(js: Call) -> None:
    says = plain(js("forgetBiasSays", {"b_f": 1.0, "lag": 30}))
    assert "f = 0.7311: half of a memory is gone after 2.21 steps" in says
    assert "After 30 steps 0.0083 % of it is left" in says
    assert says.endswith("the bias must be 3.8.")
    assert js("forgetBiasSays", {"b_f": 5.0, "lag": 30}).endswith(": this one is enough.")


# --- variants ----------------------------------------------------------------------------------

CLASSES = {
    (False, False): ll.LSTM,
    (True, False): ll.PeepholeLSTM,
    (False, True): ll.CoupledLSTM,
    (True, True): ll.CoupledPeepholeLSTM,
}


def one_unit(p: dict[str, Any], peepholes: bool, coupled: bool) -> Any:
    """The one-unit cell of lstmlab with the script's weights."""
    cell = CLASSES[peepholes, coupled](1, 1, xp=np)
    for name in cell.params:
        kind, _, g = name.partition("_")
        if kind == "W" and len(g) == 2:
            cell.params[name] = [p["peep"][g[1]]]
        else:
            cell.params[name] = [p[kind][g]] if kind == "W" else [p["b"][g]]
    return cell


@pytest.mark.parametrize("projected", [False, True])
@pytest.mark.parametrize("coupled", [False, True])
@pytest.mark.parametrize("peepholes", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_one_unit_of_a_variant_is_the_packages(
    js: Call, seed: int, peepholes: bool, coupled: bool, projected: bool
) -> None:
    rng = np.random.default_rng(seed)
    p = {
        "W": {g: rng.normal(size=2).tolist() for g in "fiCo"},
        "b": {g: float(rng.normal()) for g in "fiCo"},
        "peep": {g: float(rng.normal()) for g in "fio"},
        "W_p": float(rng.normal()),
    }
    xs = rng.normal(size=12).tolist()
    options = {"peepholes": peepholes, "coupled": coupled, "projected": projected}
    got = [s["h"] for s in js("variantRun", p, xs, options)]
    # A projection of one unit is a plain one that reads W_p h and shows W_p h.
    read = {**p, "W": {g: [w[0] * (p["W_p"] if projected else 1.0), w[1]] for g, w in p["W"].items()}}
    h = ll.unroll(one_unit(read, peepholes, coupled), np.array(xs)[:, None, None]).h[:, 0, 0]
    np.testing.assert_allclose(got, h * (p["W_p"] if projected else 1.0), atol=1e-12)


def test_a_projected_unit_is_the_packages(js: Call) -> None:
    p = js("variantUnit")["unit"]
    cell = ll.ProjectedLSTM(1, 1, 1, xp=np)
    for g in "fiCo":
        cell.params[f"W_{g}"], cell.params[f"b_{g}"] = [p["W"][g]], [p["b"][g]]
    cell.params["W_p"] = [[p["W_p"]]]
    pulses = js("variantUnit")["pulses"]
    got = [s["h"] for s in js("variantRun", p, pulses, {"projected": True})]
    np.testing.assert_allclose(
        got, ll.unroll(cell, np.array(pulses, dtype=float)[:, None, None]).h[:, 0, 0], atol=1e-12
    )


@pytest.mark.parametrize("sizes", [(40, 64, 128), (1, 1, 1), (3, 7, 5)])
@pytest.mark.parametrize("coupled", [False, True])
@pytest.mark.parametrize("peepholes", [False, True])
def test_parameters_are_counted_as_the_package_counts(
    js: Call, peepholes: bool, coupled: bool, sizes: tuple[int, int, int]
) -> None:
    n_x, n_h, n_c = sizes
    v = {"n_x": n_x, "n_h": n_h, "n_c": n_c, "peepholes": peepholes, "coupled": coupled}
    assert js("parameterCount", v) == CLASSES[peepholes, coupled](n_x, n_h).n_params
    if not (peepholes or coupled):
        assert js("parameterCount", v | {"projected": True}) == ll.ProjectedLSTM(n_x, n_h, n_c).n_params


def test_a_variant_in_words(js: Call) -> None:
    v = {"n_x": 40, "n_h": 100, "n_c": 128, "coupled": True}
    says = plain(js("variantSays", v))
    assert says.startswith("With coupled gates: 42300 parameters, 25 % fewer than the plain LSTM’s 56400.")
    assert "Switch something on" in js("variantSays", v | {"coupled": False})


# --- paths -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("T", "gain", "focus"), [(2, 0.5, 0.0), (12, 0.9, 3.0), (200, 1.05, 8.0)])
def test_the_two_paths_carry_what_the_package_says(js: Call, T: int, gain: float, focus: float) -> None:
    got = js("paths", {"T": T, "gain": gain, "focus": focus})
    scores = np.zeros(T)
    scores[0] = focus
    assert got["attention"] == pytest.approx(ll.softmax(scores)[0], rel=1e-12)
    assert got["recurrent"] == pytest.approx(retention(np.full((T - 1, 1), gain))[-1, 0], rel=1e-10)
    assert (got["hops"], got["scores"], got["states"]) == (T - 1, T * T, T)


def test_the_paths_in_words(js: Call) -> None:
    says = plain(js("pathsSay", {"T": 100, "gain": 0.9, "focus": 3.0}))
    assert "99 hops, and a share of 3.0 × 10⁻⁵ arrives" in says
    assert "Here attention carries more" in says
    assert "recurrence carries more" in js("pathsSay", {"T": 100, "gain": 1.0, "focus": 0.0})


# --- fixed points ------------------------------------------------------------------------------


def self_reader(v: dict[str, float]) -> Any:
    """The unit of the figure in lstmlab: gates σ(3), the candidate and the forget gate read h."""
    cell = ll.LSTM(1, 1, xp=np)
    cell.params.flat[...] = 0.0
    cell.params["W_C"], cell.params["b_C"] = [[v["w"], 0.0]], v["b"]
    cell.params["W_f"], cell.params["b_f"] = [[v["u"], 0.0]], v["b_f"]
    cell.params["b_i"], cell.params["b_o"] = 3.0, 3.0
    return cell


UNITS = [
    {"w": 3.0, "u": 0.0, "b_f": 1.0, "b": 0.0, "C_0": 0.5},
    {"w": -6.0, "u": 0.0, "b_f": 1.0, "b": 0.0, "C_0": 0.5},
    {"w": 0.2, "u": 0.0, "b_f": 1.0, "b": -1.0, "C_0": -4.0},
    {"w": 1.5, "u": 3.5, "b_f": 2.0, "b": 0.4, "C_0": 2.0},
    {"w": -2.0, "u": -4.0, "b_f": 4.0, "b": 1.1, "C_0": 1.0},
    {"w": 5.0, "u": 4.0, "b_f": 4.0, "b": -0.6, "C_0": -1.0},
]


@pytest.mark.parametrize("v", UNITS)
def test_the_fixed_points_are_those_of_the_package(js: Call, v: dict[str, float]) -> None:
    got, cell, x = js("fixedPoints", v), self_reader(v), np.zeros((1, 1))
    for p in got:
        C = np.array([[p["C"]]])
        state = ll.LSTMState(ll.sigmoid(np.array([[3.0]])) * np.tanh(C), C)
        moved = ll.diagnostics.fixed_point_residual(cell, state, x)
        assert np.abs(moved).max() < 1e-9 * (1 + abs(p["C"]))
        trace = cell.step(x, state)[1]
        radius = ll.diagnostics.spectral_radius(ll.diagnostics.step_jacobian(cell, trace))
        assert p["radius"] == pytest.approx(radius, rel=1e-6, abs=1e-7)
        assert p["f"] == pytest.approx(trace.f[0, 0], rel=1e-9)
        assert p["stable"] == (radius < 1)
    found = ll.diagnostics.fixed_points(cell, x[0], starts=60, spread=20.0)
    assert len(found) >= min(len(got), 2)  # Newton's method may miss one that lies far out
    for p in found:
        assert min(abs(float(p.C[0]) - q["C"]) for q in got) < 1e-6


@pytest.mark.parametrize("v", UNITS)
def test_the_unit_of_the_figure_runs_as_the_packages(js: Call, v: dict[str, float]) -> None:
    h = ll.sigmoid(np.array([3.0])) * np.tanh(v["C_0"])
    start = ll.LSTMState(h[None, :], np.array([[v["C_0"]]]))
    C = ll.unroll(self_reader(v), np.zeros((3000, 1, 1)), start).trace.C[:, 0, 0]
    assert js("fixedPointsNext", v, v["C_0"])["C"] == pytest.approx(C[0], rel=1e-12)
    found = js("fixedPointsEnd", v)
    if "rest" in found:
        assert found["rest"] == pytest.approx(C[-1], rel=1e-5, abs=1e-6)
    else:
        assert found["swing"] == pytest.approx(sorted(C[-2:]), rel=1e-5)


def test_the_fixed_points_in_words(js: Call) -> None:
    says = plain(js("fixedPointsSay", UNITS[0]))
    assert says.startswith("3 fixed points: -3.52 (stable, ρ = 0.73), 0 (unstable, ρ = 3.45), 3.52 (stable")
    assert says.endswith("Started at 0.5 the unit comes to rest at 3.52.")
    assert "One fixed point: 0 (unstable" in plain(js("fixedPointsSay", UNITS[1]))
    assert "swings between" in js("fixedPointsSay", UNITS[1])


OWN = sorted(p.stem for p in STATIC.glob("lstm-*.js") if not p.stem.endswith("-weights"))


@pytest.mark.parametrize("name", OWN)
def test_the_scripts_are_small_and_ask_for_nothing(name: str) -> None:
    source = (STATIC / f"{name}.js").read_text(encoding="utf8")
    assert len(source.encode()) <= 10_000
    assert not re.findall(r"(?:https?|wss?):|[\"'`]//|url\(", source)
    assert not re.findall(r"\b(?:import|export|require|fetch|XMLHttpRequest|WebSocket|sendBeacon)\b", source)
