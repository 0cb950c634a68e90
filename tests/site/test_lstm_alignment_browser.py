"""What the model that reads dates does in a browser: keyboard, any text, light and dark, a phone, no weights.

That its numbers are right is tests/book/test_lstm_alignment.py.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from test_lstm_figures_browser import DOCUMENT, SPOKEN
from test_lstm_pulse_browser import THEMES

pytest.importorskip("playwright")
if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.site
STATIC = Path(__file__).parents[2] / "book" / "static"
NAME, WEIGHTS = "lstm-alignment", "lstm-alignment-weights"

Open = Callable[..., "Page"]


@pytest.fixture
def open_figure(visit: Open, tmp_path: Path) -> Open:
    """Open a page that holds the figure; whatever goes wrong in it fails the test, but what is expected."""

    def open_(
        attributes: str = "",
        theme: str = "light",
        width: int = 1000,
        weights: bool = True,
        says: str = "writes",
    ) -> Page:
        wanted = ("lstm-figure", NAME)
        for script in (*wanted, *([WEIGHTS] if weights else [])):
            shutil.copy(STATIC / f"{script}.js", tmp_path)
        rules = "".join(f"html[data-theme={key}]{{{rule}}}" for key, rule in THEMES.items())
        file = tmp_path / "page.html"
        file.write_text(
            DOCUMENT.format(
                theme=theme,
                rules=rules,
                scripts="".join(f'<script src="{script}.js?v=1" defer></script>' for script in wanted),
                name=NAME,
                attributes=attributes,
            ),
            encoding="utf8",
        )
        but = (WEIGHTS, "ERR_FILE_NOT_FOUND")  # left out on purpose
        page = visit(file, width, but=() if weights else but)
        page.locator("#says").filter(has_text=says).wait_for()
        return page

    return open_


def test_the_keyboard_moves_the_row_and_words_and_drawing_follow(open_figure: Open) -> None:
    page = open_figure()
    slider = page.locator("input[type=range]")
    drawn = page.locator("svg").inner_html()
    assert "Symbol 6, “0”" in page.locator("#says").inner_text()
    slider.focus()
    page.keyboard.press("ArrowRight")
    page.locator("#says").filter(has_text="Symbol 7, “3”").wait_for()
    assert page.locator("svg").inner_html() != drawn
    page.wait_for_function(SPOKEN, arg=NAME)
    assert slider.get_attribute("aria-valuetext") == page.locator(".value").inner_text() == "7"


def test_a_reader_types_any_text(open_figure: Open) -> None:
    page = open_figure()
    box = page.get_by_label("a date, as people write it")
    box.fill("July 4, 1999")
    page.locator("#says").filter(has_text="“July 4, 1999” and writes 1999-07-04").wait_for()
    assert page.locator("svg rect").count() == 10 * len("July 4, 1999") + 1
    box.fill("<b>É & 5")
    page.locator("#says").filter(has_text="does not know").wait_for()
    box.fill("")
    page.locator("#says").filter(has_text="Type a date").wait_for()
    assert page.locator("svg rect").count() == 0
    page.wait_for_function(SPOKEN, arg=NAME)


def test_an_author_can_set_the_start(open_figure: Open) -> None:
    says = open_figure('date="31.12.99" t="3"').locator("#says").inner_text()
    assert says.startswith("It reads “31.12.99”")
    assert "Symbol 3" in says


def test_without_its_weights_it_says_so(open_figure: Open) -> None:
    page = open_figure(weights=False, says="could not be loaded")
    assert page.locator("svg rect").count() == 0


@pytest.mark.parametrize("width", [320, 390, 1000])
def test_nothing_is_wider_than_the_page(open_figure: Open, width: int) -> None:
    page = open_figure('date="September 17th, 1998"', width=width)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    heights = page.locator("input").evaluate_all(
        "inputs => inputs.map(input => input.getBoundingClientRect().height)"
    )
    assert min(heights) >= 24
    ends = page.locator("svg text").evaluate_all("texts => texts.map(t => t.getBoundingClientRect().right)")
    assert max(ends) <= width


@pytest.mark.parametrize("theme", THEMES)
def test_axe_finds_nothing(open_figure: Open, theme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    results = axe.Axe().run(open_figure(theme=theme))
    assert results.violations_count == 0, results.generate_report()
