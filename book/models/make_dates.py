"""Train the encoder-decoders of chapter 17 and write the files the book reads.

    python book/models/make_dates.py

Three seeds of two models that turn written dates into ISO 8601, one with attention and one without, of equal
size; two to four minutes of one processor core. Of each the seed that is best on days which nobody tests on
is kept, of the one without attention also as it was after 700 steps; weights are rounded to whole numbers.
Another processor gives other files, a little. Written are

* ``dates.npz``: the weights of the three models;
* ``dates.json``: learning curves of all seeds, and what was measured on each of their rounded models;
* ``../static/lstm-alignment-weights.js``: the model with attention for the page;
* ``SHA256SUMS``: what the first two must be.
"""

from __future__ import annotations

import json
import os
import sys
from datetime import date
from pathlib import Path
from typing import Any
from unittest.mock import patch

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from sums import record

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import lstmlab as ll  # noqa: E402
from lstmlab import data  # noqa: E402
from lstmlab.layers import attention  # noqa: E402
from lstmlab.models import Seq2Seq, Seq2SeqBatch, beam_search, greedy  # noqa: E402

HERE, STATIC = ROOT / "book" / "models", ROOT / "book" / "static"
SEEDS, N_E, N_ENC, N_DEC = (0, 1, 2), 12, 16, {"attention": 32, "plain": 38}
B, LR, STEPS, EARLY = 32, 0.01, 3000, 700
LOOK = (0, 50, 100, 150, 200, 250, 300, 400, 500, 700, 900, 1200, 1500, 1800, 2100, 2400, 2700, 3000)
N_TEST, N_BEAM, WIDTH = 500, 300, 5
START = data.ISO_SYMBOLS.index["^"]
LEVELS = 127  # a weight is a whole number from -127 to 127 times its row's unit
#: Places of an ISO date that belong together.
PARTS = {"year": (0, 1, 2, 3), "month": (5, 6), "day": (8, 9)}
#: Forms that no model has seen.
STRANGE = {"ISO itself": "{year}-{mm}-{dd}", "no comma": "{Mon} {d} {year}", "spaces": "{dd} {mm} {year}"}


def translator(kind: str, rng: np.random.Generator, dtype: str = "float32") -> Seq2Seq:
    """Return an encoder in two directions and a decoder, with attention or without."""
    forward, backward = (ll.LSTM(N_E, N_ENC, rng=rng, dtype=dtype) for _ in range(2))
    return Seq2Seq(
        ll.bidirectional(forward, backward),
        ll.LSTM(N_E, N_DEC[kind], rng=rng, dtype=dtype),
        len(data.DATE_SYMBOLS),
        len(data.ISO_SYMBOLS),
        start=START,
        attention=ll.DotAttention(dtype=dtype) if kind == "attention" else None,
        rng=rng,
    )


def batch_of(days: Any, n: int, rng: Any) -> tuple[Seq2SeqBatch, data.DateBatch]:
    """Draw dates; return them as a model reads them, and with all that is known of them."""
    dates = data.date_batch(days, n, rng=rng, side="right")
    return Seq2SeqBatch(dates.x, dates.y, dates.lengths), dates


def train(kind: str, seed: int, days: Any, test: Seq2SeqBatch) -> tuple[Seq2Seq, Any, Any]:
    """Return a model, its curves on the test dates, and its weights after ``EARLY`` steps."""
    rng = np.random.default_rng(seed)
    model, early = translator(kind, rng), []
    curves: dict[str, list[float]] = {"exact": [], "loss": []}

    def look(step: int, *_: Any) -> None:
        if step in LOOK:
            curves["exact"].append(round(model.accuracy(test), 3))
            curves["loss"].append(round(model.loss(test), 4))
        if step == EARLY:
            early.extend(np.array(ll.to_numpy(v)) for v in model.params.vectors)

    look(0)
    ll.fit(
        model,
        lambda r: [batch_of(days, B, r)[0]],
        ll.Adam(model.params, LR),
        steps=STEPS,
        clip=1.0,
        schedule=lambda step: LR * (1.0 if step <= 0.6 * STEPS else 0.3 if step <= 0.85 * STEPS else 0.1),
        callbacks=[look],
        progress=False,
    )
    return model, curves, early


def rounded(model: Seq2Seq) -> dict[str, Any]:
    """Round a model's matrices in place; return whole numbers and each row's unit, and the biases."""
    packed = {}
    for name, W in model.params.items():
        W = np.array(ll.to_numpy(W))
        if W.ndim == 1:
            packed[name] = (W,)
            continue
        unit = (np.max(np.abs(W), axis=1) / LEVELS).astype(np.float32)
        q = np.round(W / unit[:, None]).astype(np.int8)
        packed[name] = (q, unit)
        model.params[name] = q * unit[:, None]
    return packed


# --- what is measured on a trained model ------------------------------------------------------------


def log_p(model: Seq2Seq, batch: Seq2SeqBatch, y: Any) -> Any:
    """Logarithm of the probability of texts y, (T, B), one for each date."""
    done = model.forward(batch._replace(y=y))
    every = np.take_along_axis(ll.to_numpy(ll.log_softmax(done.decoded.logits)), y[..., None], axis=2)
    return every[..., 0].sum(axis=0)


def searched(model: Seq2Seq, batch: Seq2SeqBatch) -> dict[str, float]:
    """Return shares of dates: right when written greedily and by beam, and whose fault a wrong one is."""
    part = Seq2SeqBatch(batch.x[:, :N_BEAM], batch.y[:, :N_BEAM], batch.x_lengths[:N_BEAM])
    T = part.y.shape[0]
    once = greedy(model, part.x, T, part.x_lengths)
    first = ll.to_numpy(once.tokens)
    found = beam_search(model, part.x, T, WIDTH, part.x_lengths)
    best = np.array([one[0].tokens for one in found]).T
    likelier = np.array([one[0].log_p for one in found]) > once.log_p + 1e-4
    wrong = (first != part.y).any(axis=0)
    truth = log_p(model, part, part.y)
    return {
        "greedy": float(1 - wrong.mean()),
        "beam": float((best == part.y).all(axis=0).mean()),
        "beam likelier": float(likelier.mean()),
        "beam right, greedy wrong": float((wrong & (best == part.y).all(axis=0)).mean()),
        "beam wrong, greedy right": float((~wrong & (best != part.y).any(axis=0)).mean()),
        "wrong, truth likelier": float((wrong & (truth > once.log_p)).mean()),
    }


def write_on(model: Seq2Seq, batch: Seq2SeqBatch, begun: Any, hidden: Any = False) -> tuple[Any, Any]:
    """Write on greedily from a beginning (n, B); return the whole text and the scores after the beginning.

    Where ``hidden`` (S, B) is true, the decoder cannot look.
    """
    encoded = model.encode(batch.x, batch.x_lengths)
    memory = encoded.memory._replace(mask=encoded.memory.mask & ~ll.xp.asarray(hidden))
    text, y_in, state = begun, np.vstack([np.full((1, begun.shape[1]), START), begun]), encoded.state
    scores = None
    while len(text) < len(batch.y):
        decoded = model.decode(ll.xp.asarray(y_in), state, memory)
        last = ll.to_numpy(decoded.logits)[-1]
        scores, state = last if scores is None else scores, decoded.state
        y_in = np.argmax(last, axis=-1)[None, :]
        text = np.vstack([text, y_in])
    return text, scores


def damage(model: Seq2Seq, batch: Seq2SeqBatch) -> Any:
    """Return how much likelier symbol t is wrong if symbol j was, (j, t).

    What stands at j instead of the truth is the likeliest mistake of the model itself.
    """
    T, places = len(batch.y), [j for part in PARTS.values() for j in part]
    found = np.zeros((T, T))
    for j in places[:-1]:
        _, scores = write_on(model, batch, batch.y[:j])
        scores[np.arange(len(scores)), batch.y[j]] = -np.inf
        slip = np.vstack([batch.y[:j], np.argmax(scores, axis=-1)[None, :]])
        with_slip = (write_on(model, batch, slip)[0] != batch.y).mean(axis=1)
        without = (write_on(model, batch, batch.y[: j + 1])[0] != batch.y).mean(axis=1)
        found[j, j + 1 :] = (with_slip - without)[j + 1 :]
    return found


def spread_of_damage(found: Any) -> dict[str, float]:
    """Return the mean damage within the part of the date that the mistake stands in, and beyond it."""
    owner = {j: name for name, part in PARTS.items() for j in part}
    pairs = [(j, t) for j in owner for t in owner if t > j]
    inside = [found[j, t] for j, t in pairs if owner[j] == owner[t]]
    beyond = [found[j, t] for j, t in pairs if owner[j] != owner[t]]
    return {"inside": float(np.mean(inside)), "beyond": float(np.mean(beyond))}


def looked(model: Seq2Seq, batch: Seq2SeqBatch, dates: data.DateBatch) -> dict[str, float]:
    """Return the weight on the part of the source that is being written, and what it would be if even."""
    weights, found = ll.to_numpy(model.attention_weights(batch)), {}
    for name, rows in PARTS.items():
        on = (dates.fields == data.FIELDS[name]).T[:, None, :]
        found[name] = float((weights[:, list(rows), :] * on).sum(axis=2).mean())
        found[f"{name}, even"] = float((on[:, 0, :].sum(axis=1) / dates.lengths).mean())
    return found


def hiding(model: Seq2Seq, batch: Seq2SeqBatch, dates: data.DateBatch) -> dict[str, dict[str, float]]:
    """Return the share of dates in which a part is written wrong, for each part that the look cannot see."""
    found = {}
    for hidden in ("nothing", *PARTS):
        unseen = dates.fields == data.FIELDS[hidden] if hidden in PARTS else dates.fields < 0
        text, _ = write_on(model, batch, batch.y[:0], unseen)
        wrong = text != batch.y
        found[hidden] = {name: float(wrong[list(rows)].any(axis=0).mean()) for name, rows in PARTS.items()}
    return found


def without(model: Seq2Seq, batch: Seq2SeqBatch) -> dict[str, float]:
    """Return the share written right if the look is even, and if the decoder starts from zero."""
    even = attention.attention_weights
    with patch.object(attention, "attention_weights", lambda e, mask: even(0.0 * e, mask)):
        found = {"even look": model.accuracy(batch)}
    bridges = [name for name in model.params if name.startswith("bridge.")]
    kept = {name: np.array(ll.to_numpy(model.params[name])) for name in bridges}
    for name in bridges:
        model.params[name] = 0.0 * kept[name]
    found["no bridge"] = model.accuracy(batch)
    for name in bridges:
        model.params[name] = kept[name]
    return found


def strange(model: Seq2Seq, test_days: Any) -> dict[str, float]:
    """Return the share written right of dates in forms and of years that the model has not learnt."""
    forms = [form for form in data.DATE_FORMS if form != "short year"]
    found = {}
    for name, years in (("1940 to 1969", (1940, 1969)), ("2030 to 2059", (2030, 2059))):
        days = data.all_days(date(years[0], 1, 1), date(years[1], 12, 31))
        dates = data.date_batch(days, N_TEST, rng=3, forms=forms, side="right")
        found[name] = model.accuracy(Seq2SeqBatch(dates.x, dates.y, dates.lengths))
    with patch.dict(data.DATE_FORMS, STRANGE):
        for form in STRANGE:
            dates = data.date_batch(test_days, N_TEST, rng=3, forms=[form], side="right")
            found[form] = model.accuracy(Seq2SeqBatch(dates.x, dates.y, dates.lengths))
    return found


def measured(
    kind: str, model: Seq2Seq, batch: Seq2SeqBatch, dates: data.DateBatch, test_days: Any
) -> dict[str, Any]:
    """Return all of it for one model."""
    found: dict[str, Any] = {
        "strange": strange(model, test_days),
        "exact": model.accuracy(batch),
        **searched(model, batch),
        "damage": spread_of_damage(damage(model, batch)),
    }
    if kind == "attention":
        found |= {"weight": looked(model, batch, dates), "without": without(model, batch)}
        found["hiding"] = hiding(model, batch, dates)
    return found


# --- writing -----------------------------------------------------------------------------------------


def coarse(found: Any) -> Any:
    """Round every number of a nested table."""
    if isinstance(found, dict):
        return {name: coarse(value) for name, value in found.items()}
    return round(found, 4)


def flat(packed: dict[str, Any]) -> dict[str, Any]:
    """Return whole numbers, units and biases one after the other, in the order of ``model.params``."""
    matrices = [values for values in packed.values() if len(values) == 2]
    return {
        "q": np.concatenate([q.ravel() for q, _ in matrices]),
        "unit": np.concatenate([unit for _, unit in matrices]),
        "b": np.concatenate([values[0] for values in packed.values() if len(values) == 1]),
    }


def for_the_page(packed: dict[str, Any]) -> str:
    """Return the script that hands the rounded weights to the page, as whole numbers and units."""

    def numbers(*names: str, place: int) -> list[Any]:
        values = np.concatenate([packed[name][place] for name in names])
        return values.tolist() if values.ndim == 2 else [float(f"{u:.9g}") for u in values]

    def table(*names: str) -> dict[str, Any]:
        return {"q": numbers(*names, place=0), "unit": numbers(*names, place=1)}

    weights: dict[str, Any] = {"reads": "".join(data.DATE_SYMBOLS), "writes": "".join(data.ISO_SYMBOLS)}
    for name in ("encoder.forward", "encoder.backward", "decoder"):
        W, b = ([f"{name}.{kind}_{g}" for g in "fiCo"] for kind in "Wb")
        weights[name] = {**table(*W), "b": numbers(*b, place=0)}
    for name in ("bridge.h", "bridge.C", "out"):
        weights[name] = {**table(f"{name}.W"), "b": numbers(f"{name}.b", place=0)}
    for name, matrix in (("join", "join.W"), ("source", "source.E"), ("target", "target.E")):
        weights[name] = table(matrix)
    words = "// The model with attention of chapter 17, made by book/models/make_dates.py.\n"
    text = json.dumps(weights, separators=(",", ":"))
    return f"{words}lstmFigure.alignmentWeights = {text};\n"


def main() -> None:
    days, held_out = data.split_days(data.all_days(), 0.2, rng=0)
    test_days, check_days = data.split_days(held_out, 0.25, rng=1)
    test, dates = batch_of(test_days, N_TEST, 17)
    check, _ = batch_of(check_days, N_TEST, 18)
    story: dict[str, Any] = {"steps": LOOK, "early": EARLY, "batch": B, "width": WIDTH}
    arrays: dict[str, Any] = {}
    page = ""
    for kind in ("attention", "plain"):
        trained = [train(kind, seed, days, test) for seed in SEEDS]
        chosen = int(np.argmax([model.accuracy(check) - model.loss(check) for model, _, _ in trained]))
        told: dict[str, Any] = {"n_params": trained[0][0].n_params, "chosen seed": chosen}
        told["exact"] = [curves["exact"] for _, curves, _ in trained]
        told["loss"] = [curves["loss"] for _, curves, _ in trained]
        for stage in ("trained", "early") if kind == "plain" else ("trained",):
            told[stage] = []
            for seed, (model, _, early) in enumerate(trained):
                if stage == "early":
                    for vector, then in zip(model.params.vectors, early, strict=True):
                        vector[...] = ll.xp.asarray(then)
                packed = rounded(model)
                told[stage].append(coarse(measured(kind, model, test, dates, test_days)))
                print(kind, stage, seed, told[stage][-1], flush=True)
                if seed == chosen:
                    name = kind if stage == "trained" else f"{kind}, {stage}"
                    arrays |= {f"{name}: {part}": values for part, values in flat(packed).items()}
                    page = for_the_page(packed) if kind == "attention" else page
        story[kind] = told
    np.savez_compressed(HERE / "dates.npz", **arrays)
    (HERE / "dates.json").write_text(json.dumps(story, indent=1) + "\n", encoding="utf8")
    (STATIC / "lstm-alignment-weights.js").write_text(page, encoding="utf8")
    record("dates.json", "dates.npz")


if __name__ == "__main__":
    main()
