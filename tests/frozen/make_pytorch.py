"""Write pytorch.npz: outputs and gradients of PyTorch's LSTM and RNN, in PyTorch's own layout.

    python tests/frozen/make_pytorch.py        (needs the package torch, and nothing of this project)

The tests compare lstmlab with these numbers, so that nobody needs PyTorch to run them. PyTorch's rows
stand in the order i, f, g, o; its two biases are added, and receive the same gradient.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

SIZES = {"small": (5, 3, 2, 4), "one": (1, 1, 1, 1), "wide": (7, 2, 6, 3)}  # T, B, n_x, n_h


def record(kind: str, T: int, B: int, n_x: int, n_h: int) -> dict[str, np.ndarray]:
    """Run one layer forward and backward in float64 and keep everything it was given and gave."""
    layer = getattr(torch.nn, kind)(n_x, n_h).double()
    with torch.no_grad():
        for p in layer.parameters():
            p.normal_()
    n_states = 2 if kind == "LSTM" else 1
    x = torch.randn(T, B, n_x, dtype=torch.float64, requires_grad=True)
    state = [torch.randn(1, B, n_h, dtype=torch.float64, requires_grad=True) for _ in range(n_states)]
    dh = torch.randn(T, B, n_h, dtype=torch.float64)
    dstate = [torch.randn(1, B, n_h, dtype=torch.float64) for _ in range(n_states)]
    h, final = layer(x, tuple(state) if kind == "LSTM" else state[0])
    final = final if kind == "LSTM" else (final,)
    loss = (dh * h).sum() + sum((d * s).sum() for d, s in zip(dstate, final, strict=True))
    loss.backward()
    kept = {"x": x, "dh": dh, "h": h, "dx": x.grad}
    for field, s, d, last in zip("hC", state, dstate, final, strict=False):
        kept |= {f"{field}_0": s[0], f"d{field}_T": d[0], f"{field}_T": last[0], f"d{field}_0": s.grad[0]}
    for name, p in layer.named_parameters():
        kept |= {name: p, f"d{name}": p.grad}
    return {name: a.detach().numpy() for name, a in kept.items()}


def main() -> None:
    """Record every size of both layers, with PyTorch's version beside them."""
    torch.manual_seed(0)
    arrays = {
        f"{kind}/{size}/{name}": a
        for kind in ("LSTM", "RNN")
        for size, sizes in SIZES.items()
        for name, a in record(kind, *sizes).items()
    }
    arrays["torch_version"] = np.array(torch.__version__)
    np.savez_compressed(Path(__file__).with_name("pytorch.npz"), **arrays)


if __name__ == "__main__":
    main()
