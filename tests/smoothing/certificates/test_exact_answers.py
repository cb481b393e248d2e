"""One teacher-forced pass says what greedy decoding would: exactly the true answer, or not."""

from __future__ import annotations

import pytest
import torch

from unlearnkit.metrics import answer
from unlearnkit.metrics.forced import teacher_forced
from unlearnkit.metrics.generation import greedy
from unlearnkit.metrics.knowmem import ANSWER_TOKENS
from unlearnkit.smoothing import ExactAnswers
from unlearnkit.smoothing.certificates.exact_answers import facts_of
from unlearnkit.testbeds.encoding import encode_rows


@pytest.fixture(scope="module")
def half_wrong(lab, noisy):
    """The target under noise, and what it makes of facts that it knew."""
    model = noisy(lab.model, 0.03)
    facts = facts_of(lab, forget_facts=40, retain_facts=40)
    return model, facts, ExactAnswers(facts.all, lab.tokenizer, lab.device)(model)


def test_greedy_decoding_gives_exactly_the_true_answer_or_another(lab, half_wrong):
    model, facts, hits = half_wrong
    rows = encode_rows(facts.all, lab.tokenizer)
    given = greedy(
        model, [row.prompt_ids for row in rows], max_new_tokens=[ANSWER_TOKENS] * len(rows),
        eos_id=lab.tokenizer.eos_token_id, pad_id=lab.tokenizer.pad_token_id,
    )  # fmt: skip
    told = [tuple(tokens) == row.target_ids[:-1] for tokens, row in zip(given, rows, strict=True)]
    assert hits.tolist() == told
    assert 10 < sum(told) < 70  # both kinds are there


def test_it_is_the_knowledge_memory_but_for_capitals_and_punctuation(lab, half_wrong):
    model, facts, hits = half_wrong
    answered = answer(model, lab.tokenizer, facts.all)
    for hit, right, given, question in zip(hits, answered.right, answered.given, facts.all, strict=True):
        assert bool(hit) == (given == question.answer)
        assert right or not hit


def test_every_token_counts_and_each_row_keeps_its_place(lab, half_wrong):
    """Against the pass that scores runs, which computes all logits."""
    model, facts, hits = half_wrong
    forced = teacher_forced(model, encode_rows(facts.all, lab.tokenizer), pad_id=lab.tokenizer.pad_token_id)
    assert hits.tolist() == [all(row.hits) for row in forced]
    assert any(row.hits[0] and not all(row.hits) for row in forced)


def test_logits_that_are_left_out_change_no_answer(lab, half_wrong):
    model, facts, hits = half_wrong

    class Whole(torch.nn.Module):
        """The same model, which cannot leave logits out."""

        def forward(self, input_ids, attention_mask, use_cache):
            return model(input_ids=input_ids, attention_mask=attention_mask, use_cache=use_cache)

    assert torch.equal(ExactAnswers(facts.all, lab.tokenizer, lab.device)(Whole()), hits)


def test_facts_are_open_class_of_both_halves_and_evenly_spaced(lab):
    every = facts_of(lab, forget_facts=None, retain_facts=60)
    assert all(question.open_class for question in every.all)
    assert every.shown == tuple(q for q in lab.forget_shown.questions if q.open_class)
    few = facts_of(lab, forget_facts=20, retain_facts=30)
    assert (len(few.shown), len(few.heldout), len(few.retain)) == (10, 10, 30)
    assert len({question.key for question in few.all}) == 50
    assert len({question.subject for question in few.retain}) > 20
    assert facts_of(lab, forget_facts=len(every.forget), retain_facts=60) == every
