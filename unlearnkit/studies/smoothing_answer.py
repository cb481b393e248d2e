"""What the study of smoothing answers: who is certified further than Adam, and how far attacks go beyond."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from unlearnkit import optim
from unlearnkit.errors import BadInput
from unlearnkit.studies.attacked import by_status, grouped, runs_beside
from unlearnkit.studies.intervals import Interval, over_folds
from unlearnkit.studies.smoothing import ADAM
from unlearnkit.studies.smoothing_table import REACHES, smoothing_frame

if TYPE_CHECKING:
    import pandas as pd

COMPARED = ("radius", "excess", "split")


@dataclass(frozen=True)
class SmoothingContrast:
    """How much further than Adam's an optimizer's forgetting is certified, under one noise.

    Attributes
    ----------
    task, where : str
    sigma : float
    optimizer, grade : str
    folds : tuple of int
        Where both runs ended with the same status.
    unequal : dict of int to str
        The other folds, with both statuses.
    radius : Interval
        Of the difference in the certified radius, its own less Adam's, L2, in the median over facts: above 0
        it is certified further.
    excess : Interval
        Of that in the share of facts certified beyond the target's.
    split : Interval
        Of that in the split's radius.
    works : (int, int)
        On how many of the folds its smoothed model, and Adam's, keeps what it must. Where neither does, both
        radii are 0 and nothing is compared but that.
    """

    task: str
    where: str
    sigma: float
    optimizer: str
    grade: str
    folds: tuple[int, ...]
    unequal: dict[int, str]
    radius: Interval
    excess: Interval
    split: Interval
    works: tuple[int, int]

    @property
    def verdict(self) -> str:
        """One of "further", "less far", "alike", "undecided", "nothing certified" and "not compared".

        "not compared": no fold has equal status; "nothing certified": neither's smoothed model works;
        "alike": no difference on any fold, as where both are certified to the limit of their samples. The
        same difference on every fold has no interval, and needs none.
        """
        if not self.folds:
            return "not compared"
        if not any(self.works):
            return "nothing certified"
        same = self.radius.low == self.radius.high
        if same and not self.radius.mean:
            return "alike"
        if not same and not self.radius.excludes(0.0):
            return "undecided"
        return "further" if self.radius.mean > 0 else "less far"

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        intervals = {name: getattr(self, name).to_dict() for name in COMPARED}
        lists = {"folds": list(self.folds), "works": list(self.works)}
        return asdict(self) | intervals | lists | {"verdict": self.verdict}


@dataclass(frozen=True)
class SmoothingReach:
    """How far attacks went beyond what is certified, over all runs of which something is.

    Attributes
    ----------
    task, where : str
    sigma : float
    attack : str
        "rounding" or "relearning".
    certified, models : int
        Runs of which a fact is certified, of how many.
    least, most : float
        The attack's length over the longest certified radius of a fact, at the least and at most over them;
        above 1 the certificate says nothing of the attack. NaN where nothing is certified.
    inside : float
        Of the attack's squared length, the share where the noise is: in the median over all runs.
    holds, walked : int
        Certificates that lay below what was found on relearning's way, of those that were walked.
    """

    task: str
    where: str
    sigma: float
    attack: str
    certified: int
    models: int
    least: float
    most: float
    inside: float
    holds: int
    walked: int

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            name: None if isinstance(value, float) and math.isnan(value) else value
            for name, value in asdict(self).items()
        }


@dataclass(frozen=True)
class SmoothingAnswer:
    """What `smoothing_answer` found.

    Intervals are 95 % each, not corrected for how many there are. One that holds 0 does not show that there
    is no difference: it shows which differences cannot be excluded.
    """

    contrasts: tuple[SmoothingContrast, ...]
    reaches: tuple[SmoothingReach, ...]

    def contrast(self, *, task: str, where: str, sigma: float, optimizer: str) -> SmoothingContrast:
        """One difference from Adam; raises BadInput where there is none."""
        wanted = (task, where, sigma, optimizer)
        for one in self.contrasts:
            if (one.task, one.where, one.sigma, one.optimizer) == wanted:
                return one
        listed = ", ".join(str(part) for part in wanted)
        raise BadInput(f"optimizer: no difference from Adam is known of {listed}")

    def to_frame(self) -> pd.DataFrame:
        """A row a contrast, with the intervals in words."""
        import pandas as pd

        return pd.DataFrame([
            {
                "task": c.task, "noise": c.where, "sigma": c.sigma, "optimizer": c.optimizer,
                "n folds": len(c.folds), "works (Adam's)": f"{c.works[0]} ({c.works[1]})",
                "radius, from adam": c.radius.text("+z.3g"), "beyond the target's": c.excess.text(),
                "split's radius": c.split.text("+z.3g"), "verdict": c.verdict,
            }
            for c in self.contrasts
        ])  # fmt: skip

    def reaches_frame(self) -> pd.DataFrame:
        """A row an attack and noise."""
        import pandas as pd

        return pd.DataFrame([asdict(reach) for reach in self.reaches])

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "contrasts": [c.to_dict() for c in self.contrasts],
            "reaches": [r.to_dict() for r in self.reaches],
        }

    def _repr_html_(self) -> str:
        told = "".join(table.to_html(index=False) for table in (self.to_frame(), self.reaches_frame()))
        return f"<p>Differences from Adam, then attacks over the longest certified radius:</p>{told}"


def smoothing_answer(record: Mapping[str, Any]) -> SmoothingAnswer:
    """Is an optimizer's forgetting certified further than Adam's, and how far do attacks go beyond?

    Over the folds where an optimizer's run and Adam's have the same status: the mean difference of the
    certified radius with Student's t interval, and beside it those of the share of facts certified beyond the
    target's, and of the split's radius. Folds are few: three of them show large differences only.

    Parameters
    ----------
    record : mapping
        The content of smoothing.json.

    Raises
    ------
    BadInput
        As `smoothing_frame`; when no run is Adam's.

    Examples
    --------
    >>> smoothing_answer({"rows": [], "controls": []})
    Traceback (most recent call last):
    unlearnkit.errors.BadInput: record: no run is Adam's, so there is nothing to hold the others against
    """
    frame = smoothing_frame(record)
    runs = runs_beside(frame, ADAM)
    noise = ("task", "where", "sigma")
    contrasts = [
        _contrast(mine, each[each.name == ADAM])
        for _, each in grouped(runs, *noise)
        for name, mine in grouped(each, "name")
        if name != ADAM
    ]
    reaches = [_reach(each, attack) for _, each in grouped(runs, *noise) for attack in REACHES.values()]
    return SmoothingAnswer(tuple(contrasts), tuple(reaches))


def _contrast(mine: pd.DataFrame, reference: pd.DataFrame) -> SmoothingContrast:
    task, where, name = (str(mine[column].iloc[0]) for column in ("task", "where", "name"))
    both = mine.merge(reference, on="fold", suffixes=("", "_adam")).sort_values("fold")
    same, unequal = by_status(both, ADAM)
    differences = {column: over_folds(same[column] - same[f"{column}_adam"]) for column in COMPARED}
    return SmoothingContrast(
        task, where, float(mine.sigma.iloc[0]), name, optim.find(name).grade,
        folds=tuple(int(fold) for fold in same.fold),
        unequal=unequal,
        works=(int(same.works.sum()), int(same.works_adam.sum())), **differences,
    )  # fmt: skip


def _reach(runs: pd.DataFrame, attack: str) -> SmoothingReach:
    some = runs[runs.longest > 0]
    ratios = some[attack] / some.longest
    walked = runs[runs.holds.notna()]
    return SmoothingReach(
        str(runs.task.iloc[0]), str(runs["where"].iloc[0]), float(runs.sigma.iloc[0]), attack,
        certified=len(some), models=len(runs), least=float(ratios.min()), most=float(ratios.max()),
        inside=float(((runs[f"{attack}_inside"] / runs[attack]) ** 2).median()),
        holds=int(walked.holds.astype(bool).sum()), walked=len(walked),
    )  # fmt: skip
