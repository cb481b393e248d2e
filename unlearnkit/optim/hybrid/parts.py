"""The two optimizers that a hybrid is made of, from their names or classes and their options."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from inspect import signature
from typing import Any

import torch

from unlearnkit.errors import BadInput, unknown_name

NOTHING = "nothing"
OLDER_NAMES = {"zeroth order": "adazo", "matched noise": "noise_matched", "random walk": "random_walk"}

Make = Callable[..., torch.optim.Optimizer]


@dataclass(frozen=True)
class Part:
    """What makes one of a hybrid's two optimizers, again and again if need be.

    Attributes
    ----------
    role : {"first", "second"}
    name : str
        The catalogue's name, or the class's own.
    make : callable
        (groups, lr=…, **options) to an optimizer.
    options : mapping
        The part's own options; they go before those that it shares with the other part.
    """

    role: str
    name: str
    make: Make
    options: Mapping[str, Any] = field(default_factory=dict)

    def takes(self, option: str) -> bool:
        """Whether it has an option of this name."""
        return option in signature(self.make).parameters

    def optimizer(
        self, groups: list[dict[str, Any]], lr: float, shared: Mapping[str, Any]
    ) -> torch.optim.Optimizer:
        """Make the optimizer; raises BadInput, naming the part, for options that it does not accept."""
        options = {name: value for name, value in shared.items() if self.shares(name)} | dict(self.options)
        try:
            made = self.make(groups, lr=lr, **options)
        except (TypeError, ValueError) as error:
            raise BadInput(f"{self.role}: {self.name} refuses the options {options!r}: {error}") from error
        if not isinstance(made, torch.optim.Optimizer):
            raise BadInput(
                f"{self.role}: {self.name} made a {type(made).__name__}, not a torch.optim.Optimizer; give a "
                "name of the catalogue, or an optimizer class"
            )
        return made

    def shares(self, option: str) -> bool:
        """Whether it is handed this option of the hybrid; `radius` without `queries` means another thing."""
        return self.takes(option) and (option != "radius" or self.takes("queries"))


def find_part(role: str, kind: Any, options: Mapping[str, Any] | None) -> Part | None:
    """The part of a name, a class or a callable; None for "nothing", which only the second may be.

    Raises
    ------
    UnknownName
        For a name that the catalogue does not have.
    BadInput
        For a learning rate among the options.
    """
    given = dict(options or {})
    if "lr" in given:
        rate = "lr" if role == "first" else "second_lr"
        raise BadInput(f"{role}_options: the learning rate has an argument of its own; give it as {rate}=…")
    if kind == NOTHING and role == "second":
        if given:
            raise BadInput(f"second_options: a second kind of {NOTHING!r} has no options, not {given!r}")
        return None
    if callable(kind):
        return Part(role, getattr(kind, "__name__", str(kind)), kind, given)
    name = OLDER_NAMES.get(kind, kind) if isinstance(kind, str) else kind
    return Part(role, name, _catalogue_make(role, name), given)


def price(optimizer: torch.optim.Optimizer | None, part: Part | None) -> float:
    """Forward equivalents of a step: what the optimizer says of itself, or the catalogue of it.

    A block of nothing still looks at the loss. A class of its own that does not say counts as first order: 3.
    """
    if optimizer is None or part is None:
        return 1.0
    from unlearnkit.optim.catalogue import ENTRIES

    stated = next((entry.forward_equivalents for entry in ENTRIES if entry.make is part.make), 3.0)
    return float(getattr(optimizer, "forward_equivalents", stated))


def require_taken(given: Mapping[str, Any], parts: Sequence[Part | None]) -> None:
    """Raise BadInput for an option that neither part takes; a control shares its model's options."""
    if parts[1] is None or _is_control(parts[1]):
        return
    present = [part for part in parts if part is not None]
    for option, value in given.items():
        if not any(part.shares(option) for part in present):
            names = " nor ".join(part.name for part in present)
            raise BadInput(
                f"{option}={value!r}: neither {names} looks at the loss in other places; leave it out, or "
                "give a part's own options as first_options or second_options"
            )


def _is_control(part: Part) -> bool:
    from unlearnkit.optim.catalogue import ENTRIES

    return any(entry.make is part.make and entry.grade == "control" for entry in ENTRIES)


def _catalogue_make(role: str, name: Any) -> Make:
    # The catalogue imports the hybrid.
    from unlearnkit.optim.catalogue import BY_NAME

    if name in BY_NAME:
        return BY_NAME[name].make
    raise unknown_name(role, name, [*BY_NAME, *([NOTHING] if role == "second" else [])])
