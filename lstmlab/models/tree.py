"""A class for each tree, read at its root."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from lstmlab.backend import namespace
from lstmlab.cells.tree import TreeLSTM
from lstmlab.functions import softmax
from lstmlab.initializers import generator
from lstmlab.layers import Linear
from lstmlab.losses import cross_entropy
from lstmlab.models.base import BaseModel, add_gradients, as_batch, beside, moved
from lstmlab.models.classifier import share_equal
from lstmlab.models.inputs import input_layer
from lstmlab.parameters import ParameterGroup
from lstmlab.trees import Trees
from lstmlab.typing import Array
from lstmlab.unroll_tree import TreeRun, backprop_tree, from_roots, unroll_tree


class TreeBatch(NamedTuple):
    """Trees with one class each.

    Attributes
    ----------
    trees
        A batch of :class:`~lstmlab.trees.Trees`.
    x
        A symbol for each node, ``(n_nodes,)``, or a vector, ``(n_nodes, n_x)``, in the order of ``trees``.
    labels
        The classes, ``(n_trees,)``.
    """

    trees: Trees
    x: Any
    labels: Any


def tree_batch(nested: list[Any], vocabulary: Mapping[Any, int], labels: Sequence[int]) -> TreeBatch:
    """Build a batch from nested tuples.

    Parameters
    ----------
    nested
        Trees as :meth:`~lstmlab.trees.Trees.from_nested` takes them.
    vocabulary
        Number of each label of a node.
    labels
        The classes, one a tree.

    Returns
    -------
    TreeBatch
        On the host.

    Raises
    ------
    ValueError
        If a node's label is not in the vocabulary, or there is not one class a tree.

    Examples
    --------
    >>> batch = tree_batch([("MAX", 0, 1)], {0: 0, 1: 1, "MAX": 2}, [1])
    >>> batch.x.tolist(), batch.trees.n_nodes
    ([2, 0, 1], 3)
    """
    trees = Trees.from_nested(nested)
    unknown = [label for label in trees.labels if label not in vocabulary]
    if unknown:
        raise ValueError(f"vocabulary: expected a number for every node's label, got none for {unknown[0]!r}")
    classes = np.asarray(labels)
    if classes.shape != (trees.n_trees,):
        raise ValueError(f"labels: expected shape ({trees.n_trees},), got {classes.shape}")
    return TreeBatch(trees, np.array([vocabulary[label] for label in trees.labels], dtype=np.int64), classes)


class TreePass(NamedTuple):
    """What the way forward stores: loss, its gradient by the scores, the run, the layers' traces."""

    loss: float
    dlogits: Array
    run: TreeRun
    trace_in: Any
    trace_out: Any


class TreeClassifier(BaseModel):
    r"""One class for each tree, :math:`p = \operatorname{softmax}(W h_{root} + b)`.

    Parameters
    ----------
    cell
        A :class:`~lstmlab.cells.tree.TreeLSTM`, built by the caller.
    n_classes
        Number of classes.
    n_tokens
        Number of symbols of nodes; their vectors are as wide as the cell reads. ``None`` where the nodes
        carry vectors.
    one_hot
        Unit vectors for symbols instead of learnt ones; ``cell.n_x`` is then ``n_tokens``.
    rng
        Seed or generator of the embedding and the read-out: another one than the cell's.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as above.

    References
    ----------
    Tai, Socher and Manning (2015), section 4.1, there for every node.
    """

    def __init__(
        self,
        cell: TreeLSTM,
        n_classes: int,
        *,
        n_tokens: int | None = None,
        one_hot: bool = False,
        rng: int | np.random.Generator = 1,
    ) -> None:
        if not isinstance(cell, TreeLSTM):
            raise TypeError(f"cell: expected a TreeLSTM(n_x, n_h), got {cell!r:.60}")
        rng = generator(rng)
        self.cell = cell
        self.embedding: Any = input_layer(cell, n_tokens, one_hot, rng)
        self.out: Any = Linear(cell.n_h, n_classes, rng=rng, **beside(cell.params.flat))
        super().__init__({"embedding": self.embedding, "cell": cell, "out": self.out})

    def forward(self, batch: Any) -> TreePass:
        """Return the mean cross-entropy of a :class:`TreeBatch`, and what :meth:`backward` needs."""
        batch = as_batch(TreeBatch, batch)
        x, trace_in = self.embedding.forward(moved(batch.x, self.like))
        run = unroll_tree(self.cell, batch.trees, x)
        logits, trace_out = self.out.forward(run.h_root)
        loss, dlogits = cross_entropy(logits, moved(batch.labels, self.like))
        return TreePass(loss, dlogits, run, trace_in, trace_out)

    def backward(self, done: TreePass, grads: ParameterGroup) -> None:
        """Mirror of :meth:`forward`."""
        dh_root = self.out.backward(done.dlogits, done.trace_out, grads.parts["out"])
        back = backprop_tree(self.cell, done.run, from_roots(done.run.trees, dh_root))
        add_gradients(grads.parts["cell"], back.grads)
        self.embedding.backward(back.dx, done.trace_in, grads.parts["embedding"])

    def logits(self, trees: Trees, x: Any) -> Array:
        """Return the scores of all classes, ``(n_trees, n_classes)``; arguments as :class:`TreeBatch`'s."""
        vectors, _ = self.embedding.forward(moved(x, self.like))
        logits, _ = self.out.forward(unroll_tree(self.cell, trees, vectors).h_root)
        return logits

    def probabilities(self, trees: Trees, x: Any) -> Array:
        """Return the softmax of :meth:`logits`."""
        return softmax(self.logits(trees, x))

    def predict(self, trees: Trees, x: Any) -> Array:
        """Return the class with the largest score, ``(n_trees,)``."""
        logits = self.logits(trees, x)
        return namespace(logits).argmax(logits, axis=-1)

    def accuracy(self, batch: Any) -> float:
        """Return the share of trees of a :class:`TreeBatch` whose class is found."""
        batch = as_batch(TreeBatch, batch)
        return share_equal(self.predict(batch.trees, batch.x), moved(batch.labels, self.like), self.like)
