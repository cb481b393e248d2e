"""What a look at losses gives: the loss, slopes along directions, and the gradient that they make."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from unlearnkit.optim.closures import calls_backward, loss_of
from unlearnkit.optim.zeroth_order.directions import Directions
from unlearnkit.optim.zeroth_order.replay import Replay
from unlearnkit.optim.zeroth_order.resolution import root_mean_square, units_in_the_last_place
from unlearnkit.optim.zeroth_order.restore import Copied, Layerwise, restoring
from unlearnkit.randomness import global_stream


@dataclass
class Estimate:
    """A gradient that is not held: its tensors are made of directions that are drawn again.

    Attributes
    ----------
    loss : float
    slopes : list of float
        Of each query, divided by their number.
    directions : list of Replay
        Of each query, as long as `sums` is None.
    differences : list of float
        Of the two losses of each query, in units in the last place of the loss.
    rounded_away : float
        Of weights in half precision, the share that rounding kept where they were while the loss was looked
        at beside them; 0.0 for others.
    sums : list of Tensor, optional
        The gradient itself, where it was asked to be held.
    """

    loss: float = math.nan
    slopes: list[float] = field(default_factory=list)
    directions: list[Replay] = field(default_factory=list)
    differences: list[float] = field(default_factory=list)
    rounded_away: float = 0.0
    sums: list[torch.Tensor] | None = None

    @property
    def resolution(self) -> float:
        """The root mean square of `differences`."""
        return root_mean_square(self.differences)

    def of(self, index: int) -> torch.Tensor:
        """The gradient of the weight of this index: the sum of slopes times directions, in its shape."""
        if self.sums is not None:
            return self.sums[index]
        first, *rest = zip(self.slopes, self.directions, strict=True)
        total = first[1].of(index).mul_(first[0])
        for slope, u in rest:
            total.add_(u.of(index), alpha=slope)
        return total


class Looks:
    """The losses of a closure at places beside its weights, and the estimate that grows from them.

    Use it in a `with`: at its end the weights are what they were.
    """

    def __init__(
        self,
        closure: Callable[[], Any] | None,
        weights: Sequence[torch.Tensor],
        *,
        directions: Directions,
        queries: int,
        step: int,
        name: str,
        restore: str = "copy",
        keep: bool = False,
    ) -> None:
        self._closure, self._weights, self._name = closure, weights, name
        self._grads = [weight.grad for weight in weights]
        self._directions, self._step, self._keep = directions, step, keep
        self._places: Copied | Layerwise = restoring(restore, weights, name)
        self.queries, self.estimate, self.dtype = queries, Estimate(), torch.float32

    def __enter__(self) -> Looks:
        return self

    def __exit__(self, *error: object) -> None:
        self._places.__exit__(*error)
        self.estimate.rounded_away = self._places.rounded_away.share

    def direction(self, query: int) -> Replay:
        """The direction of a query of this step."""
        stream, any_order = ("direction", self._step, query), self._places.in_any_order
        return Replay(self._directions, self._weights, *stream, keep=self._keep, in_any_order=any_order)

    def at(self, u: Replay, side: float, *stream: str | int) -> float:
        """The loss at weights + side * u; dropout drops the units of the stream, whatever the side."""
        with global_stream(self._directions.seed, "dropout", self._step, *stream), self._places.at(u, side):
            return self._loss()

    def here(self, *stream: str | int) -> float:
        """The loss at the weights themselves; to be asked for before any other."""
        with global_stream(self._directions.seed, "dropout", self._step, *stream):
            return self._loss()

    def add(self, u: Replay, ends: tuple[float, float], distance: float) -> None:
        """Take in a query: its direction, the losses of its two ends, and how far apart these are."""
        slope = (ends[0] - ends[1]) / (distance * self.queries) * u.gain
        slope = slope if math.isfinite(slope) else math.nan
        found = self.estimate
        found.differences.append(units_in_the_last_place(*ends, self.dtype))
        found.slopes.append(slope)
        if not self._keep:
            found.directions.append(u)
        elif found.sums is None:  # the first direction becomes the sum
            found.sums = [u.of(index).mul_(slope) for index in range(len(self._weights))]
        else:
            for index, total in enumerate(found.sums):
                total.add_(u.of(index), alpha=slope)
        u.let_go()

    def _loss(self) -> float:
        loss = loss_of(self._closure, self._name)
        self._refuse_gradients()
        self.dtype = loss.dtype
        return float(loss)

    def _refuse_gradients(self) -> None:
        """Raise when the closure left a gradient where there was none, and take it away again."""
        pairs = list(zip(self._weights, self._grads, strict=True))
        if all(weight.grad is grad for weight, grad in pairs):
            return
        for weight, grad in pairs:
            weight.grad = grad
        raise calls_backward(self._name)
