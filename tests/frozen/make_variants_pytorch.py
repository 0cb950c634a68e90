"""Write variants_pytorch.npz: PyTorch's LSTM with a projection, with coupled gates, with its two biases.

    python tests/frozen/make_variants_pytorch.py        (needs torch, and nothing of this project)

Rows stand in PyTorch's order i, f, g, o. The coupled LSTM i = 1 - f is PyTorch's own with the rows of i
set to minus those of f; its gradients are kept as PyTorch gives them, for the two gates apart.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

# T, B, n_x, and PyTorch's hidden_size and proj_size (0: no projection)
SIZES = {
    "projected/small": (4, 2, 2, 4, 3),
    "projected/wide": (3, 3, 4, 3, 1),
    "coupled/small": (4, 2, 2, 3, 0),
    "two_biases/small": (3, 3, 2, 3, 0),
}


def record(kind: str, T: int, B: int, n_x: int, hidden: int, proj: int) -> dict[str, np.ndarray]:
    """Run one layer forward and backward in float64 and keep everything it was given and gave."""
    layer = torch.nn.LSTM(n_x, hidden, proj_size=proj).double()
    with torch.no_grad():
        for p in layer.parameters():
            p.normal_()
            if kind == "coupled":
                p[:hidden] = -p[hidden : 2 * hidden]
    widths = {"h": proj or hidden, "C": hidden}
    x = torch.randn(T, B, n_x, dtype=torch.float64, requires_grad=True)
    state = {s: torch.randn(1, B, n, dtype=torch.float64, requires_grad=True) for s, n in widths.items()}
    dh = torch.randn(T, B, widths["h"], dtype=torch.float64)
    dstate = {s: torch.randn(1, B, n, dtype=torch.float64) for s, n in widths.items()}
    h, final = layer(x, (state["h"], state["C"]))
    last = dict(zip("hC", final, strict=True))
    loss = (dh * h).sum() + sum((dstate[s] * last[s]).sum() for s in "hC")
    loss.backward()
    kept = {"x": x, "dh": dh, "h": h, "dx": x.grad}
    for s in "hC":
        kept |= {f"{s}_0": state[s][0], f"d{s}_T": dstate[s][0]}
        kept |= {f"{s}_T": last[s][0], f"d{s}_0": state[s].grad[0]}
    for name, p in layer.named_parameters():
        kept |= {name: p, f"d{name}": p.grad}
    return {name: a.detach().numpy() for name, a in kept.items()}


def main() -> None:
    """Record every size, with PyTorch's version beside them."""
    torch.manual_seed(0)
    arrays = {
        f"{group}/{name}": a
        for group, sizes in SIZES.items()
        for name, a in record(group.partition("/")[0], *sizes).items()
    }
    arrays["torch_version"] = np.array(torch.__version__)
    np.savez_compressed(Path(__file__).with_name("variants_pytorch.npz"), **arrays)


if __name__ == "__main__":
    main()
