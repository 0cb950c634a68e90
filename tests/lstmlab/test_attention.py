"""Attention: finite differences, PyTorch, JAX, masks, and the form that needs little memory."""

import tracemalloc

import numpy as np
import pytest
from cases import draw, examples
from hypothesis import given, settings
from hypothesis import strategies as st
from learning import cases, compare, frozen, live
from oracle import FROZEN

import lstmlab as ll
from lstmlab import xp
from lstmlab.counting import counter
from lstmlab.layers import AdditiveAttention, DotAttention, streaming_attention

QUICK = settings(max_examples=examples(10), deadline=None)
KINDS = {
    "dot": lambda: DotAttention(),
    "scaled": lambda: DotAttention(scaled=True),
    "additive": lambda: AdditiveAttention(3, 3, 4, rng=1),
}
T_Q, S, B, N = 2, 4, 3, 3


def inputs(seed=0, dtype="float64"):
    rng = np.random.default_rng(seed)
    return draw(rng, T_Q, B, N, dtype=dtype), draw(rng, S, B, N, dtype=dtype)


@pytest.mark.equation("eq-dot-scores", "eq-additive-hidden", "eq-additive-scores")
@pytest.mark.parametrize("group", cases("attention", "additive"))
def test_outputs_and_every_gradient_equal_the_frozen_ones(group):
    compare(ll, group, frozen()[group])


@pytest.mark.parametrize(
    ("kind", "case"),
    [("attention", "plain"), ("attention", "masked"), ("additive", "small"), ("additive", "masked")],
)
def test_live(kind, case, monkeypatch):
    library = "jax" if kind == "additive" else "torch"
    pytest.importorskip(library, reason=f"the live comparison needs {library}; the frozen one has run")
    monkeypatch.syspath_prepend(FROZEN)
    compare(ll, f"{kind}/{case}", live(kind, case, 7))


@pytest.mark.equation(
    *("eq-softmax-backward", "eq-attention-dweights", "eq-attention-dvalue"),
    *("eq-dot-dquery", "eq-dot-dkey", "eq-additive-delta"),
)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("lengths", [None, [4, 1, 2]])
def test_gradients_agree_with_finite_differences(kind, lengths):
    layer, (queries, keys) = KINDS[kind](), inputs()
    v = draw(np.random.default_rng(1), T_Q, B, N)

    def f(**_):
        c, trace = layer.forward(queries, keys, lengths=lengths)
        grads = layer.params.zeros_like()
        dq, dk = layer.backward(v, trace, grads)
        return xp.sum(v * c), {**grads, "queries": dq, "keys": dk}

    report = ll.gradcheck(f, {**layer.params, "queries": queries, "keys": keys})
    assert report.ok, str(report)


def test_the_first_weights_fill_the_range_that_their_width_gives_them():
    for name, p in AdditiveAttention(20, 90, 200, rng=0).params.items():
        numbers, width = ll.to_numpy(p), p.shape[-1]
        assert 0.97 * width**-0.5 < np.abs(numbers).max() <= width**-0.5, name


def test_additive_widths_may_differ():
    rng = np.random.default_rng(0)
    layer = AdditiveAttention(2, 5, 4)
    assert {n: tuple(a.shape) for n, a in layer.params.items()} == {"W_q": (4, 2), "W_k": (4, 5), "v": (4,)}
    c, trace = layer.forward(draw(rng, 3, 2, 2), draw(rng, 6, 2, 5))
    dq, dk = layer.backward(c, trace, layer.params.zeros_like())
    assert (tuple(c.shape), tuple(dq.shape), tuple(dk.shape)) == ((3, 2, 5), (3, 2, 2), (6, 2, 5))
    assert tuple(trace.weights.shape) == (2, 3, 6)


@pytest.mark.parametrize("kind", KINDS)
def test_weights_are_a_distribution_over_what_may_be_read(kind):
    queries, keys = inputs()
    lengths = [4, 1, 2]
    c, trace = KINDS[kind]().forward(queries, keys, lengths=lengths)
    weights = ll.to_numpy(trace.weights)
    np.testing.assert_allclose(weights.sum(axis=-1), 1.0, rtol=1e-14)
    for b, n in enumerate(lengths):
        assert (weights[b, :, n:] == 0.0).all()
        assert (weights[b, :, :n] > 0.0).all()
    np.testing.assert_allclose(ll.to_numpy(c)[:, 1], np.tile(ll.to_numpy(keys)[0, 1], (T_Q, 1)), rtol=1e-14)


@pytest.mark.parametrize("kind", KINDS)
@QUICK
@given(seed=st.integers(0, 2**31))
def test_padding_sequences_and_order_do_not_matter(kind, seed):
    layer, (queries, keys) = KINDS[kind](), inputs(seed)
    whole = ll.to_numpy(layer.forward(queries, keys, lengths=[S, 2, 3])[0])
    alone = ll.to_numpy(layer.forward(queries[:, 1:2, :], keys[:2, 1:2, :])[0])
    np.testing.assert_allclose(whole[:, 1:2], alone, atol=1e-14)
    order = np.random.default_rng(seed).permutation(S)
    shuffled = ll.to_numpy(layer.forward(queries, xp.asarray(ll.to_numpy(keys)[order]))[0])
    np.testing.assert_allclose(shuffled, ll.to_numpy(layer.forward(queries, keys)[0]), atol=1e-14)


@pytest.mark.equation("eq-dot-scores", "eq-attention-weights", "eq-context")
def test_dot_attention_by_hand():
    q, keys = xp.asarray([[[2.0]]]), xp.asarray([[[1.0]], [[0.0]]])
    c, trace = DotAttention().forward(q, keys)
    alpha = 1 / (1 + np.exp(-2.0))
    np.testing.assert_allclose(ll.to_numpy(trace.weights)[0, 0], [alpha, 1 - alpha], rtol=1e-14)
    assert float(c[0, 0, 0]) == pytest.approx(alpha, rel=1e-14)


def test_a_look_finds_by_content_at_any_distance():
    names, values = np.eye(4), np.array([2.0, -3.0, 5.0, 7.0])
    for distance in (0, 10, 1000):
        keys = np.zeros((4 + distance, 1, 6))  # a name and its value; then lines of a fifth name
        keys[:4, 0, :4], keys[:4, 0, 5] = names, values
        keys[4:, 0, 4:] = 1.0
        queries = np.zeros((4, 1, 6))
        queries[:, 0, :4] = 60.0 * names[::-1]
        found = DotAttention().forward(xp.asarray(queries), xp.asarray(keys))[0]
        np.testing.assert_allclose(ll.to_numpy(found)[:, 0, 5], values[::-1], rtol=1e-13)


@pytest.mark.parametrize("kind", KINDS)
def test_a_look_does_not_count_and_an_lstm_does(kind):
    """A sequence and the same twice: the shares of equal keys add up, whatever the weights."""
    layer, (queries, keys) = KINDS[kind](), inputs()
    once, twice = (layer.forward(queries, xp.concat([keys] * n, axis=0))[0] for n in (1, 2))
    np.testing.assert_allclose(ll.to_numpy(twice), ll.to_numpy(once), atol=1e-14)
    one, two = (float(ll.unroll(counter([1]), xp.ones((n * S, 1, 1))).state.C[0, 0]) for n in (1, 2))
    assert (one, two) == (S, 2 * S)


def test_the_scale_keeps_the_variance_of_the_scores():
    from lstmlab.layers.scores import dot_scores

    rng = np.random.default_rng(0)
    Q, H = draw(rng, 4, 20, 64), draw(rng, 4, 20, 64)
    assert float(xp.var(dot_scores(Q, H))) == pytest.approx(64, rel=0.1)
    wide = DotAttention(scaled=True)
    assert float(xp.var(wide._scores(Q, H)[0])) == pytest.approx(1, rel=0.1)


@pytest.mark.equation("eq-streaming")
@QUICK
@given(seed=st.integers(0, 2**31), block=st.integers(1, 7), scaled=st.booleans())
def test_streaming_gives_the_same_context(seed, block, scaled):
    rng = np.random.default_rng(seed)
    queries, keys = 5.0 * draw(rng, 3, 2, 4), draw(rng, 6, 2, 4)
    mask = rng.random((6, 2)) > 0.5
    mask[rng.integers(6), :] = True
    mask = xp.asarray(mask)
    want = DotAttention(scaled=scaled).forward(queries, keys, mask)[0]
    got = streaming_attention(queries, keys, keys, mask, scaled=scaled, block=block)
    np.testing.assert_allclose(ll.to_numpy(got), ll.to_numpy(want), atol=1e-13)


def test_streaming_does_not_overflow():
    queries, keys = inputs()
    with np.errstate(over="raise", invalid="raise"):
        far = streaming_attention(1e3 * queries, 1e3 * keys, keys, block=1)
    want = DotAttention().forward(1e3 * queries, 1e3 * keys)[0]
    np.testing.assert_allclose(1e3 * ll.to_numpy(far), ll.to_numpy(want), rtol=1e-12)


def test_streaming_memory_grows_with_the_length_and_not_with_its_square():
    def peak(T, function):
        rng = np.random.default_rng(0)
        q, k = rng.normal(size=(T, 1, 4)), rng.normal(size=(T, 1, 4))
        tracemalloc.start()
        function(q, k)
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    layer = DotAttention(xp=np)
    whole = [peak(T, lambda q, k: layer.forward(q, k)) for T in (128, 1024)]
    stream = [peak(T, lambda q, k: streaming_attention(q, k, k, block=16)) for T in (128, 1024)]
    assert whole[1] / whole[0] > 30
    assert stream[1] / stream[0] < 12
    assert stream[1] < whole[1] / 10


@pytest.mark.parametrize("kind", KINDS)
def test_float32_is_kept(kind):
    make = {"additive": lambda: AdditiveAttention(3, 3, 4, dtype="float32")}
    layer = make.get(kind, lambda: DotAttention(scaled=kind == "scaled", dtype="float32"))()
    queries, keys = inputs(dtype="float32")
    c, trace = layer.forward(queries, keys)
    found = [c, trace.weights, *layer.backward(c, trace, layer.params.zeros_like())]
    found.append(streaming_attention(queries, keys, keys, scaled=True))
    assert all(a.dtype == queries.dtype for a in found)


def test_dot_attention_can_stand_in_a_group_of_parameters():
    group = ll.parameters.ParameterGroup({"attention": DotAttention().params, "cell": ll.LSTM(1, 2).params})
    assert len(group.zeros_like()) == 8


def test_errors_say_what_is_wrong():
    layer, (queries, keys) = DotAttention(), inputs()
    mask = np.ones((S, B), dtype=bool)
    with pytest.raises(ValueError, match=r"keys: expected shape \(S, 3, 3\), got \(4, 2, 3\)"):
        layer.forward(queries, keys[:, :2, :])
    with pytest.raises(ValueError, match=r"queries: expected shape \(T_q, B, 2\), got \(2, 3, 3\)"):
        AdditiveAttention(2, 3, 4).forward(queries, keys)
    with pytest.raises(ValueError, match=r"mask: expected shape \(4, 3\), got \(3, 4\)"):
        layer.forward(queries, keys, xp.asarray(mask.T.copy()))
    with pytest.raises(TypeError, match="mask: expected an array of booleans, got float64"):
        layer.forward(queries, keys, xp.asarray(mask.astype("float64")))
    with pytest.raises(ValueError, match="mask, lengths: expected one of the two, got both"):
        layer.forward(queries, keys, xp.asarray(mask), lengths=[4, 4, 4])
    with pytest.raises(ValueError, match="lengths: expected 3 whole numbers from 1 to"):
        layer.forward(queries, keys, lengths=[4, 0, 4])
    mask[:, 1] = False
    for forward in (layer.forward, lambda q, k, m: streaming_attention(q, k, k, m)):
        with pytest.raises(ValueError, match="mask: expected at least one True"):
            forward(queries, keys, xp.asarray(mask))
    with pytest.raises(ValueError, match="block: expected a positive whole number, got 0"):
        streaming_attention(queries, keys, keys, block=0)
    with pytest.raises(ValueError, match="values: expected shape"):
        streaming_attention(queries, keys, keys[:2, :, :])
    _, trace = layer.forward(queries, keys)
    with pytest.raises(ValueError, match=r"dcontext: expected shape \(2, 3, 3\), got \(4, 3, 3\)"):
        layer.backward(keys, trace, layer.params.zeros_like())
    with pytest.raises(ValueError, match="n_a: expected a positive whole number, got 0"):
        AdditiveAttention(2, 2, 0)
