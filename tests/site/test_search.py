"""The search of the built site, by its own scripts: symbols, numbers and names find their page first."""

import json

import pytest
from py_mini_racer import MiniRacer

pytestmark = pytest.mark.site

#: As much of a page as the script asks for while it looks things up.
PAGE = """
globalThis.window = globalThis;
globalThis.document = {readyState: "complete", addEventListener() {}, getElementById: () => null,
  querySelector: () => null, documentElement: {dataset: {content_root: "./"}}};
globalThis.DOCUMENTATION_OPTIONS = {FILE_SUFFIX: ".html", LINK_SUFFIX: ".html", BUILDER: "html"};
globalThis.SPHINX_HIGHLIGHT_ENABLED = false;
globalThis._ready = () => {};
globalThis._ = word => word;
"""
#: The script takes results from the end of its list.
LOOK = """(query => JSON.stringify(Search._performSearch(...Search._parseQuery(query)).reverse()
  .slice(0, 5).map(([page, title, anchor]) => page + anchor)))"""


@pytest.fixture(scope="module")
def look(site):
    with MiniRacer() as js:
        js.eval(PAGE)
        js.eval((site / "_static" / "language_data.js").read_text(encoding="utf8"))
        tools = (site / "_static" / "searchtools.js").read_text(encoding="utf8")
        js.eval(f"{tools}\nglobalThis.Search = Search;")
        js.eval((site / "searchindex.js").read_text(encoding="utf8"))
        yield lambda query: json.loads(js.eval(f"{LOOK}({json.dumps(query)})"))


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("f_t", "book/part1/02_six_equations#equation-eq-forget-gate"),
        ("W_f", "book/part1/02_six_equations#equation-eq-forget-gate"),
        ("C_tilde", "book/part1/02_six_equations#equation-eq-candidate"),
        ("2.6", "book/part1/02_six_equations#equation-eq-cell-state"),
        ("(2.6)", "book/part1/02_six_equations#equation-eq-cell-state"),
        ("eq-cell-state", "book/part1/02_six_equations#equation-eq-cell-state"),
    ],
)
def test_a_symbol_leads_to_the_equation_that_defines_it(look, query, first):
    assert look(query)[0] == first


@pytest.mark.parametrize(
    ("query", "page"),
    [
        ("cell_loss", "book/api/"),
        ("lstmlab.unroll", "book/api/"),
        ("peephole", "book/part3/10_peepholes_and_coupled_gates"),
        ("forget gate", "book/glossary#term-forget-gate"),
        ("BPTT", "book/glossary#term-BPTT"),
        ("n_h", "book/notation"),
    ],
)
def test_a_name_is_among_the_first_five(look, query, page):
    assert any(found.startswith(page) for found in look(query)), look(query)


def test_nonsense_finds_nothing(look):
    assert look("qqqxyzzy") == []
