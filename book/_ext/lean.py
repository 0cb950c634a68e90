"""Each page loads what it shows, and nothing else.

* **Scripts and style sheets.** The extensions put theirs on every page; here each page keeps those of the
  things it holds, and no script but one stops the page from being drawn.
* **Pictures** carry their size, so that nothing jumps when they come, and come when they are scrolled to.

What the theme brings for all sites, ``cuts.py`` cuts to what this one shows.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

HIGHLIGHT, TABS = r'class="[^"]*\bhighlight\b', r'class="[^"]*\bsd-'
FOLDED = r'class="[^"]*\b(?:toggle|dropdown)\b'
#: File -> what a page holds that needs it. A file that is not named here stays on every page.
NEEDED = {
    "clipboard.min.js": HIGHLIGHT,
    "copybutton.js": HIGHLIGHT,
    "copybutton.css": HIGHLIGHT,
    "design-tabs.js": TABS,
    "sphinx-design.min.css": TABS,
    "togglebutton.js": FOLDED,
    "togglebutton.css": FOLDED,
    "claims.css": r'class="[^"]*\bclaim',
    "proof.css": r'class="[^"]*\bproof\b',
    "exercise.css": r'class="[^"]*\b(?:exercise|solution)\b',
    # Formulas of its own, or the links to those of others, which are shown beside the link.
    "formulas.css": r"<mjx-|href=\"[^\"]*#(?:equation|term)-",
    "lstm-figure.js": r"<lstm-",
}
#: A figure's script bears the name of its element.
FIGURE = re.compile(r"(lstm-[\w-]+)\.js")
#: A line in the page writes into what this one makes.
AT_ONCE = "documentation_options.js"
#: Not one that opens at a place within it, or where the reader left it: course.js and course.css say more.
NEW = (
    "<script>if (!location.hash && (performance.getEntriesByType('navigation')[0] || {}).type === 'navigate')"
    " document.documentElement.dataset.new = '';</script>\n"
)
IMAGE = re.compile(
    r'<img\b(?![^>]*\b(?:width|height|loading)=)([^>]*?\bsrc="[^"]*/_images/([^"/]+)"[^>]*?)\s*/?>'
)


def is_needed(name: str, body: str) -> bool:
    """Say whether a page holds anything that a file is for.

    >>> is_needed("lstm-pulse.js", "<lstm-pulse></lstm-pulse>"), is_needed("lstm-paths.js", "<p>")
    (True, False)
    >>> is_needed("doctools.js", "<p>")
    True
    """
    figure = FIGURE.fullmatch(name)
    sign = NEEDED.get(name) or (rf"<{figure[1]}\b" if figure else "")
    return re.search(sign, body) is not None


def file_name(asset: Any) -> str:
    """Return the last part of a script's or style sheet's path; nothing for lines within the page."""
    return Path(str(getattr(asset, "filename", asset) or "")).name


def waiting(script: Any) -> Any:
    """Return a script that waits until the page stands; other pages have the same one as it was."""
    name, attributes = file_name(script), getattr(script, "attributes", {})
    if not name or name == AT_ONCE or attributes.keys() & {"async", "defer"}:
        return script
    return type(script)(script.filename, priority=script.priority, **attributes, defer="defer")


def png_size(head: bytes) -> tuple[int, int] | None:
    """Return the width and height of a PNG from its first 24 bytes.

    >>> png_size(b"\\x89PNG\\r\\n\\x1a\\n" + b"\\0\\0\\0\\rIHDR" + b"\\0\\0\\2\\x80\\0\\0\\1\\xe0")
    (640, 480)
    >>> png_size(b"<svg>") is None
    True
    """
    if len(head) < 24 or not head.startswith(b"\x89PNG"):
        return None
    width, height = struct.unpack(">II", head[16:24])
    return width, height


def sized(body: str, sizes: Mapping[str, tuple[int, int]]) -> str:
    """Write into each picture of known size what it is; all but the first wait until they are near.

    >>> print(sized('<img alt="a" src="../_images/a.png" />', {"a.png": (640, 480)}))
    <img alt="a" src="../_images/a.png" width="640" height="480" decoding="async" />
    """
    first = True

    def write(found: re.Match[str]) -> str:
        nonlocal first
        if found[2] not in sizes:
            return found[0]
        width, height = sizes[found[2]]
        when = "" if first else ' loading="lazy"'
        first = False
        return f'<img{found[1]} width="{width}" height="{height}"{when} decoding="async" />'

    return IMAGE.sub(write, body)


def lighten(app: Sphinx, page: str, templatename: str, context: dict[str, Any], doctree: Any) -> None:
    """Leave out what the page does not show; let its scripts wait until it stands."""
    if app.builder.name != "html" or doctree is None:  # a page without text of its own: search, the index
        return
    body = context.get("body", "")
    context["metatags"] = context.get("metatags", "") + NEW
    for kind in ("css_files", "script_files"):
        context[kind] = [asset for asset in context.get(kind, ()) if is_needed(file_name(asset), body)]
    context["script_files"] = [waiting(script) for script in context["script_files"]]
    images = {name: Path(app.srcdir, source) for source, name in app.builder.images.items()}
    sizes = {}
    for name in re.findall(r'/_images/([^"/]+\.png)"', body):
        with images[name].open("rb") as file:
            if size := png_size(file.read(24)):
                sizes[name] = size
    context["body"] = sized(body, sizes)


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("html-page-context", lighten, priority=950)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
