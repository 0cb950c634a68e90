"""The panel under an equation: the function and the tests that the ledger of equations knows, as they are."""

import ast
import copy
import itertools
import json
import re
from pathlib import Path

import notebooks as book
from bs4 import BeautifulSoup
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace, patch_docutils
from test_equations import BOOK, CODE, marked_in

import panels
import tested_code
from course import Repository

INDEX = tested_code.read(book.ROOT)


def names_of_tests():
    """Label -> the tests marked with it, read on another way than the extension's."""
    found = {}
    for path in sorted((book.ROOT / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf8"))):
            if isinstance(node, ast.FunctionDef):
                for label in marked_in(node):
                    found.setdefault(label, set()).add(f"{path.name}::{node.name}")
    return found


def test_each_equation_has_its_function_and_its_tests():
    assert INDEX.function.keys() == BOOK.keys() == INDEX.tests.keys()
    functions = {
        label: f"{code.path}:{code.name.rpartition('.')[2]}" for label, code in INDEX.function.items()
    }
    assert functions == {label: place for label, (place,) in CODE.items()}
    assert {label: {code.test for code in codes} for label, codes in INDEX.tests.items()} == names_of_tests()


def test_a_panel_names_what_the_index_knows():
    repository = Repository("github", "https://github.com", "someone/course", "main")
    for label in BOOK:
        made = panels.panel(label, INDEX, "book/any", repository)
        codes = list(made.findall(panels.panel_code))
        assert INDEX.function[label].name in made.astext()
        assert codes[0]["text"] == INDEX.function[label].text
        assert [code["test"] for code in codes[1:]] == [test.test for test in INDEX.tests[label]]
        assert all(code["link"].startswith("https://github.com/someone/course/blob/") for code in codes[1:])


def meaning(node):
    """A program without its docstrings, marks, layout and comments."""
    node = copy.deepcopy(node)
    for part in ast.walk(node):
        if isinstance(part, ast.FunctionDef | ast.ClassDef):
            part.decorator_list = [mark for mark in part.decorator_list if not list(marked_in(mark))]
            if ast.get_docstring(part) and len(part.body) > 1:
                del part.body[0]
    return ast.dump(node)


def test_what_is_shown_is_what_is_tested():
    """The lines mean the same as those in the file, whatever was left out of them."""
    every = {code for codes in ([*INDEX.function.values()], *INDEX.tests.values()) for code in codes}
    for path, codes in itertools.groupby(sorted(every, key=lambda code: code.path), lambda code: code.path):
        tree = ast.parse((book.ROOT / path).read_text(encoding="utf8"))
        defined = {n.lineno: n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.ClassDef)}
        for code in codes:
            (shown,) = ast.parse(code.text).body
            assert meaning(shown) == meaning(defined[code.line]), code.name


def test_colours_change_no_letter():
    for code in [*INDEX.function.values()][::20]:
        plain = BeautifulSoup(tested_code.highlighted(code.text), "html.parser").get_text()
        assert plain.strip() == code.text.strip()


PACKAGE = '''\
class Cell:
    def step(self):
        """One step.

        Implements :eq:`eq-dStep`.
        """
        return "<1>"
'''
TESTS = """\
import pytest


@pytest.mark.equation(*("eq-dStep",))
@pytest.mark.parametrize("n", [1])
def test_step(n):
    assert n
"""
PAGE = """\
# Page

$$
a = b
$$ (eq-dStep)

$$
c = d
$$ (eq-without)

{eq}`eq-dStep`
"""


def test_a_page_with_a_panel(tmp_path, monkeypatch):
    """Built by Sphinx: number, function, source and test; nothing under an equation without them."""
    for name in ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY"):
        monkeypatch.delenv(name, raising=False)
    other = "---\norphan: true\n---\n# Other\n\n{eq}`eq-dStep`\n"
    for path, text in {
        "index.md": PAGE,
        "other.md": other,
        "lstmlab/cell.py": PACKAGE,
        "tests/test_cell.py": TESTS,
    }.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf8")
    monkeypatch.setattr("panels._function", lambda code, *_: [panels.nodes.literal("", code.name)])
    settings = {
        "extensions": ["myst_parser", "panels", "previews", "formulas"],
        "myst_enable_extensions": ["dollarmath"],
        "html_theme": "basic",
        "html_math_renderer": "typeset",
        "html_static_path": [],
        "ogp_social_cards": {"enable": False},
    }
    with patch_docutils(), docutils_namespace():
        app = Sphinx(tmp_path, None, tmp_path / "out", tmp_path / "trees", "html", settings, status=None)
        app.build()
    page = BeautifulSoup((tmp_path / "out" / "index.html").read_text(encoding="utf8"), "html.parser")
    (made,) = page.select("details.equation-panel")
    number = page.select_one("#equation-eq-dstep .eqno").get_text().strip("()¶#")
    assert made.summary.get_text() == f"Equation ({number}): code and test"
    assert made.find_previous("div")["id"] == "equation-eq-dstep"
    assert made.p.get_text() == "lstmlab.cell.Cell.step"
    function, test = (code.get_text() for code in made.select("pre"))
    assert function == 'def step(self):\n    return "<1>"\n'
    assert test == '@pytest.mark.parametrize("n", [1])\ndef test_step(n):\n    assert n\n'
    assert made.details.summary.get_text() == "test_cell.py::test_step"
    script = (tmp_path / "out" / "_static" / "previews" / "index.js").read_text(encoding="utf8")
    data = json.loads(script.partition(" = ")[2].rstrip(";\n"))
    assert data["page"] == "Page"
    assert data["shown"].keys() == {"equation-eq-dstep", "equation-eq-without"}
    (math,) = page.select("#equation-eq-dstep math")
    assert math.get_text() == "a=b"
    assert str(math) in data["shown"]["equation-eq-dstep"], "what stands on the page"


def test_the_script_of_the_previews_is_small_and_asks_for_nothing():
    script = Path(book.ROOT / "book" / "static" / "previews.js").read_text(encoding="utf8")
    assert len(script.encode()) < 10_000
    assert not re.search(r"https?:|\bimport\b|fetch\(|eval\(|XMLHttp|Storage", script)
