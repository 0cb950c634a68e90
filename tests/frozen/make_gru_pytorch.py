"""Write gru_pytorch.npz: outputs and gradients of PyTorch's GRU, in PyTorch's own layout.

    python tests/frozen/make_gru_pytorch.py        (needs the package torch, and nothing of this project)

PyTorch resets after the product, its gate z keeps the old state, and its rows stand in the order
r, z, n. Only the candidate's two biases are two: those of r and z are added.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

SIZES = {"small": (5, 3, 2, 4), "one": (1, 1, 1, 1), "wide": (4, 2, 5, 3)}  # T, B, n_x, n_h


def record(T: int, B: int, n_x: int, n_h: int) -> dict[str, np.ndarray]:
    """Run one layer forward and backward in float64 and keep everything it was given and gave."""
    layer = torch.nn.GRU(n_x, n_h).double()
    with torch.no_grad():
        for p in layer.parameters():
            p.normal_()
    x = torch.randn(T, B, n_x, dtype=torch.float64, requires_grad=True)
    h_0 = torch.randn(1, B, n_h, dtype=torch.float64, requires_grad=True)
    dh = torch.randn(T, B, n_h, dtype=torch.float64)
    dh_T = torch.randn(1, B, n_h, dtype=torch.float64)
    h, h_T = layer(x, h_0)
    ((dh * h).sum() + (dh_T * h_T).sum()).backward()
    kept = {"x": x, "dh": dh, "h": h, "dx": x.grad}
    kept |= {"h_0": h_0[0], "dh_T": dh_T[0], "h_T": h_T[0], "dh_0": h_0.grad[0]}
    for name, p in layer.named_parameters():
        kept |= {name: p, f"d{name}": p.grad}
    return {name: a.detach().numpy() for name, a in kept.items()}


def main() -> None:
    """Record every size, with PyTorch's version beside them."""
    torch.manual_seed(0)
    arrays = {f"{size}/{name}": a for size, sizes in SIZES.items() for name, a in record(*sizes).items()}
    arrays["torch_version"] = np.array(torch.__version__)
    np.savez_compressed(Path(__file__).with_name("gru_pytorch.npz"), **arrays)


if __name__ == "__main__":
    main()
