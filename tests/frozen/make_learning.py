"""Write learning.npz and layers.npz: PyTorch's softmax, losses and optimisers, and its layers.

    python tests/frozen/make_learning.py        (needs the package torch, and nothing of this project)

A group is ``kind/case``. Attention is PyTorch's scaled_dot_product_attention, which wants (B, T, n); the
arrays here are (T, B, n). Its clip_grad_norm_ divides by norm + 1e-6, not by the norm.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

STEPS = 20


def normal(*shape: int) -> torch.Tensor:
    """Draw standard normal float64 numbers that take a gradient."""
    return torch.randn(*shape, dtype=torch.float64, requires_grad=True)


def softmax(case: str) -> dict[str, torch.Tensor]:
    """Softmax and log-softmax along an axis, with and without a mask."""
    axis = 0 if case == "axis 0" else -1
    a, da = normal(3, 2, 4), normal(3, 2, 4)
    a_log = a.detach().clone().requires_grad_()
    mask = torch.ones(3, 2, 4, dtype=torch.bool)
    if case == "masked":
        mask = torch.rand(3, 2, 4) > 0.4
        mask[..., 1] = True
    p = torch.softmax(a.masked_fill(~mask, -torch.inf), axis)
    log_p = torch.log_softmax(a_log.masked_fill(~mask, -torch.inf), axis)
    (da * p).sum().backward()
    torch.where(mask, da * log_p, torch.zeros(())).sum().backward()
    kept = {"a": a, "axis": torch.tensor(axis), "mask": mask, "dp": da, "p": p, "da": a.grad}
    return kept | {"log_p": log_p, "da_log": a_log.grad}


def cross_entropy(case: str) -> dict[str, torch.Tensor]:
    """Mean cross-entropy; ignored targets stand as -100, PyTorch's own mark."""
    logits, targets = normal(4, 3, 5), torch.randint(0, 5, (4, 3))
    if case == "ignored":
        targets[torch.rand(4, 3) < 0.4] = -100
    loss = functional.cross_entropy(logits.reshape(-1, 5), targets.reshape(-1))
    loss.backward()
    return {"logits": logits, "targets": targets, "loss": loss, "dlogits": logits.grad}


def mean_squared_error(case: str) -> dict[str, torch.Tensor]:
    """Mean squared error over everything, or over what a mask selects."""
    prediction, target = normal(4, 3, 2), normal(4, 3, 2).detach()
    mask = torch.ones(4, 3, 2, dtype=torch.bool) if case == "plain" else torch.rand(4, 3, 2) > 0.4
    loss = functional.mse_loss(prediction[mask], target[mask])
    loss.backward()
    return {"prediction": prediction, "target": target, "mask": mask, "loss": loss, "grad": prediction.grad}


def linear(case: str) -> dict[str, torch.Tensor]:
    """A linear layer over two leading axes."""
    layer = torch.nn.Linear(4, 3, bias=case == "bias").double()
    x, dy = normal(5, 2, 4), normal(5, 2, 3)
    y = layer(x)
    (dy * y).sum().backward()
    kept = {"x": x, "dy": dy, "y": y, "dx": x.grad}
    for name, p in layer.named_parameters():
        kept |= {name: p, f"d{name}": p.grad}
    return kept


def embedding(case: str) -> dict[str, torch.Tensor]:
    """An embedding whose tokens repeat: 12 places, 4 symbols, one of them unused."""
    layer = torch.nn.Embedding(5, 3).double()
    tokens, dy = torch.randint(0, 4, (6, 2)), normal(6, 2, 3)
    y = layer(tokens)
    (dy * y).sum().backward()
    return {"tokens": tokens, "dy": dy, "y": y, "weight": layer.weight, "dweight": layer.weight.grad}


def attention(case: str) -> dict[str, torch.Tensor]:
    """Dot-product attention with keys that are values too, and with values of their own."""
    queries, keys, values, dc = normal(3, 2, 4), normal(6, 2, 4), normal(6, 2, 5), normal(3, 2, 4)
    mask = torch.ones(6, 2, dtype=torch.bool)
    if case == "masked":
        mask[4:, 0], mask[0, 1] = False, False
    scale = 1.0 if case == "plain" else None

    def attend(v: torch.Tensor) -> torch.Tensor:
        q, k, v = (a.transpose(0, 1) for a in (queries, keys, v))
        found = functional.scaled_dot_product_attention(q, k, v, mask.T[:, None, :], scale=scale)
        return found.transpose(0, 1)

    c = attend(keys)
    (dc * c).sum().backward()
    kept = {"queries": queries, "keys": keys, "values": values, "mask": mask, "dc": dc, "c": c}
    kept |= {"dqueries": queries.grad, "dkeys": keys.grad, "c_values": attend(values)}
    return kept | {"scaled": torch.tensor(scale is None)}


OPTIMISERS = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.1),
    "momentum": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9),
    "nesterov": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
    "adam": lambda p: torch.optim.Adam(p, lr=0.01, betas=(0.8, 0.95), eps=1e-3),
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.01, betas=(0.8, 0.95), eps=1e-3, weight_decay=0.1),
}


def optimiser(case: str) -> dict[str, torch.Tensor]:
    """Twenty steps with given gradients; the learning rate is halved after ten."""
    theta, gradients, path = normal(4), normal(STEPS, 4).detach(), []
    start = theta.detach().clone()
    opt = OPTIMISERS[case]([theta])
    for step, gradient in enumerate(gradients):
        if step == STEPS // 2:
            opt.param_groups[0]["lr"] /= 2
        theta.grad = gradient.clone()
        opt.step()
        path.append(theta.detach().clone())
    return {"theta": start, "gradients": gradients, "path": torch.stack(path)}


def clip(case: str) -> dict[str, torch.Tensor]:
    """Clipping of two tensors by their common norm."""
    tensors = [normal(3, 4), normal(5)]
    threshold = 1.0 if case == "long" else 100.0
    for p in tensors:
        p.grad = torch.randn_like(p)
    before = [p.grad.clone() for p in tensors]
    norm = torch.nn.utils.clip_grad_norm_(tensors, threshold)
    kept = {"threshold": torch.tensor(threshold, dtype=torch.float64), "norm": norm}
    return kept | {
        f"{name}{k}": a
        for name, arrays in (("before", before), ("after", [p.grad for p in tensors]))
        for k, a in enumerate(arrays)
    }


FILES = {
    "learning.npz": {
        "softmax": (softmax, ("last", "axis 0", "masked")),
        "cross_entropy": (cross_entropy, ("plain", "ignored")),
        "mean_squared_error": (mean_squared_error, ("plain", "masked")),
        "optimiser": (optimiser, tuple(OPTIMISERS)),
        "clip": (clip, ("long", "short")),
    },
    "layers.npz": {
        "linear": (linear, ("bias", "no bias")),
        "embedding": (embedding, ("repeated",)),
        "attention": (attention, ("plain", "scaled", "masked")),
    },
}


def record(kind: str, case: str) -> dict[str, np.ndarray]:
    """Return everything a case was given and gave, as host arrays."""
    (make,) = (kinds[kind][0] for kinds in FILES.values() if kind in kinds)
    return {name: a.detach().numpy() for name, a in make(case).items()}


def main() -> None:
    """Record every case, with PyTorch's version beside them."""
    torch.manual_seed(0)
    for file, kinds in FILES.items():
        arrays = {
            f"{kind}/{case}/{name}": a
            for kind, (_, cases) in kinds.items()
            for case in cases
            for name, a in record(kind, case).items()
        }
        arrays["torch_version"] = np.array(torch.__version__)
        np.savez_compressed(Path(__file__).with_name(file), **arrays)


if __name__ == "__main__":
    main()
