"""The same numbers on a CUDA device. Reported as skipped, with the reason, where none answers."""

import numpy as np
import pytest
from oracle import frozen
from pytorch import compare

import lstmlab as ll
from lstmlab.backend import _cupy_trouble

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
