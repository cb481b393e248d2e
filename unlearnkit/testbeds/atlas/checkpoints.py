"""The names of the lab's checkpoints, and how one is made and saved."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from unlearnkit.errors import BadInput
from unlearnkit.randomness import one_thread
from unlearnkit.resources import data_path
from unlearnkit.testbeds.atlas.tasks import FOLDS, SEALED_FOLD, check_task, training_rows
from unlearnkit.testbeds.atlas.tokenizer import train_tokenizer
from unlearnkit.testbeds.atlas.training import RECIPE, Recipe, train_model

TARGET = "target"


@dataclass(frozen=True)
class Checkpoint:
    """One model of the lab: the target (no task), or the control of a task and fold."""

    task: str | None = None
    fold: int | None = None

    @property
    def name(self) -> str:
        """Its folder below data/lab."""
        return TARGET if self.task is None else f"never-learned-{self.task}-{self.fold}"


SEALED = Checkpoint("entities", SEALED_FOLD)


def control_folder(task: str, fold: int) -> Path:
    """Where a control lies.

    Raises
    ------
    BadInput
        For the sealed fold, where its control was not built.
    """
    check_task(task, fold)
    checkpoint = Checkpoint(task, fold)
    if checkpoint == SEALED and not (data_path("lab") / SEALED.name).exists():
        raise BadInput(
            f"fold: entity fold {fold} is sealed until a release, so that nobody tunes to it, and "
            "its control does not ship; choose 1 to 5"
        )
    return data_path("lab", checkpoint.name)


def shipped_checkpoints() -> list[Checkpoint]:
    """The target and every control that is not sealed."""
    controls = [Checkpoint(task, fold) for task, folds in FOLDS.items() for fold in folds]
    return [Checkpoint(), *(control for control in controls if control != SEALED)]


def make_checkpoint(
    checkpoint: Checkpoint,
    folder: Path,
    *,
    recipe: Recipe = RECIPE,
    on_step: Callable[[int, float], None] = lambda step, loss: None,
) -> Path:
    """Train one checkpoint on one thread and save it below `folder`, with the shared tokenizer.

    The tokenizer is trained on what the target reads, for every model, so that controls and
    target spell alike.
    """
    tokenizer = train_tokenizer(row.prompt + row.target for row in training_rows())
    rows = training_rows(checkpoint.task, checkpoint.fold)
    with one_thread():
        model = train_model(rows, tokenizer, recipe, on_step=on_step)
    place = folder / checkpoint.name
    model.save_pretrained(place)
    tokenizer.save_pretrained(place)
    return place
