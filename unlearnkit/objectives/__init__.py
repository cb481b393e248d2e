"""What "forget" means: losses of one forget batch and one retain batch."""

from unlearnkit.objectives.catalogue import catalogue, create
from unlearnkit.objectives.ceu import CEU
from unlearnkit.objectives.grad_ascent import GradAscent
from unlearnkit.objectives.graddiff import GradDiff
from unlearnkit.objectives.idk_dpo import IdkDPO
from unlearnkit.objectives.npo import NPO, npo_loss
from unlearnkit.objectives.objective import Objective
from unlearnkit.objectives.retain import Batch, RowsOf
from unlearnkit.objectives.rmu import RMU
from unlearnkit.objectives.satimp import SatImp
from unlearnkit.objectives.simnpo import SimNPO, simnpo_loss
from unlearnkit.objectives.task_vector import TaskVector
from unlearnkit.objectives.undial import UNDIAL
from unlearnkit.objectives.wga import WGA

__all__ = [
    "CEU",
    "NPO",
    "RMU",
    "UNDIAL",
    "WGA",
    "Batch",
    "GradAscent",
    "GradDiff",
    "IdkDPO",
    "Objective",
    "RowsOf",
    "SatImp",
    "SimNPO",
    "TaskVector",
    "catalogue",
    "create",
    "npo_loss",
    "simnpo_loss",
]
