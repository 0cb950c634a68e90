"""Zoneout and variational dropout: what is drawn, when, and what evaluation puts in its place."""

import copy

import numpy as np
import pytest
from cases import draw, make_case
from test_depth import deep
from test_unroll import same

import lstmlab as ll
from lstmlab import xp


def rewound(net, call):
    """Call with the generators as they are now, and put them back."""
    before = [copy.deepcopy(g.bit_generator.state) for g in net.generators]
    try:
        return call()
    finally:
        for g, state in zip(net.generators, before, strict=True):
            g.bit_generator.state = state


def check_gradients(case):
    """Finite differences with the same draws at every call."""
    f, args = ll.cell_loss(case.cell, case.x, case.state, case.dh, case.dstate)

    class Same:
        def __call__(self, **given):
            return rewound(case.cell, lambda: f(**given))

        def value(self, **given):
            return rewound(case.cell, lambda: f.value(**given))

    report = ll.gradcheck(Same(), args)
    assert report.ok, str(report)


NETS = {
    "zoneout": lambda n_x, n_h, rng, dtype: ll.zoneout(ll.LSTM(n_x, n_h, rng=rng), 0.3, 0.5),
    "zoneout RNN": lambda n_x, n_h, rng, dtype: ll.zoneout(ll.RNN(n_x, n_h, rng=rng), 0.3),
    "zoneout of a stack": lambda n_x, n_h, rng, dtype: ll.zoneout(deep(n_x, n_h), 0.3, 0.2),
    "tied": lambda n_x, n_h, rng, dtype: ll.variational_dropout(ll.LSTM(n_x, n_h, rng=rng), 0.3, 0.5),
    "tied RNN": lambda n_x, n_h, rng, dtype: ll.variational_dropout(ll.RNN(n_x, n_h, rng=rng), 0.3, 0.5),
    "untied": lambda n_x, n_h, rng, dtype: ll.variational_dropout(
        ll.LSTM(n_x, n_h, rng=rng), 0.3, 0.5, tied=False
    ),
    "both": lambda n_x, n_h, rng, dtype: ll.zoneout(
        ll.variational_dropout(ll.LSTM(n_x, n_h, rng=rng), 0.3, 0.5), 0.2, 0.2
    ),
}


@pytest.mark.equation("eq-variational-gradient", "eq-zoneout-gradient")
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", NETS)
def test_gradients(name, training):
    case = make_case(NETS[name], T=3)
    case.cell.training = training
    check_gradients(case)


@pytest.mark.parametrize("name", NETS)
def test_a_segment_that_is_computed_twice_sees_the_same_noise(name):
    case = make_case(NETS[name], T=7)
    net = ll.checkpointed(case.cell, 3)
    want = rewound(net, case.back)
    run = ll.unroll(net, case.x, case.state)
    drawn = [copy.deepcopy(g.bit_generator.state) for g in net.generators]
    got = ll.backprop(net, run, case.dh, case.dstate)
    same(got.dx, want.dx, 1e-12)
    for parameter in want.grads:
        same(got.grads[parameter], want.grads[parameter], 1e-12)
    assert drawn == [g.bit_generator.state for g in net.generators]


# --- zoneout -----------------------------------------------------------------------------------


@pytest.mark.equation("eq-zoneout")
def test_zoneout_keeps_old_values_or_takes_new_ones():
    case = make_case(T=40, B=5, n_h=6)
    plain, net = case.cell, ll.zoneout(case.cell, 0.3, 0.7)
    state, kept = case.state, {"h": [], "C": []}
    for t in range(40):
        new, _ = plain.step(case.x[t, ...], state)
        after, _ = net.step(case.x[t, ...], state)
        for field in kept:
            a, n, o = (ll.to_numpy(getattr(s, field)) for s in (after, new, state))
            assert ((a == n) | (a == o)).all()
            kept[field].append((a == o).mean())
        state = after
    assert abs(np.mean(kept["h"]) - 0.3) < 0.04
    assert abs(np.mean(kept["C"]) - 0.7) < 0.04


def test_the_new_hidden_state_comes_from_the_cell_state_before_zoneout():
    case = make_case(T=1)
    net = ll.zoneout(case.cell, 0.0, 0.9)
    run = ll.unroll(net, case.x, case.state)
    same(run.h, case.run().h, 0)
    assert float(xp.max(xp.abs(run.state.C - case.run().state.C))) > 1e-3


@pytest.mark.equation("eq-zoneout-share")
def test_evaluation_is_the_mean_of_one_step():
    case = make_case(T=1, B=1)
    many = 20_000
    x = xp.concat([case.x] * many, axis=1)
    state = case.cell.State(*(xp.concat([a] * many, axis=0) for a in case.state))
    net = ll.zoneout(case.cell, 0.3, 0.5, rng=1)
    drawn = ll.unroll(net, x, state).state
    net.training = False
    mean = ll.unroll(net, case.x, case.state).state
    for field in ("h", "C"):
        got, want = ll.to_numpy(getattr(drawn, field)).mean(axis=0), ll.to_numpy(getattr(mean, field))[0]
        spread = ll.to_numpy(getattr(drawn, field)).std(axis=0) / np.sqrt(many)
        assert (np.abs(got - want) < 4.5 * spread).all()


def test_without_probability_nothing_changes():
    case = make_case()
    same(ll.unroll(ll.zoneout(case.cell, 0.0, 0.0), case.x, case.state).h, case.run().h, 0)
    net = ll.variational_dropout(case.cell, 0.0, 0.0)
    state = net.initial_state(2)._replace(h=case.state.h, C=case.state.C)
    same(ll.unroll(net, case.x, state).h, case.run().h, 0)


def test_the_same_seed_draws_the_same_and_another_differs():
    case = make_case(T=8)
    h = [ll.to_numpy(ll.unroll(ll.zoneout(case.cell, 0.5, 0.5, rng=s), case.x).h) for s in (1, 1, 2)]
    assert (h[0] == h[1]).all()
    assert (h[0] != h[2]).any()


# --- variational dropout -----------------------------------------------------------------------


@pytest.mark.equation("eq-dropout-mask")
def test_the_mask_is_drawn_once_a_sequence_and_example():
    net = ll.variational_dropout(ll.LSTM(50, 40), 0.2, 0.5, rng=3)
    state = net.initial_state(30)
    m_x, m_h = ll.to_numpy(state.m_x), ll.to_numpy(state.m_h)
    assert set(np.unique(m_x)) == {0.0, 1.0 / 0.8}
    assert set(np.unique(m_h)) == {0.0, 2.0}
    assert abs(m_x.mean() - 1.0) < 0.05
    assert abs(m_h.mean() - 1.0) < 0.1
    assert (m_h[0] != m_h[1]).any()
    run = ll.unroll(net, draw(np.random.default_rng(0), 4, 30, 50), state)
    same(run.state.m_h, state.m_h, 0)
    assert (ll.to_numpy(net.initial_state(30).m_h) != m_h).any()


@pytest.mark.equation("eq-variational-read")
def test_tied_masks_by_hand():
    """Masking what is read equals masking the columns of every weight matrix, for one example."""
    case = make_case(B=1, T=4, n_x=3, n_h=4)
    net = ll.variational_dropout(case.cell, 0.4, 0.4, rng=5)
    state = net.initial_state(1)._replace(h=case.state.h, C=case.state.C)
    read = np.concatenate([ll.to_numpy(state.m_h)[0], ll.to_numpy(state.m_x)[0]])
    masked = ll.LSTM(3, 4)
    for name, p in case.cell.params.items():
        masked.params[name] = ll.to_numpy(p) * (read if name.startswith("W") else 1.0)
    same(ll.unroll(net, case.x, state).h, ll.unroll(masked, case.x, case.state).h)


@pytest.mark.equation("eq-untied-read")
def test_untied_masks_by_hand():
    case = make_case(B=1, T=4, n_x=3, n_h=4)
    net = ll.variational_dropout(case.cell, 0.4, 0.4, tied=False, rng=5)
    state = net.initial_state(1)._replace(h=case.state.h, C=case.state.C)
    m_h, m_x = ll.to_numpy(state.m_h).reshape(4, 4), ll.to_numpy(state.m_x).reshape(4, 3)
    masked = ll.LSTM(3, 4)
    for k, gate in enumerate("fiCo"):
        masked.params[f"W_{gate}"] = ll.to_numpy(case.cell.params[f"W_{gate}"]) * np.concatenate(
            [m_h[k], m_x[k]]
        )
        masked.params[f"b_{gate}"] = case.cell.params[f"b_{gate}"]
    assert (m_h[0] != m_h[1]).any()
    same(ll.unroll(net, case.x, state).h, ll.unroll(masked, case.x, case.state).h)


@pytest.mark.parametrize("tied", [True, False])
def test_evaluation_is_the_plain_cell(tied):
    case = make_case()
    net = ll.variational_dropout(case.cell, 0.5, 0.5, tied=tied)
    net.training = False
    run, plain = ll.unroll(net, case.x), ll.unroll(case.cell, case.x)
    same(run.h, plain.h, 0)
    for got, want in zip(run.trace.inner, plain.trace, strict=True):
        same(got, want, 0)


def test_what_is_read_keeps_its_mean():
    """Without the division by 1 - p the mean would be half."""
    net = ll.variational_dropout(ll.LSTM(400, 3), 0.5, 0.5, rng=0)
    masks = ll.to_numpy(net.initial_state(200).m_x)
    assert abs(masks.mean() - 1.0) < 0.02


def test_the_switch_reaches_every_part():
    inner = ll.variational_dropout(ll.LSTM(2, 3), 0.5, 0.5)
    net = ll.stack([ll.zoneout(inner, 0.5), ll.bidirectional(ll.zoneout(ll.RNN(3, 2), 0.5), ll.RNN(3, 2))])
    assert net.training
    net.training = False
    assert not net.training
    assert not inner.training
    x = draw(np.random.default_rng(0), 4, 2, 2)
    same(ll.unroll(net, x).h, ll.unroll(net, x).h, 0)
    net.training = True
    assert inner.training
    assert (ll.to_numpy(ll.unroll(net, x).h) != ll.to_numpy(ll.unroll(net, x).h)).any()


@pytest.mark.parametrize("lengths", [None, [4, 2]])
def test_a_run_without_a_trace_draws_the_same(lengths):
    inner = ll.variational_dropout(ll.LSTM(2, 3), 0.5, 0.5)
    both = ll.bidirectional(ll.zoneout(ll.RNN(3, 2), 0.5), ll.RNN(3, 2))
    net = ll.stack([ll.zoneout(inner, 0.5), ll.checkpointed(ll.zoneout(ll.LSTM(3, 3), 0.5), 3), both])
    x = draw(np.random.default_rng(0), 4, 2, 2)

    def run_and_next(trace):
        run = ll.unroll(net, x, lengths=lengths, trace=trace)
        return run, [float(g.random()) for g in net.generators]

    (want, next_drawn), (got, drawn) = (rewound(net, lambda t=t: run_and_next(t)) for t in (True, False))
    assert drawn == next_drawn
    for a, b in zip((got.h, *got.state), (want.h, *want.state), strict=True):
        same(a, b)


def test_what_cannot_be_is_named():
    lstm = ll.LSTM(2, 3)
    for p in (-0.1, 1.0, "a", True, float("nan")):
        with pytest.raises(ValueError, match=r"p_h: expected a probability in \[0, 1\), got"):
            ll.zoneout(lstm, p)
    with pytest.raises(ValueError, match=r"p_C: expected None, because RNN.* has no cell state, got 0.1"):
        ll.zoneout(ll.RNN(2, 3), 0.1, 0.1)
    with pytest.raises(ValueError, match=r"p_x: expected a probability in \[0, 1\), got 2"):
        ll.variational_dropout(lstm, 2, 0.1)
    with pytest.raises(TypeError, match="tied: expected True for RNN"):
        ll.variational_dropout(ll.RNN(2, 3), 0.1, 0.1, tied=False)
    for cell in (ll.zoneout(lstm, 0.1), ll.stack([lstm])):
        with pytest.raises(TypeError, match="cell: expected a cell that reads its old hidden state through"):
            ll.variational_dropout(cell, 0.1, 0.1)
    net = ll.variational_dropout(lstm, 0.1, 0.1)
    with pytest.raises(TypeError, match=r"state: expected a VariationalState\(h, C, m_x, m_h\), got"):
        ll.unroll(net, xp.zeros((3, 2, 2)), lstm.initial_state(2))
