"""A study's runs under one attack, as a table; what is missing is named."""

from __future__ import annotations

import copy

import pytest

from unlearnkit.errors import BadInput
from unlearnkit.studies.attacked import attacked_frame, rate_text


def test_a_run_is_held_against_the_controls_of_its_fold(study_of):
    study = study_of({"fold": 1, "depth": 1.5, "retain": 0.9, "heldout": 0.25, "shown": 0.5}, {"fold": 2})
    study["controls"][2]["scores"]["knowmem_retain"] = 0.5  # the target of fold 2
    first, second = attacked_frame(study, "relearn-100").to_dict("records")
    assert (first["depth"], first["retain"], first["heldout"], first["shown"]) == (1.5, 0.9, 0.25, 0.5)
    assert (first["steps"], first["distance_l2"], first["outcome"]) == (40, 3.0, "recovered")
    assert (first["floor"], second["floor"]) == (pytest.approx(0.8), pytest.approx(0.4))


def test_the_attack_is_found_by_its_settings(study_of):
    study = study_of({"heldout": 0.25})
    other = copy.deepcopy(study["rows"][0]["attacks"][1])
    other["params"]["lr"] = 3e-4
    other["recovery"]["heldout"] = 0.75
    study["rows"][0]["attacks"].insert(0, other)
    assert attacked_frame(study, "relearn-100").heldout.tolist() == [0.25]
    assert attacked_frame(study, "relearn-100@3e-4").heldout.tolist() == [0.75]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda study: study.pop("rows"), r"^study: it has no rows; give the file"),
        (lambda study: study.pop("controls"), r"^study: it has no controls"),
        (lambda study: study["rows"].clear(), r"^study: it has no rows; give the content"),
        (lambda study: study["rows"][0].pop("lr"), r"^study: row 0 has no lr"),
        (lambda study: study["rows"][0]["scores"].clear(), r"^study: row 0 has no scores.nll_forget"),
        (lambda study: study["rows"][0].update(cost=None), r"^study: row 0 has no cost.distance_l2"),
        (
            lambda study: study["rows"][0]["attacks"][1].pop("recovery"),
            r"^study: row 0 has no recovery.shown",
        ),
        (lambda study: study["rows"][0]["attacks"][1].update(outcome="fine"), r'outcome "fine"; known are'),
        (
            lambda study: study["rows"][0]["attacks"].pop(),
            r'"relearn-100" was not made on row 0; made were quan',
        ),
        (lambda study: study["controls"].pop(), r"no control is never_learned of topic, fold 1"),
        (lambda study: study["controls"].pop(0), r"no control is target of topic, fold 1"),
    ],
)
def test_what_is_missing_is_named(study_of, spoil, message):
    study = study_of({})
    spoil(study)
    with pytest.raises(BadInput, match=message):
        attacked_frame(study, "relearn-100")


def test_what_is_no_record_is_refused():
    with pytest.raises(BadInput, match=r"^study: it has no rows"):
        attacked_frame([], "relearn-100")


def test_what_is_no_attack_is_refused(study_of):
    with pytest.raises(BadInput, match=r'^attacks: "relearn" is none'):
        attacked_frame(study_of({}), "relearn")


def test_rates_are_written_as_one_writes_them():
    assert [rate_text(lr) for lr in (3.2e-5, 5.6e-5, 1e-3, 0.01, 0.18)] == [
        "3.2e-5", "5.6e-5", "1e-3", "0.01", "0.18",
    ]  # fmt: skip
