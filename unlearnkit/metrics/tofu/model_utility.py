"""TOFU's model utility: the harmonic mean of nine numbers on what must be kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from unlearnkit.errors import MissingReference, require_one_of
from unlearnkit.metrics.tofu.arrays import numbers

KEPT = ("retain", "real_authors", "world_facts")
VARIANTS = ("tofu", "open_unlearning")

# Where the two disagree: TOFU takes the arithmetic mean of the wrong answers' probabilities, open-unlearning
# the geometric one, and adds a floor of 1e-10 to denominators.
_SUFFIXES = {
    "tofu": ("probability_with_options", "truth_ratio_arithmetic"),
    "open_unlearning": ("probability_with_options_floored", "truth_ratio_geometric_floored"),
}


def utility_parts(variant: str) -> tuple[str, ...]:
    """The names of the nine numbers: probability, ROUGE-L recall and truth ratio of three sets of rows.

    Examples
    --------
    >>> utility_parts("tofu")[:4]
    ('retain_probability', 'retain_rouge_l_recall', 'retain_truth_ratio_arithmetic',
     'real_authors_probability_with_options')
    """
    require_one_of("variant", variant, VARIANTS)
    with_options, ratio = _SUFFIXES[variant]
    return tuple(
        f"{group}_{part}"
        for group in KEPT
        for part in ("probability" if group == "retain" else with_options, "rouge_l_recall", ratio)
    )


def model_utility(parts: Mapping[str, float], *, variant: str = "tofu") -> float:
    """What a model is still good for: the harmonic mean of nine numbers.

    Parameters
    ----------
    parts : mapping of str to float
        By the names of `utility_parts(variant)`; others are not looked at.
    variant : {"tofu", "open_unlearning"}
        "tofu": truth ratios over the arithmetic mean of wrong answers. "open_unlearning": over the geometric
        mean, with its floor. On the logs in README the second is 0.019 higher: never compare across them.

    Returns
    -------
    float
        0 to 1; higher means more is kept; 0 if any of the nine is 0.

    Raises
    ------
    MissingReference
        When one of the nine is not there. A mean of fewer is another number.
    BadInput
        For NaN or a negative part.

    Notes
    -----
    TOFU (2401.06121), section 2.2.

    Examples
    --------
    >>> model_utility(dict.fromkeys(utility_parts("tofu"), 0.5))
    0.5
    """
    wanted = utility_parts(variant)
    missing = [name for name in wanted if name not in parts]
    if missing:
        raise MissingReference(
            f"parts: model utility ({variant}) is the mean of nine numbers, and {len(missing)} are missing: "
            f"{', '.join(missing)}; measure them, or take hmean of the others under another name"
        )
    return hmean([parts[name] for name in wanted])


def hmean(values: Any) -> float:
    """The harmonic mean; 0 if any value is 0.

    Parameters
    ----------
    values : sequence of float
        0 or above.

    Returns
    -------
    float
        Never above the arithmetic mean; one small value pulls it down.

    Raises
    ------
    BadInput
        For no values, NaN, infinities or a negative value, of which no harmonic mean means anything.

    Examples
    --------
    >>> hmean([1.0, 0.5])
    0.6667
    >>> hmean([1.0, 0.0])
    0.0
    """
    given = numbers("values", values)
    if not given.all():
        return 0.0
    least = given.min()  # held against it, nothing overflows
    return float(least * len(given) / (least / given).sum())
