"""The site's ways to its notebooks: what is downloaded, opened on Binder or on Colab is the plain copy.

Binder makes the copies itself (``postBuild``). Colab opens files of a repository only, and the copies are
not committed: the workflow pushes them to a branch of their own. Where that branch is not known there
is no button: a notebook full of MyST would stand behind it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import nbformat
from sphinx.application import Sphinx
from sphinx.config import Config

from course import Git, Repository, git_in
from plain import Place, file_name
from plain_labels import BESIDE, Labels, stored
from plain_notebook import plain
from search_symbols import labels_of

#: Where tools/lab.py puts the copies, seen from the root of the repository.
FOLDER = "lab/chapters"
BRANCH = "notebooks"

SETUP = """\
# On Colab this fetches the course and goes to the chapter's folder. Elsewhere it does nothing.
import sys

if "google.colab" in sys.modules:
    !git clone --quiet --depth 1 @URL@ /content/course
    %pip install --quiet /content/course myst-nb
    %cd /content/course/@FOLDER@"""


def pushed_branch(env: Mapping[str, str], git: Git) -> str:
    """Name the branch that holds the plain copies, if the workflow says so or the remote has it."""
    named = env.get("LSTMLAB_NOTEBOOKS_BRANCH", "").strip()
    return named or (BRANCH if git("rev-parse", "--verify", f"refs/remotes/origin/{BRANCH}") else "")


def beside(labels: Labels) -> list[str]:
    """List all documents of which there are plain copies: the chapters, and what is looked up beside them."""
    return [*labels.chapters, *BESIDE]


def setup_cell(repository: Repository | None, document: str) -> str:
    """Return the first cell of a copy for Colab; nothing where Colab cannot fetch the course."""
    if repository is None or not repository.on_github:
        return ""
    return SETUP.replace("@URL@", repository.url).replace("@FOLDER@", document.rpartition("/")[0])


def find_branch(app: Sphinx, config: Config) -> None:
    config["course_notebooks"] = pushed_branch(os.environ, git_in(app.srcdir))


def lead_to_copies(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Let the buttons of a chapter open its plain copy, and drop one that cannot."""
    repository: Repository | None = app.config.course_repository
    if repository is None or not str(app.env.doc2path(pagename)).endswith(".ipynb"):
        return
    branch = app.config.course_notebooks
    for group in context.get("header_buttons", []):
        kept = []
        for button in group.get("buttons", []):
            url = str(button.get("url", ""))
            if url.startswith("https://mybinder.org/"):
                button["url"] = repository.binder(f"{FOLDER}/{file_name(pagename)}")
            elif url.startswith("https://colab.research.google.com/"):
                if not branch:
                    continue
                button["url"] = replace(repository, branch=branch).colab(file_name(pagename))
            kept.append(button)
        if "buttons" in group:
            group["buttons"] = kept


def write_downloads(app: Sphinx, exception: Exception | None) -> None:
    """Put the plain copies where the download button leads: over Sphinx's copies of the sources."""
    sources = Path(app.outdir) / "_sources"
    if exception is not None or app.builder.name != "html" or not sources.is_dir():
        return
    labels = labels_of(app)
    place = Place(base=app.config.html_baseurl)
    for document in labels.chapters:
        target = sources / f"{document}.ipynb"
        # A page that this build has not written still has its plain copy.
        if target.is_file() and target.read_bytes() == stored(labels.root, document).read_bytes():
            nbformat.write(plain(labels, document, place), target)


def setup(app: Sphinx) -> dict[str, Any]:
    app.setup_extension("course")
    app.add_config_value("course_notebooks", "", "html")
    app.connect("config-inited", find_branch, priority=210)
    app.connect("html-page-context", lead_to_copies, priority=910)
    app.connect("build-finished", write_downloads)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
