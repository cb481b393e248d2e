"""Lessons as a student opens them: every output is on the screen, and nothing goes wrong behind it."""

from __future__ import annotations

import base64
import re

import numpy as np
import pytest

from .controls import controls
from .figures import FIGURES, Figure
from .jupyterlab import Notebook, outputs
from .picture import LARGEST, SHIPPED, take_picture

pytestmark = [pytest.mark.slow, pytest.mark.browser]

LESSONS = [
    "00-tour", "01-fragility", "02-grades", "03-flatness", "04-smoothing", "05-hybrid", "06-robustness",
    "08-five-bugs",
]  # fmt: skip
OF_THE_README = "06-robustness"  # whose view its picture shows
PLOTLY = "application/vnd.plotly.v1+json"
WIDGET = "application/vnd.jupyter.widget-view+json"
PLAIN_FIGURES = f"{FIGURES}:not(.jupyter-widgets *)"  # not part of a view
NUMBERS = (".0%", ".2f", ".1f")  # as twins write them
AREAS = "places => places.map(place => place.offsetWidth * place.offsetHeight)"


@pytest.fixture(scope="module", params=LESSONS)
def ran(request, browser, jupyterlab, screenshots, executions):
    """A lesson that was opened and run: the open notebook, and what was saved of it."""
    address, folder = jupyterlab
    before = {path.name for path in folder.iterdir()}
    notebook = Notebook.opened(browser, address, f"{request.param}.ipynb")
    try:
        seconds = notebook.run_all()
        saved = notebook.saved(folder)
        left = {path.name for path in folder.iterdir() if not path.name.startswith(".")} - before
        executions[request.param] = {
            "notebook": saved, "seconds": seconds, "left": sorted(left), "by": "JupyterLab",
            "package": notebook.ask("__import__('unlearnkit').__file__").strip("'"),
        }  # fmt: skip
        yield notebook, saved
    finally:
        notebook.page.screenshot(path=screenshots / f"{request.param}.png")
        notebook.close()


def test_every_cell_ran(ran):
    _, saved = ran
    code = [cell for cell in saved.cells if cell.cell_type == "code"]
    assert [cell.id for cell in code if cell.execution_count is None] == []
    assert [output.evalue for output in outputs(code) if output.output_type == "error"] == []
    assert outputs(code)


def test_every_output_is_on_the_screen(ran):
    notebook, saved = ran
    for place, cell in zip(notebook.cells(), saved.cells, strict=True):
        areas = place.locator(".jp-OutputArea-output").evaluate_all(AREAS)
        assert len(areas) == len(outputs([cell])), cell.id
        # a progress bar goes when its work is done
        stays = [area for area, output in zip(areas, outputs([cell]), strict=True) if not _is_widget(output)]
        assert all(area > 0 for area in stays), cell.id


def test_figures_are_drawn_with_their_data(ran, screenshots, request):
    notebook, saved = ran
    stored = [output.data[PLOTLY] for output in outputs(saved.cells) if PLOTLY in output.get("data", {})]
    plain = [Figure(place).traces() for place in notebook.page.locator(PLAIN_FIGURES).all()]
    for traces, data in zip(plain, stored, strict=True):
        assert [len(trace["x"]) for trace in traces] == [_length(trace["x"]) for trace in data["data"]]
    figures = [Figure(place) for place in notebook.page.locator(FIGURES).all()]
    assert figures
    for number, figure in enumerate(figures):
        assert all(trace["y"] and (_is_slice(trace) or None not in trace["y"]) for trace in figure.traces())
        seen, counts = figure.colours()
        assert seen > 20  # a blank one has a few
        assert min(counts.values()) > 20, counts
        (screenshots / f"{request.node.callspec.id}-{number}.png").write_bytes(figure.picture())


def test_every_figure_has_a_twin_in_words_and_numbers(ran):
    notebook, saved = ran
    drawn = [place for place, cell in enumerate(notebook.cells()) if cell.locator(FIGURES).count()]
    assert drawn
    for place in drawn:
        figures = [Figure(one) for one in notebook.cells()[place].locator(FIGURES).all()]
        told = "\n".join(_words(output) for output in outputs(saved.cells[place + 1 :]))
        for trace in (trace for figure in figures for trace in figure.traces() if trace["shown"]):
            assert trace["name"].removesuffix(" (control)").removeprefix("here: ") in told
            assert any(one in told for one in _written(trace["y"][-1])), trace["name"]
        rest = [cell for p, cell in enumerate(saved.cells) if p > place and p not in drawn]
        twin = next(cell for cell in rest if cell.cell_type == "code")  # the next cell says it, in sentences
        assert any(output.output_type == "stream" for output in twin.outputs)


def test_every_control_has_a_name(ran):
    notebook, _ = ran
    found = [one for place in notebook.page.locator(".jp-OutputArea").all() for one in controls(place)]
    assert [one for one in found if not one.name] == []


def test_the_readmes_picture_is_taken(ran, screenshots, request):
    notebook, _ = ran
    if request.node.callspec.params["ran"] != OF_THE_README:
        return
    path = screenshots / SHIPPED.name
    take_picture(notebook, path)
    assert all(10_000 < one.stat().st_size < LARGEST for one in (path, SHIPPED))


def test_math_is_set(ran):
    notebook, saved = ran
    for place, cell in zip(notebook.cells(), saved.cells, strict=True):
        formulas = re.findall(r"\$[^$\n]+\$", cell.source) if cell.cell_type == "markdown" else []
        assert (place.locator("mjx-container").count() > 0) == bool(formulas), cell.id


def test_nothing_goes_wrong_and_nobody_else_is_asked(ran):
    notebook, _ = ran
    assert notebook.watch.faults() == {}
    assert notebook.page.get_by_text("Error displaying widget").count() == 0
    assert notebook.page.get_by_role("dialog").count() == 0


def _is_slice(trace):
    """The slice of a landscape has gaps where nothing lies at its height; no other line has any."""
    return trace["name"] == "slice"


def _is_widget(output):
    return WIDGET in output.get("data", {})


def _length(column):
    """The length of a stored column: a list, or plotly's binary form of one."""
    if isinstance(column, dict):
        return len(np.frombuffer(base64.b64decode(column["bdata"]), dtype=column["dtype"]))
    return len(column)


def _written(value):
    """How a twin may write where a trace ends: a name as it is, a number rounded."""
    return [value] if isinstance(value, str) else [format(value, form) for form in NUMBERS]


def _words(output):
    return output.get("text") or "".join(output.data.get("text/plain", ""))
