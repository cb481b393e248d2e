"""The named rules under which the outcomes shown were judged, and their margins."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from unlearnkit.errors import BadInput
from unlearnkit.records.rules import RULE, margin_of
from unlearnkit.reports.fields import Row, met_by

DEPEND_ON_IT = ("survived", "recovered")  # the outcomes that a margin parts


def rule_of(attack: Row) -> str | None:
    """The rule of an attack's outcome; rows from before rules had names were judged under today's.

    Examples
    --------
    >>> rule_of({"outcome": "survived", "rule": "recovery-0.05"}), rule_of({"outcome": None})
    ('recovery-0.05', None)
    """
    return str(attack.get("rule") or RULE) if attack.get("outcome") is not None else None


def rules_of(attacks: Iterable[Row]) -> list[str]:
    """The rules of attacks, in order: of verdicts, else of all outcomes; today's where there is none.

    Examples
    --------
    >>> rules_of([{"outcome": "survived", "rule": "recovery-0.05"}, {"outcome": "no power"}])
    ['recovery-0.05']
    """
    judged = [(attack["outcome"], rule) for attack in attacks if (rule := rule_of(attack)) is not None]
    verdicts = {rule for outcome, rule in judged if outcome in DEPEND_ON_IT}
    return sorted(verdicts or {rule for _, rule in judged} or {RULE})


def rules_of_runs(runs: Iterable[Row]) -> list[str]:
    """The rules of all attacks on some runs, as `rules_of`."""
    return rules_of(attack for run in runs for attack in met_by(run))


def margin(rule: str) -> float | None:
    """A rule's margin; None for a rule that this version does not know."""
    try:
        return margin_of(rule)
    except BadInput:
        return None


def margin_text(rules: Sequence[str]) -> str:
    """The margins in words: the number alone where there is one rule, else each with its rule's name.

    Examples
    --------
    >>> margin_text(["recovery-0.05"]), margin_text(["recovery-0.05", "recovery-0.10"])
    ('0.05', '0.05 (under rule recovery-0.05) or 0.10 (under rule recovery-0.10)')
    """
    told = [(rule, "an unknown margin" if (m := margin(rule)) is None else f"{m:.2f}") for rule in rules]
    if len(told) == 1 and margin(rules[0]) is not None:
        return told[0][1]
    return " or ".join(f"{text} (under rule {rule})" for rule, text in told)


def several_rules(rules: Sequence[str]) -> str:
    """A warning where outcomes were judged under several rules; else nothing.

    Examples
    --------
    >>> several_rules(["recovery-0.10"])
    ''
    """
    if len(rules) == 1:
        return ""
    return (
        f"Outcomes here were judged under {len(rules)} rules: {', '.join(rules)}. Do not compare outcomes of "
        "different rules; store.rejudge(rule) judges all under one."
    )


def judged_under(runs: Iterable[Row]) -> str:
    """Under which rule runs were judged, where it is not today's; a warning where there are several."""
    rules = rules_of_runs(runs)
    if rules == [RULE]:
        return ""
    return several_rules(rules) or f"Outcomes were judged with the margin {margin_text(rules)} ({rules[0]})."
