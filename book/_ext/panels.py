"""From an equation to its code, its tests and the ledger: a folded panel under each labelled equation.

The panel is a ``<details>``: it opens with a click or with the Enter key and needs no script. What it shows
is cut from the files of the package and of the tests while the site is built (``tested_code.py``).
"""

from __future__ import annotations

import html
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.util.math import get_node_equation_number

import claims
import tested_code
from course import Repository
from tested_code import Code


class equation_panel(nodes.General, nodes.Element):  # type: ignore[misc]  # noqa: N801 - as docutils names them
    """Everything that stands in the panel; ``label`` names the equation."""


class panel_code(nodes.General, nodes.Element):  # type: ignore[misc]  # noqa: N801
    """Lines of code, with the name of the test if they are folded once more.

    Not a ``literal_block``: search would find each word of the code a second time.
    """


def source_link(repository: Repository | None, code: Code) -> str:
    """Return the address of the lines in the repository, or ``""`` where it is not known.

    >>> code = Code("lstmlab.functions.sigmoid", "lstmlab/functions.py", 9, "")
    >>> source_link(Repository("github", "https://github.com", "someone/course", "main"), code)
    'https://github.com/someone/course/blob/main/lstmlab/functions.py#L9'
    >>> source_link(None, code)
    ''
    """
    if repository is None:
        return ""
    forms = {"github": "blob/{}/{}#L{}", "gitlab": "-/blob/{}/{}#L{}", "bitbucket": "src/{}/{}#lines-{}"}
    rest = forms[repository.provider].format(repository.branch, code.path, code.line)
    return f"{repository.url}/{rest}"


def panel(
    label: str, index: tested_code.Index, document: str, repository: Repository | None
) -> nodes.Element:
    """Make the panel of an equation that has a function and a test."""
    function, tests = index.function[label], index.tests[label]
    made = equation_panel("", label=label)
    made += nodes.paragraph("", "", *_function(function, document, repository))
    made += panel_code("", text=function.text)
    made += nodes.paragraph("", "Tested by" if len(tests) == 1 else f"Tested by {len(tests)} tests")
    for test in tests:
        made += panel_code("", text=test.text, test=test.test, link=source_link(repository, test))
    rows = [claim for claim in claims.load().claims if label in claim.label]
    if rows:
        made += nodes.paragraph("", "", *_ledger(rows, document))
    return made


def _function(code: Code, document: str, repository: Repository | None) -> Iterator[nodes.Node]:
    """Name the function: a link to its description if it has one, and to its lines if they can be read."""
    name = nodes.literal("", code.name)
    if any(part.startswith("_") for part in code.name.split(".")):
        yield name
    else:
        options = {"refdomain": "py", "reftype": "obj", "refexplicit": True, "refwarn": True}
        yield pending_xref("", name, reftarget=code.name, refdoc=document, **options)
    address = source_link(repository, code)
    if address:
        yield nodes.Text(", ")
        yield nodes.reference("", f"line {code.line}", refuri=address)


def _ledger(rows: list[claims.Claim], document: str) -> Iterator[nodes.Node]:
    """Name the rows of the ledger and say of each whether the notes are right there."""
    yield nodes.Text("In the ledger: ")
    for place, row in enumerate(rows):
        yield nodes.Text("; claim " if place else "claim ")
        yield claims.link(row, document)
        yield nodes.Text(f", {claims.VERDICTS[row.verdict]}")


def add_panels(app: Sphinx, doctree: nodes.document) -> None:
    """Put a panel under each equation that the package implements and the tests know."""
    index = tested_code.read(Path(app.srcdir))
    for formula in list(doctree.findall(nodes.math_block)):
        label = formula.get("label")
        if label in index.function and label in index.tests:
            made = panel(label, index, app.env.docname, app.config.course_repository)
            formula.parent.insert(formula.parent.index(formula) + 1, made)
            for code in (index.function[label], *index.tests[label]):
                app.env.note_dependency(str(Path(app.srcdir) / code.path))


# ---------------------------------------------------------------------------------------------------
# As HTML
# ---------------------------------------------------------------------------------------------------


def open_panel(translator: Any, node: equation_panel) -> None:
    formula = node.parent[node.parent.index(node) - 1]
    number = get_node_equation_number(translator, formula)
    translator.body.append(
        f'<details class="equation-panel" id="code-of-{node["label"]}"><summary>'
        f'<span class="panel-of">Equation ({number}): </span>code and test</summary>\n'
    )


def close_panel(translator: Any, node: equation_panel) -> None:
    translator.body.append("</details>\n")


def write_code(translator: Any, node: panel_code) -> None:
    code = tested_code.highlighted(node["text"])
    if "test" in node:
        name = html.escape(node["test"])
        line = f'<a href="{html.escape(node["link"])}">in the repository</a>' if node["link"] else ""
        code = f"<details><summary><code>{name}</code></summary>{line}{code}</details>"
    translator.body.append(code)
    raise nodes.SkipNode


def skip(translator: Any, node: nodes.Element) -> None:
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, Any]:
    app.setup_extension("course")
    app.add_node(equation_panel, html=(open_panel, close_panel), latex=(skip, None), text=(skip, None))
    app.add_node(panel_code, html=(write_code, None), latex=(skip, None), text=(skip, None))
    app.add_css_file("reading.css")
    app.connect("doctree-read", add_panels)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
