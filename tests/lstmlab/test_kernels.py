"""Fused kernels give what the step-by-step code gives: outputs, traces, every gradient."""

import copy
import os
import subprocess
import sys
import threading

import numpy as np
import pytest
from cases import examples
from hypothesis import given, settings
from hypothesis import strategies as st

import lstmlab as ll
from lstmlab.kernels import numpy_lstm
from lstmlab.kernels.choice import worthwhile
from lstmlab.unroll import length_mask

TOLERANCE = {"float64": 1e-12, "float32": 1e-5}


def draw_all(T, B, n_x, n_h, dtype, seed, masked=False):
    rng = np.random.default_rng(seed)
    cell = ll.LSTM(n_x, n_h, rng=seed, dtype=dtype, xp=np)
    cell.params.flat[...] = rng.normal(size=cell.n_params)
    x = rng.normal(size=(T, B, n_x)).astype(dtype)
    state = ll.LSTMState(*rng.normal(size=(2, B, n_h)).astype(dtype))
    dh = rng.normal(size=(T, B, n_h)).astype(dtype)
    dstate = ll.LSTMState(*rng.normal(size=(2, B, n_h)).astype(dtype))
    mask = length_mask(rng.integers(1, T + 1, size=B), T, B, x) if masked else None
    return cell, x, state, dh, dstate, mask


def error(want, got):
    """Largest difference as a share of the largest entry."""
    assert want.shape == got.shape
    assert want.dtype == got.dtype
    return float(np.max(np.abs(want - got)) / max(float(np.max(np.abs(want))), 1.0))


def worst(cell, x, state, dh, dstate, mask):
    """Run both ways and return the largest error of all outputs and of all gradients."""
    plain = numpy_lstm.plain_run(cell, x, state, mask)
    fused = numpy_lstm.forward(cell, x, state, mask)
    outputs = [error(plain.h, fused.h), *map(error, plain.state, fused.state)]
    outputs += list(map(error, plain.trace, fused.trace))
    grads, fused_grads = cell.params.zeros_like(), cell.params.zeros_like()
    dx, d = numpy_lstm.plain_back(cell, plain.trace, mask, dh, dstate, grads)
    fused_dx, fused_d = numpy_lstm.backward(cell, fused.trace.blocks, mask, dh, dstate, fused_grads)
    gradients = [error(dx, fused_dx), *map(error, d, fused_d)]
    gradients += [error(grads[name], fused_grads[name]) for name in grads]
    return max(outputs), max(gradients)


@given(
    T=st.integers(1, 9),
    B=st.integers(1, 5),
    n_x=st.integers(1, 4),
    n_h=st.integers(1, 6),
    dtype=st.sampled_from(["float64", "float32"]),
    masked=st.booleans(),
    seed=st.integers(0, 1000),
)
@settings(max_examples=examples(40), deadline=None)
def test_the_fused_lstm_is_the_lstm(T, B, n_x, n_h, dtype, masked, seed):
    outputs, gradients = worst(*draw_all(T, B, n_x, n_h, dtype, seed, masked))
    assert outputs < TOLERANCE[dtype]
    assert gradients < TOLERANCE[dtype]


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize(("T", "B"), [(23, 1), (23, 3)])
def test_chunks_of_the_way_back_join(T, B, masked, monkeypatch):
    """The way back works on a few steps at once; the last portion is smaller."""
    monkeypatch.setattr(numpy_lstm, "CHUNK", 4 * 5 * B * 7)
    assert max(worst(*draw_all(T, B, 3, 5, "float64", 1, masked))) < 1e-12


def test_the_fused_gradient_agrees_with_finite_differences(monkeypatch):
    monkeypatch.setattr(numpy_lstm, "worthwhile", lambda *sizes: True)
    cell, x, state, dh, dstate, _ = draw_all(4, 3, 2, 3, "float64", 5)
    assert ll.unroll(cell, x, state).trace.blocks is not None
    f, args = ll.cell_loss(cell, x, state, dh, dstate)
    report = ll.gradcheck(f, args)
    assert report.ok, str(report)


def test_large_runs_are_fused_and_small_ones_are_the_chapters_own_code():
    cell = ll.LSTM(20, 30, xp=np)
    small, large = np.ones((2, 1, 20)), np.ones((100, 2, 20))
    assert not isinstance(ll.unroll(cell, small).trace, numpy_lstm.FusedTrace)
    assert isinstance(ll.unroll(cell, large).trace, numpy_lstm.FusedTrace)
    with ll.kernels.plain():
        assert not isinstance(ll.unroll(cell, large).trace, numpy_lstm.FusedTrace)
    assert isinstance(ll.unroll(cell, large).trace, numpy_lstm.FusedTrace)
    assert not worthwhile(1, 1, 3, 4)


@pytest.mark.parametrize(("value", "expected"), [("off", False), ("", True), ("on", True)])
def test_the_environment_decides(value, expected):
    code = "from lstmlab.kernels.choice import worthwhile; print(worthwhile(1000, 10, 50, 50))"
    environment = os.environ | {"LSTMLAB_KERNELS": value, "LSTMLAB_BACKEND": "numpy"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == str(expected)


def test_a_copied_trace_takes_the_plain_way_back_to_the_same_gradients():
    cell, x, state, dh, dstate, _ = draw_all(60, 4, 20, 30, "float64", 3)
    run = ll.unroll(cell, x, state)
    assert run.trace.blocks is not None
    copied = run._replace(trace=type(run.trace)(*run.trace))
    assert copied.trace.blocks is None
    one, two = ll.backprop(cell, run, dh, dstate), ll.backprop(cell, copied, dh, dstate)
    assert max(error(one.grads[name], two.grads[name]) for name in one.grads) < 1e-12
    deep = copy.deepcopy(run)
    three = ll.backprop(cell, deep, dh, dstate)
    assert error(one.dx, three.dx) < 1e-12


def test_a_run_can_be_walked_back_twice_and_what_came_before_is_untouched():
    cell, x, state, dh, dstate, _ = draw_all(60, 4, 20, 30, "float64", 4)
    given_arrays = [x, *state, dh, *dstate, cell.params.flat]
    before = [a.copy() for a in given_arrays]
    run = ll.unroll(cell, x, state)
    one = ll.backprop(cell, run, dh, dstate)
    other = ll.backprop(cell, ll.unroll(cell, 2.0 * x, state), dh)
    two = ll.backprop(cell, run, dh, dstate)
    assert np.array_equal(one.dx, two.dx)
    assert np.array_equal(one.grads["W_f"], two.grads["W_f"])
    assert not np.array_equal(one.dx, other.dx)
    assert all(np.array_equal(a, b) for a, b in zip(given_arrays, before, strict=True))


def test_state_and_gradients_do_not_share_scratch_memory_between_threads():
    cell, x, state, dh, dstate, _ = draw_all(60, 4, 20, 30, "float64", 6)
    want = ll.backprop(cell, ll.unroll(cell, x, state), dh, dstate)
    found = []

    def work():
        found.extend(ll.backprop(cell, ll.unroll(cell, x, state), dh, dstate).dx for _ in range(5))

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 15
    assert all(np.array_equal(dx, want.dx) for dx in found)


def test_arrays_in_any_order_of_memory_are_taken():
    cell, x, state, dh, dstate, _ = draw_all(60, 4, 20, 30, "float64", 7)
    want = ll.backprop(cell, ll.unroll(cell, x, state), dh, dstate)
    turned = np.asfortranarray(x)
    every_other = np.repeat(dh, 2, axis=2)[:, :, ::2]
    got = ll.backprop(cell, ll.unroll(cell, turned, state), every_other, dstate)
    assert np.array_equal(want.dx, got.dx)
    assert np.array_equal(want.grads["W_o"], got.grads["W_o"])


def test_a_stack_and_two_directions_use_the_kernel_inside():
    net = ll.stack([ll.bidirectional(ll.LSTM(20, 30, xp=np), ll.LSTM(20, 30, xp=np)), ll.LSTM(60, 30, xp=np)])
    rng = np.random.default_rng(0)
    x, dh = rng.normal(size=(50, 4, 20)), rng.normal(size=(50, 4, 30))
    lengths = [50, 7, 1, 30]
    fused = ll.unroll(net, x, lengths=lengths)
    got = ll.backprop(net, fused, dh)
    with ll.kernels.plain():
        run = ll.unroll(net, x, lengths=lengths)
        want = ll.backprop(net, run, dh)
    assert error(run.h, fused.h) < 1e-12
    assert max(error(want.grads[name], got.grads[name]) for name in want.grads) < 1e-12
    assert error(want.dx, got.dx) < 1e-12
