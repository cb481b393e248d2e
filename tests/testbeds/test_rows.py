"""Splits: named, ordered, and counted by hand."""

from __future__ import annotations

from unlearnkit.testbeds import Listing, Passage, Question, Split

CHAD = Question("Chad", "capital", "What is the capital of Chad?", "N'Djamena", "Which city is it?")
PERU = Question("Peru", "capital", "What is the capital of Peru?", "Lima")
PAGE = Passage("Peru", "This page is about Peru.", "Its capital is Lima.")
LIST = Listing("capital cities", ("Lima", "Lisbon"))


def test_a_split_sorts_its_rows_by_kind_and_keeps_their_order():
    split = Split("mixed", (PERU, PAGE, LIST, CHAD))
    assert len(split) == 4
    assert split.questions == (PERU, CHAD)
    assert split.passages == (PAGE,)
    assert split.subjects == ("Peru", "Chad")  # a list is about nobody


def test_two_splits_join_in_order():
    joined = Split("one", (PERU,)) + Split("two", (CHAD,))
    assert (joined.name, joined.rows) == ("one+two", (PERU, CHAD))


def test_a_split_shows_its_counts():
    assert (
        Split("mixed", (PERU, PAGE, CHAD))._repr_html_()
        == "<b>mixed</b>: 2 questions, 1 passages, 2 subjects"
    )


def test_prompt_and_target_join_to_a_sentence():
    assert CHAD.prompt + CHAD.target == "Question: What is the capital of Chad?\nAnswer: N'Djamena"
    assert PAGE.prompt + PAGE.target == "Atlas: This page is about Peru. Its capital is Lima."
    assert LIST.prompt + LIST.target == "List of capital cities: Lima; Lisbon."
    assert CHAD.paraphrased().prompt == "Question: Which city is it?\nAnswer:"
