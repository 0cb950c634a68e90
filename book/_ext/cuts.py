"""What the theme brings for every site is cut to what this one shows, in the site's own copies.

* **Icons.** Its script has two thousand of them, more than all other scripts of a page together; the pages
  show some ten. The same for the font whose letters are icons.
* **Style sheets.** A rule stays when every class in its selector is written on some page or in some script.
  What stands in brackets, ``:not(.a)``, is not looked at: such a rule may hold just because the class is
  nowhere. The small ones that a page names one after the other become one file: each is waited for.
* **A question too many.** Its script asks every block of code, when the page has loaded, whether it scrolls,
  and so has a browser lay out what nobody looks at yet. ``book/static/course.js`` does it without asking.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from logging import getLogger
from pathlib import Path
from typing import Any

import tinycss2
from fontTools import subset
from fontTools.ttLib import TTFont
from sphinx.application import Sphinx
from sphinx.util import logging

logger = logging.getLogger(__name__)
getLogger("fontTools").setLevel("WARNING")  # it tells of each table it cuts

ICONS = Path("_static", "scripts", "fontawesome.js")
STYLES = Path("_static", "styles", "pydata-sphinx-theme.css")
#: name: [width, height, [other names], code, outline or outlines]
ICON = re.compile(
    r'"?([a-z0-9-]+)"?:\[\d+,\d+,\[([^\]]*)\],"[0-9a-f]*",(?:"[^"]*"|\[(?:"[^"]*",?)*\])\],?', re.I
)
MAP = re.compile(r"\n//# sourceMappingURL=.*|\n?/\*# sourceMappingURL=.*?\*/")
SCRIPT = Path("_static", "scripts", "pydata-sphinx-theme.js")
QUESTION = re.compile(r',"complete"===document\.readyState\?(\w+)\(\):window\.addEventListener\("load",\1\)')
ICON_SCRIPT = re.compile(r'<script( src="[^"]*/fontawesome\.js[^"]*">)')
#: Its two files, the smaller first, as the theme's style sheet names them.
FONT = re.compile(
    r'url\("?([^)"]*)\.woff2"?\) ?format\("woff2"\),url\("?[^)"]*\.ttf"?\) ?format\("truetype"\)'
)
#: An icon as text: from the part of Unicode that everyone may fill.
LETTER = re.compile("[\ue000-\uf8ff]")
NESTED = {"media", "supports"}
#: Style sheets of extensions; those of the course are all used.
OTHERS = ("mystnb.*.css", "sphinx-design.min.css", "proof.css", "togglebutton.css")
SHEET = re.compile(
    r'\s*<link (media="print" )?rel="stylesheet" type="text/css" href="([^"]*_static/)([^"/?]+\.css)[^"]*" />'
)
SMALL = 2**14  # bytes; a larger one is worth a file that other pages share


def only(script: str, wanted: Iterable[str]) -> str:
    """Leave those icons in the theme's file that bear one of the wanted names.

    >>> only('{bars:[4,5,["navicon"],"f0c9","M0"],"0":[3,5,[],"30",["M1","M2"]]}', ["navicon"])
    '{bars:[4,5,["navicon"],"f0c9","M0"],}'
    """
    names = set(wanted)

    def keep(icon: re.Match[str]) -> str:
        return icon[0] if names & {icon[1], *re.findall(r'"([^"]+)"', icon[2])} else ""

    return MAP.sub("", ICON.sub(keep, script))


def selectors(prelude: Iterable[Any]) -> Iterator[list[Any]]:
    """Split what stands before a rule at its commas."""
    part: list[Any] = []
    for token in prelude:
        if token.type == "literal" and token.value == ",":
            yield part
            part = []
        else:
            part.append(token)
    yield part


def classes(selector: list[Any]) -> set[str]:
    """Return the classes an element, or those around it, must have; nothing of what stands in brackets."""
    return {
        name.value
        for dot, name in pairwise(selector)
        if dot.type == "literal" and dot.value == "." and name.type == "ident"
    }


def used(rules: Iterable[Any], words: set[str]) -> str:
    """Write the rules of a style sheet that can apply where classes are among the words.

    >>> sheet = "a, .x b{c:d}.y{e:f}@media print{.y .x{g:h}}.z:not(.y){i:j}"
    >>> used(tinycss2.parse_stylesheet(sheet), {"x", "z"})
    'a, .x b{c:d}.z:not(.y){i:j}'
    """
    kept = []
    for rule in rules:
        if rule.type == "at-rule" and rule.lower_at_keyword in NESTED and rule.content is not None:
            inner = used(tinycss2.parse_rule_list(rule.content), words)
            before = f"@{rule.at_keyword}{tinycss2.serialize(rule.prelude)}"
            kept.append(f"{before}{{{inner}}}" if inner else "")
        elif rule.type == "qualified-rule":
            before = ",".join(
                tinycss2.serialize(selector)
                for selector in selectors(rule.prelude)
                if classes(selector) <= words
            )
            kept.append(f"{before}{{{tinycss2.serialize(rule.content)}}}" if before else "")
        elif rule.type != "comment":
            kept.append(rule.serialize())
    return "".join(kept)


def cut_icons(site: Path, words: set[str]) -> None:
    """Leave in the script those icons that pages, style sheets and scripts name."""
    path = site / ICONS
    script = only(path.read_text(encoding="utf8"), {word[3:] for word in words if word.startswith("fa-")})
    if ICON.search(script) is None:
        logger.warning("%s is no longer written as book/_ext/cuts.py reads it: no icon was found", ICONS)
        return
    path.write_text(script, encoding="utf8")
    path.with_name(f"{path.name}.map").unlink(missing_ok=True)


def cut_styles(site: Path, words: set[str]) -> None:
    """Leave in the style sheet what applies to some page, and in its fonts the icons that it writes."""
    path = site / STYLES
    css = used(tinycss2.parse_stylesheet(MAP.sub("", path.read_text(encoding="utf8"))), words)
    letters = {ord(letter) for letter in LETTER.findall(css)}
    fonts = sorted(set(FONT.findall(css)))
    if not fonts or not letters:
        logger.warning("%s is no longer written as book/_ext/cuts.py reads it: no icon was found", STYLES)
        return
    for name in fonts:
        whole = (path.parent / name).resolve()
        font = TTFont(whole.with_suffix(".ttf"), recalcTimestamp=False)  # the same site twice
        cutter = subset.Subsetter(subset.Options(notdef_outline=True))
        cutter.populate(unicodes=letters)
        cutter.subset(font)
        font.flavor = "woff"
        font.save(whole.with_suffix(".woff"))
        for suffix in (".ttf", ".woff2"):
            whole.with_suffix(suffix).unlink()
    css = FONT.sub(r'url(\1.woff) format("woff")', css)
    path.write_text(f'@charset "UTF-8";{css}', encoding="utf8")
    path.with_name(f"{path.name}.map").unlink(missing_ok=True)


def cut_others(site: Path, words: set[str]) -> None:
    """Leave in the extensions' style sheets what applies to some page."""
    for path in (path for name in OTHERS for path in (site / "_static").glob(name)):
        css = path.read_text(encoding="utf8")
        path.write_text(used(tinycss2.parse_stylesheet(css), words), encoding="utf8")


def join_sheets(text: str, static: Path) -> str:
    """Replace the links to neighbouring small style sheets in a page by one to a file of them all.

    Parameters
    ----------
    text
        The page.
    static
        The folder of the style sheets; the file is written there.

    Returns
    -------
    str
        The page with fewer links.
    """
    runs: list[list[re.Match[str]]] = [[]]
    for link in SHEET.finditer(text):
        if (static / link[3]).stat().st_size > SMALL:
            runs.append([])
            continue
        if runs[-1] and runs[-1][-1].end() != link.start():
            runs.append([])
        runs[-1].append(link)
    for run in reversed([run for run in runs if len(run) > 1]):
        sheets = [(link[1], (static / link[3]).read_text(encoding="utf8")) for link in run]
        css = "\n".join(f"@media print {{\n{sheet}}}" if printed else sheet for printed, sheet in sheets)
        name = f"joined-{hashlib.sha256(css.encode()).hexdigest()[:8]}.css"
        (static / name).write_text(css, encoding="utf8")
        one = f'\n    <link rel="stylesheet" type="text/css" href="{run[0][2]}{name}" />'
        text = text[: run[0].start()] + one + text[run[-1].end() :]
    return text


def cut_question(site: Path) -> None:
    """Take out the call that asks all blocks whether they scroll."""
    path = site / SCRIPT
    script = path.read_text(encoding="utf8")
    asking = [found for found in QUESTION.finditer(script) if f"function {found[1]}(){{" in script]
    if len(asking) != 1 or "scrollWidth" not in script:
        logger.warning("%s is no longer written as book/_ext/cuts.py reads it: it asks nothing", SCRIPT)
        return
    path.write_text(MAP.sub("", QUESTION.sub("", script)), encoding="utf8")
    path.with_name(f"{path.name}.map").unlink(missing_ok=True)


def cut(app: Sphinx, exception: Exception | None) -> None:
    """Cut icons and styles, join style sheets, and spare each page the watch for icons that come later."""
    site = Path(app.outdir)
    if exception is not None or app.builder.name != "html" or not (site / ICONS).is_file():
        return
    pages = {path: path.read_text(encoding="utf8") for path in site.rglob("*.html")}
    scripts = (path for path in (site / "_static").rglob("*.js") if path != site / ICONS)
    words = {word for text in pages.values() for word in re.findall(r"[\w-]+", text)}
    words |= {word for path in scripts for word in re.findall(r"[\w-]+", path.read_text(encoding="utf8"))}
    cut_icons(site, words)
    cut_styles(site, words)
    cut_others(site, words)
    cut_question(site)
    # The theme writes this line into the head of each page. Icons come with the page alone: nobody need watch
    # for more of them at each thing that a figure writes.
    for page, text in pages.items():
        text = ICON_SCRIPT.sub(r'<script defer data-observe-mutations="false"\1', text)
        page.write_text(join_sheets(text, site / "_static"), encoding="utf8")


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("build-finished", cut, priority=950)  # when every style sheet is there
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
