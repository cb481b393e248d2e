"""The likelihood of a continuation is the chain rule's, token by token, whatever shares its batch."""

from __future__ import annotations

import math

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from unlearnkit.errors import BadInput
from unlearnkit.metrics.wmdp import LETTERS, letter_prompt, log_likelihoods


@torch.no_grad()
def alone(model, tokenizer, context, continuation) -> tuple[float, int]:
    """One text, no padding, in double; where the context ends is counted from the end of the text."""
    ids = tokenizer(context + continuation).input_ids
    after = tokenizer(continuation, add_special_tokens=False).input_ids
    assert ids[-len(after) :] == after
    logp = model(input_ids=torch.tensor([ids])).logits[0].double().log_softmax(dim=-1)
    start = len(ids) - len(after)
    return sum(logp[start - 1 + i, token].item() for i, token in enumerate(after)), len(after)


@pytest.fixture(scope="module")
def double(tokenizer):
    """A model in true double, with learned positions."""
    config = GPT2Config(vocab_size=1000, n_embd=32, n_layer=2, n_head=4, initializer_range=0.3)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return GPT2LMHeadModel(config).eval().double()


@pytest.fixture(scope="module")
def asked(lab):
    """Contexts of many lengths with their continuations: letters of one token, and texts of several."""
    questions = lab.forget_shown.questions[:6]
    contexts = [letter_prompt(q, about="geography") for q in questions] + [q.prompt for q in questions]
    ways = [[f" {letter}" for letter in LETTERS]] * 6 + [
        [f" {option}" for option in q.options] for q in questions
    ]
    return contexts, ways


@pytest.mark.parametrize("rows_at_once", [1, 7, 64])
def test_it_is_the_chain_rule_in_double(rows_at_once, double, tokenizer, asked):
    contexts, ways = asked
    given = {"contexts": contexts, "continuations": ways, "rows_at_once": rows_at_once}
    found = log_likelihoods(double, tokenizer, **given)
    for context, texts, scored in zip(contexts, ways, found, strict=True):
        for text, way in zip(texts, scored, strict=True):
            exact, tokens = alone(double, tokenizer, context, text)
            assert way.log_likelihood == pytest.approx(exact, abs=1e-9)
            assert way.tokens == tokens


def test_half_precision_is_scored_in_float32(lab, asked):
    import copy

    half = copy.deepcopy(lab.model).to(torch.bfloat16)
    contexts, ways = asked
    found = log_likelihoods(half, lab.tokenizer, contexts=contexts[6:8], continuations=ways[6:8])
    for context, texts, scored in zip(contexts[6:8], ways[6:8], found, strict=True):
        for text, way in zip(texts, scored, strict=True):
            exact, _ = alone(half, lab.tokenizer, context, text)
            assert way.log_likelihood == pytest.approx(exact, rel=0.02, abs=0.05)
            assert way.log_likelihood != torch.tensor(way.log_likelihood).bfloat16().item()


def test_every_token_alike_gives_minus_log_of_the_vocabulary(tokenizer, fixed):
    size = len(tokenizer)
    (scored,) = log_likelihoods(
        fixed(size, {}), tokenizer, contexts=["Answer:"], continuations=[[" A", " Lima and Oslo"]]
    )
    for way in scored:
        assert way.log_likelihood == pytest.approx(-way.tokens * math.log(size), rel=1e-6)


def test_greedy_means_that_each_token_is_the_likeliest(tokenizer, fixed):
    (letter,) = tokenizer(" C", add_special_tokens=False).input_ids
    (scored,) = log_likelihoods(
        fixed(len(tokenizer), {letter: 3.0}), tokenizer,
        contexts=["Answer:"], continuations=[[" A", " C", " C C", " C A"]],
    )  # fmt: skip
    assert [way.greedy for way in scored] == [False, True, True, False]


def test_letters_share_one_pass(lab, monkeypatch):
    passes = []
    forward = lab.model.forward
    monkeypatch.setattr(lab.model, "forward", lambda **given: (passes.append(1), forward(**given))[1])
    log_likelihoods(
        lab.model, lab.tokenizer, contexts=["Q\nAnswer:"], continuations=[[f" {x}" for x in LETTERS]],
        rows_at_once=1,
    )  # fmt: skip
    assert len(passes) == 1


def test_nothing_of_the_model_changes(toy, make_llama, fingerprint, random_state, asked):
    model = make_llama(3, attention_dropout=0.5).train()
    before = fingerprint(model), random_state()
    contexts, ways = asked
    first, again = (
        log_likelihoods(model, toy.tokenizer, contexts=contexts, continuations=ways) for _ in range(2)
    )
    assert first == again
    assert (fingerprint(model), random_state()) == before


@pytest.mark.parametrize(
    ("contexts", "ways", "said"),
    [
        (["Answer:"], [[""]], "continuation: .* has no token"),
        (["word " * 300], [[" A"]], "tokens, and the model has positions for 256"),
        ([], [], "continuations: none given"),
    ],
)
def test_what_has_no_likelihood_is_refused(contexts, ways, said, lab):
    with pytest.raises(BadInput, match=said):
        log_likelihoods(lab.model, lab.tokenizer, contexts=contexts, continuations=ways)


def test_the_longest_text_that_fits_is_scored(lab):
    length = 256 - len(lab.tokenizer("").input_ids)
    (piece,) = (lab.tokenizer(" the", add_special_tokens=False).input_ids,)
    context = " the" * (length // len(piece))
    (scored,) = log_likelihoods(lab.model, lab.tokenizer, contexts=[context], continuations=[[" A"]])
    assert math.isfinite(scored[0].log_likelihood)
