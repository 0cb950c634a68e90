"""Train the character model of chapter 16 and the words beside it, and write the files the book reads.

    python book/models/make_character.py

Three seeds of an LSTM on 400 000 characters of Python's own language reference, about four minutes of one
processor core, and three of words, a minute or two more. The seed that is best on text which nobody tests on
is kept, its weights rounded to whole numbers. Another processor or another version of Python (its reference
differs) gives other files, a little. Written are

* ``character.npz``: the weights and the symbols;
* ``character.json``: the held-out text, learning curves of all seeds, samples on the way, counts of n-grams,
  the word model;
* ``../static/lstm-sampler-weights.js``: the same weights for the page;
* ``SHA256SUMS``: what the first two must be.
"""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from sums import record

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import lstmlab as ll  # noqa: E402
from lstmlab import data  # noqa: E402
from lstmlab.data.interpolated import WittenBell  # noqa: E402
from lstmlab.models.language import LanguageModel  # noqa: E402
from lstmlab.models.language_batches import continued  # noqa: E402

HERE, STATIC = ROOT / "book" / "models", ROOT / "book" / "static"
N_TRAIN, N_TEST, N_EACH, SEEDS = 400_000, 20_000, 4000, (0, 1, 2)
N_H, T, B, LR, STEPS = 96, 50, 32, 0.01, 3000
LOOK = (0, 30, 100, 200, 400, 700, 1000, 1500, 2000, 2500, 3000)
SAMPLE_AT, SAMPLE = (0, 30, 100, 400, 3000), 110
LEVELS = 63  # a weight is a whole number from -63 to 63 times its row's unit

V_WORDS, N_H_WORDS, T_WORDS, B_WORDS = 1000, 48, 30, 20
STEPS_WORDS = (500, 2000)  # the first was too few, as the test text told: both are reported


def rate(step: int, steps: int, lr: float) -> float:
    """Return a learning rate that falls twice."""
    return lr * (1.0 if step <= 0.6 * steps else 0.3 if step <= 0.85 * steps else 0.1)


def bits_of(model: LanguageModel, ids: Any) -> float:
    """Return bits a symbol, the states carried through the whole text."""
    return float(model.bits_per_symbol(continued(data.stateful_batches(ids, 100, 20))))


def train(model: LanguageModel, ids: Any, T: int, B: int, lr: float, steps: int, look: Any) -> None:
    """Train on a text chunk by chunk; ``look(step)`` before the first step and after each."""
    look(0)
    ll.fit(
        model,
        lambda rng: continued(data.stateful_batches(ids, T, B)),
        ll.Adam(model.params, lr),
        steps=steps,
        clip=1.0,
        schedule=lambda step: rate(step, steps, lr),
        callbacks=[lambda step, *_: look(step)],
        progress=False,
    )


def train_characters(seed: int, learnt: Any, test: Any, vocabulary: Any) -> tuple[LanguageModel, Any, Any]:
    """Return a model, its bits on the test text at the steps of ``LOOK``, and samples on the way."""
    V = len(vocabulary)
    rng = np.random.default_rng(seed)
    model = LanguageModel(ll.LSTM(V, N_H, rng=rng, dtype="float32"), V, one_hot=True, rng=rng)
    curve, samples = [], {}

    def look(step: int) -> None:
        if step in LOOK:
            curve.append(bits_of(model, test))
        if step in SAMPLE_AT:
            drawn = model.sample(SAMPLE, rng=5, prompt=vocabulary.encode("\n"))
            samples[str(step)] = vocabulary.decode(drawn)

    train(model, learnt, T, B, LR, STEPS, look)
    return model, curve, samples


def counted(learnt: Any, test: Any, check: Any, V: int) -> dict[str, Any]:
    """Return bits of counts of n-grams, the n that is best on text which nobody tests on, and what the
    strongest says of each symbol: another Python's text has what is held out here in what is learnt.
    """
    orders = range(1, 8)
    found = {"add 0.1": [data.NGram(learnt, n, V).bits(test) for n in orders]}
    found["add 0.1, seen"] = [data.NGram(learnt, n, V).bits(learnt[:N_TEST]) for n in orders]
    models = [WittenBell(learnt, n, V) for n in orders]
    found["Witten-Bell"] = [model.bits(test) for model in models]
    found["Witten-Bell, seen"] = [model.bits(learnt[:N_TEST]) for model in models]
    best = 1 + int(np.argmin([model.bits(check) for model in models]))
    each = np.round(-100 * np.log2(models[best - 1].probability(test[:N_EACH]))).astype(int)
    rows = {name: np.round(bits, 4).tolist() for name, bits in found.items()}
    return rows | {"chosen n": best, "hundredths of a bit": " ".join(map(str, each))}


def words_of(text: str, test: str) -> dict[str, Any]:
    """Return what words cost: counts with vocabularies of several sizes, and an LSTM of three seeds."""
    learnt, held_out = data.split_words(text), data.split_words(test)
    found: dict[str, Any] = {"tokens": len(held_out), "sizes": {}}
    for size in (50, 200, V_WORDS, 3000):
        vocabulary = data.word_vocabulary(learnt, max_size=size)
        ids, wanted = vocabulary.encode(learnt), vocabulary.encode(held_out)
        found["sizes"][size] = {
            "unknown": round(float(np.mean(wanted == 0)), 4),
            "unigram": round(WittenBell(ids, 1, size).bits(wanted), 4),
            "trigram": round(WittenBell(ids, 3, size).bits(wanted), 4),
        }
        if size == V_WORDS:
            found["spelling"] = round(spelling(learnt, held_out, vocabulary), 4)
            found["LSTM"] = {
                steps: [round(train_words(seed, ids, wanted, steps), 4) for seed in SEEDS]
                for steps in STEPS_WORDS
            }
    return found


def spelling(learnt: list[str], held_out: list[str], vocabulary: Any) -> float:
    """Return bits a token of the whole text to spell words that the vocabulary lacks, each with an end."""
    unknown = [
        "".join(f"{word} " for word in words if word not in vocabulary) for words in (learnt, held_out)
    ]
    characters = data.char_vocabulary("".join(learnt + held_out) + " ")
    model = WittenBell(characters.encode(unknown[0]), 4, len(characters))
    return model.bits(characters.encode("   " + unknown[1])) * len(unknown[1]) / len(held_out)


def train_words(seed: int, learnt: Any, test: Any, steps: int) -> float:
    """Return bits a word of an LSTM that reads and writes with one matrix of word vectors."""
    rng = np.random.default_rng(seed)
    cell = ll.LSTM(N_H_WORDS, N_H_WORDS, rng=rng, dtype="float32")
    model = LanguageModel(cell, V_WORDS, tied=True, rng=rng)
    train(model, learnt, T_WORDS, B_WORDS, 0.01, steps, lambda step: None)
    return bits_of(model, test)


def rounded(W: Any) -> tuple[Any, Any]:
    """Return a matrix as whole numbers, and for each row what one of them is worth."""
    W = ll.to_numpy(W)
    scale = (np.max(np.abs(W), axis=1) / LEVELS).astype(np.float32)
    return np.round(W / scale[:, None]).astype(np.int8), scale


def for_the_page(arrays: dict[str, Any], bits: float) -> str:
    """Return the script that hands the weights to the page."""

    def text(a: Any) -> str:
        return base64.b64encode(np.ascontiguousarray(a).tobytes()).decode()

    weights: dict[str, Any] = {"symbols": str(arrays["symbols"]), "n_h": N_H, "bits": round(bits, 2)}
    for name in ("W", "W_y"):
        weights[name] = {"q": text(arrays[name]), "scale": text(arrays[f"{name}_scale"])}
    for name in ("b", "b_y"):
        weights[name] = text(arrays[name])
    words = "// The character model of chapter 16, made by book/models/make_character.py.\n"
    return f"{words}lstmFigure.samplerWeights = {json.dumps(weights)};\n"


def main() -> None:
    text = data.pydoc_text()
    vocabulary = data.char_vocabulary(text)
    learnt, rest = data.split_text(vocabulary.encode(text), N_TRAIN)
    test, check = data.split_text(rest, N_TEST)
    trained = []
    for seed in SEEDS:
        trained.append(train_characters(seed, learnt, test, vocabulary))
        print(f"seed {seed}: {trained[-1][1][-1]:.3f} bits a character", flush=True)
    chosen = int(np.argmin([bits_of(model, check) for model, _, _ in trained]))
    model = trained[chosen][0]
    arrays: dict[str, Any] = {"symbols": np.array("".join(vocabulary))}
    arrays["W"], arrays["W_scale"] = rounded(model.cell.W)
    arrays["W_y"], arrays["W_y_scale"] = rounded(model.params["out.W"])
    arrays["b"], arrays["b_y"] = ll.to_numpy(model.cell.b), ll.to_numpy(model.params["out.b"])
    np.savez_compressed(HERE / "character.npz", **arrays)
    story = {
        "text": {"characters": len(text), "learnt": N_TRAIN, "symbols": len(vocabulary)},
        "n_h": N_H,
        "chosen seed": chosen,
        "seen": round(bits_of(model, learnt[:N_TEST]), 4),
        "steps": LOOK,
        "curves": [np.round(curve, 4).tolist() for _, curve, _ in trained],
        "samples": trained[chosen][2],
        "counts": counted(learnt, test, check, len(vocabulary)),
        "words": words_of(text[:N_TRAIN], vocabulary.decode(test)),
        "held_out": vocabulary.decode(test),
    }
    (HERE / "character.json").write_text(json.dumps(story, indent=1) + "\n", encoding="utf8")
    page = for_the_page(arrays, trained[chosen][1][-1])
    (STATIC / "lstm-sampler-weights.js").write_text(page, encoding="utf8")
    record("character.json", "character.npz")


if __name__ == "__main__":
    main()
