"""Write tree.npz: outputs and gradients of a Child-Sum Tree-LSTM computed one node at a time in JAX.

    python tests/frozen/make_tree.py        (needs the package jax, and nothing of this project)

The recursion is the paper's (Tai, Socher and Manning 2015, equations 2 to 8), written down without any
batching; gradients come from jax.grad. Arrays bear the paper's names; node j's children are the nodes
whose parent is j, and -1 marks a root.
"""

from __future__ import annotations

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

jax.config.update("jax_enable_x64", True)

# Roots stand first, last and in the middle; nodes have from 0 to 4 children; levels are skipped.
FORESTS = {
    "mixed": [[-1, 0, 0, 1, 1, 1, 2, 0, 7, 8], [3, 0, 0, -1, 3, 3, 3], [-1], [1, -1, 1, 0]],
    "chain": [[1, 2, 3, 4, -1]],
    "star": [[-1, 0, 0, 0, 0], [2, 2, -1]],
}
SIZES = {"mixed": (2, 3), "chain": (3, 2), "star": (1, 4)}  # n_x, n_h


def node(p: dict[str, jax.Array], x: jax.Array, parents: list[int], j: int, found: dict) -> None:
    """Compute node j after its children; put (h_j, C_j) into ``found``."""
    children = [k for k, parent in enumerate(parents) if parent == j]
    for k in children:
        node(p, x, parents, k, found)
    zero = jnp.zeros_like(p["b_i"])
    h_sum = sum((found[k][0] for k in children), zero)
    i = jax.nn.sigmoid(p["W_i"] @ x[j] + p["U_i"] @ h_sum + p["b_i"])
    o = jax.nn.sigmoid(p["W_o"] @ x[j] + p["U_o"] @ h_sum + p["b_o"])
    u = jnp.tanh(p["W_u"] @ x[j] + p["U_u"] @ h_sum + p["b_u"])
    c = i * u
    for k in children:
        h_k, c_k = found[k]
        f_jk = jax.nn.sigmoid(p["W_f"] @ x[j] + p["U_f"] @ h_k + p["b_f"])
        c = c + f_jk * c_k
    found[j] = (o * jnp.tanh(c), c)


def forest(p: dict[str, jax.Array], x: jax.Array, trees: list[list[int]]) -> tuple[jax.Array, jax.Array]:
    """Return h and C of all nodes, tree after tree."""
    h, C, start = [], [], 0
    for parents in trees:
        found: dict = {}
        node(p, x[start : start + len(parents)], parents, parents.index(-1), found)
        h += [found[j][0] for j in range(len(parents))]
        C += [found[j][1] for j in range(len(parents))]
        start += len(parents)
    return jnp.stack(h), jnp.stack(C)


def record(trees: list[list[int]], n_x: int, n_h: int, seed: int) -> dict[str, np.ndarray]:
    """Run a batch forward and backward and keep everything it was given and gave."""
    rng = np.random.default_rng(seed)
    shapes = {
        f"{letter}_{g}": s
        for g in "fiou"
        for letter, s in zip("WUb", [(n_h, n_x), (n_h, n_h), (n_h,)], strict=True)
    }
    p = {name: jnp.asarray(rng.normal(size=shape)) for name, shape in shapes.items()}
    N = sum(map(len, trees))
    x, dh = jnp.asarray(rng.normal(size=(N, n_x))), jnp.asarray(rng.normal(size=(N, n_h)))
    h, C = forest(p, x, trees)
    dp, dx = jax.grad(lambda p, x: jnp.sum(dh * forest(p, x, trees)[0]), argnums=(0, 1))(p, x)
    kept = {"x": x, "dh": dh, "h": h, "C": C, "dx": dx, **p, **{f"d{name}": a for name, a in dp.items()}}
    kept |= {f"parents{t:02d}": np.array(parents) for t, parents in enumerate(trees)}
    return {name: np.asarray(a) for name, a in kept.items()}


def main() -> None:
    """Record every forest, with JAX's version beside them."""
    arrays = {
        f"{name}/{key}": a
        for seed, (name, trees) in enumerate(FORESTS.items())
        for key, a in record(trees, *SIZES[name], seed).items()
    }
    arrays["jax_version"] = np.array(jax.__version__)
    np.savez_compressed(Path(__file__).with_name("tree.npz"), **arrays)


if __name__ == "__main__":
    main()
