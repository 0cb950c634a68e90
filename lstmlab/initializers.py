"""First values for weights.

Numbers are drawn on the host from a seeded :class:`numpy.random.Generator` in float64 and moved
afterwards, so every backend and every dtype starts from the same weights.
"""

from __future__ import annotations

from typing import Any

import numpy as np

HostArray = np.ndarray[Any, np.dtype[np.float64]]


def generator(rng: int | np.random.Generator) -> np.random.Generator:
    """Return a generator for a seed; a generator is passed through.

    Parameters
    ----------
    rng
        A non-negative seed or a :class:`numpy.random.Generator`.

    Returns
    -------
    numpy.random.Generator
        The same stream of numbers on every machine.

    Raises
    ------
    TypeError
        If ``rng`` is neither.
    """
    if isinstance(rng, np.random.Generator):
        return rng
    if isinstance(rng, (int, np.integer)) and not isinstance(rng, bool) and rng >= 0:
        return np.random.default_rng(int(rng))
    raise TypeError(f"rng: expected a non-negative seed or a numpy.random.Generator, got {rng!r}")


def uniform(rng: int | np.random.Generator, shape: tuple[int, ...], bound: float) -> HostArray:
    r"""Draw from :math:`U(-\text{bound}, \text{bound})`, variance bound²/3.

    With bound :math:`1/\sqrt{n_h}` this is the default of this package and of PyTorch's recurrent layers.

    Parameters
    ----------
    rng
        Seed or generator.
    shape
        Shape of the result.
    bound
        Largest absolute value.

    Returns
    -------
    numpy.ndarray
        float64.
    """
    return generator(rng).uniform(-bound, bound, size=shape)


def orthogonal(rng: int | np.random.Generator, n: int, scale: float = 1.0) -> HostArray:
    r"""Draw an orthogonal matrix :math:`Q` times a scale: every singular value equals ``scale``.

    The signs of the triangular factor are divided out, which makes the draw uniform (Haar).

    Parameters
    ----------
    rng
        Seed or generator.
    n
        Number of rows and columns.
    scale
        The common singular value.

    Returns
    -------
    numpy.ndarray
        Shape ``(n, n)``, float64.

    References
    ----------
    Saxe, McClelland and Ganguli (2014).
    """
    q, r = np.linalg.qr(generator(rng).normal(size=(n, n)))
    return np.asarray(scale * q * np.sign(np.diagonal(r)))
