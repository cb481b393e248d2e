"""What is done to the weights after unlearning; each attack returns a new model."""

from unlearnkit.attacks.best_case import BestCase, BestCasePoint, best_case
from unlearnkit.attacks.displacement import displacement_of
from unlearnkit.attacks.interpolate import interpolate
from unlearnkit.attacks.noise import add_noise
from unlearnkit.attacks.plant import plant
from unlearnkit.attacks.power import Power, has_power, plant_for, power, powers
from unlearnkit.attacks.prompts import HintedQuestion, reword
from unlearnkit.attacks.prune import prune
from unlearnkit.attacks.quantize import quantize
from unlearnkit.attacks.relearn import relearn, relearn_curve
from unlearnkit.attacks.suite import KINDS, Attack, parse_attack, run_attacks

__all__ = [
    "KINDS",
    "Attack",
    "BestCase",
    "BestCasePoint",
    "HintedQuestion",
    "Power",
    "add_noise",
    "best_case",
    "displacement_of",
    "has_power",
    "interpolate",
    "parse_attack",
    "plant",
    "plant_for",
    "power",
    "powers",
    "prune",
    "quantize",
    "relearn",
    "relearn_curve",
    "reword",
    "run_attacks",
]
