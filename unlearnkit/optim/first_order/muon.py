"""Muon: the momentum of a matrix, orthogonalized; what is no matrix goes by AdamW.

Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks". Both parts are torch's own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch

from unlearnkit.errors import require_fraction, require_integer, require_one_of, require_positive
from unlearnkit.optim.checked import Checked
from unlearnkit.optim.closures import run_closure

ADJUSTMENTS = ("match_rms_adamw", "original")


class Muon(Checked):
    """torch.optim.Muon for matrices and torch.optim.AdamW for everything else, at one rate.

    For a matrix of A rows and B columns with gradient G: M <- momentum * M + (1 - momentum) * G; the matrix
    moves against the orthogonal factor of (1 - momentum) * G + momentum * M (Nesterov; else of M), to which
    five Newton-Schulz iterations in bfloat16 come near: all singular values become about 1.

    A tensor does not tell whether it is a hidden matrix or an embedding, and Muon is meant for hidden ones.
    Put embeddings and the output layer into a group of their own and say so:

    >>> def groups(model):
    ...     outer = [w for name, w in model.named_parameters() if "embed" in name or "lm_head" in name]
    ...     inner = [w for w in model.parameters() if all(w is not other for other in outer)]
    ...     return [{"params": inner}, {"params": outer, "muon": False}]

    With `model.parameters()` alone, embeddings are matrices like any other.

    Parameters
    ----------
    params : iterable of Tensor or of dict
        A group may have "muon": False; AdamW then moves all of it.
    lr : float
        Of both parts.
    muon : bool
        Whether a group's matrices go by Muon.
    momentum : float in [0, 1)
    nesterov : bool
    iterations : int
        Of Newton and Schulz; torch's `ns_steps`.
    adjust_lr_fn : {"match_rms_adamw", "original"}
        How the rate depends on a matrix's shape. "match_rms_adamw": times 0.2 sqrt(max(A, B)), with which its
        weights move about as far as AdamW's do, so that one rate serves both (Liu et al. 2025, 2502.16982).
        "original", torch's default: times sqrt(max(1, A / B)); its rates are about a hundred times AdamW's.
    betas, eps : AdamW's
    weight_decay : float
        Decoupled, in both parts; 0 here, so that grades differ in their steps alone, while torch's own
        defaults are 0.1 for Muon and 0.01 for AdamW.

    Examples
    --------
    >>> import torch
    >>> matrix, bias = torch.nn.Parameter(torch.zeros(2, 2)), torch.nn.Parameter(torch.zeros(2))
    >>> muon = Muon([matrix, bias], lr=0.1)
    >>> matrix.grad, bias.grad = torch.tensor([[3.0, 0.0], [0.0, 0.01]]), torch.tensor([5.0, -0.1])
    >>> muon.step()
    >>> bias.tolist()
    [-0.1, 0.1]
    >>> sorted(muon.state[matrix]), sorted(muon.state[bias])
    (['momentum_buffer'], ['exp_avg', 'exp_avg_sq', 'step'])
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-4,
        *,
        muon: bool = True,
        momentum: float = 0.95,
        nesterov: bool = True,
        iterations: int = 5,
        adjust_lr_fn: str = "match_rms_adamw",
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        defaults = {"lr": lr, "muon": muon, "momentum": momentum, "nesterov": nesterov,
                    "iterations": iterations, "adjust_lr_fn": adjust_lr_fn, "betas": betas, "eps": eps,
                    "weight_decay": weight_decay}  # fmt: skip
        super().__init__(params, defaults)

    def check(self, options: dict[str, Any]) -> None:
        """Raise BadInput for options out of range."""
        super().check(options)
        for name in ("muon", "nesterov"):
            require_one_of(name, options[name], (True, False))
        require_fraction("momentum", options["momentum"], zero_allowed=True)
        require_integer("iterations", options["iterations"], minimum=1, maximum=99)
        require_one_of("adjust_lr_fn", options["adjust_lr_fn"], ADJUSTMENTS)
        for place in range(2):
            require_fraction(f"betas[{place}]", options["betas"][place], zero_allowed=True)
        require_positive("eps", options["eps"], zero_allowed=True)
        require_positive("weight_decay", options["weight_decay"], zero_allowed=True)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take one step; an optional closure computes the loss and its gradients, as in torch."""
        loss = run_closure(closure, self)
        for group in self.param_groups:
            moving = [weight for weight, _ in self.with_gradients(group)]
            matrices = [weight for weight in moving if group["muon"] and weight.dim() == 2]
            others = [weight for weight in moving if not (group["muon"] and weight.dim() == 2)]
            shared = {"lr": group["lr"], "weight_decay": group["weight_decay"]}
            if matrices:
                self._take(_muon(matrices, group, shared))
            if others:
                self._take(torch.optim.AdamW(others, betas=group["betas"], eps=group["eps"], **shared))
        return loss

    def _take(self, part: torch.optim.Optimizer) -> None:
        """One step of a part, made anew from the group's options as they are now, on our own state."""
        part.state = self.state
        part.step()


def _muon(
    matrices: list[torch.Tensor], group: dict[str, Any], shared: dict[str, Any]
) -> torch.optim.Optimizer:
    return torch.optim.Muon(
        matrices, momentum=group["momentum"], nesterov=group["nesterov"], ns_steps=group["iterations"],
        adjust_lr_fn=group["adjust_lr_fn"], **shared,
    )  # fmt: skip
