"""SAM: sharpness-aware minimization.

Foret, Kleiner, Mobahi, Neyshabur, "Sharpness-Aware Minimization for Efficiently Improving Generalization"
(2010.01412), Algorithm 1:

    eps = rho g(theta) / ||g(theta)||,    the step takes g(theta + eps)

To second order the loss there is L + rho ||g|| + rho^2 gT H g / (2 ||g||^2). The norm is that of all weights
together; eq. 2 with p = 2, and without the second-order term of its gradient, as in the paper.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from unlearnkit.optim.sharpness_aware.ascent import Ascent


class SAM(Ascent):
    """Step along the gradient taken where the loss is highest nearby, to first order.

    Parameters
    ----------
    params : iterable of Tensor or of dict
        A group may have its own `lr`, `rho` and options of the rule; the norm is that of all groups.
    lr : float
        The rule's learning rate.
    rho : float
        The L2 distance at which the gradient is taken. 0 leaves the rule as it is, at twice the cost.
    on : {"loss", "forget"}
        "loss": all of it, as in the paper. "forget": the forget term alone, as Fan et al. (2502.05374) do
        against relearning: g_forget(theta + rho g_forget / ||g_forget||) + g_retain(theta). They take rho
        0.01.
    base : str
        The rule that moves the weights: a name of the catalogue that takes gradients.
    base_options : mapping, optional
        Its options, apart from the rate.
    max_grad_norm : float or None
        The gradient that the rule gets is scaled down to this L2 norm.

    Raises
    ------
    BadInput
        For options out of range, and for a rule that needs losses itself.

    Notes
    -----
    Of a loss with dropout both gradients see the same units dropped: it is one loss that is looked at twice.

    Examples
    --------
    The loss w^2 at 1 has gradient 2; at 1 + 0.5 it has 3, and the step takes that.

    >>> import torch
    >>> w = torch.nn.Parameter(torch.tensor([1.0]))
    >>> sam = SAM([w], lr=0.1, rho=0.5, base="sgd", max_grad_norm=None)
    >>> sam.step(lambda: w.square().sum()).item()
    1.0
    >>> w.item()
    0.70
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        *,
        rho: float = 0.05,
        on: str = "loss",
        base: str = "adam",
        base_options: Mapping[str, Any] | None = None,
        max_grad_norm: float | None = 1.0,
    ) -> None:
        super().__init__(
            params, {"lr": lr, "rho": rho}, on=on, base=base, base_options=base_options,
            max_grad_norm=max_grad_norm,
        )  # fmt: skip
