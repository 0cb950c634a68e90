"""The plain copies beside the built site: the same numbers, and links that lead to what is there."""

import re

import nbformat
import pytest

from environment import ROOT
from plain import Place
from plain_labels import authors, read
from plain_notebook import plain

pytestmark = pytest.mark.site

BASE = "https://example.org/"


@pytest.fixture(scope="module")
def labels():
    return read(ROOT)


@pytest.fixture(scope="module")
def pages(site, labels):
    return {document: (site / f"{document}.html").read_text(encoding="utf8") for document in labels.titles}


def test_the_numbers_are_those_of_the_site(labels, pages):
    for document in labels.chapters:
        page = pages[document]
        numbered = re.findall(r'class="eqno">(\([\d.]+\))<a[^>]*href="#(equation-[\w-]+)"', page)
        equations = {anchor: number for number, anchor in numbered}
        figures = re.findall(r'<span class="caption-number">(Fig\. [\d.]+) </span>', page)
        exercises = re.findall(r'<span class="caption-number">(Exercise [\d.]+)', page)
        mine = [t for t in labels.equations.values() if t.document == document]
        assert {t.anchor: t.words for t in mine} == equations
        assert [t.words for t in labels.figures.values() if t.document == document] == figures
        places = [t.words for t in labels.places.values() if t.document == document]
        assert [words for words in places if words.startswith("Exercise ")] == exercises


def test_the_works_are_cited_in_the_words_of_the_site(labels, pages):
    names = {authors(labels.sources.entries[key]).replace("*", "") for key in cited(labels)}
    text = re.sub(r"<[^>]+>", "", "".join(pages.values())).replace("\xa0", " ")
    assert len(names) > 50
    assert [name for name in names if name not in text] == []


def cited(labels):
    for document in labels.chapters:
        text = (ROOT / f"{document}.ipynb").read_text(encoding="utf8")
        for keys in re.findall(r"\{cite(?::\w)?\}`([^`]+)`", text):
            yield from (key.strip() for key in keys.split(","))


def test_links_to_the_site_lead_to_places_that_are_there(site, labels, pages):
    found = set()
    for document in labels.chapters:
        text = "\n".join(cell.source for cell in plain(labels, document, Place(base=BASE)).cells)
        found |= set(re.findall(rf"\]\({BASE}([^)#]+\.html)#?([^)]*)\)", text))
    assert len(found) > 100
    for page, anchor in sorted(found):
        assert (site / page).is_file(), page
        ids = pages.get(page.removesuffix(".html"), "")
        assert not anchor or f'id="{anchor}"' in ids, f"{page}#{anchor}"


def test_the_download_button_gives_the_plain_copy(site, labels):
    for document in labels.chapters:
        notebook = nbformat.read(site / "_sources" / f"{document}.ipynb", as_version=4)
        text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
        assert re.search(rf"^# {labels.numbers[document]}\. ", text, re.M)
        assert not re.search(r"\{(?:eq|doc|term|cite)[:\w]*\}`|^\([\w-]+\)=", text, re.M)
        assert f"_sources/{document}.ipynb" in (site / f"{document}.html").read_text(encoding="utf8")
