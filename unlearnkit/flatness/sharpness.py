"""How much the loss rises nearby: at worst, along the gradient, or on average.

A description, not a verdict: sharpness can be rescaled away without changing the function (Dinh et al. 2017,
1703.04933), and adaptive sharpness does not predict generalisation well for transformers (Andriushchenko et al.
2023, 2302.07011).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch

from unlearnkit.displaced import Displaced, displaced
from unlearnkit.errors import BadInput, require_integer, require_one_of, require_positive
from unlearnkit.flatness.estimate import mean_of
from unlearnkit.flatness.tables import html_table
from unlearnkit.randomness import generator
from unlearnkit.token_mean_loss import TokenMeanLoss

KINDS = ("sam", "worst", "average", "adaptive")
Direction = list[torch.Tensor]


@dataclass(frozen=True)
class Sharpness:
    """A rise of the loss, in nats a token; higher is sharper.

    Attributes
    ----------
    kind : str
    value : float
    radius : float
        "sam", "worst": L2 length of the displacement. "average": its root mean square a weight. "adaptive": the
        same as a share of each weight's magnitude.
    stderr, interval : float, (float, float), or None
        Where it was sampled; at the 95 % level.
    samples : int
        Antithetic pairs, ascent steps, or chunks of rows.
    """

    kind: str
    value: float
    radius: float
    stderr: float | None
    interval: tuple[float, float] | None
    samples: int

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)

    def _repr_html_(self) -> str:
        spread = "" if self.interval is None else f"{self.interval[0]:.4g} to {self.interval[1]:.4g}"
        row = (self.kind, f"{self.radius:g}", f"{self.value:.4g}", spread)
        return html_table(
            "rise of the loss, nats a token", ("kind", "radius", "rise", "95 % interval"), [row]
        )


def sharpness(
    loss: TokenMeanLoss,
    *,
    kind: str = "sam",
    radius: float = 0.05,
    samples: int = 64,
    steps: int = 20,
    rows: int | None = None,
    seed: int = 0,
) -> Sharpness:
    """The rise of a loss within a radius of the model's weights.

    - "sam": L(theta + r g / ||g||) - L(theta), g the gradient (Foret et al. 2010.01412); to second order
      r ||g|| + r^2 / 2 g^T H g / ||g||^2.
    - "worst": the highest of `steps` projected ascent steps in the L2 ball (Keskar et al. 2017 in a ball); at a
      minimum it tends to r^2 / 2 lambda_max.
    - "average": E L(theta + r u) - L(theta), u normal, over antithetic pairs; to second order r^2 / 2 tr H. It is
      also the gap of randomized smoothing at sigma = r.
    - "adaptive": the same with u scaled by each weight's magnitude (Kwon et al. 2102.11600; Andriushchenko et al.
      2302.07011); rescaling weights against each other does not change it.

    Parameters
    ----------
    loss : TokenMeanLoss
    kind : {"sam", "worst", "average", "adaptive"}
    radius : float
        See `Sharpness.radius`.
    samples : int
        Antithetic pairs of "average" and "adaptive".
    steps : int
        Ascent steps of "worst".
    rows : int, optional
        m-sharpness, with "sam": each chunk of so many rows is displaced along its own gradient; the mean over
        chunks, weighted by targets. All rows in one chunk is plain "sam".
    seed : int

    Returns
    -------
    Sharpness

    Raises
    ------
    BadInput
        For an unknown kind, a radius that is not positive, a loss without gradient, or `rows` with a kind other
        than "sam".

    Examples
    --------
    >>> import unlearnkit as uk
    >>> lab = uk.load_testbed("atlas", fold=1)
    >>> loss = uk.TokenMeanLoss(lab.never_learned, lab.batches(lab.forget, rows=8))
    >>> sharpness(loss, kind="sam", radius=0.05).value > 0
    True
    """
    require_one_of("kind", kind, KINDS)
    require_positive("radius", radius)
    require_integer("samples", samples, minimum=2)
    require_integer("steps", steps, minimum=1)
    if not loss.weights:
        raise BadInput("loss: no parameter of the model requires gradients, so there is no way to move")
    if rows is not None:
        require_integer("rows", rows, minimum=1)
        if kind != "sam":
            raise BadInput(f'rows: m-sharpness is that of kind="sam", but kind="{kind}" was given')
        return _m_sharpness(loss, radius, rows)
    if kind == "sam":
        return Sharpness(kind, _along_gradient(loss, radius), radius, None, None, 1)
    if kind == "worst":
        return _worst(loss, radius, steps)
    return _average(loss, kind, radius, samples, seed)


def gradient(loss: TokenMeanLoss) -> tuple[float, Direction]:
    """The loss and its gradient, a tensor a weight, without touching `.grad`."""
    total, found = 0.0, [torch.zeros_like(weight) for weight in loss.weights]
    with loss.evaluating(), torch.enable_grad():
        for batch in range(len(loss.batches)):
            part = loss.batch_sum(batch) / loss.tokens
            total += float(part.detach())
            parts = torch.autograd.grad(part, loss.weights, allow_unused=True, materialize_grads=True)
            torch._foreach_add_(found, list(parts))
    return total, found


def _norm(direction: Direction) -> float:
    return float(sum(part.double().square().sum() for part in direction)) ** 0.5


@torch.no_grad()
def _along_gradient(loss: TokenMeanLoss, radius: float) -> float:
    before, ascent = gradient(loss)
    length = _norm(ascent)
    if not length:
        return 0.0
    with displaced(loss.weights) as place:
        place.to((radius / length, ascent))
        return float(loss()) - before


def _m_sharpness(loss: TokenMeanLoss, radius: float, rows: int) -> Sharpness:
    chunks = [
        TokenMeanLoss(loss.model, [{name: part[start : start + rows] for name, part in batch.items()}])
        for batch in loss.batches
        for start in range(0, len(batch["labels"]), rows)
        if bool((batch["labels"][start : start + rows, 1:] != -100).any())
    ]
    rises = [_along_gradient(chunk, radius) * chunk.tokens for chunk in chunks]
    return Sharpness("sam", sum(rises) / loss.tokens, radius, None, None, len(chunks))


@torch.no_grad()
def _worst(loss: TokenMeanLoss, radius: float, steps: int) -> Sharpness:
    """Steps of half the radius and more at first, then shorter; the best place seen counts."""
    before, ascent = gradient(loss)
    step, best = [torch.zeros_like(weight) for weight in loss.weights], 0.0
    with displaced(loss.weights) as place:
        for taken in range(steps):
            length = _norm(ascent)
            if not length:
                break
            reach = radius * 2 / (2 + taken)
            torch._foreach_add_(step, ascent, alpha=reach / length)
            _project(step, radius)
            place.to((1.0, step))
            risen, ascent = gradient(loss)
            best = max(best, risen - before)
    return Sharpness("worst", best, radius, None, None, steps)


def _project(step: Direction, radius: float) -> None:
    length = _norm(step)
    if length > radius:
        torch._foreach_mul_(step, radius / length)


@torch.no_grad()
def _average(loss: TokenMeanLoss, kind: str, radius: float, samples: int, seed: int) -> Sharpness:
    draw = _normal if kind == "average" else _normal_by_magnitude
    before = float(loss().double())
    rises = []
    with displaced(loss.weights) as place:
        for sample in range(samples):
            source = generator(seed, "sharpness", sample)
            rises.append(_both_sides(loss, place, radius, draw(place, source)) - before)
    found = mean_of(kind, rises)
    return Sharpness(kind, found.estimate, radius, found.stderr, found.interval, samples)


def _both_sides(loss: TokenMeanLoss, place: Displaced, radius: float, direction: Direction) -> float:
    """The mean loss at both ends of a direction: what is linear in it cancels."""
    ends = []
    for side in (radius, -radius):
        place.to((side, direction))
        ends.append(float(loss().double()))
    return sum(ends) / 2


def _normal(place: Displaced, source: torch.Generator) -> Direction:
    return [torch.randn(kept.shape, generator=source).to(kept) for kept in place.kept]


def _normal_by_magnitude(place: Displaced, source: torch.Generator) -> Direction:
    drawn = _normal(place, source)
    return [u * kept.abs() for u, kept in zip(drawn, place.kept, strict=True)]
