"""Linear layer and embedding: finite differences, PyTorch, and what must not change."""

import numpy as np
import pytest
from cases import draw, examples
from hypothesis import given, settings
from hypothesis import strategies as st
from learning import FILES, cases, compare, frozen, live
from oracle import FROZEN

import lstmlab as ll
from lstmlab import xp
from lstmlab.layers import Embedding, Linear

QUICK = settings(max_examples=examples(12), deadline=None)


@pytest.mark.parametrize("group", cases("linear", "embedding"))
def test_outputs_and_every_gradient_equal_the_frozen_ones(group):
    compare(ll, group, frozen()[group])


def test_the_frozen_files_are_small():
    assert all((FROZEN / f"{name}.npz").stat().st_size < 30_000 for name in FILES)


@pytest.mark.parametrize("group", cases("linear", "embedding"))
def test_live(group, monkeypatch):
    pytest.importorskip("torch", reason="the live comparison needs torch; the frozen one has run")
    monkeypatch.syspath_prepend(FROZEN)
    compare(ll, group, live(*group.split("/"), 1))


def check(layer, x, moves):
    """Finite differences through a layer: every parameter, and the input if it is not symbols."""
    rng = np.random.default_rng(1)
    y, _ = layer.forward(x)
    v = draw(rng, *y.shape)

    def f(**_):
        y, trace = layer.forward(x)
        grads = layer.params.zeros_like()
        dx = layer.backward(v, trace, grads)
        return xp.sum(v * y), {**grads, "x": dx}

    report = ll.gradcheck(f, {**layer.params, **({"x": x} if moves else {})})
    assert report.ok, str(report)


@pytest.mark.parametrize("shape", [(3,), (4, 3), (2, 2, 3), (2, 1, 2, 3)])
@pytest.mark.parametrize("bias", [True, False])
def test_linear_gradients_agree_with_finite_differences(shape, bias):
    check(Linear(3, 2, bias, rng=1), draw(np.random.default_rng(0), *shape), True)


@pytest.mark.parametrize("shape", [(1,), (6,), (4, 2)])
def test_embedding_gradients_agree_with_finite_differences(shape):
    check(Embedding(3, 2), xp.asarray(np.random.default_rng(0).integers(0, 3, size=shape)), False)


def test_linear_by_hand():
    layer = Linear(2, 1)
    layer.params["W"], layer.params["b"] = [[2.0, -3.0]], [0.5]
    y, _ = layer.forward(xp.asarray([[[1.0, 4.0]]]))
    assert ll.to_numpy(y).tolist() == [[[2.0 - 12.0 + 0.5]]]


def test_parameters_have_the_shapes_and_first_values_promised():
    layer = Linear(400, 50)
    assert {name: tuple(a.shape) for name, a in layer.params.items()} == {"W": (50, 400), "b": (50,)}
    assert layer.n_params == 50 * 401
    assert Linear(4, 5, bias=False).n_params == 20
    W = ll.to_numpy(layer.params["W"])
    assert 0.049 < np.abs(W).max() <= 0.05
    assert not ll.to_numpy(layer.params["b"]).any()
    E = ll.to_numpy(Embedding(100, 200).params["E"])
    assert E.shape == (100, 200)
    assert E.var() == pytest.approx(1.0, rel=0.05)


@QUICK
@given(seed=st.integers(0, 2**31), T=st.integers(1, 3), B=st.integers(1, 3))
def test_linear_is_linear_and_treats_every_vector_by_itself(seed, T, B):
    rng = np.random.default_rng(seed)
    layer, x, other = Linear(3, 2, rng=seed), draw(rng, T, B, 3), draw(rng, T, B, 3)
    together = ll.to_numpy(layer.forward(x)[0])
    alone = ll.to_numpy(layer.forward(x[T - 1, B - 1, :])[0])
    np.testing.assert_allclose(together[T - 1, B - 1], alone, atol=1e-14)
    sums = [ll.to_numpy(layer.forward(a)[0]) for a in (x + other, other, xp.zeros_like(x))]
    np.testing.assert_allclose(sums[0], together + sums[1] - sums[2], atol=1e-13)


@QUICK
@given(seed=st.integers(0, 2**31), N=st.integers(1, 9))
def test_embedding_is_a_linear_layer_on_unit_vectors(seed, N):
    rng = np.random.default_rng(seed)
    layer, linear = Embedding(4, 3, rng=seed), Linear(4, 3, bias=False)
    linear.params["W"] = ll.to_numpy(layer.params["E"]).T.copy()
    tokens = rng.integers(0, 4, size=N)
    dy = draw(rng, N, 3)
    y, trace = layer.forward(xp.asarray(tokens))
    y_linear, trace_linear = linear.forward(xp.asarray(np.eye(4)[tokens]))
    np.testing.assert_allclose(ll.to_numpy(y), ll.to_numpy(y_linear), atol=1e-15)
    grads, grads_linear = layer.params.zeros_like(), linear.params.zeros_like()
    layer.backward(dy, trace, grads)
    linear.backward(dy, trace_linear, grads_linear)
    np.testing.assert_allclose(ll.to_numpy(grads["E"]), ll.to_numpy(grads_linear["W"]).T, atol=1e-14)


def test_a_symbol_collects_the_gradient_of_all_its_places():
    layer = Embedding(3, 1)
    _, trace = layer.forward(xp.asarray(np.array([1, 1, 2, 1])))
    grads = layer.params.zeros_like()
    for _ in range(2):  # added into, not written over
        layer.backward(xp.asarray([[1.0], [2.0], [4.0], [8.0]]), trace, grads)
    assert ll.to_numpy(grads["E"]).tolist() == [[0.0], [22.0], [8.0]]


def test_linear_adds_into_its_gradients():
    layer, x = Linear(3, 2), draw(np.random.default_rng(0), 4, 3)
    y, trace = layer.forward(x)
    once, twice = layer.params.zeros_like(), layer.params.zeros_like()
    layer.backward(y, trace, once)
    layer.backward(y, trace, twice)
    layer.backward(y, trace, twice)
    np.testing.assert_allclose(ll.to_numpy(twice.flat), 2 * ll.to_numpy(once.flat), rtol=1e-14)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_dtype_is_kept(dtype):
    linear, embedding = Linear(3, 2, dtype=dtype), Embedding(3, 2, dtype=dtype)
    x = draw(np.random.default_rng(0), 4, 3, dtype=dtype)
    y, trace = linear.forward(x)
    assert y.dtype == linear.backward(y, trace, linear.params.zeros_like()).dtype == x.dtype
    assert embedding.forward(xp.asarray(np.array([0, 2])))[0].dtype == x.dtype


def test_nothing_passed_in_is_written():
    rng = np.random.default_rng(0)
    layer, x, dy = Linear(3, 2), draw(rng, 4, 3), draw(rng, 4, 2)
    copies = [ll.to_numpy(a).copy() for a in (x, dy, layer.params.flat)]
    _, trace = layer.forward(x)
    layer.backward(dy, trace, layer.params.zeros_like())
    for a, copy in zip((x, dy, layer.params.flat), copies, strict=True):
        np.testing.assert_array_equal(ll.to_numpy(a), copy)


def test_errors_say_what_is_wrong():
    linear, embedding = Linear(3, 2), Embedding(4, 2)
    with pytest.raises(ValueError, match=r"x: expected shape \(5, 3\), got \(5, 2\)"):
        linear.forward(xp.zeros((5, 2)))
    with pytest.raises(TypeError, match="x: expected an array of shape"):
        linear.forward([[1.0, 2.0, 3.0]])
    with pytest.raises(TypeError, match="x: expected dtype float64, got float32"):
        linear.forward(xp.zeros((5, 3), dtype=xp.float32))
    with pytest.raises(ValueError, match=r"x: expected shape .* at least 1"):
        linear.forward(xp.zeros((0, 3)))
    _, trace = linear.forward(xp.zeros((5, 3)))
    with pytest.raises(ValueError, match=r"dy: expected shape \(5, 2\), got \(4, 2\)"):
        linear.backward(xp.zeros((4, 2)), trace, linear.params.zeros_like())
    with pytest.raises(ValueError, match="tokens: expected whole numbers from 0 to 3, got 0 to 4"):
        embedding.forward(xp.asarray(np.array([0, 4])))
    with pytest.raises(TypeError, match="tokens: expected an array of whole numbers, got list"):
        embedding.forward([0, 1])
    _, trace = embedding.forward(xp.asarray(np.array([0, 1])))
    with pytest.raises(ValueError, match=r"dy: expected shape \(2, 2\), got \(2, 3\)"):
        embedding.backward(xp.zeros((2, 3)), trace, embedding.params.zeros_like())
    for make in (lambda: Linear(0, 2), lambda: Linear(2, 1.5), lambda: Embedding(0, 2)):
        with pytest.raises(ValueError, match="expected a positive whole number"):
            make()
    with pytest.raises(ValueError, match="dtype: expected one of float32, float64"):
        Linear(2, 2, dtype="int64")
