"""The page holds what the records hold, asks nobody for anything, and nothing in a record is markup."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import re
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from unlearnkit.errors import BadInput
from unlearnkit.records import RunStore
from unlearnkit.reports import html
from unlearnkit.reports.collected import problems_of
from unlearnkit.reports.page import page_of

VOID = {"meta", "link", "br", "img", "input"}


class Page(HTMLParser):
    """What a browser would see: elements with attributes, and the text of each script."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.scripts, self.text, self.open = [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, f"</{tag}> closes another element"

    def handle_data(self, data):
        if self.open and self.open[-1] == "script":
            self.scripts.append((self.elements[-1][1].get("type"), data))
        else:
            self.text.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def words(self):
        return " ".join(" ".join(self.text).split())


@pytest.fixture(scope="module")
def shipped_page(shipped_problems):
    return Page(page_of(shipped_problems))


@pytest.fixture(scope="module")
def empty_page():
    return Page(page_of([]))


# What it says


def test_every_number_of_the_shipped_table_is_there(shipped_page):
    for said in ("1.93", "over-forgotten", "0.96 / 0.94", "0.22 / 0.00", "608", "437df69907", "x destroyed"):
        assert said in shipped_page.words


def test_over_forgotten_runs_stand_apart(shipped_page):
    assert "Runs that forgot, within 25% of the control’s depth: none." in shipped_page.words
    assert "Apart: over-forgotten runs, more than 25% deeper than the control" in shipped_page.words


def test_every_figure_has_its_twins(shipped_page):
    figures = shipped_page.all("figure")
    assert len(figures) == 7  # depth and cost for two kinds of attack, the frontier, two recovery curves
    assert len(_drawn(shipped_page)) == len(figures)
    assert all(figure["data"] for figure in _drawn(shipped_page))
    assert sum(a.get("class") == "twin" for _, a in shipped_page.elements) >= len(figures)


def test_the_recovery_curve_is_the_records(shipped, shipped_page):
    curve = next(drawn for drawn in _drawn(shipped_page) if "never learned (control)" in _names(drawn))
    row = next(row for row in shipped["rows"] if row["optimizer"] == "adam")
    heldout = [scored["scores"]["knowmem_forget_heldout"] for scored in (row, *row["attacks"][1:])]
    assert curve["data"][0]["x"] == [0, 25, 100]
    assert curve["data"][0]["y"] == pytest.approx(heldout)


def _drawn(page):
    found = [json.loads(text) for kind, text in page.scripts if kind == "application/json"]
    return [figure for figure in found if "data" in figure]


def _names(figure):
    return [trace.get("name") for trace in figure["data"]]


def test_the_frontier_is_wide_enough_for_the_records(shipped_page):
    (frontier,) = [figure for figure in _drawn(shipped_page) if "sgd: these records" in _names(figure)]
    deepest = max(x for trace in frontier["data"] if trace["name"].endswith("records") for x in trace["x"])
    assert frontier["layout"]["xaxis"]["range"][1] > deepest


def test_an_empty_store_is_said_to_be_empty(empty_page):
    assert "There is no run in these records" in empty_page.words
    assert not empty_page.all("table")
    assert not empty_page.all("figure")


def test_runs_without_controls_are_shown_and_not_judged(run_row):
    row = run_row(status="no control", recoveries={})
    page = Page(page_of(problems_of([row], [])))
    assert "No control was recorded" in page.words
    assert "no control" in page.words
    assert not page.all("figure")


@pytest.mark.parametrize("missing", ["scores", "cost", "attacks", "lr", "seed", "steps", "batch_size"])
def test_a_run_that_lacks_a_field_is_shown(run_row, control_rows, missing):
    row = run_row(status="diverged")
    del row[missing]
    page = Page(page_of(problems_of([row, run_row("sgd")], control_rows(1, ["relearn-100"]))))
    assert "1 diverged" in page.words


def test_numbers_that_are_none_are_dashes(run_row, control_rows):
    row = run_row(status="diverged")
    row["scores"] = row["scores"] | {"nll_forget": float("nan")}
    page = page_of(problems_of([row], control_rows(1, ["relearn-100"])))
    assert "NaN" not in page.split("<footer>")[0]
    assert ">nan<" not in page


def test_tasks_and_objectives_stand_apart(run_row):
    rows = [run_row(), run_row(task="other"), run_row(objective="graddiff")]
    page = Page(page_of(problems_of(rows, [])))
    assert "other task, npo" in page.words
    assert "toy task, graddiff" in page.words


# What it asks for


def test_nothing_is_loaded_from_elsewhere(shipped_page):
    loading = {"src", "srcset", "action", "poster", "data", "background", "ping", "formaction", "manifest"}
    for tag, attributes in shipped_page.elements:
        assert not loading & set(attributes), tag
        if tag == "link":
            assert attributes == {"rel": "icon", "href": "data:,"}
        elif "href" in attributes:
            assert attributes["href"].startswith(("#", "data:text/csv"))


def test_the_style_loads_nothing(shipped_problems):
    style = re.search(r"<style>(.*?)</style>", page_of(shipped_problems), flags=re.DOTALL).group(1)
    assert "url(" not in style
    assert "@import" not in style


def test_only_our_own_scripts_may_run(shipped_page):
    (policy,) = [a["content"] for a in shipped_page.all("meta") if "Policy" in a.get("http-equiv", "")]
    run = [text for kind, text in shipped_page.scripts if kind is None]
    assert len(run) == 2  # plotly, once, and the page's own
    hashes = {base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in run}
    assert set(re.findall(r"'sha256-(.*?)'", policy)) == hashes
    assert "default-src 'none'" in policy
    assert "unsafe-inline" not in policy.split("style-src")[0]


# What it is for those who cannot see it


def test_headings_come_in_order(shipped_page, empty_page):
    for page in (shipped_page, empty_page):
        levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h[1-6]", tag)]
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(after <= before + 1 for before, after in pairwise(levels))


def test_tables_have_captions_and_scopes(shipped_page):
    assert len(shipped_page.all("caption")) == len(shipped_page.all("table")) > 0
    assert all(th["scope"] in ("col", "row", "rowgroup") for th in shipped_page.all("th"))


def test_figures_have_names(shipped_page):
    plots = [a for a in shipped_page.all("div") if a.get("class") == "plot"]
    assert plots
    assert all(plot["role"] == "img" and plot["aria-label"] for plot in plots)


def test_ids_are_there_once_and_links_lead_to_them(shipped_page):
    ids = [a["id"] for _, a in shipped_page.elements if "id" in a]
    assert len(set(ids)) == len(ids)
    named = [a["aria-labelledby"] for _, a in shipped_page.elements if "aria-labelledby" in a]
    links = [a["href"][1:] for a in shipped_page.all("a") if a["href"].startswith("#")]
    assert set(named + links) <= set(ids)


def test_the_language_and_the_skip_link_are_there(shipped_page):
    assert shipped_page.all("html") == [{"lang": "en"}]
    assert shipped_page.all("a")[0] == {"class": "skip", "href": "#main"}


# Hostile text


def test_hostile_text_stays_text(hostile_problems, hostile, shipped_page):
    page = Page(page_of(hostile_problems))
    assert hostile in " ".join(page.text)
    assert {tag for tag, _ in page.elements} <= {tag for tag, _ in shipped_page.elements} | {"h3"}
    allowed = {name for _, attributes in shipped_page.elements for name in attributes}
    assert {name for _, attributes in page.elements for name in attributes} <= allowed
    assert not [a for a in page.all("a") if "javascript" in a["href"]]
    assert len([text for kind, text in page.scripts if kind is None]) == 2
    assert page.open == []


def test_plotly_is_given_no_markup(hostile_problems):
    page = Page(page_of(hostile_problems))
    own = "<br>"  # in our own hover texts
    for kind, text in page.scripts:
        if kind == "application/json":
            assert "<" not in json.dumps(json.loads(text)).replace(own, "").replace("<extra></extra>", "")


# What can be taken away


@pytest.fixture
def tables_of(shipped_page):
    found = {a["download"]: a["href"] for a in shipped_page.all("a") if "download" in a}
    texts = {name: base64.b64decode(href.split(",")[1]).decode("utf-8-sig") for name, href in found.items()}
    return {name: list(csv.DictReader(io.StringIO(text))) for name, text in texts.items()}


def test_the_csv_holds_the_records(tables_of, shipped):
    rows = {row["run_id"]: row for row in tables_of["runs.csv"]}
    assert set(rows) == {row["run_id"] for row in (*shipped["rows"], *shipped["controls"])}
    one = shipped["rows"][0]
    assert float(rows[one["run_id"]]["nll_forget"]) == one["scores"]["nll_forget"]
    met = [row for row in tables_of["attacks.csv"] if row["run_id"] == one["run_id"]]
    assert [row["outcome"] for row in met] == [attack["outcome"] for attack in one["attacks"]]
    assert float(met[2]["recovery_heldout"]) == one["attacks"][2]["recovery"]["heldout"]


@pytest.mark.parametrize("text", ["=HYPERLINK(1)", "+1", "-1", "@x", "\t=1"])
def test_a_spreadsheet_runs_nothing(run_row, text):
    page = Page(page_of(problems_of([run_row(notes=text, tags=[text])], [])))
    (href,) = [a["href"] for a in page.all("a") if a.get("download") == "runs.csv"]
    (row,) = csv.DictReader(io.StringIO(base64.b64decode(href.split(",")[1]).decode("utf-8-sig"), newline=""))
    assert row["notes"] == row["tags"] == f"'{text}"


# Writing


def test_the_same_records_make_the_same_file(shipped, tmp_path):
    with RunStore.in_memory([shipped]) as store:
        one, two = (html(store, tmp_path / name).read_bytes() for name in ("a.html", "b.html"))
    assert one == two


def test_a_tag_chooses(shipped, tmp_path):
    with RunStore.in_memory([shipped]) as store:
        store.tag(shipped["rows"][0]["run_id"], "<mine>")
        page = Page(html(store, tmp_path / "a.html", tag="<mine>").read_text(encoding="utf-8"))
    assert "Only runs with tag <mine> ." in page.words
    assert "1 run: 1 over-forgotten." in page.words


def test_a_folder_is_no_file(tmp_path):
    with RunStore.in_memory([]) as store, pytest.raises(BadInput, match="is a folder"):
        html(store, tmp_path)
