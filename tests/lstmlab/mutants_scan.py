"""The famous mistakes in scans."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
from mutants import Mutant

SCAN = "lstmlab.scan"

MUTANTS = [
    Mutant(
        "steps composed in the wrong order",
        SCAN,
        "f_2 * u_1 + u_2",
        "f_1 * u_2 + u_1",
        "a grouping may be chosen, the order may not",
    ),
    Mutant(
        "what was added is not scaled",
        SCAN,
        "f_2 * u_1 + u_2",
        "u_1 + u_2",
        "a sum of the additions, as if nothing were forgotten",
    ),
    Mutant(
        "one round too few",
        SCAN,
        '(check_size("T", T) - 1).bit_length()',
        'max(0, check_size("T", T).bit_length() - 1)',
        "the logarithm rounded down: right for powers of two",
    ),
    Mutant(
        "rounds of one step",
        SCAN,
        "covered = 2**k",
        "covered = k + 1",
        "1, 2, 3 for 1, 2, 4: steps left out and steps counted twice",
    ),
    Mutant(
        "gradient carried by the factor of its own step",
        SCAN,
        "xp.concat([f[1:, ...], nothing[None, ...]])",
        "f",
        "f_t for f_{t+1}",
    ),
    Mutant(
        "factors' gradient by the new state",
        SCAN,
        "return du * C_prev, du",
        "return du * C, du",
        "C_t for C_{t-1}",
    ),
]


def steps(ll: Any, T: int = 6) -> tuple[Any, ...]:
    """Factors, additions and a first state, all different."""
    rng = np.random.default_rng(0)
    return tuple(ll.xp.asarray(rng.normal(size=shape)) for shape in ((T, 2, 3), (T, 2, 3), (2, 3)))


def the_loop(ll: Any) -> None:
    """Step by step, for lengths that are powers of two and for others."""
    for T in (1, 2, 3, 6, 8):
        f, u, C = steps(ll, T)
        found = importlib.import_module(SCAN).linear_scan(f, u, C)
        for t in range(T):
            C = f[t, ...] * C + u[t, ...]
            np.testing.assert_allclose(ll.to_numpy(found[t, ...]), ll.to_numpy(C), atol=1e-12)


def finite_differences(ll: Any) -> None:
    """First witness."""
    scan = importlib.import_module(SCAN)
    f, u, C_0 = steps(ll)
    v = ll.xp.asarray(np.random.default_rng(1).normal(size=(6, 2, 3)))

    def loss(**_: Any) -> Any:
        C = scan.linear_scan(f, u, C_0)
        return ll.xp.sum(v * C), dict(zip("fuC", scan.linear_scan_backward(v, f, C, C_0), strict=True))

    assert ll.gradcheck(loss, {"f": f, "u": u, "C": C_0}).ok


WITNESSES = [the_loop, finite_differences]
