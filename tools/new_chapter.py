"""Begin a chapter: a notebook that runs and passes every test of a chapter, to write over.

    python tools/new_chapter.py book/part6/25_my_subject "Its title"

What is left to do by hand is printed.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

import jupytext
import nbformat

from environment import ROOT, command
from execute import KERNEL, as_text, execute, store

TEMPLATE = Path(__file__).with_name("chapter.md")
NAME = re.compile(r"book/part\d+/\d{2}_(?P<name>[a-z][a-z0-9_]*)")
QUESTION = re.compile(r'^<div class="self-check" id="(check-[\w-]+)">')
TO_DO = """\
Now:
  1. list {name} in _toc.yml, in its part;
  2. write: jupytext --to md:myst {name}.ipynb, as CONTRIBUTING.md says;
  3. its rows in book/claims.yml, its terms in book/glossary.md, its line in README.md."""


def begin(label: str, title: str) -> nbformat.NotebookNode:
    """Return the template as a notebook, with its label and title filled in and nothing executed."""
    text = TEMPLATE.read_text(encoding="utf8").replace("@LABEL@", label).replace("@TITLE@", title)
    nb: nbformat.NotebookNode = jupytext.reads(text, fmt="md:myst")
    nb.metadata = nbformat.from_dict({"kernelspec": dict(KERNEL)})
    for number, cell in enumerate(nb.cells, 1):
        question = QUESTION.match(cell.source)
        cell.id = question[1] if question else f"{label}-{number:02d}"
    return nb


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", help="where it is to stand: book/partN/NN_name")
    parser.add_argument("title")
    options = parser.parse_args(argv)
    match = NAME.fullmatch(options.name)
    if match is None:
        parser.error(f"name: expected book/partN/NN_name, got {options.name!r}")
    target = ROOT / f"{options.name}.ipynb"
    if target.exists():
        parser.error(f"name: {target.relative_to(ROOT)} is there already")
    title = os.fsencode(options.title).decode("utf8", "replace")  # under LANG=C its bytes come undecoded
    nb = begin(match["name"].replace("_", "-"), title)
    target.parent.mkdir(parents=True, exist_ok=True)
    execute(nb, target.parent)
    store(target, as_text(nb))
    print(f"Wrote {target.relative_to(ROOT).as_posix()}.\n{TO_DO.format(name=options.name)}")
    return 0


if __name__ == "__main__":
    sys.exit(command(main))
