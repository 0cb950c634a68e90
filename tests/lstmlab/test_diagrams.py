"""The drawings of the cell: what each equation adds, what is marked, and whether it can be read."""

from itertools import combinations

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest
from matplotlib.colors import to_hex

from lstmlab import diagrams, plots

NAMES = [part.name for part in diagrams.LSTM_PARTS]
#: What may be read in the drawing once the equation is in it, and not before.
NEW_LABELS = {
    "concatenation": ["$h_{t-1}$", "$x_t$", "$h$", "$x$", "$z_t$"],
    "forget-gate": [r"$\sigma$", "$W_f$", "$f_t$"],
    "input-gate": [r"$\sigma$", "$W_i$", "$i_t$"],
    "candidate": [r"$\mathrm{tanh}$", "$W_C$", r"$\tilde C_t$"],
    "cell-state": ["$C_{t-1}$", "$C_t$", "$+$"],
    "output-gate": [r"$\sigma$", "$W_o$", "$o_t$"],
    "hidden-state": [r"$\mathrm{tanh}$", "$h_t$"],
}
PHONE, READABLE = 360, 9  # pixels: a narrow phone, and the smallest text that is still read on it


@pytest.fixture(autouse=True)
def _style():
    with mpl.rc_context():
        plots.use_style()
        yield
        plt.close("all")


def labels(axes):
    return sorted(text.get_text() for text in axes.texts)


def marked_labels(axes):
    """What stands in heavy outline or in a colour of its own: everything a marked part drew lies higher."""
    return sorted(text.get_text() for text in axes.texts if text.get_zorder() > 3)


@pytest.mark.parametrize("upto", NAMES)
def test_a_drawing_holds_its_equations_and_no_later_one(upto):
    axes = diagrams.cell_diagram(upto)
    drawn = NAMES[: NAMES.index(upto) + 1]
    assert labels(axes) == sorted(label for name in drawn for label in NEW_LABELS[name])


@pytest.mark.parametrize("part", diagrams.LSTM_PARTS, ids=NAMES)
def test_the_newest_part_is_heavy_and_coloured_and_the_rest_is_ink(part):
    axes = diagrams.cell_diagram(part.name)
    assert marked_labels(axes) == sorted(NEW_LABELS[part.name])
    for artist in [*axes.texts, *axes.lines]:
        marked = artist.get_zorder() >= 3
        assert to_hex(artist.get_color()) == (part.color if marked else plots.INK)
    widths = {line.get_zorder() >= 3: line.get_linewidth() for line in axes.lines}
    assert widths[True] == diagrams.MARKED_WIDTH
    assert widths.get(False, diagrams.PLAIN_WIDTH) == diagrams.PLAIN_WIDTH < diagrams.MARKED_WIDTH


@pytest.mark.parametrize(
    ("highlight", "want"),
    [
        ((), []),
        ("forget-gate", ["forget-gate"]),
        (["forget-gate", "output-gate"], ["forget-gate", "output-gate"]),
    ],
)
def test_any_parts_can_be_marked_instead(highlight, want):
    axes = diagrams.cell_diagram(highlight=highlight)
    assert marked_labels(axes) == sorted(label for name in want for label in NEW_LABELS[name])


def test_nothing_moves_while_the_drawing_grows():
    positions = {}
    for name in NAMES:
        axes = diagrams.cell_diagram(name)
        now = {(t.get_text(), t.get_position()) for t in axes.texts}
        assert now > positions.get("before", set())
        positions["before"] = now
        assert (axes.get_xlim(), axes.get_ylim()) == positions.setdefault(
            "limits", (axes.get_xlim(), axes.get_ylim())
        )


@pytest.mark.parametrize("upto", NAMES)
def test_labels_are_readable_on_a_phone_and_do_not_collide(upto):
    axes = diagrams.cell_diagram(upto)
    figure = axes.figure
    figure.canvas.draw()
    scale = PHONE / figure.bbox.width
    boxes = {text: text.get_window_extent() for text in axes.texts}
    for text, box in boxes.items():
        assert text.get_size() * figure.dpi / 72 * scale >= READABLE, text
        assert figure.bbox.x0 <= box.x0 < box.x1 <= figure.bbox.x1, text
        assert figure.bbox.y0 <= box.y0 < box.y1 <= figure.bbox.y1, text
    for (one, a), (other, b) in combinations(boxes.items(), 2):
        assert not a.overlaps(b), (one, other)


def test_it_draws_where_it_is_told_to():
    _, given = plt.subplots()
    assert diagrams.cell_diagram("candidate", ax=given) is given
    assert len(plt.get_fignums()) == 1


def test_a_variant_adds_a_part_and_leaves_the_others_alone():
    def look_at_the_cell_state(pen):
        pen.line((diagrams.FORGET - 1.2, diagrams.BELT), (diagrams.FORGET - 1.2, 4.0))
        pen.label((1.4, 4.6), "p_f")

    peephole = diagrams.Part("peephole", look_at_the_cell_state, plots.VERMILION)
    plain, variant = (
        diagrams.cell_diagram(),
        diagrams.cell_diagram("peephole", parts=(*diagrams.LSTM_PARTS, peephole)),
    )
    assert labels(variant) == sorted([*labels(plain), "$p_f$"])
    assert marked_labels(variant) == ["$p_f$"]


@pytest.mark.parametrize("bad", ["forget", "", "Forget-gate", None, 3])
def test_an_unknown_part_is_named_together_with_those_there_are(bad):
    with pytest.raises(
        ValueError, match=r"upto: expected one of concatenation, forget-gate, .*, hidden-state, got"
    ):
        diagrams.cell_diagram(bad)


def test_a_part_that_is_not_drawn_cannot_be_marked():
    message = "highlight: expected parts of concatenation, forget-gate, got 'cell-state'"
    with pytest.raises(ValueError, match=message):
        diagrams.cell_diagram("forget-gate", highlight="cell-state")
