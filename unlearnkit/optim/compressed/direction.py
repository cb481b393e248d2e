"""A step along Q(m; N): the direction of any first-order rule, in N bits a coordinate.

Lang et al. 2026 (2510.00761): theta <- theta - lr * Q(m; N), m the descent direction: Adam's, or SGD's
gradient. What is compressed is the direction, in each step anew. The optimizer's state stays in full (for
state in 8 bits see `AdamState8bit`), no error is fed back (for that see `OneBitAdam`), and weights lie on no
grid afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch

from unlearnkit.errors import BadInput, require_integer, require_positive
from unlearnkit.optim.checked import Checked
from unlearnkit.optim.closures import run_closure
from unlearnkit.optim.compressed.quantizer import Quantizer
from unlearnkit.optim.compressed.saved_precision import keep_precision
from unlearnkit.randomness import generator

QUANTIZER = ("bits", "per", "block", "rounding", "scaled")
OWN = ("params", "param_names", "lr", "weight_decay", *QUANTIZER)


class QuantizedDirection(Checked):
    """Step by theta <- theta * (1 - lr * weight_decay) - lr * Q(direction; bits).

    The direction is what the base rule would move by at a rate of 1: the rule is run on zeros that carry the
    weight's gradient, one tensor after another, so beside the rule's own state a step needs memory for the
    largest tensor alone.

    Parameters
    ----------
    params : iterable of Tensor or of dict
        A group may have its own `lr`, `weight_decay`, quantizer, and options of the base rule.
    lr : float
        At one bit without scale, the change of every weight.
    base : str or class
        The rule: a first-order name of the catalogue, or a torch optimizer class whose state is kept weight
        by weight, as torch's own do.
    base_options : dict, optional
        The rule's own options, such as {"betas": (0.9, 0.99)}; neither `lr` nor `weight_decay`.
    bits, per, block, rounding, scaled : as Quantizer's
        At one bit with Adam this is Signum: the denominator is positive, so the second moment drops out.
    weight_decay : float
        Decoupled, and outside of Q. A decay that the base rule has by itself does nothing here.
    seed : int
        For stochastic rounding.

    Raises
    ------
    BadInput
        For options out of range, and for a base that has no direction to compress: one that asks for losses,
        or that keeps count of its steps elsewhere than in its state.

    Examples
    --------
    >>> import torch
    >>> w = torch.nn.Parameter(torch.zeros(3))
    >>> w.grad = torch.tensor([0.7, 0.24, -0.1])
    >>> QuantizedDirection([w], lr=1.0, base="sgd", bits=4).step()
    >>> w.tolist()
    [-0.7, -0.2, 0.1]
    """

    extra_state = ("steps_taken",)

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-4,
        *,
        base: str | Callable[..., torch.optim.Optimizer] = "adam",
        base_options: dict[str, Any] | None = None,
        bits: int = 8,
        per: str = "tensor",
        block: int = 256,
        rounding: str = "nearest",
        scaled: bool | None = None,
        weight_decay: float = 0.0,
        seed: int = 0,
    ) -> None:
        require_integer("seed", seed)
        options = dict(base_options or {})
        self.make_base, self.seed, self.steps_taken = _found(base), seed, 0
        self.base_names = self._try_base(options)
        own = {"lr": lr, "weight_decay": weight_decay, "bits": bits, "per": per, "block": block,
               "rounding": rounding, "scaled": scaled}  # fmt: skip
        super().__init__(params, {**options, **own})

    def check(self, options: dict[str, Any]) -> None:
        """Raise BadInput for a rate, a decay, a quantizer or a base rule's option out of range."""
        super().check(options)
        require_positive("weight_decay", options["weight_decay"], zero_allowed=True)
        _quantizer(options)
        self._try_base(self._passed_on(options))

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take one step; an optional closure computes the loss and its gradients, as in torch."""
        loss = run_closure(closure, self)
        places = {weight: place for place, weight in enumerate(self._all())}
        for group in self.param_groups:
            quantizer = _quantizer(group)
            for weight, gradient in self.with_gradients(group):
                direction = self._direction(weight, gradient, group)
                compressed = quantizer(direction, self._draws(quantizer, weight, places[weight]))
                if group["weight_decay"]:
                    weight.mul_(1 - group["lr"] * group["weight_decay"])
                weight.add_(compressed, alpha=-group["lr"])
        self.steps_taken += 1
        return loss

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from where another one stood."""
        super().load_state_dict(state_dict)
        keep_precision(self, state_dict)

    def _direction(self, weight: torch.Tensor, gradient: torch.Tensor, group: dict[str, Any]) -> torch.Tensor:
        """Where the base rule takes a weight of zeros at a rate of 1, turned around."""
        shadow = torch.zeros_like(weight, requires_grad=False)
        shadow.grad = gradient
        rule = self.make_base([{**self._passed_on(group), "params": [shadow]}], lr=1.0)
        rule.state[shadow] = self.state[weight]
        rule.step()
        return shadow.neg_()

    def _draws(self, quantizer: Quantizer, weight: torch.Tensor, place: int) -> torch.Generator | None:
        if quantizer.rounding == "nearest":
            return None
        return generator(self.seed, "direction", self.steps_taken, place, device=weight.device)

    def _passed_on(self, group: dict[str, Any]) -> dict[str, Any]:
        """What a group says to the base rule; others may keep notes of their own in it."""
        return {name: group[name] for name in self.base_names if name in group}

    def _try_base(self, options: dict[str, Any]) -> tuple[str, ...]:
        """Take a step of the base rule, and say what its options are; BadInput if it has none to compress."""
        own = [name for name in ("lr", "weight_decay") if name in options]
        if own:
            raise BadInput(
                f"base_options: {own[0]} belongs to the step, not to the direction that is compressed; give "
                f"{own[0]} to QuantizedDirection itself"
            )
        tried = torch.zeros(2, 2)
        tried.grad = torch.ones(2, 2)
        try:
            rule = self.make_base([tried], lr=1.0, **options)
            (before,) = ({**group, "params": None} for group in rule.param_groups)
            rule.step()
        except (TypeError, ValueError) as error:
            raise BadInput(f"base: it refuses these options, {options!r}: {error}") from error
        if before != {**rule.param_groups[0], "params": None}:
            raise BadInput(
                "base: it keeps count of its steps in its groups, where they would be forgotten; use a rule "
                "that keeps its state weight by weight, as torch's own do"
            )
        return tuple(name for name in rule.defaults if name not in OWN)


def _found(base: str | Callable[..., torch.optim.Optimizer]) -> Callable[..., torch.optim.Optimizer]:
    needs: str | bool = getattr(base, "needs_closure", False)
    make, grade = base, "first order"
    if isinstance(base, str):
        from unlearnkit.optim.catalogue import find

        entry = find(base)
        make, grade, needs = entry.make, entry.grade, entry.needs_closure
    if needs or not grade.startswith("first order") or not callable(make):
        raise BadInput(
            f"base: {base!r} is no first-order rule, so it has no direction that follows from the gradient "
            'alone; use "adam", "sgd", or a torch optimizer class'
        )
    return make


def _quantizer(options: dict[str, Any]) -> Quantizer:
    return Quantizer(**{name: options[name] for name in QUANTIZER})
