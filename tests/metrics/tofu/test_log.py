"""Logs in TOFU's published form are scored: the real ones, and any other."""

from __future__ import annotations

import copy
import json

import numpy as np
import pytest
from rouge_score import rouge_scorer
from scipy import stats

from unlearnkit.errors import BadInput, MissingReference
from unlearnkit.metrics.tofu.log import read_log, recalls, score_log
from unlearnkit.metrics.tofu.log_format import PARTS

from .made_log import made_log, written

FORGET = "eval_log_forget.json"
NAMES = ("phi_full_wd0.01", "phi_retain90_wd0.01", "phi_retain90_wd0")


@pytest.fixture(scope="module")
def published(reference_data):
    folder = reference_data("tofu_logs")
    return {name: folder / f"{name}.json" for name in NAMES}


@pytest.fixture(scope="module")
def raw(published):
    return {name: json.loads(path.read_text(encoding="utf-8")) for name, path in published.items()}


def by_numpy(log: dict, kind: str) -> list[float]:
    """The nine parts of model utility, from a log's own numbers by place: the published logs are in order."""
    parts = []
    for name in ("eval_log.json", "eval_real_author_wo_options.json", "eval_real_world_wo_options.json"):
        own, other, wrong = (
            np.array(list(log[name][field].values()))
            for field in ("avg_gt_loss", "avg_paraphrased_loss", "average_perturb_loss")
        )
        likely = np.exp(-own)
        share = likely if name == "eval_log.json" else likely / (likely + np.exp(-wrong).sum(1))
        mean = np.exp(-wrong).mean(1) if kind == "arithmetic" else np.exp(-wrong.mean(1))
        ratio = mean / np.exp(-other)
        recall = list(log[name]["rougeL_recall"].values())
        parts += [share.mean(), np.mean(recall), np.maximum(0, 1 - ratio).mean()]
    return parts


# The published logs


@pytest.mark.parametrize(
    ("name", "d", "p", "digits"),
    [("phi_full_wd0.01", 0.3467, 2.194e-16, 1e-3), ("phi_retain90_wd0", 0.02, 1.0, 1e-6)],
)
def test_forget_quality_against_the_retrained_model_is_the_published_one(published, name, d, p, digits):
    found = score_log(published[name], published["phi_retain90_wd0.01"])["forget_quality"]
    assert found["d"] == pytest.approx(d, abs=5e-5)
    assert found["p"] == pytest.approx(p, rel=digits)
    assert found["n"] == 300


@pytest.mark.parametrize("name", NAMES)
def test_model_utility_is_numpys_in_both_variants(published, raw, name):
    found = score_log(published[name])["model_utility"]
    for variant, kind in (("tofu", "arithmetic"), ("open_unlearning", "geometric")):
        assert found[variant] == pytest.approx(stats.hmean(by_numpy(raw[name], kind)), abs=1e-9)
    assert 0.015 < found["open_unlearning"] - found["tofu"] < 0.025
    assert found["missing"] == []


@pytest.mark.parametrize(
    "name", [NAMES[0], *(pytest.param(name, marks=pytest.mark.slow) for name in NAMES[1:])]
)
def test_every_stored_recall_is_reproduced_from_the_generated_text(published, raw, name):
    for group, (measured, part) in read_log(published[name]).items():
        assert recalls(part) == measured.rouge_l_recall
        assert len(recalls(part)) == len(raw[name][PARTS[group]]["rougeL_recall"])


def test_without_stemming_the_recalls_would_be_others(raw):
    plain = rouge_scorer.RougeScorer(["rougeL"], use_stemmer=False)
    part = raw["phi_full_wd0.01"]["eval_log.json"]
    stored, texts = part["rougeL_recall"], part["generated_text"]
    other = [plain.score(texts[i][2], texts[i][1])["rougeL"].recall != stored[i] for i in stored]
    assert sum(other) > 5


@pytest.mark.parametrize("name", NAMES)
def test_stored_truth_ratios_and_mean_losses_are_what_the_formulas_say(published, raw, name):
    for group, (measured, part) in read_log(published[name]).items():
        stored = raw[name][PARTS[group]]
        ratios = [stored["truth_ratio"][row] for row in part.rows]
        assert np.abs(measured.truth_ratios() - ratios).max() < 2e-5
        means = [stored["gt_loss"][row] / stored["num_token_gt"][row] for row in part.rows]
        assert np.abs(np.array(measured.nll) - means).max() < 1e-6


# Any log of this form


def scored(log, tmp_path, reference=None):
    against = None if reference is None else written(reference, tmp_path / "reference.json")
    return score_log(written(log, tmp_path / "log.json"), against)


@pytest.mark.parametrize("rows", [1, 2, 40, 200, 400])
def test_a_log_may_have_any_number_of_rows(tmp_path, rows):
    counts = dict.fromkeys(PARTS.values(), rows)
    found = scored(made_log(1, rows=counts), tmp_path, made_log(2, rows=counts))
    assert found["forget_quality"]["n"] == rows
    assert found["rows"] == dict.fromkeys(PARTS, rows)
    assert 0 <= found["model_utility"]["tofu"] < 1


def test_rows_are_joined_by_their_numbers_and_not_by_their_places(tmp_path):
    log, other = made_log(3), made_log(4)
    expected = scored(log, tmp_path, other)
    shuffled = copy.deepcopy(log)
    for part in shuffled.values():
        for seed, field in enumerate(part):
            rows = list(part[field].items())
            order = np.random.default_rng(seed).permutation(len(rows))
            part[field] = {rows[i][0]: rows[i][1] for i in order}
    found = scored(shuffled, tmp_path, other)
    for name, value in expected["model_utility"]["parts"].items():
        assert found["model_utility"]["parts"][name] == pytest.approx(value, rel=1e-12)
    assert found["forget_quality"] == expected["forget_quality"]
    by_place = {f: list(part.values()) for f, part in shuffled[FORGET].items()}
    wrong = np.exp(by_place["avg_paraphrased_loss"] - np.mean(by_place["average_perturb_loss"], axis=1))
    assert sorted(wrong) != pytest.approx(sorted(log[FORGET]["truth_ratio"].values()), rel=1e-3)


def test_row_numbers_may_have_leading_zeros_fields_may_be_more_and_numbers_may_be_whole(tmp_path):
    log = made_log(5)
    expected = scored(log, tmp_path)
    log["settings"] = {"lr": 1e-5}
    for part in log.values():
        part["comment"] = "none"
    part = log["eval_log.json"]
    part["avg_gt_loss"] = {f"00{row}": value for row, value in part["avg_gt_loss"].items()}
    part["num_token_gt"] = {row: float(value) for row, value in part["num_token_gt"].items()}
    assert scored(log, tmp_path) == expected
    part["avg_paraphrased_loss"] = dict.fromkeys(part["avg_paraphrased_loss"], 1)
    assert scored(log, tmp_path)["model_utility"]["tofu"] > 0


def test_rows_may_have_different_numbers_of_wrong_answers(tmp_path):
    log = made_log(6)
    part = log["eval_real_author_wo_options.json"]
    part["average_perturb_loss"]["2"] = [1.5]
    part["avg_gt_loss"]["2"] = 1.5
    shares = [
        1 / (1 + sum(np.exp(own - w) for w in part["average_perturb_loss"][row]))
        for row, own in part["avg_gt_loss"].items()
    ]
    found = scored(log, tmp_path)["model_utility"]["parts"]["real_authors_probability_with_options"]
    assert found == pytest.approx(np.mean(shares))


@pytest.mark.parametrize("group", ["retain", "real_authors", "world_facts"])
def test_without_a_part_there_is_no_utility_and_what_is_missing_is_named(tmp_path, group):
    log = made_log(7)
    del log[PARTS[group]]
    found = scored(log, tmp_path, made_log(8))
    utility = found["model_utility"]
    assert utility["tofu"] is None is utility["open_unlearning"]
    assert len(utility["missing"]) in (4, 5)
    assert all(name.startswith(group) for name in utility["missing"])
    assert found["forget_quality"]["n"] == 9
    assert found["notes"] == [f"no model utility: the log has no {PARTS[group]}, so parts are missing"]


def test_without_a_forget_part_there_is_utility_and_no_forget_quality(tmp_path):
    log = made_log(9)
    del log[FORGET]
    found = scored(log, tmp_path, made_log(8))
    assert found["forget_quality"] is None
    assert found["model_utility"]["tofu"] == scored(made_log(9), tmp_path)["model_utility"]["tofu"]
    assert found["notes"] == [f"no forget quality: the log has no {FORGET}"]


def test_without_a_reference_it_is_said_why_there_is_no_forget_quality(tmp_path):
    found = scored(made_log(9), tmp_path)
    assert found["forget_quality"] is None
    assert "never learned; give its log as --reference" in found["notes"][0]


def test_recalls_that_are_not_stored_are_made_of_the_texts(tmp_path):
    log = made_log(10)
    del log["eval_log.json"]["rougeL_recall"]
    found = scored(log, tmp_path)["model_utility"]["parts"]
    assert found["retain_rouge_l_recall"] == 0.5  # "number" and the row, of "Number 3 it is"
    log["eval_log.json"]["generated_text"]["3"] = ["", "nothing of it", "Number 3 it is"]
    assert scored(log, tmp_path)["model_utility"]["parts"]["retain_rouge_l_recall"] == (0.5 * 6 + 0.25) / 7


# Two logs that cannot be compared


def test_logs_about_other_rows_are_not_compared(tmp_path):
    reference = made_log(8, rows={FORGET: 8})
    with pytest.raises(BadInput, match=r'different forget sets: row "8" is in only one .* \(9 and 8 rows\)'):
        scored(made_log(7), tmp_path, reference)


def test_logs_with_the_same_row_numbers_and_other_answers_are_not_compared(tmp_path):
    reference = made_log(8)
    texts = reference[FORGET]["generated_text"]
    texts["0"][2] = "NUMBER 0, it is."  # another tokenizer's spelling is no other answer
    assert scored(made_log(7), tmp_path, reference)["forget_quality"]
    for row in texts:
        texts[row][2] = f"Somebody else's answer {row}"
    with pytest.raises(BadInput, match="the true answers of 9 of 9 rows differ, the first in row"):
        scored(made_log(7), tmp_path, reference)


def test_texts_of_another_shape_are_no_obstacle_where_nothing_is_asked_of_them(tmp_path):
    reference = made_log(8)
    reference[FORGET]["generated_text"] = dict.fromkeys(reference[FORGET]["avg_gt_loss"], "a text")
    assert scored(made_log(7), tmp_path, reference)["forget_quality"]["n"] == 9


def test_a_reference_without_a_forget_set_is_refused(tmp_path):
    reference = made_log(8)
    del reference[FORGET]
    with pytest.raises(MissingReference, match="has no eval_log_forget"):
        scored(made_log(7), tmp_path, reference)
