"""Self-check questions and progress in a browser: answered, remembered, forgotten, printed, refused.

What the scripts compute, and that every chapter has questions, is tests/book/test_self_check.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from axe_playwright_python.base import AXE_SCRIPT

from environment import ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.site
CHAPTER = "book/part3/12_highway_and_multiplicative"
STATIC = ROOT / "book" / "static"
#: Only the boxes and the row at the end, in the state that the test of all pages never sees.
AXE = """async (options) => (await axe.run(
  {include: [['.self-check:has(.is-right)'], ['.progress-end']]}, {preload: false, ...options}))
  .violations.flatMap(({id, nodes}) => nodes.map(node => `${id}: ${node.html}`))"""
SMALL = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Question</title>
<script src="{static}/course-progress.js" defer></script><script src="{static}/self-check.js" defer></script>
</head><body><article><section><h1>Question</h1>
<div class="self-check" id="check-open"><p><strong>Predict first.</strong> How many?</p>
<details><summary>The answer, and why</summary><p>Seven, by counting.</p></details></div>
<div class="self-check" id="check-choice"><p>Which?</p><ul>
<li><strong>a.</strong> This</li><li><strong>b.</strong> That</li></ul>
<details><summary>The answer, and why</summary><p><strong>b.</strong> So it is.</p></details></div>
</section></article></body></html>"""


def watched(page: Page) -> list[str]:
    """List of the errors that a page will make."""
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    return errors


def test_predict_reveal_remember_forget(browser: Browser, address: str) -> None:
    context = browser.new_context(reduced_motion="reduce", viewport={"width": 1280, "height": 900})
    page = context.new_page()
    errors = watched(page)
    page.goto(f"{address}/{CHAPTER}.html")
    box = page.locator(".self-check").first
    reason = box.locator("details")
    status = box.get_by_role("status")
    right = box.locator("details strong").first.evaluate("e => e.textContent[0]")
    wrong = next(letter for letter in "abc" if letter != right)

    # Nothing is revealed before there is a prediction; the keyboard is enough to make one.
    assert not reason.is_visible()
    box.get_by_role("button", name="Check my prediction").press("Enter")
    assert status.inner_text() == "Choose one first."
    assert not reason.is_visible()
    group = box.get_by_role("group")
    assert "Predict first." in group.evaluate(
        "e => document.getElementById(e.getAttribute('aria-labelledby')).textContent"
    )
    group.get_by_role("radio").nth("abc".index(wrong)).focus()
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    assert status.inner_text() == f"Not {wrong}: the answer is {right}."
    assert reason.is_visible()
    assert page.evaluate("document.activeElement.textContent") == "Try again"
    page.locator(".progress-end").get_by_role("button", name="I have read this chapter").click()

    page.evaluate(AXE_SCRIPT)
    found = page.evaluate(AXE, {})
    page.emulate_media(color_scheme="dark")
    page.wait_for_function("document.documentElement.dataset.theme === 'dark'")
    assert found + page.evaluate(AXE, {"runOnly": ["color-contrast"]}) == []
    assert page.evaluate("Object.keys(localStorage).filter(k => k.includes('course'))") == [
        "lstm-course/1/part3/12_highway_and_multiplicative"
    ]

    # On paper every answer is there, and no button.
    page.emulate_media(media="print")
    second = page.locator(".self-check").nth(1)
    assert second.locator("details p").first.is_visible()
    assert not second.get_by_role("button").first.is_visible()
    page.emulate_media(media="screen")

    # It is remembered, in the chapter, in the sidebar, and as the place where the reader was.
    page.locator("article h2").nth(1).evaluate("e => e.scrollIntoView()")
    page.reload()
    assert status.inner_text() == f"Not {wrong}: the answer is {right}."
    assert group.get_by_role("radio").nth("abc".index(wrong)).is_checked()
    mark = page.locator(".bd-sidebar-primary .progress-mark")
    assert mark.evaluate("e => e.title") == "read, 1 of 3 questions answered"
    assert "12.2" in page.locator(".progress-note a").inner_text()
    page.goto(f"{address}/book/progress.html")
    drawn = "button => getComputedStyle(button).borderRadius"
    assert page.locator(".progress-controls button").first.evaluate(drawn) != "0px", "without its style sheet"
    assert "Chapters read: 1. Questions answered: 1." in page.locator(".course-progress").inner_text()
    with page.expect_download() as download:
        page.get_by_role("button", name="Save as a file").click()
    kept = download.value.path()

    # And forgotten, when the reader says so.
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Forget everything").click()
    assert page.evaluate("Object.keys(localStorage).filter(k => k.includes('course'))") == []
    assert not page.locator(".course-progress").is_visible()
    page.locator("input[type=file]").set_input_files(kept)
    page.locator(".course-progress").wait_for()
    assert page.locator(".bd-sidebar-primary .progress-mark").count() == 1
    context.close()
    assert not errors


def test_a_browser_that_keeps_nothing(browser: Browser, tmp_path: Path) -> None:
    """From the disk, with storage refused: the question works, and says that it will be forgotten."""
    file = tmp_path / "part1" / "01_question.html"
    file.parent.mkdir()
    file.write_text(SMALL.format(static=STATIC.as_uri()), encoding="utf8")
    context = browser.new_context()
    refuse = "get() { throw new DOMException('refused', 'SecurityError'); }"
    context.add_init_script(f"Object.defineProperty(window, 'localStorage', {{{refuse}}})")
    page = context.new_page()
    errors = watched(page)
    page.goto(file.as_uri())
    box = page.locator("#check-open")
    box.get_by_role("button", name="Check my prediction").click()
    assert box.get_by_role("status").inner_text() == "Write a line first."
    box.get_by_label("Your prediction, in one line").fill("five")
    page.keyboard.press("Enter")
    assert box.get_by_text("Seven, by counting.").is_visible()
    other = page.locator("#check-choice")
    other.get_by_role("button", name="I cannot say").click()
    assert other.get_by_role("status").inner_text() == "The answer is b."
    other.get_by_role("button", name="Try again").click()
    assert not other.get_by_text("So it is.").is_visible()
    assert page.get_by_text("This browser keeps nothing").is_visible()
    page.get_by_role("button", name="Forget my answers here").click()
    assert not box.get_by_text("Seven, by counting.").is_visible()
    context.close()
    assert not errors


def test_without_scripts_a_question_is_a_list_and_a_folded_answer(browser: Browser, tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    file.write_text(SMALL.format(static=STATIC.as_uri()), encoding="utf8")
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(file.as_uri())
    assert page.locator("#check-choice li").count() == 2
    assert not page.get_by_text("So it is.").is_visible()
    page.locator("#check-choice summary").click()
    assert page.get_by_text("So it is.").is_visible()
    context.close()
