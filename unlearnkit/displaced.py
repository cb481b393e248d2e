"""Weights moved for a look, and put back to the bit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

import torch

from unlearnkit.errors import BadInput

WIDE = (torch.float32, torch.float64)


def require_wide(name: str, weights: Iterable[torch.Tensor]) -> None:
    """Raise BadInput for weights that are no float32 or float64: small displacements would be rounded away.

    bfloat16 tells weights apart by a 256th of themselves. What is seen around such a model would be the
    rounding, and a radius of 1e-3 would move next to nothing.
    """
    for weight in weights:
        if weight.dtype not in WIDE:
            raise BadInput(
                f"{name}: weights must be float32 or float64 to be moved, but one is {weight.dtype}, and "
                "what is rounded away would pass for flatness; give a wider copy, "
                "copy.deepcopy(model).float(), or load the model with dtype=torch.float32"
            )


class Displaced:
    """Weights that can be put at any place around where they were; made by `displaced`.

    Every place is written from the kept copy, so no rounding adds up on the way.
    """

    def __init__(self, weights: Sequence[torch.Tensor]) -> None:
        self.weights = list(weights)
        self.kept = [weight.detach().clone() for weight in self.weights]

    @torch.no_grad()
    def to(self, *steps: tuple[float, Sequence[torch.Tensor]]) -> None:
        """Go to origin + sum of scale * direction; a direction has one tensor a weight.

        Without a step: to the origin.
        """
        moved = [(scale, direction) for scale, direction in steps if scale]
        for place, (weight, kept) in enumerate(zip(self.weights, self.kept, strict=True)):
            if not moved:
                weight.copy_(kept)
                continue
            (scale, direction), *others = moved
            torch.add(kept, direction[place], alpha=scale, out=weight)
            for scale, direction in others:
                weight.add_(direction[place], alpha=scale)


@contextmanager
def displaced(weights: Sequence[torch.Tensor]) -> Iterator[Displaced]:
    """Move weights inside the block; after it they are what they were to the bit, whatever was raised.

    Examples
    --------
    >>> weight = torch.nn.Parameter(torch.tensor([1.0, 2.0]))
    >>> with displaced([weight]) as place:
    ...     place.to((0.5, [torch.tensor([1.0, -1.0])]))
    ...     print(weight.tolist())
    [1.5, 1.5]
    >>> weight.tolist()
    [1.0, 2.0]
    """
    place = Displaced(weights)
    try:
        yield place
    finally:
        to_the_end(place.to)


def to_the_end(work: Callable[[], object]) -> None:
    """Do what must not be left half done: a Ctrl-C on the way begins it anew, and is raised after it."""
    stopped: BaseException | None = None
    while True:
        try:
            work()
            break
        except (KeyboardInterrupt, SystemExit) as error:
            stopped = error
    if stopped is not None:
        raise stopped


def unflatten(vector: torch.Tensor, like: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    """A flat vector as tensors of these shapes, views of it."""
    parts = vector.split([weight.numel() for weight in like])
    return [part.view_as(weight) for part, weight in zip(parts, like, strict=True)]


def flatten(tensors: Sequence[torch.Tensor]) -> torch.Tensor:
    """Tensors as one flat vector, in order."""
    return torch.cat([tensor.reshape(-1) for tensor in tensors])
