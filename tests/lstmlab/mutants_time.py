"""The famous mistakes of depth, direction, padding, truncation, checkpointing and noise."""

from __future__ import annotations

import numpy as np
from mutants import Mutant, finite_differences
from oracle import frozen
from pytorch import compare

UNROLL, DEPTH, DIRECTIONS = "lstmlab.unroll", "lstmlab.depth", "lstmlab.directions"
TRUNCATION, RECOMPUTE = "lstmlab.truncation", "lstmlab.recompute"
ZONEOUT, DROPOUT = "lstmlab.zoneout", "lstmlab.dropout"

MUTANTS = [
    # padding
    Mutant(
        "the state runs on into the padding",
        UNROLL,
        "state = new if mask is None else hold(mask[t, ...], new, state)\n        traces",
        "state = new\n        traces",
        "the final state of a short sequence is that of the padding behind it",
    ),
    Mutant(
        "a padded output is not zero",
        UNROLL,
        "return Run(stacked.h if mask is None else mask * stacked.h, state, stacked, mask)",
        "return Run(stacked.h, state, stacked, mask)",
        "a mean over time then counts the padding",
    ),
    Mutant(
        "the gradient does not pass over the padding",
        UNROLL,
        "*(new + ended * old for new, old in zip(through, dstate, strict=True))",
        "*(new for new, _ in zip(through, dstate, strict=True))",
        "the loss of the final state never reaches a short sequence",
    ),
    Mutant(
        "the padding teaches",
        UNROLL,
        "total = type(total)(*(running * d for d in total))",
        "pass",
        "gradients of what was never read",
    ),
    # depth and direction
    Mutant(
        "a layer below forgets its future",
        DEPTH,
        "dstates[l - 1] = dstates[l - 1]._replace(h=dstates[l - 1].h + dx)",
        "dstates[l - 1] = dstates[l - 1]._replace(h=dx)",
        "the layer below hears its successor in depth and forgets its successor in time",
    ),
    Mutant(
        "gradient of a layer's input taken for the layer's below",
        DEPTH,
        "sequence_back(cell.layers[l], trace.layers[l], mask, dh, dstates[l], part)",
        "sequence_back(cell.layers[l], trace.layers[l], mask, dh, dstates[0], part)",
        "the wrong layer's final state",
    ),
    Mutant(
        "whole batch reversed, padding first",
        DIRECTIONS,
        "np.where(t < lengths, lengths - 1 - t, t)",
        "(T - 1 - t) + 0 * lengths",
        "reversal of the array instead of each sequence within its length",
    ),
    Mutant(
        "backward outputs left in reverse",
        DIRECTIONS,
        "concat([forward.h, reorder(backward.h, order)], axis=2)",
        "concat([forward.h, backward.h], axis=2)",
        "h_t of one direction beside h_{T+1-t} of the other",
    ),
    Mutant(
        "backward input gradient left in reverse",
        DIRECTIONS,
        "return dx + reorder(dx_reversed, trace.order),",
        "return dx + dx_reversed,",
        "the gradient arrives at the wrong word",
    ),
    # truncation
    Mutant(
        "one cell too many",
        TRUNCATION,
        "start, newest = max(0, stop - k),",
        "start, newest = max(0, stop - k - 1),",
        "the notes' index t-k-1: k+1 cells are reached",
    ),
    Mutant(
        "losses of a window counted again in the next",
        TRUNCATION,
        "losses = xp.concat([0.0 * dh[start:newest, ...], own], axis=0)",
        "losses = dh[start:stop, ...]",
        "every loss is learnt k times over",
    ),
    Mutant(
        "the carried state never moves on",
        TRUNCATION,
        "self.state = run.state\n",
        "run.state\n",
        "every chunk starts where the first one did",
    ),
    # checkpointing
    Mutant(
        "segments walked back from fresh gradients",
        RECOMPUTE,
        "run.mask, dh[here, ...], dstate, grads)",
        "run.mask, dh[here, ...], cell.initial_state(dh.shape[1]), grads)",
        "checkpointing turned into truncation",
    ),
    Mutant(
        "fresh noise when a segment is computed again",
        RECOMPUTE,
        "g.bit_generator.state = drawn\n        run =",
        "pass\n        run =",
        "the gradient of another network",
    ),
    # noise
    Mutant(
        "zoneout the other way round",
        ZONEOUT,
        "z_s * old + (1.0 - z_s) * n",
        "z_s * n + (1.0 - z_s) * old",
        "p taken for the probability of renewal",
    ),
    Mutant(
        "zoneout without its shortcut in the gradient",
        ZONEOUT,
        "dold = (t + z * d for",
        "dold = (t for",
        "a unit that kept its value stops the gradient",
    ),
    Mutant(
        "zoneout switched off in evaluation",
        ZONEOUT,
        "return 0.0 * like + p",
        "return 0.0 * like",
        "evaluation without the mean: off by far more than the noise",
    ),
    Mutant(
        "dropout without rescaling",
        DROPOUT,
        "return self.mask(1.0 - p, shape) / (1.0 - p)",
        "return self.mask(1.0 - p, shape)",
        "the notes' formula: what is read shrinks in training only",
    ),
    Mutant(
        "dropout of the others",
        DROPOUT,
        "return self.mask(1.0 - p, shape) / (1.0 - p)",
        "return self.mask(p, shape) / (1.0 - p)",
        "p taken for the probability of keeping",
    ),
    Mutant(
        "mask forgotten on the way back",
        DROPOUT,
        "dh_prev, dm_h = trace.m_h * dread.h,",
        "dh_prev, dm_h = dread.h,",
        "the dropped units learn",
    ),
    Mutant(
        "the candidate reads unmasked",
        DROPOUT,
        "C_tilde_t = candidate(W_C, b_C, z_C)",
        "C_tilde_t = candidate(W_C, b_C, z_f)",
        "a gate reads through another gate's mask",
    ),
]


def gradients(ll):
    finite_differences(ll, lambda n, m: ll.stack([ll.LSTM(n, m), ll.LSTM(m, 2)]))
    finite_differences(ll, lambda n, m: ll.bidirectional(ll.LSTM(n, m), ll.RNN(n, m)))
    finite_differences(ll, lambda n, m: ll.checkpointed(ll.LSTM(n, m), 2))
    finite_differences(ll, lambda n, m: ll.variational_dropout(ll.LSTM(n, m), 0.3, 0.4))


def gradients_step_by_step(ll):
    """Around a stack, zoneout takes its steps one by one."""

    def evaluated(n_x, n_h):
        net = ll.zoneout(ll.stack([ll.LSTM(n_x, n_h), ll.LSTM(n_h, 2)]), 0.3, 0.4)
        net.training = False
        return net

    finite_differences(ll, evaluated)


def independent_implementation(ll):
    for group, arrays in frozen("pytorch_layers").items():
        compare(ll, group.partition("/")[0], arrays)


def a_run(ll, T=6):
    rng = np.random.default_rng(0)
    cell = ll.LSTM(2, 3, rng=rng)
    x, dh = (ll.xp.asarray(rng.normal(size=(T, 2, n))) for n in (2, 3))
    return cell, x, dh


def truncation(ll):
    cell, x, dh = a_run(ll)
    run = ll.unroll(cell, x)
    last = ll.xp.concat([0.0 * dh[:-1, ...], dh[-1:, ...]])
    reached = ll.to_numpy(ll.truncated_backprop(cell, run, last, 2).dx)
    assert (np.abs(reached).max(axis=(1, 2)) > 0.0).tolist() == [False] * 4 + [True] * 2
    full, got = ll.backprop(cell, run, dh), ll.truncated_backprop(cell, run, dh, 6)
    assert np.allclose(ll.to_numpy(got.grads.flat), ll.to_numpy(full.grads.flat))


def carrying(ll):
    cell, x, _ = a_run(ll)
    carried = ll.stateful(cell, 2)
    h = [ll.to_numpy(carried.unroll(x[t : t + 2, ...]).h) for t in (0, 2, 4)]
    assert np.allclose(np.concatenate(h), ll.to_numpy(ll.unroll(cell, x).h))


def noise(ll):
    """Draws and their means, and the same draws when a segment is computed again."""
    cell, x, dh = a_run(ll)
    many = ll.xp.concat([x[:1, :1, :]] * 4000, axis=1)
    net = ll.zoneout(cell, 0.2, 0.2, rng=1)
    drawn = ll.to_numpy(ll.unroll(net, many).h).mean(axis=(0, 1))
    new = ll.to_numpy(ll.unroll(cell, x[:1, :1, :]).h)[0, 0]
    assert np.allclose(drawn, 0.8 * new, rtol=0.05)
    net.training = False
    assert np.allclose(ll.to_numpy(ll.unroll(net, many).h)[0, 0], 0.8 * new)
    masks = ll.to_numpy(ll.variational_dropout(ll.LSTM(200, 1), 0.2, 0.5).initial_state(100).m_x)
    assert abs(masks.mean() - 1.0) < 0.03
    seeds = [ll.zoneout(cell, 0.5, 0.5, rng=7) for _ in range(2)]
    seeds[1] = ll.checkpointed(seeds[1], 2)
    one, two = (ll.backprop(net, ll.unroll(net, x), dh) for net in seeds)
    assert np.allclose(ll.to_numpy(one.dx), ll.to_numpy(two.dx))


def untied(ll):
    """Each gate through its own mask."""
    cell, x, _ = a_run(ll)
    net = ll.variational_dropout(cell, 0.5, 0.5, tied=False)
    state = net.initial_state(2)
    state = state._replace(m_x=ll.xp.ones_like(state.m_x), m_h=ll.xp.ones_like(state.m_h))
    state.m_x[:, 4:6] = 0.0
    shut = ll.LSTM(2, 3)
    shut.params.flat[...] = cell.params.flat
    shut.params["W_C"][:, 3:] = 0.0
    assert np.allclose(ll.to_numpy(ll.unroll(net, x, state).h), ll.to_numpy(ll.unroll(shut, x).h))


WITNESSES = [
    carrying,
    noise,
    untied,
    truncation,
    independent_implementation,
    gradients_step_by_step,
    gradients,
]
