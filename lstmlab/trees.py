"""Trees: a batch of them, checked and sorted by level.

A node's level is its height: leaves are at level 0, and a node stands one above its highest child. All
nodes of one level in the whole batch are one step of the cell: each of its matrices is multiplied once
a level, however many trees there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

Indices = np.ndarray[Any, np.dtype[np.int64]]


class Level(NamedTuple):
    """One level of the batch: its nodes and the edges to their children, both in sorted order.

    ``counts[k]`` of its nodes have at least k children, and those stand first.
    """

    nodes: slice
    edges: slice
    counts: tuple[int, ...]


class Trees:
    """A batch of trees, checked and sorted by level.

    Parameters
    ----------
    parents
        For each tree the parent of each node, numbered within the tree; -1 at the root. A node may
        have any number of children.

    Attributes
    ----------
    n_trees, n_nodes
        Size of the batch. The nodes of all trees are numbered through, tree after tree, each tree in
        the order it was given: this is the order of every array outside.
    parent
        Parent of each node in that numbering, -1 at roots, ``(n_nodes,)``.
    tree
        The tree that each node belongs to, ``(n_nodes,)``.
    roots
        Each tree's root, ``(n_trees,)``.
    labels
        Each node's label, if made by :meth:`from_nested`.
    levels
        A :class:`Level` for each height, leaves first.
    order, position
        ``order[s]`` is the node that stands at place s when sorted by level, ``position`` the inverse.
    children
        The child at the lower end of each edge, as a place in sorted order; edges of one level lie
        side by side, first children before second ones.
    edge_above
        For each place in sorted order the edge to its parent; ``n_nodes - n_trees``, which is one
        past the last edge, at roots.

    Raises
    ------
    TypeError, ValueError
        If an array is no list of whole numbers, a parent is out of range, a tree has not exactly one
        root, or nodes lie on a cycle.

    Examples
    --------
    >>> trees = Trees([[-1, 0, 0], [1, -1]])
    >>> trees.roots.tolist(), [level.counts for level in trees.levels]
    ([0, 4], [(3,), (2, 2, 1)])
    """

    def __init__(self, parents: Sequence[Sequence[int]]) -> None:
        if not isinstance(parents, (list, tuple)) or not parents:
            raise TypeError(f"parents: expected a list with at least one tree's parents, got {parents!r:.60}")
        arrays = [_check_parents(f"parents[{t}]", tree) for t, tree in enumerate(parents)]
        sizes = np.array([a.size for a in arrays])
        start = np.cumsum(sizes) - sizes
        self.n_trees, self.n_nodes = len(arrays), int(sizes.sum())
        self.labels: tuple[Any, ...] = ()
        self.tree = np.repeat(np.arange(self.n_trees), sizes)
        local = np.concatenate(arrays)
        self.parent: Indices = np.where(local < 0, -1, local + start[self.tree])
        self.roots: Indices = np.flatnonzero(self.parent < 0)
        height = _heights(self.parent)
        if (height < 0).any():
            t = int(self.tree[height < 0][0])
            nodes = np.flatnonzero((height < 0) & (self.tree == t)) - start[t]
            raise ValueError(
                f"parents[{t}]: expected no cycle, got one through nodes {', '.join(map(str, nodes))}"
            )
        self._sort(height)

    def _sort(self, height: Indices) -> None:
        """Sort nodes by level, wide ones first, and edges by their upper node's level, k, place."""
        n_children = np.bincount(self.parent[self.parent >= 0], minlength=self.n_nodes)
        self.order: Indices = np.lexsort((-n_children, height))
        self.position: Indices = np.argsort(self.order)
        lower = np.flatnonzero(self.parent >= 0)
        lower = lower[np.argsort(self.parent[lower], kind="stable")]  # siblings side by side
        upper = self.parent[lower]
        k = np.arange(lower.size) - np.searchsorted(upper, upper)
        by_level = np.lexsort((self.position[upper], k, height[upper]))
        self.children: Indices = self.position[lower[by_level]]
        self.edge_above: Indices = np.full(self.n_nodes, lower.size)
        self.edge_above[self.children] = np.arange(lower.size)
        self.levels: list[Level] = []
        node = edge = 0
        for n in np.bincount(height).tolist():
            widths = n_children[self.order[node : node + n]]
            counts = tuple(int((widths >= k).sum()) for k in range(int(widths[0]) + 1))
            below = sum(counts[1:])
            self.levels.append(Level(slice(node, node + n), slice(edge, edge + below), counts))
            node, edge = node + n, edge + below

    @classmethod
    def from_nested(cls, trees: list[Any]) -> Trees:
        """Build a batch from nested tuples or lists.

        Parameters
        ----------
        trees
            A list of trees. A tree is ``(label, child, child, ...)``, and a leaf may also be its
            label alone: ``("MAX", 1, ("MIN", 2, 0))``. A label is anything but a tuple or a list.

        Returns
        -------
        Trees
            Nodes in reading order (a node, then its children), with ``labels``.

        Raises
        ------
        TypeError, ValueError
            If ``trees`` is no list or empty, a tuple has no label, or a list contains itself.
        """
        if not isinstance(trees, list) or not trees:
            raise TypeError(
                f"trees: expected a list with at least one tree, got {type(trees).__name__}"
                + ("; a tuple is one tree: put it into a list" if isinstance(trees, tuple) else "")
            )
        read = [_read_nested(f"trees[{t}]", tree) for t, tree in enumerate(trees)]
        batch = cls([parents for _, parents in read])
        batch.labels = tuple(label for labels, _ in read for label in labels)
        return batch

    def __repr__(self) -> str:
        return f"Trees(n_trees={self.n_trees}, n_nodes={self.n_nodes}, levels={len(self.levels)})"


def _check_parents(name: str, parents: Any) -> Indices:
    """Return one tree's parents as an array, or say what is wrong; cycles are found later."""
    try:
        array = np.asarray(parents)
    except ValueError:
        array = np.empty((0, 0))
    if array.ndim != 1 or array.size == 0 or array.dtype.kind not in "iu":
        raise TypeError(f"{name}: expected a list of whole numbers, -1 at the root, got {parents!r:.60}")
    for j, p in enumerate(array.tolist()):
        if not -1 <= p < array.size:
            raise ValueError(f"{name}[{j}]: expected -1 or a node from 0 to {array.size - 1}, got {p}")
    roots = np.flatnonzero(array == -1).tolist()
    if len(roots) != 1:
        found = f"{len(roots)} (nodes {', '.join(map(str, roots))})" if roots else "none"
        raise ValueError(f"{name}: expected exactly one root, got {found}")
    return array.astype(np.int64)


def _heights(parent: Indices) -> Indices:
    """Peel off the leaves, again and again; what cannot be peeled lies on a cycle and gets -1."""
    height = np.full(parent.size, -1)
    waiting = np.bincount(parent[parent >= 0], minlength=parent.size)
    ready, level = np.flatnonzero(waiting == 0), 0
    while ready.size:
        height[ready] = level
        above, n_done = np.unique(parent[ready], return_counts=True)
        above, n_done = above[above >= 0], n_done[above >= 0]
        waiting[above] -= n_done
        ready, level = above[waiting[above] == 0], level + 1
    return height


def _read_nested(name: str, tree: Any) -> tuple[list[Any], list[int]]:
    """Return labels and parents in reading order, without recursion: trees may be deep."""
    labels: list[Any] = []
    parents: list[int] = []
    open_nodes: set[int] = set()
    stack: list[tuple[Any, int, bool]] = [(tree, -1, False)]
    while stack:
        node, parent, leaving = stack.pop()
        if leaving:
            open_nodes.remove(id(node))
            continue
        if not isinstance(node, (tuple, list)):
            labels.append(node)
            parents.append(parent)
            continue
        if not node or isinstance(node[0], (tuple, list)):
            raise ValueError(f"{name}: expected a label or (label, child, ...), got {node!r:.60}")
        if id(node) in open_nodes:
            raise ValueError(f"{name}: expected no cycle, got a list that contains itself")
        open_nodes.add(id(node))
        stack.append((node, parent, True))
        stack += [(child, len(labels), False) for child in reversed(node[1:])]
        labels.append(node[0])
        parents.append(parent)
    return labels, parents
