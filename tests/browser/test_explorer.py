"""The robustness view in JupyterLab: every control by keyboard and by mouse, seen in data and in pixels."""

from __future__ import annotations

import statistics

import nbformat
import pytest

from .controls import click_at, controls
from .figures import FIGURES, Figure, different_pixels
from .jupyterlab import Notebook
from .made_up import made_up_store

pytestmark = [pytest.mark.slow, pytest.mark.browser]

CELLS = [
    "import unlearnkit as uk",
    "store = uk.records.RunStore('made-up.sqlite', create=False)",
    "explorer = uk.apps.RobustnessExplorer(store)\nexplorer",
]
CHOICES = ["Task", "Objective", "Attack", "Facts", "Matching"]  # one of several
LISTS = ["Optimizers", "Folds"]  # any of several
SAMPLES = 15


@pytest.fixture(scope="module")
def notebook(browser, jupyterlab, screenshots):
    """A notebook with the view in it, on made-up records that have a choice for every control."""
    address, folder = jupyterlab
    made_up_store(folder / "made-up.sqlite")
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    written = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("\n".join(CELLS))], metadata=kernel)
    nbformat.write(written, folder / "explorer.ipynb")
    notebook = Notebook.opened(browser, address, "explorer.ipynb")
    try:
        notebook.run_all()
        notebook.page.locator(f".unlearnkit-view {FIGURES}").wait_for()
        yield notebook
    finally:
        notebook.page.screenshot(path=screenshots / "explorer-last.png")
        notebook.close()


@pytest.fixture
def view(notebook):
    """The view, as it is at first."""
    notebook.ask("explorer.choose(**first)" if notebook.ask("'first' in dir()") == "True" else _KEEP_FIRST)
    return notebook.page.locator(".unlearnkit-view")


_KEEP_FIRST = "globals().update(first=vars(explorer.controls.choice).copy())"


@pytest.fixture
def figure(view):
    return Figure(view.locator(FIGURES))


def control(view, name):
    """A control by its name; where the drill-down has one of the same name, the first."""
    return view.get_by_label(name, exact=True).first


def assert_redrawn(redraw):
    assert redraw.before != redraw.after
    assert redraw.pixels > 50


@pytest.mark.parametrize("name", CHOICES)
def test_a_choice_by_keyboard(view, figure, name):
    chosen = control(view, name)
    before = chosen.input_value()
    assert_redrawn(figure.redraw(lambda: chosen.press("ArrowDown")))
    assert chosen.input_value() != before


@pytest.mark.parametrize("name", CHOICES)
def test_a_choice_by_mouse(view, figure, name):
    # the list that a click unfolds is drawn by the system; choosing in it is told to the page as here
    assert_redrawn(figure.redraw(lambda: control(view, name).select_option(index=1)))


@pytest.mark.parametrize("name", LISTS)
def test_a_list_by_keyboard(view, figure, name):
    control(view, name).focus()
    assert_redrawn(figure.redraw(lambda: view.page.keyboard.press("ArrowDown")))


@pytest.mark.parametrize("name", LISTS)
def test_a_list_by_mouse(view, figure, name):
    assert_redrawn(figure.redraw(control(view, name).locator("option").last.click))


def test_the_budget_by_keyboard(view, notebook, figure):
    notebook.ask("explorer.choose(attack='relearn@1e-4', steps=25)")
    slider = view.get_by_role("slider", name="Budget")
    assert slider.get_attribute("aria-valuetext") == "25 steps"
    assert_redrawn(figure.redraw(lambda: slider.press("ArrowRight")))
    assert slider.get_attribute("aria-valuetext") == "100 steps"


def test_the_budget_by_mouse(view, notebook, figure):
    notebook.ask("explorer.choose(attack='relearn@1e-4', steps=25)")
    slider = view.get_by_role("slider", name="Budget")
    assert_redrawn(figure.redraw(lambda: click_at(slider, 0.95)))
    assert slider.get_attribute("aria-valuetext") == "100 steps"


@pytest.mark.parametrize(
    "act", [lambda box: box.press("Space"), lambda box: box.click()], ids=["key", "click"]
)
def test_the_dark_figure(view, figure, act):
    before = figure.picture()
    box = control(view, "dark figure")
    act(box)
    view.page.wait_for_function(
        "figure => figure._fullLayout.paper_bgcolor !== 'white'", arg=figure.place.element_handle()
    )
    changed = different_pixels(figure.place, before, figure.picture())
    act(box)
    assert changed > 10_000


def test_every_control_has_a_name(view):
    found = controls(view)
    assert {"button", "checkbox", "combobox", "listbox", "slider"} <= {one.role for one in found}
    assert [one for one in found if not one.name] == []


def test_from_key_to_redraw(view, notebook, figure, capsys):
    notebook.ask("explorer.choose(attack='relearn@1e-4', steps=25)")
    slider = view.get_by_role("slider", name="Budget")
    keys = ["ArrowRight", "ArrowLeft"] * SAMPLES
    times = [figure.redraw(lambda key=key: slider.press(key)).milliseconds for key in keys[:SAMPLES]]
    with capsys.disabled():
        print(f"\nkey to redraw: {statistics.median(times):.0f} ms at the median, {max(times):.0f} at most")


def test_the_view_had_no_fault(notebook):
    assert notebook.watch.faults() == {}
