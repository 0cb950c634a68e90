"""What the model that writes does in a browser: keyboard, any beginning, light and dark, a phone, no weights.

That its numbers are right is tests/book/test_lstm_sampler.py.
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
NAME, WEIGHTS = "lstm-sampler", "lstm-sampler-weights"

Open = Callable[..., "Page"]


@pytest.fixture
def open_figure(visit: Open, tmp_path: Path) -> Open:
    """Open a page that holds the figure; whatever goes wrong in it fails the test, but what is expected."""

    def open_(
        attributes: str = "",
        theme: str = "light",
        width: int = 1000,
        weights: bool = True,
        says: str = "bits",
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


def test_the_keyboard_moves_the_temperature_and_text_words_and_drawing_follow(open_figure: Open) -> None:
    page = open_figure()
    slider, text = page.locator("input[type=range]").first, page.locator(".text")
    before, drawn = text.inner_text(), page.locator("svg").inner_html()
    assert before.startswith("the function ")
    assert len(before) > 250
    slider.focus()
    for _ in range(12):
        page.keyboard.press("ArrowRight")
    page.locator("#says").filter(has_text="temperature 1.30").wait_for()
    assert text.inner_text() != before
    assert page.locator("svg").inner_html() != drawn
    page.wait_for_function(SPOKEN, arg=NAME)
    assert slider.get_attribute("aria-valuetext") == page.locator(".value").first.inner_text() == "1.30"


def test_another_throw_is_another_text_and_the_same_throw_the_same(open_figure: Open) -> None:
    page = open_figure()
    text, dice = page.locator(".text"), page.locator("#seed")
    first = text.inner_text()
    dice.focus()
    page.keyboard.press("ArrowRight")
    assert text.inner_text() != first
    page.keyboard.press("ArrowLeft")
    assert text.inner_text() == first


def test_a_reader_types_any_beginning(open_figure: Open) -> None:
    page = open_figure()
    page.get_by_label("how the text begins").fill('<b>É & "the functio')
    page.locator("#says").filter(has_text="the functio” the model expects “n”").wait_for()
    assert page.locator(".text").inner_text().startswith('<b>É & "the function')
    page.get_by_label("how the text begins").fill("")
    page.locator("#says").filter(has_text="After “”").wait_for()
    assert len(page.locator(".text").inner_text()) > 200


def test_an_author_can_set_the_start(open_figure: Open) -> None:
    page = open_figure('prompt="raise " tau="0" seed="4"')
    assert "temperature 0.00" in page.locator("#says").inner_text()
    assert page.locator(".text").inner_text().startswith("raise ")


def test_without_its_weights_it_says_so(open_figure: Open) -> None:
    page = open_figure(weights=False, says="could not be loaded")
    assert page.locator(".text").count() == 0


@pytest.mark.parametrize("width", [320, 390, 1000])
def test_nothing_is_wider_than_the_page(open_figure: Open, width: int) -> None:
    page = open_figure(width=width)
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
