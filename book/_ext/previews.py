"""What a reference leads to, shown where it stands: data for ``book/static/previews.js``.

An equation or a word of the glossary that stands on the same page is copied from there by the script. What
stands on another page comes from a file of that page, a script in ``_static/previews``, which is loaded when
the first reference to it is pointed at: a script may be loaded from a disk too.
"""

from __future__ import annotations

import html
import json
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

from formulas import displayed, drawn

#: Elements that stay elements in a preview; links become their words, for a preview is read and not walked.
KEPT = {nodes.emphasis: "em", nodes.strong: "strong", nodes.literal: "code", nodes.paragraph: "p"}
MARK = ("equation-", "term-")


def shown(node: nodes.Node) -> str:
    """Return what a reader sees of a node as HTML; a formula typeset."""
    if isinstance(node, nodes.Text):
        return html.escape(node.astext(), quote=False)
    if isinstance(node, nodes.math):
        return f'<span class="math">{drawn(node.astext(), node)}</span>'
    inner = "".join(shown(child) for child in node.children)
    tag = next((tag for kind, tag in KEPT.items() if isinstance(node, kind)), "")
    return f"<{tag}>{inner}</{tag}>" if tag else inner


def collected(env: BuildEnvironment) -> dict[str, tuple[str, str]]:
    """Anchor -> the page it is on, and what is shown of it."""
    found: dict[str, tuple[str, str]] = env.__dict__.setdefault("course_previews", {})
    return found


def collect(app: Sphinx, doctree: nodes.document) -> None:
    """Note every equation with a label, and every word of the glossary."""
    found, document = collected(app.env), app.env.docname
    for block in doctree.findall(nodes.math_block):
        if block.get("label"):
            # Sphinx writes the anchor in small letters: eq-dC is #equation-eq-dc.
            found[nodes.make_id(f"equation-{block['label']}")] = (
                document,
                f'<div class="math">{drawn(displayed(block), block, display=True)}</div>',
            )
    for glossary in doctree.findall(addnodes.glossary):
        for item in glossary.findall(nodes.definition_list_item):
            definition = "".join(shown(part) for part in item.findall(nodes.definition))
            for term in item.findall(nodes.term):
                head = f"<p><strong>{html.escape(term.astext(), quote=False)}</strong></p>"
                found |= dict.fromkeys(term["ids"], (document, head + definition))


def forget(app: Sphinx, env: BuildEnvironment, docname: str) -> None:
    found = collected(env)
    for anchor in [anchor for anchor, (document, _) in found.items() if document == docname]:
        del found[anchor]


def merge(app: Sphinx, env: BuildEnvironment, docnames: list[str], other: BuildEnvironment) -> None:
    found = collected(other)
    collected(env).update({anchor: row for anchor, row in found.items() if row[0] in docnames})


def anchors(doctree: nodes.document) -> set[str]:
    """Return the anchors of equations and words that a page refers to."""
    found = {
        node.get("refid") or node.get("refuri", "").partition("#")[2]
        for node in doctree.findall(nodes.reference)
        if node.get("internal") or "refid" in node
    }
    return {anchor for anchor in found if anchor.startswith(MARK)}


def embed(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any) -> None:
    """Load the script on a page that has something to show."""
    if isinstance(doctree, nodes.document) and anchors(doctree) and app.builder.name != "singlehtml":
        app.add_js_file("previews.js", loading_method="defer")


def script_of(document: str) -> str:
    """Return the name of the file that holds what a page's anchors show."""
    return document.replace("/", "--") + ".js"


def write(app: Sphinx, exception: Exception | None) -> None:
    """Write a file for each page that has an equation with a label or a word of the glossary."""
    if exception is not None or app.builder.name != "html":
        return
    pages: dict[str, dict[str, str]] = {}
    for anchor, (document, text) in sorted(collected(app.env).items()):
        pages.setdefault(document, {})[anchor] = text
    folder = Path(app.outdir, "_static", "previews")
    folder.mkdir(parents=True, exist_ok=True)
    for document, shows in pages.items():
        data = {"page": app.env.titles[document].astext(), "shown": shows}
        text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
        line = f"(window.coursePreviews ??= {{}})[{json.dumps(document)}] = {text};\n"
        (folder / script_of(document)).write_text(line, encoding="utf8")


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("doctree-read", collect)
    app.connect("env-purge-doc", forget)
    app.connect("env-merge-info", merge)
    app.connect("html-page-context", embed)
    app.connect("build-finished", write)
    app.add_css_file("reading.css")
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
