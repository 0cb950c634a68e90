"""One look for every figure of the course.

Figures have dark ink on white. The site turns them over in its dark theme (lightness is inverted,
hues are kept), so one stored image serves both. The colours are dark variants of Okabe and Ito's set,
at least 3:1 against white and told apart with any common colour blindness; each also has a line
style of its own, so a curve is never known by its colour alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from cycler import cycler

from lstmlab.backend import to_numpy
from lstmlab.typing import Array
from lstmlab.unroll import check_traced

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from lstmlab.unroll import Run

INK, GREY = "#1b1b1b", "#6b6b6b"
BLUE, VERMILION, GREEN, PURPLE, BROWN = "#0072b2", "#cc5500", "#00805c", "#b04c87", "#7a5c00"

#: The quantities of the cell keep their colour and line style in every figure of the course.
COLORS = {
    "h": BLUE,
    "C": VERMILION,
    "f": GREEN,
    "i": PURPLE,
    "C_tilde": BROWN,
    "o": INK,
    "x": GREY,
}
STYLES = {"h": "-", "C": "-", "f": "--", "i": "-.", "C_tilde": (0, (5, 1, 1, 1, 1, 1)), "o": ":", "x": "-"}
LABELS = {name: f"${name}_t$" for name in COLORS} | {"C_tilde": r"$\tilde C_t$"}

STYLE: dict[str, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": GREY,
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.prop_cycle": cycler(color=[BLUE, VERMILION, GREEN, PURPLE, INK, BROWN])
    + cycler(linestyle=["-", "--", "-.", ":", (0, (5, 1)), (0, (5, 1, 1, 1, 1, 1))]),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "figure.constrained_layout.use": True,
    "figure.dpi": 120,
    "figure.facecolor": "white",
    "figure.figsize": (7.0, 3.2),
    "font.size": 10.5,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.8,
    "image.cmap": "cividis",
    "legend.frameon": False,
    "lines.linewidth": 2.0,
    "savefig.facecolor": "white",
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
}


def use_style() -> None:
    """Switch Matplotlib to the course's look, for the rest of the session."""
    mpl.rcParams.update(STYLE)  # type: ignore[arg-type]


def curve(name: str) -> dict[str, Any]:
    """Return the colour, line style and label of a quantity, as keywords for ``plot``.

    Parameters
    ----------
    name
        One of ``h C f i C_tilde o x``.

    Returns
    -------
    dict
        ``color``, ``linestyle``, ``label``.

    Raises
    ------
    ValueError
        If the name is not one of these.
    """
    if name not in COLORS:
        raise ValueError(f"name: expected one of {', '.join(COLORS)}, got {name!r}")
    return {"color": COLORS[name], "linestyle": STYLES[name], "label": LABELS[name]}


def trace(run: Run, names: str = "f i o", *, unit: int = 0, b: int = 0, ax: Axes | None = None) -> Axes:
    """Draw quantities of one unit over time.

    Parameters
    ----------
    run
        What :func:`lstmlab.unroll` returned.
    names
        Which fields of the trace, separated by spaces.
    unit, b
        Which unit of which sequence.
    ax
        Where to draw; ``None`` makes a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        The axes drawn in.

    Raises
    ------
    TypeError, ValueError
        If the run was made without its trace, or the trace has no such field.
    """
    check_traced(run)
    known = [name for name in run.trace._fields if name in COLORS]
    for name in names.split():
        if name not in known:
            raise ValueError(f"names: expected fields of {', '.join(known)}, got {name!r}")
    axes = plt.subplots()[1] if ax is None else ax
    for name in names.split():
        values = to_numpy(getattr(run.trace, name))[:, b, unit]
        axes.plot(np.arange(1, len(values) + 1), values, **curve(name))
    axes.set_xlabel("step $t$")
    axes.legend(ncols=len(names.split()), loc="best")
    return axes


def matrix(a: Array, *, ax: Axes | None = None, title: str = "") -> Axes:
    """Draw a matrix with a colour scale that is symmetric about zero.

    Parameters
    ----------
    a
        Shape ``(rows, columns)``.
    ax
        Where to draw; ``None`` makes a new figure.
    title
        Title of the axes.

    Returns
    -------
    matplotlib.axes.Axes
        The axes drawn in.
    """
    values = to_numpy(a)
    axes = plt.subplots()[1] if ax is None else ax
    largest = float(np.abs(values).max()) or 1.0
    image = axes.imshow(values, cmap="PuOr", vmin=-largest, vmax=largest)
    axes.grid(False)
    axes.set_title(title)
    assert axes.figure is not None
    axes.figure.colorbar(image, ax=axes, shrink=0.8)
    return axes
