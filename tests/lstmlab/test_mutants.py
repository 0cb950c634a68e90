"""Fourth witness: tests that catch the famous mistakes. The package is imported afresh with each edit."""

import importlib
import importlib.abc
import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
from mutants import MUTANTS, Mutant
from pytorch import compare, frozen

import lstmlab

ROOT = Path(lstmlab.__file__).parent


def source_of(module: str) -> str:
    relative = module.split(".")[1:]
    path = ROOT.joinpath(*relative).with_suffix(".py") if relative else ROOT / "__init__.py"
    return path.read_text(encoding="utf8")


class EditedFinder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Import one module of the package from edited source, and leave the others to Python."""

    def __init__(self, mutant: Mutant) -> None:
        self.mutant = mutant

    def find_spec(self, fullname, path=None, target=None):
        return importlib.util.spec_from_loader(fullname, self) if fullname == self.mutant.module else None

    def exec_module(self, module):
        source = source_of(module.__name__).replace(self.mutant.old, self.mutant.new)
        exec(compile(source, f"<{self.mutant.name}>", "exec"), module.__dict__)


@pytest.fixture
def fresh(request):
    """Import the package anew, with the mutant's edit if there is one, and put the old one back."""
    mutant = request.param
    ours = {name: m for name, m in sys.modules.items() if name.partition(".")[0] == "lstmlab"}
    for name in ours:
        del sys.modules[name]
    finder = EditedFinder(mutant) if mutant else None
    if finder:
        sys.meta_path.insert(0, finder)
    try:
        yield importlib.import_module("lstmlab")
    finally:
        if finder:
            sys.meta_path.remove(finder)
        for name in [n for n in sys.modules if n.partition(".")[0] == "lstmlab"]:
            del sys.modules[name]
        sys.modules.update(ours)


def finite_differences(ll, kind):
    """First witness, at T = 3, B = 2, n_x ≠ n_h and nothing zero: weaker sizes let mistakes pass."""
    rng, T, B, n_x, n_h = np.random.default_rng(0), 3, 2, 2, 3
    cell = getattr(ll, kind)(n_x, n_h, rng=1)
    cell.params.flat[...] = ll.xp.asarray(rng.normal(size=cell.n_params))
    State = type(cell.initial_state(B))

    def arrays(*shape):
        return ll.xp.asarray(rng.normal(size=shape))

    state, dstate = (State(*(arrays(B, n_h) for _ in State._fields)) for _ in range(2))
    f, args = ll.cell_loss(cell, arrays(T, B, n_x), state, arrays(T, B, n_h), dstate)
    report = ll.gradcheck(f, args, max_entries=12)
    assert report.ok, str(report)


def large_inputs(ll, kind):
    """Numbers far from zero stay numbers."""
    cell = getattr(ll, kind)(1, 2)
    run = ll.unroll(cell, ll.xp.asarray(np.array([[[1e4]], [[-1e4]]])))
    assert np.isfinite(ll.to_numpy(run.h)).all()


def independent_implementation(ll, kind):
    """Second witness."""
    for group, arrays in frozen().items():
        if group.startswith(f"{kind}/"):
            compare(ll, kind, arrays)


WITNESSES = [finite_differences, independent_implementation, large_inputs]


def failures(ll):
    """Names of the witnesses that object."""
    found = []
    for witness in WITNESSES:
        for kind in ("LSTM", "RNN"):
            try:
                witness(ll, kind)
            except (AssertionError, ValueError) as error:
                found.append(f"{witness.__name__}({kind}): {str(error).splitlines()[0]}")
    return found


@pytest.mark.parametrize("fresh", [None], indirect=True, ids=["no edit"])
def test_without_an_edit_every_witness_is_content(fresh):
    assert failures(fresh) == []


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: m.name)
def test_the_edit_finds_its_place(mutant):
    assert source_of(mutant.module).count(mutant.old) == 1
    assert mutant.old != mutant.new


@pytest.mark.parametrize("fresh", MUTANTS, indirect=True, ids=lambda m: m.name)
def test_every_mutant_is_killed(fresh):
    assert failures(fresh), "no witness objects to this mistake"


def test_the_list_is_long_enough_and_its_names_differ():
    assert len(MUTANTS) >= 8
    assert len({m.name for m in MUTANTS}) == len(MUTANTS)
    assert len({(m.module, m.new) for m in MUTANTS}) == len(MUTANTS)
