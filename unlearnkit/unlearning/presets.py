"""Learning rates, steps, batch sizes and weights of the retain term that are used when none are given."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from unlearnkit.errors import NotCalibrated
from unlearnkit.resources import data_path


@dataclass(frozen=True)
class Preset:
    """How far and how fast an optimizer goes on a task.

    `objective_options` are the same for every optimizer. `provisional`: picked by hand on fold 0, not by
    the calibration rule.
    """

    task: str
    objective: str
    optimizer: str
    lr: float
    steps: int
    batch_size: int
    objective_options: dict[str, Any]
    optimizer_options: dict[str, Any] = field(default_factory=dict)
    provisional: bool = False


@cache
def presets() -> tuple[Preset, ...]:
    """All presets that ship in data/presets.json."""
    content = json.loads(data_path("presets.json").read_text(encoding="utf-8"))
    return tuple(Preset(**row, provisional=content["provisional"]) for row in content["presets"])


def find_preset(task: str, objective: str, optimizer: str) -> Preset:
    """The preset of a task, objective and optimizer.

    Raises
    ------
    NotCalibrated
        When there is none; nothing is guessed.
    """
    asked = (task, objective, optimizer)
    for preset in presets():
        if (preset.task, preset.objective, preset.optimizer) == asked:
            return preset
    raise NotCalibrated(
        f"no preset for optimizer {optimizer!r} with objective {objective!r} on the {task} task; "
        "a guessed learning rate would decide the result, so give lr=, steps= and batch_size=, or "
        f"run: unlearnkit calibrate --optimizer {optimizer} --objective {objective}"
    )
