"""What is measured: sizes, and the work they hold."""

from __future__ import annotations

from typing import NamedTuple


class Size(NamedTuple):
    """Sequences, steps, width of the input, width of the hidden state."""

    B: int
    T: int
    n_x: int
    n_h: int

    def __str__(self) -> str:
        return f"({self.B}, {self.T}, {self.n_x}, {self.n_h})"

    @property
    def forward_flops(self) -> int:
        """Floating-point operations of the products, two a multiply-add."""
        return 2 * self.T * self.B * 4 * self.n_h * (self.n_h + self.n_x)

    @property
    def training_flops(self) -> int:
        """Forward, and twice as much on the way back."""
        return 3 * self.forward_flops


SIZES = (
    Size(1, 100, 32, 64),
    Size(32, 50, 64, 128),
    Size(32, 100, 128, 256),
    Size(64, 100, 256, 512),
    Size(16, 1000, 64, 128),
)
