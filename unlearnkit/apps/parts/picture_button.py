"""A button, reached by keyboard, that saves a view's figure as PNG in the browser's downloads."""

from __future__ import annotations

from importlib import resources

import anywidget
import traitlets


class PictureButton(anywidget.AnyWidget):
    """Presses the camera of plotly's toolbar, which no key reaches; nothing leaves the machine.

    It looks for the figure in the enclosing box of class "unlearnkit-view".

    Attributes
    ----------
    presses : int
        How often it was pressed.
    found : str
        "figure", or "nothing" where there was none.
    """

    _esm = resources.files("unlearnkit.apps.parts").joinpath("picture_button.js").read_text(encoding="utf-8")

    label = traitlets.Unicode("Save picture (PNG)").tag(sync=True)
    hint = traitlets.Unicode("Save the figure as PNG among the browser's downloads").tag(sync=True)
    found = traitlets.Unicode("").tag(sync=True)
    presses = traitlets.Int(0).tag(sync=True)
