"""The rules that every notebook of the course keeps."""

import re

import nbformat
import notebooks as book
import pytest
from markdown_it import MarkdownIt
from notebooks import CHAPTERS

from execute import KERNEL, as_text

LONGEST_CELL = 14
#: A number with two or more digits after the point looks measured: it must come from the code.
DECIMAL = re.compile(r"(?<![\w.])\d+[.,]\d{2,}(?![\w.]|\s*%)|(?<![\w.])\d+\.\d+\s*%")
BARE_FLOAT = re.compile(r"\d\.\d{13,}")

every_notebook = pytest.mark.parametrize("path", CHAPTERS, ids=book.name)
every_chapter = pytest.mark.parametrize("path", CHAPTERS, ids=book.name)


def code_cells(path):
    return [cell for cell in book.read(path).cells if cell.cell_type == "code"]


def test_the_table_of_contents_and_the_folder_agree():
    listed = [file for file in book.toc() if (book.ROOT / f"{file}.ipynb").exists()]
    stored = [path.relative_to(book.ROOT).with_suffix("").as_posix() for path in CHAPTERS]
    assert sorted(listed) == stored
    assert all((book.ROOT / f"{file}.md").exists() or file in listed for file in book.toc())


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("It keeps 0.37 of it.", ["0.37"]),
        ("It keeps 36.8 % of it.", ["36.8 %"]),
        ("It keeps 0.5, version 1.2 of chapter 3.", []),
        ("Formula $0.37$, code `0.37`, {glue:text}`share:.2f`, [link](a/0.37/b).", []),
        ("```python\nx = 0.37\n```\n", []),
        ("```{admonition} Say 0.37\n:class: tip-0.37\nand 0.38 again\n```\n", ["0.37", "0.38"]),
        ("::::{exercise}\n:label: x\n:::{tip}\n0.37\n:::\n::::\n", ["0.37"]),
        ("$$\n0.37\n$$ (eq-x)\nand 10.25", ["10.25"]),
    ],
)
def test_the_search_for_decimals_finds_prose_only(text, found):
    assert DECIMAL.findall(book.prose(text)) == found


@every_notebook
def test_no_measured_number_is_typed_by_hand(path):
    found = DECIMAL.findall(book.prose(book.markdown(path)))
    assert not found, f"use glue, or assert the number in a cell: {found}"


def jumps(text):
    """The lists in a text whose numbers are not one after the other: a page counts on from the first."""
    lists, found = [], []
    for token in MarkdownIt().parse(text):
        if token.type == "ordered_list_open":
            lists.append([])
        elif token.type == "list_item_open" and token.info:
            lists[-1].append(int(token.info))
        elif token.type == "ordered_list_close":
            numbers = lists.pop()
            found += [numbers] if numbers != [numbers[0] + k for k in range(len(numbers))] else []
    return found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("1. a\n2. b\n\nc\n\n4. d\n5. e", []),
        ("1. a\n2. b\n4. d", [[1, 2, 4]]),
        ("1. a\n   1. b\n   3. c\n\n2. d\n\n- e", [[1, 3]]),
    ],
)
def test_the_search_for_jumps_finds_lists(text, found):
    assert jumps(text) == found


@every_notebook
def test_the_numbers_of_a_list_are_those_that_the_page_shows(path):
    cells = [cell.source for cell in book.read(path).cells if cell.cell_type == "markdown"]
    assert not [found for source in cells for found in jumps(source)]


@every_notebook
def test_stored_as_the_tool_stores_it(path):
    nb = book.read(path)
    nbformat.validate(nb)
    assert path.read_text(encoding="utf8") == as_text(nb), "run tools/execute.py"
    assert dict(nb.metadata.kernelspec) == KERNEL
    assert "language_info" not in nb.metadata
    ids = [cell.id for cell in nb.cells]
    assert len(ids) == len(set(ids))


@every_notebook
def test_executed_from_top_to_bottom_without_error(path):
    cells = [cell for cell in code_cells(path) if "skip-execution" not in cell.metadata.get("tags", [])]
    assert cells
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1)), "run tools/execute.py"
    for cell in cells:
        assert "execution" not in cell.metadata, "timings are stored: run tools/execute.py"
        for output in cell.outputs:
            raises = "raises-exception" in cell.metadata.get("tags", [])
            assert output.output_type != "error" or raises, cell.source
            assert output.get("name") != "stderr", f"a warning would stand on the page: {output.text}"


@every_notebook
def test_nothing_is_printed_that_differs_between_machines(path):
    for cell in code_cells(path):
        for output in cell.outputs:
            text = output.get("text", "") + str(output.get("data", {}).get("text/plain", ""))
            assert not BARE_FLOAT.search(text), f"round it: {text[:200]}"
            assert not re.search(r"0x[0-9a-f]{6,}", text), f"an address in memory: {text[:200]}"
            assert "/site-packages/" not in text, f"a path of one machine: {text[:200]}"


@every_notebook
def test_cells_are_short(path):
    too_long = [
        (len(lines), lines[0])
        for cell in code_cells(path)
        if len(lines := cell.source.strip().splitlines()) > LONGEST_CELL
    ]
    assert not too_long


@every_chapter
def test_the_first_cell_is_the_same_everywhere(path):
    source = code_cells(path)[0].source
    for line in (
        r"import numpy as np",
        r"import lstmlab as ll",
        r"from lstmlab import (.*, )?xp",
        r"ll\.plots\.use_style\(\)",
    ):
        assert re.search(rf"^{line}$", source, re.M), f"missing in the first cell: {line}"


@every_notebook
def test_every_figure_says_its_conclusion(path):
    for cell in code_cells(path):
        if not any(mime.startswith("image/") for output in cell.outputs for mime in output.get("data", {})):
            continue
        options = cell.metadata.get("mystnb", {})
        alt = options.get("image", {}).get("alt", "")
        figure = options.get("figure", {})
        start = cell.source.splitlines()[0]
        assert len(alt) > 20, f"no alt text: {start}"
        assert figure.get("name", "").startswith("fig-"), f"the figure has no name: {start}"
        assert len(figure.get("caption", "")) > 20, f"no caption: {start}"
        assert alt.strip() != figure["caption"].strip(), f"alt text repeats the caption: {start}"
        assert not re.match(
            r"\S+\.(png|svg|jpe?g)|(a |an |the )?(image|picture|plot|figure) of", alt, re.I
        ), alt


@every_chapter
def test_the_shape_of_a_chapter(path):
    cells = book.read(path).cells
    assert cells[0].cell_type == "markdown"
    assert re.search(r"^# \S", cells[0].source, re.M), "the first cell holds the title"
    opening = "\n".join(cell.source for cell in cells[:3] if cell.cell_type == "markdown")
    assert re.search(r"\{admonition\}", opening), "no opening box"
    for words in ("will be able to", "You need", "Time"):
        assert words in opening, f"the opening does not say: {words}"
    headings = re.findall(r"^## (.+?)\s*$", book.markdown(path), re.M)
    assert [heading.rstrip("s") for heading in headings[-3:]] == ["Summary", "Exercise", "Further reading"]


@every_chapter
def test_the_exercise_has_a_solution_that_asserts(path):
    cells = book.read(path).cells
    text = book.markdown(path)
    assert re.search(r"\{exercise(-start)?\}", text)
    assert re.search(r"\{solution(-start)?\}", text)
    start = next(i for i, cell in enumerate(cells) if re.search(r"^## Exercises?\s*$", cell.source, re.M))
    solution = [cell.source for cell in cells[start:] if cell.cell_type == "code"]
    assert any(re.search(r"^\s*assert ", source, re.M) for source in solution)


@every_notebook
def test_every_cell_that_claims_is_checked(path):
    """A chapter asserts in its cells; a picture alone proves nothing."""
    sources = "\n".join(cell.source for cell in code_cells(path))
    assert len(re.findall(r"^\s*(assert |np\.testing\.)", sources, re.M)) >= 3


@every_notebook
def test_figures_end_with_show(path):
    for cell in code_cells(path):
        if any("image/png" in output.get("data", {}) for output in cell.outputs):
            assert cell.source.rstrip().splitlines()[-1].strip() == "plt.show()", cell.source
