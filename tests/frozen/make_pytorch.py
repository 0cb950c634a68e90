"""Write pytorch.npz and pytorch_layers.npz: outputs and gradients of PyTorch's recurrent layers.

    python tests/frozen/make_pytorch.py        (needs the package torch, and nothing of this project)

The tests compare lstmlab with these numbers, so that nobody needs PyTorch to run them. They stand in
PyTorch's own layout: rows in the order i, f, g, o; two biases, which are added and receive the same
gradient; ``_l0``, ``_l1`` for layers and ``_reverse`` for the second direction.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

SIZES = {"small": (5, 3, 2, 4), "one": (1, 1, 1, 1), "wide": (7, 2, 6, 3)}  # T, B, n_x, n_h
LAYERS = {
    "stack": {"num_layers": 2},
    "both": {"bidirectional": True},
    "deep both": {"num_layers": 2, "bidirectional": True},
    "lengths": {"lengths": [3, 5, 1]},
    "deep both lengths": {"num_layers": 2, "bidirectional": True, "lengths": [3, 5, 1]},
}


def record(
    kind: str, T: int, B: int, n_x: int, n_h: int, lengths: list[int] | None = None, **options: int
) -> dict[str, np.ndarray]:
    """Run a layer forward and backward in float64 and keep everything it was given and gave.

    States stand as in PyTorch, (layers times directions, B, n_h).
    """
    layer = getattr(torch.nn, kind)(n_x, n_h, **options).double()
    with torch.no_grad():
        for p in layer.parameters():
            p.normal_()
    n_states = 2 if kind == "LSTM" else 1
    directions = 2 if layer.bidirectional else 1
    x = torch.randn(T, B, n_x, dtype=torch.float64, requires_grad=True)
    shape = (layer.num_layers * directions, B, n_h)
    state = [torch.randn(shape, dtype=torch.float64, requires_grad=True) for _ in range(n_states)]
    dh = torch.randn(T, B, directions * n_h, dtype=torch.float64)
    dstate = [torch.randn(shape, dtype=torch.float64) for _ in range(n_states)]
    read = x
    if lengths:
        read = torch.nn.utils.rnn.pack_padded_sequence(x, torch.tensor(lengths), enforce_sorted=False)
    h, final = layer(read, tuple(state) if kind == "LSTM" else state[0])
    if lengths:
        h, _ = torch.nn.utils.rnn.pad_packed_sequence(h, total_length=T)
    final = final if kind == "LSTM" else (final,)
    loss = (dh * h).sum() + sum((d * s).sum() for d, s in zip(dstate, final, strict=True))
    loss.backward()
    kept = {"x": x, "dh": dh, "h": h, "dx": x.grad}
    for field, s, d, last in zip("hC", state, dstate, final, strict=False):
        kept |= {f"{field}_0": s, f"d{field}_T": d, f"{field}_T": last, f"d{field}_0": s.grad}
    for name, p in layer.named_parameters():
        kept |= {name: p, f"d{name}": p.grad}
    arrays = {name: a.detach().numpy() for name, a in kept.items()}
    return arrays | ({"lengths": np.array(lengths)} if lengths else {})


def save(name: str, groups: dict[str, dict[str, np.ndarray]]) -> None:
    """Write groups of arrays beside this script, with PyTorch's version."""
    arrays = {f"{group}/{key}": a for group, kept in groups.items() for key, a in kept.items()}
    arrays["torch_version"] = np.array(torch.__version__)
    np.savez_compressed(Path(__file__).with_name(name), **arrays)


def main() -> None:
    """Record every size of both layers, and every kind of layer at one size."""
    torch.manual_seed(0)
    both = ("LSTM", "RNN")
    save("pytorch.npz", {f"{kind}/{size}": record(kind, *SIZES[size]) for kind in both for size in SIZES})
    torch.manual_seed(1)
    layers = {f"LSTM/{name}": record("LSTM", 5, 3, 2, 2, **LAYERS[name]) for name in LAYERS}
    layers["RNN/deep both lengths"] = record("RNN", 5, 3, 2, 2, **LAYERS["deep both lengths"])
    save("pytorch_layers.npz", layers)


if __name__ == "__main__":
    main()
