"""Write seq2seq.npz and forecaster.npz: both kinds of model in plain JAX, gradients by jax.grad.

    python tests/frozen/make_seq2seq_forecaster.py        (needs jax, and nothing of this project)

Every sequence is computed by itself and within its own length, so there is no padding and no mask. Gates
keep a matrix for the input, W_xf, and one for the hidden state, W_hf. The loss is the mean over all
symbols (natural logarithm), or over all numbers squared. Weights are sixteenths: they pack well.
"""

from __future__ import annotations

from pathlib import Path

import jax
import numpy as np
from jax import numpy as jnp
from jax.nn import sigmoid

jax.config.update("jax_enable_x64", True)

GATES = "fico"
#: Attention, when it looks, whether the encoder reads both ways, width of the decoder.
SEQ2SEQ = {
    "alone": (None, None, False, 3),
    "bridged": (None, None, True, 3),
    "luong": ("dot", "after", True, 4),
    "bahdanau": ("additive", "before", True, 3),
    "additive after": ("additive", "after", False, 2),
    "dot before": ("dot", "before", False, 3),
}
#: Mode, whether the read-out adds to the last value, columns from outside.
FORECASTER = {
    "recursive": ("recursive", False, 2),
    "residual": ("recursive", True, 1),
    "closed": ("recursive", False, 0),
    "direct": ("direct", False, 1),
    "direct residual": ("direct", True, 1),
}
N_SOURCE, N_TARGET, START, N_E, N_A = 4, 5, 4, 2, 3
S, T, B = 4, 3, 3
HORIZON, N_Y, PAST = 3, 2, 4


def sixteenths(rng, shape):
    """Normal numbers, rounded."""
    return np.round(16 * rng.normal(size=shape)) / 16


def lstm_shapes(prefix, n_x, n_h):
    """Shapes of one LSTM's weights."""
    shapes = {f"{prefix}W_x{g}": (n_h, n_x) for g in GATES}
    return shapes | {f"{prefix}W_h{g}": (n_h, n_h) for g in GATES} | {f"{prefix}b_{g}": (n_h,) for g in GATES}


def lstm(p, prefix, x, h, c):
    """One step of one sequence: Gers, Schmidhuber and Cummins (2000)."""
    a = {g: p[f"{prefix}W_h{g}"] @ h + p[f"{prefix}W_x{g}"] @ x + p[f"{prefix}b_{g}"] for g in GATES}
    c = sigmoid(a["f"]) * c + sigmoid(a["i"]) * jnp.tanh(a["c"])
    return sigmoid(a["o"]) * jnp.tanh(c), c


def read_through(p, prefix, xs):
    """Run one LSTM over one sequence; all hidden states, and the last cell state."""
    n = p[f"{prefix}b_f"].shape[0]
    h, c, hs = jnp.zeros(n), jnp.zeros(n), []
    for x in xs:
        h, c = lstm(p, prefix, x, h, c)
        hs.append(h)
    return hs, c


def encode(p, xs, both):
    """Hidden states beside each other, and the pair that is handed on."""
    ahead, c = read_through(p, "forward/", xs)
    if not both:
        return jnp.array(ahead), ahead[-1], c
    back, c_back = read_through(p, "backward/", xs[::-1])
    states = jnp.array([jnp.concatenate(pair) for pair in zip(ahead, back[::-1], strict=True)])
    return states, jnp.concatenate([ahead[-1], back[-1]]), jnp.concatenate([c, c_back])


def look(p, kind, query, states):
    """Context of one query, and its weights."""
    if kind == "dot":
        scores = jnp.array([query @ state for state in states])
    else:
        scores = jnp.array([p["v"] @ jnp.tanh(p["W_q"] @ query + p["W_k"] @ state) for state in states])
    alpha = jnp.exp(scores) / jnp.sum(jnp.exp(scores))
    return sum(a * state for a, state in zip(alpha, states, strict=True)), alpha


def translate(p, case, source, target):
    """Log-probabilities of one target, symbol by symbol, and the attention's weights."""
    kind, looks, both, _ = SEQ2SEQ[case]
    states, s, c = encode(p, [p["E_source"][k] for k in source], both)
    if "W_bridge_h" in p:
        s, c = p["W_bridge_h"] @ s + p["b_bridge_h"], p["W_bridge_C"] @ c + p["b_bridge_C"]
    log_p, weights, before = [], [], START
    for y in target:
        x = p["E_target"][before]
        if looks == "before":
            seen, alpha = look(p, kind, s, states)
            weights.append(alpha)
            x = jnp.concatenate([x, seen])
        s, c = lstm(p, "decoder/", x, s, c)
        r = s
        if looks == "after":
            seen, alpha = look(p, kind, s, states)
            weights.append(alpha)
            r = jnp.tanh(p["W_join"] @ jnp.concatenate([seen, s]))
        a = p["V"] @ r + p["b"]
        log_p.append((a - jnp.log(jnp.sum(jnp.exp(a))))[y])
        before = y
    return log_p, weights


def seq2seq(case, seed, given=None):
    """One case of an encoder-decoder."""
    kind, looks, both, n_h = SEQ2SEQ[case]
    rng = np.random.default_rng(seed)
    n_enc = 2 if both else n_h
    n_k = 2 * n_enc if both else n_enc
    shapes = {
        "E_source": (N_SOURCE, N_E),
        "E_target": (N_TARGET, N_E),
        "V": (N_TARGET, n_h),
        "b": (N_TARGET,),
    }
    shapes |= lstm_shapes("forward/", N_E, n_enc)
    shapes |= lstm_shapes("backward/", N_E, n_enc) if both else {}
    shapes |= lstm_shapes("decoder/", N_E + (n_k if looks == "before" else 0), n_h)
    if both:
        for field in "hC":
            shapes |= {f"W_bridge_{field}": (n_h, n_k), f"b_bridge_{field}": (n_h,)}
    if kind == "additive":
        shapes |= {"W_q": (N_A, n_h), "W_k": (N_A, n_k), "v": (N_A,)}
    if looks == "after":
        shapes |= {"W_join": (n_h, n_k + n_h)}
    p = {name: sixteenths(rng, shape) for name, shape in shapes.items()}
    x, y = rng.integers(0, N_SOURCE, (S, B)), rng.integers(0, N_TARGET, (T, B))
    x_lengths, y_lengths = np.array([S, 1, S - 1]), np.array([T - 1, T, 1])

    def loss(p):
        all_of = [
            translate(p, case, x[:m, b], y[:n, b])[0]
            for b, (m, n) in enumerate(zip(x_lengths, y_lengths, strict=True))
        ]
        return -sum(sum(one) for one in all_of) / y_lengths.sum()

    value, grads = jax.value_and_grad(loss)(p)
    kept = {"x": x, "y": y, "x_lengths": x_lengths, "y_lengths": y_lengths, "loss": value}
    if kind:
        weights = np.zeros((B, T, S))
        for b in range(B):
            for t, alpha in enumerate(translate(p, case, x[: x_lengths[b], b], y[: y_lengths[b], b])[1]):
                weights[b, t, : x_lengths[b]] = alpha
        kept["weights"] = weights
    return kept, p, grads


def forecast(p, case, past, outside):
    """The values after one series' past."""
    mode, residual, _ = FORECASTER[case]
    n = p["b_f"].shape[0]
    h, c = jnp.zeros(n), jnp.zeros(n)
    for x in past:
        h, c = lstm(p, "", x, h, c)
    last = past[-1][:N_Y]
    if mode == "direct":
        made = jnp.reshape(p["V"] @ h + p["b"], (HORIZON, N_Y))
        return [step + last if residual else step for step in made]
    made = []
    for k in range(HORIZON):
        if k:
            h, c = lstm(p, "", jnp.concatenate([last, outside[k - 1]]), h, c)
        last = p["V"] @ h + p["b"] + (last if residual else 0.0)
        made.append(last)
    return made


def forecaster(case, seed):
    """One case of a forecaster."""
    mode, _, n_z = FORECASTER[case]
    rng = np.random.default_rng(seed)
    n_h, n_out = 3, N_Y * (HORIZON if mode == "direct" else 1)
    shapes = lstm_shapes("", N_Y + n_z, n_h) | {"V": (n_out, n_h), "b": (n_out,)}
    p = {name: sixteenths(rng, shape) for name, shape in shapes.items()}
    x, y = sixteenths(rng, (PAST, B, N_Y + n_z)), sixteenths(rng, (HORIZON, B, N_Y))
    future = sixteenths(rng, (HORIZON, B, n_z))

    def outputs(p):
        return jnp.array([forecast(p, case, x[:, b], future[:, b]) for b in range(B)])

    def loss(p):
        return jnp.mean((outputs(p) - np.swapaxes(y, 0, 1)) ** 2)

    value, grads = jax.value_and_grad(loss)(p)
    kept = {"x": x, "y": y, "loss": value, "y_hat": np.swapaxes(outputs(p), 0, 1)}
    return kept | ({"future": future} if mode == "recursive" and n_z else {}), p, grads


def record(kind, case, seed):
    """Run one case forward and backward and keep everything it was given and gave."""
    kept, p, grads = {"seq2seq": seq2seq, "forecaster": forecaster}[kind](case, seed)
    kept = kept | {f"param:{k}": a for k, a in p.items()} | {f"grad:{k}": a for k, a in grads.items()}
    return {k: np.asarray(a) for k, a in kept.items()}


def packed(case, got):
    """One vector holds all weights of a case, one all gradients: many small arrays need a large file."""
    names = [k.removeprefix("param:") for k in got if k.startswith("param:")]
    shapes = [f"{name} {' '.join(map(str, got[f'param:{name}'].shape))}" for name in names]
    both = {
        kind: np.concatenate([got[f"{kind}:{name}"].ravel() for name in names]) for kind in ("param", "grad")
    }
    kept = both | {"shapes": np.array("\n".join(shapes))} | {k: a for k, a in got.items() if ":" not in k}
    return {f"{case}/{k}": a for k, a in kept.items()}


def main() -> None:
    """Record every case, with JAX's version beside them."""
    for kind, cases in (("seq2seq", SEQ2SEQ), ("forecaster", FORECASTER)):
        arrays = {"jax_version": np.array(jax.__version__)}
        for seed, case in enumerate(cases):
            arrays |= packed(case, record(kind, case, seed))
        np.savez_compressed(Path(__file__).with_name(f"{kind}.npz"), **arrays)


if __name__ == "__main__":
    main()
