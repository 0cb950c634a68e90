"""The quickened strict library refuses what the library refuses."""

import array_api_strict as xp
import numpy as np
import pytest
from quick_strict import quicken


@pytest.fixture(autouse=True)
def quickened():
    quicken()
    quicken()  # a second time changes nothing


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
