"""Weights beside the store: whole or not at all, under a cap, and made again where they are absent."""

from __future__ import annotations

import copy
import os
import re
import warnings

import pytest
import torch

import unlearnkit as uk
from unlearnkit.errors import BadInput, MissingReference
from unlearnkit.fingerprints import weights_hash
from unlearnkit.records import RunStore, StoreFault


@pytest.fixture(scope="module")
def run(lab):
    """A real run of two steps: too short to forget, long enough to move."""
    return uk.unlearn(lab, "npo", optimizer="signadam", steps=2, progress=False)


@pytest.fixture
def row(run, make_row):
    """Its row, as studies write it."""
    chosen = run.config.to_dict()
    named = {name: chosen[name] for name in ("optimizer", "lr", "steps", "batch_size", "grade")}
    return make_row(
        run.id, **named, config=chosen, weights=weights_hash(run.model), scores=run.scores.to_dict()
    )


@pytest.fixture
def files(store):
    """The names of what lies in the folder of weights."""
    return lambda: sorted(path.name for path in (store.path.parent / "runs.weights").glob("*"))


def test_kept_weights_come_back_to_the_bit(store, row, run, lab, files, same_bits, fingerprint):
    before = fingerprint(run.model)
    store.add(row, model=run.model)
    assert files() == [f"{row['weights']}.safetensors"]
    loaded = store.weights(row["run_id"])
    assert same_bits(loaded, run.model)
    assert not loaded.training
    assert fingerprint(run.model) == before
    assert not same_bits(loaded, lab.model)


def test_weights_that_are_absent_are_made_again_and_kept(store, row, run, files, same_bits):
    store.add(row)
    assert files() == []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert same_bits(store.weights(row["run_id"]), run.model)
    assert files() == [f"{row['weights']}.safetensors"]


def test_a_store_in_memory_makes_them_again(row, run, same_bits):
    store = RunStore.in_memory()
    store.add(row, model=run.model)
    assert same_bits(store.weights(row["run_id"]), run.model)


def test_other_bits_are_said_and_not_kept(store, row, run, files, same_bits):
    store.add({**row, "weights": "ab" * 32}, versions={"torch": "1.0"})
    with pytest.warns(UserWarning, match=r"has other bits .*torch 1\.0 then and .* now"):
        assert same_bits(store.weights(row["run_id"]), run.model)
    assert files() == []


def test_a_record_without_a_hash_says_that_it_is_unchecked(store, row):
    del row["weights"]
    store.add(row)
    with pytest.warns(UserWarning, match="without a hash"):
        store.weights(row["run_id"])


def test_a_damaged_file_is_never_loaded(store, row, run, files, same_bits):
    store.add(row, model=run.model)
    (place,) = (store.path.parent / "runs.weights").iterdir()
    content = bytearray(place.read_bytes())
    content[-1] ^= 1
    place.write_bytes(content)
    with pytest.warns(UserWarning, match="is damaged"):
        assert same_bits(store.weights(row["run_id"]), run.model)
    place.write_bytes(b"short")
    with pytest.warns(UserWarning, match="is damaged"):
        assert same_bits(store.weights(row["run_id"]), run.model)
    assert place.stat().st_size > 10_000


def test_a_model_that_is_not_the_runs_is_refused(store, row, lab):
    with pytest.raises(BadInput, match="it is not the run's model"):
        store.add(row, model=lab.model)
    assert store.count() == 0


def test_a_run_of_another_model_is_not_made_from_this_one(store, row, lab, run, same_bits):
    other = copy.copy(lab)
    object.__setattr__(other, "model", copy.deepcopy(lab.model))
    with torch.no_grad():
        next(other.model.parameters()).mul_(1.01)
    theirs = uk.unlearn(other, "npo", optimizer="signadam", steps=2, progress=False)
    store.add(row | {"run_id": theirs.id, "weights": weights_hash(theirs.model)})
    with pytest.raises(MissingReference, match="another model, other data"):
        store.weights(theirs.id)
    assert same_bits(store.weights(theirs.id, lab=other), theirs.model)


@pytest.mark.parametrize("control", ["", "never_learned"])
def test_a_run_on_somebodys_files_says_what_to_give(control, store, row):
    """Their paths stand in no record, and the family alone is no testbed."""
    named = {"testbed": "tofu", "task": "forget01", "fold": 1}
    changed = {"config": row["config"] | named} | (named | {"control": control} if control else {})
    store.add(row | changed)
    given = ", never_learned=PATH" if control else ""
    wanted = f'lab=uk.load_testbed("tofu:PATH", task="forget01", model=PATH{given})'
    with pytest.raises(MissingReference, match=re.escape(wanted)):
        store.weights(row["run_id"])


@pytest.mark.parametrize("config", [None, {"testbed": "atlas", "task": "entities", "fold": 1}])
def test_without_a_whole_configuration_nothing_is_guessed(config, store, row):
    row = {name: value for name, value in row.items() if name != "config"} | (
        {"config": config} if config else {}
    )
    store.add(row)
    with pytest.raises(MissingReference, match=r"without its configuration|cannot be made again"):
        store.weights(row["run_id"])


def test_shipped_controls_are_checked_against_their_ids(filled, content, lab, same_bits):
    named = {row["control"]: row["run_id"] for row in content["controls"]}
    assert same_bits(filled.weights(named["target"]), lab.model)
    assert same_bits(filled.weights(named["never_learned"]), lab.never_learned)
    assert same_bits(filled.weights(named["plant-hidden"]), uk.attacks.plant(lab, kind="hidden"))
    assert same_bits(filled.weights(named["plant-grid-4-rtn"]), uk.attacks.plant(lab, kind="grid"))
    filled.add({**content["controls"][0], "run_id": "0123456789abcdef"})
    with pytest.raises(MissingReference, match="target of another model"):
        filled.weights("0123456789abcdef")
    filled.add({**content["controls"][0], "run_id": "x", "control": "plant-weed"})
    with pytest.raises(uk.UnlearnkitError, match="weed"):
        filled.weights("x")


def some(seed: int) -> torch.nn.Module:
    torch.manual_seed(seed)
    return torch.nn.Linear(100, 50)


def add(store, make_row, seed: int) -> str:
    model = some(seed)
    store.add(make_row(f"r{seed}"), model=model)
    return f"{weights_hash(model)}.safetensors"


def test_the_cap_removes_what_was_not_used_for_longest(tmp_path, make_row):
    size, folder = 20_000, tmp_path / "runs.weights"
    with RunStore(tmp_path / "runs.sqlite", weights_cap=3.5 * size) as store:
        names = [add(store, make_row, seed) for seed in range(3)]
        for place, name in enumerate(names):
            os.utime(folder / name, (1000 + place, 1000 + place))
        assert store._files.read(names[0].removesuffix(".safetensors"))  # used: now the youngest
        names.append(add(store, make_row, 3))
        assert {path.name for path in folder.iterdir()} == {names[0], names[2], names[3]}
        assert sum(path.stat().st_size for path in folder.iterdir()) <= 3.5 * size
        assert store.count() == 4  # the records stay


def test_what_is_larger_than_the_cap_is_not_kept_and_says_so(tmp_path, make_row):
    with RunStore(tmp_path / "runs.sqlite", weights_cap=0) as store:
        with pytest.warns(UserWarning, match="more than weights_cap"):
            add(store, make_row, 0)
        assert store.count() == 1
    assert not (tmp_path / "runs.weights").exists()
    with pytest.raises(BadInput, match="weights_cap"):
        RunStore(tmp_path / "runs.sqlite", weights_cap=-1)


@pytest.mark.skipif(os.name != "posix", reason="limits the size of files with setrlimit")
def test_a_full_disk_leaves_no_half_of_the_weights(store, make_row, files):
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))
    try:
        with pytest.raises(StoreFault, match=r"cannot take 20,\d+ bytes"):
            add(store, make_row, 0)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert files() == []
    assert store.count() == 0
    add(store, make_row, 0)
    assert len(files()) == 1


def test_drafts_that_a_killed_process_left_are_cleared(store, make_row, files):
    folder = store.path.parent / "runs.weights"
    folder.mkdir()
    for name, age in ((".old.unfinished", 0), (".new.unfinished", None)):
        (folder / name).write_text("half")
        if age is not None:
            os.utime(folder / name, (age, age))
    kept = add(store, make_row, 0)
    assert files() == sorted([".new.unfinished", kept])
