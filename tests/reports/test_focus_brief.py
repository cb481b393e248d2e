"""The brief says what was paid and what survived, by status, and no more than the records can say."""

from __future__ import annotations

import json
from html.parser import HTMLParser

from unlearnkit.records import RunStore
from unlearnkit.reports import brief
from unlearnkit.reports.focus_brief import MOST_COMPARISONS, brief_of


def test_the_shipped_records_are_too_few(shipped):
    with RunStore.in_memory([shipped]) as store:
        page = brief(store).markdown
    assert "**Too few to decide: no run stopped" in page
    assert (
        "| first order | sgd | over-forgotten | 1 | 1 | 1.93 | 608 | 44 | 1 destroyed | 1 recovered |" in page
    )


def test_an_empty_store_is_said_to_be_empty():
    with RunStore.in_memory([]) as store:
        page = brief(store)
    assert "There is no run" in page.markdown
    assert "There is no run" in page._repr_html_()


def test_statuses_stand_apart(problem_of, run_row):
    page = brief_of([problem_of(run_row(), run_row(fold=2, status="over-forgotten"))]).markdown
    assert "| adam | forgotten | 1 | 1 |" in page
    assert "| adam | over-forgotten | 1 | 2 |" in page


def test_it_stays_a_page(problem_of, run_row):
    rates = [1e-4 * 1.3**n for n in range(20)]
    signs = [run_row("signadam", grade="first order, sign", lr=lr) for lr in rates]
    (part,) = brief_of([problem_of(run_row(), *signs)]).parts
    assert len(part.comparisons) == MOST_COMPARISONS + 1
    assert part.comparisons[-1].startswith(f"{len(rates) - MOST_COMPARISONS} more")


def test_runs_without_cost_or_attacks_have_dashes(problem_of, run_row):
    page = brief_of([problem_of(run_row(cost=None, attacks=[]))]).markdown
    assert "| 1.00 | – | 2 | 1 not attacked |" in page


def test_markdown_stays_what_it_is(hostile_problems, hostile):
    page = brief_of(hostile_problems).markdown
    assert hostile not in page
    rows = [line for line in page.splitlines() if line.startswith("|")]
    assert len({line.replace("\\|", "").count("|") for line in rows}) == 1
    assert "\\<script\\>" in page


def test_html_stays_what_it_is(hostile_problems, hostile):
    tags = []
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attributes: tags.append((tag, tuple(attributes)))
    parser.feed(brief_of(hostile_problems)._repr_html_())
    assert {tag for tag, _ in tags} == {
        "h3",
        "h4",
        "p",
        "b",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "ul",
    }
    assert {attributes for _, attributes in tags} == {(), (("scope", "col"),)}


def test_it_can_be_kept_as_json(shipped_problems):
    content = json.loads(json.dumps(brief_of(shipped_problems).to_dict()))
    assert content["parts"][0]["rows"][0][1] == "adam"


def test_another_rule_than_todays_is_named(problem_of, run_row):
    usual, low = run_row(), run_row(fold=2, rule="recovery-0.05")
    assert "judged" not in brief_of([problem_of(usual)]).markdown
    assert "with the margin 0.05 (recovery-0.05)" in brief_of([problem_of(low)]).markdown
    assert "under 2 rules: recovery-0.05, recovery-0.10" in brief_of([problem_of(usual, low)]).markdown
