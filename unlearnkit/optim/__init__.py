"""How weights move, by grade: torch.optim.Optimizer subclasses and their catalogue."""

from unlearnkit.optim.adazo import AdaZO
from unlearnkit.optim.catalogue import catalogue, create, find
from unlearnkit.optim.directions import Directions
from unlearnkit.optim.first_order import SGD, Adam, AdamW
from unlearnkit.optim.hybrid import Hybrid
from unlearnkit.optim.noise_matched import NoiseMatched, RandomWalk
from unlearnkit.optim.signsgd import SignSGD
from unlearnkit.optim.signum import Signum
from unlearnkit.optim.two_point import two_point

SignAdam = Signum

__all__ = [
    "SGD",
    "AdaZO",
    "Adam",
    "AdamW",
    "Directions",
    "Hybrid",
    "NoiseMatched",
    "RandomWalk",
    "SignAdam",
    "SignSGD",
    "Signum",
    "catalogue",
    "create",
    "find",
    "two_point",
]
