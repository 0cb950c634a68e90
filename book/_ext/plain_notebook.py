"""Put the plain copy of a whole chapter together; see ``plain`` for what becomes of its texts."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from typing import Any

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell

from myst_scan import directive, scan
from plain import Converter, Place, anchor
from plain_labels import GLUED, Labels, cells_of, glued, stored

FOLDED = {"source_hidden": True, "outputs_hidden": True}


def plain(labels: Labels, document: str, place: Place) -> nbformat.NotebookNode:
    """Return the plain copy of a chapter, or of a page as a notebook without code."""
    path = stored(labels.root, document)
    cells = cells_of(path)
    converter = Converter(labels, document, place, glued(cells))
    made = [*_Cells(converter).convert(cells)]
    number = labels.numbers.get(document)
    if number:
        made[0].source = re.sub(r"(?m)^# ", f"# {number}. ", made[0].source, count=1)
    made.insert(1, new_markdown_cell(_origin(labels, document, place), id="about-this-copy"))
    if place.setup and number:
        made.insert(2, new_code_cell(place.setup, id="set-up"))
    if converter.cited:
        made.append(new_markdown_cell(_sources(labels, converter.cited), id="sources"))
    metadata = nbformat.read(path, as_version=4).metadata if path.suffix == ".ipynb" else {}
    notebook: nbformat.NotebookNode = nbformat.v4.new_notebook(cells=made, metadata=metadata)
    nbformat.validate(notebook)
    return notebook


def _origin(labels: Labels, document: str, place: Place) -> str:
    """Say what this notebook is a copy of."""
    number = labels.numbers.get(document)
    name = f"chapter {number}" if number else f"the page “{labels.titles[document]}”"
    course = labels.titles["book/index"]
    if not place.base:
        return f"*A copy of {name} of the course {course}, to run, change and break.*"
    page, home = f"{place.base}{document}.html", f"{place.base}book/index.html"
    return f"*A copy of [{name}]({page}) of the course [{course}]({home}), to run, change and break.*"


def _sources(labels: Labels, keys: list[str]) -> str:
    entries = "\n".join(f"- {anchor(f'cite-{key}')}{' '.join(e.split())}" for key, e in labels.full(keys))
    return f"## Works cited\n\n{entries}"


class _Cells:
    """Goes through the cells of a notebook, and knows whether it is within a solution."""

    def __init__(self, converter: Converter) -> None:
        self.converter = converter
        self.solution = ""  # the title of the solution that has begun and not ended

    def convert(self, cells: list[Any]) -> Iterator[nbformat.NotebookNode]:
        for cell in cells:
            if cell.cell_type == "code":
                yield from self.code(cell)
            elif cell.cell_type == "markdown" and (text := "\n\n".join(self.markdown(cell.source))):
                yield new_markdown_cell(text, id=cell.id)

    def markdown(self, source: str) -> Iterator[str]:
        """Yield the parts of a text before, within and after a solution, the inner ones folded."""
        end = 0
        for find in scan(source):
            found = directive(find.name, find.content) if find.kind == "directive" else None
            if found is None or found.name not in ("solution-start", "solution-end"):
                continue
            yield from self.part(source[end : find.start])
            end = find.end
            begins = found.name == "solution-start"
            self.solution = f"Solution to {self.title(found.argument)}" if begins else ""
        yield from self.part(source[end:])

    def title(self, label: str) -> str:
        target = self.converter.labels.places[label.lower()]
        return f"{target.words} ({target.title})" if target.title else target.words

    def part(self, text: str) -> Iterator[str]:
        if not text.strip():
            return
        yield (
            self.converter.box(self.solution, text, folded=True)
            if self.solution
            else self.converter.text(text).strip()
        )

    def code(self, cell: nbformat.NotebookNode) -> Iterator[nbformat.NotebookNode]:
        """Yield a code cell as it is, folded if it is so on the site, and the caption of its figure."""
        made = copy.deepcopy(cell)
        # What is glued into a text is no output: VS Code would say that it cannot show it.
        made.outputs = [output for output in made.outputs if set(output.get("data", {"": ""})) != {GLUED}]
        if self.solution or "remove-cell" in made.metadata.get("tags", []):
            made.metadata["jupyter"] = dict(FOLDED)
        elif "hide-input" in made.metadata.get("tags", []):
            made.metadata["jupyter"] = {"source_hidden": True}
        yield made
        figure = made.metadata.get("mystnb", {}).get("figure", {})
        if figure.get("caption"):
            caption = self.converter.caption(figure.get("name", ""), figure["caption"])
            yield new_markdown_cell(caption, id=f"{cell.id[:50]}-caption")
