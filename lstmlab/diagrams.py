"""Drawings of a cell, grown one equation at a time.

A drawing is a sequence of :class:`Part`, one for each equation. A variant of the LSTM appends its own
parts to :data:`LSTM_PARTS`, or puts one in the place of another, and hands them to :func:`cell_diagram`;
nothing else needs to know.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import matplotlib.pyplot as plt
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch, Patch, Rectangle

from lstmlab.plots import COLORS, GREY, INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Point = tuple[float, float]

#: Where things stand, from the line of the cell state and that of ``z_t`` to the columns and rows.
BELT, BUS = 7.2, 1.5
STACK, FORGET, INPUT, CANDIDATE, OUTPUT, SHOW = 1.3, 3.05, 4.85, 6.65, 8.45, 10.35
GATES, WRITE, H_LINE = 3.5, 5.4, 2.05
#: Text is large because a phone shows the figure at about half its size.
FIGSIZE = (5.8, 3.9)
SYMBOL, NAME, SMALL = 19, 16, 13
PLAIN_WIDTH, MARKED_WIDTH = 1.6, 3.2
HEAD = 0.2
MARKED_FILL = "#fff0c2"


@dataclass(frozen=True)
class Frame:
    """The edges of the drawing of one step; what crosses them comes from another step or from outside."""

    left: float = 0.3
    right: float = 11.35
    bottom: float = 0.3
    top: float = 8.05

    @property
    def start(self) -> float:
        """Where lines that come from the step before begin."""
        return self.left - 0.75

    @property
    def end(self) -> float:
        """Where lines that lead to the next step end."""
        return self.right + 0.75

    @property
    def below(self) -> float:
        """Where the input comes from."""
        return self.bottom - 0.8

    @property
    def limits(self) -> tuple[Point, Point]:
        """Limits of the axes along x and along y, with room for the labels outside."""
        return (self.start - 0.65, self.end + 0.65), (self.below - 0.4, self.top + 0.25)

    @property
    def figsize(self) -> Point:
        """Size of a figure in which a unit is as long as in the plain cell's."""
        (x0, x1), (y0, y1) = self.limits
        return FIGSIZE[0] * (x1 - x0) / 13.85, FIGSIZE[1] * (y1 - y0) / 9.2


@dataclass(frozen=True)
class Pen:
    """What a part draws with: lines, boxes and nodes in one colour and one weight.

    Attributes
    ----------
    axes
        Where to draw.
    color, width, fill
        Of lines, and of the inside of boxes and nodes.
    level
        Matplotlib's ``zorder``; boxes and nodes lie half a level above lines.
    frame
        The edges of the step.
    """

    axes: Axes
    color: str = INK
    width: float = PLAIN_WIDTH
    fill: str = "white"
    level: float = 2.0
    frame: Frame = Frame()

    def line(self, *points: Point) -> None:
        """Draw a line through two or more points, with an arrow head at the last."""
        *way, (x0, y0), (x1, y1) = points
        # The line ends inside the head: a heavy one would show beyond the tip.
        short = 1.0 - HEAD / math.hypot(x1 - x0, y1 - y0)
        x, y = zip(*way, (x0, y0), (x0 + short * (x1 - x0), y0 + short * (y1 - y0)), strict=True)
        self.axes.plot(x, y, color=self.color, linewidth=self.width, linestyle="-", zorder=self.level)
        head = FancyArrowPatch((x0, y0), (x1, y1), arrowstyle="-|>", shrinkA=0, shrinkB=0)
        head.set(color=self.color, linewidth=0.0, mutation_scale=11 + 4 * self.width, zorder=self.level)
        self.axes.add_patch(head)

    def dot(self, at: Point, radius: float = 0.11) -> None:
        """Mark a place where a line branches."""
        self.axes.add_patch(Circle(at, radius, color=self.color, zorder=self.level + 0.6))

    def node(self, at: Point, symbol: str) -> None:
        r"""Draw an element-wise operation, ``"\odot"`` or ``"+"``, as a circle about ``at``."""
        self._outlined(Circle(at, 0.42))
        if symbol == r"\odot":  # the circle is there already
            self.dot(at)
        else:
            self.label(at, symbol, size=SYMBOL)

    def box(self, at: Point, function: str, weights: str = "", width: float = 1.4) -> None:
        """Draw a function as a box about ``at``, with the name of its matrix below its own."""
        x, y = at
        corner, rounded = (x - width / 2, y - width / 2), "round,pad=0,rounding_size=0.2"
        self._outlined(FancyBboxPatch(corner, width, width, rounded))
        size = NAME if width > 1.2 else SMALL
        self.label((x, y + (0.27 if weights else 0.0)), function, size=size)
        if weights:
            self.label((x, y - 0.34), weights, size=SMALL)

    def block(self, at: Point, width: float, height: float, text: str = "") -> None:
        """Draw a part of a stacked vector as a rectangle about ``at``."""
        self._outlined(Rectangle((at[0] - width / 2, at[1] - height / 2), width, height))
        if text:
            self.label(at, text)

    def _outlined(self, patch: Patch) -> None:
        patch.set(facecolor=self.fill, edgecolor=self.color, linewidth=self.width, zorder=self.level + 0.5)
        self.axes.add_patch(patch)

    def label(self, at: Point, text: str, *, size: float = NAME) -> None:
        """Write mathematics centred on ``at``."""
        self.axes.text(
            *at, f"${text}$", size=size, color=self.color, ha="center", va="center", zorder=self.level + 0.7
        )


class Part(NamedTuple):
    """One equation's share of a drawing.

    Attributes
    ----------
    name
        What :func:`cell_diagram` is asked for.
    draw
        Draws it with the pen it is given.
    color
        Its colour while it is the newest part.
    """

    name: str
    draw: Callable[[Pen], None]
    color: str


def draw_frame(axes: Axes, frame: Frame) -> None:
    """Draw the dotted frame of one step and set the limits of the axes."""
    width, height = frame.right - frame.left, frame.top - frame.bottom
    patch = FancyBboxPatch(
        (frame.left, frame.bottom), width, height, "round,pad=0,rounding_size=0.4", fill=False
    )
    patch.set(edgecolor=GREY, linewidth=1.0, linestyle=(0, (1, 2)), zorder=1)
    axes.add_patch(patch)
    xlim, ylim = frame.limits
    axes.set(xlim=xlim, ylim=ylim, aspect="equal")
    axes.set_axis_off()


def _concatenation(pen: Pen) -> None:
    start, below = pen.frame.start, pen.frame.below
    pen.line((start, H_LINE), (STACK - 0.55, H_LINE))
    pen.line((STACK, below), (STACK, BUS - 1.05))
    for middle, name in ((H_LINE, "h"), (BUS - 0.53, "x")):
        pen.block((STACK, middle), 1.1, 1.04, name)
    pen.line((STACK + 0.55, BUS), (FORGET - 0.35, BUS))
    pen.label((start, H_LINE + 0.5), "h_{t-1}")
    pen.label((STACK + 0.5, below + 0.1), "x_t")
    pen.label((STACK + 0.95, BUS + 0.42), "z_t")


def from_z(pen: Pen, column: float, row: float = GATES) -> None:
    """Lead ``z_t`` to the box that stands in a column, and in the row of the gates or another."""
    pen.line((STACK + 0.55, BUS), (column, BUS), (column, row - 0.7))


def _forget_gate(pen: Pen) -> None:
    from_z(pen, FORGET)
    pen.box((FORGET, GATES), r"\sigma", "W_f")
    pen.line((FORGET, GATES + 0.7), (FORGET, BELT - 0.42))
    pen.label((FORGET - 0.45, WRITE), "f_t")


def _input_gate(pen: Pen) -> None:
    from_z(pen, INPUT)
    pen.box((INPUT, GATES), r"\sigma", "W_i")
    pen.line((INPUT, GATES + 0.7), (INPUT, WRITE), (CANDIDATE - 0.42, WRITE))
    pen.label((INPUT + 0.55, WRITE + 0.45), "i_t")


def _candidate(pen: Pen) -> None:
    from_z(pen, CANDIDATE)
    pen.box((CANDIDATE, GATES), r"\mathrm{tanh}", "W_C")
    pen.line((CANDIDATE, GATES + 0.7), (CANDIDATE, WRITE - 0.42))
    pen.label((CANDIDATE + 0.55, GATES + 1.1), r"\tilde C_t")


def _cell_state(pen: Pen) -> None:
    start, end = pen.frame.start, pen.frame.end
    pen.line((start, BELT), (FORGET - 0.42, BELT))
    pen.line((FORGET + 0.42, BELT), (CANDIDATE - 0.42, BELT))
    pen.line((CANDIDATE + 0.42, BELT), (end, BELT))
    pen.line((CANDIDATE, WRITE + 0.42), (CANDIDATE, BELT - 0.42))
    pen.node((FORGET, BELT), r"\odot")
    pen.node((CANDIDATE, WRITE), r"\odot")
    pen.node((CANDIDATE, BELT), "+")
    pen.label((start, BELT + 0.5), "C_{t-1}")
    pen.label((end, BELT + 0.5), "C_t")


def _output_gate(pen: Pen) -> None:
    from_z(pen, OUTPUT)
    pen.box((OUTPUT, GATES), r"\sigma", "W_o")
    pen.line((OUTPUT + 0.7, GATES), (SHOW - 0.42, GATES))
    pen.label((OUTPUT + 1.05, GATES + 0.45), "o_t")


def _hidden_state(pen: Pen) -> None:
    pen.dot((SHOW, BELT))
    pen.line((SHOW, BELT), (SHOW, WRITE + 0.7))
    pen.box((SHOW, WRITE), r"\mathrm{tanh}")
    pen.line((SHOW, WRITE - 0.7), (SHOW, GATES + 0.42))
    pen.node((SHOW, GATES), r"\odot")
    pen.line((SHOW, GATES - 0.42), (SHOW, H_LINE), (pen.frame.end, H_LINE))
    pen.label((pen.frame.end, H_LINE + 0.5), "h_t")


#: The plain LSTM, in the order in which its equations are read.
#:
#: :meta hide-value:
LSTM_PARTS = (
    Part("concatenation", _concatenation, COLORS["h"]),
    Part("forget-gate", _forget_gate, COLORS["f"]),
    Part("input-gate", _input_gate, COLORS["i"]),
    Part("candidate", _candidate, COLORS["C_tilde"]),
    Part("cell-state", _cell_state, COLORS["C"]),
    Part("output-gate", _output_gate, COLORS["o"]),
    Part("hidden-state", _hidden_state, COLORS["h"]),
)


def cell_diagram(
    upto: str = "hidden-state",
    *,
    ax: Axes | None = None,
    highlight: str | Sequence[str] | None = None,
    parts: Sequence[Part] = LSTM_PARTS,
    frame: Frame | None = None,
) -> Axes:
    """Draw a cell up to and including one of its equations.

    Parameters
    ----------
    upto
        Name of the last part drawn: for the plain LSTM one of ``concatenation``, ``forget-gate``,
        ``input-gate``, ``candidate``, ``cell-state``, ``output-gate``, ``hidden-state``.
    ax
        Where to draw; ``None`` makes a new figure.
    highlight
        The part, or parts, drawn heavy and in colour; ``None`` takes the newest, ``()`` none.
    parts
        What the cell is made of, in the order in which it grows.
    frame
        Edges of the step, for a cell that needs more room; ``None`` takes the plain cell's.

    Returns
    -------
    matplotlib.axes.Axes
        The axes drawn in.

    Raises
    ------
    ValueError
        If ``upto`` is not the name of a part, or ``highlight`` names one that is not drawn.

    Examples
    --------
    >>> cell_diagram("forget-gate").get_xlim() == cell_diagram("hidden-state").get_xlim()
    True
    """
    names = [part.name for part in parts]
    if upto not in names:
        raise ValueError(f"upto: expected one of {', '.join(names)}, got {upto!r}")
    drawn = parts[: names.index(upto) + 1]
    wanted = (upto,) if highlight is None else (highlight,) if isinstance(highlight, str) else highlight
    for name in wanted:
        if name not in names[: len(drawn)]:
            raise ValueError(f"highlight: expected parts of {', '.join(names[: len(drawn)])}, got {name!r}")
    edges = Frame() if frame is None else frame
    axes = plt.subplots(figsize=edges.figsize)[1] if ax is None else ax
    draw_frame(axes, edges)
    for part in drawn:
        marked = part.name in wanted
        # A whole level above the rest, so that a heavy line is not covered where it shares a path.
        heavy = Pen(axes, part.color, MARKED_WIDTH, MARKED_FILL, 3.0, edges)
        part.draw(heavy if marked else Pen(axes, frame=edges))
    return axes
