"""What the tests of the book share: its notebooks, its pages, and how to take prose apart."""

import re
from pathlib import Path

import nbformat

from contents import markdown as markdown  # the tests say book.markdown
from contents import table_of_contents

ROOT = Path(__file__).parents[2]
CHAPTERS = sorted(path for path in (ROOT / "book").rglob("*.ipynb") if ".ipynb_checkpoints" not in path.parts)

PAGES = sorted((ROOT / "book").glob("*.md"))

#: Fenced blocks whose content is prose. All others hold code, options or data.
PROSE_FENCES = (
    "admonition",
    "note",
    "tip",
    "warning",
    "caution",
    "important",
    "exercise",
    "solution",
    "prf:",
)
FENCE = re.compile(
    r"^(?P<mark>`{3,}|:{3,})\{?(?P<name>[\w:-]*)\}?(?P<rest>[^\n]*)\n(?P<body>.*?)^(?P=mark)[ \t]*$",
    re.S | re.M,
)
NOT_PROSE = re.compile(
    r"\$\$.*?\$\$(?:\s*\([\w-]+\))?"  # displayed formulas with their labels
    r"|\\begin\{(?P<env>\w+\*?)\}.*?\\end\{(?P=env)\}"
    r"|\$[^$]*\$"  # formulas in the line
    r"|(?P<ticks>`+).*?(?P=ticks)"  # code, and the content of roles
    r"|<[^>]*>"  # HTML and bare addresses
    r"|\]\([^)]*\)",  # targets of links
    re.S,
)


def name(path: Path) -> str:
    """Short name of a notebook for the reports of pytest."""
    return path.stem


def read(path: Path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=4)


def prose(text: str) -> str:
    """Text without formulas, code, addresses and the options of directives."""

    def inside(match: re.Match[str]) -> str:
        if not match["name"].startswith(PROSE_FENCES):
            return " "
        body = re.sub(r"^:[\w-]+:.*$", "", match["body"], flags=re.M)
        return f"{match['rest']}\n{prose(body)}"

    return NOT_PROSE.sub(" ", FENCE.sub(inside, text))


def toc() -> list[str]:
    """Files of the table of contents, in order."""
    return [entry.document for entry in table_of_contents(ROOT)]
