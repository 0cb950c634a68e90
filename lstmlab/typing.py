"""The types the package speaks in.

Arrays stay structural (``Any``): NumPy, CuPy and ``array_api_strict`` share an interface, not a class.
"""

from __future__ import annotations

from typing import Any, Protocol, TypeAlias

#: An array of any backend.
Array: TypeAlias = Any
#: A module that follows the array API: numpy, cupy, array_api_strict.
Namespace: TypeAlias = Any
#: A named tuple of arrays ``(B, n)``: what a cell carries from one step to the next.
State: TypeAlias = Any
#: A named tuple of arrays: what a step stores for the backward pass.
Trace: TypeAlias = Any


class Reader(Protocol):
    """What reads a sequence: a :class:`Cell`, or two of them from both ends, which have no single step.

    Attributes
    ----------
    n_x, n_h
        Sizes of the input and of the hidden state.
    causal
        Whether a step needs nothing that comes after it, so that ``step`` can be used.
    """

    n_x: int
    n_h: int
    causal: bool

    @property
    def State(self) -> Any:
        """The named tuple of its state."""

    @property
    def Trace(self) -> Any:
        """The named tuple of what one step stores."""

    @property
    def params(self) -> Any:
        """Name to array, views into one fused array."""

    @property
    def state_sizes(self) -> tuple[int, ...]:
        """Width n of each field of the state."""

    def initial_state(self, batch: int) -> Any:
        """Return the zero state, a named tuple of arrays ``(batch, n)``."""


class Cell(Reader, Protocol):
    """One recurrence: one step in time and its mirror. It knows nothing of sequences."""

    def step(self, x_t: Array, state: Any) -> tuple[Any, Any]:
        """Advance by one time step; return the new state and what the backward pass needs."""

    def step_back(self, dstate: Any, trace: Any, grads: Any) -> tuple[Array, Any]:
        """Mirror of :meth:`step`: add into ``grads``; return the gradients of input and old state."""
