"""What every cell shares: sizes, parameters, the zero state. No equation stands here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from lstmlab.backend import default_namespace, from_numpy
from lstmlab.checks import check_dtype_name, check_size
from lstmlab.initializers import HostArray
from lstmlab.parameters import Parameters
from lstmlab.typing import Namespace


class BaseCell:
    """Sizes and parameters of a cell.

    Parameters
    ----------
    n_x, n_h
        Sizes of the input and of the hidden state.
    values
        Name to host array, in the order in which they shall lie in memory.
    dtype
        ``"float64"`` or ``"float32"``.
    xp
        Array library; ``None`` takes ``lstmlab.xp``.
    """

    #: The named tuple of this cell's state.
    State: ClassVar[Any]
    #: The named tuple one step stores.
    Trace: ClassVar[Any]
    #: A step needs nothing that comes after it.
    causal = True
    #: Whether the old hidden state is read by products alone, never carried over as it is.
    h_is_only_read = True

    def __init__(
        self,
        n_x: int,
        n_h: int,
        values: Mapping[str, HostArray],
        *,
        dtype: str,
        xp: Namespace | None,
    ) -> None:
        self.n_x, self.n_h, self.dtype = n_x, n_h, dtype
        library = default_namespace() if xp is None else xp
        flat = np.concatenate([v.ravel() for v in values.values()]).astype(dtype)
        self._params = Parameters({name: v.shape for name, v in values.items()}, library.asarray(flat))

    @property
    def params(self) -> Parameters:
        """Name to array, views into one fused vector ``params.flat``."""
        return self._params

    @property
    def n_params(self) -> int:
        """Number of trainable numbers."""
        return int(self._params.flat.shape[0])

    @property
    def state_sizes(self) -> tuple[int, ...]:
        """Width of each field of the state; ``n_h`` unless a cell says otherwise."""
        return (self.n_h,) * len(self.State._fields)

    def initial_state(self, batch: int) -> Any:
        """Return the zero state.

        Parameters
        ----------
        batch
            Number of sequences B.

        Returns
        -------
        named tuple
            Arrays of shape ``(B, n)``, n from :attr:`state_sizes`.

        Raises
        ------
        ValueError
            If ``batch`` is not a positive whole number.
        """
        B = check_size("batch", batch)
        return self.State(*(from_numpy(np.zeros((B, n)), self._params.flat) for n in self.state_sizes))

    def __repr__(self) -> str:
        return f"{type(self).__name__}(n_x={self.n_x}, n_h={self.n_h}, dtype={self.dtype!r})"


def check_sizes(n_x: int, n_h: int, dtype: str) -> tuple[int, int, str]:
    """Check the three arguments every cell takes."""
    return check_size("n_x", n_x), check_size("n_h", n_h), check_dtype_name(dtype)
