"""Time: shapes, properties that hold for every cell, and what is said of bad input."""

import numpy as np
import pytest
from cases import CAUSAL, CELLS, draw, examples, make_case, same, shapes
from hypothesis import given, settings

import lstmlab as ll
from lstmlab import xp
from lstmlab.unroll import run_sequence

EVERY_CELL = pytest.mark.parametrize("name", CELLS)


def arrays_of(trace):
    """Every array of real numbers in a trace, which may hold traces, and numbers of steps and rows."""
    for field in trace:
        if isinstance(field, tuple | list):
            yield from arrays_of(field)
        elif "float" in str(getattr(field, "dtype", "")):
            yield field


@EVERY_CELL
@given(shape=shapes())
@settings(max_examples=examples(15), deadline=None)
def test_shapes_and_types_of_the_contract(name, shape):
    T, B = shape["T"], shape["B"]
    case = make_case(CELLS[name], **shape)
    cell, run, back = case.cell, case.run(), case.back()
    assert run.h.shape == (T, B, cell.n_h)
    assert [a.shape for a in run.state] == [(B, n) for n in cell.state_sizes]
    assert run.trace.x.shape == (T, B, cell.n_x)
    assert back.dx.shape == (T, B, cell.n_x)
    assert type(back.dstate) is type(case.state)
    assert {k: back.grads[k].shape for k in back.grads} == {k: p.shape for k, p in case.cell.params.items()}
    if cell.causal:
        same(run.h[-1, ...], run.state.h, 0)


@EVERY_CELL
def test_without_a_trace_the_run_is_the_same(name):
    case = make_case(CELLS[name], T=5, B=3)
    for lengths in (None, [5, 2, 4]):
        want = ll.unroll(case.cell, case.x, case.state, lengths=lengths)
        got = ll.unroll(case.cell, case.x, case.state, lengths=lengths, trace=False)
        assert got.trace is None
        same(got.h, want.h)
        for a, b in zip(got.state, want.state, strict=True):
            same(a, b)
    with pytest.raises(TypeError, match=r"run: expected one with its trace, got what unroll"):
        ll.backprop(case.cell, got, case.dh)


@pytest.mark.parametrize("kind", [ll.LSTM, ll.depth.Stack])
def test_a_subclass_that_walks_in_its_own_way_walks_so_without_a_trace(kind):
    own = type("Own", (kind,), {})

    @run_sequence.register(own)
    def shifted(cell, x, state, mask):
        run = run_sequence.dispatch(kind)(cell, x, state, mask)
        return run._replace(h=run.h + 7.0)

    cell = own([ll.LSTM(2, 3)]) if kind is not ll.LSTM else own(2, 3)
    run, alone = (ll.unroll(cell, xp.ones((4, 2, 2)), trace=trace) for trace in (True, False))
    assert alone.trace is None
    same(alone.h, run.h, 0)


def test_what_looks_at_a_trace_says_that_there_is_none():
    case = make_case(T=3, B=1)
    run = ll.unroll(case.cell, case.x, trace=False)
    for look in (
        ll.diagnostics.run_statistics,
        ll.plots.trace,
        lambda run: ll.diagnostics.GateHistory()(0, run),
    ):
        with pytest.raises(TypeError, match=r"run: expected one with its trace, got what unroll"):
            look(run)


def test_the_trace_of_the_lstm_is_what_the_notes_store():
    run = make_case().run()
    assert run.trace._fields == ("x", "h_prev", "C_prev", "f", "i", "C_tilde", "C", "o", "h")
    same(run.trace.h_prev[1:, ...], run.h[:-1, ...], 0)
    same(run.trace.C_prev[1:, ...], run.trace.C[:-1, ...], 0)


@pytest.mark.parametrize("name", CAUSAL)
def test_two_pieces_equal_one_run(name):
    case = make_case(CAUSAL[name], T=5)
    whole = case.run()
    first = ll.unroll(case.cell, case.x[:2, ...], case.state)
    second = ll.unroll(case.cell, case.x[2:, ...], first.state)
    same(xp.concat([first.h, second.h]), whole.h, 0)
    back = case.back()
    back2 = ll.backprop(case.cell, second, case.dh[2:, ...], case.dstate)
    back1 = ll.backprop(case.cell, first, case.dh[:2, ...], back2.dstate)
    same(xp.concat([back1.dx, back2.dx]), back.dx)
    for parameter in back.grads:
        same(back1.grads[parameter] + back2.grads[parameter], back.grads[parameter], 1e-13)


@EVERY_CELL
def test_the_sequences_of_a_batch_do_not_see_each_other(name):
    case = make_case(CELLS[name], B=3)
    run, back = case.run(), case.back()
    totals = case.cell.params.zeros_like()
    for b in range(3):
        one = slice(b, b + 1)
        state = type(case.state)(*(a[one, :] for a in case.state))
        dstate = type(case.state)(*(a[one, :] for a in case.dstate))
        alone = ll.unroll(case.cell, case.x[:, one, :], state)
        alone_back = ll.backprop(case.cell, alone, case.dh[:, one, :], dstate)
        same(alone.h, run.h[:, one, :])
        same(alone_back.dx, back.dx[:, one, :])
        for parameter in totals:
            totals[parameter] += alone_back.grads[parameter]
    for parameter in totals:
        same(totals[parameter], back.grads[parameter], 1e-13)


def test_renaming_the_units_changes_nothing_else():
    case = make_case(n_h=3)
    order = [2, 0, 1]
    columns = [*order, *range(3, 5)]
    other = ll.LSTM(case.cell.n_x, 3)
    for name, p in case.cell.params.items():
        host = ll.to_numpy(p)[order]
        other.params[name] = host[:, columns] if name.startswith("W") else host
    state = ll.LSTMState(*(xp.asarray(ll.to_numpy(a)[:, order]) for a in case.state))
    got = ll.to_numpy(ll.unroll(other, case.x, state).h)
    np.testing.assert_allclose(got, ll.to_numpy(case.run().h)[:, :, order], atol=1e-14)


@EVERY_CELL
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_dtype_is_kept_everywhere(name, dtype):
    case = make_case(CELLS[name], dtype=dtype)
    run, back = case.run(), case.back()
    everything = [run.h, *run.state, *arrays_of(run.trace), back.dx, *back.dstate, *back.grads.values()]
    assert {str(a.dtype).rpartition(".")[2] for a in everything} == {dtype}


@EVERY_CELL
def test_float32_agrees_with_float64(name):
    double, single = make_case(CELLS[name]), make_case(CELLS[name], dtype="float32")
    same(single.run().h, double.run().h, 1e-5)
    g64, g32 = double.back().grads, single.back().grads
    for parameter in g64:
        got, want = ll.to_numpy(g32[parameter]), ll.to_numpy(g64[parameter])
        assert np.abs(got - want).max() < 1e-4 * max(1.0, np.abs(want).max())


@pytest.mark.parametrize("name", [name for name in CELLS if "dropout" not in name])
def test_without_a_state_it_starts_from_zeros(name):
    case = make_case(CELLS[name])
    same(ll.unroll(case.cell, case.x).h, ll.unroll(case.cell, case.x, case.cell.initial_state(2)).h, 0)
    run = case.run()
    zeros = case.cell.initial_state(2)
    without, given = ll.backprop(case.cell, run, case.dh), ll.backprop(case.cell, run, case.dh, zeros)
    for parameter in given.grads:
        same(without.grads[parameter], given.grads[parameter], 0)


@EVERY_CELL
def test_nothing_that_was_passed_in_is_changed(name):
    case = make_case(CELLS[name])
    arrays = [case.x, case.dh, *case.state, *case.dstate, *case.cell.params.vectors]
    before = [ll.to_numpy(a).copy() for a in arrays]
    case.back()
    for a, old in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(ll.to_numpy(a), old)


X = "x: expected "


@pytest.mark.parametrize(
    ("make_x", "error", "message"),
    [
        (lambda: xp.zeros((4, 2)), ValueError, X + r"shape \(T, B, 3\), got \(4, 2\)"),
        (lambda: xp.zeros((4, 2, 5)), ValueError, X + r"shape \(T, B, 3\), got \(4, 2, 5\)"),
        (
            lambda: xp.zeros((0, 2, 3)),
            ValueError,
            X + r"shape \(T, B, 3\) with T at least 1, got \(0, 2, 3\)",
        ),
        (
            lambda: xp.zeros((4, 0, 3)),
            ValueError,
            X + r"shape \(T, B, 3\) with B at least 1, got \(4, 0, 3\)",
        ),
        (lambda: xp.zeros((4, 2, 3), dtype=xp.float32), TypeError, X + "dtype float64, got float32"),
        (lambda: xp.zeros((4, 2, 3), dtype=xp.int64), TypeError, X + "dtype float64, got int64"),
        (lambda: xp.zeros((4, 2, 3)) + xp.nan, ValueError, X + "finite values, got 24"),
        (lambda: xp.zeros((4, 2, 3)) - xp.inf, ValueError, X + "finite values, got 24"),
        (lambda: [[[0.0] * 3]], TypeError, X + r"an array of shape \(T, B, 3\), got list"),
        (lambda: None, TypeError, X + r"an array of shape \(T, B, 3\), got NoneType"),
    ],
)
def test_bad_inputs_are_named(make_x, error, message):
    with pytest.raises(error, match=message):
        ll.unroll(ll.LSTM(3, 4), make_x())


def test_arrays_of_another_library_are_named():
    cell = ll.LSTM(3, 4, xp=ll.get_xp("strict"))
    with pytest.raises(
        TypeError, match=r"x: expected an array of array_api_strict.*got one of numpy; move it"
    ):
        ll.unroll(cell, np.zeros((4, 2, 3)))


@pytest.mark.parametrize(
    ("make_state", "error", "message"),
    [
        (lambda: (xp.zeros((2, 4)),) * 2, TypeError, r"state: expected a LSTMState\(h, C\), got tuple"),
        (
            lambda: ll.RNNState(xp.zeros((2, 4))),
            TypeError,
            r"state: expected a LSTMState\(h, C\), got RNNState",
        ),
        (
            lambda: ll.LSTMState(xp.zeros((2, 4)), xp.zeros((1, 4))),
            ValueError,
            r"state\.C: expected shape \(2, 4\), got \(1, 4\)",
        ),
        (
            lambda: ll.LSTMState(xp.zeros((2, 4)) + xp.inf, xp.zeros((2, 4))),
            ValueError,
            r"state\.h: expected finite values, got 8",
        ),
    ],
)
def test_bad_states_are_named(make_state, error, message):
    with pytest.raises(error, match=message):
        ll.unroll(ll.LSTM(3, 4), xp.zeros((5, 2, 3)), make_state())


def test_bad_gradients_are_named():
    case = make_case(T=4, B=2, n_h=3)
    run = case.run()
    with pytest.raises(ValueError, match=r"dh: expected shape \(4, 2, 3\), got \(3, 2, 3\)"):
        ll.backprop(case.cell, run, case.dh[1:, ...])
    with pytest.raises(ValueError, match=r"dstate\.h: expected shape \(2, 3\), got \(2, 1\)"):
        ll.backprop(case.cell, run, case.dh, ll.LSTMState(xp.zeros((2, 1)), xp.zeros((2, 3))))
    with pytest.raises(ValueError, match=r"run\.trace\.x: expected shape \(4, 2, 5\), got \(4, 2, 2\)"):
        ll.backprop(ll.LSTM(5, 3), run, case.dh)
    with pytest.raises(TypeError, match=r"run: expected .* stores LSTMTrace, got RNNTrace"):
        ll.backprop(case.cell, make_case(ll.RNN).run(), case.dh)


@pytest.mark.parametrize("batch", [0, -1, 1.5])
def test_a_batch_has_at_least_one_sequence(batch):
    with pytest.raises(ValueError, match="batch: expected a positive whole number"):
        ll.LSTM(1, 1).initial_state(batch)


def test_the_smallest_case():
    case = make_case(T=1, B=1, n_x=1, n_h=1)
    assert case.check().ok


def test_draws_are_the_same_on_every_backend():
    assert float(draw(np.random.default_rng(0), 1)[0]) == np.random.default_rng(0).normal(size=1)[0]


def test_what_is_no_cell_and_no_run_is_named():
    case = make_case()
    with pytest.raises(TypeError, match="cell: expected a cell such as"):
        ll.unroll(case.x, case.cell)
    with pytest.raises(TypeError, match="cell: expected a cell such as"):
        ll.unroll(ll.LSTM, case.x)
    for wrong in (None, case.run().h, (1, 2, 3)):
        with pytest.raises(TypeError, match="run: expected what unroll returned, got"):
            ll.backprop(case.cell, wrong, case.dh)
    with pytest.raises(ValueError, match=r"run\.h: expected shape \(4, 2, 5\), got \(4, 2, 3\)"):
        ll.backprop(ll.LSTM(2, 5), case.run(), case.dh)


def test_parameters_that_are_no_longer_numbers_are_named():
    case = make_case()
    run = case.run()
    case.cell.params["b_f"][...] = xp.nan
    for use in (case.run, lambda: ll.backprop(case.cell, run, case.dh)):
        with pytest.raises(ValueError, match=r"cell\.params: expected finite values, got 3"):
            use()


def test_masked_arrays_are_refused():
    cell = ll.LSTM(3, 4, xp=ll.get_xp("numpy"))
    with pytest.raises(TypeError, match=r"x: expected an array of shape .* got MaskedArray"):
        ll.unroll(cell, np.ma.zeros((4, 2, 3)))


def test_an_array_on_another_device_is_named():
    strict = ll.get_xp("strict")
    x = strict.zeros((4, 2, 3), device=strict.Device("CPU_DEVICE"))
    with pytest.raises(ValueError, match=r"x: expected an array on .*device1.*, got one on .*CPU_DEVICE"):
        ll.unroll(ll.LSTM(3, 4, xp=strict), x)
