"""The map of the course as SVG: a box a chapter, a line for each "You need".

Two drawings of one layout: boxes with titles for a desk, circles with numbers for a phone; the style sheet
shows one of them. Lines that follow from others appear with the chapter they lead to, when it is pointed at
or has the focus; so do dashed ones, for equations that are cited.
"""

from __future__ import annotations

import html
import math
import textwrap
from collections.abc import Collection, Iterator, Mapping
from itertools import pairwise, product
from typing import NamedTuple, Protocol


class Drawn(Protocol):
    """What a drawing asks of a chapter."""

    number: int
    title: str
    part: str
    needs: set[int]

    @property
    def edges(self) -> set[tuple[int, int, str]]: ...


class Form(NamedTuple):
    """Sizes of one of the two drawings, in units of the reader's pixels."""

    name: str
    column: float
    row: float
    width: float
    height: float


DESK = Form("desk", 116, 96, 109, 68)
PHONE = Form("phone", 48, 56, 34, 34)


def rows(chapters: Mapping[int, Drawn]) -> list[list[int]]:
    """Sort chapters by how many must be read one after the other before them.

    Raises
    ------
    ValueError
        If chapters need each other in a circle.
    """
    depth: dict[int, int] = {}
    while len(depth) < len(chapters):
        ready = {
            n: chapter for n, chapter in chapters.items() if n not in depth and chapter.needs <= set(depth)
        }
        if not ready:
            raise ValueError(f"chapters that need each other: {sorted(set(chapters) - set(depth))}")
        depth |= {n: 1 + max((depth[m] for m in chapter.needs), default=-1) for n, chapter in ready.items()}
    return [sorted(n for n in depth if depth[n] == level) for level in range(1 + max(depth.values()))]


def places(chapters: Mapping[int, Drawn], implied: set[tuple[int, int]]) -> dict[int, tuple[int, int]]:
    """Return column and row of each chapter: lines short and clear of boxes, as far as simple moves get.

    Chapters start in the order of their numbers, then one is moved, or two of a row change places, as long as
    that makes the drawing better. No chance is in it: the same chapters give the same map.
    """
    levels = rows(chapters)
    columns = max(len(level) for level in levels)
    found = {
        n: (i + (columns - len(level)) // 2, row)
        for row, level in enumerate(levels)
        for i, n in enumerate(level)
    }
    lines = [(m, n) for n, chapter in chapters.items() for m in chapter.needs if (m, n) not in implied]
    # What much rests on stands in the middle, as a trunk does.
    weight = {n: 1 + sum(n in chapter.needs for chapter in chapters.values()) for n in chapters}
    best = _badness(found, lines, columns, weight)
    better = True
    while better:
        better = False
        for number, slot in product(chapters, range(columns)):
            (column, row) = found[number]
            trial = found | {n: (column, row) for n, place in found.items() if place == (slot, row)}
            trial[number] = (slot, row)
            cost = _badness(trial, lines, columns, weight)
            if cost < best - 1e-9:
                found, best, better = trial, cost, True
    return found


def _badness(
    place: Mapping[int, tuple[int, int]],
    lines: list[tuple[int, int]],
    columns: int,
    weight: Mapping[int, int],
) -> float:
    """Long lines are bad, lines behind a box worse, and so is a heavy chapter away from the middle."""
    total = sum(0.1 * weight[n] * (x - (columns - 1) / 2) ** 2 for n, (x, _) in place.items())
    taken = list(place.values())
    for first, last in lines:
        (x_1, y_1), (x_2, y_2) = place[first], place[last]
        total += (x_2 - x_1) ** 2
        for x, y in taken:
            if y_1 < y < y_2 and abs(x_1 + (x_2 - x_1) * (y - y_1) / (y_2 - y_1) - x) < 0.6:
                total += 2.0
    return total


def _centre(form: Form, place: tuple[int, int]) -> tuple[float, float]:
    return (place[0] + 0.5) * form.column, (place[1] + 0.5) * form.row


def _line(
    form: Form, start: tuple[int, int], end: tuple[int, int], taken: Collection[tuple[int, int]]
) -> str:
    """A curve from the bottom of a box to the top of the next; on its way it keeps between the boxes."""
    (x_1, y_1), (x_2, y_2) = _centre(form, start), _centre(form, end)
    down = 1 if y_2 > y_1 else -1
    half = down * form.height / 2
    points = [(x_1, y_1 + half)]
    for row in range(start[1] + down, end[1], down):
        # Column of the straight line there, and the gap beside it where a box is in the way.
        column = start[0] + (end[0] - start[0]) * (row - start[1]) / (end[1] - start[1])
        if any(y == row and abs(x - column) < 0.6 for x, y in taken):
            column = math.floor(column) + 0.5
        x, y = (column + 0.5) * form.column, (row + 0.5) * form.row
        points += [(x, y - half), (x, y + half)]
    points.append((x_2, y_2 - half))
    path = f"M{x_1:g} {points[0][1]:g}"
    for (x, y), (to_x, to_y) in pairwise(points):
        bend = (to_y - y) / 2
        path += f"C{x:g} {y + bend:g} {to_x:g} {to_y - bend:g} {to_x:g} {to_y:g}"
    return path


def _lines(
    form: Form,
    chapters: Mapping[int, Drawn],
    before: Mapping[int, set[int]],
    implied: set[tuple[int, int]],
    place: Mapping[int, tuple[int, int]],
) -> Iterator[str]:
    for first, last, why in sorted(edge for chapter in chapters.values() for edge in chapter.edges):
        names = [why, f"to-{last}"]
        if (first, last) in implied:
            names.append("implied")
        elif why == "needs":
            names += [f"on-{n}" for n in sorted(chapters) if n == last or last in before[n]]
        yield (
            f'<path class="{" ".join(names)}" data-edge="{first}-{last}" '
            f'd="{_line(form, place[first], place[last], place.values())}"/>'
        )


def _said(chapter: Drawn) -> str:
    """The name of a box for those who do not see the lines."""
    numbers = [str(n) for n in sorted(chapter.needs)]
    if not numbers:
        return f"Chapter {chapter.number}, {chapter.title}: needs no other chapter"
    listed = " and ".join(filter(None, [", ".join(numbers[:-1]), numbers[-1]]))
    return f"Chapter {chapter.number}, {chapter.title}: needs {listed}"


def _boxes(
    form: Form,
    chapters: Mapping[int, Drawn],
    before: Mapping[int, set[int]],
    place: Mapping[int, tuple[int, int]],
    address: Mapping[int, str],
) -> Iterator[str]:
    parts = list(dict.fromkeys(chapter.part for chapter in chapters.values()))
    for number, chapter in chapters.items():
        (x, y), title = _centre(form, place[number]), chapter.title
        names = [f"part-{1 + parts.index(chapter.part)}", f"is-{number}"]
        names += [f"on-{n}" for n in sorted(chapters) if number in before[n]]
        corner = f'x="{x - form.width / 2:g}" y="{y - form.height / 2:g}"'
        yield (
            f'<a class="{" ".join(names)}" href="{html.escape(address[number])}" '
            f'aria-label="{html.escape(_said(chapter))}">'
        )
        if form is PHONE:
            yield f'<circle cx="{x:g}" cy="{y:g}" r="{form.width / 2:g}"/>'
            yield f'<text x="{x:g}" y="{y + 5:g}">{number}</text>'
        else:
            yield f'<rect {corner} width="{form.width:g}" height="{form.height:g}" rx="6"/>'
            yield f'<rect class="bar" {corner} width="5" height="{form.height:g}" rx="2.5"/>'
            lines = textwrap.wrap(f"{number} {title}", 14, break_long_words=False)
            for n, words in enumerate(lines):
                spot = y + 4 + 15 * (n - (len(lines) - 1) / 2)
                # The first word of all is the number.
                said = html.escape(words).replace(str(number), f"<tspan>{number}</tspan>", 1 - min(n, 1))
                yield f'<text x="{x + 2:g}" y="{spot:g}">{said}</text>'
        yield "</a>"


def _pointing(chapters: Mapping[int, Drawn]) -> str:
    """Rules that light up the way to the chapter that is pointed at; without scripts."""
    rules = []
    for n in chapters:
        svg = f".course-map svg:has(.is-{n}:is(:hover,:focus-visible))"
        rules.append(f"{svg} :is(.on-{n},.is-{n}){{opacity:1}}{svg} .to-{n}{{display:inline;opacity:1}}")
    return "".join(rules)


def page(
    chapters: Mapping[int, Drawn],
    before: Mapping[int, set[int]],
    implied: set[tuple[int, int]],
    address: Mapping[int, str],
) -> str:
    """Return both drawings and the rules that light up a way through them."""
    place = places(chapters, implied)
    columns, depth = (1 + max(axis) for axis in zip(*place.values(), strict=True))
    made = []
    for form in (DESK, PHONE):
        made.append(
            f'<svg class="{form.name}" viewBox="0 0 {columns * form.column:g} {depth * form.row:g}" '
            f'style="max-width:{columns * form.column:g}px" role="group" '
            'aria-label="Map of the course. The list below says the same in words.">'
        )
        made += _lines(form, chapters, before, implied, place)
        made += _boxes(form, chapters, before, place, address)
        made.append("</svg>")
    style = f"<style>{_pointing(chapters)}</style>"
    return f'<div class="course-map">{style}{"".join(made)}</div>\n'
