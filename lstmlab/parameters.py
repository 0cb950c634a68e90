"""Named arrays that are views into one fused vector.

Both forms of the course, one matrix a gate and one matrix for all gates, are the same memory:
writing into one writes into the other.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, Self

from lstmlab.backend import namespace
from lstmlab.checks import as_beside
from lstmlab.typing import Array


class Parameters(Mapping[str, Array]):
    """Read like a dict, write like arrays.

    ``params["W_f"]`` is a view; ``params["W_f"] = values`` and ``params["W_f"][...] = values`` both
    write into the fused vector, so the cell that owns it changes.

    Parameters
    ----------
    shapes
        Name to shape, in the order in which they lie in memory.
    flat
        The vector that holds them, shape ``(n,)`` with n the sum of all sizes.

    Attributes
    ----------
    flat
        All parameters in one vector, shape ``(n,)``.
    """

    def __init__(self, shapes: Mapping[str, tuple[int, ...]], flat: Array) -> None:
        self.shapes = dict(shapes)
        self.flat = flat
        self._views: dict[str, Array] = {}
        size = sum(math.prod(shape) for shape in self.shapes.values())
        if tuple(flat.shape) != (size,):
            raise ValueError(f"flat: expected shape ({size},), got {tuple(flat.shape)}")
        xp, start = namespace(flat), 0
        for name, shape in self.shapes.items():
            stop = start + math.prod(shape)
            self._views[name] = xp.reshape(flat[start:stop], shape)
            start = stop

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy and pickle the vector alone and make the views anew: copied views would lose it."""
        return Parameters, (self.shapes, self.flat)

    def fused(self, names: tuple[str, ...]) -> Array:
        """Return consecutive arrays stacked along their first axis, as one view.

        Parameters
        ----------
        names
            Names that lie side by side in memory and agree in all axes but the first.

        Returns
        -------
        array
            Shape ``(sum of first axes, ...)``.

        Raises
        ------
        ValueError
            If the names do not lie side by side, or their shapes do not fit.
        """
        if not names:
            raise ValueError("names: expected at least one, got none")
        order = list(self.shapes)
        shapes = [tuple(self[name].shape) for name in names]
        first = order.index(names[0])
        if tuple(order[first : first + len(names)]) != tuple(names) or len({s[1:] for s in shapes}) != 1:
            raise ValueError(f"names: expected neighbours of one width, got {', '.join(names)}")
        start = sum(math.prod(self.shapes[name]) for name in order[:first])
        stop = start + sum(map(math.prod, shapes))
        return namespace(self.flat).reshape(self.flat[start:stop], (-1, *shapes[0][1:]))

    @property
    def vectors(self) -> list[Array]:
        """The memory behind all names, each vector once; an optimiser walks over these."""
        return [self.flat]

    def zeros_like(self) -> Parameters:
        """Return the same names and shapes, all zero: where gradients are summed."""
        return Parameters(self.shapes, namespace(self.flat).zeros_like(self.flat))

    def __getitem__(self, name: str) -> Array:
        try:
            return self._views[name]
        except KeyError:
            raise KeyError(f"no parameter {name!r}; there are {', '.join(self._views)}") from None

    def __setitem__(self, name: str, value: Any) -> None:
        view = self[name]
        if value is not view:  # after `grads[name] += ...` Python hands back the view itself
            view[...] = as_beside(name, value, view)

    def __iter__(self) -> Iterator[str]:
        return iter(self._views)

    def __len__(self) -> int:
        return len(self._views)

    def __repr__(self) -> str:
        return "Parameters(" + ", ".join(f"{n}: {tuple(s)}" for n, s in self.shapes.items()) + ")"


class ParameterGroup(Mapping[str, Array]):
    """The parameters of several parts under one roof: ``group["decoder.W_f"]``.

    Implements :eq:`eq-shared-gradient`. The parts keep their own memory. A part that stands under two names
    is shared: it is listed once, under the first, and its gradients add up because both names lead to the
    same memory.

    Parameters
    ----------
    parts
        Name to :class:`Parameters` or another group.

    Attributes
    ----------
    parts
        The same mapping: ``group.parts["decoder"]``.

    Raises
    ------
    ValueError
        If there is no part, or a part's name holds a dot.
    """

    def __init__(self, parts: Mapping[str, Parameters | ParameterGroup]) -> None:
        if not parts:
            raise ValueError("parts: expected at least one, got none")
        for name in parts:
            if "." in name:
                raise ValueError(f"parts: expected names without a dot, got {name!r}")
        self.parts = dict(parts)
        self._leaves: list[tuple[str, Parameters]] = []

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Name to shape, in the order of the names."""
        return {f"{prefix}.{name}": leaf.shapes[name] for prefix, leaf in self.leaves() for name in leaf}

    def leaves(self) -> list[tuple[str, Parameters]]:
        """Return every part that holds memory under its first full name, shared ones once."""
        if not self._leaves:  # a step of a training asks a dozen times
            self._leaves = self._found()
        return self._leaves

    def _found(self) -> list[tuple[str, Parameters]]:
        found: dict[int, tuple[str, Parameters]] = {}
        for name, part in self.parts.items():
            inner = part.leaves() if isinstance(part, ParameterGroup) else [("", part)]
            for rest, leaf in inner:
                found.setdefault(id(leaf), (f"{name}.{rest}" if rest else name, leaf))
        return list(found.values())

    @property
    def vectors(self) -> list[Array]:
        """The memory behind all names, each vector once; an optimiser walks over these."""
        return [leaf.flat for _, leaf in self.leaves()]

    def zeros_like(self) -> Self:
        """Return the same names and shapes, all zero; what is shared here is shared there."""
        return self._with({id(leaf): leaf.zeros_like() for _, leaf in self.leaves()})

    def _with(self, leaves: Mapping[int, Parameters]) -> Self:
        parts = {
            name: part._with(leaves) if isinstance(part, ParameterGroup) else leaves[id(part)]
            for name, part in self.parts.items()
        }
        return type(self)(parts)

    def _find(self, name: str) -> tuple[Parameters | ParameterGroup, str]:
        part, _, rest = name.partition(".")
        if part not in self.parts or rest not in self.parts[part]:
            raise KeyError(f"no parameter {name!r}; there are {', '.join(self)}")
        return self.parts[part], rest

    def __getitem__(self, name: str) -> Array:
        part, rest = self._find(name)
        return part[rest]

    def __setitem__(self, name: str, value: Any) -> None:
        part, rest = self._find(name)
        part[rest] = value

    def __iter__(self) -> Iterator[str]:
        return (f"{prefix}.{name}" for prefix, leaf in self.leaves() for name in leaf)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        return "ParameterGroup(" + ", ".join(f"{n}: {tuple(self[n].shape)}" for n in self) + ")"
