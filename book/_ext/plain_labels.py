"""What the course's labels stand for: numbers of equations, figures and exercises, titles, terms, sources.

Sphinx finds all this while it builds the site. A plain notebook is made without a build, in seconds, so
the numbers are counted here by Sphinx's rules; a test compares them with those of the built site.
"""

from __future__ import annotations

import re
from ast import literal_eval
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

import nbformat
from docutils.nodes import make_id
from pybtex.backends.markdown import Backend
from pybtex.database import BibliographyData, Entry, parse_file
from pybtex.style.formatting.plain import Style
from sphinx.util.nodes import _make_id

from contents import table_of_contents
from myst_scan import Directive, Find, directive, scan

GLUED = "application/papermill.record/text/plain"
#: Pages that are no chapter, and yet are read beside one.
BESIDE = ("book/notation", "book/glossary")


@dataclass(frozen=True)
class Target:
    """What a label names: a place on a page of the site, with its words there."""

    document: str
    anchor: str  # on the site; in a plain notebook the label itself is the anchor
    words: str  # "(3.2)", "Fig. 3.1", "Exercise 3.1", or a title
    title: str = ""


@dataclass
class Labels:
    """All labels of the book, by kind."""

    root: Path
    equations: dict[str, Target] = field(default_factory=dict)
    figures: dict[str, Target] = field(default_factory=dict)
    places: dict[str, Target] = field(default_factory=dict)
    terms: dict[str, Target] = field(default_factory=dict)
    titles: dict[str, str] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)

    @property
    def chapters(self) -> list[str]:
        return list(self.numbers)

    @cached_property
    def sources(self) -> BibliographyData:
        return parse_file(str(self.root / "book" / "references.bib"))

    def add(self, document: str, number: int, cells: list[Any]) -> None:
        """Count through a document; ``number`` is a chapter's, or 0."""
        counter = _Counter(self, document, number)
        for cell in cells:
            if cell.cell_type == "markdown":
                counter.text(cell.source)
            elif "remove-cell" not in cell.metadata.get("tags", []):
                counter.code(cell.metadata.get("mystnb", {}))
        if number:
            self.numbers[document] = number

    def full(self, keys: list[str]) -> Iterator[tuple[str, str]]:
        """Yield (key, the whole entry in Markdown) for each source, by name and year."""
        wanted = sorted(keys, key=lambda key: (authors(self.sources.entries[key]), key))
        style, backend = Style(), Backend()
        for key in wanted:
            entry = next(style.format_entries([self.sources.entries[key]]))
            # The backend escapes more than Markdown asks for.
            yield key, re.sub(r"\\([.-])", r"\1", str(entry.text.render(backend)))


def authors(entry: Entry) -> str:
    """Name the authors as the site does: one, two with *and*, or the first with *et al.*"""
    people = entry.persons.get("author") or entry.persons.get("editor") or []
    names = [
        " ".join(str(part) for part in [*person.rich_prelast_names, *person.rich_last_names])
        for person in people
    ]
    if len(names) > 2:
        return f"{names[0]} *et al.*"
    return " and ".join(names) or str(entry.fields.get("key", entry.key))


def cells_of(path: Path) -> list[Any]:
    """Return the cells of a notebook, or a page as the only one of its cells."""
    if path.suffix == ".md":
        return [nbformat.v4.new_markdown_cell(path.read_text(encoding="utf8"))]
    return list(nbformat.read(path, as_version=4).cells)


def stored(root: Path, document: str) -> Path:
    """Return the file of a document."""
    notebook = root / f"{document}.ipynb"
    return notebook if notebook.exists() else root / f"{document}.md"


def glued(cells: list[Any]) -> dict[str, str]:
    """Return what the cells of a notebook glued, as it was written."""
    return {
        output.metadata["scrapbook"]["name"]: output.data[GLUED]
        for cell in cells
        for output in cell.get("outputs", [])
        if GLUED in output.get("data", {})
    }


def shown(value: str, form: str) -> str:
    """Write a glued value as ``{glue:text}`` would.

    >>> shown("0.12345", ".2f"), shown("'a'", "")
    ('0.12', 'a')
    """
    try:
        read = literal_eval(value)
    except (SyntaxError, ValueError):
        read = value
    if not form:
        return str(read)
    if form[-1] in "bcdoxX":
        read = int(read)
    elif form[-1] in "eEfFgGn%":
        read = float(read)
    return format(read, form)


def read(root: Path) -> Labels:
    """Read every chapter and every page of the table of contents."""
    labels = Labels(root)
    for entry in table_of_contents(root):
        labels.add(entry.document, entry.number, cells_of(stored(root, entry.document)))
    return labels


class _Counter:
    """Counts through one document in the order of reading."""

    def __init__(self, labels: Labels, document: str, number: int) -> None:
        self.labels, self.document, self.number = labels, document, number
        self.counts = {"equation": 0, "figure": 0, "exercise": 0}
        self.waiting: list[str] = []  # labels that wait for the heading they stand above
        self.last: Target | None = None

    def next(self, kind: str) -> str:
        self.counts[kind] += 1
        return f"{self.number}.{self.counts[kind]}" if self.number else f"{self.counts[kind]}"

    def text(self, text: str) -> None:
        for find in scan(text):
            self.find(find)

    def find(self, find: Find) -> None:
        if find.kind == "heading":
            if find.name == "h1":
                self.labels.titles.setdefault(self.document, find.content)
            for label in self.waiting:
                self.place(label, find.content)
        self.waiting = [] if find.kind not in ("target", "comment") else self.waiting
        if find.kind == "target":
            self.waiting.append(find.content)
            self.place(find.content, "")
        elif find.kind == "equation":
            self.equation(find.name)
        elif find.kind == "directive":
            self.directive(directive(find.name, find.content))

    def place(self, label: str, words: str, title: str = "") -> None:
        self.labels.places[label.lower()] = Target(self.document, make_id(label), words, title)

    def equation(self, label: str) -> None:
        number = f"({self.next('equation')})"
        self.labels.equations[label] = Target(self.document, make_id(f"equation-{label}"), number)

    def figure(self, name: str) -> None:
        self.labels.figures[name] = Target(self.document, make_id(name), f"Fig. {self.next('figure')}")

    def directive(self, found: Directive) -> None:
        name = found.name
        if name == "math" and "label" in found.options:
            self.equation(found.options["label"])
        elif name == "figure" and found.body.strip():
            self.figure(found.options.get("name", ""))
        elif name in ("exercise", "exercise-start"):
            words = "Exercise" if "nonumber" in found.options else f"Exercise {self.next('exercise')}"
            self.place(found.options.get("label", ""), words, found.argument)
        elif name in ("solution", "solution-start"):
            asked = self.labels.places.get(found.argument.lower())
            if asked and "label" in found.options:
                self.place(found.options["label"], f"Solution to {asked.words}")
        elif name == "glossary":
            self.glossary(found.body)
        if name not in ("math", "figure", "glossary", "code-block", "code", "eval-rst"):
            self.text(found.body)

    def glossary(self, body: str) -> None:
        for line in body.split("\n"):
            if line and not line[0].isspace() and not line.startswith(":"):
                anchor = _make_id(f"term-{line}")
                self.labels.terms[line.lower()] = Target(self.document, anchor, line)

    def code(self, options: Mapping[str, Any]) -> None:
        if "figure" in options:
            self.figure(str(options["figure"].get("name", "")))


def relative(document: str, to: str) -> str:
    """Resolve what ``{doc}`` says in a document to the name of another one.

    >>> relative("book/part1/03_gates", "../part2/05_backward"), relative("book/index", "/book/claims")
    ('book/part2/05_backward', 'book/claims')
    """
    parts: list[str] = [] if to.startswith("/") else list(PurePosixPath(document).parent.parts)
    for part in PurePosixPath(to.strip("/")).parts:
        if part == "..":
            parts.pop()
        elif part != ".":
            parts.append(part)
    return "/".join(parts).removesuffix(".md").removesuffix(".ipynb")
