"""PrivLeak has MUSE's sign, bounds and published values, whichever way round the AUC is taken."""

from __future__ import annotations

import json

import numpy as np
import pytest

from unlearnkit.errors import BadInput, UnknownName
from unlearnkit.metrics import auc
from unlearnkit.metrics.muse.privleak import AUC_RETRAIN, against, privleak, score_privleak

NONE, SAME, OVER = (1.0, 2.0), (3.0, 4.0), (5.0, 6.0)  # known by heart, as never seen, less likely than that


# AUCs of forget against holdout in FailureLLMUnlearning's logs, and PrivLeak of them
@pytest.mark.parametrize(
    ("auc_value", "corpus", "published"),
    [(0.4224, "muse_books", -21.7), (0.2313, "muse_books", -57.1), (1.0, "muse_news", 109.6)],
)
def test_published_values(auc_value, corpus, published):
    assert against(auc_value, AUC_RETRAIN[corpus]) == pytest.approx(published, abs=0.06)


@pytest.mark.parametrize(("corpus", "highest"), [("muse_news", 109.6), ("muse_books", 85.4)])
def test_the_bounds_are_unequal_and_reached(corpus, highest):
    nothing = privleak(NONE, SAME, reference=corpus)
    over = privleak(OVER, SAME, reference=corpus)
    assert nothing.bounds == over.bounds == (-100.0, pytest.approx(highest, abs=0.06))
    assert nothing.value == -100.0
    assert over.value == pytest.approx(highest, abs=0.06)


def test_a_model_like_the_reference_leaks_nothing():
    found = privleak([1.0, 4.0], [2.0, 3.0], reference=0.5)
    assert (found.value, found.auc) == (0.0, 0.5)


def test_both_orientations_of_the_auc_give_one_number():
    """muse_bench ranks holdout as the positive class by -score; open-unlearning takes 1 - AUC."""
    draw = np.random.default_rng(0)
    forget, holdout = draw.gamma(2, 1, 30), draw.gamma(3, 1, 40)
    retrained = draw.gamma(3, 1, 30), draw.gamma(3, 1, 40)
    in_muse = [auc(-np.array(h), -np.array(f)).value for f, h in ((forget, holdout), retrained)]
    muse = (1 - in_muse[0] - (1 - in_muse[1])) / (1 - in_muse[1]) * 100
    in_theirs = [auc(f, h).value for f, h in ((forget, holdout), retrained)]
    theirs = ((1 - in_theirs[0]) - (1 - in_theirs[1])) / (1 - in_theirs[1] + 1e-10) * 100
    found = privleak(forget, holdout, reference=retrained)
    assert found.value == pytest.approx(muse) == pytest.approx(theirs, abs=1e-6)
    assert found.value < 0  # forget is better known than holdout
    counted = np.mean([(h < f) + (h == f) / 2 for f in forget for h in holdout])
    assert found.auc == pytest.approx(counted)


def test_forgetting_raises_it():
    holdout = np.linspace(2, 4, 21)
    values = [privleak(holdout + shift, holdout, reference=0.5).value for shift in (-3, -1, 0, 1, 3)]
    assert values == sorted(values)
    assert values[0] == -100.0
    assert values[2] == pytest.approx(0.0)
    assert values[-1] == 100.0


def test_the_interval_is_a_bootstrap_over_texts():
    draw = np.random.default_rng(1)
    forget, holdout = draw.normal(0, 1, 50), draw.normal(0.5, 1, 60)
    found = privleak(forget, holdout, reference=0.5, seed=3)
    resampled = []
    for _ in range(1000):
        groups = draw.choice(forget, 50), draw.choice(holdout, 60)
        resampled.append((1 - auc(*groups).value - 0.5) / 0.5 * 100)
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(resampled, [0.025, 0.975])), abs=3)
    assert found.low < found.value < found.high


def test_a_reference_model_is_resampled_with_the_same_texts():
    """Scored against itself a model is always at 0; by its own AUC as a number it would not be."""
    draw = np.random.default_rng(2)
    groups = draw.normal(0, 1, 40), draw.normal(0, 1, 40)
    itself = privleak(*groups, reference=groups)
    assert (itself.low, itself.value, itself.high) == (0.0, 0.0, 0.0)
    number = privleak(*groups, reference=itself.reference_auc)
    assert number.low < -10 < 10 < number.high


def test_seeds_decide_the_interval_and_nothing_else(random_state):
    draw = np.random.default_rng(3)
    groups = draw.normal(0, 1, 20), draw.normal(0, 1, 20)
    before = random_state()
    one, again, other = (privleak(*groups, reference=0.5, seed=seed) for seed in (0, 0, 1))
    assert random_state() == before
    assert one == again
    assert one.value == other.value
    assert (one.low, one.high) != (other.low, other.high)


@pytest.mark.parametrize(
    "value", [0.0, 1.0, 0.0188, 0.981, 0.049, 0.951, -0.2, 1.2, float("nan"), True, "half"]
)
def test_what_is_no_retrained_models_auc_is_refused(value):
    error = UnknownName if isinstance(value, str) else BadInput
    with pytest.raises(error, match="reference"):
        privleak(SAME, SAME, reference=value)


def test_a_reference_that_tells_the_groups_apart_is_refused_too():
    with pytest.raises(BadInput, match="learned them"):
        privleak(SAME, SAME, reference=(NONE, SAME))


def test_an_odd_reference_is_taken_with_a_caution():
    assert "differ by more" in privleak(SAME, SAME, reference=0.8).caution
    assert privleak(SAME, SAME, reference="muse_news").caution == ""


def test_results_can_be_stored_and_shown():
    found = privleak([3.0, 1.0, 2.0], [2.5, 1.5], reference="muse_books")
    stored = json.loads(json.dumps(found.to_dict()))
    assert stored["muse_privleak_min_40"] == found.value
    assert stored["muse_privleak_bounds"] == list(found.bounds)
    assert "muse_bench's constant for muse_books" in stored["muse_privleak_reference"]
    assert "−100 nothing unlearned" in found._repr_html_()


# Logs of other tools


def write(folder, name, value, *, lines=False):
    file = folder / name
    file.write_text("\n".join(map(json.dumps, value)) if lines else json.dumps(value), encoding="utf-8")
    return file


FORGET, HOLDOUT = [3.0, 1.0, 2.0, 4.0], [1.5, 2.5, 3.5, 4.5]  # 6 of 16 pairs: 0.375


@pytest.mark.parametrize(
    ("wrap", "lines"),
    [
        (lambda score: score, False),
        (lambda score: score, True),
        (lambda score: {"text": "x", "PPL": 1.0, "Min-40%": score, "Min-5%": float("nan")}, False),
        (lambda score: {"Min-40% Prob": score}, True),
        (lambda score: {"min_k": score}, False),
        (lambda score: {"min_k_0.4": -score}, False),  # the mean itself, never above 0
        (lambda score: -score, True),
        (lambda score: {"log_probs": [-score, -0.1, -score, -0.2, 0.0]}, False),
    ],
)
def test_every_form_of_a_log_gives_the_same(wrap, lines, tmp_path):
    files = [
        write(tmp_path, name, [wrap(score) for score in scores], lines=lines)
        for name, scores in (("forget.json", FORGET), ("holdout.json", HOLDOUT))
    ]
    found = score_privleak(*files, reference_auc=0.5)
    assert (found["auc"], found["privleak"]) == (0.375, pytest.approx(-25.0))
    assert found["n"] == {"forget": 4, "holdout": 4}
    assert found["bounds"] == [-100.0, 100.0]
    assert found["low"] < -25 < found["high"]


def test_muse_benchs_whole_log_is_read_by_its_groups(tmp_path):
    whole = {
        name: [{"text": "x", "Min-40%": score} for score in scores]
        for name, scores in {"forget": FORGET, "retain": [1.0], "holdout": HOLDOUT}.items()
    }
    file = write(tmp_path, "log.json", whole)
    assert score_privleak(file, file, reference_auc="muse_books")["privleak"] == pytest.approx(
        -30.47, abs=0.01
    )


def test_without_a_reference_it_says_what_it_is_held_against(tmp_path):
    files = write(tmp_path, "f.json", FORGET), write(tmp_path, "h.json", HOLDOUT)
    found = score_privleak(*files)
    assert (found["reference_auc"], found["privleak"]) == (0.5, pytest.approx(-25.0))
    assert "none given" in found["reference"]
    assert json.loads(json.dumps(found)) == found
