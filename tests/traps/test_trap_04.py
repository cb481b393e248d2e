"""Trap 4: a truth ratio is over the geometric or the arithmetic mean, and of the paraphrased answer."""

from __future__ import annotations

import math

import pytest

from unlearnkit.metrics.tofu import truth_ratio

GT, PARAPHRASED, WRONG = 0.1, 1.2, [2.0, 3.0, 0.5, 4.0, 2.5]  # nats a token


def test_the_two_means_are_two_numbers_and_each_has_its_name():
    geometric = truth_ratio([PARAPHRASED], [WRONG], kind="geometric")[0]
    arithmetic = truth_ratio([PARAPHRASED], [WRONG], kind="arithmetic")[0]
    assert geometric == pytest.approx(math.exp(PARAPHRASED - sum(WRONG) / 5))
    assert arithmetic == pytest.approx(sum(math.exp(PARAPHRASED - w) for w in WRONG) / 5)
    assert arithmetic > 1.5 * geometric


def test_the_answer_itself_in_place_of_its_paraphrase_is_another_number():
    right = truth_ratio([PARAPHRASED], [WRONG])[0]
    of_the_answer_itself = truth_ratio([GT], [WRONG])[0]
    assert right == pytest.approx(math.exp(PARAPHRASED - GT) * of_the_answer_itself)
    assert right > 2 * of_the_answer_itself


def test_the_inverse_ratio_is_another_number():
    right = truth_ratio([PARAPHRASED], [WRONG])[0]
    inverse = math.exp(sum(WRONG) / 5 - PARAPHRASED)
    assert right < 1 < inverse
