"""What the study of flatness answers: differences from Adam, and what survival goes along with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from unlearnkit import optim
from unlearnkit.errors import BadInput
from unlearnkit.studies.attacked import by_status, grouped, runs_beside
from unlearnkit.studies.flatness import ADAM
from unlearnkit.studies.flatness_table import flatness_frame
from unlearnkit.studies.intervals import Interval, over_folds
from unlearnkit.studies.rank_correlation import RankCorrelation, partial, rho_within_folds, within_folds

if TYPE_CHECKING:
    import pandas as pd

FIRST = "trace"  # the measure that the first question is about; the others stand beside it
FORGOT = ("forgotten", "over-forgotten")  # status of runs whose survival says something


@dataclass(frozen=True)
class FlatnessContrast:
    """How much flatter than Adam's an optimizer's solutions are, by one measure of one loss.

    Attributes
    ----------
    task, loss, measure, optimizer, grade : str
    folds : tuple of int
        Where both runs ended with the same status.
    unequal : dict of int to str
        The other folds, with both statuses.
    modulus : Interval
        Of the difference in the measure's modulus, its own less Adam's, over `folds`: below 0 it is flatter.
    distance : Interval
        Of the difference in L2 distance from the target, over the same folds.
    """

    task: str
    loss: str
    measure: str
    optimizer: str
    grade: str
    folds: tuple[int, ...]
    unequal: dict[int, str]
    modulus: Interval
    distance: Interval

    @property
    def verdict(self) -> str:
        """One of "flatter", "sharper", "undecided", and "not compared": no fold has equal status."""
        if not self.folds:
            return "not compared"
        if not self.modulus.excludes(0.0):
            return "undecided"
        return "flatter" if self.modulus.mean < 0 else "sharper"

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        intervals = {name: getattr(self, name).to_dict() for name in ("modulus", "distance")}
        return asdict(self) | intervals | {"folds": list(self.folds), "verdict": self.verdict}


@dataclass(frozen=True)
class FlatnessCorrelation:
    """Whether a measure goes along with what comes back, within folds, over runs that forgot.

    Attributes
    ----------
    task, loss, measure : str
        "distance" and "depth" stand among the measures: they explain as well, or better. Their loss is "".
    recovery : RankCorrelation
        Of the measure's modulus with the recovery of held-out facts. Above 0: sharper comes back more.
    distance : float
        The rank correlation of the measure's modulus with the distance from the target.
    beyond_distance : float
        The first, when distance is held fixed.
    """

    task: str
    loss: str
    measure: str
    recovery: RankCorrelation
    distance: float
    beyond_distance: float

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        plain = {name: None if value != value else value for name, value in asdict(self).items()}
        return plain | {"recovery": self.recovery.to_dict()}


@dataclass(frozen=True)
class FlatnessAnswer:
    """What `flatness_answer` found.

    Intervals are 95 % each, not corrected for how many there are. One that holds 0 does not show that there
    is no difference: it shows which differences cannot be excluded.
    """

    attack: str
    contrasts: tuple[FlatnessContrast, ...]
    correlations: tuple[FlatnessCorrelation, ...]

    def contrast(self, *, task: str, loss: str, optimizer: str, measure: str = FIRST) -> FlatnessContrast:
        """One difference from Adam; raises BadInput where there is none."""
        wanted = (task, loss, optimizer, measure)
        for one in self.contrasts:
            if (one.task, one.loss, one.optimizer, one.measure) == wanted:
                return one
        raise BadInput(f"optimizer: no difference from Adam is known of {', '.join(wanted)}")

    def to_frame(self) -> pd.DataFrame:
        """A row a contrast, with the intervals in words."""
        import pandas as pd

        return pd.DataFrame([
            {
                "task": c.task, "loss": c.loss, "measure": c.measure, "optimizer": c.optimizer,
                "n folds": len(c.folds), "difference from adam": c.modulus.text("+z.4g"),
                "of distance": c.distance.text("+z.4g"), "verdict": c.verdict,
            }
            for c in self.contrasts
        ])  # fmt: skip

    def correlations_frame(self) -> pd.DataFrame:
        """A row a correlation, in words."""
        import pandas as pd

        return pd.DataFrame([
            {
                "task": c.task, "loss": c.loss, "measure": c.measure, "with recovery": c.recovery.text(),
                "with distance": _number(c.distance), "beyond distance": _number(c.beyond_distance),
            }
            for c in self.correlations
        ])  # fmt: skip

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "attack": self.attack,
            "contrasts": [c.to_dict() for c in self.contrasts],
            "correlations": [c.to_dict() for c in self.correlations],
        }

    def _repr_html_(self) -> str:
        tables = (self.to_frame(), self.correlations_frame())
        told = "".join(table.to_html(index=False) for table in tables)
        return f"<p>Differences from Adam, then rank correlations, after {self.attack}:</p>{told}"


def _number(value: float) -> str:
    """A correlation, or nothing where there are too few runs to tell one."""
    return f"{value:+.2f}" if value == value else ""


def flatness_answer(record: Mapping[str, Any]) -> FlatnessAnswer:
    """Are other optimizers' solutions flatter than Adam's, and does flatness go along with survival?

    Flatter is a smaller modulus of a measure. For every task, loss and measure:

    - for every optimizer, over the folds where its run and Adam's have the same status, the mean difference
      of the moduli with Student's t interval, beside that of the distances from the target;
    - over the runs that are forgotten or over-forgotten, Spearman's correlation within folds of the
      modulus with the recovery of held-out facts, beside the same of the distance and of depth.

    Folds are few: three of them show large differences only.

    Parameters
    ----------
    record : mapping
        The content of flatness.json.

    Raises
    ------
    BadInput
        As `flatness_frame`; when no run is Adam's.

    Examples
    --------
    >>> flatness_answer({"rows": [], "controls": []})
    Traceback (most recent call last):
    unlearnkit.errors.BadInput: record: no run is Adam's, so there is nothing to hold the others against
    """
    frame = flatness_frame(record)
    runs = runs_beside(frame, ADAM)
    runs = runs.assign(modulus=runs.value.abs())
    contrasts = [
        _contrast(same, runs)
        for _, same in grouped(runs[runs.name != ADAM], "task", "loss", "measure", "name")
    ]
    return FlatnessAnswer(str(record.get("attack", "")), tuple(contrasts), tuple(_correlations(runs)))


def _contrast(mine: pd.DataFrame, runs: pd.DataFrame) -> FlatnessContrast:
    task, loss, measure, name = (str(mine[column].iloc[0]) for column in ("task", "loss", "measure", "name"))
    adams = runs[(runs.name == ADAM) & (runs.task == task) & (runs.loss == loss) & (runs.measure == measure)]
    both = mine.merge(adams, on="fold", suffixes=("", "_adam")).sort_values("fold")
    same, unequal = by_status(both, ADAM)
    return FlatnessContrast(
        task, loss, measure, name, optim.find(name).grade,
        folds=tuple(int(fold) for fold in same.fold),
        unequal=unequal,
        modulus=over_folds(same.modulus - same.modulus_adam),
        distance=over_folds(same.distance_l2 - same.distance_l2_adam),
    )  # fmt: skip


def _correlations(runs: pd.DataFrame) -> list[FlatnessCorrelation]:
    forgot = runs[runs.status.isin(FORGOT)]
    found = []
    for task, mine in grouped(forgot, "task"):
        each = mine.drop_duplicates(["fold", "name"])
        others = {"distance": each.distance_l2, "depth": each.depth}
        found += [_correlation(str(task), "", name, each, values) for name, values in others.items()]
        for (loss, measure), one in grouped(mine, "loss", "measure"):
            found.append(_correlation(str(task), str(loss), str(measure), one, one.modulus))
    return found


def _correlation(task: str, loss: str, measure: str, runs: pd.DataFrame, values: Any) -> FlatnessCorrelation:
    recovery = within_folds(values, runs.recovery, runs.fold)
    distance = rho_within_folds(values, runs.distance_l2, runs.fold)
    beyond = partial(recovery.rho, distance, rho_within_folds(runs.distance_l2, runs.recovery, runs.fold))
    return FlatnessCorrelation(task, loss, measure, recovery, distance, beyond)
