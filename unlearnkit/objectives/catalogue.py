"""Every objective by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from unlearnkit.errors import BadInput, unknown_name
from unlearnkit.objectives.ceu import CEU
from unlearnkit.objectives.graddiff import GradDiff
from unlearnkit.objectives.npo import NPO
from unlearnkit.objectives.objective import Objective
from unlearnkit.objectives.rmu import RMU
from unlearnkit.objectives.satimp import SatImp
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


ENTRIES = (
    Entry("graddiff", "ascent on the token-mean likelihood", "Liu et al. 2022; TOFU, 2401.06121", GradDiff),
    Entry("npo", "negative preference, summed likelihood", "Zhang et al. 2024, 2404.05868", NPO),
    Entry("rmu", "activations steered along a random direction", "Li et al. 2024, 2403.03218", RMU),
    Entry(
        "undial", "distillation with the true token's logit lowered", "Dong et al. 2024, 2402.10052", UNDIAL
    ),
    Entry("wga", "ascent weighed by each token's probability", "Wang et al. 2025, 2502.19301", WGA),
    Entry("satimp", "ascent weighed by saturation and importance", "Yang et al. 2025, 2505.11953", SatImp),
    Entry("ceu", "own prediction without the true token", "Yang 2025, 2503.01224", CEU),
)
BY_NAME = {entry.name: entry for entry in ENTRIES}


def create(name: str, **options: Any) -> Objective:
    """Make an objective by name.

    Raises
    ------
    UnknownName
        For a name that is not in the catalogue.
    BadInput
        For an option that the objective does not have or does not accept.

    Examples
    --------
    >>> create("npo", beta=0.2)
    NPO(retain_weight=1.0, retain='nll', beta=0.2)
    """
    if name not in BY_NAME:
        raise unknown_name("objective", name, BY_NAME)
    try:
        made: Objective = BY_NAME[name].make(**options)
    except TypeError as error:
        raise BadInput(f"objective {name!r} refuses these options {options!r}: {error}") from error
    return made


def catalogue() -> pd.DataFrame:
    """All objectives as a table: name, forget term, source."""
    import pandas as pd

    rows = [{"name": e.name, "forget_term": e.forget_term, "source": e.source} for e in ENTRIES]
    return pd.DataFrame(rows)
