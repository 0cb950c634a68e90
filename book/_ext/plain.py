"""Turn a chapter into a plain notebook, which reads well where nobody knows MyST.

JupyterLab, VS Code and Colab show ``{eq}`eq-cell-state` `` as it stands. Here such references become the
text that the site shows, with a link where there is something to link to; boxes become quotations, folded
ones ``<details>``; equations carry their number as a ``\\tag``; interactive figures leave the text that
stands in for them. The source of a code cell is never touched.
"""

from __future__ import annotations

import base64
import mimetypes
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from myst_scan import Directive, Find, directive, scan
from plain_labels import Labels, Target, authors, relative, shown, stored
from plain_math import formula, loose_lines

#: Boxes whose title is their own name.
BOXES = {"attention", "caution", "danger", "error", "hint", "important", "note", "seealso", "tip", "warning"}
TITLED = {"admonition", "dropdown", "topic", "card", "sidebar", "margin"}
CUSTOM = re.compile(r"</?(?P<name>[a-z]+(?:-[a-z]+)+)\b[^>]*>\n?")
EXPLICIT = re.compile(r"(?P<words>.*?)\s*<(?P<target>[^<>]+)>", re.S)


@dataclass(frozen=True)
class Place:
    """Where a plain notebook is to be read, which decides what it can link to."""

    base: str = ""  # address of the published site with a final slash, if it is known
    beside: Collection[str] = ()  # documents whose plain copies stand in the same folder
    exercises: str = ""  # path to the folder of the graded exercises, if there is one
    setup: str = ""  # a first cell that makes the course available on somebody else's machine

    def address(self, here: str, target: Target, label: str) -> str:
        """Return where a link to a label leads, or nothing if there is no such place."""
        if target.document == here:
            return f"#{label}" if label else ""
        exercise = label.removeprefix("graded-")
        if self.base:
            return f"{self.base}{target.document}.html" + (f"#{target.anchor}" if target.anchor else "")
        if target.document in self.beside:
            return f"{file_name(target.document)}" + (f"#{label}" if label else "")
        return f"{self.exercises}{exercise}.ipynb" if self.exercises and exercise != label else ""


def file_name(document: str) -> str:
    """Name the plain copy of a document: all of them stand in one folder."""
    return f"{PurePosixPath(document).name}.ipynb"


class UnknownMystError(ValueError):
    """Something of MyST for which there is no plain form yet."""


@dataclass
class Converter:
    """Converts the texts of one document, and remembers which works they cite."""

    labels: Labels
    document: str
    place: Place = field(default_factory=Place)
    values: dict[str, str] = field(default_factory=dict)
    cited: list[str] = field(default_factory=list)

    # -- texts ------------------------------------------------------------------------------------

    def text(self, text: str, quoted: bool = False) -> str:
        """Convert a text; in a quotation formulas stay on one line, where no ``>`` can come in between."""
        made, end = [], 0
        for find in scan(text):
            if find.start < end:  # within what was converted already
                continue
            new = self.find(find, text, quoted)
            if new is None:
                continue
            begin = find.start
            if find.kind == "link":  # only its address: what it says may hold other finds
                begin = text.rindex("](", find.start, find.end) + 2
                if new:
                    made += [self.text(text[end:begin], quoted), f"{new})"]
                else:  # nowhere to go: the words stay
                    made += [text[end : find.start], self.text(text[find.start + 1 : begin - 2], quoted)]
            else:
                made += [text[end:begin], self.spaced(new, find, text)]
            end = find.end
        made.append(text[end:])
        return re.sub(r"\n{3,}", "\n\n", "".join(made))

    def spaced(self, new: str, find: Find, text: str) -> str:
        """Indent a block like the one it replaces, with an empty line before and after."""
        if find.kind in ("role", "math line", "link"):
            return new
        indent = find.indent
        lines = [indent + line if line else indent.rstrip() for line in new.split("\n")]
        new = "\n".join(lines).removeprefix(indent)
        before, after = text[: find.start].rstrip(" >"), text[find.end :].lstrip(" ")
        start = "\n" if before.endswith("\n") and not before.endswith("\n\n") and new else ""
        return (start + indent if start else "") + new + ("\n" if re.match(r"\n[^\n]", after) else "")

    def find(self, find: Find, text: str, quoted: bool) -> str | None:
        """Return what to put in the place of a find; ``None`` if it may stay."""
        if find.kind == "role":
            return self.role(find.name, find.content)
        if find.kind == "directive":
            return self.directive(directive(find.name, find.content), quoted)
        if find.kind == "equation":
            return self.equation(find.name, find.content, quoted)
        if find.kind == "math":
            return formula(find.content, "", quoted) if quoted or loose_lines(find.content) else None
        if find.kind == "math line":
            return f"${' '.join(find.content.split())}$" if "\n" in find.content else None
        if find.kind == "target":
            return anchor(find.content)
        if find.kind == "comment":
            return ""
        if find.kind == "html":
            return self.html(text[find.start : find.end])
        if find.kind == "link":
            return self.link_address(find.name)
        if find.kind == "unknown":
            raise UnknownMystError(f"{self.document}: no plain form for {find.name!r}: {find.content[:60]!r}")
        return None

    def equation(self, label: str, content: str, quoted: bool) -> str:
        number = self.labels.equations[label].words.strip("()")
        return f"{anchor(label)}\n\n{formula(content, number, quoted)}"

    def html(self, text: str) -> str | None:
        if not CUSTOM.search(text):
            return None
        ended = re.search(r"</([a-z]+(?:-[a-z]+)+)>", text)
        page = self.place.address("", Target(self.document, "", ""), "") if self.place.base else ""
        link = f"\n\n[The figure is on the site.]({page})" if ended and page else ""
        return CUSTOM.sub("", text).strip() + link

    def link_address(self, address: str) -> str | None:
        """Let a link to another page of the book lead to where that page can be read."""
        path, _, label = address.partition("#")
        if re.match(r"[a-z]+:|#|$", address) or not path:
            return None
        found = self.place.address(self.document, Target(relative(self.document, path), label, ""), label)
        return found

    # -- roles ------------------------------------------------------------------------------------

    def role(self, name: str, content: str) -> str:
        """Return a role's text as the site shows it, with a link where there is something to link to."""
        explicit = EXPLICIT.fullmatch(content)
        words, target = (explicit["words"], explicit["target"]) if explicit else ("", content)
        make: dict[str, Callable[[], str]] = {
            "eq": lambda: self.linked(self.labels.equations[target], target, words),
            "numref": lambda: self.linked(self.labels.figures[target], target, words.replace("%s", "")),
            "ref": lambda: self.linked(self.labels.places[target.lower()], target, words),
            "doc": lambda: self.document_link(target, words),
            "term": lambda: self.linked(self.labels.terms[target.lower()], term(target), words or content),
            "glue:text": lambda: self.value(content),
            "cite": lambda: self.cite(content, textual=False),
            "cite:p": lambda: self.cite(content, textual=False),
            "cite:t": lambda: self.cite(content, textual=True),
            "math": lambda: f"${content}$",
            "elsewhere": lambda: "",
        }
        try:
            if name in make:
                return make[name]()
        except KeyError as error:
            raise UnknownMystError(
                f"{self.document}: {{{name}}}`{content}` leads nowhere: {error}"
            ) from error
        if name.startswith("py:"):
            short = target.rpartition(".")[2] if target.startswith("~") else target
            return f"`{words or short}{'()' if name in ('py:func', 'py:meth') and not words else ''}`"
        raise UnknownMystError(f"{self.document}: no plain form for the role {{{name}}}`{content}`")

    def linked(self, target: Target, label: str, words: str = "") -> str:
        address = self.place.address(self.document, target, label)
        words = words or target.words
        return f"[{words}]({address})" if address else words

    def document_link(self, path: str, words: str) -> str:
        document = relative(self.document, path)
        words = words or self.labels.titles[document]
        return self.linked(Target(document, "", ""), "", words)

    def value(self, content: str) -> str:
        name, _, form = content.partition(":")
        return shown(self.values[name], form)

    def cite(self, content: str, textual: bool) -> str:
        made = []
        for key in (key.strip() for key in content.split(",")):
            entry = self.labels.sources.entries[key]
            if key not in self.cited:
                self.cited.append(key)
            year = entry.fields.get("year", "")
            linked = "[{}](#cite-" + key + ")"
            made.append(
                f"{authors(entry)} \\[{linked.format(year)}\\]"
                if textual
                else linked.format(f"{authors(entry)}, {year}")
            )
        return ", ".join(made) if textual else f"\\[{', '.join(made)}\\]"

    # -- directives -------------------------------------------------------------------------------

    def directive(self, found: Directive, quoted: bool) -> str:
        name = found.name
        if name in BOXES or name in TITLED:
            title = found.argument if name in TITLED else found.argument or name.capitalize()
            if name in BOXES and found.argument:  # what stands on the first line is text, not a title
                return self.box(name.capitalize(), f"{found.argument}\n{found.body}".strip())
            folded = "dropdown" in found.classes or name == "dropdown"
            return self.box(title, found.body, folded)
        if name in ("exercise", "exercise-start"):
            return self.exercise(found)
        if name == "solution":
            exercise = self.labels.places[found.argument.lower()]
            return self.box(f"Solution to {exercise.words}", found.body, folded=True)
        if name == "math":
            label = found.options.get("label", "")
            return self.equation(label, found.body, quoted) if label else formula(found.body, "", quoted)
        if name in ("code-block", "code", "sourcecode"):
            return f"```{found.argument}\n{found.body}\n```"
        if name in ("figure", "image"):
            return self.picture(found)
        if name in ("tab-set", "grid", "div", "container"):
            return self.text(found.body, quoted)
        if name in ("tab-item", "grid-item-card", "grid-item"):
            return f"**{self.text(found.argument)}**\n\n{self.text(found.body, quoted)}"
        if name == "glossary":
            return self.glossary(found.body)
        if name in ("exercise-end", "solution-end"):
            return ""
        raise UnknownMystError(f"{self.document}: no plain form for the directive {{{name}}}")

    def box(self, title: str, body: str, folded: bool = False) -> str:
        """Write a box as a quotation under its title, or folded away behind it."""
        title = self.text(title)
        if folded:
            return f"<details><summary><b>{title}</b></summary>\n\n{self.text(body).strip()}\n\n</details>"
        inside = f"**{title}**\n\n{self.text(body, quoted=True)}".strip()
        return "\n".join(f"> {line}".rstrip() for line in inside.split("\n"))

    def exercise(self, found: Directive) -> str:
        label = found.options.get("label", "")
        words = self.labels.places[label.lower()].words if label else "Exercise"
        title = f"{words} ({found.argument})" if found.argument else words
        above = f"{anchor(label)}\n\n" if label else ""
        if found.name == "exercise-start":
            return f"{above}**{self.text(title)}**\n\n{self.text(found.body)}".strip()
        return above + self.box(title, found.body)

    def picture(self, found: Directive) -> str:
        """Put a picture into the text itself: a copy of a notebook has no files beside it."""
        path = (stored(self.labels.root, self.document).parent / found.argument).resolve()
        kind = mimetypes.guess_type(path.name)[0] or "image/png"
        data = base64.b64encode(path.read_bytes()).decode()
        image = f"![{found.options.get('alt', '')}](data:{kind};base64,{data})"
        caption = self.caption(found.options.get("name", ""), found.body) if found.body.strip() else ""
        return f"{image}\n\n{caption}".strip()

    def caption(self, name: str, words: str) -> str:
        number = f"**{self.labels.figures[name].words}.** " if name in self.labels.figures else ""
        return f"{anchor(name)}{number}{self.text(words)}"

    def glossary(self, body: str) -> str:
        """Write each term in bold, above its meaning."""
        made = []
        for line in body.split("\n"):
            if line.startswith(":"):
                continue
            is_term = bool(line) and not line[0].isspace()
            made.append(f"\n{anchor(term(line))}**{line}**\n" if is_term else line.strip())
        return self.text("\n".join(made).strip())


def term(words: str) -> str:
    """Return the label of a term in a plain glossary."""
    return "term-" + re.sub(r"\W+", "-", words.lower())


def anchor(label: str) -> str:
    return f'<a id="{label}"></a>'
