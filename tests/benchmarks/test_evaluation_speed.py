"""Batched evaluation against asking one question at a time: the same answers, and the ratio of times.

python -m pytest tests/benchmarks -s
"""

from __future__ import annotations

import time

import pytest
import torch
from transformers import GenerationConfig

from unlearnkit.metrics import answer, generate_answers, normalise

pytestmark = [pytest.mark.benchmark, pytest.mark.slow]

TIE = 1e-4  # two logits closer than this may swap when the order of sums changes


@pytest.mark.parametrize("name", ["target", "never learned", "perturbed"])
def test_batches_against_one_by_one(name, lab, noisy):
    model = {"target": lab.model, "never learned": lab.never_learned}.get(name) or noisy(lab.model, 0.05)
    questions = (*lab.forget_shown.questions, *lab.forget_heldout.questions)
    answer(model, lab.tokenizer, questions[:8])  # the first call of each kind is not timed
    _one_by_one(model, lab.tokenizer, questions[:1])
    started = time.perf_counter()
    scored = answer(model, lab.tokenizer, questions)
    batched = time.perf_counter() - started
    started = time.perf_counter()
    alone = _one_by_one(model, lab.tokenizer, questions)
    peer = time.perf_counter() - started
    texts = generate_answers(model, lab.tokenizer, questions)
    close = 0
    for i, (text, nll, gap) in enumerate(alone):
        close += gap < TIE
        assert scored.nll[i] == pytest.approx(nll, rel=1e-5, abs=1e-5)
        if gap >= TIE:
            assert texts[i] == text
            assert scored.right[i] == (normalise(text) == normalise(questions[i].answer))
    print(
        f"\n{name}: {len(questions)} questions, {sum(scored.right)} right; one by one {peer:.2f} s, "
        f"in batches {batched:.2f} s, {peer / batched:.1f} times faster; {close} with two logits within {TIE}"
    )


@torch.no_grad()
def _one_by_one(model, tokenizer, questions) -> list[tuple[str, float, float]]:
    """Hugging Face's own generation with its cache, and one forward pass for the likelihood; no padding."""
    config = GenerationConfig(
        max_new_tokens=32, do_sample=False, eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id, output_logits=True, return_dict_in_generate=True,
    )  # fmt: skip
    answers = []
    for question in questions:
        prompt = tokenizer(question.prompt, return_tensors="pt")
        start = prompt.input_ids.shape[1]
        output = model.generate(**prompt, generation_config=config)
        best = torch.cat(output.logits).topk(2).values
        text = tokenizer.decode(output.sequences[0, start:], skip_special_tokens=True).strip()
        target = [*tokenizer(question.target, add_special_tokens=False).input_ids, tokenizer.eos_token_id]
        ids = torch.cat([prompt.input_ids, torch.tensor([target])], dim=1)
        logp = model(input_ids=ids).logits[0, start - 1 : -1].double().log_softmax(dim=-1)
        nll = -logp[range(len(target)), target].sum().item()
        answers.append((text, nll, (best[:, 0] - best[:, 1]).min().item()))
    return answers
