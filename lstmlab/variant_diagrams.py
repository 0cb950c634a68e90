"""The cell graph of every variant, drawn as the plain LSTM's, with what is different marked.

``variant("peephole")`` draws one; :data:`NAMES` lists them all; :data:`ALT` says each in a sentence.
The variants of one step stand here; :mod:`lstmlab.network_diagrams` has the GRU, the tree node and the
networks that are made of several cells.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lstmlab import network_diagrams
from lstmlab.diagrams import (
    BELT,
    BUS,
    CANDIDATE,
    FORGET,
    GATES,
    H_LINE,
    INPUT,
    LSTM_PARTS,
    OUTPUT,
    SHOW,
    SMALL,
    STACK,
    WRITE,
    Frame,
    Part,
    Pen,
    cell_diagram,
    from_z,
)
from lstmlab.plots import BLUE, GREEN, PURPLE, VERMILION

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Variant(NamedTuple):
    """A drawing: its parts, which of them are new, its frame, and a sentence that says what it shows."""

    parts: tuple[Part, ...]
    new: tuple[str, ...]
    frame: Frame
    alt: str


def lstm_parts(**instead: Part | None) -> tuple[Part, ...]:
    """Return the plain LSTM's parts, some put in place of others; ``None`` leaves one out."""
    chosen = [instead.get(part.name.replace("-", "_"), part) for part in LSTM_PARTS]
    return tuple(part for part in chosen if part is not None)


# ---------------------------------------------------------------- peepholes

#: Where the cell state is tapped, and the height at which it is led to the gates.
TAP, RAIL = 1.85, 4.8


def _peephole_forget(pen: Pen) -> None:
    pen.dot((TAP, BELT))
    pen.line((TAP, BELT), (TAP, RAIL), (FORGET - 0.45, RAIL), (FORGET - 0.45, GATES + 0.7))
    pen.label((TAP - 0.1, RAIL - 0.6), "W_{cf}")


def _peephole_input(pen: Pen) -> None:
    pen.dot((FORGET - 0.45, RAIL))
    pen.line((FORGET - 0.45, RAIL), (INPUT - 0.4, RAIL), (INPUT - 0.4, GATES + 0.7))
    pen.label((INPUT - 0.95, RAIL + 0.42), "W_{ci}")


def _peephole_output(pen: Pen) -> None:
    pen.dot((OUTPUT, BELT))
    pen.line((OUTPUT, BELT), (OUTPUT, GATES + 0.7))
    pen.label((OUTPUT - 0.62, RAIL + 0.9), "W_{co}")


PEEPHOLE_FORGET = Part("peephole-forget", _peephole_forget, VERMILION)
PEEPHOLE_INPUT = Part("peephole-input", _peephole_input, VERMILION)
PEEPHOLE_OUTPUT = Part("peephole-output", _peephole_output, VERMILION)


# ---------------------------------------------------------------- coupled gates


def _coupled_input(pen: Pen) -> None:
    pen.dot((FORGET, WRITE))
    pen.line((FORGET, WRITE), (INPUT - 0.55, WRITE))
    pen.box((INPUT, WRITE), "1{-}", width=1.1)
    pen.line((INPUT + 0.55, WRITE), (CANDIDATE - 0.42, WRITE))
    pen.label((INPUT + 0.9, WRITE + 0.45), "i_t")


COUPLED_INPUT = Part("coupled-input-gate", _coupled_input, PURPLE)


# ---------------------------------------------------------------- projection


def _projected_hidden_state(pen: Pen) -> None:
    pen.line((SHOW, GATES - 0.42), (SHOW, H_LINE + 0.35))
    pen.label((SHOW - 0.6, H_LINE + 0.75), "m_t")
    pen.box((SHOW, H_LINE - 0.35), "W_p")
    pen.line((SHOW + 0.7, H_LINE), (pen.frame.end, H_LINE))
    pen.label((pen.frame.end, H_LINE + 0.5), "h_t")


def _shown(pen: Pen) -> None:
    """What the LSTM's output gate shows, but not where it goes."""
    pen.dot((SHOW, BELT))
    pen.line((SHOW, BELT), (SHOW, WRITE + 0.7))
    pen.box((SHOW, WRITE), r"\mathrm{tanh}")
    pen.line((SHOW, WRITE - 0.7), (SHOW, GATES + 0.42))
    pen.node((SHOW, GATES), r"\odot")


SHOWN = Part("shown", _shown, BLUE)
PROJECTION = Part("projection", _projected_hidden_state, BLUE)


# ---------------------------------------------------------------- the notes' highway

HIGHWAY_FRAME = Frame(right=14.7, bottom=-0.85)
#: Columns of the transform gate, of the two products, and of 1 - T; the line of the carried state.
TRANSFORM, MIX, CARRY, CARRIED = 12.1, 13.25, 14.12, -0.2


def _transform_gate(pen: Pen) -> None:
    from_z(pen, TRANSFORM, WRITE)
    pen.box((TRANSFORM, WRITE), r"\sigma", "W_T")
    pen.line((TRANSFORM + 0.7, WRITE), (MIX, WRITE), (MIX, GATES + 0.42))
    pen.label((MIX + 0.1, WRITE + 0.45), "T_t")


def _transformed(pen: Pen) -> None:
    pen.line((SHOW + 0.42, GATES), (MIX - 0.42, GATES))
    pen.label((SHOW + 0.98, GATES - 0.55), r"h_t^{\mathrm{LSTM}}", size=SMALL)
    pen.node((MIX, GATES), r"\odot")
    pen.line((MIX, GATES - 0.42), (MIX, H_LINE + 0.42))


def _carried(pen: Pen) -> None:
    tap = pen.frame.left + 0.2
    pen.dot((tap, H_LINE))
    pen.line((tap, H_LINE), (tap, CARRIED), (MIX - 0.42, CARRIED))
    pen.dot((MIX, WRITE - 0.9))
    pen.line((MIX, WRITE - 0.9), (CARRY, WRITE - 0.9), (CARRY, GATES + 0.45))
    pen.box((CARRY, GATES), "1{-}", width=0.9)
    pen.line((CARRY, GATES - 0.45), (CARRY, CARRIED), (MIX + 0.42, CARRIED))
    pen.node((MIX, CARRIED), r"\odot")
    pen.line((MIX, CARRIED + 0.42), (MIX, H_LINE - 0.42))


def _mixed_hidden_state(pen: Pen) -> None:
    pen.node((MIX, H_LINE), "+")
    pen.line((MIX + 0.42, H_LINE), (pen.frame.end, H_LINE))
    pen.label((pen.frame.end, H_LINE + 0.5), "h_t")


HIGHWAY = (
    Part("transform-gate", _transform_gate, GREEN),
    Part("transformed", _transformed, BLUE),
    Part("carried", _carried, BLUE),
    Part("mixed-hidden-state", _mixed_hidden_state, BLUE),
)


# ---------------------------------------------------------------- multiplicative LSTMs

MULTIPLICATIVE_FRAME = Frame(left=-1.75, bottom=-0.55)
KRAUSE_FRAME = Frame(left=-2.25, bottom=-1.05)
MEET = -0.1  # the column in which h and x are multiplied


def _states_with_product(pen: Pen) -> None:
    """Draw the plain LSTM's concatenation, with the input led in from the side."""
    start, below, side = pen.frame.start, pen.frame.below, MEET - 0.9
    pen.line((start, H_LINE + 0.5), (STACK - 0.55, H_LINE + 0.5))
    pen.line((side, below), (side, BUS), (STACK - 0.55, BUS))
    for middle, name in ((H_LINE + 0.5, "h"), (BUS, "x")):
        pen.block((STACK, middle), 1.1, 1.04, name)
    pen.line((STACK + 0.55, BUS), (FORGET - 0.35, BUS))
    pen.label((start, H_LINE + 1.0), "h_{t-1}")
    pen.label((side + 0.5, below + 0.1), "x_t")


def _product_block(pen: Pen) -> None:
    low, side = BUS - 1.05, MEET - 0.9
    pen.dot((MEET, H_LINE + 0.5))
    pen.dot((side, low))
    pen.line((MEET, H_LINE + 0.5), (MEET, low + 0.42))
    pen.line((side, low), (MEET - 0.42, low))
    pen.node((MEET, low), r"\odot")
    pen.line((MEET + 0.42, low), (STACK - 0.55, low))
    pen.block((STACK, low), 1.1, 1.04, "m")
    pen.label((STACK + 1.5, BUS - 0.48), "z_t, m_t")


def _krause_product(pen: Pen) -> None:
    start, below, low = pen.frame.start, pen.frame.below, pen.frame.bottom + 0.4
    left, middle = MEET - 1.45, BUS - 1.05
    pen.line((start, H_LINE), (left - 0.6, H_LINE))
    pen.box((left, H_LINE), "W_{mh}", width=1.2)
    pen.line((left + 0.6, H_LINE), (MEET - 0.42, H_LINE))
    pen.node((MEET, H_LINE), r"\odot")
    pen.dot((STACK, low))
    pen.line((STACK, low), (MEET, low), (MEET, middle - 0.6))
    pen.box((MEET, middle), "W_{mx}", width=1.2)
    pen.line((MEET, middle + 0.6), (MEET, H_LINE - 0.42))
    pen.line((MEET + 0.42, H_LINE), (STACK - 0.55, H_LINE))
    pen.block((STACK, H_LINE), 1.1, 1.04, "m")
    pen.label((start, H_LINE + 0.5), "h_{t-1}")
    pen.label((MEET + 0.55, H_LINE + 0.75), "m_t")
    pen.label((STACK + 0.5, below + 0.1), "x_t")


def _krause_input(pen: Pen) -> None:
    pen.line((STACK, pen.frame.below), (STACK, BUS - 1.05))
    pen.block((STACK, BUS - 0.53), 1.1, 1.04, "x")
    pen.line((STACK + 0.55, BUS), (FORGET - 0.35, BUS))
    pen.label((STACK + 0.95, BUS + 0.42), "z_t")


STATES = Part("concatenation", _states_with_product, BLUE)
PRODUCT = Part("product", _product_block, VERMILION)
KRAUSE_PRODUCT = Part("krause-product", _krause_product, VERMILION)
KRAUSE_INPUT = Part("concatenation", _krause_input, BLUE)


# ---------------------------------------------------------------- all of them


def _variant(parts: tuple[Part, ...], new: str, alt: str, frame: Frame | None = None) -> Variant:
    return Variant(parts, tuple(new.split()), Frame() if frame is None else frame, alt)


_VARIANTS = {
    "plain": _variant(
        LSTM_PARTS,
        "",
        "The plain LSTM: three gates and a candidate read the old hidden state and the input; the cell "
        "state runs straight through, multiplied once and added to once.",
    ),
    "peephole": _variant(
        (*LSTM_PARTS, PEEPHOLE_FORGET, PEEPHOLE_INPUT, PEEPHOLE_OUTPUT),
        "peephole-forget peephole-input peephole-output",
        "The LSTM with peepholes: three new lines lead from the cell state to the gates, the old cell "
        "state to the forget and the input gate, the new one to the output gate.",
    ),
    "coupled": _variant(
        lstm_parts(input_gate=COUPLED_INPUT),
        COUPLED_INPUT.name,
        "The LSTM with coupled gates: the input gate's box is gone; one minus the forget gate takes its "
        "place in front of the candidate.",
    ),
    "coupled-peephole": _variant(
        (*lstm_parts(input_gate=COUPLED_INPUT), PEEPHOLE_FORGET, PEEPHOLE_OUTPUT),
        "coupled-input-gate peephole-forget peephole-output",
        "Coupled gates with peepholes: one minus the forget gate replaces the input gate, the old cell "
        "state leads to the forget gate, the new one to the output gate.",
    ),
    "projected": _variant(
        (*lstm_parts(hidden_state=SHOWN), PROJECTION),
        PROJECTION.name,
        "The LSTM with a projection: between the output gate's product and the hidden state stands one "
        "more matrix, W_p, and what leaves it is what the next step reads.",
    ),
    "highway": _variant(
        (*lstm_parts(hidden_state=SHOWN), *HIGHWAY),
        "transform-gate transformed carried mixed-hidden-state",
        "The notes' highway LSTM: a fourth gate T multiplies the LSTM's hidden state, one minus T "
        "multiplies the old hidden state, which comes along the bottom, and the two are added.",
        HIGHWAY_FRAME,
    ),
    "multiplicative": _variant(
        (STATES, *LSTM_PARTS[1:], PRODUCT),
        PRODUCT.name,
        "The notes' multiplicative LSTM: below the old hidden state and the input, the gates read a "
        "third vector, the product of the two, entry by entry.",
        MULTIPLICATIVE_FRAME,
    ),
    "krause": _variant(
        (KRAUSE_INPUT, *LSTM_PARTS[1:], KRAUSE_PRODUCT),
        KRAUSE_PRODUCT.name,
        "The multiplicative LSTM of Krause and others: hidden state and input each pass a matrix and are "
        "multiplied; the gates read that product in place of the hidden state.",
        KRAUSE_FRAME,
    ),
    **{name: _variant(*drawing) for name, drawing in network_diagrams.DRAWINGS.items()},
}

#: What :func:`variant` can draw.
NAMES = tuple(_VARIANTS)

#: A sentence for each drawing, for readers who do not see it.
#:
#: :meta hide-value:
ALT = {name: drawing.alt for name, drawing in _VARIANTS.items()}


def variant(name: str, *, ax: Axes | None = None, highlight: str | tuple[str, ...] | None = None) -> Axes:
    """Draw a variant of the LSTM.

    Parameters
    ----------
    name
        One of :data:`NAMES`.
    ax
        Where to draw; ``None`` makes a new figure.
    highlight
        Names of parts to mark; ``None`` marks what the plain LSTM does not have, ``()`` nothing.

    Returns
    -------
    matplotlib.axes.Axes
        The axes drawn in.

    Raises
    ------
    ValueError
        If the name is not one of these, or ``highlight`` not a part of the drawing.

    Examples
    --------
    >>> len(variant("coupled").texts) < len(variant("plain").texts)
    True
    """
    if name not in _VARIANTS:
        raise ValueError(f"name: expected one of {', '.join(NAMES)}, got {name!r}")
    parts, new, frame, _ = _VARIANTS[name]
    marked = new if highlight is None else highlight
    return cell_diagram(parts[-1].name, ax=ax, highlight=marked, parts=parts, frame=frame)
