"""The model that writes in the page is the book's own, and computes what lstmlab computes.

The script is evaluated without a page; what it does in one is tests/site/test_lstm_sampler_browser.py.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from scripts import STATIC, Call, calls

import lstmlab as ll
from lstmlab.data import Vocabulary
from lstmlab.models import LanguageBatch, LanguageModel, draw_symbols, next_distribution

BOOK = STATIC.parent
SCRIPTS = ("lstm-figure", "lstm-sampler-weights", "lstm-sampler")
PROMPTS = ("the function ", "", "If X is None: raise ", "é \\ ~", "a" * 60)


@pytest.fixture(scope="module")
def js() -> Iterator[Call]:
    """A function that calls one of the script's own: ``js("samplerScores", "the ")``."""
    yield from calls("lstmFigure", *SCRIPTS)


@pytest.fixture(scope="module")
def stored() -> dict[str, Any]:
    with np.load(BOOK / "models" / "character.npz") as arrays:
        return dict(arrays)


@pytest.fixture(scope="module")
def vocabulary(stored: dict[str, Any]) -> Vocabulary:
    return Vocabulary(str(stored["symbols"]))


@pytest.fixture(scope="module")
def model(stored: dict[str, Any], vocabulary: Vocabulary) -> LanguageModel:
    """The stored model in lstmlab, in double precision."""
    V, n_h = stored["W_y"].shape
    model = LanguageModel(ll.LSTM(V, n_h, xp=np), V, one_hot=True)
    for g, name in enumerate("fiCo"):
        rows = slice(g * n_h, (g + 1) * n_h)
        model.params[f"cell.W_{name}"] = stored["W"][rows] * stored["W_scale"][rows, None].astype(float)
        model.params[f"cell.b_{name}"] = stored["b"][rows].astype(float)
    model.params["out.W"] = stored["W_y"] * stored["W_y_scale"][:, None].astype(float)
    model.params["out.b"] = stored["b_y"].astype(float)
    return model


def read(model: LanguageModel, vocabulary: Vocabulary, prompt: str) -> tuple[Any, Any]:
    """Scores and state after a line end and the characters of a beginning that the model knows."""
    state = None
    for c in "\n" + prompt.lower():
        if c in vocabulary:
            scores, state = model.step(vocabulary.encode(c), state)
    return scores, state


@pytest.mark.parametrize("prompt", PROMPTS)
@pytest.mark.parametrize("tau", [0.0, 0.3, 1.0, 2.0])
def test_the_next_symbol_is_as_likely_as_in_the_package(
    js: Call, model: LanguageModel, vocabulary: Vocabulary, prompt: str, tau: float
) -> None:
    scores, _ = read(model, vocabulary, prompt)
    got = js("samplerScores", prompt)
    np.testing.assert_allclose(got, scores[0], rtol=0, atol=1e-10)
    p = js("samplerDistribution", list(got), tau)
    np.testing.assert_allclose(p, next_distribution(scores, tau)[0], rtol=0, atol=1e-12)


@pytest.mark.parametrize(("tau", "seed"), [(0.0, 1), (0.7, 3), (1.0, 2), (1.0, 77), (2.0, 5)])
def test_it_writes_what_the_package_writes(
    js: Call, model: LanguageModel, vocabulary: Vocabulary, tau: float, seed: int
) -> None:
    got = js("samplerWrite", "the ", tau, seed, 120)
    scores, state = read(model, vocabulary, "the ")
    text, bits = "", 0.0
    for u in got["us"]:
        v = draw_symbols(next_distribution(scores, tau), [u])
        bits -= float(np.log2(next_distribution(scores)[0, v[0]]))
        text += vocabulary.decode(v)
        scores, state = model.step(v, state)
    assert got["text"] == text
    assert got["bits"] == pytest.approx(bits / 120, rel=1e-10)


def test_the_throws_are_even_and_of_their_seed(js: Call) -> None:
    throws = np.array([js("samplerWrite", "a", 1.0, seed, 100)["us"] for seed in range(1, 21)])
    assert throws.min() >= 0.0
    assert throws.max() < 1.0
    assert abs(throws.mean() - 0.5) < 0.03
    assert np.abs(np.histogram(throws, 10, (0, 1))[0] / throws.size - 0.1).max() < 0.03
    assert len({tuple(row) for row in throws}) == 20


def test_a_draw_never_takes_what_has_no_weight(js: Call) -> None:
    for u, wanted in ((0.0, 1), (0.499, 1), (0.5, 3), (0.9999999999999999, 3)):
        assert js("samplerDraw", [0.0, 0.25, 0.0, 0.25, 0.0], u) == wanted


def test_it_says_what_it_shows(js: Call) -> None:
    says = js("samplerSays", {"prompt": "the functio", "tau": 0.5, "seed": 1, "length": 280})
    assert says.startswith("After “the functio” the model expects “n” with ")
    assert "at temperature 0.50 it draws that with 100 %" in says
    assert "tamer than the text of people" in js(
        "samplerSays", {"prompt": "the ", "tau": 0.2, "seed": 1, "length": 280}
    )
    assert "wilder than the text of people" in js(
        "samplerSays", {"prompt": "the ", "tau": 2, "seed": 1, "length": 280}
    )


def test_the_bits_of_real_text_are_those_of_the_stored_model(
    js: Call, model: LanguageModel, vocabulary: Vocabulary
) -> None:
    story = json.loads((BOOK / "models" / "character.json").read_text(encoding="utf8"))
    x = vocabulary.encode(story["held_out"]).reshape(20, 1000).T
    bits = model.bits_per_symbol(LanguageBatch(x[:-1], x[1:]))
    assert js("samplerWrite", "a", 1.0, 1, 1)["real"] == pytest.approx(bits, abs=0.05)


def test_the_scripts_are_small_and_ask_for_nothing_else() -> None:
    source = (STATIC / "lstm-sampler.js").read_text(encoding="utf8")
    weights = (STATIC / "lstm-sampler-weights.js").read_bytes()
    assert len(source.encode()) <= 10_000
    assert len(weights) < 150_000
    assert not re.findall(r"(?:https?|wss?):|[\"'`]//|url\(", source)
    assert not re.findall(r"\b(?:import|export|require|fetch|XMLHttpRequest|WebSocket|sendBeacon)\b", source)
