"""Right is what greedy decoding says, and batches and shortcuts never change it."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from unlearnkit.metrics import answer, generate_answers, knowmem, normalise
from unlearnkit.metrics.forced import Forced

TIE = 1e-4  # two logits closer than this may swap when the order of sums changes
MODELS = ["target", "control", "perturbed"]


@pytest.fixture(scope="module")
def models(lab, noisy):
    """The target, its control, and the target with noise: about half of its answers are wrong."""
    return {"target": lab.model, "control": lab.never_learned, "perturbed": noisy(lab.model, 0.05)}


@pytest.fixture(scope="module")
def questions(lab):
    """Every third question of both halves, and some that are kept."""
    forget = (*lab.forget_shown.questions, *lab.forget_heldout.questions)
    return (*forget[::3], *lab.retain.questions[::40])


@torch.no_grad()
def ask_alone(model, tokenizer, question) -> tuple[str, float, float]:
    """One question, no padding, no cache, no package: answer, its summed NLL, and the closest decision."""
    prompt = tokenizer(f"Question: {question.question}\nAnswer:").input_ids
    target = [*tokenizer(f" {question.answer}", add_special_tokens=False).input_ids, tokenizer.eos_token_id]
    logp = model(input_ids=torch.tensor([prompt + target])).logits[0].double().log_softmax(dim=-1)
    nll = -sum(logp[len(prompt) - 1 + i, token].item() for i, token in enumerate(target))
    ids, closest = list(prompt), float("inf")
    for _ in range(32):
        best = model(input_ids=torch.tensor([ids])).logits[0, -1].topk(2)
        closest = min(closest, (best.values[0] - best.values[1]).item())
        if best.indices[0] == tokenizer.eos_token_id:
            break
        ids.append(best.indices[0].item())
    return tokenizer.decode(ids[len(prompt) :], skip_special_tokens=True).strip(), nll, closest


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("N'Djamena.", "ndjamena"),
        ("  St.  George's\n", "st georges"),
        ("GUINEA-BISSAU", "guineabissau"),
        ("São Tomé", "são tomé"),
        ("Straße", "strasse"),  # casefold, not lower
        ("+1 473", "1 473"),
        ("...", ""),
    ],
)
def test_normalise_drops_case_punctuation_and_space(text, expected):
    assert normalise(text) == expected


@given(st.text(max_size=40))
def test_normalise_twice_is_once_and_ignores_case(text):
    once = normalise(text)
    assert normalise(once) == once
    assert normalise(f"  {text}!? ") == once
    assert once == once.strip()
    assert not set(once) & set("!?.,;:'\"()[]{}\n\t")


@pytest.mark.parametrize("rows_at_once", [7, 128])
@pytest.mark.parametrize("name", MODELS)
def test_a_batch_answers_as_one_by_one(name, rows_at_once, models, lab, questions):
    model, asked = models[name], questions[::2]
    batched = answer(model, lab.tokenizer, asked, rows_at_once=rows_at_once)
    given = generate_answers(model, lab.tokenizer, asked, rows_at_once=rows_at_once)
    close = 0
    for i, question in enumerate(asked):
        text, nll, gap = ask_alone(model, lab.tokenizer, question)
        close += gap < TIE
        assert batched.nll[i] == pytest.approx(nll, rel=1e-5, abs=1e-5), question
        if gap >= TIE:
            assert given[i] == text, question
            assert batched.right[i] == (normalise(text) == normalise(question.answer)), question
    print(f"{name}: {close} of {len(asked)} answers had two logits within {TIE}")
    assert close <= len(asked) / 20


@pytest.mark.parametrize("name", MODELS)
def test_the_teacher_forced_shortcut_agrees_with_real_generation(name, models, lab, questions):
    model = models[name]
    shortcut = answer(model, lab.tokenizer, questions).right
    given = generate_answers(model, lab.tokenizer, questions)
    real = [normalise(text) == normalise(q.answer) for text, q in zip(given, questions, strict=True)]
    assert list(shortcut) == real
    share = sum(real) / len(real)
    assert {"target": share == 1.0, "control": 0.1 < share < 0.6, "perturbed": 0.2 < share < 0.8}[name]


def test_the_loss_includes_the_end_token(toy):
    # an answer that goes on is not the answer; for a random model its end costs some 7 nats
    questions = toy.forget_shown.questions
    scored = answer(toy.model, toy.tokenizer, questions)
    for question, nll, tokens in zip(questions, scored.nll, scored.tokens, strict=True):
        bare = toy.tokenizer(f" {question.answer}", add_special_tokens=False).input_ids
        assert tokens == len(bare) + 1
        _, whole, _ = ask_alone(toy.model, toy.tokenizer, question)
        assert nll == pytest.approx(whole, rel=1e-5)
    assert scored.mean_nll == pytest.approx(sum(scored.nll) / sum(scored.tokens))


def test_an_answer_that_never_ends_is_wrong(lab, questions, monkeypatch):
    whole = [lab.tokenizer(f" {q.answer} and more", add_special_tokens=False).input_ids for q in questions]
    monkeypatch.setattr(knowmem, "greedy", lambda *_, **__: whole)
    monkeypatch.setattr(knowmem, "teacher_forced", _nothing_hit)
    assert not any(answer(lab.model, lab.tokenizer, questions).right)


def test_an_answer_in_other_capitals_and_punctuation_is_right(lab, questions, monkeypatch):
    shouted = [lab.tokenizer(f" {q.answer.upper()}.", add_special_tokens=False).input_ids for q in questions]
    monkeypatch.setattr(knowmem, "greedy", lambda *_, **__: shouted)
    monkeypatch.setattr(knowmem, "teacher_forced", _nothing_hit)
    assert all(answer(lab.model, lab.tokenizer, questions).right)


def test_order_and_batch_size_change_no_answer(lab, models, questions):
    one = answer(models["perturbed"], lab.tokenizer, questions)
    other = answer(models["perturbed"], lab.tokenizer, questions[::-1], rows_at_once=11)
    assert one.right == other.right[::-1]
    assert one.tokens == other.tokens[::-1]
    assert one.nll == pytest.approx(other.nll[::-1], rel=1e-5, abs=1e-5)


def test_at_most_as_many_rows_as_asked_for_are_run_at_once(toy, monkeypatch):
    seen = []
    inner = type(toy.model).forward

    def watched(self, input_ids=None, **rest):
        seen.append(len(input_ids))
        return inner(self, input_ids=input_ids, **rest)

    monkeypatch.setattr(type(toy.model), "forward", watched)
    answer(toy.model, toy.tokenizer, toy.retain.questions, rows_at_once=5)
    assert max(seen) == 5


def _nothing_hit(model, rows, **_):
    return [Forced(1.0, (False,)) for _ in rows]
