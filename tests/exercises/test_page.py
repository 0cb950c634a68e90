"""The page about the exercises and the README's list are made from the sources, and fresh."""

from pathlib import Path

import pytest

from exercises import make, page
from exercises.source import find, names


@pytest.mark.parametrize("path", list(page.pages()), ids=lambda path: path.name)
def test_the_pages_are_fresh(path):
    assert path.read_text(encoding="utf8") == page.pages()[path], "run python -m exercises.make"


def test_the_page_names_every_exercise_and_its_chapter():
    text = page.page()
    for name in names():
        exercise = find(name)
        section = text[text.index(f"(graded-{name})=") :].split("\n(", 2)[0]
        assert exercise.title in section
        assert f"../exercises/{name}.ipynb" in section
        assert f"{exercise.minutes} minutes" in section
        assert all(part.title in section for part in exercise.parts)


def test_the_page_lists_every_practice_question_with_its_solution():
    text = page.page()
    for path in page.chapters().values():
        cells = "\n".join(page.text_of(path))
        labels = page.LABEL.findall(cells)
        assert labels, f"{path.name} has no question"
        for label in labels:
            assert f"{{ref}}`{label}`" in text
            assert f"{{solution-start}} {label}" in cells or f"{{solution}} {label}" in cells


def test_a_stale_page_is_told_and_renewed(tmp_path, capsys):
    path = tmp_path / "folder" / "page.md"
    assert make.renew(path, "new", only_look=True)
    assert not path.exists()
    assert make.renew(path, "new", only_look=False)
    assert not make.renew(path, "new", only_look=True)
    assert path.read_text(encoding="utf8") == "new"
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == [
        "stale",
        "written",
        "unchanged",
    ]


def test_a_chapter_without_a_heading_is_refused(tmp_path):
    path = Path(tmp_path / "01_nothing.ipynb")
    path.write_text('{"cells": [{"cell_type": "markdown", "source": ["words"]}]}', encoding="utf8")
    with pytest.raises(ValueError, match="expected a heading"):
        page.chapter_title(path)


@pytest.mark.parametrize("name", names())
def test_each_chapter_names_its_exercise(name):
    chapter = page.chapters()[int(find(name).chapter)]
    assert f"<graded-{name}>`" in "\n".join(page.text_of(chapter)), f"{chapter.name} does not name {name}"
