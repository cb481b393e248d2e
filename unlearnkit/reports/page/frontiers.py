"""The frontier of calibration, with the records' own runs on it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

from unlearnkit.reports.collected import Problem
from unlearnkit.reports.fields import number
from unlearnkit.reports.frontier import frontier_figure, frontier_frame, frontier_sentence
from unlearnkit.reports.looks import Look, looks_of
from unlearnkit.reports.page.figures import RUN_HOVER, TWINS, Figure, content_of, shown
from unlearnkit.reports.page.tables import (
    Block,
    Column,
    Table,
    folds_text,
    learning_rate,
    plain,
    spread,
    status_chip,
    steps_text,
)
from unlearnkit.resources import data_path


def shipped_frontiers() -> dict[str, Any]:
    """The content of data/calibration/frontiers.json."""
    content: dict[str, Any] = json.loads(
        data_path("calibration", "frontiers.json").read_text(encoding="utf-8")
    )
    return content


def has_frontier(problem: Problem, frontiers: Mapping[str, Any]) -> bool:
    """Whether the problem's task and objective were calibrated on the atlas."""
    return problem.testbed == "atlas" and any(
        (pair["task"], pair["objective"]) == (problem.task, problem.objective) for pair in frontiers["pairs"]
    )


def frontier_of(problem: Problem, frontiers: Mapping[str, Any]) -> Figure:
    """Calibration's frontier as reports/frontier.py draws it; the records' runs are drawn large upon it."""
    task, objective = problem.task, problem.objective
    figure = frontier_figure(frontiers, task=task, objective=objective)
    figure.add_traces(list(_own(problem)))
    _widen(figure, problem, frontiers)
    content = content_of(figure)
    content["layout"]["height"] = 540
    caption = f"What is kept, against how far was forgotten{problem.where}"
    control, *presets, caution = frontier_sentence(frontiers, task=task, objective=objective).split("\n")
    return Figure(
        caption=caption,
        label=f"Scatter plot of retention against depth. {caption}. {TWINS}",
        content=content,
        sentences=[*_own_words(problem), f"Calibration, on fold 0. {control} {caution}"],
        items=[preset.rstrip(";.") for preset in presets],
        tables=[_own_table(problem), _calibration_table(problem, frontiers)],
    )


def _widen(figure: Any, problem: Problem, frontiers: Mapping[str, Any]) -> None:
    """Far enough for the records' own runs; what lies beyond is counted anew."""
    own = [number(run, "scores", "nll_forget") for run in problem.runs]
    left, right = figure.layout.xaxis.range
    wide = max([right, *(1.04 * depth for depth in own if math.isfinite(depth))])
    figure.update_xaxes(range=[left, wide])
    beyond = int((_points(problem, frontiers).nll_forget > wide).sum())
    figure.layout.annotations = [
        note for note in figure.layout.annotations if beyond or "further right" not in note.text
    ]
    figure.for_each_annotation(
        lambda note: note.update(text=f"{beyond} further right: zoom out"),
        selector=lambda note: "further right" in note.text,
    )


def _points(problem: Problem, frontiers: Mapping[str, Any]) -> Any:
    return frontier_frame({"pairs": [pair for pair in frontiers["pairs"] if _is_of(problem, pair)]})


def _own(problem: Problem) -> Iterator[Any]:
    import plotly.graph_objects as go

    looks = looks_of(str(run["optimizer"]) for run in problem.runs)
    for name, look in looks.items():
        runs = [run for run in problem.runs if run["optimizer"] == name]
        yield go.Scatter(
            x=[_plain(number(run, "scores", "nll_forget")) for run in runs],
            y=[_plain(number(run, "scores", "knowmem_retain")) for run in runs],
            customdata=[[shown(run.get(key)) for key in ("lr", "fold", "seed", "status")] for run in runs],
            name=f"{shown(name)}: these records",
            mode="markers",
            marker=_large(look),
            hovertemplate=f"{RUN_HOVER}<br>%{{x:.2f}} nats a token; %{{y:.0%}} retained<extra></extra>",
        )


def _large(look: Look) -> dict[str, Any]:
    return {
        "symbol": look.marker,
        "size": 16,
        "color": look.colour,
        "line": {"width": 2.5, "color": "#7F7F7F"},
    }


def _plain(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _own_words(problem: Problem) -> Iterator[str]:
    told = [
        f"{problem.called(arm)} at {arm.interval('scores', 'nll_forget').mean:.2f} nats with "
        f"{arm.interval('scores', 'knowmem_retain').mean:.0%} retained"
        for arm in problem.arms
        if arm.interval("scores", "nll_forget").n
    ]
    if told:
        yield (
            f"These records, a large marker for each run, on {folds_text(problem.folds)}; for each optimizer "
            f"the mean over the folds that it has: {'; '.join(told)}. Each fold has its own control: "
            "compare depths in the tables."
        )


def _own_table(problem: Problem) -> Table:
    columns = [
        Column("Optimizer", text=True), Column("Status", text=True), Column("Steps"),
        Column("Depth", "nats a token"), Column("Keeps"), Column("Knows, shown"), Column("Knows, held out"),
    ]  # fmt: skip
    blocks: dict[str, list[list[Any]]] = {}
    scores = ("nll_forget", "knowmem_retain", "knowmem_forget_shown", "knowmem_forget_heldout")
    for arm in problem.arms:
        cells = [spread(arm.interval("scores", score)) for score in scores]
        blocks.setdefault(arm.grade, []).append(
            [arm.name, status_chip(arm.status), steps_text(arm.runs), *cells]
        )
    listed = [Block(grade, rows) for grade, rows in blocks.items()]
    return Table(f"These records: depth, and what is kept, mean over folds{problem.where}", columns, listed)


def _calibration_table(problem: Problem, frontiers: Mapping[str, Any]) -> Table:
    """Every point that calibration scored would be hundreds of rows: each learning rate has its last."""
    columns = [
        Column("Optimizer", text=True), Column("Learning rate"), Column("Ended", text=True), Column("Points"),
        Column("Steps", "at the deepest that is not destroyed"),
        Column("Depth", "nats a token"), Column("Keeps"),
    ]  # fmt: skip
    frame = _points(problem, frontiers)
    blocks: dict[str, list[list[Any]]] = {}
    for (name, lr), line in frame.groupby(["optimizer", "lr"], sort=False):
        kept = line[line.status != "destroyed"]
        best = kept.loc[kept.nll_forget.idxmax()] if len(kept) else None
        cells = (
            [str(best.steps), plain(best.nll_forget), plain(best.knowmem_retain)]
            if best is not None
            else ["none", plain(math.nan), plain(math.nan)]
        )
        row = [name, learning_rate(lr), line.ended.iloc[0], str(len(line)), *cells]
        blocks.setdefault("", []).append(row)
    listed = [Block(heading, rows) for heading, rows in blocks.items()]
    return Table(f"Calibration on fold 0, every learning rate{problem.where}", columns, listed)


def _is_of(problem: Problem, pair: Mapping[str, Any]) -> bool:
    return (pair["task"], pair["objective"]) == (problem.task, problem.objective)
