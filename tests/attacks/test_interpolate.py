"""The straight line back to the target: its ends, its middle, and what lies on it."""

from __future__ import annotations

import pytest
import torch

from unlearnkit.attacks import interpolate
from unlearnkit.errors import BadInput
from unlearnkit.metrics import answer


def test_the_end_of_the_line_is_the_target_to_the_bit(toy, make_llama, same_bits):
    assert same_bits(interpolate(make_llama(3), toy, share=1), toy.model)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_points_between_are_weighted_means(share, toy, make_llama):
    model = make_llama(3)
    moved = interpolate(model, toy, share=share)
    trio = (each.parameters() for each in (moved, model, toy.model))
    for new, start, goal in zip(*trio, strict=True):
        expected = (1 - share) * start.double() + share * goal.double()
        torch.testing.assert_close(new.double(), expected, rtol=1e-5, atol=1e-7)


def test_half_precision_is_mixed_in_float32(toy, make_llama):
    half = make_llama(3).to(torch.bfloat16)
    whole = interpolate(make_llama(3).to(torch.bfloat16).float(), toy, share=0.3)
    for new, old in zip(interpolate(half, toy, share=0.3).parameters(), whole.parameters(), strict=True):
        assert torch.equal(new, old.to(torch.bfloat16))


def test_knowledge_is_at_the_target_and_not_at_the_control(lab):
    """Power: at the far end every fact is back."""
    questions = [question for question in lab.forget_heldout.questions if question.open_class]
    near, there = (
        sum(answer(interpolate(lab.never_learned, lab, share=share), lab.tokenizer, questions).right)
        for share in (0.05, 1.0)
    )
    assert near <= 0.1 * len(questions)
    assert there == len(questions)


def test_a_model_of_another_shape_is_refused(toy, make_llama):
    with pytest.raises(BadInput, match=r"not the target's in name and shape \(see .*embed_tokens"):
        interpolate(make_llama(0, hidden_size=16), toy, share=0.5)
    with pytest.raises(BadInput, match=r"see lm_head"):
        interpolate(make_llama(0, tie_word_embeddings=False), toy, share=0.5)


@pytest.mark.parametrize("share", [0, -0.1, 1.1, float("nan"), "0.5", None])
def test_bad_shares_are_refused(share, toy):
    with pytest.raises(BadInput, match=r"share must be between 0 \(excluded\) and 1 \(included\)"):
        interpolate(toy.model, toy, share=share)
