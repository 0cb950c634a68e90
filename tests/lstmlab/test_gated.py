"""What GRU, highway, depth-gated and multiplicative cells share: gradients, oracles, names, counts."""

import importlib
from pathlib import Path

import gated
import numpy as np
import oracle
import pytest
from cases import examples, make_case, shapes
from hypothesis import given, settings

import lstmlab as ll
from lstmlab import xp

KINDS = pytest.mark.parametrize("kind", gated.CLASSES)
SQUARE = "multiplicative"  # its input is as wide as its state


def maker(kind, **more):
    """A function of n_x and n_h that builds the cell."""

    def make(n_x, n_h, **options):
        return gated.build(ll, kind, n_h if kind == SQUARE else n_x, n_h, **more, **options)

    return make


@pytest.mark.equation("eq-gru-dh")
@KINDS
def test_every_gradient_agrees_with_finite_differences(kind):
    """Two layers where there are layers: the frozen numbers have three."""
    layers = {"n_layers": 2} if kind == "depth_gated" else {}
    report = make_case(maker(kind, **layers), T=3, B=2, n_x=2, n_h=3).check(max_entries=4)
    assert report.ok, str(report)


@KINDS
@given(shape=shapes())
@settings(max_examples=examples(3), deadline=None)
def test_at_any_size(kind, shape):
    layers = {"n_layers": 2} if kind == "depth_gated" else {}
    report = make_case(maker(kind, **layers), **shape).check(max_entries=1)
    assert report.ok, str(report)


@KINDS
def test_the_step_back_is_linear(kind):
    """Twice the gradient that comes in is twice every gradient that goes out."""
    case = make_case(maker(kind))
    run = case.run()
    one = ll.backprop(case.cell, run, case.dh, case.dstate)
    two = ll.backprop(case.cell, run, 2.0 * case.dh, case.cell.State(*(2.0 * a for a in case.dstate)))
    for a, b in [
        (one.dx, two.dx),
        *zip(one.dstate, two.dstate, strict=True),
        (one.grads.flat, two.grads.flat),
    ]:
        np.testing.assert_allclose(2.0 * ll.to_numpy(a), ll.to_numpy(b), rtol=1e-13, atol=1e-13)


@pytest.mark.equation(
    *("eq-transform-gate", "eq-highway-hidden-state", "eq-dT", "eq-dh-transformed", "eq-dh-carried"),
    *("eq-depth-gate", "eq-depth-gated-cell-state", "eq-dd", "eq-dC-below"),
    *("eq-interaction", "eq-interaction-gradient", "eq-notes-multiplicative"),
)
@pytest.mark.parametrize("kind", oracle.frozen("gated_jax"))
def test_outputs_and_every_gradient_equal_those_of_jax(kind):
    gated.compare(ll, kind, "JAX", oracle.frozen("gated_jax")[kind])


@pytest.mark.parametrize("size", oracle.frozen("gru_pytorch"))
def test_outputs_and_every_gradient_of_the_reset_after_equal_those_of_pytorch(size):
    gated.compare(ll, "gru_after", "PyTorch", oracle.frozen("gru_pytorch")[size])


@pytest.mark.parametrize("group", oracle.frozen("gru_onnx"))
def test_both_resets_equal_onnx_runtime(group):
    gated.compare_onnx(ll, group.partition("/")[0], oracle.frozen("gru_onnx")[group])


def test_the_frozen_files_are_small_and_hold_every_kind():
    assert set(oracle.frozen("gated_jax")) == set(gated.CLASSES) - {"gru_after"}
    assert set(oracle.frozen("gru_onnx")) == {
        f"{r}/{s}" for r in ("before", "after") for s in ("small", "wide")
    }
    for name in ("gated_jax", "gru_pytorch", "gru_onnx"):
        assert (oracle.FROZEN / f"{name}.npz").stat().st_size < 30_000


@pytest.fixture
def scripts(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "frozen"))


@pytest.mark.parametrize("seed", range(3))
def test_live_pytorch(seed, scripts):
    torch = pytest.importorskip("torch", reason="the live comparison needs torch; the frozen one has run")
    torch.manual_seed(seed)
    sizes = np.random.default_rng(seed).integers(1, 6, size=4).tolist()
    gated.compare(ll, "gru_after", "PyTorch", oracle.live("gru_pytorch").record(*sizes))


@pytest.mark.parametrize("reset", ["before", "after"])
@pytest.mark.parametrize("seed", range(2))
def test_live_onnx(reset, seed, scripts):
    for package in ("onnx", "onnxruntime"):
        pytest.importorskip(package, reason="the live comparison needs it; the frozen one has run")
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 5, size=4).tolist()
    gated.compare_onnx(ll, reset, oracle.live("gru_onnx").record(reset, *sizes, rng))


@pytest.mark.parametrize("kind", oracle.frozen("gated_jax"))
def test_live_jax(kind, scripts):
    pytest.importorskip("jax", reason="the live comparison needs jax; the frozen one has run")
    sizes = (2, 1, 2, 2) if kind == SQUARE else (2, 1, 3, 2)
    record = oracle.live("gated_jax").record(kind, *sizes, np.random.default_rng(7))
    gated.compare(ll, kind, "JAX", record)


@KINDS
def test_renaming_the_units_changes_nothing_else(kind):
    case = make_case(maker(kind), n_x=2, n_h=3)
    order, n_x = [2, 0, 1], case.cell.n_x
    inputs = order if kind == SQUARE else list(range(n_x))
    both = [*order, *(3 + k for k in order)]
    columns = {n_x: inputs, 3: order, 5: [*order, 3, 4], 6: both}  # a block is told by its width
    other = maker(kind)(2, 3)
    for name, p in case.cell.params.items():
        host = ll.to_numpy(p)[order]
        other.params[name] = host[:, columns[p.shape[1]]] if p.ndim == 2 else host
    state = case.cell.State(*(xp.asarray(ll.to_numpy(a)[:, order]) for a in case.state))
    x = xp.asarray(ll.to_numpy(case.x)[:, :, inputs])
    got = ll.to_numpy(ll.unroll(other, x, state).h)
    want = ll.to_numpy(case.run().h)
    np.testing.assert_allclose(got, want[:, :, order], atol=1e-14)
    assert np.abs(got - want).max() > 0.01


@pytest.mark.equation("eq-highway-parameters", "eq-depth-gated-parameters")
@pytest.mark.equation("eq-multiplicative-parameters", "eq-krause-parameters")
@KINDS
@pytest.mark.parametrize(("n_x", "n_h"), [(1, 1), (2, 3), (5, 2)])
def test_the_formula_counts_the_parameters(kind, n_x, n_h):
    cell = maker(kind)(n_x, n_h)
    module, _, options = gated.CLASSES[kind]
    count = getattr(importlib.import_module(f"lstmlab.cells.{module}"), f"{module}_parameter_count")
    assert count(cell.n_x, n_h, **options) == cell.n_params == sum(p.size for p in cell.params.values())


@KINDS
def test_the_first_weights_are_those_documented(kind):
    cell = maker(kind)(4, 4, rng=3)
    for name, p in cell.params.items():
        values = ll.to_numpy(p)
        if name.startswith("b_"):
            np.testing.assert_array_equal(values, float(name.startswith("b_f")))
        else:
            assert 0.05 < np.abs(values).max() <= 0.5
            assert np.unique(values).size == values.size
    again, another = maker(kind)(4, 4, rng=3), maker(kind)(4, 4, rng=4)
    np.testing.assert_array_equal(ll.to_numpy(cell.params.flat), ll.to_numpy(again.params.flat))
    assert np.abs(ll.to_numpy(cell.params.flat - another.params.flat)).max() > 0.05
