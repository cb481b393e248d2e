"""Every objective by name."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from unlearnkit.errors import unknown_name
from unlearnkit.objectives.ceu import CEU
from unlearnkit.objectives.grad_ascent import GradAscent
from unlearnkit.objectives.graddiff import GradDiff
from unlearnkit.objectives.idk_dpo import IdkDPO
from unlearnkit.objectives.npo import NPO
from unlearnkit.objectives.objective import Objective
from unlearnkit.objectives.rmu import RMU
from unlearnkit.objectives.satimp import SatImp
from unlearnkit.objectives.simnpo import SimNPO
from unlearnkit.objectives.task_vector import TaskVector
from unlearnkit.objectives.undial import UNDIAL
from unlearnkit.objectives.wga import WGA

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Entry:
    """One objective of the catalogue."""

    name: str
    forget_term: str
    source: str
    make: Any

    @property
    def options(self) -> list[str]:
        """The names of its options."""
        return [field.name for field in fields(self.make)]

    @property
    def papers(self) -> str:
        """The arXiv numbers that its source names."""
        return ", ".join(re.findall(r"\d{4}\.\d{5}", self.source))


ENTRIES = (
    Entry(
        "grad_ascent",
        "ascent on the token-mean likelihood, nothing kept",
        "Jang et al. 2022, 2210.01504",
        GradAscent,
    ),
    Entry("graddiff", "ascent on the token-mean likelihood", "Liu et al. 2022; TOFU, 2401.06121", GradDiff),
    Entry("wga", "ascent weighed by each token's probability", "Wang et al. 2025, 2502.19301", WGA),
    Entry("satimp", "ascent weighed by saturation and importance", "Yang et al. 2025, 2505.11953", SatImp),
    Entry("npo", "negative preference, summed likelihood", "Zhang et al. 2024, 2404.05868", NPO),
    Entry("simnpo", "negative preference, mean likelihood", "Fan et al. 2024, 2410.07163", SimNPO),
    Entry(
        "idk_dpo",
        "refusals preferred to answers",
        "TOFU, 2401.06121; Rafailov et al. 2023, 2305.18290",
        IdkDPO,
    ),
    Entry(
        "undial", "distillation with the true token's logit lowered", "Dong et al. 2024, 2402.10052", UNDIAL
    ),
    Entry("ceu", "own prediction without the true token", "Yang 2025, 2503.01224", CEU),
    Entry("rmu", "activations steered along a random direction", "Li et al. 2024, 2403.03218", RMU),
    Entry(
        "task_vector", "descent, then the way back and beyond", "Ilharco et al. 2022, 2212.04089", TaskVector
    ),
)
BY_NAME = {entry.name: entry for entry in ENTRIES}


def create(name: str, **options: Any) -> Objective:
    """Make an objective by name.

    Raises
    ------
    UnknownName
        For a name that is not in the catalogue, or an option that the objective does not have.
    BadInput
        For an option's value that makes no sense.

    Examples
    --------
    >>> create("npo", beta=0.2)
    NPO(retain_weight=1.0, retain='nll', beta=0.2, variant='paper')
    """
    if name not in BY_NAME:
        raise unknown_name("objective", name, BY_NAME)
    entry = BY_NAME[name]
    for option in options:
        if option not in entry.options:
            raise unknown_name(f"option of objective {name}", option, entry.options)
    made: Objective = entry.make(**options)
    return made


def catalogue() -> pd.DataFrame:
    """All objectives as a table.

    `needs_reference` and `keeps`: whether anything is asked of the model before unlearning, and whether there
    is a retain term, as the objective stands by default; with retain="kl" any asks. `papers`: arXiv numbers.

    Examples
    --------
    >>> catalogue().set_index("name").papers["npo"]
    '2404.05868'
    """
    import pandas as pd

    return pd.DataFrame([_described(entry) for entry in ENTRIES])


def _described(entry: Entry) -> dict[str, Any]:
    made = create(entry.name)
    return {
        "name": entry.name,
        "forget_term": entry.forget_term,
        "source": entry.source,
        "papers": entry.papers,
        "needs_reference": made.needs_reference,
        "needs_refusals": made.needs_refusals,
        "keeps": made.keeps,
        "options": ", ".join(entry.options),
    }
