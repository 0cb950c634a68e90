"""The ledger of claims: ``claims.yml`` as a page, and links to its rows from everywhere else.

* ``{claims}`` writes the rows of :file:`book/claims.yml`, section by section as in the notes.
* Each chapter ends with a folded list of its rows; the panel under an equation links to them.
* The description of a function links to the rows that it stands behind.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import yaml  # type: ignore[import-untyped]
from docutils import nodes
from docutils.statemachine import StringList
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

FILE = Path(__file__).parents[1] / "claims.yml"
DOCUMENT = "book/claims"

#: What a row may say of its statement, and how the page says it.
VERDICTS = {
    "wrong": "wrong",
    "conditional": "right under a condition",
    "imprecise": "imprecise",
    "missing": "missing from the notes",
    "right": "right",
}


@dataclass(frozen=True)
class Claim:
    """One row: a statement of the notes, what holds, and where the course shows it."""

    id: str
    section: str
    statement: str
    verdict: str
    chapter: tuple[str, ...]
    evidence: str
    correct: str = ""
    label: tuple[str, ...] = ()
    function: tuple[str, ...] = ()
    test: tuple[str, ...] = ()
    experiment: tuple[str, ...] = ()
    source: tuple[str, ...] = ()
    pending: bool = False

    @property
    def number(self) -> int:
        return int(self.id[1:])

    @property
    def anchor(self) -> str:
        return f"claim-{self.id}"


class Ledger(NamedTuple):
    """The headings of the notes, the rows in the order of the notes, and the equations the course adds."""

    parts: dict[str, dict[str, str]]  # part -> section's id -> its title
    claims: list[Claim]
    new: dict[str, list[str]]  # chapter -> labels

    @property
    def sections(self) -> dict[str, str]:
        return {section: title for titles in self.parts.values() for section, title in titles.items()}


def load(path: Path = FILE) -> Ledger:
    """Read the ledger; a key that no row has is a ``TypeError``."""
    return _load(path, path.stat().st_mtime_ns)


@cache  # it is asked for with every docstring, and takes half a second to parse
def _load(path: Path, changed: int) -> Ledger:
    content = yaml.safe_load(path.read_text(encoding="utf8"))
    claims = [_claim(row) for row in content["claims"]]
    parts = {part["part"]: part["sections"] for part in content["sections"]}
    return Ledger(parts, claims, content["new"])


def _claim(row: dict[str, Any]) -> Claim:
    fields: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in row.items()}
    return Claim(**fields)


# ---------------------------------------------------------------------------------------------------
# The page
# ---------------------------------------------------------------------------------------------------


def page(ledger: Ledger, documents: Collection[str]) -> str:
    """Return the rows as MyST text, section by section; only ``documents`` are linked to."""
    lines = [*_by_verdict(ledger)]
    for part, titles in ledger.parts.items():
        lines += [f"## {part}", ""]
        for section, title in titles.items():
            lines += [f"### {title}", ""]
            for claim in ledger.claims:
                if claim.section == section:
                    lines += [*card(claim, documents), ""]
    lines += ["## Equations that the course adds", ""]
    lines += ["The notes have no line for these.", ""]
    for chapter, labels in ledger.new.items():
        if chapter in documents:
            equations = ", ".join(f"{{eq}}`{label}`" for label in labels)
            lines.append(f"- {{doc}}`/{chapter}`: {equations}")
    return "\n".join([*lines, ""])


def card(claim: Claim, documents: Collection[str]) -> Iterator[str]:
    """Yield the lines of one row."""
    yield f":::{{container}} claim verdict-{claim.verdict}"
    yield f":name: {claim.anchor}"
    yield ""
    yield (
        f"[{claim.number}]{{.claim-number}} [{VERDICTS[claim.verdict]}]{{.claim-verdict}} {claim.statement}"
    )
    if claim.correct:
        yield ""
        yield f"**{'Remark' if claim.verdict == 'right' else 'What holds'}.** {claim.correct}"
    yield ""
    yield f"**Shown** in {', '.join(_places(claim, documents))}. {_proof(claim)}."
    yield ":::"


def _places(claim: Claim, documents: Collection[str]) -> Iterator[str]:
    """Chapters, equations and functions, linked where they are on the site."""
    known = [chapter for chapter in claim.chapter if chapter in documents]
    yield from (f"{{doc}}`/{chapter}`" for chapter in known)
    if len(known) < len(claim.chapter):
        yield "a chapter to come"
    else:
        yield from (f"{{eq}}`{label}`" for label in claim.label)
    for name in claim.function:
        private = any(part.startswith("_") for part in name.split("."))
        yield f"`{name.rpartition('.')[2]}`" if private else f"{{py:obj}}`~{name}`"


def _proof(claim: Claim) -> str:
    """What stands behind the verdict: words, experiments, works, and the names of tests."""
    words = [f"**Evidence:** {claim.evidence}"]
    if claim.experiment:
        found = ", ".join(f"{{doc}}`{name} </book/experiments>`" for name in claim.experiment)
        words.append(f"experiment {found}" if len(claim.experiment) == 1 else f"experiments {found}")
    if claim.source:
        words.append(f"{{cite:t}}`{','.join(claim.source)}`")
    if claim.test:
        names = ", ".join(f"`{test.rpartition('/')[2]}`" for test in claim.test)
        words.append(f"checked by {names}")
    return "; ".join(words)


def _by_verdict(ledger: Ledger) -> Iterator[str]:
    """Yield folded lists of links: what the filter does, for readers without scripts."""
    yield from ("## By verdict", "")
    counts = Counter(claim.verdict for claim in ledger.claims)
    for verdict, words in VERDICTS.items():
        found = [claim for claim in ledger.claims if claim.verdict == verdict]
        links = ", ".join(f"{{ref}}`{claim.number} <{claim.anchor}>`" for claim in found)
        yield from (f":::{{dropdown}} {words}: {counts[verdict]}", links, ":::", "")


class Claims(SphinxDirective):
    """The rows of the ledger, under the headings of the notes."""

    def run(self) -> list[nodes.Node]:
        self.env.note_dependency(str(FILE))
        text = page(load(), self.env.found_docs)
        holder = nodes.Element()
        lines = StringList(text.split("\n"), source=self.get_source_info()[0])
        self.state.nested_parse(lines, self.content_offset, holder, match_titles=True)
        return list(holder.children)


# ---------------------------------------------------------------------------------------------------
# Links to the rows
# ---------------------------------------------------------------------------------------------------


def inline(text: str) -> Iterator[nodes.Node]:
    """Text with formulas between dollars, and words between stars, as nodes."""
    for part in re.split(r"(\$[^$]*\$|\*[^*$]+\*)", text):
        if part.startswith("$"):
            yield nodes.math(part[1:-1], part[1:-1])
        elif part.startswith("*"):
            yield nodes.emphasis(part[1:-1], part[1:-1])
        elif part:
            yield nodes.Text(part)


def link(claim: Claim, document: str) -> pending_xref:
    """Return a link to a row, named by its number."""
    text = nodes.inline("", str(claim.number))
    options = {"refdomain": "std", "reftype": "ref", "refexplicit": True, "refwarn": True}
    return pending_xref("", text, reftarget=claim.anchor, refdoc=document, **options)


def box(claims: list[Claim], document: str) -> Iterator[nodes.Node]:
    """Yield the folded list at the end of a chapter."""
    title = f"Claims of the notes in this chapter: {len(claims)}"
    yield nodes.raw("", f'<details class="claims-box"><summary>{title}</summary>', format="html")
    items = nodes.bullet_list()
    for claim in claims:
        start = [link(claim, document), nodes.Text(f", {VERDICTS[claim.verdict]}: ")]
        items += nodes.list_item("", nodes.paragraph("", "", *start, *inline(claim.statement)))
    yield items
    yield nodes.raw("", "</details>", format="html")


def link_chapter(app: Sphinx, doctree: nodes.document) -> None:
    """Put the list at the end of a chapter; the panel under an equation names its rows (``panels.py``)."""
    document = app.env.docname
    claims = [claim for claim in load().claims if document in claim.chapter]
    sections = [node for node in doctree.children if isinstance(node, nodes.section)]
    if not claims or not sections or DOCUMENT not in app.env.found_docs:
        return
    app.env.note_dependency(str(FILE))
    sections[0].extend(box(claims, document))


def link_function(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """End the description of a function with links to its rows."""
    rows = [claim for claim in load().claims if name in claim.function]
    if rows and DOCUMENT in app.env.found_docs:
        links = ", ".join(f":ref:`{claim.number} <{claim.anchor}>`" for claim in rows)
        lines += ["", f"In the ledger of claims: {links}.", ""]


def add_files(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any) -> None:
    """The filter belongs to one page."""
    if pagename == DOCUMENT:
        app.add_js_file("claims.js", loading_method="defer")


def setup(app: Sphinx) -> dict[str, Any]:
    app.setup_extension("sphinx.ext.autodoc")
    app.add_directive("claims", Claims)
    app.add_css_file("claims.css")
    app.connect("doctree-read", link_chapter)
    app.connect("autodoc-process-docstring", link_function, priority=900)  # after napoleon
    app.connect("html-page-context", add_files)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
