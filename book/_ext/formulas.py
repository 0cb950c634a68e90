"""Formulas are typeset while the site is built: what a browser loads is HTML, a style sheet and fonts.

MathJax, which otherwise keeps a phone busy for seconds with a page full of formulas, runs here, in V8. Each
formula becomes its drawing (hidden from assistive technology) and beside it the same formula in MathML, which
a screen reader reads. Nothing is left to do in the browser: formulas are there without JavaScript too. One
that MathJax cannot read is a warning that names the line, and so ends a build of the course.
"""

from __future__ import annotations

import html
import importlib.metadata
import re
import shutil
from functools import cache
from pathlib import Path
from typing import Any

from docutils import nodes
from py_mini_racer import JSEvalException, MiniRacer
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number
from sphinx.writers.html5 import HTML5Translator

logger = logging.getLogger(__name__)

MATHJAX_PACKAGE = "sphinx-mathjax-offline"
FONTS = "output/chtml/fonts/woff-v2"
#: MathJax's parts, in an order in which each finds what it needs.
PARTS = (
    "loader.js",
    "core.js",
    "adaptors/liteDOM.js",
    "input/tex-full.js",
    "output/chtml.js",
    "output/chtml/fonts/tex.js",
    "a11y/assistive-mml.js",
)
BEFORE = "var global = this, MathJax = {loader: {load: []}};"
AFTER = """
var parts = MathJax._, adaptor = parts.adaptors.liteAdaptor.liteAdaptor();
parts.a11y["assistive-mml"].AssistiveMmlHandler(parts.handlers.html_ts.RegisterHTMLHandler(adaptor));
var tex = new parts.input.tex_ts.TeX({
  packages: ["base", "ams", "boldsymbol", "newcommand"],
  formatError: (jax, error) => { throw new Error(error.message); },
});
var chtml = new parts.output.chtml_ts.CHTML({
  font: new parts.output.chtml.fonts.tex_ts.TeXFont({fontURL: "mathjax"}),
  adaptiveCSS: false,
  matchFontHeight: false,  // there is no text beside it to measure; course.css sets the size
});
var page = parts.mathjax.mathjax.document("", {InputJax: tex, OutputJax: chtml});
function typeset(formula, display) { return adaptor.outerHTML(page.convert(formula, {display})); }
function styleSheet() { return adaptor.textContent(chtml.styleSheet(page)); }
"""
#: Written for MathJax's own later use, and read by nobody on a page that is done.
IDLE = re.compile(r' (?:data-mjx-texclass="\w*"|unselectable="on"|xmlns="[^"]*")')
#: A rule for one glyph, or for one that is drawn as tall or as wide as needed.
GLYPH = re.compile(r"mjx-[\w-]+\.mjx-(c[0-9A-F]+)[^{]*\{[^}]*\}\s*")
STYLE_SHEET = "formulas.css"
#: What stands right before a formula in a line of text, and what right after it.
OPENING = re.compile(r"\S+\Z")
CLOSING = re.compile(r"[^\s\w(\[“‘][^\s\w]*(?:(?:s|th)\b)?")


def mathjax_source() -> Path:
    """Find the folder of MathJax in the installed package (its module name has hyphens: no import)."""
    try:
        files = importlib.metadata.distribution(MATHJAX_PACKAGE)
    except importlib.metadata.PackageNotFoundError as error:
        raise ExtensionError(
            f"the formulas of the site need the package {MATHJAX_PACKAGE}, which is not installed; "
            f"it comes with lstmlab[book]"
        ) from error
    source = Path(str(files.locate_file(f"{MATHJAX_PACKAGE}/static/mathjax")))
    missing = [name for name in (*PARTS, FONTS) if not (source / name).exists()]
    if missing:
        raise ExtensionError(f"{MATHJAX_PACKAGE} {files.version} has no {', '.join(missing)} under {source}")
    return source


@cache
def mathjax() -> MiniRacer:
    """Start MathJax, once for all pages."""
    script, source = MiniRacer(), mathjax_source()
    script.eval(BEFORE)
    for part in PARTS:
        script.eval((source / part).read_text(encoding="utf8"))
    script.eval(AFTER)
    return script


def stop(app: Sphinx, exception: Exception | None) -> None:
    """Let V8 go: with it the interpreter would not end."""
    if mathjax.cache_info().currsize:
        mathjax().close()
    mathjax.cache_clear()
    typeset.cache_clear()


@cache
def typeset(tex: str, display: bool = False) -> str:
    """Return a formula as HTML; one that cannot be read raises ``ValueError`` with MathJax's reason."""
    try:
        return IDLE.sub("", str(mathjax().call("typeset", tex, display)))
    except JSEvalException as error:
        raise ValueError(re.sub(r"^.*?Error: ", "", str(error).splitlines()[0])) from error


def displayed(node: nodes.math_block) -> str:
    r"""Return the TeX of a displayed formula; one with line breaks outside of an environment is split.

    >>> print(displayed(nodes.math_block("", "a = b")))
    a = b
    >>> print(displayed(nodes.math_block("", r"a &= b \\ &= c")))
    \begin{split}a &= b \\ &= c\end{split}
    """
    tex = str(node.astext()).strip()
    if r"\\" in tex and not tex.startswith(r"\begin"):
        return rf"\begin{{split}}{tex}\end{{split}}"
    return tex


def drawn(tex: str, node: nodes.Node, display: bool = False) -> str:
    """Typeset a formula of a page; warn, and show its TeX, where that cannot be done."""
    try:
        return typeset(tex, display)
    except ValueError as error:
        logger.warning("%s in the formula %s", error, tex, location=node, type="formulas")
        return f"<code>{html.escape(tex)}</code>"


def visit_math(self: HTML5Translator, node: nodes.math) -> None:
    self.body.append(self.starttag(node, "span", "", CLASS="math notranslate nohighlight"))
    self.body.append(drawn(node.astext(), node) + "</span>")
    raise nodes.SkipNode


def visit_displaymath(self: HTML5Translator, node: nodes.math_block) -> None:
    self.body.append(self.starttag(node, "div", CLASS="math notranslate nohighlight"))
    if node["number"] and not node["nowrap"]:
        self.body.append(f'<span class="eqno">({get_node_equation_number(self, node)})')
        self.add_permalink_ref(node, "Link to this equation")
        self.body.append("</span>")
    self.body.append(drawn(displayed(node), node, display=True) + "</div>\n")
    raise nodes.SkipNode


def keep_together(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Put a formula and the signs that touch it into a box that no line breaks (course.css).

    To a browser a formula is a picture: the line may end after it, and the next begin with its full stop.
    """
    if app.builder.format != "html":
        return
    for formula in list(doctree.findall(nodes.math)):
        around, at = formula.parent, formula.parent.index(formula)
        pieces: list[nodes.Node] = [formula]
        before, after = around[max(at - 1, 0)], around[min(at + 1, len(around) - 1)]
        if isinstance(before, nodes.Text) and (sign := OPENING.search(before)):
            around[at - 1] = nodes.Text(before[: sign.start()])
            pieces.insert(0, nodes.Text(sign[0]))
        if isinstance(after, nodes.Text) and (sign := CLOSING.match(after)):
            around[at + 1] = nodes.Text(after[sign.end() :])
            pieces.append(nodes.Text(sign[0]))
        if len(pieces) > 1:
            around[at] = nodes.inline("", "", *pieces, classes=["together"])


def copy_fonts(app: Sphinx) -> None:
    if app.builder.format == "html":
        shutil.copytree(mathjax_source() / FONTS, Path(app.outdir, "_static", "mathjax"), dirs_exist_ok=True)


def only_glyphs(css: str, wanted: set[str]) -> str:
    """Leave in MathJax's style sheet the glyphs that some page shows.

    >>> only_glyphs("mjx-c.mjx-c41::before {a: b;} mjx-c.mjx-c42.TEX-A::before {c: d;} p {}", {"c42"})
    'mjx-c.mjx-c42.TEX-A::before {c: d;} p {}'
    """
    return GLYPH.sub(lambda rule: rule[0] if rule[1] in wanted else "", css)


def write_style_sheet(app: Sphinx, exception: Exception | None) -> None:
    if exception is not None or app.builder.format != "html":
        return
    texts = (page.read_text(encoding="utf8") for page in Path(app.outdir).rglob("*.html"))
    glyphs = {glyph for text in texts for glyph in re.findall(r"\bmjx-(c[0-9A-F]+)", text)}
    css = only_glyphs(str(mathjax().call("styleSheet")), glyphs)
    Path(app.outdir, "_static", STYLE_SHEET).write_text(css, encoding="utf8")


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_html_math_renderer("typeset", (visit_math, None), (visit_displaymath, None))
    app.add_css_file(STYLE_SHEET, priority=200)  # before the course's own, which sets the size
    app.connect("builder-inited", copy_fonts)
    app.connect("doctree-resolved", keep_together)
    app.connect("build-finished", write_style_sheet, priority=910)
    app.connect("build-finished", stop, priority=999)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
