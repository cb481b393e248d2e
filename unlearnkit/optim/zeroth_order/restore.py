"""Two ways of looking at the loss beside the weights and leaving these as they were, to the bit.

Adding and subtracting in place would leave half of all float32 weights changed in the last bit.
Both ways compute the same places: weight + side * u, rounded once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import torch

from unlearnkit.errors import WrongClosure
from unlearnkit.optim.substitution import Substituted
from unlearnkit.optim.zeroth_order.directions import HALF
from unlearnkit.optim.zeroth_order.replay import Replay
from unlearnkit.optim.zeroth_order.resolution import RoundedAway

RESTORES = ("copy", "layerwise")


class Copied:
    """Weights are moved, and written back from one kept copy at the end: also of an interrupted one."""

    in_any_order = False

    def __init__(self, weights: Sequence[torch.Tensor], name: str) -> None:
        self.weights, self.rounded_away = weights, RoundedAway()
        self._kept: list[torch.Tensor] | None = None

    def __enter__(self) -> Copied:
        return self

    def __exit__(self, *_: object) -> None:
        if self._kept is not None:
            for weight, copy in zip(self.weights, self._kept, strict=True):
                weight.copy_(copy)
            torch.clear_autocast_cache()

    @contextmanager
    def at(self, u: Replay, side: float) -> Iterator[None]:
        """Run a block at weights + side * u; the next one starts from the weights again."""
        if self._kept is None:
            self._kept = [weight.detach().clone() for weight in self.weights]
        for index, (weight, copy) in enumerate(zip(self.weights, self._kept, strict=True)):
            if weight.dtype in HALF:
                weight.copy_(beside(copy, u.of(index), side, self.rounded_away))
            else:
                torch.add(copy, u.of(index), alpha=side, out=weight)
        torch.clear_autocast_cache()  # it may hold weights of the place before, in half precision
        yield


class Layerwise:
    """Each tensor is moved just before it is used, and let go after: nothing has to be written back.

    Beside the weights there is one tensor at a time; a tensor that is used twice is moved twice.
    """

    in_any_order = True

    def __init__(self, weights: Sequence[torch.Tensor], name: str) -> None:
        self.weights, self.name, self.rounded_away = weights, name, RoundedAway()

    def __enter__(self) -> Layerwise:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing was moved."""

    @contextmanager
    def at(self, u: Replay, side: float) -> Iterator[None]:
        """Run a block in which the model reads weights + side * u.

        Raises
        ------
        WrongClosure
            When none of the weights was asked for, as by a model that was compiled beforehand.
        """
        places = enumerate(self.weights)
        with Substituted({w: partial(self._beside, index, u, side) for index, w in places}) as mode:
            yield
        if not mode.met:
            raise WrongClosure(
                f"{self.name}: the closure asked for none of the weights through torch's functions, so "
                'restore="layerwise" moved none; is the model compiled? restore="copy" works with any'
            )

    def _beside(self, index: int, u: Replay, side: float) -> torch.Tensor:
        weight, direction = self.weights[index], u.of(index)
        if weight.dtype in HALF:
            return beside(weight, direction, side, self.rounded_away)
        if u.keeps or torch.is_grad_enabled():
            return torch.add(weight, direction, alpha=side)
        return torch.add(weight, direction, alpha=side, out=direction)


def beside(weight: torch.Tensor, u: torch.Tensor, side: float, lost: RoundedAway) -> torch.Tensor:
    """One place, weight + side * u, in half precision: computed in float32, rounded once and counted."""
    place = torch.add(weight.float(), u, alpha=side).to(weight.dtype)
    lost.add(weight.detach(), place.detach(), u != 0)
    return place


def restoring(how: str, weights: Sequence[torch.Tensor], name: str) -> Copied | Layerwise:
    """The way of this name."""
    return Copied(weights, name) if how == "copy" else Layerwise(weights, name)
