"""What the small interactive figures do in a browser: keyboard, touch sizes, light and dark, a phone.

That their numbers are right is tests/book/test_lstm_figures.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from test_lstm_pulse_browser import THEMES

pytest.importorskip("playwright")
if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.site
STATIC = Path(__file__).parents[2] / "book" / "static"
NAMES = ("lstm-forget-bias", "lstm-variants", "lstm-paths", "lstm-fixed-points")
DOCUMENT = """<!doctype html><html lang="en" data-theme="{theme}"><head><meta charset="utf-8">
<title>Figure</title><meta name="viewport" content="width=device-width, initial-scale=1"><style>{rules}
body{{font-family:sans-serif;background:var(--pst-color-background);color:var(--pst-color-text-base)}}</style>
{scripts}</head><body><main><h1>Figure</h1>
<{name} {attributes}><p>In words.</p></{name}></main></body></html>"""

SPOKEN = """name => {
  const root = document.querySelector(name).shadowRoot;
  return root.querySelector('svg').getAttribute('aria-label') === root.getElementById('says').textContent;
}"""

Open = Callable[..., "Page"]


@pytest.fixture
def open_figure(visit: Open, tmp_path: Path) -> Open:
    """Open a page that holds one figure; whatever goes wrong in it fails the test."""

    def open_(name: str, attributes: str = "", theme: str = "light", width: int = 1000) -> Page:
        rules = "".join(f"html[data-theme={key}]{{{rule}}}" for key, rule in THEMES.items())
        wanted = ("lstm-figure", name)
        scripts = "".join(f'<script src="{(STATIC / f"{s}.js").as_uri()}" defer></script>' for s in wanted)
        file = tmp_path / "page.html"
        page_text = DOCUMENT.format(
            theme=theme, rules=rules, scripts=scripts, name=name, attributes=attributes
        )
        file.write_text(page_text, encoding="utf8")
        page = visit(file, width)
        page.locator("#says").filter(has_text=".").wait_for()
        return page

    return open_


@pytest.mark.parametrize("name", NAMES)
def test_the_keyboard_moves_a_slider_and_words_and_drawing_follow(open_figure: Open, name: str) -> None:
    page = open_figure(name)
    slider = page.locator("input[type=range]").first
    if name == "lstm-variants":  # a size changes the count only where something is switched on
        page.get_by_label("peepholes").check()
        page.locator("#says").filter(has_text="With peepholes").wait_for()
    said, start = page.locator("#says").inner_text(), slider.input_value()
    assert (
        page.get_by_role("slider", name=re.compile(r"\w{2}")).count() == page.locator("[type=range]").count()
    )
    slider.focus()
    for _ in range(8):
        page.keyboard.press("ArrowRight")
    page.locator("#says").filter(has_not_text=said).wait_for()
    page.wait_for_function(SPOKEN, arg=name)  # the drawing follows each key, the words when the keys rest
    assert slider.get_attribute("aria-valuetext") == page.locator(".value").first.inner_text()
    ring = "e => getComputedStyle(e.getRootNode().activeElement)"
    assert slider.evaluate(f"{ring}.outlineStyle") == "solid", "what has the focus has a ring"
    page.get_by_role("button", name="Reset").click()
    assert slider.input_value() == start


def test_a_switch_changes_equations_parameters_and_output(open_figure: Open) -> None:
    page = open_figure("lstm-variants")
    before = page.locator("svg").inner_html()
    assert page.locator("mark").count() == 0
    page.get_by_label("peepholes").focus()
    page.keyboard.press("Space")
    page.locator("#says").filter(has_text="With peepholes").wait_for()
    assert page.locator("mark").count() == 3
    assert page.locator("svg").inner_html() != before
    page.get_by_label("coupled").check()
    assert "1 − f" in page.locator("table").inner_text()
    assert page.locator("mark").count() == 3
    page.get_by_label("projection", exact=True).check()
    assert page.locator("mark").count() == 4


@pytest.mark.parametrize(
    ("name", "attributes", "words"),
    [
        ("lstm-forget-bias", "b-f=5 lag=100", "b_f = 5.0"),
        ("lstm-variants", "coupled n-h=100", "coupled gates"),
        ("lstm-paths", "t=50 gain=0.95", "last of 50 steps"),
        ("lstm-fixed-points", "w=-6", "swings between"),
    ],
)
def test_an_author_can_set_the_start(open_figure: Open, name: str, attributes: str, words: str) -> None:
    assert words in open_figure(name, attributes).locator("#says").inner_text()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("width", [320, 390, 1000])
def test_nothing_is_wider_than_the_page(open_figure: Open, name: str, width: int) -> None:
    page = open_figure(name, width=width)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    heights = page.locator("input[type=range], .switch").evaluate_all(
        "inputs => inputs.map(input => input.getBoundingClientRect().height)"
    )
    assert min(heights) >= 24


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("name", NAMES)
def test_axe_finds_nothing(open_figure: Open, name: str, theme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    page = open_figure(name, theme=theme)
    results = axe.Axe().run(page)
    assert results.violations_count == 0, results.generate_report()
