"""Read an exercise's source: a notebook as text (MyST), with the parts in its cells tagged ``author``."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np

from . import author
from .author import Case, Edit, Part
from .box import extract
from .box.calling import Outcome, call

HERE = Path(__file__).parent
SOURCES = HERE / "sources"
BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
CHECK = re.compile(r"^check\.part\((\d+),\s*(\w+)\)\s*$", re.M)
FENCE = re.compile(r"^(`{3,})\{code-cell\}[^\n]*\n(.*?)^\1[ \t]*$", re.S | re.M)
BREAK = re.compile(r"^\+\+\+[ \t]*(\{.*\})?[ \t]*$", re.M)


class SourceError(ValueError):
    """The source is not as ``AUTHORS.md`` says; the message says where."""


@dataclass
class Cell:
    """One cell: ``markdown`` or ``code``, its text, its tags and other metadata."""

    kind: str
    text: str
    metadata: dict[str, Any] = field(default_factory=dict)

    @property
    def tags(self) -> list[str]:
        return list(self.metadata.get("tags", []))


def read_text(text: str) -> tuple[dict[str, str], list[Cell]]:
    """Split a MyST text notebook into its head (plain ``key: value`` lines) and its cells."""
    head: dict[str, str] = {}
    if text.startswith("---\n"):
        front, _, text = text[4:].partition("\n---\n")
        head = {k: v.strip().strip("\"'") for k, v in re.findall(r"^(\w+):[ \t]+(.+)$", front, re.M)}
    cells: list[Cell] = []
    at = 0
    for match in FENCE.finditer(text):
        cells += _markdown(text[at : match.start()])
        cells.append(_code(match[2]))
        at = match.end()
    return head, cells + _markdown(text[at:])


def _markdown(text: str) -> list[Cell]:
    cells: list[Cell] = []
    at, metadata = 0, dict[str, Any]()
    for match in [*BREAK.finditer(text), None]:
        piece = text[at : match.start() if match else None].strip("\n")
        if piece.strip():
            cells.append(Cell("markdown", piece, metadata))
        if match:
            at, metadata = match.end(), json.loads(match[1]) if match[1] else {}
    return cells


def _code(text: str) -> Cell:
    metadata: dict[str, Any] = {}
    if text.startswith("---\n"):
        front, _, text = text[4:].partition("\n---\n")
        if found := re.search(r"^tags: \[(.*)\]$", front, re.M):
            metadata["tags"] = [tag.strip() for tag in found[1].split(",")]
    while match := re.match(r":(\w+): *(.*)\n", text):
        if match[1] == "tags":
            metadata["tags"] = [tag.strip() for tag in match[2].strip("[]").split(",")]
        else:
            metadata[match[1]] = match[2]
        text = text[match.end() :]
    return Cell("code", text.strip("\n"), metadata)


@dataclass(eq=False)
class Exercise:
    """An exercise, whole: what stands in its source, and what can be computed from it."""

    name: str
    head: dict[str, str]
    cells: list[Cell]
    parts: list[Part]
    text: str

    title = property(lambda self: self.head["title"])
    chapter = property(lambda self: self.head["chapter"])
    minutes = property(lambda self: int(self.head["minutes"]))
    with_lstmlab = property(lambda self: "lstmlab" in self.head.get("modules", "").split())

    def part(self, number: int) -> Part:
        """Return a part by its number."""
        for part in self.parts:
            if part.number == number:
                return part
        numbers = ", ".join(str(part.number) for part in self.parts)
        raise ValueError(f"number: this exercise has the parts {numbers}, got {number!r}")

    @cached_property
    def tasks(self) -> dict[int, Cell]:
        """The cell of each part's function, with its solution."""
        found = {}
        for part in self.parts:
            pattern = re.compile(rf"^def {part.function}\(", re.M)
            cells = [c for c in self.cells if c.kind == "code" and BEGIN in c.text and pattern.search(c.text)]
            if len(cells) != 1:
                raise SourceError(
                    f"{self.name}, part {part.number}: expected one cell with a solution that defines "
                    f"{part.function}, got {len(cells)}"
                )
            solution = cells[0].text.partition(BEGIN)[2].partition(END)
            if (
                "return" not in solution[0]
                or f'raise NotImplementedError("task {part.number}: ' not in solution[2]
            ):
                raise SourceError(
                    f"{self.name}, part {part.number}: the solution must return; behind {END} must stand\n"
                    f'    raise NotImplementedError("task {part.number}: ...")'
                )
            found[part.number] = cells[0]
        return found

    @cached_property
    def given(self) -> list[Cell]:
        """Code cells that the student gets as they are and shall not change: imports, helpers."""
        return [cell for cell in self.cells if role(cell) == "given"]

    @property
    def points(self) -> int:
        """Points that the checks award."""
        return sum(part.points for part in self.parts)

    @property
    def points_by_hand(self) -> int:
        """Points of the free-text questions."""
        return sum(int(cell.metadata.get("points", 0)) for cell in self.cells if role(cell) == "answer")

    def solution(self, number: int) -> str:
        """Source of a part's task cell, solution in place."""
        return self.tasks[number].text

    def given_sources(self) -> list[tuple[str, str]]:
        """Return name and text of the given cells, for :mod:`exercises.box.extract`."""
        return [(f"given cell {k}", cell.text) for k, cell in enumerate(self.given, 1)]

    def function(self, number: int, changes: Mapping[int, Edit] | None = None) -> Callable[..., Any]:
        """Build the function of a part from the solutions, some of them edited; it works on NumPy arrays."""
        changes = changes or {}
        texts = {
            n: (changes[n].apply(cell.text) if n in changes else cell.text) for n, cell in self.tasks.items()
        }
        sources = self.given_sources() + [(f"cell of part {n}", text) for n, text in texts.items()]
        statements, problems = extract.read_cells(sources)
        part = self.part(number)
        namespace: dict[str, Any] = {"__name__": self.name}
        problems += extract.execute(extract.needed(statements, {part.function}), namespace)
        if problems:
            raise SourceError(f"{self.name}, part {number}: {'; '.join(problems)}")
        if "xp" in namespace:
            namespace["xp"] = np
        return namespace[part.function]  # type: ignore[no-any-return]

    @cache  # noqa: B019  an exercise lives as long as the process
    def cases(self, number: int, hidden: bool = False) -> list[Case]:
        """Return the cases of a part: those of the notebook, or all of them, hidden ones last."""
        part = self.part(number)
        return part.cases(False) + (part.cases(True) if hidden else [])

    @cache  # noqa: B019
    def expected(self, number: int, hidden: bool = False) -> list[Outcome]:
        """Return what the solution gives for each case."""
        known = self.expected(number) if hidden else []
        return self.outcomes(self.function(number), number, hidden, known)

    @cache  # noqa: B019
    def mistaken(self, number: int, hidden: bool = False) -> list[list[Outcome]]:
        """Return what each listed mistake gives for each case."""
        mistakes = self.part(number).mistakes
        known = self.mistaken(number) if hidden else [[] for _ in mistakes]
        return [
            self.outcomes(self.function(number, {number: mistake}), number, hidden, found)
            for mistake, found in zip(mistakes, known, strict=True)
        ]

    def outcomes(
        self, function: Callable[..., Any], number: int, hidden: bool = False, known: Sequence[Outcome] = ()
    ) -> list[Outcome]:
        """Call a function that takes NumPy arrays on every case of a part, but the first ones, if known."""
        plot, cases = self.part(number).plot, self.cases(number, hidden)[len(known) :]
        return [*known, *(call(function, case.arguments, plot=plot) for case in cases)]


def role(cell: Cell) -> str:
    """Say what a cell is for: author, task, check, given, answer or text."""
    if cell.kind == "markdown":
        return "answer" if "answer" in cell.tags else "text"
    if "author" in cell.tags:
        return "author"
    if BEGIN in cell.text:
        return "task"
    if CHECK.search(cell.text):
        return "check"
    return "try" if "try" in cell.tags else "given"


def read(path: Path) -> Exercise:
    """Read one source."""
    text = path.read_text(encoding="utf8")
    head, cells = read_text(text)
    if missing := {"title", "chapter", "minutes"} - set(head):
        raise SourceError(f"{path.name}: the head lacks {', '.join(sorted(missing))}")
    namespace: dict[str, Any] = {"__name__": f"exercises.sources.{path.stem}"}
    exec("from exercises.author import *\nimport numpy as np", namespace)
    with author.collecting() as parts:
        for cell in cells:
            if role(cell) == "author":
                exec(compile(cell.text, f"{path.name} (author cell)", "exec"), namespace)
    exercise = Exercise(path.stem, head, cells, sorted(parts, key=lambda part: part.number), text)
    for part in parts:
        part.salt = path.stem
    checked = {int(n) for cell in cells if role(cell) == "check" for n, _ in CHECK.findall(cell.text)}
    if checked != {part.number for part in parts}:
        raise SourceError(
            f"{path.name}: parts {[p.number for p in parts]}, but check cells for {sorted(checked)}"
        )
    assert exercise.tasks is not None  # each part has its cell
    return exercise


def folders(first: Path | None = None) -> list[Path]:
    """Return where sources are looked for: a folder given, ``LSTMLAB_EXERCISES``, the course's own."""
    named = os.environ.get("LSTMLAB_EXERCISES")
    return [Path(p) for p in (first, named, SOURCES) if p]


def names(first: Path | None = None) -> list[str]:
    """Return the names of all exercises, in order."""
    return sorted({path.stem for folder in folders(first) for path in folder.glob("[0-9]*.md")})


def find(name: str, first: Path | None = None) -> Exercise:
    """Read the exercise of this name from the first folder that has it."""
    for folder in folders(first):
        if (path := folder / f"{name}.md").is_file():
            return _read(path, path.stat().st_mtime_ns)
    raise ValueError(f"name: expected one of {', '.join(names(first))}, got {name!r:.60}")


@cache
def _read(path: Path, changed: int) -> Exercise:
    return read(path)
