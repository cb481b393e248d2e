"""What all zeroth-order rules share: how they look at losses, and how a step goes through the weights.

A step looks first and moves then, tensor by tensor. The gradient is never held: each of its tensors is made
when the rule asks for it, of directions that are drawn again from their seeds. So beside the weights a step
needs the rule's state, what the restore mode keeps, and two tensors of the largest size.
"""

from __future__ import annotations

import warnings
from collections import deque
from collections.abc import Iterable
from typing import Any, ClassVar

import torch

from unlearnkit.errors import BadInput, require_integer, require_one_of, require_positive
from unlearnkit.optim.checked import Checked
from unlearnkit.optim.zeroth_order.directions import HALF, Directions
from unlearnkit.optim.zeroth_order.estimate import Estimate
from unlearnkit.optim.zeroth_order.forward_difference import forward
from unlearnkit.optim.zeroth_order.refined_moments import Closure
from unlearnkit.optim.zeroth_order.resolution import (
    ENOUGH,
    LostInRounding,
    RoundedAway,
    root_mean_square,
)
from unlearnkit.optim.zeroth_order.restore import RESTORES
from unlearnkit.optim.zeroth_order.two_point import central

DIFFERENCES = {"central": central, "forward": forward}
JUDGED = 8  # queries that are judged together: of a single one chance can make the difference small


class ZerothOrder(Checked):
    """An optimizer that looks at losses beside its weights and at no gradient; a rule says how it moves.

    Weights in half precision are looked at and moved in float32 and rounded to nearest; state is float32.
    A small step rounds away all the same: the share is in `last_rounded_away`, and above a half it warns.
    Keep float32 weights, or float32 masters, where that happens.

    Parameters
    ----------
    params : iterable of Tensor or of dict
        A group with "perturb": False is left out: its weights are neither looked along nor moved, and count
        in no d (a layer mask; it may be changed between steps).
    defaults : dict
        The rule's options: "lr" and the rest.
    queries : int
        Directions a step.
    radius : float
        How far each weight is moved to look, in root mean square; the L2 radius is `radius_l2`.
    directions : {"sphere", "gaussian", "rademacher", "unit sphere"}
        See `unlearnkit.optim.Directions`.
    restore : {"copy", "layerwise"}
        "copy" keeps one copy of the weights and writes it back. "layerwise" moves each tensor just before it
        is used, for models that read weights through torch functions, as Hugging Face's do.
    difference : {"central", "forward"}
        Central takes 2 q passes, forward q + 1; see `two_point` and `forward_difference`.
    rank, density : optional
        Look within a subspace only; see `unlearnkit.optim.Directions`.
    keep_directions : bool
        Hold the direction of the current query and the sum so far: two more copies of the weights, and
        no direction is drawn twice. The steps are the same.
    seed : int
        Decides the directions.

    Attributes
    ----------
    last_resolution : float
        Of the last step: how far apart the two losses of a query were, in units in the last place of the
        loss, in root mean square over its queries. Below 100 the step warns, once an optimizer.
    last_rounded_away : float
        Of the last step: the share of half-precision weights that should have moved and did not.
    """

    needs_closure = "loss"
    extra_state: ClassVar[tuple[str, ...]] = ("steps_taken",)

    def __init__(
        self,
        params: Iterable[Any],
        defaults: dict[str, Any],
        *,
        queries: int,
        radius: float,
        directions: str,
        restore: str,
        difference: str,
        rank: int | None,
        density: float | None,
        keep_directions: bool,
        seed: int,
    ) -> None:
        require_integer("queries", queries, minimum=1)
        require_positive("radius", radius)
        require_one_of("restore", restore, RESTORES)
        require_one_of("difference", difference, DIFFERENCES)
        require_one_of("keep_directions", keep_directions, (True, False))
        self.queries, self.radius, self.restore, self.difference = queries, radius, restore, difference
        self.directions = Directions(directions, rank=rank, density=density, seed=seed)
        self.keep_directions, self.seed, self.steps_taken = keep_directions, int(seed), 0
        self.last_resolution, self.last_rounded_away = float("nan"), 0.0
        self._judged: deque[float] = deque(maxlen=max(JUDGED, queries))
        self._warned: set[str] = set()
        super().__init__(params, {"perturb": True, **defaults})

    def check(self, options: dict[str, Any]) -> None:
        """Raise BadInput for a rate or a layer mask that makes no sense."""
        super().check(options)
        require_one_of("perturb", options.get("perturb", True), (True, False))

    def move(
        self, weight: torch.Tensor, g: torch.Tensor, state: dict[str, Any], group: dict[str, Any]
    ) -> None:
        """The rule: move one weight, in place, by the estimate of its gradient."""
        raise NotImplementedError

    @property
    def weights(self) -> list[torch.Tensor]:
        """Every weight that moves, each once, in order."""
        groups = (group["params"] for group in self.param_groups if group.get("perturb", True))
        weights = dict.fromkeys(weight for group in groups for weight in group)
        return [weight for weight in weights if weight.requires_grad]

    @property
    def forward_equivalents(self) -> float:
        """Of a step: its forward passes."""
        return 2.0 * self.queries if self.difference == "central" else self.queries + 1.0

    @property
    def radius_l2(self) -> float:
        """The length of the step that each query looks along: radius * sqrt(weights that move)."""
        moved = sum(weight.numel() for weight in self.weights) * (self.directions.density or 1.0)
        return float(self.radius * moved**0.5)

    def step(self, closure: Closure = None) -> torch.Tensor:  # type: ignore[override]
        """Take one step; the closure returns the loss and calls no backward.

        Returns
        -------
        Tensor, scalar
            The mean loss over the places looked at (central), or that at the weights (forward).
        """
        weights = self.weights
        if not weights:
            raise BadInput(
                f"{type(self).__name__}: no weight moves: all are frozen, or in groups with perturb=False; "
                "give it one that requires a gradient"
            )
        found = self._look(closure, weights)
        self._move_all(weights, found)
        self.steps_taken += 1
        self._judge(found)
        return torch.tensor(found.loss, dtype=torch.float64)

    def _look(self, closure: Closure, weights: list[torch.Tensor]) -> Estimate:
        return DIFFERENCES[self.difference](
            closure, weights, directions=self.directions, queries=self.queries, radius=self.radius,
            step=self.steps_taken, name=type(self).__name__, restore=self.restore, keep=self.keep_directions,
        )  # fmt: skip

    @torch.no_grad()
    def _move_all(self, weights: list[torch.Tensor], found: Estimate) -> None:
        rounded = RoundedAway()
        groups = {weight: group for group in self.param_groups for weight in group["params"]}
        for index, weight in enumerate(weights):
            state, group = self.state[weight], groups[weight]
            if weight.dtype in HALF:
                wide = weight.float()
                self.move(wide, found.of(index), state, group)
                after = wide.to(weight.dtype)
                rounded.add(weight, after, wide != weight)
                weight.copy_(after)
            else:
                self.move(weight, found.of(index), state, group)
        self.last_rounded_away = rounded.share

    def _judge(self, found: Estimate) -> None:
        """Keep how much the losses and the step can tell, and warn where that is little."""
        self.last_resolution = found.resolution
        self._judged.extend(found.differences)
        name, judged = type(self).__name__, root_mean_square(list(self._judged))
        if judged < ENOUGH:
            self._warn(
                "difference",
                f"{name}: at radius {self.radius:g} the two losses of a query differ by {judged:.0f} units "
                f"in the last place, below {ENOUGH}: the slope is mostly rounding. Take a larger radius, or "
                "a loss in a wider dtype",
            )
        if found.rounded_away > 0.5:
            self._warn(
                "look",
                f"{name}: at radius {self.radius:g} {found.rounded_away:.0%} of the half-precision weights "
                "do not move at all when looked beside. Take a larger radius, or float32 weights",
            )
        if self.last_rounded_away > 0.5:
            self._warn(
                "step",
                f"{name}: {self.last_rounded_away:.0%} of the half-precision weights that the step should "
                "move round back to where they were. Take a larger lr, or float32 weights or masters",
            )

    def _warn(self, what: str, message: str) -> None:
        """Warn once, in the name of whoever called `step`."""
        if what not in self._warned:
            self._warned.add(what)
            warnings.warn(message, LostInRounding, stacklevel=5)  # _judge, step, torch's hook, the caller

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from where another one stood; torch would round the state of half-precision weights."""
        super().load_state_dict(state_dict)
        places = [place for group in state_dict["param_groups"] for place in group["params"]]
        for place, weight in zip(places, self._all(), strict=True):
            if weight.dtype in HALF and place in state_dict["state"]:
                saved = state_dict["state"][place]
                self.state[weight] = {
                    name: value.detach().clone().to(weight.device) if torch.is_tensor(value) else value
                    for name, value in saved.items()
                }
