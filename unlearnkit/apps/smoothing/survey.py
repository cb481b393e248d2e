"""Everything that the smoothing view shows, computed for several models in one go."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from tqdm.auto import tqdm

from unlearnkit.apps.smoothing.model import ALONE
from unlearnkit.apps.smoothing.smoothing_view import SmoothingView
from unlearnkit.errors import BadInput, require_integer, require_one_of, require_positive
from unlearnkit.smoothing import (
    Certificate,
    GradientComparison,
    against_attacks,
    along_attack,
    certificate_cost,
    certify,
    compare_gradients,
    radius_sweep,
    smoothed_line,
)
from unlearnkit.smoothing.certificates.same_noise import named_models
from unlearnkit.smoothing.certificates.subspace import displacement
from unlearnkit.token_mean_loss import TokenMeanLoss

SIGMAS = (1e-3, 3e-3, 1e-2, 3e-2)
CERTIFY_AT = (0.01, 0.02)
# Samples of each part, if the explorer has no fewer: what their own functions take by default.
MOST = {"line": 8, "queries": 32, "gradients": 8, "trace": 50, "estimates": 64}
FEWEST_GRADIENTS = 3
CERTIFICATES, SWEEPS = "certificates.jsonl", "sweeps.jsonl"


@dataclass(frozen=True, eq=False)
class Plan:
    """What to compute, checked; see the explorer's `of`."""

    models: dict[str, Any]
    lab: Any
    attacked: Mapping[str, Mapping[str, Any]]
    sigmas: list[float]
    certify_at: list[float]
    samples: int
    rows: int | None
    forget_facts: int | None
    retain_facts: int
    points: int
    seed: int
    progress: bool

    @property
    def pieces(self) -> int:
        """How many calls of `uk.smoothing` that is: for the bar."""
        walks = sum(len(ways) for ways in self.attacked.values())
        return len(self.models) * (2 + len(self.sigmas) + len(self.certify_at)) + walks * len(self.certify_at)


def survey(models: Any, lab: Any, *, keep: str | Path | None = None, **more: Any) -> dict[str, SmoothingView]:
    """A view of each model, by name; see the explorer's `of`."""
    plan = _plan(models, lab, **more)
    batches = lab.batches(lab.forget, rows=plan.rows)
    with (
        _folder(keep) as folder,
        tqdm(total=plan.pieces, desc="smoothing", disable=not plan.progress) as bar,
    ):
        return {
            name: _view(plan, name, TokenMeanLoss(model, batches), folder, bar)
            for name, model in plan.models.items()
        }


def _view(plan: Plan, name: str, loss: TokenMeanLoss, folder: Path, bar: Any) -> SmoothingView:
    always: Any = {"seed": plan.seed, "progress": plan.progress}
    bar.set_postfix_str(name)
    most = {part: min(plan.samples, number) for part, number in MOST.items()}
    line = smoothed_line(loss, sigmas=plan.sigmas, points=plan.points, samples=most["line"], **always)
    bar.update()
    sweep = radius_sweep(
        loss, plan.sigmas, queries=most["queries"], gradients=max(most["gradients"], FEWEST_GRADIENTS),
        trace_samples=most["trace"], keep=folder / SWEEPS, **always,
    )  # fmt: skip
    bar.update()
    gradients = {}
    for sigma in plan.sigmas:
        gradients[sigma] = _totals(compare_gradients(loss, sigma=sigma, samples=most["estimates"], **always))
        bar.update()
    certificates = _certificates(plan, name, folder, bar)
    ways = plan.attacked.get(name, {})
    along = _along(plan, name, certificates, folder, bar)
    first = next(iter(certificates.values()), None)
    reaches = against_attacks(first, plan.models[name], ways) if first and ways else None
    return SmoothingView(line, sweep, gradients, certificates or None, along or None, reaches)


def _totals(found: GradientComparison) -> GradientComparison:
    """The same without its vectors, of which the view shows lengths and sums: a few numbers for megabytes."""
    return replace(
        found,
        estimates={
            name: replace(one, mean=one.mean.norm().reshape(1), variance=one.variance.sum().reshape(1))
            for name, one in found.estimates.items()
        },
    )


def _certificates(plan: Plan, name: str, folder: Path, bar: Any) -> dict[float, Certificate]:
    found = {}
    for sigma in plan.certify_at:
        found[sigma] = certify(
            plan.models[name], plan.lab, sigma=sigma, samples=plan.samples, seed=plan.seed,
            forget_facts=plan.forget_facts, retain_facts=plan.retain_facts, keep=folder / CERTIFICATES,
            progress=plan.progress,
        )  # fmt: skip
        bar.update()
    return found


def _along(plan: Plan, name: str, certificates: Mapping[float, Certificate], folder: Path, bar: Any) -> Any:
    found: dict[str, Any] = {}
    for way, attacked in plan.attacked.get(name, {}).items():
        for certificate in certificates.values():
            one = along_attack(
                certificate, plan.models[name], plan.lab, attacked, samples=plan.samples, seed=plan.seed,
                keep=folder / CERTIFICATES, progress=plan.progress,
            )  # fmt: skip
            found.setdefault(way, []).append(one)
            bar.update()
    return found


@contextmanager
def _folder(keep: str | Path | None) -> Iterator[Path]:
    """Where finished work is kept: for good, or while it lasts, so that controls are certified once."""
    if keep is not None:
        yield Path(keep)
        return
    with TemporaryDirectory() as folder:
        yield Path(folder)


def _plan(
    models: Any, lab: Any, *, attacked: Any, sigmas: Any, certify_at: Any, samples: Any, rows: Any,
    forget_facts: Any, retain_facts: Any, points: Any, seed: Any, progress: bool,
) -> Plan:  # fmt: skip
    """All of it refused before anything is computed."""
    named = {ALONE: models} if isinstance(models, torch.nn.Module) else models
    if not isinstance(named, Mapping) or not named:
        raise BadInput(
            f"models must be a model, or a dict of at least one by name, not {type(models).__name__}"
        )
    for model in named.values():
        named_models(model, lab)
    require_integer("points", points, minimum=3)
    if points % 2 == 0:
        raise BadInput(f"points must be odd, so that one is the weights themselves, not {points}")
    require_integer("samples", samples, minimum=2, hint="Two directions are the fewest that have a spread.")
    require_integer("seed", seed)
    listed, certified = _sigmas("sigmas", sigmas), _sigmas("certify_at", certify_at, empty=True)
    certificate_cost(lab, samples=samples, forget_facts=forget_facts, retain_facts=retain_facts)
    ways = _attacked(attacked, named, certified)
    return Plan(
        dict(named), lab, ways, listed, certified, samples, rows, forget_facts, retain_facts, points, seed,
        progress,
    )  # fmt: skip


def _sigmas(argument: str, given: Any, *, empty: bool = False) -> list[float]:
    if not isinstance(given, Sequence) or isinstance(given, str) or not (given or empty):
        raise BadInput(f"{argument} must be a list of sigmas, but {given!r:.60} was given")
    for sigma in given:
        require_positive(argument, sigma)
    if len(set(given)) < len(given):
        raise BadInput(f"{argument}: the same sigma twice would be computed twice ({given!r:.60})")
    return sorted(float(sigma) for sigma in given)


def _attacked(given: Any, models: Mapping[str, Any], certify_at: list[float]) -> dict[str, Any]:
    if given is None:
        return {}
    if not isinstance(given, Mapping) or not all(isinstance(ways, Mapping) for ways in given.values()):
        raise BadInput(
            "attacked must be, by the model's name, a dict of attacked models by the attack's name"
        )
    if not certify_at:
        raise BadInput(
            "attacked: attacks are held against certificates, but certify_at names no sigma to certify at"
        )
    for name, ways in given.items():
        require_one_of("attacked", name, models)
        for attacked in ways.values():
            displacement(attacked, models[name])
    return dict(given)
