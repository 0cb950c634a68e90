"""A class for each sequence, or for each of its steps."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from lstmlab.backend import namespace
from lstmlab.functions import softmax
from lstmlab.initializers import generator
from lstmlab.layers import Linear
from lstmlab.losses import counted, cross_entropy
from lstmlab.models.base import BaseModel, add_gradients, as_batch, beside, moved
from lstmlab.models.inputs import input_layer, sequence_input
from lstmlab.models.readout import (
    last_hidden,
    last_hidden_gradient,
    mean_over_time,
    mean_over_time_gradient,
)
from lstmlab.parameters import ParameterGroup
from lstmlab.typing import Array, Reader, State
from lstmlab.unroll import Run, backprop, check_cell, length_mask, unroll

READINGS = ("last", "mean")


class LabelledBatch(NamedTuple):
    """Sequences with one class each.

    Attributes
    ----------
    x
        Symbols ``(T, B)`` or vectors ``(T, B, n_x)``.
    labels
        The classes, ``(B,)``.
    lengths
        Number of steps of each sequence, ``(B,)``; ``None``: T for all.
    """

    x: Any
    labels: Any
    lengths: Any = None


class TaggedBatch(NamedTuple):
    """Sequences with a class at each step.

    A :class:`~lstmlab.data.symbols.NextSymbolBatch` has these fields too.

    Attributes
    ----------
    x
        Symbols ``(T, B)`` or vectors ``(T, B, n_x)``.
    targets
        The classes, ``(T, B)``; after a sequence's end anything may stand.
    lengths
        Number of steps of each sequence, ``(B,)``; ``None``: T for all.
    """

    x: Any
    targets: Any
    lengths: Any = None


class SequencePass(NamedTuple):
    """What the way forward stores: loss, its gradient by the scores, the run, the layers' traces."""

    loss: float
    dlogits: Array
    run: Run
    trace_in: Any
    trace_out: Any


class SequenceModel(BaseModel):
    """What reads a sequence: an input layer, a cell, a linear read-out.

    Parameters
    ----------
    cell
        Any cell, stack or wrapped cell.
    n_classes
        Number of classes.
    n_tokens
        Number of symbols; ``None`` where the inputs are vectors.
    one_hot
        Unit vectors for symbols instead of learnt ones.
    rng
        Seed or generator of the embedding and the read-out: another one than the cell's.
    """

    def __init__(
        self,
        cell: Reader,
        n_classes: int,
        *,
        n_tokens: int | None = None,
        one_hot: bool = False,
        rng: int | np.random.Generator = 1,
    ) -> None:
        check_cell(cell)
        rng = generator(rng)
        self.cell = cell
        self.embedding: Any = input_layer(cell, n_tokens, one_hot, rng)
        self.out: Any = Linear(cell.n_h, n_classes, rng=rng, **beside(cell.params.vectors[0]))
        super().__init__({"embedding": self.embedding, "cell": cell, "out": self.out})

    def _run(self, x: Any, lengths: Any = None, state: State | None = None) -> tuple[Run, Any]:
        """Return the run over a sequence and the input layer's trace."""
        x, running = moved(x, self.like), None
        if lengths is not None and len(getattr(x, "shape", ())) >= 2:
            running = length_mask(lengths, x.shape[0], x.shape[1], self.like)[..., 0] > 0.5
        vectors, trace_in = self.embedding.forward(sequence_input(self.embedding, x, running))
        return unroll(self.cell, vectors, state, lengths=lengths), trace_in

    def _back(self, done: SequencePass, dh: Array, dstate: State | None, grads: ParameterGroup) -> None:
        """Mirror of :meth:`_run`."""
        back = backprop(self.cell, done.run, dh, dstate)
        add_gradients(grads.parts["cell"], back.grads)
        self.embedding.backward(back.dx, done.trace_in, grads.parts["embedding"])

    def _scores(self, run: Run) -> tuple[Array, Any]:
        """Return the scores that a run leads to, and the read-out's trace."""
        raise NotImplementedError

    def logits(self, x: Any, lengths: Any = None) -> Array:
        """Return the scores of all classes without noise.

        Parameters
        ----------
        x
            Symbols ``(T, B)`` or vectors ``(T, B, n_x)``, on the host or beside the parameters.
        lengths
            Number of steps of each sequence; ``None``: T for all.

        Returns
        -------
        array
            Shape ``(B, n_classes)``, of a model with a class for each step ``(T, B, n_classes)``.
        """
        with self.evaluation():
            return self._scores(self._run(x, lengths)[0])[0]

    def probabilities(self, x: Any, lengths: Any = None) -> Array:
        """Return the softmax of :meth:`logits`."""
        return softmax(self.logits(x, lengths))

    def predict(self, x: Any, lengths: Any = None) -> Array:
        """Return the class with the largest score, :meth:`logits` without its last axis."""
        logits = self.logits(x, lengths)
        return namespace(logits).argmax(logits, axis=-1)


class SequenceClassifier(SequenceModel):
    r"""One class for each sequence, :math:`p = \operatorname{softmax}(W r + b)`.

    Parameters
    ----------
    cell
        Any cell, stack, bidirectional pair or wrapped cell, built by the caller.
    n_classes
        Number of classes.
    n_tokens
        Number of symbols; their vectors are as wide as the cell reads. ``None`` where the inputs are
        vectors.
    one_hot
        Unit vectors for symbols instead of learnt ones; ``cell.n_x`` is then ``n_tokens``.
    read
        What the read-out reads as r. ``"last"``: the hidden state after each sequence's own last step, of
        two directions what each knows after its own last step. ``"mean"``: the mean of the outputs over
        each sequence's own steps.
    rng
        Seed or generator of the embedding and the read-out: another one than the cell's.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as above.
    """

    def __init__(
        self,
        cell: Reader,
        n_classes: int,
        *,
        n_tokens: int | None = None,
        one_hot: bool = False,
        read: str = "last",
        rng: int | np.random.Generator = 1,
    ) -> None:
        if read not in READINGS:
            raise ValueError(f"read: expected one of {', '.join(READINGS)}, got {read!r}")
        self.read = read
        super().__init__(cell, n_classes, n_tokens=n_tokens, one_hot=one_hot, rng=rng)

    def _scores(self, run: Run) -> tuple[Array, Any]:
        r = last_hidden(run.state) if self.read == "last" else mean_over_time(run.h, run.mask)
        logits, trace_out = self.out.forward(r)
        return logits, trace_out

    def forward(self, batch: Any) -> SequencePass:
        """Return the mean cross-entropy of a :class:`LabelledBatch`, and what :meth:`backward` needs."""
        batch = as_batch(LabelledBatch, batch)
        run, trace_in = self._run(batch.x, batch.lengths)
        logits, trace_out = self._scores(run)
        loss, dlogits = cross_entropy(logits, moved(batch.labels, self.like))
        return SequencePass(loss, dlogits, run, trace_in, trace_out)

    def backward(self, done: SequencePass, grads: ParameterGroup) -> None:
        """Mirror of :meth:`forward`."""
        dr = self.out.backward(done.dlogits, done.trace_out, grads.parts["out"])
        if self.read == "last":
            dh, dstate = 0.0 * done.run.h, last_hidden_gradient(dr, self.cell)
        else:
            dh, dstate = mean_over_time_gradient(dr, done.run.h, done.run.mask), None
        self._back(done, dh, dstate, grads)

    def accuracy(self, batch: Any) -> float:
        """Return the share of sequences of a :class:`LabelledBatch` whose class is found."""
        batch = as_batch(LabelledBatch, batch)
        return share_equal(self.predict(batch.x, batch.lengths), moved(batch.labels, self.like), self.like)


class SequenceTagger(SequenceModel):
    r"""A class for each step of a sequence, :math:`p_t = \operatorname{softmax}(W h_t + b)`.

    Whether a step may see what comes after it is the cell's business: a bidirectional pair does. To predict
    the next symbol of a grammar take a cell that reads in one direction; the targets are then the symbols
    that came, and what is learnt are the probabilities of all that may come.

    Parameters
    ----------
    cell
        Any cell, stack, bidirectional pair or wrapped cell, built by the caller.
    n_classes
        Number of classes.
    n_tokens
        Number of symbols; their vectors are as wide as the cell reads. ``None`` where the inputs are
        vectors.
    one_hot
        Unit vectors for symbols instead of learnt ones; ``cell.n_x`` is then ``n_tokens``.
    rng
        Seed or generator of the embedding and the read-out: another one than the cell's.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as above.
    """

    def _scores(self, run: Run) -> tuple[Array, Any]:
        logits, trace_out = self.out.forward(run.h)
        return logits, trace_out

    def forward(self, batch: Any) -> SequencePass:
        """Return the mean cross-entropy over all steps of a :class:`TaggedBatch`.

        Padded steps do not count. The rest of the tuple is what :meth:`backward` needs.
        """
        batch = as_batch(TaggedBatch, batch)
        return self._forward(batch.x, batch.targets, batch.lengths, None)

    def _forward(self, x: Any, targets: Any, lengths: Any, state: State | None) -> SequencePass:
        run, trace_in = self._run(x, lengths, state)
        logits, trace_out = self._scores(run)
        loss, dlogits = cross_entropy(logits, moved(targets, self.like), steps_that_count(run))
        return SequencePass(loss, dlogits, run, trace_in, trace_out)

    def backward(self, done: SequencePass, grads: ParameterGroup) -> None:
        """Mirror of :meth:`forward`."""
        dh = self.out.backward(done.dlogits, done.trace_out, grads.parts["out"])
        self._back(done, dh, None, grads)

    def accuracy(self, batch: Any) -> float:
        """Return the share of steps of a :class:`TaggedBatch` whose class is found; padding is left out."""
        batch = as_batch(TaggedBatch, batch)
        return self._accuracy(batch.x, batch.targets, batch.lengths)

    def _accuracy(self, x: Any, targets: Any, lengths: Any) -> float:
        with self.evaluation():
            run, _ = self._run(x, lengths)
            logits, _ = self._scores(run)
        predicted = namespace(logits).argmax(logits, axis=-1)
        return share_equal(predicted, moved(targets, self.like), logits[..., 0], steps_that_count(run))


def steps_that_count(run: Run) -> Array | None:
    """Return booleans ``(T, B)``, False after a sequence's end, or ``None`` where all count."""
    return None if run.mask is None else run.mask[..., 0] > 0.5


def share_equal(predicted: Array, wanted: Array, like: Array, mask: Array | None = None) -> float:
    """Return the share of places where two arrays of whole numbers agree, of those the mask counts."""
    xp = namespace(predicted, wanted)
    if tuple(predicted.shape) != tuple(wanted.shape):
        raise ValueError(f"targets: expected shape {tuple(predicted.shape)}, got {tuple(wanted.shape)}")
    right = xp.astype(predicted == xp.astype(wanted, predicted.dtype), like.dtype)
    counts, N = counted(mask, right)
    return float(xp.sum(counts * right)) / N
