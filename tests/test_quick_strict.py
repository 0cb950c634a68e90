"""The quickened strict library refuses what the library refuses."""

import itertools
import warnings

import array_api_compat
import array_api_strict as xp
import numpy as np
import pytest
import quick_strict as quick
from array_api_strict._array_object import Array

quick.quicken()
DTYPES = ("bool", "int32", "int64", "float32", "float64", "complex64")
SHAPES = ((), (3,), (2, 3), (3, 3))
DEVICES = tuple(map(xp.Device, ("CPU_DEVICE", "device1", "no_x64")))
NUMBERS = (True, 2, -1, 300, 2**60 + 1, 10**400, 1.5, 1e300, float("nan"), 1j)
STRANGERS = (*NUMBERS, np.float64(1.5), np.int64(1), np.ones(3), [1.0], "1", None)


def arrays(dtypes=DTYPES, shapes=SHAPES, devices=DEVICES):
    """Arrays of every kind, those that a device does not have left out."""
    made = []
    for dtype, shape, device in itertools.product(dtypes, shapes, devices):
        values = np.asarray(np.arange(1, 1 + int(np.prod(shape))).reshape(shape) % 3, dtype)
        try:
            made.append(xp.asarray(values, device=device))
        except ValueError:
            assert device == xp.Device("no_x64")
    return made


def fresh(value):
    return xp.asarray(value, copy=True) if isinstance(value, Array) else value


def outcome(function, *args, **options):
    """Return what comes back, in a form to compare, and what became of the arguments; or what is raised."""
    args = [fresh(a) for a in args]
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            back = function(*args, **options)
    except Exception as error:
        return type(error), str(error)
    return [
        (a.dtype, a.device, a.shape, a._array.tobytes(), type(a._array)) if isinstance(a, Array) else repr(a)
        for a in (back, *args)
    ]


def same(replaced, *args, **options):
    """Say that the library and what replaces it do the same, at the first time and later."""
    before = outcome(replaced.__wrapped__, *args, **options)
    for _ in range(2):
        assert outcome(replaced, *args, **options) == before, (args, options)
    return before


def accepted(outcomes):
    """Both answers must occur, or the comparison says little."""
    kinds = {type(found) for found in outcomes}
    return kinds == {list, tuple}


@pytest.mark.parametrize("name", [*quick.OPERATORS, *quick.IN_PLACE])
def test_operators_answer_as_the_library_does(name):
    replaced = getattr(Array, name)
    # Some that it takes first, so that what it took could be mixed up with what it refuses.
    operands = sorted(arrays(), key=lambda a: a.dtype not in (xp.float64, xp.float32))
    square = [a for a in operands if a.shape == (3, 3)]
    pairs = [(a, b) for a in square for b in operands if b.shape in ((), (3, 3))]
    pairs += [(a, b) for a in operands if a.shape == () for b in STRANGERS]
    assert accepted([same(replaced, a, b) for a, b in pairs])


@pytest.mark.parametrize("name", [*quick.OF_ONE, *quick.REDUCTIONS, "__neg__"])
def test_functions_of_one_array(name):
    replaced = getattr(Array if name == "__neg__" else xp, name)
    found = [same(replaced, a) for a in (*arrays(), *STRANGERS)]
    if name in quick.REDUCTIONS:
        options = [{"axis": 0}, {"axis": -1, "keepdims": True}, {"axis": (0, 1)}, {"axis": 2}, {"axis": 1.0}]
        options += [{"keepdims": True}] + [{"dtype": xp.float64}] * (name == "sum")
        found += [same(replaced, a, **more) for a in arrays(shapes=SHAPES[:3]) for more in options]
    assert accepted(found)


@pytest.mark.parametrize("name", [*quick.OF_TWO, "where", *quick.LISTS])
def test_functions_of_several_arrays(name):
    replaced = getattr(xp, name)
    operands = [
        *arrays(shapes=SHAPES[:1] + SHAPES[3:], devices=DEVICES[:2]),
        1.0,
        True,
        np.ones((3, 3)),
        None,
    ]
    conditions = arrays(("bool", "float64"), ((3, 3),), DEVICES[1:2])
    found = []
    for a, b in itertools.product(operands, operands):
        if name == "where":
            found += [same(replaced, condition, a, b) for condition in conditions]
        elif name in quick.LISTS:
            found += [same(replaced, [a, b], axis=axis) for axis in (0, -1, 3, None)]
        else:
            found.append(same(replaced, a, b))
    assert accepted(found)


def test_indexing():
    parts = (0, -1, 7, True, 1.0, None, ..., slice(None), slice(1), slice(0, 9), slice(-9, None))
    parts += (slice(None, None, -1), slice(True, 2), slice(1.0, 2), np.int64(1), np.asarray([0]), "a", (0,))
    parts += (xp.asarray(1), xp.asarray([0, 1]), xp.asarray([True, False, True]))
    pairs = [*itertools.product(parts[:9:2], parts), *((part, ...) for part in parts)]
    keys = [*parts, (), *pairs, (0, ..., 1, None), (..., 0, ...)]
    found = []
    for a in arrays(("float64",), SHAPES[:3], DEVICES[:2]):
        for key in keys:
            found.append(same(Array.__getitem__, a, key))
            for value in (2.0, 2, True, xp.asarray(2.0), xp.asarray(2, dtype=xp.float32), a):
                found.append(same(Array.__setitem__, a, key, value))
    assert accepted(found)


def test_asarray():
    values = [np.asarray([[0, 1], [2, 300]], dtype) for dtype in (*DTYPES, "float16", "<U3", ">f8", object)]
    values += [np.float64(1.0), 2, [1.0, 2.0], xp.ones(2), np.ones((2, 3)).T, np.ma.masked_array([1.0])]
    wanted = [None, "float64", float, np.float64, *(getattr(xp, name) for name in DTYPES)]
    found = []
    for value, dtype, device in itertools.product(values, wanted, (*DEVICES, None, "device1")):
        found += [same(xp.asarray, value, dtype=dtype, device=device, copy=copy) for copy in (None, True)]
    assert accepted(found)
    own = np.ones(2)
    for copy in (None, True, False):
        for made in [xp.asarray(own, device=DEVICES[1], copy=copy) for _ in range(2)]:
            assert np.shares_memory(made._array, own) is (copy is not True)


def test_transposing_and_the_namespace():
    for a in arrays():
        again = [outcome(Array.T.fget, a) for _ in range(2)]
        assert again == [outcome(Array.T.fget.__wrapped__, a)] * 2
        assert array_api_compat.array_namespace(a, a) is xp
    mixed = (xp.ones(2), np.ones(2), 1.0, None)
    for xs in ((), *itertools.product(mixed, mixed)):
        same(array_api_compat.array_namespace, *xs)


@pytest.fixture(autouse=True)
def quickened():
    quick.quicken()  # a second time changes nothing


def test_it_computes_as_before():
    a = xp.asarray([[1.0, 2.0], [3.0, 4.0]])
    b = a[np.int64(1), ...] + a[0, :] * 2.0
    assert b.__array_namespace__() is xp
    assert b.dtype is xp.float64
    assert [float(b[k]) for k in range(2)] == [5.0, 8.0]


@pytest.mark.parametrize("again", [1, 2])
def test_it_refuses_what_it_refused(again):
    a, single = xp.asarray([1.0, 2.0]), xp.asarray([1.0, 2.0], dtype=xp.float32)
    whole = xp.asarray([1, 2])
    assert (a + xp.astype(single, xp.float64)).dtype is xp.float64
    refused = [
        lambda: a + whole,
        lambda: a & a,
        lambda: whole / whole,
        lambda: single.__iadd__(a),
        lambda: a[1.0],
        lambda: a[True],
        lambda: a[None, 0][0.5],
        lambda: a + np.asarray([1.0, 2.0]),
        lambda: a + np.float64(1.0),
        lambda: xp.asarray(np.zeros(2, "float16")),
        lambda: a + xp.asarray([1.0, 2.0], device=xp.Device("device1")),
    ]
    for k, ask in enumerate(refused):
        with pytest.raises((TypeError, IndexError, ValueError)):
            raise AssertionError(f"accepted: {k}, {ask()!r}")


def test_a_version_can_still_be_asked_for():
    a = xp.asarray([1.0])
    with pytest.raises(ValueError, match="version"):
        a.__array_namespace__(api_version="1999.12")
