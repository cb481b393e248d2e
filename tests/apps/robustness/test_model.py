"""What the explorer shows is the records': means, intervals, controls, matching, and words."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from unlearnkit.apps.robustness.figure import MOST_POINTS, drawn_points, robustness_figure
from unlearnkit.apps.robustness.model import Robustness
from unlearnkit.apps.robustness.words import robustness_rows, robustness_sentence
from unlearnkit.reports.survival import OUTCOME_MARKERS
from unlearnkit.studies.intervals import t_interval

from .attack_rows import attack, model_of, shown_of


def test_every_number_is_the_records(store, comparison):
    shown = shown_of(Robustness(store.attacks(controls=True)), folds=(1,), steps=25)
    for run, row in zip(
        shown.runs.sort_values("optimizer").to_dict("records"),
        sorted(comparison["rows"], key=lambda row: row["optimizer"]),
        strict=True,
    ):
        met = next(a for a in row["attacks"] if a["params"].get("steps") == 25)
        assert run["recovery"] == met["recovery"]["heldout"]
        assert run["knowledge"] == met["scores"]["knowmem_forget_heldout"]
        assert run["retain"] == met["scores"]["knowmem_retain"]
        assert (run["status"], run["outcome"]) == (row["status"], met["outcome"])
    (control,) = [row for row in comparison["controls"] if row["control"] == "never_learned"]
    depth = comparison["rows"][0]["scores"]["nll_forget"] / control["scores"]["nll_forget"]
    assert shown.runs["depth"].iloc[0] == depth


def test_the_mean_is_over_folds_and_seeds_of_a_fold_count_once():
    rows = [
        attack("a", fold=1, seed=0, recovery_heldout=0.1),
        attack("b", fold=1, seed=1, recovery_heldout=0.3),
        attack("c", fold=2, recovery_heldout=0.6),
    ]
    (line,) = shown_of(model_of(*rows)).lines
    assert line.recovery == t_interval([0.2, 0.6])
    assert line.runs == 3


def test_one_fold_has_no_interval():
    (line,) = shown_of(model_of(attack())).lines
    assert (line.recovery.n, math.isnan(line.recovery.low)) == (1, True)


def test_a_wreck_is_drawn_and_counted_and_in_no_mean():
    rows = [
        attack("a", recovery_heldout=0.4),
        attack("b", fold=2, recovery_heldout=-0.2, outcome="destroyed"),
    ]
    shown = shown_of(model_of(*rows))
    assert shown.lines[0].recovery.mean == 0.4
    assert shown.lines[0].outcomes == {"destroyed": 1, "recovered": 1}
    assert len(shown.runs) == 2
    assert OUTCOME_MARKERS["destroyed"] in robustness_figure(shown).data[0].marker.symbol


def test_a_run_that_never_forgot_is_drawn_and_counted_and_in_no_mean_and_no_verdict():
    rows = [
        attack(name + str(fold), optimizer=name, fold=fold, recovery_heldout=value, status=had, outcome=word)
        for name, value, had, word in (
            ("adam", 0.9, "not reached", "not applicable"), ("sgd", 0.0, "forgotten", "survived"),
        )
        for fold in (1, 2)
    ]  # fmt: skip
    rows.append(attack("late", optimizer="sgd", fold=3, recovery_heldout=0.9, outcome="not applicable"))
    rows[-1] |= {"nll_forget_before": 1.0}
    shown = shown_of(model_of(*rows))
    adam, sgd = shown.lines
    assert adam.recovery.n == adam.knowledge.n == adam.retain.n == 0
    assert math.isnan(adam.depth)
    assert (sgd.recovery.mean, sgd.depth) == (0.0, 1.0)
    assert (adam.in_no_mean, sgd.in_no_mean) == ({"not applicable": 2}, {"not applicable": 1})
    assert len(shown.runs) == 5
    assert OUTCOME_MARKERS["not applicable"] in robustness_figure(shown).data[0].marker.symbol
    told = robustness_sentence(shown)
    assert "adam has no run that can be judged (2 not applicable); sgd +0.00" in told
    assert "Runs in no mean: 3 not applicable." in told


def test_over_forgotten_runs_are_listed_apart():
    rows = [
        attack("a", recovery_heldout=0.4),
        attack("b", fold=2, recovery_heldout=0.0, status="over-forgotten", outcome="survived"),
        attack("c", lr=1e-4, recovery_heldout=0.2),
    ]
    lines = shown_of(model_of(*rows)).lines
    assert [(line.name, line.recovery.mean) for line in lines] == [
        ("adam 1e-4", 0.2), ("adam 1e-3", 0.4), ("adam 1e-3 (over-forgotten)", 0.0),
    ]  # fmt: skip


def test_facts_choose_the_half():
    model = model_of(attack(recovery_shown=0.7, recovery_heldout=0.1, knowmem_forget_shown=0.8))
    shown, heldout = (shown_of(model, facts=facts).lines[0] for facts in ("shown", "held-out"))
    assert (shown.recovery.mean, heldout.recovery.mean) == (0.7, 0.1)
    assert shown.knowledge.mean == 0.8


def test_the_control_is_the_same_attack_on_the_same_folds():
    model = Robustness(pd.DataFrame([
        attack("a"), attack("b", fold=2),
        attack("n1", control="never_learned", knowmem_forget_heldout=0.1),
        attack("n2", control="never_learned", fold=2, knowmem_forget_heldout=0.3),
        attack("n3", control="never_learned", steps=25, knowmem_forget_heldout=0.9),
        attack("t", control="target", retain_before=0.95),
    ]))  # fmt: skip
    shown = shown_of(model)
    assert (shown.control.mean, shown.control.low, shown.control.high) == (0.2, 0.1, 0.3)
    assert shown.floor == pytest.approx(0.8 * 0.95)
    assert shown_of(model, folds=(2,)).control.mean == 0.3
    assert model.control_of("b", shown.choice) == ("n2", 0)


def test_controls_of_all_seeds_count_and_answers_are_of_the_runs_own():
    model = Robustness(pd.DataFrame([
        attack("a"), attack("b", seed=1), attack("c", seed=2),
        *(
            attack("n1", control="never_learned", seed=seed, knowmem_forget_heldout=told, knowmem_retain=kept)
            for seed, told, kept in ((0, 0.1, 0.8), (1, 0.5, 1.0))
        ),
        attack("t", control="target"),
    ]))  # fmt: skip
    shown = shown_of(model)
    assert (shown.control.mean, shown.control.n) == (pytest.approx(0.3), 1)
    assert shown.control_retain.mean == pytest.approx(0.9)
    found = [model.control_of(run, shown.choice) for run in ("a", "b", "c", "none")]
    assert found == [("n1", 0), ("n1", 1), None, None]


def test_without_a_control_it_says_so():
    shown = shown_of(model_of(attack(), controls=False))
    assert "no control met this attack" in robustness_sentence(shown)
    robustness_figure(shown)


# Matching


@pytest.mark.parametrize(("nll", "kept"), [(3.0, True), (5.0, True), (2.9, False), (5.1, False)])
def test_matched_depth_is_within_a_quarter_of_the_controls(nll, kept):
    shown = shown_of(model_of(attack(nll_forget_before=nll)), matching="depth")
    assert len(shown.runs) == kept
    assert sum(shown.left_out.values()) == (not kept)


def test_matched_retention_takes_the_nearest_to_what_all_reach():
    rows = [
        attack("a", retain_before=0.99), attack("b", retain_before=0.93, lr=1e-4),
        attack("c", optimizer="sgd", retain_before=0.94),
        attack("d", optimizer="sgd", retain_before=0.80, lr=1e-4),
    ]  # fmt: skip
    shown = shown_of(model_of(*rows), matching="retention")
    assert set(shown.runs["run_id"]) == {"b", "c"}
    assert [line.name for line in shown.lines] == ["adam", "sgd"]  # whatever the rate


def test_matched_retention_leaves_out_a_fold_that_lacks_an_optimizer():
    rows = [attack("a"), attack("b", optimizer="sgd"), attack("c", fold=2)]
    assert set(shown_of(model_of(*rows), matching="retention").runs["run_id"]) == {"a", "b"}


def test_matched_retention_matches_to_no_run_that_never_forgot():
    rows = [
        attack("a", retain_before=0.99), attack("b", retain_before=0.90, lr=1e-4),
        attack("c", optimizer="sgd", retain_before=0.99, outcome="not applicable"),
        attack("d", optimizer="sgd", retain_before=0.90),
    ]  # fmt: skip
    assert set(shown_of(model_of(*rows), matching="retention").runs["run_id"]) == {"b", "d"}


def test_matched_retention_takes_no_run_that_is_far_off():
    rows = [attack("a", retain_before=0.99), attack("b", optimizer="sgd", retain_before=0.85)]
    assert set(shown_of(model_of(*rows), matching="retention").runs["run_id"]) == {"b"}


def test_only_judged_runs_on_demand():
    rows = [attack("a"), attack("b", fold=2, outcome="not applicable")]
    shown = shown_of(model_of(*rows), judged_only=True)
    assert shown.runs["run_id"].tolist() == ["a"]
    assert "Runs left out: 1 (neither survived nor recovered)" in robustness_sentence(shown)


# Words and points


def test_the_sentence_says_on_which_side_of_the_margin_a_mean_is():
    rows = [
        attack(f"{name}{fold}", optimizer=name, fold=fold, recovery_heldout=value + 0.01 * fold)
        for name, value in {"adam": 0.5, "sgd": 0.0, "signadam": 0.08}.items()
        for fold in (1, 2, 3)
    ]
    told = robustness_sentence(shown_of(model_of(*rows)))
    assert "adam +0.52 [+0.50, +0.54], above the margin" in told
    assert "sgd +0.02 [-0.00, +0.04], below the margin" in told or "sgd +0.02 [+0.00, +0.04], below" in told
    assert "signadam +0.10 [+0.08, +0.12], undecided" in told


def test_rates_part_the_lines_of_an_optimizer():
    rows = robustness_rows(shown_of(model_of(attack("a", lr=1e-3), attack("b", lr=1e-4, fold=2))))
    assert [row["optimizer"] for row in rows] == ["adam 1e-4", "adam 1e-3"]


def test_very_many_runs_are_drawn_by_fold():
    rows = [attack(str(i), seed=i, fold=1 + i % 2) for i in range(MOST_POINTS + 2)]
    points = drawn_points(shown_of(model_of(*rows)))
    assert len(points) == 2
    assert points["recovery"].tolist() == pytest.approx([0.2, 0.2])


def test_very_many_runs_in_no_mean_are_drawn_apart():
    words = ("recovered", "destroyed", "not applicable")
    values = dict(zip(words, (0.2, -0.5, 0.9), strict=True))
    rows = [
        attack(str(i), seed=i, outcome=words[i % 3], recovery_heldout=values[words[i % 3]])
        for i in range(MOST_POINTS + 2)
    ]
    points = drawn_points(shown_of(model_of(*rows))).set_index("outcome")["recovery"]
    assert points.to_dict() == pytest.approx({
        "a fold's mean": 0.2, "destroyed": -0.5, "not applicable": 0.9,
    })  # fmt: skip


def test_hostile_names_are_escaped_in_the_figure():
    figure = robustness_figure(shown_of(model_of(attack(optimizer="<a href='x'>adam</a>"))))
    assert figure.layout.yaxis.ticktext == ("&lt;a href=&#x27;x&#x27;&gt;adam&lt;/a&gt;",)
    assert "<a" not in str(figure.data[0].customdata)
