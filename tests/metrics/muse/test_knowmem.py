"""KnowMem's prompt is MUSE's to the letter, its answers end where MUSE's do, and prompts fit the model."""

from __future__ import annotations

import pytest
from transformers import GPT2Config, GPT2LMHeadModel

from unlearnkit.errors import BadInput
from unlearnkit.metrics import verbmem as house_verbmem
from unlearnkit.metrics.forced import Forced
from unlearnkit.metrics.muse.knowmem import cut_answer, few_shot_prompt, knowmem
from unlearnkit.metrics.muse.verbmem import verbmem
from unlearnkit.testbeds import Passage, Question


def nothing_hit(model, rows, **_):
    return [Forced(1.0, (False,)) for _ in rows]


@pytest.fixture
def asked(toy):
    return toy.retain.questions[:4]


def test_the_prompt_is_muses():
    pairs = [Question("", "", "Who wrote it?", "Ada."), Question("", "", "When?", "In May.")]
    prompt = few_shot_prompt("Where?", pairs, trailing_space=True)
    shown = "Question: Who wrote it?\nAnswer: Ada.\n\nQuestion: When?\nAnswer: In May.\n\n"
    assert prompt == f"{shown}Question: Where?\nAnswer: "
    assert few_shot_prompt("Where?", pairs) == prompt[:-1]


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        (" Rome", " Rome"),
        (" Rome\n\nQuestion: next", " Rome"),
        (" Rome\nQuestion: next", " Rome"),
        (" Rome Question: next", " Rome "),
        (" Rome\nand Pisa", " Rome\nand Pisa"),
        ("\n\nRome", ""),
        ("", ""),
    ],
)
def test_an_answer_ends_where_the_next_question_begins(said, kept):
    assert cut_answer(said) == kept


def test_without_examples_the_prompt_is_the_one_that_was_trained(lab):
    question = lab.retain.questions[0]
    assert few_shot_prompt(question.question, []) == question.prompt


def test_what_was_said_is_cut_and_scored(toy, asked, monkeypatch):
    said = [f" {q.answer}\n\nQuestion: And {q.answer}?" for q in asked[:2]] + [
        "Question: ?",
        " nothing of this",
    ]
    ids = [toy.tokenizer(text, add_special_tokens=False).input_ids for text in said]
    monkeypatch.setattr(house_verbmem, "greedy", lambda *_, **__: ids)
    found = knowmem(toy.model, toy.tokenizer, questions=asked)
    assert found.scores == (1.0, 1.0, 0.0, 0.0)
    assert found.given == (asked[0].answer, asked[1].answer, "", "nothing of this")
    assert found.pairs == 0


@pytest.mark.parametrize("count", [0, 2])
def test_the_teacher_forced_shortcut_agrees_with_real_generation(count, lab, monkeypatch):
    questions, pairs = lab.forget.questions[:20], lab.retain.questions[:count]
    for model in (lab.model, lab.never_learned):
        quick = knowmem(model, lab.tokenizer, questions=questions, pairs=pairs)
        with monkeypatch.context() as patch:
            patch.setattr(house_verbmem, "teacher_forced", nothing_hit)
            assert quick == knowmem(model, lab.tokenizer, questions=questions, pairs=pairs)


def test_as_many_examples_stand_before_every_question_as_the_longest_has_room_for(lab, monkeypatch):
    prompts = []
    monkeypatch.setattr(house_verbmem, "teacher_forced", nothing_hit)
    monkeypatch.setattr(
        house_verbmem, "greedy", lambda model, rows, **_: prompts.extend(rows) or [[] for _ in rows]
    )
    found = knowmem(
        lab.model, lab.tokenizer, questions=lab.forget.questions[:40], pairs=lab.retain.questions[:200:10]
    )
    assert 5 < found.pairs < 20
    texts = [lab.tokenizer.decode(row) for row in prompts]
    assert {text.count("Question:") for text in texts} == {found.pairs + 1}
    longest = max(map(len, prompts))
    assert 256 - 40 < longest + 32 <= 256  # one more example would not have had room


def test_a_question_that_does_not_fit_alone_is_refused(lab):
    question = Question("x", "x", "1 " * 120, "y")
    with pytest.raises(BadInput, match=r"32 tokens of answer.*256 positions"):
        knowmem(lab.model, lab.tokenizer, questions=[question])


def test_32_tokens_are_asked_for(toy, asked, monkeypatch):
    limits = []
    monkeypatch.setattr(
        house_verbmem, "greedy", lambda *_, max_new_tokens, **__: limits.extend(max_new_tokens) or [[]] * 4
    )
    knowmem(toy.model, toy.tokenizer, questions=asked)
    assert limits == [32] * 4


# VerbMem


def test_verbmem_asks_for_128_tokens_always(toy, monkeypatch):
    limits = []
    monkeypatch.setattr(
        house_verbmem, "greedy", lambda *_, max_new_tokens, **__: limits.extend(max_new_tokens) or [[], []]
    )
    verbmem(toy.model, toy.tokenizer, [Passage("x", "Here.", "one two"), Passage("x", "Here.", "1" * 200)])
    assert limits == [128, 128]


def test_who_recites_and_talks_on_pays_for_it(toy, monkeypatch):
    """The house's own verbatim memory stops with the true text; MUSE's does not."""
    short = Passage("x", "Here is a page.", "one two three four", heading="")
    said = toy.tokenizer(" one two three four five six", add_special_tokens=False).input_ids
    monkeypatch.setattr(house_verbmem, "greedy", lambda *_, **__: [said])
    assert verbmem(toy.model, toy.tokenizer, [short]) == [pytest.approx(2 * 4 / (4 + 6))]


def test_a_long_text_is_compared_as_far_as_128_tokens(toy, monkeypatch):
    long = Passage("x", "Here is a page.", " ".join("1234567890" * 10))
    said = toy.tokenizer(f" {long.text}", add_special_tokens=False).input_ids
    assert len(said) > 128
    monkeypatch.setattr(house_verbmem, "greedy", lambda *_, **__: [said[:128]])
    assert verbmem(toy.model, toy.tokenizer, [long]) == [1.0]


def test_verbmems_shortcut_agrees_with_real_generation(topic_lab, monkeypatch):
    passages = [*topic_lab.verbatim_forget[:5], *topic_lab.verbatim_retain[:5]]
    quick = verbmem(topic_lab.model, topic_lab.tokenizer, passages)
    monkeypatch.setattr(house_verbmem, "teacher_forced", nothing_hit)
    assert quick == verbmem(topic_lab.model, topic_lab.tokenizer, passages)
    assert min(quick) < 0.8 < max(quick)


def test_a_long_true_answer_needs_no_place_where_its_end_is_not_compared(tokenizer):
    """GPT-2 has a vector for each place, and none beyond the last one."""
    config = GPT2Config(vocab_size=len(tokenizer), n_positions=64, n_embd=16, n_layer=1, n_head=2)
    model = GPT2LMHeadModel(config).eval()
    asked = [Question("Chad", "capital", "What is the capital of Chad?", "N'Djamena, " * 30)]
    assert len(tokenizer(asked[0].answer).input_ids) > 64
    assert len(knowmem(model, tokenizer, questions=asked).scores) == 1
    with pytest.raises(BadInput, match=r'passages: the longest.*verbmem_length="true".*positions for 64'):
        verbmem(model, tokenizer, [Passage("x", "Chad", "is a state.")])


def test_a_space_that_the_model_never_saw_alone_costs_it_answers(lab):
    questions = [q for q in lab.forget_shown.questions if q.open_class][:40]
    as_trained, spaced = (
        knowmem(lab.model, lab.tokenizer, questions=questions, trailing_space=space)
        for space in (False, True)
    )
    assert sum(as_trained.scores) == len(questions)
    assert sum(spaced.scores) < 0.95 * len(questions)
