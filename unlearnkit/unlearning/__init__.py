"""The unlearning loop, what a run is, and what became of it."""

from unlearnkit.unlearning.checkpoints import Checkpoint, checkpoints
from unlearnkit.unlearning.cost import Cost, displacement
from unlearnkit.unlearning.loop import unlearn
from unlearnkit.unlearning.mixing import Mixed, between, mix
from unlearnkit.unlearning.noise_then_retain import noise_then_retain
from unlearnkit.unlearning.presets import find_preset, presets
from unlearnkit.unlearning.run import History, Run, RunConfig, load_run
from unlearnkit.unlearning.status import STATUSES, is_destroyed, judge, knowledge_gone

__all__ = [
    "STATUSES",
    "Checkpoint",
    "Cost",
    "History",
    "Mixed",
    "Run",
    "RunConfig",
    "between",
    "checkpoints",
    "displacement",
    "find_preset",
    "is_destroyed",
    "judge",
    "knowledge_gone",
    "load_run",
    "mix",
    "noise_then_retain",
    "presets",
    "unlearn",
]
