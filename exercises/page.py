"""Write the site's page about the exercises, and the list in this folder's README.

python -m exercises.make without a name does it; tests/exercises/test_page.py fails when they are stale.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from .source import HERE, Exercise, find, names, role

ROOT = HERE.parent
PAGE = ROOT / "book" / "exercises.md"
README = HERE / "README.md"
BEGIN, END = "<!-- made by exercises.make -->\n", "<!-- end -->\n"
LABEL = re.compile(r"\{exercise(?:-start)?\}[^\n]*\n:label: (\S+)")
HEAD = """(ch-exercises)=
# Exercises

There are two kinds. **Graded exercises** are notebooks of their own in which you write the functions of a
chapter; a check after each part answers at once, without a network, and says which equation broke.
**Practice questions** stand at the end of each chapter, with their solutions folded below them, and give
no points.

## How to do a graded exercise

Open a notebook with one of its links below, or from the folder `exercises/` after `make lab`. Run the
cells from the top. Where it says `# YOUR CODE HERE`, write; then run the check beneath. This is what a
wrong answer gets:

```text
✗ Part 2, memory: C_t is wrong.
  equation   C_t = f_t ⊙ C_{t-1} + i_t ⊙ C̃_t
  expected   C_t = [[-0.228]]
  got        C_t = [[-0.2049]]
  on         B = 1, n_h = 1: f_t = [[0.59]]; i_t = [[0.52]]; C_tilde_t = [[-0.03]]; ...
  It looks like this: your forget and input gates are swapped.
  0 of 4 cases are right.
  For a hint: check.hint(2)
```

- `check.hint(2)` gives a hint for part 2; ask again for the next of three.
- `check.progress()` shows your points. The question in words at the end is marked by a person.
- Stuck on part 2? `memory = check.reference(2)` in a cell of its own lends you the course's function, and
  part 3 can be done. Part 2 keeps its points for your own.
- The notebooks run on a GPU as well: write `xp.tanh`, not `np.tanh`.

Teachers find [how to grade a class](../exercises/INSTRUCTORS.md) and
[how to write an exercise](../exercises/AUTHORS.md) on the next pages.

::::{if-repository} github
On Binder everything is installed. On Colab run this in a first cell:

```python
%pip install -q "lstmlab @ git+@URL@"
```
::::

"""


def chapters() -> dict[int, Path]:
    """Return each chapter's notebook by its number."""
    found = sorted((ROOT / "book").glob("part*/*.ipynb"))
    return {int(path.stem.partition("_")[0]): path for path in found}


def text_of(chapter: Path) -> list[str]:
    """Return the text cells of a chapter."""
    cells = json.loads(chapter.read_text(encoding="utf8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]


def chapter_title(chapter: Path) -> str:
    """Return the heading of a chapter."""
    match = re.search(r"^# (.+)$", "\n".join(text_of(chapter)), re.M)
    if match is None:
        raise ValueError(f"chapter: expected a heading in {chapter}, got none")
    return match[1]


def summary(exercise: Exercise) -> str:
    """Return the sentence or two under an exercise's heading."""
    first = next(cell.text for cell in exercise.cells if role(cell) == "text")
    return " ".join(first.split("\n\n")[1].split())


def points(exercise: Exercise) -> str:
    """Return the points in words."""
    return f"{exercise.points} points by the checks, {exercise.points_by_hand} by hand"


def page() -> str:
    """Return the page of the site."""
    known = chapters()
    exercises = [find(name) for name in names()]
    return "".join([HEAD, *overview(exercises, known), *sections(exercises, known), *practice(known)])


def overview(exercises: list[Exercise], known: dict[int, Path]) -> Iterator[str]:
    """Yield the table of all exercises."""
    total, minutes = sum(e.points for e in exercises), sum(e.minutes for e in exercises)
    yield "## All graded exercises\n\n"
    yield f"{len(exercises)} exercises, {total} points by the checks, some {round(minutes / 60)} hours.\n\n"
    yield "| exercise | after chapter | minutes | points, and by hand |\n|---|---|---|---|\n"
    for e in exercises:
        yield (
            f"| {{ref}}`{e.title} <graded-{e.name}>` | {after(e, known)} | {e.minutes} "
            f"| {e.points} + {e.points_by_hand} |\n"
        )


def after(exercise: Exercise, known: dict[int, Path]) -> str:
    """Return the chapter an exercise belongs to, as a link where it is written."""
    number = int(exercise.chapter)
    if number not in known:
        return f"{number}"
    path = known[number].relative_to(PAGE.parent).with_suffix("")
    return f"{number} {{doc}}`{chapter_title(known[number])} <{path.as_posix()}>`"


def sections(exercises: list[Exercise], known: dict[int, Path]) -> Iterator[str]:
    """Yield what is said of each exercise."""
    for e in exercises:
        file = f"exercises/{e.name}.ipynb"
        yield f"\n(graded-{e.name})=\n### {e.title}\n\n{summary(e)}\n\n"
        yield f"After chapter {after(e, known)}. {e.minutes} minutes, {points(e)}.\n\n"
        yield f"{{download}}`Download the notebook <../{file}>`{{elsewhere}}`{file}`\n\n"
        yield ": ".join(["Parts", "; ".join(f"{p.title} ({p.points})" for p in e.parts)]) + ".\n"


def practice(known: dict[int, Path]) -> Iterator[str]:
    """Yield the list of the chapters' own questions; each stands above its folded solution."""
    yield "\n## Practice questions\n\nEach is followed by its solution, folded.\n\n"
    for number, path in known.items():
        labels = LABEL.findall("\n".join(text_of(path)))
        links = ", ".join(f"{{ref}}`{label}`" for label in labels)
        yield f"- {number} {{doc}}`{chapter_title(path)} <{path.parent.name}/{path.stem}>`: {links}\n"


def readme() -> str:
    """Return the README with its table made anew."""
    before, _, rest = README.read_text(encoding="utf8").partition(BEGIN)
    _, _, behind = rest.partition(END)
    known = chapters()
    rows = [
        "| exercise | after chapter | minutes | points by the checks | by hand |\n|---|---|---|---|---|\n"
    ]
    for e in map(find, names()):
        number = int(e.chapter)
        title = f" {chapter_title(known[number])}" if number in known else ""
        rows.append(
            f"| [{e.title}]({e.name}.ipynb) | {number}{title} | {e.minutes} "
            f"| {e.points} | {e.points_by_hand} |\n"
        )
    return "".join([before, BEGIN, *rows, END, behind])


def pages() -> dict[Path, str]:
    """Return every page made here, with its text."""
    return {PAGE: page(), README: readme()}
