"""Trajectories are drawn where they are projected, at losses of their own, and figures name their matrix."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from unlearnkit.errors import BadInput
from unlearnkit.flatness import Eigenvalues, Spectrum, Surface, Trajectory
from unlearnkit.reports.landscape import (
    eigenvalue_figure,
    eigenvalue_sentence,
    spectrum_figure,
    spectrum_sentence,
    surface_figure,
    surface_sentence,
)

UNLEARNING = Trajectory(
    (0.0, 0.5, 1.0), (0.0, 0.0, 0.5), (0.0, 0.25, 0.5),
    {"forget": (1.0, 2.0, 3.5), "retain": (11.0, 11.5, 10.5)}, ("0", "100", "200"),
)  # fmt: skip
ATTACK = Trajectory(
    (1.0, 0.5), (0.5, 1.0), (0.5, 2.0), {"forget": (3.5, math.inf), "retain": (10.5, 30.0)}, ("start", "end")
)


def surface_with(**trajectories) -> Surface:
    """5 by 5: alpha^2 + 2 beta^2 + 1, retain 10 higher."""
    axis = np.linspace(-1.0, 1.0, 5)
    grid = axis[None] ** 2 + 2 * axis[:, None] ** 2 + 1
    return Surface(axis, axis, {"forget": grid, "retain": grid + 10}, "random", {}, (), trajectories)


def drawn(figure, flat):
    """The trajectories' lines, in order."""
    kind = "scatter" if flat else "scatter3d"
    return [trace for trace in figure.data if trace.type == kind and trace.legendgroup]


@pytest.mark.parametrize("flat", [False, True])
def test_a_line_goes_from_projection_to_projection_in_every_panel(flat):
    figure = surface_figure(surface_with(unlearning=UNLEARNING, attack=ATTACK), flat=flat)
    lines = drawn(figure, flat)
    assert [line.name for line in lines] == ["unlearning", "attack"] * 2
    for line, way in zip(lines, [UNLEARNING, ATTACK] * 2, strict=True):
        assert line.mode == "lines+markers"
        assert (line.x, line.y) == (way.alphas, way.betas)
    panels = [line.xaxis if flat else line.scene for line in lines]
    assert panels == (["x", "x", "x2", "x2"] if flat else ["scene", "scene", "scene2", "scene2"])
    assert [line.showlegend for line in lines] == [True, True, False, False]
    assert len({(line.line.color, line.line.dash, line.marker.symbol) for line in lines}) == 2
    assert figure.layout.legend.orientation == "h"  # not over the bar of the scale


def test_heights_are_the_models_own_losses_and_not_the_surfaces():
    surface = surface_with(unlearning=UNLEARNING, attack=ATTACK)
    lines = drawn(surface_figure(surface), flat=False)
    assert [line.z for line in lines] == [
        (1.0, 2.0, 3.5), (3.5, 30.0), (11.0, 11.5, 10.5), (10.5, 30.0),
    ]  # fmt: skip
    assert surface.near("forget", 1.0, 0.5) == 2.5  # what lies beneath 3.5


def test_on_maps_steps_have_their_own_losses_colour_on_the_maps_scale():
    figure = surface_figure(surface_with(unlearning=UNLEARNING, attack=ATTACK), flat=True)
    contour = next(trace for trace in figure.data if trace.type == "contour")
    for line, own in zip(drawn(figure, flat=True)[:2], ((1.0, 2.0, 3.5), (3.5, 30.0)), strict=True):
        assert line.marker.color == own
        assert (line.marker.cmin, line.marker.cmax) == (contour.zmin, contour.zmax) == (1.0, 30.0)
        assert line.marker.colorscale == contour.colorscale


def test_the_scale_reaches_to_the_losses_of_the_models():
    low = replace(UNLEARNING, values={"forget": (0.25, 1.0, 1.0), "retain": (11.0, 11.0, 11.0)})
    figure = surface_figure(surface_with(low=low))
    solid = next(trace for trace in figure.data if trace.type == "surface")
    assert (solid.cmin, solid.cmax) == (0.25, 14.0)
    assert figure.layout.scene.zaxis.range[0] == 0.25
    cut = surface_figure(surface_with(attack=ATTACK), ceiling=3.0)
    assert [line.z for line in drawn(cut, flat=False)] == [(3.0, 3.0), (3.0, 3.0)]


@pytest.mark.parametrize("flat", [False, True])
def test_pointing_at_a_step_says_its_own_loss_what_lies_beneath_and_how_far_off_it_is(flat):
    lines = drawn(surface_figure(surface_with(attack=ATTACK), flat=flat), flat)
    assert lines[0].hoverinfo == "text"
    assert lines[0].hovertext == (
        "attack start: 3.500 nats a token of its own<br>forget on the surface beneath: 2.500<br>"
        "off the plane: 0.5",
        "attack end: inf nats a token of its own<br>forget on the surface beneath: 3.250<br>off the plane: 2",
    )
    assert "30.000 nats a token of its own<br>retain on the surface beneath: 13.250" in lines[1].hovertext[1]


def test_a_trajectory_without_a_loss_is_left_out_of_its_panel():
    only = replace(ATTACK, values={"retain": (10.5, 12.0)})
    lines = drawn(surface_figure(surface_with(unlearning=UNLEARNING, attack=only)), flat=False)
    assert [(line.name, line.scene, line.showlegend) for line in lines] == [
        ("unlearning", "scene", True), ("unlearning", "scene2", False), ("attack", "scene2", True),
    ]  # fmt: skip
    assert lines[1].line.color != lines[2].line.color
    assert "attack (2 models, start to end): retain" in surface_sentence(surface_with(attack=only))


def test_trajectories_in_words():
    told = surface_sentence(surface_with(unlearning=UNLEARNING, attack=ATTACK))
    assert told.endswith(
        " unlearning (3 models, 0 to 200): "
        "forget 1.000 to 3.500 of their own, 1.000 to 2.500 on the surface beneath; "
        "retain 11.000 to 10.500 of their own, 11.000 to 12.500 on the surface beneath; "
        "0 to 0.5 off the plane, 0.5 at most. "
        "attack (2 models, start to end): "
        "forget 3.500 to inf of their own, 2.500 to 3.250 on the surface beneath; "
        "retain 10.500 to 30.000 of their own, 12.500 to 13.250 on the surface beneath; "
        "0.5 to 2 off the plane, 2 at most."
    )
    assert "retain" not in surface_sentence(surface_with(attack=ATTACK), names=["forget"])
    assert "of their own" not in surface_sentence(surface_with())


def test_more_than_five_trajectories_are_refused():
    many = {str(number): UNLEARNING for number in range(6)}
    assert drawn(surface_figure(surface_with(**dict(list(many.items())[:5]))), flat=False)
    with pytest.raises(BadInput, match=r"^surface: 5 trajectories at most in one figure, but it has 6"):
        surface_figure(surface_with(**many))


# Whose eigenvalues


def pairs(matrix: str) -> Eigenvalues:
    values = torch.tensor([5.0], dtype=torch.float64)
    return Eigenvalues(values, torch.ones(1, 3), values / 100, 30, "LM", True, matrix)


def spectrum(matrix: str) -> Spectrum:
    return Spectrum([np.array([0.5, 2.0])], [np.array([0.5, 0.5])], 100, 2, matrix)


HESSIAN, GAUSS_NEWTON = "Hessian", "Gauss-Newton matrix"


@pytest.mark.parametrize("matrix", [HESSIAN, GAUSS_NEWTON])
def test_figures_and_words_name_the_matrix_and_never_the_other(matrix):
    other = {HESSIAN: GAUSS_NEWTON, GAUSS_NEWTON: HESSIAN}[matrix]
    figures = [eigenvalue_figure({"Adam": pairs(matrix)}), spectrum_figure({"Adam": spectrum(matrix)})]
    words = [eigenvalue_sentence({"Adam": pairs(matrix)}), spectrum_sentence({"Adam": spectrum(matrix)})]
    for text in [*words, *(figure.layout.title.text for figure in figures)]:
        assert f"igenvalues of the {matrix}" in text
        assert other not in text
    assert all("Adam" in {trace.name for trace in figure.data} for figure in figures)


def test_where_both_are_shown_each_is_called_by_its_own():
    found = {"a": pairs(HESSIAN), "b": pairs(GAUSS_NEWTON)}
    spectra = {"a": spectrum(HESSIAN), "b": spectrum(GAUSS_NEWTON)}
    for figure in (eigenvalue_figure(found), spectrum_figure(spectra)):
        assert {trace.name for trace in figure.data if trace.name} == {"a, Hessian", "b, Gauss-Newton matrix"}
        assert not any(name in figure.layout.title.text for name in (HESSIAN, GAUSS_NEWTON))
    for told in (eigenvalue_sentence(found), spectrum_sentence(spectra)):
        assert told.startswith("a: eigenvalues of the Hessian")
        assert "b: eigenvalues of the Gauss-Newton matrix" in told
