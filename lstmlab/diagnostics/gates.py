"""What the gates of a run do: level, memory, spread, saturation, correlation, three entropies.

A gate over a run is an array ``(T, B, n)``, for instance ``run.trace.f``. "Per unit" means over all
steps and sequences, with the units kept apart: shape ``(n,)``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from lstmlab.backend import namespace
from lstmlab.checks import check_array, check_size
from lstmlab.diagnostics.information import entropy
from lstmlab.typing import Array
from lstmlab.unroll import Run, check_traced

#: The trace fields that are gates, with values between 0 and 1.
GATES = ("f", "i", "o", "r", "z", "T")


class GateStatistics(NamedTuple):
    """What :func:`gate_statistics` returns.

    Attributes
    ----------
    mean
        Per unit, ``(n,)``.
    over_time
        Spread of a unit over time, ``(n,)``: whether it *selects*. The standard deviation within a
        sequence; its square is averaged over the sequences.
    over_units
        Spread of the units' means over the units, one number: whether units *differ*. A layer of
        constant gates may have a large one, a layer of switching ones may have none.
    quantiles
        Per unit, ``(len(levels), n)``.
    closed, open
        Share of values below ``edge`` and above ``1 - edge``, ``(n,)`` each.
    """

    mean: Array
    over_time: Array
    over_units: float
    quantiles: Array
    closed: Array
    open: Array


def gate_statistics(
    gate: Array, *, levels: Sequence[float] = (0.05, 0.25, 0.5, 0.75, 0.95), edge: float = 0.1
) -> GateStatistics:
    """Describe a gate over a run.

    Implements :eq:`eq-gate-statistics`: mean, spread over time and spread over units.

    Parameters
    ----------
    gate
        Shape ``(T, B, n)``, values in [0, 1].
    levels
        Which quantiles.
    edge
        How near to 0 or 1 a value counts as closed or open.

    Returns
    -------
    GateStatistics
        The mean alone says little: a gate of mean one half may switch, or stand still.

    Raises
    ------
    TypeError, ValueError
        If the gate is not a finite array of shape ``(T, B, n)`` with values in [0, 1].

    References
    ----------
    Karpathy, Johnson and Fei-Fei (2015) plot the shares of closed and open units.
    """
    xp = _check("gate", gate)
    mean = xp.mean(gate, axis=(0, 1))
    over_time = xp.sqrt(xp.mean(xp.var(gate, axis=0), axis=0))
    closed, open_ = (
        xp.mean(xp.astype(beyond, gate.dtype), axis=(0, 1)) for beyond in (gate < edge, gate > 1.0 - edge)
    )
    return GateStatistics(mean, over_time, float(xp.std(mean)), unit_quantiles(gate, levels), closed, open_)


def run_statistics(run: Run) -> dict[str, GateStatistics]:
    """Describe every gate that a run has stored.

    Parameters
    ----------
    run
        What :func:`lstmlab.unroll` returned, for a cell of any kind.

    Returns
    -------
    dict
        Name of the gate (``f``, ``i``, ``o``, or ``r``, ``z``, ``T``) to :class:`GateStatistics`; empty
        for a cell without gates.

    Raises
    ------
    TypeError, ValueError
        If the run was made without its trace, or has sequences of different lengths: after its end a sequence
        has no gates to count.
    """
    check_traced(run)
    if run.mask is not None:
        raise ValueError("run: expected one without lengths, got a padded batch; run each length by itself")
    return {g: gate_statistics(getattr(run.trace, g)) for g in GATES if g in run.trace._fields}


def unit_quantiles(values: Array, levels: Sequence[float]) -> Array:
    """Quantiles of each unit over all steps and sequences, interpolated between neighbours.

    Parameters
    ----------
    values
        Shape ``(T, B, n)``.
    levels
        Numbers in [0, 1]; 0.5 is the median.

    Returns
    -------
    array
        Shape ``(len(levels), n)``.

    Raises
    ------
    ValueError
        If a level is out of range, or there is none.
    """
    if len(levels) == 0 or not all(0.0 <= q <= 1.0 for q in levels):
        raise ValueError(f"levels: expected numbers from 0 to 1, at least one, got {tuple(levels)}")
    xp = namespace(values)
    T, B, n = values.shape
    ordered = xp.sort(xp.reshape(values, (T * B, n)), axis=0)
    rows = []
    for q in levels:
        position = float(q) * (T * B - 1)
        low = int(position)
        high = min(low + 1, T * B - 1)
        share = position - low
        rows.append((1.0 - share) * ordered[low, :] + share * ordered[high, :])
    return xp.stack(rows)


def geometric_mean(f: Array) -> Array:
    r"""Geometric mean of each unit, :math:`\bar f_j = \bigl(\prod_{t,b} f_{t,b,j}\bigr)^{1/TB}`.

    Implements :eq:`eq-geometric-mean`. What a cell state keeps over T steps is the *product* of its forget
    gates, so this is the constant
    gate that would keep as much. The arithmetic mean is larger, often much: a gate that alternates
    between 1 and 0.02 has mean 0.51 and keeps :math:`10^{-17}` over 20 steps.

    Parameters
    ----------
    f
        Forget gates, shape ``(T, B, n)``; the product runs over all steps and sequences.

    Returns
    -------
    array
        Shape ``(n,)``; 0 if a gate is exactly 0 somewhere.
    """
    return namespace(f).exp(_mean_log(f))


def unit_half_lives(f: Array) -> Array:
    r"""Steps after which half of a unit's cell state is left, :math:`\ln\tfrac12/\ln\bar f_j`.

    Implements :eq:`eq-unit-half-life`, from the geometric mean of :func:`geometric_mean`. Compare it with the
    lag of the task, unit by unit: half of the units at 0.999 are a perfect memory, at a layer mean that may
    be 0.5. It counts the direct path only, gates held fixed.

    Parameters
    ----------
    f
        Forget gates, shape ``(T, B, n)``.

    Returns
    -------
    array
        Shape ``(n,)``, in steps; 0.5 is half-lived in one step, a gate of exactly 1 never.
    """
    xp = namespace(f)
    log_mean = _mean_log(f)
    forgets = log_mean < 0.0
    steps = math.log(0.5) / xp.where(forgets, log_mean, -xp.ones_like(log_mean))
    return xp.where(forgets, steps, xp.full_like(steps, math.inf))


def gate_correlation(i: Array, C_tilde: Array) -> Array:
    r"""Pearson correlation of the input gate and the candidate, unit by unit.

    Implements :eq:`eq-gate-correlation`. It says how well a straight line describes their relation, and no
    more. It does not measure
    redundancy: with :math:`i = \sigma(a)` the candidate :math:`\tanh a` gives nearly +1 and
    :math:`-\tanh a` nearly -1, equally redundant; :math:`\tanh|a|` gives 0 over symmetric a although
    the gate determines it fully. A high value need not harm either: the two may agree on these inputs
    and differ on others.

    Parameters
    ----------
    i, C_tilde
        Shape ``(T, B, n)`` each.

    Returns
    -------
    array
        Shape ``(n,)``, in [-1, 1]; NaN for a unit of which one of the two never changes.

    Raises
    ------
    TypeError, ValueError
        If the two are not finite arrays of one shape.
    """
    xp = namespace(i, C_tilde)
    check_array("i", i, ("T", "B", "n"), i)
    check_array("C_tilde", C_tilde, tuple(i.shape), i)
    di, dC = (a - xp.mean(a, axis=(0, 1), keepdims=True) for a in (i, C_tilde))
    covariance = xp.mean(di * dC, axis=(0, 1))
    scale = xp.sqrt(xp.mean(di * di, axis=(0, 1)) * xp.mean(dC * dC, axis=(0, 1)))
    moves = scale > 0.0
    return xp.where(
        moves, covariance / xp.where(moves, scale, xp.ones_like(scale)), xp.full_like(scale, math.nan)
    )


# --- three entropies of a gate: they answer three questions ------------------------------------


def bernoulli_entropy(gate: Array, *, base: float = 2.0) -> Array:
    r"""Mean entropy of a coin that falls open with probability o: how *undecided* a gate is.

    Implements :eq:`eq-bernoulli-entropy`:
    :math:`\langle -o\log o - (1-o)\log(1-o)\rangle`, averaged over steps and sequences. A gate is not a
    coin: this is a measure of its distance from 0 and 1, largest for a constant one half.

    Parameters
    ----------
    gate
        Shape ``(T, B, n)``, values in [0, 1].
    base
        2 gives bits, ``math.e`` nats.

    Returns
    -------
    array
        Per unit, ``(n,)``, from 0 to 1 bit.
    """
    xp = _check("gate", gate)
    return xp.mean(entropy(xp.stack([gate, 1.0 - gate]), axis=0, base=base), axis=(0, 1))


def histogram_entropy(gate: Array, *, bins: int = 16, base: float = 2.0) -> Array:
    r"""Entropy of a unit's values over the run: how *varied* a gate is.

    Implements :eq:`eq-histogram-entropy`. The values are sorted into equal bins of [0, 1]. A constant gate
    has 0, whatever its value; one that stands at two values equally often has 1 bit.

    Parameters
    ----------
    gate
        Shape ``(T, B, n)``, values in [0, 1].
    bins
        Number of bins; the result depends on it.
    base
        2 gives bits, ``math.e`` nats.

    Returns
    -------
    array
        Per unit, ``(n,)``, from 0 to the logarithm of ``bins``.
    """
    xp = _check("gate", gate)
    edges = check_size("bins", bins)
    bin_of = xp.floor(gate * float(edges))
    bin_of = xp.where(bin_of < edges, bin_of, xp.full_like(bin_of, edges - 1.0))  # a gate of exactly 1
    shares = [xp.mean(xp.astype(bin_of == float(k), gate.dtype), axis=(0, 1)) for k in range(edges)]
    return entropy(xp.stack(shares), axis=0, base=base)


def entropy_across_units(gate: Array, *, base: float = 2.0) -> float:
    r"""Mean entropy of :math:`o/\sum_j o_j`: over how many units the openness is *spread*.

    Implements :eq:`eq-entropy-across-units`. At each step the open shares are read as a distribution over the
    units. It is the logarithm of n
    when all are equally open, whether fully or barely, and 0 when one alone is.

    Parameters
    ----------
    gate
        Shape ``(T, B, n)``, values in [0, 1].
    base
        2 gives bits, ``math.e`` nats.

    Returns
    -------
    float
        From 0 to the logarithm of n, averaged over steps and sequences.

    Raises
    ------
    ValueError
        If every unit is exactly closed at some step.
    """
    xp = _check("gate", gate)
    total = xp.sum(gate, axis=2, keepdims=True)
    if not bool(xp.all(total > 0.0)):
        raise ValueError("gate: expected a unit that is not exactly 0 at every step, got all closed")
    return float(xp.mean(entropy(gate / total, axis=2, base=base)))


def _mean_log(f: Array) -> Array:
    xp = _check("f", f)
    positive = f > 0.0
    logs = xp.log(xp.where(positive, f, xp.ones_like(f)))
    return xp.mean(xp.where(positive, logs, xp.full_like(f, -math.inf)), axis=(0, 1))


def _check(name: str, gate: Array) -> Array:
    """Return the namespace of a gate over a run, or say what is wrong with it."""
    check_array(name, gate, ("T", "B", "n"), gate)
    xp = namespace(gate)
    if not bool(xp.all((gate >= 0.0) & (gate <= 1.0))):
        raise ValueError(
            f"{name}: expected values in [0, 1], got {float(xp.min(gate))} to {float(xp.max(gate))}"
        )
    return xp
