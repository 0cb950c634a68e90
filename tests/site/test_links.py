"""Every link, anchor and file that a page names is there; nothing but links leads out of the site."""

import re
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

import pytest

from pages import EVERY

pytestmark = pytest.mark.site

#: (tag, attribute) of everything a browser would fetch by itself or on a click.
NAMED = {
    "a": "href",
    "link": "href",
    "script": "src",
    "img": "src",
    "source": "src",
    "iframe": "src",
    "video": "src",
    "audio": "src",
}
#: Relations of <link> that name something without fetching it.
QUIET = {"canonical", "search", "index", "next", "prev", "author"}
#: A tag with a class and nothing more, as most are, names nothing and is no anchor.
BARE = re.compile(r'<(?!script\b|style\b)[a-z][\w-]*(?: class="[^"<>]*")?>')


class Tag(NamedTuple):
    """A tag of a page with its attributes."""

    name: str
    given: dict[str, str]


class Reader(HTMLParser):
    """Keeps the anchors of a page and the tags that name something."""

    def __init__(self) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.tags: list[Tag] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.anchors |= {given[key] for key in ("id", *(["name"] if tag == "a" else [])) if given.get(key)}
        if tag in NAMED:
            self.tags.append(Tag(tag, given))


@cache
def parsed(path: Path) -> Reader:
    reader = Reader()
    reader.feed(BARE.sub("", path.read_text(encoding="utf8")))
    reader.close()
    return reader


def references(path: Path) -> list[tuple[Tag, str]]:
    """Return every tag of a page that names something, and the address."""
    return [(tag, address) for tag in parsed(path).tags if (address := tag.given.get(NAMED[tag.name]))]


def trouble(site: Path, page: Path, address: str) -> str | None:
    parts = urlsplit(address)
    if parts.scheme or parts.netloc:
        return None
    root = site if parts.path.startswith("/") else page.parent
    target = (root / unquote(parts.path).lstrip("/")).resolve() if parts.path else page
    if target.is_dir():
        target = target / "index.html"
    if not target.is_relative_to(site.resolve()):
        return f"{address} leaves the site"
    if not target.is_file():
        return f"{address} is not there"
    if parts.fragment and target.suffix == ".html" and unquote(parts.fragment) not in parsed(target).anchors:
        return f"{address} has no such anchor"
    return None


def test_the_site_has_exactly_the_pages_of_its_table_of_contents(site):
    built = {path.relative_to(site).with_suffix("").as_posix() for path in site.rglob("*.html")}
    static = {name for name in built if name.startswith("_static/")}
    assert built - static == set(EVERY)


@pytest.mark.parametrize("name", EVERY)
def test_links_anchors_and_files(site, name):
    page = (site / f"{name}.html").resolve()
    found = {trouble(site.resolve(), page, address) for address in {a for _, a in references(page)}}
    assert not found - {None}


@pytest.mark.parametrize("name", EVERY)
def test_nothing_is_fetched_from_elsewhere(site, name):
    outside = [
        tag
        for tag, address in references((site / f"{name}.html").resolve())
        if urlsplit(address).netloc and tag.name != "a" and not QUIET & set(tag.given.get("rel", "").split())
    ]
    assert not outside


@pytest.mark.parametrize("name", EVERY)
def test_nothing_points_at_a_made_up_address(site, name):
    """Without a known repository no page offers buttons; placeholders of the tools are never left in."""
    text = (site / f"{name}.html").read_text(encoding="utf8")
    assert "executablebooks/jupyter-book" not in text
    assert "@URL@" not in text
    assert "thebe" not in text.lower()


@pytest.mark.parametrize("name", EVERY)
def test_every_image_says_something(site, name):
    for tag in parsed((site / f"{name}.html").resolve()).tags:
        assert tag.name != "img" or "alt" in tag.given, f"no alt text: {tag}"
        alt = tag.given.get("alt", "")
        assert not alt.startswith(("_images/", "../_images/")), f"a file name as alt text: {tag}"


def test_formulas_come_from_the_site_itself(site):
    folder = site / "_static" / "mathjax"
    asked = re.findall(
        r'url\("(mathjax/[^"]+)"\)', (site / "_static" / "formulas.css").read_text(encoding="utf8")
    )
    assert asked
    assert {name.removeprefix("mathjax/") for name in asked} <= {path.name for path in folder.iterdir()}
    assert not list(folder.glob("*.js")), "MathJax itself has done its work"
