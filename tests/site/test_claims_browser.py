"""The ledger's filter: by keyboard, with its count told; and the page without it."""

import pytest

pytestmark = pytest.mark.site

SHOWN = "() => [...document.querySelectorAll('.claim')].filter(card => card.getClientRects().length).length"
HEADINGS = (
    "() => [...document.querySelectorAll('article h3')].filter(h => h.getClientRects().length)"
    ".every(h => h.parentElement.querySelector('.claim:not([hidden])'))"
)


def told(page):
    """Both numbers of the sentence that is announced."""
    words = page.get_by_role("status").inner_text().split()
    return int(words[1]), int(words[3])


def test_the_filter(tab, address):
    """One page, read downwards: the pointer, the keyboard, a link."""
    page = tab
    page.set_viewport_size({"width": 1280, "height": 720})
    page.goto(f"{address}/book/claims.html")
    page.locator(".claims-filter output").wait_for()

    # Rows are filtered and counted.
    total = page.locator(".claim").count()
    assert told(page) == (total, total)
    page.get_by_label("Verdict").select_option("wrong")
    wrong = page.locator(".claim.verdict-wrong").count()
    assert told(page) == (wrong, total)
    assert page.evaluate(SHOWN) == wrong
    assert page.evaluate(HEADINGS), "a heading without a row is left"
    page.get_by_label("Section of the notes").select_option("Stability Analysis")
    assert 0 < page.evaluate(SHOWN) == told(page)[0] < wrong
    page.get_by_role("button", name="Show all").click()
    assert page.evaluate(SHOWN) == total

    # The keyboard is enough.
    page.get_by_label("Section of the notes").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    assert 0 < page.evaluate(SHOWN) == told(page)[0] < total
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate(SHOWN) == total

    # A link to a row that is hidden shows it.
    page.get_by_label("Verdict").select_option("wrong")
    row = page.locator(".claim.verdict-right").first
    assert not row.is_visible()
    page.evaluate("id => { location.hash = id; }", row.get_attribute("id"))
    row.wait_for(state="visible")


def test_without_scripts_every_row_is_there(browser, address):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{address}/book/claims.html")
    assert page.locator(".claims-filter").count() == 0
    cards = page.locator(".claim")
    assert cards.count() > 100
    assert cards.last.is_visible()
    listed = page.locator("#by-verdict a.reference").count()
    assert listed == cards.count()
    context.close()
