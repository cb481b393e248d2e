"""The study of smoothing, read: frame, tables, differences from Adam, and how far attacks go beyond."""

from __future__ import annotations

import copy
import json
import math
from dataclasses import replace

import pytest
from scipy import stats

from unlearnkit.errors import BadInput
from unlearnkit.studies.intervals import Interval
from unlearnkit.studies.smoothing_answer import smoothing_answer
from unlearnkit.studies.smoothing_table import smoothing_frame, smoothing_table
from unlearnkit.studies.sweep_table import sweep_frame, sweep_table

ALL, INSIDE = "all weights", "attack subspace"
T2 = 4.30265273  # Student's 97.5 % quantile at 2 degrees of freedom
COUNTS = {"adam": (220, 240, 260), "sgd": (260, 270, 295)}


def radius(count, sigma=0.03):
    """By the book: Clopper-Pearson at 0.001, then sigma times the normal quantile."""
    low = stats.binomtest(count, 300, alternative="greater").proportion_ci(0.999, "exact").low
    return sigma * stats.norm.ppf(low)


def runs(**more):
    return [
        {"name": name, "fold": fold, "forgotten": (count, count), **more}
        for name, counts in COUNTS.items()
        for fold, count in enumerate(counts, start=1)
    ]


@pytest.fixture(scope="module")
def record(smooth_study_of):
    return smooth_study_of(*runs())


# The frame


def test_a_row_holds_what_follows_from_the_counts(smooth_study_of):
    frame = smoothing_frame(smooth_study_of({"forgotten": (300, 280)}))
    one = frame[(frame.name == "adam") & (frame["where"] == ALL)].iloc[0]
    assert (one.sigma, one.samples, one.dimensions) == (0.03, 300, 1000)
    assert one.radius == pytest.approx((radius(300) + radius(280)) / 2)
    assert one.longest == pytest.approx(0.03 * stats.norm.ppf(0.001 ** (1 / 300)))
    assert one.split == pytest.approx(radius(280))
    assert (one.works, one.kept, one.floor) == (True, 57 / 60, 0.8)
    assert (one.rounding, one.relearning, one.distance_l2) == (19.0, 0.9, 4.0)


def test_the_excess_is_what_the_target_under_the_same_noise_does_not_get(smooth_study_of):
    made = smooth_study_of({"forgotten": (300, 290)}, {"fold": 2, "forgotten": (300, 290)})
    target = made["controls"][0]["measures"]["certificates"][0]["model"]
    assert made["controls"][0]["control"] == "target"
    target["forgotten"] = [290, 0]  # on fold 1, on all weights: one of two facts
    frame = smoothing_frame(made)
    mine = frame[frame.name == "adam"].set_index(["fold", "where"]).excess
    assert mine.to_dict() == {(1, ALL): 0.5, (1, INSIDE): 1.0, (2, ALL): 1.0, (2, INSIDE): 1.0}


def test_a_model_that_does_not_work_certifies_nothing(smooth_study_of):
    frame = smoothing_frame(smooth_study_of({"forgotten": (300, 300), "kept": 47}))
    one = frame[frame.name == "adam"].iloc[0]
    assert (one.works, one.share, one.excess, one.radius, one.longest, one.split) == (False, 0, 0, 0, 0, 0)


def test_within_the_subspace_attacks_have_a_part_inside(record):
    frame = smoothing_frame(record).set_index("where")
    assert set(frame.relearning_inside[ALL]) == {0.9}
    assert set(frame.relearning_inside[INSIDE]) == {0.09}


def test_a_run_that_diverged_is_left_out(smooth_study_of):
    made = smooth_study_of(*runs())
    made["rows"][0]["measures"] = None
    assert len(smoothing_frame(made)) == len(smoothing_frame(smooth_study_of(*runs()))) - 2


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda r: r.pop("controls"), "record has no controls"),
        (lambda r: r["controls"].clear(), "no control is the target of topic, fold 1, under the same noise"),
        (lambda r: r["rows"][1].pop("attacks"), "row 1 has no attacks"),
        (lambda r: r["rows"][0]["measures"]["certificates"][0].pop("where"), "row 0 has no where"),
        (
            lambda r: r["rows"][0]["measures"]["certificates"][0]["model"].update(split=None),
            "without a split",
        ),
    ],
)
def test_a_record_that_is_not_whole_says_what_is_missing(record, change, said):
    broken = copy.deepcopy(record)
    change(broken)
    with pytest.raises(BadInput, match=said):
        smoothing_frame(broken)


# Tables


def test_the_table_has_every_model_with_means_over_folds(record):
    lines = smoothing_table(record, task="topic", where=ALL, sigma=0.03).splitlines()
    assert [line.split(" | ")[0].strip("| ") for line in lines[2:]] == [
        "adam",
        "sgd",
        "target",
        "never_learned",
    ]
    adam = lines[2].split(" | ")
    mean = sum(radius(count) for count in COUNTS["adam"]) / 3
    assert adam[1:3] == ["3 forgotten", "3 of 3"]
    assert adam[6].startswith(f"{mean:.3g} [")
    assert adam[5] == "+1.00"
    middle = sorted(0.9 / radius(count) for count in COUNTS["adam"])[1]
    assert adam[9] == f"{middle:.4g} |"


def test_within_a_subspace_the_table_says_how_much_of_an_attack_lies_in_it(record):
    adam = smoothing_table(record, task="topic", where=INSIDE, sigma=0.8).splitlines()[2]
    assert adam.endswith("(1.00% inside) |")


def test_where_nothing_is_certified_attacks_are_beyond(smooth_study_of):
    made = smooth_study_of(*runs(kept=40))
    adam = smoothing_table(made, task="topic", where=ALL, sigma=0.03).splitlines()[2]
    assert adam.endswith("| beyond | beyond |")
    assert "0 of 3" in adam


@pytest.mark.parametrize(
    ("wanted", "said"),
    [({"task": "entities"}, "task: .* 'entities'; it has topic"), ({"sigma": 0.1}, "sigma: .*it has 0.03"),
     ({"where": "here"}, "where: ")],
)  # fmt: skip
def test_a_noise_that_was_not_made_is_named(record, wanted, said):
    with pytest.raises(BadInput, match=said):
        smoothing_table(record, **({"task": "topic", "where": ALL, "sigma": 0.03} | wanted))


def test_sweeps_say_on_how_many_folds_smoothing_has_content(smooth_study_of):
    made = smooth_study_of({}, {"fold": 2, "content_from": None}, {"fold": 3})
    assert sweep_frame(made).shape[0] == 3 + 6
    adam = sweep_table(made, task="topic").splitlines()[2]
    assert adam == "| adam | 3 forgotten | 3 at 0.001 | 2 at 0.01, 1 none | 0.25 |"


# Answers


def test_a_difference_from_adam_is_paired_by_fold(record):
    found = smoothing_answer(record).contrast(task="topic", where=ALL, sigma=0.03, optimizer="sgd")
    each = [radius(s) - radius(a) for s, a in zip(COUNTS["sgd"], COUNTS["adam"], strict=True)]
    mean = sum(each) / 3
    spread = math.sqrt(sum((x - mean) ** 2 for x in each) / 2 / 3)
    assert found.radius.mean == pytest.approx(mean)
    assert (found.radius.low, found.radius.high) == pytest.approx((mean - T2 * spread, mean + T2 * spread))
    assert found.split.mean == pytest.approx(mean)
    assert (found.folds, found.works, found.excess.mean) == ((1, 2, 3), (3, 3), 0.0)


def test_verdicts_follow_the_interval(smooth_study_of):
    def verdict(counts, **more):
        rows = [
            {"name": "sgd", "fold": f, "forgotten": (c, c), **more} for f, c in enumerate(counts, start=1)
        ]
        found = smoothing_answer(smooth_study_of(*rows, *runs()[:3]))
        return found.contrast(task="topic", where=ALL, sigma=0.03, optimizer="sgd").verdict

    assert verdict((290, 296, 298)) == "further"
    assert verdict((180, 200, 230)) == "less far"
    assert verdict((150, 299, 200)) == "undecided"
    assert verdict(COUNTS["adam"]) == "alike"
    assert verdict((290, 296, 298), status="destroyed") == "not compared"


def test_the_same_difference_on_every_fold_needs_no_interval(smooth_study_of):
    (found, *_) = smoothing_answer(smooth_study_of(*runs())).contrasts
    assert replace(found, radius=Interval(0.06, 0.06, 0.06, n=3)).verdict == "further"
    assert replace(found, radius=Interval(-0.06, -0.06, -0.06, n=3)).verdict == "less far"
    assert replace(found, radius=Interval(0.06, math.nan, math.nan, n=1)).verdict == "undecided"


def test_where_neither_works_nothing_is_certified_and_nothing_undecided(smooth_study_of):
    found = smoothing_answer(smooth_study_of(*runs(kept=40))).contrasts
    assert {c.verdict for c in found} == {"nothing certified"}


def test_only_folds_of_equal_status_are_compared(smooth_study_of):
    rows = runs()
    rows[-1]["status"] = "over-forgotten"
    found = smoothing_answer(smooth_study_of(*rows)).contrasts[0]
    assert (found.folds, found.unequal) == ((1, 2), {3: "over-forgotten against forgotten"})


def test_the_reach_of_attacks_is_over_runs_of_which_something_is_certified(smooth_study_of):
    rows = runs()
    rows[0] |= {"kept": 40}
    rows[1] |= {"holds": False}
    answer = smoothing_answer(smooth_study_of(*rows))
    found = next(r for r in answer.reaches if (r.where, r.attack) == (INSIDE, "relearning"))
    counts = [count for name in COUNTS for count in COUNTS[name]][1:]
    ratios = [0.9 / radius(count, 0.8) for count in counts]
    assert (found.certified, found.models) == (5, 6)
    assert (found.least, found.most) == pytest.approx((min(ratios), max(ratios)))
    assert found.inside == pytest.approx(0.01)
    assert (found.holds, found.walked) == (5, 6)


def test_an_answer_is_plain_values_and_can_be_shown(record):
    answer = smoothing_answer(record)
    content = json.loads(json.dumps(answer.to_dict(), allow_nan=False))
    assert content["contrasts"][0]["verdict"] == answer.contrasts[0].verdict
    assert len(content["reaches"]) == 4
    assert "sgd" in answer._repr_html_()
    with pytest.raises(BadInput, match="no difference from Adam is known of topic"):
        answer.contrast(task="topic", where=ALL, sigma=0.5, optimizer="sgd")


def test_without_adam_there_is_nothing_to_hold_others_against(smooth_study_of):
    with pytest.raises(BadInput, match="no run is Adam's"):
        smoothing_answer(smooth_study_of({"name": "sgd"}))
