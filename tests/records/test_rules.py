"""Outcomes come again from the raw scores and the stored controls, under the rule that is named."""

from __future__ import annotations

import copy

import pytest

from unlearnkit.attacks.judging import judge_attacks
from unlearnkit.errors import BadInput
from unlearnkit.records import RULE, RunStore


def outcomes(store, run_id: str) -> list:
    return [(a["recovery"], a["outcome"]) for a in store.get(run_id)["attacks"]]


def test_the_shipped_outcomes_come_again_to_the_bit(filled):
    before = list(filled.rows())
    assert filled.rejudge() == 0
    assert list(filled.rows()) == before


def test_spoiled_outcomes_are_mended_and_counted(store, content):
    right = copy.deepcopy(content)
    content["rows"][0]["attacks"][0]["outcome"] = "survived"
    content["rows"][1]["attacks"][2]["recovery"]["heldout"] += 1e-12
    del content["rows"][2]["attacks"][1]["outcome"], content["rows"][2]["attacks"][1]["recovery"]
    store.add_results(content)
    assert store.rejudge() == 3
    for row in right["rows"]:
        assert outcomes(store, row["run_id"]) == [(a["recovery"], a["outcome"]) for a in row["attacks"]]
    assert set(store.attacks().rule) == {RULE}
    assert store.rejudge() == 0


def test_another_rule_gives_other_outcomes_and_says_its_name(store, content):
    for row in content["rows"]:
        row["status"] = "forgotten"
        judge_attacks(row, content["controls"])
    store.add_results(content)
    strict, lax = "recovery-0.00", "recovery-1.00"
    before = store.attacks()
    assert store.rejudge(lax) > 0
    after = store.attacks()
    assert set(after.rule) == {lax}
    assert "recovered" not in set(after.outcome)
    assert "recovered" in set(before.outcome)
    store.rejudge(strict)
    for row in content["rows"]:
        judge_attacks(row, content["controls"], margin=0.0)
        assert outcomes(store, row["run_id"]) == [(a["recovery"], a["outcome"]) for a in row["attacks"]]
    store.rejudge()
    assert store.attacks().equals(before)


@pytest.mark.parametrize("rule", ["0.10", "recovery-0.1", "recovery-1.01", "recovery-nan", "", None])
def test_a_rule_that_is_none_is_refused_before_work(rule, filled):
    with pytest.raises(BadInput, match="such as"):
        filled.rejudge(rule)


def test_without_its_controls_a_run_keeps_what_it_has(store, content, make_row):
    store.add_results(content)
    store.add(make_row("alone", task="topic"))
    runs = len(content["rows"]) + 1
    with pytest.warns(
        UserWarning, match=rf"1 of {runs} runs keep.*alone: its control target is not in the store"
    ):
        assert store.rejudge() == 0
    assert store.get("alone")["attacks"][0]["outcome"] == "recovered"
    never = next(row for row in content["controls"] if row["control"] == "never_learned")
    store.remove(never["run_id"])
    with pytest.warns(UserWarning, match=rf"{runs} of {runs} runs keep.*its control never_learned is not"):
        store.rejudge()


def test_an_attack_that_never_learned_did_not_meet_is_not_judged(store, content):
    for control in content["controls"]:
        control["attacks"] = [a for a in control["attacks"] if a["params"].get("steps") != 100]
    store.add_results(content)
    with pytest.warns(UserWarning, match="never_learned did not meet relearn"):
        store.rejudge()


def test_a_run_that_came_alone_takes_the_controls_of_its_problem(store, content):
    for row in (*content["controls"], *content["rows"]):
        store.add(row)
    assert store.rejudge("recovery-0.11") == 0
    assert set(store.attacks().rule) <= {"recovery-0.11", RULE}
    other = copy.deepcopy(content["controls"][0]) | {"run_id": "another-target"}
    store.add(other)
    with pytest.warns(UserWarning, match="two controls are called target"):
        store.rejudge()


def test_a_run_keeps_to_the_controls_that_it_came_with(store, content):
    """Two comparisons of one problem, with other models: neither is judged by the other's controls."""
    theirs = copy.deepcopy(content)
    for row in (*theirs["rows"], *theirs["controls"]):
        row["run_id"] += "-theirs"
    for row in theirs["controls"]:
        for attack in row["attacks"]:
            attack["scores"]["knowmem_forget_shown"] = attack["scores"]["knowmem_forget_heldout"] = 0.5
    for row in theirs["rows"]:
        judge_attacks(row, theirs["controls"])
    store.add_results(content)
    store.add_results(theirs)
    before = store.attacks()
    assert store.rejudge() == 0
    assert store.attacks().equals(before)


def test_without_any_control_nothing_applies(tmp_path, make_row):
    row = make_row(status="no control")
    row["attacks"][0] |= {"outcome": "not applicable"}
    with RunStore(tmp_path / "runs.sqlite") as store:
        store.add(row)
        assert store.rejudge() == 0
