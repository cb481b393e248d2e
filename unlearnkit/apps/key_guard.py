"""Inside a view, keys belong to its controls and not to JupyterLab's commands about cells."""

from __future__ import annotations

from importlib import resources

import anywidget


class KeyGuard(anywidget.AnyWidget):
    """Stands unseen in a box of class "unlearnkit-view"; every view has one."""

    _esm = resources.files("unlearnkit.apps").joinpath("key_guard.js").read_text(encoding="utf-8")
