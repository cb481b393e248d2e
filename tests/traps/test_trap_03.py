"""Trap 3: extraction strength that cannot reach 0, and a last token dropped though it is no end token."""

from __future__ import annotations

import pytest
import torch

from unlearnkit.metrics import exact_memorization, extraction_strength
from unlearnkit.metrics.extraction.extraction_strength import _right_at_the_end
from unlearnkit.testbeds import Text


def never_zero(predicted: torch.Tensor, labels: torch.Tensor) -> float:
    """The known wrong search: it ends at the last token, right or wrong."""
    predicted, labels = predicted[:-1], labels[:-1]
    for k in range(len(labels)):
        if torch.equal(predicted[k:], labels[k:]):
            break
    return 1 - k / len(labels)


@torch.no_grad()
def wrong_scores(lab, model, rows) -> list[float]:
    scores = []
    for row in lab.encode(type(lab.forget)("rows", tuple(rows))):
        labels = torch.tensor(row.target_ids)
        logits = model(input_ids=torch.tensor([row.input_ids])).logits[0]
        scores.append(never_zero(logits[len(row.prompt_ids) - 1 : -1].argmax(dim=-1), labels))
    return scores


def test_a_model_that_knows_nothing_has_strength_0_here_and_more_there(toy):
    rows = toy.forget.questions[:12]
    ours = extraction_strength(toy.model, toy, rows=rows)
    theirs = wrong_scores(toy, toy.model, rows)
    assert ours.by_row.count(0.0) >= 11  # a random model hits a token by chance
    assert min(theirs) > 0.0
    assert max(theirs) <= 1.0
    named = extraction_strength(toy.model, toy, rows=rows, variant="open_unlearning")
    assert named.by_row == pytest.approx(theirs)


def test_the_variant_gives_the_bug_s_number_on_models_of_every_kind(lab, noisy):
    rows = (*lab.forget_shown.questions[:30], *lab.forget_shown.passages[:4])
    for model in (lab.model, lab.never_learned, noisy(lab.model, 0.1)):
        theirs = wrong_scores(lab, model, rows)
        ours = extraction_strength(model, lab, rows=rows, variant="open_unlearning")
        assert ours.by_row == pytest.approx(theirs)


def test_the_floor_alone_lifts_the_control(lab):
    asked = [question for question in lab.forget.questions if question.open_class]
    right, wrong = (
        extraction_strength(lab.never_learned, lab, rows=asked, variant=variant).mean
        for variant in ("text", "open_unlearning")
    )
    assert right < 0.1 < wrong


def test_running_text_loses_a_real_token_there(lab):
    running = Text("List of capitals: Lima")  # no end token follows
    for metric in (exact_memorization, extraction_strength):
        whole, cut = (metric(lab.model, lab, rows=[running], variant=v) for v in ("text", "open_unlearning"))
        assert whole != cut
    assert _right_at_the_end([True, False]) == 0
