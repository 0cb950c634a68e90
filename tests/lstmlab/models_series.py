"""JAX's encoder-decoders and forecasters as the course's models; small models for every test."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
from oracle import Arrays, worst_of

#: Attention, when it looks, whether the encoder reads both ways: what the frozen file's cases mean.
SEQ2SEQ = {
    "alone": (None, None, False),
    "bridged": (None, None, True),
    "luong": ("dot", "after", True),
    "bahdanau": ("additive", "before", True),
    "additive after": ("additive", "after", False),
    "dot before": ("dot", "before", False),
}
FORECASTER = {
    "recursive": ("recursive", False),
    "residual": ("recursive", True),
    "closed": ("recursive", False),
    "direct": ("direct", False),
    "direct residual": ("direct", True),
}
START = 4


def part(name: str) -> Any:
    return importlib.import_module(f"lstmlab.{name}")


def attention_of(kind: str | None, n_q: int, n_k: int, n_a: int = 3, **options: Any) -> Any:
    """Return attention of a kind for a decoder of width n_q and an encoder of width n_k."""
    if kind == "additive":
        return part("layers").AdditiveAttention(n_q, n_k, n_a, **options)
    options.pop("rng", None)
    return None if kind is None else part("layers").DotAttention(**options)


def translator(
    ll: Any,
    case: str,
    *,
    n_e: int = 2,
    n_h: int = 4,
    n_enc: int | None = None,
    n_source: int = 4,
    n_target: int = 5,
    wrap: Any = lambda cell: cell,
    rng: int = 0,
    dtype: str = "float64",
    start: int = START,
    end: int | None = None,
) -> Any:
    """Return a small encoder-decoder of a case."""
    kind, looks, both = SEQ2SEQ[case]
    draws = np.random.default_rng(rng)
    more = {"rng": draws, "dtype": dtype}
    if both:
        n = n_enc or n_h // 2
        encoder = ll.bidirectional(*(wrap(ll.LSTM(n_e, n, **more)) for _ in range(2)))
    else:
        encoder = wrap(ll.LSTM(n_e, n_enc or n_h, **more))
    decoder = wrap(ll.LSTM(n_e + (encoder.n_h if looks == "before" else 0), n_h, **more))
    attention = attention_of(kind, n_h, encoder.n_h, **more)
    return part("models.seq2seq").Seq2Seq(
        encoder,
        decoder,
        n_source,
        n_target,
        attention=attention,
        looks=looks,
        start=start,
        end=end,
        rng=draws,
    )


def translation(seed: int = 0, S: int = 4, T: int = 3, lengths: bool = True) -> Any:
    """Return a batch of three for :func:`translator`, with nonsense after each sequence's end."""
    rng = np.random.default_rng(seed)
    x, y = rng.integers(0, 4, (S, 3)), rng.integers(0, 5, (T, 3))
    if not lengths:
        return part("models").Seq2SeqBatch(x, y)
    x_lengths, y_lengths = [S, 1, S - 1], [T - 1, T, 1]
    x[np.arange(S)[:, None] >= np.array(x_lengths)] = -7
    y[np.arange(T)[:, None] >= np.array(y_lengths)] = 99
    return part("models").Seq2SeqBatch(x, y, x_lengths, y_lengths)


def named(arrays: Arrays, kind: str) -> Arrays:
    """Return JAX's weights (``"param"``) or their gradients (``"grad"``) by name."""
    found, start = {}, 0
    for line in str(arrays["shapes"]).split("\n"):
        name, *sizes = line.split(" ")
        shape = tuple(int(n) for n in sizes)
        stop = start + int(np.prod(shape))
        found[name] = arrays[kind][start:stop].reshape(shape)
        start = stop
    assert start == arrays[kind].size
    return found


def cell_of(w: Arrays, prefix: str, ours: str) -> Arrays:
    """Return one LSTM's numbers in the course's names: W_f = [W_hf, W_xf]."""
    found = {}
    for g, theirs in zip("fiCo", "fico", strict=True):
        h, x = w.pop(f"{prefix}W_h{theirs}"), w.pop(f"{prefix}W_x{theirs}")
        found[f"{ours}.W_{g}"] = np.concatenate([h, x], axis=1)
        found[f"{ours}.b_{g}"] = w.pop(f"{prefix}b_{theirs}")
    return found


def translated(w: Arrays, case: str, kind: str) -> Arrays:
    """Return JAX's numbers in the course's names, all of them."""
    w = dict(w)
    if kind == "forecaster":
        found = cell_of(w, "", "cell")
        return found | {"out.W": w.pop("V"), "out.b": w.pop("b")}
    both = SEQ2SEQ[case][2]
    found = cell_of(w, "forward/", "encoder.forward" if both else "encoder") | cell_of(
        w, "decoder/", "decoder"
    )
    if both:
        found |= cell_of(w, "backward/", "encoder.backward")
    names = {"E_source": "source.E", "E_target": "target.E", "V": "out.W", "b": "out.b", "W_join": "join.W"}
    names |= {"v": "attention.v", "W_q": "attention.W_q", "W_k": "attention.W_k"}
    for f in "hC":
        names |= {f"W_bridge_{f}": f"bridge.{f}.W", f"b_bridge_{f}": f"bridge.{f}.b"}
    return found | {names[theirs]: a for theirs, a in w.items()}


def given(ll: Any, kind: str, case: str, arrays: Arrays) -> tuple[Any, Any]:
    """Return JAX's model, with its weights, and its batch."""
    weights = translated(named(arrays, "param"), case, kind)
    if kind == "seq2seq":
        n_h = weights["out.W"].shape[1]
        n_enc = 2 if SEQ2SEQ[case][2] else n_h
        model = translator(ll, case, n_h=n_h, n_enc=n_enc)
        x, y = arrays["x"].copy(), arrays["y"].copy()
        x[np.arange(len(x))[:, None] >= arrays["x_lengths"]] = -7
        y[np.arange(len(y))[:, None] >= arrays["y_lengths"]] = 99
        batch: Any = (x, y, arrays["x_lengths"], arrays["y_lengths"])
    else:
        mode, residual = FORECASTER[case]
        horizon, _, n_y = arrays["y"].shape
        cell = ll.LSTM(arrays["x"].shape[2], weights["cell.b_f"].shape[0])
        model = part("models.forecaster").Forecaster(cell, n_y, horizon, mode=mode, residual=residual)
        batch = (arrays["x"], arrays["y"], arrays.get("future"))
    assert set(weights) == set(model.params)
    for name, value in weights.items():
        model.params[name] = value
    return model, batch


def compare(ll: Any, kind: str, case: str, arrays: Arrays, tol: float = 1e-12) -> float:
    """Assert that lstmlab computes what JAX computed; return the worst difference."""
    model, batch = given(ll, kind, case, arrays)
    loss, grads = model.loss_and_gradient(batch)
    wanted = translated(named(arrays, "grad"), case, kind)
    found = [(loss, arrays["loss"]), *((grads[name], wanted[name]) for name in wanted)]
    if kind == "forecaster":
        found.append((model.predict(batch[0], batch[2]), arrays["y_hat"]))
    elif "weights" in arrays:
        weights = ll.to_numpy(model.attention_weights(batch))
        counts = np.arange(weights.shape[1]) < arrays["y_lengths"][:, None]
        found.append((weights * counts[..., None], arrays["weights"]))
    return worst_of(ll, found, f"{kind}/{case}: differs from JAX", tol)


def packed(arrays: Arrays) -> Arrays:
    """Return what the script's ``record`` gives, as it stands in the file."""
    make = importlib.import_module("make_seq2seq_forecaster")
    return {k.partition("/")[2]: a for k, a in make.packed("case", arrays).items()}
