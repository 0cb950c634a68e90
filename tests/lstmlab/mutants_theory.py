"""The famous mistakes in capacity, places of rest, counters, machines and finite numbers."""

from __future__ import annotations

import importlib
import math
from fractions import Fraction
from typing import Any

import numpy as np
from mutants import Mutant

CAPACITY = "lstmlab.diagnostics.capacity"
ONE_UNIT = "lstmlab.diagnostics.one_unit"
COUNTING = "lstmlab.counting"
FINITE = "lstmlab.finite"
MACHINES = "lstmlab.machines"

MUTANTS = [
    Mutant(
        "noise that is never forgotten",
        CAPACITY,
        "disturbed = f[t, ...] ** 2 * disturbed",
        "disturbed = disturbed",
        "the gates shrink what was known and what disturbs alike",
    ),
    Mutant(
        "gain of a number without its square",
        CAPACITY,
        "gain**2 * signal",
        "gain * signal",
        "a gain acts on a variance by its square",
    ),
    Mutant(
        "counts that go up only",
        CAPACITY,
        '"LSTM": 2 * T + 1',
        '"LSTM": T + 1',
        "0 to T for -T to T",
    ),
    Mutant(
        "bistable only when the forget gate is small",
        ONE_UNIT,
        "(1.0 - f) / (i * o)",
        "(1.0 + f) / (i * o)",
        "the border of the swing, mirrored",
    ),
    Mutant(
        "a unit that reads its cell state",
        ONE_UNIT,
        "w * o * xp.tanh(C) + b",
        "w * o * C + b",
        "C for h = o tanh C",
    ),
    Mutant(
        "stable by the trace alone",
        ONE_UNIT,
        "abs(trace) < 1.0 + determinant < 2.0",
        "abs(trace) < 2.0",
        "the determinant of a shear is 1, that of a step is not",
    ),
    Mutant(
        "rate of parting by the forget gate alone",
        ONE_UNIT,
        "v = step_jacobian(cell, trace) @ v",
        "v = namespace(v).concat([trace.f[0, ...], trace.f[0, ...]]) * v",
        "the direct path only: never chaos",
    ),
    Mutant(
        "a counter of one step fewer",
        COUNTING,
        'check_size("n", n) * math.log1p(missing)',
        '(check_size("n", n) - 1) * math.log1p(missing)',
        "the geometric series ends one term early",
    ),
    Mutant(
        "the end may follow while a count is left",
        COUNTING,
        'W[index["T"], last], W[index["T"], counters - 1] = 1.0, -2.0',
        'W[index["T"], last] = 1.0',
        "right on every string of the language but for T, which is always legal after a b",
    ),
    Mutant(
        "an earlier letter's count does not forbid the next",
        COUNTING,
        "W[index[letter], r - 1] = -2.0",
        "W[index[letter], r - 1] = 0.0",
        "c allowed as soon as there is a b: two letters are right, three are not",
    ),
    Mutant(
        "a forget gate left open",
        COUNTING,
        'plain.params["b_f"][...] = -K',
        'plain.params["b_f"][...] = K',
        "an LSTM that adds up is no plain network",
    ),
    Mutant(
        "a significand without its hidden digit",
        FINITE,
        "nmant) + 1",
        "nmant)",
        "10, 23, 52 for 11, 24, 53: the leading 1 is not stored",
    ),
    Mutant(
        "bits as they are, in base 4",
        FINITE,
        "return (q + (2 * bit + 1)) / 4",
        "return (q + 2 * bit) / 4",
        "digits 0 and 2: a 0 on top cannot be told from an empty stack, and pop takes off too much",
    ),
    Mutant(
        "zero found without a look at the counter",
        MACHINES,
        "W_i[zero, line], W_i[zero, counter_] = 1.0, -1.0",
        "W_i[zero, line], W_i[zero, counter_] = 1.0, 0.0",
        "on is enough: both ways of a line are taken at once",
    ),
    Mutant(
        "jump to the same line, zero or not",
        MACHINES,
        "W_i[counters + if_zero, zero] = 1.0",
        "W_i[counters + then, zero] = 1.0",
        "a loop that does not end",
    ),
]


def part(module: str) -> Any:
    """The module, as it is now."""
    return importlib.import_module(module)


def host(ll: Any, a: Any) -> Any:
    """Numbers of the backend."""
    return ll.xp.asarray(np.asarray(a, dtype="float64"))


def bits_by_hand(ll: Any) -> None:
    """Two steps written out, and the number of counts."""
    f, i = (0.5, 0.8), (1.0, 0.3)
    got = ll.to_numpy(part(CAPACITY).retained_bits(host(ll, f), host(ll, i), signal=2.0, noise=0.5))
    after_1 = 0.25 * 2.0 / 0.5
    after_2 = 0.16 * 2.0 / (0.64 * 0.5 + 0.09 * 0.5)
    np.testing.assert_allclose(got, [0.5 * math.log2(1 + a) for a in (after_1, after_2)], rtol=1e-12)
    assert part(CAPACITY).saturated_states("LSTM", 2, 1) == 9  # -1, 0, 1 in each of two units


def places_of_rest(ll: Any) -> None:
    """The slope at zero is 1 and -1 at the critical weights; a bounded candidate; two matrices."""
    one, gates = part(ONE_UNIT), {"f": 0.7, "i": 0.9, "o": 0.8}
    low, high = one.critical_weight(**gates)
    for w, slope in ((low, -1.0), (high, 1.0)):
        near = one.one_unit_map(host(ll, [1e-6]), **gates, w=w)
        assert abs(float(near[0]) / 1e-6 - slope) < 1e-6
    far = one.one_unit_map(host(ll, [3.0]), **gates, w=1.0)
    assert abs(float(far[0]) - (2.1 + 0.9 * math.tanh(0.8 * math.tanh(3.0)))) < 1e-12
    assert one.stable_by_trace(host(ll, [[0.5, 1.0], [0.0, -0.9]]))
    assert not one.stable_by_trace(host(ll, [[1.5, 0.0], [0.0, 0.2]]))  # trace 1.7, radius 1.5
    assert not one.stable_by_trace(host(ll, [[0.0, 1.2], [-1.2, 0.0]]))  # trace 0, radius 1.2


def rate_at_rest(ll: Any) -> None:
    """At an unstable place of rest neighbours part, though the forget gate is below 1."""
    cell = ll.LSTM(1, 1)
    cell.params.flat[...] = 0.0
    cell.params["W_C"] = [[3.0, 0.0]]
    cell.params["b_f"], cell.params["b_i"], cell.params["b_o"] = 1.0, 3.0, 3.0
    f, i = (1.0 / (1.0 + math.exp(-a)) for a in (1.0, 3.0))
    zero = ll.LSTMState(ll.xp.zeros((1, 1)), ll.xp.zeros((1, 1)))
    got = part(ONE_UNIT).lyapunov_exponent(cell, ll.xp.zeros((12, 1, 1)), zero, discard=4)
    assert abs(got - math.log(f + 3.0 * i * i)) < 1e-9


def counts(ll: Any) -> None:
    """A leaking counter step by step, and a plain network in an LSTM."""
    counting = part(COUNTING)
    run = ll.unroll(counting.counter([1, -1], K=2.0), host(ll, np.tile([1.0, 0.0], (6, 1, 1))))
    for n in range(1, 7):
        assert abs(float(run.trace.C[n - 1, 0, 0]) - counting.drifted_count(2.0, n)) < 1e-12
    cell, x = counting.opened(ll.LSTM(2, 3, rng=1)), host(ll, np.random.default_rng(2).normal(size=(3, 1, 2)))
    h = ll.xp.zeros((1, 3))
    for t in range(3):
        z = ll.xp.concat([h, x[t, ...]], axis=1).T
        h = counting.opened_hidden_state(cell.params["W_C"], cell.params["b_C"][:, None], z).T
    assert float(ll.xp.max(ll.xp.abs(h - ll.unroll(cell, x).h[-1, ...]))) < 1e-12


def strings(ll: Any) -> None:
    """What may follow, at every step of a few strings of two and three letters."""
    for letters in ("ab", "abc"):
        model = part(COUNTING).string_network(letters)
        batch = ll.data.counting_batch([1, 2, 3], letters, "float64")
        scores = ll.to_numpy(model.logits(batch.x, batch.lengths))
        past = np.arange(len(scores))[:, None] >= batch.lengths
        assert np.all(np.all((scores > 0) == batch.legal, axis=2) | past)


def numbers(ll: Any) -> None:
    """Where a float stands still, and a stack of fractions."""
    finite = part(FINITE)
    for dtype in ("float16", "float32", "float64"):
        most, number = finite.largest_count(dtype), np.dtype(dtype).type
        assert number(most) + number(1) == number(most) != number(most - 1)
    q, word = Fraction(0), [1, 0, 0, 1, 1, 0]
    for bit in word:
        q = finite.push(q, bit)
        assert Fraction(1, 4) <= q < 1
    for bit in reversed(word):
        assert finite.top(q) == bit
        q = finite.pop(q)
    assert q == 0


def a_program(ll: Any) -> None:
    """Move counter 0 onto counter 1, then stop; compared with the program run without a network."""
    machines = part(MACHINES)
    line = machines.Instruction
    program = [line(0, -1, 1, 2), line(1, +1, 0)]
    for start in ([3, 1], [0, 2]):
        cell = machines.counter_machine(program, counters=2)
        run = ll.unroll(cell, ll.xp.zeros((24, 1, 1)), machines.machine_start(cell, start))
        C = np.round(ll.to_numpy(run.state.C)[0]).astype(int).tolist()
        assert C[:2] == machines.run_program(program, start) == [0, sum(start)]
        assert C[4] == 1  # the end is on


WITNESSES = [bits_by_hand, places_of_rest, rate_at_rest, counts, strings, numbers, a_program]
