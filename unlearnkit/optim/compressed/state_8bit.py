"""Adam with its state in 8 bits: m and v are kept as codes, and the direction is in full.

Dettmers, Lewis, Shleifer, Zettlemoyer, "8-bit Optimizers via Block-wise Quantization" (2022, 2110.02861).
Not to be taken for the compressed direction of 2510.00761 (`QuantizedDirection`): here the memory is what
shrinks, a quarter of Adam's, and the steps are Adam's but for the rounding of what it remembers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch

from unlearnkit.errors import require_fraction, require_integer, require_positive
from unlearnkit.optim.checked import Checked
from unlearnkit.optim.closures import run_closure
from unlearnkit.optim.compressed.dynamic_code import dynamic_code
from unlearnkit.optim.compressed.saved_precision import keep_precision

BLOCK = 256  # bitsandbytes' and torchao's of today; 2,048 in the paper
SIGNED = {"m": True, "v": False}


class AdamState8bit(Checked):
    """Adam whose moments are remembered in 8 bits each: m in signed codes, v in unsigned ones.

    A step decodes both, moves them in float32 as Adam does, moves the weight by what they are before they
    are rounded, and encodes them: each block of 256 neighbours as codes times its largest magnitude. The
    last block of a tensor may be shorter. Tensors of less than 4,096 weights keep their state in float32:
    they move as with torch.optim.Adam, to the bit.

    A second moment below 1.6e-7 of its block's largest becomes zero: where gradients of neighbours differ
    by more than three decades, as those of rare and frequent words do, steps become up to 30 times too long.
    The paper therefore keeps the state of embeddings in 32 bits; give them a group with a large `smallest`.

    Parameters
    ----------
    params : iterable of Tensor or of dict
    lr : float
    betas : (float, float)
    eps : float
    smallest : int
        Tensors of fewer weights keep their state in float32. A group may have its own.
    weight_decay : float
        Decoupled, as in AdamW.

    Examples
    --------
    >>> import torch
    >>> w = torch.nn.Parameter(torch.zeros(4096))
    >>> optimizer = AdamState8bit([w], lr=0.5)
    >>> w.grad = torch.ones(4096); optimizer.step()
    >>> w[0].item(), optimizer.state[w]["m"].dtype, optimizer.state[w]["m_scale"].shape
    (-0.5, torch.uint8, torch.Size([16]))
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-4,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        smallest: int = 4096,
        weight_decay: float = 0.0,
    ) -> None:
        defaults = {"lr": lr, "betas": betas, "eps": eps, "smallest": smallest, "weight_decay": weight_decay}
        super().__init__(params, defaults)

    def check(self, options: dict[str, Any]) -> None:
        """Raise BadInput for options out of range."""
        super().check(options)
        for place in range(2):
            require_fraction(f"betas[{place}]", options["betas"][place], zero_allowed=True)
        require_positive("eps", options["eps"], zero_allowed=True)
        require_integer("smallest", options["smallest"], minimum=0)
        require_positive("weight_decay", options["weight_decay"], zero_allowed=True)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take one step; an optional closure computes the loss and its gradients, as in torch."""
        loss = run_closure(closure, self)
        for group in self.param_groups:
            for weight, gradient in self.with_gradients(group):
                self._move(weight, gradient.float(), group)
        return loss

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from where another one stood."""
        super().load_state_dict(state_dict)
        keep_precision(self, state_dict)

    def _move(self, weight: torch.Tensor, gradient: torch.Tensor, group: dict[str, Any]) -> None:
        state: dict[str, Any] = self.state[weight]
        if not state:
            state.update(_nothing(weight, in_full=weight.numel() < group["smallest"]))
        state["step"] += 1
        beta1, beta2 = group["betas"]
        first, second = (_decoded(state, name) for name in SIGNED)
        m, v = (blocks.view(-1)[: weight.numel()].view(weight.shape) for blocks in (first, second))
        m.lerp_(gradient, 1 - beta1)
        v.mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
        denominator = (v.sqrt() / (1 - beta2 ** state["step"]) ** 0.5).add_(group["eps"])
        if group["weight_decay"]:
            weight.mul_(1 - group["lr"] * group["weight_decay"])
        weight.addcdiv_(m, denominator, value=-(group["lr"] / (1 - beta1 ** state["step"])))
        for name, blocks in zip(SIGNED, (first, second), strict=True):
            _encode(state, name, blocks)


def _nothing(weight: torch.Tensor, *, in_full: bool) -> dict[str, Any]:
    """The state before the first step: zeros."""
    if in_full:
        return {"step": 0, **{name: torch.zeros(weight.shape, device=weight.device) for name in SIGNED}}
    blocks = -(-weight.numel() // BLOCK)
    codes = {name: torch.zeros(blocks, BLOCK, dtype=torch.uint8, device=weight.device) for name in SIGNED}
    scales = {f"{name}_scale": torch.zeros(blocks, device=weight.device) for name in SIGNED}
    return {"step": 0, **codes, **scales}


def _decoded(state: dict[str, Any], name: str) -> torch.Tensor:
    """A moment in float32: the state's own if it is small, else a new (blocks, 256)."""
    kept: torch.Tensor = state[name]
    scale = state.get(f"{name}_scale")
    return kept if scale is None else dynamic_code(SIGNED[name], kept.device).decode(kept, scale)


def _encode(state: dict[str, Any], name: str, blocks: torch.Tensor) -> None:
    """Keep a moment; a small one is its state already."""
    if f"{name}_scale" in state:
        code = dynamic_code(SIGNED[name], blocks.device)
        state[name], state[f"{name}_scale"] = code.encode(blocks)
