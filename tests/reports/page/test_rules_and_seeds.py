"""The page prints the margin that judged, and counts folds and seeds for what they are."""

from __future__ import annotations

import base64
import csv
import io
import re

import pytest

from unlearnkit.records import RunStore
from unlearnkit.reports.collected import collect, problems_of
from unlearnkit.reports.page import page_of
from unlearnkit.reports.page.downloads import downloads
from unlearnkit.reports.page.frontiers import frontier_of, shipped_frontiers
from unlearnkit.reports.page.points import cost_figures, depth_figures
from unlearnkit.reports.page.survival import controls_table, survival_sentences

LOW, USUAL = "recovery-0.05", "recovery-0.10"


def words_of(problems):
    """The page's text, without scripts and tags."""
    page = re.sub(r"<(script|style)\b.*?</\1>", "", page_of(problems), flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]*>", "", page).split())


def margins_of(figure):
    layout = figure.content["layout"]
    heights = [s["y0"] for s in layout["shapes"] if s["line"].get("dash") == "dash"]
    return heights, [a["text"] for a in layout["annotations"] if "margin" in a["text"]]


def csv_of(problems, name):
    (one,) = [one for one in downloads(problems) if one.name == name]
    text = base64.b64decode(one.address.split(",")[1]).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text)))


# The margin


@pytest.mark.parametrize(("rule", "margin"), [(None, "0.10"), (LOW, "0.05")])
def test_the_margin_is_the_rules(problem_of, run_row, rule, margin):
    problem = problem_of(run_row(rule=rule))
    words = words_of([problem])
    assert f"came back at most {margin}, at every budget" in words  # the legend
    assert f"held-out facts at most {margin} at every budget" in words  # the rules
    assert f"above {margin} a run has recovered" in words  # the controls
    for figure in (*depth_figures(problem), *cost_figures(problem)):
        assert margins_of(figure) == ([float(margin)], [f"survival margin {margin}"])


def test_several_rules_are_named_and_drawn(problem_of, run_row):
    problem = problem_of(run_row(rule=USUAL), run_row(fold=2, rule=LOW))
    warning = f"judged under 2 rules: {LOW}, {USUAL}"
    assert warning in survival_sentences(problem)[0]
    assert f"at most 0.05 (under rule {LOW}) or 0.10 (under rule {USUAL})" in words_of([problem])
    for figure in (*depth_figures(problem), *cost_figures(problem)):
        assert margins_of(figure)[0] == [0.05, 0.10]
        assert margins_of(figure)[1] == [f"survival margin 0.05 ({LOW})", f"survival margin 0.10 ({USUAL})"]
        assert warning in figure.sentences[-1]


def test_an_unknown_rule_draws_no_line(problem_of, run_row):
    problem = problem_of(run_row(rule="by eye"))
    assert margins_of(next(depth_figures(problem))) == ([], [])
    assert "an unknown margin (under rule by eye)" in words_of([problem])


def test_a_store_that_was_judged_again_shows_its_rule(shipped):
    with RunStore.in_memory([shipped]) as store:
        store.rejudge(LOW)
        problems = collect(store)
    assert "came back at most 0.05, at every budget" in words_of(problems)
    attacks = csv_of(problems, "attacks.csv")
    assert {row["rule"] for row in attacks if not row["control"]} == {LOW}
    assert {row["rule"] for row in attacks if row["control"]} == {""}  # controls are not judged


# Folds and seeds


@pytest.fixture
def two_seeds(run_row, control_rows):
    """Fold 1 with seeds 0 and 1, whose never_learned differ, fold 2 with seed 0; ids are alike over seeds."""
    attacks = ["relearn-100"]
    controls = [
        *control_rows(1, attacks, nll=2.0), *control_rows(1, attacks, seed=1, nll=4.0),
        *control_rows(2, attacks, nll=6.0),
    ]  # fmt: skip
    (problem,) = problems_of([run_row(), run_row(seed=1), run_row(fold=2)], controls)
    return problem


def test_controls_of_every_seed_are_in_the_csv(two_seeds):
    rows = [row for row in csv_of([two_seeds], "runs.csv") if row["control"] == "never_learned"]
    assert [(row["fold"], row["seed"]) for row in rows] == [("1", "0"), ("1", "1"), ("2", "0")]


def test_controls_are_counted_and_averaged_by_fold(two_seeds, problem_of, run_row):
    rows = {row[0]: row for row in controls_table(two_seeds).blocks[0].rows}
    assert rows["never_learned"][1] == "2 (2 seeds)"
    assert str(rows["never_learned"][2]) == "4.50"  # of 3 on fold 1 and 6 on fold 2
    one_seed = controls_table(problem_of(run_row(), run_row(fold=2))).blocks[0].rows
    assert {row[1] for row in one_seed} == {"2"}


def test_an_arm_of_one_fold_says_so_at_the_frontier(run_row):
    where = {"task": "entities", "objective": "npo"}
    runs = [run_row(**where), run_row(fold=2, status="over-forgotten", **where), run_row("sgd", **where)]
    (problem,) = problems_of([*runs, run_row("sgd", fold=2, **where)], [])
    said = frontier_of(problem, shipped_frontiers()).sentences[0]
    assert "means over folds" not in said
    assert "adam (forgotten; 1 of 2 folds) at" in said
    assert "adam (over-forgotten; 1 of 2 folds) at" in said
    assert "sgd (forgotten) at" in said
