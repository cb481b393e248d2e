"""The error of differences in float32 against the radius, in figure and words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from unlearnkit.reports.looks import CONTROL_GREY, NO_BUTTONS, OKABE_ITO, Look, template_of
from unlearnkit.studies.attacked import rate_text
from unlearnkit.studies.radius_table import DEFAULT, ESTIMATES, RadiusReading, radius_answer, radius_frame

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

WORDS = ("central, float32", "forward, float32", "central, true double")
LOOKS = (Look(OKABE_ITO[0], "circle"), Look(OKABE_ITO[1], "square"), Look(CONTROL_GREY, "diamond-open"))


def radius_figure(record: Mapping[str, Any], *, theme: str = "light") -> go.Figure:
    """The relative error of the directional derivative against the radius, in logarithms.

    Parameters
    ----------
    record : mapping
        The content of data/records/radius.json.
    theme : {"light", "dark"}

    Returns
    -------
    plotly.graph_objects.Figure
        A panel a loss and model. Lines are medians over directions; the band of the central difference in
        float32 lies between quartiles. Left, its error falls with the radius: rounding. Right, it rises along
        the one in true double: curvature. Dotted: the default radius. Never show it without
        `radius_sentence`: some readers cannot see it.

    Raises
    ------
    BadInput
        For a record without what is drawn, an unknown theme.

    Examples
    --------
    >>> radius_figure({}, theme="light")
    Traceback (most recent call last):
    unlearnkit.errors.BadInput: record has no rows; give the file as the command that made it wrote it
    """
    template = template_of(theme)
    frame = radius_frame(record)
    places = list(dict.fromkeys(zip(frame.model, frame.loss, strict=True)))
    figure = _panels([f"{loss} at the {model} model" for model, loss in places])
    for number, (model, loss) in enumerate(places):
        row, column = divmod(number, 2)
        for trace in _traces(frame[(frame.model == model) & (frame.loss == loss)], first=number == 0):
            figure.add_trace(trace, row=row + 1, col=column + 1)
        line = {"color": CONTROL_GREY, "dash": "dot", "width": 1.5}
        figure.add_vline(x=DEFAULT, line=line, layer="below", row=row + 1, col=column + 1)
    return figure.update_layout(template=template)


def _panels(titles: list[str]) -> go.Figure:
    from plotly.subplots import make_subplots

    figure = make_subplots(
        rows=(len(titles) + 1) // 2, cols=2, shared_xaxes=True, shared_yaxes=True, subplot_titles=titles,
        horizontal_spacing=0.04, vertical_spacing=0.1,
    )  # fmt: skip
    figure.update_xaxes(type="log", dtick=1, exponentformat="power")
    figure.update_yaxes(type="log", range=[-6, 4.3], dtick=1, exponentformat="power")
    figure.update_yaxes(title="relative error", col=1)
    figure.update_xaxes(title="radius (change of a weight, RMS)", row=(len(titles) + 1) // 2)
    return figure.update_layout(
        title={
            "text": "How well a difference of losses tells the slope; dotted: the default radius",
            "y": 0.97,
        },
        legend={"orientation": "h", "x": 0, "y": -0.12, "yanchor": "top"},
        modebar={"remove": NO_BUTTONS},
        margin={"l": 70, "r": 20, "t": 80, "b": 100},
        height=700,
    )


def _traces(frame: pd.DataFrame, *, first: bool) -> Iterator[go.Scatter]:
    import plotly.graph_objects as go

    for estimate, words, look in zip(ESTIMATES, WORDS, LOOKS, strict=True):
        mine = frame[frame.estimate == estimate].sort_values("radius")
        dash = "dot" if estimate == ESTIMATES[2] else "solid"
        if estimate == ESTIMATES[0]:
            yield _band(mine, look)
        yield go.Scatter(
            x=mine.radius.tolist(),
            y=mine["median"].tolist(),
            name=words,
            legendgroup=words,
            showlegend=first,
            customdata=mine[["low", "high", "ulps"]].to_numpy().tolist(),
            mode="lines+markers",
            line={"color": look.colour, "width": 1.5, "dash": dash},
            marker={"symbol": look.marker, "size": 7, "color": look.colour},
            hovertemplate=f"{words}, radius %{{x:g}}<br>error %{{y:.2g}}, quartiles %{{customdata[0]:.2g}} "
            "to %{customdata[1]:.2g}<br>the float32 losses differ by %{customdata[2]:.3g} ulps"
            "<extra></extra>",
        )


def _band(frame: pd.DataFrame, look: Look) -> go.Scatter:
    import plotly.graph_objects as go

    back = frame.iloc[::-1]
    return go.Scatter(
        x=[*frame.radius, *back.radius], y=[*frame.high, *back.low], fill="toself", mode="lines",
        fillcolor=look.faint(0.2), line={"width": 0}, name="quartiles", legendgroup=WORDS[0],
        showlegend=False, hoverinfo="skip",
    )  # fmt: skip


def radius_sentence(record: Mapping[str, Any]) -> str:
    """The figure in words: where each loss errs least, what the default errs by, and which radius is chosen.

    Parameters
    ----------
    record : mapping
        The content of data/records/radius.json.

    Raises
    ------
    BadInput
        When a field is missing.
    """
    answer = radius_answer(record)
    told = "\n".join(map(_told, answer.readings))
    same = (
        "the default" if answer.chosen == answer.default else f"not the default {rate_text(answer.default)}"
    )
    worst = answer.worst_error[answer.chosen]
    return (
        "Relative error of central differences in float32, medians over directions.\n"
        f"{told}\n"
        f"The radius whose worst error is smallest is {rate_text(answer.chosen)} "
        f"({100 * worst:.2g} % at worst), {same}."
    )


def _told(reading: RadiusReading) -> str:
    return (
        f"{reading.loss} at the {reading.model} model: least at {rate_text(reading.best)} "
        f"({100 * reading.best_error:.2g} %), {100 * reading.default_error:.2g} % at the default. Left of it "
        f"the error is as radius to the power {reading.rounding_slope:.1f} (rounding); in true double to the "
        f"power {reading.curvature_slope:.1f} (curvature)."
    )
