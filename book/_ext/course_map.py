"""What each chapter needs, read from the chapters themselves, and the page that shows it as a map.

* **Needs**: the first sentence after "You need" in a chapter's opening box names other chapters, by a link,
  by number ("chapter 3", "chapters 1 to 5") or by part ("part I"). Later sentences only qualify it.
* **Uses**: an equation of an earlier chapter is cited. An equation of a later chapter is a look ahead: the
  chapter can be read without it, so it is told in the list and not drawn.

Nothing about the chapters is written here: a new chapter appears with the next build.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

import map_drawing
from contents import CHAPTER, labels_in, markdown, table_of_contents

CITED = re.compile(r"\{eq\}`(?:[^`<]*<)?(eq-[\w-]+)>?`")
NEEDED = re.compile(r"\*\*You need\*\*\s*:?(.*?)(?:\n\s*\n|\Z)", re.S)
LINKED = re.compile(r"\{doc\}`(?:[^`<]*<)?([^`<>]+)>?`")
NUMBERED = re.compile(r"\bchapters?\s+(\d+(?:(?:\s*,\s*|\s+and\s+|\s*,\s*and\s+|\s+to\s+)\d+)*)", re.I)
WHOLE_PART = re.compile(r"\bpart\s+([IVX]+)\b", re.I)


@dataclass
class Chapter:
    """A chapter and the numbers of those it rests on."""

    number: int
    document: str
    title: str
    part: str  # as in the table of contents: "II Learning"
    needs: set[int] = field(default_factory=set)
    uses: set[int] = field(default_factory=set)  # earlier chapters whose equations are cited
    ahead: set[int] = field(default_factory=set)  # later ones

    @property
    def edges(self) -> set[tuple[int, int, str]]:
        """From, to, and why: one edge for each pair."""
        return {(n, self.number, "needs") for n in self.needs} | {
            (n, self.number, "uses") for n in self.uses - self.needs
        }


def read(root: Path) -> dict[int, Chapter]:
    """Read the table of contents and every chapter in it; number -> chapter."""
    found, texts = {}, {}
    for entry in table_of_contents(root):
        if match := CHAPTER.fullmatch(entry.document):
            number = int(match["number"])
            texts[number] = text = markdown(root / f"{entry.document}.ipynb")
            title = re.search(r"^# (.+)$", text, re.M)
            found[number] = Chapter(number, entry.document, title[1] if title else entry.document, entry.part)
    home = {label: number for number, text in texts.items() for label in labels_in(text)}
    for number, chapter in found.items():
        chapter.needs = needs(texts[number], found) - {number}
        cited = {home[label] for label in CITED.findall(texts[number]) if label in home} - {number}
        chapter.uses = {other for other in cited if other < number}
        chapter.ahead = cited - chapter.uses
    return found


def needs(text: str, chapters: dict[int, Chapter]) -> set[int]:
    """Return the numbers of the chapters named in the first sentence after "You need"."""
    match = NEEDED.search(text)
    sentence = re.split(r"\.(?:\s|$)", match[1], maxsplit=1)[0] if match else ""
    linked = {Path(target).name.partition("_")[0] for target in LINKED.findall(sentence)}
    named = {int(number) for number in linked if number.isdigit()}  # the glossary may be linked as well
    words = LINKED.sub(" ", sentence)
    for numbers in NUMBERED.findall(words):
        named |= {int(n) for n in re.findall(r"\d+", numbers)}
        for first, last in re.findall(r"(\d+)\s+to\s+(\d+)", numbers):
            named |= set(range(int(first), int(last) + 1))
    for roman in WHOLE_PART.findall(words):
        named |= {n for n, chapter in chapters.items() if chapter.part.split()[0] == roman.upper()}
    return named


def before(chapters: dict[int, Chapter], number: int) -> set[int]:
    """Return every chapter that has to be read before one of them, however far back."""
    found: set[int] = set()
    waiting = set(chapters[number].needs)
    while waiting:
        current = waiting.pop()
        if current not in found:
            found.add(current)
            waiting |= chapters[current].needs
    return found


def implied(chapters: dict[int, Chapter]) -> set[tuple[int, int]]:
    """Return the needs that follow from others: 1 -> 3 where 1 -> 2 -> 3 is there too."""
    return {
        (first, chapter.number)
        for chapter in chapters.values()
        for first in chapter.needs
        if any(first in before(chapters, other) for other in chapter.needs - {first})
    }


# ---------------------------------------------------------------------------------------------------
# The page
# ---------------------------------------------------------------------------------------------------


def links(chapters: dict[int, Chapter], numbers: Collection[int]) -> str:
    """Name chapters by number, each a link: ``1, 2 and 3``."""
    made = [f"{{doc}}`{n} </{chapters[n].document}>`" for n in sorted(numbers)]
    return " and ".join(filter(None, [", ".join(made[:-1]), made[-1]])) if made else ""


def ranges(numbers: Collection[int]) -> str:
    """Write numbers with runs drawn together.

    >>> ranges({1, 2, 3, 5, 8, 9})
    '1 to 3, 5, 8 and 9'
    """
    runs: list[list[int]] = []
    for n in sorted(numbers):
        if runs and runs[-1][-1] == n - 1:
            runs[-1].append(n)
        else:
            runs.append([n])
    made = [part for run in runs for part in ([f"{run[0]} to {run[-1]}"] if len(run) > 2 else map(str, run))]
    return " and ".join(filter(None, [", ".join(made[:-1]), made[-1]]))


def words(chapters: dict[int, Chapter], chapter: Chapter) -> Iterator[str]:
    """Say what a chapter rests on."""
    needed = before(chapters, chapter.number)
    if chapter.needs:
        yield f"needs {links(chapters, chapter.needs)}"
        if needed - chapter.needs:
            yield f"with what these need, {ranges(needed)}"
    else:
        yield "needs no other chapter"
    if chapter.uses - needed:
        yield f"cites equations of {links(chapters, chapter.uses - needed)}"
    if chapter.ahead:
        yield f"looks ahead to an equation of {links(chapters, chapter.ahead)}"


def listed(chapters: dict[int, Chapter]) -> str:
    """Return the list that says the same as the map, as MyST text."""
    lines = []
    for place, part in enumerate(dict.fromkeys(chapter.part for chapter in chapters.values()), 1):
        lines += [f"[{part}]{{.part-name .part-{place}}}", ""]
        for chapter in chapters.values():
            if chapter.part == part:
                said = "; ".join(words(chapters, chapter))
                lines.append(f"- {chapter.number}\u00a0{{doc}}`/{chapter.document}`: {said}.")
        lines.append("")
    return "\n".join(lines)


class course_map(nodes.General, nodes.Element):  # type: ignore[misc]  # noqa: N801 - as docutils names them
    """The drawing."""


class CourseMap(SphinxDirective):
    """The map, or the ``list`` that says the same."""

    optional_arguments = 1

    def run(self) -> list[nodes.Node]:
        root = Path(self.env.srcdir)
        chapters = read(root)
        for chapter in chapters.values():
            self.env.note_dependency(str(root / f"{chapter.document}.ipynb"))
        if self.arguments != ["list"]:
            return [course_map("")]
        holder = nodes.Element()
        lines = StringList(listed(chapters).split("\n"), source=self.get_source_info()[0])
        self.state.nested_parse(lines, self.content_offset, holder)
        return list(holder.children)


def draw(translator: Any, node: course_map) -> None:
    builder = translator.builder
    chapters = read(Path(builder.srcdir))
    here = builder.current_docname
    address = {n: builder.get_relative_uri(here, chapter.document) for n, chapter in chapters.items()}
    before_each = {n: before(chapters, n) for n in chapters}
    translator.body.append(map_drawing.page(chapters, before_each, implied(chapters), address))
    raise nodes.SkipNode


def skip(translator: Any, node: nodes.Element) -> None:
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_directive("course-map", CourseMap)
    app.add_node(course_map, html=(draw, None), latex=(skip, None), text=(skip, None))
    app.add_css_file("reading.css")
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
