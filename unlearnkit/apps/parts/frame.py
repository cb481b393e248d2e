"""What a view needs of the page: keys that belong to its controls, and figures as wide as it is."""

from __future__ import annotations

from importlib import resources

import anywidget


class Frame(anywidget.AnyWidget):
    """Stands unseen in a box of class "unlearnkit-view"; every view has one."""

    _esm = resources.files("unlearnkit.apps.parts").joinpath("frame.js").read_text(encoding="utf-8")
