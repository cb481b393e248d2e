"""The hybrid of two optimizers, and the controls that share its schedule.

arXiv 2510.00761: from the model before unlearning, N steps of Adam, then N steps of AdaZO;
repeat; end on zeroth order. N = 20 is the paper's example. Whether the optimizers' state is carried
from block to block it does not say as far as is known; here it is, unless it is told to be reset.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import torch

from unlearnkit.errors import BadInput, require_integer, require_one_of, require_positive
from unlearnkit.optim.checked import Checked
from unlearnkit.optim.closures import loss_of
from unlearnkit.optim.hybrid.gradient_step import gradient_step
from unlearnkit.optim.hybrid.parts import Make, find_part, price, require_taken
from unlearnkit.optim.hybrid.schedule import plan
from unlearnkit.optim.zeroth_order.refined_moments import Closure
from unlearnkit.randomness import generator

STATES = ("carried", "reset")


class Hybrid(Checked):
    """Blocks of one optimizer and blocks of another in turn, over the same weights.

    By itself Adam and AdaZO: the paper's hybrid of first and zeroth order. Steps of a block are those of its
    optimizer alone, to the bit.

    Parameters
    ----------
    params : iterable of Tensor or of dict
        A group may have its own `lr` and `second_lr`.
    lr : float
        The first kind's learning rate, and the second's if it is not given one.
    first, second : str, or optimizer class, or callable
        A name of the catalogue, or what makes an optimizer of (groups, lr=…, **options). `second` may be
        "nothing": a block of nothing still sees its batches, so that the first kind sees the same ones.
    first_options, second_options : dict, optional
        Options of either optimizer.
    second_lr : float, optional
        The second kind's learning rate. A torch scheduler moves it by the same factor as `lr`, lr over
        initial_lr; ReduceLROnPlateau, which does not say from where it started, moves `lr` alone.
    zo_lr : float, optional
        `second_lr` by its older name.
    block, second_block : int, optional
        Steps a block of the first kind (20, the paper's N, if nothing is said) and of the second (as many). A
        long second one after a short first one is zeroth order from a warm start.
    period, ratio : int and float, optional
        The same in another way: steps of one block of each kind together (40), and the second kind's share of
        them (0.5, the paper's best), rounded to whole steps.
    ends_on : {"second", "first"}
        Which kind of block comes last. By itself the schedule starts with the other kind; once the
        number of steps is known, `end_at` counts it back from the end.
    state : {"carried", "reset"}
        Whether an optimizer goes on where its last block ended, or begins anew in each block: no moments,
        bias correction and warm-up from their start, random numbers that its blocks before did not have.
        AdaZO without bias correction then starts each block with a kick of lr / sqrt(1 - b2) a weight, ten
        times lr.
    queries, radius : optional
        Handed to parts that look at the loss in other places; their own defaults if not given.
    max_grad_norm : float or None
        First-order gradients are scaled down to this L2 norm, as the unlearning loop does.
    seed : int
        Handed to parts that draw. Two such parts draw alike; give one a seed of its own in its options.

    Attributes
    ----------
    first, second : torch.optim.Optimizer
        The two parts; `second` is None if it is nothing.

    Raises
    ------
    UnknownName, BadInput
        For names and options that do not fit, and for a hybrid as a part of a hybrid.

    Examples
    --------
    >>> import torch
    >>> w = torch.nn.Parameter(torch.tensor([3.0, -4.0]))
    >>> hybrid = Hybrid([w], lr=0.05, first="signum", second="adazo", block=10)
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
        first: str | Make = "adam",
        second: str | Make = "adazo",
        first_options: Mapping[str, Any] | None = None,
        second_options: Mapping[str, Any] | None = None,
        second_lr: float | None = None,
        zo_lr: float | None = None,
        block: int | None = None,
        second_block: int | None = None,
        period: int | None = None,
        ratio: float | None = None,
        ends_on: str = "second",
        state: str = "carried",
        queries: int | None = None,
        radius: float | None = None,
        max_grad_norm: float | None = 1.0,
        seed: int = 0,
    ) -> None:
        require_one_of("state", state, STATES)
        require_integer("seed", seed)
        if max_grad_norm is not None:
            require_positive("max_grad_norm", max_grad_norm)
        self.schedule = plan(
            block=block, second_block=second_block, period=period, ratio=ratio, ends_on=ends_on
        )
        self.resets, self.max_grad_norm, self.seed, self.steps_taken = (
            state == "reset",
            max_grad_norm,
            seed,
            0,
        )
        self._parts = (find_part("first", first, first_options), find_part("second", second, second_options))
        looks = {"queries": queries, "radius": radius}
        self._looks = {name: value for name, value in looks.items() if value is not None}
        require_taken(self._looks, self._parts)
        super().__init__(params, {"lr": lr, "second_lr": _one_of_two(second_lr, zo_lr)})
        self.first, self.second = self._made(True, 0), self._made(False, 0)

    def check(self, options: dict[str, Any]) -> None:
        """Raise BadInput for a rate out of range, and for what a group of a hybrid does not have."""
        super().check(options)
        if options["second_lr"] is not None:
            require_positive("second_lr", options["second_lr"], hint="zo_lr is its older name.")
        known = ("params", "param_names")
        strange = [name for name in options if name not in known and not name.endswith("lr")]
        if strange:
            raise BadInput(
                f"Hybrid: a group of weights has its own lr and second_lr, but {strange[0]!r} was given; "
                "options of a part hold for all weights: give them as first_options or second_options"
            )

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group to both parts, too; see `Checked`."""
        group = dict(param_group)
        if "zo_lr" in group:
            group["second_lr"] = _one_of_two(group.get("second_lr"), group.pop("zo_lr"))
        super().add_param_group(group)
        for part in (getattr(self, "first", None), getattr(self, "second", None)):
            if part is not None:
                part.add_param_group({"params": self.param_groups[-1]["params"]})

    @property
    def ends_on(self) -> str:
        """Which kind of block comes last."""
        return self.schedule.ends_on

    @property
    def cycle(self) -> int:
        """Steps of one block of each kind; after a multiple of it the schedule is complete."""
        return self.schedule.cycle

    @property
    def forward_equivalents(self) -> float:
        """Of a step, on average over a cycle; a backward pass counts 2."""
        first, second = (
            price(made, part) for made, part in zip((self.first, self.second), self._parts, strict=True)
        )
        return (first * self.schedule.first + second * self.schedule.second) / self.cycle

    def end_at(self, steps: int) -> None:
        """Shift the schedule so that after this many steps a whole block of `ends_on` has just ended."""
        require_integer("steps", steps, minimum=0)
        self.schedule = replace(self.schedule, end=steps)

    def in_first(self, step: int) -> bool:
        """Whether a step, counted from 0, is one of the first kind."""
        return self.schedule.in_first(step)

    def step(self, closure: Closure = None) -> torch.Tensor:  # type: ignore[override]
        """Take one step of the block that is on; the closure returns the loss, calls no backward."""
        in_first, number = self.schedule.block(self.steps_taken)
        part = self.first if in_first else self.second
        if self.resets and self.schedule.begins_block(self.steps_taken):
            part = self._made(in_first, number)
        if part is not None:
            self._pass_rates_on(part, in_first)
        loss = self._step_of(part, closure)
        self._put(in_first, part)  # only now: a step that is broken off leaves the state as it was
        self.steps_taken += 1
        return loss

    def _step_of(self, part: torch.optim.Optimizer | None, closure: Closure) -> torch.Tensor:
        if part is None:
            with torch.no_grad():
                return loss_of(closure, "Hybrid")
        if getattr(part, "needs_closure", False) != "loss":
            return gradient_step(part, closure, max_grad_norm=self.max_grad_norm, name="Hybrid")
        spent = getattr(part, "extra_forward_equivalents", 0.0)
        loss: torch.Tensor = part.step(closure)  # type: ignore[assignment]
        self.extra_forward_equivalents += getattr(part, "extra_forward_equivalents", 0.0) - spent
        return loss

    def _pass_rates_on(self, part: torch.optim.Optimizer, in_first: bool) -> None:
        for own, theirs in zip(self.param_groups, part.param_groups, strict=True):
            theirs["lr"] = own["lr"] if in_first else _second_rate(own)

    def _made(self, in_first: bool, number: int) -> torch.optim.Optimizer | None:
        """An optimizer at its beginning, for the block of this number among those of its kind."""
        part = self._parts[0 if in_first else 1]
        if part is None:
            return None
        seed = self.seed if number == 0 else generator(self.seed, "hybrid block", number).initial_seed()
        shared = {"seed": seed, "max_grad_norm": self.max_grad_norm, **self._looks}
        groups = [{"params": group["params"]} for group in self.param_groups]
        own = self.param_groups[0]
        made = part.optimizer(groups, own["lr"] if in_first else _second_rate(own), shared)
        if isinstance(made, Hybrid):
            raise BadInput(
                f"{part.role}: {part.name} is a hybrid itself, whose schedule would never come to its end "
                "here; take one of its parts"
            )
        return made

    def _put(self, in_first: bool, part: torch.optim.Optimizer | None) -> None:
        if in_first:
            self.first = part
        else:
            self.second = part

    def state_dict(self) -> dict[str, Any]:
        """torch's, the place in the schedule, and the state of both parts."""
        parts = {"first": self.first, "second": self.second}
        states = {role: None if part is None else part.state_dict() for role, part in parts.items()}
        return {**super().state_dict(), **states, "steps_taken": self.steps_taken, "end": self.schedule.end}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from where another one stood; raises BadInput if that one was made of other parts."""
        rest = dict(state_dict)
        states = [rest.pop("first"), rest.pop("second")]
        steps_taken, end = rest.pop("steps_taken"), rest.pop("end")
        if (states[1] is None) != (self.second is None):
            raise BadInput("state_dict: one hybrid has a second optimizer and the other one has none")
        super().load_state_dict(rest)
        self.end_at(end)
        self.steps_taken = steps_taken
        if self.resets and steps_taken:  # the optimizer of the block that is on draws from a seed of its own
            in_first, number = self.schedule.block(steps_taken - 1)
            self._put(in_first, self._made(in_first, number))
        for part, state in zip((self.first, self.second), states, strict=True):
            if part is not None:
                part.load_state_dict(state)


def _second_rate(group: dict[str, Any]) -> float:
    """What a group's second kind steps by: a scheduler that moves `lr` moves it by the same factor."""
    if group["second_lr"] is None:
        return float(group["lr"])
    moved = group["lr"] / group["initial_lr"] if "initial_lr" in group else 1.0
    return float(group["second_lr"] * moved)


def _one_of_two(second_lr: float | None, zo_lr: float | None) -> float | None:
    if second_lr is not None and zo_lr is not None:
        raise BadInput(
            f"zo_lr is second_lr by its older name, but zo_lr={zo_lr} and second_lr={second_lr} were given; "
            "give second_lr alone"
        )
    return zo_lr if second_lr is None else second_lr
