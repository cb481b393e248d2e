"""How much the loss rises nearby: at worst, along the gradient, or on average.

A description, not a verdict: sharpness can be rescaled away without changing the function (Dinh et al. 2017,
1703.04933), and adaptive sharpness does not predict generalisation well for transformers (Andriushchenko et
al. 2023, 2302.07011).
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import torch
from tqdm.auto import tqdm

from unlearnkit.displaced import Displaced, displaced, require_wide
from unlearnkit.errors import BadInput, require_integer, require_one_of, require_positive
from unlearnkit.flatness.estimate import mean_of
from unlearnkit.flatness.tables import html_table
from unlearnkit.losses import NO_TARGET
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
        "sam", "worst": L2 length of the displacement. "average": its root mean square a weight. "adaptive":
        the same as a share of each weight's magnitude.
    stderr, interval : float, (float, float), or None
        Where it was sampled; at the 95 % level.
    samples : int
        Antithetic pairs, ascent steps, or chunks of rows (1 for plain "sam").
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
    progress: bool = False,
) -> Sharpness:
    """The rise of a loss within a radius of the model's weights.

    - "sam": L(theta + r g / ||g||) - L(theta), g the gradient (Foret et al. 2010.01412); to second order
      r ||g|| + r^2 / 2 g^T H g / ||g||^2.
    - "worst": the highest place of `steps` projected ascent steps in the L2 ball (Keskar et al. 2017,
      1609.04836, in a ball); a lower bound of the true maximum, and never below "sam". At a minimum it tends
      to r^2 / 2 lambda_max.
    - "average": E L(theta + r u) - L(theta), u normal, over antithetic pairs; to second order r^2 / 2 tr H.
      It is also the gap of randomized smoothing at sigma = r.
    - "adaptive": the same with u scaled by each weight's magnitude (Kwon et al. 2102.11600; Andriushchenko et
      al. 2302.07011); rescaling weights against each other does not change it.

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
        chunks, weighted by targets. Chunks go on from one batch into the next, and rows without a target are
        left out. All rows in one chunk is plain "sam"; smaller chunks are sharper, to first order.
    seed : int
        Decides what "average" and "adaptive" draw, and where "worst" starts if there is no slope to follow.
    progress : bool
        Whether to show a bar.

    Returns
    -------
    Sharpness

    Raises
    ------
    BadInput
        For an unknown kind, a radius that is not positive, a loss that is not finite or has no weights to
        move, weights in half precision, or `rows` with a kind other than "sam".

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
    require_integer("samples", samples, minimum=2, hint="Two pairs are the fewest that have a spread.")
    require_integer("steps", steps, minimum=1)
    require_integer("seed", seed)
    _require_movable(loss)
    if rows is not None:
        require_integer("rows", rows, minimum=1)
        if kind != "sam":
            raise BadInput(
                f'rows: m-sharpness is that of kind="sam", but kind="{kind}" was given; leave rows out'
            )
    total = {"sam": 1, "worst": steps}.get(kind, samples)
    with tqdm(total=total, desc="sharpness", disable=not progress, leave=False) as bar:
        if kind == "sam":
            return _along_gradient_of_chunks(loss, radius, rows, bar)
        if kind == "worst":
            return _worst(loss, radius, steps, generator(seed, "sharpness", "worst"), bar)
        return _average(loss, kind, radius, samples, seed, bar)


def _require_movable(loss: Any) -> None:
    if not isinstance(loss, TokenMeanLoss):
        raise BadInput(f"loss must be a TokenMeanLoss(model, batches), but a {type(loss).__name__} was given")
    if not loss.weights:
        raise BadInput("loss: no parameter of the model requires gradients, so there is no way to move")
    require_wide("loss", loss.weights)


@torch.no_grad()
def value(loss: TokenMeanLoss) -> float:
    """The loss in nats a token, the batches' sums added in double precision: rises are small."""
    with loss.evaluating():
        sums = [float(loss.batch_sum(batch)) for batch in range(len(loss.batches))]
    return float(sum(sums)) / loss.tokens


def gradient(loss: TokenMeanLoss) -> tuple[float, Direction]:
    """The loss, as `value` has it, and its gradient, a tensor a weight, without touching `.grad`."""
    sums, found = 0.0, [torch.zeros_like(weight) for weight in loss.weights]
    with loss.evaluating(), torch.enable_grad():
        for batch in range(len(loss.batches)):
            part = loss.batch_sum(batch)
            sums += float(part.detach())
            parts = torch.autograd.grad(
                part / loss.tokens, loss.weights, allow_unused=True, materialize_grads=True
            )
            torch._foreach_add_(found, list(parts))
    return sums / loss.tokens, found


def _finite(before: float) -> float:
    if not math.isfinite(before):
        raise BadInput(
            f"loss: it is {before} at the model itself, so no rise can be told; look for weights "
            "that are not numbers"
        )
    return before


def _norm(direction: Direction) -> float:
    return math.sqrt(sum(float(part.double().square().sum()) for part in direction))


def _along_gradient_of_chunks(loss: TokenMeanLoss, radius: float, rows: int | None, bar: Any) -> Sharpness:
    chunks = [loss] if rows is None else _chunks(loss, rows)
    bar.total = len(chunks)
    rises = []
    for chunk in chunks:
        rises.append(_along_gradient(chunk, radius) * chunk.tokens)
        bar.update()
    return Sharpness("sam", sum(rises) / loss.tokens, radius, None, None, len(chunks))


@torch.no_grad()
def _along_gradient(loss: TokenMeanLoss, radius: float) -> float:
    before, ascent = gradient(loss)
    _finite(before)
    length = _norm(ascent)
    if not length:
        return 0.0
    with displaced(loss.weights) as place:
        place.to((radius / length, ascent))
        return value(loss) - before


def _chunks(loss: TokenMeanLoss, rows: int) -> list[TokenMeanLoss]:
    """The loss's rows that have targets, so many at a time; a chunk may take rows of several batches."""
    chunks: list[list[dict[str, torch.Tensor]]] = [[]]
    room = rows
    for batch in loss.batches:
        labelled = (batch["labels"][:, 1:] != NO_TARGET).any(dim=1)
        left = {name: part[labelled] for name, part in batch.items()}
        while len(left["labels"]):
            if not room:
                chunks.append([])
                room = rows
            chunks[-1].append({name: part[:room] for name, part in left.items()})
            left = {name: part[room:] for name, part in left.items()}
            room -= len(chunks[-1][-1]["labels"])
    return [TokenMeanLoss(loss.model, chunk) for chunk in chunks]


@torch.no_grad()
def _worst(loss: TokenMeanLoss, radius: float, steps: int, source: torch.Generator, bar: Any) -> Sharpness:
    """Steps as long as the radius, along the gradient and back into the ball; halved where nothing rose.

    Near a minimum that is power iteration on H + ||H s|| / r: it finds the largest eigenvalue, not the
    most negative one.
    """
    before, ascent = gradient(loss)
    _finite(before)
    if not _norm(ascent):  # no slope to the bit: any way out will do
        ascent = [torch.randn(weight.shape, generator=source).to(weight) for weight in loss.weights]
    best, reach = -math.inf, radius  # the first step counts even where it leads down, as it may near a saddle
    here = [torch.zeros_like(weight) for weight in loss.weights]
    with displaced(loss.weights) as place:
        for _ in range(steps):
            step = list(torch._foreach_add(here, ascent, alpha=reach / (_norm(ascent) or 1.0)))
            step = _into_ball(step, radius)
            place.to((1.0, step))
            risen, slope = gradient(loss)
            if risen > best:
                best, here, ascent = risen, step, slope
            else:
                reach /= 2
            bar.update()
    return Sharpness("worst", max(best - before, 0.0), radius, None, None, steps)


def _into_ball(step: Direction, radius: float) -> Direction:
    length = _norm(step)
    return [part * (radius / length) for part in step] if length > radius else step


@torch.no_grad()
def _average(loss: TokenMeanLoss, kind: str, radius: float, samples: int, seed: int, bar: Any) -> Sharpness:
    draw = _normal if kind == "average" else _normal_by_magnitude
    before, rises = _finite(value(loss)), []
    with displaced(loss.weights) as place:
        for sample in range(samples):
            source = generator(seed, "sharpness", sample)
            rises.append(_both_sides(loss, place, radius, draw(place, source)) - before)
            bar.update()
    found = mean_of(kind, rises)
    return Sharpness(kind, found.estimate, radius, found.stderr, found.interval, samples)


def _both_sides(loss: TokenMeanLoss, place: Displaced, radius: float, direction: Direction) -> float:
    """The mean loss at both ends of a direction: what is linear in it cancels."""
    ends = []
    for side in (radius, -radius):
        place.to((side, direction))
        ends.append(value(loss))
    return sum(ends) / 2


def _normal(place: Displaced, source: torch.Generator) -> Direction:
    return [torch.randn(kept.shape, generator=source).to(kept) for kept in place.kept]


def _normal_by_magnitude(place: Displaced, source: torch.Generator) -> Direction:
    drawn = _normal(place, source)
    return [u * kept.abs() for u, kept in zip(drawn, place.kept, strict=True)]
