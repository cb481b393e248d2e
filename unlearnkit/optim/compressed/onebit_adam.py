"""1-bit Adam: Adam for a while, then a frozen second moment and a momentum of one bit, its error fed back.

Tang, Gan, Awan, Rajbhandari, Li, Lian, Liu, Zhang, He, "1-bit Adam: Communication Efficient Large-Scale
Training with Adam's Convergence Speed" (2021, 2102.02888), for one worker. It is not what 2510.00761 calls
1-bit Adam, which is `Signum`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch

from unlearnkit.errors import require_fraction, require_integer, require_positive
from unlearnkit.optim.checked import Checked
from unlearnkit.optim.closures import run_closure
from unlearnkit.optim.compressed.quantizer import Quantizer


class OneBitAdam(Checked):
    """Adam for `warmup` steps; from then on the momentum is compressed to one bit a weight.

    Step t of a weight, with gradient g:

    - t <= warmup: m <- b1 m + (1 - b1) g; v <- b2 v + (1 - b2) g^2, as torch.optim.Adam, to the bit.
    - t > warmup: c = b1 m + (1 - b1) g + error; m <- Q(c), the sign times the mean magnitude of c;
      error <- c - m. The compressed momentum is the one that is carried on; v stays.
    - theta <- theta - lr * (m / (1 - b1^t)) / (sqrt(v / (1 - b2^min(t, warmup))) + eps)

    Differences to DeepSpeed's OnebitAdam: there the scale is the root mean square of c, not its mean
    magnitude (the scale of least error, with which what is owed always shrinks); a zero counts as positive
    there, here it stays zero; and there no bias is corrected, which is wrong for a short warm-up: after 20
    steps v is 2 % of what it averages.

    A weight that no gradient has reached when v is frozen has no scale to be divided by, so it stays where it
    is. The paper is not known to speak of it; DeepSpeed takes a mask.

    Parameters
    ----------
    params : iterable of Tensor or of dict
    lr : float
    betas : (float, float)
    eps : float
    warmup : int
        Steps of Adam. The paper takes 15 to 25 % of a run; 20 fits the runs of about a hundred steps that are
        made here, and is far too short for pretraining.
    per : {"tensor", "row", "block"}
        What shares a scale: the paper's is one a tensor. Where second moments of a tensor differ by orders
        of magnitude, as those of an embedding's rows do, its weights of small v move too far; "row" helps.
        On the lab, NPO at a rate of 3e-4, 40 steps: 0.48 of what must be kept is kept by row, 0.57 with Adam,
        0.00 by tensor.
    block : int
        Weights of a block.
    weight_decay : float
        Decoupled, as in AdamW.

    Examples
    --------
    >>> import torch
    >>> w = torch.nn.Parameter(torch.zeros(2, dtype=torch.float64))
    >>> optimizer = OneBitAdam([w], lr=1.0, betas=(0.5, 0.5), eps=0.0, warmup=1)
    >>> w.grad = torch.tensor([2.0, 2.0], dtype=torch.float64); optimizer.step()  # m: 1, 1; v / (1 - b2): 4
    >>> w.grad = torch.tensor([5.0, -2.0], dtype=torch.float64); optimizer.step()  # c: 3, -0.5
    >>> optimizer.state[w]["m"].tolist(), optimizer.state[w]["error"].tolist()
    ([1.75, -1.75], [1.25, 1.25])
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-4,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        warmup: int = 20,
        per: str = "tensor",
        block: int = 256,
        weight_decay: float = 0.0,
    ) -> None:
        defaults = {"lr": lr, "betas": betas, "eps": eps, "warmup": warmup, "per": per, "block": block,
                    "weight_decay": weight_decay}  # fmt: skip
        super().__init__(params, defaults)

    def check(self, options: dict[str, Any]) -> None:
        """Raise BadInput for options out of range."""
        super().check(options)
        for place in range(2):
            require_fraction(f"betas[{place}]", options["betas"][place], zero_allowed=True)
        require_positive("eps", options["eps"], zero_allowed=True)
        require_integer(
            "warmup", options["warmup"], minimum=1, hint="Without it there is no second moment to freeze."
        )
        require_positive("weight_decay", options["weight_decay"], zero_allowed=True)
        _quantizer(options)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take one step; an optional closure computes the loss and its gradients, as in torch."""
        loss = run_closure(closure, self)
        for group in self.param_groups:
            for weight, gradient in self.with_gradients(group):
                state = self._advanced(weight, gradient, group)
                if group["weight_decay"]:
                    weight.mul_(1 - group["lr"] * group["weight_decay"])
                correction = 1 - group["betas"][0] ** state["step"]
                weight.addcdiv_(state["m"], _denominator(state, group), value=-(group["lr"] / correction))
        return loss

    def _advanced(
        self, weight: torch.Tensor, gradient: torch.Tensor, group: dict[str, Any]
    ) -> dict[str, Any]:
        """The weight's state, one step on."""
        state: dict[str, Any] = self.state[weight]
        if not state:
            state.update(step=0, **{name: torch.zeros_like(weight) for name in ("m", "v", "error")})
        state["step"] += 1
        beta1, beta2 = group["betas"]
        state["m"].lerp_(gradient, 1 - beta1)
        if state["step"] <= group["warmup"]:
            state["v"].mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
        else:
            meant = state["error"].add_(state["m"])
            state["m"].copy_(_quantizer(group)(meant))
            meant.sub_(state["m"])
        return state


def _denominator(state: dict[str, Any], group: dict[str, Any]) -> torch.Tensor:
    seen = min(state["step"], group["warmup"])
    root: torch.Tensor = (state["v"].sqrt() / (1 - group["betas"][1] ** seen) ** 0.5).add_(group["eps"])
    if state["step"] > group["warmup"]:
        root.masked_fill_(state["v"] == 0, torch.inf)
    return root


def _quantizer(options: dict[str, Any]) -> Quantizer:
    return Quantizer(1, per=options["per"], block=options["block"], scaled=True)
