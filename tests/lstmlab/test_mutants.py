"""Fourth witness: tests that catch the famous mistakes. The package is imported afresh with each edit."""

import functools
import importlib
import importlib.abc
import importlib.machinery
import sys
from pathlib import Path
from types import CodeType

import pytest
from areas import AREAS
from mutants import Mutant

import lstmlab

ROOT = Path(lstmlab.__file__).parent
ALL = [
    pytest.param(name, mutant, id=f"{name}: {mutant.name}")
    for name, area in AREAS.items()
    for mutant in area.MUTANTS
]


def source_of(module: str) -> str:
    path = ROOT.joinpath(*module.split(".")[1:])
    return (path / "__init__.py" if path.is_dir() else path.with_suffix(".py")).read_text(encoding="utf8")


@functools.cache
def code_of(module: str, path: str) -> CodeType:
    """Compile a module once: it is executed anew for each mutant."""
    return compile(source_of(module), path, "exec")


class EditedFinder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Import the package from its sources, one module of it, if there is a mutant, with the edit."""

    def __init__(self, mutant: Mutant | None) -> None:
        self.mutant = mutant

    def find_spec(self, fullname, path=None, target=None):
        if fullname.partition(".")[0] != "lstmlab":
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path)
        if spec is not None:
            spec.loader = self
        return spec

    def exec_module(self, module):
        name = module.__name__
        if self.mutant and name == self.mutant.module:
            source = source_of(name).replace(self.mutant.old, self.mutant.new)
            code = compile(source, f"<{self.mutant.name}>", "exec")
        else:
            code = code_of(name, module.__file__)
        exec(code, module.__dict__)


@pytest.fixture
def fresh(request):
    """Import the package anew, with the mutant's edit if there is one, and put the old one back."""
    mutant = request.param
    ours = {name: m for name, m in sys.modules.items() if name.partition(".")[0] == "lstmlab"}
    for name in ours:
        del sys.modules[name]
    finder = EditedFinder(mutant)
    sys.meta_path.insert(0, finder)
    try:
        yield importlib.import_module("lstmlab")
    finally:
        sys.meta_path.remove(finder)
        for name in [n for n in sys.modules if n.partition(".")[0] == "lstmlab"]:
            del sys.modules[name]
        sys.modules.update(ours)


def objection(ll, area):
    """Return what the first of the area's witnesses says that objects, or ``None``."""
    for witness in AREAS[area].WITNESSES:
        try:
            witness(ll)
        except (AssertionError, ValueError, TypeError) as error:
            return f"{witness.__name__}: {error}"
    return None


@pytest.mark.parametrize("area", AREAS)
@pytest.mark.parametrize("fresh", [None], indirect=True, ids=["no edit"])
def test_without_an_edit_every_witness_is_content(fresh, area):
    assert objection(fresh, area) is None


@pytest.mark.parametrize(("area", "mutant"), ALL)
def test_the_edit_finds_its_place(area, mutant):
    assert source_of(mutant.module).count(mutant.old) == 1
    assert mutant.old != mutant.new


@pytest.mark.parametrize(("area", "fresh"), ALL, indirect=["fresh"])
def test_every_mutant_is_killed(area, fresh):
    assert objection(fresh, area) is not None, "no witness objects to this mistake"


def test_the_list_is_long_enough_and_its_names_differ():
    mutants = [mutant for area in AREAS.values() for mutant in area.MUTANTS]
    assert len(mutants) >= 30
    assert len({m.name for m in mutants}) == len(mutants)
    assert len({(m.module, m.old, m.new) for m in mutants}) == len(mutants)
