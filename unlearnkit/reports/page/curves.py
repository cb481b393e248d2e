"""Recovery curves: what is known after each budget of relearning, beside never_learned's."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from unlearnkit.reports.collected import Arm, Problem, status_place
from unlearnkit.reports.fields import Row, met, number, steps_of
from unlearnkit.reports.looks import looks_of
from unlearnkit.reports.page.figures import TWINS, Figure, content_of, shown
from unlearnkit.reports.page.tables import Block, Column, Table, spread, status_chip
from unlearnkit.reports.recovery import recovery_figure, recovery_sentence
from unlearnkit.studies.intervals import Interval, by_fold

HALVES = {"held-out": "knowmem_forget_heldout", "shown": "knowmem_forget_shown"}
MOST_LINES = 8  # more than that nobody can tell apart
LEGEND_LINE = 19  # pixels
Curve = Mapping[int, Interval]


def recovery_figures(problem: Problem) -> Iterator[Figure]:
    """For each kind of relearning, one figure for held-out facts and one for shown facts."""
    for labels in problem.families.values():
        budgets = _budgets(problem, labels)
        if budgets:
            for facts, score in HALVES.items():
                figure = _figure(problem, budgets, facts, score)
                if figure is not None:
                    yield figure


def _budgets(problem: Problem, labels: Sequence[str]) -> dict[int, str]:
    """Budgets of an attack that has them: steps to label."""
    rows = (*problem.runs, *problem.controls)
    found = {label: next((a for row in rows if (a := met(row, label)) is not None), {}) for label in labels}
    return {steps: label for label, attack in found.items() if (steps := steps_of(attack)) is not None}


def _figure(problem: Problem, budgets: Mapping[int, str], facts: str, score: str) -> Figure | None:
    control = _curve([row for row in problem.controls if row["control"] == "never_learned"], budgets, score)
    curves = {arm: curve for arm in problem.arms if max(curve := _curve(arm.runs, budgets, score), default=0)}
    curves = {arm: curve for arm, curve in curves.items() if max(curve) in control}
    if not curves or max(control, default=0) == 0:
        return None
    drawn = {arm: curves[arm] for arm in _drawn(list(curves))}
    means = {problem.called(arm): _means(curve) for arm, curve in drawn.items()}
    figure = recovery_figure({shown(name): m for name, m in means.items()}, _means(control), facts=facts)
    _restyle(figure, list(drawn))
    content = content_of(figure)
    content["layout"]["height"] += LEGEND_LINE * max(0, len(drawn) - 4)
    told, _ = recovery_sentence(means, _means(control), facts=facts).rsplit("\n", 1)
    largest = budgets[max(budgets)]
    caption = f"{facts.capitalize()} facts that are known after relearning, up to {largest}{problem.where}"
    return Figure(
        caption=caption,
        label=f"Line chart of knowledge against relearning steps. {caption}. {TWINS}",
        content=content,
        sentences=[_beyond(problem, list(drawn), largest, facts), *_left_out(curves)],
        items=[line.rstrip(";.") for line in told.split("\n")],
        tables=[_table(curves, control, budgets, caption)],
    )


def _beyond(problem: Problem, arms: Sequence[Arm], label: str, facts: str) -> str:
    """What is beyond the control on the same folds: means of the two curves may be over different ones."""
    found = {arm: arm.recovery(label, "heldout" if facts == "held-out" else facts) for arm in arms}
    told = "; ".join(f"{problem.called(arm)} {back.text()}" for arm, back in found.items() if back.n)
    return f"Beyond never_learned on the same fold came back, after {label}: {told or 'nothing known'}."


def _left_out(curves: Mapping[Arm, Curve]) -> Iterator[str]:
    if len(curves) > MOST_LINES:
        yield (
            f"Drawn and told are {MOST_LINES} of {len(curves)} arms: of each optimizer alike, the nearest "
            "to the control’s depth first. The table has all."
        )


def _drawn(arms: Sequence[Arm]) -> list[Arm]:
    """As many as can be told apart: by status, and taking turns between optimizers."""
    turns: Counter[str] = Counter()
    places = {}
    for arm in sorted(arms, key=status_place):
        places[arm] = (turns[arm.optimizer], status_place(arm))
        turns[arm.optimizer] += 1
    chosen = sorted(arms, key=lambda arm: places[arm])[:MOST_LINES]
    return [arm for arm in arms if arm in chosen]


def _curve(rows: Sequence[Row], budgets: Mapping[int, str], score: str) -> dict[int, Interval]:
    """Steps (0: before the attack) to the mean over folds; budgets that nobody met are left out."""
    found = {0: by_fold((row["fold"], number(row, "scores", score)) for row in rows)}
    for steps, label in budgets.items():
        after = (
            (row["fold"], number(attack, "scores", score)) for row in rows if (attack := met(row, label))
        )
        found[steps] = by_fold(after)
    return {steps: interval for steps, interval in found.items() if interval.n}


def _means(curve: Curve) -> dict[int, float]:
    return {steps: interval.mean for steps, interval in curve.items()}


def _restyle(figure: Any, arms: Sequence[Arm]) -> None:
    """Colours and shapes of optimizers as everywhere; dashes tell one optimizer's arms apart."""
    looks = looks_of(arm.optimizer for arm in arms)
    for arm, line in zip(arms, figure.data, strict=False):
        look = looks[arm.optimizer]
        line.update(line_color=look.colour, marker_color=look.colour, marker_symbol=look.marker)
    figure.update_yaxes(title="known")


def _table(curves: Mapping[Arm, Curve], control: Curve, budgets: Mapping[int, str], caption: str) -> Table:
    steps = [0, *sorted(budgets)]
    columns = [
        Column("Optimizer", text=True), Column("Status", text=True),
        *(Column(f"{n} steps" if n else "before") for n in steps),
    ]  # fmt: skip
    blocks: dict[str, list[list[Any]]] = {}
    for arm, curve in curves.items():
        blocks.setdefault(arm.grade, []).append([arm.name, status_chip(arm.status), *_cells(curve, steps)])
    listed = [Block(grade, rows) for grade, rows in blocks.items()]
    listed.append(Block("control", [["never_learned", "", *_cells(control, steps)]]))
    return Table(f"{caption}; share of facts, mean over folds [95 % t interval]", columns, listed)


def _cells(curve: Curve, steps: Sequence[int]) -> list[Any]:
    missing = Interval(math.nan, math.nan, math.nan, n=0)
    return [spread(curve.get(n, missing)) for n in steps]
