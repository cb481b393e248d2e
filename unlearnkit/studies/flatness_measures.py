"""How flat it is at a model, by every measure, for what must be forgotten and for what must be kept."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from unlearnkit.flatness import connectivity, sharpness, top_eigenvalues, trace
from unlearnkit.flatness.sharpness import gradient
from unlearnkit.testbeds.testbed import Testbed
from unlearnkit.token_mean_loss import TokenMeanLoss

LOSSES = ("forget", "retain")


@dataclass(frozen=True)
class Settings:
    """What decides the measures of a model, and what they cost.

    Attributes
    ----------
    rows, batch_size : int
        Of each loss: so many rows, evenly spaced over the split, those of like length together.
    traced : int
        Products for the trace.
    eigenvalues, products : int
        How many of largest modulus, and products to spend at most, on them and on the lowest one.
    tolerance : float
        Of their residuals; see `top_eigenvalues`.
    sigma : float
        Of average sharpness: root mean square of the change of a weight. Over all of the lab's weights 0.005
        is an L2 distance of 3.6, about as far as Adam goes.
    share : float
        Of adaptive sharpness: the same as a share of each weight's magnitude.
    pairs : int
        Antithetic pairs of either.
    radius, steps : float, int
        Of SAM and of the worst case: L2, and ascent steps.
    points : int
        On the way to another model.
    """

    rows: int = 48
    batch_size: int = 16
    traced: int = 32
    eigenvalues: int = 5
    products: int = 48
    tolerance: float = 1e-3
    sigma: float = 0.005
    share: float = 0.1
    pairs: int = 16
    radius: float = 0.05
    steps: int = 10
    points: int = 11


SETTINGS = Settings()


def measure(
    model: Any, lab: Testbed, *, ways: Mapping[str, Any], settings: Settings = SETTINGS, seed: int = 0
) -> dict[str, Any]:
    """Every measure of flatness at a model, for both losses.

    Whatever is drawn depends on the seed alone: all models of a testbed meet the same rows, signs, normal
    numbers and start vectors.

    Parameters
    ----------
    model : a Hugging Face causal language model
        Never changed.
    lab : Testbed
    ways : mapping of str to model
        The other ends of straight ways, by name: each way goes from that model to this one.
    settings : Settings
    seed : int

    Returns
    -------
    dict
        "forget" and "retain", each with `loss`, `gradient_norm`, `tokens` (targets) and the results, as
        their `to_dict` has them: `trace`, `top`, `lowest`, `average`, `adaptive`, `sam`, `worst`, and
        `to_NAME` for each way. Nats a token.

    Examples
    --------
    >>> import unlearnkit as uk
    >>> lab = uk.load_testbed("atlas", fold=1)
    >>> tiny = Settings(rows=4, traced=2, eigenvalues=1, products=2, pairs=2, steps=1, points=3)
    >>> found = measure(lab.never_learned, lab, ways={"target": lab.model}, settings=tiny)
    >>> found["forget"]["loss"] > found["retain"]["loss"], found["retain"]["to_target"]["distance"] > 1
    (True, True)
    """
    splits = {"forget": lab.forget, "retain": lab.retain}
    return {
        name: _of_loss(
            TokenMeanLoss(
                model, lab.batches(splits[name], rows=settings.rows, batch_size=settings.batch_size)
            ),
            ways, settings, seed,
        )
        for name in LOSSES
    }  # fmt: skip


def _of_loss(loss: TokenMeanLoss, ways: Mapping[str, Any], chosen: Settings, seed: int) -> dict[str, Any]:
    here, slope = gradient(loss)
    found = {**_curvature(loss, chosen, seed), **_sharpness(loss, chosen, seed)}
    for name, other in ways.items():
        found[f"to_{name}"] = connectivity(loss, other, loss.model, points=chosen.points, seed=seed)
    norm = math.sqrt(sum(float(part.double().square().sum()) for part in slope))
    told = {"loss": here, "gradient_norm": norm, "tokens": loss.tokens}
    return told | {name: result.to_dict() for name, result in found.items()}


def _curvature(loss: TokenMeanLoss, chosen: Settings, seed: int) -> dict[str, Any]:
    spent: dict[str, Any] = {"tolerance": chosen.tolerance, "max_products": chosen.products, "seed": seed}
    return {
        "trace": trace(loss, samples=chosen.traced, seed=seed),
        "top": top_eigenvalues(loss, chosen.eigenvalues, which="LM", **spent),
        "lowest": top_eigenvalues(loss, 1, which="SA", **spent),
    }


def _sharpness(loss: TokenMeanLoss, chosen: Settings, seed: int) -> dict[str, Any]:
    asked: dict[str, dict[str, Any]] = {
        "average": {"radius": chosen.sigma, "samples": chosen.pairs},
        "adaptive": {"radius": chosen.share, "samples": chosen.pairs},
        "sam": {"radius": chosen.radius},
        "worst": {"radius": chosen.radius, "steps": chosen.steps},
    }
    return {kind: sharpness(loss, kind=kind, seed=seed, **options) for kind, options in asked.items()}
