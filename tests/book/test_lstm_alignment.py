"""The model that reads dates in the page is the book's own, and computes what lstmlab computes.

The script is evaluated without a page; what it does in one is tests/site/test_lstm_alignment_browser.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import pytest
from scripts import STATIC, Call, calls

import lstmlab as ll
from lstmlab.data import DATE_FORMS, DATE_SYMBOLS, ISO_SYMBOLS, all_days, date_batch, write_date
from lstmlab.functions import log_softmax
from lstmlab.models import Seq2Seq, Seq2SeqBatch, greedy

BOOK = STATIC.parent
SCRIPTS = ("lstm-figure", "lstm-alignment-weights", "lstm-alignment")
DAYS = all_days()
TEXTS = [write_date(DAYS[1009 * (k + 1)], form)[0] for k, form in enumerate(DATE_FORMS)]


@pytest.fixture(scope="module")
def js() -> Iterator[Call]:
    """A function that calls one of the script's own: ``js("align", "5 March 2021")``."""
    yield from calls("lstmFigure", *SCRIPTS)


@pytest.fixture(scope="module")
def model() -> Seq2Seq:
    """The stored model in lstmlab, in double precision."""
    forward, backward = (ll.LSTM(12, 16, xp=np) for _ in range(2))
    model = Seq2Seq(
        ll.bidirectional(forward, backward),
        ll.LSTM(12, 32, xp=np),
        len(DATE_SYMBOLS),
        len(ISO_SYMBOLS),
        start=ISO_SYMBOLS.index["^"],
        attention=ll.DotAttention(xp=np),
    )
    with np.load(BOOK / "models" / "dates.npz") as arrays:
        q, unit, b = (arrays[f"attention: {part}"].astype(float) for part in ("q", "unit", "b"))
    for name, a in model.params.items():
        if a.ndim == 1:
            model.params[name], b = b[: a.size], b[a.size :]
        else:
            rows, q = q[: a.size].reshape(a.shape), q[a.size :]
            model.params[name], unit = rows * unit[: len(rows), None], unit[len(rows) :]
    assert q.size == unit.size == b.size == 0
    return model


@pytest.mark.parametrize("text", [*TEXTS, "5", ",,,,", "Mayday May Day", "99999999999999999999"])
def test_it_writes_and_looks_as_the_package_does(js: Call, model: Seq2Seq, text: str) -> None:
    got = js("align", text)
    x = DATE_SYMBOLS.encode(text)[:, None]
    written = greedy(model, x, 10)
    assert got["written"] == ISO_SYMBOLS.decode(written.tokens[:, 0])
    np.testing.assert_allclose(np.array(got["weights"]), written.weights[0], rtol=0, atol=1e-10)
    done = model.forward(Seq2SeqBatch(x, written.tokens))
    p = np.exp(log_softmax(done.decoded.logits)).max(axis=2)[:, 0]
    np.testing.assert_allclose(got["p"], p, rtol=0, atol=1e-10)


def test_what_the_model_does_not_know_is_left_out(js: Call) -> None:
    assert js("align", "«5 March_ 2021»!")["text"] == "5 March 2021"
    assert js("align", "«5 March_ 2021»!")["written"] == js("align", "5 March 2021")["written"]
    assert len(js("align", "1" * 60)["text"]) == 24
    assert js("align", "")["written"] == js("align", "é")["written"] == ""


def test_the_model_in_the_page_is_a_good_one(js: Call) -> None:
    """At least 95 of 100 dates in all forms; a half-trained or misread model is far below."""
    dates = date_batch(DAYS, 100, rng=5)
    right = [js("align", text)["written"] == iso for text, iso in zip(dates.written, dates.iso, strict=True)]
    assert np.mean(right) >= 0.95


def test_the_piece_is_the_shortest_that_holds_enough(js: Call) -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        weights = rng.dirichlet(np.full(9, 0.4), size=10)
        got = js("alignmentPiece", {"text": "abcdefghi", "weights": weights.tolist()}, [5, 7])
        mean = weights[5:7].mean(axis=0)
        held = {(s, n): mean[s : s + n].sum() for n in range(1, 10) for s in range(10 - n)}
        n = min(n for (_, n), share in held.items() if share >= 0.75)
        s = max(range(10 - n), key=lambda s: held[s, n])
        assert got["words"] == "abcdefghi"[s : s + n]
        assert got["share"] == pytest.approx(held[s, n], rel=1e-12)


def test_it_says_what_it_shows(js: Call) -> None:
    says = js("alignmentSays", {"typed": "5 March 2021", "t": 7}).replace("\N{NO-BREAK SPACE}", " ")
    assert says.startswith(
        "It reads “5 March 2021” and writes 2021-03-05, to which it gives a probability of "
    )
    assert re.search(r"While it writes the year, \d+ % of its look lies on “.+”; the month, \d+ % of", says)
    row = js("align", "5 March 2021")["weights"][6]
    most = "5 March 2021"[np.argmax(row)]
    assert says.endswith(f"Symbol 7, “3”, looks most at “{most}”, with {100 * max(row):.0f} %.")
    assert "the rest it does not know" in js("alignmentSays", {"typed": "5. März 2021", "t": 1})
    assert js("alignmentSays", {"typed": "", "t": 1}).startswith("Type a date")


def test_the_scripts_are_small_and_ask_for_nothing_else() -> None:
    source = (STATIC / "lstm-alignment.js").read_text(encoding="utf8")
    weights = (STATIC / "lstm-alignment-weights.js").read_bytes()
    assert len(source.encode()) <= 10_000
    assert len(weights) < 150_000
    assert not re.findall(r"(?:https?|wss?):|[\"'`]//|url\(", source)
    assert not re.findall(r"\b(?:import|export|require|fetch|XMLHttpRequest|WebSocket|sendBeacon)\b", source)
