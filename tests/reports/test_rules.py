"""A margin that is printed is the one that judged the outcomes."""

from __future__ import annotations

from unlearnkit.reports.rules import margin, margin_text, rules_of, several_rules


def test_older_rows_were_judged_under_todays_rule():
    assert rules_of([{"outcome": "survived"}]) == ["recovery-0.10"]
    assert rules_of([]) == ["recovery-0.10"]


def test_only_verdicts_depend_on_a_margin():
    low = {"outcome": "survived", "rule": "recovery-0.05"}
    apart = {"outcome": "not applicable", "rule": "recovery-0.10"}
    assert rules_of([low, apart]) == ["recovery-0.05"]
    assert rules_of([apart | {"rule": "recovery-0.20"}, {"outcome": None}]) == ["recovery-0.20"]


def test_an_unknown_rule_has_no_margin_and_is_named():
    assert margin("by eye") is None
    assert margin_text(["by eye"]) == "an unknown margin (under rule by eye)"
    assert several_rules(["by eye", "recovery-0.10"]).startswith(
        "Outcomes here were judged under 2 rules: by eye"
    )
