"""Every page in a browser, at a desk and on a phone, light and dark."""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from axe_playwright_python.base import AXE_SCRIPT
from PIL import Image
from playwright.sync_api import Page

from pages import CHAPTERS, EVERY

pytestmark = pytest.mark.site

DESK = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}

#: Findings that no page of the course can change: rule -> the elements excused, and why.
#: A finding of another rule, or at another element, fails.
UPSTREAM = {
    "empty-table-header": "th:has(mjx-assistive-mml)",  # axe does not read the MathML of a heading like $f$
}

#: All of a page is laid out, what is far from view too: a section that is not would hide what is too wide.
RENDERED = """async () => {
  delete document.documentElement.dataset.new;
  await document.fonts.ready;
  await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
}"""
FORMULAS = """() => [...document.querySelectorAll('.math')]
  .filter(formula => formula.querySelectorAll('mjx-container').length !== 1)
  .map(formula => 'not typeset: ' + formula.textContent.slice(0, 80))
  .concat([...document.querySelectorAll(
    'mjx-container [style*="color: red"], mjx-merror, mjx-container [data-mjx-error]')]
  .map(formula => 'red: ' + formula.closest('.math').textContent.slice(0, 80)))"""
TOO_WIDE = """() => {
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= width) return [];
  return [...document.querySelectorAll('body *')]
    .filter(e => e.getBoundingClientRect().right > width + 1 && getComputedStyle(e).position !== 'fixed')
    .slice(-3).map(e => 'wider than the phone: ' + e.outerHTML.slice(0, 120));
}"""
#: What is folded is laid out when it is opened, and asked then whether it is too wide and can be reached.
UNFOLD = """() => document.querySelectorAll('details:not([open])').forEach(details => {
  details.open = true;
  details.dataset.folded = '';
})"""
FOLD = """() => document.querySelectorAll('details[data-folded]').forEach(details => {
  details.open = false;
  delete details.dataset.folded;
})"""
#: course.js is told of a box after it has been laid out, and makes it a stop of the Tab key then.
UNREACHABLE = """async () => {
  const unreachable = e => e.tabIndex < 0 && e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0
    && ['auto', 'scroll'].includes(getComputedStyle(e).overflowX);
  let found = [...document.querySelectorAll('article *')].filter(unreachable);
  for (let tries = 0; found.length && tries < 20; tries++) {
    await new Promise(done => setTimeout(done, 50));
    found = found.filter(unreachable);
  }
  return found.map(e => 'scrolls, but not with the keyboard: ' + e.outerHTML.slice(0, 120));
}"""
LOOK = (Path(__file__).parent / "look.js").read_text(encoding="utf8")


@contextmanager
def opened(page: Page, url: str, theme: str, viewport: dict[str, int]) -> Iterator[tuple[Page, list[str]]]:
    """Open an address in a tab and note everything that goes wrong while it is open."""
    problems: list[str] = []
    inside = re.sub(r"/((book|exercises)/.*|[^/]*)$", "", url)

    def note_request(request: Any) -> None:
        if not request.url.startswith((inside, "data:", "blob:")):
            problems.append(f"asked elsewhere: {request.url}")

    def note_message(message: Any) -> None:
        if message.type in ("error", "warning"):
            problems.append(f"console {message.type}: {message.text} ({message.location.get('url', '')})")

    listeners = {
        "request": note_request,
        "requestfailed": lambda request: problems.append(f"request failed: {request.url}"),
        "response": lambda r: problems.append(f"{r.status}: {r.url}") if r.status >= 400 else None,
        "console": note_message,
        "pageerror": lambda error: problems.append(f"error in a script: {error}"),
    }
    page.set_viewport_size(viewport)
    page.emulate_media(color_scheme=theme, reduced_motion="reduce")
    for event, listener in listeners.items():
        page.on(event, listener)
    try:
        page.goto(url, wait_until="load")
        page.evaluate(RENDERED)
        yield page, problems
    finally:
        for event, listener in listeners.items():
            page.remove_listener(event, listener)
        page.goto("about:blank")  # what is still on its way belongs to no test


def axe(page: Page, what: str) -> list[str]:
    """Return what axe finds of ``all`` or of ``colours`` and the list above does not excuse."""
    return [
        f"axe {rule}: {target} {' '.join(html.split())[:160]} ({' '.join(summary.split())[:200]})"
        for rule, target, html, summary in page.evaluate(f"excused => look.{what}(excused)", UPSTREAM)
    ]


def turn(page: Page, theme: str, viewport: dict[str, int]) -> None:
    page.set_viewport_size(viewport)
    page.emulate_media(color_scheme=theme)
    page.wait_for_function("theme => document.documentElement.dataset.theme === theme", arg=theme)
    page.evaluate(RENDERED)


@pytest.mark.parametrize("name", [name for name in EVERY if name != "index"])
def test_page(tab, address, name):
    """Read a page at a desk, turn to the phone, let the evening come and go.

    What an element is does not depend on the width; whether a finger hits it and a key reaches it does, and
    is harder on the phone. What a desk alone shows stands beside every page alike: there axe asks once for
    more than colours. What is measured comes first; axe then looks at each thing once or twice.
    """
    with opened(tab, f"{address}/{name}.html", "light", DESK) as (page, problems):
        problems += page.evaluate(FORMULAS)
        page.evaluate(AXE_SCRIPT)
        page.evaluate(f"window.look = {LOOK}; look.withoutGlyphs(); look.withoutSymbols()")
        if name == CHAPTERS[0]:
            problems += [f"desk: {finding}" for finding in axe(page, "all")]
        page.set_viewport_size(PHONE)
        page.evaluate(UNFOLD)
        page.evaluate(RENDERED)
        problems += page.evaluate(TOO_WIDE)
        problems += page.evaluate(UNREACHABLE)
        page.evaluate(FOLD)
        problems += page.evaluate(TOO_WIDE)
        assert page.evaluate("document.documentElement.dataset.theme") == "light"
        page.evaluate("look.see()")
        turn(page, "dark", PHONE)
        problems += page.evaluate(TOO_WIDE)
        page.evaluate("look.withoutColours()")
        turn(page, "light", PHONE)
        problems += [f"phone: {finding}" for finding in axe(page, "all")]
        page.evaluate("look.withoutRepetition()")
        turn(page, "light", DESK)
        problems += [f"desk: {finding}" for finding in axe(page, "colours")]
        turn(page, "dark", PHONE)
        problems += [f"dark: {finding}" for finding in axe(page, "colours")]
    assert not problems, "\n".join(["", *problems])


def test_the_first_page_leads_to_the_course(tab, address):
    tab.goto(f"{address}/")
    tab.wait_for_url("**/book/index.html")
    assert tab.locator("h1").count() >= 1


def test_a_chapter_works_from_the_disk(tab, site):
    """Saved on a memory stick, without a server: formulas, the first key, figures in both themes."""
    with opened(tab, (site / f"{CHAPTERS[0]}.html").as_uri(), "light", DESK) as (page, problems):
        assert page.locator(".math").count() > 10
        problems += page.evaluate(FORMULAS)
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.getAttribute('href')") == "#main-content", "at once"
        for theme in ("light", "dark"):
            turn(page, theme, DESK)
            colours = corners(page)
            assert max(abs(a - b) for a, b in zip(*colours, strict=True)) <= 4, (theme, colours)
    assert not problems, "\n".join(problems)


def corners(page: Page) -> list[tuple[int, int, int]]:
    """Return the colours beside and in the corner of a figure: a PNG on solid white, on the page no box."""
    figure = page.locator("div.cell_output img").first
    figure.scroll_into_view_if_needed()
    box = figure.bounding_box()
    assert box is not None
    outside = {"x": box["x"] - 6, "y": box["y"] + 2, "width": 3, "height": 3}
    inside = {"x": box["x"] + 2, "y": box["y"] + 2, "width": 3, "height": 3}
    return [pixel(page.screenshot(clip=clip)) for clip in (outside, inside)]


def pixel(png: bytes) -> tuple[int, int, int]:
    red, green, blue = np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))[1, 1]
    return int(red), int(green), int(blue)


def test_search_finds_a_symbol_and_shows_it_as_it_is_typed(tab, address):
    with opened(tab, f"{address}/search.html?q=f_t", "light", DESK) as (page, problems):
        link = page.locator("#search-results li a").first
        link.wait_for()
        page.wait_for_load_state("networkidle")  # the excerpts under the results are fetched page by page
        excerpts = page.locator("#search-results p.context").all_text_contents()
        assert excerpts[0] == "(2.3) f_t=σ(W_f z_t+b_f)"
        assert not [text for text in excerpts if ".ipynb" in text or "Contents" in text]  # around the text
        assert sum("f_t" in text for text in excerpts) > len(excerpts) / 2
        link.click()
        page.wait_for_url("**/book/**")
    assert not problems, "\n".join(problems)
