"""The frozen Tree-LSTM, random forests, and the loss that checks a whole tree run."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
from oracle import Arrays, worst_of

PARAMETERS = [f"{letter}_{g}" for letter in "WUb" for g in "fiou"]


def modules(ll: Any) -> tuple[Any, Any, Any]:
    """Return the cell's, the trees' and the walk's module of the package ``ll`` itself."""
    names = ("cells.tree", "trees", "unroll_tree")
    return tuple(importlib.import_module(f"{ll.__name__}.{name}") for name in names)


def compare(ll: Any, arrays: Arrays, tol: float = 1e-12) -> float:
    """Assert that lstmlab computes what the plain recursion computed; return the worst difference."""
    tree, trees, walk = modules(ll)
    cell = tree.TreeLSTM(arrays["x"].shape[1], arrays["h"].shape[1])
    for name in PARAMETERS:
        cell.params[name] = arrays[name]
    batch = trees.Trees([arrays[key].tolist() for key in sorted(arrays) if key.startswith("parents")])
    run = walk.unroll_tree(cell, batch, ll.xp.asarray(arrays["x"]))
    back = walk.backprop_tree(cell, run, ll.xp.asarray(arrays["dh"]))
    pairs = [(run.h, arrays["h"]), (run.C, arrays["C"]), (back.dx, arrays["dx"])]
    pairs += [(run.h_root, arrays["h"][batch.roots])]
    pairs += [(back.grads[name], arrays[f"d{name}"]) for name in PARAMETERS]
    return worst_of(ll, pairs, "TreeLSTM: differs from the plain recursion", tol)


def random_forest(rng: np.random.Generator, n_trees: int, largest: int) -> list[list[int]]:
    """Draw trees of every shape, their nodes numbered at random."""
    forest = []
    for _ in range(n_trees):
        n = int(rng.integers(1, largest + 1))
        parent = [-1] + [int(rng.integers(0, j)) for j in range(1, n)]
        name = rng.permutation(n)
        renamed = [0] * n
        for j, p in enumerate(parent):
            renamed[name[j]] = -1 if p < 0 else int(name[p])
        forest.append(renamed)
    return forest


def tree_loss(ll: Any, cell: Any, batch: Any, x: Any, v: Any) -> tuple[Any, dict[str, Any]]:
    r"""Return f and args for gradcheck: L = <v, h> over all nodes."""
    _, _, walk = modules(ll)

    def f(**_: Any) -> tuple[Any, dict[str, Any]]:
        run = walk.unroll_tree(cell, batch, x)
        back = walk.backprop_tree(cell, run, v)
        return ll.xp.sum(v * run.h), {**back.grads, "x": back.dx}

    f.value = lambda **_: ll.xp.sum(v * walk.unroll_tree(cell, batch, x).h)  # type: ignore[attr-defined]
    return f, {**cell.params, "x": x}
