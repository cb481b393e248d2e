"""Every optimizer by name: its grade, what a step costs, and how to make one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from functools import partial
from inspect import signature
from typing import TYPE_CHECKING, Any

import torch

from unlearnkit.errors import BadInput, unknown_name
from unlearnkit.optim.adazo import AdaZO
from unlearnkit.optim.first_order import SGD, Adam, AdamW
from unlearnkit.optim.hybrid import Hybrid
from unlearnkit.optim.noise_matched import NoiseMatched, RandomWalk
from unlearnkit.optim.signsgd import SignSGD
from unlearnkit.optim.signum import Signum

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Entry:
    """One optimizer of the catalogue.

    `bits` are those of each coordinate of the step's direction (32: not compressed).
    `forward_equivalents` counts a forward pass as 1 and a backward pass as 2, a step.
    `state_bytes` are a parameter's, beside its weight and gradient. Both are those of the default
    options. The grade "control" is that of optimizers that exist to be compared with.
    """

    name: str
    grade: str
    bits: int
    needs_closure: str | bool
    forward_equivalents: float
    state_bytes: int
    source: str
    make: Callable[..., torch.optim.Optimizer]

    def takes(self, option: str) -> bool:
        """Whether it has an option of this name: "seed" if it draws random numbers of its own."""
        return option in signature(self.make).parameters


PAPER = "Lang et al. 2026 (2510.00761)"
ENTRIES = (
    Entry("sgd", "first order", 32, False, 3, 0, "Robbins and Monro 1951; torch.optim.SGD", SGD),
    Entry("adam", "first order", 32, False, 3, 8, "Kingma and Ba 2015 (1412.6980); torch.optim.Adam", Adam),
    Entry("adamw", "first order", 32, False, 3, 8,
          "Loshchilov and Hutter 2019 (1711.05101); torch.optim.AdamW", AdamW),
    Entry("signsgd", "first order, sign", 1, False, 3, 0, "Bernstein et al. 2018 (1802.04434), Alg. 1",
          SignSGD),
    Entry("signum", "first order, sign", 1, False, 3, 4, "Bernstein et al. 2018 (1802.04434), Alg. 2",
          Signum),
    Entry("signadam", "first order, sign", 1, False, 3, 4,
          f"{PAPER}: sign of Adam's direction, which is Signum", Signum),
    Entry("adazo", "zeroth order", 32, "loss", 8, 8, f"Shu et al. 2025 (2502.01014), as {PAPER} uses it",
          AdaZO),
    Entry("hybrid", "first and zeroth order", 32, "loss", 5.5, 16, PAPER, Hybrid),
    Entry("noise_matched", "control", 32, False, 3, 8, "the gradient with AdaZO's noise", NoiseMatched),
    Entry("random_walk", "control", 32, False, 3, 8, "AdaZO's steps without the loss", RandomWalk),
    Entry("hybrid_noise", "control", 32, "loss", 3, 16, "matched noise for the zeroth-order blocks",
          partial(Hybrid, second="matched noise")),
    Entry("hybrid_random", "control", 32, "loss", 3, 16, "a random walk for the zeroth-order blocks",
          partial(Hybrid, second="random walk")),
    Entry("hybrid_rest", "control", 32, "loss", 2, 8, "nothing for the zeroth-order blocks",
          partial(Hybrid, second="nothing")),
    Entry("hybrid_first", "control", 32, "loss", 5.5, 16, "the hybrid, ending on first order",
          partial(Hybrid, ends_on="first")),
)  # fmt: skip
BY_NAME = {entry.name: entry for entry in ENTRIES}


def find(name: str) -> Entry:
    """The entry of a name; raises UnknownName with the nearest names."""
    if name not in BY_NAME:
        raise unknown_name("optimizer", name, BY_NAME)
    return BY_NAME[name]


def create(name: str, params: Iterable[Any], **options: Any) -> torch.optim.Optimizer:
    """Make an optimizer by name.

    Parameters
    ----------
    name : str
        One of `catalogue().name`.
    params : iterable of Tensor or of dict
    **options
        The optimizer's own: `lr` and the rest.

    Raises
    ------
    UnknownName
        For a name that is not in the catalogue.
    BadInput
        For an option that the optimizer does not have or does not accept.

    Examples
    --------
    >>> import torch
    >>> create("signadam", [torch.nn.Parameter(torch.zeros(3))], lr=1e-4).defaults["momentum"]
    0.9
    """
    entry = find(name)
    try:
        return entry.make(params, **options)
    except (TypeError, ValueError) as error:
        raise BadInput(f"optimizer {name!r} refuses these options {options!r}: {error}") from error


def catalogue() -> pd.DataFrame:
    """All optimizers as a table: name, grade, bits, needs_closure, cost and state, source."""
    import pandas as pd

    frame = pd.DataFrame([asdict(entry) for entry in ENTRIES])
    return frame.drop(columns="make")
