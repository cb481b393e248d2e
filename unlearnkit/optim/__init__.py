"""How weights move, by grade: torch.optim.Optimizer subclasses and their catalogue."""

from unlearnkit.optim.catalogue import catalogue, create, find
from unlearnkit.optim.first_order import SGD, Adam, AdamW
from unlearnkit.optim.signsgd import SignSGD
from unlearnkit.optim.signum import Signum

SignAdam = Signum

__all__ = ["SGD", "Adam", "AdamW", "SignAdam", "SignSGD", "Signum", "catalogue", "create", "find"]
