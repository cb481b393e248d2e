"""The loss under noise in the weights: what zeroth order sees, at which radius, and what it certifies."""

from unlearnkit.smoothing.certificates.against_attacks import Reach, Reaches, against_attacks
from unlearnkit.smoothing.certificates.along_attack import along_attack
from unlearnkit.smoothing.certificates.attack_path import AlongAttack, Curve
from unlearnkit.smoothing.certificates.certificate import Certificate
from unlearnkit.smoothing.certificates.certify import Cost, certificate_cost, certify
from unlearnkit.smoothing.certificates.certify_event import certify_event
from unlearnkit.smoothing.certificates.event_certificate import EventCertificate
from unlearnkit.smoothing.certificates.exact_answers import ExactAnswers
from unlearnkit.smoothing.certificates.model_certificate import ModelCertificate, Retention
from unlearnkit.smoothing.certificates.subspace import Subspace, displacement, spanned_by, subspace_of
from unlearnkit.smoothing.formula import Formula
from unlearnkit.smoothing.gradients import compare_gradients
from unlearnkit.smoothing.line import SmoothedLine, smoothed_line
from unlearnkit.smoothing.radii_of_papers import PAPERS, PaperRadius
from unlearnkit.smoothing.radius import radius_sweep
from unlearnkit.smoothing.smoothed_gradient import Agreement, GradientComparison, SmoothedGradient
from unlearnkit.smoothing.smoothed_loss import SmoothedLoss, smoothed_loss
from unlearnkit.smoothing.swept import RadiusPoint, RadiusSweep

__all__ = [
    "PAPERS",
    "Agreement",
    "AlongAttack",
    "Certificate",
    "Cost",
    "Curve",
    "EventCertificate",
    "ExactAnswers",
    "Formula",
    "GradientComparison",
    "ModelCertificate",
    "PaperRadius",
    "RadiusPoint",
    "RadiusSweep",
    "Reach",
    "Reaches",
    "Retention",
    "SmoothedGradient",
    "SmoothedLine",
    "SmoothedLoss",
    "Subspace",
    "against_attacks",
    "along_attack",
    "certificate_cost",
    "certify",
    "certify_event",
    "compare_gradients",
    "displacement",
    "radius_sweep",
    "smoothed_line",
    "smoothed_loss",
    "spanned_by",
    "subspace_of",
]
