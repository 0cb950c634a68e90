"""What a command in the documents names is there: targets of make, scripts, options, files, steps."""

import ast
import importlib.util
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import check
from contents import markdown

ROOT = Path(__file__).parents[1]
PAGES = (
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "benchmarks/README.md", "tools/chapter.md")),
    *sorted((ROOT / "exercises").glob("*.md")),
    *sorted((ROOT / "book").glob("*.md")),
    *sorted((ROOT / "book").glob("part*/*.ipynb")),
    *sorted((ROOT / "exercises").glob("*.ipynb")),
)
FENCE = re.compile(
    r"^(?P<indent> *)```(?:bash|bat|sh|shell|console)\n(?P<body>.*?)^(?P=indent)```", re.S | re.M
)
LINE = re.compile(
    r"(?<!`)`((?:make|python|pip|uv|py|nbgrader|jupyterhub|\.venv[/\\]\S+|[A-Z_]+=[^\s`]+) [^`]+)`"
)
#: Folders of the reader's own, and files that are written by following the text.
READERS = re.compile(
    r"SUBMISSIONS|PRIVATE|RELEASE|NN_name|31_ours|/srv/|@\w+@|25_my_subject|part1/04_cell_state\.md|scores\.csv"
)
VARIABLE = re.compile(r"([A-Z][A-Z_]+)=.*")
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf8"))["project"][
    "optional-dependencies"
]
TARGETS = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf8"), re.M))
OURS = ("lstmlab", "exercises", "experiments", "benchmarks")
#: Where a variable that a command sets may be read.
SOURCES = [path for room in (*OURS, "tools") for path in sorted((ROOT / room).rglob("*.py"))]


def commands(text: str) -> Iterator[str]:
    """Yield each command of a text, without its comment."""
    for match in FENCE.finditer(text):
        for line in match["body"].replace("\\\n", " ").splitlines():
            if command := re.sub(r"(?:^|\s+)# .*|\s+\(PORT=\d+\)$", "", line).strip():
                yield command
        yield from re.findall(
            r"\b(make [a-z]+)\b(?=:)", match["body"]
        )  # in a comment: "make pdf: the whole book"
    yield from (line.strip() for line in LINE.findall(FENCE.sub("", text)))


def trouble(command: str) -> Iterator[str]:
    """Say which of the things a command names are not there."""
    words = shlex.split(command.replace("\\", "/"))
    while words and (match := VARIABLE.fullmatch(words[0])):
        if not any(match[1] in path.read_text(encoding="utf8") for path in SOURCES):
            yield f"nobody reads the variable {match[1]}"
        words.pop(0)
    if not words:
        return
    program, rest = words[0].rpartition("/")[2], words[1:]
    if program == "make":
        yield from (f"no target {word}" for word in rest if "=" not in word and word not in TARGETS)
        return
    if program in ("python", "py") and rest[:1] == ["-m"]:
        yield from _module(rest[1], rest[2:])
    elif program in ("python", "py"):
        yield from _options(ROOT / rest.pop(0), rest)
    for word in rest:
        for extra in re.findall(r"[\w-]+", word.partition("[")[2]) if word.startswith(".[") else ():
            if extra not in EXTRAS:
                yield f"no extra {extra}"
        named = re.fullmatch(r"[\w./-]+\.(?:py|md|ipynb|txt|toml|yml)", word) or re.match(
            r"(?:tests|book|tools)/", word
        )
        if named and not READERS.search(word) and not (ROOT / word.partition("::")[0]).exists():
            yield f"no file {word}"


def _module(name: str, words: list[str]) -> Iterator[str]:
    if importlib.util.find_spec(name) is None:
        yield f"no module {name}"
    elif name.partition(".")[0] in OURS:
        path = ROOT.joinpath(*name.split("."))
        yield from _options(path / "__main__.py" if path.is_dir() else path.with_suffix(".py"), words)


def _options(path: Path, words: list[str]) -> Iterator[str]:
    """Ask the file of a command for the options, and for the names of the steps."""
    if not path.is_file():
        yield f"no file {path.relative_to(ROOT)}"
        return
    tree = ast.parse(path.read_text(encoding="utf8"))
    known = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    yield from (
        f"{path.name} has no option {word}" for word in words if word.startswith("-") and word not in known
    )
    if path.name == "check.py":
        yield from (f"no step {word}" for word in words if word not in check.steps())


SHOWN = sorted({(path.relative_to(ROOT).as_posix(), c) for path in PAGES for c in commands(markdown(path))})


def test_the_commands_are_found():
    assert {
        ("README.md", f"make {name}") for name in ("book", "test", "lab", "zip", "pdf", "bench", "gpu")
    } < set(SHOWN)
    assert ("README.md", r".venv\Scripts\python tools\serve.py") in SHOWN
    assert ("CONTRIBUTING.md", ".venv/bin/python tools/check.py lint package") in SHOWN
    assert (
        "exercises/INSTRUCTORS.md",
        "python -m exercises.grade SUBMISSIONS --sources PRIVATE --out scores.csv",
    ) in SHOWN


@pytest.mark.parametrize(("page", "command"), SHOWN)
def test_what_a_command_names_is_there(page, command):
    assert not list(trouble(command))


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("make tea", "no target tea"),
        ("make book PORT=8000", None),
        ("python -m exercises.grader X", "no module exercises.grader"),
        ("python -m exercises.grade X --pardon", "grade.py has no option --pardon"),
        (".venv/bin/python tools/brew.py", "no file tools/brew.py"),
        (r".venv\Scripts\python tools\check.py lint leaves", "no step leaves"),
        ("python -m pytest -q tests/test_tea.py", "no file tests/test_tea.py"),
        (".venv/bin/python -m pip install -c constraints.txt -e .[book,tea]", "no extra tea"),
        ("LSTMLAB_TEA=1 make test", "nobody reads the variable LSTMLAB_TEA"),
    ],
)
def test_what_is_not_there_is_named(command, said):
    assert list(trouble(command)) == ([said] if said else [])
