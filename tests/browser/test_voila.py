"""The robustness view as a web page of its own, served by Voila."""

from __future__ import annotations

import subprocess
import sys

import pytest

from .controls import click_at
from .explorer_notebook import write_explorer
from .figures import FIGURES, Figure
from .jupyterlab import START_SECONDS, free_port, isolated
from .pages import close, new_page

pytestmark = [pytest.mark.slow, pytest.mark.browser]

# Voila's page template asks for these two, for the glyphs of buttons with icons; ours have none.
VOILAS_OWN = "https://cdn.jsdelivr.net/npm/@fortawesome/fontawesome-free"


@pytest.fixture(scope="module")
def address(browser, wheel, tmp_path_factory):
    """Where Voila serves the notebook; it runs when the page is opened."""
    folder = tmp_path_factory.mktemp("voila")
    write_explorer(folder)
    port = free_port()
    command = [
        sys.executable, "-m", "voila", "explorer.ipynb", "--no-browser", "--Voila.ip=127.0.0.1",
        f"--port={port}", "--show_tracebacks=True",
    ]  # fmt: skip
    with (folder / "voila.log").open("w", encoding="utf-8") as log:
        server = subprocess.Popen(
            command, cwd=folder, env=isolated(wheel, folder / "settings"), stdout=log, stderr=log
        )
        try:
            yield f"http://127.0.0.1:{port}/"
        finally:
            server.terminate()
            server.wait()


def test_the_view_works_as_a_page(browser, address, screenshots):
    page, watch = new_page(browser)
    try:
        wait_for_server(page, address)
        figure = Figure(page.locator(f".unlearnkit-view {FIGURES}"))
        figure.place.wait_for(timeout=1000 * START_SECONDS)
        slider = page.get_by_role("slider", name="Budget")
        by_key = figure.redraw(lambda: slider.press("ArrowLeft"))
        by_mouse = figure.redraw(lambda: click_at(slider, 0.95))
        page.screenshot(path=screenshots / "voila.png")
        assert by_key.before == by_mouse.after != by_key.after
        assert min(by_key.pixels, by_mouse.pixels) > 50
        assert page.evaluate("figure => figure._fullLayout.title.text", figure.place.element_handle())
        assert [url for url in watch.outside if not url.startswith(VOILAS_OWN)] == []
        assert len(watch.outside) <= 2
    finally:
        close(page)


def wait_for_server(page, address):
    """Ask until it answers."""
    asked = page.context.request
    deadline = START_SECONDS * 10
    for _ in range(deadline):
        try:
            asked.get(address + "voila/static/", timeout=1000)
        except Exception:  # nobody listens yet
            page.wait_for_timeout(100)
            continue
        break
    page.goto(address, timeout=1000 * START_SECONDS, wait_until="commit")
