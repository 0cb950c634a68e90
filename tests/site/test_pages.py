"""Every page in a browser, at a desk and on a phone, light and dark."""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from axe_playwright_python.base import AXE_SCRIPT
from PIL import Image
from playwright.sync_api import Browser, Page

from pages import CHAPTERS, EVERY

pytestmark = pytest.mark.site

DESK = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}

#: Findings that no page of the course can change: rule -> the elements excused, and why.
#: A finding of another rule, or at another element, fails.
UPSTREAM = {
    "empty-table-header": "th:has(mjx-assistive-mml)",  # axe does not read the MathML of a heading like $f$
}

RENDERED = """async () => {
  if (document.querySelector('.math')) await MathJax.startup.promise;
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
UNREACHABLE = """() => [...document.querySelectorAll('article *')]
  .filter(e => ['auto', 'scroll'].includes(getComputedStyle(e).overflowX) && e.scrollWidth > e.clientWidth + 1
    && e.clientWidth > 0 && e.tabIndex < 0)
  .map(e => 'scrolls, but not with the keyboard: ' + e.outerHTML.slice(0, 120))"""
#: The drawn glyphs of a formula are hidden from assistive technology, which reads its MathML instead. Each
#: formula keeps its box and its MathML; without the ten thousand glyphs axe needs one second, not twenty.
LIGHTEN = """() => [...document.querySelectorAll('mjx-math[aria-hidden="true"]')]
  .map(glyphs => [glyphs, glyphs.getBoundingClientRect()])
  .forEach(([glyphs, {width, height}]) => {
    glyphs.style.cssText += `;display:inline-block;width:${width}px;height:${height}px`;
    glyphs.replaceChildren();
  })"""
#: Without preload axe does not fetch style sheets itself (it asks for their imports at wrong addresses).
AXE = """async ([options, upstream]) => {
  const found = await axe.run(document, {resultTypes: ['violations'], preload: false, ...options});
  const excused = (rule, node) =>
    upstream[rule] && document.querySelector(node.target[0])?.matches(upstream[rule]);
  return found.violations.flatMap(({id, nodes}) => nodes.filter(node => !excused(id, node))
    .slice(0, 3).map(node => [id, node.target, node.html, node.failureSummary]));
}"""
#: What an element is does not depend on the width; whether a finger hits it and a key reaches it does, and is
#: harder on the phone. What a desk alone shows stands beside every page alike: it is looked at once.
ALL_BUT_COLOURS: dict[str, Any] = {"rules": {"color-contrast": {"enabled": False}}}
#: Colours depend on the theme and are what takes axe longest, twenty seconds for the ten thousand words of a
#: page. Texts of one colour, size and weight on the same grounds have the same contrast: it sees two of each.
COLOURS = """async () => {
  const grounds = new Map([[null, '']]);
  const ground = element => {
    if (!grounds.has(element)) {
      const {backgroundColor, backgroundImage, opacity} = getComputedStyle(element);
      const own = `${backgroundColor} ${backgroundImage} ${opacity}`;
      const below = ground(element.parentElement);
      grounds.set(element, own === 'rgba(0, 0, 0, 0) none 1' ? below : `${below}|${own}`);
    }
    return grounds.get(element);
  };
  const times = {};
  const shown = [...document.body.querySelectorAll('*')].filter(element => {
    const words = [...element.childNodes].some(node => node.nodeType === Node.TEXT_NODE && node.data.trim());
    if (!words || !element.checkVisibility({visibilityProperty: true})) return false;
    const {color, fontSize, fontWeight} = getComputedStyle(element);
    const kind = [color, fontSize, fontWeight, ground(element)].join();
    times[kind] = (times[kind] ?? 0) + 1;
    return times[kind] <= 2;
  });
  const options = {
    resultTypes: ['violations'], preload: false, runOnly: {type: 'rule', values: ['color-contrast']}};
  const found = await axe.run({include: shown}, options);
  return found.violations.flatMap(({id, nodes}) =>
    nodes.slice(0, 3).map(node => [id, node.target, node.html, node.failureSummary]));
}"""


@contextmanager
def opened(
    browser: Browser, url: str, theme: str, viewport: dict[str, int]
) -> Iterator[tuple[Page, list[str]]]:
    """Open a page and note everything that goes wrong while it is open."""
    context = browser.new_context(viewport=viewport, color_scheme=theme, reduced_motion="reduce")
    page, problems = context.new_page(), []
    inside = re.sub(r"/((book|exercises)/.*|[^/]*)$", "", url)

    def note_request(request: Any) -> None:
        if not request.url.startswith((inside, "data:", "blob:")):
            problems.append(f"asked elsewhere: {request.url}")

    def note_message(message: Any) -> None:
        if message.type in ("error", "warning"):
            problems.append(f"console {message.type}: {message.text} ({message.location.get('url', '')})")

    page.on("request", note_request)
    page.on("requestfailed", lambda request: problems.append(f"request failed: {request.url}"))
    page.on("response", lambda r: problems.append(f"{r.status}: {r.url}") if r.status >= 400 else None)
    page.on("console", note_message)
    page.on("pageerror", lambda error: problems.append(f"error in a script: {error}"))
    page.goto(url, wait_until="load")
    page.evaluate(RENDERED)
    yield page, problems
    context.close()


def axe(page: Page, options: dict[str, Any] | None = None) -> list[str]:
    """Return what axe finds and the theme's own list does not excuse; without options, of colours."""
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(AXE_SCRIPT)
        page.evaluate(LIGHTEN)
    found = page.evaluate(AXE, [options, UPSTREAM]) if options else page.evaluate(COLOURS)
    return [
        f"axe {rule}: {target} {' '.join(html.split())[:160]} ({' '.join(summary.split())[:200]})"
        for rule, target, html, summary in found
    ]


@pytest.mark.parametrize("name", [name for name in EVERY if name != "index"])
def test_page(browser, address, name):
    """Read a page at a desk, turn to the phone, then let the evening come."""
    with opened(browser, f"{address}/{name}.html", "light", DESK) as (page, problems):
        problems += page.evaluate(FORMULAS)
        problems += [f"desk: {finding}" for finding in axe(page)]
        if name == CHAPTERS[0]:
            problems += [f"desk: {finding}" for finding in axe(page, ALL_BUT_COLOURS)]
        page.set_viewport_size(PHONE)
        page.wait_for_timeout(400)  # the theme looks for what scrolls 300 ms after the last change of size
        page.evaluate(RENDERED)
        problems += page.evaluate(TOO_WIDE)
        problems += page.evaluate(UNREACHABLE)
        problems += [f"phone: {finding}" for finding in axe(page, ALL_BUT_COLOURS)]
        assert page.evaluate("document.documentElement.dataset.theme") == "light"
        page.emulate_media(color_scheme="dark")
        page.wait_for_function("document.documentElement.dataset.theme === 'dark'")
        page.evaluate(RENDERED)
        problems += page.evaluate(TOO_WIDE)
        problems += [f"dark: {finding}" for finding in axe(page)]
    assert not problems, "\n".join(["", *problems])


def test_the_first_page_leads_to_the_course(browser, address):
    page = browser.new_page()
    page.goto(f"{address}/")
    page.wait_for_url("**/book/index.html")
    assert page.locator("h1").count() >= 1
    page.close()


def test_a_chapter_works_from_the_disk(browser, site):
    """Saved on a memory stick, without a server."""
    with opened(browser, (site / f"{CHAPTERS[0]}.html").as_uri(), "light", DESK) as (page, problems):
        assert page.locator(".math").count() > 10
        problems += page.evaluate(FORMULAS)
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_figures_have_no_box_around_them(browser, address, theme):
    """A figure is a PNG on solid white; on the page its corner has the page's own colour."""
    with opened(browser, f"{address}/{CHAPTERS[0]}.html", theme, DESK) as (page, problems):
        assert page.evaluate("document.documentElement.dataset.theme") == theme
        figure = page.locator("div.cell_output img").first
        figure.scroll_into_view_if_needed()
        box = figure.bounding_box()
        assert box is not None
        outside = {"x": box["x"] - 6, "y": box["y"] + 2, "width": 3, "height": 3}
        inside = {"x": box["x"] + 2, "y": box["y"] + 2, "width": 3, "height": 3}
        colours = [pixel(page.screenshot(clip=clip)) for clip in (outside, inside)]
    assert not problems, "\n".join(problems)
    assert max(abs(a - b) for a, b in zip(*colours, strict=True)) <= 4, colours


def pixel(png: bytes) -> tuple[int, int, int]:
    red, green, blue = np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))[1, 1]
    return int(red), int(green), int(blue)


def test_search_finds_a_word(browser, address):
    with opened(browser, f"{address}/search.html?q=forget", "light", DESK) as (page, problems):
        link = page.locator("#search-results li a").first
        link.wait_for()
        page.wait_for_load_state("networkidle")  # the excerpts under the results are fetched page by page
        link.click()
        page.wait_for_url("**/book/**")
    assert not problems, "\n".join(problems)


def test_keyboard_reaches_the_chapter_at_once(browser, address):
    with opened(browser, f"{address}/{CHAPTERS[0]}.html", "light", DESK) as (page, _):
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.getAttribute('href')") == "#main-content"
