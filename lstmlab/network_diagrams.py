"""Drawings of the GRU, of a tree's node, and of networks made of several cells.

Same pen, same colours as :mod:`lstmlab.diagrams`; :func:`lstmlab.variant_diagrams.variant` draws them.
"""

from __future__ import annotations

from functools import partial

from lstmlab.diagrams import BELT, GATES, SMALL, WRITE, Frame, Part, Pen
from lstmlab.plots import BLUE, BROWN, GREEN, INK, PURPLE, VERMILION

# ---------------------------------------------------------------- the GRU

STACK, RESET, INNER, CANDIDATE, UPDATE, KEEP = 1.3, 3.1, 5.0, 7.0, 8.9, 4.55
BUS, BRANCH = 1.5, 0.0
GRU_FRAME = Frame(right=9.9, bottom=-0.4)


def _gru_concatenation(pen: Pen) -> None:
    start, below = pen.frame.start, pen.frame.below
    pen.dot((STACK, BELT))
    pen.line((STACK, BELT), (STACK, BUS + 1.05))
    pen.line((STACK, below), (STACK, BUS - 1.05))
    for middle, name in ((BUS + 0.53, "h"), (BUS - 0.53, "x")):
        pen.block((STACK, middle), 1.1, 1.04, name)
    pen.line((STACK + 0.55, BUS), (RESET - 0.35, BUS))
    pen.label((start, BELT + 0.5), "h_{t-1}")
    pen.label((STACK + 0.5, below + 0.1), "x_t")


def _reset_gate(pen: Pen) -> None:
    pen.line((STACK + 0.55, BUS), (RESET, BUS), (RESET, GATES - 0.7))
    pen.box((RESET, GATES), r"\sigma", "W_r")
    pen.line((RESET, GATES + 0.7), (RESET, WRITE - 0.42))
    pen.label((RESET - 0.45, GATES + 1.05), "r_t")


def _gru_candidate(pen: Pen) -> None:
    pen.dot((STACK, WRITE))
    pen.line((STACK, WRITE), (RESET - 0.42, WRITE))
    pen.node((RESET, WRITE), r"\odot")
    pen.line((RESET + 0.42, WRITE), (INNER, WRITE), (INNER, GATES + 1.05))
    pen.dot((STACK, BRANCH))
    pen.line((STACK, BRANCH), (INNER, BRANCH), (INNER, GATES - 1.05))
    for middle, name in ((GATES + 0.53, r"r\odot h"), (GATES - 0.53, "x")):
        pen.block((INNER, middle), 1.6, 1.04, name)
    pen.line((INNER + 0.8, GATES), (CANDIDATE - 0.7, GATES))
    pen.box((CANDIDATE, GATES), r"\mathrm{tanh}", "W")
    pen.line((CANDIDATE, GATES + 0.7), (CANDIDATE, WRITE - 0.42))
    pen.label((CANDIDATE + 0.5, GATES + 1.1), r"\tilde h_t")


def _update_gate(pen: Pen) -> None:
    pen.line((STACK + 0.55, BUS), (UPDATE, BUS), (UPDATE, GATES - 0.7))
    pen.box((UPDATE, GATES), r"\sigma", "W_z")
    pen.line((UPDATE, GATES + 0.7), (UPDATE, WRITE), (CANDIDATE + 0.42, WRITE))
    pen.label((UPDATE - 0.75, WRITE - 0.45), "z_t")


def _gru_hidden_state(pen: Pen) -> None:
    start, end, rail = pen.frame.start, pen.frame.end, WRITE + 0.82
    pen.line((start, BELT), (KEEP - 0.42, BELT))
    pen.line((KEEP + 0.42, BELT), (CANDIDATE - 0.42, BELT))
    pen.line((CANDIDATE + 0.42, BELT), (end, BELT))
    pen.node((CANDIDATE, WRITE), r"\odot")
    pen.line((CANDIDATE, WRITE + 0.42), (CANDIDATE, BELT - 0.42))
    pen.dot((UPDATE, WRITE))
    pen.line((UPDATE, WRITE), (UPDATE, rail), (KEEP + 1.65, rail))
    pen.box((KEEP + 1.2, rail), "1{-}", width=0.9)
    pen.line((KEEP + 0.75, rail), (KEEP, rail), (KEEP, BELT - 0.42))
    pen.node((KEEP, BELT), r"\odot")
    pen.node((CANDIDATE, BELT), "+")
    pen.label((end, BELT + 0.5), "h_t")


GRU_PARTS = (
    Part("concatenation", _gru_concatenation, BLUE),
    Part("reset-gate", _reset_gate, PURPLE),
    Part("candidate", _gru_candidate, BROWN),
    Part("update-gate", _update_gate, GREEN),
    Part("hidden-state", _gru_hidden_state, BLUE),
)


# ---------------------------------------------------------------- the Child-Sum node

FIRST, SECOND, WRITING, NEW, SHOWING, OUT = 2.9, 4.75, 6.65, 8.45, 10.25, 12.1
SUM, CHILD_H, ADD = 1.9, 3.5, 5.7
TREE_FRAME = Frame(right=13.1)


def _forget_each(pen: Pen) -> None:
    start = pen.frame.start
    pen.line((start, BELT), (FIRST - 0.42, BELT))
    pen.line((start, BELT - 1.25), (SECOND - 0.42, BELT - 1.25))
    pen.line((start, CHILD_H), (FIRST - 0.7, CHILD_H))
    for x, name, top in ((FIRST, "f_{j1}", BELT), (SECOND, "f_{j2}", BELT - 1.25)):
        pen.box((x, CHILD_H), r"\sigma", "U_f")
        pen.line((x, CHILD_H + 0.7), (x, top - 0.42))
        pen.node((x, top), r"\odot")
        pen.label((x - 0.55, CHILD_H + 1.15), name)
    pen.line((FIRST + 0.42, BELT), (ADD - 0.42, BELT))
    pen.line((SECOND + 0.42, BELT - 1.25), (ADD, BELT - 1.25), (ADD, BELT - 0.42))
    pen.node((ADD, BELT), "+")
    pen.dot((0.7, SUM))
    pen.line((0.7, SUM), (0.7, SUM - 1.05), (SECOND, SUM - 1.05), (SECOND, CHILD_H - 0.7))


def _children(pen: Pen) -> None:
    start = pen.frame.start
    pen.line((start, SUM), (1.38 - 0.2, SUM))
    for y, name in ((BELT, "C_1"), (BELT - 1.25, "C_2"), (CHILD_H, "h_1"), (SUM, "h_2")):
        pen.label((start, y + 0.5), name)


def _child_sum(pen: Pen) -> None:
    pen.dot((1.6, CHILD_H))
    pen.line((1.6, CHILD_H), (1.6, SUM + 0.42))
    pen.node((1.6, SUM), "+")
    pen.line((2.02, SUM), (WRITING, SUM), (WRITING, CHILD_H - 0.7))
    pen.label((3.6, SUM - 0.52), r"\tilde h_j")


def _node_gates(pen: Pen) -> None:
    for x, function, weights in (
        (WRITING, r"\sigma", "U_i"),
        (NEW, r"\mathrm{tanh}", "U_u"),
        (SHOWING, r"\sigma", "U_o"),
    ):
        pen.line((2.02, SUM), (x, SUM), (x, CHILD_H - 0.7))
        pen.box((x, CHILD_H), function, weights)
    pen.line((WRITING, CHILD_H + 0.7), (WRITING, WRITE), (NEW - 0.42, WRITE))
    pen.line((NEW, CHILD_H + 0.7), (NEW, WRITE - 0.42))
    pen.node((NEW, WRITE), r"\odot")
    pen.line((NEW, WRITE + 0.42), (NEW, BELT - 0.42))
    pen.line((SHOWING + 0.7, CHILD_H), (OUT - 0.42, CHILD_H))
    pen.label((WRITING + 0.5, WRITE + 0.45), "i_j")
    pen.label((NEW + 0.5, CHILD_H + 1.1), "u_j")
    pen.label((SHOWING + 1.0, CHILD_H + 0.45), "o_j")


def _node_states(pen: Pen) -> None:
    end = pen.frame.end
    pen.line((ADD + 0.42, BELT), (NEW - 0.42, BELT))
    pen.node((NEW, BELT), "+")
    pen.line((NEW + 0.42, BELT), (end, BELT))
    pen.dot((OUT, BELT))
    pen.line((OUT, BELT), (OUT, WRITE + 0.7))
    pen.box((OUT, WRITE), r"\mathrm{tanh}")
    pen.line((OUT, WRITE - 0.7), (OUT, CHILD_H + 0.42))
    pen.node((OUT, CHILD_H), r"\odot")
    pen.line((OUT, CHILD_H - 0.42), (OUT, SUM), (end, SUM))
    pen.label((end, BELT + 0.5), "C_j")
    pen.label((end, SUM + 0.5), "h_j")


TREE_PARTS = (
    Part("children", _children, INK),
    Part("forget-gates", _forget_each, GREEN),
    Part("child-sum", _child_sum, BLUE),
    Part("gates", _node_gates, PURPLE),
    Part("states", _node_states, VERMILION),
)


# ---------------------------------------------------------------- several cells

COLUMNS, LOWER, UPPER, SIZE = (2.2, 5.8, 9.4), 1.8, 5.2, 1.7
JOIN = 7.1  # where the two directions are put side by side
GRID_FRAME = Frame(right=11.3, bottom=0.1, top=8.1)
STEPS = ("t-1", "t", "t+1")


def _row(pen: Pen, y: float, name: str, *, back: bool = False) -> None:
    """Draw three cells side by side, each handing its state to the next."""
    first, last = pen.frame.start + 0.4, pen.frame.end - 0.4
    for left, right in zip((first, *COLUMNS), (*COLUMNS, last), strict=True):
        a = left + (0.0 if left == first else SIZE / 2)
        b = right - (0.0 if right == last else SIZE / 2)
        pen.line((b, y), (a, y)) if back else pen.line((a, y), (b, y))
    for x in COLUMNS:
        pen.box((x, y), r"\mathrm{LSTM}", name, width=SIZE)


def _inputs(pen: Pen, *, up: float = LOWER - SIZE / 2) -> None:
    for x, step in zip(COLUMNS, STEPS, strict=True):
        pen.line((x, pen.frame.below), (x, up))
        pen.label((x + 0.85, pen.frame.below + 0.1), f"x_{{{step}}}")


def _between(pen: Pen) -> None:
    for x in COLUMNS:
        pen.line((x, LOWER + SIZE / 2), (x, UPPER - SIZE / 2))
        pen.label((x + 0.75, (LOWER + UPPER) / 2), "h^{(1)}")


def _outputs(pen: Pen, name: str = "h^{(2)}") -> None:
    for x in COLUMNS:
        pen.line((x, UPPER + SIZE / 2), (x, pen.frame.top + 0.2))
        pen.label((x + 0.8, UPPER + 2.0), name)


def _cell_states_between(pen: Pen) -> None:
    """Draw the depth gates: from cell state to cell state, beside what the layers hand up anyway."""
    for x in COLUMNS:
        left, middle = x - SIZE / 4, (LOWER + UPPER) / 2
        pen.line((left, LOWER + SIZE / 2), (left, middle - 0.42))
        pen.node((left, middle), r"\odot")
        pen.line((left, middle + 0.42), (left, UPPER - SIZE / 2))
        pen.line((left - 1.2, middle), (left - 0.42, middle))
        pen.label((left - 0.85, middle + 0.45), "d_t")
        pen.label((left - 0.85, middle - 0.68), "C^{(1)}", size=SMALL)


def _hidden_states_between(pen: Pen) -> None:
    for x in COLUMNS:
        pen.line((x + SIZE / 4, LOWER + SIZE / 2), (x + SIZE / 4, UPPER - SIZE / 2))
        pen.label((x + SIZE / 4 + 0.75, (LOWER + UPPER) / 2), "h^{(1)}")


def _both_outputs(pen: Pen) -> None:
    for x, step in zip(COLUMNS, STEPS, strict=True):
        side, middle = x - SIZE / 2 - 0.3, (LOWER + UPPER) / 2
        pen.line(
            (x - 0.4, LOWER + SIZE / 2), (x - 0.4, middle), (side, middle), (side, JOIN), (x - 0.6, JOIN)
        )
        pen.block((x - 0.3, JOIN), 0.6, 0.6)
        pen.line((x, JOIN + 0.3), (x, pen.frame.top + 0.2))
        pen.label((x + 0.85, JOIN + 0.8), f"h_{{{step}}}")


def _both_inputs(pen: Pen) -> None:
    _inputs(pen)
    for x in COLUMNS:
        side, middle = x + SIZE / 2 + 0.3, (LOWER + UPPER) / 2
        pen.dot((x, 0.45))
        pen.line((x, 0.45), (side, 0.45), (side, middle), (x + 0.4, middle), (x + 0.4, UPPER - SIZE / 2))


def _backward(pen: Pen) -> None:
    _row(pen, UPPER, r"\leftarrow", back=True)
    for x in COLUMNS:
        pen.line((x + 0.3, UPPER + SIZE / 2), (x + 0.3, JOIN - 0.3))
        pen.block((x + 0.3, JOIN), 0.6, 0.6)


STACK_PARTS = (
    Part("inputs", _inputs, INK),
    Part("first-layer", partial(_row, y=LOWER, name="(1)"), INK),
    Part("second-layer", partial(_row, y=UPPER, name="(2)"), BLUE),
    Part("between", _between, BLUE),
    Part("outputs", _outputs, BLUE),
)
DEPTH_GATED_PARTS = (
    *STACK_PARTS[:3],
    Part("between", _hidden_states_between, BLUE),
    Part("outputs", _outputs, BLUE),
    Part("depth-gates", _cell_states_between, VERMILION),
)
BIDIRECTIONAL_PARTS = (
    Part("inputs", _both_inputs, INK),
    Part("forward", partial(_row, y=LOWER, name=r"\rightarrow"), INK),
    Part("outputs", _both_outputs, INK),
    Part("backward", _backward, VERMILION),
)

#: Name to parts, which of them are new, a sentence, and the frame.
#:
#: :meta hide-value:
DRAWINGS: dict[str, tuple[tuple[Part, ...], str, str, Frame]] = {
    "gru": (
        GRU_PARTS,
        "reset-gate candidate update-gate hidden-state",
        "The GRU: one state runs along the top, kept by one minus z and renewed by z times a candidate; "
        "the candidate reads the input and the old state, which the reset gate r has cut down first.",
        GRU_FRAME,
    ),
    "tree": (
        TREE_PARTS,
        "forget-gates child-sum",
        "A Child-Sum node with two children: each child's cell state is multiplied by a forget gate of its "
        "own, which reads that child's hidden state; input gate, candidate and output gate read the sum "
        "of the hidden states. The node's input, which every box reads, is left out.",
        TREE_FRAME,
    ),
    "stack": (
        STACK_PARTS,
        "second-layer between outputs",
        "A stack of two LSTMs over three steps: the hidden state of the first layer is the input of the "
        "second at the same step; each layer hands its own state on through time.",
        GRID_FRAME,
    ),
    "bidirectional": (
        BIDIRECTIONAL_PARTS,
        "backward",
        "A bidirectional LSTM over three steps: one row of cells hands its state to the right, the other to "
        "the left; both read the same inputs and their hidden states are put side by side.",
        Frame(right=11.3, bottom=0.1, top=8.55),
    ),
    "depth-gated": (
        DEPTH_GATED_PARTS,
        "depth-gates",
        "The depth-gated LSTM: a stack of two layers in which, beside the hidden state, the cell state of "
        "the first layer is led up as well, through a gate d, into the cell state of the second.",
        GRID_FRAME,
    ),
}
