"""The check in the student's notebook: no network, no server, no file written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .box.calling import call, map_arrays
from .judge import Verdict, judge, plural
from .sealed import Sealed, find_sealed
from .source import Exercise, find


class Check:
    """The checks of one exercise; ``exercises.start("02_lstm_step")`` makes one.

    Parameters
    ----------
    exercise
        The exercise, read from its source.
    """

    def __init__(self, exercise: Exercise | Sealed) -> None:
        self._exercise = exercise
        self._earned: dict[int, int] = {}
        self._hints: dict[int, int] = {}
        self._loans: dict[int, Any] = {}

    def part(self, number: int, function: Callable[..., Any]) -> None:
        """Check the function of one part, and print what was found.

        Parameters
        ----------
        number
            Which part.
        function
            Your function.
        """
        print(self.verdict(number, function))
        print(self._progress_line())

    def verdict(self, number: int, function: Callable[..., Any]) -> Verdict:
        """Check the function of one part and return what was found; nothing is printed."""
        part = self._exercise.part(number)
        if function is self._loans.get(number):
            lines = ["That is the course's own function, on loan, so that you can go on. It gives no points."]
            return Verdict(number, "blocked", 0, part.points, lines)
        if not callable(function):
            lines = [
                f"✗ Part {number}: expected your function {part.function}, got {type(function).__name__}."
            ]
            return Verdict(number, "missing", 0, part.points, lines)
        verdict = self._judge(number, function)
        if verdict.state in ("wrong", "blocked") and part.needs:
            verdict = self._with_loans(number, function, verdict)
        self._earned[number] = max(verdict.points, self._earned.get(number, 0))
        if verdict.state == "wrong":
            verdict.lines.append(f"  For a hint: check.hint({number})")
        return verdict

    def points(self, number: int) -> float:
        """Return the points earned for a part so far, as a float (nbgrader reads it as the cell's score)."""
        return float(self._earned.get(number, 0))

    def hint(self, number: int, level: int | None = None) -> None:
        """Print a hint; each call goes one level further, the third is nearly the answer.

        Parameters
        ----------
        number
            Which part.
        level
            1, 2 or 3; without it the next one.
        """
        hints = self._exercise.part(number).hints
        level = min(self._hints.get(number, 0) + 1, len(hints)) if level is None else level
        if level not in (1, 2, 3):
            raise ValueError(f"level: expected 1, 2 or 3, got {level!r}")
        self._hints[number] = level
        print(f"Hint {level} of 3 for part {number}: {hints[level - 1]}")

    def reference(self, number: int) -> Callable[..., Any]:
        """Return a working function for a part, so that you can go on with the next one.

        Points for the part itself are only given for your own function.
        """
        if number not in self._loans:
            own, move, fetch = self._exercise.function(number), *_mover()

            def on_loan(*arguments: Any) -> Any:
                values = map_arrays(arguments, lambda a: fetch(a) if _is_array(a) else a)
                return map_arrays(own(*values), lambda a: move(a) if isinstance(a, np.ndarray) else a)

            self._loans[number] = on_loan
        return self._loans[number]  # type: ignore[no-any-return]

    def progress(self) -> None:
        """Print the points of every part so far."""
        for part in self._exercise.parts:
            earned = self._earned.get(part.number)
            state = "not checked yet" if earned is None else f"{earned} of {part.points}"
            print(f"  Part {part.number}  {part.function:<24} {state}")
        print(self._progress_line())

    def _judge(self, number: int, function: Callable[..., Any]) -> Verdict:
        move, fetch = _mover()
        plot = self._exercise.part(number).plot
        if plot:  # Matplotlib draws arrays of the host
            move = fetch = _same
        files = getattr(getattr(function, "__code__", None), "co_filename", "<cell")
        outcomes = [
            call(function, case.arguments, move=move, fetch=fetch, plot=plot, files=files)
            for case in self._exercise.cases(number)
        ]
        verdict = judge(self._exercise, number, outcomes)
        if verdict.state == "wrong" and move is not _same and "error" in next(iter(outcomes)):
            verdict.lines.append(
                "  Your arrays are not NumPy's now: write xp.exp, not np.exp, and keep to the array API."
            )
        return verdict

    def _with_loans(self, number: int, function: Callable[..., Any], first: Verdict) -> Verdict:
        """Check once more with the course's functions in place of the earlier parts."""
        names = getattr(function, "__globals__", None)
        if names is None or isinstance(self._exercise, Sealed):
            return first
        needs = {self._exercise.part(n).function: n for n in self._exercise.part(number).needs}
        kept = {name: names[name] for name in needs if name in names}
        try:
            names.update({name: self.reference(n) for name, n in needs.items()})
            second = self._judge(number, function)
        finally:
            for name in needs:
                names.pop(name, None)
            names.update(kept)
        if second.state not in ("right", "wrong") or second.lines == first.lines:
            return first
        used = [f"{n} ({name})" for name, n in needs.items() if kept.get(name) is not self._loans.get(n)]
        if used:  # what is said is about this part alone, whatever the earlier ones do
            second.lines.append(
                f"  (Checked with the course's own part {' and '.join(used)}: yours differs.)"
            )
        return second

    def _progress_line(self) -> str:
        total, earned = self._exercise.points, sum(self._earned.values())
        boxes = "■" * earned + "□" * (total - earned)
        by_hand = self._exercise.points_by_hand
        rest = f"; {plural(by_hand, 'point')} more by hand" if by_hand else ""
        return f"  {boxes} {earned} of {total} points{rest}"


def start(name: str) -> Check:
    """Begin an exercise: ``check = exercises.start("02_lstm_step")``.

    Parameters
    ----------
    name
        Name of the notebook, without its ending.

    Returns
    -------
    Check
        Its methods are ``part``, ``hint``, ``reference`` and ``progress``.
    """
    exercise = find_sealed(name) or find(name)
    print(
        f"{exercise.title}: {len(exercise.parts)} parts to check, {plural(exercise.points, 'point')}"
        + (f", and {exercise.points_by_hand} by hand" if exercise.points_by_hand else "")
        + "."
    )
    return Check(exercise)


def _same(value: Any) -> Any:
    return value


def _mover() -> tuple[Callable[[Any], Any], Callable[[Any], Any]]:
    """Return how arrays go to the library in use, and how they come back."""
    from lstmlab.backend import default_namespace, to_numpy

    xp = default_namespace()
    return (_same, _same) if xp is np else (xp.asarray, to_numpy)


def _is_array(value: Any) -> bool:
    return hasattr(value, "dtype") and hasattr(value, "shape")
