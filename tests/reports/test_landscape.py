"""Figures of the landscape show the numbers they were given, in both themes, and say them in words."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from unlearnkit.errors import BadInput, UnknownName
from unlearnkit.flatness import Connectivity, Eigenvalues, Spectrum, Surface
from unlearnkit.reports.landscape import (
    eigenvalue_figure,
    eigenvalue_sentence,
    slice_figure,
    slice_sentence,
    spectrum_figure,
    spectrum_sentence,
    surface_figure,
    surface_sentence,
    way_figure,
    way_sentence,
)
from unlearnkit.reports.looks import OKABE_ITO, TEMPLATES


def _surface(names=("forget", "retain"), **changes) -> Surface:
    """5 by 5: alpha^2 + 2 beta^2 + 1, the next loss 10 higher."""
    axis = np.linspace(-1.0, 1.0, 5)
    grid = axis[None] ** 2 + 2 * axis[:, None] ** 2 + 1
    given = {
        "alphas": axis, "betas": axis, "values": {name: grid + 10 * n for n, name in enumerate(names)},
        "words": "through three models", "curvatures": (),
        "marks": {"model": (0.0, 0.0), "first": (1.0, 0.0), "second": (0.4, 0.9)},
    }  # fmt: skip
    return Surface(**{**given, **changes})


def _spectrum(shift: float = 0.0) -> Spectrum:
    """Two runs of three nodes; a third and a half of the eigenvalues lie at or below 0."""
    nodes = [np.array([-1.0, 0.5, 2.0]) + shift, np.array([-1.0, 0.5, 3.0]) + shift]
    return Spectrum(nodes, [np.array([1 / 3, 1 / 3, 1 / 3]), np.array([0.5, 0.25, 0.25])], 100, 6)


def _way(height: float = 0.5) -> Connectivity:
    return Connectivity(
        alphas=(0.0, 0.5, 1.0), path=(1.0, 1.5 + height, 2.0), barrier=height, barrier_over_mean=height,
        at=0.5 if height else 0.0, distance=4.0, control_path=(1.0, 1.2, 7.0), control_barrier=0.0,
    )  # fmt: skip


def _pairs(*values: float, converged: bool = True) -> Eigenvalues:
    residuals = torch.tensor([0.01 * (n + 1) for n in range(len(values))], dtype=torch.float64)
    vectors = torch.eye(len(values), 9)
    return Eigenvalues(torch.tensor(values, dtype=torch.float64), vectors, residuals, 30, "LM", converged)


NAMES = ("target", "Adam", "SignAdam", "AdaZO", "hybrid", "SGD")
FIGURES = {
    "surfaces": lambda theme: surface_figure(_surface(), theme=theme),
    "maps": lambda theme: surface_figure(_surface(), theme=theme, flat=True),
    "slice": lambda theme: slice_figure(_surface(NAMES), theme=theme),
    "spectrum": lambda theme: spectrum_figure({name: _spectrum() for name in NAMES}, theme=theme),
    "eigenvalues": lambda theme: eigenvalue_figure({name: _pairs(3, -2) for name in NAMES}, theme=theme),
    "ways": lambda theme: way_figure({name: _way() for name in NAMES}, theme=theme),
}


def lines(figure) -> dict:
    """The named lines of a figure."""
    return {trace.name: trace for trace in figure.data if trace.name}


# For everybody


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize("theme", TEMPLATES)
def test_every_figure_has_two_themes_and_names_its_axes(name, theme):
    import plotly.io

    figure = FIGURES[name](theme)
    assert figure.layout.template == plotly.io.templates[TEMPLATES[theme]]
    assert figure.layout.title.text
    if name == "surfaces":
        titles = [axis.title.text for scene in (figure.layout.scene, figure.layout.scene2)
                  for axis in (scene.xaxis, scene.yaxis, scene.zaxis)]  # fmt: skip
    else:
        titles = [figure.layout.xaxis.title.text, figure.layout.yaxis.title.text]
    assert all(titles)
    assert "sendChartToCloud" in figure.layout.modebar.remove


@pytest.mark.parametrize("name", FIGURES)
def test_an_unknown_theme_is_refused(name):
    with pytest.raises(UnknownName, match=r'^theme: "drak" is not known; did you mean "dark"'):
        FIGURES[name]("drak")


@pytest.mark.parametrize("name", ["slice", "spectrum", "eigenvalues", "ways"])
def test_six_are_told_apart_without_colour_and_with_safe_ones(name):
    traces = [trace for trace in FIGURES[name]("light").data if trace.name in NAMES]
    assert len(traces) == 6
    colours = [trace.line.color or trace.marker.color for trace in traces]
    assert sorted(colours) == sorted(OKABE_ITO)
    shapes = [(trace.line.dash if trace.mode == "lines" else None, trace.marker.symbol) for trace in traces]
    assert len(set(shapes)) == 6


def test_heights_have_a_scale_that_grows_evenly_in_brightness():
    traces = [trace for flat in (False, True) for trace in surface_figure(_surface(), flat=flat).data]
    scales = {trace.colorscale for trace in traces if trace.type in ("surface", "contour")}
    (scale,) = scales
    parts = [[int(colour[i : i + 2], 16) for i in (1, 3, 5)] for _, colour in scale]
    brightness = [0.2126 * red + 0.7152 * green + 0.0722 * blue for red, green, blue in parts]
    assert len(brightness) >= 8
    assert np.diff(brightness).min() > 0


# Surfaces


@pytest.mark.parametrize("flat", [False, True])
def test_losses_stand_side_by_side_on_one_scale(flat):
    surface = _surface()
    figure = surface_figure(surface, flat=flat)
    drawn = [trace for trace in figure.data if trace.type == ("contour" if flat else "surface")]
    limits = {(t.zmin, t.zmax) if flat else (t.cmin, t.cmax) for t in drawn}
    assert limits == {(1.0, 14.0)}
    for trace, grid in zip(drawn, surface.values.values(), strict=True):
        assert np.array_equal(trace.z, grid)
        assert np.array_equal(trace.x, surface.alphas)
        assert np.array_equal(trace.y, surface.betas)
    assert [note.text for note in figure.layout.annotations] == ["forget", "retain"]
    assert [trace.showscale for trace in drawn] == [False, True]  # one bar for both
    if flat:
        assert {trace.xaxis for trace in drawn} == {"x", "x2"}
    else:
        assert {trace.scene for trace in drawn} == {"scene", "scene2"}
        assert figure.layout.scene.zaxis.range == figure.layout.scene2.zaxis.range
        assert figure.layout.scene.zaxis.range[0] == 1.0
        assert figure.layout.scene.zaxis.range[1] >= 14.0


@pytest.mark.parametrize("flat", [False, True])
def test_models_are_marked_where_they_lie_on_the_landscape(flat):
    figure = surface_figure(_surface(), flat=flat)
    kind = "scatter" if flat else "scatter3d"
    marks = [trace for trace in figure.data if trace.type == kind]
    assert [mark.text[-1] for mark in marks] == ["model", "first", "second"] * 2
    assert [(mark.x[0], mark.y[0]) for mark in marks[:3]] == [(0.0, 0.0), (1.0, 0.0), (0.4, 0.9)]
    assert len({mark.marker.symbol for mark in marks[:3]}) == 3
    if flat:  # names are read on what lies under them: white up to 7.5 nats a token, then black
        assert [mark.textfont.color for mark in marks] == ["white"] * 3 + ["black"] * 3
    else:  # the nearest cell to (0.4, 0.9) is (0.5, 1); the name stands on a stem
        assert [mark.z[0] for mark in marks] == [1.0, 2.0, 3.25, 11.0, 12.0, 13.25]
        assert all(mark.z[1] > mark.z[0] and mark.text[0] == "" for mark in marks)


def test_a_ceiling_cuts_off_what_lies_higher_and_the_marks_with_it():
    figure = surface_figure(_surface(("a",)), ceiling=1.5)
    (drawn,) = (trace for trace in figure.data if trace.type == "surface")
    assert np.max(drawn.z) == drawn.cmax == 1.5
    assert drawn.z[2][2] == 1.0
    assert max(mark.z[0] for mark in figure.data if mark.type == "scatter3d") == 1.5


def test_cells_that_overflowed_are_as_high_as_the_highest_that_did_not():
    surface = _surface(("a",))
    surface.values["a"][0, 0], surface.values["a"][4, 4] = np.nan, np.inf
    (drawn,) = (trace for trace in surface_figure(surface).data if trace.type == "surface")
    assert drawn.z[0][0] == drawn.z[4][4] == drawn.cmax == 4.0
    assert "1.000 at its lowest (alpha 0, beta 0), 2.000 to inf on the rim" in surface_sentence(surface)


def test_a_surface_in_words():
    told = surface_sentence(_surface())
    assert told.startswith(
        "Loss around the model, through three models, alpha -1 to 1, beta -1 to 1: forget 1.000"
    )
    assert "forget 1.000 nats a token at the model, 1.000 at its lowest (alpha 0, beta 0)" in told
    assert "2.000 to 4.000 on the rim" in told
    assert "3.250 near second (alpha 0.4, beta 0.9)" in told
    assert "retain 11.000 nats a token at the model" in told
    assert "retain" not in surface_sentence(_surface(), names=["forget"])
    assert surface_sentence(_surface(curvatures=(81.85, -3.0))).endswith("the directions: 81.85, -3.")


@pytest.mark.parametrize(
    ("ask", "says"),
    [
        (lambda: surface_figure(_surface("abcd")), "^surface: 3 losses side by side at most, but it has 4"),
        (lambda: surface_figure(_surface(), ceiling=0.0), "^ceiling must be a finite number above 0"),
        (lambda: surface_figure(_surface(), ceiling=0.5), "^ceiling: all values lie above 0.5"),
        (lambda: surface_figure(_surface(values={"a": np.full((5, 5), np.nan)})), "^surface: not one of its"),
        (lambda: surface_sentence(_surface(), names=["forgt"]), '^names: "forgt" is not known; did you mean'),
        (lambda: slice_figure(_surface("abcdefg")), "^surface: 6 losses at most, but it has 7"),
        (lambda: slice_figure(_surface(), beta=2.0), "^beta: the surface reaches from -1 to 1, but 2.0"),
        (lambda: slice_sentence(_surface(), beta=-1.5), "^beta: the surface reaches"),
        (lambda: spectrum_figure({}), "^spectra: one to 6 by name, but 0 were given"),
        (lambda: spectrum_figure({"a": _spectrum()}, width=0.0), "^width must be a finite number above 0"),
        (lambda: spectrum_figure(dict.fromkeys("abcdefg", _spectrum())), "^spectra: .* but 7"),
        (lambda: eigenvalue_figure({}), "^found: one to 6 by name, but 0"),
        (lambda: eigenvalue_figure(dict.fromkeys("abcdefg", _pairs(1.0))), "^found: .* but 7"),
        (lambda: way_figure({}), "^ways: one to 6 by name, but 0"),
        (lambda: way_figure(dict.fromkeys("abcdefg", _way())), "^ways: .* but 7"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_bad_input_is_refused(ask, says):
    with pytest.raises(BadInput, match=says):
        ask()


# Slices


def test_a_slice_is_the_row_nearest_to_its_beta():
    surface = _surface()
    figure = slice_figure(surface, beta=0.4)
    assert figure.layout.title.text == "A cut at beta = 0.5"
    for name, line in lines(figure).items():
        assert np.array_equal(line.y, surface.values[name][3])
        assert np.array_equal(line.x, surface.alphas)
    told = slice_sentence(surface, beta=0.4)
    assert told.startswith("A cut at beta = 0.5: forget from 2.500 nats a token at alpha -1 by 1.500 at 0")
    assert "retain from 12.500" in told
    assert "lowest 11.500 at 0" in told


# Spectrum


def test_a_spectrum_has_its_density_and_the_band_of_its_runs():
    spectrum = _spectrum()
    figure = spectrum_figure({"Adam": spectrum}, width=0.2)
    band, line = figure.data
    density = spectrum.density(width=0.2)
    peak = density.mean.max()
    assert np.allclose(line.y, np.maximum(density.mean, 1e-6 * peak))
    assert np.array_equal(line.x, density.grid)
    half = len(density.grid)
    assert np.allclose(band.y[:half], np.maximum(density.low, 1e-6 * peak))
    assert np.allclose(band.y[half:][::-1], np.maximum(density.high, 1e-6 * peak))
    assert band.fill == "toself"
    assert np.trapezoid(np.asarray(line.y), np.asarray(line.x)) == pytest.approx(1.0, abs=1e-3)
    assert figure.layout.yaxis.type == "log"
    assert "smoothed over 0.2;" in figure.layout.title.text


def test_spectra_in_one_figure_are_smoothed_alike_by_the_widest():
    wide = Spectrum([_spectrum().nodes[1] * 10], [_spectrum().weights[1]], 100, 3)
    figure = spectrum_figure({"narrow": _spectrum(), "wide": wide})
    assert "smoothed over 0.4;" in figure.layout.title.text  # 1 % of 40
    assert np.allclose(lines(figure)["narrow"].x, _spectrum().density(width=0.4).grid)


def test_a_wide_thin_spectrum_is_not_cut_off():
    wide = Spectrum([_spectrum().nodes[0] * 1e8], [_spectrum().weights[0]], 100, 3)
    heights = np.asarray(lines(spectrum_figure({"wide": wide}))["wide"].y)
    assert heights.max() > 1e5 * heights.min()


def test_a_spectrum_in_words():
    told = spectrum_sentence({"Adam": _spectrum(), "shifted": _spectrum(5.0)})
    assert "Adam: eigenvalues of the Hessian from -1 to 3; 42% at or below 0 (33% to 50% over 2" in told
    assert "shifted: eigenvalues of the Hessian from 4 to 8; 0% at or below 0" in told


# Eigenvalues


def test_eigenvalues_have_their_residuals_as_bars():
    figure = eigenvalue_figure({"Adam": _pairs(5.0, -4.0, 3.0), "AdaZO": _pairs(2.0, 1.0)})
    adam, adazo = lines(figure).values()
    assert list(adam.y) == [5.0, -4.0, 3.0]
    assert list(adam.error_y.array) == [0.01, 0.02, 0.03]
    assert [round(place) for place in (*adam.x, *adazo.x)] == [1, 2, 3, 1, 2]
    assert not set(adam.x) & set(adazo.x)  # beside each other, not on top
    told = eigenvalue_sentence({"Adam": _pairs(5.0, -4.0), "AdaZO": _pairs(2.0, converged=False)})
    assert told == (
        "Adam: eigenvalues of the Hessian 5, -4 (residuals at most 2.0e-02, 30 products). "
        "AdaZO: eigenvalues of the Hessian 2 (residuals at most 1.0e-02, 30 products, not converged)."
    )


# Ways


def test_a_way_stands_beside_the_random_one_in_the_figure_and_in_words():
    figure = way_figure({"Adam to target": _way()})
    way, control = figure.data
    assert (way.name, tuple(way.x), tuple(way.y)) == ("Adam to target", (0.0, 0.5, 1.0), (1.0, 2.0, 2.0))
    assert (control.name, tuple(control.y)) == ("Adam to target, random", (1.0, 1.2, 7.0))
    assert way.line.color == control.line.color
    assert (way.line.dash, control.line.dash) == ("solid", "dot")
    told = way_sentence({"up": _way(), "flat": _way(0.0)})
    assert "up: a barrier of 0.5 nats a token at 0.50 over a distance of 4; as far in a random" in told
    assert "the loss ends at 7 (barrier 0), here at 2." in told
    assert "flat: no barrier over a distance of 4" in told
