"""A malformed ledger is refused: the message names the claim, the field, what was given, what to do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from unlearnkit.errors import BadInput, MissingReference
from unlearnkit.studies import load_claims

Entries = list[dict[str, Any]]


def refusal(path: Path) -> str:
    with pytest.raises(BadInput) as refused:
        load_claims(path)
    return str(refused.value)


def set_first(**fields: Any) -> Callable[[Entries], object]:
    return lambda entries: entries[0].update(fields)


def set_entry(**fields: Any) -> Callable[[Entries], object]:
    return lambda entries: entries[0]["history"][0].update(fields)


def reopen(entries: Entries) -> None:
    entries[0] = {"kind": "claim", **entries[0]}


FIRST = "relearning-robustness-rises-as-grade-falls"
MALFORMED: dict[str, tuple[Callable[[Entries], object], list[str]]] = {
    "missing field": (lambda entries: entries[0].pop("measure"), [FIRST, "measure missing", "add it"]),
    "unknown field": (set_first(mesure="x"), [FIRST, '"mesure" is not known', 'did you mean "measure"']),
    "taken id": (lambda entries: entries.append(entries[0]), [FIRST, "more than one claim"]),
    "odd id": (set_first(id="Sign Wins"), ['"Sign Wins"', "lower case with hyphens"]),
    "no id first": (reopen, [FIRST, "opens with `- id:`", "kind"]),
    "unknown kind": (set_first(kind="clam"), [FIRST, "kind", '"clam"', 'did you mean "claim"']),
    "empty text": (set_first(measure=" "), [FIRST, "measure must be text"]),
    "number for text": (set_first(decision_rule=3), [FIRST, "decision_rule must be text", "3 (int)"]),
    "unknown arm": (set_first(arms=["adam", "signadm"]), [FIRST, "arms", 'did you mean "signadam"']),
    "unknown objective": (set_first(objective="npu"), [FIRST, "objective", 'did you mean "npo"']),
    "unknown task": (set_first(tasks=["topics"]), [FIRST, "tasks", 'did you mean "topic"']),
    "text for list": (set_first(tasks="topic"), [FIRST, "tasks must be a list", "'topic' (str)"]),
    "calibration fold": (set_first(folds=[0, 1]), [FIRST, "folds", "fold 0 only calibrates"]),
    "sealed fold": (set_first(folds=[5, 6]), [FIRST, "folds", "fold 6 is sealed"]),
    "no such fold": (set_first(folds=[7]), [FIRST, "folds", "7 is not known"]),
    "folds of no task": (set_first(folds=[4, 5]), [FIRST, "folds: the topic task has none of 4, 5"]),
    "fold twice": (set_first(folds=[1, 1]), [FIRST, "folds", "1 is given more than once"]),
    "text for seed": (set_first(seeds=["0"]), [FIRST, "seeds must be an integer", '"0"']),
    "no effect": (set_first(smallest_effect=0), [FIRST, "smallest_effect", "above 0", "contradicted"]),
    "effect as text": (set_first(smallest_effect="0.15 or so"), [FIRST, "smallest_effect", "0.15 or so"]),
    "no history": (set_first(history=[]), [FIRST, "history must be a list", "nothing"]),
    "no reason": (set_entry(why=""), [FIRST, "history, entry 1: why must be text"]),
    "no such day": (set_entry(date="2026-02-30"), [FIRST, "entry 1: date", "2026-02-30"]),
    "odd date": (set_entry(date="24.11.2026"), [FIRST, "entry 1: date", "YYYY-MM-DD", "24.11.2026"]),
    "odd hash": (set_entry(rule="abc"), [FIRST, "entry 1: rule", "16 hexadecimal digits", "'abc'"]),
    "hash as number": (set_entry(rule=1234567890123456), [FIRST, "in quotes", "(int)"]),
    "entry without a rule": (lambda entries: entries[0]["history"][0].pop("rule"), [FIRST, "rule missing"]),
    "no mapping": (lambda entries: entries.append("x"), ["entry 3 must be a mapping", "'x' (str)"]),
}


@pytest.mark.parametrize("fault", MALFORMED)
def test_what_is_malformed_is_named(fault: str, ledger) -> None:
    change, parts = MALFORMED[fault]
    message = refusal(ledger(change))
    assert [part for part in parts if part not in message] == [], message


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "must be a list of claims"),
        ("id: x", "must be a list of claims"),
        ("- id: [", "cannot be read"),
        ("- id: x\n  measure: *nowhere", "cannot be read"),
        ("- id: x\n  history: [{date: 2026-13-01}]", "cannot be read"),
        ("- id: x\n  folds: [1]\n  folds: [2]", "folds stands twice in the entry at line 2"),
        ("- id: !!python/object/apply:os.getcwd []", "cannot be read"),
    ],
)
def test_what_is_no_ledger_is_refused(text: str, part: str, tmp_path: Path) -> None:
    path = tmp_path / "claims.yaml"
    path.write_text(text, encoding="utf-8")
    assert part in refusal(path)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert "nowhere.yaml" in refusal(tmp_path / "nowhere.yaml")


def test_the_ledger_that_ships_is_never_replaced_by_nothing(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setattr("unlearnkit.resources._home", lambda kind: tmp_path)
    with pytest.raises(MissingReference, match=r"claims\.yaml"):
        load_claims()
