"""A later build reads and writes the pages that changed, and ends where a build from nothing would.

Sphinx does most of it: what it read and wrote is still there. What it would get wrong:

* **Pages that tell others something.** When a page's titles, labels, numbers or terms change, others that
  name them are stale, and Sphinx does not know which. Then all are written, with the warnings of all.
* **Finished pages.** ``cuts.py`` works on the whole site, so each page is kept as Sphinx wrote it, and a
  later build begins from these; style sheets and scripts come anew from where they are installed.
* **What moves.** A label may move from one page to another that is read before it: all pages that changed
  are forgotten before the first is read.
* **The index of the search.** Of a page that is not written Sphinx forgets the entries, and it keeps each
  word that stands on no page any more.
* **Times.** A file can change and be older than its page: the contents are compared as well.

Whether a build may begin like this is decided in ``tools/build.py``.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.index_entries import split_index_msg

from publishing import last_change
from search_symbols import labels_of

AS_WRITTEN = "pages"
ANEW = ("_static", "_downloads")


def kept(app: Sphinx) -> Path:
    """Return the folder of the pages as Sphinx wrote them."""
    return Path(app.doctreedir, AS_WRITTEN)


def copy_pages(source: Path, target: Path) -> None:
    """Copy the pages of a site with their times, which tell Sphinx what is out of date."""
    for page in source.rglob("*.html"):
        there = target / page.relative_to(source)
        there.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(page, there)


def begin(app: Sphinx) -> None:
    """Take back what was done to the last site when its pages were written."""
    if app.builder.name == "html" and kept(app).is_dir():
        for folder in ANEW:
            shutil.rmtree(Path(app.outdir, folder), ignore_errors=True)
        copy_pages(kept(app), Path(app.outdir))


def changed(
    app: Sphinx, env: BuildEnvironment, added: set[str], modified: set[str], removed: set[str]
) -> Iterable[str]:
    """Name the pages that have other contents, or depend on one that has, whatever their times say.

    The first page does where there is none: with nothing to do, Sphinx would leave the site half done.
    """
    before = env.__dict__.get("course_contents", {})
    now = {page: hashlib.sha256(Path(env.doc2path(page)).read_bytes()).hexdigest() for page in env.found_docs}
    env.__dict__["course_contents"] = now
    files = {str(Path(env.doc2path(page))): page for page in now if now[page] != before.get(page)}
    resting = {
        page
        for page, needed in env.dependencies.items()
        if any(str(Path(env.srcdir, file)) in files for file in needed)
    }
    return {*files.values(), *resting} or {app.config.root_doc}


def forget(app: Sphinx, env: BuildEnvironment, pages: list[str]) -> None:
    """Forget what all pages to be read have said: Sphinx does so one by one, between reading them."""
    for page in pages:
        app.emit("env-purge-doc", env, page)
        env.clear_doc(page)


def words(node: nodes.Element) -> list[str]:
    """Return what is shown of an exercise where another page names it: its titles."""
    return [part.astext() for part in node.findall(nodes.Element) if "title" in type(part).__name__]


def rows(table: Mapping[Any, Any]) -> list[str]:
    """Write a table in an order that does not depend on which page was read last.

    >>> rows({"b": (1, 2), "a": 3})
    ["('a', 3)", "('b', (1, 2))"]
    """
    return sorted(map(repr, table.items()))


def told(app: Sphinx) -> str:
    """Return a digest of all that pages show of others: titles, numbers, labels, terms, names, sources."""
    env, book = app.env, labels_of(app)
    data = env.domaindata
    titles = {page: (title.astext(), env.longtitles[page].astext()) for page, title in env.titles.items()}
    exercises = {
        label: (found["docname"], words(found["node"]))
        for label, found in env.__dict__.get("sphinx_exercise_registry", {}).items()
    }
    tables: list[Mapping[Any, Any]] = [titles, exercises, env.toc_secnumbers, env.toc_fignumbers]
    tables += [data["std"][kind] for kind in ("labels", "anonlabels", "objects", "terms", "progoptions")]
    tables += [data["math"]["objects"], data["py"]["objects"], data["py"]["modules"]]
    # These hold titles as they are written, so that markup in one is noticed too.
    tables += [book.equations, book.figures, book.places, book.terms, book.titles, book.numbers]
    tables += [{page: more.get("myst_slugs") for page, more in env.metadata.items()}]
    cited = {target.key for reference in data["cite"]["citation_refs"] for target in reference.targets}
    return hashlib.sha256(repr([*map(rows, tables), sorted(cited)]).encode()).hexdigest()


def affected(app: Sphinx, env: BuildEnvironment) -> Iterable[str]:
    """Name the pages to write besides those that were read: all, if one tells something else than before."""
    stored = env.__dict__
    now, days = told(app), {page: last_change(app, page) for page in env.found_docs}
    before, earlier = stored.get("course_told"), stored.get("course_days", {})
    stored.update(course_told=now, course_days=days)
    return env.found_docs if now != before else {page for page in days if days[page] != earlier.get(page)}


def mend_index(app: Sphinx) -> Iterable[Any]:
    """Make the index of the search that of a build from nothing, when all pages are written."""
    indexer = getattr(app.builder, "indexer", None)
    if indexer is not None:
        known = indexer._index_entries
        for page, given in app.env.domaindata["index"]["entries"].items():
            found = {
                (word, anchor or "", main)
                for kind, value, anchor, main, _ in given
                for word in split_index_msg(kind, value)
            }
            if "nosearch" not in app.env.metadata[page]:
                known.setdefault(page, sorted(found))
        indexer._index_entries = dict(sorted(known.items()))
        for words in (indexer._mapping, indexer._title_mapping):
            for word in [word for word, pages in words.items() if not pages]:
                del words[word]
    return ()


def keep(app: Sphinx, exception: Exception | None) -> None:
    """Keep the pages before they are cut, and drop pictures that none of them shows any more."""
    if exception is not None or app.builder.name != "html":
        return
    shown = {name for _, name in app.env.images.values()}
    for picture in Path(app.outdir, "_images").glob("*"):
        if picture.name not in shown:
            picture.unlink()
    shutil.rmtree(kept(app), ignore_errors=True)
    copy_pages(Path(app.outdir), kept(app))


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("builder-inited", begin, priority=100)  # before anything is written
    app.connect("env-get-outdated", changed)
    app.connect("env-before-read-docs", forget)
    app.connect("env-get-updated", affected, priority=900)  # when figures and sections are numbered
    app.connect("html-collect-pages", mend_index, priority=400)  # before search_symbols.py adds to it
    app.connect("build-finished", keep, priority=900)  # before formulas.py and cuts.py, which need all pages
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
