"""First values for weights.

Numbers are drawn on the host from a seeded :class:`numpy.random.Generator` in float64 and moved
afterwards, so every backend and every dtype starts from the same weights.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lstmlab.checks import check_size

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

    Implements :eq:`eq-orthogonal`.

    One draw for each gate: :math:`W_{gh} = s\,Q_g` with :math:`Q_g^\top Q_g = I`.
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


def glorot_uniform(rng: int | np.random.Generator, fan_out: int, fan_in: int) -> HostArray:
    r"""Draw from :math:`U(-a, a)` with :math:`a=\sqrt{6/(\text{fan}_{in}+\text{fan}_{out})}`.

    The variance is that of :func:`glorot_normal`.

    Parameters
    ----------
    rng
        Seed or generator.
    fan_out, fan_in
        Number of rows and columns of the matrix that multiplies *one* vector. A gate's
        :math:`W=[W_h, W_x]` multiplies two, and each block has fans of its own.

    Returns
    -------
    numpy.ndarray
        Shape ``(fan_out, fan_in)``, float64.

    References
    ----------
    Glorot and Bengio (2010), equation 16.
    """
    shape = (check_size("fan_out", fan_out), check_size("fan_in", fan_in))
    return uniform(rng, shape, (6.0 / sum(shape)) ** 0.5)


def glorot_normal(rng: int | np.random.Generator, fan_out: int, fan_in: int) -> HostArray:
    r"""Draw from :math:`N(0, 2/(\text{fan}_{in}+\text{fan}_{out}))`; the second number is the variance.

    Implements :eq:`eq-glorot`.

    Parameters
    ----------
    rng, fan_out, fan_in
        As in :func:`glorot_uniform`.

    Returns
    -------
    numpy.ndarray
        Shape ``(fan_out, fan_in)``, float64.

    References
    ----------
    Glorot and Bengio (2010), equation 12.
    """
    shape = (check_size("fan_out", fan_out), check_size("fan_in", fan_in))
    return normal(rng, shape, 2.0 / sum(shape))


def normal(rng: int | np.random.Generator, shape: tuple[int, ...], variance: float) -> HostArray:
    r"""Draw from :math:`N(0, \text{variance})`.

    Parameters
    ----------
    rng
        Seed or generator.
    shape
        Shape of the result.
    variance
        The variance, as the notes write it; NumPy's own function takes the standard deviation.

    Returns
    -------
    numpy.ndarray
        float64.
    """
    return np.asarray(variance**0.5 * generator(rng).normal(size=shape))


def preactivation_variance(
    n_h: int, n_x: int, var_h: float, var_x: float, *, h2: float = 1.0, x2: float = 1.0
) -> float:
    r"""Variance of an entry of :math:`a = W_h h + W_x x` over independent draws of the weights.

    Implements :eq:`eq-preactivation-variance`:
    :math:`n_h \operatorname{Var}[W_h]\,\overline{h^2} + n_x \operatorname{Var}[W_x]\,\overline{x^2}`.
    The weights have mean zero and do not depend on h or x; a bias shifts the mean and adds nothing.

    Parameters
    ----------
    n_h, n_x
        Numbers of columns of the two blocks.
    var_h, var_x
        Variance of an entry of :math:`W_h` and of :math:`W_x`.
    h2, x2
        Mean square of the entries of h and of x.

    Returns
    -------
    float
        The variance.
    """
    n_h, n_x = check_size("n_h", n_h), check_size("n_x", n_x)
    return n_h * var_h * h2 + n_x * var_x * x2


def notes_gate(rng: int | np.random.Generator, n_h: int, n_z: int) -> HostArray:
    r"""Draw a gate's matrix as the notes do, :math:`W_g \sim N(0, 2/(n_h+n_x))`, all columns alike.

    Implements :eq:`eq-notes-gate`.

    Kept to be measured. This is Glorot's variance for the block :math:`W_x` alone; for :math:`W_h` it
    would be :math:`1/n_h`. Over the whole matrix, whose fan-in is :math:`n_z`, it is He's value:
    inputs of variance 1 give pre-activations of variance 2.

    Parameters
    ----------
    rng
        Seed or generator.
    n_h
        Number of rows.
    n_z
        Number of columns, :math:`n_h+n_x`.

    Returns
    -------
    numpy.ndarray
        Shape ``(n_h, n_z)``, float64.
    """
    shape = (check_size("n_h", n_h), check_size("n_z", n_z))
    return normal(rng, shape, 2.0 / n_z)


def notes_candidate(rng: int | np.random.Generator, n_h: int, n_z: int) -> HostArray:
    r"""Draw the candidate's matrix as the notes do, :math:`W_C \sim N(0, 1/n_h)`.

    Implements :eq:`eq-notes-candidate`.

    Kept to be measured. The notes call the variance smaller; against :func:`notes_gate` it is smaller
    only if :math:`n_x < n_h`, equal at :math:`n_x=n_h` and larger beyond. Inputs of variance 1 give
    pre-activations of variance :math:`1+n_x/n_h`.

    Parameters
    ----------
    rng, n_h, n_z
        As in :func:`notes_gate`.

    Returns
    -------
    numpy.ndarray
        Shape ``(n_h, n_z)``, float64.
    """
    shape = (check_size("n_h", n_h), check_size("n_z", n_z))
    return normal(rng, shape, 1.0 / n_h)


def pytorch_default(rng: int | np.random.Generator, n_h: int, n_z: int) -> tuple[HostArray, HostArray]:
    r"""Draw a gate as PyTorch does: every number from :math:`U(-1/\sqrt{n_h}, 1/\sqrt{n_h})`.

    Implements :eq:`eq-pytorch-default`.

    PyTorch keeps two biases a gate and adds them; the one bias here is the sum of two draws, with
    variance :math:`2/(3n_h)`. It is centred on zero for the forget gate too, so :math:`f\approx 1/2`.

    Parameters
    ----------
    rng
        Seed or generator.
    n_h
        Number of rows.
    n_z
        Number of columns, :math:`n_h+n_x`.

    Returns
    -------
    W, b
        Shapes ``(n_h, n_z)`` and ``(n_h,)``, float64.
    """
    rng, n_h, n_z = generator(rng), check_size("n_h", n_h), check_size("n_z", n_z)
    bound = n_h**-0.5
    W = uniform(rng, (n_h, n_z), bound)
    b = uniform(rng, (n_h,), bound) + uniform(rng, (n_h,), bound)
    return W, b


def chrono(rng: int | np.random.Generator, n_h: int, T_max: float) -> tuple[HostArray, HostArray]:
    r"""Draw biases for memories of all lengths up to T_max: :math:`b_f \sim \ln U(1, T_{max}-1)`.

    Implements :eq:`eq-chrono`.

    A forget gate at :math:`\sigma(b_f)` remembers for about :math:`1+e^{b_f}` steps, so the lengths
    are spread evenly from 2 to T_max. The input gate gets :math:`b_i = -b_f`: a unit that forgets
    slowly also writes little at a time.

    Parameters
    ----------
    rng
        Seed or generator.
    n_h
        Number of units.
    T_max
        The longest lag to be learnt, above 2.

    Returns
    -------
    b_f, b_i
        Each of shape ``(n_h,)``, float64.

    Raises
    ------
    ValueError
        If ``n_h`` or ``T_max`` is not as above.

    References
    ----------
    Tallec and Ollivier (2018).
    """
    if isinstance(T_max, bool) or not isinstance(T_max, (int, float)) or not 2 < T_max < float("inf"):
        raise ValueError(f"T_max: expected a number of steps above 2, got {T_max!r}")
    b_f = np.log(generator(rng).uniform(1.0, T_max - 1.0, size=check_size("n_h", n_h)))
    return b_f, -b_f
