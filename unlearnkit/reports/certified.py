"""What is certified beside what attacks do, optimizer by optimizer, in figure and words."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from unlearnkit.reports.looks import CONTROL_GREY, NO_BUTTONS, OKABE_ITO, template_of
from unlearnkit.studies.attacked import grouped
from unlearnkit.studies.flatness_table import counted
from unlearnkit.studies.intervals import over_folds
from unlearnkit.studies.smoothing_answer import SmoothingAnswer, SmoothingContrast, SmoothingReach
from unlearnkit.studies.smoothing_table import REACHES, chosen, names_of, reach_text, smoothing_frame

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

# What is drawn, by its column: name, colour, marker.
DRAWN = {
    "radius": ("certified radius, median fact", OKABE_ITO[0], "circle"),
    "relearning": ("relearning", OKABE_ITO[1], "diamond"),
    "rounding": ("rounding to 4 bits", OKABE_ITO[2], "square"),
}
ABSTAINS = ("nothing certified (radius 0)", CONTROL_GREY, "circle-open")


def certified_figure(record: Mapping[str, Any], *, task: str, theme: str = "light") -> go.Figure:
    """The certified radius of each run beside how far attacks moved it: a panel a noise, a line an optimizer.

    Parameters
    ----------
    record : mapping
        The content of smoothing.json.
    task : str
    theme : {"light", "dark"}

    Returns
    -------
    plotly.graph_objects.Figure
        x: a length in L2, logarithmic; a marker a fold. Open circles at the left edge are radii of 0. Within
        a subspace, attacks are drawn by the part of them that lies in it. Never show it without
        `certified_sentence`: some readers cannot see it.

    Raises
    ------
    BadInput
        For a record without what is drawn.
    UnknownName
        For an unknown theme.

    Examples
    --------
    >>> certified_figure({"rows": []}, task="topic")
    Traceback (most recent call last):
    unlearnkit.errors.BadInput: record has no controls; give the file as the command that made it wrote it
    """
    template = template_of(theme)
    frame = chosen(smoothing_frame(record), task=task)
    noises = list(_noises(frame))
    figure = _panels([name for name, _ in noises])
    edge = _edge(frame)
    for column, (_, mine) in enumerate(noises, start=1):
        for trace in _traces(mine, edge):
            trace.showlegend = column == 1
            figure.add_trace(trace, row=1, col=column)
    names = names_of(frame)
    figure.update_yaxes(categoryorder="array", categoryarray=names[::-1])
    return figure.update_layout(template=template, title={"text": f"Certified, and attacked: {task} task"})


def _noises(frame: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    for (where, sigma), mine in grouped(frame, "where", "sigma"):
        yield f"{where}, sigma {sigma:g}", mine


def _edge(frame: pd.DataFrame) -> float:
    """Where radii of 0 are drawn: left of everything."""
    lengths = [length for column in DRAWN for length in _lengths(frame, column) if length > 0]
    return min(lengths, default=1.0) / 3


def _lengths(mine: pd.DataFrame, column: str) -> list[float]:
    found: list[float] = mine[column if column == "radius" else f"{column}_inside"].tolist()
    return found


def _panels(titles: list[str]) -> go.Figure:
    from plotly.subplots import make_subplots

    figure = make_subplots(
        cols=len(titles), shared_yaxes=True, subplot_titles=titles, horizontal_spacing=0.02
    )
    figure.update_xaxes(type="log", title="length (L2)", exponentformat="power", dtick=1)
    return figure.update_layout(
        legend={"orientation": "h", "x": 0, "y": -0.2, "yanchor": "top"},
        modebar={"remove": NO_BUTTONS},
        margin={"l": 110, "r": 20, "t": 80, "b": 110},
        height=480,
    )


def _traces(mine: pd.DataFrame, edge: float) -> Iterator[go.Scatter]:
    """Every kind of marker once, so that each panel's legend would be the same."""
    for column, look in DRAWN.items():
        lengths = _lengths(mine, column)
        yield _markers(mine, [x if x > 0 else None for x in lengths], look)
    missing = [edge if radius == 0 else None for radius in mine.radius]
    yield _markers(mine, missing, ABSTAINS)


def _markers(mine: pd.DataFrame, x: list[float | None], look: tuple[str, str, str]) -> go.Scatter:
    import plotly.graph_objects as go

    name, colour, marker = look
    return go.Scatter(
        x=x, y=mine.name.tolist(), name=name, legendgroup=name, mode="markers",
        marker={"symbol": marker, "size": 10, "color": colour, "opacity": 0.85},
        customdata=mine[["fold", "status"]].to_numpy(dtype=object).tolist(),
        hovertemplate="%{y}, fold %{customdata[0]} (%{customdata[1]}): "
        f"{name} %{{x:.3g}}<extra></extra>",
    )  # fmt: skip


def certified_sentence(record: Mapping[str, Any], *, task: str) -> str:
    """The figure in words: for each noise, optimizer and control what is certified, and how far attacks went.

    Parameters
    ----------
    record, task
        As for `certified_figure`.

    Raises
    ------
    BadInput
        As `certified_figure`.
    """
    frame = chosen(smoothing_frame(record), task=task)
    parts = [f"{task} task: means over folds [95 % t interval]; attacks over the longest radius of a fact."]
    for title, mine in _noises(frame):
        parts.append(f"Noise on {title}:")
        parts += [_told(mine[mine.name == name], name) for name in names_of(mine)]
    return "\n".join(parts)


def _told(mine: pd.DataFrame, name: str) -> str:
    head = f"{name} ({counted(mine.status)}) "
    kept = f"answers {over_folds(mine.kept).text('.2f')} of what it keeps"
    if not mine.works.any():
        return f"{head}{kept}: nothing is certified."
    reaches = ", ".join(f"{reach} {reach_text(mine, reach)}" for reach in REACHES.values())
    return (
        f"{head}{kept}, and works on {int(mine.works.sum())} of {len(mine)} folds; "
        f"{over_folds(mine.share).text('.2f')} of the facts certified, {over_folds(mine.excess).text()} "
        f"beyond the target's; median radius {over_folds(mine.radius).text('.3g')}; in radii: {reaches}."
    )


def smoothing_answer_sentence(answer: SmoothingAnswer) -> str:
    """Both answers in words.

    Parameters
    ----------
    answer : SmoothingAnswer
        From `smoothing_answer`.

    Examples
    --------
    >>> from unlearnkit.studies.intervals import Interval
    >>> d = Interval(-0.01, -0.03, 0.01, n=3)
    >>> c = SmoothingContrast(
    ...     "topic", "all weights", 0.03, "sgd", "first order", (1, 2, 3), {}, d, d, d, works=(3, 2)
    ... )
    >>> print(smoothing_answer_sentence(SmoothingAnswer((c,), ())))
    Certified further than Adam's, at equal status? Differences of the median radius over folds.
    topic task, all weights, sigma 0.03: sgd -0.01 [-0.03, +0.01], n = 3; undecided (works on 3, Adam's 2).
    Intervals are not corrected for how many there are; "undecided" is no proof of equality.
    """
    lines = [
        "Certified further than Adam's, at equal status? Differences of the median radius over folds.",
        *(_contrast(c) for c in answer.contrasts),
        'Intervals are not corrected for how many there are; "undecided" is no proof of equality.',
    ]
    if answer.reaches:
        lines += ["How far from what attacks do? Their length over the longest certified radius of a fact."]
        lines += [_reach(reach) for reach in answer.reaches]
    return "\n".join(lines)


def _contrast(found: SmoothingContrast) -> str:
    where = f"{found.task} task, {found.where}, sigma {found.sigma:g}: {found.optimizer}"
    if not found.folds:
        return f"{where} not compared: {'; '.join(f'fold {f}, {s}' for f, s in found.unequal.items())}."
    n, (ours, adams) = found.radius.n, found.works
    return (
        f"{where} {found.radius.text('+z.3g')}, n = {n}; {found.verdict} (works on {ours}, Adam's {adams})."
    )


def _reach(found: SmoothingReach) -> str:
    where = f"{found.task} task, {found.where}, sigma {found.sigma:g}: {found.attack}"
    walked = (
        f"; {found.holds} of {found.walked} certificates held on relearning's way" if found.walked else ""
    )
    if math.isnan(found.least):
        return f"{where} is beyond, as nothing is certified of {found.models} runs{walked}."
    return (
        f"{where} went {found.least:.3g} to {found.most:.3g} times as far, over {found.certified} of "
        f"{found.models} runs; {found.inside:.2%} of its square lies where the noise was{walked}."
    )
