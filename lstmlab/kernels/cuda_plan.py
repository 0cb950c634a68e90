"""How a run of the LSTM is divided among the blocks of a CUDA device, if it is to be one launch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from lstmlab.typing import Namespace

THREADS = 256  # of a block, in all kernels
UNITS = 8  # hidden units of a persistent block
WARPS = 8
BATCHES = (16, 32, 64)  # sequences of a persistent block: the fewest that still let all blocks be resident
WIDE_UNITS, WIDE_SHARE, WIDE_CELLS = 128, 256, 4  # a wide block's units, terms of its sums, cells of a thread
#: Which kernels run a direction in one launch, the first that fits first.
KERNELS = {"forward": ("lstm_forward",), "backward": ("lstm_backward", "lstm_backward_wide")}
#: Hidden units up to which a persistent kernel is tried. Registers end at 1024. On the way back every block
#: reads the gradients of all gates, from some width on more than two waits for smaller reads would cost.
WIDEST = {"lstm_forward": 1024, "lstm_backward": 512, "lstm_backward_wide": 1024}
FEWEST_STEPS = 8  # below it, filling the registers is not worth one launch less

Constants = tuple[tuple[str, str | int], ...]
Kernel = Callable[[int, int, tuple[Any, ...], int], None]  # blocks, threads, arguments, shared bytes


class Device(Protocol):
    """Where kernels run.

    Attributes
    ----------
    xp
        The array library.
    processors
        Number of multiprocessors, 0 where a launch cannot be cooperative.
    tf32
        Whether float32 products may be rounded to TF32.
    """

    xp: Namespace
    processors: int
    tf32: bool

    def kernel(self, name: str, constants: Constants) -> Kernel:
        """Return a kernel, compiled with these constants."""

    def resident(self, name: str, constants: Constants, shared: int) -> int:
        """Return how many blocks of a kernel can be on the device at once."""


class Plan(NamedTuple):
    """How a persistent kernel is launched.

    ``shared`` is in bytes; ``parts`` is how many parts of the hidden state's gradient lie in memory between
    two waits, 0 for the kernels that have one wait a step.
    """

    kernel: str
    constants: tuple[tuple[str, str | int], ...]
    blocks: int
    slices: int
    shared: int
    parts: int = 0


def plan(device: Device, direction: str, T: int, B: int, n_h: int, dtype: str) -> Plan | None:
    """Choose a persistent kernel, and how it divides a run among blocks.

    Parameters
    ----------
    device
        Where it would run.
    direction
        ``"forward"`` or ``"backward"``.
    T, B, n_h
        Steps, sequences, width of the hidden state.
    dtype
        Of all arrays.

    Returns
    -------
    Plan or None
        ``None`` where the step-by-step launches are to be taken: float64, widths that are no multiple of 4
        or too large, short sequences, and more blocks than fit on the device at once.
    """
    if dtype != "float32" or n_h % 4 or T < FEWEST_STEPS or not device.processors:
        return None
    for name in KERNELS[direction]:
        for batch in BATCHES if n_h <= WIDEST[name] else ():
            found = geometry(name, B, n_h, batch, device.tf32)
            # A thread has 256 registers at most; what cannot be resident need not be compiled to know it.
            if found is None or found.blocks > device.processors * (256 // (weights_held(found) + 40)):
                continue
            if found.blocks <= device.resident(name, found.constants, found.shared):
                return found
    return None


def geometry(name: str, B: int, n_h: int, batch: int, tf32: bool) -> Plan | None:
    """Return how a kernel takes ``batch`` sequences a block, whatever the device; ``None`` if it cannot."""
    slices, wide = -(-B // batch), name == "lstm_backward_wide"
    share = (
        WIDE_SHARE // WARPS if wide else -(-(n_h if name == "lstm_forward" else 4 * n_h) // (16 * WARPS)) * 16
    )
    if share > 32:  # whole chunks to read ahead
        share = -(-share // 32) * 32
    direction = name.removeprefix("lstm_").upper()
    constants = (("K_SLICE", share), ("NB", batch), ("PRODUCTS", 1 if tf32 else 3), (direction, 1))
    if not wide:
        columns = 40 if name == "lstm_forward" else 8  # of partial sums, some to keep memory banks apart
        return Plan(name, constants, slices * -(-n_h // UNITS), slices, 4 * WARPS * batch * columns)
    parts = -(-4 * n_h // WIDE_SHARE)
    blocks = -(-n_h // WIDE_UNITS) * parts
    if min(B, batch) * n_h > WIDE_CELLS * THREADS * blocks:
        return None
    return Plan(name, constants, slices * blocks, slices, 4 * WARPS * 16 * (WIDE_UNITS + 8), parts)


def weights_held(how: Plan) -> int:
    """Return how many weights a thread keeps in registers."""
    tiles = {"lstm_forward": 4, "lstm_backward": 1, "lstm_backward_wide": WIDE_UNITS // 8}[how.kernel]
    return tiles * int(dict(how.constants)["K_SLICE"]) // 4
