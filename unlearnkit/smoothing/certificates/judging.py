"""From answers under noise to certificates: what counts as forgotten, and what as still working."""

from __future__ import annotations

import torch

from unlearnkit.smoothing.certificates.event_certificate import EventCertificate
from unlearnkit.smoothing.certificates.exact_answers import Facts
from unlearnkit.smoothing.certificates.model_certificate import ModelCertificate, retention
from unlearnkit.smoothing.certificates.noisy_answers import Answers
from unlearnkit.unlearning.status import KNOWLEDGE_MARGIN, RETAIN_FLOOR

Thresholds = tuple[float, float]
ROUNDING = 1e-9  # of a share: 21 / 60 + 0.05 is 24 / 60


def thresholds_of(facts: Facts, control: torch.Tensor | None) -> Thresholds | None:
    """Up to which share of shown, and of held-out facts, the split is forgotten; None without a control.

    never_learned's share of exact answers without noise, and 0.05 more: the knowledge half of the rule of
    `Run.status`, which asks about probabilities, too.
    """
    if control is None:
        return None
    shown, heldout, _ = shares_of(facts, control)
    return shown + KNOWLEDGE_MARGIN, heldout + KNOWLEDGE_MARGIN


def shares_of(facts: Facts, hits: torch.Tensor) -> tuple[float, float, float]:
    """The share of shown, held-out and kept facts that are answered, of (facts,) in order."""
    parts = hits.split([len(facts.shown), len(facts.heldout), len(facts.retain)])
    shown, heldout, retain = (float(part.double().mean()) for part in parts)
    return shown, heldout, retain


def floor_of(facts: Facts, own: torch.Tensor, target: torch.Tensor) -> float:
    """0.8 of what is answered of the kept facts without noise, by the model or the target.

    The target's, too: a model that unlearning has destroyed has nothing left for noise to take.
    """
    return RETAIN_FLOOR * max(shares_of(facts, own)[2], shares_of(facts, target)[2])


def forgotten_samples(answers: Answers, facts: Facts, thresholds: Thresholds) -> int:
    """In how many samples both halves were forgotten."""
    pairs = zip(answers.shown, answers.heldout, strict=True)
    halves = len(facts.shown), len(facts.heldout)
    return sum(split_forgotten(a / halves[0], b / halves[1], thresholds) for a, b in pairs)


def split_forgotten(shown: float, heldout: float, thresholds: Thresholds) -> bool:
    """Whether neither half's share of answered facts is above its threshold, but for rounding."""
    return shown <= thresholds[0] + ROUNDING and heldout <= thresholds[1] + ROUNDING


def certified_model(
    facts: Facts, answers: Answers, plain: torch.Tensor, *, sigma: float, alpha: float,
    thresholds: Thresholds | None, floor: float, weights: str,
) -> ModelCertificate:  # fmt: skip
    """One model's certificate, from what it answered under noise and without."""
    samples = len(answers.retain)
    kept = retention(
        answers.retain, facts=len(facts.retain), unsmoothed=shares_of(facts, plain)[2], floor=floor,
        alpha=alpha,
    )  # fmt: skip
    split = None
    if thresholds is not None:
        count = forgotten_samples(answers, facts, thresholds)
        split = EventCertificate(count, samples, sigma, alpha, works=kept.works)
    return ModelCertificate(
        facts=tuple(question.key for question in facts.forget),
        forgotten=tuple(samples - known for known in answers.known),
        samples=samples, sigma=sigma, alpha=alpha, split=split, retain=kept,
        known=tuple(plain[: len(facts.forget)].tolist()), weights=weights,
    )  # fmt: skip
