"""The plain copies of the chapters: nothing of MyST is left, nothing else is lost."""

import re
from dataclasses import replace
from pathlib import Path

import nbformat
import pytest

import lab
from contents import equations
from course import Repository
from environment import ROOT
from myst_scan import directive, scan
from outside import BRANCH, beside, lead_to_copies, pushed_branch, setup_cell
from plain import CUSTOM, Converter, Place, UnknownMystError, file_name
from plain_labels import Labels, Target, read, shown, stored
from plain_notebook import plain

BASE = "https://example.org/course/"
REPOSITORY = Repository("github", "https://github.com", "someone/course", "main")
LINK = re.compile(r"\]\((?P<address>[^()\s]*(?:\([^()\s]*\)[^()\s]*)*)\)")
#: What may stand in a plain notebook of all that the scan finds.
PLAIN = {"heading", "math", "math line", "link", "html"}


@pytest.fixture(scope="module")
def labels():
    return read(ROOT)


@pytest.fixture(scope="module")
def copies(labels):
    """Every copy as ``make lab`` makes it, by its file's name."""
    place = replace(lab.PLACE, beside=frozenset(beside(labels)))
    return {file_name(document): plain(labels, document, place) for document in beside(labels)}


def texts(notebook):
    return [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]


def outputs_of(notebook):
    return [output for cell in notebook.cells for output in cell.get("outputs", [])]


def without_code(text):
    return re.sub(r"(`+).*?\1", "", text, flags=re.S)


def test_nothing_of_myst_is_left(copies):
    assert len(copies) >= 26
    for name, notebook in copies.items():
        for text in texts(notebook):
            left = [find for find in scan(text) if find.kind not in PLAIN]
            assert not left, f"{name}: {left}"
            assert not re.search(r"\{[\w:]+\}`|^\s*[`:]{3,}\{|^\s*:{3,}|^\([\w-]+\)=", text, re.M), name
            assert not CUSTOM.search(without_code(text)), f"{name}: an element only the site knows"


def test_every_link_leads_somewhere(copies):
    ids = {name: set(re.findall(r'<a id="([^"]+)">', "\n".join(texts(nb)))) for name, nb in copies.items()}
    count = 0
    for name, notebook in copies.items():
        for address in LINK.findall("\n".join(map(without_code, texts(notebook)))):
            count += 1
            path, _, label = address.partition("#")
            if re.match("https?://|data:", address):
                continue
            if path.startswith(".."):
                assert (lab.LAB / "chapters" / path).resolve().is_file(), f"{name}: {address}"
                continue
            assert path in ("", *copies), f"{name}: {address}"
            assert not label or label in ids[path or name], f"{name}: {address}"
    assert count > 500


def test_the_equations_carry_the_numbers_of_the_site(labels, copies):
    """That the labels' numbers are those of the site is asked where the site is built."""
    for document in labels.chapters:
        wanted = [t.words.strip("()") for t in labels.equations.values() if t.document == document]
        text = "\n".join(texts(copies[file_name(document)]))
        assert re.findall(r"\\tag\{([\d.]+)\}", text) == wanted


def test_the_parser_finds_the_labels_that_the_pattern_finds(labels):
    assert set(labels.equations) == set(equations(ROOT))


def test_the_code_is_the_same_and_the_figures_have_their_captions(labels, copies):
    for document in labels.chapters:
        before = nbformat.read(stored(ROOT, document), as_version=4)
        after = copies[file_name(document)]
        nbformat.validate(after)
        code = [[c.source for c in nb.cells if c.cell_type == "code"] for nb in (before, after)]
        assert code[0] == code[1]
        figures = [t.words for t in labels.figures.values() if t.document == document]
        assert (
            re.findall(r"^<a id=[^>]+></a>\*\*(Fig\. [\d.]+)\.\*\*", "\n".join(texts(after)), re.M) == figures
        )
        images = [
            sum(
                "image/png" in output.get("data", {})
                for cell in nb.cells
                for output in cell.get("outputs", [])
            )
            for nb in (before, after)
        ]
        assert images[0] == images[1]


def test_a_title_says_the_number_of_its_chapter(labels, copies):
    for document, number in labels.numbers.items():
        first = copies[file_name(document)].cells[0].source
        assert re.search(rf"^# {number}\. {re.escape(labels.titles[document])}$", first, re.M)


def test_solutions_are_folded(copies):
    cells = copies["06_gradient_flow.ipynb"].cells
    start = next(i for i, cell in enumerate(cells) if "Solution to Exercise 6.1" in cell.source)
    assert cells[start].source.startswith("<details>")
    assert cells[start + 1].cell_type == "code"
    assert cells[start + 1].metadata.jupyter == {"source_hidden": True, "outputs_hidden": True}


def test_with_the_site_s_address_every_link_to_another_page_leads_to_the_site(labels):
    notebook = plain(labels, "book/part2/06_gradient_flow", Place(base=BASE, setup="pass"))
    assert f"[(2.6)]({BASE}book/part1/02_six_equations.html#equation-eq-cell-state)" in "\n".join(
        texts(notebook)
    )
    assert next(c.source for c in notebook.cells if c.cell_type == "code") == "pass"
    addresses = LINK.findall("\n".join(map(without_code, texts(notebook))))
    assert all(address.startswith(("#", "https://")) for address in addresses)


def test_a_download_without_an_address_has_no_dead_links(labels):
    notebook = plain(labels, "book/part2/06_gradient_flow", Place())
    addresses = LINK.findall("\n".join(map(without_code, texts(notebook))))
    assert all(address.startswith(("#", "https://")) for address in addresses)
    assert "of an LSTM step" in "\n".join(texts(notebook))


# --- single constructs ------------------------------------------------------------------------------


@pytest.fixture
def convert():
    labels = Labels(ROOT, titles={"book/a": "Page A", "book/b": "Page B"})
    labels.equations["eq-a"] = Target("book/a", "equation-eq-a", "(3.2)")
    labels.places["ex-a"] = Target("book/a", "ex-a", "Exercise 3.1", "A latch")
    labels.terms["gate"] = Target("book/glossary", "term-gate", "gate")
    return Converter(labels, "book/a", Place(), {"x": "0.126", "y": "'7'"}).text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("see {eq}`eq-a`.", "see [(3.2)](#eq-a)."),
        ("{eq}`that one <eq-a>`", "[that one](#eq-a)"),
        ("`{eq}`eq-a``", "`{eq}`eq-a``"),
        ("the {term}`gates\n<gate>` open", "the gates open"),
        ("{doc}`b` and {doc}`the other <b>`", "Page B and the other"),
        ("{glue:text}`x:.2f` of {glue:text}`y`", "0.13 of 7"),
        ("{ref}`it <ex-a>`", "[it](#ex-a)"),
        (
            "| a | b |\n|---|---|\n| $x$ | {eq}`eq-a`, {eq}`eq-a` |",
            "| a | b |\n|---|---|\n| $x$ | [(3.2)](#eq-a), [(3.2)](#eq-a) |",
        ),
        (
            "- item\n\n  $$\n  x\n  $$ (eq-a)\n\n  more",
            '- item\n\n  <a id="eq-a"></a>\n\n  $$\n  x\n  \\tag{3.2}\n  $$\n\n  more',
        ),
        (
            ":::{note}\nx $a\n+b$\n\n$$\ny\n$$ (eq-a)\n:::",
            '> **Note**\n>\n> x $a +b$\n>\n> <a id="eq-a"></a>\n>\n> $$ y \\tag{3.2} $$',
        ),
        (
            "text\n```{admonition} T\n:class: dropdown\nx\n```\nmore",
            "text\n\n<details><summary><b>T</b></summary>\n\nx\n\n</details>\n\nmore",
        ),
        (
            "::::{exercise} A latch\n:label: ex-a\n:::{hint}\nh\n:::\n::::",
            '<a id="ex-a"></a>\n\n> **Exercise 3.1 (A latch)**\n>\n> > **Hint**\n> >\n> > h',
        ),
        ("(here)=\n% a comment\n## Title", '<a id="here"></a>\n\n## Title'),
        ("<lstm-x>\n<p>Words.</p>\n</lstm-x>", "<p>Words.</p>"),
        ("$$\na \\\\ b\n$$", "$$\n\\begin{split}\na \\\\ b\n\\end{split}\n$$"),
        ("$$\n\\begin{aligned}a \\\\ b\\end{aligned}\n$$", "$$\n\\begin{aligned}a \\\\ b\\end{aligned}\n$$"),
        ("```python\n# {eq}`eq-a`\n```", "```python\n# {eq}`eq-a`\n```"),
        ("[b {eq}`eq-a`](b.md)", "b [(3.2)](#eq-a)"),
    ],
)
def test_single_constructs(convert, text, expected):
    assert convert(text).strip() == expected


@pytest.mark.parametrize(
    "text", [":::{nonsense}\n:::", "{nonsense}`x`", "{eq}`not-there`", "{{ x }}", "word\n: its meaning"]
)
def test_what_has_no_plain_form_is_an_error(convert, text):
    with pytest.raises(UnknownMystError, match="book/a"):
        convert(text)


def test_options_of_a_directive():
    assert directive("{a} b", "---\nname: x\n---\nbody").options == {"name": "x"}
    assert shown("3.14159", ".1f") == "3.1"


# --- where the copies go ----------------------------------------------------------------------------


def test_a_copy_that_was_worked_on_is_left_alone(tmp_path):
    assert lab.write(tmp_path, {"a.ipynb": "one", "b.ipynb": "one"}) == []
    (tmp_path / "a.ipynb").write_text("mine", encoding="utf8")
    assert lab.write(tmp_path, {"a.ipynb": "two", "b.ipynb": "two"}) == ["a.ipynb"]
    assert (tmp_path / "a.ipynb").read_text(encoding="utf8") == "mine"
    assert (tmp_path / "b.ipynb").read_text(encoding="utf8") == "two"


def test_the_branch_for_colab_is_known_or_there_is_no_button():
    assert pushed_branch({}, lambda *args: "") == ""
    assert pushed_branch({}, lambda *args: "1234") == BRANCH
    assert pushed_branch({"LSTMLAB_NOTEBOOKS_BRANCH": "copies"}, lambda *args: "") == "copies"


@pytest.mark.parametrize(("branch", "count"), [("", 1), ("notebooks", 2)])
def test_buttons_open_the_copies(branch, count):
    class App:
        class config:  # noqa: N801
            course_repository, course_notebooks = REPOSITORY, branch

        class env:  # noqa: N801
            @staticmethod
            def doc2path(name):
                return f"{name}.ipynb"

    old = [{"url": REPOSITORY.binder("book/x.ipynb")}, {"url": REPOSITORY.colab("book/x.ipynb")}]
    context = {"header_buttons": [{"buttons": old}]}
    lead_to_copies(App, "book/part1/03_gates", "", context, None)
    urls = [button["url"] for button in context["header_buttons"][0]["buttons"]]
    assert len(urls) == count
    assert urls[0].endswith("lab/tree/lab/chapters/03_gates.ipynb")
    assert urls[1:] in (
        [],
        ["https://colab.research.google.com/github/someone/course/blob/notebooks/03_gates.ipynb"],
    )


def test_colab_is_told_where_the_course_is():
    cell = setup_cell(REPOSITORY, "book/part4/16_language_models")
    assert "git clone --quiet --depth 1 https://github.com/someone/course" in cell
    assert "/content/course/book/part4" in cell
    assert setup_cell(None, "book/part4/16_language_models") == ""


def test_binder_makes_the_copies():
    script = Path(ROOT / "postBuild").read_text(encoding="utf8")
    assert "python tools/lab.py --no-start" in script
