"""The smoothing view in JupyterLab: sigma by keyboard and button, every control, seen in data and words."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from .controls import controls
from .figures import FIGURES, Figure
from .jupyterlab import view_shown
from .smoothing_notebook import NAME, write_smoothing

pytestmark = [pytest.mark.slow, pytest.mark.browser]

ALL = ["line", "gap", "cosine", "variance", "retention", "certificate", "attack"]
FIRST = {
    "model": "adam", "sigma": 0.01, "attack": "relearning", "share": "split", "simultaneous": False,
    "figures": ALL,
}  # fmt: skip
DARK = "figure => figure._fullLayout.paper_bgcolor === 'rgb(17,17,17)'"
AXES = "figure => figure?._fullLayout?._subplots?.cartesian?.length"


@pytest.fixture(scope="module")
def notebook(browser, jupyterlab, screenshots):
    """A notebook with the view in it."""
    address, folder = jupyterlab
    write_smoothing(folder)
    with view_shown(browser, address, NAME, screenshots / "smoothing-last.png") as notebook:
        yield notebook


@pytest.fixture
def view(notebook):
    """The view as it is at first."""
    notebook.ask(f"explorer.choose(**{FIRST!r})")
    place = notebook.page.locator(".unlearnkit-view")
    expect(place.get_by_text("adam under noise of sigma 0.01.").first).to_be_visible()
    return place


@pytest.fixture
def figure(view):
    return Figure(view.locator(FIGURES).first)


def axes(figure):
    return figure.place.evaluate(AXES)


def test_sigma_by_keyboard_redraws_and_retells(view, figure):
    slider = view.get_by_role("slider", name="Sigma")
    redraw = figure.redraw(lambda: slider.press("ArrowRight"))
    assert redraw.before != redraw.after
    assert redraw.pixels > 50
    expect(slider).to_have_attribute("aria-valuetext", "0.1")
    expect(view.get_by_text("Vacuous: under this noise").first).to_be_visible()


def test_sigma_by_buttons_to_the_end_and_no_further(view):
    slider, larger = view.get_by_role("slider", name="Sigma"), view.get_by_role("button", name="Larger sigma")
    larger.press("Enter")
    expect(slider).to_have_attribute("aria-valuetext", "0.1")
    expect(larger).to_be_disabled()
    view.get_by_role("button", name="Smaller sigma").press("Enter")
    expect(slider).to_have_attribute("aria-valuetext", "0.01")


def test_another_optimizer_is_drawn(view, figure):
    redraw = figure.redraw(lambda: view.get_by_label("Model", exact=True).select_option("adazo"))
    assert redraw.pixels > 50
    expect(view.get_by_text("adazo under noise of sigma 0.01").first).to_be_visible()


def test_one_figure_has_all_the_room(notebook, view, figure, screenshots):
    assert axes(figure) == len(ALL)
    notebook.page.screenshot(path=screenshots / "smoothing.png")
    view.get_by_label("Figures", exact=True).select_option(["certificate"])
    notebook.page.wait_for_function(f"() => ({AXES})(document.querySelector('{FIGURES}')) === 1")
    width = "one => one.getBoundingClientRect().width"
    assert view.locator(FIGURES).first.evaluate(width) > 0.9 * view.evaluate(width)
    notebook.page.screenshot(path=screenshots / "smoothing-one.png")


def test_dark(notebook, view, figure, screenshots):
    box = view.get_by_label("dark figures", exact=True)
    notebook.turn("Dark")
    box.press("Space")
    notebook.page.wait_for_function(DARK, arg=figure.place.element_handle())
    notebook.page.screenshot(path=screenshots / "smoothing-dark.png")
    box.press("Space")
    notebook.turn("Light")


def test_every_control_has_a_name_of_its_own(view):
    found = controls(view)
    assert {"button", "checkbox", "combobox", "listbox", "slider"} <= {one.role for one in found}
    assert [one for one in found if not one.name] == []
    assert len(set(found)) == len(found)


def test_the_view_had_no_fault(notebook):
    assert notebook.watch.faults() == {}
    assert notebook.page.get_by_text("Error displaying widget").count() == 0
