"""Let the search find symbols, equations' numbers and their labels first where they are defined.

Sphinx's index counts ``f_t`` as a word like any other, so that forty pages hold it alike. Here each symbol
of the notation page, and each one that a numbered equation holds for the first time or defines, becomes
an entry of the index that the search page prefers.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

from myst_scan import Find, scan
from plain_labels import Labels, cells_of, read, stored

NOTATION = "book/notation"
#: How many equations may define one symbol in the results.
PLACES = 3
#: A letter or a named one, perhaps under an accent, perhaps with an index below.
SYMBOL = re.compile(
    r"(?:\\(?P<accent>tilde|hat|bar)\s*\{?(?P<under>\\?[A-Za-z]+)\}?|(?P<plain>\\[a-z]+|[A-Za-z]))"
    r"(?:_(?:\{(?P<braced>[^{}]*)\}|(?P<single>[A-Za-z0-9])))?"
)
#: Commands that are no symbols.
WORDS = re.compile(r"\\(?:text|mathrm|operatorname|begin|end|mathbb|mathbf)\s*\{[^{}]*\}")
GREEK = re.compile(
    "(alpha|beta|gamma|delta|Delta|(var)?epsilon|eta|theta|kappa|lambda|mu|nu|phi|rho|sigma|Sigma|tau)"
)


def symbols(formula: str) -> Iterator[str]:
    r"""Yield the symbols of a formula as they are typed into a search field or into code.

    >>> list(symbols(r"\tilde C_t = \tanh(W_{Ch} h_{t-1})"))
    ['C_tilde_t', 'C_tilde', 'W_Ch', 'h_t-1']
    """
    for match in SYMBOL.finditer(WORDS.sub(" ", formula)):
        base = (match["under"] or match["plain"]).strip()
        if base.startswith("\\"):
            base = base[1:]
            if not GREEK.fullmatch(base):
                continue
        below = re.sub(r"[\s\\]|text", "", match["braced"] or match["single"] or "")
        if match["accent"]:
            base = f"{base}_{match['accent']}"
        if below:
            yield f"{base}_{below}"
        if match["accent"] or len(base) > 1:
            yield base


def entries(labels: Labels) -> dict[str, list[tuple[str, str]]]:
    """Return for each entry of the search where it leads: pairs of document and anchor, the best first."""
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for document, find in equations(labels):
        target = labels.equations[find.name]
        place = (document, target.anchor)
        for entry in (find.name, target.words, target.words.strip("()")):
            found[entry].append(place)
        defined = set(symbols(find.content.partition("=")[0]))
        for symbol in symbols(find.content):
            if not found[symbol] or (symbol in defined and len(found[symbol]) < PLACES):
                found[symbol].append(place)
    for cell in cells_of(stored(labels.root, NOTATION)):
        for row in re.findall(r"^\|([^|]*\$[^|]*)\|", cell.source, re.M):
            for symbol in symbols(" ".join(re.findall(r"\$([^$]+)\$", row))):
                found[symbol].append((NOTATION, ""))
    return {entry: list(dict.fromkeys(places)) for entry, places in found.items()}


def equations(labels: Labels) -> Iterator[tuple[str, Find]]:
    """Yield the numbered equations of the chapters in the order of reading."""
    for document in labels.chapters:
        for cell in cells_of(stored(labels.root, document)):
            if cell.cell_type == "markdown":
                yield from ((document, find) for find in scan(cell.source) if find.kind == "equation")


@cache
def labels_of(app: Sphinx) -> Labels:
    """Read the labels of the book once in a build, when its files no longer change."""
    return read(Path(app.srcdir))


def add_entries(app: Sphinx) -> Iterator[Any]:
    """Give the entries to the index, after the last page is written and before the index is."""
    indexer = getattr(app.builder, "indexer", None)
    if indexer is not None:
        for entry, places in entries(labels_of(app)).items():
            for number, (document, anchor) in enumerate(places):
                # The first and the notation are listed before what other pages say, the others after it.
                main = "main" if not number or document == NOTATION else ""
                new = (entry, anchor, main)
                have = indexer._index_entries.setdefault(document, [])
                if new not in have:
                    have.append(new)
    return iter(())


def show_excerpts(app: Sphinx, page: str, *_: Any) -> None:
    """Give the page of the search, and no other, the script that says what it shows of a page."""
    if page == "search":
        app.add_js_file("search-excerpts.js", loading_method="defer")


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("html-collect-pages", add_entries)
    app.connect("html-page-context", show_excerpts)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
