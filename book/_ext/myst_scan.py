"""Where in a text the things stand that only MyST knows: directives, roles, labels, comments.

The text is read by MyST's own parser, so that code, formulas and escapes are never mistaken for markup.
What is added here is the place of each find, which the parser knows for blocks and forgets within a line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import NamedTuple

import yaml  # type: ignore[import-untyped]
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from myst_parser.config.main import MdParserConfig
from myst_parser.parsers.mdit import create_md_parser

#: As in _config.yml, but for linkify: a bare address is read alike everywhere.
EXTENSIONS = {
    "amsmath",
    "attrs_block",
    "attrs_inline",
    "colon_fence",
    "deflist",
    "dollarmath",
    "substitution",
    "tasklist",
}
#: Rules of the parser that work within a line, whose finds are given a place.
PLACED = ("myst_role", "html_inline", "math_inline", "link")
DIRECTIVE = re.compile(r"\{(?P<name>[\w:+-]+)\}[ \t]*(?P<argument>.*)")
OPTION = re.compile(r":(?P<key>[\w-]+):(?:[ \t]+(?P<value>.*))?$")


class Find(NamedTuple):
    """Something of MyST: what it is, and from where to where it reaches in the text."""

    kind: str  # directive, role, equation, math, math line, target, comment, html, heading, link, unknown
    start: int
    end: int
    name: str
    content: str
    indent: str = ""


@dataclass(frozen=True)
class Directive:
    """A directive taken apart."""

    name: str
    argument: str
    options: dict[str, str] = field(default_factory=dict)
    body: str = ""

    @property
    def classes(self) -> list[str]:
        return self.options.get("class", "").split()


def directive(info: str, content: str) -> Directive:
    """Take a fence apart whose first line says ``{name} argument``.

    >>> directive("{figure} a.png", ":name: fig-a\\n\\nThe caption.")
    Directive(name='figure', argument='a.png', options={'name': 'fig-a'}, body='The caption.')
    """
    match = DIRECTIVE.fullmatch(info.strip())
    if match is None:
        raise ValueError(f"info: expected {{name}} and an argument, got {info!r}")
    lines, options = content.split("\n"), {}
    if lines[0].strip() == "---" and "---" in (rest := [line.strip() for line in lines[1:]]):
        end = rest.index("---") + 1
        read = yaml.safe_load("\n".join(lines[1:end])) or {}
        options, lines = {key: str(value) for key, value in read.items()}, lines[end + 1 :]
    else:
        while lines and (option := OPTION.fullmatch(lines[0].strip())):
            options[option["key"]] = (option["value"] or "").strip()
            lines.pop(0)
    return Directive(match["name"], match["argument"].strip(), options, "\n".join(lines).strip("\n"))


def _placed(rule: Callable[[StateInline, bool], bool]) -> Callable[[StateInline, bool], bool]:
    """Wrap a rule so that its first token remembers from where to where it was read."""

    def remembering(state: StateInline, silent: bool) -> bool:
        start, before = state.pos, len(state.tokens)
        found = rule(state, silent)
        if found and not silent:
            # Text that was waiting is written before the find itself.
            made = next((token for token in state.tokens[before:] if token.type != "text"), None)
            if made is not None:
                made.meta["span"] = (start, state.pos)
        return found

    return remembering


@cache
def parser() -> MarkdownIt:
    """Return MyST's parser, made once."""
    made = create_md_parser(MdParserConfig(enable_extensions=EXTENSIONS), RendererHTML)
    for rule in [rule for rule in made.inline.ruler.__rules__ if rule.name in PLACED]:
        made.inline.ruler.at(rule.name, _placed(rule.fn))
    return made


class _Text:
    """A text and where its lines begin."""

    def __init__(self, text: str) -> None:
        self.lines = text.split("\n")
        self.starts = [0]
        for line in self.lines:
            self.starts.append(self.starts[-1] + len(line) + 1)

    def block(self, token: Token) -> tuple[int, int, str]:
        """Return start, end and indentation of a block; the blank lines after it are not its own."""
        first, last = token.map or (0, 0)
        while last > first + 1 and not self.lines[last - 1].strip(" >"):
            last -= 1
        line = self.lines[first]
        indent = re.match(r"[\s>]*(?:(?:[-*+]|\d+[.)])\s+)*", line)
        width = len(indent[0]) if indent else 0
        return self.starts[first] + width, self.starts[last] - 1, re.sub(r"[^\s>]", " ", line[:width])

    def inline(self, token: Token, after: int) -> list[int]:
        """Return for each character of a run of text where it stands, and where the run ends."""
        places: list[int] = []
        first = (token.map or (0, 0))[0]
        for number, line in enumerate(token.content.split("\n"), first):
            begin = max(0, after - self.starts[number])
            column = self.lines[number].find(line, begin)
            if column < 0:  # a table's cell with an escaped bar in it
                return []
            places += range(self.starts[number] + column, self.starts[number] + column + len(line) + 1)
        return places


@cache
def scan(text: str) -> tuple[Find, ...]:
    """Return everything of MyST in a text, in order; what stands within a directive is its content only."""
    source = _Text(text)
    return tuple(sorted(_scan(parser().parse(text), source), key=lambda find: find.start))


def _scan(tokens: list[Token], source: _Text) -> Iterator[Find]:
    after, heading = 0, ""
    for token in tokens:
        if token.type == "heading_open":
            heading = token.tag
        elif token.type == "inline":
            places = source.inline(token, after)
            after = places[-1] if places else after
            if heading:
                yield Find("heading", *source.block(token)[:2], heading, token.content)
                heading = ""
            yield from _scan_line(token, places)
        elif token.map is not None and (kind := _kind(token)):
            start, end, indent = source.block(token)
            name = token.info if kind in ("directive", "equation") else token.tag
            yield Find(kind, start, end, name.strip(), token.content, indent)


def _kind(token: Token) -> str:
    """Say what a block is, or nothing if every Markdown reader knows it."""
    if token.type in ("fence", "colon_fence"):
        return "directive" if DIRECTIVE.match(token.info.strip()) else ""
    return {
        "math_block_label": "equation",
        "math_block": "math",
        "myst_target": "target",
        "myst_line_comment": "comment",
        "myst_block_break": "comment",
        "html_block": "html",
        "dl_open": "unknown",
        "footnote_reference_open": "unknown",
        "substitution_block": "unknown",
        "attrs_block": "unknown",
    }.get(token.type, "")


def _scan_line(token: Token, places: list[int]) -> Iterator[Find]:
    kinds = {
        "myst_role": "role",
        "html_inline": "html",
        "math_inline": "math line",
        "link_open": "link",
        "substitution_inline": "unknown",
        "span_open": "unknown",
    }
    for child in token.children or ():
        kind = kinds.get(child.type)
        if kind is None:
            continue
        span = child.meta.get("span")
        if not places or span is None:
            if kind == "math line" or (kind == "link" and not child.attrGet("href")):
                continue
            yield Find("unknown", 0, 0, child.type, token.content)
            continue
        name = str(child.meta.get("name") or child.attrGet("href") or child.type)
        yield Find(kind, places[span[0]], places[span[1] - 1] + 1, name, child.content)
