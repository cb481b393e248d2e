"""One finished unlearning run: the model, what it remembers, and everything that decided it."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from unlearnkit.errors import BadInput, MissingReference
from unlearnkit.metrics.scores import Scores
from unlearnkit.testbeds.models import load_model, load_tokenizer
from unlearnkit.unlearning.cost import Cost

if TYPE_CHECKING:
    import pandas as pd

RUN_FILE = "run.json"


@dataclass(frozen=True)
class RunConfig:
    """Everything that a user can choose about a run."""

    testbed: str
    task: str
    fold: int
    objective: str
    objective_options: dict[str, Any]
    optimizer: str
    grade: str
    optimizer_options: dict[str, Any]
    lr: float
    steps: int
    batch_size: int
    seed: int
    max_grad_norm: float | None
    loss_on: str

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class History:
    """The loss before each step, in the objective's units."""

    loss: tuple[float, ...]

    def to_frame(self) -> pd.DataFrame:
        """One row a step."""
        import pandas as pd

        return pd.DataFrame({"step": range(1, len(self.loss) + 1), "loss": self.loss})


@dataclass(frozen=True, eq=False, repr=False)
class Run:
    """A finished run.

    Attributes
    ----------
    id : str
        A hash of what decides the run: configuration, data, weights and results version.
    model : the unlearned model, in evaluation mode
    tokenizer : its tokenizer
    scores : Scores
    status : str
        "no control", "diverged", "destroyed", "not reached", "over-forgotten" or "forgotten".
    history : History
    cost : Cost
    config : RunConfig
    answers : dict of str to str
        What the model says to each question about what must be forgotten, by `Question.key`.
    """

    id: str
    model: Any
    tokenizer: Any
    scores: Scores
    status: str
    history: History
    cost: Cost
    config: RunConfig
    answers: dict[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Everything but the weights, ready for JSON."""
        return {
            "id": self.id,
            "status": self.status,
            "scores": self.scores.to_dict(),
            "cost": self.cost.to_dict(),
            "config": self.config.to_dict(),
            "history": {"loss": list(self.history.loss)},
            "answers": self.answers,
        }

    def save(self, path: str | Path) -> Path:
        """Save the run as a folder: a Hugging Face model, its tokenizer, and run.json.

        The folder appears only when it is complete.

        Raises
        ------
        BadInput
            When the path exists already; nothing is overwritten.
        """
        place = Path(path)
        if place.exists():
            raise BadInput(f"path: {place} exists already; remove it or name another folder")
        draft = place.with_name(f".{place.name}.unfinished")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
        self.model.save_pretrained(draft)
        self.tokenizer.save_pretrained(draft)
        text = json.dumps(self.to_dict(), indent=1, ensure_ascii=False)
        (draft / RUN_FILE).write_text(text, encoding="utf-8")
        return draft.rename(place)

    @property
    def _headline(self) -> str:
        chosen = self.config
        how = f"{chosen.optimizer} + {chosen.objective}, lr {chosen.lr:g}, {chosen.steps} steps"
        return f"{how}: {self.status}"

    def __repr__(self) -> str:
        return f"<Run {self.id}: {self._headline}>"

    def _repr_html_(self) -> str:
        return f"<b>{self._headline}</b>{self.scores._repr_html_()}"


def load_run(path: str | Path, *, device: str | torch.device = "cpu") -> Run:
    """Load a run that `Run.save` wrote.

    Raises
    ------
    MissingReference
        When the folder holds no run.
    """
    place = Path(path)
    if not (place / RUN_FILE).is_file():
        raise MissingReference(f"path: {place} holds no {RUN_FILE}; give a folder that Run.save wrote")
    content = json.loads((place / RUN_FILE).read_text(encoding="utf-8"))
    return Run(
        id=content["id"],
        model=load_model(place, device=torch.device(device)),
        tokenizer=load_tokenizer(place),
        scores=Scores(**content["scores"]),
        status=content["status"],
        history=History(tuple(content["history"]["loss"])),
        cost=Cost(**content["cost"]),
        config=RunConfig(**content["config"]),
        answers=content.get("answers", {}),
    )
