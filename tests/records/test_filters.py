"""Filters choose what a plain loop over the rows would choose."""

from __future__ import annotations

import itertools

import pytest

from unlearnkit.errors import BadInput, UnknownName
from unlearnkit.records import RunStore

OPTIMIZERS, OUTCOMES = ("adam", "signadam", "adazo"), ("survived", "recovered")
STATUSES, TASKS = ("forgotten", "not reached"), ("entities", "topic")


@pytest.fixture
def many(tmp_path, make_row):
    """48 runs with every mixture of settings, two tags, and a control for each problem."""
    with RunStore(tmp_path / "many.sqlite") as store:
        mixtures = itertools.product(OPTIMIZERS, STATUSES, TASKS, (1, 2), OUTCOMES)
        for place, (optimizer, status, task, fold, outcome) in enumerate(mixtures):
            row = make_row(f"r{place:02}", optimizer=optimizer, status=status, task=task, fold=fold)
            row["attacks"][0]["outcome"] = outcome
            other = {"name": "hint", "params": {}, "scores": row["scores"], "outcome": "no power"}
            row["attacks"] += [other] if place % 4 == 0 else []
            row |= {"objective": "npo" if place % 2 else "graddiff"}
            store.add(row, tags=["even"] if place % 2 == 0 else [])
        for task, fold in itertools.product(TASKS, (1, 2)):
            control = make_row(f"c-{task}-{fold}", control="never_learned", task=task, fold=fold)
            for name in ("objective", "optimizer", "status", "lr", "steps", "batch_size", "grade", "cost"):
                del control[name]
            store.add(control, tags=["even"])
        yield store


CHOICES = [
    {},
    {"tag": "even"},
    {"tag": "robustness-test", "optimizer": "adam"},
    {"tag": ["even", "none"], "status": "forgotten", "fold": 2},
    {"optimizer": ["adam", "adazo"], "task": "topic"},
    {"objective": "npo", "fold": [1, 2, 3]},
    {"outcome": "survived"},
    {"outcome": ["no power"], "optimizer": "signadam"},
    {"optimizer": "nobody"},
    {"optimizer": []},
]


@pytest.mark.parametrize("controls", [False, True])
@pytest.mark.parametrize("filters", CHOICES, ids=str)
def test_filters_choose_what_a_loop_would(filters, controls, many):
    wanted = [row for row in many.rows() if _fits(row, filters, controls)]
    frame = many.to_frame(**filters, controls=controls)
    assert list(frame.run_id) == [row["run_id"] for row in wanted]
    assert many.count(**filters, controls=controls) == len(wanted)
    assert list(many.to_frame(**filters, controls=controls, limit=3).run_id) == list(frame.run_id)[:3]
    attacks = many.attacks(**filters, controls=controls)
    assert list(zip(attacks.run_id, attacks["name"], strict=True)) == [
        (row["run_id"], attack["name"])
        for row in wanted
        for attack in row["attacks"]
        if "control" in row or _any(filters.get("outcome"), attack.get("outcome"))
    ]


def _fits(row: dict, filters: dict, controls: bool) -> bool:
    outcomes = [attack.get("outcome") for attack in row["attacks"]]
    same = all(_any(filters.get(name), row[name]) for name in ("task", "fold"))
    if "control" in row:
        return controls and same
    named = all(_any(filters.get(name), row[name]) for name in ("optimizer", "objective", "status"))
    tagged = any(_any(filters.get("tag"), tag) for tag in row["tags"])
    return same and named and tagged and any(_any(filters.get("outcome"), outcome) for outcome in outcomes)


def _any(wanted, value) -> bool:
    return wanted is None or value in (wanted if isinstance(wanted, list) else [wanted])


def test_names_that_are_fixed_are_checked(many):
    with pytest.raises(UnknownName, match='did you mean "survived"'):
        many.to_frame(outcome="survive")
    with pytest.raises(UnknownName, match="Known: no control"):
        many.count(status="forgot")


@pytest.mark.parametrize(
    "filters", [{"fold": "1"}, {"limit": -1}, {"limit": 1.5}, {"tag": 3}, {"task": ["a"] * 501}], ids=str
)
def test_nonsense_is_refused(filters, many):
    with pytest.raises(BadInput):
        many.to_frame(**filters)


def test_a_bare_percent_is_no_wildcard(many):
    assert many.count(tag="%") == many.count(optimizer="a_am") == 0


def test_frames_have_the_same_types_however_many_rows(many):
    full, none = many.to_frame(), many.to_frame(optimizer="nobody")
    assert dict(full.dtypes) == dict(none.dtypes)
    assert dict(many.attacks().dtypes) == dict(many.attacks(optimizer="nobody").dtypes)
    assert full.seconds.tolist() == [1.5] * 48
    assert full.control.tolist() == [None] * 48


def test_the_table_of_attacks(many):
    attack = many.attacks(limit=1).iloc[0]
    assert (attack.attack, attack.family, attack.steps) == ("relearn-100", "relearn", 100)
    assert (attack.nll_forget_before, attack.retain_before, attack.knowmem_retain) == (4.2, 0.97, 0.9)
    assert (attack.recovery_shown, attack.recovery_heldout, attack.rule) == (0.3, 0.05, "recovery-0.10")


@pytest.mark.parametrize(
    ("name", "params", "label", "family"),
    [
        ("relearn", {"steps": 25, "lr": 3e-4}, "relearn-25@0.0003", "relearn@0.0003"),
        ("quantize", {"bits": 4, "scheme": "nf4"}, "quantize-4:nf4", "quantize-4:nf4"),
        ("hint", {}, "hint", "hint"),
        ("erase", {"depth": 3}, "erase(depth=3)", "erase(depth=3)"),
        ("quantize", {"bits": None}, None, None),
    ],
)
def test_attacks_are_named_as_they_are_written(name, params, label, family, store, make_row):
    row = make_row(attacks=[{"name": name, "params": params, "scores": {}}])
    store.add(row)
    (attack,) = store.attacks().itertuples()
    if label is not None:
        assert (attack.attack, attack.family) == (label, family)
