"""JupyterLab on the lessons, as `unlearnkit lab` serves it, and a notebook that is open in it."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Timer
from typing import Any

import nbformat
from playwright.sync_api import Browser, Locator, Page

from .figures import FIGURES
from .pages import close, new_page
from .watch import Watch

PATIENCE_MS = 600_000  # for whatever computes: the machine may be busy with other things
START_SECONDS = 300  # for a server
KERNEL_IS_IDLE = """() => {
  const kernel = window.jupyterapp?.shell?.currentWidget?.sessionContext?.session?.kernel;
  return kernel?.connectionStatus === 'connected' && kernel.status === 'idle'; }"""
# The command's promise is kept when the last cell is done, or broken; not awaited here, since evaluate()
# would wait for ever.
RUN_ALL = """() => { window.ended = null;
  window.jupyterapp.commands.execute('notebook:run-all-cells').then(
    fine => { window.ended = fine ? 'fine' : 'a cell raised' },
    error => { window.ended = String(error) }); }"""
ASK_KERNEL = """async expression => {
  const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
  const reply = await kernel.requestExecute({code: '', silent: true, store_history: false,
                                             user_expressions: {asked: expression}}).done;
  const answer = reply.content.user_expressions.asked;
  if (answer.status !== 'ok') throw new Error(`${answer.ename}: ${answer.evalue}`);
  return answer.data['text/plain']; }"""


def isolated(site: Path, private: Path) -> dict[str, str]:
    """The environment of a user who installed the wheel at `site` and has no settings of their own."""
    folders = {"CONFIG": private / "config", "DATA": private / "data", "RUNTIME": private / "runtime"}
    for folder in folders.values():
        folder.mkdir(parents=True, exist_ok=True)
    jupyter = {f"JUPYTER_{name}_DIR": str(folder) for name, folder in folders.items()}
    own = {"PYTHONPATH": str(site), "IPYTHONDIR": str(private / "ipython"), "HF_HUB_OFFLINE": "1"}
    return os.environ | jupyter | own


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def lessons_served(folder: Path, environment: dict[str, str]) -> Iterator[str]:
    """`unlearnkit lab` on copies of the lessons in a folder; the address that it prints, token included."""
    # Two settings are not as users have them: the page gives its application to scripts, and saves only when
    # told to. A save by the clock, every two minutes, that falls together with ours ends in a question.
    settings = Path(environment["JUPYTER_CONFIG_DIR"]) / "jupyter_config.json"
    settings.write_text(json.dumps({"LabApp": {"expose_app_in_browser": True}}), encoding="utf-8")
    manager = settings.parent / "lab/user-settings/@jupyterlab/docmanager-extension"
    manager.mkdir(parents=True, exist_ok=True)
    (manager / "plugin.jupyterlab-settings").write_text(json.dumps({"autosave": False}), encoding="utf-8")
    command = [sys.executable, "-m", "unlearnkit", "lab", "--no-browser", f"--port={free_port()}"]
    log = settings.parent / "jupyterlab.log"
    with log.open("w", encoding="utf-8") as errors:
        server = subprocess.Popen(
            [*command, "--dir", str(folder)],
            cwd=folder.parent, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True,
        )  # fmt: skip
        try:
            yield _printed_address(server, log)
        finally:
            server.terminate()
            server.communicate()


def _printed_address(server: subprocess.Popen[str], log: Path) -> str:
    too_late = Timer(START_SECONDS, server.kill)
    too_late.start()
    try:
        for line in server.stdout or ():
            if found := re.search(r"http://\S+", line):
                return found.group()
    finally:
        too_late.cancel()
    raise RuntimeError(f"JupyterLab did not start:\n{log.read_text(encoding='utf-8')}")


@dataclass
class Notebook:
    """A notebook that is open in JupyterLab."""

    page: Page
    watch: Watch

    @classmethod
    def opened(cls, browser: Browser, address: str, name: str) -> Notebook:
        """Open a notebook in a new window, and wait for its kernel.

        A cell that is run before the kernel is connected is dropped without a word.
        """
        page, watch = new_page(browser)
        notebook = cls(page, watch)
        # reset: without it the notebooks of earlier windows would open again
        page.goto(address.replace("/lab?", f"/lab/tree/{name}?reset&"))
        page.wait_for_selector(".jp-Notebook .jp-Cell")
        page.wait_for_function(KERNEL_IS_IDLE)
        return notebook

    def run_all(self) -> float:
        """Run all cells and wait for the last; seconds."""
        started = time.perf_counter()
        self.page.evaluate(RUN_ALL)
        self.page.wait_for_function("() => window.ended", timeout=PATIENCE_MS)
        seconds = time.perf_counter() - started
        ended = self.page.evaluate("() => window.ended")
        if ended != "fine":
            raise RuntimeError(f"{ended}: {self.page.locator('[data-mime-type$=error]').all_inner_texts()}")
        return seconds

    def ask(self, expression: str) -> str:
        """What a Python expression is in the kernel, as repr() writes it."""
        return str(self.page.evaluate(ASK_KERNEL, expression))

    def saved(self, folder: Path) -> nbformat.NotebookNode:
        """Save the notebook, and read what was written."""
        self.page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
        path = self.page.evaluate("() => window.jupyterapp.shell.currentWidget.context.path")
        return nbformat.read(folder / path, as_version=4)

    def turn(self, theme: str) -> None:
        """JupyterLab's theme: "Light" or "Dark"."""
        name = f"JupyterLab {theme}"
        change = "name => window.jupyterapp.commands.execute('apputils:change-theme', {theme: name})"
        self.page.evaluate(change, name)
        self.page.wait_for_function("name => document.body.dataset.jpThemeName === name", arg=name)

    def cells(self) -> list[Locator]:
        """All cells, from the first to the last."""
        return self.page.locator(".jp-Notebook .jp-Cell").all()

    def close(self) -> None:
        """End the kernel, and close the window."""
        self.page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
        close(self.page)


@contextmanager
def view_shown(browser: Browser, address: str, name: str, last: Path) -> Iterator[Notebook]:
    """A notebook whose view has drawn its first figure; photographed as `last` at the end, and closed."""
    notebook = Notebook.opened(browser, address, name)
    try:
        notebook.run_all()
        notebook.page.locator(f".unlearnkit-view {FIGURES}").first.wait_for()
        yield notebook
    finally:
        notebook.page.screenshot(path=last)
        notebook.close()


def outputs(cells: list[Any]) -> list[Any]:
    """All outputs of some cells of a saved notebook."""
    return [output for cell in cells if cell.cell_type == "code" for output in cell.outputs]
