"""Compare what a function gave with what it should have given, and say in a few lines what is wrong."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from .author import Case, Mistake, Part
from .box.calling import Outcome
from .box.values import Seed, Strange

if TYPE_CHECKING:
    from .sealed import Sealed
    from .source import Exercise

FEW = 16  # an input or output of so many numbers is shown whole


@dataclass
class Verdict:
    """What the checks say of one part.

    ``state`` is ``right``, ``wrong``, ``untouched`` (the stub is still there), ``blocked`` (an earlier part
    is not written) or ``missing``; ``lines`` say it to the student; ``mistake`` is the one recognised.
    """

    number: int
    state: str
    points: int
    of: int
    lines: list[str] = field(default_factory=list)
    mistake: str = ""
    good: int = 0
    cases: int = 0

    def __str__(self) -> str:
        return "\n".join(self.lines)


@dataclass(frozen=True)
class Leaf:
    """One output: which of those returned it is in, where it stands there, its name, shape and equation."""

    top: str
    path: tuple[int | str, ...]
    name: str
    shape: str
    equation: str


def judge(
    exercise: Exercise | Sealed, number: int, outcomes: Sequence[Outcome], hidden: bool = False
) -> Verdict:
    """Judge the outcomes of one part, one for each case of ``exercise.cases(number, hidden)``."""
    part, cases = exercise.part(number), exercise.cases(number, hidden)
    expected = exercise.expected(number, hidden)
    verdict = Verdict(number, "right", 0, part.points, cases=len(cases))
    head = f"Part {number}, {part.function}"
    complaints = [
        find_fault(part, case, want, got) for case, want, got in zip(cases, expected, outcomes, strict=True)
    ]
    verdict.good = sum(not complaint for complaint in complaints)
    first = next((k for k, complaint in enumerate(complaints) if complaint), None)
    if first is None:
        verdict.points = part.points
        verdict.lines = [f"✓ {head}: right. {plural(part.points, 'point')} of {part.points}."]
        verdict.lines += notes(outcomes, expected)
        return verdict
    task = stub(outcomes[first])
    if task is not None:
        return unwritten(exercise, verdict, head, task, outcomes[first])
    verdict.state = "wrong"
    found = complaints[first] or []
    case = cases[first]
    if case.hidden:  # what only the grader has stays with the grader: no numbers
        found = [line for line in found if not line.startswith(("  expected", "  got"))]
        found.append("  This case is not among those of the notebook's own check.")
    mistake = recognise(part, exercise.mistaken(number, hidden), outcomes, cases, expected)
    verdict.lines = [f"✗ {head}: {found[0]}", *found[1:], *on_which(case)]
    if mistake:
        verdict.mistake = mistake.says
        verdict.lines.append(f"  It looks like this: {mistake.says}")
    verb = "is" if verdict.good == 1 else "are"
    verdict.lines.append(f"  {verdict.good} of {len(cases)} cases {verb} right.")
    return verdict


def stub(outcome: Outcome) -> str | None:
    """Return the message of the stub that was reached, if one was."""
    error = outcome.get("error")
    if isinstance(error, dict) and error.get("type") == "NotImplementedError":
        return str(error.get("message"))
    return None


def unwritten(
    exercise: Exercise | Sealed, verdict: Verdict, head: str, task: str, outcome: Outcome
) -> Verdict:
    """Say which function is not written yet."""
    verdict.state = "untouched"
    reached = next((n for n in exercise.part(verdict.number).needs if task.startswith(f"task {n}:")), None)
    if reached is not None:
        verdict.state = "blocked"
        name = exercise.part(reached).function
        verdict.lines = [
            f"… {head}: calls {name} of part {reached}, which is not written yet.",
            f"  To go on without it, put  {name} = check.reference({reached})  into a cell of its own.",
        ]
    else:
        verdict.lines = [f"… {head}: not written yet. {task[:1].upper()}{task[1:]}"]
        line = str(outcome["error"].get("text", ""))
        if line.startswith("raise NotImplementedError"):
            verdict.lines.append(
                "  (Its line `raise NotImplementedError(...)` is still reached; remove it when you are done.)"
            )
    return verdict


def notes(outcomes: Sequence[Outcome], expected: Sequence[Outcome]) -> list[str]:
    """Return remarks on a right answer."""
    for got, want in zip(outcomes, expected, strict=True):
        for mine, theirs in zip(arrays(got.get("value")), arrays(want.get("value")), strict=False):
            if mine.dtype != theirs.dtype and {mine.dtype.name, theirs.dtype.name} == {"float32", "float64"}:
                return [
                    f"  Note: from {theirs.dtype} inputs your result is {mine.dtype}; that is allowed here."
                ]
    return []


def find_fault(part: Part, case: Case, want: Outcome, got: Outcome) -> list[str] | None:
    """Return what is wrong with one outcome in a few lines, or ``None``."""
    if "error" in got:
        return raised(got["error"], case)
    value, right = got.get("value"), want["value"]
    if part.judge is not None:
        said = part.judge(case.arguments, right, value)
        return [said] if said else changed(got)
    if part.plot:
        return plot_fault(part, case, right, value)
    if value is None:
        return ["it returns nothing (None). Is the `return` missing?"]
    tops = list(part.outputs)
    if len(tops) > 1:
        names = ", ".join(tops)
        if not isinstance(value, list | tuple | np.ndarray) or (
            isinstance(value, np.ndarray) and not value.ndim
        ):
            return [f"it returns one value ({kind(value)}), expected {len(tops)}: {names}."]
        if len(value) != len(tops):
            return [f"it returns {plural(len(value), 'value')}, expected {len(tops)}: {names}."]
    leaves = list(outputs(part))
    position = {name: k for k, name in enumerate(part.order)}
    leaves.sort(key=lambda leaf: position.get(leaf.top, len(tops)))
    for leaf in leaves:
        try:
            mine = follow(value, leaf.path)
        except LookupError as error:
            return [str(error.args[0])]
        found = leaf_fault(leaf, case, follow(right, leaf.path), mine)
        if found:
            return found
    return changed(got)


def changed(got: Outcome) -> list[str] | None:
    """Say which argument was written to."""
    if names := got.get("changed"):
        written = ", ".join(map(str, names))
        return [
            f"it changes its argument {written} in place; its caller still needs that array:",
            "  make a new one (a = a * b, not a *= b).",
        ]
    return None


def outputs(part: Part) -> Iterator[Leaf]:
    """Yield every single output, those in dictionaries too."""

    def walk(top: str, path: tuple[int | str, ...], name: str, spec: Any) -> Iterator[Leaf]:
        if isinstance(spec, dict):
            for key, inner in spec.items():
                yield from walk(top, (*path, key), f'{name}["{key}"]', inner)
        else:
            yield Leaf(top, path, name, *spec)

    several = len(part.outputs) > 1
    for k, (name, spec) in enumerate(part.outputs.items()):
        yield from walk(name, (k,) if several else (), name, spec)


def follow(value: Any, path: Sequence[int | str]) -> Any:
    """Return what stands at a path; ``LookupError`` says in words what is not there."""
    for key in path:
        if isinstance(key, str):
            if not isinstance(value, dict):
                raise LookupError(f'expected a dictionary with an entry "{key}", got {kind(value)}.')
            if key not in value:
                raise LookupError(
                    f'the entry "{key}" is missing; there are: {", ".join(map(str, value))[:80]}.'
                )
        value = value[key]
    return value


def raised(error: Any, case: Case) -> list[str]:
    """Say which exception came, and from which line."""
    error = error if isinstance(error, dict) else {}
    where = f" in the line `{error['text']}`" if error.get("text") else ""
    said = str(error.get("message") or "")
    if inner := re.search(r"matmul: .* \(size (\d+) is different from (\d+)\)", said):
        said = f"in a matrix product, {inner[2]} columns on the left meet {inner[1]} rows on the right"
    message = f": {said}" if said else ""
    lines = [f"it raises {error.get('type', 'an exception')}{where}{message}"]
    shapes = [f"{name} {a.shape}" for name, a in case.arguments.items() if isinstance(a, np.ndarray)]
    return lines + ([f"  shapes     {', '.join(shapes)}"] if shapes else [])


def leaf_fault(leaf: Leaf, case: Case, want: Any, got: Any) -> list[str] | None:
    """Compare one output."""
    if isinstance(want, str | bool | dict | list | tuple) or want is None:
        if plain_equal(want, got, case.tolerance):
            return None
        return [
            f"{leaf.name} is wrong.",
            *equation(leaf),
            f"  expected   {show(want)}",
            f"  got        {show(got)}",
        ]
    want = np.asarray(want)
    if isinstance(got, bool | int | float | np.generic) and not want.ndim:
        got = np.asarray(got)
    if not isinstance(got, np.ndarray):
        wanted = f"an array of shape {want.shape}" if want.ndim else "a number"
        return [f"{leaf.name} is {kind(got)}, expected {wanted}."]
    if got.dtype.kind not in ("biufc" if want.dtype.kind == "c" else "biuf") or got.dtype == np.float16:
        return [f"{leaf.name} has the type {got.dtype}, expected {want.dtype}."]
    if got.shape != want.shape:
        symbols = f"({leaf.shape}) = " if leaf.shape else ""
        found = f"{leaf.name} has the shape {got.shape}, expected {symbols}{want.shape}."
        turned = "  Is it transposed?" if got.shape == want.shape[::-1] else None
        return [found, *equation(leaf), *([turned] if turned else [])]
    if np.isfinite(want).all() and not np.isfinite(got).all():
        bad = np.argwhere(~np.isfinite(got))
        what = "NaN (not a number)" if np.isnan(got[tuple(bad[0])]) else "infinity"
        return [f"{leaf.name} contains {what} in {len(bad)} of {got.size} entries.", *equation(leaf)]
    if got.dtype.kind in "iub" and want.dtype.kind == "f" and not close(want, got, case.tolerance):
        return [
            f"{leaf.name} has the type {got.dtype}: the digits after the point are lost; "
            f"expected {want.dtype}."
        ]
    if close(want, got, case.tolerance):
        return None
    lines = [f"{leaf.name} is wrong.", *equation(leaf)]
    if want.ndim == 2 and want.shape == want.shape[::-1] and close(want.T, got, case.tolerance):
        lines.append("  Is it transposed?")
    if want.size <= FEW and not case.hidden:
        return [*lines, f"  expected   {leaf.name} = {show(want)}", f"  got        {leaf.name} = {show(got)}"]
    with np.errstate(invalid="ignore"):
        error = np.abs(np.asarray(got, want.dtype if want.dtype.kind in "fc" else float) - want)
    error = np.nan_to_num(error, nan=0.0, posinf=np.inf)  # infinity expected and got
    worst = np.unravel_index(int(np.argmax(error)), error.shape)
    place = f"{leaf.name}[{', '.join(str(int(k)) for k in worst)}]"
    count = int((error > allowed(want, case.tolerance)).sum())
    return [
        *lines,
        f"  expected   {place} = {show(want[worst])}",
        f"  got        {place} = {show(got[worst])}   ({count} of {want.size} entries are wrong)",
    ]


def plot_fault(part: Part, case: Case, want: Any, got: Any) -> list[str] | None:
    """Compare two drawings: data first, then labels."""
    if not isinstance(got, dict):
        return ["nothing came back from the drawing."]
    for name, (_, what) in part.outputs.items():
        theirs, mine = want.get(name), got.get(name)
        if name == "bars":
            if not (
                isinstance(theirs, np.ndarray)
                and isinstance(mine, np.ndarray)
                and mine.shape == theirs.shape
                and close(theirs, mine, case.tolerance)
            ):
                return [f"the bars are wrong: {what}."]
            continue
        if name in ("xscale", "yscale"):
            if mine != theirs:
                return [f"the {name[0]} axis is {mine}, expected {theirs}: {what}."]
            continue
        theirs, mine = (side if isinstance(side, list) else [] for side in (theirs, mine))
        if len(mine) != len(theirs):
            there = "there is" if len(mine) == 1 else "there are"
            return [f"{there} {plural(len(mine), name[:-1])}, expected {len(theirs)}: {what}."]
        left = [a for a in mine if isinstance(a, np.ndarray)]
        for k, one in enumerate(theirs, 1):
            hit = next(
                (j for j, a in enumerate(left) if a.shape == one.shape and close(one, a, case.tolerance)),
                None,
            )
            if hit is None:
                return [f"{name[:-1]} {k} of {len(theirs)} is not there: {what}."]
            left.pop(hit)
    for axis in ("xlabel", "ylabel"):
        if want.get(axis) and not str(got.get(axis) or "").strip():
            return [f"the {axis[0]} axis has no label: ax.set_{axis}(...)."]
    if want.get("legend") and len([t for t in got.get("legend") or [] if str(t).strip()]) < len(
        want["legend"]
    ):
        return ["the legend does not name every curve: label=... in each plot, then ax.legend()."]
    return None


def recognise(
    part: Part,
    mistaken: Sequence[Sequence[Outcome]],
    outcomes: Sequence[Outcome],
    cases: Sequence[Case],
    expected: Sequence[Outcome],
) -> Mistake | None:
    """Return the listed mistake that gives the same on every case, if there is exactly one."""
    hits = []
    for mistake, theirs in zip(part.mistakes, mistaken, strict=True):
        if not all(alike(part, case, a, b) for case, a, b in zip(cases, theirs, outcomes, strict=True)):
            continue
        # An exception everywhere says too little: every other slip of that type raises it as well.
        if any("value" in a for a in theirs) and any(
            not alike(part, case, want, a) for case, want, a in zip(cases, expected, theirs, strict=True)
        ):
            hits.append(mistake)
    return hits[0] if len(hits) == 1 else None


def alike(part: Part, case: Case, a: Outcome, b: Outcome) -> bool:
    """Whether two outcomes are the same: values, type of exception, arguments written to.

    Of a drawing, what is compared is what the check looks at: a student words the labels as they like.
    """
    if ("error" in a) != ("error" in b):
        return False
    if "error" in a:
        return isinstance(b["error"], dict) and a["error"]["type"] == b["error"].get("type")
    if list(a.get("changed") or []) != list(b.get("changed") or []):
        return False
    one, two = a.get("value"), b.get("value")
    if part.plot and isinstance(one, dict) and isinstance(two, dict):
        return not plot_fault(part, case, one, two) and not plot_fault(part, case, two, one)
    # Both ways round: the tolerance is a share of the first, which may be all zeros.
    return plain_equal(one, two, case.tolerance) and plain_equal(two, one, case.tolerance)


def plain_equal(a: Any, b: Any, tolerance: float) -> bool:
    """Whether two plain values are the same up to the tolerance; lists and tuples are one kind."""
    if isinstance(a, np.ndarray | np.generic | float) or (isinstance(a, int) and not isinstance(a, bool)):
        if not isinstance(b, np.ndarray | np.generic | int | float) or isinstance(b, bool):
            return False
        one, two = np.asarray(a), np.asarray(b)
        return one.shape == two.shape and two.dtype.kind in "biufc" and close(one, two, tolerance)
    if isinstance(a, dict):
        return (
            isinstance(b, dict)
            and a.keys() == b.keys()
            and all(plain_equal(a[k], b[k], tolerance) for k in a)
        )
    if isinstance(a, list | tuple):
        same_length = isinstance(b, list | tuple) and len(a) == len(b)
        return same_length and all(plain_equal(x, y, tolerance) for x, y in zip(a, b, strict=True))
    return type(a) is type(b) and bool(a == b)


def allowed(want: Any, tolerance: float) -> float:
    """Largest error allowed: a share of the largest entry."""
    finite = np.abs(np.asarray(want)[np.isfinite(want)])
    largest = float(finite.max()) if finite.size else 0.0
    return tolerance * (largest if largest > 0 else 1.0)


def close(want: Any, got: Any, tolerance: float) -> bool:
    """Whether two arrays of one shape agree; NaN agrees with NaN."""
    want, got = np.asarray(want), np.asarray(got)
    if want.dtype.kind in "iub" and got.dtype.kind in "iub":
        return bool((want == got).all())
    with np.errstate(all="ignore"):
        return bool(np.allclose(got, want, rtol=0, atol=allowed(want, tolerance), equal_nan=True))


def arrays(value: Any) -> list[Any]:
    """Return all arrays in a plain value."""
    if isinstance(value, np.ndarray):
        return [value]
    if isinstance(value, dict | list | tuple):
        return [a for item in (value.values() if isinstance(value, dict) else value) for a in arrays(item)]
    return []


def equation(leaf: Leaf) -> list[str]:
    """Return the line that names the equation."""
    return [f"  equation   {leaf.equation}"] if leaf.equation else []


def on_which(case: Case) -> list[str]:
    """Say on which input it was found: all of it if it is small."""
    shown = ""
    if not case.hidden and sum(a.size for a in arrays(case.arguments)) <= FEW:
        shown = "; ".join(f"{name} = {show(value)}" for name, value in case.arguments.items())
    text = f"  on         {case.name}" + (f": {shown}" if shown and len(shown) <= 400 else "")
    lines = textwrap.wrap(text.replace(" = ", "\0=\0"), 110, subsequent_indent=" " * 13)
    return [line.replace("\0", " ") for line in lines]


def show(value: Any) -> str:
    """Write a small value in a line."""
    if isinstance(value, np.ndarray | np.generic):
        array = np.asarray(value)
        if array.dtype.kind == "f":
            text = np.array2string(
                array, formatter={"float_kind": lambda x: f"{x:z.4g}"}, separator=", ", max_line_width=10_000
            )
        else:
            text = np.array2string(array, separator=", ", max_line_width=10_000)
        return " ".join(text.split())[:200]
    if isinstance(value, float):
        return f"{value:z.4g}"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {show(item)}" for key, item in value.items())[:300] + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(show(item) for item in value)[:300] + "]"
    if isinstance(value, Seed):
        return f"default_rng({int(value)})"
    return repr(value)[:100] if not isinstance(value, Strange) else kind(value)


def kind(value: Any) -> str:
    """Name the kind of a value for a sentence."""
    if value is None:
        return "nothing (None)"
    if isinstance(value, Strange):
        return f"of the type {value}"
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape}"
    names: dict[type, str] = {bool: "a truth value", int: "a number", float: "a number", str: "a text"}
    names |= {list: "a list", tuple: "a tuple", dict: "a dictionary"}
    return names.get(type(value), "a number" if isinstance(value, np.generic) else type(value).__name__)


def plural(n: int, word: str) -> str:
    """Write a count with its word."""
    return f"{n} {word}" if n == 1 else f"{n} {word}s"
