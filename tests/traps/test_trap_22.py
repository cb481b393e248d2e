"""Trap 22: a letter's tokens taken as encode(" A")[1:] or encode("A")[1]: right for some tokenizers only."""

from __future__ import annotations

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from tokenizers.processors import TemplateProcessing
from transformers import PreTrainedTokenizerFast

from unlearnkit.metrics.wmdp import LETTERS, letter_prompt, log_likelihoods, score_choices
from unlearnkit.metrics.wmdp.likelihoods import encode_pair

SPECIAL = ["<pad>", "<s>", "</s>"]
KINDS = ("opens", "plain", "closes", "characters")


def wrapped(backend: Tokenizer) -> PreTrainedTokenizerFast:
    names = dict(zip(("pad_token", "bos_token", "eos_token"), SPECIAL, strict=True))
    return PreTrainedTokenizerFast(tokenizer_object=backend, **names)


def of_characters(lab) -> PreTrainedTokenizerFast:
    """Every character is a token, so " A" is two; it opens no text."""
    texts = "".join(letter_prompt(q, about="geography") for q in lab.forget_shown.questions)
    letters = sorted(set(texts))
    vocabulary = {token: i for i, token in enumerate([*SPECIAL, *letters])}
    backend = Tokenizer(models.WordLevel(vocabulary, unk_token="<pad>"))
    backend.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    return wrapped(backend)


@pytest.fixture(scope="module")
def tokenizers(lab):
    """The lab's own, which opens every text; without that; one that also closes; one of characters."""

    def with_frame(frame: str) -> PreTrainedTokenizerFast:
        backend = Tokenizer.from_str(lab.tokenizer.backend_tokenizer.to_str())
        special = [(token, backend.token_to_id(token)) for token in (opening, closing)]
        backend.post_processor = TemplateProcessing(single=frame, special_tokens=special)
        return PreTrainedTokenizerFast(
            tokenizer_object=backend, bos_token=opening, eos_token=closing, pad_token=lab.tokenizer.pad_token
        )

    opening, closing = lab.tokenizer.bos_token, lab.tokenizer.eos_token
    return {
        "opens": lab.tokenizer,
        "plain": with_frame("$A"),
        "closes": with_frame(f"{opening} $A {closing}"),
        "characters": of_characters(lab),
    }


@torch.no_grad()
def chain_rule(model, ids, start) -> float:
    logp = model(input_ids=torch.tensor([ids])).logits[0].double().log_softmax(dim=-1)
    return sum(logp[i - 1, ids[i]].item() for i in range(start, len(ids)))


@pytest.mark.parametrize("kind", KINDS)
def test_letters_are_scored_as_what_they_are_in_each_tokenizer(kind, tokenizers, lab):
    tokenizer = tokenizers[kind]
    context = letter_prompt(lab.forget_shown.questions[1], about="geography")
    frame = {"opens": [tokenizer.bos_token_id], "closes": [tokenizer.bos_token_id]}.get(kind, [])
    (scored,) = log_likelihoods(
        lab.model, tokenizer, contexts=[context[-120:]], continuations=[[f" {x}" for x in LETTERS]]
    )
    for letter, way in zip(LETTERS, scored, strict=True):
        before, after = (
            tokenizer(text, add_special_tokens=False).input_ids for text in (context[-120:], f" {letter}")
        )
        ids = [*frame, *before, *after]
        assert way.log_likelihood == pytest.approx(
            chain_rule(lab.model, ids, len(ids) - len(after)), abs=1e-4
        )
        assert way.tokens == (2 if kind == "characters" else 1)


def test_known_wrong_ways_find_no_token_or_another_one(tokenizers):
    right = {kind: encode_pair(tokenizers[kind], "Answer:", " A")[1] for kind in KINDS}
    assumes_opening = {kind: tuple(tokenizers[kind](" A").input_ids[1:]) for kind in KINDS}
    second_of_bare = {kind: tuple(tokenizers[kind]("A").input_ids[1:2]) for kind in KINDS}
    assert assumes_opening["opens"] == right["opens"]  # the one tokenizer that it was written for
    assert [kind for kind in KINDS if assumes_opening[kind] != right[kind]] == [
        "plain",
        "closes",
        "characters",
    ]
    assert assumes_opening["plain"] == ()
    assert all(second_of_bare[kind] != right[kind] for kind in KINDS)


def test_a_letter_without_its_space_gives_another_answer(lab):
    questions = lab.forget_shown.questions[::3]
    prompts = [letter_prompt(q, about="geography") for q in questions]
    bare, spaced = (
        log_likelihoods(lab.model, lab.tokenizer, contexts=prompts, continuations=[ways] * len(prompts))
        for ways in (LETTERS, [f" {letter}" for letter in LETTERS])
    )
    picks = [
        [max(range(4), key=lambda i: ways[i].log_likelihood) for ways in scored] for scored in (bare, spaced)
    ]
    assert picks[0] != picks[1]
    ours = score_choices(lab.model, lab.tokenizer, questions=questions, about="geography")
    assert list(ours.letters) == picks[1]


def test_one_letter_said_always_is_seen_in_the_counts(lab):
    scores = score_choices(
        lab.never_learned, lab.tokenizer, questions=lab.forget_shown.questions[::3], about="geography"
    )
    assert max(scores.letter_counts.values()) > 0.7 * scores.letter.n  # one letter, whatever is asked
    assert max(scores.right_letter_counts.values()) < 0.5 * scores.letter.n
