"""Learning rates, steps, batch sizes and options that are used when none are given."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from unlearnkit.errors import BadInput, NotCalibrated
from unlearnkit.resources import data_path

LOCAL = Path("calibration") / "presets.json"  # below the working folder: what `unlearnkit calibrate` wrote


@dataclass(frozen=True)
class Preset:
    """How far and how fast an optimizer goes on a task.

    `objective_options` are the same for every optimizer. `outcome` is calibration's: "reached", "not reached"
    (the best point within the budget is kept) or "destroyed" (nothing forgets and keeps; for the record).
    `quick`: chosen among three learning rates, looked at coarsely; a place to begin.
    """

    task: str
    objective: str
    optimizer: str
    lr: float
    steps: int
    batch_size: int
    objective_options: dict[str, Any]
    optimizer_options: dict[str, Any] = field(default_factory=dict)
    outcome: str = "reached"
    quick: bool = False


@cache
def presets() -> tuple[Preset, ...]:
    """All presets that ship in data/presets.json."""
    return _read(data_path("presets.json"))


def local_presets() -> tuple[Preset, ...]:
    """Presets that `unlearnkit calibrate` wrote into ./calibration, if it did.

    Raises
    ------
    BadInput
        When the file is there but is not one.
    """
    if not LOCAL.is_file():
        return ()
    try:
        return _read(LOCAL)
    except (ValueError, KeyError, TypeError) as error:
        raise BadInput(
            f"presets: {LOCAL} cannot be read ({error}); remove it, or run unlearnkit calibrate again"
        ) from error


def _read(path: Path) -> tuple[Preset, ...]:
    content = json.loads(path.read_text(encoding="utf-8"))
    return tuple(Preset(**row) for row in content["presets"])


def find_preset(task: str, objective: str, optimizer: str) -> Preset:
    """The preset of a task, objective and optimizer: ./calibration's before the one that ships.

    Raises
    ------
    NotCalibrated
        When there is none; nothing is guessed.
    """
    asked = (task, objective, optimizer)
    for preset in (*local_presets(), *presets()):
        if (preset.task, preset.objective, preset.optimizer) == asked:
            return preset
    raise NotCalibrated(
        f"no preset for optimizer {optimizer!r} with objective {objective!r} on the {task} task; "
        "a guessed learning rate would decide the result, so give lr=, steps= and batch_size=, or "
        f"run: unlearnkit calibrate --optimizer {optimizer} --objective {objective}"
    )
