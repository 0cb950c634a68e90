"""Write additive_attention.npz: Bahdanau's attention in plain JAX, gradients by automatic differentiation.

    python tests/frozen/make_additive_attention.py        (needs jax, and nothing of this project)

The equations are written for one query and one sequence at a time, straight from the paper, and mapped
over both. Arrays are (T, B, n).
"""

from __future__ import annotations

from pathlib import Path

import jax
import numpy as np
from jax import numpy as jnp

jax.config.update("jax_enable_x64", True)
SIZES = {"small": (3, 5, 2, 4, 3, 6), "one": (1, 1, 1, 1, 1, 1), "masked": (2, 6, 3, 2, 5, 4)}


def read(p, query, states, mask):
    """Context of one query, (n_q,), over the states of one sequence, (S, n_k)."""
    scores = jnp.array([p["v"] @ jnp.tanh(p["W_q"] @ query + p["W_k"] @ state) for state in states])
    alpha = jnp.where(mask, jnp.exp(scores), 0.0)
    alpha = alpha / alpha.sum()
    return alpha @ states, alpha


def record(case: str, seed: int, sizes: tuple[int, ...] | None = None) -> dict[str, np.ndarray]:
    """Run one case forward and backward and keep everything it was given and gave."""
    T_q, S, B, n_q, n_k, n_a = sizes or SIZES[case]
    rng = np.random.default_rng(seed)
    shapes = {"W_q": (n_a, n_q), "W_k": (n_a, n_k), "v": (n_a,)}
    given = {name: rng.normal(size=shape) for name, shape in shapes.items()}
    given |= {"queries": rng.normal(size=(T_q, B, n_q)), "keys": rng.normal(size=(S, B, n_k))}
    dc, mask = rng.normal(size=(T_q, B, n_k)), np.ones((S, B), dtype=bool)
    if case == "masked":
        mask[4:, 0], mask[:2, 1] = False, False

    def outputs(given):
        pairs = [
            [read(given, q[b], given["keys"][:, b], mask[:, b]) for b in range(B)] for q in given["queries"]
        ]
        c = jnp.array([[pair[0] for pair in row] for row in pairs])
        alpha = jnp.array([[pair[1] for pair in row] for row in pairs])  # (T_q, B, S)
        return c, alpha

    c, alpha = outputs(given)
    grads = jax.grad(lambda given: jnp.sum(dc * outputs(given)[0]))(given)
    kept = given | {"mask": mask, "dc": dc, "c": c, "alpha": alpha}
    return {k: np.asarray(a) for k, a in (kept | {f"d{name}": g for name, g in grads.items()}).items()}


def main() -> None:
    """Record every size, with JAX's version beside them."""
    arrays = {
        f"additive/{case}/{name}": a
        for seed, case in enumerate(SIZES)
        for name, a in record(case, seed).items()
    }
    arrays["jax_version"] = np.array(jax.__version__)
    np.savez_compressed(Path(__file__).with_name("additive_attention.npz"), **arrays)


if __name__ == "__main__":
    main()
