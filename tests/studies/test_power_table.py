"""What is said of the attacks' power is what the record says."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from unlearnkit.errors import BadInput
from unlearnkit.resources import data_path
from unlearnkit.studies.power_table import power_table


@pytest.fixture(scope="module")
def record() -> dict[str, Any]:
    return json.loads(data_path("records", "power.json").read_text(encoding="utf-8"))


def attacks(record: dict[str, Any], name: str) -> list[dict[str, Any]]:
    return [a for row in record["rows"] for a in row["attacks"] if a["attack"] == name]


def test_the_plants_readme_shows_the_record(record: dict[str, Any]) -> None:
    assert power_table(record) in data_path("plants", "README.md").read_text(encoding="utf-8")


def test_what_the_readme_says_of_power_is_the_records(record: dict[str, Any]) -> None:
    always = [a for name in ("quantize-4", "relearn-25", "relearn-100") for a in attacks(record, name)]
    assert len(always) == 3 * 8
    assert all(a["has_power"] for a in always)
    for name in ("noise-0.003", "noise-0.01", "noise-0.03", "prune-0.1", "prune-0.3", "paraphrase"):
        assert not any(a["has_power"] for a in attacks(record, name))


def test_never_learned_gains_nothing_by_any_attack_on_any_fold(record: dict[str, Any]) -> None:
    gains = [a["robust_after"] - a["robust_before"] for row in record["rows"] for a in row["attacks"]]
    assert len(record["rows"]) == 10
    assert round(max(gains), 2) == 0.04


def test_the_best_rate_brings_back_nine_tenths_on_every_fold(record: dict[str, Any]) -> None:
    for row in record["rows"][:8]:
        relearned = [
            a for a in row["attacks"] if a["attack"].startswith("relearn-") and ":" not in a["attack"]
        ]
        assert max(a["fragile_after"] for a in relearned) >= 0.9
        (usual,) = [a for a in relearned if a["attack"] == "relearn-100"]
        assert usual["fragile_after"] >= 0.8


def test_a_line_counts_folds_and_gives_the_lowest_and_the_highest(record: dict[str, Any]) -> None:
    small = {"rows": copy.deepcopy(record["rows"][:2])}
    for row, after in zip(small["rows"], (0.25, 0.75), strict=True):
        row["attacks"] = [row["attacks"][1] | {"fragile_after": after, "has_power": after > 0.5}]
    small["rows"].append({**small["rows"][0], "task": "topic"})
    assert power_table(small).splitlines()[2:] == [
        "| quantize-4 | grid | 0.25 to 0.75 | 0.25 | 0.00 | 1 of 3 |"
    ]


def test_a_record_without_attacks_is_refused() -> None:
    with pytest.raises(BadInput, match="attacks"):
        power_table({"rows": [{"task": "topic"}]})
