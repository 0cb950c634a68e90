"""Let the strict library see the first steps of a run, and NumPy compute all of them.

Each step of a run does what the one before did, on arrays of the same shapes and dtypes: what the library
refuses it refuses at the first. So a run walks a few steps on the library, and what they give is thrown away;
then NumPy does the whole of it, on a twin of the cell that shares its memory, by the same code or a kernel.
Plain cells on the library's arrays are run like this, one layer or direction at a time, and nothing else.
"""

import copy
from collections.abc import Callable, Iterator
from typing import Any

import array_api_strict
import numpy as np
from quick_strict import Array, array

from lstmlab.cells.base import BaseCell
from lstmlab.diagnostics import flow
from lstmlab.kernels import numpy_shared
from lstmlab.parameters import Parameters
from lstmlab.unroll import Run, StepBack, map_trace, run_outputs, run_sequence, sequence_back, walk_back

FEW = 3  # steps that the library sees: one after none, one between two others, the last
DTYPES = {np.dtype(name): getattr(array_api_strict, name) for name in ("float32", "float64")}


def fits(cell: Any, steps: Any) -> bool:
    """Whether a run is shortened: of a cell of lstmlab's, on the library's arrays, longer than what is shown.

    A cell that a chapter defines may name the library, and would not understand NumPy's arrays.
    """
    own = type(cell).__module__.startswith("lstmlab.")
    return own and isinstance(cell, BaseCell) and type(steps) is Array and steps.shape[0] > FEW


def bare(a: Any) -> Any:
    """Return NumPy's arrays in place of the library's, the same memory."""
    return changed(a, lambda field: field._array)


def dressed(a: Any, like: Any) -> Any:
    """Mirror of :func:`bare`: arrays of the library, on the device of ``like``."""
    return changed(a, lambda field: array(field, DTYPES[field.dtype], like._device))


def changed(a: Any, change: Callable[[Any], Any]) -> Any:
    if a is None:
        return None
    made = map_trace(a, change)
    if (blocks := getattr(a, "blocks", None)) is not None:
        made.blocks = blocks  # a kernel's own, NumPy's in both worlds
    return made


def last(a: Any) -> Any:
    """Return the last steps, as many as the library is shown."""
    return None if a is None else map_trace(a, lambda field: field[-FEW:, ...])


def shared(params: Parameters) -> Parameters:
    return Parameters(params.shapes, params.flat._array)


def twin(cell: Any) -> Any:
    """Return a cell on NumPy that computes what this one does."""
    other = copy.copy(cell)
    other._params = shared(cell.params)
    return other


def run_short(whole: Callable[..., Run], on_numpy: Callable[..., Run]) -> Callable[..., Run]:
    """Shorten what runs a sequence."""

    def run(cell: Any, x: Any, state: Any, mask: Any) -> Run:
        if not fits(cell, x):
            return whole(cell, x, state, mask)
        whole(cell, x[:FEW, ...], state, None if mask is None else mask[:FEW, ...])
        found = on_numpy(twin(cell), *map(bare, (x, state, mask)))
        return Run(*(dressed(field, x) for field in found[:3]), mask)

    return run


def back_short(cell: Any, trace: Any, mask: Any, dh: Any, dstate: Any, grads: Any) -> tuple[Any, Any]:
    """Do what :func:`lstmlab.unroll.sequence_back` does."""
    if not fits(cell, dh):
        return whole_back(cell, trace, mask, dh, dstate, grads)
    whole_back(cell, *map(last, (trace, mask, dh)), dstate, grads.zeros_like())
    found = sequence_back(twin(cell), *map(bare, (trace, mask, dh, dstate)), shared(grads))
    return dressed(found[0], dh), dressed(found[1], dh)


def walk_short(cell: Any, trace: Any, mask: Any, dh: Any, dstate: Any, grads: Any) -> Iterator[StepBack]:
    """Do what :func:`lstmlab.unroll.walk_back` does."""
    if not fits(cell, dh):
        yield from walk_back(cell, trace, mask, dh, dstate, grads)
        return
    for _ in walk_back(cell, *map(last, (trace, mask, dh)), dstate, grads.zeros_like()):
        pass
    for step in walk_back(twin(cell), *map(bare, (trace, mask, dh, dstate)), shared(grads)):
        yield StepBack(step.t, *(dressed(part, dh) for part in step[1:]))


whole_run, whole_outputs, whole_back = (
    f.dispatch(object) for f in (run_sequence, run_outputs, sequence_back)
)


def shorten() -> None:
    """Replace the plain loops wherever the package calls them; a second call changes nothing."""
    run, outputs = run_short(whole_run, run_sequence), run_short(whole_outputs, run_outputs)
    for loop, short in ((run_sequence, run), (run_outputs, outputs), (sequence_back, back_short)):
        loop.register(object, short)
    numpy_shared.plain_run, numpy_shared.plain_outputs, numpy_shared.plain_back = run, outputs, back_short
    flow.walk_back = walk_short
