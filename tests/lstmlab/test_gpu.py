"""The same numbers on a CUDA device. Reported as skipped, with the reason, where none answers."""

import numpy as np
import pytest
from oracle import frozen
from pytorch import compare
from test_kernels import draw_all, error

import lstmlab as ll
from lstmlab.backend import _cupy_trouble
from lstmlab.kernels import cuda_lstm, cuda_plan, cupy_lstm
from lstmlab.unroll import length_mask

TROUBLE = _cupy_trouble()
pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(TROUBLE is not None, reason=f"no GPU to compare with: {TROUBLE}"),
]


def both(kind, dtype):
    """The same cell, run and gradients on the host and on the device."""
    results = []
    for choice in ("numpy", "cupy"):
        library = ll.get_xp(choice)
        rng = np.random.default_rng(0)
        cell = getattr(ll, kind)(3, 5, rng=rng, dtype=dtype, xp=library)
        x, dh = (library.asarray(rng.normal(size=(6, 4, n)).astype(dtype)) for n in (3, 5))
        run = ll.unroll(cell, x)
        results.append((run, ll.backprop(cell, run, dh)))
    return results


@pytest.mark.parametrize(("dtype", "tol"), [("float64", 1e-12), ("float32", 1e-5)])
@pytest.mark.parametrize("kind", ["LSTM", "RNN"])
def test_host_and_device_agree(kind, dtype, tol):
    (run, back), (run_gpu, back_gpu) = both(kind, dtype)
    pairs = [(run.h, run_gpu.h), (back.dx, back_gpu.dx), (back.grads.flat, back_gpu.grads.flat)]
    pairs += list(zip(run.trace, run_gpu.trace, strict=True)) + list(
        zip(back.dstate, back_gpu.dstate, strict=True)
    )
    for a, b in pairs:
        assert type(b).__module__.startswith("cupy")
        np.testing.assert_allclose(ll.to_numpy(a), ll.to_numpy(b), rtol=tol, atol=tol)


def test_the_device_agrees_with_pytorch(monkeypatch):
    monkeypatch.setattr(ll, "xp", ll.get_xp("cupy"))
    monkeypatch.setattr("lstmlab.cells.base.default_namespace", lambda: ll.get_xp("cupy"))
    for group, arrays in frozen().items():
        if group:
            compare(ll, group.partition("/")[0], arrays, tol=1e-10)


def test_diagnostics_run_on_the_device():
    library = ll.get_xp("cupy")
    cell = ll.LSTM(2, 3, xp=library)
    run = ll.unroll(cell, library.asarray(np.random.default_rng(0).normal(size=(5, 1, 2))))
    J = ll.diagnostics.jacobian_product(ll.diagnostics.jacobians(cell, run))
    assert ll.diagnostics.spectral_norm(J) > 0.0
    assert ll.diagnostics.fixed_points(cell, library.zeros((2,)), starts=3)


def on_device(T, B, n_x, n_h, dtype, masked=False):
    """The same draws as for the host's kernels, with weights that leave wide sums small; lengths or None."""
    library = ll.get_xp("cupy")
    cell, x, state, dh, dstate, _ = draw_all(T, B, n_x, n_h, dtype, 3)
    there = ll.LSTM(n_x, n_h, dtype=dtype, xp=library)
    there.params.flat[...] = library.asarray(cell.params.flat * min(1.0, 3.0 * n_h**-0.5))
    state, dstate = (ll.LSTMState(*map(library.asarray, pair)) for pair in (state, dstate))
    lengths = [1 + (7 * b) % T for b in range(B)] if masked else None
    return there, library.asarray(x), state, library.asarray(dh), dstate, lengths


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize(
    ("T", "B", "n_x", "n_h", "dtype", "tol"),
    [
        (60, 5, 7, 33, "float64", 1e-12),
        (60, 5, 7, 33, "float32", 1e-5),
        (20, 19, 8, 60, "float32", 1e-5),
        (30, 64, 32, 256, "float32", 1e-5),
        (30, 64, 32, 512, "float32", 1e-5),
        (30, 64, 32, 1024, "float32", 1e-5),
    ],
)
def test_kernels_on_the_device_are_the_step_by_step_code(T, B, n_x, n_h, dtype, tol, masked):
    cell, x, state, dh, dstate, lengths = on_device(T, B, n_x, n_h, dtype, masked)
    run = ll.unroll(cell, x, state, lengths=lengths)
    assert isinstance(run.trace, cuda_lstm.DeviceTrace)
    back = ll.backprop(cell, run, dh, dstate)
    with ll.kernels.plain():
        plain = ll.unroll(cell, x, state, lengths=lengths)
        want = ll.backprop(cell, plain, dh, dstate)
    pairs = [
        (plain.h, run.h),
        *zip(plain.state, run.state, strict=True),
        *zip(plain.trace, run.trace, strict=True),
    ]
    pairs += [(want.dx, back.dx), *zip(want.dstate, back.dstate, strict=True)]
    pairs += [(want.grads[name], back.grads[name]) for name in want.grads]
    assert max(error(ll.to_numpy(a), ll.to_numpy(b)) for a, b in pairs) < tol


@pytest.mark.parametrize("n_h", [256, 512, 1024])
def test_a_launch_a_sequence_gives_the_same_bits_every_time(n_h):
    """A barrier that lets a block pass too early would show in some run of many."""
    cell, x, state, dh, dstate, _ = on_device(200, 64, 16, n_h, "float32")
    device = cupy_lstm.numbered(int(x.device.id))
    if not all(cuda_plan.plan(device, way, 200, 64, n_h, "float32") for way in ("forward", "backward")):
        pytest.skip("not all blocks fit on this device at once")
    seen = set()
    for _ in range(20):
        run = ll.unroll(cell, x, state)
        back = ll.backprop(cell, run, dh, dstate)
        seen.add((ll.to_numpy(run.h).tobytes(), ll.to_numpy(back.dstate.h).tobytes()))
    assert len(seen) == 1


def test_forward_and_backward_may_take_different_levels(monkeypatch):
    cell, x, state, dh, dstate, lengths = on_device(20, 7, 8, 60, "float32", masked=True)
    mask = length_mask(lengths, 20, 7, x)
    found = []
    for limits in ((1024, 512, 0), (0, 512, 0), (1024, 0, 0), (0, 0, 0)):
        for name, limit in zip(list(cuda_plan.WIDEST), limits, strict=True):
            monkeypatch.setitem(cuda_plan.WIDEST, name, limit)
        run = cupy_lstm._run(cell, x, state, mask)
        found.append(ll.backprop(cell, run, dh, dstate).grads.flat)
    assert max(error(ll.to_numpy(found[0]), ll.to_numpy(each)) for each in found) < 1e-5
