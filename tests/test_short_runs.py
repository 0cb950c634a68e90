"""A shortened run gives what the whole one gives, and refuses what the library refuses in its steps."""

import array_api_strict as xp
import numpy as np
import pytest
import short_runs as short

import lstmlab as ll
from lstmlab.cells.base import BaseCell
from lstmlab.depth import Stack
from lstmlab.unroll import hold, length_mask, map_trace, run_sequence, sequence_back, walk_back

T, B, N_X, N_H = 7, 3, 2, 4
CELLS = (
    lambda **kw: ll.LSTM(N_X, N_H, **kw),
    lambda **kw: ll.GRU(N_X, N_H, reset="before", **kw),
    lambda **kw: ll.RNN(N_X, N_H, **kw),
    lambda **kw: ll.PeepholeLSTM(N_X, N_H, **kw),
    lambda **kw: ll.ProjectedLSTM(N_X, N_H, 3, **kw),
)
every_cell = pytest.mark.parametrize("make", CELLS, ids=["LSTM", "GRU", "RNN", "peephole", "projected"])
run_short = short.run_short(short.whole_run, run_sequence)


def arguments(make, dtype="float64", device="device1", lengths=(T, 2, 5)):
    """A cell on the library, and what its run is given."""
    rng = np.random.default_rng(3)
    cell = make(rng=1, dtype=dtype, xp=xp)

    def beside(a):
        return xp.asarray(np.asarray(a, dtype), device=xp.Device(device))

    flat = beside(cell.params.flat._array)
    cell._params = short.Parameters(cell.params.shapes, flat)
    x, state = beside(rng.normal(size=(T, B, N_X))), cell.initial_state(B)
    state = type(state)(*(beside(rng.normal(size=field.shape)) for field in state))
    mask = None if lengths is None else length_mask(lengths, T, B, x)
    return cell, x, state, mask, beside(rng.normal(size=(T, B, cell.n_h)))


def equal(a, b):
    """Say that two nested tuples hold the same arrays of the library, on the same device."""
    if isinstance(a, tuple):
        assert isinstance(b, tuple)
        assert len(a) == len(b)
        for one, other in zip(a, b, strict=True):
            equal(one, other)
    elif a is None or isinstance(a, int):
        assert a == b
    else:
        assert type(a) is type(b) is short.Array
        assert (a.dtype, a.device, a.shape) == (b.dtype, b.device, b.shape)
        np.testing.assert_allclose(a._array, b._array, rtol=1e-12, atol=1e-12)


@every_cell
@pytest.mark.parametrize("lengths", [None, (T, 2, 5)])
@pytest.mark.parametrize("kernels", [ll.kernels.plain, ll.kernels.fused])
def test_the_same_comes_out(make, lengths, kernels):
    cell, x, state, mask, dh = arguments(make, lengths=lengths)
    whole = short.whole_run(cell, x, state, mask)
    with kernels():
        run = run_short(cell, x, state, mask)
        equal(run, whole)
        results = []
        for back, trace in ((short.whole_back, whole.trace), (short.back_short, run.trace)):
            grads = cell.params.zeros_like()
            results.append((*back(cell, trace, mask, dh, state, grads), grads.flat))
        equal(*results)
        steps = []
        for walk in (walk_back, short.walk_short):
            grads = cell.params.zeros_like()
            steps.append((*walk(cell, whole.trace, mask, dh, state, grads), grads.flat))
        equal(*steps)
    assert np.abs(grads.flat._array).max() > 0


def test_a_kernel_runs_where_it_may_and_its_blocks_lead_back(monkeypatch):
    cell, x, state, mask, _ = arguments(CELLS[0])
    seen = []
    monkeypatch.setattr(
        "lstmlab.kernels.numpy_lstm.hold", lambda *args: seen.append(type(args[0])) or hold(*args)
    )
    with ll.kernels.fused():
        run = run_short(cell, x, state, mask)
    assert seen == [np.ndarray] * T
    assert run.trace.blocks is not None
    assert short.bare(run.trace).blocks is run.trace.blocks


class Careless(ll.LSTM):
    """Its step does what the library refuses; as if it were one of lstmlab's."""

    __module__ = "lstmlab.cells.careless"

    def step(self, x_t, state):
        return super().step(x_t + np.zeros(x_t.shape), state)

    def step_back(self, dstate, trace, grads):
        return super().step_back(map_trace(dstate, lambda d: d + np.zeros(d.shape)), trace, grads)


def test_what_the_library_refuses_is_refused_in_a_short_run_too():
    make = lambda **kw: Careless(N_X, N_H, **kw)  # noqa: E731
    cell, x, state, mask, dh = arguments(make)
    assert short.fits(cell, x)
    run_sequence(short.twin(cell), *map(short.bare, (x, state, mask)))  # NumPy has nothing against it
    with pytest.raises(TypeError, match="Expected Array"):
        run_short(cell, x, state, mask)
    careful, *_ = arguments(CELLS[0])
    trace = short.whole_run(careful, x, state, mask).trace
    sequence_back(
        short.twin(cell), *map(short.bare, (trace, mask, dh, state)), short.shared(cell.params.zeros_like())
    )
    for back in (short.back_short, short.walk_short):
        with pytest.raises(TypeError, match="Expected Array"):
            list(back(cell, trace, mask, dh, state, cell.params.zeros_like()))


class Chapters(BaseCell):
    """A cell that a chapter might define."""


@pytest.mark.parametrize("kind", ["too short", "NumPy's arrays", "a chapter's cell", "a stack"])
def test_everything_else_runs_as_it_is(kind):
    cell, x, *_ = arguments(CELLS[0])
    assert short.fits(cell, x)
    if kind == "too short":
        x = x[: short.FEW, ...]
    elif kind == "NumPy's arrays":
        x = short.bare(x)
    elif kind == "a chapter's cell":
        cell = object.__new__(Chapters)
    else:
        cell = Stack([cell])
    assert not short.fits(cell, x)
