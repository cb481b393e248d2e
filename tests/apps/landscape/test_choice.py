"""What can be chosen: radii, ceilings, heights, paths and places on them, kept to what there is."""

from __future__ import annotations

import numpy as np
import pytest

from unlearnkit.apps.landscape import places
from unlearnkit.apps.landscape.choice import Options, walk
from unlearnkit.errors import BadInput, UnknownName

from .bowls import bowls, way


@pytest.fixture
def options():
    return Options({"random": bowls(), "eigen": bowls(points=11, trajectories={"attack": way(0.5, 0.5)})})


# Where sliders can stand


def test_radii_are_those_at_which_cells_lie():
    assert places.radii(bowls()) == pytest.approx(np.arange(1, 11) / 10)
    many = places.radii(bowls(points=101))
    assert len(many) == 25
    assert many[-1] == 1.0
    uneven = bowls(alphas=np.linspace(-1.0, 1.0, 21) + 0.5)
    assert places.radii(uneven)[-1] == pytest.approx(1.5)


def test_a_crop_keeps_what_lies_within_the_radius():
    marks = {"model": (0.0, 0.0), "first": (0.3, 0.2), "second": (0.1, -0.31)}
    found = places.cropped(bowls(marks=marks), ["retain"], 0.3)
    assert found.alphas == pytest.approx(np.arange(-3, 4) / 10)
    assert list(found.values) == ["retain"]
    assert np.array_equal(found.values["retain"], bowls().values["retain"][7:14, 7:14])
    assert list(found.marks) == ["model", "first"]
    assert found.words == "along two axes"


def test_a_crop_of_an_uneven_grid_is_cut_on_one_side_only():
    alphas = np.linspace(-0.2, 1.8, 21)
    found = places.cropped(bowls(alphas=alphas), ["forget"], 0.5)
    assert (found.alphas[0], found.alphas[-1]) == (pytest.approx(-0.2), pytest.approx(0.5))
    assert found.values["forget"].shape == (11, 8)


def test_a_crop_keeps_a_cell_on_either_side_of_the_model():
    found = places.cropped(bowls(), ["forget"], 0.01)
    assert found.values["forget"].shape == (3, 3)


def test_ladders_lie_within_the_values_and_say_what_they_are():
    ceilings, heights = (place(bowls(), ["forget", "retain"]) for place in (places.ceilings, places.heights))
    assert ceilings[-1] is None
    assert len(ceilings) > 10
    assert all(0.5 < value < 4.5 for value in [*ceilings[:-1], *heights])
    assert heights == sorted(set(heights))
    assert all(f"{value:.4g}" == f"{value:g}" for value in heights)
    shares = [(bowls().values["forget"] <= height).mean() for height in places.heights(bowls(), ["forget"])]
    assert max(np.diff(shares)) < 0.08  # each step takes in about as many cells


def test_what_is_not_finite_stands_on_no_ladder():
    values = bowls().values["forget"].copy()
    values[0], values[-1] = np.inf, np.nan
    ladder = places.heights(bowls(values={"forget": values}), ["forget"])
    assert np.isfinite(ladder).all()


def test_a_level_plain_has_one_height_and_no_ceiling():
    plain = bowls(values={"forget": np.full((21, 21), 2.0)})
    assert places.heights(plain, ["forget"]) == [2.0]
    assert places.ceilings(plain, ["forget"]) == [None]


# Choices


def test_the_first_choice_shows_everything_and_slices_above_the_model(options):
    choice = options.first()
    assert (choice.directions, choice.losses, choice.radius) == ("random", ("forget", "retain"), 1.0)
    assert (choice.ceiling, choice.flat, choice.paths) == (None, False, ("unlearning", "attack"))
    assert choice.height > 1.0  # forget at the model
    assert walk(bowls(), choice.paths)[choice.step] == ("attack", 4)


def test_the_walk_leads_through_the_paths_in_turn():
    assert walk(bowls(), ("unlearning", "attack"))[3:7] == [
        ("unlearning", 3), ("unlearning", 4), ("attack", 0), ("attack", 1),
    ]  # fmt: skip
    assert walk(bowls(), ()) == []


def test_a_radius_goes_to_the_nearest_cells(options):
    assert options.changed(options.first(), radius=0.27).radius == pytest.approx(0.3)
    assert options.changed(options.first(), radius=99).radius == 1.0


def test_other_directions_keep_the_share_of_the_radius_and_the_paths_they_have(options):
    near = options.changed(options.first(), radius=0.4, step=7)
    other = options.changed(near, directions="eigen")
    assert (other.directions, other.radius, other.paths, other.step) == (
        "eigen", pytest.approx(0.4), ("attack",), 4,
    )  # fmt: skip


def test_whoever_saw_all_paths_sees_all_again(options):
    away = options.changed(options.first(), directions="eigen")
    assert options.changed(away, directions="random").paths == ("unlearning", "attack")
    one = options.changed(options.first(), paths=["attack"])
    assert options.changed(one, directions="eigen").paths == ("attack",)


def test_a_ceiling_that_would_hide_all_is_refused_or_given_up(options):
    with pytest.raises(BadInput, match=r"^ceiling: all that is shown lies above 0.3 \(the lowest is 0.5\)"):
        options.changed(options.first(), ceiling=0.3)
    low = options.changed(options.first(), ceiling=0.8)
    assert options.changed(low, losses=["forget"]).ceiling is None  # whose lowest is 1


def test_given_heights_stand_on_the_ladder(options):
    choice = options.changed(options.first(), height=1.2345678, ceiling=3.3333333)
    offered = options.of(choice)
    assert offered["height"].count(1.2345678) == 1
    assert offered["ceiling"].count(3.3333333) == 1
    assert offered["ceiling"][-1] is None


def test_losses_and_paths_come_in_the_order_of_the_surface(options):
    choice = options.changed(options.first(), losses=["retain", "forget"], paths=["attack", "unlearning"])
    assert (choice.losses, choice.paths) == (("forget", "retain"), ("unlearning", "attack"))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"direction": "eigen"}, r'^choose: "direction" is not known; did you mean "directions"'),
        ({"directions": "eigne"}, r'^directions: "eigne" is not known; did you mean "eigen"'),
        ({"losses": []}, "^losses: one to 3 side by side, but 0"),
        ({"losses": "forget"}, "^losses must be a list of names, not 'forget'"),
        ({"losses": ["forgt"]}, r'^losses: "forgt" is not known; did you mean "forget"'),
        ({"radius": 0}, "^radius must be a finite number above 0"),
        ({"ceiling": float("nan")}, "^ceiling must be a finite number above 0"),
        ({"height": float("inf")}, "^height must be a finite number of nats a token, not inf"),
        ({"height": "2"}, "^height must be a finite number"),
        ({"paths": ["atack"]}, r'^paths: "atack" is not known; did you mean "attack"'),
        ({"step": 10}, "^step must be an integer, 0 or above, 9 or below, not 10"),
        ({"step": 1.0}, "^step must be an integer"),
        ({"paths": [], "step": 0}, "^step: no path is drawn"),
        ({"flat": "yes"}, "^flat: "),
    ],
)
def test_what_there_is_not_is_refused(options, changes, says):
    with pytest.raises(BadInput, match=says):
        options.changed(options.first(), **changes)


def test_unknown_names_are_of_their_own_kind(options):
    with pytest.raises(UnknownName):
        options.changed(options.first(), directions="models")
