"""Float32 masters: a half-precision model whose weights move in float32.

A weight of 1.0 in bfloat16 has its neighbours 0.0039 below and 0.0078 above: steps of 1e-5 round back to
where they were, however many are taken (Micikevicius et al. 2018, "Mixed Precision Training", 1710.03740,
section 3.1). So each weight has a master in float32 that takes the steps, and the model has it rounded.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import Any

import torch

from unlearnkit.errors import BadInput, WrongClosure
from unlearnkit.optim.checked import Checked
from unlearnkit.optim.closures import LossClosure, run_closure
from unlearnkit.optim.substitution import Substituted

HALF = (torch.bfloat16, torch.float16)
PARTS = ("forget", "retain", "sampled")
Closure = Callable[[], Any] | None


class MasterWeights(Checked):
    """Any optimizer over a half-precision model: it moves float32 masters, the model gets them rounded.

    An optimizer of gradients finds the gradients of the model, in float32, at the masters. One of losses is
    handed a closure in which the model reads each weight as `master.to(weight.dtype)`: what it writes into
    the masters is seen, and its gradients reach them. Weights of float32 have no master and move themselves.

    Parameters
    ----------
    params : iterable of Tensor or of dict
        The model's, in bfloat16, float16 or both.
    make : callable
        Groups of masters to the optimizer that moves them: a class with its options, or
        `functools.partial(unlearnkit.optim.create, "adazo", lr=1e-4)`.

    Attributes
    ----------
    inner : torch.optim.Optimizer
        What `make` made; rates and other options are taken from this optimizer's own `param_groups`.
    masters : dict of Tensor to Tensor
        The float32 master of each half-precision weight.
    needs_closure : as the inner one's
    moved_fraction : float in [0, 1]
        The share of half-precision weights whose rounded value changed in the last step; NaN before the
        first. The other steps are kept in the masters, and add up there.

    Raises
    ------
    BadInput
        When `make` does not give an optimizer.
    WrongClosure
        When a closure that says the loss reads none of the weights through torch functions: a compiled
        model, for one.

    Notes
    -----
    Masters cost 4 bytes a weight, the inner state what it costs in float32. A weight that somebody else
    writes between steps (a checkpoint, an attack) is taken as it is: its master follows. Under gradient
    checkpointing an optimizer of losses that moves weights to look (SAM) recomputes at the wrong place;
    switch one of the two off.

    Examples
    --------
    >>> import torch
    >>> w = torch.nn.Parameter(torch.ones(2, dtype=torch.bfloat16))
    >>> masters = MasterWeights([w], lambda groups: torch.optim.SGD(groups, lr=1e-5))
    >>> for _ in range(500):
    ...     w.grad = torch.ones_like(w)
    ...     masters.step()
    >>> w.tolist(), round(masters.masters[w][0].item(), 4)
    ([0.99609375, 0.99609375], 0.995)
    """

    inner: torch.optim.Optimizer | None = None

    def __init__(self, params: Iterable[Any], make: Callable[[list[dict[str, Any]]], Any]) -> None:
        self.masters: dict[torch.Tensor, torch.Tensor] = {}
        self.moved_fraction = math.nan
        super().__init__(params, {})
        self.inner = make([self._with_masters(group) for group in self.param_groups])
        if not isinstance(self.inner, torch.optim.Optimizer):
            raise BadInput(
                "make: it must return a torch optimizer over the groups that it is given, but returned a "
                f"{type(self.inner).__name__}; try functools.partial(unlearnkit.optim.create, NAME, lr=…)"
            )
        self.needs_closure = getattr(self.inner, "needs_closure", False)  # type: ignore[misc]
        self.defaults = dict(self.inner.defaults)
        self._take_options()

    def check(self, options: dict[str, Any]) -> None:
        """Nothing: the inner optimizer checks its own options."""

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group, and its masters to the inner optimizer."""
        super().add_param_group(param_group)
        group = self.param_groups[-1]
        for weight in group["params"]:
            if weight.dtype in HALF:
                self.masters[weight] = weight.detach().float().requires_grad_(weight.requires_grad)
        if self.inner is not None:
            self.inner.add_param_group(self._with_masters(group))
            self._take_options()

    @property
    def forward_equivalents(self) -> float:
        """Of a step: the inner one's; 3, a pass and its backward, where it does not say."""
        return float(getattr(self.inner, "forward_equivalents", 3.0))

    def step(self, closure: Closure = None) -> Any:
        """Take the inner optimizer's step, of the kind that `needs_closure` says, and round the masters.

        Returns
        -------
        The loss, as the inner optimizer or the closure tells it.
        """
        if self.needs_closure == "loss":
            self._follow()
            self._pass_options()
            result = self._inner.step(self._at_masters(closure))
        else:
            result = run_closure(closure, self)
            self._follow()
            self._pass_options()
            self._first_order()
        self._take_options()
        self.extra_forward_equivalents = getattr(self.inner, "extra_forward_equivalents", 0.0)
        self._round()
        return result

    def _first_order(self) -> None:
        """The inner step on the model's gradients, which stay where they are."""
        try:
            for weight, master in self.masters.items():
                master.grad = None if weight.grad is None else weight.grad.float()
            self._inner.step()
        finally:
            for master in self.masters.values():
                master.grad = None

    def _at_masters(self, closure: Closure) -> Closure:
        """The closure, with all its parts, at the rounded masters."""
        if closure is None:
            return None
        if not isinstance(closure, LossClosure):
            return partial(self._read, closure)
        parts = {name: getattr(closure, name) for name in PARTS}
        found = {name: partial(self._read, part) for name, part in parts.items() if part is not None}
        return replace(closure, loss=partial(self._read, closure.loss), **found)

    def _read(self, part: Callable[..., Any], *arguments: Any) -> Any:
        values = {weight: partial(master.to, weight.dtype) for weight, master in self.masters.items()}
        with Substituted(values) as mode:
            result = part(*arguments)
        if self.masters and not mode.met:
            raise WrongClosure(
                "MasterWeights: the closure asked for none of the weights through torch's functions, so the "
                "masters would move without being looked at; is the model compiled? Give the plain one"
            )
        return result

    @torch.no_grad()
    def _follow(self) -> None:
        """Take over what somebody else wrote into the model since the last step."""
        for weight, master in self.masters.items():
            changed = weight != master.to(weight.dtype)
            if changed.any():
                master.copy_(torch.where(changed, weight.float(), master))

    @torch.no_grad()
    def _round(self) -> None:
        """Write the rounded masters into the model, and see how many weights that moves."""
        moved = total = 0
        for weight, master in self.masters.items():
            rounded = master.to(weight.dtype)
            moved += int((rounded != weight).sum())
            total += weight.numel()
            weight.copy_(rounded)
        self.moved_fraction = moved / total if total else math.nan

    @property
    def _inner(self) -> torch.optim.Optimizer:
        if self.inner is None:  # while it is being made
            raise RuntimeError("MasterWeights: there is no inner optimizer yet")
        return self.inner

    def _with_masters(self, group: dict[str, Any]) -> dict[str, Any]:
        return {**group, "params": [self.masters.get(weight, weight) for weight in group["params"]]}

    def _pass_options(self) -> None:
        """Rates and other options are this optimizer's, which schedulers act on."""
        for own, inner in zip(self.param_groups, self._inner.param_groups, strict=True):
            inner.update({name: value for name, value in own.items() if name != "params"})

    def _take_options(self) -> None:
        for own, inner in zip(self.param_groups, self._inner.param_groups, strict=True):
            own.update({name: value for name, value in inner.items() if name != "params"})

    def state_dict(self) -> dict[str, Any]:
        """torch's, the masters in the order of the weights, and the inner optimizer's.

        The masters are the truth: the model's weights are only their rounded values.
        """
        parts = {"masters": list(self.masters.values()), "inner": self._inner.state_dict()}
        return {**super().state_dict(), **parts, "moved_fraction": self.moved_fraction}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from where another one stood; the model's weights are loaded with the model.

        Raises
        ------
        BadInput
            When the masters are not as many, or not of the shapes, as here; nothing has changed then.
        """
        rest = dict(state_dict)
        saved, own = rest.pop("masters"), list(self.masters.values())
        if [tuple(master.shape) for master in saved] != [tuple(master.shape) for master in own]:
            raise BadInput(
                f"state_dict: it has {len(saved)} masters of other shapes or number than the {len(own)} "
                "half-precision weights here; load it into an optimizer over the same model"
            )
        inner, self.moved_fraction = rest.pop("inner"), rest.pop("moved_fraction")
        super().load_state_dict(rest)
        self._inner.load_state_dict(inner)
        with torch.no_grad():
            for master, loaded in zip(own, saved, strict=True):
                master.copy_(loaded)
