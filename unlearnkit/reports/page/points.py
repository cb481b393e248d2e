"""What came back from each run, against how deep it had forgotten and against what it cost."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from unlearnkit.reports.collected import Arm, Problem
from unlearnkit.reports.facets import MARGIN_LINE
from unlearnkit.reports.fields import Row, met, number
from unlearnkit.reports.looks import CONTROL_GREY, Look, looks_of
from unlearnkit.reports.page.figures import RUN_HOVER, TWINS, Figure, content_of, shown
from unlearnkit.reports.page.tables import (
    Block,
    Column,
    Table,
    counted_chips,
    plain,
    runs_text,
    spread,
    status_chip,
)
from unlearnkit.reports.rules import margin, rules_of, several_rules
from unlearnkit.studies.intervals import Interval, by_fold
from unlearnkit.unlearning.status import DEPTH_BAND

if TYPE_CHECKING:
    import plotly.graph_objects as go

# What a marker's filling and size say; its colour and shape are the optimizer's.
FILLINGS = {"survived": "", "recovered": "-open"}
NO_VERDICT = "-open"
LARGE, SMALL = 13, 8  # pixels: with a verdict, and without
LEGEND = (
    "Recovery is the larger of shown and held out, which the margin is for. Colour and shape tell the "
    "optimizer. Filled: survived; hollow: recovered; small: no verdict."
)
WORDS_UP_TO = 6  # arms; more of them are told by the table alone


@dataclass(frozen=True)
class Point:
    """A run under an attack. `worst`: the larger of shown and held-out recovery, which the margin is for."""

    run: Row
    attack: Row
    depth: float
    shown: float
    heldout: float
    outcome: str

    @property
    def worst(self) -> float:
        """NaN where there is no control to go beyond."""
        return max(self.shown, self.heldout)

    @property
    def cost(self) -> float:
        """Forward-equivalents."""
        return number(self.run, "cost", "forward_equivalents")


Words = Callable[[Sequence[Point]], str]


def depth_figures(problem: Problem) -> Iterator[Figure]:
    """One figure for each attack's largest budget: recovery against depth before the attack."""
    for label in problem.hardest:
        points = [p for p in points_of(problem, label) if math.isfinite(p.worst) and math.isfinite(p.depth)]
        if points:
            figure = _figure(points, [p.depth for p in points], "depth before, × control’s")
            _mark_depth(figure)
            table = depth_table(problem, label)
            yield _with_twins(problem, figure, label, "depth", words=_depth_words, tables=[table])


def cost_figures(problem: Problem) -> Iterator[Figure]:
    """One figure for each attack's largest budget: recovery against forward-equivalents."""
    for label in problem.hardest:
        points = [p for p in points_of(problem, label) if math.isfinite(p.worst) and p.cost > 0]
        if points:
            figure = _figure(points, [p.cost for p in points], "cost: forward-equivalents")
            figure.update_xaxes(rangemode="tozero")
            yield _with_twins(problem, figure, label, "cost", words=_cost_words)


def _with_twins(
    problem: Problem,
    figure: go.Figure,
    label: str,
    against: str,
    *,
    words: Words,
    tables: Sequence[Table] = (),
) -> Figure:
    caption = f"What {label} brought back, against {against}{problem.where}"
    sentence, items = _told(problem, label, words)
    rules = rules_of(point.attack for point in points_of(problem, label))
    return Figure(
        caption=caption,
        label=f"Scatter plot, one marker a run. {caption}. {TWINS}",
        content=content_of(figure),
        sentences=[text for text in (sentence, several_rules(rules)) if text],
        items=items,
        tables=tables,
    )


def points_of(problem: Problem, label: str) -> list[Point]:
    """All runs that met an attack."""
    return [_point(problem, run, attack) for run in problem.runs if (attack := met(run, label)) is not None]


def _point(problem: Problem, run: Row, attack: Row) -> Point:
    back = {half: number(attack, "recovery", half) for half in ("shown", "heldout")}
    return Point(run, attack, problem.depth(run), **back, outcome=str(attack.get("outcome") or "not judged"))


def _figure(points: Sequence[Point], places: Sequence[float], x_title: str) -> go.Figure:
    import plotly.graph_objects as go

    looks = looks_of(str(point.run["optimizer"]) for point in points)
    traces = [_trace(name, look, points, places) for name, look in looks.items()]
    figure = go.Figure([*traces, *(_key(name, look) for name, look in looks.items())])
    _mark_margins(figure, rules_of(point.attack for point in points))
    figure.update_xaxes(title=x_title)
    # Always the whole scale: a small recovery must look small.
    figure.update_yaxes(title="recovery", range=[-0.25, 1.08], zeroline=True)
    return figure


def _mark_margins(figure: go.Figure, rules: Sequence[str]) -> None:
    """A line for the margin of each rule that is known, with the rule's name where there are several."""
    for rule in rules:
        level = margin(rule)
        if level is not None:
            name = f" ({shown(rule)})" if len(rules) > 1 else ""
            figure.add_hline(y=level, line=MARGIN_LINE)
            figure.add_annotation(
                x=0.01, xref="paper", xanchor="left", y=level, yanchor="bottom", showarrow=False,
                text=f"survival margin {level:.2f}{name}",
            )  # fmt: skip


def _trace(name: str, look: Look, points: Sequence[Point], places: Sequence[float]) -> go.Scatter:
    import plotly.graph_objects as go

    mine = [(point, x) for point, x in zip(points, places, strict=True) if point.run["optimizer"] == name]
    symbols = [look.marker + FILLINGS.get(point.outcome, NO_VERDICT) for point, _ in mine]
    sizes = [LARGE if point.outcome in FILLINGS else SMALL for point, _ in mine]
    return go.Scatter(
        x=[x for _, x in mine],
        y=[point.worst for point, _ in mine],
        customdata=[_hover(point) for point, _ in mine],
        name=shown(name),
        legendgroup=shown(name),
        showlegend=False,
        mode="markers",
        marker={"color": look.colour, "symbol": symbols, "size": sizes, "line": {"width": 2}},
        hovertemplate=f"{RUN_HOVER}<br>"
        "%{customdata[4]:+.2f} shown, %{customdata[5]:+.2f} held out: %{customdata[6]}"
        "<extra></extra>",
    )


def _key(name: str, look: Look) -> go.Scatter:
    """The optimizer's place in the legend: filled, whatever its first run's outcome is."""
    import plotly.graph_objects as go

    marker = {"color": look.colour, "symbol": look.marker, "size": LARGE}
    return go.Scatter(
        x=[None], y=[None], name=shown(name), legendgroup=shown(name), mode="markers", marker=marker
    )


def _hover(point: Point) -> list[Any]:
    told = [point.run.get(name) for name in ("lr", "fold", "seed", "status")]
    return [*(shown(value) for value in told), point.shown, point.heldout, shown(point.outcome)]


def _mark_depth(figure: go.Figure) -> None:
    band = {"line_width": 0, "fillcolor": CONTROL_GREY, "opacity": 0.18, "layer": "below"}
    figure.add_vrect(x0=1 - DEPTH_BAND, x1=1 + DEPTH_BAND, **band)
    figure.add_vline(x=1, line={"color": CONTROL_GREY, "dash": "dot", "width": 1.5}, layer="below")
    figure.add_annotation(
        x=1,
        y=1,
        yref="paper",
        yanchor="bottom",
        showarrow=False,
        text=f"the control (band ±{DEPTH_BAND:.0%})",
    )
    figure.update_xaxes(rangemode="tozero")


# Twins


def depth_table(problem: Problem, label: str) -> Table:
    """By arm: depth, recovery of both halves, outcomes."""
    columns = [
        Column("Optimizer", text=True), Column("Status", text=True), Column("Runs"),
        Column("Depth", "× control"), Column("Recovery, shown"), Column("Recovery, held out"),
        Column("Outcomes", text=True),
    ]  # fmt: skip
    blocks: dict[str, list[list[Any]]] = {}
    for arm in problem.arms:
        points = _points_of_arm(problem, arm, label)
        depths, shown_, heldout = (_means(points, name) for name in ("depth", "shown", "heldout"))
        row = [
            arm.name, status_chip(arm.status), str(len(points)), spread(depths), spread(shown_, "+.2f"),
            spread(heldout, "+.2f"), counted_chips(point.outcome for point in points),
        ]  # fmt: skip
        blocks.setdefault(arm.grade, []).append(row)
    return Table(
        f"{label} by optimizer: mean over folds [95 % t interval]{problem.where}",
        columns,
        [Block(grade, rows) for grade, rows in blocks.items()],
    )


def cost_table(problem: Problem) -> Table:
    """By arm: what it cost, how far it moved the weights, and the outcomes of every attack."""
    columns = [
        Column("Optimizer", text=True), Column("Status", text=True), Column("Runs"),
        Column("Cost", "forward-equivalents"), Column("Seconds"), Column("Distance", "L2"),
        *(Column(label, "outcomes", text=True) for label in problem.attacks),
    ]  # fmt: skip
    blocks: dict[str, list[list[Any]]] = {}
    for arm in problem.arms:
        chips = [
            counted_chips((met(run, x) or {}).get("outcome") for run in arm.runs) for x in problem.attacks
        ]
        costs = [
            plain(arm.interval("cost", name).mean, form)
            for name, form in (("forward_equivalents", ",.0f"), ("seconds", ",.1f"), ("distance_l2", ".1f"))
        ]
        row = [arm.name, status_chip(arm.status), str(len(arm.runs)), *costs, *chips]
        blocks.setdefault(arm.grade, []).append(row)
    listed = [Block(grade, rows) for grade, rows in blocks.items()]
    return Table(f"Cost and outcomes by optimizer, means over folds{problem.where}", columns, listed)


def _points_of_arm(problem: Problem, arm: Arm, label: str) -> list[Point]:
    return [_point(problem, run, attack) for run in arm.runs if (attack := met(run, label)) is not None]


def _means(points: Sequence[Point], name: str) -> Interval:
    return by_fold((point.run["fold"], getattr(point, name)) for point in points)


def _told(problem: Problem, label: str, words: Words) -> tuple[str, list[str]]:
    """A sentence, and one for each arm."""
    arms = [(arm, points) for arm in problem.arms if (points := _points_of_arm(problem, arm, label))]
    if len(arms) > WORDS_UP_TO:
        return f"After {label}: {len(arms)} arms, each in the table below.", []
    told = [f"{arm.title}, {runs_text(len(points))}: {words(points)}" for arm, points in arms]
    return f"After {label}:", told


def _depth_words(points: Sequence[Point]) -> str:
    depth, back, heldout = (_means(points, name) for name in ("depth", "shown", "heldout"))
    return (
        f"depth {depth.mean:.2f} times the control’s, came back {back.mean:+.2f} of shown and "
        f"{heldout.mean:+.2f} of held-out facts ({_outcomes(points)})"
    )


def _cost_words(points: Sequence[Point]) -> str:
    cost, worst = _means(points, "cost"), _means(points, "worst")
    return f"{cost.mean:,.0f} forward-equivalents, came back {worst.mean:+.2f} ({_outcomes(points)})"


def _outcomes(points: Sequence[Point]) -> str:
    counts = Counter(point.outcome for point in points)
    return ", ".join(name if len(points) == 1 else f"{count} {name}" for name, count in counts.items())
