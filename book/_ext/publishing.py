"""What a published page carries besides its text: its date, a way to report an error, a picture for previews.

* Each page ends with the version, the date of its last change, the packages the course was tested with,
  and a link that reports an error: all of it derived, and left out where it is not known.
* With the site's address known: ``sitemap.xml``, and a picture, drawn here, for links shown elsewhere.
* ``robots.txt``, and what stands on the page for addresses that lead nowhere.
"""

from __future__ import annotations

import importlib.metadata
import platform
from datetime import date
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import escape as escape_xml

from sphinx.application import Sphinx
from sphinx.config import Config

from course import Git, Repository, git_in

#: What the chapters compute and draw with.
PACKAGES = {"numpy": "NumPy", "matplotlib": "Matplotlib"}
CARD = "social.png"
CARD_WORDS = "The gates of one LSTM unit over forty steps: a pulse is written, kept, and read."
LOST = """\
<h1>There is no such page</h1>
<p>The address may have a slip in it, or the page has moved. All pages of the course are listed at the side
and on <a href="{prefix}book/index.html">the first page</a>; or look for a word or a symbol:</p>
<form action="{prefix}search.html" method="get" role="search">
<p><input type="search" name="q" aria-label="Search the course" /> <button type="submit">Search</button></p>
</form>
"""


def changes(git: Git) -> dict[str, date]:
    """Return for each file of the repository when it last changed; nothing from a history cut short."""
    if git("rev-parse", "--is-shallow-repository") != "false":
        return {}
    found: dict[str, date] = {}
    day = None
    for line in git("-c", "core.quotePath=off", "log", "--format=%x00%cs", "--name-only").splitlines():
        if line.startswith("\0"):
            day = date.fromisoformat(line[1:])
        elif line and day is not None:
            found.setdefault(line, day)
    return found


def in_words(day: date) -> str:
    """Write a date as English does.

    >>> in_words(date(2026, 3, 1))
    '1 March 2026'
    """
    return f"{day.day} {day:%B %Y}"


def report_address(repository: Repository | None, title: str) -> str:
    """Return where an error in a page is reported, if the repository's host has such a place."""
    subject = quote(f"Error in “{title}”")
    if repository is None:
        return ""
    return {
        "github": f"{repository.url}/issues/new?title={subject}",
        "gitlab": f"{repository.url}/-/issues/new?issue[title]={subject}",
    }.get(repository.provider, "")


def tested_with() -> str:
    """Name the language and the packages, with their versions here."""
    versions = [f"{name} {importlib.metadata.version(package)}" for package, name in PACKAGES.items()]
    return f"Python {platform.python_version()}, {' and '.join(versions)}"


def footer(title: str, day: date | None, repository: Repository | None) -> str:
    """Return the last lines of a page."""
    parts = [f"Version {importlib.metadata.version('lstmlab')}."]
    parts += [f'This page last changed on <time datetime="{day}">{in_words(day)}</time>.'] if day else []
    parts += [f"The course was tested with {tested_with()}."]
    address = report_address(repository, title)
    parts += [f'<a href="{escape(address)}">Report an error on this page.</a>'] if address else []
    return " ".join(parts)


def sitemap(base: str, pages: dict[str, date | None]) -> str:
    """List the pages of the site for search engines."""
    lines = ['<?xml version="1.0" encoding="utf-8"?>']
    lines += ['<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">']
    for page, day in sorted(pages.items()):
        when = f"<lastmod>{day}</lastmod>" if day else ""
        lines += [f"<url><loc>{escape_xml(base + quote(page))}.html</loc>{when}</url>"]
    return "\n".join([*lines, "</urlset>", ""])


def robots(base: str) -> str:
    """Let everybody read everything, and say where the list of pages is."""
    return "User-agent: *\nAllow: /\n" + (f"Sitemap: {base}sitemap.xml\n" if base else "")


def draw_card(path: Path, title: str) -> None:
    """Draw the picture that stands for the course where a link to it is shown: 1200 by 630 pixels."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    import lstmlab as ll

    unit = ll.LSTM(n_x=1, n_h=1)
    unit.params.flat[...] = 0.0
    unit.params["W_f"], unit.params["b_f"] = [[0.0, -6.0]], 3.0
    unit.params["W_i"], unit.params["b_i"] = [[0.0, 8.0]], -4.0
    unit.params["W_C"] = [[0.0, 2.0]]
    unit.params["W_o"], unit.params["b_o"] = [[0.0, -6.0]], -3.0
    x = ll.xp.zeros((40, 1, 1))
    x[9, 0, 0], x[29, 0, 0] = 1.0, -1.0
    run = ll.unroll(unit, x)
    with mpl.rc_context():
        ll.plots.use_style()
        mpl.rcParams["figure.constrained_layout.use"] = False
        figure = Figure(figsize=(12, 6.3), dpi=100)
        figure.text(0.06, 0.84, title, fontsize=46, weight="bold", color="#0b5d75")
        figure.text(0.06, 0.75, "A course whose every equation runs", fontsize=23, color=ll.plots.INK)
        axes = figure.add_axes((0.06, 0.11, 0.8, 0.56))
        ll.plots.trace(run, "f i o C h", ax=axes)
        axes.set(xlabel="", yticks=[0, 1])
        axes.tick_params(labelsize=15)
        for line in axes.get_lines():
            line.set_linewidth(3.5)
        axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=19, frameon=False)
        figure.savefig(path, metadata={"Software": None})


def settle(app: Sphinx, config: Config) -> None:
    config["course_changes"] = changes(git_in(app.srcdir))
    config.notfound_context = {
        "title": "There is no such page",
        "body": LOST.format(prefix=config.notfound_urls_prefix or "/"),
    }
    if config.html_baseurl:
        config.ogp_image = f"{config.html_baseurl}_static/{CARD}"
        config.ogp_image_alt = CARD_WORDS


def last_change(app: Sphinx, page: str) -> date | None:
    if page not in app.env.found_docs:
        return None
    name = app.env.doc2path(page, base=False)
    found: date | None = app.config.course_changes.get(str(name).replace("\\", "/"))
    return found


def add_footer(app: Sphinx, page: str, templatename: str, context: dict[str, Any], doctree: Any) -> None:
    # The first page of the site only leads on to the real one.
    if page in app.env.found_docs:
        title = app.env.titles[page].astext()
        context["course_footer"] = footer(title, last_change(app, page), app.config.course_repository)
    if app.config.html_baseurl:
        context["metatags"] = (
            context.get("metatags", "") + '\n<meta name="twitter:card" content="summary_large_image" />'
        )


def begin(app: Sphinx) -> None:
    if app.builder.name == "html" and app.config.html_baseurl:
        static = Path(app.outdir) / "_static"
        static.mkdir(parents=True, exist_ok=True)
        draw_card(static / CARD, app.config.project)


def finish(app: Sphinx, exception: Exception | None) -> None:
    if exception is not None or app.builder.name != "html":
        return
    base, out = app.config.html_baseurl, Path(app.outdir)
    (out / "robots.txt").write_text(robots(base), encoding="utf8")
    if base:
        pages = {page: last_change(app, page) for page in app.env.found_docs}
        (out / "sitemap.xml").write_text(sitemap(base, pages), encoding="utf8")


def setup(app: Sphinx) -> dict[str, Any]:
    app.setup_extension("course")
    app.add_config_value("course_changes", {}, "")
    app.add_css_file("print.css", media="print")
    app.add_js_file("print.js", loading_method="defer")
    app.connect("config-inited", settle, priority=220)
    app.connect("builder-inited", begin)
    app.connect("html-page-context", add_footer, priority=920)
    app.connect("build-finished", finish)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
