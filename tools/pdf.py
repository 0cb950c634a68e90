"""Print the whole book to one file with page numbers and an outline: _build/lstm-networks-VERSION.pdf.

    python tools/pdf.py

Each page of the built site is printed by a Chromium (see tools/browser.py), as a reader would print it, and
the results are put together. All of them as one page would ask the browser for six gigabytes.
"""

from __future__ import annotations

import io
import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from playwright.sync_api import Page, PdfMargins, sync_playwright
from pypdf import PdfReader, PdfWriter
from pypdf.generic import ArrayObject, NameObject

from browser import MISSING, arguments, find_chromium
from build import HTML, build
from environment import ROOT, command
from offline import NAME, version

sys.path.insert(0, str(ROOT / "book" / "_ext"))

from contents import table_of_contents

NUMBER = """\
<div style="width: 100%; font: 8pt sans-serif; color: #555; text-align: center">
<span class="pageNumber"></span></div>"""
#: Fonts there, pictures loaded. Boxes are opened by print.js.
READY = """async () => {
  await document.fonts.ready;
  const images = [...document.images];
  for (const image of images) image.loading = 'eager';
  await Promise.all(images.map(image => image.decode().catch(() => 0)));
}"""
MARGIN: PdfMargins = {"top": "18mm", "bottom": "20mm", "left": "16mm", "right": "16mm"}
MINUTES = 5


class Part(NamedTuple):
    """A printed page of the site."""

    name: str
    caption: str  # of the part of the book that begins with it, or nothing
    title: str
    content: bytes


def in_order() -> list[tuple[str, str]]:
    """Return the pages of the table of contents in order, each with the part that begins with it, if any."""
    entries = table_of_contents(ROOT)
    before = ["", *(entry.part for entry in entries)]
    return [(e.document, "" if e.part == last else e.part) for e, last in zip(entries, before, strict=False)]


def printed(view: Page, page: Path) -> tuple[str, bytes]:
    """Return the title of a page and the page as a PDF."""
    view.goto(page.as_uri(), wait_until="load")
    view.evaluate(READY)
    title = view.title().partition(" — ")[0]
    return title, view.pdf(format="A4", outline=True, tagged=True, print_background=True, margin=MARGIN)


def numbers(view: Page, count: int) -> bytes:
    """Return as many empty pages, each with its number at the foot."""
    view.set_content("".join('<p style="break-after: page; margin: 0">&nbsp;</p>' for _ in range(count)))
    return view.pdf(
        format="A4",
        display_header_footer=True,
        header_template="<span></span>",
        footer_template=NUMBER,
        margin=MARGIN,
    )


def lead_inside(writer: PdfWriter, starts: Mapping[str, int], site: Path) -> None:
    """Let links to other pages of the site lead to where these begin in the book."""
    for page in writer.pages:
        for reference in page.get("/Annots") or ():
            note = reference.get_object()
            address = urlsplit(str(note.get("/A", {}).get("/URI", "")))
            if address.scheme != "file":
                continue
            path = Path(unquote(address.path))
            name = path.relative_to(site).with_suffix("").as_posix() if path.is_relative_to(site) else ""
            del note["/A"]
            if name in starts:
                place = [writer.pages[starts[name]].indirect_reference, NameObject("/Fit")]
                note[NameObject("/Dest")] = ArrayObject(place)


def put_together(parts: Sequence[Part], site: Path) -> PdfWriter:
    """Join the printed pages under one outline."""
    writer, starts, above = PdfWriter(), dict[str, int](), None
    for part in parts:
        starts[part.name] = len(writer.pages)
        writer.append(PdfReader(io.BytesIO(part.content)), import_outline=False)
        if part.caption:
            above = writer.add_outline_item(title=part.caption, page_number=starts[part.name])
        writer.add_outline_item(title=part.title, page_number=starts[part.name], parent=above)
    lead_inside(writer, starts, site)
    return writer


def print_book(site: Path, pages: Sequence[tuple[str, str]], target: Path, executable: str) -> int:
    """Print the given pages of a site into one file and return how many sheets it has."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=arguments())
        parts = []
        for name, caption in pages:
            view = browser.new_page(color_scheme="light", reduced_motion="reduce")
            view.set_default_timeout(MINUTES * 60_000)
            title, content = printed(view, site / f"{name}.html")
            parts.append(Part(name, caption, title, content))
            view.close()
        writer = put_together(parts, site)
        count = len(writer.pages)
        with_numbers = PdfReader(io.BytesIO(numbers(browser.new_page(), count)))
        browser.close()
    for page, number in zip(writer.pages, with_numbers.pages, strict=True):
        page.merge_page(number)
    writer.add_metadata({"/Title": "LSTM networks"})
    writer.compress_identical_objects()
    writer.write(target)
    return count


def main() -> int:
    executable = find_chromium(os.environ)
    if executable is None:
        sys.exit(MISSING)
    if not build():
        return 1
    start = time.perf_counter()
    print("Printing the pages ...", flush=True)
    target = HTML.parent / f"{NAME}-{version()}.pdf"
    count = print_book(HTML, in_order(), target, executable)
    size, seconds = target.stat().st_size / 1e6, time.perf_counter() - start
    print(f"{target.relative_to(ROOT).as_posix()}: {count} pages, {size:.1f} MB, in {seconds:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(command(main))
