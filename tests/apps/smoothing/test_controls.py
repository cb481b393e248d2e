"""The controls are moved as a reader would, and figures and words follow."""

from __future__ import annotations

import pytest

from unlearnkit.apps import SmoothingExplorer
from unlearnkit.errors import BadInput, UnknownName

from . import noisy
from .noisy import ALL, here, move, values

# Controls


@pytest.mark.parametrize(
    ("name", "value"),
    [("model", "adazo"), ("sigma", 2), ("attack", "rounding"), ("share", "retain"), ("simultaneous", True)],
)
def test_every_control_changes_what_is_drawn_and_told(explorer, name, value):
    before, told = values(explorer), explorer._words.value
    move(explorer, name, value)
    assert values(explorer) != before
    assert explorer._words.value != told
    assert explorer.status.error is None
    assert explorer.controls.choice == explorer.shown.choice


def test_sigma_goes_by_buttons_to_its_ends(explorer):
    controls = explorer.controls
    assert controls.fields["sigma"][0].options == ["0.01", "0.1", "1"]
    controls.larger.click()
    assert explorer.shown.choice.sigma == 1.0
    assert (controls.larger.disabled, controls.smaller.disabled) == (True, False)
    controls.smaller.click()
    controls.smaller.click()
    assert explorer.shown.choice.sigma == 0.01
    assert (controls.larger.disabled, controls.smaller.disabled) == (False, True)
    assert controls.fields["sigma"][0].index == 0


def test_figures_that_are_not_chosen_are_closed_and_come_back(explorer):
    gone = explorer.figure
    move(explorer, "figures", ("certificate", "line"))
    assert explorer.shown.choice.figures == ("line", "certificate")
    assert gone.comm is None
    assert explorer._stage.children == (explorer.figure,)
    assert {trace.xaxis for trace in explorer.figure.data} == {"x", "x2"}
    assert "sigma²/2 tr H" not in explorer.sentence
    explorer.choose(sigma=1.0)
    move(explorer, "figures", ALL)
    assert explorer.shown.choice.figures == ALL
    assert here(explorer, "gap") == 1.0


def test_a_model_with_fewer_parts_shows_what_it_has(explorer):
    move(explorer, "model", "losses")
    assert explorer.shown.choice.figures == ("gap", "cosine")
    assert explorer.controls.fields["attack"][0].value == "none"
    assert explorer.controls.fields["attack"][0].disabled
    assert explorer.controls.fields["simultaneous"][0].disabled
    move(explorer, "model", "adam")
    assert explorer.shown.choice.figures == ALL  # all of that one, as before
    move(explorer, "figures", ("line",))
    move(explorer, "model", "losses")
    assert explorer.shown.choice.figures == ("gap", "cosine")  # it has no line


def test_the_table_has_a_row_a_model_and_stresses_the_chosen_one(explorer):
    table = explorer.table.set_index("model")
    assert list(table.index) == ["adam", "adazo", "losses"]
    assert table.loc["adam", "sigma²/2 tr H"] == "0.6"
    assert (table.loc["adam", "facts certified"], table.loc["adazo", "facts certified"]) == ("75.0%", "75.0%")
    assert table.loc["adam", "least variance at equal cost"] == "first order"
    assert not isinstance(table.loc["losses", "facts certified"], str)
    assert explorer._rows.value.count('aria-current="true"') == 1


def test_columns_that_nobody_has_are_left_out():
    table = SmoothingExplorer(noisy.losses_only()).table
    assert "facts certified" not in table
    assert "f_sigma - f" in table


def test_choose_is_refused_before_anything_moves(explorer):
    before, drawn = explorer.controls.choice, values(explorer)
    for changes, says in [
        ({"sigma": 1.0, "attack": "hope"}, "^attack"), ({"sigma": -1}, "^sigma"),
        ({"sigma": "big"}, "^sigma"),
        ({"figures": []}, "^figures: none was chosen"), ({"figures": "gap"}, "^figures must be a list"),
        ({"model": "sgd"}, "^model"), ({"simultaneous": 1}, "^simultaneous"), ({"share": "all"}, "^share"),
        ({"model": "losses", "attack": "relearning"}, "^attack: nothing was computed"),
    ]:  # fmt: skip
        with pytest.raises(BadInput, match=says):
            explorer.choose(**changes)
    with pytest.raises(UnknownName, match=r"^choose"):
        explorer.choose(radius=1)
    assert explorer.controls.choice == explorer.shown.choice == before
    assert values(explorer) == drawn


def test_a_sigma_in_between_goes_to_the_nearest_by_ratio(explorer):
    explorer.choose(sigma=0.04)
    assert explorer.shown.choice.sigma == 0.1
    explorer.choose(sigma=0.03)
    assert explorer.shown.choice.sigma == 0.01
