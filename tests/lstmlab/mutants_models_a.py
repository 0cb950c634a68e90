"""The famous mistakes of language models and classifiers."""

from __future__ import annotations

import importlib
import itertools
from typing import Any

import numpy as np
from models_sequences import check_gradients, compare
from mutants import Mutant
from oracle import frozen

BASE, INPUTS, READOUT = (f"lstmlab.models.{name}" for name in ("base", "inputs", "readout"))
CLASSIFIER, LANGUAGE = "lstmlab.models.classifier", "lstmlab.models.language"
BATCHES, SAMPLING, TREE = (f"lstmlab.models.{name}" for name in ("language_batches", "sampling", "tree"))

MUTANTS = [
    Mutant(
        "targets not shifted",
        BATCHES,
        "pad([sentence[1:] for sentence in whole])",
        "pad([sentence[:-1] for sentence in whole])",
        "the model learns to copy, and its loss goes to zero",
    ),
    Mutant(
        "every chunk begins anew",
        BATCHES,
        "carry=k > 0",
        "carry=False",
        "the state is not handed on",
    ),
    Mutant(
        "an epoch goes on from the end of the last",
        BATCHES,
        "carry=k > 0",
        "carry=True",
        "the first chunk of a text continues its last one",
    ),
    Mutant(
        "one carried state for training and evaluation",
        LANGUAGE,
        'self.carried["training" if self.training else "evaluation"] = done.run.state',
        'self.carried["training"] = self.carried["evaluation"] = done.run.state',
        "validation disturbs the training",
    ),
    Mutant(
        "mean of means",
        LANGUAGE,
        "total + places * self.loss(batch), n + places",
        "total + self.loss(batch), n + 1",
        "a short last batch counts as much as a long one",
    ),
    Mutant(
        "perplexity to base two of nats",
        LANGUAGE,
        "return math.exp(self.nats(batches))",
        "return 2.0 ** self.nats(batches)",
        "nats taken for bits",
    ),
    Mutant(
        "the end of a sentence is free",
        LANGUAGE,
        "counts = batch.lengths - (0 if end else 1)",
        "counts = batch.lengths - 1",
        "the probabilities of all strings sum to more than one",
    ),
    Mutant(
        "padding counts in a sentence's probability",
        LANGUAGE,
        "return xp.sum(running * of_y, axis=0)",
        "return xp.sum(of_y, axis=0)",
        "a sentence's probability depends on its neighbours",
    ),
    Mutant(
        "the sample is not fed back",
        LANGUAGE,
        "logits, state = self.step(symbols, state)\n        return drawn",
        "_, state = self.step(symbols, state)\n        return drawn",
        "all symbols are drawn from the first distribution",
    ),
    Mutant(
        "the prompt's state is forgotten",
        LANGUAGE,
        "            logits, state = self.step(symbols, state)\n        ended",
        "            logits, state = self.step(symbols)\n        ended",
        "only the prompt's last symbol is read",
    ),
    Mutant(
        "a tied embedding is a copy",
        LANGUAGE,
        "TiedReadout(self.embedding)",
        "TiedReadout(Embedding(n_tokens, cell.n_x))",
        "tied at the start and never again",
    ),
    Mutant(
        "temperature multiplied",
        SAMPLING,
        "/ (tau or 1.0)",
        "* (tau or 1.0)",
        "low temperatures make the text wilder",
    ),
    Mutant(
        "temperature on the probabilities",
        SAMPLING,
        "return np.asarray(softmax(scaled, mask=kept))",
        "p = softmax(a, mask=kept) / (tau or 1.0)\n    return np.asarray(p / p.sum(axis=1, keepdims=True))",
        "it cancels out",
    ),
    Mutant(
        "k + 1 are kept",
        SAMPLING,
        "< (k if tau > 0.0 else 1)",
        "<= (k if tau > 0.0 else 1)",
        "off by one",
    ),
    Mutant(
        "the k least likely",
        SAMPLING,
        "np.argsort(-a, axis=1",
        "np.argsort(a, axis=1",
        "sorted the other way round",
    ),
    Mutant(
        "probabilities in the order of their rank",
        SAMPLING,
        "kept = np.argsort(largest_first, axis=1) <",
        "kept = largest_first <",
        "the permutation is not inverted",
    ),
    Mutant(
        "the draw can miss the last symbol",
        SAMPLING,
        "    cumulative /= cumulative[:, -1:]",
        "    #",
        "a sum that rounds below one",
    ),
    Mutant(
        "padded steps count in the mean",
        CLASSIFIER,
        "moved(targets, self.like), steps_that_count(run))\n        return SequencePass",
        "moved(targets, self.like), None)\n        return SequencePass",
        "no mask in the loss",
    ),
    Mutant(
        "padded steps count in the accuracy",
        CLASSIFIER,
        "logits[..., 0], steps_that_count(run))",
        "logits[..., 0])",
        "easy zeros",
    ),
    Mutant(
        "last state read at T",
        CLASSIFIER,
        'r = last_hidden(run.state) if self.read == "last" else',
        'r = run.h[-1, ...] if self.read == "last" else',
        "output[-1]: padding for short sequences, one symbol for the backward direction",
    ),
    Mutant(
        "lengths are not used",
        CLASSIFIER,
        "unroll(self.cell, vectors, state, lengths=lengths), trace_in",
        "unroll(self.cell, vectors, state), trace_in",
        "padding is read",
    ),
    Mutant(
        "the cell learns nothing",
        CLASSIFIER,
        '        add_gradients(grads.parts["cell"], back.grads)\n',
        "",
        "the gradient of the cell is computed and dropped",
    ),
    Mutant(
        "the embedding learns from the scores",
        CLASSIFIER,
        "self.embedding.backward(back.dx, done",
        "self.embedding.backward(0.0 * back.dx, done",
        "detached input",
    ),
    Mutant(
        "the mean over T",
        READOUT,
        "return running / xp.sum(running, axis=0)",
        "return running / h.shape[0]",
        "short sequences are read too quietly",
    ),
    Mutant(
        "the mean's gradient is a sum's",
        READOUT,
        "return _shares(h, mask) * dmean",
        "return (0.0 * h + 1.0) * dmean",
        "1/T left out on the way back",
    ),
    Mutant(
        "both directions get the first half",
        READOUT,
        "        start += n\n",
        "",
        "slices of the concatenation",
    ),
    Mutant(
        "the tied matrix learns from one end",
        READOUT,
        '        grads["embedding.E"] += weight_gradient(columns(da), columns(trace.x))\n',
        "",
        "the gradient of the output's use is left out",
    ),
    Mutant(
        "noise in evaluation",
        BASE,
        "        self.training = False\n        try",
        "        try",
        "dropout left on",
    ),
    Mutant(
        "noise stays off after an evaluation",
        BASE,
        "                owner.training = on\n\n    def forward",
        "                pass\n\n    def forward",
        "model.eval() without model.train()",
    ),
    Mutant(
        "all noise is on after an evaluation",
        BASE,
        "                owner.training = on\n\n    def forward",
        "                owner.training = True\n\n    def forward",
        "a layer that was switched off for good wakes up",
    ),
    Mutant(
        "a part's gradient replaces what it has",
        BASE,
        "total += vector",
        "total[...] = total + 0.5 * vector",
        "a scale that Adam hides",
    ),
    Mutant(
        "read at the wrong node",
        TREE,
        "self.out.forward(run.h_root)\n        loss",
        "self.out.forward(run.h[: run.h_root.shape[0], :])\n        loss",
        "the first nodes taken for the roots",
    ),
    Mutant(
        "padding is looked up",
        INPUTS,
        "return namespace(x).where(running, x, namespace(x).zeros_like(x))",
        "return x",
        "a padding of -1 is the last row of the table, or an error",
    ),
]


def parts(name: str) -> Any:
    return importlib.import_module(f"lstmlab.{name}")


def pytorch_agrees(ll: Any) -> None:
    for case, arrays in frozen("models_sequences").items():
        compare(ll, case, arrays)


def gradients_of_a_tied_model(ll: Any) -> None:
    model = parts("models").LanguageModel(ll.LSTM(2, 2), 3, tied=True)
    check_gradients(ll, model, (np.array([[0, 2], [1, 1]]), np.array([[1, 1], [2, 0]])), max_entries=4)


def all_strings_sum_to_one(ll: Any) -> None:
    model = loud(ll, parts("models").LanguageModel(ll.LSTM(2, 2), 4, bos=0, eos=1))
    whole = [s for n in range(3) for s in itertools.product((0, 2, 3), repeat=n)]
    longer = list(itertools.product((0, 2, 3), repeat=3))
    ended, rest = model.log_probability(whole), model.log_probability(longer, end=False)
    total = np.exp(ll.to_numpy(ended)).sum() + np.exp(ll.to_numpy(rest)).sum()
    assert abs(total - 1.0) < 1e-12
    batch = parts("models").sentences([[2, 3], []], bos=0, eos=1)
    assert batch.x.T.tolist() == [[0, 2, 3], [0, 0, 0]]
    assert batch.y.T.tolist() == [[2, 3, 1], [1, 0, 0]]


def chunks_are_one_run(ll: Any) -> None:
    models = parts("models")
    model, rng = loud(ll, models.LanguageModel(ll.LSTM(2, 2), 3)), np.random.default_rng(0)
    x, y = rng.integers(0, 3, size=(2, 5, 2))
    whole = model.loss((x, y))
    for _ in range(2):  # the second time a state is already there
        chunks = list(models.continued([(x[:2], y[:2]), (x[2:], y[2:])]))
        assert abs(model.nats(chunks) - whole) < 1e-12
        assert abs(model.perplexity(chunks) - np.exp(whole)) < 1e-12
    model.loss_and_gradient(chunks[0])
    wanted = model.loss_and_gradient(chunks[1])[0]
    model.loss_and_gradient(chunks[0])
    model.loss((y, x))
    assert model.loss_and_gradient(chunks[1])[0] == wanted


def sampling(ll: Any) -> None:
    models = parts("models")
    a = np.log([[1.0, 8.0, 4.0, 2.0]])
    assert np.allclose(models.next_distribution(a, 0.5, 2), [[0.0, 0.8, 0.2, 0.0]])
    assert models.next_distribution(a, 0.0).tolist() == [[0.0, 1.0, 0.0, 0.0]]
    tenths = np.append(np.full(10, 0.1), 0.0)
    assert models.draw_symbols(tenths[None], [np.nextafter(1.0, 0.0)]).tolist() == [9]
    model, text = loud(ll, models.LanguageModel(ll.LSTM(2, 2), 4), 3), [0, 1, 2, 3]
    for n in range(6):
        text = [*text, int(ll.to_numpy(model.predict(np.array(text)[:, None]))[-1, 0])]
        assert model.sample(n + 1, prompt=text[:4], temperature=0.0).tolist() == text[4:]


def noise_is_put_back(ll: Any) -> None:
    loud_cell, quiet = (ll.variational_dropout(ll.LSTM(2, 2), 0.5, 0.5) for _ in range(2))
    quiet.training = False
    model = parts("models").SequenceTagger(ll.stack([loud_cell, quiet]), 3)
    batch = (np.random.default_rng(0).normal(size=(4, 3, 2)), np.zeros((4, 3), dtype=int))
    assert model.loss(batch) == model.loss(batch)
    assert (loud_cell.training, quiet.training) == (True, False)


def padding_is_no_step(ll: Any) -> None:
    model = loud(ll, parts("models").SequenceTagger(ll.LSTM(2, 2), 3, n_tokens=3))
    x, y = np.array([[1, 2], [2, -1]]), np.array([[0, 1], [2, -1]])
    right = ll.to_numpy(model.predict(x, [2, 1])) == y
    assert model.accuracy((x, y, [2, 1])) == (right[:, 0].sum() + right[0, 1]) / 3


def loud(ll: Any, model: Any, seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    for name in model.params:
        model.params[name] = ll.xp.asarray(rng.normal(size=tuple(model.params[name].shape)))
    return model


WITNESSES = [
    padding_is_no_step,
    all_strings_sum_to_one,
    sampling,
    noise_is_put_back,
    chunks_are_one_run,
    pytorch_agrees,
    gradients_of_a_tied_model,
]
