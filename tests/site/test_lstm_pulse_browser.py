"""What the interactive figure does in a browser: with the keyboard, in the dark, on a phone, at rest.

That its numbers are right is tests/book/test_lstm_pulse.py. The pages here are opened from the disk,
without the rest of the site, and unless a test says otherwise their clock stands still until it is moved.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pytest

from lstmlab.functions import sigmoid

pytest.importorskip("playwright")
if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page

pytestmark = pytest.mark.site
SCRIPT = Path(__file__).parents[2] / "book" / "static" / "lstm-pulse.js"
SHARED = SCRIPT.with_name("lstm-figure.js")
STEPS, TICK, PAUSE, DEBOUNCE = 41, 90, 1500, 200

# The theme's own colours (pydata-sphinx-theme 0.16), by which the figure follows light and dark.
THEMES = {
    "light": "color-scheme:light;--pst-color-primary:#176de8;--pst-color-text-base:#222832;"
    "--pst-color-text-muted:#48566b;--pst-color-border:#d1d5da;--pst-color-background:#fff",
    "dark": "color-scheme:dark;--pst-color-primary:#528fe4;--pst-color-text-base:#ced6dd;"
    "--pst-color-text-muted:#9ca4af;--pst-color-border:#48566b;--pst-color-background:#121212",
}
DOCUMENT = """<!doctype html><html lang="en" data-theme="{theme}"><head><meta charset="utf-8">
<title>Pulse</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><style>{rules}
body{{font-family:sans-serif;background:var(--pst-color-background);color:var(--pst-color-text-base)}}</style>
<script src="{shared}" defer></script><script src="{script}" defer></script></head><body><main><h1>Pulse</h1>
<lstm-pulse {attributes}><p>A pulse fades.</p></lstm-pulse></main></body></html>"""

#: Notes which settings are pressed one after the other, and whether the sentence is ever announced.
WATCH = """() => {
  const root = document.querySelector('lstm-pulse').shadowRoot;
  window.seen = []; window.spoken = false;
  function look() {
    for (const {textContent} of root.querySelectorAll('button[aria-pressed=true]')) {
      if (textContent !== seen.at(-1)) seen.push(textContent);
    }
    spoken ||= root.getElementById('says').hasAttribute('aria-live');
  }
  look();
  const all = {subtree: true, childList: true, attributes: true, characterData: true};
  new MutationObserver(look).observe(root, all);
}"""

Open = Callable[..., "Page"]


@pytest.fixture(scope="module")
def stopped(browser: Browser) -> Iterator[Page]:
    """A page whose clock moves when a test says so."""
    context = browser.new_context()
    page = context.new_page()
    page.clock.install()
    yield page
    context.close()


@pytest.fixture
def open_page(browser: Browser, tab: Page, stopped: Page, tmp_path: Path) -> Iterator[Open]:
    """Open a page that holds the element alone; whatever goes wrong in it fails the test.

    ``options`` ask for a window of its own.
    """
    errors: list[str] = []
    pages: list[Page] = []
    own: list[BrowserContext] = []

    def note_error(error: object) -> None:
        errors.append(str(error))

    def note_message(message: ConsoleMessage) -> None:
        if message.type == "error":
            errors.append(message.text)

    def open_(
        attributes: str = "",
        theme: str = "light",
        width: int = 1000,
        still: bool = True,
        motion: Literal["reduce", "no-preference"] = "no-preference",
        **options: Any,
    ) -> Page:
        rules = "".join(f"html[data-theme={name}]{{{rule}}}" for name, rule in THEMES.items())
        file = tmp_path / "page.html"
        file.write_text(
            DOCUMENT.format(
                theme=theme,
                rules=rules,
                shared=SHARED.as_uri(),
                script=SCRIPT.as_uri(),
                attributes=attributes,
            ),
            encoding="utf8",
        )
        page = stopped if still else tab
        if options:
            own.append(browser.new_context(**options))
            page = own[-1].new_page()
        if page not in pages:
            pages.append(page)
            page.on("pageerror", note_error)
            page.on("console", note_message)
        page.set_viewport_size({"width": width, "height": 800})
        page.emulate_media(color_scheme="light", reduced_motion=motion)
        if page is stopped:
            page.clock.resume()
        page.goto(file.as_uri())
        if page is stopped:
            page.clock.pause_at(page.evaluate("Date.now() / 1000 + 1"))
        return page

    yield open_
    for page in pages:
        page.remove_listener("pageerror", note_error)
        page.remove_listener("console", note_message)
        page.goto("about:blank")
    for context in own:
        context.close()
    assert not errors


def sentence(page: Page) -> str:
    page.clock.run_for(DEBOUNCE)
    return page.locator("#says").inner_text().replace("\N{NO-BREAK SPACE}", " ")


def now(page: Page) -> int:
    return int(page.locator("#time").input_value())


def gate(b_f: float) -> str:
    return f"f = {sigmoid(np.array([b_f]))[0]:.3f}"


def test_the_arrow_keys_move_a_slider_and_the_sentence_follows(open_page: Open) -> None:
    page = open_page()
    assert gate(3.0) in sentence(page)
    page.get_by_role("slider", name="forget gate").focus()
    for _ in range(10):
        page.keyboard.press("ArrowLeft")
    assert gate(2.0) in sentence(page)
    assert page.locator("#says").get_attribute("aria-live") == "polite"


def test_the_sentence_waits_until_the_slider_rests(open_page: Open) -> None:
    page = open_page()
    before = sentence(page)
    page.get_by_role("slider", name="forget gate").focus()
    page.keyboard.press("ArrowLeft")
    page.clock.run_for(DEBOUNCE - 10)
    page.keyboard.press("ArrowLeft")
    page.clock.run_for(DEBOUNCE - 10)
    assert page.locator("#says").inner_text().replace("\N{NO-BREAK SPACE}", " ") == before
    assert gate(2.8) in sentence(page)


def test_every_control_is_reached_with_the_tab_key(open_page: Open) -> None:
    page = open_page()
    focused = []
    for _ in range(13):
        page.keyboard.press("Tab")
        focused.append(
            page.evaluate("(e => e.id || e.textContent)(document.activeElement.shadowRoot.activeElement)")
        )
    buttons = ["Remember", "Forget", "Shut the input", "Shut the output", "Feed back"]
    assert focused == [*buttons, "toggle", "time", "Reset", "b_f", "b_i", "b_o", "x_1", "W_Ch"]


def test_ready_made_settings_and_reset(open_page: Open) -> None:
    page = open_page()
    page.get_by_role("button", name="Shut the output").click()
    assert "h stays near 0" in sentence(page)
    assert page.get_by_role("button", pressed=True).all_inner_texts() == ["Shut the output"]
    page.get_by_role("button", name="Reset").click()
    assert "h stays near 0" not in sentence(page)
    assert page.get_by_role("button", pressed=True).count() == 0


def test_attributes_set_the_start(open_page: Open) -> None:
    page = open_page('b-f="1" b-i="0" b-o="2" x-1="2" w-ch="0.5"')
    values = {id_: page.locator(f"#{id_}").input_value() for id_ in ("b_f", "b_i", "b_o", "x_1", "W_Ch")}
    assert {k: float(v) for k, v in values.items()} == {"b_f": 1, "b_i": 0, "b_o": 2, "x_1": 2, "W_Ch": 0.5}
    assert gate(1.0) in sentence(page)
    page.get_by_role("button", name="Forget").click()
    page.get_by_role("button", name="Reset").click()
    assert gate(1.0) in sentence(page)


def test_play_walks_through_time_and_stops_at_the_end(open_page: Open) -> None:
    page = open_page()
    assert now(page) == STEPS
    page.get_by_role("button", name="Play").click()
    assert now(page) == 0
    page.clock.run_for(5 * TICK)
    assert now(page) == 5
    points = page.locator("g.C path").get_attribute("d")
    assert len(re.findall("[ML]", points)) == 6, "the curve is drawn up to now: t = 0 to 5"
    page.get_by_role("button", name="Pause").click()
    page.clock.run_for(5 * TICK)
    assert now(page) == 5
    page.get_by_role("button", name="Play").click()
    page.clock.run_for(STEPS * TICK + PAUSE)
    assert now(page) == STEPS
    assert page.locator("#toggle").inner_text() == "Play"


def test_autoplay_tours_the_settings_silently_and_ends_where_it_began(open_page: Open) -> None:
    page = open_page("autoplay")
    page.evaluate(WATCH)
    page.clock.run_for(400 * TICK)
    seen, spoken = page.evaluate("[seen, spoken]")
    assert not spoken
    assert seen == ["Remember", "Forget", "Feed back"]
    assert page.locator("#toggle").inner_text() == "Play"
    assert now(page) == STEPS
    assert "writes to itself" not in sentence(page)
    assert page.get_by_role("button", pressed=True).count() == 0
    assert page.locator("#says").get_attribute("aria-live") is None


def test_autoplay_yields_to_the_reader(open_page: Open) -> None:
    page = open_page("autoplay")
    page.get_by_role("button", name="Pause").click()
    stood = now(page)
    page.clock.run_for(50 * TICK)
    assert now(page) == stood
    page.get_by_role("button", name="Play").click()
    assert page.locator("#says").get_attribute("aria-live") is None
    page.get_by_role("slider", name="forget gate").focus()
    page.keyboard.press("ArrowLeft")
    stood, chosen = now(page), page.locator("#b_f").input_value()
    page.clock.run_for(20 * TICK)
    assert now(page) == stood
    page.get_by_role("button", name="Play").click()
    page.clock.run_for(STEPS * TICK + 2 * PAUSE)
    assert page.locator("#toggle").inner_text() == "Play"
    assert page.locator("#b_f").input_value() == chosen, "the tour is over"


def test_autoplay_waits_until_the_figure_is_in_sight(open_page: Open) -> None:
    page = open_page('autoplay style="margin-top:2000px"')
    page.clock.run_for(60 * TICK)
    stood = now(page)
    page.clock.run_for(20 * TICK)
    assert now(page) == stood
    page.locator("#toggle").scroll_into_view_if_needed()
    page.clock.run_for(5 * TICK)
    assert now(page) > stood


def test_nothing_moves_by_itself_under_reduced_motion(open_page: Open) -> None:
    page = open_page("autoplay", motion="reduce")
    assert now(page) == STEPS
    page.clock.run_for(20 * TICK)
    assert now(page) == STEPS
    page.get_by_role("button", name="Step").click()
    page.get_by_role("button", name="Step").click()
    assert now(page) == 1
    page.clock.run_for(20 * TICK)
    assert now(page) == 1


def rgb(color: str) -> tuple[float, ...]:
    return tuple(float(v) for v in re.findall(r"[\d.]+", color)[:3])


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two CSS colours by the definition of WCAG 2."""

    def luminance(color: str) -> float:
        s = np.array(rgb(color)) / 255
        return float(
            np.where(s <= 0.04045, s / 12.92, ((s + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722]
        )

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def computed(page: Page, selector: str, name: str) -> str:
    return page.locator(selector).first.evaluate(f"e => getComputedStyle(e)['{name}']")


def test_both_themes_are_readable_and_differ(open_page: Open) -> None:
    colors = {}
    for theme in THEMES:
        page = open_page(theme=theme)
        paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
        for name in "Chfio":
            stroke = computed(page, f"g.{name} path", "stroke")
            assert contrast(stroke, paper) >= 3, f"line {name}, {theme}"
            assert contrast(computed(page, f"g.{name} text", "fill"), paper) >= 4.5, f"name {name}, {theme}"
            colors[theme, name] = stroke
        assert contrast(computed(page, "svg > text", "fill"), paper) >= 4.5
        assert contrast(computed(page, "button", "borderTopColor"), paper) >= 3
    assert all(colors["light", name] != colors["dark", name] for name in "Chfio")


def test_curves_differ_in_their_dashes_too(open_page: Open) -> None:
    page = open_page()
    for panel in ("Ch", "fio"):
        dashes = {computed(page, f"g.{name} path", "strokeDasharray") for name in panel}
        assert len(dashes) == len(panel)


@pytest.mark.parametrize("width", [390, 320])
def test_a_phone_shows_all_of_it(open_page: Open, width: int) -> None:
    page = open_page(width=width, has_touch=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for item in page.locator("button, input, svg text, label").all():
        box = item.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width, item.inner_text()
    for item in page.locator("button, input").all():
        box = item.bounding_box()
        assert min(box["width"], box["height"]) >= 24, "a target for a finger"


def test_the_names_of_the_curves_never_overlap(open_page: Open) -> None:
    page = open_page('b-f="0" b-i="0" b-o="0"')
    for t in (1, 2, STEPS):
        page.locator("#time").fill(str(t))
        for panel in ("Ch", "fio"):
            tops = sorted(page.locator(f"g.{name} text").bounding_box()["y"] for name in panel)
            assert np.diff(tops).min() >= 12


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("width", [1000, 390])
def test_axe_finds_nothing(open_page: Open, theme: str, width: int) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    page = open_page(theme=theme, width=width, still=False)  # axe waits for a clock that goes
    page.get_by_role("button", name="Forget").click()
    page.get_by_text("less than 0.1\N{NO-BREAK SPACE}%").wait_for()
    results = axe.Axe().run(page)
    assert results.violations_count == 0, results.generate_report()


def test_without_scripts_the_words_stand(open_page: Open) -> None:
    assert open_page(java_script_enabled=False, still=False).get_by_text("A pulse fades.").is_visible()
    assert not open_page().get_by_text("A pulse fades.").is_visible()


def test_the_element_rests_when_removed_and_survives_being_moved(open_page: Open) -> None:
    page = open_page("autoplay")
    element = page.locator("lstm-pulse").evaluate_handle("e => { e.remove(); return e; }")
    stood = element.evaluate("e => e.time.value")
    page.clock.run_for(20 * TICK)
    assert element.evaluate("e => e.time.value") == stood
    element.evaluate("e => document.body.append(e)")
    page.clock.run_for(20 * TICK)
    assert element.evaluate("e => e.time.value") != stood
    page.get_by_role("button", name="Forget").click()
    assert gate(0.0) in sentence(page)
    assert page.locator("lstm-pulse svg").count() == 1
