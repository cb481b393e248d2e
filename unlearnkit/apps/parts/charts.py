"""A finished figure of plotly as a widget, without the button that sends charts to somebody's cloud."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import plotly.graph_objects as go

# plotly keeps these in a private attribute; tests look whether it still takes them.
CONFIG = {"showSendToCloud": False, "displaylogo": False, "responsive": True}


def as_widget(figure: go.Figure) -> Any:
    """A `FigureWidget` of a figure that is complete.

    plotly copies a figure to its front end when the widget is made, and again only when the widget is shown
    by itself: what is changed in between is lost where a box shows it. So build the figure whole, wrap it,
    and change it in callbacks only.

    Examples
    --------
    >>> import plotly.graph_objects as go
    >>> as_widget(go.Figure())._config["showSendToCloud"]
    False
    """
    return _whole_figure_widget()(figure)


@cache
def _whole_figure_widget() -> Any:
    """The class, made when it is first needed: plotly takes a second to load."""
    import plotly.graph_objects as go

    class WholeFigureWidget(go.FigureWidget):
        """A `FigureWidget` that tells the browser of itself once it is complete.

        plotly's own does so at once, empty, and sends data, layout and settings after; on a busy machine the
        browser draws in between, and then an empty figure stays.
        """

        _complete = False

        def __init__(self, figure: go.Figure) -> None:
            super().__init__(figure)
            own: dict[str, Any] = getattr(self, "_config")  # noqa: B009 - plotly's, without a type
            self._config = {**own, **CONFIG}
            self._complete = True
            self.open()

        def open(self) -> None:
            """Open the line to the browser, if complete: `Widget.__init__` comes too early."""
            if self._complete:
                super().open()

    return WholeFigureWidget
