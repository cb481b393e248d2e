"""The report page, opened from a file: it asks nobody, runs nothing that a record brought, and saves CSV."""

from __future__ import annotations

import csv
import io

import pytest

import unlearnkit as uk

from .controls import controls
from .figures import FIGURES, Figure
from .made_up import made_up_results
from .pages import close, new_page

pytestmark = [pytest.mark.slow, pytest.mark.browser]

# Each would set window.stung if a browser ran it.
STINGS = [
    "<script>window.stung = 1</script>",
    "</script><script>window.stung = 2</script>",
    "<img src=x onerror='window.stung = 3'>",
    "\"><svg onload='window.stung = 4'>",
    "' autofocus onfocus='window.stung = 5' x='",
    "<a href='javascript:window.stung = 6'>here</a>",
    "{{ 7 * 7 }}<!--",
    '=HYPERLINK("https://elsewhere.invalid")',
]


@pytest.fixture
def opened(browser, tmp_path):
    """Write a report of a results.json, and open it from its file: opened(content) gives page and watch."""
    pages = []

    def show(content, **notes):
        with uk.records.RunStore(tmp_path / "runs.sqlite") as store:
            ids = store.add_results(content)
            for run_id, note in zip(ids, notes.get("notes", []), strict=False):
                store.note(run_id, note)
            path = uk.reports.html(store, tmp_path / "report.html")
        page, watch = new_page(browser)
        pages.append(page)
        page.goto(path.as_uri())
        page.wait_for_function("() => document.documentElement.dataset.drawn > 0")
        return page, watch

    yield show
    for page in pages:
        close(page)


def test_it_opens_without_a_request_and_draws_every_figure(opened, screenshots):
    page, watch = opened(made_up_results())
    page.screenshot(path=screenshots / "report.png", full_page=True)
    figures = [Figure(place) for place in page.locator(FIGURES).all()]
    assert len(figures) >= 4
    for figure in figures:
        assert any(trace["x"] for trace in figure.traces())
        assert figure.colours()[0] > 20
    assert [control for control in controls(page.locator("body")) if not control.name] == []
    assert watch.faults() == {}
    assert watch.requests == [page.url]


def test_its_numbers_are_saved_as_csv(opened, tmp_path):
    content = made_up_results()
    page, watch = opened(content)
    with page.expect_download() as waiting:
        page.get_by_role("link", name="Download runs.csv").click()
    assert waiting.value.suggested_filename == "runs.csv"
    text = waiting.value.path().read_text(encoding="utf-8-sig")
    saved = {row["run_id"]: row for row in csv.DictReader(io.StringIO(text))}
    assert set(saved) == {row["run_id"] for row in content["rows"] + content["controls"]}
    first = content["rows"][0]
    assert float(saved[first["run_id"]]["nll_forget"]) == first["scores"]["nll_forget"]
    assert watch.faults() == {}


def test_nothing_that_came_with_a_record_runs(opened, screenshots):
    content = made_up_results()
    for row, sting in zip(content["rows"], STINGS, strict=False):
        for name in ("optimizer", "grade", "objective"):
            row[name] = f"{name}{sting}"
        row["attacks"][0]["name"] = f"attack{sting}"
    content["versions"]["unlearnkit"] = STINGS[1]
    page, watch = opened(content, notes=STINGS)
    page.screenshot(path=screenshots / "report-hostile.png", full_page=True)
    page.evaluate("() => document.querySelectorAll('details').forEach(one => { one.open = true })")
    page.keyboard.press("Tab")
    assert page.evaluate("() => window.stung") is None
    assert page.locator("[onerror], [onload], [onfocus], a[href^='javascript']").count() == 0
    assert page.locator("main").inner_text().count("window.stung") >= len(STINGS)
    assert watch.faults() == {}


def test_a_page_that_runs_them_would_be_noticed(browser):
    page, _ = new_page(browser)
    page.set_content("".join(STINGS))
    page.wait_for_function("() => window.stung")
    close(page)


def test_it_is_dark_for_who_likes_it_dark(opened, screenshots):
    page, watch = opened(made_up_results())
    figure = Figure(page.locator(FIGURES).first)
    light = page.evaluate("() => getComputedStyle(document.body).backgroundColor")
    page.emulate_media(color_scheme="dark")
    page.wait_for_function("light => getComputedStyle(document.body).backgroundColor !== light", arg=light)
    page.wait_for_function(
        "plot => plot._fullLayout.paper_bgcolor !== '#ffffff'", arg=figure.place.element_handle()
    )
    page.screenshot(path=screenshots / "report-dark.png")
    assert watch.faults() == {}
