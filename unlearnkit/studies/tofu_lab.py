"""TOFU's rows on the lab's architecture: which rows, and the models that know them or never did."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

import torch

from unlearnkit.errors import BadInput, MissingReference
from unlearnkit.files import make_folder
from unlearnkit.randomness import one_thread
from unlearnkit.testbeds.atlas.tokenizer import train_tokenizer
from unlearnkit.testbeds.atlas.training import Recipe, train_model
from unlearnkit.testbeds.benchmarks.tofu import read_tofu
from unlearnkit.testbeds.export.facts import spread
from unlearnkit.testbeds.models import load_model, load_tokenizer
from unlearnkit.testbeds.rows import Question, Split
from unlearnkit.testbeds.testbed import Testbed

TASK = "forget01"
BESIDE = ("real_authors", "world_facts")
RECIPE = Recipe(steps=1000)  # the lab's, but shorter: all answers are known by heart then
TARGET, CONTROL = "target", "never_learned"


@dataclass(frozen=True)
class Sizes:
    """How many rows take part, and how models learn them.

    Attributes
    ----------
    kept : int
        The first rows of the retain set that have wrong answers: TOFU's truth ratio needs them.
    beside : int
        Evenly spaced real authors, and as many world facts. A model that was pre-trained knows them; here
        target and controls learn them along with the rest, and no unlearner sees them.
    scored : int
        Evenly spaced kept rows that model utility is taken on.
    recipe : Recipe
    """

    kept: int = 160
    beside: int = 40
    scored: int = 60
    recipe: Recipe = RECIPE


@dataclass(frozen=True)
class TofuRows:
    """The rows that take part."""

    forget: tuple[Question, ...]
    kept: tuple[Question, ...]
    real_authors: tuple[Question, ...]
    world_facts: tuple[Question, ...]

    def learned(self, *, with_forget: bool) -> tuple[Question, ...]:
        """What the target is trained on, or the control."""
        always = (*self.kept, *self.real_authors, *self.world_facts)
        return (*self.forget, *always) if with_forget else always

    def fingerprint(self) -> str:
        """Sixteen hexadecimal digits of all that stands in them."""
        text = json.dumps([repr(row) for row in self.learned(with_forget=True)])
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@cache
def read_rows(data: Path, sizes: Sizes) -> TofuRows:
    """Read a folder of TOFU's files.

    Raises
    ------
    BadInput, MissingReference
        When it is none, or has too few rows that the study can use.
    """
    found = read_tofu(data, TASK)
    forget = [located.row for located in found.forget]
    kept = [located.row for located in found.retain if _has_wrong_answers(located.row)]
    _require_rows(data, "forget01_perturbed", [row for row in forget if _has_wrong_answers(row)], len(forget))
    _require_rows(data, "retain_perturbed", kept, sizes.kept)
    beside = {name: [located.row for located in found.extra.get(name, ())] for name in BESIDE}
    for name, rows in beside.items():
        _require_rows(data, name, rows, sizes.beside)
    return TofuRows(
        forget=_questions(forget),
        kept=_questions(kept[: sizes.kept]),
        **{name: _questions(spread(rows, sizes.beside)) for name, rows in beside.items()},
    )


def _has_wrong_answers(row: Any) -> bool:
    return isinstance(row, Question) and bool(row.wrong_answers)


def _questions(rows: Sequence[Any]) -> tuple[Question, ...]:
    return tuple(row for row in rows if isinstance(row, Question))


def _require_rows(data: Path, part: str, rows: Sequence[Any], wanted: int) -> None:
    if len(rows) < wanted:
        raise BadInput(f"data: {data} has {len(rows)} usable rows of {part}, and the study needs {wanted}")


@dataclass(frozen=True)
class Models:
    """The models of some rows, each kept in a folder of its own once it is trained.

    `place` holds a folder a model, named by a hash of what decides it.
    """

    data: Path
    place: Path
    sizes: Sizes

    @property
    def rows(self) -> TofuRows:
        """The rows."""
        return read_rows(self.data, self.sizes)

    def folder(self, name: str, seed: int) -> Path:
        """Where a model lies, or will: the target, or never_learned, of a seed."""
        decided = [name, seed, repr(self.sizes), self.rows.fingerprint(), torch.__version__]
        digest = hashlib.sha256(json.dumps(decided).encode()).hexdigest()[:12]
        return self.place / f"{name}-{seed}-{digest}"

    def train(self, name: str, seed: int) -> Path:
        """Train a model, unless it was: on one thread, so that it is the same to the bit."""
        place = self.folder(name, seed)
        if place.exists():
            return place
        rows = self.rows
        tokenizer = train_tokenizer(row.prompt + row.target for row in rows.learned(with_forget=True))
        recipe = Recipe(**(vars(self.sizes.recipe) | {"seed": seed}))
        with one_thread():
            model = train_model(rows.learned(with_forget=name == TARGET), tokenizer, recipe)
        make_folder(self.place)
        draft = place.with_name(f".{place.name}.{uuid4().hex}.unfinished")
        try:
            model.save_pretrained(draft)
            tokenizer.save_pretrained(draft)
            draft.rename(place)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        return place

    def load(self, name: str, seed: int) -> Any:
        """A model that was trained."""
        place = self.folder(name, seed)
        if not place.exists():
            raise MissingReference(f"{place} is not there: train the study's models first")
        return load_model(place, device=torch.device("cpu"))

    def testbed(self, seed: int) -> Testbed:
        """Target and control of one seed, with TOFU's rows beside them.

        An unlearner sees all kept rows; model utility is taken on some of them.
        """
        rows = self.rows
        half = len(rows.forget) // 2
        shown, heldout = rows.forget[:half], rows.forget[half:]
        scored = tuple(spread(rows.kept, self.sizes.scored))
        return Testbed(
            name="tofu", task=TASK, fold=1, model=self.load(TARGET, seed),
            tokenizer=load_tokenizer(self.folder(TARGET, seed)), forget=Split("forget", rows.forget),
            forget_shown=Split("forget_shown", shown), forget_heldout=Split("forget_heldout", heldout),
            retain=Split("retain", scored), retain_shown=Split("retain_shown", rows.kept),
            holdout=Split("holdout", ()), verbatim_forget=(), verbatim_retain=(), device=torch.device("cpu"),
            load_control=lambda: self.load(CONTROL, seed),
            extra={name: Split(name, getattr(rows, name)) for name in BESIDE},
        )  # fmt: skip
