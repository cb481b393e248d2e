"""The radii that papers smooth with, all as changes of a weight, so that they can be compared."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class PaperRadius:
    """A radius that was published, or the nearest to it that can be said.

    Attributes
    ----------
    name : str
    law : str
        Of its directions.
    as_given : float
        In the paper's own units.
    on_the_unit_sphere : bool
        Whether as_given is the L2 length of the whole displacement; else it is a change of each weight.
    source : str
        Where it stands, and how far to trust that.
    """

    name: str
    law: str
    as_given: float
    on_the_unit_sphere: bool
    source: str

    def per_weight(self, parameters: int) -> float:
        """The change of a weight in root mean square, in a model of so many.

        Examples
        --------
        >>> [f"{radius.per_weight(1_000_000):g}" for radius in PAPERS]
        ['0.001', '0.0001', '1e-06']
        """
        return self.as_given / math.sqrt(parameters) if self.on_the_unit_sphere else self.as_given


PAPERS = (
    PaperRadius(
        "MeZO", "gaussian", 1e-3, False,
        "arXiv 2305.17333, zeroth order; the default of its code, and of zeroth order here",
    ),
    PaperRadius(
        "first-order randomized smoothing", "gaussian", 1e-4, False,
        "arXiv 2502.05374, the run script of its code (OPTML-Group/Unlearn-Smooth)",
    ),
    PaperRadius(
        "the unit sphere of 2510.00761", "sphere", 1e-3, True,
        "its radius was not found in what could be read; its directions as printed, with MeZO's 1e-3",
    ),
)  # fmt: skip
