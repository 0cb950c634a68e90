"""Products in blocks of rows that OpenBLAS multiplies as they stand.

A BLAS copies the matrices of a product into an order its processor likes, and then multiplies. A large square
product earns that back; a step's product, all the weights by a few columns, does not. For a processor with
AVX-512, OpenBLAS has a second code that reads the matrices where they are and takes products of at most a
million multiply-adds. So the weights are divided in blocks of rows, each small enough, and
:func:`numpy.matmul` multiplies one after the other without coming back to Python.

This code runs on one thread. Where BLAS has more, they are quicker together than it is alone, and nothing is
divided.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from lstmlab.typing import Array

SMALL = 10**6  # multiply-adds up to which OpenBLAS takes its code for small products
WITH_SMALL_PRODUCTS = ("skylakex", "cooperlake", "sapphirerapids")  # kernels that have such a code


@cache
def numpys_openblas() -> Any:
    """Return a handle of the OpenBLAS that NumPy multiplies with, ``None`` if it is another library."""
    controllers = importlib.import_module("threadpoolctl").ThreadpoolController().lib_controllers
    found = [library for library in controllers if library.internal_api == "openblas"]
    own = [library for library in found if "numpy" in library.filepath]
    return next(iter(own or found), None)


def pays() -> bool:
    """Whether NumPy's products gain from being small: kernels of OpenBLAS that know them, on one thread."""
    blas = numpys_openblas()
    return (
        blas is not None and blas.num_threads == 1 and str(blas.architecture).lower() in WITH_SMALL_PRODUCTS
    )


@cache
def rows_at_once(rows: int, a_row: int, small: int) -> int:
    """Return how many of W's rows to multiply at once.

    Parameters
    ----------
    rows
        Of all W.
    a_row
        Multiply-adds that one of them takes.
    small
        Multiply-adds that a block may take.

    Returns
    -------
    int
        A divisor of ``rows`` that keeps a block small: the largest multiple of four, which is what the code
        for small products works on, or else the largest. All of them if that would make blocks of less than
        a quarter of what is allowed: the calls would cost more than the copies.
    """
    fitting = [n for n in range(1, rows + 1) if rows % n == 0 and n * a_row <= small]
    n = max(fitting, key=lambda n: (n % 4 == 0, n), default=rows)
    return n if 4 * n * a_row >= small else rows


def in_blocks(W: Array, B: int) -> tuple[Callable[..., Array], Array]:
    """Return what multiplies W by B columns, and W as it wants it.

    Parameters
    ----------
    W
        Shape ``(rows, K)``, in C order.
    B
        Columns of the other matrix.

    Returns
    -------
    product, W
        ``product(W, u, out)`` with u of shape ``(K, B)``. Either :func:`numpy.dot` and W itself, or
        :func:`numpy.matmul` and a view ``(blocks, rows / blocks, K)``; ``out`` has W's shape but for the last
        axis, which is B.
    """
    rows, K = W.shape
    if B == 1 or rows * K * B <= SMALL or not pays():
        return np.dot, W
    n = rows_at_once(rows, K * B, SMALL)
    return (np.dot, W) if n == rows else (np.matmul, W.reshape(-1, n, K))
