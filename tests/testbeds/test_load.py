"""Loading: what is not there raises and says what to do; what is there is what was asked for."""

from __future__ import annotations

import json

import pytest
import torch
from transformers import AutoModelForCausalLM

import unlearnkit as uk
from unlearnkit.errors import BadInput, MissingReference, UnknownName
from unlearnkit.resources import data_path
from unlearnkit.testbeds.encoding import encode_rows
from unlearnkit.testbeds.models import load_model, load_tokenizer
from unlearnkit.testbeds.testbed import pick_device

CPU = torch.device("cpu")


def test_bare_atlas_is_fold_1_of_the_entity_task(lab, same_bits):
    bare = uk.load_testbed("atlas", device="cpu")
    assert (bare.name, bare.task, bare.fold) == ("atlas", "entities", 1)
    assert bare.forget == lab.forget
    assert same_bits(bare.model, lab.model)


def test_the_models_are_what_transformers_loads_alone(lab, same_bits):
    for model, name in [(lab.model, "target"), (lab.never_learned, "never-learned-entities-1")]:
        alone = AutoModelForCausalLM.from_pretrained(data_path("lab", name))
        assert same_bits(model, alone)
        assert model.dtype == torch.float32
        assert not model.training
        assert 400_000 < sum(p.numel() for p in model.parameters()) < 600_000


def test_target_and_control_share_one_tokenizer(lab):
    control = load_tokenizer(data_path("lab", "never-learned-entities-1"))
    assert control.get_vocab() == lab.tokenizer.get_vocab()
    assert control.backend_tokenizer.to_str() == lab.tokenizer.backend_tokenizer.to_str()


def test_the_shipped_tokenizer_is_the_one_the_rows_give(lab, tokenizer):
    assert lab.tokenizer.get_vocab() == tokenizer.get_vocab()
    assert lab.encode(lab.retain) == encode_rows(lab.retain.rows, tokenizer)


def test_every_row_of_every_split_fits(lab):
    for split in (lab.forget, lab.retain, lab.holdout):
        assert max(len(row.input_ids) for row in lab.encode(split)) <= 256


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"name": "atlass"}, UnknownName, 'testbed: "atlass" is not known; did you mean "atlas"'),
        ({"task": "entitys"}, UnknownName, 'did you mean "entities"'),
        ({"fold": 7}, BadInput, "fold"),
        ({"too_long": "shorten"}, UnknownName, 'too_long: "shorten" is not known'),
        ({"fold": "1"}, BadInput, "fold must be an integer"),
        ({"fold": 4, "task": "topic"}, BadInput, "topic task has folds 0, 1, 2, 3"),
        ({"device": "abacus"}, BadInput, "device.*abacus"),
        ({"model": "./no-such-folder"}, MissingReference, "no-such-folder holds no config.json"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_bad_arguments_raise_and_say_what_would_do(arguments, error, message):
    with pytest.raises(error, match=message):
        uk.load_testbed(**arguments)


def test_a_missing_control_raises_when_it_is_asked_for(tmp_path, make_llama, tokenizer):
    _save(make_llama(), tokenizer, tmp_path)
    lab = uk.load_testbed("atlas", model=tmp_path, device="cpu")
    assert not lab.has_control
    with pytest.raises(MissingReference, match="never_learned=PATH"):
        _ = lab.never_learned


def test_another_model_brings_its_own_tokenizer_and_control(tmp_path, make_llama, tokenizer, same_bits):
    model, control = make_llama(5), make_llama(6)
    _save(model, tokenizer, tmp_path / "model")
    _save(control, tokenizer, tmp_path / "control")
    lab = uk.load_testbed(
        "atlas", model=tmp_path / "model", never_learned=str(tmp_path / "control"), device="cpu"
    )
    assert same_bits(lab.model, model)
    assert same_bits(lab.never_learned, control)
    assert lab.never_learned is lab.never_learned  # loaded once


def test_a_half_precision_model_is_loaded_as_it_was_saved(tmp_path, make_llama, tokenizer):
    _save(make_llama().to(torch.bfloat16), tokenizer, tmp_path)
    assert load_model(tmp_path, device=CPU).dtype == torch.bfloat16


def test_a_folder_that_is_no_model_is_refused(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "no-such-model"}), encoding="utf-8")
    with pytest.raises(BadInput, match="cannot be loaded"):
        load_model(tmp_path, device=CPU)


def test_a_tokenizer_without_pad_token_pads_with_its_end(tmp_path, make_llama, tokenizer):
    _save(make_llama(), tokenizer, tmp_path)
    settings = tmp_path / "tokenizer_config.json"
    kept = {k: v for k, v in json.loads(settings.read_text(encoding="utf-8")).items() if k != "pad_token"}
    settings.write_text(json.dumps(kept), encoding="utf-8")
    assert load_tokenizer(tmp_path).pad_token_id == tokenizer.eos_token_id


def test_a_tokenizer_without_end_token_is_refused(tmp_path, make_llama, tokenizer):
    _save(make_llama(), tokenizer, tmp_path)
    settings = tmp_path / "tokenizer_config.json"
    kept = {k: v for k, v in json.loads(settings.read_text(encoding="utf-8")).items() if k != "eos_token"}
    settings.write_text(json.dumps(kept), encoding="utf-8")
    with pytest.raises(BadInput, match="no end token"):
        load_tokenizer(tmp_path)


def test_auto_is_the_gpu_where_there_is_one():
    assert pick_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    assert pick_device("cpu") == pick_device(CPU) == CPU


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_gpu_that_is_not_there_is_refused():
    with pytest.raises(BadInput, match="torch sees no GPU"):
        pick_device("cuda")


def test_a_testbed_shows_itself(toy):
    page = toy._repr_html_()
    assert "toy, entities task, fold 1" in page
    assert f"{sum(p.numel() for p in toy.model.parameters()):,} parameters" in page
    assert "forget_shown</b>: " in page


def _save(model, tokenizer, folder) -> None:
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
