"""What "forget" means: losses of one forget batch and one retain batch."""

from unlearnkit.objectives.catalogue import catalogue, create
from unlearnkit.objectives.graddiff import GradDiff
from unlearnkit.objectives.npo import NPO, npo_loss
from unlearnkit.objectives.objective import Objective
from unlearnkit.objectives.retain import Batch, RowsOf

__all__ = [
    "NPO",
    "Batch",
    "GradDiff",
    "Objective",
    "RowsOf",
    "catalogue",
    "create",
    "npo_loss",
]
