"""The CUDA kernels without a CUDA device: run on the host beside the plain code, and compiled by NVRTC.

What no test here can show: that a device runs them as the host does, and how fast. That is `make gpu`.
"""

import types
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import gpu_emulator as emulator
import gpu_nvrtc
import numpy as np
import pytest
from cases import STRICT
from gpu_emulator import EmulatedDevice, Version
from gpu_mutants import HOST, MUTANTS
from test_kernels import draw_all, error

import lstmlab as ll
from lstmlab.kernels import cuda_lstm, cuda_plan, cupy_lstm, numpy_shared
from lstmlab.unroll import steps_between

pytestmark = pytest.mark.skipif(STRICT, reason="the kernels take the arrays of their own device only")
on_host = pytest.mark.skipif(not emulator.AVAILABLE, reason=emulator.REASON)
FLOAT, DOUBLE = (("REAL", "float"),), (("REAL", "double"),)
#: Pairs of "terms of a warp's sum, sequences of a block", each for both directions.
GEOMETRIES = [(16, 16), (32, 16), (64, 32)]
WIDE = "lstm_backward_wide"


def draw(T, B, n_x, n_h, dtype, seed, masked=False):
    """Draw all that a run and its way back take; wider cells get smaller weights."""
    given = draw_all(T, B, n_x, n_h, dtype, seed, masked)
    given[0].params.flat[...] *= min(1.0, 3.0 * n_h**-0.5)
    return given


def plan(name, B, n_h, share=16, batch=16, tf32=False):
    """Return the plan of few units under the constants of many."""
    how = cuda_plan.geometry(name, B, n_h, batch, tf32)
    if name == WIDE:
        return how
    return how._replace(constants=(("K_SLICE", share), *how.constants[1:]))


def plans(B, n_h, share=16, batch=16):
    """Return the plans of both directions."""
    return plan("lstm_forward", B, n_h, share, batch), plan("lstm_backward", B, n_h, share, batch)


def versions(label="right", replace=None):
    """Return the kernels of all geometries; of a mutant those that its mistake is in."""
    file, old, new = replace or ("", "", "")
    text = {name: cupy_lstm.source((name,)) for name in {*cupy_lstm.STEP, *cupy_lstm.PERSISTENT}}
    if file:
        assert text[file].count(old) == 1, label
        text[file] = text[file].replace(old, new)
    step, loop = ("\n".join(text[name] for name in files) for files in (cupy_lstm.STEP, cupy_lstm.PERSISTENT))
    if not file:
        wanted = {how for each in GEOMETRIES for how in plans(1, 4, *each)}
        wanted |= {plan("lstm_forward", 1, 4, tf32=True), plan(WIDE, 1, 4, batch=32)}
    elif file in cupy_lstm.STEP:
        wanted = set()
    else:
        wanted = {plan(WIDE, 1, 4)} if wide(file, old) else set(plans(1, 4))
    loops = sorted({(how.kernel, how.constants) for how in wanted})
    kinds = {"": (FLOAT, DOUBLE), cupy_lstm.PERSISTENT[-1]: (FLOAT,)}.get(file, (DOUBLE,))
    made = [Version(label, step, ("lstm_step", "lstm_step_back"), kind) for kind in kinds]
    return made + [Version(label, loop, (kernel,), constants) for kernel, constants in loops]


def wide(file, old):
    """Whether an edit is one of the kernel for wide cells."""
    text = cupy_lstm.source((file,))
    return text.index(old) > text.find("#ifdef BACKWARD_WIDE") > 0


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    return emulator.compile_all(versions(), tmp_path_factory.mktemp("kernels"))


def worst(device, given, how=(None, None), host=cuda_lstm):
    """Run plainly and by kernels and return the largest error of all outputs and of all gradients."""
    cell, x, state, dh, dstate, mask = given
    before = [np.array(a) for a in (x, *state, dh, *dstate, cell.params.flat)]
    plain = numpy_shared.plain_run(cell, x, state, mask)
    fused = host.forward(device, cell, x, state, mask, how[0])
    pairs = [(plain.h, fused.h), *zip(plain.state, fused.state, strict=True)]
    pairs += zip(plain.trace, fused.trace, strict=True)
    grads, fused_grads = cell.params.zeros_like(), cell.params.zeros_like()
    grads.flat[...] = fused_grads.flat[...] = 1.0
    dx, d = numpy_shared.plain_back(cell, plain.trace, mask, dh, dstate, grads)
    args = (device, cell, fused.trace.blocks, mask, dh, dstate, fused_grads, how[1])
    fused_dx, fused_d = host.backward(*args)
    gradients = [(dx, fused_dx), *zip(d, fused_d, strict=True)]
    gradients += [(grads[name], fused_grads[name]) for name in grads]
    after = (x, *state, dh, *dstate, cell.params.flat)
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True)), "an argument was written"
    return max(error(a, b) for a, b in pairs), max(error(a, b) for a, b in gradients)


@on_host
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize(("dtype", "tol"), [("float64", 1e-12), ("float32", 1e-5)])
def test_one_launch_a_step_is_the_lstm(library, dtype, tol, masked):
    for seed, (T, B, n_x, n_h) in enumerate([(1, 1, 1, 1), (7, 5, 3, 4), (4, 1, 2, 300), (5, 30, 1, 9)]):
        device = EmulatedDevice(library, order=seed % 2)
        assert max(worst(device, draw(T, B, n_x, n_h, dtype, seed, masked))) < tol
        assert device.launches == ["lstm_step"] * T + ["lstm_step_back"] * T


@on_host
@pytest.mark.parametrize(("order", "masked"), [(0, True), (3, False)])
@pytest.mark.parametrize(("share", "batch"), GEOMETRIES)
def test_one_launch_a_sequence_is_the_lstm(library, share, batch, order, masked):
    """Two blocks for the units, the second half empty; two for the sequences, the second nearly."""
    device = EmulatedDevice(library, order=order)
    given = draw(2, batch + 3, 2, 12, "float32", share + order, masked)
    assert max(worst(device, given, plans(batch + 3, 12, share, batch))) < 1e-5
    assert device.launches == ["lstm_forward", "lstm_backward"]


@on_host
@pytest.mark.parametrize("how", [None, plan("lstm_backward", 3, 4)])
def test_a_window_of_a_run_goes_back_alone(library, how):
    """Its first step reads the states before it, and nothing the state after its last."""
    cell, x, state, dh, dstate, mask = draw(7, 3, 2, 4, "float32", 3, masked=True)
    plain = numpy_shared.plain_run(cell, x, state, mask)
    device = EmulatedDevice(library)
    trace = steps_between(cuda_lstm.forward(device, cell, x, state, mask).trace, 2, 6)
    grads, fused_grads = cell.params.zeros_like(), cell.params.zeros_like()
    want = numpy_shared.plain_back(cell, steps_between(plain.trace, 2, 6), mask[2:6], dh[2:6], dstate, grads)
    got = cuda_lstm.backward(device, cell, trace.blocks, mask[2:6], dh[2:6], dstate, fused_grads, how)
    assert error(want[0], got[0]) < 1e-5
    assert max(map(error, want[1], got[1])) < 1e-5
    assert max(error(grads[name], fused_grads[name]) for name in grads) < 1e-5


@on_host
def test_wide_cells_go_back_with_two_waits_a_step(library):
    """Two groups of units and two slices, the second of each nearly empty; three shares of the sums."""
    device = EmulatedDevice(library, order=3)
    how = plan(WIDE, 33, 132, batch=32)
    assert (how.parts, how.slices, how.blocks) == (3, 2, 12)
    assert max(worst(device, draw(2, 33, 2, 132, "float32", 0, masked=True), (None, how))) < 1e-5
    assert device.launches == ["lstm_step", "lstm_step", WIDE]


@on_host
def test_three_products_are_nearly_float_and_one_is_tf32(library):
    given = draw(3, 11, 3, 60, "float32", 0)
    errors = {}
    for tf32 in (False, True):
        how = plan("lstm_forward", 11, 60, tf32=tf32), None
        errors[tf32] = worst(EmulatedDevice(library), given, how)[0]
    assert errors[False] < 2e-6
    assert 1e-4 < errors[True] < 3e-2


@on_host
def test_a_missing_block_is_found_out_and_gives_no_result(library):
    short = plan("lstm_forward", 16, 12)._replace(blocks=1)
    with pytest.raises(emulator.StuckError):
        worst(EmulatedDevice(library), draw(2, 16, 2, 12, "float32", 0), (short, None))


@on_host
def test_unroll_and_backprop_find_the_kernels_by_the_arrays(library, monkeypatch):
    device = EmulatedDevice(library)

    @contextmanager
    def device_of(a):
        yield device

    monkeypatch.setattr(cupy_lstm, "from_cupy", lambda a: type(a) is np.ndarray)
    monkeypatch.setattr(cupy_lstm, "device_of", device_of)
    cell, x, state, dh, dstate, _ = draw(9, 8, 110, 28, "float32", 2)
    run = ll.unroll(cell, x, state, lengths=[9, 1, 2, 3, 4, 5, 6, 9])
    back = ll.backprop(cell, run, dh, dstate)
    assert device.launches == ["lstm_forward", "lstm_backward"]
    again = ll.backprop(cell, run, dh, dstate)
    assert np.array_equal(back.grads.flat, again.grads.flat)
    device.launches.clear()
    copied = run._replace(trace=type(run.trace)(*run.trace))
    assert error(ll.backprop(cell, copied, dh, dstate).grads["W_f"], back.grads["W_f"]) < 1e-5
    with ll.kernels.plain():
        plain = ll.unroll(cell, x, state)
    ll.unroll(cell, x[:1, :1], ll.LSTMState(state.h[:1], state.C[:1]))
    assert device.launches == []
    assert not hasattr(plain.trace, "blocks")

    class Other(ll.LSTM):
        """Its step may be anything."""

    ll.unroll(Other(110, 28, dtype="float32", xp=np), x)
    assert device.launches == []


@pytest.mark.skipif(gpu_nvrtc.nvrtc() is None, reason="NVRTC is not here: pip install nvidia-cuda-nvrtc-cu12")
def test_nvrtc_compiles_every_kernel_and_the_registers_suffice():
    """The benchmarks' three widths; at the widest a few numbers may go elsewhere, once a step."""
    sizes = {256: 16, 512: 32, 1024: 64}
    jobs = [("sm_80", "lstm_step", FLOAT), ("sm_90", "lstm_step", DOUBLE)]
    for n_h, batch in sizes.items():
        for name in ("lstm_forward", WIDE if n_h > cuda_plan.WIDEST["lstm_backward"] else "lstm_backward"):
            jobs.append(("sm_90", name, cuda_plan.geometry(name, 64, n_h, batch, False).constants))
    jobs.append(("sm_90", "lstm_forward", cuda_plan.geometry("lstm_forward", 64, 1024, 64, True).constants))
    for name in ("lstm_forward", "lstm_backward"):
        jobs.append(("sm_80", name, cuda_plan.geometry(name, 64, 256, 16, False).constants))

    def compiled(job):
        architecture, name, given = job
        text = cupy_lstm.source(cupy_lstm.FILES[name])
        return gpu_nvrtc.compile_for(architecture, text, cupy_lstm.options(given))

    with ThreadPoolExecutor(2) as pool:
        for (architecture, name, given), found in zip(jobs, pool.map(compiled, jobs), strict=True):
            usage = found[name]
            print(architecture, name, dict(given), usage)
            assert usage.spilled <= (300 if dict(given).get("NB") == 64 else 0), (architecture, given, usage)
            assert usage.registers <= (64 if name == "lstm_step" else 255)


def mutated_host(mutant):
    """Return the module around the kernels with one mistake in it."""
    text = Path(cuda_lstm.__file__).read_text(encoding="utf8")
    assert text.count(mutant.old) == 1, mutant.name
    module = types.ModuleType("mutated")
    exec(compile(text.replace(mutant.old, mutant.new), mutant.name, "exec"), module.__dict__)
    return module


def survives(device, mutant, host):
    """Whether no comparison objects to a mutant."""
    try:
        for seed, masked in ((1, False), (2, True)):
            if mutant.module in (*cupy_lstm.STEP, HOST):
                found = [worst(device, draw(3, 4, 2, 5, "float64", seed, masked), host=host)]
                allowed = 1e-12
            elif wide(mutant.module, mutant.old):
                found = (back_of_wide(device, order, seed, masked) for order in (0, 2))
                allowed = 1e-5
            else:
                given = draw(2, 11, 2, 32, "float32", seed, masked)
                found = (worst(with_order(device, order), given, plans(11, 32)) for order in (0, 2))
                allowed = 1e-5
            if not all(max(errors) < allowed for errors in found):
                return False
    except (emulator.StuckError, AssertionError):
        return False
    return True


def with_order(device, order):
    device.order = order
    return device


def back_of_wide(device, order, seed, masked):
    """Two groups of units, three shares, few sequences."""
    given = draw(2, 3, 2, 132, "float32", seed, masked)
    return worst(with_order(device, order), given, (None, plan(WIDE, 3, 132)))


@on_host
def test_every_mistake_in_the_kernels_is_found(tmp_path):
    edits = [m for m in MUTANTS if m.module != HOST]
    made = [v for k, m in enumerate(edits) for v in versions(f"mutant{k}", (m.module, m.old, m.new))]
    right = [v for v in versions() if v.constants == DOUBLE]
    library = emulator.compile_all([*made, *right], tmp_path)
    alive = []
    for mutant in MUTANTS:
        label = "right" if mutant.module == HOST else f"mutant{edits.index(mutant)}"
        host = mutated_host(mutant) if mutant.module == HOST else cuda_lstm
        if survives(EmulatedDevice(library, label), mutant, host):
            alive.append(mutant.name)
    assert not alive
