"""The interactive figure computes what lstmlab computes, and stays small and self-contained.

Its script is evaluated without a page; what it does in one is tests/site/test_lstm_pulse_browser.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from scripts import STATIC, Call, calls

import lstmlab as ll
from lstmlab.functions import sigmoid

BOOK = STATIC.parent
SCRIPT = STATIC / "lstm-pulse.js"
SHARED = SCRIPT.with_name("lstm-figure.js")
GATES = ("f", "i", "C", "o")
START = {"b_f": 3.0, "b_i": -2.0, "b_o": 1.0, "x_1": 1.0, "W_Ch": 0.0}


@pytest.fixture(scope="module")
def js() -> Iterator[Call]:
    """A function that calls one of the script's own: ``js("step", p, state, x)``."""
    yield from calls("lstmPulse", SHARED.stem, SCRIPT.stem)


def cell_from(p: dict[str, Any]) -> ll.LSTM:
    """The one-unit cell of lstmlab with the weights and biases of the script's ``p``."""
    cell = ll.LSTM(1, 1, xp=np)
    for g in GATES:
        cell.params[f"W_{g}"][...] = np.array([p["W"][g]])
        cell.params[f"b_{g}"][...] = np.array([p["b"][g]])
    return cell


def unrolled(p: dict[str, Any], xs: list[float], state: dict[str, float]) -> ll.LSTMTrace:
    start = ll.LSTMState(np.array([[state["h"]]]), np.array([[state["C"]]]))
    return ll.unroll(cell_from(p), np.array(xs)[:, None, None], start).trace


def assert_same(got: list[dict[str, float]], want: ll.LSTMTrace) -> None:
    for name in ("f", "i", "C_tilde", "C", "o", "h"):
        np.testing.assert_allclose([s[name] for s in got], getattr(want, name)[:, 0, 0], rtol=0, atol=1e-12)


def drawn(seed: int) -> tuple[dict[str, Any], dict[str, float], np.random.Generator]:
    rng = np.random.default_rng(seed)
    p = {"W": {g: rng.normal(size=2).tolist() for g in GATES}, "b": {g: float(rng.normal()) for g in GATES}}
    return p, {"h": float(rng.uniform(-1, 1)), "C": float(rng.normal())}, rng


def picture(**changed: float) -> tuple[dict[str, float], ll.LSTMTrace]:
    """The figure's settings and what lstmlab says they give: a pulse and the 40 steps after it."""
    v = {**START, **changed}
    p = {
        "W": {"f": [0, 0], "i": [0, 4], "C": [v["W_Ch"], 1], "o": [0, 0]},
        "b": {"f": v["b_f"], "i": v["b_i"], "C": 0, "o": v["b_o"]},
    }
    return v, unrolled(p, [v["x_1"]] + 40 * [0.0], {"h": 0.0, "C": 0.0})


@pytest.mark.parametrize("seed", range(20))
def test_one_step_is_that_of_the_package(js: Call, seed: int) -> None:
    p, state, rng = drawn(seed)
    x = float(rng.normal())
    assert_same([js("step", p, state, x)], unrolled(p, [x], state))


@pytest.mark.parametrize("seed", range(5))
def test_a_run_is_that_of_the_package(js: Call, seed: int) -> None:
    p, state, rng = drawn(100 + seed)
    xs = rng.normal(size=30).tolist()
    assert_same(js("run", p, xs, state), unrolled(p, xs, state))


def test_a_run_starts_from_zeros_unless_told_otherwise(js: Call) -> None:
    p, _, rng = drawn(200)
    xs = rng.normal(size=8).tolist()
    assert_same(js("run", p, xs), unrolled(p, xs, {"h": 0.0, "C": 0.0}))


def test_sigmoid_keeps_its_digits_far_from_zero(js: Call) -> None:
    a = np.array([-700.0, -40.0, -1e-9, 0.0, 3.0, 40.0, 700.0])
    np.testing.assert_allclose([js("sigmoid", v) for v in a.tolist()], sigmoid(a), rtol=1e-14)


def test_half_life_is_that_of_the_package(js: Call) -> None:
    f = np.array([0.01, 0.5, 0.7311, 0.9, 0.99, 0.999])
    np.testing.assert_allclose(
        [js("halfLife", v) for v in f.tolist()], ll.diagnostics.half_life(f), rtol=1e-12
    )


@pytest.mark.parametrize(
    "changed",
    [{}, {"b_f": 5.0}, {"b_i": -8.0, "x_1": 3.0}, {"b_o": -6.0}, {"W_Ch": 2.0}, {"W_Ch": -4.0, "b_i": 4.0}],
)
def test_the_picture_is_a_pulse_and_forty_steps(js: Call, changed: dict[str, float]) -> None:
    v, trace = picture(**changed)
    assert_same(js("pulse", v), trace)


def says(js: Call, v: dict[str, float]) -> str:
    return js("conclusion", v).replace("\N{NO-BREAK SPACE}", " ").replace("\N{MINUS SIGN}", "-")


@pytest.mark.parametrize("b_f", [0.0, 1.0, 3.0, 5.0, 6.0])
def test_the_sentence_gives_the_packages_numbers(js: Call, b_f: float) -> None:
    v, trace = picture(b_f=b_f)
    f, C = trace.f[:, 0, 0], trace.C[:, 0, 0]
    left = ll.diagnostics.retention(f[1:])[-1]
    assert C[-1] == pytest.approx(C[0] * left, rel=1e-12)
    sentence = says(js, v)
    assert (
        f"f = {f[0]:.3f} halves a memory in ln ½ / ln f = {ll.diagnostics.half_life(f)[0]:.1f} steps"
        in sentence
    )
    assert f"C₁ = {C[0]:.2f}" in sentence
    share = "less than 0.1 %" if left < 0.001 else f"{100 * left:.1f} %"
    assert sentence.endswith(f"After 40 more steps {share} of it is left.")


def test_the_sentence_says_when_something_else_decides(js: Call) -> None:
    v, trace = picture(W_Ch=2.0)
    assert trace.C[-1, 0, 0] > trace.C[0, 0, 0], "with this feedback the cell state grows"
    assert f"C = {trace.C[-1, 0, 0]:.2f}: the unit also writes to itself" in says(js, v)
    v, trace = picture(b_i=-8.0)
    assert trace.C[0, 0, 0] < 0.05
    assert "The pulse is all but shut out" in says(js, v)
    v, trace = picture(b_o=-6.0)
    assert np.abs(trace.h).max() < 0.01 < trace.C[-1, 0, 0]
    assert "h stays near 0 whatever the cell holds" in says(js, v)


def test_the_sentence_survives_no_pulse_at_all(js: Call) -> None:
    v, trace = picture(x_1=0.0)
    assert not trace.C.any()
    sentence = says(js, v)
    assert "C₁ = 0.00" in sentence
    assert "NaN" not in sentence
    assert "is left" not in sentence


@pytest.mark.parametrize("name", ["index.md", "part1/03_gates.ipynb"])
def test_the_words_in_place_of_the_figure_are_true(name: str) -> None:
    text = (BOOK / name).read_text(encoding="utf8")
    fallback = text[text.index("<lstm-pulse") : text.index("</lstm-pulse>")]
    claims = re.findall(r"bias (\d+)[^.;]*?(\d+) steps?\b", fallback)
    assert len(claims) == 3
    for b_f, steps in claims:
        half_life = ll.diagnostics.half_life(sigmoid(np.array([float(b_f)])))[0]
        assert round(half_life) == int(steps)
