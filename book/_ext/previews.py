"""What a reference leads to, shown where it stands: data for ``book/static/previews.js``.

An equation or a word of the glossary that stands on the same page is copied from there by the script. For
those of other pages each page carries what it refers to, and nothing else, as JSON in its head: nothing is
fetched, so it works from a disk.
"""

from __future__ import annotations

import html
import json
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

#: Elements that stay elements in a preview; links become their words, for a preview is read and not walked.
KEPT = {nodes.emphasis: "em", nodes.strong: "strong", nodes.literal: "code", nodes.paragraph: "p"}
MARK = ("equation-", "term-")


def shown(node: nodes.Node) -> str:
    """Return what a reader sees of a node as HTML; a formula as TeX between MathJax's marks."""
    if isinstance(node, nodes.Text):
        return html.escape(node.astext(), quote=False)
    if isinstance(node, nodes.math):
        return f'<span class="math">\\({html.escape(node.astext(), quote=False)}\\)</span>'
    inner = "".join(shown(child) for child in node.children)
    tag = next((tag for kind, tag in KEPT.items() if isinstance(node, kind)), "")
    return f"<{tag}>{inner}</{tag}>" if tag else inner


def formula(node: nodes.math_block) -> str:
    """Return a displayed formula as Sphinx writes it: one with line breaks stands in ``split``."""
    tex = node.astext().strip()
    if r"\\" in tex and not tex.startswith(r"\begin"):
        tex = rf"\begin{{split}}{tex}\end{{split}}"
    return f'<div class="math">\\[{html.escape(tex, quote=False)}\\]</div>'


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
            found[nodes.make_id(f"equation-{block['label']}")] = (document, formula(block))
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
    """Write what a page refers to into its head, and load the script that shows it."""
    wanted = anchors(doctree) if isinstance(doctree, nodes.document) else set()
    if not wanted or app.builder.name == "singlehtml":
        return
    found = collected(app.env)
    data = {
        anchor: {"html": found[anchor][1], "page": app.env.titles[found[anchor][0]].astext()}
        for anchor in sorted(wanted)
        if anchor in found and found[anchor][0] != pagename
    }
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    context["metatags"] = (
        context.get("metatags", "") + f'<script type="application/json" id="previews">{text}</script>\n'
    )
    app.add_js_file("previews.js", loading_method="defer")


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("doctree-read", collect)
    app.connect("env-purge-doc", forget)
    app.connect("env-merge-info", merge)
    app.connect("html-page-context", embed)
    app.add_css_file("reading.css")
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
