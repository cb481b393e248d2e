"""ASAM: SAM with distances in proportion to the weights, so that rescaling them changes nothing.

Kwon, Kim, Park, Choi, "ASAM: Adaptive Sharpness-Aware Minimization for Scale-Invariant Learning of Deep
Neural Networks" (2102.11600), Algorithm 1, with T = |theta| + eta, weight by weight:

    eps = rho T^2 g(theta) / ||T g(theta)||,    the step takes g(theta + eps)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch

from unlearnkit.errors import require_one_of, require_positive
from unlearnkit.optim.sharpness_aware.ascent import Ascent


class ASAM(Ascent):
    """SAM within ||eps / T|| <= rho, where T = |theta| + eta.

    Which weights are scaled: all, as the paper's formula says. The authors' code leaves out the ones that are
    not called "weight", biases that is, and has T = 1 there: give them a group with `adaptive=False`. With
    that in every group this is SAM. The paper's other T, by convolution filter, is not here.

    pytorch-optimizer's SAM(adaptive=True) is this with eta = 0; its default rho is SAM's 0.05.

    Parameters
    ----------
    params : iterable of Tensor or of dict
        A group may have its own `lr`, `rho`, `eta`, `adaptive` and options of the rule.
    lr : float
        The rule's learning rate.
    rho : float
        The distance at which the gradient is taken, in relation to the weights' size.
    eta : float
        What a weight of 0 is scaled by; the authors' code has 0.01.
    adaptive : bool
        Whether a group's weights are scaled.
    on, base, base_options, max_grad_norm : as SAM's

    Raises
    ------
    BadInput
        For options out of range, and for a rule that needs losses itself.

    Examples
    --------
    The loss 2 w at w = 3 looks 0.5 (3 + 0) away, whatever its slope.

    >>> import torch
    >>> w, seen = torch.nn.Parameter(torch.tensor([3.0])), []
    >>> asam = ASAM([w], lr=0.1, rho=0.5, eta=0.0)
    >>> loss = asam.step(lambda: (seen.append(w.item()), 2 * w.sum())[1])
    >>> seen
    [3.0, 4.5]
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        *,
        rho: float = 0.5,
        eta: float = 0.01,
        adaptive: bool = True,
        on: str = "loss",
        base: str = "adam",
        base_options: Mapping[str, Any] | None = None,
        max_grad_norm: float | None = 1.0,
    ) -> None:
        super().__init__(
            params, {"lr": lr, "rho": rho, "eta": eta, "adaptive": adaptive}, on=on, base=base,
            base_options=base_options, max_grad_norm=max_grad_norm,
        )  # fmt: skip

    def check(self, options: dict[str, Any]) -> None:
        """Raise BadInput for a rate, a distance, an eta or a switch out of range."""
        super().check(options)
        require_positive("eta", options["eta"], zero_allowed=True)
        require_one_of("adaptive", options["adaptive"], (True, False))

    def _stretched(self, weight: torch.Tensor, vector: torch.Tensor, group: dict[str, Any]) -> torch.Tensor:
        """T times the vector."""
        return (weight.abs() + group["eta"]) * vector if group["adaptive"] else vector
