"""Figures are readable: contrast on white and turned over on black, and with colour blindness."""

import itertools

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from cases import make_case

import lstmlab as ll
from lstmlab import plots

# Machado, Oliveira and Fernandes (2009), severity 1.0, on linear RGB.
BLINDNESS = {
    "none": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
}
CURVES = [plots.COLORS[k] for k in ("h", "C", "f", "i", "C_tilde", "o")]
BACKGROUND_DARK = np.array([0x14, 0x18, 0x1E]) / 255


def linear(rgb):
    rgb = np.asarray(rgb)
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def luminance(rgb):
    return float(linear(rgb) @ [0.2126, 0.7152, 0.0722])


def contrast(a, b):
    light, dark = sorted((luminance(a), luminance(b)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def turned_over(rgb):
    """What CSS makes of a colour with invert(1) hue-rotate(180deg)."""
    hue_rotate = np.array(
        [
            [-0.574, 1.430, 0.144],
            [0.426, 0.430, 0.144],
            [0.426, 1.430, -0.856],
        ]
    )
    return np.clip(hue_rotate @ (1.0 - np.asarray(rgb)), 0, 1)


@pytest.mark.parametrize("color", [*CURVES, plots.GREY])
def test_every_colour_stands_out_on_white_and_turned_over_on_dark(color):
    rgb = mpl.colors.to_rgb(color)
    assert contrast(rgb, (1, 1, 1)) >= 3.0
    assert contrast(turned_over(rgb), BACKGROUND_DARK) >= 3.0


def test_ink_is_legible_as_text_in_both():
    for color in (plots.INK, plots.GREY):
        assert contrast(mpl.colors.to_rgb(color), (1, 1, 1)) >= 4.5
    assert contrast(turned_over(mpl.colors.to_rgb(plots.INK)), BACKGROUND_DARK) >= 4.5


@pytest.mark.parametrize("kind", BLINDNESS)
def test_curves_are_told_apart_by_colour_or_at_least_by_line_style(kind):
    styles = [plots.STYLES[k] for k in ("h", "C", "f", "i", "C_tilde", "o")]
    seen = [np.clip(BLINDNESS[kind] @ linear(mpl.colors.to_rgb(c)), 0, 1) ** (1 / 2.2) for c in CURVES]
    for (a, style_a), (b, style_b) in itertools.combinations(zip(seen, styles, strict=True), 2):
        assert np.linalg.norm(a - b) > 0.12 or style_a != style_b
    assert np.linalg.norm(seen[0] - seen[1]) > 0.3  # h and C share a line style, so colour must do


def test_the_style_is_used_and_each_quantity_keeps_its_look():
    with mpl.rc_context():
        plots.use_style()
        assert mpl.rcParams["axes.spines.top"] is False
        run = make_case().run()
        axes = plots.trace(run, "f i o C h", unit=1)
        assert [line.get_color() for line in axes.get_lines()] == [
            plots.COLORS[k] for k in ["f", "i", "o", "C", "h"]
        ]
        np.testing.assert_allclose(axes.get_lines()[3].get_ydata(), ll.to_numpy(run.trace.C)[:, 0, 1])
        assert axes.get_xlabel() == "step $t$"
        plt.close("all")


def test_a_matrix_is_drawn_on_a_scale_about_zero():
    a = np.array([[1.0, -3.0], [0.5, 0.0]])
    image = plots.matrix(ll.from_numpy(a, ll.xp.zeros((1,))), title="W").get_images()[0]
    assert image.get_clim() == (-3.0, 3.0)
    assert plots.matrix(np.zeros((1, 1))).get_images()[0].get_clim() == (-1.0, 1.0)
    plt.close("all")


def test_unknown_names_are_named():
    with pytest.raises(ValueError, match="name: expected one of h, C, f, i, C_tilde, o, x, got 'g'"):
        plots.curve("g")
    with pytest.raises(ValueError, match="names: expected fields of x, h, got 'C'"):
        plots.trace(make_case(ll.RNN).run(), "C")
    plt.close("all")
