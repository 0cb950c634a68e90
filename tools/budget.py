"""What the course costs in time and weight: measured, kept in budget.json, shown in CONTRIBUTING.md.

    python tools/budget.py [--book]

Takes the times of the steps and of the notebooks that the last `make test` left in _build/reports, weighs
the built site, and times the import of lstmlab. With --book it also clones the repository for a moment and
builds the book there as a reader does who has just come, with the packages in pip's cache, and as an author
does who has changed a sentence. What cannot be measured now keeps the number it has.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import nbformat

import seconds
from build import HTML
from environment import ROOT, child_environment, command
from execute import notebooks
from lstmlab.config import usable_cores

RECORD = Path(__file__).with_suffix(".json")
PAGE = ROOT / "CONTRIBUTING.md"
REPORTS = ROOT / "_build" / "reports"
#: Written by tools/check.py when all its steps have run: their seconds.
STEPS = REPORTS / "times.json"
TABLE = re.compile(r"(?<=<!-- budget -->\n).*?(?=<!-- end of the budget -->)", re.S)
SCRIPT = re.compile(r'<script[^>]*\bsrc="([^"?:]+)')


class Cost(NamedTuple):
    """Something that costs: its key in the record, what it is called, and how much it may be."""

    key: str
    words: str
    unit: str
    limit: float
    places: int = 0


COSTS = (
    Cost("test", "`make test`", "min", 30, 1),
    Cost("book", "`make book` from a fresh clone, the packages in pip's cache", "s", 300),
    Cost("edited", "`make book` after a sentence more in the largest chapter", "s", 15),
    Cost("again", "`make book` with nothing changed", "s", 1.2, 1),
    Cost("notebook", "the slowest notebook, processor time", "s", seconds.LIMIT),
    Cost("site", "the built site, all its files", "MB", 50),
    Cost("page", "its heaviest page, the HTML alone, formulas and all", "kB", 1250),
    Cost("scripts", "scripts of the page that loads most, the theme's among them", "kB", 1000),
    Cost("own", "the course's own scripts on it", "kB", 100),
    Cost("numpy", "`import numpy`, beside an empty Python", "ms", 250),
    Cost("lstmlab", "`import lstmlab`, beside NumPy; Matplotlib is not loaded", "ms", 240),
)


def record() -> dict[str, Any]:
    return dict(json.loads(RECORD.read_text(encoding="utf8")))


def table(costs: dict[str, float]) -> str:
    """Return the table of CONTRIBUTING.md."""
    lines = ["| | measured | at most |", "|---|--:|--:|"]
    for cost in COSTS:
        lines.append(
            f"| {cost.words} | {costs[cost.key]:.{cost.places}f} {cost.unit} | {cost.limit:g} {cost.unit} |"
        )
    return "\n".join([*lines, ""])


def weights(html: Path) -> dict[str, float]:
    """Weigh a built site; a page's scripts are the files it names, whether it waits for them or not."""
    scripts: dict[Path, list[Path]] = {}
    for page in html.rglob("*.html"):
        named = [(page.parent / name).resolve() for name in SCRIPT.findall(page.read_text(encoding="utf8"))]
        scripts[page] = [file for file in dict.fromkeys(named) if file.is_file()]
    ours = {path.name for path in (ROOT / "book" / "static").glob("*.js")}
    heaviest = max(scripts, key=lambda page: _size(scripts[page]))
    return {
        "site": _size(path for path in html.rglob("*") if path.is_file()) / 1e6,
        "page": max(page.stat().st_size for page in scripts) / 1e3,
        "scripts": _size(scripts[heaviest]) / 1e3,
        "own": max(_size(file for file in files if file.name in ours) for files in scripts.values()) / 1e3,
    }


def _size(files: Any) -> int:
    return sum(file.stat().st_size for file in files)


def starts(code: str, times: int) -> list[float]:
    """Return the processor time in seconds that a fresh Python needs for some code, so often."""
    found, environment = [], child_environment(LSTMLAB_BACKEND="numpy")
    for _ in range(times):
        before = os.times()
        subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, check=True)
        after = os.times()
        found.append(
            after.children_user + after.children_system - before.children_user - before.children_system
        )
    return found


def imports(times: int = 7) -> dict[str, float]:
    """Return the medians of what `import numpy` and, beyond it, `import lstmlab` cost, in milliseconds."""
    empty, numpy, lstmlab = (
        statistics.median(starts(code, times)) for code in ("pass", "import numpy", "import lstmlab")
    )
    return {"numpy": 1e3 * (numpy - empty), "lstmlab": 1e3 * (lstmlab - numpy)}


def edit(course: Path) -> None:
    """Add a sentence to the largest chapter."""
    chapter = max(course.glob("book/part*/*.ipynb"), key=lambda path: path.stat().st_size)
    notebook = nbformat.read(chapter, as_version=4)
    notebook.cells[0].source += "\n\nThis is one sentence more."
    nbformat.write(notebook, chapter)


def book() -> dict[str, float]:
    """Build the site in a fresh clone, after an edit and with nothing changed; return the seconds."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "course"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        for key in ("book", "edited", "again"):
            if key == "edited":
                edit(clone)
            start = time.perf_counter()
            subprocess.run(["make", "site"], cwd=clone, check=True)  # `make book` serves it too, and stays
            found[key] = time.perf_counter() - start
    return found


def measure() -> dict[str, float]:
    """Return what can be measured here and now."""
    found: dict[str, float] = {}
    if STEPS.is_file():
        found["test"] = sum(json.loads(STEPS.read_text(encoding="utf8")).values()) / 60
    if slow := [spent for spent in seconds.read(REPORTS, notebooks()).values() if spent is not None]:
        found["notebook"] = max(slow)
    if HTML.is_dir():
        found |= weights(HTML)
    return found | imports()


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--book", action="store_true", help="build the book in a fresh clone as well")
    options = parser.parse_args(argv)
    kept = record()
    costs = kept["costs"] | measure() | (book() if options.book else {})
    kept |= {"cores": usable_cores(), "costs": {cost.key: round(costs[cost.key], 1) for cost in COSTS}}
    RECORD.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf8")
    PAGE.write_text(TABLE.sub(table(kept["costs"]), PAGE.read_text(encoding="utf8")), encoding="utf8")
    print(table(kept["costs"]))
    return 0


if __name__ == "__main__":
    sys.exit(command(main))
