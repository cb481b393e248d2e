"""Tokens are drawn with the model's own probabilities, whatever the batch, and from no one else's numbers."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
from scipy import stats
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

from unlearnkit.metrics.extraction.sampling import draw, sampled
from unlearnkit.metrics.generation import greedy

TIE = 1e-4  # two logits closer than this may swap when the order of sums changes
END = 2


@pytest.fixture(scope="module")
def tiny():
    """A model of five tokens whose every continuation can be listed."""
    config = LlamaConfig(
        vocab_size=5, hidden_size=16, intermediate_size=16, num_hidden_layers=2, num_attention_heads=2,
        tie_word_embeddings=False, bos_token_id=1, eos_token_id=END, pad_token_id=0,
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        model = LlamaForCausalLM(config).eval()
        with torch.no_grad():
            for weight in model.parameters():
                weight.mul_(2)
    return model.double()


def uniforms(rows: int, tokens: int, seed: int = 0) -> torch.Tensor:
    source = torch.Generator().manual_seed(seed)
    return torch.rand(rows, tokens, generator=source, dtype=torch.float64)


@torch.no_grad()
def every_continuation(model, prompt, limit, temperature=1.0) -> dict[tuple[int, ...], float]:
    """Each continuation of at most `limit` tokens with its exact probability, by the chain rule."""
    found = {(): 1.0}
    for _ in range(limit):
        longer = {}
        for tokens, share in found.items():
            if tokens and tokens[-1] == END:
                longer[tokens] = share
                continue
            logits = model(input_ids=torch.tensor([[*prompt, *tokens]])).logits[0, -1]
            for token, chance in enumerate((logits / temperature).softmax(dim=-1).tolist()):
                longer[*tokens, token] = share * chance
        found = longer
    return {tuple(t for t in tokens if t != END): share for tokens, share in found.items()}


def counted(rows) -> dict[tuple[int, ...], int]:
    counts: dict[tuple[int, ...], int] = {}
    for row in rows:
        counts[tuple(row)] = counts.get(tuple(row), 0) + 1
    return counts


@pytest.mark.parametrize("temperature", [1.0, 0.5, 2.0])
def test_sequences_come_as_often_as_their_exact_probabilities_say(temperature, tiny):
    prompt, n = [1, 3], 4000
    given = sampled(
        tiny, [prompt] * n, uniforms=uniforms(n, 2), eos_id=END, pad_id=0, temperature=temperature,
        rows_at_once=1000,
    )  # fmt: skip
    exact, counts = every_continuation(tiny, prompt, 2, temperature), counted(given)
    assert sum(exact.values()) == pytest.approx(1)
    assert set(counts) <= set(exact)
    usual = [tokens for tokens, share in exact.items() if share * n >= 5]
    assert len(usual) > 5
    expected = np.array([exact[tokens] * n for tokens in usual])
    observed = np.array([counts.get(tokens, 0) for tokens in usual])
    if len(usual) < len(exact):  # the rare ones together
        observed, expected = np.append(observed, n - observed.sum()), np.append(expected, n - expected.sum())
    assert stats.chisquare(observed, expected).pvalue > 1e-4


def test_the_law_is_exact_on_a_grid_of_numbers(tiny):
    # not random: numbers spaced evenly meet each token as often as its probability, to the rounding of one
    logits = torch.tensor([[0.3, -1.0, 2.0, 0.0, 1.1]])
    grid = (torch.arange(10_000, dtype=torch.float64) + 0.5) / 10_000
    tokens = draw(logits.expand(10_000, 5), grid)
    shares = torch.bincount(tokens, minlength=5) / 10_000
    assert shares.tolist() == pytest.approx(logits.double().softmax(-1)[0].tolist(), abs=1.1e-4)


@pytest.mark.parametrize("top_p", [0.3, 0.75, 0.9])
def test_top_p_draws_from_the_smallest_set_that_makes_it_up(top_p):
    chances = np.array([0.4, 0.05, 0.3, 0.2, 0.05])
    grid = (torch.arange(20_000, dtype=torch.float64) + 0.5) / 20_000
    logits = torch.tensor(np.log(chances)[None]).expand(20_000, 5)
    shares = np.bincount(draw(logits, grid, top_p=top_p), minlength=5) / 20_000
    likeliest = sorted(range(5), key=lambda i: -chances[i])
    kept = likeliest[: next(k for k in range(1, 6) if chances[likeliest[:k]].sum() >= top_p)]
    expected = np.where(np.isin(range(5), kept), chances, 0)
    assert shares == pytest.approx(expected / expected.sum(), abs=1e-4)


def test_the_largest_number_below_1_still_draws_a_token_that_may_come():
    logits = torch.tensor([[0.0, -float("inf"), 0.0, -float("inf")]])
    edge = torch.tensor([1 - 2.0**-53], dtype=torch.float64)
    for top_p, number in product((0.2, 0.9, 1.0), (edge, torch.zeros(1, dtype=torch.float64))):
        assert draw(logits, number, top_p=top_p).item() in (0, 2)


@pytest.fixture(scope="module")
def prompts(toy):
    """Prompts of many lengths."""
    rows = [*toy.encode(toy.forget)[:8], *toy.encode(toy.retain)[:8]]
    return [row.prompt_ids[: len(row.prompt_ids) - i % 4] for i, row in enumerate(rows)]


def test_a_row_does_not_depend_on_its_batch(toy, prompts):
    numbers = uniforms(len(prompts), 8)
    together, alone, three = (
        sampled(toy.model, prompts, uniforms=numbers, eos_id=2, pad_id=0, rows_at_once=count)
        for count in (192, 1, 3)
    )
    differ = sum(not (a == b == c) for a, b, c in zip(together, alone, three, strict=True))
    assert differ <= 1  # a number may fall within rounding of a border


@pytest.mark.parametrize("pad_id", [0, 2])
def test_at_temperature_0_it_is_greedy(pad_id, toy, prompts):
    numbers = uniforms(len(prompts), 12)
    cold = sampled(toy.model, prompts, uniforms=numbers, eos_id=2, pad_id=pad_id, temperature=0.0)
    best = greedy(toy.model, prompts, max_new_tokens=[12] * len(prompts), eos_id=2, pad_id=pad_id)
    assert cold == best
    near = sampled(toy.model, prompts, uniforms=numbers, eos_id=2, pad_id=pad_id, temperature=1e-4)
    assert sum(one != other for one, other in zip(near, best, strict=True)) <= 2


@torch.no_grad()
@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_each_token_is_drawn_after_its_own_prompt(kind, toy, prompts):
    # left padding, the cache and the positions together against one row at a time, without any of them
    model = toy.model
    if kind == "gpt2":  # learned positions: one place wrong shows
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            model = GPT2LMHeadModel(
                GPT2Config(
                    vocab_size=1000, n_positions=256, n_embd=32, n_layer=2, n_head=4, initializer_range=0.4
                )
            ).eval()
    numbers = uniforms(len(prompts), 6, seed=1)
    given = sampled(model, prompts, uniforms=numbers, eos_id=-1, pad_id=0)
    differ = 0
    for prompt, row, own in zip(prompts, given, numbers, strict=True):
        ids = list(prompt)
        for number in own:
            logits = model(input_ids=torch.tensor([ids])).logits[:, -1]
            ids.append(draw(logits, number[None]).item())
        differ += ids[len(prompt) :] != row
    assert differ <= 1


def test_a_continuation_ends_before_its_end_token(tiny):
    given = sampled(tiny, [[1]] * 200, uniforms=uniforms(200, 6), eos_id=END, pad_id=0)
    assert any(len(tokens) < 6 for tokens in given)
    assert all(END not in tokens for tokens in given)


def test_nothing_else_changes(make_llama, prompts, fingerprint, random_state):
    model = make_llama(3, attention_dropout=0.5).train()
    before = fingerprint(model), random_state()
    first, again = (
        sampled(model, prompts, uniforms=uniforms(len(prompts), 4), eos_id=2, pad_id=0) for _ in range(2)
    )
    assert first == again
    assert (fingerprint(model), random_state()) == before


def test_a_model_that_diverged_says_something():
    assert draw(torch.full((2, 4), float("nan")), torch.tensor([0.1, 0.9])).shape == (2,)
