"""The printed book: pages in the order of the table of contents, an outline, links that stay within."""

import io

from pypdf import PdfWriter
from pypdf.annotations import Link

import pdf


def sheet(count, *addresses):
    """A part of so many empty pages, with links on the first."""
    writer = PdfWriter()
    for _ in range(count):
        writer.add_blank_page(width=100, height=100)
    for address in addresses:
        writer.add_annotation(0, Link(rect=(0, 0, 10, 10), url=address))
    content = io.BytesIO()
    writer.write(content)
    return content.getvalue()


def test_links_to_the_site_lead_to_the_page_where_the_other_begins(tmp_path):
    there, away = f"file://{tmp_path}/book/b.html#anchor", "https://example.org/x"
    nowhere = f"file://{tmp_path}/book/search.html"
    parts = [
        pdf.Part("book/index", "", "Home", sheet(2, there, away, nowhere)),
        pdf.Part("book/a", "I One", "A", sheet(3)),
        pdf.Part("book/b", "", "B", sheet(1)),
    ]
    writer = pdf.put_together(parts, tmp_path)
    assert len(writer.pages) == 6
    notes = [note.get_object() for note in writer.pages[0]["/Annots"]]
    assert notes[0]["/Dest"][0] == writer.pages[5].indirect_reference
    assert notes[1]["/A"]["/URI"] == away
    assert "/A" not in notes[2]
    assert "/Dest" not in notes[2]
    outline = [[o.title for o in item] if isinstance(item, list) else item.title for item in writer.outline]
    assert outline == ["Home", "I One", ["A", "B"]]


def test_every_page_of_the_table_of_contents_is_printed_once():
    pages = pdf.in_order()
    assert pages[0] == ("book/index", "")
    assert len({name for name, _ in pages}) == len(pages) > 30
    assert dict(pages)["book/part1/01_why_plain_networks_forget"] == "I The cell"
    assert dict(pages)["book/part1/02_six_equations"] == ""
