"""A later build of the site reads the pages that changed, and leaves what a build from nothing would."""

import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys
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
{ref}`ex-twice`.
"""
DOTS = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==",
)


def write_chapter(root: Path, name: str, text: str, dot: str) -> None:
    shown = new_output("display_data", {"image/png": dot, "text/plain": "a dot"})
    cells = [new_markdown_cell(text, id="text"), new_code_cell("dot", id="dot", outputs=[shown])]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    path = root / "book" / "part1" / f"{name}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(new_notebook(cells=cells, metadata={"kernelspec": kernel}), path)


@pytest.fixture
def course(tmp_path):
    """A course of two chapters with this one's settings, extensions and tools; a function that builds it."""
    root = tmp_path / "course"
    for folder in ("tools", "book/_ext", "book/static", "book/_templates"):
        shutil.copytree(ROOT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("_config.yml", "pyproject.toml", "constraints.txt", "book/references.bib"):
        shutil.copy2(ROOT / name, root / name)
    for folder in ("lstmlab", "tests", "exercises", "experiments"):
        (root / folder).mkdir()
    for name, text in {**PAGES, "_toc.yml": CONTENTS}.items():
        (root / name).write_text(text, encoding="utf8")
    write_chapter(root, "01_first", FIRST, DOTS[0])
    write_chapter(root, "02_second", SECOND, DOTS[0])

    def build_it(*options: str) -> dict[str, str]:
        """Return the site: the digest of each of its files."""
        command = [sys.executable, "tools/build.py", *options]
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
        assert not done.returncode, done.stdout + done.stderr
        html = root / "_build" / "html"
        files = sorted(path for path in html.rglob("*") if path.is_file())
        return {str(path.relative_to(html)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

    return root, build_it


def test_a_later_build_leaves_what_one_from_nothing_would(course):
    root, build_it = course
    marker = root / "_build" / ".doctrees" / "kept"
    html = root / "_build" / "html" / "book" / "part1"

    before = build_it()
    marker.touch()
    pictures = {name for name in before if name.startswith("_images")}
    age = (root / "book" / "part1" / "01_first.ipynb").stat().st_mtime - 100
    write_chapter(root, "01_first", FIRST.replace("Double it", "Do it"), DOTS[1])
    os.utime(root / "book" / "part1" / "01_first.ipynb", (age, age))  # as a copy from elsewhere may be
    after = build_it()
    assert marker.exists()  # it went on from the last one
    changed = {name for name in before | after if before.get(name) != after.get(name)}
    assert changed - pictures <= {
        *(name for name in after if name.startswith("_images")),
        "_sources/book/part1/01_first.ipynb",
        "book/part1/01_first.html",
        "searchindex.js",
    }
    assert {name for name in after if name.startswith("_images")} != pictures
    assert "Do it" in (html / "01_first.html").read_text(encoding="utf8")

    write_chapter(root, "01_first", FIRST, DOTS[0])
    assert build_it() == before

    # What other pages say of this one: its title, and the number of its equation.
    new = "$$\nx = 1\n$$ (eq-new)\n\n$$\nh_t"
    write_chapter(
        root, "01_first", FIRST.replace("# The first", "# At first").replace("$$\nh_t", new), DOTS[0]
    )
    after = build_it()
    second = (html / "02_second.html").read_text(encoding="utf8")
    assert "At first" in second
    assert "(1.2)" in second
    assert marker.exists()
    assert after == build_it("--fresh")
    assert not marker.exists()


# --- which build may go on from the last one --------------------------------------------------------


@pytest.fixture
def good(tmp_path, monkeypatch):
    """What a build that succeeded left behind; a function that notes its inputs."""
    html = tmp_path / "html"
    monkeypatch.setattr(build, "HTML", html)
    monkeypatch.setattr(build, "NOTE", tmp_path / "built.json")
    monkeypatch.setattr(build, "DOCTREES", tmp_path / "doctrees")
    for folder in (html, tmp_path / "doctrees"):
        folder.mkdir()
    (html / "index.html").touch()
    inputs = {
        "": "1",
        "_config.yml": "a",
        "book/a.md": "b",
        "book/part1/01_a.ipynb": "c",
        "exercises/A.md": "d",
    }
    build.NOTE.write_text(json.dumps(inputs), encoding="utf8")
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
    build.DOCTREES.rmdir()
    assert not build.can_go_on(good)


@pytest.mark.parametrize("note", ["", '"one digest"'])
def test_a_build_begins_anew_after_one_that_failed_or_noted_something_else(good, note):
    build.NOTE.unlink()
    if note:
        build.NOTE.write_text(note, encoding="utf8")
    assert not build.can_go_on(good)


# --- which pages are read again ---------------------------------------------------------------------


def test_a_page_is_read_again_for_its_contents_and_not_for_its_time(tmp_path):
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
