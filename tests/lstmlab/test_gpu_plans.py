"""How runs are divided among the blocks of a CUDA device, and what is asked of CuPy; no device needed."""

import sys
import types

import pytest
from cases import STRICT

from lstmlab.kernels import cuda_plan, cupy_lstm

pytestmark = pytest.mark.skipif(STRICT, reason="nothing here depends on the array library")
FLOAT = (("REAL", "float"),)


class Machine:
    """A device as far as a plan asks: processors, and one block on each."""

    tf32 = False

    def __init__(self, processors=132, largest=227 * 1024):
        self.processors, self.largest, self.asked = processors, largest, []

    def resident(self, name, constants, shared):
        self.asked.append(dict(constants))
        return self.processors if shared <= self.largest else 0


@pytest.mark.parametrize(
    ("kernel", "B", "n_h", "batch", "share", "blocks", "shared"),
    [
        ("lstm_forward", 64, 256, 16, 32, 128, 20480),
        ("lstm_forward", 64, 512, 32, 64, 128, 40960),
        ("lstm_forward", 64, 1024, 64, 128, 128, 81920),
        ("lstm_forward", 1, 1024, 16, 128, 128, 20480),
        ("lstm_forward", 3, 4, 16, 16, 1, 20480),
        ("lstm_forward", 40, 300, 16, 64, 114, 20480),
        ("lstm_backward", 64, 256, 16, 128, 128, 4096),
        ("lstm_backward", 64, 512, 32, 256, 128, 8192),
        ("lstm_backward_wide", 64, 1024, 64, 32, 128, 69632),
        ("lstm_backward_wide", 64, 768, 64, 32, 72, 69632),
        ("lstm_backward_wide", 3, 516, 16, 32, 45, 69632),
    ],
)
def test_the_benchmarks_sizes_fill_an_h100(kernel, B, n_h, batch, share, blocks, shared):
    how = cuda_plan.plan(Machine(), kernel.split("_")[1], 100, B, n_h, "float32")
    made = dict(how.constants)
    assert (how.kernel, made["NB"], made["K_SLICE"], how.blocks) == (kernel, batch, share, blocks)
    assert (how.slices, how.shared, made["PRODUCTS"]) == (-(-B // batch), shared, 3)
    terms = n_h if kernel == "lstm_forward" else 4 * n_h
    assert cuda_plan.WARPS * made["K_SLICE"] * max(how.parts, 1) >= terms
    if how.parts:  # every cell of a slice has a thread
        assert cuda_plan.WIDE_CELLS * cuda_plan.THREADS * how.blocks // how.slices >= min(B, batch) * n_h


@pytest.mark.parametrize(
    ("direction", "machine", "T", "B", "n_h", "dtype"),
    [
        ("forward", Machine(), 100, 64, 256, "float64"),
        ("forward", Machine(), 100, 64, 254, "float32"),
        ("forward", Machine(), 100, 64, 1028, "float32"),
        ("forward", Machine(), 7, 64, 256, "float32"),
        ("forward", Machine(), 100, 65, 1024, "float32"),
        ("forward", Machine(108), 100, 64, 1024, "float32"),
        ("forward", Machine(0), 100, 64, 256, "float32"),
        ("forward", Machine(largest=1024), 100, 64, 256, "float32"),
        ("backward", Machine(108), 100, 64, 1024, "float32"),
        ("backward", Machine(), 100, 64, 1028, "float32"),
        ("backward", Machine(), 100, 2000, 256, "float32"),
    ],
)
def test_what_does_not_fit_is_launched_step_by_step(direction, machine, T, B, n_h, dtype):
    assert cuda_plan.plan(machine, direction, T, B, n_h, dtype) is None


def test_what_cannot_fit_is_not_compiled():
    machine = Machine()
    cuda_plan.plan(machine, "forward", 100, 64, 1024, "float32")
    assert [constants["NB"] for constants in machine.asked] == [64]


def fake_cupy(calls, capability="90", version="14.2.0"):
    class Raw:
        kernel = types.SimpleNamespace(ptr=7)

        def __call__(self, grid, block, args, shared_mem):
            calls.append((grid, block, args, shared_mem))

    def module(**given):
        calls.append(given)
        return types.SimpleNamespace(get_function=lambda name: Raw())

    attributes = {"CooperativeLaunch": 1, "MultiProcessorCount": 132, "MaxSharedMemoryPerBlockOptin": 90000}
    driver = types.SimpleNamespace(occupancyMaxActiveBlocksPerMultiprocessor=lambda ptr, threads, shared: 2)
    device = types.SimpleNamespace(attributes=attributes, compute_capability=capability)
    cuda = types.SimpleNamespace(Device=lambda number: device, driver=driver)
    return types.SimpleNamespace(RawModule=module, cuda=cuda, __version__=version)


def test_cupy_is_asked_for_a_cooperative_launch_and_the_shared_memory_it_needs(monkeypatch):
    calls = []
    monkeypatch.setitem(sys.modules, "cupy", fake_cupy(calls))
    monkeypatch.setenv("CUPY_TF32", "1")
    device = cupy_lstm.CupyDevice(0)
    assert (device.processors, device.tf32) == (132, True)
    how = cuda_plan.plan(device, "forward", 100, 64, 1024, "float32")
    assert how.shared == 81920
    assert device.compiled("lstm_forward", how.constants).max_dynamic_shared_size_bytes == 81920
    device.kernel("lstm_forward", how.constants)(how.blocks, 256, (1,), how.shared)
    device.kernel("lstm_step", FLOAT)(3, 256, (2,), 0)
    made = [call for call in calls if isinstance(call, dict)]
    assert [m["enable_cooperative_groups"] for m in made] == [True, False]
    assert "-DPRODUCTS=1" in made[0]["options"]
    assert "-DREAL=float" in made[1]["options"]
    assert calls[1] == ((128,), (256,), (1,), 81920)
    assert device.resident("lstm_forward", how.constants, how.shared) == 264
    assert device.resident("lstm_backward", how.constants, 90001) == 0
    for older in (fake_cupy(calls, "75"), fake_cupy(calls, version="13.6.0")):
        monkeypatch.setitem(sys.modules, "cupy", older)
        assert cupy_lstm.CupyDevice(0).processors == 0


def test_this_cupy_has_what_the_kernels_ask_of_it():
    """No device needed: the names, and that a module is compiled at first use only."""
    cupy = pytest.importorskip("cupy", reason="CuPy is not installed")
    assert callable(cupy.cuda.driver.occupancyMaxActiveBlocksPerMultiprocessor)
    assert hasattr(cupy.RawKernel, "max_dynamic_shared_size_bytes")
    given = {"code": cupy_lstm.source(cupy_lstm.PERSISTENT), "options": cupy_lstm.options((("NB", 16),))}
    assert cupy.RawModule(**given, enable_cooperative_groups=True).enable_cooperative_groups
