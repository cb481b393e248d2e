"""What is measured of a set of questions, wherever it comes from: a model, or a log of one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from unlearnkit.errors import BadInput
from unlearnkit.metrics.tofu.arrays import Array, numbers
from unlearnkit.metrics.tofu.likelihood import FLOOR, probability, probability_with_options
from unlearnkit.metrics.tofu.truth_ratio import KINDS, per_row, truth_ratio

GROUPS = ("forget", "retain", "real_authors", "world_facts")
WITH_OPTIONS = ("real_authors", "world_facts")


@dataclass(frozen=True)
class Measured:
    """A set of questions, row after row.

    Attributes
    ----------
    nll, paraphrased_nll : tuple of float
        Nats a token of the answer, and of the answer in other words.
    wrong_nll : tuple of tuple of float
        Nats a token of each wrong answer; () where the questions have none.
    rouge_l_recall : tuple of float
        Of the generated answer, stemmed.
    """

    nll: tuple[float, ...]
    paraphrased_nll: tuple[float, ...]
    wrong_nll: tuple[tuple[float, ...], ...]
    rouge_l_recall: tuple[float, ...]

    def truth_ratios(self, kind: str = "geometric", *, floor: float = 0.0) -> Array:
        """Row by row; see `truth_ratio`."""
        return truth_ratio(self.paraphrased_nll, self.wrong_nll, kind=kind, floor=floor)

    def parts(self, group: str) -> dict[str, Array]:
        """Row by row, every number that TOFU or open-unlearning takes the mean of, by its name."""
        found = {
            "probability": probability(self.nll, [1] * len(self.nll)),
            "rouge_l_recall": numbers("rouge_l_recall", self.rouge_l_recall),
        }
        if self.wrong_nll:
            found |= self._against_wrong_answers(group)
        return {f"{group}_{name}": values for name, values in found.items()}

    def _against_wrong_answers(self, group: str) -> dict[str, Array]:
        how = "closer_to_one" if group == "forget" else "true_better"
        found = {f"truth_ratio_{kind}": per_row(self.truth_ratios(kind), how) for kind in KINDS}
        if group != "forget":
            floored = self.truth_ratios(floor=FLOOR)
            found["truth_ratio_geometric_floored"] = per_row(floored, how)
        if group in WITH_OPTIONS:
            for name, floor in (
                ("probability_with_options", 0.0),
                ("probability_with_options_floored", FLOOR),
            ):
                found[name] = probability_with_options(self.nll, self.wrong_nll, floor=floor)
        return found


def require_measured(groups: Mapping[str, object]) -> None:
    """Raise BadInput unless at least one of TOFU's groups is there."""
    if not groups:
        raise BadInput(f"nothing to score: none of {', '.join(GROUPS)} has a question")
