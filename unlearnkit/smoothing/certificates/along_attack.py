"""Along an attack: what is certified, what the smoothed model does, and what the model itself does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from unlearnkit.displaced import unflatten
from unlearnkit.errors import BadInput, require_integer
from unlearnkit.smoothing.certificates.against_attacks import require_certified
from unlearnkit.smoothing.certificates.attack_path import AlongAttack, Curve
from unlearnkit.smoothing.certificates.certificate import Certificate
from unlearnkit.smoothing.certificates.certify_event import require_sampling
from unlearnkit.smoothing.certificates.clopper_pearson import interval, lower_bound
from unlearnkit.smoothing.certificates.event_certificate import certified
from unlearnkit.smoothing.certificates.exact_answers import Facts, facts_of
from unlearnkit.smoothing.certificates.judging import (
    Thresholds,
    forgotten_samples,
    shares_of,
    split_forgotten,
)
from unlearnkit.smoothing.certificates.model_certificate import ModelCertificate, mean_and_interval
from unlearnkit.smoothing.certificates.noisy_answers import ALONG, Answers, Asking, WeightNoise, require_path
from unlearnkit.smoothing.certificates.same_noise import named_models
from unlearnkit.smoothing.certificates.subspace import Subspace, displacement
from unlearnkit.testbeds.testbed import Testbed


def along_attack(
    certificate: Certificate,
    model: Any,
    lab: Testbed,
    path: Any,
    *,
    points: int = 6,
    samples: int = 200,
    subspace: Subspace | None = None,
    seed: int = 0,
    keep: str | Path | None = None,
    progress: bool = False,
) -> AlongAttack:
    """Hold a certificate against an attack, place by place, with fresh noise.

    The certificate is about the smoothed model: there its curve lies below what is found, or it is wrong. The
    model itself may fall below it.

    Parameters
    ----------
    certificate : Certificate
        Of `model`.
    model : the model that was certified
    lab : Testbed
    path : model, or list of models
        What the attack made of it: the straight line there, or its checkpoints in order. The certified model
        is put before them.
    points : int
        On a straight line, both ends included. A list has its own.
    samples : int
        Draws at each place, independent of the certificate's.
    subspace : Subspace, optional
        The certificate's own, if it has one. The path's projection onto it is walked, since nothing is
        certified about the rest.
    seed : int
    keep : path, optional
        As in `certify`.
    progress : bool

    Returns
    -------
    AlongAttack

    Raises
    ------
    BadInput
        For another model, testbed or subspace than was certified, models of another shape, bad numbers.

    Examples
    --------
    >>> import unlearnkit as uk
    >>> lab, few = uk.load_testbed("atlas", fold=1), {"forget_facts": 4, "retain_facts": 8}
    >>> found = uk.smoothing.certify(lab.never_learned, lab, samples=12, **few)
    >>> way = along_attack(found, lab.never_learned, lab, lab.model, points=2, samples=4)
    >>> way.holds, way.curves["facts"].plain
    (True, (1.0, 0.0))
    """
    require_certified(certificate, model, subspace)
    require_sampling(certificate.sigma, samples, certificate.alpha, seed)
    named_models(model, lab)
    facts = _same_facts(certificate, lab)
    moves = _moves(path, model, points)
    asking = Asking({"model": model}, facts, lab.tokenizer, require_path(keep))
    return walk(
        certificate.model, asking, moves, thresholds=certificate.thresholds, samples=samples,
        subspace=subspace, seed=int(seed), progress=progress,
    )  # fmt: skip


def walk(
    mine: ModelCertificate, asking: Asking, moves: Sequence[torch.Tensor], *, thresholds: Thresholds | None,
    samples: int, subspace: Subspace | None, seed: int, progress: bool = False,
) -> AlongAttack:  # fmt: skip
    """What `along_attack` gives, of one model's own certificate, along displacements of it, flat."""
    facts, model = asking.facts, asking.models["model"]
    inside = tuple(1.0 if subspace is None else subspace.share(move) for move in moves)
    walked = moves if subspace is None else [subspace.point(subspace.coordinates(m)) for m in moves]
    distances = tuple(float(move.double().norm()) for move in walked)
    noise = WeightNoise(mine.sigma, seed, ALONG, subspace)
    weights = list(model.parameters())
    plain, answers = [], []
    for place, move in enumerate(walked):
        shift = unflatten(move.float().to(weights[0].device), weights)
        plain.append(asking.plain(shift)["model"])
        title = f"along the attack, {place + 1} of {len(walked)}"
        found = asking.noisy(noise, samples, shift=shift, progress=progress, title=title)
        answers.append(found["model"])
    return AlongAttack(
        distances, inside, _curves(mine, thresholds, facts, distances, answers, plain),
        _broken(mine, distances, answers, samples), _radius(mine), mine.sigma, mine.alpha, int(samples),
    )  # fmt: skip


def _same_facts(certificate: Certificate, lab: Testbed) -> Facts:
    """The facts that were certified, of a testbed that must have them."""
    ours = certificate.model
    facts = facts_of(lab, forget_facts=len(ours.facts), retain_facts=ours.retain.facts)
    if tuple(question.key for question in facts.forget) != ours.facts:
        raise BadInput(
            f"lab: the certificate is about other facts than those of testbed {lab.name!r}, {lab.task}, fold "
            f"{lab.fold}; give the testbed that it was made on"
        )
    return facts


def _moves(path: Any, model: Any, points: int) -> list[torch.Tensor]:
    """Displacements from the model, flat: none first."""
    if isinstance(path, list | tuple):
        if not path:
            raise BadInput("path: the list is empty; give an attacked model, or its checkpoints in order")
        moves = [displacement(other, model) for other in path]
        return [torch.zeros_like(moves[0]), *moves]
    require_integer("points", points, minimum=2, hint="A line has two ends.")
    whole = displacement(path, model)
    return [whole * (place / (points - 1)) for place in range(points)]


def _curves(
    mine: ModelCertificate, limits: Thresholds | None, facts: Facts, distances: Sequence[float],
    answers: Sequence[Answers], plain: Sequence[torch.Tensor],
) -> dict[str, Curve]:  # fmt: skip
    curves = {}
    shares = [shares_of(facts, hits) for hits in plain]
    split, alpha = mine.split, mine.alpha
    if split is not None and limits is not None:
        counts = [forgotten_samples(each, facts, limits) for each in answers]
        ends = [interval(count, len(each.retain), alpha) for count, each in zip(counts, answers, strict=True)]
        low, high = zip(*ends, strict=True)
        found = tuple(count / len(each.retain) for count, each in zip(counts, answers, strict=True))
        here = tuple(float(split_forgotten(share[0], share[1], limits)) for share in shares)
        curves["split"] = Curve(tuple(split.at(distance) for distance in distances), found, low, high, here)
    total = len(facts.forget)
    missed = [
        [1 - (a + b) / total for a, b in zip(each.shown, each.heldout, strict=True)] for each in answers
    ]
    known = [float(hits[:total].double().mean()) for hits in plain]
    promised = tuple(float(_promised(mine, distance).mean()) for distance in distances)
    curves["facts"] = _mean_curve(missed, [1 - share for share in known], alpha, promised)
    kept = [[count / len(facts.retain) for count in each.retain] for each in answers]
    curves["retain"] = _mean_curve(kept, [share[2] for share in shares], alpha)
    return curves


def _mean_curve(
    values: Sequence[Sequence[float]], plain: Sequence[float], alpha: float,
    promised: tuple[float, ...] | None = None,
) -> Curve:  # fmt: skip
    means, low, high = zip(*(mean_and_interval(each, alpha) for each in values), strict=True)
    return Curve(promised, means, low, high, tuple(plain))


def _promised(
    mine: ModelCertificate, distance: float, *, simultaneous: bool = False
) -> npt.NDArray[np.float64]:
    """What is certified at a distance for each fact; 0 where the model does not work under noise."""
    if not mine.works:
        return np.zeros(len(mine.facts))
    return certified(mine.p_lower(simultaneous=simultaneous), distance, mine.sigma)


def _broken(
    mine: ModelCertificate, distances: Sequence[float], answers: Sequence[Answers], samples: int
) -> tuple[int, ...]:
    """Facts whose upper bound under fresh noise is below what was certified, all bounds at once."""
    level = mine.alpha / (len(mine.facts) * len(distances))
    broken = []
    for distance, each in zip(distances, answers, strict=True):
        highest = 1 - lower_bound(np.asarray(each.known), samples, level)
        broken.append(int((_promised(mine, distance, simultaneous=True) > highest).sum()))
    return tuple(broken)


def _radius(mine: ModelCertificate) -> float:
    if mine.split is not None:
        return mine.split.radius
    return float(np.median(mine.radii()))
