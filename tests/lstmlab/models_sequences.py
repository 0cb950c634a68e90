"""PyTorch's models that read sequences and trees, as the course's models; small models for every test."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np
from oracle import Arrays, worst_of
from pytorch import build as build_net
from pytorch import parameters

NAME = "models_sequences"
V, N_X, N_H, K = 5, 3, 2, 3


def part(name: str) -> Any:
    return importlib.import_module(f"lstmlab.{name}")


def named(arrays: Arrays, row: int) -> Arrays:
    """Return PyTorch's parameters (row 0) or their gradients (row 1) by name."""
    found, start = {}, 0
    for word in bytes(arrays["names"]).decode().split():
        name, _, sizes = word.partition(":")
        shape = tuple(int(n) for n in sizes.split(","))
        stop = start + int(np.prod(shape))
        found[name] = arrays["parameters"][row, start:stop].reshape(shape)
        start = stop
    return found


def build(ll: Any, case: str, arrays: Arrays) -> tuple[Any, Callable[[Any], list[tuple[Any, Any]]]]:
    """Return the model PyTorch's is, and a function from gradients to pairs of ours and PyTorch's."""
    kind, _, option = case.partition("/")
    weights, gradients = named(arrays, 0), named(arrays, 1)
    n_tokens = None if "vectors" in option else V
    if kind == "tree":
        net = part("cells.tree").TreeLSTM(N_X, N_H)
        model = part("models").TreeClassifier(net, K, n_tokens=V)
        for name in net.params:
            net.params[name] = weights[name]
        cells = [("tree", net)]
    else:
        lstm = {k.removeprefix("lstm."): a for k, a in weights.items() if k.startswith("lstm.")}
        n_h = lstm["weight_hh_l0"].shape[1]
        net, cells = build_net(ll, "LSTM", lstm | {"x": np.zeros((1, 1, N_X)), "h_0": np.zeros((1, 1, n_h))})
        if kind == "language":
            model = part("models").LanguageModel(net, V, tied=option == "tied")
        elif kind == "tags":
            model = part("models").SequenceTagger(net, K, n_tokens=n_tokens)
        else:
            read = "mean" if "mean" in option else "last"
            model = part("models").SequenceClassifier(net, K, n_tokens=n_tokens, read=read)
    ends = {"embedding.E": "embedding.weight", "out.W": "out.weight", "out.b": "out.bias"}
    ends = {
        ours: theirs for ours, theirs in {**ends, "out.bias.b": "out.bias"}.items() if ours in model.params
    }
    for ours, theirs in ends.items():
        model.params[ours] = weights[theirs]

    def pairs(grads: Any) -> list[tuple[Any, Any]]:
        found = [(grads[ours], gradients[theirs]) for ours, theirs in ends.items()]
        ours = dict(zip([id(leaf) for _, leaf in model.params.leaves()], grads.leaves(), strict=True))
        for suffix, cell in cells:
            leaf = ours[id(cell.params)][1]
            wanted = gradients
            if kind != "tree":
                lstm = {f"d{k.removeprefix('lstm.')}": a for k, a in gradients.items()}
                wanted = parameters(lstm, "LSTM", "d", suffix)
            found += [(leaf[name], wanted[name]) for name in leaf]
        assert sum(int(a.size) for _, a in found) == sum(int(v.shape[0]) for v in grads.vectors)
        return found

    return model, pairs


def batch_of(case: str, arrays: Arrays) -> Any:
    """Return the batch; where PyTorch was told to ignore padding, nonsense stands in ours."""
    models = part("models")
    x, y, lengths = arrays["x"].copy(), arrays["y"].copy(), arrays.get("lengths")
    if case.startswith("tree"):
        trees = part("trees").Trees([[-1, 0, 0, 1, 1, 1], [2, 2, -1], [-1]])
        return models.TreeBatch(trees, x, y)
    if lengths is not None:
        ended = np.arange(len(x))[:, None] >= lengths
        x[ended] = 7.0 if x.ndim == 3 else -1
        if y.ndim == 2:
            y[ended] = -1
    kinds = {"language": "LanguageBatch", "tags": "TaggedBatch", "class": "LabelledBatch"}
    return getattr(models, kinds[case.partition("/")[0]])(x, y, lengths)


def compare(ll: Any, case: str, arrays: Arrays, tol: float = 1e-12) -> float:
    """Assert that lstmlab computes what PyTorch computed; return the worst difference."""
    model, pairs = build(ll, case, arrays)
    batch = batch_of(case, arrays)
    loss, grads = model.loss_and_gradient(batch)
    logits = model.logits(*batch[:2]) if case.startswith("tree") else model.logits(batch.x, batch.lengths)
    got = ll.to_numpy(logits)
    wanted = arrays["logits"]
    if wanted.ndim == 3 and "lengths" in arrays:
        running = np.arange(len(wanted))[:, None] < arrays["lengths"]
        got, wanted = got[running], wanted[running]
    found = [(loss, arrays["loss"]), (got, wanted), *pairs(grads)]
    return worst_of(ll, found, f"{case}: differs", tol)


def check_gradients(ll: Any, model: Any, batch: Any, max_entries: int | None = None) -> float:
    """First witness: finite differences over every parameter, none of them zero, noise drawn alike."""
    rng = np.random.default_rng(0)
    for name in model.params:
        model.params[name] = ll.xp.asarray(0.7 * rng.normal(size=tuple(model.params[name].shape)))
    before = model.training_state()

    def value(**_: Any) -> float:
        model.load_training_state(before)
        return float(model.forward(batch).loss)

    def f(**_: Any) -> tuple[float, Any]:
        model.load_training_state(before)
        return model.loss_and_gradient(batch)

    f.value = value  # type: ignore[attr-defined]
    report = ll.gradcheck(f, dict(model.params), max_entries=max_entries)
    assert report.ok, str(report)
    return float(report.worst)
