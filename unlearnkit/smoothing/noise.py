"""Noise over a list of weights: three laws, each with what its sigma means.

The directions are those of zeroth-order optimizers (`unlearnkit.optim.Directions`), so that what is smoothed
here is what they see. They have mean square 1 a weight whatever the law; a law says how far to go along one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from unlearnkit.errors import require_integer, require_one_of, require_positive
from unlearnkit.optim import Directions
from unlearnkit.randomness import generator

LAWS = ("gaussian", "sphere", "ball")
HALF = (torch.bfloat16, torch.float16)
Step = tuple[float, list[torch.Tensor]]


@dataclass(frozen=True)
class Noise:
    """sigma * u over d weights, u of a law.

    Attributes
    ----------
    law : {"gaussian", "sphere", "ball"}
        "gaussian": u normal; sigma is the standard deviation of each weight's change. "sphere": u uniform on
        the unit sphere; sigma is the L2 length of every displacement. "ball": u uniform in the unit ball;
        sigma is the longest.
    sigma : float
    size : int
        d.
    seed : int
        With the shapes of the weights it decides every draw: models of one architecture, in whatever
        precision, get the same noise.

    Examples
    --------
    >>> [f"{Noise(law, sigma=0.1, size=100).per_weight:.4f}" for law in LAWS]
    ['0.1000', '0.0100', '0.0099']
    """

    law: str
    sigma: float
    size: int
    seed: int = 0

    def __post_init__(self) -> None:
        require_one_of("law", self.law, LAWS)
        require_positive(
            "sigma", self.sigma, hint="Without noise the smoothed loss is the loss; a radius is a length."
        )
        require_integer("seed", self.seed)

    @property
    def per_weight(self) -> float:
        """The root mean square of a weight's change: sigma, sigma / sqrt(d), sigma / sqrt(d + 2).

        To second order the smoothed loss lies per_weight^2 / 2 * tr(Hessian) above the loss, for every law.
        """
        divisor = {"gaussian": 1, "sphere": self.size, "ball": self.size + 2}[self.law]
        return float(self.sigma / math.sqrt(divisor))

    @property
    def l2(self) -> float:
        """The root mean square of a displacement's L2 length: per_weight * sqrt(d)."""
        return float(self.per_weight * math.sqrt(self.size))

    def step(self, weights: Sequence[torch.Tensor], sample: int, stream: int = 0) -> Step:
        """A displacement, as a scale and a direction of mean square 1 a weight.

        It is drawn on the CPU in float32 and moved, so that every device and precision sees the same.
        """
        return self._scale(sample, stream), self._direction(weights, sample, stream)

    def _scale(self, sample: int, stream: int) -> float:
        if self.law == "gaussian":
            return float(self.sigma)
        radius = float(self.sigma / math.sqrt(self.size))
        if self.law == "sphere":
            return radius
        uniform = torch.rand((), generator=generator(self.seed, "depth", sample, stream), dtype=torch.float64)
        return float(uniform ** (1 / self.size)) * radius

    def _direction(self, weights: Sequence[torch.Tensor], sample: int, stream: int) -> list[torch.Tensor]:
        shapes = [torch.empty(()).expand(weight.shape) for weight in weights]  # on the CPU, of no memory
        law = Directions("gaussian" if self.law == "gaussian" else "sphere", seed=self.seed)
        drawn = law.draw(shapes, "direction", sample, stream)
        return [
            u.to(weight.device, torch.float32 if weight.dtype in HALF else weight.dtype)
            for u, weight in zip(drawn, weights, strict=True)
        ]


def size_of(weights: Sequence[torch.Tensor]) -> int:
    """How many numbers they hold."""
    return sum(weight.numel() for weight in weights)
