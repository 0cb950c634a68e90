"""What a mutant is, and the generic witnesses that each area's list of mutants may call.

An area is a file ``mutants_<area>.py`` with two names: ``MUTANTS``, its famous mistakes, and
``WITNESSES``, functions of a freshly imported package that raise when they object.
:mod:`test_mutants` collects all of them; a mutant is killed when a witness of its own area objects. The
witnesses are asked in their order, up to the first that objects: quick ones stand first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Mutant:
    """One mistake: one edit of the package.

    ``old`` must stand exactly once in the source of ``module``; ``new`` takes its place. ``story``
    says who makes this mistake.
    """

    name: str
    module: str
    old: str
    new: str
    story: str


def finite_differences(ll: Any, make: Callable[..., Any], **sizes: int) -> None:
    """First witness, at T = 3, B = 2, n_x ≠ n_h and nothing zero: weaker sizes let mistakes pass.

    ``make(n_x, n_h)`` builds a float64 cell of the package ``ll``.
    """
    rng, T, B = np.random.default_rng(0), 3, 2
    cell = make(sizes.get("n_x", 2), sizes.get("n_h", 3))

    def arrays(*shape: int) -> Any:
        return ll.xp.asarray(rng.normal(size=shape))

    for name in cell.params:
        cell.params[name] = arrays(*cell.params[name].shape)
    state, dstate = (cell.State(*(arrays(B, n) for n in cell.state_sizes)) for _ in range(2))
    f, args = ll.cell_loss(cell, arrays(T, B, cell.n_x), state, arrays(T, B, cell.n_h), dstate)
    report = ll.gradcheck(f, args, max_entries=12)
    assert report.ok, str(report)
