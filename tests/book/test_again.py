"""A later build of the site reads the pages that changed, and leaves what a build from nothing would."""

import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

import again
import build
from environment import ROOT

CONTENTS = """\
format: jb-book
root: book/index
parts:
  - caption: Look up
    chapters:
      - file: book/notation
      - file: book/map
      - file: book/glossary
      - file: book/bibliography
  - caption: I The cell
    numbered: true
    chapters:
      - file: book/part1/01_first
      - file: book/part1/02_second
"""
PAGES = {
    "book/index.md": "# A short course\n\nIt has two chapters.\n",
    "book/notation.md": "# Notation\n\n| sign | is |\n|---|---|\n| $h_t$ | a state |\n",
    "book/map.md": "# The map\n\n:::{course-map} list\n:::\n",
    "book/glossary.md": "# Glossary\n\n:::{glossary}\nstate\n  What is kept.\n:::\n",
    "book/bibliography.md": "# Bibliography\n\n:::{bibliography}\n:::\n",
    "book/claims.yml": "sections: []\nclaims: []\nnew: {}\n",
}
FIRST = """\
(sec-first)=
# The first

**You need**: nothing.

$$
h_t = 2 h_{t-1}
$$ (eq-double)

:::{exercise} Twice
:label: ex-twice

Double it.
:::
"""
SECOND = """\
# The second

**You need**: chapter 1.

By {eq}`eq-double`, in {ref}`sec-first`, a {term}`state` {cite:p}`hochreiter1997long` is doubled:
{ref}`ex-twice` and {numref}`fig-01_first`.
"""
DOTS = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==",
)


def figure(name: str, dot: str) -> nbformat.NotebookNode:
    shown = new_output("display_data", {"image/png": dot, "text/plain": "a dot"})
    look = {"mystnb": {"figure": {"name": name, "caption": "A dot."}}}
    return new_code_cell("dot", id=name, outputs=[shown], metadata=look)


def change(path: Path, text: str) -> None:
    """Write a file if that changes it: Sphinx reads again what is newer than its page."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text(encoding="utf8") != text:
        path.write_text(text, encoding="utf8")


def write_chapter(root: Path, name: str, text: str, *dots: str) -> None:
    """Write a chapter: a text, and a figure for each dot, of which the last bears the chapter's name."""
    names = [f"fig-{name}", *(f"fig-{name}-{k}" for k in range(1, len(dots)))][::-1]
    figures = [figure(name, dot) for name, dot in zip(names, dots, strict=True)]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    cells = [new_markdown_cell(text, id="text"), *figures]
    notebook = new_notebook(cells=cells, metadata={"kernelspec": kernel})
    change(root / "book" / "part1" / f"{name}.ipynb", nbformat.writes(notebook))


class Course:
    """A course of two chapters with this one's settings, extensions and tools."""

    def __init__(self, root: Path) -> None:
        self.root, self.html = root, root / "_build" / "html"
        for folder in ("tools", "book/_ext", "book/static", "book/_templates"):
            shutil.copytree(ROOT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("_config.yml", "pyproject.toml", "constraints.txt", "book/references.bib"):
            shutil.copy2(ROOT / name, root / name)
        for folder in ("lstmlab", "tests", "exercises", "experiments"):
            (root / folder).mkdir()
        self.become()

    def become(self, first: str = FIRST, second: str = SECOND, dots: Sequence[str] = DOTS[:1]) -> None:
        """Write all pages."""
        for name, text in {**PAGES, "_toc.yml": CONTENTS}.items():
            change(self.root / name, text)
        write_chapter(self.root, "01_first", first, *dots)
        write_chapter(self.root, "02_second", second, DOTS[0])

    def build(self, *options: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "tools/build.py", *options]
        return subprocess.run(command, cwd=self.root, capture_output=True, text=True, check=False)

    def site(self, *options: str) -> dict[str, str]:
        """Build the site, which must succeed, and return the digest of each of its files."""
        done = self.build(*options)
        assert not done.returncode, done.stdout + done.stderr
        return self.digests()

    def digests(self) -> dict[str, str]:
        """Return the digest of each file of the site."""
        files = sorted(path for path in self.html.rglob("*") if path.is_file())
        return {
            path.relative_to(self.html).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in files
        }

    def page(self, name: str) -> str:
        return (self.html / "book" / f"{name}.html").read_text(encoding="utf8")


@pytest.fixture(scope="module")
def course(tmp_path_factory) -> Course:
    return Course(tmp_path_factory.mktemp("built") / "course")


@pytest.fixture
def going_on(course) -> Iterator[Course]:
    """The course, built from nothing; what the test builds goes on from there."""
    marker = course.root / "_build" / ".doctrees" / "kept"
    course.become()
    course.site("--fresh")
    marker.touch()
    yield course
    assert marker.exists()


def test_a_later_build_leaves_what_one_from_nothing_would(going_on):
    before = going_on.digests()
    pictures = {name for name in before if name.startswith("_images")}
    chapter = going_on.root / "book" / "part1" / "01_first.ipynb"
    age = chapter.stat().st_mtime - 100
    going_on.become(first=FIRST.replace("Double it", "Do it"), dots=DOTS[1:])
    os.utime(chapter, (age, age))  # as a copy from elsewhere may be
    after = going_on.site()
    new_pictures = {name for name in after if name.startswith("_images")}
    assert new_pictures != pictures
    assert {name for name in before | after if before.get(name) != after.get(name)} == {
        *(pictures ^ new_pictures),
        "_sources/book/part1/01_first.ipynb",
        "book/part1/01_first.html",
        "searchindex.js",
    }
    assert "Do it" in going_on.page("part1/01_first")

    going_on.become()
    assert going_on.site() == before


def test_what_other_pages_show_of_a_page_is_new_there_too(going_on):
    """One after the other: what is shown on another page before, and what after each edit."""
    first, second, dots = FIRST, SECOND, DOTS[:1]

    def edited(page: str, old: str, new: str) -> None:
        assert old in going_on.page(page)
        assert new not in going_on.page(page)
        going_on.become(first, second, dots)
        going_on.site()
        assert new in going_on.page(page)

    first = first.replace(":::{exercise}", ":::{exercise} Once\n:::\n\n:::{exercise}")
    edited("part1/02_second", "Exercise 1.1", "Exercise 1.2")
    first += "\n{cite:t}`gers2000learning`\n"
    edited("bibliography", "Schmidhuber", "Gers")
    dots = DOTS
    edited("part1/02_second", "Fig. 1.1", "Fig. 1.2")
    first = first.replace("$$\nh_t", "$$\nx = 1\n$$ (eq-new)\n\n$$\nh_t")
    edited("part1/02_second", "(1.1)", "(1.2)")
    second = second.replace("chapter 1", "the {doc}`glossary <../glossary>`")
    edited("map", "needs <a", "The second</span></a>: needs no other chapter")
    first = first.replace("# The first", "# At first")
    edited("part1/02_second", "The first", "At first")


def test_a_label_may_move_to_a_page_that_is_read_before(going_on):
    own = "\n$$\ny = 1\n$$ (eq-own)\n"
    for texts in ((FIRST, SECOND + own), (FIRST + own, SECOND)):
        going_on.become(*texts)
        going_on.site()
    assert "(1.2)" in going_on.page("part1/01_first")


@pytest.mark.parametrize(("old", "new"), [("(eq-double)", "(eq-other)"), ("ex-twice", "ex-other")])
def test_a_label_that_other_pages_name_is_missed(course, old, new):
    """Sphinx alone would build the page that changed, and say nothing of the one that names the label."""
    course.become()
    course.site()
    course.become(first=FIRST.replace(old, new))
    done = course.build()
    assert done.returncode
    assert "02_second" in done.stderr


# --- which build may go on from the last one --------------------------------------------------------


def note(inputs: dict[str, str]) -> None:
    build.NOTE.write_text(json.dumps({"inputs": inputs, "read": build.read_so_far()}), encoding="utf8")


@pytest.fixture
def good(tmp_path, monkeypatch):
    """What a build that succeeded left behind; a function that notes its inputs."""
    html = tmp_path / "html"
    monkeypatch.setattr(build, "HTML", html)
    monkeypatch.setattr(build, "NOTE", tmp_path / "built.json")
    monkeypatch.setattr(build, "DOCTREES", tmp_path / "doctrees")
    for folder in (html, tmp_path / "doctrees" / "pages"):
        folder.mkdir(parents=True)
    (html / "index.html").touch()
    inputs = {
        "": "1",
        "_config.yml": "a",
        "book/a.md": "b",
        "book/part1/01_a.ipynb": "c",
        "exercises/A.md": "d",
    }
    note(inputs)
    return inputs


@pytest.mark.parametrize("name", ["book/a.md", "book/part1/01_a.ipynb", "exercises/A.md"])
def test_a_build_goes_on_where_pages_changed(good, name):
    assert build.can_go_on(good)
    assert build.can_go_on({**good, name: "other"})


@pytest.mark.parametrize("name", ["", "_config.yml", "book/new.md", "book/static/a.css", "exercises/a.ipynb"])
def test_a_build_begins_anew_where_anything_else_did(good, name):
    assert not build.can_go_on({**good, name: "other"})


def test_a_build_begins_anew_where_a_page_is_gone_or_nothing_is_left(good):
    assert not build.can_go_on({name: digest for name, digest in good.items() if name != "book/a.md"})
    shutil.rmtree(build.DOCTREES / "pages")
    assert not build.can_go_on(good)


def test_a_build_begins_anew_where_sphinx_was_called_by_hand(good):
    (build.DOCTREES / "environment.pickle").write_bytes(b"read by hand")
    assert not build.can_go_on(good)
    assert not build.is_current(good)
    note(good)
    assert build.can_go_on(good)
    assert build.is_current(good)


@pytest.mark.parametrize(
    "text", [None, "", '{"inputs": {', '"one digest"', "{}", '{"inputs": 1, "read": ""}']
)
def test_a_build_begins_anew_after_one_that_failed_or_noted_something_else(good, text):
    build.NOTE.unlink()
    if text is not None:
        build.NOTE.write_text(text, encoding="utf8")
    assert not build.can_go_on(good)


# --- which pages are read again ---------------------------------------------------------------------


def test_a_page_is_named_for_its_contents_and_not_for_its_time(tmp_path):
    for name in ("home", "a", "b"):
        (tmp_path / f"{name}.md").write_text(name, encoding="utf8")
    env = SimpleNamespace(
        found_docs={"home", "a", "b"},
        srcdir=tmp_path,
        dependencies={"b": {"a.md"}},
        doc2path=lambda page: tmp_path / f"{page}.md",
    )
    app = SimpleNamespace(config=SimpleNamespace(root_doc="home"))

    def read_again():
        return set(again.changed(app, env, set(), set(), set()))

    assert read_again() == {"home", "a", "b"}
    os.utime(tmp_path / "a.md")
    assert read_again() == {"home"}  # one at least: Sphinx stops half way where there is nothing to do
    (tmp_path / "a.md").write_text("other", encoding="utf8")
    os.utime(tmp_path / "a.md", (0, 0))
    assert read_again() == {"a", "b"}  # b depends on the file of a


def test_the_dots_are_two_pictures():
    first, second = map(base64.b64decode, DOTS)
    assert first != second
    assert first[:8] == second[:8] == b"\x89PNG\r\n\x1a\n"
