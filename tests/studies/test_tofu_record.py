"""What data/records says of TOFU's rows is what the record there holds, and it holds numbers only."""

from __future__ import annotations

import json
from typing import Any

import pytest

from unlearnkit.metrics.tofu import model_utility
from unlearnkit.objectives import catalogue
from unlearnkit.resources import data_path
from unlearnkit.studies import tofu
from unlearnkit.studies.calibrate import OBJECTIVE_OPTIONS, start_of
from unlearnkit.studies.tofu_lab import CONTROL, TARGET, read_rows
from unlearnkit.studies.tofu_table import tofu_controls_table, tofu_objectives_table, tofu_sentence

README = data_path("records", "README.md").read_text(encoding="utf-8")
PREFIX = "tofu_"


@pytest.fixture(scope="module")
def record() -> dict[str, Any]:
    return json.loads(data_path("records", "tofu.json").read_text(encoding="utf-8"))


def test_tables_and_sentence_are_the_records(record):
    assert tofu_controls_table(record) in README
    assert tofu_objectives_table(record) in README
    assert f"```text\n{tofu_sentence(record)}\n```" in README


def test_numbers_in_the_reading_are_the_records(record):
    points = {(row["objective"], p["steps"]): p["scores"] for row in record["rows"] for p in row["points"]}
    controls = {control["name"]: control["scores"] for control in record["controls"]}
    probability, recall = "tofu_forget_probability", "tofu_forget_rouge_l_recall"
    wreck, control = points["grad_ascent", 160], controls[CONTROL]
    said = [
        f"p is {wreck['tofu_forget_quality_p']:.3f} and utility {wreck['tofu_model_utility_tofu']:.3f}",
        f"a probability of {control[probability]:.1e} a token and says {control[recall]:.3f} of its words",
        *(
            f"{name} {points[key, 160][probability]:.1e} and {points[key, 160][recall]:.3f}"
            for name, key in (("WGA", "wga"), ("CE-U", "ceu"))
        ),
        f"what they say ({points['simnpo', 160][recall]:.3f} and {points['npo', 160][recall]:.3f})",
        "by {:.3f} and {:.3f}".format(
            *(controls[f"{CONTROL}, seed {s}"]["tofu_forget_quality_d"] for s in (1, 2))
        ),
    ]
    text = " ".join(README.split())
    assert not [sentence for sentence in said if sentence not in text]


def test_it_was_made_with_the_settings_of_the_study(record):
    decided = json.loads(json.dumps(tofu.collect([])))
    assert {part: record[part] for part in ("optimizer", "settings")} == {
        part: decided[part] for part in ("optimizer", "settings")
    }
    for row in record["rows"]:
        assert [point["steps"] for point in row["points"]] == [*tofu.SETTINGS.looks]
        assert row["lr"] == start_of(row["objective"], tofu.OPTIMIZER)
        assert row["options"] == OBJECTIVE_OPTIONS.get(row["objective"], {})


def test_every_objective_that_it_names_is_one(record):
    named = [row["objective"] for row in record["rows"]]
    assert len(named) == len(set(named)) >= 11
    assert set(named) <= set(catalogue()["name"])
    controls = [control["name"] for control in record["controls"]]
    assert controls == [TARGET, CONTROL, *(f"{CONTROL}, seed {seed}" for seed in tofu.SETTINGS.other_seeds)]


def test_its_numbers_agree_with_each_other(record):
    points = [point for row in record["rows"] for point in row["points"] if not point["diverged"]]
    everything = [*(point["scores"] for point in points), *(c["scores"] for c in record["controls"])]
    for scores in everything:
        parts = {name.removeprefix(PREFIX): value for name, value in scores.items()}
        for variant in ("tofu", "open_unlearning"):
            assert scores[f"tofu_model_utility_{variant}"] == pytest.approx(
                model_utility(parts, variant=variant)
            )
        assert scores["tofu_forget_quality_n"] == 40
    control = record["controls"][1]["scores"]
    assert (control["tofu_forget_quality_p"], control["tofu_forget_quality_d"]) == (1.0, 0.0)
    known = record["controls"][0]["scores"]
    assert known["tofu_forget_rouge_l_recall"] >= 0.9


def test_it_holds_numbers_and_names_only(record):
    texts = set(_texts(record))
    names = {row["objective"] for row in record["rows"]} | {c["name"] for c in record["controls"]}
    assert texts == names | {"tofu", tofu.QUESTION, tofu.OPTIMIZER}


def test_no_text_of_tofus_is_in_it(reference_data):
    text = data_path("records", "tofu.json").read_text(encoding="utf-8")
    found = read_rows(reference_data("tofu"), tofu.SETTINGS.sizes)
    for row in found.learned(with_forget=True):
        assert row.question not in text


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for part in value.values() for text in _texts(part)]
    if isinstance(value, list):
        return [text for part in value for text in _texts(part)]
    return [value] if isinstance(value, str) else []
