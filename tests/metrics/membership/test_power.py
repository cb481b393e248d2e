"""The attacks recognise what the target learned, and find nothing in the model that never learned it."""

from __future__ import annotations

import dataclasses
import json

import pytest

from unlearnkit.metrics import membership_attack
from unlearnkit.metrics.membership import ATTACKS
from unlearnkit.testbeds import Split
from unlearnkit.testbeds.rows import Text


@pytest.fixture(scope="module", params=["entities", "topic"])
def testbed(request, lab, topic_lab):
    """A task with a quarter of its forget rows: gradients take time."""
    whole = {"entities": lab, "topic": topic_lab}[request.param]

    def quarter(split):
        return Split(split.name, tuple(q for q in split.questions if q.open_class)[::4])

    few = {name: quarter(getattr(whole, name)) for name in ("forget_shown", "forget_heldout")}
    return dataclasses.replace(whole, **few)


@pytest.mark.parametrize("attack", ATTACKS)
def test_the_target_is_found_out_and_the_control_is_not(attack, testbed):
    target = membership_attack(testbed.model, testbed, attack=attack, reference=testbed.never_learned)
    assert target.auc.value > (0.9 if attack == "reference" else 0.99)
    assert target.auc.low > 0.75
    if attack != "reference":  # the control against itself: all differences are 0
        control = membership_attack(testbed.never_learned, testbed, attack=attack)
        assert control.auc.low < 0.5 < control.auc.high


def test_the_questions_words_would_give_the_control_away(lab):
    """Why answers are scored: the control has read every name in its lists, forget's more often than not."""
    forget, holdout = ([q for q in split.questions if q.open_class] for split in (lab.forget, lab.holdout))
    texts = {
        "privleak_forget": Split("f", tuple(Text(q.prompt + q.target) for q in forget)),
        "privleak_holdout": Split("h", tuple(Text(q.prompt + q.target) for q in holdout)),
    }
    whole = membership_attack(lab.never_learned, dataclasses.replace(lab, extra=texts))
    assert whole.name == "min_k_0.4_muse"
    assert whole.auc.low > 0.6


def test_a_result_names_its_variant_and_what_was_compared(lab):
    found = membership_attack(lab.never_learned, lab, attack="min_k_plus_plus", k=0.2)
    stored = json.loads(json.dumps(found.to_dict()))
    assert stored["membership_min_k_plus_plus_0.2_open_unlearning_auc"] == found.auc.value
    assert (
        (stored["members"], stored["nonmembers"]) == (93, 104) == (len(found.members), len(found.nonmembers))
    )
    assert "answers" in stored["compared"]
    assert "min_k_plus_plus_0.2_open_unlearning" in found._repr_html_()


def test_running_text_is_compared_where_both_groups_have_it(toy):
    def texts(split):
        return Split(split.name, (*split.rows, *(Text(row.prompt + row.target) for row in split.rows[:4])))

    book = dataclasses.replace(toy, forget=texts(toy.forget), holdout=texts(toy.holdout))
    found = membership_attack(toy.model, book)
    assert (found.name, found.auc.members, found.auc.nonmembers) == ("min_k_0.4_muse", 4, 4)
    assert "running text" in found.compared
    assert "answers" in membership_attack(toy.model, dataclasses.replace(book, holdout=toy.holdout)).compared


def test_the_pieces_of_a_privleak_text_are_one_text(toy):
    def texts(name, subjects):
        return Split(
            name, tuple(Text(f"The page of {i} is blue.", subject) for i, subject in enumerate(subjects))
        )

    extra = {
        "privleak_forget": texts("f", ["a", "a", "b", "", "", "a"]),
        "privleak_holdout": texts("h", ["x", "y", "y"]),
    }
    found = membership_attack(toy.model, dataclasses.replace(toy, extra=extra))
    assert (found.auc.members, found.auc.nonmembers) == (5, 2)
