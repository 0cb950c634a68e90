"""Write gated_jax.npz: GRU, highway, depth-gated and multiplicative LSTMs in JAX, gradients by jax.grad.

    python tests/frozen/make_gated_jax.py        (needs jax, and nothing of this project)

Plain equations, sequences in rows, every matrix by itself: W_xf acts on the input, W_hf on the hidden
state, and in the form of Krause et al. (2016) W_mf acts on m. The depth gate is that of Yao et al.
(2015), its layers counted from 1. In the notes' multiplicative form V_f acts on the product h ⊙ x.
"""

from __future__ import annotations

import math
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jax.nn import sigmoid

jax.config.update("jax_enable_x64", True)

SIZES = {  # T, B, n_x, n_h
    "gru": (4, 3, 2, 3),
    "highway": (3, 4, 3, 2),
    "depth_gated": (3, 3, 1, 2),
    "multiplicative": (3, 4, 2, 2),
    "krause": (3, 4, 3, 2),
}
LAYERS = 3


def affine(w, g, h, x, letter="h"):
    """What stands under a gate: one row a sequence."""
    return h @ w[f"W_{letter}{g}"].T + x @ w[f"W_x{g}"].T + w[f"b_{g}"]


def gru(w, x, s):
    z, r = sigmoid(affine(w, "z", s["h"], x)), sigmoid(affine(w, "r", s["h"], x))
    candidate = jnp.tanh(affine(w, "h", r * s["h"], x))
    return {"h": (1 - z) * s["h"] + z * candidate}


def highway(w, x, s):
    f, i, g, o, T = (affine(w, g, s["h"], x) for g in "ficoT")
    c = sigmoid(f) * s["C"] + sigmoid(i) * jnp.tanh(g)
    return {"h": sigmoid(T) * (sigmoid(o) * jnp.tanh(c)) + (1 - sigmoid(T)) * s["h"], "C": c}


def depth_gated(w, x, s):
    new, below = {}, None
    for l in range(1, 1 + LAYERS):
        f, i, g, o = (affine(w, f"{g}_{l}", s[f"h_{l}"], x) for g in "fico")
        c = sigmoid(f) * s[f"C_{l}"] + sigmoid(i) * jnp.tanh(g)
        if l > 1:
            d = x @ w[f"W_xd_{l}"].T + s[f"C_{l}"] * w[f"w_cd_{l}"] + below * w[f"w_ld_{l}"] + w[f"b_d_{l}"]
            c = c + sigmoid(d) * below
        x, below = sigmoid(o) * jnp.tanh(c), c
        new |= {f"h_{l}": x, f"C_{l}": c}
    return new


def multiplicative(kind, w, x, s):
    if kind == "krause":
        m = (x @ w["W_mx"].T) * (s["h"] @ w["W_mh"].T)
        f, i, g, o = (affine(w, g, m, x, "m") for g in "fico")
    else:
        f, i, g, o = (affine(w, g, s["h"], x) + (s["h"] * x) @ w[f"V_{g}"].T for g in "fico")
    c = sigmoid(f) * s["C"] + sigmoid(i) * jnp.tanh(g)
    return {"h": sigmoid(o) * jnp.tanh(c), "C": c}


def step(kind, w, x, s):
    """Advance one step of any kind."""
    if kind in ("multiplicative", "krause"):
        return multiplicative(kind, w, x, s)
    return {"gru": gru, "highway": highway}.get(kind, depth_gated)(w, x, s)


def shapes_of(kind, n_x, n_h):
    """Return the shapes of weights and of the state's widths."""

    def gates(letters, n_below=n_x, end="", letter="h"):
        found = {}
        for g in letters:
            found |= {
                f"W_{letter}{g}{end}": (n_h, n_h),
                f"W_x{g}{end}": (n_h, n_below),
                f"b_{g}{end}": (n_h,),
            }
        return found

    if kind == "gru":
        return gates("zrh"), ["h"]
    if kind == "highway":
        return gates("ficoT"), ["h", "C"]
    if kind == "multiplicative":
        return gates("fico") | {f"V_{g}": (n_h, n_h) for g in "fico"}, ["h", "C"]
    if kind == "krause":
        return gates("fico", letter="m") | {"W_mx": (n_h, n_x), "W_mh": (n_h, n_h)}, ["h", "C"]
    shapes, states = gates("fico", end="_1"), ["h_1", "C_1"]
    for l in range(2, 1 + LAYERS):
        shapes |= gates("fico", n_h, f"_{l}")
        shapes |= {f"W_xd_{l}": (n_h, n_h), **{f"{v}_{l}": (n_h,) for v in ("w_cd", "w_ld", "b_d")}}
        states += [f"h_{l}", f"C_{l}"]
    return shapes, states


def record(kind: str, T: int, B: int, n_x: int, n_h: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Run forward and backward in float64 and keep everything that was given and came out.

    All weights stand in one vector, ``w``, and ``layout`` says which: a name and a shape each. The
    fields of a state stand side by side, ``(n_fields, B, n_h)``, under the name s.
    """
    shapes, fields = shapes_of(kind, n_x, n_h)
    top = max(k for k, field in enumerate(fields) if field.startswith("h"))
    n_w = sum(math.prod(shape) for shape in shapes.values())
    given = {"w": rng.normal(size=n_w), "x": rng.normal(size=(T, B, n_x))}
    given["s_0"] = rng.normal(size=(len(fields), B, n_h))
    direct = {"dh": rng.normal(size=(T, B, n_h)), "ds_T": rng.normal(size=(len(fields), B, n_h))}

    def forward(given):
        w, start = {}, 0
        for name, shape in shapes.items():
            w[name] = given["w"][start : start + math.prod(shape)].reshape(shape)
            start += math.prod(shape)
        s, h = dict(zip(fields, given["s_0"], strict=True)), []
        for x in given["x"]:
            s = step(kind, w, x, s)
            h.append(s[fields[top]])
        return {"h": jnp.stack(h), "s_T": jnp.stack([s[name] for name in fields])}

    def loss(given):
        return sum(jnp.sum(direct[f"d{name}"] * a) for name, a in forward(given).items())

    given = {name: jnp.asarray(a) for name, a in given.items()}
    grads = {f"d{name}": a for name, a in jax.grad(loss)(given).items()}
    kept = {name: np.asarray(a) for name, a in (given | direct | forward(given) | grads).items()}
    layout = ", ".join(f"{name} {' '.join(map(str, shape))}" for name, shape in shapes.items())
    return kept | {"layout": np.array(layout), "fields": np.array(" ".join(fields))}


def main() -> None:
    """Record every kind, with JAX's version beside them."""
    rng = np.random.default_rng(0)
    arrays = {
        f"{kind}/{name}": a for kind, sizes in SIZES.items() for name, a in record(kind, *sizes, rng).items()
    }
    arrays["jax_version"] = np.array(jax.__version__)
    np.savez_compressed(Path(__file__).with_name("gated_jax.npz"), **arrays)


if __name__ == "__main__":
    main()
