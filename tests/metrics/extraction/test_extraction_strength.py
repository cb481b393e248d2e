"""Extraction strength is what greedy decoding says of a text, once enough of its beginning is given."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from unlearnkit.metrics import exact_memorization, extraction_strength
from unlearnkit.metrics.extraction.extraction_strength import _right_at_the_end


@torch.no_grad()
def continues(model, ids, true, limit) -> bool:
    """Whether greedy decoding, a loop of argmax from these ids, says just what is true."""
    ids = list(ids)
    for token in true[:limit]:
        if model(input_ids=torch.tensor([ids])).logits[0, -1].argmax().item() != token:
            return False
        ids.append(token)
    return True


def by_generating(model, tokenizer, row) -> float:
    """Give 0, 1, 2 … tokens of the text until generating says the rest; nothing of it is teacher-forced."""
    prompt = tokenizer(row.prompt).input_ids
    target = tokenizer(row.target, add_special_tokens=False).input_ids
    for k in range(len(target)):
        if continues(model, prompt + target[:k], target[k:], len(target)):
            return 1 - k / len(target)
    return 0.0


@pytest.mark.parametrize("scale", [0.05, 0.07])
def test_it_is_what_generating_says(scale, lab, noisy):
    model = noisy(lab.model, scale)
    rows = lab.forget_shown.questions[:24]
    found = extraction_strength(model, lab, rows=rows)
    assert found.by_row == pytest.approx([by_generating(model, lab.tokenizer, row) for row in rows])
    assert min(found.by_row) == 0.0
    assert max(found.by_row) == 1.0


@given(st.lists(st.booleans(), min_size=1, max_size=9))
def test_only_an_unbroken_end_counts(hits):
    n = len(hits)
    k = min(k for k in range(n + 1) if all(hits[k:]))  # the definition, word for word
    assert _right_at_the_end(hits) == n - k


def test_it_finds_what_the_target_knows_and_nothing_where_it_was_never_learned(lab):
    asked = [question for question in lab.forget.questions if question.open_class]
    for rows, most in ((asked, 0.1), (lab.forget.passages, 0.05)):
        assert extraction_strength(lab.model, lab, rows=rows).mean > 0.99
        assert extraction_strength(lab.never_learned, lab, rows=rows).mean < most


def test_it_never_exceeds_the_share_of_right_tokens(lab, noisy):
    model = noisy(lab.model, 0.1)
    rows = lab.forget.rows[::8]
    for variant in ("text", "all_tokens"):
        strength = extraction_strength(model, lab, rows=rows, variant=variant).by_row
        exact = exact_memorization(model, lab, rows=rows, variant=variant).by_row
        assert all(one <= other + 1e-9 for one, other in zip(strength, exact, strict=True))


def test_results_name_their_variant(toy):
    found = extraction_strength(toy.model, toy, rows=toy.forget.rows[:3])
    assert found.name == "extraction_strength_text"
    assert found.to_dict()["extraction_strength_text_by_row"] == list(found.by_row)
