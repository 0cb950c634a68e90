"""The fast path, idea by idea: each equals what it replaces; and the instrument that counts what it saves."""

import numpy as np
import pytest
from cases import draw

import lstmlab as ll
from lstmlab import complexity as cost
from lstmlab import xp
from lstmlab.cells import gates, gradients
from lstmlab.functions import concatenate, side_by_side, sigmoid, tanh
from lstmlab.kernels import numpy_lstm

T, B, N_X, N_H = 5, 3, 2, 4


@pytest.fixture
def rng():
    return np.random.default_rng(21)


def close(got, want, tolerance=1e-14):
    got, want = ll.to_numpy(got), ll.to_numpy(want)
    assert got.shape == want.shape
    assert float(np.max(np.abs(got - want))) < tolerance


# --- the equations ------------------------------------------------------------------------------


@pytest.mark.equation("eq-hoisted-product")
@pytest.mark.parametrize(("steps", "batch"), [(T, B), (T, 1), (1, B)])
def test_the_inputs_product_before_the_loop_is_the_one_inside(rng, steps, batch):
    W, b = draw(rng, 4 * N_H, N_H + N_X), draw(rng, 4 * N_H, 1)
    h, x = draw(rng, N_H, batch), draw(rng, steps, N_X, batch)
    W_h, W_x = gates.weight_blocks(W, N_H)
    A = gates.hoisted_input_product(W_x, b, x)
    assert A.shape == (steps, 4 * N_H, batch)
    for t in range(steps):
        close(W_h @ h + A[t, ...], gates.explicit_pre_activation(W_h, W_x, b, h, x[t, ...]))


def test_columns_of_the_first_step_come_first():
    a = xp.reshape(xp.arange(2 * 3 * 2), (2, 3, 2))
    assert ll.to_numpy(side_by_side(a)).tolist() == [[0, 1, 6, 7], [2, 3, 8, 9], [4, 5, 10, 11]]


@pytest.mark.equation("eq-one-tanh")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_one_tanh_is_three_sigmoids_and_a_tanh(rng, dtype):
    a = xp.asarray(4.0 * rng.normal(size=(4 * N_H, B)), dtype=getattr(xp, dtype))
    n = 3 * N_H
    sigmoids, tanhs = gates.one_tanh(xp.concat([0.5 * a[:n, :], a[n:, :]]), n)
    assert sigmoids.dtype == a.dtype
    close(sigmoids, sigmoid(a[:n, :]), 2.0 * np.finfo(dtype).eps)
    close(tanhs, tanh(a[n:, :]), np.finfo(dtype).tiny)


@pytest.mark.equation("eq-augmented-product")
def test_the_bias_as_a_column_is_the_bias(rng):
    W, b = draw(rng, 4 * N_H, N_H + N_X), draw(rng, 4 * N_H, 1)
    h, x = draw(rng, N_H, B), draw(rng, N_X, B)
    got = gates.augmented_pre_activation(xp.concat([W, b], axis=1), h, x)
    close(got, W @ concatenate(h, x) + b)


@pytest.mark.equation("eq-dW-of-run")
def test_one_product_over_all_steps_is_the_sum_of_the_steps_gradients(rng):
    delta, z = draw(rng, T, 4 * N_H, B), draw(rng, T, N_H + N_X, B)
    steps = [gradients.weight_gradient(delta[t, ...], z[t, ...]) for t in range(T)]
    close(gradients.weight_gradient_of_run(delta, z), sum(steps[1:], steps[0]), 1e-13)


@pytest.mark.equation("eq-local-factors")
def test_local_factors_are_the_derivatives_of_one_step(rng):
    """With all gradients 1, the functions of the way back return their factors."""
    o, f, i = (1.0 / (1.0 + np.exp(-rng.normal(size=(3, T, N_H, B)))))[:3]
    C_tilde, C_prev, C = np.tanh(rng.normal(size=(T, N_H, B))), *rng.normal(size=(2, T, N_H, B))
    factors = numpy_lstm.local_derivatives(np.stack([o, i, f, C_tilde, C_prev], axis=1), C)
    one = np.ones((N_H, B))
    for t in range(T):
        want = [
            gradients.cell_state_gradient(one, o[t], C[t], 0.0 * one),
            gradients.gate_delta(gradients.output_gate_gradient(one, C[t]), o[t]),
            gradients.gate_delta(gradients.input_gate_gradient(one, C_tilde[t]), i[t]),
            gradients.gate_delta(gradients.forget_gate_gradient(one, C_prev[t]), f[t]),
            gradients.candidate_delta(gradients.candidate_gradient(one, i[t]), C_tilde[t]),
            f[t],
        ]
        close(factors[t], np.stack(want))


@pytest.mark.equation("eq-walk-back")
def test_the_walk_gives_every_steps_gradients(rng):
    """Against the cells' own steps back: what arrives before the first step, and at each input."""
    cell = ll.LSTM(N_X, N_H, rng=1, xp=np)
    cell.params.flat[...] = rng.normal(size=cell.n_params)
    x, dh = rng.normal(size=(T, B, N_X)), rng.normal(size=(T, B, N_H))
    last = ll.LSTMState(*rng.normal(size=(2, B, N_H)))
    with ll.kernels.plain():
        run = ll.unroll(cell, x)
        back = ll.backprop(cell, run, dh, last)
    o, f, i, C_tilde, C_prev, C = (
        np.swapaxes(getattr(run.trace, name), 1, 2).copy()
        for name in ("o", "f", "i", "C_tilde", "C_prev", "C")
    )
    factors = numpy_lstm.local_derivatives(np.stack([o, i, f, C_tilde, C_prev], axis=1), C)
    W = numpy_lstm.weights(cell, "F")
    dh_t, dC_t = last.h.T.copy(), last.C.T.copy()
    dU = numpy_lstm.walk(W.T[:-1], factors, np.swapaxes(dh, 1, 2).copy(), dh_t, dC_t, None, 0)
    close(dh_t.T, back.dstate.h, 1e-12)
    close(dC_t.T, back.dstate.C, 1e-12)
    close(dU[0, :N_H].T, back.dstate.h, 1e-12)
    close(np.swapaxes(dU[:, N_H:], 1, 2), back.dx, 1e-12)


# --- bounds -------------------------------------------------------------------------------------


@pytest.mark.equation("eq-product-intensity")
@pytest.mark.parametrize(("m", "k", "n"), [(8, 6, 1), (3, 4, 5), (16, 2, 7)])
def test_a_products_intensity_is_what_a_product_does(m, k, n):
    W, z = cost.watched(np.ones((m, k))), cost.watched(np.ones((k, n)))
    with cost.watching() as tally:
        W @ z
    assert tally.intensity / 8 == pytest.approx(cost.product_intensity(m, k, n, width=8), rel=1e-14)
    assert cost.product_intensity(m, k, n) == 2.0 * cost.product_intensity(m, k, n, width=8)


def test_weights_that_stay_are_moved_once():
    """r products with the same weights are one product with r n columns, as far as traffic goes."""
    for uses in (1, 3, 100):
        kept = cost.product_intensity(8, 6, 2, uses=uses)
        assert kept == pytest.approx(cost.product_intensity(8, 6, 2 * uses), rel=1e-14)
    assert cost.product_intensity(8, 6, 2, uses=10**9) == pytest.approx(2 * 8 * 6 / (4 * (8 + 6)), rel=1e-6)


@pytest.mark.equation("eq-roofline")
def test_the_roof_is_a_slope_and_a_ceiling():
    machine = cost.Machine(peak=100.0, bandwidth=20.0)
    assert [cost.attainable(v, machine) for v in (0.5, 4.9, 5.0, 50.0)] == [10.0, 98.0, 100.0, 100.0]


@pytest.mark.equation("eq-time-model")
def test_the_model_adds_calls_and_the_slower_of_two():
    machine = cost.Machine(peak=100.0, bandwidth=20.0, call=0.5)
    assert cost.modelled_time(machine, calls=4, flops=300, moved=5) == 2.0 + 3.0
    assert cost.modelled_time(machine, calls=4, flops=300, moved=50) == 2.0 + 10.0
    assert cost.modelled_time(machine, calls=0, flops=0, moved=50, width=8) == 20.0


# --- the instrument -----------------------------------------------------------------------------


def seen(function, *arrays):
    with cost.watching() as tally:
        result = function(*map(cost.watched, arrays))
    return tally, result


@pytest.mark.parametrize(
    ("function", "shapes", "want"),
    [
        (lambda a, b: a * b, [(3, 4), (3, 4)], (1, 0, 0, 12, 24, 12, 12)),
        (lambda a: 2.0 * a, [(3, 4)], (1, 0, 0, 12, 12, 12, 12)),
        (lambda a, b: a + b, [(3, 4), (3, 1)], (1, 0, 0, 12, 15, 12, 12)),
        (lambda a: a > 0.0, [(3, 4)], (1, 0, 0, 0, 12, 12, 12)),
        (lambda a: np.sum(a, axis=1), [(3, 4)], (1, 0, 0, 9, 12, 3, 3)),
        (lambda a, b: a @ b, [(3, 4), (4, 5)], (1, 1, 60, 0, 32, 15, 15)),
        (lambda a, b: np.dot(a, b), [(3, 4), (4,)], (1, 1, 12, 0, 16, 3, 3)),
        (lambda a, b, c: np.dot(a, b, c), [(3, 4), (4, 5), (3, 5)], (1, 1, 60, 0, 32, 15, 0)),
        (lambda a, b: np.multiply(a, b, out=a), [(3, 4), (3, 4)], (1, 0, 0, 12, 24, 12, 0)),
        (lambda a, b: np.concatenate([a, b]), [(3, 4), (1, 4)], (1, 0, 0, 0, 16, 16, 16)),
        (lambda a, b: np.stack([a, b]), [(3, 4), (3, 4)], (1, 0, 0, 0, 24, 24, 24)),
        (lambda a, b: np.where(a > 0.0, a, b), [(3, 4), (3, 4)], (2, 0, 0, 0, 48, 24, 24)),
        (np.ones_like, [(3, 4)], (1, 0, 0, 0, 0, 12, 12)),
        (lambda a: np.empty_like(a, shape=(7,)), [(3, 4)], (0, 0, 0, 0, 0, 0, 7)),
        (lambda a: a.T[1:].reshape(9), [(3, 4)], (1, 0, 0, 0, 9, 9, 9)),
        (lambda a: np.reshape(a.T, (12,)), [(3, 4)], (1, 0, 0, 0, 12, 12, 12)),
        (lambda a: np.swapaxes(a.reshape(2, 6), 0, 1)[1:, None], [(3, 4)], (0, 0, 0, 0, 0, 0, 0)),
    ],
)
def test_calls_and_traffic_as_counted_by_hand(function, shapes, want):
    arrays = [np.ones(shape) for shape in shapes]
    tally, result = seen(function, *arrays)
    assert tally == cost.Traffic(*want)
    assert isinstance(result, cost.WatchedArray)
    assert np.array_equal(result, function(*arrays)) or "empty_like" in function.__code__.co_names


def test_what_is_written_into_an_array_is_counted():
    def fill(a, b):
        a[1:] = b
        a[:, 0] = 1.0
        return a

    tally, result = seen(fill, np.zeros((3, 4)), np.full((2, 4), 5.0))
    assert tally == cost.Traffic(calls=2, read=8, written=8 + 3)
    assert result.tolist() == [[1.0, 0.0, 0.0, 0.0], [1.0, 5.0, 5.0, 5.0], [1.0, 5.0, 5.0, 5.0]]


def test_stacks_of_matrices_and_copies_are_counted():
    tally, _ = seen(np.matmul, np.ones((2, 3, 4)), np.ones((2, 4, 5)))
    assert tally.macs == 2 * 3 * 4 * 5
    tally, _ = seen(np.copyto, np.zeros(6), np.ones(6))
    assert tally == cost.Traffic(calls=1, read=6, written=6)


def test_traffic_can_be_added_and_told():
    tally = cost.Traffic(calls=1, macs=3, operations=2, read=3, written=1)
    assert tally + tally - tally == tally
    assert (tally.moved, tally.flops, tally.intensity) == (4, 8, 2.0)


def test_what_would_go_unseen_is_refused():
    a = cost.watched(np.ones((2, 2)))
    with pytest.raises(TypeError, match=r"numpy\.einsum"):
        np.einsum("ij,jk", a, a)
    with pytest.raises(TypeError, match=r"numpy\.linalg"):
        np.linalg.inv(a)


def test_a_tally_ends_with_its_block_and_a_cell_stays_as_it_was():
    cell = ll.LSTM(N_X, N_H, xp=np)
    twin = cost.watched_cell(cell)
    with cost.watching() as outer:
        with cost.watching() as inner:
            twin.W @ np.ones((N_H + N_X, 1))
        assert (outer.calls, inner.calls) == (0, 1)
    twin.W @ np.ones((N_H + N_X, 1))
    assert (outer.calls, inner.calls) == (0, 1)
    assert type(cell.params.flat) is np.ndarray
    assert isinstance(twin.params["W_f"], cost.WatchedArray)
    assert np.array_equal(twin.params.flat, cell.params.flat)


def test_both_instruments_see_the_same_products():
    cell, x = ll.LSTM(N_X, N_H, xp=np), np.ones((T, B, N_X))
    with cost.watching() as tally:
        run = ll.unroll(cost.watched_cell(cell), cost.watched(x))
    assert tally.macs == cost.lstm_forward(N_X, N_H, T=T, B=B).macs
    assert np.array_equal(run.h, ll.unroll(cell, x).h)
