"""TOFU's scores of one model, put together from what was measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from unlearnkit.metrics.tofu.arrays import Array
from unlearnkit.metrics.tofu.forget_quality import ForgetQuality, forget_quality
from unlearnkit.metrics.tofu.measured import Measured, require_measured
from unlearnkit.metrics.tofu.model_utility import VARIANTS, hmean, model_utility, utility_parts


@dataclass(frozen=True)
class TofuScores:
    """What TOFU (2401.06121) says of a model.

    Attributes
    ----------
    forget_quality : ForgetQuality or None
        None where there is no model that never learned to compare with.
    model_utility : dict of str to float or None
        By variant, "tofu" and "open_unlearning", 0 to 1, higher means more is kept; None where one of the
        nine parts is missing.
    parts : dict of str to float
        Means over rows, named by group and variant. Probabilities, ROUGE-L recall (stemmed) and the truth
        ratios of what must be kept, as mean of max(0, 1 - R): higher means better known. Truth ratios of
        what must be forgotten, as mean of min(R, 1/R): higher means right and wrong are told apart less.
    stderr : dict of str to float or None
        The standard error of each mean over its rows; None where there is one row, which shows no spread.
    rows : dict of str to int
        How many questions each group has.
    forget_ratios : tuple of float
        Geometric truth ratios on the forget set: give them as `reference` to compare another model.
    """

    forget_quality: ForgetQuality | None
    model_utility: dict[str, float | None]
    parts: dict[str, float]
    stderr: dict[str, float | None]
    rows: dict[str, int]
    forget_ratios: tuple[float, ...] = ()

    @property
    def missing(self) -> tuple[str, ...]:
        """The parts that model utility needs and that were not measured, over both variants."""
        wanted = (name for variant in VARIANTS for name in utility_parts(variant))
        return tuple(dict.fromkeys(name for name in wanted if name not in self.parts))

    def partial_utility(self, variant: str) -> tuple[str, float] | None:
        """The harmonic mean of the parts that there are, under a name that says how many; None if none is.

        It is not model utility, and cannot be compared with it.
        """
        present = [self.parts[name] for name in utility_parts(variant) if name in self.parts]
        return (f"hmean_of_{len(present)}_parts_{variant}", hmean(present)) if present else None

    def headline(self) -> dict[str, float | int | None]:
        """The numbers that are compared first."""
        quality = self.forget_quality
        found: dict[str, float | int | None] = {
            f"tofu_forget_quality_{name}": None if quality is None else getattr(quality, name)
            for name in ("p", "d", "n")
        }
        for variant in VARIANTS:
            found[f"tofu_model_utility_{variant}"] = self.model_utility[variant]
            partial = self.partial_utility(variant)
            if self.model_utility[variant] is None and partial is not None:
                found[f"tofu_{partial[0]}"] = partial[1]
        return found

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, ready for JSON; every name begins with "tofu_"."""
        return {
            **self.headline(),
            **{f"tofu_{name}": value for name, value in self.parts.items()},
            **{f"tofu_{name}_stderr": value for name, value in self.stderr.items()},
            **{f"tofu_rows_{group}": count for group, count in self.rows.items()},
            "tofu_missing": list(self.missing),
        }

    def _repr_html_(self) -> str:
        values = {**self.headline(), **{f"tofu_{name}": value for name, value in self.parts.items()}}
        cells = "".join(
            f"<tr><td>{name}</td><td style='text-align:right'>{_short(value)}</td></tr>"
            for name, value in values.items()
        )
        missing = f"<p>Not measured: {', '.join(self.missing)}</p>" if self.missing else ""
        return f"<table><tr><th>score</th><th>value</th></tr>{cells}</table>{missing}"


def _short(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"


def scores_of(groups: Mapping[str, Measured], *, reference: Any = None) -> TofuScores:
    """Put scores together.

    Parameters
    ----------
    groups : mapping of str to Measured
        Any of "forget", "retain", "real_authors" and "world_facts".
    reference : sequence of float, optional
        Geometric truth ratios of the model that never learned, on the same forget rows.
    """
    require_measured(groups)
    by_row: dict[str, Array] = {}
    for group, measured in groups.items():
        by_row |= measured.parts(group)
    parts = {name: float(values.mean()) for name, values in by_row.items()}
    forget = groups.get("forget")
    ratios = forget.truth_ratios() if forget is not None and forget.wrong_nll else None
    compared = None if ratios is None or reference is None else forget_quality(ratios, reference)
    return TofuScores(
        forget_quality=compared,
        model_utility={variant: _utility(parts, variant) for variant in VARIANTS},
        parts=parts,
        stderr={name: _stderr(values) for name, values in by_row.items()},
        rows={group: len(measured.nll) for group, measured in groups.items()},
        forget_ratios=() if ratios is None else tuple(ratios.tolist()),
    )


def _utility(parts: Mapping[str, float], variant: str) -> float | None:
    if any(name not in parts for name in utility_parts(variant)):
        return None
    return model_utility(parts, variant=variant)


def _stderr(values: Array) -> float | None:
    return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else None
