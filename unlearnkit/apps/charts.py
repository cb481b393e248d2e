"""A finished figure of plotly as a widget, without the button that sends charts to somebody's cloud."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import plotly.graph_objects as go

# plotly keeps these in a private attribute; a test looks whether it still takes them.
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
    import plotly.graph_objects as go

    widget = go.FigureWidget(figure)
    widget._config = {**widget._config, **CONFIG}
    return widget
