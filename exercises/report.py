"""What the grader writes: a table for the course's records, a page for each student."""

from __future__ import annotations

import csv
import html
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .grade import Result

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 50rem; margin: 2rem auto; padding: 0 1rem;
       color: #1f2328; background: #fff }
pre { white-space: pre-wrap; padding: .6rem .8rem; border-left: 4px solid #999; background: #f4f4f4 }
.right pre { border-color: #007a5e } .wrong pre, .missing pre { border-color: #b3420a }
@media (prefers-color-scheme: dark) {
  body { color: #e6e6e6; background: #16181b } pre { background: #24272b }
}
"""


def write_table(results: Sequence[Result], path: Path) -> None:
    """Write one row a notebook. A cell that a spreadsheet would take for a formula is made harmless."""
    parts = max((len(result.verdicts) for result in results), default=0)
    every = [f"part_{k + 1}" for k in range(parts)]
    head = ["student", "exercise", "points", "of", "by_hand_of", *every, "why", "file"]
    with path.open("w", encoding="utf8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(head)
        for result in results:
            row: list[object] = [result.student, result.exercise, result.points, result.of, result.by_hand]
            row += [verdict.points for verdict in result.verdicts]
            row += [""] * (parts - len(result.verdicts)) + [result.why, result.where]
            table.writerow([harmless(cell) for cell in row])


def harmless(cell: object) -> object:
    """Put a quotation mark before what a spreadsheet would calculate."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell


def write_pages(results: Sequence[Result], folder: Path) -> None:
    """Write one HTML page a notebook; nothing in it comes from the net, nothing of a student's is markup."""
    folder.mkdir(parents=True, exist_ok=True)
    taken: set[str] = set()
    for result in results:
        name = re.sub(r"[^\w.-]+", "_", f"{result.student}__{result.exercise or 'unread'}").strip("._")[:120]
        unique, k = name, 2
        while unique.casefold() in taken:
            unique, k = f"{name}_{k}", k + 1
        taken.add(unique.casefold())
        (folder / f"{unique}.html").write_text(page(result), encoding="utf8")


def page(result: Result) -> str:
    """Return the feedback page of one notebook."""
    e = html.escape
    title = f"{result.exercise or 'Not read'}: {result.student}"
    body = [
        f"<h1>{e(title)}</h1>",
        f"<p><strong>{result.points} of {result.of} points</strong> by the checks",
    ]
    body.append(f"; {result.by_hand} more are given by hand.</p>" if result.by_hand else ".</p>")
    if not any(verdict.cases for verdict in result.verdicts) and result.why:
        body.append(f"<p>{e(result.why)}</p>")
    for verdict in result.verdicts:
        body.append(f'<section class="{e(verdict.state)}">')
        body.append(f"<h2>Part {verdict.number}: {verdict.points} of {verdict.of}</h2>")
        body.append(f"<pre>{e(str(verdict))}</pre></section>")
    if result.remarks:
        body.append("<h2>Cells that could not be used</h2><ul>")
        body += [f"<li>{e(remark)}</li>" for remark in result.remarks[:10]] + ["</ul>"]
    for name, answer in sorted(result.written.items()):
        if not name.startswith("answer"):
            continue
        body.append(f"<h2>Your own words ({e(name)})</h2><pre>{e(answer)}</pre>")
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{e(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style></head><body>'
        + "\n".join(body)
        + "</body></html>\n"
    )
