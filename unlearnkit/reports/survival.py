"""Survival against depth: what an attack brings back from runs that were stopped early, or late."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from unlearnkit.attacks.outcomes import OUTCOMES, RECOVERY_MARGIN
from unlearnkit.reports.facets import bars, fill_panels, mark_level, mark_margin, task_panels
from unlearnkit.reports.looks import Look, looks_of, template_of
from unlearnkit.studies.attacked import Study, attacked_frame, grouped, rate_text
from unlearnkit.studies.depth import STEP_SIZE_FOLDS
from unlearnkit.studies.intervals import Interval, t_interval

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

# What a run's marker says of the attack's outcome, without colour.
OUTCOME_MARKERS = {
    "survived": "circle",
    "recovered": "x",
    "destroyed": "triangle-down",
    "not applicable": "circle-open",
    "no power": "diamond-open",
}


class Level(NamedTuple):
    """All folds of one optimizer at one learning rate, stopped at one multiple of the control's depth."""

    aim: float
    depth: float
    heldout: Interval
    outcomes: dict[str, int]


def survival_depth_figure(study: Study, *, attack: str, theme: str = "light") -> go.Figure:
    """Held-out recovery against the depth before the attack: folds as points, means with 95 % intervals.

    Parameters
    ----------
    study : mapping
        The content of depth.json.
    attack : str
        Its short form, such as "relearn-100@3e-4".
    theme : {"light", "dark"}

    Returns
    -------
    plotly.graph_objects.Figure
        A panel a task. x: nll_forget before the attack as a multiple of never_learned's; y: knowledge of
        facts that the attack never showed, beyond never_learned's under the same attack. The dashed line is
        the margin of "survived", 0.10, which shown facts must keep, too, so that a run below it may have
        "recovered". Never show it without `survival_depth_sentence`: some readers cannot see it.

    Raises
    ------
    BadInput
        For a record without what is drawn, an attack that was not made, an unknown theme.

    Examples
    --------
    >>> survival_depth_figure({"rows": [], "controls": []}, attack="relearn-100")
    Traceback (most recent call last):
    unlearnkit.errors.BadInput: study: it has no rows; give the content of step-size.json or depth.json
    """
    template = template_of(theme)
    frame = attacked_frame(study, attack)
    tasks = sorted(set(frame.task))
    looks = looks_of(frame.optimizer)
    title = f"What {attack} brings back, against how far was forgotten before"
    figure = task_panels(tasks, title=title, x_title="nll_forget before, as a multiple of never_learned's")
    fill_panels(figure, tasks, lambda task: _traces(frame[frame.task == task], looks))
    for column in range(1, len(tasks) + 1):
        mark_level(figure, 1.0, "the control", column=column)
    mark_margin(figure, len(tasks), side="left")
    return figure.update_layout(template=template)


def _traces(frame: pd.DataFrame, looks: dict[str, Look]) -> Iterator[go.Scatter]:
    yield from _fold_traces(frame, looks)
    yield from _mean_traces(frame, looks)


def _fold_traces(frame: pd.DataFrame, looks: dict[str, Look]) -> Iterator[go.Scatter]:
    import plotly.graph_objects as go

    for (optimizer, outcome), same in grouped(frame, "optimizer", "outcome"):
        yield go.Scatter(
            x=same.depth.tolist(),
            y=same.heldout.tolist(),
            customdata=same[["fold", "seed", "lr", "status", "shown"]].to_numpy(dtype=object).tolist(),
            name=f"a fold: {outcome}",
            legendgroup=outcome,
            mode="markers",
            opacity=0.8,
            marker={"symbol": OUTCOME_MARKERS[outcome], "size": 8, "color": looks[optimizer].colour},
            hovertemplate=f"{optimizer}, lr %{{customdata[2]:g}}, fold %{{customdata[0]}}, seed "
            "%{customdata[1]}: %{customdata[3]}<br>depth %{x:.2f}: %{y:+.2f} held out, "
            f"%{{customdata[4]:+.2f}} shown<br>{outcome}<extra></extra>",
        )


def _mean_traces(frame: pd.DataFrame, looks: dict[str, Look]) -> Iterator[go.Scatter]:
    import plotly.graph_objects as go

    for (optimizer, lr), levels in _levels(frame):
        name = f"{optimizer}, lr {rate_text(lr)}: mean and 95 % t interval over folds"
        colour = looks[optimizer].colour
        yield go.Scatter(
            x=[level.depth for level in levels],
            y=[level.heldout.mean for level in levels],
            error_y=bars([level.heldout for level in levels], colour),
            customdata=[[level.aim, level.heldout.text(), level.heldout.n] for level in levels],
            name=name,
            legendgroup=name,
            mode="lines+markers",
            line={"color": colour, "width": 2},
            marker={"symbol": "line-ew-open", "size": 14, "line": {"width": 3, "color": colour}},
            hovertemplate=f"{optimizer}, lr {rate_text(lr)}, stopped at %{{customdata[0]:g}}<br>"
            "%{customdata[1]}, n = %{customdata[2]} folds<extra></extra>",
        )


def _levels(frame: pd.DataFrame) -> Iterator[tuple[tuple[str, float], list[Level]]]:
    """By optimizer and learning rate, the levels of depth in order; seeds of a fold count once."""
    for (optimizer, lr), same in grouped(frame, "optimizer", "lr"):
        yield (str(optimizer), float(lr)), [_level(float(aim), runs) for aim, runs in grouped(same, "aim")]


def _level(aim: float, runs: pd.DataFrame) -> Level:
    folds = runs.groupby("fold")[["depth", "heldout"]].mean()
    counts = {name: int((runs.outcome == name).sum()) for name in OUTCOMES}
    outcomes = {name: count for name, count in counts.items() if count}
    return Level(aim, float(folds.depth.mean()), t_interval(folds.heldout), outcomes)


def survival_depth_sentence(study: Study, *, attack: str) -> str:
    """The figure in words: mean, interval, folds and outcomes at each depth, and what they leave open.

    Parameters
    ----------
    study, attack
        As for `survival_depth_figure`.

    Raises
    ------
    BadInput
        As `survival_depth_figure`.

    Examples
    --------
    >>> survival_depth_sentence({"rows": [], "controls": []}, attack="relearn-100")
    Traceback (most recent call last):
    unlearnkit.errors.BadInput: study: it has no rows; give the content of step-size.json or depth.json
    """
    frame = attacked_frame(study, attack)
    told = [
        _told(task, optimizer, lr, levels)
        for task, mine in grouped(frame, "task")
        for (optimizer, lr), levels in _levels(mine)
    ]
    return (
        f"Held-out recovery after {attack}: knowledge of facts that the attack never showed, beyond the "
        "never-learned control's, as mean [95 % t interval over folds].\n" + "\n".join(told)
    )


def _told(task: object, optimizer: str, lr: float, levels: list[Level]) -> str:
    planned = len(STEP_SIZE_FOLDS.get(str(task), ()))
    places = "; ".join(_place(level, planned) for level in levels)
    return f"{task} task, {optimizer} at lr {rate_text(lr)}: {places}. {_sides(levels)}"


def _place(level: Level, planned: int) -> str:
    folds = (
        f"{level.heldout.n} of {planned} folds" if level.heldout.n < planned else f"{level.heldout.n} folds"
    )
    outcomes = ", ".join(f"{count} {name}" for name, count in level.outcomes.items())
    return f"at {level.aim:g} of the control's depth {level.heldout.text()} ({folds}: {outcomes})"


def _sides(levels: list[Level]) -> str:
    """Which depths' intervals lie wholly on one side of the margin."""
    beside = [level for level in levels if level.heldout.excludes(RECOVERY_MARGIN)]
    above = [f"{level.aim:g}" for level in beside if level.heldout.low > RECOVERY_MARGIN]
    below = [f"{level.aim:g}" for level in beside if level.heldout.high < RECOVERY_MARGIN]
    open_ = [f"{level.aim:g}" for level in levels if level not in beside]
    parts = [
        f"{', '.join(aims)} {what}"
        for aims, what in ((above, "above it"), (below, "below it"), (open_, "undecided"))
        if aims
    ]
    return f"Against the margin of {RECOVERY_MARGIN:g} the mean is, at depth {'; '.join(parts)}."
