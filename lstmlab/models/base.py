"""What models share: parts and their parameters, the switch for noise, the two losses, batches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np

from lstmlab.backend import device, from_numpy, namespace
from lstmlab.checks import dtype_name
from lstmlab.parameters import ParameterGroup
from lstmlab.typing import Array

Batch = TypeVar("Batch", bound=tuple[Any, ...])


class BaseModel:
    """Cells and layers that are learnt together.

    A model adds two methods: ``forward(batch)`` returns a named tuple with a field ``loss`` and whatever
    the way back needs, and ``backward(done, grads)`` is its mirror and adds into ``grads``.

    Parameters
    ----------
    parts
        Name to cell or layer. The same part under two names is shared: one memory, gradients add.

    Attributes
    ----------
    parts
        The same mapping.
    """

    def __init__(self, parts: Mapping[str, Any]) -> None:
        self.parts = dict(parts)
        self._training = True

    @property
    def params(self) -> ParameterGroup:
        """The parts' parameters under one roof, ``params["cell.W_f"]``, ``params.parts["cell"]``."""
        return ParameterGroup({name: part.params for name, part in self.parts.items()})

    @property
    def n_params(self) -> int:
        """Number of trainable numbers; shared ones count once."""
        return sum(int(vector.shape[0]) for vector in self.params.vectors)

    @property
    def like(self) -> Array:
        """A vector of parameters, which says which library, device and dtype the model computes with."""
        return self.params.vectors[0]

    @property
    def training(self) -> bool:
        """Whether noise is drawn; setting it sets every part that has such a switch."""
        return self._training

    @training.setter
    def training(self, on: bool) -> None:
        self._training = on
        for part in self.parts.values():
            if hasattr(part, "training"):
                part.training = on

    @contextmanager
    def evaluation(self) -> Iterator[None]:
        """Switch noise off for a while: ``with model.evaluation(): ...``; then all is as it was before."""
        before = [(owner, owner.training) for part in self.parts.values() for owner in switches(part)]
        own = self._training
        self.training = False
        try:
            yield
        finally:
            self._training = own
            for owner, on in before:
                owner.training = on

    def forward(self, batch: Any) -> Any:
        """Return the loss of a batch (a field ``loss``) and all that :meth:`backward` needs."""
        raise NotImplementedError

    def backward(self, done: Any, grads: ParameterGroup) -> None:
        """Mirror of :meth:`forward`, adding into ``grads``."""
        raise NotImplementedError

    def loss_and_gradient(self, batch: Any) -> tuple[float, ParameterGroup]:
        """Return the loss of a batch, with noise if ``training`` is on, and its gradient.

        Parameters
        ----------
        batch
            What :meth:`forward` takes.

        Returns
        -------
        loss, grads
            A number, and a group named as :attr:`params`.
        """
        done = self.forward(batch)
        grads = self.params.zeros_like()
        self.backward(done, grads)
        return done.loss, grads

    def loss(self, batch: Any) -> float:
        """Return the loss of a batch without noise; the switches are then as they were before."""
        with self.evaluation():
            return float(self.forward(batch).loss)

    def training_state(self) -> Any:
        """Return what a training that goes on needs besides parameters: the states of the noise."""
        return [g.bit_generator.state for g in self._generators()]

    def load_training_state(self, state: Any) -> None:
        """Take up what :meth:`training_state` returned."""
        for g, saved in zip(self._generators(), state, strict=True):
            g.bit_generator.state = saved

    def _generators(self) -> list[np.random.Generator]:
        return [g for part in self.parts.values() for g in getattr(part, "generators", ())]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(self.parts)}; {self.n_params} parameters)"


def switches(part: Any) -> list[Any]:
    """Return whatever has a switch ``training`` in a part and within it, the outermost first.

    Each remembers its own setting: a stack may hold one layer that is switched off for good.
    """
    inner = [*getattr(part, "parts", {}).values(), *([part.cell] if hasattr(part, "cell") else [])]
    own = [part] if hasattr(part, "training") else []
    return own + [owner for inside in inner for owner in switches(inside)]


def beside(like: Array) -> dict[str, Any]:
    """Return the keyword arguments ``dtype`` and ``xp`` that make a layer compute where ``like`` lies."""
    return {"dtype": dtype_name(like), "xp": _Beside(like)}


class _Beside:
    """As much of an array library as a layer needs to lay its parameters beside those of a cell."""

    def __init__(self, like: Array) -> None:
        self.like = like

    def asarray(self, a: Any) -> Array:
        return from_numpy(a, self.like)


def moved(a: Any, like: Array) -> Array:
    """Return a list or a host array beside ``like``, its own dtype kept; other arrays as they are."""
    if isinstance(a, (np.ndarray, list, tuple, range)):
        return namespace(like).asarray(np.asarray(a), device=device(like))
    return a


def add_gradients(grads: Any, more: Any) -> None:
    """Add the gradients of one pass through a part to those it has; both named as its parameters."""
    for total, vector in zip(grads.vectors, more.vectors, strict=True):
        total += vector


def as_batch(kind: type[Batch], batch: Any) -> Batch:
    """Return a batch as the named tuple a model reads.

    Parameters
    ----------
    kind
        The named tuple; fields with a default may be missing.
    batch
        One of that kind, any named tuple with fields of these names, or a plain tuple in their order.

    Returns
    -------
    named tuple
        Of that kind.

    Raises
    ------
    TypeError
        If a field is missing.
    """
    if isinstance(batch, kind):
        return batch
    fields: tuple[str, ...] = getattr(kind, "_fields")  # noqa: B009 - a named tuple's, unknown to mypy
    try:
        if hasattr(batch, "_fields"):
            return kind(**{name: getattr(batch, name) for name in fields if hasattr(batch, name)})
        return kind(*batch)
    except TypeError:
        wanted = f"{kind.__name__}({', '.join(fields)})"
        raise TypeError(f"batch: expected a {wanted}, got {batch!r:.60}") from None
