"""Nothing on the published site reveals a graded solution."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from exercises.author import Part
from exercises.source import BEGIN, END, Exercise, find, names, role

pytestmark = pytest.mark.site
WINDOW = 4  # so many lines of a solution in a row: single equations stand in the chapters, rightly
TEXT = {".html", ".js", ".json", ".ipynb", ".txt", ".xml", ".md", ".py", ".inv"}


def squeezed(text: str) -> str:
    """Drop what layout and highlighting add: white space of every kind."""
    return re.sub(r"\s+", "", text)


@pytest.fixture(scope="module")
def published(site: Path) -> dict[str, str]:
    """Every text of the site without tags, entities, escapes and white space."""
    found = {}
    for path in sorted(site.rglob("*")):
        if path.suffix not in TEXT or "mathjax" in path.parts:
            continue
        text = path.read_bytes().decode("utf8", "replace")
        if path.suffix == ".html":
            text = html.unescape(re.sub(r"<[^>]*>", "", text))
        if path.suffix in (".json", ".ipynb"):
            text = text.replace("\\n", "").replace('",', "").replace('\\"', "'").replace('"', "")
        found[str(path.relative_to(site))] = squeezed(text).replace('"', "'")
    return found


def code(part: Part, exercise: Exercise) -> Iterator[str]:
    """Yield every few lines in a row of a part's solution."""
    text = exercise.solution(part.number)
    lines = [line for line in text[text.index(BEGIN) : text.index(END)].splitlines()[1:] if line.strip()]
    for k in range(len(lines) - WINDOW + 1):
        yield "\n".join(lines[k : k + WINDOW])


def words(exercise: Exercise) -> Iterator[str]:
    """Yield the sentences that only the grader and the author know."""
    for cell in exercise.cells:
        if role(cell) == "answer":
            yield from cell.text.splitlines()
    for part in exercise.parts:
        yield from part.hints
        yield from (mistake.says for mistake in part.mistakes)


def secrets(exercise: Exercise) -> list[str]:
    found = [text for part in exercise.parts for text in code(part, exercise)]
    found += [text for text in words(exercise) if len(text.split()) >= 6]
    return [squeezed(text).replace('"', "'") for text in found]


@pytest.mark.parametrize("name", names())
def test_nothing_on_the_site_reveals_a_graded_solution(published, name):
    hidden = secrets(find(name))
    assert len(hidden) > 20
    told = [(page, text) for page, content in published.items() for text in hidden if text in content]
    # the one message that the exercises' page shows in full, as an example
    told = [pair for pair in told if not ("book/exercises" in pair[0] and "swapped" in pair[1])]
    assert not told, told[:3]


def test_the_search_would_find_one(published):
    """What is public is found by the same search: a sentence of a statement, in the notebook handed out."""
    copies = [text for page, text in published.items() if page.startswith("_downloads/")]
    for name in names():
        statement = next(cell.text for cell in find(name).cells if role(cell) == "text")
        opening = squeezed(statement.split("\n\n")[1]).replace('"', "'")
        assert any(opening in copy for copy in copies), name


def test_the_grader_and_the_sources_are_not_published(site):
    names_of_files = {path.name for path in site.rglob("*")}
    assert not {f"{name}.md" for name in names()} & names_of_files
    assert not {"judge.py", "grade.py", "sealed.py"} & names_of_files
