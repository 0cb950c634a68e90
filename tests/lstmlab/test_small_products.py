"""Products in blocks of rows: the same numbers, and only where they gain."""

from types import SimpleNamespace

import numpy as np
import pytest
from cases import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from test_kernels import MAKERS, TOLERANCE, draw_all, error, worst

import lstmlab as ll
from lstmlab.kernels import small_products
from lstmlab.kernels.small_products import SMALL, in_blocks, rows_at_once


@pytest.fixture
def divided(monkeypatch):
    """Divide every product of more than 64 multiply-adds; list how."""
    monkeypatch.setattr(small_products, "SMALL", 64)
    monkeypatch.setattr(small_products, "pays", lambda: True)
    taken, rows = [], small_products.rows_at_once
    monkeypatch.setattr(small_products, "rows_at_once", lambda *a: taken.append((a[0], rows(*a))) or rows(*a))
    return taken


@given(rows=st.integers(1, 3000), a_row=st.integers(1, 200_000))
@settings(max_examples=examples(200), deadline=None)
def test_blocks_are_equal_and_small_and_none_is_too_small(rows, a_row):
    n = rows_at_once(rows, a_row, SMALL)
    assert rows % n == 0
    assert n == rows or SMALL / 4 <= n * a_row <= SMALL


def test_blocks_of_four_rows_before_others():
    assert rows_at_once(768, 2048 * 64, SMALL) == 4  # six would fit
    assert rows_at_once(192, 512 * 32, SMALL) == 48
    assert rows_at_once(150, 400 * 32, SMALL) == 75  # no divisor of 150 is a multiple of four
    assert rows_at_once(512, 193 * 16, SMALL) == 256
    assert rows_at_once(997, 1000, SMALL) == 997  # a prime: rows one by one would be too many calls
    assert rows_at_once(8, SMALL + 1, SMALL) == 8


@pytest.mark.parametrize(
    ("blas", "want"),
    [
        (None, False),
        (SimpleNamespace(num_threads=1, architecture="SkylakeX"), True),
        (SimpleNamespace(num_threads=2, architecture="SkylakeX"), False),
        (SimpleNamespace(num_threads=1, architecture="Haswell"), False),
        (SimpleNamespace(num_threads=1, architecture=None), False),
    ],
    ids=["another library", "wide and alone", "two threads", "without AVX-512", "does not say"],
)
def test_products_are_divided_only_where_that_gains(blas, want, monkeypatch):
    monkeypatch.setattr(small_products, "numpys_openblas", lambda: blas)
    assert small_products.pays() is want
    W, u = np.ones((1024, 385), "float32"), np.ones((385, 32), "float32")
    product, blocks = in_blocks(W, 32)
    assert (blocks.ndim == 3) is want
    out = np.empty((*blocks.shape[:-1], 32), "float32")
    product(blocks, u, out)
    assert (out == 385.0).all()
    assert in_blocks(W, 1)[1] is W  # a product with a vector
    assert in_blocks(W[:64], 32)[1].ndim == 2  # small as it is


def test_the_library_that_is_asked_is_numpys(monkeypatch):
    mkl = SimpleNamespace(internal_api="mkl", filepath="/lib/libmkl.so")
    other = SimpleNamespace(internal_api="openblas", filepath="/site-packages/scipy.libs/libopenblas.so")
    own = SimpleNamespace(internal_api="openblas", filepath="/site-packages/numpy.libs/libopenblas.so")
    for loaded, want in (([mkl], None), ([mkl, other, own], own), ([mkl, other], other)):
        both = SimpleNamespace(lib_controllers=loaded)
        monkeypatch.setattr("threadpoolctl.ThreadpoolController", lambda both=both: both)
        assert small_products.numpys_openblas.__wrapped__() is want


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS.keys())
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_run_in_blocks_is_the_run(make, masked, dtype, divided):
    """Rows of the last step's product, and of the way back's, are not a multiple of a gate's."""
    case = draw_all(7, 3, 2, 6, dtype, 4, masked, make)
    assert max(worst(*case)) < TOLERANCE[dtype]
    assert any(n < rows for rows, n in divided)
    assert all(rows % n == 0 for rows, n in divided)
    cell, x, state, *_ = case
    with ll.kernels.fused():
        assert error(ll.unroll(cell, x, state).h, ll.unroll(cell, x, state, trace=False).h) < TOLERANCE[dtype]
