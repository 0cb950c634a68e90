"""Panels, previews and the map in the built site: from the disk, by keyboard, by pointer and by touch."""

import json
import posixpath
import re

import pytest
from bs4 import BeautifulSoup

import course_map
import cuts
import lean
import previews
import tested_code
from environment import ROOT
from pages import CHAPTERS, WRITTEN
from test_pages import AXE_SCRIPT, DESK, FORMULAS, LOOK, PHONE, opened

pytestmark = pytest.mark.site

#: It cites equations of three other chapters and dozens of its own, and many words of the glossary.
CHAPTER = "book/part2/05_backpropagation_through_time"
CARD = "#preview"
SEEN = "() => !document.getElementById('preview').hidden"
#: To know what lies behind a part of a page axe looks at all of it: what comes after is taken away.
CUT = """() => {
  const last = [...document.querySelectorAll('.is-read')].at(-1);
  while (last.nextElementSibling) last.nextElementSibling.remove();
}"""
GONE = "() => document.getElementById('preview').hidden"


#: What nobody reads here, and what most of a page consists of: words of code, each in its colour, and glyphs.
DRAWN = re.compile(r"(?<=<pre>).*?(?=</pre>)|<mjx-container\b.*?</mjx-container>", re.S)


@pytest.fixture(scope="module")
def pages(site):
    return {
        name: BeautifulSoup(DRAWN.sub("", (site / f"{name}.html").read_text(encoding="utf8")), "html.parser")
        for name in CHAPTERS
    }


def test_each_labelled_equation_of_the_site_has_its_panel(pages):
    index, shown = tested_code.read(ROOT), set()
    for name, page in pages.items():
        for box in page.select("div.math[id^=equation-eq-]"):
            panel = box.find_next_sibling()
            assert "equation-panel" in panel.get("class", ()), f"{name}: nothing under {box['id']}"
            label = panel["id"].removeprefix("code-of-")
            assert box["id"] == f"equation-{label.lower()}"
            number = box.select_one(".eqno").find(string=True).strip("()")
            assert panel.summary.get_text() == f"Equation ({number}): code and test"
            assert panel.p.code.get_text() == index.function[label].name
            found = [summary.get_text() for summary in panel.select(":scope details summary")]
            assert found == [test.test for test in index.tests[label]]
            shown.add(label)
    assert shown == index.function.keys()


def test_what_a_reference_leads_to_is_in_the_file_of_its_page(site, pages):
    asked = 0
    for name, page in pages.items():
        links = page.select("article a.internal[href*='#equation-'], article a.internal[href*='#term-']")
        assert bool(links) == bool(page.select("script[src*='previews.js']")), name
        for path, anchor in {tuple(link["href"].split("#")) for link in links}:
            if not path:
                continue
            document = posixpath.normpath(posixpath.join(posixpath.dirname(name), path)).removesuffix(".html")
            text = (site / "_static" / "previews" / previews.script_of(document)).read_text(encoding="utf8")
            data = json.loads(text.partition(" = ")[2].rstrip(";\n"))
            assert text.startswith(f'(window.coursePreviews ??= {{}})["{document}"] = ')
            assert "<" in data["shown"][anchor], f"{name}: {document}#{anchor}"
            assert data["page"]
            asked += 1
    assert asked > 200


def test_the_map_has_the_links_of_the_chapters_as_built(site, pages):
    """Read from the pages: their "You need", and the equations they link to."""
    chapters = course_map.read(ROOT)
    number = {chapter.document.rpartition("/")[2]: n for n, chapter in chapters.items()}

    def linked(links):
        found = {re.sub(r"^.*/|\.html.*$", "", link["href"]) for link in links}
        return {number[name] for name in found if name in number}

    drawn = BeautifulSoup((site / "book" / "map.html").read_text(encoding="utf8"), "html.parser")
    lines = drawn.select("svg.desk path")
    for n, chapter in chapters.items():
        page = pages[chapter.document]
        (need,) = (p for p in page.select("article p") if p.get_text().startswith("You need"))
        qualified = need.get_text().partition(". ")[2]
        first = [a for a in need.select("a.internal") if a.get_text() not in qualified]
        cited = linked(page.select("article a.internal[href*='#equation-']")) - {n}
        assert linked(first) <= chapter.needs
        assert cited == chapter.uses | chapter.ahead
        to = {tuple(map(int, line["data-edge"].split("-"))) for line in lines if f"to-{n}" in line["class"]}
        assert to == {(m, n) for m in chapter.needs | chapter.uses}


def test_each_page_loads_what_it_shows_and_no_figure_more(site):
    kept = cuts.ICON.finditer((site / cuts.ICONS).read_text(encoding="utf8"))
    icons = {name for icon in kept for name in (icon[1], *re.findall(r'"([^"]+)"', icon[2]))}
    assert len(icons) < 100, "the theme has two thousand"
    for name in WRITTEN:
        text = (site / f"{name}.html").read_text(encoding="utf8")
        figures = set(re.findall(r"<(lstm-[\w-]+)", text))
        scripts = re.findall(r'<script[^>]*\bsrc="[^"?]*/(lstm-[\w-]+)\.js', text)
        assert text.count('rel="stylesheet"') <= 6, name
        assert {s for s in scripts if not s.startswith("lstm-workbench-")} == (
            figures | {"lstm-figure"} if figures else set()
        ), name
        assert set(re.findall(r'<i class="fa[\w-]* fa-([\w-]+)', text)) <= icons, name
        for file, width, height in re.findall(
            r'<img[^>]*/_images/([^"]+\.png)"[^>]* width="(\d+)" height="(\d+)"', text
        ):
            size = lean.png_size((site / "_images" / file).read_bytes()[:24])
            assert size == (int(width), int(height)), file
        assert text.count('.png" width="') == len(re.findall(r"<img[^>]*/_images/[^>]*\.png", text)), name


def test_previews_and_panels_from_the_disk(tab, site):
    with opened(tab, (site / f"{CHAPTER}.html").as_uri(), "light", DESK) as (page, problems):
        links = page.locator("article a.internal:visible")  # not those of a folded answer
        elsewhere = links.and_(page.locator("[href*='.html#equation-']")).first
        here = links.and_(page.locator("[href^='#equation-']")).first
        word = links.and_(page.locator("[href*='#term-']")).first

        # An equation of this page: under the pointer, which may go over to the card; Escape closes it.
        here.scroll_into_view_if_needed()
        here.hover()
        page.wait_for_function(SEEN)
        assert here.get_attribute("aria-describedby") == "preview"
        assert page.locator(f"{CARD} mjx-container").count() == 1
        assert page.locator(f"{CARD} [id], {CARD} a, {CARD} [tabindex]").count() == 0
        page.locator(CARD).hover()
        page.wait_for_timeout(400)
        assert page.evaluate(SEEN), "the pointer may rest on it"
        page.keyboard.press("Escape")
        assert page.evaluate(GONE)
        assert here.get_attribute("aria-describedby") is None

        # One of another page: with the focus. Its file comes now, and says where it is from.
        page.keyboard.press("Tab")  # the next focus is the keyboard's
        elsewhere.focus()
        page.wait_for_function(SEEN)
        page.locator(f"{CARD} mjx-container").first.wait_for()
        assert page.locator(f"{CARD} .preview-page").inner_text().strip()
        problems += page.evaluate(FORMULAS)
        page.keyboard.press("Tab")
        page.wait_for_function(
            "before => { const card = document.getElementById('preview');"
            " return card.hidden || card.textContent !== before; }",
            arg=page.locator(CARD).text_content(),
        )

        # The part that is being read is marked beside the page, and no other.
        part = elsewhere.locator("xpath=ancestor::section[1]")
        part.evaluate("part => part.scrollIntoView()")
        marked = f"#pst-page-toc-nav a.active[aria-current][href='#{part.get_attribute('id')}']"
        page.locator(marked).wait_for(state="attached")
        assert page.locator("#pst-page-toc-nav a.active").count() == 1

        # A word; then the pointer leaves.
        page.evaluate("document.activeElement.blur()")
        word.scroll_into_view_if_needed()
        word.hover()
        page.wait_for_function(SEEN)
        assert word.inner_text().split()[0].lower()[:4] in page.locator(CARD).inner_text().lower()
        panel = page.locator("details.equation-panel").first
        for part in (word, panel):
            part.evaluate("element => element.closest('article > section > *').classList.add('is-read')")
        page.evaluate(CUT)
        problems += axe_of(page, CARD)
        page.mouse.move(2, 2)
        page.wait_for_function(GONE)

        # A panel opens by keyboard; its test is folded once more.
        panel.locator("summary").first.focus()
        page.keyboard.press("Enter")
        panel.locator("pre").first.wait_for()
        assert not panel.locator("pre").nth(1).is_visible()
        panel.locator("details summary").first.click()
        panel.locator("pre").nth(1).wait_for()
        problems += axe_of(page, "details.equation-panel[open]")
        page.set_viewport_size(PHONE)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (
            "an open panel is too wide"
        )
    assert not problems, "\n".join(problems)


def axe_of(page, selector):
    """Return what axe finds in one part of a page."""
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(AXE_SCRIPT)
        page.evaluate(f"{LOOK}.withoutGlyphs()")
    run = "async part => (await axe.run(part, {resultTypes: ['violations'], preload: false})).violations"
    return [f"{found['id']}: {found['nodes'][0]['html'][:200]}" for found in page.evaluate(run, selector)]


def test_a_touch_follows_the_link(browser, site):
    context = browser.new_context(viewport=PHONE, has_touch=True, is_mobile=True, reduced_motion="reduce")
    page = context.new_page()
    page.goto((site / f"{CHAPTER}.html").as_uri(), wait_until="load")
    link = page.locator("article a.internal[href^='#equation-']:visible").first
    target = link.get_attribute("href")
    link.tap()
    page.wait_for_function("target => location.hash === target", arg=target)
    assert page.evaluate(GONE)
    context.close()


def test_the_map_lights_up_the_way(tab, address):
    clear = "selector => [...document.querySelectorAll(selector)].map(e => +getComputedStyle(e).opacity)"
    with opened(tab, f"{address}/book/map.html", "dark", DESK) as (page, problems):
        chapters = course_map.read(ROOT)
        last = max(chapters)
        way = course_map.before(chapters, last)
        page.locator(f"svg.desk a.is-{last}").focus()
        opacity = page.evaluate(clear, "svg.desk a")
        assert {n for n, value in zip(chapters, opacity, strict=True) if value == 1} == way | {last}
        page.set_viewport_size(PHONE)
        assert page.locator("svg.phone").is_visible()
        assert not page.locator("svg.desk").is_visible()
        size = page.locator(f"svg.phone a.is-{last} circle").bounding_box()
        assert size is not None
        assert min(size["width"], size["height"]) >= 24, "too small for a finger"
    assert not problems, "\n".join(problems)
