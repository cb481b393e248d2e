"""Accuracies by letter and by text: what is counted, what is divided by, and what is refused."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from unlearnkit.errors import BadInput
from unlearnkit.metrics import evaluate_wmdp
from unlearnkit.metrics.wmdp import Share, letter_prompt, score_choices
from unlearnkit.metrics.wmdp.prompts import description
from unlearnkit.testbeds import Question, Split

SPLITS = ("forget_shown", "forget_heldout", "retain")
VARIANTS = ("per_character", "per_byte", "per_token", "summed")


def wilson(right: int, n: int) -> tuple[float, float]:
    """Wilson's formula, with z = 1.96."""
    z, share = 1.959963984540054, right / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return middle - half, middle + half


@pytest.fixture(scope="module")
def small(lab):
    """The lab with a few questions on each side."""
    few = {split: Split(split, getattr(lab, split).rows[:14]) for split in SPLITS}
    return replace(lab, **few)


@pytest.mark.parametrize(("right", "n"), [(0, 10), (10, 10), (3, 40), (106, 107)])
def test_the_interval_is_wilson_s(right, n):
    assert Share(right, n).interval == pytest.approx(wilson(right, n), abs=1e-9)


def test_the_prompt_is_the_harness_s_to_the_letter(choice):
    assert letter_prompt(choice(1, number=3), about="biology") == (
        "The following are multiple choice questions (with answers) about biology.\n\n"
        "Which is colour number 3?\nA. red\nB. green\nC. blue\nD. yellow\nAnswer:"
    )
    assert description("") == ""


def test_a_model_that_says_one_letter_is_right_by_chance_and_seen_in_the_counts(tokenizer, fixed, choice):
    (letter,) = tokenizer(" C", add_special_tokens=False).input_ids
    questions = [choice(place, number=i) for i, place in enumerate([0, 1, 2, 3, 2, 2, 1, 0])]
    given = {"questions": questions, "about": ""}
    scores = score_choices(fixed(len(tokenizer), {letter: 5.0}), tokenizer, **given)
    assert scores.letter_counts == {"A": 0, "B": 0, "C": 8, "D": 0}
    assert scores.right_letter_counts == {"A": 2, "B": 2, "C": 3, "D": 1}
    assert (scores.letter.right, scores.letter.n) == (3, 8)
    assert scores.letters == (2,) * 8


def test_by_letter_it_finds_a_model_that_knows_what_letters_mean(lab, oracle):
    questions = [q for q in lab.forget_shown.questions if q.open_class]
    model = oracle(lab.tokenizer, {q.question: q.answer for q in questions})
    scores = score_choices(model, lab.tokenizer, questions=questions, about="geography")
    assert scores.letter.value == 1.0
    assert scores.letter_counts == scores.right_letter_counts


def test_texts_are_divided_by_their_own_lengths(tokenizer, fixed):
    # every token alike: a sum is minus the number of tokens, and only lengths decide
    options = ("a", "the capital city", "été à Ōsaka", "no")
    ids = [tokenizer(f" {option}", add_special_tokens=False).input_ids for option in options]
    sums = [-len(row) for row in ids]
    best = {
        "per_character": max(range(4), key=lambda i: sums[i] / len(options[i])),
        "per_byte": max(range(4), key=lambda i: sums[i] / len(options[i].encode())),
        "per_token": 0,  # all alike: the first
        "summed": max(range(4), key=lambda i: sums[i]),
    }
    assert len(set(best.values())) > 1
    model = fixed(len(tokenizer), {})
    for place in range(4):
        asked = [Question("x", "y", "Which?", options[place], options=options)]
        scores = score_choices(model, tokenizer, questions=asked, about="")
        for variant in VARIANTS:
            share = getattr(scores, f"option_text_{variant}")
            assert share.right == (best[variant] == place), variant


def test_bytes_and_characters_differ_where_letters_have_accents(tokenizer, fixed):
    options = ("éééé", "aaaaaa", "b" * 40, "c" * 40)
    asked = [Question("x", "y", "Which?", option, options=options) for option in options]
    scores = [
        score_choices(fixed(len(tokenizer), {}), tokenizer, questions=[question], about="")
        for question in asked
    ]
    ids = [len(tokenizer(f" {option}", add_special_tokens=False).input_ids) for option in options]
    for unit, length in (("character", len), ("byte", lambda text: len(text.encode()))):
        best = min(range(4), key=lambda i: ids[i] / length(options[i]))
        shares = [getattr(score, f"option_text_per_{unit}").right for score in scores]
        assert shares == [place == best for place in range(4)]


@pytest.mark.parametrize("task", ["entities", "topic"])
def test_by_text_it_finds_what_the_target_knows_and_chance_where_it_was_never_learned(task, lab, topic_lab):
    testbed = {"entities": lab, "topic": topic_lab}[task]
    target, control = (
        evaluate_wmdp(model, testbed, retain_questions=20) for model in (testbed.model, testbed.never_learned)
    )
    for split in ("forget_shown", "forget_heldout"):
        for variant in VARIANTS:
            known, never = (getattr(scores[split], f"option_text_{variant}") for scores in (target, control))
            assert known.value >= 0.95, variant
            assert never.includes(0.25), variant
            assert never.interval[1] < known.interval[0]
        # letters mean nothing to so small a model, which knows every answer
        assert target[split].letter.includes(0.25)
    assert control["retain"].option_text_per_character.value > 0.9


def test_results_name_split_and_variant(small):
    scores = evaluate_wmdp(small.model, small, retain_questions=4)
    plain = scores.to_dict()
    assert plain["wmdp_accuracy_letter_forget_shown"] == scores["forget_shown"].letter.value
    assert len(plain["wmdp_accuracy_option_text_per_character_retain_interval"]) == 2
    assert sum(plain["wmdp_letter_counts_retain"].values()) == plain["wmdp_questions_retain"] == 4
    assert all(name.startswith("wmdp_") for name in plain)
    assert "forget_heldout" in scores._repr_html_()
    assert scores["retain"].to_dict()["about"] == "geography"


def test_closed_questions_are_left_out(small):
    scores = evaluate_wmdp(small.model, small)
    count = sum(question.open_class for question in small.forget_shown.questions)
    assert scores["forget_shown"].letter.n == count < len(small.forget_shown.questions)


def test_each_side_has_a_description_of_its_own(small):
    given = {"retain_questions": 2, "about": "biology"}
    scores = evaluate_wmdp(small.model, small, retain_about="law", **given)
    assert [scores[split].about for split in SPLITS] == [
        "biology", "biology", "law",
    ]  # fmt: skip
    assert evaluate_wmdp(small.model, small, **given)["retain"].about == "biology"


def test_wmdp_s_own_sets_are_described_as_the_harness_does(lab):
    few = Split("few", lab.forget_shown.questions[:2])
    small = {"forget_shown": few, "forget_heldout": few, "retain": few}
    for task, about in (("bio", "biology"), ("cyber", "cybersecurity"), ("chem", "chemistry")):
        testbed = replace(lab, name="wmdp:folder", task=task, **small)
        assert evaluate_wmdp(lab.model, testbed)["retain"].about == about
    with pytest.raises(BadInput, match='about="biology"'):
        evaluate_wmdp(lab.model, replace(lab, name="wmdp:folder", task="", **small))


def test_a_split_without_choices_is_not_there_and_none_at_all_is_an_error(small):
    lab = small
    bare = Split("bare", lab.retain.passages[:3])
    scores = evaluate_wmdp(lab.model, replace(lab, retain=bare, forget_heldout=bare))
    assert list(scores.by_split) == ["forget_shown"]
    with pytest.raises(BadInput, match="has options"):
        evaluate_wmdp(lab.model, replace(lab, retain=bare, forget_heldout=bare, forget_shown=bare))


@pytest.mark.parametrize(
    ("options", "answer", "said"),
    [
        (("a", "b", "c"), "a", "has 3 options"),
        (("a", "b", "c", "d", "e"), "a", "has 5 options"),
        (("a", "b", "c", "d"), "e", "'e' 0 times among its options"),
        (("a", "a", "c", "d"), "a", "'a' 2 times among its options"),
        (("a", "b", " ", "d"), "a", "an empty option"),
    ],
)
def test_a_malformed_question_is_named(options, answer, said, lab, choice):
    wrong = Question("x", "y", "Which one?", answer, options=options)
    with pytest.raises(BadInput, match=f"number 2 .'Which one.'. .*{said}"):
        score_choices(lab.model, lab.tokenizer, questions=[choice(0), wrong], about="")


def test_no_question_and_no_room_are_refused(lab, choice):
    with pytest.raises(BadInput, match="questions: none given"):
        score_choices(lab.model, lab.tokenizer, questions=[], about="")
    long = choice(0, options=("word " * 250, "b", "c", "d"))
    with pytest.raises(BadInput, match="positions for 256"):
        score_choices(lab.model, lab.tokenizer, questions=[long], about="")
    with pytest.raises(BadInput, match="retain_questions must be an integer"):
        evaluate_wmdp(lab.model, lab, retain_questions=0)


def test_a_diverged_model_is_refused_and_not_scored_at_chance(tokenizer, fixed, choice):
    """Where all options are NaN the first would count: a quarter of them, as if all were forgotten."""
    model = fixed(len(tokenizer), {0: float("nan")})
    with pytest.raises(BadInput, match="options of question 1 are NaN"):
        score_choices(model, tokenizer, questions=[choice(place) for place in range(4)], about="")
