"""What a view needs of the page: keys for its controls, and figures as wide as it is that hear the kernel."""

from __future__ import annotations

from importlib import resources

import anywidget
import traitlets


class Frame(anywidget.AnyWidget):
    """Stands unseen in a box of class "unlearnkit-view"; every view has one.

    Attributes
    ----------
    figures : list of str
        The ids of the view's figures.
    """

    _esm = resources.files("unlearnkit.apps.parts").joinpath("frame.js").read_text(encoding="utf-8")

    figures = traitlets.List(traitlets.Unicode()).tag(sync=True)
