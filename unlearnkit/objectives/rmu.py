"""RMU: representation misdirection for unlearning.

Li et al., "The WMDP Benchmark" (2403.03218), section 4: with h_l what decoder layer l puts out, u a fixed
random direction and t a token's place,

    L = mean ||h_l(forget, t) - c u||^2 + alpha * mean ||h_l(retain, t) - h_l^reference(retain, t)||^2,

each a mean over a row's places, then over rows, and u = U / ||U||, U uniform on [0, 1) per unit. Only the
layers l-2, l-1 and l are trained. The squares are averaged over the width too, as the authors' code does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812

from unlearnkit.errors import BadInput, require_integer, require_one_of, require_positive
from unlearnkit.losses import NO_TARGET
from unlearnkit.objectives.layers import activations, decoder_layers, mlp_output
from unlearnkit.objectives.objective import Objective, of_reference
from unlearnkit.objectives.retain import RETAIN_TERMS, Batch, RowsOf
from unlearnkit.randomness import generator

REFERENCE_NORMS = "reference_norms"
REFERENCE_ACTIVATIONS = "reference_activations"
POSITIONS = ("targets", "all")
WEIGHTS = ("mlp", "all")
VARIANTS = ("paper", "open_unlearning", "wmdp")
TRAINED_LAYERS = 3


@dataclass(frozen=True, kw_only=True)
class RMU(Objective):
    """Steers what a layer says of forget rows along one random direction; lower means nearer to it.

    At the reference model the retain term and its gradient are 0.

    Parameters
    ----------
    coefficient : float
        c, as a multiple of the reference model's activation norm at that place where `adaptive`, else
        absolute, as in the paper (6.5 for Zephyr-7B; it fits one model and one layer only). At 1 activations
        keep their length; 100 steps of Adam at 3e-3 then forget the lab's topic and keep 93 %.
    adaptive : bool
        Whether c scales with the reference's norm: Adaptive RMU, Huu-Tien et al. (2408.06223).
    layer : int, optional
        l, 0 the first decoder layer; by itself a quarter of the depth, rounded: 8 of 32
        (the paper: 7), 1 of 2.
    weights : {"mlp", "all"}
        What is trained of the layers l-2 to l, so far as there are any: the matrix that each MLP ends with,
        as in the authors' code, or everything.
    positions : {"targets", "all"}
        The places that have a target after them, or all that are not padding (the paper's). The variants of
        known code take places of their own.
    direction_seed : int
        Draws u, once: the same direction for every batch and run.
    variant : {"paper", "open_unlearning", "wmdp"}
        Known code's averages. "open_unlearning" counts the places of the targets themselves and divides each
        row's sum by every row's count (right for one row a batch only); "wmdp" counts padding too, and so
        has no retain="activations" here: what the reference says of padding is not kept.
    retain_weight, retain
        alpha; "activations", the distance above, or see `Objective`.

    Examples
    --------
    >>> RMU().forget_keys, RMU().retain_keys
    (('reference_norms',), ('reference_activations',))
    >>> RMU(coefficient=6.5, adaptive=False, layer=7, positions="all").forget_keys    # the paper's
    ()
    """

    coefficient: float = 1.0
    adaptive: bool = True
    layer: int | None = None
    weights: str = "mlp"
    positions: str = "targets"
    direction_seed: int = 0
    variant: str = "paper"
    retain: str = "activations"

    def __post_init__(self) -> None:
        require_positive("retain_weight", self.retain_weight, zero_allowed=True)
        require_one_of("retain", self.retain, ("activations", *RETAIN_TERMS))
        require_positive("coefficient", self.coefficient)
        if self.layer is not None:
            require_integer("layer", self.layer, minimum=0)
        require_one_of("weights", self.weights, WEIGHTS)
        require_one_of("positions", self.positions, POSITIONS)
        require_integer("direction_seed", self.direction_seed)
        require_one_of("variant", self.variant, VARIANTS)
        self._check_padding_has_a_reference()

    @property
    def forget_keys(self) -> tuple[str, ...]:  # type: ignore[override]
        """Where c is adaptive, the reference's norms."""
        return (REFERENCE_NORMS,) if self.adaptive else ()

    @property
    def retain_keys(self) -> tuple[str, ...]:
        """The reference's activations, or what another retain term needs."""
        if self.retain != "activations" or not self.keeps:
            return super().retain_keys
        return (REFERENCE_ACTIVATIONS,)

    def forget_term(self, model: Any, forget: Batch) -> torch.Tensor:
        """Distance of the forget rows' activations from c u, squared and averaged."""
        mask = self._places(forget)
        there = activations(model, forget, self.steered(model))[mask]
        target = self.coefficient * direction(there.shape[-1], self.direction_seed).to(there)
        if self.adaptive:
            target = of_reference(forget, REFERENCE_NORMS, "RMU").to(there)[:, None] * target
        return _averaged((there - target).square().mean(dim=-1), mask, self.variant)

    def retain_term(self, model: Any, retain: Batch) -> torch.Tensor:
        """Alpha times the kept rows' distance from the reference's activations, squared and averaged."""
        if self.retain != "activations" or not self.keeps:
            return super().retain_term(model, retain)
        before = of_reference(retain, REFERENCE_ACTIVATIONS, "RMU")
        mask = self._places(retain)
        there = activations(model, retain, self.steered(model))[mask]
        distances = (there - before.to(there)).square().mean(dim=-1)
        return self.retain_weight * _averaged(distances, mask, self.variant)

    def forget_reference(self, model: Any, forget: Batch) -> RowsOf:
        """The norm of each place's activations, (positions,) a row, where c is adaptive."""
        if not self.adaptive:
            return {}
        return {REFERENCE_NORMS: [rows.norm(dim=-1) for rows in self._row_activations(model, forget)]}

    def retain_reference(self, model: Any, retain: Batch) -> RowsOf:
        """The activations at each place, (positions, width) a row; or what another retain term needs."""
        if self.retain != "activations":
            return super().retain_reference(model, retain)
        return {REFERENCE_ACTIVATIONS: self._row_activations(model, retain)}

    def trained(self, model: Any) -> list[torch.nn.Parameter]:
        """The layers l-2 to l, so far as there are any: their MLPs' last matrices, or everything."""
        layer = self.steered(model)
        layers = decoder_layers(model)[max(0, layer + 1 - TRAINED_LAYERS) : layer + 1]
        if self.weights == "mlp":
            return [mlp_output(part) for part in layers]
        return [weight for part in layers for weight in part.parameters()]

    def steered(self, model: Any) -> int:
        """The layer l of this model.

        Raises
        ------
        BadInput
            When the model is not that deep.
        """
        depth = len(decoder_layers(model))
        layer = (depth + 2) // 4 if self.layer is None else self.layer
        require_integer("layer", layer, maximum=depth - 1, hint=f"The model has {depth}, the first is 0.")
        return layer

    @torch.no_grad()
    def _row_activations(self, model: Any, batch: Batch) -> list[torch.Tensor]:
        mask = self._places(batch)
        found = activations(model, batch, self.steered(model))[mask]
        return list(found.split(mask.sum(dim=1).tolist()))

    def _places(self, batch: Batch) -> torch.Tensor:
        """The places that count, (batch, length), of bool."""
        if self.variant == "wmdp":
            return torch.ones_like(batch["attention_mask"], dtype=torch.bool)
        if self.variant == "open_unlearning":
            return batch["labels"] != NO_TARGET
        if self.positions == "all":
            return batch["attention_mask"] != 0
        return F.pad(batch["labels"][:, 1:] != NO_TARGET, (0, 1))

    def _check_padding_has_a_reference(self) -> None:
        if self.variant == "wmdp" and (self.adaptive or self.retain == "activations"):
            raise BadInput(
                'variant="wmdp" counts padding, of which nothing is kept of the reference model; it needs '
                'adaptive=False and retain="nll" or "kl"'
            )


def direction(width: int, seed: int) -> torch.Tensor:
    """The direction u that RMU steers along: (width,), of length 1, no part of it below 0.

    Examples
    --------
    >>> u = direction(4, 0)
    >>> bool((u >= 0).all()), round(u.norm().item(), 6)
    (True, 1.0)
    """
    drawn = torch.rand(width, generator=generator(seed, "rmu"))
    unit: torch.Tensor = drawn / drawn.norm()
    return unit


def _averaged(distances: torch.Tensor, mask: torch.Tensor, variant: str) -> torch.Tensor:
    """One number from each place's squared distance, (places,), row after row as `mask` has them.

    A mean of rows' means, as in the paper: so the mean over equal batches is the mean over all rows, however
    they are dealt into batches.
    """
    rows = mask.nonzero()[:, 0]
    sums = distances.new_zeros(len(mask)).index_add(0, rows, distances)
    counts = mask.sum(dim=1).to(sums)
    if variant == "open_unlearning":
        return sums.mean() * (1 / counts).mean()
    return (sums / counts).mean()
