"""Greedy is argmax after argmax, whatever the batch, the padding and the model's own habits."""

from __future__ import annotations

import pytest
import torch
from transformers import GenerationConfig

from unlearnkit.metrics.generation import greedy, left_padded

TIE = 1e-4  # two logits closer than this may swap when the order of sums changes


@torch.no_grad()
def argmax_loop(model, prompt, limit, eos_id) -> tuple[list[int], float]:
    """One prompt, no padding, no cache: the continuation, and how close its closest decision was."""
    ids, closest = list(prompt), float("inf")
    for _ in range(limit):
        best = model(input_ids=torch.tensor([ids])).logits[0, -1].topk(2)
        closest = min(closest, (best.values[0] - best.values[1]).item())
        token = best.indices[0].item()
        if token == eos_id:
            break
        ids.append(token)
    return ids[len(prompt) :], closest


@pytest.fixture(scope="module")
def prompts(toy):
    """Prompts of many lengths."""
    rows = [*toy.encode(toy.forget)[:8], *toy.encode(toy.retain)[:8]]
    return [row.prompt_ids[: len(row.prompt_ids) - i % 4] for i, row in enumerate(rows)]


def test_prompts_end_together():
    batch = left_padded([[5, 6, 7], [8]], pad_id=9, device=torch.device("cpu"))
    assert batch["input_ids"].tolist() == [[5, 6, 7], [9, 9, 8]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1], [0, 0, 1]]


@pytest.mark.parametrize("rows_at_once", [1, 3, 192])
@pytest.mark.parametrize("pad_id", [0, 2])  # the tokenizer's pad, and its end token
def test_greedy_is_a_loop_of_argmax(rows_at_once, pad_id, toy, prompts):
    given = greedy(
        toy.model, prompts, max_new_tokens=[12] * len(prompts), eos_id=2, pad_id=pad_id,
        rows_at_once=rows_at_once,
    )  # fmt: skip
    close = 0
    for prompt, continuation in zip(prompts, given, strict=True):
        expected, gap = argmax_loop(toy.model, prompt, 12, 2)
        close += gap < TIE
        assert continuation == expected or gap < TIE
    print(f"{close} of {len(prompts)} continuations had two logits within {TIE}")
    assert close < len(prompts) / 4


@torch.no_grad()
def test_padding_on_the_right_would_give_other_continuations(toy, prompts):
    # trap 12: the reason why prompts end together
    length = max(map(len, prompts))
    ids = torch.tensor([[*prompt, *[0] * (length - len(prompt))] for prompt in prompts])
    mask = torch.tensor([[1] * len(prompt) + [0] * (length - len(prompt)) for prompt in prompts])
    config = GenerationConfig(max_new_tokens=12, do_sample=False, eos_token_id=2, pad_token_id=0)
    wrong = toy.model.generate(input_ids=ids, attention_mask=mask, generation_config=config)[:, length:]
    right = greedy(toy.model, prompts, max_new_tokens=[12] * len(prompts), eos_id=2, pad_id=0)
    differ = sum(w.tolist()[: len(r)] != r for w, r in zip(wrong, right, strict=True))
    assert differ > len(prompts) / 2


def test_every_prompt_has_its_own_limit(toy, prompts):
    limits = [1 + i % 5 for i in range(len(prompts))]
    short = greedy(toy.model, prompts, max_new_tokens=limits, eos_id=-1, pad_id=0)
    long = greedy(toy.model, prompts, max_new_tokens=[9] * len(prompts), eos_id=-1, pad_id=0)
    assert [len(tokens) for tokens in short] == limits
    assert short == [tokens[:limit] for tokens, limit in zip(long, limits, strict=True)]


def test_a_continuation_ends_before_its_end_token(toy, prompts):
    free = greedy(toy.model, prompts, max_new_tokens=[8] * len(prompts), eos_id=-1, pad_id=0)
    for eos_id in {tokens[3] for tokens in free}:
        ended = greedy(toy.model, prompts, max_new_tokens=[8] * len(prompts), eos_id=eos_id, pad_id=0)
        cut = [tokens[: tokens.index(eos_id)] if eos_id in tokens else tokens for tokens in free]
        assert ended == cut


def test_what_a_model_prefers_to_do_is_not_asked_for(toy, prompts, make_llama):
    # a hub model may bring a repetition penalty or sampling along; then "greedy" would not be the argmax
    model, limits = make_llama(0), [12] * len(prompts)
    plain = greedy(model, prompts, max_new_tokens=limits, eos_id=2, pad_id=0)
    model.generation_config = GenerationConfig(
        repetition_penalty=5.0, do_sample=True, temperature=2.0, no_repeat_ngram_size=1, min_new_tokens=12
    )
    before = model.generation_config.to_dict()
    assert greedy(model, prompts, max_new_tokens=limits, eos_id=2, pad_id=0) == plain
    assert model.generation_config.to_dict() == before


def test_nothing_to_continue_gives_nothing(toy):
    assert greedy(toy.model, [], max_new_tokens=[], eos_id=2, pad_id=0) == []
