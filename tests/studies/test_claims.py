"""The claims ledger says what it must, and refuses a rule that changed without a dated word of why."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from unlearnkit.errors import BadInput
from unlearnkit.resources import data_path
from unlearnkit.studies import Claim, claims_table, load_claims, rule_hash
from unlearnkit.testbeds.atlas.tasks import FOLDS

ROOT = Path(__file__).parents[2]
FAMILY = 16  # what the intervals' level is shared among
# What the ledger was asked to hold, each under the id that answers it.
ASKED_FOR = {
    "relearning robustness rises as grade falls": "relearning-robustness-rises-as-grade-falls",
    "quantization robustness likewise": "quantization-robustness-rises-as-grade-falls",
    "sign methods stay connected to Adam's solution": "sign-methods-stay-connected-to-adam",
    "zeroth order does not": "zeroth-order-leaves-adams-basin",
    "zeroth-order solutions are flatter": "zeroth-order-is-flatter",
    "the hybrid keeps quality and gains robustness": "hybrid-keeps-quality-and-gains-robustness",
    "ending on zeroth order matters": "ending-on-zeroth-order-matters",
    "noise of equal size does not do the same": "equal-noise-does-not-do-the-same",
    "distance does not explain it": "distance-does-not-explain-it",
    "step size does not explain it": "step-size-does-not-explain-it",
    "it holds at matched retention": "holds-at-matched-retention",
    "it holds for held-out facts": "holds-for-held-out-facts",
}

Entries = list[dict[str, Any]]
CLAIMS = load_claims()


def refusal(path: Path) -> str:
    with pytest.raises(BadInput) as refused:
        load_claims(path)
    return str(refused.value)


# What ships


def test_the_ledger_loads() -> None:
    assert 9 <= len(CLAIMS) <= FAMILY
    assert all(isinstance(claim, Claim) for claim in CLAIMS)


@pytest.mark.parametrize("topic", ASKED_FOR)
def test_what_was_asked_for_is_there(topic: str) -> None:
    assert ASKED_FOR[topic] in {claim.id for claim in CLAIMS}


def test_every_entry_opens_with_its_id() -> None:
    text = data_path("claims.yaml").read_text(encoding="utf-8")
    opened = re.findall(r"^- id: (\S+)$", text, flags=re.MULTILINE)
    assert opened == [claim.id for claim in CLAIMS]
    assert not re.findall(r"^- (?!id: )", text, flags=re.MULTILINE)


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)
def test_a_rule_can_come_out_every_way(claim: Claim) -> None:
    words = claim.decision_rule.casefold()
    assert all(verdict in words for verdict in ("supported", "contradicted", "undecided"))
    assert claim.would_change_our_mind.startswith("For: ")
    assert "Against: " in claim.would_change_our_mind


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)
def test_a_rule_says_the_same_in_words_and_in_numbers(claim: Claim) -> None:
    assert f"{claim.smallest_effect:.2f}".rstrip("0") in claim.decision_rule
    named = set(re.findall(r"[a-z_]+", claim.comparison))
    assert [arm for arm in claim.arms if arm not in named] == []
    assert f"0.05/{FAMILY}," in claim.interval


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)
def test_claims_are_judged_where_nothing_was_tuned(claim: Claim) -> None:
    assert claim.problems == tuple(
        (task, fold) for task in ("entities", "topic") for fold in FOLDS[task] if 1 <= fold <= 5
    )
    assert len(claim.seeds) >= 5
    assert any("status is forgotten" in condition for condition in claim.matching)


def test_the_first_entries_are_from_before_any_table() -> None:
    for claim in CLAIMS:
        assert claim.history[0].date == date(2026, 11, 24)
        assert claim.history[0].why == "Written before any table was made."


def test_the_table_has_a_row_for_each_claim() -> None:
    table = claims_table()
    assert list(table["id"]) == [claim.id for claim in CLAIMS]
    assert set(table["problems"]) == {8}
    assert list(claims_table(CLAIMS[:2])["kind"]) == ["claim", "claim"]


def test_a_card_shows_the_whole_claim_and_escapes_it(ledger) -> None:
    path = ledger(lambda entries: entries[0].update(statement="a < b & c"))
    claim = load_claims(path)[0]
    card = claim._repr_html_()
    assert "<b>a &lt; b &amp; c</b>" in card
    assert all(text in card for text in (claim.id, "decision rule", claim.history[0].rule, "entities, topic"))
    assert repr(claim) == f"Claim({claim.id}, rule {rule_hash(claim)} of 2026-11-24)"


# A rule does not change silently


CHANGES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "kind": lambda entry: "control",
    "measure": lambda entry: entry["measure"].replace("relearn-100@1e-4", "relearn-25@1e-4"),
    "comparison": lambda entry: entry["comparison"] + " Or the other way round.",
    "objective": lambda entry: "graddiff",
    "arms": lambda entry: [*entry["arms"], "sgd"],
    "matching": lambda entry: entry["matching"][:-1],
    "valid_runs": lambda entry: "All runs count.",
    "tasks": lambda entry: ["topic"],
    "folds": lambda entry: [1, 2, 3],
    "seeds": lambda entry: [0, 1, 2, 3, 4],
    "interval": lambda entry: entry["interval"].replace("0.05/16", "0.05"),
    "undecided_when": lambda entry: "Never.",
    "smallest_effect": lambda entry: 0.05,
    "effect_unit": lambda entry: "nats",
    "decision_rule": lambda entry: "Supported when the estimate is above 0.",
    "would_change_our_mind": lambda entry: "Nothing.",
}


@pytest.mark.parametrize("field", CHANGES)
def test_a_changed_rule_is_refused_until_it_has_a_dated_entry(field: str, ledger) -> None:
    def change(entries: Entries) -> None:
        entries[0][field] = CHANGES[field](entries[0])

    message = refusal(ledger(change))
    first = CLAIMS[0]
    assert first.id in message
    assert first.history[-1].rule in message
    (new,) = set(re.findall(r'rule: "([0-9a-f]{16})"', message))

    def explain(entries: Entries) -> None:
        change(entries)
        entries[0]["history"].append({"date": "2027-01-31", "why": "A mistake in it.", "rule": new})

    claim = load_claims(ledger(explain))[0]
    assert rule_hash(claim) == new == claim.history[-1].rule
    assert len(claim.history) == 2


def test_every_field_is_part_of_the_rule_or_of_the_wording() -> None:
    assert {*CHANGES, "id", "statement", "source", "effect_reason", "history"} == set(Claim.__annotations__)


@pytest.mark.parametrize("field", ["statement", "source", "effect_reason"])
def test_wording_may_be_mended_at_any_time(field: str, ledger) -> None:
    path = ledger(lambda entries: entries[0].update({field: "In better words."}))
    assert getattr(load_claims(path)[0], field) == "In better words."


def test_line_breaks_and_the_order_of_fields_are_no_change(ledger) -> None:
    def rewrap(entries: Entries) -> None:
        first = entries[0]
        first["measure"] = first["measure"].replace(" ", "\n  ")
        entries[0] = {"id": first.pop("id"), **dict(reversed(first.items()))}

    assert load_claims(ledger(rewrap)) == CLAIMS[:2]


def test_a_shared_text_is_part_of_every_rule_that_repeats_it(tmp_path: Path) -> None:
    text = data_path("claims.yaml").read_text(encoding="utf-8")
    path = tmp_path / "claims.yaml"
    path.write_text(text.replace("Two-way t interval.", "One-way t interval."), encoding="utf-8")
    assert CLAIMS[0].id in refusal(path)
    assert all(claim.interval.startswith("Two-way") for claim in CLAIMS)


def test_dates_do_not_go_backwards(ledger) -> None:
    def change(entries: Entries) -> None:
        entry = {"date": "2026-11-23", "why": "Earlier.", "rule": entries[0]["history"][0]["rule"]}
        entries[0]["history"].append(entry)

    message = refusal(ledger(change))
    assert "history goes backwards, from 2026-11-24 to 2026-11-23" in message


def test_two_entries_of_one_day_are_fine(ledger) -> None:
    path = ledger(lambda entries: entries[0]["history"].append(dict(entries[0]["history"][0])))
    assert len(load_claims(path)[0].history) == 2


# History is append-only


def rewritten(before: Entries, after: Entries) -> list[str]:
    """The claims whose earlier entries a later ledger dropped or touched."""
    kept = {entry["id"]: entry["history"] for entry in after}
    return [
        entry["id"]
        for entry in before
        if kept.get(entry["id"], [])[: len(entry["history"])] != entry["history"]
    ]


def past_ledgers() -> list[Entries]:
    """Every committed version of the ledger; skips where there is none to compare with."""
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout: nothing to compare the ledger with")

    def say(*arguments: str) -> str:
        done = subprocess.run(
            [git, *arguments], cwd=ROOT, capture_output=True, text=True, encoding="utf-8", check=False
        )
        return done.stdout if done.returncode == 0 else ""

    versions = say("log", "--format=%H", "--", "data/claims.yaml").split()
    texts = [text for commit in versions if (text := say("show", f"{commit}:data/claims.yaml"))]
    if not texts:
        pytest.skip("no version of data/claims.yaml has been committed yet: nothing to compare with")
    return [yaml.safe_load(text) for text in texts]


def test_no_committed_entry_was_touched() -> None:
    now = yaml.safe_load(data_path("claims.yaml").read_text(encoding="utf-8"))
    assert [name for past in past_ledgers() for name in rewritten(past, now)] == []


def test_a_rewritten_history_is_seen() -> None:
    one, two = {"date": "2026-11-24", "why": "First.", "rule": "0" * 16}, {"date": "2027-01-01"}
    before = [{"id": "a", "history": [one, two]}]
    assert rewritten(before, before) == []
    assert rewritten(before, [{"id": "b", "history": []}, {"id": "a", "history": [one, two, two]}]) == []
    for after in ([one], [two, one], [{**one, "why": "Other."}, two], []):
        assert rewritten(before, [{"id": "a", "history": after}]) == ["a"]
    assert rewritten(before, []) == ["a"]
