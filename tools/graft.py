"""Put an edited module's code in the place of the one that is imported already, without a fresh import.

A fresh import of the package and of its tests would take seconds for each mutant. Instead every living
function of the module gets the code and the defaults that the edited source gives it, and every plain
constant of the module or its classes the edited value. What is imported anew comes from the edited source.
"""

from __future__ import annotations

import gc
import importlib.abc
import importlib.util
import sys
from collections.abc import Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any

PLAIN = (int, float, str, tuple, frozenset)
Place = tuple[str, int]


def place(code: CodeType) -> Place:
    return code.co_qualname, code.co_firstlineno


def walk(code: CodeType) -> Iterator[CodeType]:
    """Yield a code object and those inside it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from walk(constant)


def functions() -> dict[str, list[FunctionType]]:
    """Return every living function, by the file it was compiled from."""
    found: dict[str, list[FunctionType]] = {}
    for thing in gc.get_objects():
        if isinstance(thing, FunctionType):
            found.setdefault(thing.__code__.co_filename, []).append(thing)
    return found


def with_defaults(fresh: ModuleType) -> Iterator[FunctionType]:
    """Yield the functions and methods of a module."""
    for thing in vars(fresh).values():
        inner = vars(thing).values() if isinstance(thing, type) else (thing,)
        for candidate in inner:
            function = getattr(candidate, "__wrapped__", getattr(candidate, "__func__", candidate))
            if isinstance(function, FunctionType):
                yield function


def registrations() -> list[tuple[Any, dict[type, Any]]]:
    """Return what is registered for which type, in every ``singledispatch`` function that is imported."""
    package = [vars(m) for name, m in list(sys.modules.items()) if name.partition(".")[0] == "lstmlab"]
    found = {id(thing): thing for names in package for thing in names.values() if hasattr(thing, "registry")}
    return [(thing, dict(thing.registry)) for thing in found.values()]


class Edited(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Import one module from the edited source, and leave the others to Python."""

    def __init__(self, name: str, code: CodeType) -> None:
        self.name, self.code = name, code

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> Any:
        if fullname != self.name:
            return None
        return importlib.util.spec_from_file_location(fullname, self.code.co_filename, loader=self)

    def is_package(self, fullname: str) -> bool:
        return self.code.co_filename.endswith("__init__.py")

    def exec_module(self, module: ModuleType) -> None:
        exec(self.code, module.__dict__)


def graft(name: str, source: str, living: dict[str, list[FunctionType]]) -> None:
    """Let the imported module ``name`` be what ``source`` says, in all its users' hands.

    ``living`` is what :func:`functions` found: to look for them takes longer than most tests.
    """
    module = sys.modules[name]
    path = str(module.__file__)
    code = compile(source, path, "exec")
    fresh = ModuleType(name)
    fresh.__dict__.update({k: v for k, v in module.__dict__.items() if k.startswith("__")})
    registered = registrations()
    exec(code, fresh.__dict__)
    for dispatcher, implementations in registered:  # the old functions stay: they get the new code
        for kind, function in implementations.items():
            dispatcher.register(kind, function)
    codes = {place(c): c for c in walk(code)}
    defaults = {place(f.__code__): f for f in with_defaults(fresh)}
    for function in living.get(path, []):
        spot = place(function.__code__)
        function.__code__ = codes[spot]
        if spot in defaults:
            function.__defaults__ = defaults[spot].__defaults__
            function.__kwdefaults__ = defaults[spot].__kwdefaults__
    constants(module, fresh)
    sys.meta_path.insert(0, Edited(name, code))


def constants(module: ModuleType, fresh: ModuleType) -> None:
    """Copy edited constants: of the module, wherever they were imported to, and of its classes.

    An object of the package, or a table of plain values, is changed where it is: others hold it too.
    """
    for key, new in vars(fresh).items():
        old = vars(module).get(key)
        if isinstance(new, type) and isinstance(old, type) and new is not old:
            for attribute, value in vars(new).items():
                before = vars(old).get(attribute)
                if attribute.startswith("__") and isinstance(value, FunctionType):  # a dataclass's, say
                    if isinstance(before, FunctionType):
                        before.__defaults__ = value.__defaults__
                elif isinstance(value, PLAIN) and value != before and not attribute.startswith("__"):
                    setattr(old, attribute, value)
        elif isinstance(new, PLAIN) and not key.startswith("__") and new != old:
            for user in list(sys.modules.values()):
                names = getattr(user, "__dict__", {})
                if names.get(key) is old:
                    names[key] = new
        elif isinstance(new, dict) and isinstance(old, dict):
            if all(isinstance(value, PLAIN) for value in new.values()):
                old.clear()
                old.update(new)
        elif type(old).__module__.startswith("lstmlab.") and type(old).__name__ == type(new).__name__:
            getattr(old, "__dict__", {}).update(getattr(new, "__dict__", {}))
