"""Every public name says what it does, what it takes, what it raises and where it comes from."""

import importlib
import inspect
import pkgutil
import re

import pytest

import lstmlab as ll

MODULES = [
    importlib.import_module(info.name)
    for info in pkgutil.walk_packages(ll.__path__, "lstmlab.")
    if not info.name.endswith("__main__")
]
PUBLIC = {
    f"{module.__name__}.{name}": thing
    for module in MODULES
    for name, thing in vars(module).items()
    if not name.startswith("_")
    and getattr(thing, "__module__", None) == module.__name__
    and (inspect.isfunction(thing) or inspect.isclass(thing))
}
EXPORTED = {name: getattr(ll, name) for name in ll.__all__ if callable(getattr(ll, name))}


def takes(thing):
    """Names of the arguments a caller gives."""
    if inspect.isclass(thing) and issubclass(thing, tuple):
        return []
    try:
        parameters = inspect.signature(thing).parameters.values()
    except ValueError:
        return []
    return [p.name for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]


def named(doc):
    """Names under the heading Parameters, or Attributes where they are one; several may share a line."""
    section = re.search(r"(?:Parameters|Attributes)\n-+\n(.*?)(?:\n\n\S[^\n]*\n-+\n|\Z)", doc, re.S)
    lines = [line for line in (section[1] if section else "").splitlines() if re.match(r"\S", line)]
    return {name.strip().lstrip("*") for line in lines for name in line.split(":")[0].split(",")}


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_has_a_docstring(name):
    doc = inspect.getdoc(PUBLIC[name]) or ""
    assert len(doc) > 20, name
    assert doc[0].isupper() or doc.startswith(("``", ":math:", "σ")), doc
    assert re.search(r"[.:!?)`]$", doc.splitlines()[0]), f"{name}: the first line is no sentence"


@pytest.mark.parametrize("name", EXPORTED)
def test_every_exported_name_documents_each_argument(name):
    thing = EXPORTED[name]
    missing = set(takes(thing)) - named(inspect.getdoc(thing) or "")
    assert not missing


@pytest.mark.parametrize("name", EXPORTED)
def test_what_an_exported_name_raises_is_said(name):
    thing = EXPORTED[name]
    if not inspect.isfunction(thing):
        return
    if "raise " in inspect.getsource(thing) or "check_" in inspect.getsource(thing):
        assert "Raises\n---" in (inspect.getdoc(thing) or "")
