"""The Gauss-Newton-Bartlett estimate of a Gauss-Newton matrix's diagonal, from labels that the model drew.

Sophia (Liu et al. 2023, 2305.14342), Algorithm 2: draw a label at each of B tokens from the model's own
prediction, take the gradient g of the mean negative log-likelihood of these labels; the estimate is
B g * g. At the model's own labels the mean gradient is zero (Bartlett's first identity), so tokens do not
mix in the mean, and it is exactly the diagonal of JT (diag(p) - p pT) J, averaged over tokens.

The squared gradient at the *true* labels (SOUL's, an empirical Fisher) is something else: at a minimum of
the loss it is zero, whatever the curvature, and where all tokens pull one way it grows with their number.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from unlearnkit.errors import WrongClosure
from unlearnkit.optim.closures import gradients, term
from unlearnkit.randomness import generator


def gauss_newton_bartlett(
    closure: Callable[[], Any] | None, weights: Sequence[torch.Tensor], *, seed: int, step: int, name: str
) -> list[torch.Tensor]:
    """Estimate the diagonal: one more forward and backward pass, never negative.

    It is the curvature of the mean negative log-likelihood over the closure's rows, to first order in the
    model, not of the objective: of a forget term that pushes the likelihood down it knows nothing. Its
    forward pass is one of its own: where there is dropout, with a mask of its own.

    Parameters
    ----------
    closure : unlearnkit.optim.LossClosure
        Its `sampled` part takes a torch.Generator and returns the mean loss of labels drawn with it and how
        many they are.
    weights : sequence of Tensor
    seed, step : int
        Decide the labels.
    name : str
        The optimizer's, for messages.

    Returns
    -------
    list of Tensor, in the shapes of the weights

    Raises
    ------
    WrongClosure
        When the closure does not tell its sampled part, or that returns no loss and count.

    Examples
    --------
    >>> import torch
    >>> from unlearnkit.optim import LossClosure
    >>> w = torch.nn.Parameter(torch.tensor([1.0, 2.0]))
    >>> told = LossClosure(lambda: w.sum(), sampled=lambda source: ((w * w).sum(), 3))
    >>> [part.tolist() for part in gauss_newton_bartlett(told, [w], seed=0, step=0, name="example")]
    [[12.0, 48.0]]
    """
    sampled = term(closure, "sampled", name)
    source = generator(seed, "gauss-newton-bartlett", step, device=weights[0].device)
    counts: list[int] = []

    def mean() -> Any:
        """The loss over sampled labels; how many they are is noted."""
        loss, count = _loss_and_count(sampled(source), name)
        counts.append(count)
        return loss

    _, gradient = gradients(mean, weights, name)
    return [counts[0] * part.square() for part in gradient]


def _loss_and_count(told: Any, name: str) -> tuple[Any, int]:
    if not (isinstance(told, tuple) and len(told) == 2 and isinstance(told[1], int) and told[1] > 0):
        raise WrongClosure(
            f"{name}: the closure's sampled part must return (loss, count), the mean loss of the labels it "
            f"drew and how many they are, but returned {told!r:.60}"
        )
    return told
