"""The workbench in a browser: stepping, keys, links there and back, what is refused, a phone.

That its numbers are right is tests/book/test_lstm_workbench.py. One page is opened and read downwards.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from test_lstm_pulse_browser import THEMES

pytest.importorskip("playwright")
if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.site
STATIC = Path(__file__).parents[2] / "book" / "static"
SCRIPTS = ("lstm-figure", *(f"lstm-workbench{part}" for part in ("-cells", "-state", "-views", "-form", "")))
START = "cell=lstm&nx=1&nh=2&seed=21&x=1;0;0;0;0;0;0;0&b_f=3;3"
DOCUMENT = """<!doctype html><html lang="en" data-theme="light"><head><meta charset="utf-8">
<title>Bench</title><meta name="viewport" content="width=device-width, initial-scale=1"><style>{rules}
body{{font-family:sans-serif;background:var(--pst-color-background);color:var(--pst-color-text-base)}}</style>
{scripts}</head><body><main><h1>Bench</h1><h2>On it</h2><lstm-workbench state="{start}"><p>In words.</p>
</lstm-workbench><button data-bench="cell=rnn&nh=1">Plain</button></main></body></html>"""


def test_the_workbench(browser: Browser, tmp_path: Path) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    rules = "".join(f"html[data-theme={key}]{{{rule}}}" for key, rule in THEMES.items())
    scripts = "".join(f'<script src="{(STATIC / f"{s}.js").as_uri()}" defer></script>' for s in SCRIPTS)
    file = tmp_path / "page.html"
    file.write_text(DOCUMENT.format(rules=rules, scripts=scripts, start=START), encoding="utf8")
    context = browser.new_context(viewport={"width": 1000, "height": 900})
    page, errors = context.new_page(), []
    page.set_default_timeout(10_000)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(file.as_uri())

    def said(words: str) -> None:
        page.locator("#says").filter(has_text=words).wait_for()

    def hash_has(words: str) -> None:
        page.wait_for_function("words => location.hash.includes(words)", arg=words)

    # What it starts with, and that a page only opened keeps its address.
    said("86.6\N{NO-BREAK SPACE}% arrives at step 1.")
    assert "#" not in page.url
    assert not page.get_by_text("In words.").is_visible()

    # Step by button, by key from a button and on the slider, by a touch on the drawing.
    page.get_by_role("button", name="Step on").click()
    page.keyboard.press("ArrowRight")
    said("step 3 of 8")
    assert page.locator("#now").inner_text() == "Step 3 of 8"
    page.get_by_role("slider", name="step").focus()
    page.keyboard.press("ArrowRight")
    said("step 4 of 8")
    assert page.locator("#t").get_attribute("aria-valuetext") == "4 of 8"
    page.get_by_role("button", name="Last step").click()
    page.keyboard.press("ArrowRight")
    said("step 8 of 8")
    page.keyboard.press("Home")
    said("step 1 of 8")
    box = page.locator("svg").bounding_box()
    assert box is not None
    page.locator("svg").click(position={"x": 40 + 3 * (box["width"] - 136) / 7, "y": 60})
    hash_has("t=4")
    assert page.locator(".card").count() == 9
    assert page.locator("svg g.curve").count() == 13  # x; C, C̃, h; f, i, o; two gradients; four δ

    # Weights by hand, with the keyboard alone; a wrong one is refused in words and changes nothing.
    page.get_by_role("button", name="bf", exact=False).first.click()
    weight = page.get_by_role("textbox", name="b_f, unit 1")
    weight.fill("0")
    weight.press("Tab")
    hash_has("b_f=0;3")
    assert page.evaluate("document.activeElement.shadowRoot.activeElement.ariaLabel") == "b_f, unit 2"
    weight.fill("much")
    weight.press("Enter")
    assert "“much” is not a number." in page.get_by_role("alert").inner_text()
    weight.fill("1.5")
    weight.press("Enter")
    assert page.get_by_role("alert").inner_text() == ""
    hash_has("b_f=1.5;3")

    # Another cell with two channels; the input is refused, then read.
    page.locator("#cell").select_option("gru")
    page.locator("#n_x").select_option("2")
    page.locator("#x").fill("1 0\n0")
    page.locator("#x").blur()
    assert "Step 2 of the input has 1 number" in page.get_by_role("alert").inner_text()
    page.locator("#x").fill("1 0\n0 1\n-1 .5")
    page.locator("#x").blur()
    hash_has("cell=gru&nx=2&nh=2&seed=21&x=1,0;0,1;-1,0.5")
    page.get_by_role("button", name="Draw others").click()
    hash_has("seed=22")
    kept, words = page.url, page.locator("#says").inner_text()

    # The link brings the same bench back, a broken one says so and changes nothing, the page has a button.
    page.get_by_role("button", name="Copy a link").click()
    page.locator("#copied").filter(has_text="cop").or_(page.locator("#link")).first.wait_for()
    page.get_by_role("button", name="Reset").click()
    hash_has("cell=lstm")
    page.evaluate("link => { location.href = link; }", kept)
    said(words)
    page.evaluate("location.hash = '#cell=lsmt'")
    page.get_by_role("alert").filter(has_text="There is no cell “lsmt”").wait_for()
    assert page.locator("#cell").input_value() == "gru"
    page.get_by_role("button", name="Plain").click()
    said("Plain recurrent network")
    assert page.get_by_role("alert").inner_text() == ""
    page.goto("about:blank")
    page.goto(f"{file.as_uri()}#nh=7")
    page.get_by_role("alert").filter(has_text="nh is “7”").wait_for()
    said("LSTM, step 1 of 8")

    # The largest bench on a phone: nothing is wider than the page, all can be touched, axe is content.
    page.set_viewport_size({"width": 390, "height": 800})
    page.evaluate("location.hash = '#cell=projected&nx=4&nh=4&nc=6'")
    said("LSTM with projection")
    page.get_by_text("The same numbers as a table").click()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    sizes = (
        page.locator("lstm-workbench")
        .locator("button, select, input, summary")
        .evaluate_all("all => all.map(e => e.getBoundingClientRect().height).filter(height => height)")
    )
    assert min(sizes) >= 24
    for theme in THEMES:
        page.evaluate("theme => { document.documentElement.dataset.theme = theme; }", theme)
        results = axe.Axe().run(page)
        assert results.violations_count == 0, results.generate_report()
    context.close()
    assert not errors
