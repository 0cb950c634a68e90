"""The architecture drawn in CONTRIBUTING.md is the one in the imports."""

import ast
import re
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
#: Modules that find each other by a folder on the path, not as a package.
LOOSE = ("tests", "tools", "book/_ext")
DRAWING = re.compile(r"^```text\n(?P<room>[\w/]*/)\n(?P<rows>(?: .*\n)+)```$", re.M)


class Import(NamedTuple):
    """An import: who, whom, and whether it happens while the module is loaded."""

    by: str
    of: str
    loads: bool


def drawings(text: str) -> dict[str, list[list[list[str]]]]:
    """Return room -> rows, from the top -> groups -> names."""
    found: dict[str, list[list[list[str]]]] = {}
    for match in DRAWING.finditer(text):
        rows = found[match["room"]] = []
        for line in match["rows"].splitlines():
            if line[2] != " ":  # a row with its name; a line without one goes on with the row above
                rows.append([])
                line = line.strip().partition("  ")[2]
            rows[-1] += [group.split() for group in line.split("|")]
    return found


def modules(room: Path, name: str) -> dict[str, Path]:
    """Return the dotted names of a package's modules."""
    return {
        ".".join((name, *path.relative_to(room).with_suffix("").parts)).removesuffix(".__init__"): path
        for path in sorted(room.rglob("*.py"))
    }


def imports(found: dict[str, Path]) -> Iterator[Import]:
    """Yield what each module imports, by the longest name that is a module here, or else as it is written."""
    for module, path in found.items():
        package = module if path.name == "__init__.py" else module.rpartition(".")[0]
        for node, loads in _statements(ast.parse(path.read_text(encoding="utf8")), True):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            else:
                above = package.split(".")[: len(package.split(".")) + 1 - node.level] if node.level else []
                base = ".".join([*above, *([node.module] if node.module else [])])
                names = [f"{base}.{alias.name}" for alias in node.names]
                names = [name if name in found else base for name in names]
            yield from (Import(module, name, loads) for name in names if name != module)


def _statements(tree: ast.AST, loads: bool) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node, loads
        later = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        typing = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        yield from _statements(node, loads and not later and not typing)


def of_package(room: Path, name: str) -> tuple[set[str], set[Import]]:
    """Return the units of a package, one for each module or folder in it, and the imports between them."""
    found = modules(room, name)

    def unit(module: str) -> str:
        return module.split(".")[1] if "." in module else "__init__"

    between = {
        Import(unit(one.by), unit(one.of), one.loads)
        for one in imports(found)
        if one.of.split(".")[0] == name and unit(one.by) != unit(one.of)
    }
    return {unit(module) for module in found}, between


def of_repository(root: Path) -> tuple[set[str], set[Import]]:
    """Return the rooms of the repository that hold Python, and the imports between them."""
    made = set((root / ".gitignore").read_text(encoding="utf8").splitlines())
    folders = [path for path in root.iterdir() if path.is_dir() and path.name[0] not in "._"]
    ours = [path for path in folders if f"/{path.name}/" not in made and not (path / "pyvenv.cfg").exists()]
    rooms: dict[Path, str] = {}
    for path in (path for folder in ours for path in folder.rglob("*.py")):
        parts = path.relative_to(root).parts
        rooms[path] = "/".join(parts[: 1 + (parts[0] == "book")])
    homes = {room: room for room in set(rooms.values()) - set(LOOSE)}
    loose = {room: {path.stem for path, home in rooms.items() if home == room} for room in LOOSE}
    between = set()
    for path, room in rooms.items():
        for one in imports({path.stem: path}):
            first = one.of.split(".")[0]
            others = [other for other, stems in loose.items() if first in stems]
            if room not in others and (home := homes.get(first) or next(iter(others), None)):
                between.add(Import(room, home, one.loads))
    return set(rooms.values()), {one for one in between if one.by != one.of}


def faults(rows: list[list[list[str]]], units: set[str], between: set[Import]) -> Iterator[str]:
    """Say where a drawing and the imports do not agree."""
    places = [
        (name, (-height, row.index(group)))
        for height, row in enumerate(rows)
        for group in row
        for name in group
    ]
    place = dict(places)
    drawn = [name for name, _ in places]
    yield from (f"{name}: drawn twice" for name in sorted(place) if drawn.count(name) > 1)
    yield from (f"{name}: not drawn" for name in sorted(units - set(place)))
    yield from (f"{name}: drawn, and not there" for name in sorted(set(place) - units))
    for one in sorted(between):
        here, there = place.get(one.by), place.get(one.of)
        if here and there and here != there and there[0] >= here[0]:
            yield f"{one.by} imports {one.of}: {'up' if there[0] > here[0] else 'across a bar'}"


def circle(between: set[Import]) -> list[str]:
    """Return modules that need each other to be loaded, or nothing."""
    graph: dict[str, set[str]] = {}
    for one in between:
        if one.loads:
            graph.setdefault(one.by, set()).add(one.of)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


DRAWN = drawings((ROOT / "CONTRIBUTING.md").read_text(encoding="utf8"))
PICTURES = next(group for row in DRAWN["lstmlab/"] for group in row if "plots" in group)


def test_three_drawings_are_there():
    assert list(DRAWN) == ["/", "lstmlab/", "exercises/"]


@pytest.mark.parametrize("room", DRAWN)
def test_the_imports_are_those_drawn(room):
    name = room.strip("/")
    units, between = of_package(ROOT / name, name) if name else of_repository(ROOT)
    assert len(between) >= 5
    assert not list(faults(DRAWN[room], units, between))
    assert not circle(between)


@pytest.mark.parametrize("name", ["lstmlab", "exercises"])
def test_no_module_needs_itself_to_be_loaded(name):
    found = modules(ROOT / name, name)
    assert not circle({one for one in imports(found) if one.of in found})


@pytest.mark.parametrize("path", ["tools/environment.py", "exercises/box"])
def test_what_must_do_with_little(path):
    """Nothing is installed yet; or nothing may be known to a student's process but NumPy, and how to draw."""
    here = ROOT / path
    files = sorted(here.glob("*.py")) if here.is_dir() else [here]
    found = {f"{here.name}.{file.stem}": file for file in files}
    wanted = {one.of.split(".")[0] for one in imports(found)} - {here.name, ""}
    allowed = {"numpy", "matplotlib"} if here.is_dir() else set()
    assert wanted
    assert wanted <= set(sys.stdlib_module_names) | allowed


def test_matplotlib_is_loaded_by_the_modules_that_draw_alone():
    loading = {
        one.by
        for one in imports(modules(ROOT / "lstmlab", "lstmlab"))
        if one.loads and "matplotlib" in one.of
    }
    assert {"lstmlab.plots"} < loading <= {f"lstmlab.{name}" for name in PICTURES}


# --- The test itself -------------------------------------------------------------------------------------

SKETCH = """\
```text
made/
  top     __init__  entry
  middle  left | right  beside
          more
  ground  stone
```
"""
FILES = {
    "__init__": "from made import entry",
    "entry": "import made.left\nfrom .right import a",
    "left": "from made import stone",
    "right": "from made.beside import b",
    "beside": "def f():\n    from made import right",
    "more": "import numpy",
    "stone": "",
}


def look(folder, **changed):
    for name, text in {**FILES, **changed}.items():
        (folder / f"{name}.py").write_text(text, encoding="utf8")
    units, between = of_package(folder, "made")
    return [*faults(drawings(SKETCH)["made/"], units, between), *circle(between)]


def test_what_agrees_passes(tmp_path):
    assert drawings(SKETCH)["made/"][1] == [["left"], ["right", "beside"], ["more"]]
    assert not look(tmp_path)


def test_what_is_made_or_is_a_readers_own_environment_is_no_room(tmp_path):
    (tmp_path / ".gitignore").write_text("/build/\n", encoding="utf8")
    for name in ("build/lib/made.py", "venv/lib/theirs.py", "tools/look.py"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text("import made\n", encoding="utf8")
    (tmp_path / "venv" / "pyvenv.cfg").touch()
    assert of_repository(tmp_path) == ({"tools"}, set())


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"stone": "import made.left"}, "stone imports left: up"),
        ({"stone": "def f():\n    from .left import a"}, "stone imports left: up"),
        ({"left": "from . import right"}, "left imports right: across a bar"),
        ({"more": "from made.beside import f"}, "more imports beside: across a bar"),
        ({"right": "import made"}, "right imports __init__: up"),
        ({"pebble": ""}, "pebble: not drawn"),
    ],
)
def test_what_does_not_agree_is_named(tmp_path, changed, said):
    assert said in look(tmp_path, **changed)


def test_a_circle_is_found(tmp_path):
    assert set(look(tmp_path, beside="from made import right")) == {"beside", "right"}


def test_what_is_drawn_and_not_there_is_named(tmp_path):
    assert list(faults([[["gone", "stone"]]], {"stone"}, set())) == ["gone: drawn, and not there"]
