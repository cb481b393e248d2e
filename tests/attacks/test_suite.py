"""Attacks by name: what is understood, what is not, and every one of them run once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unlearnkit.attacks import Attack, parse_attack, quantize, relearn, run_attacks
from unlearnkit.errors import BadInput

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
        "relearn-10,quantize-4",
    ],
)  # fmt: skip
def test_bad_names_are_refused_with_the_forms_that_would_do(text):
    with pytest.raises(BadInput, match="attacks"):
        parse_attack(text)


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
    assert text.strip().startswith(("quantize-", "relearn-"))


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


def test_no_attack_is_no_work(toy):
    assert list(run_attacks(toy.model, toy, [])) == []


def test_the_model_is_not_changed_by_all_of_them(toy, fingerprint, random_state):
    before, state = fingerprint(toy.model), random_state()
    for _ in run_attacks(toy.model, toy, [QUANTIZE_4, parse_attack("relearn-2")]):
        pass
    assert fingerprint(toy.model) == before
    assert random_state() == state
