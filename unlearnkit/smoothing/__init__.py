"""The loss under noise in the weights: what zeroth order sees, at which radius, and what it certifies."""

from unlearnkit.smoothing.against_attacks import Reach, Reaches, against_attacks
from unlearnkit.smoothing.along_attack import along_attack
from unlearnkit.smoothing.attack_path import AlongAttack, Curve
from unlearnkit.smoothing.certificate import Certificate
from unlearnkit.smoothing.certify import Cost, certificate_cost, certify
from unlearnkit.smoothing.certify_event import certify_event
from unlearnkit.smoothing.event_certificate import EventCertificate
from unlearnkit.smoothing.exact_answers import ExactAnswers
from unlearnkit.smoothing.formula import Formula
from unlearnkit.smoothing.model_certificate import ModelCertificate, Retention
from unlearnkit.smoothing.smoothed_loss import SmoothedLoss, smoothed_loss
from unlearnkit.smoothing.subspace import Subspace, spanned_by, subspace_of

__all__ = [
    "AlongAttack",
    "Certificate",
    "Cost",
    "Curve",
    "EventCertificate",
    "ExactAnswers",
    "Formula",
    "ModelCertificate",
    "Reach",
    "Reaches",
    "Retention",
    "SmoothedLoss",
    "Subspace",
    "against_attacks",
    "along_attack",
    "certificate_cost",
    "certify",
    "certify_event",
    "smoothed_loss",
    "spanned_by",
    "subspace_of",
]
