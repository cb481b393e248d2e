"""Calibration: the frontier of forgetting and retention over learning rates, and one rule for a preset.

The rule, written before any preset was made by it. On fold 0, among all scored points whose
knowledge, shown and held out, is within 0.05 of never_learned's and whose nll_forget lies within
25 % of its, take the one that retains most; what is equal to two decimals (a retained share of
1,282 questions has a standard error near 0.01) is decided by the larger learning rate, then by
fewer steps. Where there is none, take, of the over-forgotten points (knowledge gone, not destroyed, deeper
than the band), the one nearest to never_learned's nll_forget; where there is none of these, of all points.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from unlearnkit.errors import NotCalibrated
from unlearnkit.unlearning.frontier import Line, Point

OUTCOMES = ("reached", "not reached", "destroyed")
COARSE_STEP, FINE_STEP = 10**0.5, 10**0.25
MOST_COARSE = 6
DEEP_ENOUGH = 0.75  # of never_learned's nll_forget

Follow = Callable[[float], Line]


@dataclass(frozen=True)
class Choice:
    """What calibration settled on for one optimizer, objective and task.

    Attributes
    ----------
    lr, point : the preset: a learning rate, and how far to go with it
    outcome : str
        "reached"; "not reached" within the budget, or only with more knowledge left than never_learned has;
        "destroyed": no learning rate gets as deep without losing a fifth of what must be kept.
    """

    lr: float
    point: Point
    outcome: str

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {"lr": self.lr, "outcome": self.outcome, **self.point.to_dict()}


def choose(lines: Sequence[Line], *, control_nll: float) -> Choice:
    """Apply the rule to a frontier.

    Parameters
    ----------
    lines : sequence of Line
    control_nll : float
        never_learned's `nll_forget`.

    Raises
    ------
    NotCalibrated
        When every line diverged before its first point.
    """
    candidates = [
        (line.lr, point) for line in lines for point in line.points if math.isfinite(point.nll_forget)
    ]
    if not candidates:
        rates = ", ".join(f"{line.lr:g}" for line in lines)
        raise NotCalibrated(f"calibrate: every learning rate tried diverged at once ({rates}); start lower")
    reached = [found for found in candidates if found[1].status == "forgotten"]
    if reached:
        lr, point = max(reached, key=lambda f: (round(f[1].knowmem_retain, 2), f[0], -f[1].steps))
        return Choice(lr, point, "reached")
    ignorant = [found for found in candidates if found[1].status == "over-forgotten"]
    lr, point = min(ignorant or candidates, key=lambda f: (abs(f[1].nll_forget - control_nll), f[0]))
    return Choice(lr, point, _failure([p for _, p in candidates], control_nll))


def _failure(points: Sequence[Point], control_nll: float) -> str:
    deep = [point for point in points if point.nll_forget >= DEEP_ENOUGH * control_nll]
    return "destroyed" if deep and all(point.status == "destroyed" for point in deep) else "not reached"


def search(
    follow: Follow, *, start: float, control_nll: float, most_coarse: int | None = None, fine: bool = True
) -> list[Line]:
    """Follow learning rates, coarse to fine.

    A factor of 10^(1/2) apart until the best is not at an edge, or `most_coarse` (6) were followed; then, if
    `fine`, one of 10^(1/4) to each side of it.
    `follow` may answer from what was done before; the search asks for the same rates again.
    """
    rates = {place: follow(rate_at(start, place)) for place in (-2, 0, 2)}
    while len(rates) < (most_coarse or MOST_COARSE):
        best = _best_place(rates, control_nll)
        beyond = best + (2 if best == max(rates) else -2)
        if best not in (min(rates), max(rates)):
            break
        rates[beyond] = follow(rate_at(start, beyond))
    if fine:
        best = _best_place(rates, control_nll)
        rates |= {place: follow(rate_at(start, place)) for place in (best - 1, best + 1)}
    return [rates[place] for place in sorted(rates)]


def rate_at(start: float, place: int) -> float:
    """The rate `place` fine steps above the start, to two significant digits: 1, 1.8, 3.2, 5.6, 10."""
    return float(f"{start * FINE_STEP**place:.1e}")


def _best_place(rates: dict[int, Line], control_nll: float) -> int:
    with_points = {place: line for place, line in rates.items() if line.points}
    if not with_points:
        return min(rates)
    chosen = choose(list(with_points.values()), control_nll=control_nll)
    return next(place for place, line in with_points.items() if line.lr == chosen.lr)
