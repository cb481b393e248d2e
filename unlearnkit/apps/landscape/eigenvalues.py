"""The eigenvalues that stand beside the landscapes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from unlearnkit.apps.parts.charts import as_widget
from unlearnkit.flatness import Eigenvalues
from unlearnkit.reports.landscape import eigenvalue_figure


def eigenvalue_widget(found: Mapping[str, Eigenvalues], *, theme: str) -> Any:
    """The figure of the eigenvalues as a widget, narrow enough to stand beside; None where there are none."""
    if not found:
        return None
    figure = eigenvalue_figure(found, theme=theme)
    figure.update_layout(
        title={"text": "Eigenvalues; bars: residuals", "font": {"size": 15}}, autosize=True, height=360,
        margin={"l": 50, "r": 10, "t": 40, "b": 60}, showlegend=True,
        legend={"orientation": "h", "y": -0.16, "yanchor": "top"},
    )  # fmt: skip
    return as_widget(figure)
