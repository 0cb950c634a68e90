"""Stacks, two directions, shared layers: what PyTorch's frozen layers (test_oracle) do not say."""

import numpy as np
import pytest
from cases import draw, make_case
from test_unroll import same

import lstmlab as ll
from lstmlab import xp
from lstmlab.directions import reorder, reversal


def deep(n_x, n_h, rng=0, dtype="float64"):
    rng = np.random.default_rng(rng)
    sizes = [(n_x, n_h), (n_h, n_h + 1), (n_h + 1, n_h)]
    kinds = [ll.LSTM, ll.RNN, ll.LSTM]
    return ll.stack([kind(*size, rng=rng, dtype=dtype) for kind, size in zip(kinds, sizes, strict=True)])


def both(n_x, n_h, rng=0, dtype="float64"):
    rng = np.random.default_rng(rng)
    return ll.bidirectional(ll.LSTM(n_x, n_h, rng=rng, dtype=dtype), ll.RNN(n_x, n_h, rng=rng, dtype=dtype))


@pytest.mark.equation("eq-stack-back")
def test_layer_by_layer_equals_step_by_step():
    case = make_case(deep, T=5)
    by_layer, state, h = case.run(), case.state, []
    traces = []
    for t in range(5):
        state, trace = case.cell.step(case.x[t, ...], state)
        h.append(state.h)
        traces.append(trace)
    same(xp.stack(h), by_layer.h, 0)
    back = case.back()
    grads, dstate = case.cell.params.zeros_like(), case.dstate
    for t in reversed(range(5)):
        dstate = dstate._replace(h=dstate.h + case.dh[t, ...])
        dx_t, dstate = case.cell.step_back(dstate, traces[t], grads)
        same(dx_t, back.dx[t, ...])
    for name in grads:
        same(grads[name], back.grads[name], 1e-13)
    for a, b in zip(dstate, back.dstate, strict=True):
        same(a, b)


@pytest.mark.equation("eq-stack")
def test_a_stack_by_hand():
    lower, upper = ll.LSTM(2, 3, rng=1), ll.LSTM(3, 4, rng=2)
    x = draw(np.random.default_rng(0), 5, 2, 2)
    run = ll.unroll(ll.stack([lower, upper]), x)
    below = ll.unroll(lower, x)
    same(run.h, ll.unroll(upper, below.h).h, 0)
    same(run.state.h_1, below.state.h, 0)
    assert run.state._fields == ("h_1", "C_1", "h", "C")
    assert run.trace.layers[0].f.shape == (5, 2, 3)


def test_the_cells_stay_the_users_own():
    lower, upper = ll.LSTM(2, 3), ll.LSTM(3, 3)
    net = ll.stack([lower, upper])
    lower.params["b_f"] = 7.0
    assert float(net.params["1.b_f"][0]) == 7.0
    net.params["2.W_o"][0, 0] = -3.0
    assert float(upper.params["W_o"][0, 0]) == -3.0
    assert net.n_params == lower.n_params + upper.n_params
    again = ll.stack([lower, ll.LSTM(3, 2)])
    assert again.params["1.b_f"] is net.params["1.b_f"]


@pytest.mark.equation("eq-shared-layers", "eq-shared-gradient")
def test_shared_layers_have_one_memory_and_their_gradients_add():
    rng = np.random.default_rng(0)
    cell = ll.LSTM(3, 3, rng=rng)
    twin = ll.LSTM(3, 3, rng=rng)
    twin.params.flat[...] = cell.params.flat
    x, dh = draw(rng, 4, 2, 3), draw(rng, 4, 2, 3)
    shared, apart = ll.stack([cell, cell]), ll.stack([cell, twin])
    assert shared.n_params == cell.n_params
    assert apart.n_params == 2 * cell.n_params
    one = ll.backprop(shared, ll.unroll(shared, x), dh)
    two = ll.backprop(apart, ll.unroll(apart, x), dh)
    assert list(one.grads) == [f"1.{name}" for name in cell.params]
    for name in cell.params:
        same(one.grads[f"1.{name}"], two.grads[f"1.{name}"] + two.grads[f"2.{name}"], 1e-14)
    same(one.dx, two.dx)


@pytest.mark.equation("eq-bidirectional", "eq-summary")
def test_two_directions_by_hand():
    forward, backward = ll.LSTM(2, 3, rng=1), ll.RNN(2, 4, rng=2)
    x = draw(np.random.default_rng(0), 5, 2, 2)
    net = ll.bidirectional(forward, backward)
    run = ll.unroll(net, x)
    turned = ll.unroll(backward, xp.flip(x, axis=0))
    same(run.h[:, :, :3], ll.unroll(forward, x).h, 0)
    same(run.h[:, :, 3:], xp.flip(turned.h, axis=0), 0)
    assert net.n_h == 7
    same(net.summary(run.state)[:, 3:], run.h[0, :, 3:], 0)
    same(net.summary(run.state)[:, :3], run.h[-1, :, :3], 0)


def test_with_two_directions_the_first_output_knows_the_last_input():
    net = ll.bidirectional(ll.LSTM(2, 3, rng=1), ll.LSTM(2, 3, rng=2))
    x = draw(np.random.default_rng(0), 5, 1, 2)
    other = xp.concat([x[:4, ...], x[4:, ...] + 1.0])
    a, b = ll.to_numpy(ll.unroll(net, x).h), ll.to_numpy(ll.unroll(net, other).h)
    assert np.abs(a - b)[0, 0, 3:].max() > 1e-6
    assert np.abs(a - b)[:4, 0, :3].max() == 0.0


@pytest.mark.equation("eq-reversal")
def test_reversal_within_lengths():
    x = xp.reshape(xp.asarray(np.arange(8.0)), (4, 2, 1))
    mask = ll.unroll(ll.LSTM(1, 1), x, lengths=[4, 2]).mask
    order = reversal(mask, x)
    assert ll.to_numpy(reorder(x, order))[:, 0, 0].tolist() == [6.0, 4.0, 2.0, 0.0]
    assert ll.to_numpy(reorder(x, order))[:, 1, 0].tolist() == [3.0, 1.0, 5.0, 7.0]
    same(reorder(reorder(x, order), order), x, 0)


@pytest.mark.equation("eq-hold", "eq-both-back")
@pytest.mark.parametrize(
    "make", [ll.LSTM, ll.RNN, deep, lambda *a, **k: ll.bidirectional(ll.LSTM(*a), ll.RNN(*a))]
)
def test_a_padded_batch_equals_its_sequences_alone(make):
    lengths = [3, 5, 1]
    case = make_case(make, T=5, B=3)
    run = ll.unroll(case.cell, case.x, case.state, lengths=lengths)
    back = ll.backprop(case.cell, run, case.dh, case.dstate)
    totals = case.cell.params.zeros_like()
    for b, n in enumerate(lengths):
        one = slice(b, b + 1)
        state = case.cell.State(*(a[one, :] for a in case.state))
        dstate = case.cell.State(*(a[one, :] for a in case.dstate))
        alone = ll.unroll(case.cell, case.x[:n, one, :], state)
        alone_back = ll.backprop(case.cell, alone, case.dh[:n, one, :], dstate)
        same(run.h[:n, one, :], alone.h)
        assert float(xp.sum(xp.abs(run.h[n:, one, :]))) == 0.0 if n < 5 else True
        for got, want in zip(run.state, alone.state, strict=True):
            same(got[one, :], want)
        same(back.dx[:n, one, :], alone_back.dx)
        for got, want in zip(back.dstate, alone_back.dstate, strict=True):
            same(got[one, :], want)
        for name in totals:
            totals[name] += alone_back.grads[name]
    for name in totals:
        same(back.grads[name], totals[name], 1e-13)


def test_what_stands_in_the_padding_does_not_matter():
    case = make_case(both, T=4, B=2)
    dirty = xp.concat([case.x[:2, ...], 100.0 + case.x[2:, ...]])
    lengths = [2, 2]
    a = ll.unroll(case.cell, case.x, case.state, lengths=lengths)
    b = ll.unroll(case.cell, dirty, case.state, lengths=lengths)
    same(a.h, b.h, 0)
    da, db = (ll.backprop(case.cell, run, case.dh, case.dstate) for run in (a, b))
    for name in da.grads:
        same(da.grads[name], db.grads[name], 0)
    assert float(xp.max(xp.abs(db.dx[2:, ...]))) == 0.0


@pytest.mark.parametrize("lengths", [[1], [0, 2], [2, 5], [1.0, 2.0], [[1, 2]], "ab", [True, True]])
def test_bad_lengths_are_named(lengths):
    with pytest.raises(ValueError, match="lengths: expected 2 whole numbers from 1 to T = 4, got"):
        ll.unroll(ll.LSTM(3, 2), xp.zeros((4, 2, 3)), lengths=lengths)


def test_what_does_not_fit_is_named():
    with pytest.raises(ValueError, match=r"cells\[1\]: expected n_x = 3, the n_h of the layer below, got 2"):
        ll.stack([ll.LSTM(2, 3), ll.LSTM(2, 3)])
    with pytest.raises(ValueError, match="cells: expected a list of at least one cell, got"):
        ll.stack([])
    with pytest.raises(ValueError, match="cells: expected a list of at least one cell, got"):
        ll.stack(ll.LSTM(2, 3))
    with pytest.raises(TypeError, match="cell: expected a cell such as"):
        ll.stack([ll.LSTM])
    with pytest.raises(ValueError, match="backward: expected n_x = 2, that of forward, got 3"):
        ll.bidirectional(ll.LSTM(2, 3), ll.LSTM(3, 3))
    pair = ll.bidirectional(ll.LSTM(2, 3), ll.LSTM(2, 3))
    with pytest.raises(TypeError, match="forward: expected a cell that reads in one direction"):
        ll.bidirectional(pair, pair)
    for wrap in (ll.checkpointed, lambda c: ll.zoneout(c, 0.1), lambda c: ll.stateful(c, 2)):
        with pytest.raises(TypeError, match="cell: expected a cell that reads in one direction, got bidir"):
            wrap(pair)


def test_composed_cells_are_shown():
    net = ll.stack([ll.LSTM(2, 3), ll.zoneout(ll.RNN(3, 4), 0.1)])
    assert repr(net) == (
        "stack([LSTM(n_x=2, n_h=3, dtype='float64'), zoneout(RNN(n_x=3, n_h=4, dtype='float64'), p_h=0.1)])"
    )
