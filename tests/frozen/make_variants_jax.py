"""Write variants_jax.npz: the peephole LSTM, plain and coupled, in JAX, with gradients by jax.grad.

    python tests/frozen/make_variants_jax.py        (needs jax, and nothing of this project)

The equations are those of Graves (2013), "Generating sequences with recurrent neural networks", with
its names: W_xi acts on the input, W_hi on the hidden state, and w_ci is the peephole, here a vector.
Sequences stand in rows. The coupled form leaves the input gate out and puts 1 - f in its place.
"""

from __future__ import annotations

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

jax.config.update("jax_enable_x64", True)

SIZE = (4, 3, 2, 3)  # T, B, n_x, n_h
GATES = {"peephole": "ifco", "coupled_peephole": "fco"}


def forward(kind, w, x, h, c):
    """Return all hidden states and the last state."""
    outputs = []
    for x_t in x:
        f = jax.nn.sigmoid(x_t @ w["W_xf"].T + h @ w["W_hf"].T + c * w["w_cf"] + w["b_f"])
        if kind == "peephole":
            i = jax.nn.sigmoid(x_t @ w["W_xi"].T + h @ w["W_hi"].T + c * w["w_ci"] + w["b_i"])
        else:
            i = 1 - f
        c = f * c + i * jnp.tanh(x_t @ w["W_xc"].T + h @ w["W_hc"].T + w["b_c"])
        o = jax.nn.sigmoid(x_t @ w["W_xo"].T + h @ w["W_ho"].T + c * w["w_co"] + w["b_o"])
        h = o * jnp.tanh(c)
        outputs.append(h)
    return jnp.stack(outputs), h, c


def record(kind: str, T: int, B: int, n_x: int, n_h: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Run forward and backward in float64 and keep everything that was given and came out."""
    w = {}
    for g in GATES[kind]:
        w |= {f"W_x{g}": rng.normal(size=(n_h, n_x)), f"W_h{g}": rng.normal(size=(n_h, n_h))}
        w |= {f"b_{g}": rng.normal(size=n_h)}
        if g != "c":
            w |= {f"w_c{g}": rng.normal(size=n_h)}
    given = {"w": w, "x": rng.normal(size=(T, B, n_x))}
    given |= {"h_0": rng.normal(size=(B, n_h)), "C_0": rng.normal(size=(B, n_h))}
    dh = rng.normal(size=(T, B, n_h))
    dh_T, dC_T = rng.normal(size=(B, n_h)), rng.normal(size=(B, n_h))

    def loss(given):
        h, h_T, C_T = forward(kind, given["w"], given["x"], given["h_0"], given["C_0"])
        return jnp.sum(dh * h) + jnp.sum(dh_T * h_T) + jnp.sum(dC_T * C_T)

    given = jax.tree.map(jnp.asarray, given)
    h, h_T, C_T = forward(kind, given["w"], given["x"], given["h_0"], given["C_0"])
    grads = jax.grad(loss)(given)
    kept = {"dh": dh, "dh_T": dh_T, "dC_T": dC_T, "h": h, "h_T": h_T, "C_T": C_T}
    for name in ("x", "h_0", "C_0"):
        kept |= {name: given[name], f"d{name}": grads[name]}
    for name in w:
        kept |= {name: w[name], f"d{name}": grads["w"][name]}
    return {name: np.asarray(a) for name, a in kept.items()}


def main() -> None:
    """Record both cells, with JAX's version beside them."""
    rng = np.random.default_rng(0)
    arrays = {f"{kind}/{name}": a for kind in GATES for name, a in record(kind, *SIZE, rng).items()}
    arrays["jax_version"] = np.array(jax.__version__)
    np.savez_compressed(Path(__file__).with_name("variants_jax.npz"), **arrays)


if __name__ == "__main__":
    main()
