"""Write models_sequences.npz: losses and gradients of PyTorch models that read sequences and trees.

    python tests/frozen/make_models_sequences.py        (needs the package torch, and nothing of this project)

Each group holds one model: embedding (or none), LSTM, linear layer, mean cross-entropy, all in float64.
The two rows of ``parameters`` are its parameters one after the other, and their gradients; ``names`` says
which they are, with their shapes, as ``lstm.weight_ih_l0:8,3``.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

V, N_X, N_H, K, T, B = 5, 3, 2, 3, 5, 3
LENGTHS = [3, 5, 1]
CASES: dict[str, dict[str, Any]] = {
    "language/full": {"read": "each", "lengths": None},
    "language/lengths": {"read": "each"},
    "language/tied": {"read": "each", "tied": True},
    "tags/vectors both": {"read": "each", "vectors": True, "bidirectional": True},
    "class/last": {"read": "last"},
    "class/mean": {"read": "mean"},
    "class/deep both": {"read": "last", "num_layers": 2, "bidirectional": True},
    "tree/classes": {"read": "tree"},
}
#: A batch of trees: the parent of each node, -1 at the root.
TREES = [[-1, 0, 0, 1, 1, 1], [2, 2, -1], [-1]]


class Net(torch.nn.Module):
    """Embedding, LSTM, linear layer."""

    def __init__(self, n_out: int, n_h: int, vectors: bool, tied: bool, **options: Any) -> None:
        super().__init__()
        if not vectors:
            self.embedding = torch.nn.Embedding(V, N_X)
        self.lstm = torch.nn.LSTM(N_X, n_h, **options)
        self.out = torch.nn.Linear(n_h * (2 if self.lstm.bidirectional else 1), n_out)
        if tied:
            self.out.weight = self.embedding.weight

    def run(self, x: torch.Tensor, lengths: list[int] | None, read: str) -> torch.Tensor:
        """Return the scores."""
        v = self.embedding(x) if hasattr(self, "embedding") else x
        if lengths:
            v = torch.nn.utils.rnn.pack_padded_sequence(v, torch.tensor(lengths), enforce_sorted=False)
        h, (last, _) = self.lstm(v)
        if lengths:
            h, _ = torch.nn.utils.rnn.pad_packed_sequence(h, total_length=T)
        if read == "mean":
            h = h.sum(0) / torch.tensor(lengths or [T] * B)[:, None]
        if read == "last":
            h = torch.cat([last[-2], last[-1]], 1) if self.lstm.bidirectional else last[-1]
        return self.out(h)


class TreeNet(torch.nn.Module):
    """Embedding, Child-Sum Tree-LSTM written as in the paper, node by node, linear layer at the root."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = torch.nn.Embedding(V, N_X)
        for g in "fiou":
            self.register_parameter(f"W_{g}", torch.nn.Parameter(torch.empty(N_H, N_X)))
            self.register_parameter(f"U_{g}", torch.nn.Parameter(torch.empty(N_H, N_H)))
            self.register_parameter(f"b_{g}", torch.nn.Parameter(torch.empty(N_H)))
        self.out = torch.nn.Linear(N_H, K)

    def node(self, j: int, parents: list[int], x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return h and c of node j, its children first."""
        below = [self.node(k, parents, x) for k, p in enumerate(parents) if p == j]
        h_sum = sum((h for h, _ in below), torch.zeros(N_H, dtype=x.dtype))
        i, o = (
            torch.sigmoid(
                getattr(self, f"W_{g}") @ x[j] + getattr(self, f"U_{g}") @ h_sum + getattr(self, f"b_{g}")
            )
            for g in "io"
        )
        u = torch.tanh(self.W_u @ x[j] + self.U_u @ h_sum + self.b_u)
        c = i * u
        for h_k, c_k in below:
            c = c + torch.sigmoid(self.W_f @ x[j] + self.U_f @ h_k + self.b_f) * c_k
        return o * torch.tanh(c), c

    def run(self, x: torch.Tensor) -> torch.Tensor:
        """Return the scores of every tree; ``x`` holds the nodes of all trees in a row."""
        roots, start = [], 0
        for parents in TREES:
            v = self.embedding(x[start : start + len(parents)])
            roots.append(self.node(parents.index(-1), parents, v)[0])
            start += len(parents)
        return self.out(torch.stack(roots))


def flat(tensors: Iterable[torch.Tensor]) -> np.ndarray:
    """Return tensors as one vector."""
    return np.concatenate([tensor.numpy().ravel() for tensor in tensors])


def record(case: str) -> dict[str, np.ndarray]:
    """Run a model forward and backward and keep everything it was given and gave."""
    options = dict(CASES[case])
    read = options.pop("read")
    if read == "tree":
        net: Any = TreeNet().double()
        x, y, lengths = torch.randint(V, (sum(map(len, TREES)),)), torch.randint(K, (len(TREES),)), None
    else:
        lengths = options.pop("lengths", LENGTHS)
        vectors, tied = options.pop("vectors", False), options.pop("tied", False)
        n_out, n_h = V if case.startswith("language") else K, N_X if tied else N_H
        net = Net(n_out, n_h, vectors, tied, **options).double()
        x = torch.randn(T, B, N_X, dtype=torch.float64) if vectors else torch.randint(V, (T, B))
        y = torch.randint(n_out, (T, B) if read == "each" else (B,))
    with torch.no_grad():
        for p in net.parameters():
            p.normal_()
    logits = net.run(x) if read == "tree" else net.run(x, lengths, read)
    wanted = y
    if read == "each" and lengths:
        wanted = torch.where(torch.arange(T)[:, None] < torch.tensor(lengths), y, -100)
    loss = functional.cross_entropy(logits.reshape(-1, logits.shape[-1]), wanted.reshape(-1))
    loss.backward()
    named = list(net.named_parameters())
    names = [f"{name}:{','.join(map(str, p.shape))}" for name, p in named]
    kept = {
        "x": x.numpy(),
        "y": y.numpy(),
        "logits": logits.detach().numpy(),
        "loss": np.array(loss.item()),
        "names": np.bytes_(" ".join(names)),
        "parameters": np.array([flat(p.detach() for _, p in named), flat(p.grad for _, p in named)]),
    }
    return kept | ({"lengths": np.array(lengths)} if lengths else {})


def main() -> None:
    """Record every case."""
    torch.manual_seed(0)
    arrays = {f"{case}/{key}": a for case in CASES for key, a in record(case).items()}
    arrays["torch_version"] = np.array(torch.__version__)
    np.savez_compressed(Path(__file__).with_name("models_sequences.npz"), **arrays)


if __name__ == "__main__":
    main()
