"""How weights move, by grade: torch.optim.Optimizer subclasses and their catalogue."""

from unlearnkit.optim.catalogue import catalogue, create, find
from unlearnkit.optim.closures import LossClosure
from unlearnkit.optim.compressed import (
    AdamState8bit,
    OneBitAdam,
    QuantizedDirection,
    Quantizer,
    SignAdam,
    SignSGD,
    Signum,
)
from unlearnkit.optim.controls import NoiseMatched, RandomWalk
from unlearnkit.optim.first_order import SGD, Adam, AdamW, Muon
from unlearnkit.optim.hybrid import Hybrid
from unlearnkit.optim.masters import MasterWeights
from unlearnkit.optim.second_order import AdaHessian, Sophia, SoulSophia, gauss_newton_bartlett, hutchinson
from unlearnkit.optim.sharpness_aware import ASAM, SAM, RandomizedSmoothing
from unlearnkit.optim.zeroth_order import (
    ZOSGD,
    AdaZO,
    Directions,
    LostInRounding,
    ZOAdaMM,
    ZOSignSGD,
    forward_difference,
    two_point,
)

__all__ = [
    "ASAM",
    "SAM",
    "SGD",
    "ZOSGD",
    "AdaHessian",
    "AdaZO",
    "Adam",
    "AdamState8bit",
    "AdamW",
    "Directions",
    "Hybrid",
    "LossClosure",
    "LostInRounding",
    "MasterWeights",
    "Muon",
    "NoiseMatched",
    "OneBitAdam",
    "QuantizedDirection",
    "Quantizer",
    "RandomWalk",
    "RandomizedSmoothing",
    "SignAdam",
    "SignSGD",
    "Signum",
    "Sophia",
    "SoulSophia",
    "ZOAdaMM",
    "ZOSignSGD",
    "catalogue",
    "create",
    "find",
    "forward_difference",
    "gauss_newton_bartlett",
    "hutchinson",
    "two_point",
]
