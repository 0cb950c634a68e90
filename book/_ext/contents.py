"""The table of contents, what a chapter's file is called, and which equations the pages number.

Read from the files, without Sphinx: the map, the plain copies, the printed book and the tests ask here.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import NamedTuple

import yaml  # type: ignore[import-untyped]

CHAPTER = re.compile(r"book/part\d+/(?P<number>\d\d)_\w+")
LABEL = re.compile(r"\$\$\s*\((eq-[\w-]+)\)|^:label:\s*(eq-[\w-]+)\s*$", re.M)


class Entry(NamedTuple):
    """A page of the table of contents."""

    document: str
    part: str = ""  # its caption; the front page stands in none
    number: int = 0  # of a chapter, counted as Sphinx counts


def table_of_contents(root: Path) -> list[Entry]:
    """Return every page of ``_toc.yml`` in order."""
    toc = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf8"))
    found, number = [Entry(str(toc["root"]))], 0
    for part in toc["parts"]:
        numbered = bool(part.get("numbered"))
        for chapter in part["chapters"]:
            number += numbered
            found.append(Entry(str(chapter["file"]), str(part["caption"]), number if numbered else 0))
    return found


def markdown(path: Path) -> str:
    """Return all text of a notebook or page that is not code."""
    text = path.read_text(encoding="utf8")
    if path.suffix == ".md":
        return text
    cells = json.loads(text)["cells"]
    return "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")


def labels_in(text: str) -> list[str]:
    """Return the labels of the equations that a text numbers, in order.

    >>> labels_in("$$a$$ (eq-one) and {eq}`eq-two`")
    ['eq-one']
    """
    return [first or second for first, second in LABEL.findall(text)]


@cache  # the files do not change while a site is built or a test runs
def equations(root: Path) -> dict[str, list[str]]:
    """Return the files of the book that number each equation: one, if all is well."""
    found: dict[str, list[str]] = defaultdict(list)
    notebooks = [path for path in (root / "book").rglob("*.ipynb") if ".ipynb_checkpoints" not in path.parts]
    for path in [*sorted(notebooks), *sorted((root / "book").glob("*.md"))]:
        for label in labels_in(markdown(path)):
            found[label].append(path.relative_to(root).as_posix())
    return dict(found)
