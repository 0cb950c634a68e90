"""Compare functions, layers, losses and optimisers with the frozen numbers of PyTorch and JAX."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import oracle
from oracle import Arrays

FILES = ("learning", "layers", "additive_attention")


def frozen() -> dict[str, Arrays]:
    """Return the frozen arrays of all three files, grouped: ``frozen()["linear/bias"]["y"]``."""
    return {group: arrays for name in FILES for group, arrays in oracle.frozen(name).items()}


def cases(*kinds: str) -> list[str]:
    """Return the groups of some kinds."""
    return [group for group in frozen() if group.partition("/")[0] in kinds]


def part(name: str) -> Any:
    return importlib.import_module(f"lstmlab.{name}")


def softmax(ll: Any, a: Arrays, case: str) -> list[tuple[Any, Any]]:
    f, xp, axis = part("functions"), ll.xp, int(a["axis"])
    mask = xp.asarray(a["mask"]) if case == "masked" else None
    scores, dp = xp.asarray(a["a"]), xp.asarray(a["dp"])
    p, log_p = f.softmax(scores, axis, mask), f.log_softmax(scores, axis, mask)
    pairs = [(p, a["p"]), (f.softmax_backward(dp, p, axis), a["da"])]
    pairs += [(xp.exp(log_p), np.exp(a["log_p"])), (f.log_softmax_backward(dp, log_p, axis), a["da_log"])]
    return pairs if case == "masked" else [*pairs, (log_p, a["log_p"])]


def cross_entropy(ll: Any, a: Arrays, case: str) -> list[tuple[Any, Any]]:
    mask = ll.xp.asarray(a["targets"] >= 0) if case == "ignored" else None
    logits, targets = ll.xp.asarray(a["logits"]), ll.xp.asarray(a["targets"])
    loss, dlogits = part("losses").cross_entropy(logits, targets, mask)
    return [(loss, a["loss"]), (dlogits, a["dlogits"])]


def mean_squared_error(ll: Any, a: Arrays, case: str) -> list[tuple[Any, Any]]:
    given = [ll.xp.asarray(a[name]) for name in ("prediction", "target", "mask")]
    loss, grad = part("losses").mean_squared_error(*given[: 2 if case == "plain" else 3])
    return [(loss, a["loss"]), (grad, a["grad"])]


def linear(ll: Any, a: Arrays, case: str) -> list[tuple[Any, Any]]:
    layer = part("layers.linear").Linear(4, 3, bias=case == "bias")
    names = {"W": "weight", "b": "bias"}
    for name in layer.params:
        layer.params[name] = a[names[name]]
    grads = layer.params.zeros_like()
    y, trace = layer.forward(ll.xp.asarray(a["x"]))
    dx = layer.backward(ll.xp.asarray(a["dy"]), trace, grads)
    return [(y, a["y"]), (dx, a["dx"]), *((grads[name], a["d" + names[name]]) for name in grads)]


def embedding(ll: Any, a: Arrays, case: str) -> list[tuple[Any, Any]]:
    layer = part("layers.embedding").Embedding(*a["weight"].shape)
    layer.params["E"] = a["weight"]
    grads = layer.params.zeros_like()
    y, trace = layer.forward(ll.xp.asarray(a["tokens"]))
    layer.backward(ll.xp.asarray(a["dy"]), trace, grads)
    return [(y, a["y"]), (grads["E"], a["dweight"])]


def attention(ll: Any, a: Arrays, case: str) -> list[tuple[Any, Any]]:
    xp, scaled = ll.xp, bool(a["scaled"])
    layer = part("layers.attention").DotAttention(scaled=scaled)
    q, k, v = (xp.asarray(a[name]) for name in ("queries", "keys", "values"))
    mask = xp.asarray(a["mask"]) if case == "masked" else None
    c, trace = layer.forward(q, k, mask)
    dq, dk = layer.backward(xp.asarray(a["dc"]), trace, layer.params.zeros_like())
    stream = part("layers.streaming").streaming_attention
    pairs = [(c, a["c"]), (dq, a["dqueries"]), (dk, a["dkeys"])]
    return pairs + [(stream(q, k, v, mask, scaled=scaled, block=n), a["c_values"]) for n in (1, 4, 100)]


def additive(ll: Any, a: Arrays, case: str) -> list[tuple[Any, Any]]:
    xp, (n_a, n_q), n_k = ll.xp, a["W_q"].shape, a["W_k"].shape[1]
    layer = part("layers.attention").AdditiveAttention(n_q, n_k, n_a)
    for name in layer.params:
        layer.params[name] = a[name]
    grads = layer.params.zeros_like()
    mask = xp.asarray(a["mask"]) if case == "masked" else None
    c, trace = layer.forward(xp.asarray(a["queries"]), xp.asarray(a["keys"]), mask)
    dq, dk = layer.backward(xp.asarray(a["dc"]), trace, grads)
    pairs = [(c, a["c"]), (trace.weights, np.moveaxis(a["alpha"], 0, 1))]
    return [*pairs, (dq, a["dqueries"]), (dk, a["dkeys"]), *((grads[n], a[f"d{n}"]) for n in grads)]


MAKE = {
    "sgd": ("SGD", {"lr": 0.1}),
    "momentum": ("SGD", {"lr": 0.1, "momentum": 0.9}),
    "nesterov": ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
    "adam": ("Adam", {"lr": 0.01, "beta1": 0.8, "beta2": 0.95, "eps": 1e-3}),
    "adamw": ("Adam", {"lr": 0.01, "beta1": 0.8, "beta2": 0.95, "eps": 1e-3, "weight_decay": 0.1}),
}


def optimiser(ll: Any, a: Arrays, case: str) -> list[tuple[Any, Any]]:
    kind, options = MAKE[case]
    params = ll.Parameters({"p": (1, 2), "q": (2,)}, ll.xp.asarray(a["theta"].copy()))
    opt, pairs = getattr(part("optim"), kind)(params, **options), []
    for step, (gradient, want) in enumerate(zip(a["gradients"], a["path"], strict=True)):
        if step == len(a["path"]) // 2:
            opt.lr /= 2
        opt.step(ll.Parameters(params.shapes, ll.xp.asarray(gradient)))
        pairs.append((ll.xp.asarray(params.flat, copy=True), want))
    return pairs


def clip(ll: Any, a: Arrays, case: str) -> list[tuple[Any, Any]]:
    optim, shapes = part("optim"), {f"{k}": a[f"before{k}"].shape for k in range(2)}

    def vector(word: str) -> np.ndarray[Any, Any]:
        return np.concatenate([a[f"{word}{k}"].ravel() for k in range(2)])

    grads = ll.Parameters(shapes, ll.xp.asarray(vector("before")))
    norm = optim.clip_by_global_norm(grads, float(a["threshold"]))
    torch_extra = (a["norm"] + 1e-6) / a["norm"] if case == "long" else 1.0
    return [(norm, a["norm"]), (grads.flat, vector("after") * torch_extra)]


def compare(ll: Any, group: str, arrays: Arrays, tol: float = 1e-12) -> float:
    """Assert that lstmlab computes what the other library computed; return the worst difference."""
    kind, _, case = group.partition("/")
    pairs = globals()[kind](ll, arrays, case)
    return oracle.worst_of(ll, pairs, f"{group}: differs", tol)


def live(kind: str, case: str, seed: int) -> Arrays:
    """Record a case anew with the other library, which must be installed."""
    if kind == "additive":
        return importlib.import_module("make_additive_attention").record(case, seed)
    importlib.import_module("torch").manual_seed(seed)
    return importlib.import_module("make_learning").record(kind, case)
