"""ROUGE-L F1 is the longest common subsequence, and a continuation is as long as the true one."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unlearnkit.metrics import continuations, rouge_l_f1, verbatim, verbmem
from unlearnkit.metrics.forced import Forced
from unlearnkit.testbeds import Passage

texts = st.lists(st.sampled_from("a b c d running runs St. 004 São".split()), max_size=12).map(" ".join)


def longest_common(one: list[str], other: list[str]) -> int:
    """Length of the longest common subsequence, by the textbook's table."""
    table = [[0] * (len(other) + 1) for _ in range(len(one) + 1)]
    for i, a in enumerate(one):
        for j, b in enumerate(other):
            table[i + 1][j + 1] = table[i][j] + 1 if a == b else max(table[i][j + 1], table[i + 1][j])
    return table[-1][-1]


def by_hand(truth: str, given: str) -> float:
    """F1 over lower-case runs of a-z and 0-9: rouge_score's words, so "São" is "s" and "o"."""
    one, other = (re.findall(r"[a-z0-9]+", text.lower()) for text in (truth, given))
    common = longest_common(one, other)
    return 2 * common / (len(one) + len(other)) if common else 0.0


@given(truth=texts, given=texts)
def test_rouge_is_the_longest_common_subsequence(truth, given):
    assert rouge_l_f1(truth, given) == pytest.approx(by_hand(truth, given), abs=1e-12)


@pytest.mark.parametrize(
    ("truth", "given", "expected"),
    [
        ("the cat sat", "the cat sat", 1.0),
        ("the cat sat", "The CAT, sat!", 1.0),
        ("a b c d e f", "f e d c b a", 2 * 1 / 12),  # order counts, words alone do not
        ("a b c d", "a x b y", 2 * 2 / 8),
        ("it runs", "it running", 0.5),  # no stemming
        ("a b", "", 0.0),
    ],
)
def test_known_pairs(truth, given, expected):
    assert rouge_l_f1(truth, given) == pytest.approx(expected)


def test_a_continuation_has_as_many_tokens_as_the_true_one_at_most(toy, monkeypatch):
    asked = []
    monkeypatch.setattr(
        verbmem,
        "greedy",
        lambda model, prompts, *, max_new_tokens, **_: asked.extend(max_new_tokens) or [[] for _ in prompts],
    )
    long = Passage("x", "Here is a page.", "1" * 200)  # digits are single tokens
    passages = [*toy.retain.passages, long]
    continuations(toy.model, toy.tokenizer, passages)
    true = [len(toy.tokenizer(f" {p.text}", add_special_tokens=False).input_ids) for p in passages]
    assert asked == [*true[:-1], 128]
    assert true[-1] > 128


def test_a_model_that_recites_scores_one_and_one_that_says_nothing_zero(toy, monkeypatch):
    passages = toy.retain.passages
    said = [toy.tokenizer(f" {p.text}", add_special_tokens=False).input_ids for p in passages]
    monkeypatch.setattr(verbmem, "greedy", lambda *_, **__: said)
    assert verbatim(toy.model, toy.tokenizer, passages) == [1.0] * len(passages)
    assert continuations(toy.model, toy.tokenizer, passages) == [p.text for p in passages]
    monkeypatch.setattr(verbmem, "greedy", lambda *_, **__: [[] for _ in passages])
    assert verbatim(toy.model, toy.tokenizer, passages) == [0.0] * len(passages)


def test_a_long_passage_is_compared_as_far_as_it_is_continued(toy, monkeypatch):
    # 200 tokens, of which 128 are asked for: a model that gives these knows all that was asked
    long = Passage("x", "Here is a page.", " ".join("1234567890" * 10))
    monkeypatch.setattr(verbmem, "teacher_forced", _nothing_hit)
    said = toy.tokenizer(f" {long.text}", add_special_tokens=False).input_ids
    assert len(said) > 128
    monkeypatch.setattr(verbmem, "greedy", lambda *_, **__: [said[:128]])
    assert verbatim(toy.model, toy.tokenizer, [long]) == [1.0]


def test_half_a_passage_scores_by_its_length(toy, monkeypatch):
    passages = toy.retain.passages
    halves = [" ".join(p.text.split()[: len(p.text.split()) // 2]) for p in passages]
    said = [toy.tokenizer(f" {half}", add_special_tokens=False).input_ids for half in halves]
    monkeypatch.setattr(verbmem, "greedy", lambda *_, **__: said)
    expected = [by_hand(p.text, half) for p, half in zip(passages, halves, strict=True)]
    assert verbatim(toy.model, toy.tokenizer, passages) == pytest.approx(expected)
    assert all(0.5 < value < 0.8 for value in expected)


def test_real_continuations_are_scored_in_order(lab, noisy):
    model, passages = noisy(lab.model, 0.02), lab.verbatim_retain[:6]
    given = continuations(model, lab.tokenizer, passages)
    alone = [continuations(model, lab.tokenizer, [passage])[0] for passage in passages]
    assert given == alone
    expected = [by_hand(p.text, text) for p, text in zip(passages, given, strict=True)]
    assert verbatim(model, lab.tokenizer, passages) == pytest.approx(expected)
    assert 0.2 < sum(expected) / 6 < 0.95


def test_the_teacher_forced_shortcut_agrees_with_real_generation(lab, noisy, monkeypatch):
    passages = [*lab.verbatim_retain[:30], *lab.verbatim_forget[:10]]
    for model in (lab.model, lab.never_learned, noisy(lab.model, 0.05)):
        quick = continuations(model, lab.tokenizer, passages)
        with monkeypatch.context() as patch:
            patch.setattr(verbmem, "teacher_forced", _nothing_hit)
            assert quick == continuations(model, lab.tokenizer, passages)


def _nothing_hit(model, rows, **_):
    return [Forced(1.0, (False,)) for _ in rows]
