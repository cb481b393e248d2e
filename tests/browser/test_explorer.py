"""The robustness view in JupyterLab: every control by keyboard and by mouse, seen in data and in pixels."""

from __future__ import annotations

import ast
import json
import statistics

import pytest
from playwright.sync_api import expect

import unlearnkit as uk

from .controls import click_at, controls
from .explorer_notebook import NAME, RECORDS, write_explorer
from .figures import FIGURES, Figure, different_pixels
from .jupyterlab import view_shown

pytestmark = [pytest.mark.slow, pytest.mark.browser]

FIRST = {
    "task": "entities", "objective": "graddiff", "attack": "relearn", "steps": 100, "matching": "none",
    "facts": "held-out", "judged_only": False, "optimizers": ("adam", "signadam", "sgd"), "folds": (1, 2),
}  # fmt: skip
DRAWN = "__import__('json').dumps([list(trace.x) for trace in explorer.figure.data])"
DARK = "figure => figure._fullLayout.paper_bgcolor === 'rgb(17,17,17)'"
LIGHT_INK = "figure => eyes.traces(figure)[1].colour === '#f0f0f0'"
PRESSES = [lambda box: box.press("Space"), lambda box: box.click()]
CHOICES = ["Task", "Objective", "Attack", "Facts", "Matching"]  # one of several
LISTS = ["Optimizers", "Folds"]  # any of several
SAMPLES = 15


@pytest.fixture(scope="module")
def notebook(browser, jupyterlab, screenshots):
    """A notebook with the view in it, on made-up records that have a choice for every control."""
    address, folder = jupyterlab
    write_explorer(folder)
    with view_shown(browser, address, NAME, screenshots / "explorer-last.png") as notebook:
        yield notebook


@pytest.fixture
def view(notebook):
    """The view as it is at first, on the page as in the kernel."""
    place = notebook.page.locator(".unlearnkit-view")
    choose(notebook, place, **FIRST)
    return place


@pytest.fixture
def figure(view):
    return Figure(view.locator(FIGURES))


def choose(notebook, view, **changes):
    """Choose from Python, and wait until the page has drawn it, too."""
    notebook.ask(f"explorer.choose(**{changes!r})")
    drawn = json.loads(ast.literal_eval(notebook.ask(DRAWN)))
    same = "([figure, x]) => JSON.stringify(eyes.traces(figure).map(one => one.x)) === JSON.stringify(x)"
    notebook.page.wait_for_function(same, arg=[view.locator(FIGURES).element_handle(), drawn])


def control(view, name):
    return view.get_by_label(name, exact=True)


def redrawn(figure, act):
    """Act, and see other data and other pixels."""
    redraw = figure.redraw(act)
    assert redraw.before != redraw.after
    assert redraw.pixels > 50
    return redraw


def wait_for_text(view, text):
    view.get_by_text(text).first.wait_for()


# What the figure shows


@pytest.mark.parametrize("name", CHOICES)
def test_a_choice_by_keyboard(view, figure, name):
    chosen = control(view, name)
    before = chosen.input_value()
    redrawn(figure, lambda: chosen.press("ArrowDown"))
    assert chosen.input_value() != before


@pytest.mark.parametrize("name", CHOICES)
def test_a_choice_by_mouse(view, figure, name):
    # the list that a click unfolds is drawn by the system; the page is told of a choice in it as it is here
    redrawn(figure, lambda: control(view, name).select_option(index=1))


@pytest.mark.parametrize("name", LISTS)
def test_a_list_by_keyboard(view, figure, name):
    redrawn(figure, lambda: control(view, name).press("Home"))


@pytest.mark.parametrize("name", LISTS)
def test_a_list_by_mouse(view, figure, name):
    redrawn(figure, control(view, name).locator("option").last.click)


@pytest.mark.parametrize(
    "act", [lambda slider: slider.press("ArrowLeft"), lambda slider: click_at(slider, 0.05)]
)
def test_the_budget_by_keyboard_and_by_mouse(view, figure, act):
    slider = view.get_by_role("slider", name="Budget")
    assert slider.get_attribute("aria-valuetext") == "100 steps"
    redrawn(figure, lambda: act(slider))
    assert slider.get_attribute("aria-valuetext") == "25 steps"
    wait_for_text(view, "After relearn-25")


@pytest.mark.parametrize("act", PRESSES)
def test_only_judged_runs(notebook, view, figure, act):
    choose(notebook, view, attack="quantize-4")  # which wrecks some of them
    redraw = redrawn(figure, lambda: act(control(view, "only runs that survived or recovered")))
    assert len(redraw.after[0]["x"]) < len(redraw.before[0]["x"])


@pytest.mark.parametrize("act", PRESSES)
def test_dark(view, figure, screenshots, act):
    box, before = control(view, "dark figure"), figure.picture()
    background = "figure => figure._fullLayout.paper_bgcolor"
    light = figure.place.evaluate(background)
    act(box)
    other = f"([figure, light]) => ({background})(figure) !== light"
    view.page.wait_for_function(other, arg=[figure.place.element_handle(), light])
    changed = different_pixels(figure.place, before, figure.picture())
    act(box)
    assert changed > 10_000


def test_in_jupyterlabs_dark_theme(notebook, view, figure, screenshots):
    box = control(view, "dark figure")
    notebook.turn("Dark")
    box.check()
    page = view.page
    page.wait_for_function(DARK, arg=figure.place.element_handle())
    page.wait_for_function(LIGHT_INK, arg=figure.place.element_handle())
    page.screenshot(path=screenshots / "explorer-dark.png")
    paint = "label => getComputedStyle(label).color"
    ink = view.get_by_text("After relearn").first.evaluate(paint)
    assert min(map(int, ink.removeprefix("rgb(").removesuffix(")").split(",")[:3])) > 128  # light on dark
    box.uncheck()
    notebook.turn("Light")


# What stands beside it


@pytest.mark.parametrize("act", [lambda box: box.press("End"), lambda box: box.select_option(index=1)])
def test_a_run_is_picked(view, figure, act):
    before = picked(view)
    act(control(view, "Run"))
    expect(view.locator("tr[aria-current=true] td").first).not_to_have_text(before)
    wait_for_text(view, "Of 2 facts to forget")


@pytest.mark.parametrize("act", [lambda box: box.press("End"), lambda box: box.select_option("heldout")])
def test_facts_are_filtered(view, figure, act):
    facts = view.get_by_role("region", name="Facts after relearn-100")
    expect(facts.locator("tbody tr")).to_have_count(2)
    act(control(view, "Half"))
    expect(facts.locator("tbody tr")).to_have_count(1)
    control(view, "Half").select_option("both halves")
    expect(facts.locator("tbody tr")).to_have_count(2)


@pytest.mark.parametrize(
    "act", [lambda box: box.press("ArrowDown"), lambda box: box.select_option("came back")]
)
def test_answers_are_filtered(view, figure, act):
    facts = view.get_by_role("region", name="Facts after relearn-100")
    act(control(view, "Answers"))
    expect(facts.locator("tbody tr")).to_have_count(1)
    control(view, "Answers").select_option("all facts")
    expect(facts.locator("tbody tr")).to_have_count(2)


def test_a_run_is_picked_in_the_figure(view, figure):
    runs = figure.place.evaluate("figure => figure._fullData[0].customdata.map(told => told[5])")
    wanted = next(run for run in runs if run != picked(view))
    point = figure.place.locator(".xy .trace").first.locator(".point").nth(runs.index(wanted))
    point.scroll_into_view_if_needed()
    box = point.bounding_box()
    at = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    view.page.mouse.move(*at)
    figure.place.locator(".hovertext").wait_for()
    view.page.mouse.click(*at)
    expect(view.locator("tr[aria-current=true] td").first).to_have_text(wanted)


def picked(view):
    """The run that is picked, as the table has it."""
    return view.locator("tr[aria-current=true] td").first.inner_text()


@pytest.mark.parametrize("act", [lambda button: button.press("Enter"), lambda button: button.click()])
def test_the_table_is_saved(view, jupyterlab, act):
    _, folder = jupyterlab
    before = set(folder.glob("robustness*.csv"))
    act(view.get_by_role("button", name="Save table (CSV)"))
    wait_for_text(view, "were written to")
    (path,) = set(folder.glob("robustness*.csv")) - before
    assert len(path.read_text(encoding="utf-8").splitlines()) > 2


@pytest.mark.parametrize("act", [lambda button: button.press("Enter"), lambda button: button.click()])
def test_the_picture_is_saved(view, act):
    with view.page.expect_download() as waiting:
        act(view.get_by_role("button", name="Save picture (PNG)"))
    assert waiting.value.path().read_bytes().startswith(b"\x89PNG")


def test_new_records_are_read(view, figure, jupyterlab):
    _, folder = jupyterlab
    with uk.records.RunStore(folder / RECORDS) as store:
        row = store.get(store.to_frame(task="entities", objective="graddiff").run_id[0])
        store.add(row | {"run_id": "one-more", "seed": 1})
    redraw = redrawn(figure, lambda: view.get_by_role("button", name="Read records again").press("Enter"))
    assert len(redraw.after[0]["x"]) == len(redraw.before[0]["x"]) + 1


# For everybody, and in time


def test_every_control_has_a_name_of_its_own(view):
    found = controls(view)
    assert {"button", "checkbox", "combobox", "listbox", "slider"} <= {one.role for one in found}
    assert [one for one in found if not one.name] == []
    assert len(set(found)) == len(found)


def test_the_keyboard_comes_to_every_control(view):
    """Tab goes from the first control to the last, and no key moves a cell of the notebook."""
    view.locator("select").first.focus()
    reached = set()
    for _ in range(60):
        reached.add(view.page.evaluate("() => document.activeElement.labels?.[0]?.innerText.trim() ?? ''"))
        view.page.keyboard.press("Tab")
    assert {*CHOICES, *LISTS} <= reached


def test_from_key_to_redraw(view, figure, tell):
    slider = view.get_by_role("slider", name="Budget")
    keys = ["ArrowLeft", "ArrowRight"] * SAMPLES
    times = [figure.redraw(lambda key=key: slider.press(key)).milliseconds for key in keys[:SAMPLES]]
    tell(f"key to redraw: {statistics.median(times):.0f} ms at the median, {max(times):.0f} at most")


def test_the_view_had_no_fault(notebook):
    assert notebook.watch.faults() == {}
    assert notebook.page.get_by_text("Error displaying widget").count() == 0
