"""What is used when no learning rate is given: what ships, and never a guess."""

from __future__ import annotations

import json
from dataclasses import asdict
from importlib import import_module

import pytest

import unlearnkit as uk
from unlearnkit.errors import BadInput, NotCalibrated
from unlearnkit.resources import data_path
from unlearnkit.unlearning import find_preset, presets
from unlearnkit.unlearning.presets import Preset

MODULE = import_module("unlearnkit.unlearning.presets")  # its package has a function of that name


@pytest.fixture
def one_preset(monkeypatch):
    """Only one pair is calibrated."""
    only = Preset("entities", "npo", "adam", 1e-3, 2, 4, {"beta": 0.3})
    monkeypatch.setattr(MODULE, "presets", lambda: (only,))
    return only


def test_what_ships_can_be_used():
    shipped = presets()
    names = [(p.task, p.objective, p.optimizer) for p in shipped]
    assert len(set(names)) == len(names) > 0
    for preset in shipped:
        assert preset.task in {"entities", "topic"}
        assert preset.optimizer in set(uk.optim.catalogue().name)
        uk.objectives.create(preset.objective, **preset.objective_options)
        assert 0 < preset.lr < 1
        assert preset.steps >= 1
        assert preset.batch_size >= 1
        assert find_preset(*names[shipped.index(preset)]) is preset


def test_every_objective_has_a_preset_and_it_is_what_calibration_chose():
    record = json.loads(data_path("calibration", "objectives.json").read_text(encoding="utf-8"))
    careful = [p for p in presets() if not p.quick]
    assert {p.objective for p in careful} == {"npo"}
    for pair in record["pairs"]:
        found = find_preset(pair["task"], pair["objective"], pair["optimizer"])
        if found.quick:
            assert (found.lr, found.steps) == (pair["choice"]["lr"], pair["choice"]["steps"])
            assert (found.outcome, found.batch_size) == (pair["choice"]["outcome"], pair["batch_size"])
            assert found.objective_options == pair["objective_options"]
        else:
            assert found.objective == "npo"


def test_options_do_not_depend_on_the_optimizer():
    # or the comparison would be of objectives
    for task, objective in {(p.task, p.objective) for p in presets()}:
        same = [p for p in presets() if (p.task, p.objective) == (task, objective)]
        assert all(p.objective_options == same[0].objective_options for p in same)
        assert len({p.batch_size for p in same}) == 1


def test_a_pair_without_preset_raises_and_names_the_command(toy, one_preset):
    way_out = (
        r"give lr=, steps= and batch_size=, or run: unlearnkit calibrate --optimizer sgd --objective npo"
    )
    with pytest.raises(NotCalibrated, match=way_out):
        uk.unlearn(toy, "npo", optimizer="sgd", progress=False)
    with pytest.raises(NotCalibrated):
        uk.unlearn(toy, "npo", optimizer="sgd", lr=0.1, steps=3, progress=False)  # one left out
    with pytest.raises(NotCalibrated):
        find_preset("topic", "npo", "adam")


def test_what_is_left_out_comes_from_the_preset(toy, one_preset):
    run = uk.unlearn(toy, "npo", optimizer="adam", steps=1, progress=False)
    assert (run.config.lr, run.config.steps, run.config.batch_size) == (1e-3, 1, 4)
    assert run.config.objective_options == {"beta": 0.3}
    given = uk.unlearn(toy, "npo", optimizer="adam", objective_options={"beta": 0.5}, progress=False)
    assert (given.config.steps, given.config.objective_options) == (2, {"beta": 0.5})


def test_a_run_with_everything_given_asks_no_preset(toy, monkeypatch):
    monkeypatch.setattr(MODULE, "presets", lambda: ())
    run = uk.unlearn(toy, "npo", optimizer="adam", lr=1e-3, steps=1, batch_size=4, progress=False)
    assert run.config.objective_options == {}


def test_presets_of_the_working_folder_go_before_those_that_ship(tmp_path, monkeypatch):
    shipped = find_preset("topic", "npo", "adam")
    monkeypatch.chdir(tmp_path)
    own = {**asdict(shipped), "lr": 0.123, "steps": 7}
    (tmp_path / "calibration").mkdir()
    (tmp_path / "calibration" / "presets.json").write_text(json.dumps({"schema": 1, "presets": [own]}))
    assert find_preset("topic", "npo", "adam") == Preset(**own)
    assert find_preset("entities", "npo", "adam") in presets()


@pytest.mark.parametrize("text", ["{", '{"presets": [{"task": "topic"}]}', "[]"])
def test_a_presets_file_that_is_none_is_named(text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "calibration").mkdir()
    (tmp_path / "calibration" / "presets.json").write_text(text)
    with pytest.raises(BadInput, match=r"presets: calibration.presets\.json cannot be read"):
        find_preset("topic", "npo", "adam")
