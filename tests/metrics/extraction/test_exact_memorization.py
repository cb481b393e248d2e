"""Exact memorization is the share of tokens that are the argmax after the true ones before them."""

from __future__ import annotations

import pytest
import torch

from unlearnkit.errors import BadInput, UnknownName
from unlearnkit.metrics import exact_memorization
from unlearnkit.testbeds import Text


@torch.no_grad()
def hits_of(model, tokenizer, row) -> list[bool]:
    """One row alone, without the package: the text's tokens, then the end token."""
    prompt = tokenizer(row.prompt).input_ids
    target = [*tokenizer(row.target, add_special_tokens=False).input_ids, tokenizer.eos_token_id]
    best = model(input_ids=torch.tensor([prompt + target])).logits[0].argmax(dim=-1).tolist()
    return [best[len(prompt) - 1 + i] == token for i, token in enumerate(target)]


@pytest.fixture(scope="module")
def rows(lab):
    """Questions and passages of very different lengths."""
    return (*lab.forget_shown.questions[:12], *lab.forget_shown.passages[:4])


@pytest.mark.parametrize("rows_at_once", [1, 5, 128])
def test_it_is_the_share_of_argmax_hits_row_by_row(rows_at_once, lab, noisy, rows):
    model = noisy(lab.model, 0.1)
    alone = [hits_of(model, lab.tokenizer, row) for row in rows]
    text = exact_memorization(model, lab, rows=rows, rows_at_once=rows_at_once)
    every = exact_memorization(model, lab, rows=rows, rows_at_once=rows_at_once, variant="all_tokens")
    assert text.by_row == pytest.approx([sum(hits[:-1]) / len(hits[:-1]) for hits in alone])
    assert every.by_row == pytest.approx([sum(hits) / len(hits) for hits in alone])
    assert 0.1 < text.mean < 0.9
    assert text.mean == pytest.approx(sum(text.by_row) / len(rows))


def test_rows_count_alike_however_long(lab, noisy, rows):
    model = noisy(lab.model, 0.1)
    found = exact_memorization(model, lab, rows=rows)
    alone = [hits_of(model, lab.tokenizer, row)[:-1] for row in rows]
    pooled = sum(map(sum, alone)) / sum(map(len, alone))
    assert found.mean != pytest.approx(pooled, abs=0.01)


def test_it_finds_what_the_target_knows_and_little_where_it_was_never_learned(lab):
    asked = [question for question in lab.forget.questions if question.open_class]
    target = exact_memorization(lab.model, lab, rows=asked)
    control = exact_memorization(lab.never_learned, lab, rows=asked)
    assert target.mean > 0.99
    assert control.mean < 0.45  # digits and syllables that many answers share
    assert target.mean - control.mean > 20 * control.stderr


def test_an_end_token_is_easy_and_lifts_the_control(lab):
    asked = [question for question in lab.forget.questions if question.open_class]
    text, every = (
        exact_memorization(lab.never_learned, lab, rows=asked, variant=variant).mean
        for variant in ("text", "all_tokens")
    )
    assert every > text + 0.05


def test_a_text_without_an_end_token_counts_whole(lab):
    running = Text("Question: What is the capital of Peru?")
    closed = Text("Question: What is the capital of Peru?", ends=True)
    text, cut = (
        exact_memorization(lab.model, lab, rows=[running, closed], variant=variant).by_row
        for variant in ("text", "open_unlearning")
    )
    assert text[0] == text[1]  # the same words
    assert text[1] == cut[1]  # an end token is the last one
    assert cut[0] != cut[1]  # here the last one is a real token


def test_nothing_of_the_model_changes(toy, make_llama, fingerprint, random_state):
    model = make_llama(3, attention_dropout=0.5).train()
    before = fingerprint(model), random_state()
    first = exact_memorization(model, toy)
    assert (fingerprint(model), random_state()) == before
    assert exact_memorization(model, toy) == first  # dropout is off, and on again


def test_results_name_their_variant(toy):
    found = exact_memorization(toy.model, toy, variant="all_tokens").to_dict()
    assert list(found) == [f"exact_memorization_all_tokens{end}" for end in ("", "_stderr", "_by_row")]
    assert "exact_memorization_all_tokens" in exact_memorization(
        toy.model, toy, variant="all_tokens"
    )._repr_html_()  # fmt: skip


def test_one_row_shows_no_spread(toy):
    assert exact_memorization(toy.model, toy, rows=toy.forget.rows[:1]).stderr is None


def test_what_cannot_be_scored_is_refused(toy):
    with pytest.raises(BadInput, match="rows: none given"):
        exact_memorization(toy.model, toy, rows=[])
    with pytest.raises(UnknownName, match="open_unlearning"):
        exact_memorization(toy.model, toy, variant="open-unlearning")
    short = Text("A")
    with pytest.raises(BadInput, match=r"number 2 .* no token that counts"):
        exact_memorization(toy.model, toy, rows=[toy.forget.rows[0], short], variant="open_unlearning")
