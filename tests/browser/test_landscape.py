"""The landscape view in JupyterLab: one camera for all, every control, seen in data, pixels and words."""

from __future__ import annotations

import ast

import pytest
from playwright.sync_api import expect

from .controls import controls
from .figures import FIGURES, Figure
from .jupyterlab import view_shown
from .landscape_notebook import NAME, write_landscape

pytestmark = [pytest.mark.slow, pytest.mark.browser]

FIRST = {
    "directions": "random", "losses": ["forget", "retain"], "radius": 1.0, "ceiling": None, "height": 3.0,
    "paths": ["unlearning", "attack"], "step": 9, "flat": False,
}  # fmt: skip
SCENES = "figure => ['scene', 'scene2'].map(name => figure._fullLayout[name]?._scene)"
EYES = f"figure => ({SCENES})(figure).map(scene => Object.values(scene.getCamera().eye))"
TOGETHER = f"""(figure, before) => {{
  const [one, other] = ({EYES})(figure);
  const far = (a, b) => Math.max(...a.map((value, axis) => Math.abs(value - b[axis])));
  return far(one, other) < 1e-6 && far(one, before) > 0.1; }}"""
STANDS = f"""(figure, eyes) => ({EYES})(figure).every(
  (eye, scene) => eye.every((value, axis) => Math.abs(value - eyes[scene][axis]) < 1e-6))"""
THERE = "figure => figure._fullLayout?.scene2?._scene?.getCamera !== undefined"
KERNELS = (
    "[list(explorer.figure.layout[s].camera.eye.to_plotly_json().values()) for s in ('scene', 'scene2')]"
)
DARK = "figure => figure._fullLayout.paper_bgcolor === 'rgb(17,17,17)'"
LIVE = "() => document.querySelectorAll('.unlearnkit-view .gl-container canvas').length"


@pytest.fixture(scope="module")
def notebook(browser, jupyterlab, screenshots):
    """A notebook with the view in it."""
    address, folder = jupyterlab
    write_landscape(folder)
    with view_shown(browser, address, NAME, screenshots / "landscape-last.png") as notebook:
        yield notebook


@pytest.fixture
def view(notebook):
    """The view as it is at first, seen from where it is seen at first."""
    notebook.ask(f"(explorer.choose(**{FIRST!r}), explorer.look_from(turn=315, tilt=30))")
    place = notebook.page.locator(".unlearnkit-view")
    wait(notebook.page, THERE)
    wait(notebook.page, STANDS, ast.literal_eval(notebook.ask(KERNELS)))
    return place


@pytest.fixture
def figure(view):
    return Figure(view.locator(FIGURES).first)


def wait(page, condition, *more):
    """Wait until something holds of the landscapes, whichever figure they are in by then."""
    find = "document.querySelector('.unlearnkit-view .js-plotly-plot')"
    page.wait_for_function(
        f"more => {{ const it = {find}; return it && ({condition})(it, more[0]); }}", arg=more
    )


def slider(view, name):
    return view.get_by_role("slider", name=name)


def changed(view, act, *, told):
    """Act, and see other data and pixels, and other words."""
    words = view.get_by_text(told).first
    before = words.inner_text()
    redraw = Figure(view.locator(FIGURES).first).redraw(act)
    assert redraw.before != redraw.after
    assert redraw.pixels > 50
    expect(view.get_by_text(told).first).not_to_have_text(before)


# One camera for all


@pytest.mark.parametrize("side", [0.22, 0.68])
def test_one_landscape_is_turned_by_mouse_and_the_other_turns_with_it(notebook, view, figure, side):
    figure.place.scroll_into_view_if_needed()
    before, box = figure.place.evaluate(EYES), figure.place.bounding_box()
    mouse, x, y = view.page.mouse, box["x"] + side * box["width"], box["y"] + 0.5 * box["height"]
    mouse.move(x, y)
    mouse.down()
    for step in range(1, 8):
        mouse.move(x + 12 * step, y - 4 * step)
    wait(view.page, TOGETHER, before[0])  # while the button is down
    mouse.up()
    expect(slider(view, "Turn")).not_to_have_attribute("aria-valuetext", "315°")  # the kernel has heard
    wait(view.page, TOGETHER, before[0])
    kernels = ast.literal_eval(notebook.ask(KERNELS))
    assert kernels[0] == pytest.approx(kernels[1])
    assert kernels[0] == pytest.approx(figure.place.evaluate(EYES)[0], abs=1e-6)


@pytest.mark.parametrize("name", ["Turn", "Tilt"])
def test_all_are_turned_by_keyboard(view, figure, name):
    before = figure.place.evaluate(EYES)
    slider(view, name).press("Home")
    wait(view.page, TOGETHER, before[0])


def test_the_camera_outlives_a_redraw_and_another_figure(view, figure):
    before = figure.place.evaluate(EYES)
    slider(view, "Turn").press("Home")
    wait(view.page, TOGETHER, before[0])
    turned = figure.place.evaluate(EYES)
    figure.redraw(lambda: slider(view, "Radius").press("ArrowLeft"))
    assert figure.place.evaluate(EYES)[1] == pytest.approx(turned[1])
    view.get_by_label("Directions", exact=True).select_option("models")
    view.get_by_text("near first").first.wait_for()
    wait(view.page, THERE)
    assert figure.place.evaluate(EYES)[1] == pytest.approx(turned[1], abs=1e-6)


def test_as_many_landscapes_live_as_there_are_losses(view, figure):
    assert view.page.evaluate(LIVE) == 2


# Controls


@pytest.mark.parametrize(
    ("name", "key", "told"),
    [
        ("Radius", "ArrowLeft", "Loss around the model"), ("Slice at", "ArrowRight", "Sliced at"),
        ("Walk", "ArrowLeft", "On the walk"),
    ],
)  # fmt: skip
def test_a_slider_by_keyboard(view, figure, name, key, told):
    before = slider(view, name).get_attribute("aria-valuetext")
    changed(view, lambda: slider(view, name).press(key), told=told)
    assert slider(view, name).get_attribute("aria-valuetext") != before


def test_the_ceiling_by_keyboard(view, figure):
    redraw = figure.redraw(lambda: slider(view, "Ceiling").press("Home"))
    assert redraw.pixels > 50
    view.get_by_text("The drawing is cut off at").first.wait_for()


def test_maps_and_back_by_keyboard(view, figure, screenshots):
    box = view.get_by_label("flat maps", exact=True)
    box.press("Space")
    wait(view.page, "figure => figure._fullData?.[0]?.type === 'contour'")
    assert figure.colours()[0] > 20
    assert view.page.evaluate(LIVE) == 0
    view.page.screenshot(path=screenshots / "landscape-maps.png")
    box.press("Space")
    wait(view.page, THERE)


def test_dark(notebook, view, figure, screenshots):
    box = view.get_by_label("dark figures", exact=True)
    notebook.turn("Dark")
    box.press("Space")
    for one in view.locator(FIGURES).all():
        view.page.wait_for_function(DARK, arg=one.element_handle())
    view.page.screenshot(path=screenshots / "landscape-dark.png")
    box.press("Space")
    notebook.turn("Light")


def test_figures_are_as_wide_as_there_is_room(view, figure, screenshots):
    view.page.screenshot(path=screenshots / "landscape.png")
    width = "view => view.getBoundingClientRect().width"
    for one in view.locator(FIGURES).all():
        assert one.evaluate(width) > 0.9 * view.evaluate(width)


# For everybody


def test_every_control_has_a_name_of_its_own(view):
    assert [one for one in controls(view) if not one.name] == []
    found = controls(view.locator("> *").first)  # ours; the toolbars of two figures have the same buttons
    assert {"checkbox", "combobox", "listbox", "slider"} == {one.role for one in found} - {"option"}
    assert len(found) == len(set(found)) == 11


def test_the_view_had_no_fault(notebook):
    assert notebook.watch.faults() == {}
    assert notebook.page.get_by_text("Error displaying widget").count() == 0
