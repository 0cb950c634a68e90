"""The built site on a loopback port, and one browser for all tests of a process."""

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

from browser import MISSING, arguments, find_chromium
from build import HTML, build, fingerprint, is_current
from serve import listen


@pytest.fixture(scope="session")
def site() -> Path:
    """Folder of the built site; nothing is built if tools/check.py has just done it."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        current = is_current(fingerprint())
        assert current, "several test processes cannot build the site together: run tools/build.py first"
    else:
        assert build(), "the site does not build cleanly; the warnings are above"
    return HTML


@pytest.fixture(scope="session")
def address(site: Path) -> Iterator[str]:
    """Address of the served site, without a final slash."""
    server = listen(0, site)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    executable = find_chromium(os.environ)
    if executable is None:
        if os.environ.get("CI"):
            pytest.fail(MISSING)
        pytest.skip(MISSING)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=executable, args=arguments())
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def tab(browser: Browser) -> Iterator[Page]:
    """One page for the tests that only look: what is kept between visits is forgotten at each arrival.

    A window and a process of its own take the browser three times as long as a page of the course.
    """
    context = browser.new_context(reduced_motion="reduce")
    context.add_init_script("try { localStorage.clear(); sessionStorage.clear(); } catch { /* not here */ }")
    yield context.new_page()
    context.close()


@pytest.fixture
def visit(tab: Page) -> Iterator[Callable[..., Page]]:
    """Open files in the tab; whatever goes wrong in them fails the test, but what names one of ``but``."""
    errors: list[str] = []
    expected: list[str] = []

    def note(error: object) -> None:
        errors.append(str(error))

    def listen_to(message: ConsoleMessage) -> None:
        if message.type == "error":
            note(message.text)

    def visit_(file: Path, width: int, height: int = 900, but: Sequence[str] = ()) -> Page:
        expected.extend(but)
        tab.set_viewport_size({"width": width, "height": height})
        tab.emulate_media(color_scheme="light", reduced_motion="no-preference")
        tab.goto(file.as_uri())
        return tab

    tab.on("pageerror", note)
    tab.on("console", listen_to)
    yield visit_
    tab.remove_listener("pageerror", note)
    tab.remove_listener("console", listen_to)
    tab.goto("about:blank")
    assert [error for error in errors if not any(words in error for words in expected)] == []
