"""Trap 13: Min-K% with or without a floor, BOS and last token; PrivLeak's sign and a wrong reference."""

from __future__ import annotations

import numpy as np
import pytest

from unlearnkit.errors import BadInput
from unlearnkit.metrics import membership_scores
from unlearnkit.metrics.membership import Variant, min_k
from unlearnkit.metrics.muse.privleak import against, privleak


def test_each_choice_of_tokens_gives_another_number(toy):
    rows = toy.encode(toy.forget, loss_on="row")[:20]
    variants = {
        "muse": "muse",
        "open_unlearning": "open_unlearning",
        "without BOS": Variant(name="without BOS", first_token=False),
        "neither end": Variant(name="neither end", first_token=False, last_token=False),
    }
    found = {
        name: tuple(membership_scores(toy.model, toy.tokenizer, rows=rows, variant=variant)["min_k"])
        for name, variant in variants.items()
    }
    assert len(set(found.values())) == len(variants)


def test_numpys_mean_of_no_token_is_nan_and_ours_an_error():
    with np.errstate(invalid="ignore"), pytest.warns(RuntimeWarning, match="empty slice"):
        assert np.isnan(-np.mean(np.sort([-1.0, -2.0])[: int(2 * 0.4)]))
    with pytest.raises(BadInput, match="NaN"):
        min_k([-1.0, -2.0])
    assert min_k([-1.0, -2.0], floor=1) == 2.0


def test_a_finetuned_reference_made_privleak_5215_and_is_refused():
    assert against(1.0, 0.0188) == pytest.approx(5215, rel=1e-3)
    with pytest.raises(BadInput, match=r"learned them.*-100 to 5219"):
        privleak([1.0, 2.0], [1.5, 2.5], reference=0.0188)
    with pytest.raises(BadInput, match="learned them"):  # the same AUC in open-unlearning's orientation
        privleak([1.0, 2.0], [1.5, 2.5], reference=0.981)


def test_the_sign_is_negative_while_forget_texts_are_better_known():
    known, unknown = [1.0, 1.1, 1.2], [2.0, 2.1, 2.2]
    assert privleak(known, unknown, reference=0.5).value == -100.0
    assert privleak(unknown, known, reference=0.5).value == 100.0
    wrong = (1 - 0.0 - (1 - 0.4772)) / (1 - 0.4772) * 100  # known wrong: AUCs taken the other way round
    assert privleak(known, unknown, reference=0.4772).value == -100.0 != pytest.approx(wrong)
