"""Take the README's picture from the built site: book/static/readme-chapter.png.

    python tools/screenshot.py [PAGE [SELECTOR]]

Needs a Chromium (see tools/browser.py). SELECTOR names the element to begin with: the first figure,
say, or a heading's #anchor.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from playwright.sync_api import ViewportSize, sync_playwright

from browser import MISSING, arguments, find_chromium
from build import HTML, build
from environment import ROOT, command
from serve import listen

PICTURE = ROOT / "book" / "static" / "readme-chapter.png"
PAGE = "book/part1/04_cell_state"
SIZE: ViewportSize = {"width": 1280, "height": 860}


def take(page: str, selector: str, target: Path) -> None:
    """Open a page of the served site, bring the element to the top, and store what is seen."""
    executable = find_chromium(os.environ)
    if executable is None:
        sys.exit(MISSING)
    server = listen(0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=arguments())
        view = browser.new_page(viewport=SIZE, color_scheme="light", reduced_motion="reduce")
        view.goto(f"http://127.0.0.1:{server.server_port}/{page}.html")
        view.evaluate("() => document.fonts.ready")
        view.locator(selector).first.evaluate(
            "element => window.scrollTo({top: element.getBoundingClientRect().top + scrollY - 90})"
        )
        view.wait_for_timeout(500)  # the table of contents marks where the page was scrolled to
        view.screenshot(path=target)
        browser.close()
        server.shutdown()


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("page", nargs="?", default=PAGE, help=f"page without .html, by default {PAGE}")
    parser.add_argument("selector", nargs="?", default="h1", help="CSS selector of the element to begin with")
    options = parser.parse_args(argv)
    if not build():
        return 1
    if not (HTML / f"{options.page}.html").is_file():
        parser.error(f"the site has no page {options.page}")
    take(options.page, options.selector, PICTURE)
    print(f"{PICTURE.relative_to(ROOT)}: {PICTURE.stat().st_size // 1024} kB")
    return 0


if __name__ == "__main__":
    sys.exit(command(main))
