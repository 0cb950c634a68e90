"""Small style sheets become one: the same rules in the same order."""

import re

import cuts

LINK = '    <link {}rel="stylesheet" type="text/css" href="../_static/{}.css?v=1" />\n'


def page(*names, between=""):
    links = [LINK.format('media="print" ' if name == "print" else "", name) for name in names]
    return "<head>\n" + between.join(links) + "</head>"


def sheets(tmp_path, **sizes):
    for name, size in sizes.items():
        (tmp_path / f"{name}.css").write_text(f".{name}{{}}".ljust(size), encoding="utf8")


def test_neighbours_are_joined_in_their_order_and_a_large_one_divides_them(tmp_path):
    sheets(tmp_path, a=10, b=10, large=cuts.SMALL + 1, c=10, print=10, d=10)
    text = cuts.join_sheets(page("a", "b", "large", "c", "print", "d"), tmp_path)
    first, large, second = re.findall(r'href="\.\./_static/([^"?]+)', text)
    assert large == "large.css"
    assert text.count("<link") == 3
    assert re.findall(r"\.\w+\{\}", (tmp_path / first).read_text(encoding="utf8")) == [".a{}", ".b{}"]
    css = (tmp_path / second).read_text(encoding="utf8")
    assert re.sub(r"\s+", "", css) == ".c{}@mediaprint{.print{}}.d{}"
    assert text.startswith("<head>")
    assert text.endswith("</head>")


def test_what_stands_alone_or_apart_is_left(tmp_path):
    sheets(tmp_path, a=10, b=10)
    for text in (page("a"), page("a", "b", between="<script></script>")):
        assert cuts.join_sheets(text, tmp_path) == text
    assert not list(tmp_path.glob("joined-*"))


def test_two_pages_with_the_same_sheets_share_a_file(tmp_path):
    sheets(tmp_path, a=10, b=10, c=10)
    one, two, other = (cuts.join_sheets(page(*names), tmp_path) for names in ("ab", "ab", "ac"))
    assert one == two != other
    assert len(list(tmp_path.glob("joined-*"))) == 2
