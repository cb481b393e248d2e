"""What weight noise says of a model: over radii, by certificates, and against what attacks did to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch

from unlearnkit.smoothing import Subspace, radius_sweep
from unlearnkit.smoothing.certificates.along_attack import walk
from unlearnkit.smoothing.certificates.exact_answers import Facts, facts_of
from unlearnkit.smoothing.certificates.judging import certified_model, floor_of, thresholds_of
from unlearnkit.smoothing.certificates.model_certificate import ModelCertificate
from unlearnkit.smoothing.certificates.noisy_answers import CERTIFY, Asking, WeightNoise
from unlearnkit.smoothing.certificates.subspace import displacement
from unlearnkit.studies.attack_subspace import attack_subspace
from unlearnkit.studies.cells import Problem
from unlearnkit.token_mean_loss import TokenMeanLoss

ALL, INSIDE = "all weights", "attack subspace"  # where the noise is


@dataclass(frozen=True)
class Settings:
    """What decides the measures of a model, and what they cost.

    Attributes
    ----------
    rows, batch_size : int
        Of the swept loss: so many rows of what must be forgotten, evenly spaced.
    radii : tuple of float
    queries, gradients, traced : int
        Of the sweep; see `radius_sweep`.
    forget_facts, retain_facts : int
    samples, first : int, int
        Of each certificate; it abstains after the first ones when they show that the model does not work.
    alpha : float
    sigmas : tuple of float
        Of noise on all weights. The largest is the largest of the scan on the calibration fold at which the
        target still keeps 0.8 under noise (0.84 at 0.03, 0.69 at 0.035); at the smallest it keeps all.
    sigmas_inside : tuple of float
        Of noise within the attack subspace, a coordinate. The largest was found likewise (0.82 at 0.8, 0.75
        at 0.9).
    walked : int
        Draws at each place of relearning's way, with the smallest sigma of either.
    """

    rows: int = 32
    batch_size: int = 16
    radii: tuple[float, ...] = (1e-4, 1e-3, 1e-2, 3e-2, 1e-1)
    queries: int = 8
    gradients: int = 4
    traced: int = 8
    forget_facts: int = 60
    retain_facts: int = 60
    samples: int = 300
    first: int = 25
    alpha: float = 0.001
    sigmas: tuple[float, ...] = (0.01, 0.03)
    sigmas_inside: tuple[float, ...] = (0.3, 0.8)
    walked: int = 40


SETTINGS = Settings()


def measure(
    model: Any, problem: Problem, *, relearned: Any, settings: Settings = SETTINGS, seed: int = 0
) -> dict[str, Any]:
    """The sweep of a model, and its certificates, each with what is found on relearning's way.

    Whatever is drawn depends on the seed alone: all models meet the same noise. So the target and
    never_learned, which are certified as models of their own, are controls of every other.

    Parameters
    ----------
    model : a Hugging Face causal language model
        It is moved in place and put back to the bit.
    problem : Problem
        Its testbed; the subspace is that of its task.
    relearned : model
        What relearning made of the model.
    settings : Settings
    seed : int

    Returns
    -------
    dict
        "sweep": a `RadiusSweep` without its words, of the loss on what must be forgotten. "certificates": a
        list of {"where", "dimensions", "thresholds", "model": a `ModelCertificate` without radii, which
        follow from its counts, "along": an `AlongAttack`, or None where no fact is certified, or of a
        larger sigma}.
    """
    lab = problem.load()
    batches = lab.batches(lab.forget, rows=settings.rows, batch_size=settings.batch_size)
    sweep = radius_sweep(
        TokenMeanLoss(model, batches), settings.radii, queries=settings.queries,
        gradients=settings.gradients, trace_samples=settings.traced, seed=seed,
    )  # fmt: skip
    asked = _Asked(model, problem, settings, seed)
    move = displacement(relearned, model)
    found = []
    for where, sigmas in ((ALL, settings.sigmas), (INSIDE, settings.sigmas_inside)):
        for sigma in sigmas:
            subspace = attack_subspace(problem.task) if where == INSIDE else None
            mine = asked.certificate(sigma, subspace)
            walked = sigma == min(sigmas) and mine.certified_share() > 0
            found.append({
                "where": where,
                "dimensions": subspace.dimensions if subspace else move.numel(),
                "thresholds": list(asked.thresholds or ()),
                "model": {name: value for name, value in mine.to_dict().items() if name != "radii"},
                "along": asked.along(mine, subspace, move) if walked else None,
            })  # fmt: skip
    told = {name: value for name, value in sweep.to_dict().items() if name not in ("papers", "words")}
    return {"sweep": told, "certificates": found}


class _Asked:
    """A model that is asked the facts of its testbed."""

    def __init__(self, model: Any, problem: Problem, settings: Settings, seed: int) -> None:
        self.settings, self.seed = settings, seed
        self.facts, self.controls = _asked_of_controls(problem, settings.forget_facts, settings.retain_facts)
        self.asking = Asking({"model": model}, self.facts, problem.load().tokenizer, None)
        self.plain = self.asking.plain()["model"]
        self.thresholds = thresholds_of(self.facts, self.controls["never_learned"])

    def certificate(self, sigma: float, subspace: Subspace | None) -> ModelCertificate:
        """The model's own, under noise that depends on the seed alone.

        To stop where the model surely does not work is no peeking: nothing is claimed then.
        """
        early = self._certificate(sigma, subspace, self.settings.first)
        if early.retain.interval[1] < early.retain.floor:
            return early
        return self._certificate(sigma, subspace, self.settings.samples)

    def _certificate(self, sigma: float, subspace: Subspace | None, samples: int) -> ModelCertificate:
        noise = WeightNoise(sigma, self.seed, CERTIFY, subspace)
        return certified_model(
            self.facts, self.asking.noisy(noise, samples)["model"], self.plain, sigma=sigma,
            alpha=self.settings.alpha, thresholds=self.thresholds,
            floor=floor_of(self.facts, self.plain, self.controls["target"]),
            weights=self.asking.keys["model"],
        )  # fmt: skip

    def along(self, mine: ModelCertificate, subspace: Subspace | None, move: torch.Tensor) -> dict[str, Any]:
        """Relearning's straight way, at a length of sigma and at its end."""
        reach = float(move.norm() if subspace is None else subspace.coordinates(move).norm())
        moves = [move * (mine.sigma / reach), move]
        return walk(
            mine, self.asking, moves, thresholds=self.thresholds, samples=self.settings.walked,
            subspace=subspace, seed=self.seed,
        ).to_dict()  # fmt: skip


@cache
def _asked_of_controls(
    problem: Problem, forget_facts: int, retain_facts: int
) -> tuple[Facts, Mapping[str, torch.Tensor]]:
    """The facts, and which of them the controls answer without noise."""
    lab = problem.load()
    facts = facts_of(lab, forget_facts=forget_facts, retain_facts=retain_facts)
    models = {"target": lab.model, "never_learned": lab.never_learned}
    return facts, Asking(models, facts, lab.tokenizer, None).plain()
