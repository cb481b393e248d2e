"""Trap 12: pads stand on the left for generation, on the right for training; a batch is as its rows alone."""

from __future__ import annotations

import pytest
import torch

from unlearnkit.losses import sequence_nll
from unlearnkit.metrics.forced import teacher_forced
from unlearnkit.metrics.generation import greedy, left_padded
from unlearnkit.precision import true_double
from unlearnkit.testbeds.batches import collate


@pytest.fixture(scope="module")
def rows(toy):
    """Rows of unlike lengths."""
    encoded = toy.encode(toy.forget)
    by_length = sorted(encoded, key=lambda row: len(row.input_ids))
    picked = [by_length[0], by_length[len(by_length) // 2], by_length[-1]]
    assert len(picked[-1].input_ids) > 1.5 * len(picked[0].input_ids)
    return picked


def test_training_batches_are_padded_on_the_right_and_prompts_on_the_left(rows):
    batch = collate(rows, pad_id=0)
    for row, ids, mask in zip(
        rows, batch["input_ids"].tolist(), batch["attention_mask"].tolist(), strict=True
    ):
        length = len(row.input_ids)
        assert ids[:length] == list(row.input_ids)
        assert mask == [1] * length + [0] * (len(ids) - length)
    prompts = left_padded([row.prompt_ids for row in rows], pad_id=0, device=torch.device("cpu"))
    for row, ids in zip(rows, prompts["input_ids"].tolist(), strict=True):
        assert ids[-len(row.prompt_ids) :] == list(row.prompt_ids)


def test_a_row_alone_and_in_a_batch_are_equally_likely(toy, rows):
    together = sequence_nll(toy.model, collate(rows, pad_id=0))
    alone = torch.cat([sequence_nll(toy.model, collate([row], pad_id=0)) for row in rows])
    assert torch.allclose(together, alone, rtol=1e-5)
    forced = teacher_forced(toy.model, rows, pad_id=0)
    assert [row.nll for row in forced] == pytest.approx(alone.tolist(), rel=1e-5)


def test_a_prompt_alone_and_in_a_batch_is_continued_alike(toy, rows):
    # in true double: in float32 two logits that lie close may swap
    prompts, limits = [row.prompt_ids for row in rows], [12] * len(rows)
    with true_double(toy.model) as model:
        together = greedy(model, prompts, max_new_tokens=limits, eos_id=2, pad_id=0)
        alone = [greedy(model, [prompt], max_new_tokens=[12], eos_id=2, pad_id=0)[0] for prompt in prompts]
    assert together == alone


def test_pads_on_the_left_without_positions_of_their_own_would_shift_a_model_that_counts_places(gpt2, rows):
    # RoPE sees differences of places only; learned positions see the places themselves.
    length = max(len(row.input_ids) for row in rows)
    short = rows[0]
    gap = length - len(short.input_ids)
    right = sequence_nll(gpt2, collate([short, rows[-1]], pad_id=0))[0]
    wrong = sequence_nll(
        gpt2,
        {
            "input_ids": torch.tensor([[0] * gap + list(short.input_ids)]),
            "attention_mask": torch.tensor([[0] * gap + [1] * len(short.input_ids)]),
            "labels": torch.tensor([[-100] * gap + list(short.labels)]),
        },
    )[0]
    alone = sequence_nll(gpt2, collate([short], pad_id=0))[0]
    assert right.item() == pytest.approx(alone.item(), rel=1e-5)
    assert wrong.item() != pytest.approx(alone.item(), rel=1e-3)


def test_pads_on_the_right_would_continue_the_pads(toy, rows):
    length = max(len(row.prompt_ids) for row in rows)
    short = min((row.prompt_ids for row in rows), key=len)
    ids = torch.tensor([[*short, *[0] * (length - len(short))]])
    mask = torch.tensor([[1] * len(short) + [0] * (length - len(short))])
    with torch.no_grad():
        after_pads = toy.model(input_ids=ids, attention_mask=mask).logits[0, -1]
        after_prompt = toy.model(input_ids=torch.tensor([list(short)])).logits[0, -1]
    assert not torch.allclose(after_pads, after_prompt, rtol=1e-2)
    (fresh,) = greedy(toy.model, [short], max_new_tokens=[1], eos_id=-1, pad_id=0)
    assert fresh == [after_prompt.argmax().item()]


@pytest.fixture(scope="module")
def gpt2(tokenizer):
    """A small GPT-2, which learns a vector for each place."""
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(vocab_size=len(tokenizer), n_embd=32, n_layer=2, n_head=4, n_positions=256)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = GPT2LMHeadModel(config).eval()
        with torch.no_grad():
            for weight in model.parameters():
                weight.add_(torch.randn(weight.shape), alpha=0.1)
    return model
