"""What "forget" means: losses of one forget batch and one retain batch."""

from unlearnkit.objectives.catalogue import catalogue, create
from unlearnkit.objectives.ceu import CEU
from unlearnkit.objectives.graddiff import GradDiff
from unlearnkit.objectives.npo import NPO, npo_loss
from unlearnkit.objectives.objective import Objective
from unlearnkit.objectives.retain import Batch, RowsOf
from unlearnkit.objectives.rmu import RMU
from unlearnkit.objectives.satimp import SatImp
from unlearnkit.objectives.undial import UNDIAL
from unlearnkit.objectives.wga import WGA

__all__ = [
    "CEU",
    "NPO",
    "RMU",
    "UNDIAL",
    "WGA",
    "Batch",
    "GradDiff",
    "Objective",
    "RowsOf",
    "SatImp",
    "catalogue",
    "create",
    "npo_loss",
]
