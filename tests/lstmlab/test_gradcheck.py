"""The checker itself: right gradients pass, wrong ones are named, bad calls are explained."""

import numpy as np
import pytest
from cases import make_case

import lstmlab as ll
from lstmlab import xp
from lstmlab.gradcheck import finite_difference, relative_error


def cubes(**wrong):
    """L = Σ a³ + Σ a b, with gradients that can be spoiled."""

    def f(a, b):
        grads = {"a": 3 * a**2 + b, "b": a + wrong.get("b", 0.0)}
        if "a_at" in wrong:
            grads["a"][wrong["a_at"]] += 0.5
        return xp.sum(a**3) + xp.sum(a * b), grads

    return f


@pytest.fixture
def args():
    rng = np.random.default_rng(0)
    return {"a": xp.asarray(rng.normal(size=(2, 3))), "b": xp.asarray(rng.normal(size=(2, 3)))}


def test_right_gradients_pass_and_arguments_are_put_back(args):
    before = {k: ll.to_numpy(a).copy() for k, a in args.items()}
    report = ll.gradcheck(cubes(), args)
    assert report.ok
    assert report.failed == ()
    assert report.worst < 1e-10
    for k, a in args.items():
        np.testing.assert_array_equal(ll.to_numpy(a), before[k])


def test_a_wrong_entry_is_found_with_its_index_and_both_numbers(args):
    report = ll.gradcheck(cubes(a_at=(1, 2)), args)
    assert report.failed == ("a",)
    found = report.errors["a"]
    assert found.index == (1, 2)
    assert found.got - found.expected == pytest.approx(0.5, abs=1e-9)
    assert report.errors["b"].worst < report.tol
    assert "WRONG at a[1, 2]: got" in str(report)
    assert "< 1e-07  ok" in str(report)


def test_a_small_relative_error_fails_too(args):
    assert ll.gradcheck(cubes(b=1e-5), args).failed == ("b",)


def test_positional_arguments_are_numbered(args):
    def f(a, b):
        return xp.sum(a * b), [b, b]

    assert ll.gradcheck(f, [args["a"], args["b"]]).failed == ("args[1]",)


def test_a_gradient_that_is_not_finite_fails(args):
    assert "b" in ll.gradcheck(cubes(b=float("nan")), args).failed


def test_fewer_entries_are_checked_on_request(args):
    report = ll.gradcheck(cubes(), args, max_entries=2, rng=1)
    assert {c.entries for c in report.errors.values()} == {2}


def test_arguments_are_put_back_when_f_fails(args):
    calls = []

    def f(a, b):
        calls.append(1)
        if len(calls) > 3:
            raise RuntimeError("no more")
        return cubes()(a, b)

    before = ll.to_numpy(args["a"]).copy()
    with pytest.raises(RuntimeError, match="no more"):
        ll.gradcheck(f, args)
    np.testing.assert_array_equal(ll.to_numpy(args["a"]), before)


@pytest.mark.equation("eq-finite-difference")
def test_the_five_point_difference_is_exact_for_quartics():
    def quartic(t):
        return 2 * t**4 - t**3 + t

    values = [quartic(0.7 + k * 0.1) for k in (2, 1, -1, -2)]
    assert finite_difference(values, 0.1) == pytest.approx(8 * 0.7**3 - 3 * 0.7**2 + 1, rel=1e-13)


@pytest.mark.equation("eq-relative-error")
def test_the_relative_error_has_a_floor():
    assert relative_error(1.0, 1.1) == pytest.approx(0.1 / 1.1)
    assert relative_error(0.0, 1e-12, floor=1e-3) == pytest.approx(1e-9)
    assert relative_error(0.0, 0.0) == 0.0
    assert relative_error(float("nan"), 1.0) == float("inf")
    assert relative_error(1.0, -1.0) == 2.0


@pytest.mark.parametrize(
    ("f", "make_args", "error", "message"),
    [
        (None, lambda: {}, ValueError, "args: expected at least one array"),
        (None, lambda: {"a": [1.0]}, TypeError, "a: expected a float64 array .* got list"),
        (
            None,
            lambda: {"a": xp.zeros((2,), dtype=xp.float32)},
            TypeError,
            "a: expected a float64 array .* got float32",
        ),
        (
            None,
            lambda: {"a": xp.zeros((0,))},
            ValueError,
            r"a: expected at least one entry, got shape \(0,\)",
        ),
        (
            lambda a: xp.sum(a),
            lambda: {"a": xp.ones((2,))},
            TypeError,
            r"f: expected a pair \(value, grads\)",
        ),
        (
            lambda a: (a, {"a": a}),
            lambda: {"a": xp.ones((2,))},
            ValueError,
            r"f: expected a scalar value, got shape \(2,\)",
        ),
        (
            lambda a: (xp.sum(a) * xp.nan, {"a": a}),
            lambda: {"a": xp.ones((2,))},
            ValueError,
            "f: expected a finite value, got nan",
        ),
        (
            lambda a: (xp.sum(a), {}),
            lambda: {"a": xp.ones((2,))},
            ValueError,
            "f: returned no gradient for a",
        ),
        (
            lambda a: (xp.sum(a), {"a": a[:1]}),
            lambda: {"a": xp.ones((2,))},
            ValueError,
            r"f: gradient of a: expected shape \(2,\), got \(1,\)",
        ),
    ],
)
def test_bad_calls_are_explained(f, make_args, error, message):
    with pytest.raises(error, match=message):
        ll.gradcheck(f, make_args())


def test_an_array_that_cannot_be_written_is_named():
    frozen = np.ones(2)
    frozen.flags.writeable = False
    with pytest.raises(ValueError, match="a: expected an array that can be written"):
        ll.gradcheck(lambda a: (a.sum(), {"a": a}), {"a": frozen})


def test_the_printed_table_is_the_same_on_every_machine():
    lines = str(make_case().check()).splitlines()
    assert lines[0].split() == ["argument", "entries", "relative", "error", "verdict"]
    assert [line.split()[0] for line in lines[1:]] == [
        *("W_f", "W_i", "W_C", "W_o", "b_f", "b_i", "b_C", "b_o"),
        *("x", "h_0", "C_0"),
    ]
    assert all(line.endswith("< 1e-07  ok") for line in lines[1:])


def test_small_gradients_are_measured_against_the_large_ones_and_the_value():
    def f(a):
        return 1e3 * a[0] + 0.1 * a[1] + offset, [xp.asarray(np.array([1e3, 0.0]))]

    offset = 0.0
    report = ll.gradcheck(f, [xp.zeros((2,))])
    assert report.errors["args[0]"].index == (1,)
    assert report.worst == pytest.approx(0.1 / 1.0, rel=1e-6)  # a thousandth of the largest
    offset = 1e6
    assert ll.gradcheck(f, [xp.zeros((2,))]).worst == pytest.approx(0.1 / 10.0, rel=1e-4)


def test_the_worst_argument_comes_first(args):
    def f(a, b):
        return xp.sum(a * b), {"a": 1.1 * b, "b": 2.0 * a}

    report = ll.gradcheck(f, args)
    assert report.failed == ("b", "a")
    assert report.worst == report.errors["b"].worst > report.errors["a"].worst
    assert repr(report) == str(report)


def test_sampled_entries_are_drawn(args):
    verdicts = {ll.gradcheck(cubes(a_at=(1, 2)), args, max_entries=1, rng=seed).ok for seed in range(30)}
    assert verdicts == {True, False}


def test_a_buffer_that_is_used_again_does_no_harm():
    buffer = xp.zeros((2,))

    def f(a):
        buffer[...] = 2.0 * a
        return xp.sum(a * a), [buffer]

    assert ll.gradcheck(f, [xp.ones((2,))]).ok


def test_a_cheaper_value_is_used_where_there_is_one():
    case = make_case(B=3)
    f, arguments = ll.cell_loss(case.cell, case.x, None, case.dh)
    assert {"h_0", "C_0"} <= set(arguments)
    assert float(f.value()) == float(f()[0])
    assert ll.gradcheck(f, arguments).ok
    for use in (f, f.value):
        with pytest.raises(ValueError, match="x: expected the very array that cell_loss returned"):
            use(x=case.x + 0.0)


@pytest.mark.parametrize(
    ("grads", "message"),
    [
        ({"a": 1}, "f: expected a list of 1 gradients, one for each argument, got dict"),
        ([], "f: expected a list of 1 gradients, one for each argument, got 0"),
        (None, "f: expected a list of 1 gradients, one for each argument, got NoneType"),
        ([np.zeros(2, dtype=complex)], r"f: gradient of args\[0\]: expected real numbers, got complex128"),
    ],
)
def test_gradients_that_do_not_fit_the_arguments_are_explained(grads, message):
    with pytest.raises(TypeError, match=message):
        ll.gradcheck(lambda a: (xp.sum(a), grads), [xp.ones((2,))])


@pytest.mark.parametrize("option", [{"eps": 0.0}, {"tol": -1.0}, {"max_entries": 0}])
def test_options_are_checked(option, args):
    (name,) = option
    with pytest.raises(ValueError, match=f"{name}: expected a"):
        ll.gradcheck(cubes(), args, **option)
