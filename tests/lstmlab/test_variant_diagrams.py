"""The drawings of the variants: what each adds to the plain LSTM, what is marked, what can be read."""

from collections import Counter
from itertools import combinations

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest

from lstmlab import diagrams, plots
from lstmlab.variant_diagrams import ALT, NAMES, variant

#: Labels that a variant has beyond the plain LSTM's, and labels that it lacks.
DIFFERENCE = {
    "plain": ("", ""),
    "peephole": ("W_{cf} W_{ci} W_{co}", ""),
    "coupled": ("1{-}", r"\sigma W_i"),
    "coupled-peephole": ("1{-} W_{cf} W_{co}", r"\sigma W_i"),
    "projected": ("W_p m_t", ""),
    "highway": (r"\sigma W_T T_t h_t^{\mathrm{LSTM}} 1{-} +", ""),
    "multiplicative": ("m z_t,m_t", "z_t"),
    "krause": ("m W_{mh} W_{mx} m_t", "h"),
}
#: What is marked in the others.
MARKED = {
    "gru": r"\sigma W_r r_t r\odot~h x \mathrm{tanh} W \tilde~h_t \sigma W_z z_t 1{-} + h_t",
    "tree": r"\sigma U_f \sigma U_f f_{j1} f_{j2} + + \tilde~h_j",
    "stack": r"\mathrm{LSTM} (2) \mathrm{LSTM} (2) \mathrm{LSTM} (2) h^{(1)} h^{(1)} h^{(1)} "
    "h^{(2)} h^{(2)} h^{(2)}",
    "bidirectional": r"\mathrm{LSTM} \leftarrow \mathrm{LSTM} \leftarrow \mathrm{LSTM} \leftarrow",
    "depth-gated": "d_t d_t d_t C^{(1)} C^{(1)} C^{(1)}",
}
PHONE, READABLE = 360, 9  # pixels, as for the plain cell


@pytest.fixture(autouse=True)
def _style():
    with mpl.rc_context():
        plots.use_style()
        yield
        plt.close("all")


def labels(axes, *, marked=False):
    chosen = [text for text in axes.texts if not marked or text.get_zorder() > 3]
    return Counter(text.get_text().strip("$").replace(", ", ",") for text in chosen)


def counted(names):
    return Counter(name.replace("~", " ") for name in names.split())


@pytest.mark.parametrize("name", DIFFERENCE)
def test_a_variant_of_the_cell_differs_from_the_plain_one_by_these_labels(name):
    more, less = (counted(names) for names in DIFFERENCE[name])
    plain = labels(diagrams.cell_diagram())
    assert labels(variant(name)) == plain + more - less


@pytest.mark.parametrize("name", DIFFERENCE)
def test_what_the_plain_cell_does_not_have_is_marked(name):
    more, _ = (counted(names) for names in DIFFERENCE[name])
    assert labels(variant(name), marked=True) >= more


@pytest.mark.parametrize("name", MARKED)
def test_what_is_marked_in_a_drawing_of_its_own(name):
    assert labels(variant(name), marked=True) == counted(MARKED[name])


def test_every_drawing_is_tested_and_told():
    assert set(NAMES) == {*DIFFERENCE, *MARKED} == set(ALT)
    for text in ALT.values():
        assert text.endswith(".")
        assert len(text) > 60


def test_the_plain_one_is_the_plain_cell():
    ours, theirs = variant("plain"), diagrams.cell_diagram(highlight=())
    assert labels(ours) == labels(theirs)
    assert (ours.get_xlim(), ours.get_ylim()) == (theirs.get_xlim(), theirs.get_ylim())


@pytest.mark.parametrize("name", NAMES)
def test_labels_are_readable_on_a_phone_and_do_not_collide(name):
    axes = variant(name)
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


@pytest.mark.parametrize("name", NAMES)
def test_lines_run_along_the_axes_and_no_label_lies_on_one(name):
    """A drawing of right angles: so a crossing without a dot is never mistaken for a branch."""
    axes = variant(name)
    axes.figure.canvas.draw()
    outlined = {text: text.get_window_extent() for text in axes.texts}
    for line in axes.lines:
        x, y = line.get_data()
        for (x0, y0), (x1, y1) in zip(zip(x, y, strict=True), list(zip(x, y, strict=True))[1:], strict=False):
            assert abs(x0 - x1) < 1e-9 or abs(y0 - y1) < 1e-9
            ends = axes.transData.transform([(x0, y0), (x1, y1)])
            low, high = ends.min(axis=0), ends.max(axis=0)
            for text, box in outlined.items():
                apart = high[0] < box.x0 or low[0] > box.x1 or high[1] < box.y0 or low[1] > box.y1
                assert apart or line.get_zorder() >= text.get_zorder() - 0.4, text


def test_it_draws_where_it_is_told_to_and_marks_what_it_is_told_to():
    _, given = plt.subplots()
    assert variant("peephole", ax=given, highlight=("peephole-output",)) is given
    assert labels(given, marked=True) == counted("W_{co}")
    assert len(plt.get_fignums()) == 1
    assert not labels(variant("gru", highlight=()), marked=True)


@pytest.mark.parametrize("bad", ["Peephole", "", "lstm", None])
def test_an_unknown_variant_is_named_together_with_those_there_are(bad):
    with pytest.raises(ValueError, match=r"name: expected one of plain, peephole, .*, depth-gated, got"):
        variant(bad)
