"""Hutchinson's estimate of the Hessian's diagonal: u * (H u), with u of independent signs.

E[u uT] = I, so E[u * (H u)] is the diagonal, exactly, whatever the loss. One draw has the variance
sum over j != i of H_ij^2 in coordinate i: none for a diagonal Hessian (Bekas, Kokiopoulou and Saad
2007; AdaHessian, 2006.00719, section 3.1; Sophia, 2305.14342, Algorithm 1).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from unlearnkit.optim.closures import gradients_found
from unlearnkit.randomness import generator

PRODUCT = 4.0  # what a Hessian-vector product costs, in forward passes


def hutchinson(
    closure: Callable[[], Any] | None, weights: Sequence[torch.Tensor], *, seed: int, step: int, name: str
) -> tuple[torch.Tensor, list[torch.Tensor | None], list[torch.Tensor]]:
    """The loss, its gradient, and an estimate of its Hessian's diagonal: one pass, differentiated twice.

    torch's fused attention kernels have no second derivative. So the closure runs with the plain one
    (SDPBackend.MATH), whose losses differ from theirs by rounding. A model of any other attention than
    "sdpa" or "eager" must have second derivatives of its own. Both derivatives are of one and the same
    forward pass: where there is dropout, of the same mask.

    Parameters
    ----------
    closure : callable
        () to the loss, a scalar; it calls no backward.
    weights : sequence of Tensor
    seed, step : int
        Decide u; see `signs`.
    name : str
        The optimizer's, for messages.

    Returns
    -------
    loss : Tensor, scalar
    gradient : list of Tensor or None, in the shapes of the weights
        None for a weight that the loss does not depend on.
    diagonal : list of Tensor, in the shapes of the weights
        0 where the loss does not bend: where it does not depend on a weight, or linearly.

    Raises
    ------
    WrongClosure
        As `unlearnkit.optim.closures.gradients_found`.

    Examples
    --------
    >>> import torch
    >>> w = torch.nn.Parameter(torch.tensor([1.0, 2.0]))
    >>> _, gradient, diagonal = hutchinson(lambda: w[0]**2 + w[1]**3, [w], seed=0, step=0, name="example")
    >>> gradient[0].tolist(), diagonal[0].tolist()
    ([2.0, 12.0], [2.0, 12.0])
    """
    with sdpa_kernel(SDPBackend.MATH):
        loss, gradient = gradients_found(closure, weights, name, create_graph=True)
        u = signs(weights, seed=seed, step=step)
        products = _products(gradient, weights, u)
    diagonal = [sign * product for sign, product in zip(u, products, strict=True)]
    return loss, [None if part is None else part.detach() for part in gradient], diagonal


def signs(weights: Sequence[torch.Tensor], *, seed: int, step: int) -> list[torch.Tensor]:
    """Independent values of 1 and -1 in the shapes of the weights; seed and step decide them."""
    devices = {weight.device for weight in weights}
    sources = {device: generator(seed, "hutchinson", step, device=device) for device in devices}
    return [
        torch.empty_like(weight, requires_grad=False)
        .bernoulli_(0.5, generator=sources[weight.device])
        .mul_(2)
        .sub_(1)
        for weight in weights
    ]


def _products(
    gradient: Sequence[torch.Tensor | None], weights: Sequence[torch.Tensor], u: Sequence[torch.Tensor]
) -> list[torch.Tensor]:
    """H u, as the gradient of <gradient, u>."""
    known = [(part, sign) for part, sign in zip(gradient, u, strict=True) if part is not None]
    bent = [(part, sign) for part, sign in known if part.requires_grad]
    if not bent:
        return [torch.zeros_like(weight) for weight in weights]
    parts, along = zip(*bent, strict=True)
    found = torch.autograd.grad(parts, list(weights), grad_outputs=along, allow_unused=True)
    return [torch.zeros_like(w) if part is None else part for w, part in zip(weights, found, strict=True)]
