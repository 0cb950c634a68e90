"""Fused kernels give what the step-by-step code gives: outputs, traces, every gradient."""

import copy
import importlib.util
import threading
from functools import partial

import numpy as np
import pytest
from cases import examples
from hypothesis import given, settings
from hypothesis import strategies as st

import lstmlab as ll
from lstmlab.kernels import choice, numpy_gru, numpy_lstm, numpy_rnn, numpy_shared, numpy_tied
from lstmlab.unroll import length_mask, run_outputs

TOLERANCE = {"float64": 1e-12, "float32": 1e-5}
#: Cells that have a kernel, made as ``make(n_x, n_h, rng=, dtype=, xp=)``.
MAKERS = {
    "LSTM": ll.LSTM,
    "GRU": ll.GRU,
    "GRU, reset after": partial(ll.GRU, reset="after"),
    "RNN": ll.RNN,
    "coupled": ll.CoupledLSTM,
    "two biases": ll.TwoBiasLSTM,
}
KERNELS = {
    ll.LSTM: numpy_lstm,
    ll.GRU: numpy_gru,
    ll.RNN: numpy_rnn,
    ll.CoupledLSTM: numpy_tied.coupled,
    ll.TwoBiasLSTM: numpy_tied.two_biases,
}
every_kernel = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS.keys())


def draw_all(T, B, n_x, n_h, dtype, seed, masked=False, make=ll.LSTM):
    rng = np.random.default_rng(seed)
    cell = make(n_x, n_h, rng=seed, dtype=dtype, xp=np)
    cell.params.flat[...] = rng.normal(size=cell.n_params)
    fields = len(cell.State._fields)
    x = rng.normal(size=(T, B, n_x)).astype(dtype)
    state = cell.State(*rng.normal(size=(fields, B, n_h)).astype(dtype))
    dh = rng.normal(size=(T, B, n_h)).astype(dtype)
    dstate = cell.State(*rng.normal(size=(fields, B, n_h)).astype(dtype))
    mask = length_mask(rng.integers(1, T + 1, size=B), T, B, x) if masked else None
    return cell, x, state, dh, dstate, mask


def error(want, got):
    """Largest difference as a share of the largest entry; no number is infinity: ``max`` would pass it."""
    assert want.shape == got.shape
    assert want.dtype == got.dtype
    share = float(np.max(np.abs(want - got)) / max(float(np.max(np.abs(want))), 1.0))
    return share if np.isfinite(share) else float("inf")


def worst(cell, x, state, dh, dstate, mask):
    """Run both ways and return the largest error of all outputs and of all gradients."""
    kernel = KERNELS[type(cell)]
    plain = numpy_shared.plain_run(cell, x, state, mask)
    fused = kernel.forward(cell, x, state, mask)
    outputs = [error(plain.h, fused.h), *map(error, plain.state, fused.state)]
    outputs += list(map(error, plain.trace, fused.trace))
    grads, fused_grads = cell.params.zeros_like(), cell.params.zeros_like()
    dx, d = numpy_shared.plain_back(cell, plain.trace, mask, dh, dstate, grads)
    fused_dx, fused_d = kernel.backward(cell, fused.trace.blocks, mask, dh, dstate, fused_grads)
    gradients = [error(dx, fused_dx), *map(error, d, fused_d)]
    gradients += [error(grads[name], fused_grads[name]) for name in grads]
    return max(outputs), max(gradients)


@given(
    make=st.sampled_from(list(MAKERS.values())),
    T=st.integers(1, 9),
    B=st.integers(1, 5),
    n_x=st.integers(1, 4),
    n_h=st.integers(1, 6),
    dtype=st.sampled_from(["float64", "float32"]),
    masked=st.booleans(),
    seed=st.integers(0, 1000),
)
@settings(max_examples=examples(60), deadline=None)
def test_a_fused_run_is_the_run(make, T, B, n_x, n_h, dtype, masked, seed):
    outputs, gradients = worst(*draw_all(T, B, n_x, n_h, dtype, seed, masked, make))
    assert outputs < TOLERANCE[dtype]
    assert gradients < TOLERANCE[dtype]


@given(
    make=st.sampled_from(list(MAKERS.values())),
    T=st.integers(1, 9),
    B=st.integers(1, 5),
    n_x=st.integers(1, 4),
    n_h=st.integers(1, 6),
    masked=st.booleans(),
    seed=st.integers(0, 1000),
)
@settings(max_examples=examples(60), deadline=None)
def test_a_run_without_a_trace_is_the_same_run(make, T, B, n_x, n_h, masked, seed):
    cell, x, state, _, _, mask = draw_all(T, B, n_x, n_h, "float64", seed, masked, make)
    want = numpy_shared.plain_run(cell, x, state, mask)
    kernel = KERNELS[type(cell)]
    fused = getattr(kernel, "outputs", kernel.forward)(cell, x, state, mask)
    lengths = None if mask is None else [int(n) for n in mask[:, :, 0].sum(axis=0)]
    for got in (fused, ll.unroll(cell, x, state, lengths=lengths, trace=False)):
        assert max(error(want.h, got.h), *map(error, want.state, got.state)) < 1e-12


@every_kernel
def test_a_run_without_a_trace_hands_out_no_scratch_memory(make):
    cell, x, state, *_ = draw_all(60, 4, 20, 30, "float64", 1, make=make)
    first = ll.unroll(cell, x, state, trace=False)
    h, last = first.h.copy(), [field.copy() for field in first.state]
    ll.unroll(cell, 2.0 * x, state, trace=False)
    assert error(h, first.h) == max(map(error, last, first.state)) == 0.0


@every_kernel
@pytest.mark.parametrize("masked", [False, True])
def test_a_view_of_a_trace_keeps_its_memory_from_the_next_run(make, masked, monkeypatch):
    monkeypatch.setattr(numpy_shared, "LENT", 1)
    monkeypatch.setattr(numpy_shared, "scratch", numpy_shared.Scratch())
    cell, x, state, _, _, mask = draw_all(6, 3, 2, 4, "float64", 1, masked, make)
    kernel = KERNELS[type(cell)]
    views = [field[2:4] for field in kernel.forward(cell, x, state, mask).trace[1:]]  # the run itself is gone
    before = [view.copy() for view in views]
    for scale in (2.0, 3.0):
        kernel.forward(cell, scale * x, state, mask)
    assert all(np.array_equal(one, other) for one, other in zip(views, before, strict=True))


def place(a):
    """The address of an array's first number."""
    return a.__array_interface__["data"][0]


def test_lent_memory_is_used_again_when_nobody_holds_it(monkeypatch):
    monkeypatch.setattr(numpy_shared, "LENT", 10)
    monkeypatch.setattr(numpy_shared, "KEPT", 100)
    scratch = numpy_shared.Scratch()
    one, two = scratch.lend("a", (5, 8), "float64"), scratch.lend("a", (40,), "float64")
    assert place(one) != place(two)
    first, row = place(one), one[3]
    del one
    assert place(scratch.lend("a", (40,), "float64")) != first  # a row of it is still held
    del row
    again = scratch.lend("a", (4, 9), "float64")
    assert place(again) == first or place(scratch.lend("a", (4, 9), "float64")) == first
    assert place(scratch.lend("b", (40,), "float64")) != first
    assert scratch.lend("a", (4, 9), "float32").dtype == "float32"
    assert scratch.lend("a", (3, 3), "float64").base is None  # small: plain memory
    assert scratch.lend("a", (101,), "float64").base is None  # too much to keep


def test_of_what_comes_home_the_largest_stays(monkeypatch):
    """Small runs before a large one must not leave their memory where its own would lie."""
    monkeypatch.setattr(numpy_shared, "LENT", 10)
    scratch = numpy_shared.Scratch()
    small = [scratch.lend("a", (20,), "float64") for _ in range(numpy_shared.AT_HOME + 1)]
    del small
    large = scratch.lend("a", (50,), "float64")
    its_place = place(large)
    del large
    (home,) = scratch.homes.values()
    assert [flat.size for flat in home] == [20] * (numpy_shared.AT_HOME - 1) + [50]
    assert place(scratch.lend("a", (20,), "float64")) != its_place  # the smallest that fits
    assert place(scratch.lend("a", (50,), "float64")) == its_place


@every_kernel
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize(("T", "B"), [(23, 1), (23, 3)])
def test_portions_of_time_join(T, B, masked, make, monkeypatch):
    """A few steps are worked on at once; the earliest portion is smaller."""
    monkeypatch.setattr(numpy_shared, "CHUNK", 4 * 5 * B * 5)
    monkeypatch.setattr(numpy_shared, "COLUMNS", 1)
    assert max(worst(*draw_all(T, B, 3, 5, "float64", 1, masked, make))) < 1e-12


@every_kernel
@pytest.mark.parametrize("masked", [False, True])
def test_a_window_of_a_fused_run_is_walked_by_its_kernel(make, masked, monkeypatch):
    cell, x, state, dh, dstate, mask = draw_all(9, 3, 2, 4, "float64", 2, masked, make)
    lengths = None if mask is None else [int(n) for n in mask[:, :, 0].sum(axis=0)]
    runs = []
    for way in (ll.kernels.plain, ll.kernels.fused):
        with way():
            runs.append(ll.unroll(cell, x, state, lengths=lengths))
    want = ll.truncated_backprop(cell, runs[0], dh, 4, every=3, dstate=dstate)
    monkeypatch.setattr(numpy_shared, "plain_back", None)
    got = ll.truncated_backprop(cell, runs[1], dh, 4, every=3, dstate=dstate)
    assert error(want.dx, got.dx) < 1e-12
    assert max(error(want.grads[name], got.grads[name]) for name in want.grads) < 1e-12
    assert max(map(error, want.dstate, got.dstate)) < 1e-12


@pytest.mark.parametrize(("T", "steps"), [(1, 1), (5, 2), (6, 2), (7, 9)])
def test_portions_hold_every_step_once(T, steps, monkeypatch):
    monkeypatch.setattr(numpy_shared, "CHUNK", 10 * steps)
    monkeypatch.setattr(numpy_shared, "COLUMNS", 12)
    portions = numpy_shared.portions(T, 2, 5) if steps > 2 else numpy_shared.portions(T, 10**9, 12 // steps)
    assert [t for some in portions for t in range(T)[some]] == list(range(T))
    assert max(some.stop - some.start for some in portions) == min(T, steps)
    assert numpy_shared.portions(3, 10**9, 13) == [slice(0, 1), slice(1, 2), slice(2, 3)]


@every_kernel
def test_the_fused_gradient_agrees_with_finite_differences(make, monkeypatch):
    monkeypatch.setattr(numpy_shared, "worthwhile", lambda *sizes: True)
    cell, x, state, dh, dstate, _ = draw_all(4, 3, 2, 3, "float64", 5, make=make)
    assert ll.unroll(cell, x, state).trace.blocks is not None
    f, args = ll.cell_loss(cell, x, state, dh, dstate)
    report = ll.gradcheck(f, args)
    assert report.ok, str(report)


@pytest.mark.parametrize("reset", ["before", "after"])
def test_a_shut_gate_keeps_nothing_of_a_large_state(reset):
    """Where z is 1, h is the candidate: h + z (h̃ - h) would lose its digits against a large h."""
    cell, x, state, *_ = draw_all(3, 2, 2, 3, "float32", 9, make=partial(ll.GRU, reset=reset))
    for name in ("W_z", "W_r", "W"):
        cell.params[name] = 0.0 * cell.params[name]
    cell.params["b_z"] = np.full(3, 50.0, "float32")
    run = numpy_gru.forward(cell, x, ll.GRUState(np.float32(1e6) * state.h), None)
    assert error(run.trace.h_tilde, run.h) == 0.0


@every_kernel
def test_large_runs_are_fused_and_small_ones_are_the_chapters_own_code(make):
    cell = make(20, 30, xp=np)
    small, large = np.ones((2, 1, 20)), np.ones((100, 2, 20))
    fused = type(KERNELS[type(cell)].forward(cell, small, cell.initial_state(1), None).trace)
    assert fused is not cell.Trace
    assert issubclass(fused, cell.Trace)
    assert not isinstance(ll.unroll(cell, small).trace, fused)
    assert not isinstance(ll.unroll(cell, large[:, :1]).trace, fused)  # long, but half the work
    assert isinstance(ll.unroll(cell, large).trace, fused)
    with ll.kernels.plain():
        assert not isinstance(ll.unroll(cell, large).trace, fused)
        with ll.kernels.fused():
            assert not isinstance(ll.unroll(cell, large).trace, fused)
    assert isinstance(ll.unroll(cell, large).trace, fused)
    with ll.kernels.fused():
        assert isinstance(ll.unroll(cell, small).trace, fused)
    assert not isinstance(ll.unroll(cell, small).trace, fused)
    assert not choice.worthwhile(1, 1, 3, 4)
    assert choice.worthwhile(4, 16, 96, 32)  # 2**18 exactly
    assert not choice.worthwhile(4, 16, 95, 32)


@every_kernel
def test_outputs_alone_are_fused_where_a_run_with_its_trace_is(make, monkeypatch):
    cell, walked = make(20, 30, xp=np), []
    plain = numpy_shared.walk_outputs
    monkeypatch.setattr(numpy_shared, "walk_outputs", lambda *a: walked.append(a[1].shape) or plain(*a))
    for shape in ((100, 2, 20), (100, 1, 20)):
        run_outputs(cell, np.ones(shape), cell.initial_state(shape[1]), None)
    assert walked == [(100, 1, 20)]


def test_a_cell_derived_from_one_with_a_kernel_keeps_its_own_step():
    class Leaky(ll.RNN):
        def step(self, x_t, state):
            new, trace = super().step(x_t, state)
            return type(new)(0.5 * new.h), trace

    x = np.ones((100, 2, 20))
    assert not np.array_equal(ll.unroll(Leaky(20, 30, xp=np), x).h, ll.unroll(ll.RNN(20, 30, xp=np), x).h)


@pytest.mark.parametrize(("value", "expected"), [("off", False), ("", True), ("on", True)])
def test_the_environment_decides(value, expected, monkeypatch):
    monkeypatch.setenv("LSTMLAB_KERNELS", value)
    spec = importlib.util.spec_from_file_location("choice_anew", choice.__file__)
    anew = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(anew)
    assert anew.worthwhile(1000, 10, 50, 50) is expected


@every_kernel
def test_a_copied_trace_takes_the_plain_way_back_to_the_same_gradients(make):
    cell, x, state, dh, dstate, _ = draw_all(60, 4, 20, 30, "float64", 3, make=make)
    cell.params.flat[...] *= 0.3  # sixty steps of larger ones are chaos, where rounding grows
    run = ll.unroll(cell, x, state)
    assert run.trace.blocks is not None
    copied = run._replace(trace=type(run.trace)(*run.trace))
    assert copied.trace.blocks is None
    one, two = ll.backprop(cell, run, dh, dstate), ll.backprop(cell, copied, dh, dstate)
    assert max(error(one.grads[name], two.grads[name]) for name in one.grads) < 1e-12
    deep = copy.deepcopy(run)
    three = ll.backprop(cell, deep, dh, dstate)
    assert error(one.dx, three.dx) < 1e-12


@every_kernel
def test_a_run_can_be_walked_back_twice_and_what_came_before_is_untouched(make):
    cell, x, state, dh, dstate, _ = draw_all(60, 4, 20, 30, "float64", 4, make=make)
    name = next(iter(cell.params))
    given_arrays = [x, *state, dh, *dstate, cell.params.flat]
    before = [a.copy() for a in given_arrays]
    run = ll.unroll(cell, x, state)
    one = ll.backprop(cell, run, dh, dstate)
    other = ll.backprop(cell, ll.unroll(cell, 2.0 * x, state), dh)
    two = ll.backprop(cell, run, dh, dstate)
    assert np.array_equal(one.dx, two.dx)
    assert np.array_equal(one.grads[name], two.grads[name])
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


@every_kernel
def test_arrays_in_any_order_of_memory_are_taken(make):
    cell, x, state, dh, dstate, _ = draw_all(60, 4, 20, 30, "float64", 7, make=make)
    name = next(iter(cell.params))
    want = ll.backprop(cell, ll.unroll(cell, x, state), dh, dstate)
    turned = np.asfortranarray(x)
    every_other = np.repeat(dh, 2, axis=2)[:, :, ::2]
    got = ll.backprop(cell, ll.unroll(cell, turned, state), every_other, dstate)
    assert np.array_equal(want.dx, got.dx)
    assert np.array_equal(want.grads[name], got.grads[name])


def test_a_stack_and_two_directions_use_the_kernel_inside():
    net = ll.stack([ll.bidirectional(ll.LSTM(20, 30, xp=np), ll.GRU(20, 30, xp=np)), ll.RNN(60, 30, xp=np)])
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
