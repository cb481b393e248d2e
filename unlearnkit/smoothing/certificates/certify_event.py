"""A certificate for any event of weights: whatever a rule says yes or no to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np
import torch
from tqdm.auto import tqdm

from unlearnkit.displaced import displaced
from unlearnkit.errors import BadInput, require_fraction, require_integer, require_positive
from unlearnkit.randomness import generator
from unlearnkit.smoothing.certificates.event_certificate import EventCertificate
from unlearnkit.smoothing.noise import HALF, size_of

SAMPLES_AT_ONCE, NUMBERS_AT_ONCE = 64, 1 << 16  # a rule of few weights would spend its time on drawing
Event = Callable[[list[torch.Tensor]], Any]


@torch.no_grad()
def certify_event(
    event: Event,
    parameters: Sequence[torch.Tensor],
    *,
    sigma: float,
    samples: int = 1000,
    alpha: float = 0.001,
    seed: int = 0,
    progress: bool = False,
) -> EventCertificate:
    """How far weights may be moved, in L2, while an event stays more likely than not under noise.

    Under noise N(0, sigma^2 I) on the parameters the event is counted; with confidence 1 - alpha its
    probability is at least p_lower (Clopper-Pearson), and then it is above 1/2 for the noisy parameters
    wherever they are moved within radius = sigma Phi^-1(p_lower) (Cohen, Rosenfeld, Kolter 2019, 1902.02918,
    theorem 1 and section 3.2.2, on weights).

    What it is not: a statement about the parameters without noise, about other norms than L2, or about
    another event. Noise that wrecks a model makes any event that asks for an answer missing come true: ask
    in the event whether the model still works, or use `certify`, which does.

    Parameters
    ----------
    event : callable
        Takes the list of parameters, which lie at a noisy place meanwhile, and returns True or False. It may
        as well look at a model that these are the parameters of. It must draw nothing itself, and not change
        them.
    parameters : list of Tensor
        Floating point, float32 or finer, each once. They are moved in place and put back to the bit, also
        after errors and Ctrl-C.
    sigma : float
        Standard deviation of each parameter's noise.
    samples : int
        Calls of the event. If it always comes true, the radius is sigma Phi^-1(alpha^(1 / samples)): 2.46
        sigma at the defaults; more samples reach further, slowly. Fewer than log(alpha) / log(1/2) samples
        always abstain.
    alpha : float
        The risk that the radius is too large: in at most so many of many repetitions.
    seed : int
        Decides the noise, which is drawn on the CPU.
    progress : bool

    Returns
    -------
    EventCertificate
        `.p_lower`, `.radius` (0.0 when abstained), `.abstained`, and `.at(distance)`.

    Raises
    ------
    BadInput
        For what is no event or no list of parameters, a sigma that is not positive, no samples, an alpha
        outside (0, 1), and an event that returns something else than True or False.

    Examples
    --------
    >>> import torch
    >>> from unlearnkit.smoothing import certify_event
    >>> weight = torch.tensor([1.0, 0.0])  # the rule's boundary lies at distance 1
    >>> found = certify_event(lambda w: bool(w[0][0] > 0), [weight], sigma=0.5, samples=1000, alpha=0.001)
    >>> 0.7 < found.radius < 1.0, weight.tolist()
    (True, [1.0, 0.0])
    """
    _require_event(event)
    require_parameters("parameters", parameters)
    require_sampling(sigma, samples, alpha, seed)
    count = 0
    with (
        displaced(parameters) as place,
        tqdm(total=samples, desc="certify event", disable=not progress, leave=False) as bar,
    ):
        for normal in islice(_normals(place.weights, seed), samples):
            place.to((sigma, normal))
            count += _answer(event(list(place.weights)))
            bar.update()
    return EventCertificate(count, int(samples), float(sigma), float(alpha))


def _normals(weights: Sequence[torch.Tensor], seed: int) -> Iterator[list[torch.Tensor]]:
    """Standard normals, a tensor a weight, without end; drawn on the CPU in float32."""
    source = generator(seed, "certify event")
    samples = min(max(NUMBERS_AT_ONCE // max(size_of(weights), 1), 1), SAMPLES_AT_ONCE)
    while True:
        drawn = [
            torch.randn(samples, *weight.shape, generator=source).to(weight.device) for weight in weights
        ]
        yield from map(list, zip(*(block.unbind() for block in drawn), strict=True))


def require_sampling(sigma: Any, samples: Any, alpha: Any, seed: Any) -> None:
    """Raise BadInput for numbers that no certificate can be sampled with."""
    require_positive("sigma", sigma, hint="It is the noise's standard deviation; without noise R is 0.")
    require_integer("samples", samples, minimum=1)
    require_fraction("alpha", alpha, hint="It is the risk that a radius is too large, such as 0.001.")
    require_integer("seed", seed)


def require_parameters(name: str, parameters: Any) -> None:
    """Raise BadInput for what cannot be moved by exact noise."""
    if not isinstance(parameters, list | tuple) or not parameters:
        given = "an empty list" if isinstance(parameters, list | tuple) else f"a {type(parameters).__name__}"
        raise BadInput(
            f"{name} must be a list of at least one tensor, not {given}; for a model write "
            "list(model.parameters())"
        )
    for place, weight in enumerate(parameters):
        _require_movable(f"{name}[{place}]", weight)
    seen: dict[int, int] = {}
    for place, weight in enumerate(parameters):
        first = seen.setdefault(weight.data_ptr(), place) if weight.numel() else place
        if first != place:
            raise BadInput(
                f"{name}[{place}] lies where {name}[{first}] does, so noise would be written over noise; "
                "give each tensor once"
            )


def _require_movable(where: str, weight: Any) -> None:
    if not isinstance(weight, torch.Tensor) or not weight.is_floating_point():
        kind = weight.dtype if isinstance(weight, torch.Tensor) else type(weight).__name__
        raise BadInput(f"{where} must be a tensor of floating-point numbers, not {kind}")
    if weight.dtype in HALF:
        raise BadInput(
            f"{where} is {weight.dtype}: it rounds the noise, which is then no Gaussian and certifies "
            "nothing; convert with .float()"
        )
    if not bool(torch.isfinite(weight).all()):
        raise BadInput(f"{where} has entries that are no finite numbers; nothing can be told around them")


def _require_event(event: Any) -> None:
    if not callable(event):
        raise BadInput(f"event must be callable, (list of tensors) -> bool, not a {type(event).__name__}")


def _answer(given: Any) -> bool:
    truth = isinstance(given, bool | np.bool_)
    if isinstance(given, torch.Tensor):
        truth = given.dtype == torch.bool and given.numel() == 1
    if not truth:
        kind = given.dtype if isinstance(given, torch.Tensor) else type(given).__name__
        raise BadInput(
            f"event must return True or False, but it returned {given!r} ({kind}); a share or a loss is no "
            "event: compare it with a threshold"
        )
    return bool(given)
