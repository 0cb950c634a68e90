"""A private exercise for students' machines: the checks of its notebook without its source.

A sealed file holds the arguments of the notebook's own cases, what is expected, what each listed mistake
gives and the sentence for it, and the hints. It holds no solution, no hidden case and no code at all. Who
has it can read the expected numbers of these cases, which the check prints anyway; the grader has others.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from .author import Case, Mistake, Part
from .box import values
from .box.calling import Outcome
from .source import Exercise, SourceError

ENDING = ".sealed"


def seal(exercise: Exercise) -> bytes:
    """Return the sealed form of an exercise."""
    parts = []
    for part in exercise.parts:
        if part.judge is not None:
            raise SourceError(
                f"{exercise.name}: part {part.number} has a judge of its own and cannot be sealed"
            )
        n = part.number
        about = {
            key: getattr(part, key) for key in ("number", "function", "points", "title", "plot", "outputs")
        } | {"hints": list(part.hints), "order": list(part.order), "needs": list(part.needs)}
        cases = [
            {"name": c.name, "arguments": c.arguments, "tolerance": c.tolerance} for c in exercise.cases(n)
        ]
        mistakes = [
            {"says": mistake.says, "outcomes": outcomes}
            for mistake, outcomes in zip(part.mistakes, exercise.mistaken(n), strict=True)
        ]
        parts.append({"about": about, "cases": cases, "expected": exercise.expected(n), "mistakes": mistakes})
    head = {"name": exercise.name, "title": exercise.title, "points_by_hand": exercise.points_by_hand}
    return values.dumps({**head, "parts": parts})


class Sealed:
    """An exercise read from a sealed file; what :class:`exercises.Check` asks of an exercise."""

    def __init__(self, data: bytes) -> None:
        content = values.loads(data)
        self.name, self.title = content["name"], content["title"]
        self.points_by_hand = content["points_by_hand"]
        self._content = {found["about"]["number"]: found for found in content["parts"]}
        self.parts = [self._part(found) for found in content["parts"]]
        self.points = sum(part.points for part in self.parts)

    @staticmethod
    def _part(found: dict[str, Any]) -> Part:
        mistakes = [Mistake(mistake["says"], code="sealed") for mistake in found["mistakes"]]
        return Part(**found["about"], inputs={}, mistakes=mistakes)

    def part(self, number: int) -> Part:
        """Return a part by its number."""
        for part in self.parts:
            if part.number == number:
                return part
        raise ValueError(f"number: expected one of {sorted(self._content)}, got {number!r}")

    def cases(self, number: int, hidden: bool = False) -> list[Case]:
        """Return the cases of the notebook."""
        return [Case(**case) for case in self._content[number]["cases"]]

    def expected(self, number: int, hidden: bool = False) -> list[Outcome]:
        """Return what is expected of each case."""
        return list(self._content[number]["expected"])

    def mistaken(self, number: int, hidden: bool = False) -> list[list[Outcome]]:
        """Return what each mistake gives."""
        return [mistake["outcomes"] for mistake in self._content[number]["mistakes"]]

    def function(self, number: int) -> Callable[..., Any]:
        """A sealed exercise has nothing to lend."""
        raise ValueError(
            f"the function of part {number} cannot be lent: this exercise came without its source"
        )


def find_sealed(name: str) -> Sealed | None:
    """Return the sealed exercise of this name beside the notebook, if there is one."""
    path = Path(f"{name}{ENDING}")
    return Sealed(path.read_bytes()) if path.is_file() else None
