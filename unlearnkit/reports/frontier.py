"""The frontier of calibration: how much is kept, against how far was forgotten, for every learning rate."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from unlearnkit.errors import BadInput, unknown_name
from unlearnkit.reports.looks import CONTROL_GREY, NO_BUTTONS, Look, looks_of, template_of
from unlearnkit.studies.attacked import grouped, rate_text, read
from unlearnkit.unlearning.status import DEPTH_BAND, RETAIN_FLOOR

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

NAMED = ("task", "objective", "optimizer", "seed")
OF_A_POINT = (
    "steps", "nll_forget", "knowmem_forget_shown", "knowmem_forget_heldout", "knowmem_retain",
    "forward_equivalents", "distance_l2", "status",
)  # fmt: skip
JUDGED = ("forgotten", "not reached", "over-forgotten")  # and so not destroyed
DESTROYED = "#D55E00"
WIDEST = 1.8  # of never_learned's nll_forget; the figure ends there, with a word on what lies beyond
HOVER = (
    "%{customdata[0]}, lr %{customdata[1]:g}, %{customdata[2]} steps: %{customdata[3]}<br>"
    "%{x:.2f} nats a token; %{y:.0%} retained<br>"
    "known: %{customdata[4]:.0%} shown, %{customdata[5]:.0%} held out<br>"
    "%{customdata[6]:.0f} forward-equivalents, distance %{customdata[7]:.1f}<extra></extra>"
)
TOLD = ("optimizer", "lr", "steps", "status", *OF_A_POINT[2:4], *OF_A_POINT[5:7])


def frontier_frame(frontiers: Mapping[str, Any]) -> pd.DataFrame:
    """Every scored point of a calibration, one a row.

    Parameters
    ----------
    frontiers : mapping
        The content of frontiers.json.

    Returns
    -------
    pandas.DataFrame
        task, objective, optimizer, seed, lr, ended (why the line ended); the point: steps, nll_forget (nats
        a token), knowledge (0 to 1), forward_equivalents, distance_l2, status; relative_depth: nll_forget as
        a multiple of never_learned's; chosen: whether it is the preset. A line that diverged before its
        first point has no row.

    Raises
    ------
    BadInput
        When there is no pair, no point, or a field is missing.

    Examples
    --------
    >>> frontier_frame({"pairs": []})
    Traceback (most recent call last):
    unlearnkit.errors.BadInput: frontiers: there is no pair; give the content of frontiers.json
    """
    import pandas as pd

    frame = pd.DataFrame([row for pair in _pairs(frontiers) for row in _rows(pair)])
    if frame.empty:
        raise BadInput("frontiers: no line has a point, so there is nothing to show")
    return frame


def _pairs(frontiers: object) -> Sequence[Mapping[str, Any]]:
    pairs: Sequence[Mapping[str, Any]] = read(frontiers, "frontiers: it", "pairs")
    if not pairs:
        raise BadInput("frontiers: there is no pair; give the content of frontiers.json")
    return pairs


def _rows(pair: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    where = "frontiers: a pair"
    named = {name: read(pair, where, name) for name in NAMED}
    aim = read(pair, where, "never_learned", "nll_forget")
    chosen = (read(pair, where, "choice", "lr"), read(pair, where, "choice", "steps"))
    for line in read(pair, where, "lines"):
        lr, ended = (read(line, "frontiers: a line", name) for name in ("lr", "ended"))
        for point in read(line, "frontiers: a line", "points"):
            scored = {name: read(point, "frontiers: a point", name) for name in OF_A_POINT}
            more = {"relative_depth": scored["nll_forget"] / aim, "chosen": (lr, scored["steps"]) == chosen}
            yield {**named, "lr": lr, "ended": ended, **scored, **more}


def frontier_figure(
    frontiers: Mapping[str, Any],
    *,
    task: str,
    objective: str | None = None,
    target_retain: float | None = None,
    theme: str = "light",
) -> go.Figure:
    """Share retained against depth: one colour and marker an optimizer, one line a learning rate.

    Parameters
    ----------
    frontiers : mapping
        The content of frontiers.json.
    task : str
        Which task's pairs to show.
    objective : str, optional
        Which objective's; needed only where there are several.
    target_retain : float, optional
        The target's knowmem_retain, for the zone of destroyed models below 0.8 of it. frontiers.json does not
        hold it; without it the zone ends halfway between the highest retention that was called destroyed and
        the lowest that was not, and is left out where none was.
    theme : {"light", "dark"}

    Returns
    -------
    plotly.graph_objects.Figure
        The preset of each optimizer is ringed: thick where it reached the depth, thin where it did not.
        Never show it without `frontier_sentence` or a table: some readers cannot see it.

    Raises
    ------
    BadInput
        As `frontier_frame`; for an unknown task, objective or theme, or several objectives.

    Examples
    --------
    >>> frontier_figure({"pairs": []}, task="topic")
    Traceback (most recent call last):
    unlearnkit.errors.BadInput: frontiers: there is no pair; give the content of frontiers.json
    """
    import plotly.graph_objects as go

    template = template_of(theme)
    pairs = _chosen_pairs(frontiers, task, objective)
    frame = frontier_frame({"pairs": pairs})
    looks = looks_of(frame.optimizer)
    traces = [trace for name, look in looks.items() for trace in _traces(frame, name, look)]
    figure = go.Figure([*traces, *_rings(pairs, looks)])
    aim = float(pairs[0]["never_learned"]["nll_forget"])
    _lay_out(figure, task=task, aim=aim, deepest=float(frame.nll_forget.max()))
    _zones(figure, aim, _floor(frame, target_retain))
    _beyond(figure, int((frame.nll_forget > WIDEST * aim).sum()))
    return figure.update_layout(template=template)


def _chosen_pairs(frontiers: object, task: str, objective: str | None) -> list[Mapping[str, Any]]:
    pairs = _pairs(frontiers)
    for name, wanted in (("task", task), ("objective", objective)):
        there = sorted({read(pair, "frontiers: a pair", name) for pair in pairs})
        if wanted is None and len(there) > 1:
            raise BadInput(f"{name}: several were calibrated ({', '.join(there)}); name one")
        if wanted is not None and wanted not in there:
            raise unknown_name(name, wanted, there)
        pairs = [pair for pair in pairs if wanted is None or pair[name] == wanted]
    return list(pairs)


def _traces(frame: pd.DataFrame, optimizer: str, look: Look) -> Iterator[go.Scatter]:
    import plotly.graph_objects as go

    mine = frame[frame.optimizer == optimizer]
    for place, (_, line) in enumerate(grouped(mine, "seed", "lr")):
        line = line.sort_values("steps")
        yield go.Scatter(
            x=line.nll_forget.tolist(),
            y=line.knowmem_retain.tolist(),
            customdata=line[list(TOLD)].to_numpy(dtype=object).tolist(),
            name=optimizer,
            legendgroup=optimizer,
            showlegend=place == 0,
            mode="lines+markers",
            line={"color": look.faint(0.6), "width": 1},
            marker={"symbol": look.marker, "size": 8, "color": look.colour},
            hovertemplate=HOVER,
        )


def _rings(pairs: Sequence[Mapping[str, Any]], looks: Mapping[str, Look]) -> Iterator[go.Scatter]:
    import plotly.graph_objects as go

    for name, width in (("preset, reached", 3), ("preset, not reached", 1.5)):
        mine = [pair for pair in pairs if (pair["choice"]["outcome"] == "reached") == (width == 3)]
        if mine:
            yield go.Scatter(
                x=[read(pair, "frontiers: a choice", "choice", "nll_forget") for pair in mine],
                y=[read(pair, "frontiers: a choice", "choice", "knowmem_retain") for pair in mine],
                name=name,
                mode="markers",
                hoverinfo="skip",
                marker={
                    "symbol": "circle-open",
                    "size": 18,
                    "color": [looks[pair["optimizer"]].colour for pair in mine],
                    "line": {"width": width},
                },
            )


def _floor(frame: pd.DataFrame, target_retain: float | None) -> float | None:
    """The retention below which a model is destroyed, or None where nothing tells."""
    if target_retain is not None:
        return RETAIN_FLOOR * target_retain
    destroyed = frame.knowmem_retain[frame.status == "destroyed"]
    kept = frame.knowmem_retain[frame.status.isin(JUDGED)]
    if destroyed.empty:
        return None
    return float(destroyed.max() if kept.empty else (destroyed.max() + kept.min()) / 2)


def _zones(figure: go.Figure, aim: float, floor: float | None) -> None:
    band = {"line_width": 0, "fillcolor": CONTROL_GREY, "layer": "below"}
    figure.add_vrect(x0=(1 - DEPTH_BAND) * aim, x1=(1 + DEPTH_BAND) * aim, opacity=0.18, **band)
    figure.add_vline(x=aim, line={"color": CONTROL_GREY, "dash": "dash", "width": 2}, layer="below")
    figure.add_annotation(
        x=aim, y=1.0, yref="paper", yanchor="bottom", showarrow=False,
        text=f"never learned: {aim:.2f} (band ±{DEPTH_BAND:.0%})",
    )  # fmt: skip
    if floor is not None:
        figure.add_hrect(y0=-1, y1=floor, opacity=0.12, **{**band, "fillcolor": DESTROYED})
        swatch = {"symbol": "square", "size": 14, "color": DESTROYED, "opacity": 0.3}
        figure.add_scatter(x=[None], y=[None], mode="markers", marker=swatch, name="zone: destroyed")


def _beyond(figure: go.Figure, count: int) -> None:
    if count:
        text = f"{count} point{'s' * (count > 1)} further right: zoom out"
        figure.add_annotation(
            x=1, y=0.01, xref="paper", yref="paper", xanchor="right", showarrow=False, text=text
        )


def _lay_out(figure: go.Figure, *, task: str, aim: float, deepest: float) -> None:
    figure.update_layout(
        title=f"What is kept, against how far was forgotten: {task} task",
        xaxis={"title": "nll_forget: nats a token", "range": [-0.1, 1.03 * min(deepest, WIDEST * aim)]},
        # Always the whole scale: a small loss must look small.
        yaxis={"title": "knowmem_retain", "range": [-0.02, 1.03], "tickformat": ".0%"},
        legend={"x": 1.01, "y": 1, "xanchor": "left", "itemsizing": "trace"},
        modebar={"remove": NO_BUTTONS},
        margin={"l": 70, "r": 20, "t": 80, "b": 60},
        height=540,
    )


def frontier_sentence(frontiers: Mapping[str, Any], *, task: str, objective: str | None = None) -> str:
    """The figure in words: the control's level, and each optimizer's preset or how it failed.

    Parameters
    ----------
    frontiers, task, objective
        As for `frontier_figure`.

    Raises
    ------
    BadInput
        As `frontier_figure`.

    Examples
    --------
    >>> frontier_sentence({"pairs": []}, task="topic")
    Traceback (most recent call last):
    unlearnkit.errors.BadInput: frontiers: there is no pair; give the content of frontiers.json
    """
    pairs = _chosen_pairs(frontiers, task, objective)
    frontier_frame({"pairs": pairs})  # raises for what is malformed
    control = pairs[0]["never_learned"]
    told = ";\n".join(_told(pair) for pair in pairs)
    return (
        f"On the {task} task never_learned stands at {control['nll_forget']:.2f} nats a token and retains "
        f"{read(control, 'frontiers: never_learned', 'knowmem_retain'):.0%}.\n{told}.\n"
        "Each of these is one run on one fold: nothing here says how much another would differ."
    )


def _told(pair: Mapping[str, Any]) -> str:
    wanted = ("lr", "steps", "outcome", "status", "nll_forget", "knowmem_retain", "forward_equivalents")
    lr, steps, outcome, status, depth, kept, cost = (
        read(pair, "frontiers: a pair", "choice", w) for w in wanted
    )
    lines = pair["lines"]
    name = pair["optimizer"] + (f" (seed {pair['seed']})" if pair["seed"] else "")
    said = (
        "reaches"
        if outcome == "reached"
        else f"has no point that forgot ({outcome}); its preset is {status} at"
    )
    how = f"lr {rate_text(lr)}, {steps} steps, {cost:.0f} forward-equivalents"
    tried = f"{len(lines)} learning rate{'s' * (len(lines) != 1)} tried" + _lost(lines)
    return f"{name} {said} {depth:.2f} nats with {kept:.0%} retained ({how}; {tried})"


def _lost(lines: Sequence[Mapping[str, Any]]) -> str:
    diverged = sum(line["ended"] == "diverged" for line in lines)
    return f", {diverged} diverged" if diverged else ""
