"""The built site on a loopback port, and one browser for all tests of a process."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

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
