"""A direction that is never held as a whole: each of its tensors is drawn when it is asked for, and again.

One generator runs through all weights in order. Where a tensor begins in its stream is known only to whoever
ran through those before; the generator's states are written down on the way (5 kB a tensor on the CPU).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from unlearnkit.randomness import generator

if TYPE_CHECKING:
    from unlearnkit.optim.zeroth_order.directions import Directions

CHUNK = 65_536  # entries that are squared in double at a time; their double copy stays in the cache


class Replay:
    """One direction over a list of weights, tensor by tensor.

    Parameters
    ----------
    directions : Directions
    weights : sequence of Tensor
        Only their shapes, dtypes and devices matter.
    *stream : str or int
        What the direction is for: the same stream gives the same direction.
    keep : bool
        Hold the whole direction: more memory, fewer redraws.
    in_any_order : bool
        Write down where each tensor begins, so that any is found at once, whatever the order of asking.

    Examples
    --------
    >>> import torch
    >>> from unlearnkit.optim import Directions
    >>> weights = [torch.zeros(2), torch.zeros(3)]
    >>> u = Replay(Directions(seed=1), weights, "direction", 0)
    >>> last, first, again = u.of(1), u.of(0), u.of(1)
    >>> torch.equal(last, again), f"{first.square().sum() + last.square().sum():.4f}"
    (True, '5.0000')
    """

    def __init__(
        self,
        directions: Directions,
        weights: Sequence[torch.Tensor],
        *stream: str | int,
        keep: bool = False,
        in_any_order: bool = False,
    ) -> None:
        self._directions, self._weights = directions, list(weights)
        self._source = generator(directions.seed, *stream, device=weights[0].device)
        self._starts = {0: self._source.get_state()}  # index of a tensor: the state before it is drawn
        self._at, self._in_any_order = 0, in_any_order
        self._scale: float | None = None
        self._moved = 0
        self._kept = [self._next(index) for index in range(len(weights))] if keep else None
        if directions.on_a_sphere:
            self._normalise()

    @property
    def keeps(self) -> bool:
        """Whether `of` gives tensors that belong to the direction, and must not be written into."""
        return self._kept is not None

    @property
    def gain(self) -> float:
        """What a slope along the direction is multiplied by, beside the direction: 1, or 1 / d."""
        return 1.0 / max(1, self._moved) if self._directions.law == "unit sphere" else 1.0

    def of(self, index: int) -> torch.Tensor:
        """The direction of the weight of this index, in its shape."""
        if self._kept is not None:
            return self._kept[index]
        self._go_to(index)
        drawn = self._next(index)
        return drawn if self._scale is None else drawn.mul_(self._scale)

    def let_go(self) -> None:
        """Hold nothing any more but the seed; what is asked for is drawn again."""
        self._kept, self._in_any_order = None, False
        self._starts = {0: self._starts[0]}

    def _go_to(self, index: int) -> None:
        """Bring the generator to where the tensor of this index begins."""
        if self._at == index:
            return
        if index in self._starts or self._at > index:
            self._at = index if index in self._starts else max(i for i in self._starts if i < index)
            self._source.set_state(self._starts[self._at])
        while self._at < index:
            self._fill(self._at)

    def _next(self, index: int) -> torch.Tensor:
        return self._directions.confine(index, self._weights[index], self._fill(index))

    def _fill(self, index: int) -> torch.Tensor:
        drawn = self._directions.fill(self._weights[index], self._source)
        self._at = index + 1
        if self._in_any_order and self._at not in self._starts:
            self._starts[self._at] = self._source.get_state()
        return drawn

    def _normalise(self) -> None:
        """Give the whole direction root mean square 1 over the weights that it moves."""
        square, masked = 0.0, self._directions.density is not None
        for index in range(len(self._weights)):
            u = self.of(index)
            square += _square(u)
            self._moved += int((u != 0).sum()) if masked else u.numel()
        self._scale = (self._moved / square) ** 0.5 if square else 0.0
        for u in self._kept or ():
            u.mul_(self._scale)


def _square(u: torch.Tensor) -> float:
    """The sum of squares, in double: of single numbers without a double copy of the whole."""
    if u.dtype == torch.float64:
        return float(u.square().sum())
    return sum(float(part.double().square_().sum()) for part in u.reshape(-1).split(CHUNK))
