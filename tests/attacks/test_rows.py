"""An attack has one name wherever it is shown, known to this version or not."""

from __future__ import annotations

import pytest

from unlearnkit.attacks import KINDS, parse_attack
from unlearnkit.attacks.rows import attack_key, family_of, label_of

KNOWN = ["quantize-4", "quantize-4:nf4", "relearn-100", "relearn-25:retain@0.0003", "noise-0.01", "hint"]


@pytest.mark.parametrize("text", KNOWN)
def test_the_short_form_reads_back(text):
    attack = parse_attack(text)
    row = attack.to_dict()
    assert label_of(row) == attack.label
    assert parse_attack(label_of(row)) == attack
    assert attack.name in KINDS


def test_attacks_that_differ_in_steps_only_are_one_family():
    texts = ["relearn-25@0.0003", "relearn-100@0.0003", "relearn-100", "relearn-100:retain@0.0003"]
    families = [family_of(parse_attack(text).to_dict()) for text in texts]
    assert families[0] == families[1] == "relearn@0.0003"
    assert len(set(families)) == 3


def test_an_attack_of_a_later_version_is_named_by_all_it_says():
    rows = [{"name": "hammer", "params": {"steps": steps, "weight": 3}} for steps in (1, 2)]
    assert [label_of(row) for row in rows] == ["hammer(steps=1,weight=3)", "hammer(steps=2,weight=3)"]
    assert {family_of(row) for row in rows} == {"hammer(weight=3)"}
    assert label_of({"name": "relearn", "params": {"steps": "many"}}).startswith("relearn")


def test_the_order_of_settings_does_not_matter():
    one = {"name": "relearn", "params": {"steps": 5, "lr": 1e-4}}
    other = {"name": "relearn", "params": {"lr": 1e-4, "steps": 5}}
    assert attack_key(one) == attack_key(other)
    assert label_of(one) == label_of(other)
