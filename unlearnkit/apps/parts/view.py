"""What every view is: a box whose keys are its own, and whose text twin stands for it where no widget can."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import ipywidgets as W  # noqa: N812

from unlearnkit.apps.parts.frame import Frame


class View(W.VBox):
    """A column of widgets; a bare last line of a cell shows it.

    Parameters
    ----------
    parts : sequence of widgets
    """

    def __init__(self, parts: Sequence[W.Widget]) -> None:
        self._frame = Frame()
        super().__init__([*parts, self._frame], layout={"width": "100%"})
        self.add_class("unlearnkit-view")
        for box in _within(self, "children"):
            box.observe(self._count_figures, names="children")
        self._count_figures()

    def _count_figures(self, _: object = None) -> None:
        """Tell the page which figures are there: some are replaced by others later."""
        self._frame.figures = [figure.model_id for figure in _within(self, "plotly_relayout")]

    @property
    def sentence(self) -> str:
        """What is shown, in words."""
        return ""

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.sentence}>"


def _within(widget: W.Widget, has: str) -> Iterator[W.Widget]:
    """A widget and all that stand in it, those that have an attribute."""
    if hasattr(widget, has):
        yield widget
    for child in getattr(widget, "children", ()):
        yield from _within(child, has)
