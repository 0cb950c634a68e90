"""What a training went through, step by step."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from lstmlab.checks import check_size

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NUMBERS = ("step", "loss", "grad_norm", "lr", "seconds", "val_step", "val_loss")


@dataclass(repr=False)
class History:
    """The numbers of a training; two are equal if everything but the time taken is.

    Attributes
    ----------
    step
        1, 2, ...: one entry for every update of the parameters.
    loss
        Loss of that step's batch, before the update.
    grad_norm
        Norm of the gradient over all parameters, before clipping.
    lr
        Learning rate of the update.
    seconds
        Time the step took; not compared.
    val_step
        The steps after which there was a validation.
    val_loss
        Its value.
    stopped
        Why the training ended: ``"all steps done"``, ``"all epochs done"``, ``"patience exhausted"``,
        ``"interrupted"`` or ``"not finite"``; empty while it runs.
    restored
        Whether the parameters of ``best_step`` were put back at the end.
    """

    step: list[int] = field(default_factory=list)
    loss: list[float] = field(default_factory=list)
    grad_norm: list[float] = field(default_factory=list)
    lr: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list, compare=False)
    val_step: list[int] = field(default_factory=list)
    val_loss: list[float] = field(default_factory=list)
    stopped: str = ""
    restored: bool = False

    @property
    def best_step(self) -> int | None:
        """The step of the lowest validation, the first of equals; ``None`` if there was none."""
        return self.val_step[int(np.argmin(self.val_loss))] if self.val_loss else None

    def as_arrays(self) -> dict[str, np.ndarray[Any, Any]]:
        """Return the lists as NumPy arrays, by name."""
        return {name: np.asarray(getattr(self, name)) for name in NUMBERS}

    def as_dict(self) -> dict[str, Any]:
        """Return everything by name, such that ``History(**history.as_dict())`` is equal."""
        return dataclasses.asdict(self)

    def cut(self, steps: int) -> None:
        """Keep the first so many steps; an interrupt may have fallen between two entries of one."""
        for name in ("step", "loss", "grad_norm", "lr", "seconds"):
            del getattr(self, name)[steps:]
        complete = min(len(self.val_step), len(self.val_loss))
        del self.val_step[complete:], self.val_loss[complete:]

    def table(self, *, digits: int = 3, rows: int = 8) -> str:
        """Return a table of a few steps with their numbers.

        The last digits of a long training differ between processors: print this where a reader looks,
        not where a test compares.

        Parameters
        ----------
        digits
            Significant digits.
        rows
            At most this many steps, spread evenly from the first to the last: of those with a
            validation, if there are any.

        Returns
        -------
        str
            One line a step, below a heading.
        """
        check_size("digits", digits)
        validated = dict(zip(self.val_step, self.val_loss, strict=True))
        among = self.val_step or self.step
        last = len(among) - 1
        chosen = {round(k) for k in np.linspace(0, last, min(check_size("rows", rows), len(among)))}
        lines = ["    step        loss  validation   grad norm          lr"]
        for step in (among[k] for k in sorted(chosen)):
            k = self.step.index(step)
            values = (self.loss[k], validated.get(step), self.grad_norm[k], self.lr[k])
            cells = ("" if v is None else f"{v:.{digits}g}" for v in values)
            lines.append(f"{step:>8}" + "".join(f"{cell:>12}" for cell in cells))
        return "\n".join(lines)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw both losses over the steps, and mark the best validation.

        Parameters
        ----------
        ax
            Where to draw; ``None`` makes a new figure.

        Returns
        -------
        matplotlib.axes.Axes
            The axes drawn in.
        """
        import matplotlib.pyplot as plt  # slow to import, and a training needs none of it

        from lstmlab.plots import BLUE, GREY, VERMILION

        axes = plt.subplots()[1] if ax is None else ax
        axes.plot(self.step, self.loss, color=BLUE, linestyle="-", label="training")
        if self.val_loss:
            axes.plot(self.val_step, self.val_loss, color=VERMILION, linestyle="--", label="validation")
            axes.axvline(float(self.best_step or 0), color=GREY, linestyle=":", label="best validation")
        axes.set_xlabel("step")
        axes.set_ylabel("loss")
        axes.legend(loc="best")
        return axes

    def __str__(self) -> str:
        """How long and why no longer: nothing whose digits differ by machine; see :meth:`table`."""
        return (
            "steps  validations  stopped\n"
            f"{len(self.step):>5}  {len(self.val_step):>11}  {self.stopped or 'not yet'}"
        )

    __repr__ = __str__
