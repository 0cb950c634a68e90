"""Formulas are typeset while the site is built."""

import io
import re

import pytest
from bs4 import BeautifulSoup
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util.docutils import docutils_namespace, patch_docutils

import formulas

PAGE = r"""# Page

A formula {math}`f_t = \sigma(W_f z_t)`, one with an angle $a < b$, and two displayed:

$$
C_t = f_t \odot C_{t-1} \\ h_t = o_t
$$ (eq-C)

\begin{align*}
a &= b \\
c &= d
\end{align*}

"""
SETTINGS = {
    "extensions": ["myst_parser", "formulas"],
    "myst_enable_extensions": ["dollarmath", "amsmath"],
    "html_math_renderer": "typeset",
    "html_theme": "basic",
}


@pytest.fixture(autouse=True, scope="module")
def ended():
    """V8 runs as long as nobody stops it."""
    yield
    formulas.stop(None, None)


def built(folder, text):
    (folder / "index.md").write_text(text, encoding="utf8")
    warnings = io.StringIO()
    with patch_docutils(), docutils_namespace():
        Sphinx(
            folder, None, folder / "out", folder / "trees", "html", SETTINGS, status=None, warning=warnings
        ).build()
    return BeautifulSoup(
        (folder / "out" / "index.html").read_text(encoding="utf8"), "html.parser"
    ), warnings.getvalue()


def test_a_page_holds_each_formula_drawn_and_in_mathml(tmp_path):
    page, warnings = built(tmp_path, PAGE)
    assert not warnings
    inline, angle, numbered, aligned = page.select(".math")
    assert inline.math.get_text() == "ft=σ(Wfzt)"
    assert angle.math.get_text() == "a<b"
    assert numbered.select_one(".eqno").get_text().startswith("(1)")
    assert [len(box.select("mtable > mtr")) for box in (inline, numbered, aligned)] == [0, 2, 2]
    for box in (inline, angle, numbered, aligned):
        (drawing,) = box.select("mjx-math")
        assert drawing["aria-hidden"] == "true"
        assert "\\" not in box.get_text()
    shown = {
        name
        for glyph in page.select("mjx-c")
        for name in glyph["class"]
        if re.fullmatch(r"mjx-c[0-9A-F]+", name)
    }
    css = (tmp_path / "out" / "_static" / "formulas.css").read_text(encoding="utf8")
    assert shown == set(re.findall(r"^mjx-c\.(mjx-c[0-9A-F]+)", css, re.M))
    for font in re.findall(r'url\("([^"]+)"\)', css):
        assert (tmp_path / "out" / "_static" / font).is_file()


def test_signs_stay_with_the_formula_they_touch(tmp_path):
    page, _ = built(tmp_path, "# Page\n\nOne ($x$, say), *$y$*, the $z$-axis, and ($a$/$b$). At $c$ ends.\n")
    boxes = page.select(".together")
    for box in boxes:
        box.select_one("mjx-assistive-mml").decompose()
    assert [box.get_text() for box in boxes] == ["(,", "-", "(/", ")."]
    assert [len(box.select("mjx-math")) for box in boxes] == [1, 1, 1, 1]


@pytest.mark.parametrize(
    ("tex", "reason"),
    [(r"\sigmaa(x)", r"Undefined control sequence \\sigmaa"), (r"\frac{x}", "Missing argument")],
)
def test_a_formula_that_cannot_be_read_is_named_with_its_line(tmp_path, tex, reason):
    page, warnings = built(tmp_path, f"# Page\n\nGood $x$.\n\nBad ${tex}$.\n")
    assert re.search(rf"index\.md:5: WARNING: .*{reason}.* in the formula", warnings)
    assert tex in page.get_text()
    assert len(page.select("mjx-math")) == 1


def test_missing_mathjax_says_what_to_install(monkeypatch):
    monkeypatch.setattr(formulas, "MATHJAX_PACKAGE", "no-such-package")
    with pytest.raises(ExtensionError, match=r"no-such-package, which is not installed; .* lstmlab\[book\]"):
        formulas.mathjax_source()


def test_incomplete_mathjax_is_noticed(monkeypatch):
    monkeypatch.setattr(formulas, "FONTS", "no-such-folder")
    with pytest.raises(ExtensionError, match=r"has no no-such-folder"):
        formulas.mathjax_source()
