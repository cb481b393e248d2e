"""A gradient found at nearby weights, and handed to a first-order rule.

Sharpness-aware optimizers differ from first order in where they take the gradient, not in what they do with
it. So each has a rule inside, any first-order one of the catalogue, and shares its groups and its state.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch

from unlearnkit.errors import BadInput, require_one_of, require_positive
from unlearnkit.optim.checked import Checked
from unlearnkit.optim.closures import gradients_found, loss_of, term
from unlearnkit.optim.gradient_norm import shortening
from unlearnkit.randomness import global_stream

Closure = Callable[[], Any] | None
ByWeight = dict[torch.Tensor, torch.Tensor]  # a tensor for each weight that has one

ON = ("loss", "forget")


class NearbyGradient(Checked):
    """An optimizer that looks for its gradient around the weights, and steps from the weights themselves.

    The weights are written back from a copy, to the bit: adding and subtracting would leave many of them
    changed in the last bits. Beside the rule's state a step needs that copy and a gradient more than first
    order. `.grad` is left as it was.

    Parameters
    ----------
    params : iterable of Tensor or of dict
        A group may have options of its own, those of the rule inside among them.
    options : dict
        The defaults of the subclass's own options; `lr` among them.
    on : {"loss", "forget"}
        What is looked at nearby: the whole loss; or the forget term alone, with the retain term's gradient
        taken at the weights, as Fan et al. (2502.05374) do. The second needs a closure that tells its
        parts: `unlearnkit.optim.LossClosure`.
    base : str
        The rule that moves the weights: a name of the catalogue that takes gradients.
    base_options : mapping, optional
        The rule's options, apart from its rate.
    max_grad_norm : float or None
        The gradient that is handed on is scaled down to this L2 norm.
    """

    needs_closure = "loss"
    base: torch.optim.Optimizer

    def __init__(
        self,
        params: Iterable[Any],
        options: dict[str, Any],
        *,
        on: str,
        base: str,
        base_options: Mapping[str, Any] | None,
        max_grad_norm: float | None,
    ) -> None:
        require_one_of("on", on, ON)
        if max_grad_norm is not None:
            require_positive("max_grad_norm", max_grad_norm)
        self.on, self.max_grad_norm, self.steps_taken = on, max_grad_norm, 0
        super().__init__(params, options)
        self.base = _rule(base, self.param_groups, options, base_options or {})
        self._share()

    @property
    def looks(self) -> int:
        """How many gradients of the part that is looked at nearby a step takes."""
        return 2

    @property
    def forward_equivalents(self) -> float:
        """Of a step; each of a loss's two terms is half a pass, and a backward pass counts 2."""
        return 3.0 * self.looks if self.on == "loss" else 1.5 * (self.looks + 1)

    @abstractmethod
    def around(self, part: Callable[[], torch.Tensor], kept: ByWeight) -> tuple[torch.Tensor, ByWeight]:
        """The loss and the gradient of `part` around the weights, of which `kept` is a copy.

        Weights may be left anywhere.
        """

    def step(self, closure: Closure = None) -> torch.Tensor:  # type: ignore[override]
        """Take one step; the closure returns the loss and calls no backward.

        Returns the loss: where it was first looked at, the mean over noise if there is some.

        Raises
        ------
        WrongClosure
            When there is no closure, or one that calls backward, or, with on="forget", one that does not
            tell its parts.
        """
        name = type(self).__name__
        if closure is None or self.on == "loss":
            loss, gradient = self._nearby(closure or (lambda: loss_of(None, name)))
        else:
            forget, retain = (term(closure, part, name) for part in ("forget", "retain"))
            loss, gradient = self._nearby(forget)
            here, rest = self.look(retain, "retain")
            loss, gradient = loss + here, added(gradient, rest)
        self._move(gradient)
        self.steps_taken += 1
        return loss

    def look(self, part: Callable[[], torch.Tensor], *stream: str | int) -> tuple[torch.Tensor, ByWeight]:
        """The loss and the gradient of `part` where the weights are; one stream, one dropout."""
        weights = self.weights
        with global_stream(torch.initial_seed(), "dropout", self.steps_taken, *stream):
            loss, found = gradients_found(part, weights, type(self).__name__)
        return loss, {w: g for w, g in zip(weights, found, strict=True) if g is not None}

    @torch.no_grad()
    def _nearby(self, part: Callable[[], torch.Tensor]) -> tuple[torch.Tensor, ByWeight]:
        kept = {weight: weight.detach().clone() for weight in self.weights}
        try:
            return self.around(part, kept)
        finally:
            for weight, copy in kept.items():
                weight.copy_(copy)

    @torch.no_grad()
    def _move(self, gradient: ByWeight) -> None:
        """Hand a gradient, scaled down if it is too long, to the rule inside."""
        shorter = shortening(list(gradient.values()), self.max_grad_norm)
        weights = self._all()
        before = [weight.grad for weight in weights]
        try:
            # Two weights may have been given one gradient in one memory; the rule may write on it.
            for weight in weights:
                weight.grad = gradient.pop(weight) * shorter if weight in gradient else None
            self.base.step()
        finally:
            for weight, grad in zip(weights, before, strict=True):
                weight.grad = grad

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group, to the rule inside as well, which has its own options; see `Checked`."""
        if not hasattr(self, "base"):  # in the making
            super().add_param_group(param_group)
        else:
            group = {**self.defaults, **param_group}
            self.check(group)
            self.base.add_param_group(group)

    def state_dict(self) -> dict[str, Any]:
        """The rule's, and how many steps were taken."""
        return {**self.base.state_dict(), "nearby": {"steps_taken": self.steps_taken}}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from where another one stood."""
        rest = dict(state_dict)
        self.steps_taken = rest.pop("nearby")["steps_taken"]
        self.base.load_state_dict(rest)
        self._share()

    def _share(self) -> None:
        self.param_groups, self.state = self.base.param_groups, self.base.state


def added(one: ByWeight, other: ByWeight) -> ByWeight:
    """The sum of two gradients, either of which may lack a weight; both are used up, one tensor at a time."""
    for w in list(one):
        other[w] = one.pop(w) + other[w] if w in other else one.pop(w)
    return other


def length(tensors: Iterable[torch.Tensor]) -> float:
    """The L2 norm of all of them together, in float32 at least."""
    norms = [torch.linalg.vector_norm(t, dtype=torch.promote_types(t.dtype, torch.float32)) for t in tensors]
    return float(torch.stack([norm.cpu() for norm in norms]).double().norm()) if norms else 0.0


def _rule(
    name: str, groups: list[dict[str, Any]], own: Mapping[str, Any], options: Mapping[str, Any]
) -> torch.optim.Optimizer:
    # It lists the optimizers of this room, too.
    from unlearnkit.optim.catalogue import ENTRIES, create, find

    if find(name).needs_closure:
        rules = ", ".join(entry.name for entry in ENTRIES if not entry.needs_closure)
        raise BadInput(f'base: "{name}" needs losses, but is handed a gradient; give one of: {rules}')
    if not isinstance(options, Mapping):
        raise BadInput(f"base_options: the rule's options by name are needed, not {options!r:.60}")
    if "lr" in options:
        raise BadInput("base_options: the rule takes its rate from lr=…, and schedulers change it there")
    rule = create(name, groups, lr=own["lr"], **options)
    for option in set(own) & set(rule.defaults) - {"lr"}:
        raise BadInput(f'base: "{name}" has a {option} of its own, and a group holds one; give another rule')
    return rule
