"""Truncated backpropagation, carried states, gradient checkpointing."""

import numpy as np
import pytest
from cases import draw, examples, make_case
from hypothesis import given, settings
from hypothesis import strategies as st
from test_depth import deep
from test_unroll import same

import lstmlab as ll
from lstmlab import xp

CAUSAL = pytest.mark.parametrize("make", [ll.LSTM, ll.RNN, deep])


def last_loss_only(case):
    return xp.concat([0.0 * case.dh[:-1, ...], case.dh[-1:, ...]])


@CAUSAL
@pytest.mark.parametrize("k", [1, 3, 4, 5])
def test_a_loss_reaches_exactly_k_cells(make, k):
    case = make_case(make, T=5)
    back = ll.truncated_backprop(case.cell, case.run(), last_loss_only(case), k, dstate=case.dstate)
    reached = np.abs(ll.to_numpy(back.dx)).max(axis=(1, 2)) > 0.0
    assert reached.tolist() == [t >= 5 - k for t in range(5)]
    assert (np.abs(ll.to_numpy(back.dstate.h)).max() > 0.0) == (k == 5)


@CAUSAL
@pytest.mark.parametrize("every", [1, 2, 3])
def test_with_k_as_long_as_the_sequence_it_is_the_full_gradient(make, every):
    case = make_case(make, T=5)
    full = case.back()
    got = ll.truncated_backprop(case.cell, case.run(), case.dh, 5, every=every, dstate=case.dstate)
    same(got.dx, full.dx)
    for name in full.grads:
        same(got.grads[name], full.grads[name], 1e-13)
    for a, b in zip(got.dstate, full.dstate, strict=True):
        same(a, b)


@pytest.mark.parametrize("make", [ll.LSTM, ll.RNN])
def test_what_a_kernel_ran_and_is_not_cut_the_kernel_walks_back(make):
    cell, dh = make(20, 40, rng=1), xp.ones((100, 4, 40))
    run = ll.unroll(cell, xp.ones((100, 4, 20)))
    full, got = ll.backprop(cell, run, dh), ll.truncated_backprop(cell, run, dh, 100, every=100)
    assert bool(xp.all(got.dx == full.dx))  # to the last bit: no other way computes the same
    assert all(bool(xp.all(got.grads[name] == full.grads[name])) for name in full.grads)


@pytest.mark.equation("eq-truncation")
@CAUSAL
def test_it_is_the_sum_of_the_windows_done_by_hand(make):
    """Loss t alone, on a run that starts k - 1 steps before it from a constant state."""
    k, T = 2, 5
    case = make_case(make, T=T)
    states, state = [], case.state
    for t in range(T):
        states.append(state)
        state, _ = case.cell.step(case.x[t, ...], state)
    totals, dx = case.cell.params.zeros_like(), np.zeros(case.x.shape)
    for t in range(T):
        start = max(0, t + 1 - k)
        piece = ll.unroll(case.cell, case.x[start : t + 1, ...], states[start])
        losses = xp.concat([0.0 * case.dh[start:t, ...], case.dh[t : t + 1, ...]])
        back = ll.backprop(case.cell, piece, losses)
        dx[start : t + 1] += ll.to_numpy(back.dx)
        for name in totals:
            totals[name] += back.grads[name]
    got = ll.truncated_backprop(case.cell, case.run(), case.dh, k)
    same(got.dx, xp.asarray(dx))
    for name in totals:
        same(got.grads[name], totals[name], 1e-13)


@pytest.mark.equation("eq-chunks")
def test_chunks_equal_stateful_training():
    """every=k: what one gets by carrying the state and training on each chunk alone."""
    case = make_case(T=6)
    got = ll.truncated_backprop(case.cell, case.run(), case.dh, 2, every=2)
    carried = ll.stateful(case.cell, 2)
    carried.state = case.state
    total = case.cell.params.zeros_like()
    for t in range(0, 6, 2):
        run = carried.unroll(case.x[t : t + 2, ...])
        total.flat[...] += ll.backprop(case.cell, run, case.dh[t : t + 2, ...]).grads.flat
    same(got.grads.flat, total.flat, 1e-13)


def test_the_truncated_gradient_is_biased():
    case = make_case(T=8)
    full, cut = case.back().grads.flat, ll.truncated_backprop(case.cell, case.run(), case.dh, 2).grads.flat
    full, cut = ll.to_numpy(full), ll.to_numpy(cut)
    cosine = full @ cut / np.linalg.norm(full) / np.linalg.norm(cut)
    assert 0.0 < cosine < 0.999


def test_padding_is_not_reached_either():
    case = make_case(T=5, B=3)
    run = ll.unroll(case.cell, case.x, case.state, lengths=[3, 5, 1])
    full = ll.backprop(case.cell, run, case.dh, case.dstate)
    got = ll.truncated_backprop(case.cell, run, case.dh, 5, dstate=case.dstate)
    same(got.dx, full.dx)
    same(got.grads.flat, full.grads.flat, 1e-13)
    assert float(xp.max(xp.abs(got.dx[3:, 0, :]))) == 0.0


def test_bad_truncations_are_named():
    case = make_case(T=4)
    run = case.run()
    with pytest.raises(ValueError, match="k: expected a positive whole number, got 0"):
        ll.truncated_backprop(case.cell, run, case.dh, 0)
    with pytest.raises(ValueError, match="every: expected at most k = 2, got 3"):
        ll.truncated_backprop(case.cell, run, case.dh, 2, every=3)
    with pytest.raises(ValueError, match="dh: expected shape"):
        ll.truncated_backprop(case.cell, run, case.dh[1:, ...], 2)
    net = ll.checkpointed(case.cell)
    with pytest.raises(TypeError, match="run: expected one that stored every step, got a checkpointed one"):
        ll.truncated_backprop(net, ll.unroll(net, case.x), case.dh, 2)


# --- carried states ----------------------------------------------------------------------------


@pytest.mark.equation("eq-carried-state")
@CAUSAL
def test_chunks_with_carried_state_equal_one_run(make):
    case = make_case(make, T=6)
    carried = ll.stateful(case.cell, 2)
    h = [carried.unroll(case.x[t : t + 2, ...]).h for t in range(0, 6, 2)]
    same(xp.concat(h), ll.unroll(case.cell, case.x).h, 0)
    carried.reset()
    alone = [carried.unroll(case.x[t : t + 2, ...], trace=False) for t in range(0, 6, 2)]
    assert alone[0].trace is None
    same(xp.concat([run.h for run in alone]), xp.concat(h))
    fresh = ll.unroll(case.cell, case.x[4:, ...]).h
    assert np.abs(ll.to_numpy(h[2]) - ll.to_numpy(fresh)).max() > 1e-3


def test_a_carried_chunk_may_be_padded():
    case = make_case(T=3, B=2)
    carried = ll.stateful(case.cell, 2)
    first = carried.unroll(case.x, lengths=[1, 3])
    want = ll.unroll(case.cell, case.x, lengths=[1, 3])
    same(first.h, want.h, 0)
    same(first.mask, want.mask, 0)
    same(carried.state.C, want.state.C, 0)


def test_only_the_rows_that_are_reset_start_anew():
    case = make_case(T=3, B=3)
    carried = ll.stateful(case.cell, 3)
    carried.unroll(case.x)
    before = carried.state
    carried.reset([1])
    same(carried.state.C[0, :], before.C[0, :], 0)
    assert float(xp.max(xp.abs(carried.state.C[1, :]))) == 0.0
    carried.reset()
    assert float(xp.max(xp.abs(carried.state.h))) == 0.0
    for rows in ([3], [-1], [True]):
        with pytest.raises(ValueError, match="rows: expected some of 0 to 2, got"):
            carried.reset(rows)
    with pytest.raises(ValueError, match="batch: expected a positive whole number, got 0"):
        ll.stateful(case.cell, 0)


# --- gradient checkpointing --------------------------------------------------------------------


@pytest.mark.equation("eq-checkpointing")
@given(T=st.integers(1, 9), every=st.none() | st.integers(1, 10), padded=st.booleans())
@settings(max_examples=examples(15), deadline=None)
def test_checkpointing_changes_no_number(T, every, padded):
    for make in (ll.LSTM, deep):
        case = make_case(make, T=T, B=2)
        lengths = [max(1, T - 2), T] if padded else None
        net = ll.checkpointed(case.cell, every)
        run = ll.unroll(case.cell, case.x, case.state, lengths=lengths)
        saved = ll.unroll(net, case.x, case.state, lengths=lengths)
        same(saved.h, run.h, 0)
        got = ll.backprop(net, saved, case.dh, case.dstate)
        want = ll.backprop(case.cell, run, case.dh, case.dstate)
        same(got.dx, want.dx, 1e-12)
        for name in want.grads:
            same(got.grads[name], want.grads[name], 1e-12)
        for a, b in zip(got.dstate, want.dstate, strict=True):
            same(a, b, 1e-12)


def counting(cell, counts):
    """Count the cell's steps both ways."""

    class Counted(type(cell)):
        def step(self, *args):
            counts["step"] += 1
            return super().step(*args)

        def step_back(self, *args):
            counts["back"] += 1
            return super().step_back(*args)

    cell.__class__ = Counted
    return cell


@pytest.mark.parametrize(("every", "segments"), [(None, 4), (1, 16), (16, 1), (5, 4), (99, 1)])
def test_the_price_is_one_more_forward_pass_and_the_gain_is_what_is_kept(every, segments):
    counts = {"step": 0, "back": 0}
    net = ll.checkpointed(counting(ll.LSTM(2, 3), counts), every)
    x = draw(np.random.default_rng(0), 16, 2, 2)
    run = ll.unroll(net, x)
    assert len(run.trace.starts) == segments
    assert counts == {"step": 16, "back": 0}
    ll.backprop(net, run, run.h)
    assert counts == {"step": 32, "back": 16}


def test_windows_without_a_loss_are_not_walked():
    case, counts = make_case(T=6), {"step": 0, "back": 0}
    counting(case.cell, counts)
    last = ll.truncated_backprop(case.cell, case.run(), last_loss_only(case), 2, every=2)
    assert counts["back"] == 2
    same(last.dx[:4, ...], xp.zeros((4, 2, 2)), 0)
    ll.truncated_backprop(case.cell, case.run(), case.dh, 2, every=2)
    assert counts["back"] == 2 + 6


def test_a_checkpointed_cell_can_be_stepped_and_stacked():
    case = make_case(T=5)
    net = ll.stack([ll.checkpointed(case.cell, 2), ll.LSTM(3, 2)])
    plain = ll.stack([case.cell, net.layers[1]])
    same(ll.unroll(net, case.x).h, ll.unroll(plain, case.x).h, 0)
    state, _ = net.step(case.x[0, ...], net.initial_state(2))
    same(state.h, ll.unroll(plain, case.x[:1, ...]).h[0, ...], 0)
    with pytest.raises(ValueError, match="every: expected a positive whole number, got 0"):
        ll.checkpointed(case.cell, 0)
