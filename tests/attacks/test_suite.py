"""Attacks by name: what is understood, what is not, and every one of them run once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unlearnkit.attacks import KINDS, Attack, parse_attack, quantize, relearn, run_attacks
from unlearnkit.errors import BadInput, UnknownName

QUANTIZE_4 = Attack("quantize", (("bits", 4), ("scheme", "rtn")))


@pytest.mark.parametrize(
    ("text", "name", "params"),
    [
        ("quantize-4", "quantize", {"bits": 4, "scheme": "rtn"}),
        ("quantize-8", "quantize", {"bits": 8, "scheme": "rtn"}),
        (" quantize-2 ", "quantize", {"bits": 2, "scheme": "rtn"}),
        ("relearn-100", "relearn", {"steps": 100, "lr": 1e-4}),
        ("relearn-25@3e-4", "relearn", {"steps": 25, "lr": 3e-4}),
        ("relearn-25@0.001", "relearn", {"steps": 25, "lr": 1e-3}),
        ("relearn-1@1E-3".lower(), "relearn", {"steps": 1, "lr": 1e-3}),
        ("quantize-4:nf4", "quantize", {"bits": 4, "scheme": "nf4"}),
        ("quantize-4:rtn", "quantize", {"bits": 4, "scheme": "rtn"}),
        ("quantize-3:rtn-group-asymmetric", "quantize", {"bits": 3, "scheme": "rtn-group-asymmetric"}),
        ("relearn-100:retain", "relearn", {"steps": 100, "lr": 1e-4, "rows": "retain"}),
        ("relearn-100:unrelated@3e-4", "relearn", {"steps": 100, "lr": 3e-4, "rows": "unrelated"}),
        ("relearn-100:shown", "relearn", {"steps": 100, "lr": 1e-4}),
        ("noise-0.01", "noise", {"sigma": 0.01}),
        ("noise-1e-3", "noise", {"sigma": 1e-3}),
        ("prune-0.2", "prune", {"fraction": 0.2}),
        ("interpolate-0.5", "interpolate", {"share": 0.5}),
        ("interpolate-1", "interpolate", {"share": 1.0}),
        ("paraphrase", "paraphrase", {}),
        ("hint", "hint", {}),
    ],
)
def test_good_names(text, name, params):
    attack = parse_attack(text)
    assert (attack.name, dict(attack.params)) == (name, params)
    assert attack.to_dict() == {"name": name, "params": params}
    assert parse_attack(attack.label) == attack


@pytest.mark.parametrize(
    "text",
    [
        "", "quantize", "quantize-", "quantize-5", "quantize-16", "quantize-4@1", "quantise-4",
        "quantize-four", "quantize--4", "relearn", "relearn-0", "relearn-0@1e-4", "relearn-00", "relearn--5",
        "relearn-1.5", "relearn-10@", "relearn-10@0", "relearn-10@-1", "relearn-10@1", "relearn-10@x",
        "relearn-10@nan",
        "relearn-10@1e", "relearn-10@1e-400", "relearn-10 @1e-4", "relearn-10@1e-4@1",
        "relearn-10,quantize-4", "relearn-10:forget", "relearn-10@1e-4:retain", "relearn-10:", "relearn-٣",
        "quantize-4:nf5", "quantize-4:", "quantize-4:NF4", "noise", "noise-0", "noise--1", "noise-x",
        "noise-1e999", "noise-0.1@2", "prune-0", "prune-1", "prune-20", "interpolate-0", "interpolate-1.1",
        "interpolate", "paraphrase-1", "hints", "hint-1", "hint:letter",
    ],
)  # fmt: skip
def test_bad_names_are_refused_with_the_forms_that_would_do(text):
    with pytest.raises(BadInput, match="attacks"):
        parse_attack(text)


def test_a_codebook_has_its_own_number_of_bits():
    with pytest.raises(BadInput, match='"nf4" is a list of 16 values, so it has 4 bits, not 3'):
        parse_attack("quantize-3:nf4")


def test_a_bad_name_is_answered_with_every_form():
    with pytest.raises(BadInput) as caught:
        parse_attack("quantise-4")
    assert all(kind.forms in str(caught.value) for kind in KINDS.values())


def test_an_attack_that_is_in_no_table_is_refused():
    with pytest.raises(UnknownName, match='attacks: "quantise" is not known; did you mean "quantize"'):
        _ = Attack("quantise", ()).label


@given(steps=st.integers(1, 10**6), lr=st.sampled_from([1e-5, 1e-4, 3e-4, 1e-3, 0.5]))
def test_a_label_reads_back(steps, lr):
    attack = Attack("relearn", (("steps", steps), ("lr", lr)))
    assert parse_attack(attack.label) == attack


@given(st.text(max_size=20))
def test_no_text_crashes_the_reader(text):
    try:
        parse_attack(text)
    except BadInput:
        return
    assert text.strip().startswith(tuple(KINDS))


@given(sigma=st.floats(1e-12, 1e6))
def test_no_digit_of_a_number_is_lost(sigma):
    attack = Attack("noise", (("sigma", sigma),))
    assert parse_attack(attack.label) == attack


def test_each_attack_is_run_as_if_alone(toy, same_bits):
    names = ["relearn-4@0.001", "quantize-4", "relearn-2@0.001", "quantize-2", "relearn-2"]
    attacks = [parse_attack(name) for name in names]
    found = {attack.label: model for attack, model in run_attacks(toy.model, toy, attacks, seed=5)}
    assert set(found) == set(names)
    assert same_bits(found["quantize-4"], quantize(toy.model, bits=4))
    assert same_bits(found["quantize-2"], quantize(toy.model, bits=2))
    for label, steps, lr in [
        ("relearn-4@0.001", 4, 1e-3),
        ("relearn-2@0.001", 2, 1e-3),
        ("relearn-2", 2, 1e-4),
    ]:
        assert same_bits(found[label], relearn(toy.model, toy, steps=steps, lr=lr, seed=5))


def test_curves_over_other_rows_are_kept_apart(toy, same_bits):
    attacks = [parse_attack(name) for name in ("relearn-2", "relearn-2:retain", "relearn-2:unrelated")]
    found = {attack.label: model for attack, model in run_attacks(toy.model, toy, attacks, seed=5)}
    for rows, label in [("shown", "relearn-2"), ("retain", "relearn-2:retain")]:
        assert same_bits(found[label], relearn(toy.model, toy, steps=2, rows=rows, seed=5))
    assert len(found) == 3
    assert not same_bits(found["relearn-2"], found["relearn-2:unrelated"])


def test_no_attack_is_no_work(toy):
    assert list(run_attacks(toy.model, toy, [])) == []


def test_the_model_is_not_changed_by_all_of_them(toy, fingerprint, random_state):
    before, state = fingerprint(toy.model), random_state()
    for _ in run_attacks(toy.model, toy, [QUANTIZE_4, parse_attack("relearn-2")]):
        pass
    assert fingerprint(toy.model) == before
    assert random_state() == state
