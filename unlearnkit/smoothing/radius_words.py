"""A sweep over radii in words."""

from __future__ import annotations

from unlearnkit.smoothing.radii_of_papers import PAPERS, PaperRadius
from unlearnkit.smoothing.swept import CONTENT, QUADRATIC, RadiusPoint, RadiusSweep, share

NEAR = 1.5  # a swept radius within this factor speaks for another


def radius_words(sweep: RadiusSweep) -> str:
    """What the radius must be for smoothing to say anything, and what the papers' radii are here."""
    parts = [
        f"The loss is {sweep.value:.4g}, over {sweep.parameters:,} weights of {sweep.weight_rms:.3g} in root "
        f"mean square; tr H = {sweep.trace.estimate:.4g} ± {sweep.trace.stderr:.2g}.",
        _quadratic(sweep),
        _content(sweep),
        _cosine(sweep),
        "Radii of papers: " + " ".join(_paper(sweep, paper) for paper in PAPERS),
    ]
    return " ".join(parts)


def _quadratic(sweep: RadiusSweep) -> str:
    if sweep.quadratic_to is None:
        return "At no swept radius is f_sigma - f known to be sigma^2/2 tr H: they part, or noise hides it."
    (last,) = (point for point in sweep.points if point.sigma == sweep.quadratic_to)
    return (
        f"f_sigma - f is sigma^2/2 tr H up to {last.sigma:.2g} a weight ({_end(sweep)}), to within "
        f"{QUADRATIC:.0%} and two standard errors of their quotient, there {last.tolerance(sweep.trace):.0%}."
    )


def _end(sweep: RadiusSweep) -> str:
    if sweep.quadratic_to == sweep.points[-1].sigma:
        return "the last one swept"
    return "beyond it noise hides it" if sweep.parts_at is None else "beyond it they part"


def _content(sweep: RadiusSweep) -> str:
    first, last = sweep.points[0], sweep.points[-1]
    if sweep.content_from is None:
        return (
            f"From no radius on, from {first.sigma:.2g} to {last.sigma:.2g}, is the gradient of the smoothed "
            f"loss another (by {CONTENT:.0%} or more as estimated, and surely not by 0){_where(sweep)}."
        )
    found = next(point for point in sweep.points if point.sigma == sweep.content_from)
    below = [point for point in sweep.points if point.sigma < found.sigma]
    told = (
        f"From {found.sigma:.2g} a weight on ({found.relative:.2g} of a weight's size, {found.l2_radius:.3g} "
        f'in L2) "zeroth order is smoothing" has content: the gradient of the smoothed loss is off that of '
        f"the loss by {_of_length(found.gradient_shift)}, and the smoothed loss is "
        f"{found.smoothed.estimate:.3g} there. The averaged zeroth-order estimate has a cosine of "
        f"{found.cosine_smoothed:.2g} with the former and of {found.cosine_plain:.2g} with the latter."
    )
    if not below:
        return told + " No smaller radius was swept."
    before = below[-1]
    unsure = ", but its interval reaches 0" if before.gradient_shift_interval[0] <= 0 else ""
    return f"{told} At {before.sigma:.2g} it is off by {_of_length(before.gradient_shift)}{unsure}."


def _where(sweep: RadiusSweep) -> str:
    found = [f"{point.sigma:.2g}" for point in sweep.points if point.has_content]
    if found:
        return f"; it is at {', '.join(found)}"
    return ": zeroth order goes down the loss itself, with noise"


def _of_length(shift: float) -> str:
    return f"{share(shift)} {'of its length' if shift < 2 else 'its length'}"


def _cosine(sweep: RadiusSweep) -> str:
    point = sweep.points[0]
    return (
        f"A mean of {sweep.queries} two-point estimates has a cosine of {point.cosine_expected:.2g} with the "
        "gradient that it estimates, from sampling alone (an unrelated direction "
        f"{point.cosine_by_chance:.1g}): a small cosine is the dimension's doing, not the radius's."
    )


def _paper(sweep: RadiusSweep, paper: PaperRadius) -> str:
    here = paper.per_weight(sweep.parameters)
    gap = here**2 / 2 * sweep.trace.estimate
    lost = ", less than the loss is rounded by" if abs(gap) < sweep.rounding else ""
    told = f"{paper.name} ({paper.source}): {here:.2g} a weight, sigma^2/2 tr H = {gap:.2g}{lost}"
    near = _nearest(sweep, here)
    if near is not None:
        told += f"; at {near.sigma:.2g} the gradient is off by {share(near.gradient_shift)}"
    return f"{told}; {_side(sweep, here)}."


def _nearest(sweep: RadiusSweep, sigma: float) -> RadiusPoint | None:
    near = min(sweep.points, key=lambda point: max(point.sigma / sigma, sigma / point.sigma))
    return near if max(near.sigma / sigma, sigma / near.sigma) <= NEAR else None


def _side(sweep: RadiusSweep, sigma: float) -> str:
    found = [point.sigma for point in sweep.points if point.has_content]
    if sweep.content_from is not None and sigma >= sweep.content_from:
        return "with content"
    if sweep.content_from is None and sigma > sweep.points[-1].sigma:
        return "beyond what was swept"
    if not found:
        return "below any content swept"
    if sigma >= found[0]:
        return "where content comes and goes"
    return f"{found[0] / sigma:.2g} times smaller than the first that has content"
