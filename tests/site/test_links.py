"""Every link, anchor and file that a page names is there; nothing but links leads out of the site."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from bs4 import BeautifulSoup, Tag

from pages import EVERY

pytestmark = pytest.mark.site

#: (tag, attribute) of everything a browser would fetch by itself or on a click.
NAMED = (
    ("a", "href"),
    ("link", "href"),
    ("script", "src"),
    ("img", "src"),
    ("source", "src"),
    ("iframe", "src"),
    ("video", "src"),
    ("audio", "src"),
)
#: Relations of <link> that name something without fetching it.
QUIET = {"canonical", "search", "index", "next", "prev", "author"}


@cache
def parsed(path: Path) -> BeautifulSoup:
    return BeautifulSoup(path.read_text(encoding="utf8"), "html.parser")


@cache
def anchors(path: Path) -> frozenset[str]:
    found = parsed(path).select("[id], a[name]")
    return frozenset(str(tag.get("id") or tag.get("name")) for tag in found)


def references(path: Path) -> Iterator[tuple[Tag, str]]:
    for name, attribute in NAMED:
        for tag in parsed(path).find_all(name):
            if isinstance(tag, Tag) and (value := tag.get(attribute)):
                yield tag, str(value)


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
    if parts.fragment and target.suffix == ".html" and unquote(parts.fragment) not in anchors(target):
        return f"{address} has no such anchor"
    return None


def test_the_site_has_exactly_the_pages_of_its_table_of_contents(site):
    built = {path.relative_to(site).with_suffix("").as_posix() for path in site.rglob("*.html")}
    static = {name for name in built if name.startswith("_static/")}
    assert built - static == set(EVERY)


@pytest.mark.parametrize("name", EVERY)
def test_links_anchors_and_files(site, name):
    page = (site / f"{name}.html").resolve()
    found = {trouble(site.resolve(), page, address) for _, address in references(page)}
    assert not found - {None}


@pytest.mark.parametrize("name", EVERY)
def test_nothing_is_fetched_from_elsewhere(site, name):
    outside = [
        str(tag)[:120]
        for tag, address in references(site / f"{name}.html")
        if urlsplit(address).netloc and tag.name != "a" and not QUIET & set(tag.get("rel") or ())
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
    for tag in parsed(site / f"{name}.html").find_all("img"):
        assert tag.has_attr("alt"), f"no alt text: {tag}"
        assert not str(tag["alt"]).startswith(("_images/", "../_images/")), f"a file name as alt text: {tag}"


def test_formulas_come_from_the_site_itself(site):
    folder = site / "_static" / "mathjax"
    assert (folder / "tex-chtml-full.js").is_file()
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    assert size < 4_000_000, "only what a page asks for belongs here, not all of MathJax"
