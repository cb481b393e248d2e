"""What every view is: a box whose keys are its own, and whose text twin stands for it where no widget can."""

from __future__ import annotations

from collections.abc import Sequence

import ipywidgets as W  # noqa: N812

from unlearnkit.apps.parts.frame import Frame


class View(W.VBox):
    """A column of widgets; a bare last line of a cell shows it.

    Parameters
    ----------
    parts : sequence of widgets
    """

    def __init__(self, parts: Sequence[W.Widget]) -> None:
        super().__init__([*parts, Frame()], layout={"width": "100%"})
        self.add_class("unlearnkit-view")

    @property
    def sentence(self) -> str:
        """What is shown, in words."""
        return ""

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.sentence}>"
