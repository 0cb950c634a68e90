"""Self-check questions and the reader's progress: what the pages need beyond the scripts.

A question is plain Markdown and HTML in a notebook, so that it reads well without the site; the form is made
in the browser by ``self-check.js``, and the answers are kept there by ``course-progress.js``. Here is the
list of chapters for the page "Your progress": without scripts it still says where the questions are.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import nbformat
from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from contents import CHAPTER

QUESTION = re.compile(r'^<div class="self-check" id="check-[\w-]+">$', re.M)


@cache
def count(path: Path, changed: int) -> int:
    """Number of questions in a notebook; ``changed`` is its time of change."""
    cells = nbformat.read(path, as_version=4).cells
    return sum(len(QUESTION.findall(cell.source)) for cell in cells if cell.cell_type == "markdown")


def lines(counts: dict[str, int]) -> list[str]:
    """The list of chapters in MyST, with the number of questions in each."""
    return [
        ":::{container} progress-list",
        *(f"1. {{doc}}`/{name}`, {number} questions" for name, number in counts.items()),
        ":::",
    ]


class ProgressList(SphinxDirective):
    """All chapters in order, each with the number of its questions."""

    def run(self) -> list[nodes.Node]:
        counts = {}
        for name in sorted(filter(CHAPTER.fullmatch, self.env.found_docs)):
            path = Path(self.env.doc2path(name))
            self.env.note_dependency(str(path))
            counts[name] = count(path, path.stat().st_mtime_ns)
        holder = nodes.Element()
        text = StringList(lines(counts), source=self.get_source_info()[0])
        self.state.nested_parse(text, self.content_offset, holder)
        return list(holder.children)


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_directive("progress-list", ProgressList)
    app.add_css_file("self-check.css")
    app.add_js_file("course-progress.js", loading_method="defer")
    app.add_js_file("self-check.js", loading_method="defer")  # stands on the script before it
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
