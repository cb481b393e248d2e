"""Models under noise in words and in a table, for readers who cannot see the figures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from unlearnkit.apps.smoothing.model import Seen, Shown
from unlearnkit.apps.smoothing.reached import reached_words
from unlearnkit.apps.smoothing.retention import retention_sentence
from unlearnkit.reports.smoothing import (
    along_attack_sentence,
    certified_radius_sentence,
    cosine_sentence,
    gap_sentence,
    line_sentence,
    variance_sentence,
)
from unlearnkit.smoothing import Certificate, RadiusPoint, RadiusSweep

PARTS = {
    "line": ("line",), "sweep": ("gap", "cosine"), "gradients": ("variance",),
    "certificate": ("retention", "certificate"), "along": ("attack",),
}  # fmt: skip
NUMBERS = (
    "f_sigma - f", "sigma²/2 tr H", "cosine with grad f", "with grad f_sigma", "from sampling alone",
    "facts certified", "excess over the target", "longest radius",
)  # fmt: skip


def smoothing_sentences(shown: Shown) -> list[str]:
    """A paragraph for what is chosen, one for each figure, and one for how far that goes."""
    told = [_head(shown)]
    told += [tell(shown) for name, tell in TOLD.items() if shown.draws(name)]
    return [text for text in told if text]


def smoothing_rows(shown: Shown) -> list[dict[str, Any]]:
    """A row a model at the chosen sigma, in text; columns that nobody has are left out."""
    rows = [_row(name, seen, shown.choice.simultaneous) for name, seen in shown.others.items()]
    kept = [column for column in rows[0] if any(row[column] is not None for row in rows)]
    return [{column: row[column] for column in kept} for row in rows]


def _head(shown: Shown) -> str:
    """Which sigma, and which parts were not computed there."""
    choice, seen = shown.choice, shown.seen
    off = [
        f"{part} at {sigma:.3g}" for part, sigma in seen.at.items()
        if shown.draws(*PARTS[part]) and sigma != choice.sigma
    ]  # fmt: skip
    nearest = f" Not computed there, so the nearest is shown: {', '.join(off)}." if off else ""
    return f"{choice.model} under noise of sigma {choice.sigma:.3g}.{nearest}"


def _line_told(shown: Shown) -> str:
    return line_sentence(shown.seen.line)  # type: ignore[arg-type]


def _gap_told(shown: Shown) -> str:
    """Here, where the two part, and all along."""
    sweep, point = _swept(shown)
    holds = sweep.is_quadratic(point)
    verdict = {
        True: "the second order says it all",
        False: "the second order no longer says it",
        None: "noise or rounding hides whether that is it",
    }[holds]
    here = (
        f"At sigma {point.sigma:.3g} f_sigma - f is {point.gap.estimate:.3g} ± {point.gap.stderr:.1g}, and "
        f"sigma²/2 tr H {point.predicted:.3g}: {verdict}. {_parting(sweep)}"
    )
    return f"{here} All along: {gap_sentence({shown.choice.model: sweep})}"


def _parting(sweep: RadiusSweep) -> str:
    """Where the gap leaves the second order, in words."""
    if sweep.quadratic_to is None:
        return "At no swept sigma do they surely agree."
    if sweep.quadratic_to == sweep.points[-1].sigma:
        return f"They agree up to {sweep.quadratic_to:.2g}, the last sigma swept."
    beyond = "and noise hides it beyond" if sweep.parts_at is None else "and part beyond it"
    return f"They agree up to {sweep.quadratic_to:.2g}, {beyond}."


def _cosine_told(shown: Shown) -> str:
    sweep, point = _swept(shown)
    here = (
        f"At sigma {point.sigma:.3g} the mean of {sweep.queries} two-point estimates has a cosine of "
        f"{point.cosine_plain:.2g} with grad f and of {point.cosine_smoothed:.2g} with grad f_sigma, give or "
        f"take {point.cosine_by_chance:.1g}; sampling alone would give {point.cosine_expected:.2g}. "
        f"{_content(sweep, point)}"
    )
    return f"{here} All along: {cosine_sentence(sweep)}"


def _content(sweep: RadiusSweep, point: RadiusPoint) -> str:
    """Whether zeroth order smooths anything here."""
    off = f"grad f_sigma is off grad f by {point.gradient_shift:.2g} of its length"
    if point.has_content:
        return f"Here {off}: zeroth order goes down another loss."
    return f"Here {off}: zeroth order goes down the loss itself, with noise."


def _swept(shown: Shown) -> tuple[RadiusSweep, RadiusPoint]:
    sweep, point = shown.seen.view.sweep, shown.seen.point
    return sweep, point  # type: ignore[return-value]


def _variance_told(shown: Shown) -> str:
    return variance_sentence(shown.seen.gradients)  # type: ignore[arg-type]


def _retention_told(shown: Shown) -> str:
    return retention_sentence(shown.seen.view.certified)


def _certificate_told(shown: Shown) -> str:
    certificate: Any = shown.seen.certificate
    told = certified_radius_sentence(certificate, simultaneous=shown.choice.simultaneous)
    reached = reached_words(shown.seen.reaches) if shown.seen.reaches else ""
    return f"{vacuity(certificate, simultaneous=shown.choice.simultaneous)} {told} {reached}".rstrip()


def vacuity(certificate: Certificate, *, simultaneous: bool = False) -> str:
    """Whether a certificate says anything about unlearning, in a sentence."""
    ours, kept = certificate.model, certificate.model.retain
    if not ours.works:
        return (
            f"Vacuous: under this noise the model answers {kept.estimate:.3f} of the kept facts, and the "
            f"floor is {kept.floor:.3f}. What a wrecked model misses it has not forgotten, so it abstains."
        )
    if not ours.certified_share(simultaneous=simultaneous):
        return "Nothing is certified: the model works under this noise, but misses no fact often enough."
    excess = certificate.excess_share(simultaneous=simultaneous)
    if excess <= 0:
        return (
            "Vacuous: of the target, which has forgotten nothing, the same noise certifies as much; this is "
            "the noise's doing."
        )
    return (
        f"Not vacuous: the model works under this noise, and {excess:.1%} of the facts are certified beyond "
        "what the target is."
    )


def _attack_told(shown: Shown) -> str:
    along: Any = shown.seen.along
    return f"{shown.choice.attack}. {along_attack_sentence(along, share=str(shown.choice.share))}"


TOLD: dict[str, Callable[[Shown], str]] = {
    "line": _line_told, "gap": _gap_told, "cosine": _cosine_told, "variance": _variance_told,
    "certificate": _certificate_told, "retention": _retention_told, "attack": _attack_told,
}  # fmt: skip


def _row(name: str, seen: Seen, simultaneous: bool) -> dict[str, Any]:
    return {"model": name, **_loss_cells(seen), **_certificate_cells(seen.certificate, simultaneous)}


def _loss_cells(seen: Seen) -> dict[str, Any]:
    point, found = seen.point, seen.gradients
    cells: dict[str, Any] = dict.fromkeys(("swept at", *NUMBERS[:5], "least variance at equal cost"))
    if point is not None:
        cells |= {
            "swept at": f"{point.sigma:.3g}",
            "f_sigma - f": f"{point.gap.estimate:.3g} ± {point.gap.stderr:.1g}",
            "sigma²/2 tr H": f"{point.predicted:.3g}", "cosine with grad f": f"{point.cosine_plain:.3g}",
            "with grad f_sigma": f"{point.cosine_smoothed:.3g}",
            "from sampling alone": f"{point.cosine_expected:.3g}",
        }  # fmt: skip
    if found is not None:
        least = min(found.estimates.values(), key=lambda one: one.variance_times_cost)
        cells["least variance at equal cost"] = least.method
    return cells


def _certificate_cells(certificate: Certificate | None, simultaneous: bool) -> dict[str, Any]:
    cells: dict[str, Any] = dict.fromkeys(
        ("certified at", "kept under noise", *NUMBERS[5:], "split's radius")
    )
    if certificate is None:
        return cells
    ours, excess = certificate.model, certificate.excess_share(simultaneous=simultaneous)
    state = "works" if ours.works else "abstains"
    radii = ours.radii(simultaneous=simultaneous)
    return cells | {
        "certified at": f"{certificate.sigma:.3g}",
        "kept under noise": f"{ours.retain.estimate:.3f} of {ours.retain.floor:.3f}: {state}",
        "facts certified": f"{ours.certified_share(simultaneous=simultaneous):.1%}",
        "excess over the target": f"{excess:+.1%}",
        "longest radius": f"{radii.max():.3g}",
        "split's radius": None if ours.split is None else f"{certificate.radius:.3g}",
    }
