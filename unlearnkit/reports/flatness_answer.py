"""Both questions of the study of flatness, answered in words."""

from __future__ import annotations

import math

from unlearnkit.studies.flatness_answer import FIRST, FlatnessAnswer, FlatnessContrast, FlatnessCorrelation

EXPLAINING = ("distance", "depth")  # their names among correlations


def flatness_answer_sentence(answer: FlatnessAnswer, *, measure: str = FIRST) -> str:
    """Both answers in words, for one measure.

    Parameters
    ----------
    answer : FlatnessAnswer
        From `flatness_answer`.
    measure : str

    Examples
    --------
    >>> from unlearnkit.studies.intervals import Interval
    >>> d = Interval(-20.0, -50.0, 10.0, n=3)
    >>> c = FlatnessContrast("topic", "forget", "trace", "signadam", "first order, sign", (1, 2, 3), {}, d, d)
    >>> print(flatness_answer_sentence(FlatnessAnswer("relearn-100", (c,), ())))
    Flatter than Adam's, at equal status? Differences of |trace| over folds.
    topic task, forget: signadam -20 [-50, +10], n = 3 folds; undecided (distance -20 [-50, +10]).
    Intervals are not corrected for how many there are; "undecided" is no proof of equality.
    """
    differences = [_contrast(c) for c in answer.contrasts if c.measure == measure]
    along = [
        f"{c.task} task, {f'|{c.measure}| of {c.loss}' if c.loss else c.measure}: {c.recovery.text()}"
        + (f"; {c.beyond_distance:+.2f} with distance held fixed" if _told_beyond(c) else "")
        for c in answer.correlations
        if c.measure in (measure, *EXPLAINING)
    ]
    lines = [
        f"Flatter than Adam's, at equal status? Differences of |{measure}| over folds.",
        *differences,
        *_by_others(answer, measure),
        'Intervals are not corrected for how many there are; "undecided" is no proof of equality.',
    ]
    if along:
        lines += [
            f"Does flatness go along with what {answer.attack} brings back? Rank correlations within folds.",
            *along,
            *_along_others(answer, measure),
        ]
    return "\n".join(lines)


def _by_others(answer: FlatnessAnswer, measure: str) -> list[str]:
    """Where another measure decides: who looks at one alone must know of the rest."""
    others = [c for c in answer.contrasts if c.measure != measure and c.modulus.n]
    told = []
    for verdict in ("flatter", "sharper"):
        found = [c for c in others if c.verdict == verdict]
        named = "; ".join(f"{c.task} {c.loss}, {c.optimizer} by {c.measure}" for c in found) or "none"
        told.append(f"By other measures {verdict}, {len(found)} of {len(others)} comparisons: {named}.")
    return told if others else []


def _along_others(answer: FlatnessAnswer, measure: str) -> list[str]:
    """Other measures that go along with recovery, and how many were looked at."""
    others = [c for c in answer.correlations if c.measure not in (measure, *EXPLAINING)]
    others = [c for c in others if math.isfinite(c.recovery.rho)]
    found = [c for c in others if c.recovery.low > 0 or c.recovery.high < 0]
    named = "; ".join(
        f"{c.task} {c.loss}, {c.measure} {c.recovery.text()}, {c.beyond_distance:+.2f} with distance "
        "held fixed"
        for c in found
    )
    return [f"Of {len(others)} other measures these go along with it: {named or 'none'}."] if others else []


def _contrast(found: FlatnessContrast) -> str:
    where = f"{found.task} task, {found.loss}: {found.optimizer}"
    if not found.folds:
        return f"{where} not compared: {'; '.join(f'fold {f}, {s}' for f, s in found.unequal.items())}."
    n = found.modulus.n
    return (
        f"{where} {found.modulus.text('+z.4g')}, n = {n} fold{'s' * (n != 1)}; {found.verdict} "
        f"(distance {found.distance.text('+z.4g')})."
    )


def _told_beyond(found: FlatnessCorrelation) -> bool:
    """Whether there is a measure of flatness that distance could stand behind, and enough runs to tell."""
    return bool(found.loss) and math.isfinite(found.beyond_distance)
