"""Parameters are views into one fused vector, and say what is wrong with what is written into them."""

import copy
import math
import pickle

import numpy as np
import pytest
from cases import SINGLE, make_case

import lstmlab as ll
from lstmlab import xp
from lstmlab.cells.lstm import lstm_parameter_count
from lstmlab.cells.rnn import rnn_parameter_count
from lstmlab.parameters import ParameterGroup


def test_names_and_shapes_of_the_contract():
    cell = ll.LSTM(n_x=2, n_h=3)
    assert list(cell.params) == ["W_f", "W_i", "W_C", "W_o", "b_f", "b_i", "b_C", "b_o"]
    assert {cell.params[n].shape for n in ("W_f", "W_i", "W_C", "W_o")} == {(3, 5)}
    assert {cell.params[n].shape for n in ("b_f", "b_i", "b_C", "b_o")} == {(3,)}
    rnn = ll.RNN(n_x=2, n_h=3)
    assert {n: tuple(rnn.params[n].shape) for n in rnn.params} == {"W": (3, 5), "b": (3,)}


@pytest.mark.equation("eq-lstm-parameters", "eq-rnn-parameters")
@pytest.mark.parametrize(("n_x", "n_h"), [(1, 1), (3, 7), (40, 100)])
def test_parameter_counts(n_x, n_h):
    assert lstm_parameter_count(n_x, n_h) == ll.LSTM(n_x, n_h).n_params == 4 * ll.RNN(n_x, n_h).n_params
    assert rnn_parameter_count(n_x, n_h) == ll.RNN(n_x, n_h).n_params
    assert lstm_parameter_count(40, 100) == 56_400


def test_the_fused_form_is_the_same_memory():
    cell = ll.LSTM(n_x=2, n_h=3)
    cell.params["W_C"][1, 4] = 7.0
    assert float(cell.W[2 * 3 + 1, 4]) == 7.0
    cell.W[3 * 3, 0] = -5.0
    assert float(cell.params["W_o"][0, 0]) == -5.0
    cell.b[3] = 2.5
    assert float(cell.params["b_i"][0]) == 2.5
    assert float(cell.params.flat[4 * 3 * 5 + 3]) == 2.5


@pytest.mark.parametrize("write", ["item", "slice"])
def test_assigning_changes_the_cell(write):
    cell = ll.LSTM(n_x=2, n_h=3)
    x = xp.asarray(np.ones((2, 1, 2)))
    before = ll.to_numpy(ll.unroll(cell, x).h).copy()
    if write == "item":
        cell.params["W_o"] = xp.ones((3, 5))
    else:
        cell.params["W_o"][...] = 1.0
    assert np.abs(ll.to_numpy(ll.unroll(cell, x).h) - before).max() > 1e-3
    assert ll.to_numpy(cell.params["W_o"]).tolist() == [[1.0] * 5] * 3


def test_numbers_lists_and_host_arrays_may_be_written():
    cell = ll.LSTM(n_x=1, n_h=2)
    cell.params["b_f"] = 3
    cell.params["b_i"] = [1, 2]
    cell.params["b_o"] = np.asarray([5.0, 6.0])
    assert ll.to_numpy(cell.b).tolist() == [3.0, 3.0, 1.0, 2.0, 0.0, 0.0, 5.0, 6.0]


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (np.zeros((3, 3)), ValueError, r"W_f: expected shape \(2, 3\), got \(3, 3\)"),
        ([1.0], ValueError, r"W_f: expected shape \(2, 3\), got \(1,\)"),
        (np.zeros((2, 3), dtype="float32"), TypeError, "W_f: expected dtype float64, got float32"),
        (np.zeros((2, 3), dtype="int64"), TypeError, "W_f: expected dtype float64, got int64"),
        (np.full((2, 3), np.nan), ValueError, "W_f: expected finite values, got 6"),
        ("zeros", TypeError, r"W_f: expected an array of shape \(2, 3\), got str"),
    ],
)
def test_what_cannot_be_written_is_named_and_nothing_is_lost(value, error, message):
    cell = ll.LSTM(n_x=1, n_h=2)
    before = ll.to_numpy(cell.params.flat).copy()
    if error is TypeError and xp is not np and hasattr(value, "dtype"):
        message = "W_f: expected an array of array_api_strict"
    with pytest.raises(error, match=message):
        cell.params["W_f"] = value
    np.testing.assert_array_equal(ll.to_numpy(cell.params.flat), before)


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(KeyError, match="no parameter 'W_c'; there are W_f, W_i, W_C, W_o, b_f"):
        ll.LSTM(1, 1).params["W_c"]
    for names in (("W_f", "W_C"), ("W_o", "b_f")):
        with pytest.raises(
            ValueError, match=f"names: expected neighbours of one width, got {', '.join(names)}"
        ):
            ll.LSTM(1, 1).params.fused(names)


def test_a_group_has_parts_whose_names_can_be_told_apart_and_prints_them():
    params = ll.RNN(1, 2).params
    assert repr(ParameterGroup({"one": params})) == "ParameterGroup(one.W: (2, 3), one.b: (2,))"
    with pytest.raises(ValueError, match=r"parts: expected names without a dot, got 'a\.b'"):
        ParameterGroup({"a": params, "a.b": params})
    with pytest.raises(ValueError, match="parts: expected at least one, got none"):
        ParameterGroup({})


def test_the_first_weights_are_those_documented():
    cell = ll.LSTM(n_x=3, n_h=16, rng=0)
    assert np.abs(ll.to_numpy(cell.W)).max() <= 16**-0.5
    assert ll.to_numpy(cell.W).std() == pytest.approx(16**-0.5 / 3**0.5, rel=0.05)
    assert ll.to_numpy(cell.b).tolist() == [1.0] * 16 + [0.0] * 48


@pytest.mark.parametrize("name", SINGLE)
def test_the_first_weights_of_every_cell_fill_their_range_and_only_forget_gates_have_a_bias(name):
    n_h = 40
    for word, p in SINGLE[name](30, n_h, rng=0).params.items():
        numbers = ll.to_numpy(p)
        bound = (numbers.shape[1] if word == "W_p" else n_h) ** -0.5
        if numbers.ndim == 2:
            assert 0.97 * bound < np.abs(numbers).max() <= bound, word
            assert numbers.std() == pytest.approx(bound / 3**0.5, rel=0.05), word
            assert abs(numbers.mean()) < 0.05 * bound, word
        elif word.startswith("w_"):  # a depth gate's diagonals
            assert 0.8 * bound < np.abs(numbers).max() <= bound, word
        else:
            assert set(numbers.tolist()) == {float(word.startswith("b_f"))}, word


@pytest.mark.parametrize("name", SINGLE)
def test_the_same_seed_gives_the_same_cell_in_every_dtype(name):
    one, two = SINGLE[name](2, 3, rng=5), SINGLE[name](2, 3, rng=np.random.default_rng(5))
    np.testing.assert_array_equal(ll.to_numpy(one.params.flat), ll.to_numpy(two.params.flat))
    single = SINGLE[name](2, 3, rng=5, dtype="float32")
    np.testing.assert_array_equal(
        ll.to_numpy(single.params.flat), ll.to_numpy(one.params.flat).astype("float32")
    )
    assert make_case(SINGLE[name], dtype="float32").back().grads.flat.dtype == single.params.flat.dtype


@pytest.mark.parametrize("name", [name for name in SINGLE if name != "multiplicative"])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_x": 0, "n_h": 1}, "n_x: expected a positive whole number, got 0"),
        ({"n_x": 1, "n_h": -2}, "n_h: expected a positive whole number, got -2"),
        ({"n_x": 1.0, "n_h": 1}, "n_x: expected a positive whole number, got 1.0"),
        ({"n_x": 1, "n_h": True}, "n_h: expected a positive whole number, got True"),
        ({"n_x": 1, "n_h": 1, "dtype": "float16"}, "dtype: expected one of float32, float64, got 'float16'"),
        ({"n_x": 1, "n_h": 1, "dtype": int}, "dtype: expected one of float32, float64, got"),
    ],
)
def test_sizes_and_dtype_are_checked(name, arguments, message):
    with pytest.raises(ValueError, match=message):
        SINGLE[name](**arguments)


@pytest.mark.parametrize("dtype", [np.float32, np.dtype("float32"), "float32"])
def test_a_dtype_may_be_given_as_numpy_does(dtype):
    assert ll.LSTM(1, 1, dtype=dtype).dtype == "float32"


@pytest.mark.parametrize("choice", ["numpy", "strict"])
def test_the_array_library_of_a_cell_can_be_chosen(choice):
    library = ll.get_xp(choice)
    cell = ll.LSTM(1, 2, xp=library)
    run = ll.unroll(cell, library.ones((3, 1, 1)))
    assert type(run.h) is type(library.ones((1,)))


def test_states_do_not_share_memory():
    state = ll.LSTM(1, 2).initial_state(1)
    state.h[0, 0] = 1.0
    assert float(state.C[0, 0]) == 0.0


@pytest.mark.parametrize("name", SINGLE)
def test_the_first_weights_of_every_cell_keep_their_bound_and_follow_the_seed(name):
    cell, other = SINGLE[name](3, 16, rng=1), SINGLE[name](3, 16, rng=2)
    weights = [ll.to_numpy(p) for p in cell.params.values() if len(p.shape) == 2]
    assert max(np.abs(W).max() for W in weights) <= 16**-0.5
    assert all(not np.array_equal(a, b) for k, a in enumerate(weights) for b in weights[k + 1 :])
    assert not np.array_equal(ll.to_numpy(cell.params.flat), ll.to_numpy(other.params.flat))


def through_pickle(cell):
    return pickle.loads(pickle.dumps(cell))


@pytest.mark.parametrize("duplicate", [copy.deepcopy, through_pickle])
def test_a_copy_is_whole_and_its_own(duplicate):
    if duplicate is through_pickle and xp is not np:
        pytest.skip("arrays of the strict backend cannot be pickled")
    cell = ll.LSTM(1, 2)
    other = duplicate(cell)
    other.params["b_f"] = 9.0
    assert ll.to_numpy(other.b)[:2].tolist() == [9.0, 9.0]
    other.params.flat[...] = 0.0 * other.params.flat
    assert float(xp.max(xp.abs(ll.unroll(other, xp.ones((2, 1, 1))).h))) == 0.0
    assert ll.to_numpy(cell.params["b_f"]).tolist() == [1.0, 1.0]


def test_a_number_may_come_as_an_array_without_axes():
    cell = ll.LSTM(1, 2)
    cell.params["b_f"] = xp.log(xp.asarray(3.0))
    cell.params["b_i"] = np.asarray(2.0)
    assert ll.to_numpy(cell.b)[:4].tolist() == [math.log(3.0)] * 2 + [2.0] * 2


@pytest.mark.parametrize("value", [[1.0, "x"], [1.0, [2.0]], [10**400, 0.0]])
def test_lists_that_are_no_numbers_are_named(value):
    with pytest.raises(ValueError, match=r"b_f: expected numbers of shape \(2,\), got"):
        ll.LSTM(1, 2).params["b_f"] = value


def test_a_vector_of_the_wrong_length_is_named():
    with pytest.raises(ValueError, match=r"flat: expected shape \(3,\), got \(2,\)"):
        ll.Parameters({"a": (3,)}, xp.zeros((2,)))
    with pytest.raises(ValueError, match="names: expected at least one, got none"):
        ll.LSTM(1, 1).params.fused(())
    with pytest.raises(KeyError, match="no parameter 'W_x'"):
        ll.LSTM(1, 1).params.fused(("W_x",))
