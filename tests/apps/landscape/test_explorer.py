"""The view in process: its controls are moved as a reader would, and figure and words follow."""

from __future__ import annotations

import numpy as np
import pytest

import unlearnkit as uk
from unlearnkit.apps import LandscapeExplorer
from unlearnkit.errors import BadInput

from .bowls import bowls, pairs, way


def move(explorer, name, value):
    control, trait = explorer.controls.fields[name]
    setattr(control, trait, value)


def drawn(explorer):
    """Everything that is drawn, as plain values."""
    return repr([trace.to_plotly_json() for trace in explorer.figure.data])


def surfaces_of(figure):
    """The landscapes, or the maps, without the slices on them."""
    return [one for one in figure.data if one.type in ("surface", "contour") and one.name != "slice"]


def named(explorer, name):
    return [trace for trace in explorer.figure.data if trace.name == name]


# What is drawn


def test_every_loss_has_a_landscape_with_its_own_numbers(explorer):
    found = surfaces_of(explorer.figure)
    assert [trace.scene for trace in found] == ["scene", "scene2"]
    for trace, grid in zip(found, bowls().values.values(), strict=True):
        assert np.array_equal(trace.z, grid)
        assert (trace.cmin, trace.cmax) == (0.5, 4.5)
    assert [mark.text for mark in explorer.figure.layout.annotations] == ["forget", "retain"]


def test_the_radius_crops_and_computes_nothing(explorer):
    move(explorer, "radius", 3)
    assert explorer.shown.choice.radius == pytest.approx(0.4)
    for trace, grid in zip(surfaces_of(explorer.figure), bowls().values.values(), strict=True):
        assert np.array_equal(trace.z, grid[6:15, 6:15])
    assert "alpha -0.4 to 0.4" in explorer._words.value
    assert explorer.status.text == "9 × 9 cells of forget, retain are shown."


def test_the_ceiling_cuts_off_and_says_how_much(explorer):
    explorer.choose(ceiling=2.0)
    for trace, grid in zip(surfaces_of(explorer.figure), bowls().values.values(), strict=True):
        assert np.array_equal(trace.z, np.minimum(grid, 2.0))
    above = np.mean([grid > 2.0 for grid in bowls().values.values()])
    assert f"cut off at 2 nats a token; {above:.1%} of the cells lie higher" in explorer.sentence
    assert explorer.figure.layout.scene.zaxis.range[1] < 2.5


def test_the_slice_lies_at_its_height_on_every_loss(explorer):
    explorer.choose(height=1.49)
    forget, retain = named(explorer, "slice")
    inside = ~np.isnan(np.array(forget.x, dtype=float))
    assert np.allclose(np.hypot(forget.x, forget.y)[inside], 0.7, atol=0.01)
    assert np.allclose(np.asarray(retain.z, dtype=float), 1.49, atol=0.1)
    below = (bowls().values["forget"] <= 1.49).mean()
    assert f"forget {below:.1%} below, a basin around the model of {below:.1%};" in explorer.sentence


def test_a_slice_above_the_ceiling_is_not_drawn(explorer):
    explorer.choose(ceiling=2.0, height=2.5)
    assert np.isnan(np.asarray(named(explorer, "slice")[0].z, dtype=float)).all()


def test_the_stand_shows_the_models_own_loss_above_the_ground(explorer):
    explorer.choose(step=2)  # the third model of unlearning
    forget, retain = named(explorer, "here: unlearning 20")
    ground = 1 + 0.4**2 + 0.2**2
    assert list(forget.z[:2]) == pytest.approx([0.75, ground])
    assert retain.z[0] == retain.z[1]  # its own retain is not known
    assert (forget.x[0], forget.y[0]) == (pytest.approx(-0.4), pytest.approx(0.2))
    assert "place 3 of 10: unlearning 20 (alpha -0.4, beta 0.2, 0.1 off the plane in L2)" in explorer.sentence
    assert "its own forget 0.750, the surface beneath it 1.200" in explorer.sentence
    assert "its own retain not known" in explorer.sentence


def test_a_stand_outside_of_what_is_shown_is_said_and_not_drawn(explorer):
    explorer.choose(step=4, radius=0.3)
    assert list(named(explorer, "here: unlearning 40")[0].z) == [None] * 3
    assert "its own forget 0.500, outside of what is shown" in explorer.sentence
    explorer.choose(flat=True)
    assert list(named(explorer, "here: unlearning 40")[0].x) == [None]


def test_paths_are_drawn_as_chosen(explorer):
    assert len(named(explorer, "unlearning")) == len(named(explorer, "attack")) == 2
    move(explorer, "paths", ("attack",))
    assert named(explorer, "unlearning") == []
    assert explorer.controls.fields["step"][0].options == [f"attack relearn-{n}" for n in (0, 10, 20, 30, 40)]
    move(explorer, "paths", ())
    assert "On the walk" not in explorer.sentence
    assert explorer.controls.fields["step"][0].disabled
    move(explorer, "paths", ("unlearning", "attack"))
    assert "On the walk" in explorer.sentence


@pytest.mark.parametrize(
    ("name", "value"),
    [("directions", "models"), ("losses", ("retain",)), ("radius", 2), ("ceiling", 3), ("height", 1),
     ("paths", ("unlearning",)), ("step", 1), ("flat", True)],
)  # fmt: skip
@pytest.mark.parametrize("flat", [False, True])
def test_every_control_changes_what_is_drawn_and_told(explorer, name, value, flat):
    explorer.choose(flat=flat != (name == "flat"), height=1.71)
    before, told = drawn(explorer), explorer._words.value
    move(explorer, name, not explorer.shown.choice.flat if name == "flat" else value)
    assert drawn(explorer) != before
    assert explorer.status.error is None
    assert (explorer._words.value != told) == (name != "flat")
    assert explorer.controls.choice == explorer.shown.choice


def test_maps_have_the_same_numbers_and_move_together(explorer):
    explorer.choose(flat=True)
    assert {trace.type for trace in explorer.figure.data} == {"contour", "scatter"}
    for trace, grid in zip(surfaces_of(explorer.figure), bowls().values.values(), strict=True):
        assert np.array_equal(trace.z, grid)
    assert explorer.figure.layout.xaxis2.matches == "x"
    assert explorer.figure.layout.yaxis2.matches == "y"
    assert [trace.contours.start for trace in named(explorer, "slice")] == [explorer.shown.choice.height] * 2


def test_the_table_has_what_the_words_have(explorer):
    explorer.choose(step=2, height=2.0)
    table = explorer.table.set_index("loss")
    assert table.loc["forget", "at the model"] == "1.000"
    assert table.loc["forget", "basin around the model"].endswith(" or more")
    assert (table.loc["forget", "surface here"], table.loc["forget", "own loss here"]) == ("1.200", "0.750")
    assert not isinstance(table.loc["retain", "own loss here"], str)  # it is not known
    assert "1.200" in explorer._rows.value


def test_values_that_are_not_numbers_are_drawn_as_walls_and_told():
    values = bowls().values["forget"].copy()
    values[:, -1] = np.nan
    explorer = LandscapeExplorer(bowls(values={"forget": values}))
    assert np.nanmax(np.asarray(surfaces_of(explorer.figure)[0].z)) == values[0, 0]
    assert explorer.table["highest"].tolist() == ["3.000"]


def test_eigenvalues_stand_beside_with_their_residuals(explorer):
    forget, retain = explorer.spectrum.data
    assert list(forget.y) == [5.0, -3.0]
    assert list(forget.error_y.array) == pytest.approx([0.5, 0.3])
    assert list(retain.y) == [7.0]
    assert (
        "forget: eigenvalues of the Hessian 5, -3 (residuals at most 5.0e-01, 30 products)"
        in explorer.sentence
    )
    alone = LandscapeExplorer(bowls(), eigenvalues=pairs(2.0))
    assert alone.spectrum.data[0].name == "the model"
    assert LandscapeExplorer(bowls()).spectrum is None


# The view


def test_a_change_goes_to_the_browser_in_one_message(explorer, monkeypatch):
    sent = []
    for kind in ("update", "restyle", "relayout", "addTraces", "deleteTraces"):
        monkeypatch.setattr(
            explorer.figure, f"_send_{kind}_msg", lambda *a, kind=kind, **k: sent.append(kind)
        )
    before = explorer.figure
    explorer.choose(radius=0.5, step=1, height=1.3)
    assert explorer.figure is before
    assert sent == ["update"]


def test_there_are_three_landscapes_at_most():
    grid = bowls().values["forget"]
    many = bowls(values={name: grid + place for place, name in enumerate("abcd")})
    explorer = LandscapeExplorer(many)
    assert explorer.shown.choice.losses == ("a", "b", "c")
    assert len([name for name in explorer.figure.layout if name.startswith("scene")]) <= 3
    move(explorer, "losses", ("a", "b", "c", "d"))
    assert explorer.status.text.startswith("losses: one to 3 side by side, but 4 were chosen")
    assert explorer.controls.fields["losses"][0].value == ("a", "b", "c")
    move(explorer, "losses", ("b", "d"))
    assert explorer.status.error is None
    assert [mark.text for mark in explorer.figure.layout.annotations] == ["b", "d"]


def test_a_figure_that_is_replaced_is_closed(explorer):
    before = explorer.figure
    explorer.choose(flat=True)
    assert explorer.figure is not before
    assert before.comm is None
    assert explorer._stage.children == (explorer.figure,)
    assert explorer._frame.figures == [explorer.figure.model_id, explorer.spectrum.model_id]


def test_the_theme_is_of_every_figure(explorer):
    explorer.controls.dark.value = True
    for figure in (explorer.figure, explorer.spectrum):
        assert figure.layout.template.layout.paper_bgcolor == "rgb(17,17,17)"
    explorer.choose(flat=True)
    assert explorer.figure.layout.template.layout.paper_bgcolor == "rgb(17,17,17)"
    assert LandscapeExplorer(bowls(), theme="dark").controls.dark.value


def test_choose_is_refused_before_anything_moves(explorer):
    before = explorer.controls.choice
    with pytest.raises(BadInput, match=r"^height"):
        explorer.choose(radius=0.3, height="low")
    assert explorer.controls.choice == explorer.shown.choice == before


def test_a_hostile_name_is_text_everywhere():
    hostile = "<img src=x onerror=alert(1)>"
    surface = bowls(values={hostile: bowls().values["forget"]}, trajectories={hostile: way(0.5, 0.5)})
    explorer = LandscapeExplorer(surface)
    assert "<img" not in explorer._words.value + explorer._rows.value
    for flat in (False, True):
        explorer.choose(flat=flat)
        assert "<img" not in explorer.figure.to_json()


def test_a_press_without_a_figure_is_said(explorer):
    explorer.controls.picture.found = "nothing"
    explorer.controls.picture.presses += 1
    assert "no figure was found" in explorer.status.text


def test_every_control_has_a_name_and_a_tooltip(explorer):
    controls = explorer.controls
    for control in [*(control for control, _ in controls.fields.values()), controls.dark, controls.turn,
                    controls.tilt, controls.picture]:  # fmt: skip
        assert getattr(control, "description", None) or control.label
        assert getattr(control, "tooltip", None) or control.hint


def test_it_is_named_where_no_widget_can_be_shown(explorer):
    assert repr(explorer).startswith("<LandscapeExplorer: Loss around the model, along two axes")


def test_it_is_on_the_public_face():
    assert uk.apps.LandscapeExplorer is LandscapeExplorer
