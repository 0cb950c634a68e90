"""The CUDA kernels on CuPy arrays: compiled on first use, chosen by size and device.

float32 products keep to CuPy's setting: with ``CUPY_TF32=1`` in the environment cuBLAS rounds their factors
to TF32, and so does the persistent kernel. Without it the persistent kernel splits each factor in two TF32
numbers, which leaves an error of a few units in the last place of a float.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from lstmlab.cells.lstm import LSTM, LSTMState, LSTMTrace
from lstmlab.kernels import cuda_lstm, cuda_plan, numpy_lstm
from lstmlab.kernels.choice import worthwhile
from lstmlab.kernels.cuda_plan import Constants, Device, Kernel
from lstmlab.kernels.numpy_shared import plain_run
from lstmlab.parameters import Parameters
from lstmlab.typing import Array
from lstmlab.unroll import Run, run_outputs, run_sequence, sequence_back

STEP = ("lstm_cell.cu", "lstm_step.cu")
PERSISTENT = ("lstm_cell.cu", "lstm_tiles.cu", "lstm_persistent.cu")
#: Which files a kernel is compiled from, one after the other.
FILES = {"lstm_step": STEP, "lstm_step_back": STEP} | dict.fromkeys(cuda_plan.WIDEST, PERSISTENT)
OLDEST = 80  # compute capability of the first tensor cores that know TF32
OLDEST_CUPY = 14  # earlier ones compile a kernel for a cooperative launch in another way


@cache
def source(files: tuple[str, ...]) -> str:
    """Return the text of some files, one after the other."""
    folder = Path(__file__).parent
    return "\n".join((folder / name).read_text(encoding="utf8") for name in files)


def options(constants: Constants) -> tuple[str, ...]:
    """Return the compiler's options."""
    return ("-std=c++14", *(f"-D{name}={value}" for name, value in constants))


class CupyDevice:
    """A CUDA device, as CuPy sees it; CuPy is imported when the first one is made.

    Parameters
    ----------
    number
        Which device.
    """

    def __init__(self, number: int) -> None:
        self.xp: Any = importlib.import_module("cupy")
        device = self.xp.cuda.Device(number)
        able = device.attributes.get("CooperativeLaunch", 0) and int(device.compute_capability) >= OLDEST
        able = able and int(self.xp.__version__.partition(".")[0]) >= OLDEST_CUPY
        self.processors = int(device.attributes["MultiProcessorCount"]) if able else 0
        self.tf32 = os.environ.get("CUPY_TF32", "0") == "1"
        self.largest = int(device.attributes.get("MaxSharedMemoryPerBlockOptin", 48 * 1024))
        self.raw: dict[tuple[str, Constants], Any] = {}
        self.fits: dict[tuple[str, Constants], int] = {}

    def compiled(self, name: str, constants: Constants) -> Any:
        """Return CuPy's kernel."""
        found = self.raw.get((name, constants))
        if found is None:
            module = self.xp.RawModule(
                code=source(FILES[name]),
                options=options(constants),
                enable_cooperative_groups=FILES[name] is PERSISTENT,
            )
            found = self.raw[name, constants] = module.get_function(name)
        return found

    def kernel(self, name: str, constants: Constants) -> Kernel:
        """Return a kernel, compiled with these constants."""
        raw = self.compiled(name, constants)

        def launch(blocks: int, threads: int, args: tuple[Any, ...], shared: int) -> None:
            raw((blocks,), (threads,), args, shared_mem=shared)

        return launch

    def resident(self, name: str, constants: Constants, shared: int) -> int:
        """Return how many blocks of a persistent kernel can be on the device at once."""
        found = self.fits.get((name, constants))
        if found is None:
            found = 0
            if shared <= self.largest:
                raw = self.compiled(name, constants)
                raw.max_dynamic_shared_size_bytes = shared
                ask = self.xp.cuda.driver.occupancyMaxActiveBlocksPerMultiprocessor
                found = self.processors * int(ask(raw.kernel.ptr, cuda_plan.THREADS, shared))
            self.fits[name, constants] = found
        return found


@cache
def numbered(number: int) -> CupyDevice:
    """Return a device by its number, the same object each time."""
    return CupyDevice(number)


@contextmanager
def device_of(a: Array) -> Iterator[Device]:
    """Make an array's device the current one inside a ``with`` block."""
    with a.device:
        yield numbered(int(a.device.id))


def from_cupy(a: Array) -> bool:
    """Whether an array is CuPy's, whether or not CuPy is installed."""
    return type(a).__module__.partition(".")[0] == "cupy"


def can_run(cell: LSTM, x: Array) -> bool:
    """Whether these kernels may run a cell: the plain LSTM on CuPy arrays."""
    return type(cell) is LSTM and from_cupy(x) and from_cupy(cell.params.flat)


@run_sequence.register(LSTM)
def _run(cell: LSTM, x: Array, state: LSTMState, mask: Array | None) -> Run:
    if not can_run(cell, x):
        return numpy_lstm.run(cell, x, state, mask)
    T, B, n_x = x.shape
    if not worthwhile(T, B, n_x, cell.n_h):
        return plain_run(cell, x, state, mask)
    with device_of(x) as device:
        how = cuda_plan.plan(device, "forward", T, B, cell.n_h, str(x.dtype))
        return cuda_lstm.forward(device, cell, x, state, mask, how)


@run_outputs.register(LSTM)
def _run_alone(cell: LSTM, x: Array, state: LSTMState, mask: Array | None) -> Run:
    if can_run(cell, x):
        return _run(cell, x, state, mask)._replace(trace=None)
    return numpy_lstm.run_alone(cell, x, state, mask)


@sequence_back.register(LSTM)
def _back(
    cell: LSTM, trace: LSTMTrace, mask: Array | None, dh: Array, dstate: LSTMState, grads: Parameters
) -> tuple[Array, LSTMState]:
    blocks = getattr(trace, "blocks", None)
    if not isinstance(blocks, cuda_lstm.DeviceBlocks) or not can_run(cell, dh):
        return numpy_lstm.back(cell, trace, mask, dh, dstate, grads)
    T, B, _ = dh.shape
    with device_of(dh) as device:
        how = cuda_plan.plan(device, "backward", T, B, cell.n_h, str(dh.dtype))
        return cuda_lstm.backward(device, cell, blocks, mask, dh, dstate, grads, how)
