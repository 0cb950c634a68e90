"""pyproject.toml, environment.yml and constraints.txt name the same packages, with ranges that meet."""

import re
import tomllib
from itertools import chain
from pathlib import Path

import pytest
import yaml
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf8"))["project"]
CONDA = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf8"))
CONSTRAINTS = (ROOT / "constraints.txt").read_text(encoding="utf8").splitlines()
CONDA_NAME = {"cupy-cuda12x": "cupy"}  # conda-forge has one package for every CUDA
NAMED = {"python", "pip", "jupyter-book", "numpy", "cupy", "matplotlib", "nbval"}
EXTRAS = PROJECT["optional-dependencies"]
REQUIREMENTS = [Requirement(r) for r in chain(PROJECT["dependencies"], *EXTRAS.values())]


def conda() -> dict[str, SpecifierSet]:
    found = {}
    for entry in CONDA["dependencies"]:
        if isinstance(entry, str):
            requirement = Requirement(re.sub(r"(?<![<>=!~])=(?!=)", "==", entry))  # conda's single "="
            found[canonicalize_name(requirement.name)] = requirement.specifier
    return found


def conda_pip() -> list[str]:
    (entries,) = [entry["pip"] for entry in CONDA["dependencies"] if isinstance(entry, dict)]
    return entries


def pins() -> dict[str, list[Requirement]]:
    found: dict[str, list[Requirement]] = {}
    for line in CONSTRAINTS:
        requirement = Requirement(line)
        found.setdefault(canonicalize_name(requirement.name), []).append(requirement)
    return found


def test_the_packages_the_course_promises_are_named():
    assert set(conda()) >= NAMED


def test_the_package_itself_comes_with_its_extras_at_exact_versions():
    assert conda_pip() == ["-c constraints.txt", "-e .[book,test,lab]"]


@pytest.mark.parametrize("name", sorted(set(conda()) - {"python", "pip"}))
def test_conda_and_pyproject_ask_for_the_same_versions(name):
    ranges = {r.specifier for r in REQUIREMENTS if canonicalize_name(CONDA_NAME.get(r.name, r.name)) == name}
    assert ranges == {conda()[name]}, f"environment.yml: {name}{conda()[name]}; pyproject.toml: {ranges}"


@pytest.mark.parametrize(
    "requirement", [Requirement(r) for r in PROJECT["dependencies"]], ids=lambda r: r.name
)
def test_conda_names_everything_the_package_needs(requirement):
    assert canonicalize_name(requirement.name) in conda()


def test_the_supported_pythons_agree():
    supported = [c.rpartition(" ")[2] for c in PROJECT["classifiers"] if re.search(r"Python :: 3\.\d+$", c)]
    assert supported == ["3.11", "3.12", "3.13"]
    for version in supported:
        assert version in SpecifierSet(PROJECT["requires-python"])
        assert version in conda()["python"]


@pytest.mark.parametrize(
    "requirement",
    [Requirement(r) for extra in ("book", "test", "lab") for r in EXTRAS[extra]]
    + [Requirement(r) for r in PROJECT["dependencies"]],
    ids=lambda r: r.name,
)
@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
def test_one_exact_version_of_every_dependency_for_every_python(requirement, python):
    environment = {**default_environment(), "python_version": python, "python_full_version": f"{python}.9"}
    fitting = [
        pin
        for pin in pins().get(canonicalize_name(requirement.name), [])
        if pin.marker is None or pin.marker.evaluate(environment)
    ]
    assert len(fitting) == 1, f"constraints.txt: {requirement.name} on Python {python}: {fitting}"
    (pin,) = fitting[0].specifier
    assert pin.operator == "=="
    assert requirement.specifier.contains(pin.version, prereleases=True)


def test_constraints_hold_versions_and_no_addresses():
    for line in CONSTRAINTS:
        assert not Requirement(line).url
        assert "://" not in line
