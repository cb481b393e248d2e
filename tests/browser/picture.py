"""The README's picture: the robustness view of lesson 06, on the records that ship."""

from __future__ import annotations

from pathlib import Path

from .jupyterlab import Notebook

SHIPPED = Path(__file__).parents[2] / "data" / "pictures" / "explorer.png"
LARGEST = 200_000  # bytes: everybody who clones has it


def take_picture(notebook: Notebook, path: Path) -> None:
    """Write a picture of the view, from its controls to its sentence, as a PNG."""
    page, view = notebook.page, notebook.page.locator(".unlearnkit-view")
    before = page.viewport_size
    page.set_viewport_size({"width": 1400, "height": 1600})
    view.evaluate("view => view.scrollIntoView()")
    top, end = view.bounding_box(), view.locator("table").first.bounding_box()
    height = end["y"] - top["y"]
    page.screenshot(
        path=path,
        clip={"x": top["x"], "y": top["y"], "width": top["width"], "height": height},
        animations="disabled",
    )
    page.set_viewport_size(before)
