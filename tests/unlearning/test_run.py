"""A run is saved whole or not at all, and comes back as it was."""

from __future__ import annotations

import dataclasses
import json

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

import unlearnkit as uk
from unlearnkit.errors import BadInput, MissingReference

FEW = {"lr": 1e-3, "steps": 2, "batch_size": 4, "progress": False}


@pytest.fixture(scope="module")
def run(toy):
    return uk.unlearn(toy, "npo", optimizer="signadam", objective_options={"beta": 0.2}, **FEW)


def test_a_saved_run_comes_back(run, tmp_path, same_bits):
    place = run.save(tmp_path / "runs" / "one")
    assert place == tmp_path / "runs" / "one"
    back = uk.load_run(str(place))
    assert same_bits(back.model, run.model)
    assert back.tokenizer.get_vocab() == run.tokenizer.get_vocab()
    for name in ("id", "scores", "status", "history", "cost", "config"):
        assert getattr(back, name) == getattr(run, name), name


def test_a_saved_run_needs_no_unlearnkit(run, tmp_path, same_bits, toy):
    place = run.save(tmp_path / "run")
    assert same_bits(AutoModelForCausalLM.from_pretrained(place), run.model)
    spelled = AutoTokenizer.from_pretrained(place)("Its capital is Lima.").input_ids
    assert spelled == toy.tokenizer("Its capital is Lima.").input_ids
    content = json.loads((place / "run.json").read_text(encoding="utf-8"))
    assert content == json.loads(json.dumps(run.to_dict()))
    assert content["config"]["objective_options"] == {"beta": 0.2}
    assert not [path for path in place.iterdir() if path.suffix in {".bin", ".pt", ".pkl"}]


def test_nothing_is_overwritten(run, tmp_path):
    place = tmp_path / "mine"
    place.mkdir()
    (place / "thesis.txt").write_text("all of it", encoding="utf-8")
    with pytest.raises(BadInput, match="exists already; remove it or name another"):
        run.save(place)
    assert [path.name for path in place.iterdir()] == ["thesis.txt"]


def test_a_folder_appears_only_when_it_is_complete(run, tmp_path, monkeypatch):
    def fail(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(type(run.tokenizer), "save_pretrained", fail)
        with pytest.raises(KeyboardInterrupt):
            run.save(tmp_path / "run")
    assert not (tmp_path / "run").exists()
    assert uk.load_run(run.save(tmp_path / "run")).id == run.id  # what was left behind is no hindrance
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


@pytest.mark.parametrize("name", ["nothing-here", "."])
def test_a_folder_without_run_is_refused(name, tmp_path):
    with pytest.raises(MissingReference, match=r"holds no run\.json"):
        uk.load_run(tmp_path / name)


def test_a_half_precision_run_is_saved_in_half_precision(run, tmp_path):
    half = dataclasses.replace(run, model=run.model.to(torch.bfloat16))
    try:
        assert uk.load_run(half.save(tmp_path / "run")).model.dtype == torch.bfloat16
    finally:
        run.model.float()


def test_a_run_shows_itself(run):
    page = run._repr_html_()
    assert f"signadam + npo, lr 0.001, 2 steps: {run.status}" in page
    assert "knowmem_forget_shown" in page


def test_the_history_is_a_table_of_steps(run):
    table = run.history.to_frame()
    assert table.step.tolist() == [1, 2]
    assert tuple(table.loss) == run.history.loss


def test_numpy_numbers_make_the_same_run_and_can_be_saved(run, toy, tmp_path):
    numpy = pytest.importorskip("numpy")
    given = {
        "lr": numpy.float64(1e-3),
        "steps": numpy.int64(2),
        "batch_size": numpy.int32(4),
        "seed": numpy.int64(0),
    }
    again = uk.unlearn(
        toy, "npo", optimizer="signadam", objective_options={"beta": 0.2}, progress=False, **given
    )
    assert again.id == run.id
    assert uk.load_run(again.save(tmp_path / "run")).config == run.config
