"""Survival against retention at matched depth, over learning rates, in figure and words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from unlearnkit.reports.facets import bars, fill_panels, mark_level, mark_margin, task_panels
from unlearnkit.reports.looks import Look, looks_of, template_of
from unlearnkit.studies.attacked import Study, attacked_frame, grouped, rate_text
from unlearnkit.studies.intervals import Interval, t_interval
from unlearnkit.studies.step_size import Contrast, StepSizeAnswer
from unlearnkit.studies.step_size_table import Rates, step_size_table

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

SIDES = (("top left", "top right"), ("bottom right", "bottom left"))  # of the rates' names, by turns
SMALLEST, GROWTH = 9, 4  # pixels: the marker of the smallest learning rate, and what each larger one adds


class Mean(NamedTuple):
    """All folds of one optimizer at one learning rate."""

    lr: float
    retain: Interval
    heldout: Interval


def step_size_figure(study: Study, *, attack: str, theme: str = "light") -> go.Figure:
    """Held-out recovery against retention, for runs of one depth: one marker a learning rate.

    Parameters
    ----------
    study : mapping
        The content of step-size.json.
    attack : str
        Its short form, such as "relearn-100@3e-4".
    theme : {"light", "dark"}

    Returns
    -------
    plotly.graph_objects.Figure
        A panel a task. x: knowmem_retain before the attack; y: knowledge of facts that the attack never
        showed, beyond never_learned's under the same attack. Means over folds with 95 % t intervals both
        ways, larger markers for larger learning rates; folds faint. Dashed: the margin of "survived"; dotted:
        0.8 of the target's retention, below which a run is destroyed. Never show it without
        `step_size_sentence`: some readers cannot see it.

    Raises
    ------
    BadInput
        For a record without what is drawn, an attack that was not made, an unknown theme.

    Examples
    --------
    >>> step_size_figure({"rows": [], "controls": []}, attack="relearn-100")
    Traceback (most recent call last):
    unlearnkit.errors.BadInput: study: it has no rows; give the content of step-size.json or depth.json
    """
    template = template_of(theme)
    frame = attacked_frame(study, attack)
    tasks = sorted(set(frame.task))
    title = f"What {attack} brings back, against what was kept, at one depth"
    figure = task_panels(tasks, title=title, x_title="knowmem_retain before the attack")
    looks = looks_of(frame.optimizer)
    fill_panels(figure, tasks, lambda task: _traces(frame[frame.task == task], looks))
    for column, task in enumerate(tasks, start=1):
        floor = float(frame[frame.task == task].floor.mean())
        mark_level(figure, floor, "destroyed left of this", column=column)
    mark_margin(figure, len(tasks), side="right")
    figure.update_xaxes(range=[_left(frame), 1.02], tickformat=".0%")
    return figure.update_layout(template=template)


def _left(frame: pd.DataFrame) -> float:
    """Where the axis of retention begins: a little below the worst run and the floor."""
    return max(0.0, float(min(frame.retain.min(), frame.floor.min())) - 0.05)


def _traces(frame: pd.DataFrame, looks: dict[str, Look]) -> Iterator[go.Scatter]:
    import plotly.graph_objects as go

    for number, (optimizer, runs) in enumerate(grouped(frame, "optimizer")):
        look = looks[str(optimizer)]
        means = _means(runs)
        sizes = {mean.lr: SMALLEST + GROWTH * place for place, mean in enumerate(means)}
        yield _fold_trace(str(optimizer), runs, look, sizes)
        yield go.Scatter(
            x=[mean.retain.mean for mean in means],
            y=[mean.heldout.mean for mean in means],
            error_x=bars([mean.retain for mean in means], look.faint(0.7)),
            error_y=bars([mean.heldout for mean in means], look.faint(0.7)),
            customdata=[[m.lr, m.retain.text(".2f"), m.heldout.text(), m.heldout.n] for m in means],
            text=[rate_text(mean.lr) for mean in means],
            textposition=[SIDES[number % 2][place % 2] for place in range(len(means))],
            textfont={"color": look.colour},
            name=f"{optimizer}: mean and 95 % t intervals over folds",
            legendgroup=str(optimizer),
            showlegend=True,
            mode="lines+markers+text",
            line={"color": look.colour, "width": 1.5},
            marker={
                "symbol": look.marker,
                "size": [sizes[mean.lr] for mean in means],
                "color": look.colour,
                "opacity": 1,
            },
            hovertemplate=f"{optimizer}, lr %{{customdata[0]:g}}, n = %{{customdata[3]}} folds<br>"
            "retained %{customdata[1]}<br>held out %{customdata[2]}<extra></extra>",
        )


def _fold_trace(optimizer: str, runs: pd.DataFrame, look: Look, sizes: dict[float, int]) -> go.Scatter:
    import plotly.graph_objects as go

    return go.Scatter(
        x=runs.retain.tolist(),
        y=runs.heldout.tolist(),
        customdata=runs[["lr", "fold", "seed", "status", "outcome"]].to_numpy(dtype=object).tolist(),
        name=f"{optimizer}: folds",
        legendgroup=optimizer,
        showlegend=False,
        mode="markers",
        opacity=0.5,
        marker={"symbol": look.marker, "size": [0.6 * sizes[lr] for lr in runs.lr], "color": look.colour},
        hovertemplate=f"{optimizer}, lr %{{customdata[0]:g}}, fold %{{customdata[1]}}, seed "
        "%{customdata[2]}: %{customdata[3]}<br>%{x:.0%} retained, %{y:+.2f} held out: %{customdata[4]}"
        "<extra></extra>",
    )


def _means(runs: pd.DataFrame) -> list[Mean]:
    """In the order of learning rates; seeds of a fold count once."""
    found = []
    for lr, same in grouped(runs, "lr"):
        folds = same.groupby("fold")[["retain", "heldout"]].mean()
        found.append(Mean(float(lr), t_interval(folds.retain), t_interval(folds.heldout)))
    return found


def step_size_sentence(study: Study, *, attack: str, rates: Rates | None = None) -> str:
    """The figure in words: for each learning rate what was kept, what came back, and from how many folds.

    Parameters
    ----------
    study, attack
        As for `step_size_figure`.
    rates
        As for `step_size_table`.

    Raises
    ------
    BadInput
        As `step_size_figure`.

    Examples
    --------
    >>> step_size_sentence({"rows": [], "controls": []}, attack="relearn-100")
    Traceback (most recent call last):
    unlearnkit.errors.BadInput: study: it has no rows; give the content of step-size.json or depth.json
    """
    table = step_size_table(study, attack, rates=rates)
    told = []
    for (task, optimizer), rows in grouped(table, "task", "optimizer"):
        places = "; ".join(_place(row) for row in rows.to_dict("records"))
        told.append(f"{task} task, {optimizer}: {places}.")
    return (
        f"Runs stopped at never_learned's depth, then {attack}. Retained before it, and held-out recovery "
        "beyond the control's, as mean [95 % t interval over folds].\n" + "\n".join(told)
    )


def _place(row: dict[Any, Any]) -> str:
    missing = f", {row['not_reached']} without a run at this depth" if row["not_reached"] else ""
    if not row["n_folds"]:
        return f"lr {rate_text(row['lr'])} in no fold{missing}"
    retain, heldout = (
        Interval(row[name], row[f"{name}_low"], row[f"{name}_high"], row["n_folds"])
        for name in ("retain", "heldout")
    )
    lost = f", {row['destroyed']} destroyed" if row["destroyed"] else ""
    return (
        f"lr {rate_text(row['lr'])} retains {retain.text('.2f')}, comes back by {heldout.text()} "
        f"(n = {row['n_folds']}, {row['survived']} survived{lost}{missing})"
    )


def step_size_answer_sentence(answer: StepSizeAnswer) -> str:
    """The paired differences in words, each with what its interval leaves open.

    Parameters
    ----------
    answer : StepSizeAnswer
        From `unlearnkit.studies.step_size.step_size_answer`.

    Examples
    --------
    >>> from unlearnkit.studies.intervals import Interval
    >>> d = Interval(-0.2, -0.5, 0.1, n=4)
    >>> same = Interval(0.0, 0.0, 0.0, n=4)
    >>> c = Contrast("topic", "matched retention", "signadam - adam", (1, 2, 3, 4), d, same, same)
    >>> print(step_size_answer_sentence(StepSizeAnswer("relearn-100", (c,))))
    Differences in held-out recovery after relearn-100, paired by fold: mean [95 % t interval].
    topic task, matched retention (signadam - adam): -0.20 [-0.50, +0.10], n = 4 folds; undecided.
    Intervals are not corrected for how many there are; "undecided" is no proof of equality.
    """
    told = "\n".join(_contrast(contrast) for contrast in answer.contrasts)
    return (
        f"Differences in held-out recovery after {answer.attack}, paired by fold: mean [95 % t interval].\n"
        f"{told}\n"
        'Intervals are not corrected for how many there are; "undecided" is no proof of equality.'
    )


def _contrast(contrast: Contrast) -> str:
    found = contrast.heldout
    side = "undecided"
    if found.excludes(0.0):
        side = "more came back" if found.mean > 0 else "less came back"
    beside = [
        f"{what} differs by {interval.text()}"
        for what, interval in (("retention", contrast.retain), ("depth", contrast.depth))
        if interval.excludes(0.0)
    ]
    told = "; ".join([f"n = {found.n} fold{'s' * (found.n != 1)}", side, *beside])
    return f"{contrast.task} task, {contrast.reading} ({contrast.what}): {found.text()}, {told}."
