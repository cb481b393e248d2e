"""The hybrid of first and zeroth order, and the controls that share its schedule.

arXiv 2510.00761: from the model before unlearning, N steps of Adam, then N steps of AdaZO;
repeat; end on zeroth order. N = 20 is the paper's example. Whether the optimizers' state is carried
from block to block it does not say as far as is known; here it is.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

import torch

from unlearnkit.errors import require_integer, require_one_of, require_positive
from unlearnkit.optim.checked import Checked
from unlearnkit.optim.closures import calls_backward, loss_of
from unlearnkit.optim.controls import NoiseMatched, RandomWalk
from unlearnkit.optim.first_order import Adam
from unlearnkit.optim.zeroth_order.adazo import AdaZO
from unlearnkit.optim.zeroth_order.refined_moments import Closure

SECONDS = ("zeroth order", "matched noise", "random walk", "nothing")
ENDS = ("second", "first")


class _Stepper(Protocol):
    param_groups: list[dict[str, Any]]

    def state_dict(self) -> dict[str, Any]: ...
    def load_state_dict(self, state_dict: dict[str, Any]) -> None: ...


class Hybrid(Checked):
    """Blocks of Adam and blocks of AdaZO in turn.

    Parameters
    ----------
    params : iterable of Tensor or of dict
    lr : float
        Adam's learning rate.
    zo_lr : float, optional
        The second block's; `lr` if not given.
    block : int
        Steps a block (the paper's N).
    second_block : int, optional
        Steps a block of the second kind; `block` if not given. A long one after a short first block is zeroth
        order from a warm start.
    second : {"zeroth order", "matched noise", "random walk", "nothing"}
        What the second kind of block does: AdaZO, or one of its controls: first order with its noise, steps
        of its size that know nothing of the loss, no steps at all. A block of nothing still sees its
        batches, so that the first-order blocks see the same ones.
    ends_on : {"second", "first"}
        Which kind of block comes last. By itself the schedule starts with the other kind; once the
        number of steps is known, `end_at` counts it back from the end.
    queries, radius, seed : as AdaZO's
    max_grad_norm : float or None
        First-order gradients are scaled down to this L2 norm, as the unlearning loop does.

    Examples
    --------
    >>> import torch
    >>> w = torch.nn.Parameter(torch.tensor([3.0, -4.0]))
    >>> hybrid = Hybrid([w], lr=0.05, block=10)
    >>> for _ in range(200): loss = hybrid.step(lambda: w.square().sum())
    >>> bool(w.abs().max() < 0.5)
    True
    """

    needs_closure = "loss"

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-4,
        *,
        zo_lr: float | None = None,
        block: int = 20,
        second_block: int | None = None,
        second: str = "zeroth order",
        ends_on: str = "second",
        queries: int = 4,
        radius: float = 1e-3,
        max_grad_norm: float | None = 1.0,
        seed: int = 0,
    ) -> None:
        second_block = block if second_block is None else second_block
        require_integer("block", block, minimum=1)
        require_integer("second_block", second_block, minimum=1)
        require_one_of("second", second, SECONDS)
        require_one_of("ends_on", ends_on, ENDS)
        if max_grad_norm is not None:
            require_positive("max_grad_norm", max_grad_norm)
        self.blocks = (block, second_block) if ends_on == "second" else (second_block, block)
        self.ends_on, self.max_grad_norm = ends_on, max_grad_norm
        self.steps_taken, self.end = 0, 0
        super().__init__(params, {"lr": lr, "zo_lr": lr if zo_lr is None else zo_lr})
        places = [{"params": group["params"]} for group in self.param_groups]
        self.first = Adam([dict(place) for place in places], lr=lr)
        self.second: _Stepper | None = _second(
            second, places, lr=self.param_groups[0]["zo_lr"], queries=queries, radius=radius, seed=seed
        )

    def check(self, options: dict[str, Any]) -> None:
        """Raise BadInput for a rate out of range."""
        super().check(options)
        require_positive("zo_lr", options["zo_lr"])

    @property
    def cycle(self) -> int:
        """Steps of one block of each kind; after a multiple of it the schedule is complete."""
        return sum(self.blocks)

    @property
    def forward_equivalents(self) -> float:
        """Of a step, on average over a cycle; a backward pass counts 2."""
        second = self.blocks[1] if self.ends_on == "second" else self.blocks[0]
        price = {AdaZO: 2 * getattr(self.second, "queries", 0), type(None): 1}.get(type(self.second), 3)
        return (3 * (self.cycle - second) + price * second) / self.cycle

    def end_at(self, steps: int) -> None:
        """Shift the schedule so that after this many steps a whole block of `ends_on` has just ended."""
        self.end = steps

    def in_first(self, step: int) -> bool:
        """Whether a step, counted from 0, is one of Adam's."""
        last = self.end or self.cycle
        early, late = self._fitting_blocks(last)
        begins = last % (early + late)  # steps before the first whole cycle lengthen its first block
        in_late = step >= begins and (step - begins) % (early + late) >= early
        return in_late == (self.ends_on == "first")

    def _fitting_blocks(self, last: int) -> tuple[int, int]:
        """The blocks of a cycle in their order; a run shorter than a cycle gets shorter ones."""
        if last >= self.cycle:
            return self.blocks
        early = max(1, last * self.blocks[0] // self.cycle) if last > 1 else 0
        return early, last - early

    def step(self, closure: Closure = None) -> torch.Tensor:  # type: ignore[override]
        """Take one step of the block that is on; the closure returns the loss, calls no backward."""
        first = self.in_first(self.steps_taken)
        stepper = self.first if first else self.second
        self._pass_rates_on()
        if isinstance(stepper, AdaZO):
            loss = stepper.step(closure)
        elif stepper is None:
            with torch.no_grad():
                loss = loss_of(closure, "Hybrid")
        else:
            loss = self._first_order(closure, stepper)
        self.steps_taken += 1
        return loss

    def _first_order(self, closure: Closure, stepper: Any) -> torch.Tensor:
        self.zero_grad(set_to_none=True)
        with torch.enable_grad():
            loss = loss_of(closure, "Hybrid")
            weights = [weight for group in self.param_groups for weight in group["params"]]
            if any(weight.grad is not None for weight in weights):
                self.zero_grad(set_to_none=True)
                raise calls_backward("Hybrid")
            loss.backward()
        if self.max_grad_norm is not None:
            torch.nn.utils.clip_grad_norm_(weights, self.max_grad_norm)
        stepper.step()
        self.zero_grad(set_to_none=True)
        return loss.detach()

    def _pass_rates_on(self) -> None:
        """Both parts take their rates from the groups: `lr`, which schedulers move, and `zo_lr`."""
        for own, first in zip(self.param_groups, self.first.param_groups, strict=True):
            first["lr"] = own["lr"]
        for own, second in zip(
            self.param_groups, self.second.param_groups if self.second else [], strict=False
        ):
            second["lr"] = own["zo_lr"]

    def state_dict(self) -> dict[str, Any]:
        """torch's, the place in the schedule, and the state of both parts."""
        parts = {"first": self.first.state_dict(), "second": self.second and self.second.state_dict()}
        return {**super().state_dict(), **parts, "steps_taken": self.steps_taken, "end": self.end}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from where another one stood."""
        rest = dict(state_dict)
        self.first.load_state_dict(rest.pop("first"))
        second = rest.pop("second")
        if self.second is not None:
            self.second.load_state_dict(second)
        self.steps_taken, self.end = rest.pop("steps_taken"), rest.pop("end")
        super().load_state_dict(rest)


def _second(
    kind: str, places: list[dict[str, Any]], *, lr: float, queries: int, radius: float, seed: int
) -> _Stepper | None:
    groups = [dict(place) for place in places]
    if kind == "zeroth order":
        return AdaZO(groups, lr=lr, queries=queries, radius=radius, seed=seed)
    if kind == "matched noise":
        return NoiseMatched(groups, lr=lr, queries=queries, seed=seed)
    return RandomWalk(groups, lr=lr, seed=seed) if kind == "random walk" else None
