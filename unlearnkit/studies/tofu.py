"""TOFU's own rows, end to end: memorise, unlearn by every objective, and ask TOFU's questions.

Put down before any objective was run, but for a first try of NPO at 10 and 40 steps:

1. Rows: forget01 (40, two authors) and the first 160 kept rows that have wrong answers. Target and controls
   also learn 40 real authors and 40 world facts, in the place of pre-training, which no unlearner sees. The
   control learns all but forget01, by the same recipe and seed.
2. Every objective of the catalogue, by Adam at the learning rate that calibration starts from, with 8 rows to
   forget and 8 to keep a batch and the options that calibration gives it, otherwise its own; seed 0; seen
   after 10, 40 and 160 steps of one run.
3. At each look: forget quality (Kolmogorov-Smirnov p and D of the truth ratios on forget01 against the
   control's) and model utility. What is read is the look of highest p among those whose utility (TOFU's
   variant) is at least 0.8 of the target's; where p is equal, the earlier. TOFU calls it forgotten where p is
   above 0.05.
4. Beside them: the target, the control itself, and two controls of other seeds. Their D is what one training
   differs by from another: nothing below it tells an objective from the control.

With 40 rows the test is weak: p stays above 0.05 up to D = 0.3. One seed, one learning rate and one small
model rank no objectives; each could be tuned.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from unlearnkit.errors import BadInput
from unlearnkit.metrics.tofu import evaluate_tofu, truth_ratio
from unlearnkit.metrics.tofu.answers import against_wrong_answers
from unlearnkit.objectives import catalogue
from unlearnkit.randomness import one_thread
from unlearnkit.studies.calibrate import OBJECTIVE_OPTIONS, start_of
from unlearnkit.studies.executor import run_all
from unlearnkit.studies.tofu_lab import CONTROL, TARGET, Models, Sizes
from unlearnkit.testbeds.testbed import Testbed
from unlearnkit.unlearning.checkpoints import Checkpoint, checkpoints
from unlearnkit.unlearning.cost import displacement

QUESTION = "Which objectives make TOFU's rows forgotten, and what does it cost?"
OPTIMIZER = "adam"
KEEPS = 0.8  # of the target's model utility
FORGOTTEN = 0.05  # the p-value above which TOFU calls a model forgotten


@dataclass(frozen=True)
class Settings:
    """What decides the study's results, beside TOFU's rows."""

    sizes: Sizes = field(default_factory=Sizes)
    batch_size: int = 8
    looks: tuple[int, ...] = (10, 40, 160)
    answer_tokens: int = 110  # the longest answer has 105; TOFU's limit is 200
    seed: int = 0
    other_seeds: tuple[int, ...] = (1, 2)


SETTINGS = Settings()


@dataclass(frozen=True)
class TofuCell:
    """One objective's run, or a control: "target", "never_learned", "never_learned, seed 1"."""

    name: str
    models: Models
    settings: Settings
    control: tuple[str, int] | None = None

    @property
    def label(self) -> str:
        """What the progress bar says."""
        return self.name

    @property
    def options(self) -> dict[str, Any]:
        """The objective's options, where they are not its own."""
        return dict(OBJECTIVE_OPTIONS.get(self.name, {})) if self.control is None else {}

    @property
    def lr(self) -> float | None:
        """Where calibration starts for the objective."""
        return start_of(self.name, OPTIMIZER) if self.control is None else None

    def describe(self) -> dict[str, Any]:
        """What decides the result, ready for JSON; where files lie does not."""
        settings = asdict(self.settings)
        settings.pop("other_seeds")  # which other controls there are is not this one's
        return {
            "name": self.name,
            "rows": self.models.rows.fingerprint(),
            "settings": settings,
            "optimizer": OPTIMIZER,
            "lr": self.lr,
            "options": self.options,
        }


def tofu_cells(data: Path | None, folder: Path, settings: Settings = SETTINGS) -> list[TofuCell]:
    """The controls, then every objective of the catalogue.

    Raises
    ------
    BadInput, MissingReference
        When TOFU's rows are not given, or are not there.
    """
    if data is None:
        raise BadInput(
            "data: the study needs TOFU's rows, which are not part of unlearnkit; give their folder "
            "(forget01.json, retain99.json, their perturbed forms, …) as --data DIR"
        )
    models = Models(Path(data), folder / "models", settings.sizes)
    models.rows  # noqa: B018  # read now: what is missing is said before any work
    seed = settings.seed
    controls = {TARGET: (TARGET, seed), CONTROL: (CONTROL, seed)}
    controls |= {f"{CONTROL}, seed {other}": (CONTROL, other) for other in settings.other_seeds}
    names = [str(name) for name in catalogue()["name"]]
    return [
        *(TofuCell(name, models, settings, which) for name, which in controls.items()),
        *(TofuCell(name, models, settings) for name in names),
    ]


def train_models(cells: Sequence[TofuCell], *, workers: int | None = None, progress: bool = True) -> None:
    """Train the models that the cells need and that are not there."""
    wanted = [cell for cell in cells if cell.control is not None and not _folder(cell).exists()]
    if wanted:
        run_all(train, wanted, workers=workers, label=lambda cell: f"training {cell.name}", progress=progress)


def train(cell: TofuCell) -> dict[str, Any]:
    """Train one control's model."""
    return {"model": cell.models.train(*_control(cell)).name}


def work(cell: TofuCell) -> dict[str, Any]:
    """Score a control, or run an objective and score it at each look, on one thread."""
    with one_thread():
        lab = _testbed(cell.models, cell.settings.seed)
        reference = _ratios(cell.models, cell.settings.seed)
        if cell.control is not None:
            scores = _scores(cell, cell.models.load(*cell.control), reference)
            return {"control": {"name": cell.name, "scores": scores}}
        points = [_point(cell, look, reference) for look in _looks(cell, lab)]
    return {"row": {"objective": cell.name, "lr": cell.lr, "options": cell.options, "points": points}}


def _looks(cell: TofuCell, lab: Testbed) -> Iterator[Checkpoint]:
    settings = cell.settings
    return checkpoints(
        lab, cell.name, optimizer=OPTIMIZER, at=settings.looks, lr=cell.lr, seed=settings.seed,
        batch_size=settings.batch_size, objective_options=cell.options,
    )  # fmt: skip


def _point(cell: TofuCell, look: Checkpoint, reference: tuple[float, ...]) -> dict[str, Any]:
    """One look; without scores where the run diverged."""
    found: dict[str, Any] = {"steps": look.step, "forward_equivalents": look.problem.forward_equivalents}
    if look.diverged:
        return found | {"diverged": True}
    distance = displacement(look.model, look.problem.lab.model)["distance_l2"]
    scores = _scores(cell, look.model, reference)
    return found | {"diverged": False, "distance_l2": distance, "scores": scores}


def _scores(cell: TofuCell, model: Any, reference: tuple[float, ...]) -> dict[str, Any]:
    """TOFU's scores, without rows; what is no number is None, as JSON wants it."""
    lab = _testbed(cell.models, cell.settings.seed)
    scores = evaluate_tofu(model, lab, reference=reference, max_new_tokens=cell.settings.answer_tokens)
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in scores.to_dict().items()
    }


@cache
def _testbed(models: Models, seed: int) -> Testbed:
    return models.testbed(seed)


@cache
def _ratios(models: Models, seed: int) -> tuple[float, ...]:
    """The control's truth ratios, which all others are held against."""
    lab = _testbed(models, seed)
    nll = against_wrong_answers(lab.never_learned, lab.tokenizer, lab.forget.questions)
    return tuple(truth_ratio(*nll).tolist())


def _control(cell: TofuCell) -> tuple[str, int]:
    if cell.control is None:
        raise BadInput(f"cell: {cell.name} is an objective, and has no model of its own")
    return cell.control


def _folder(cell: TofuCell) -> Path:
    return cell.models.folder(*_control(cell))


def collect(results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Runs and controls."""
    return {
        "optimizer": OPTIMIZER,
        "settings": asdict(SETTINGS),
        "rows": [result["row"] for result in results if "row" in result],
        "controls": [result["control"] for result in results if "control" in result],
    }
