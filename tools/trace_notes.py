"""Follow each line of the notes the course began with to its rows of the ledger, and to what shows them.

    python tools/trace_notes.py NOTES.md

The notes are not part of the repository. `book/trace.yml` knows each of their lines that is not blank by its
number in order and by a digest of its text, and names the rows of `book/claims.yml` it leads to. Printed are,
for each section and line, the rows with their chapters, equations, functions and tests. It fails, and says
where, if a line leads to no row, no line to a row, or a name nowhere; if a section is left out; and if the
notes have changed.
"""

from __future__ import annotations

import argparse
import difflib
import hashlib
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import yaml  # type: ignore[import-untyped]

from environment import ROOT, command

sys.path.insert(0, str(ROOT / "book" / "_ext"))

from claims import Claim, Ledger, load
from leads import faults

DATA = ROOT / "book" / "trace.yml"
#: What a line is that claims nothing. A section's heading leads to what the notes leave out of the section.
HEADINGS = {1: "title", 2: "part", 3: "section"}
KINDS = {*HEADINGS.values(), "caption", "fence"}


class Line(NamedTuple):
    """A line of the notes as `trace.yml` has it."""

    number: int  # in order, blank lines not counted
    digest: str
    kind: str  # or nothing: it claims something
    rows: tuple[str, ...]
    section: str


class Read(NamedTuple):
    """A line of the notes as it stands there."""

    place: int  # in the file
    digest: str
    kind: str
    heading: str  # its words, if it is one


def load_trace(path: Path) -> list[Line]:
    """Read the data: under each section's id, lines of number, digest, kind if any, and rows."""
    lines = []
    for section, block in yaml.safe_load(path.read_text(encoding="utf8")).items():
        for entry in block.splitlines():
            number, digest, *rest = entry.split()
            kind = rest.pop(0) if rest and not re.fullmatch(r"n\d+", rest[0]) else ""
            lines.append(Line(int(number), digest, kind, tuple(rest), section))
    return lines


def digest(text: str) -> str:
    """Return ten characters that tell a line from others, however it is spaced."""
    return hashlib.sha256(" ".join(text.split()).encode()).hexdigest()[:10]


def read_notes(text: str) -> list[Read]:
    """Return the lines that are not blank, each with its kind."""
    found, in_code = [], False
    for place, line in enumerate(text.splitlines(), 1):
        words = line.strip()
        heading = re.match(r"(#{1,3}) +(.*)", words)
        if words.startswith("```"):
            kind, in_code = "fence", not in_code
        elif in_code:
            kind, heading = "", None
        elif heading:
            kind = HEADINGS[len(heading[1])]
        else:  # a caption: a word, or words in bold, and a colon; with more after it, it claims something
            kind = "caption" if re.fullmatch(r"\*\*[^*]+:\*\*|\w+:", words) else ""
        if words:
            found.append(Read(place, digest(line), kind, heading[2].strip() if heading else ""))
    return found


def gaps(trace: Sequence[Line], ledger: Ledger) -> Iterator[str]:
    """Say what is missing between the data and the ledger, in both directions. No notes are needed."""
    rows = {claim.id: claim for claim in ledger.claims}
    numbers = _numbers(ledger)
    if list(dict.fromkeys(line.section for line in trace)) != list(numbers):
        yield f"sections: expected those of the ledger in their order; left out: {_left_out(trace, numbers)}"
    if [line.number for line in trace] != list(range(1, len(trace) + 1)):
        yield "lines: expected the numbers from 1 on in their order"
    for line in trace:
        here = f"line {line.number}, {_named(line, numbers)}"
        if line.section not in numbers:
            yield f"{here}: no such section"
        if line.kind and line.kind not in KINDS:
            yield f"{here}: no such kind: {line.kind}"
        if not line.kind and not line.rows:
            yield f"{here}: leads to no row"
        for name in line.rows:
            if name not in rows:
                yield f"{here}: no such row: {name}"
            elif line.kind and (line.kind != "section" or rows[name].verdict != "missing"):
                yield f"{here}: a {line.kind} claims nothing, and leads to {name}"
    for section, number in numbers.items():
        if not any(line.section == section and not line.kind for line in trace):
            yield f"section {number} ({section}): no line of it claims anything"
    reached = {(line.section, name) for line in trace for name in line.rows}
    for claim in ledger.claims:
        if (claim.section, claim.id) not in reached:
            yield f"{claim.id}: no line of section {numbers[claim.section]} ({claim.section}) leads to it"


def _numbers(ledger: Ledger) -> dict[str, int]:
    return {section: number for number, section in enumerate(ledger.sections, 1)}


def _named(line: Line, numbers: dict[str, int]) -> str:
    return f"section {numbers.get(line.section, 'unknown')} ({line.section})"


def _left_out(trace: Sequence[Line], sections: dict[str, int]) -> str:
    there = {line.section for line in trace}
    return ", ".join(f"{number} ({name})" for name, number in sections.items() if name not in there) or "none"


def changes(trace: Sequence[Line], notes: Sequence[Read], ledger: Ledger) -> Iterator[str]:
    """Say where the notes are not those that were traced."""
    numbers = _numbers(ledger)
    known, there = [line.digest for line in trace], [read.digest for read in notes]
    matcher = difflib.SequenceMatcher(None, known, there, autojunk=False)
    for how, first, last, start, end in matcher.get_opcodes():
        if how == "equal":
            continue
        for line in trace[first:last]:
            yield f"line {line.number}, {_named(line, numbers)}: not in the notes"
        for k, read in enumerate(notes[start:end], start + 1):
            near = _named(trace[max(first - 1, 0)], numbers)
            yield f"line {k} (line {read.place} of the file), {near}: not traced"
    if known != there:
        return
    for line, read in zip(trace, notes, strict=True):
        if line.kind != read.kind:
            yield f"line {line.number}: is called {line.kind or 'a claim'}, and is {read.kind or 'a claim'}"
    headings = [read.heading for read in notes if read.kind in ("part", "section")]
    wanted = [name for part, titles in ledger.parts.items() for name in (part, *titles.values())]
    for heading in headings:
        if heading not in wanted:
            yield f"the ledger has no part or section of the name of heading {headings.index(heading) + 1}"


def told(trace: Sequence[Line], ledger: Ledger) -> Iterator[str]:
    """Yield the whole way of each line."""
    rows = {claim.id: claim for claim in ledger.claims}
    for number, (section, title) in enumerate(ledger.sections.items(), 1):
        yield f"\n{number} {title}"
        for line in trace:
            if line.section == section:
                first = f"{line.number:5}  {line.kind or 'claim':9}"
                yield first + f"\n{' ' * len(first)}".join(_way(rows[name]) for name in line.rows)


def _way(claim: Claim) -> str:
    chapters = ", ".join(chapter.removeprefix("book/") for chapter in claim.chapter)
    functions = ", ".join(name.removeprefix("lstmlab.") for name in claim.function)
    tests = ", ".join(name.rpartition("/")[2] for name in claim.test)
    return " | ".join([claim.id, chapters, ", ".join(claim.label) or "no equation", functions, tests])


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("notes", type=Path, help="the notes, a file of Markdown")
    parser.add_argument("--quiet", action="store_true", help="print what is wrong, and the sums")
    options = parser.parse_args(argv)
    if not options.notes.is_file():
        parser.error(f"notes: no such file: {options.notes}")
    trace, ledger = load_trace(DATA), load()
    wrong = list(gaps(trace, ledger))
    if not options.quiet and not wrong:
        print(*told(trace, ledger), sep="\n", end="\n\n")
    wrong += changes(trace, read_notes(options.notes.read_text(encoding="utf8")), ledger)
    wrong += [fault for claim in ledger.claims for fault in faults(claim)]
    print(*wrong, sep="\n", end="\n" if wrong else "")
    claiming = sum(not line.kind for line in trace)
    print(f"{len(trace)} lines, {claiming} of them claims, {len(ledger.sections)} sections,", end=" ")
    print(f"{len(ledger.claims)} rows: {f'{len(wrong)} faults' if wrong else 'all traced'}")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(command(main))
