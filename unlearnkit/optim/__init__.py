"""How weights move, by grade: torch.optim.Optimizer subclasses and their catalogue."""

from unlearnkit.optim.catalogue import catalogue, create, find
from unlearnkit.optim.closures import LossClosure
from unlearnkit.optim.compressed import SignAdam, SignSGD, Signum
from unlearnkit.optim.controls import NoiseMatched, RandomWalk
from unlearnkit.optim.first_order import SGD, Adam, AdamW
from unlearnkit.optim.hybrid import Hybrid
from unlearnkit.optim.masters import MasterWeights
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
    "SGD",
    "ZOSGD",
    "AdaZO",
    "Adam",
    "AdamW",
    "Directions",
    "Hybrid",
    "LossClosure",
    "LostInRounding",
    "MasterWeights",
    "NoiseMatched",
    "RandomWalk",
    "SignAdam",
    "SignSGD",
    "Signum",
    "ZOAdaMM",
    "ZOSignSGD",
    "catalogue",
    "create",
    "find",
    "forward_difference",
    "two_point",
]
