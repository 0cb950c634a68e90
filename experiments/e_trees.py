"""Trees: a network shaped as the expression it reads, against one that reads the expression in a row."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

import lstmlab as ll
from experiments.best import above, learn_and_keep_best
from experiments.common import DTYPE, all_at_least, all_at_most, streams
from experiments.harness import Experiment, Measurements
from lstmlab import data
from lstmlab.models.base import BaseModel
from lstmlab.models.classifier import LabelledBatch, SequenceClassifier
from lstmlab.models.tree import TreeBatch, TreeClassifier, tree_batch

MODULUS = 3
N_TRAIN, N_HELD_OUT, B = 4000, 1000, 64
N_TREE, N_SEQUENCE = 32, 48
STEPS, MORE_STEPS, LR = 600, 2400, 1e-2
AT_NODES, IN_A_ROW = data.list_vocabulary(MODULUS), data.list_vocabulary(MODULUS, brackets=True)


class Counts(NamedTuple):
    """How often each token occurs, ``(B, 6)``, and the values of the expressions, ``(B,)``."""

    x: Any
    labels: Any


class Counted(NamedTuple):
    """What a pass of :class:`BagOfTokens` leaves."""

    loss: float
    dlogits: Any
    trace: Any


class BagOfTokens(BaseModel):
    """Logistic regression on the counts of the tokens: what can be told without any structure."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.out = ll.Linear(len(AT_NODES), MODULUS, rng=rng, dtype=DTYPE)
        super().__init__({"out": self.out})

    def forward(self, batch: Counts) -> Counted:
        """Return the mean cross-entropy, and what the way back needs."""
        logits, trace = self.out.forward(batch.x)
        return Counted(*ll.cross_entropy(logits, batch.labels), trace)

    def backward(self, done: Counted, grads: ll.ParameterGroup) -> None:
        """Mirror of :meth:`forward`."""
        self.out.backward(done.dlogits, done.trace, grads.parts["out"])

    def accuracy(self, batch: Counts) -> float:
        """Share of the expressions whose value is told."""
        return float(np.mean(np.argmax(self.out.forward(batch.x)[0], axis=1) == batch.labels))


def canonical(expression: Any) -> Any:
    """Return an expression with its arguments in one order: MAX(1, 2) and MAX(2, 1) are the same here."""
    if not isinstance(expression, tuple):
        return expression
    return (expression[0], *sorted((canonical(a) for a in expression[1:]), key=repr))


def unseen(depth: int | tuple[int, int], seen: set[Any], rng: np.random.Generator) -> data.ListOperations:
    """Draw expressions of which none has been seen, its arguments in whatever order."""
    drawn = data.list_operations(8 * N_HELD_OUT, depth=depth, modulus=MODULUS, rng=rng)
    new = [i for i, e in enumerate(drawn.expressions) if canonical(e) not in seen][:N_HELD_OUT]
    if len(new) < N_HELD_OUT:
        raise ValueError(f"expected {N_HELD_OUT} new expressions, got {len(new)}")
    return chosen(drawn, new)


def chosen(drawn: data.ListOperations, places: Any) -> data.ListOperations:
    """Return some of a set of expressions."""
    lists = ([kind[i] for i in places] for kind in drawn[:3])
    return data.ListOperations(*lists, drawn.labels[places])


def as_trees(drawn: data.ListOperations) -> TreeBatch:
    """Return expressions as the Tree-LSTM reads them: a token a node."""
    return tree_batch(drawn.expressions, AT_NODES, drawn.labels)


def as_sequences(drawn: data.ListOperations) -> LabelledBatch:
    """Return expressions in a row with brackets."""
    tokens, lengths = data.pad([[IN_A_ROW[t] for t in sequence] for sequence in drawn.sequences])
    return LabelledBatch(tokens, drawn.labels, lengths)


def as_counts(drawn: data.ListOperations) -> Counts:
    """Return expressions as the number of each token in them."""
    numbers = [np.bincount([AT_NODES[t] for t in tokens], minlength=len(AT_NODES)) for tokens in drawn.tokens]
    return Counts(np.array(numbers, dtype=DTYPE), drawn.labels)


def train(
    model: Any, form: Any, learnt: data.ListOperations, check: data.ListOperations, steps: int, rng: Any
) -> None:
    """Train on one form of the expressions; the best on the second set is kept."""
    checked = form(check)
    learn_and_keep_best(
        model,
        lambda rng: form(chosen(learnt, rng.integers(N_TRAIN, size=B))),
        rng,
        steps=steps,
        lr=LR,
        error=lambda m: 1.0 - m.accuracy(checked),
        every=steps // 12,
    )


def run(seed: int) -> Measurements:
    """Train all on the same expressions; measure on new ones, and on trees two levels deeper."""
    rngs = streams(seed)
    learnt = data.list_operations(N_TRAIN, depth=(1, 3), modulus=MODULUS, rng=rngs.train)
    seen = {canonical(e) for e in learnt.expressions}
    checked = unseen((1, 3), seen, rngs.check)
    seen |= {canonical(e) for e in checked.expressions}
    test, deeper = unseen((1, 3), seen, rngs.test), unseen(5, seen, rngs.test)

    def sequence_model() -> SequenceClassifier:
        cell = ll.LSTM(len(IN_A_ROW), N_SEQUENCE, rng=rngs.weights, dtype=DTYPE)
        return SequenceClassifier(cell, MODULUS, n_tokens=len(IN_A_ROW), one_hot=True, rng=rngs.weights)

    cell = ll.TreeLSTM(len(AT_NODES), N_TREE, rng=rngs.weights, dtype=DTYPE)
    tree = TreeClassifier(cell, MODULUS, n_tokens=len(AT_NODES), one_hot=True, rng=rngs.weights)
    models = {
        "tree": (tree, as_trees, STEPS),
        "sequence": (sequence_model(), as_sequences, STEPS),
        "sequence, four times the steps": (sequence_model(), as_sequences, MORE_STEPS),
        "bag of tokens": (BagOfTokens(rngs.weights), as_counts, STEPS),
    }
    measured: Measurements = {}
    for name, (model, form, steps) in models.items():
        train(model, form, learnt, checked, steps, rngs.train)
        measured[name] = model.accuracy(form(test))
        measured[f"{name}, deeper"] = model.accuracy(form(deeper))
    commonest = int(np.argmax(np.bincount(learnt.labels)))
    measured["majority"] = float(np.mean(test.labels == commonest))
    measured["majority, deeper"] = float(np.mean(deeper.labels == commonest))
    return measured


EXPERIMENTS = [
    Experiment(
        "E13",
        "Child-Sum Tree-LSTM on list operations, and what does without the tree",
        run,
        rules=[
            all_at_least("tree", 0.97),
            all_at_least("tree, deeper", 0.95),
            all_at_most("sequence", 0.8),
            above("tree", "sequence, four times the steps", by=0.1),
            above("tree, deeper", "sequence, four times the steps, deeper", by=0.3),
        ],
        settings={
            "task": "the value of MAX, MIN and SUM modulo 3 of two arguments each, digits 0 to 2",
            "trees": f"{N_TRAIN} of depth 1 to 3 to learn from, {N_HELD_OUT} to stop by, {N_HELD_OUT} to "
            f"test, {N_HELD_OUT} of depth 5 (deeper); none of them was learnt from, in any order of "
            "its arguments, so nearly all have depth 3 or 5",
            "sizes": f"tree n_h={N_TREE}; sequence LSTM n_h={N_SEQUENCE}, reads the same tokens and brackets",
            "training": f"Adam {LR:g}, x 0.2 after 70 %, clip 1, B={B}, {STEPS} steps ({MORE_STEPS} in the "
            "third pair of numbers); the parameters that were best on the second set are measured",
            "measured": "share of the values that are right",
        },
        source="Tai, Socher and Manning (2015); Nangia and Bowman (2018) for the task",
    ),
]
