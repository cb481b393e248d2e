"""How far an attack moved the weights, and how many of them unlearning had moved across a bin."""

from __future__ import annotations

import math
from typing import Any

import torch

from unlearnkit.attacks.suite import Attack
from unlearnkit.rounding import codes, matrices
from unlearnkit.testbeds.testbed import Testbed


@torch.no_grad()
def displacement_of(attacked: Any, before: Any, *, attack: Attack, lab: Testbed) -> dict[str, float | None]:
    """What an attack did to the weights.

    Parameters
    ----------
    attacked, before : models
        After the attack and before it: what `run_attacks` yields, and what it was given.
    attack : Attack
    lab : Testbed
        Its `model` is the target that unlearning started from.

    Returns
    -------
    dict
        - "distance_l2", "distance_max": Euclidean norm of the change of all weights together, and the
          largest change of one weight; a tied weight counts once. 0 for prompts.
        - "flip_fraction": for quantization, the share of rounded weights whose bin, under this scheme and
          number of bits, is another in `before` than in the target. Where it is 0, and the steps of the
          grids are the same, rounding gives the target rounded: all that unlearning did is undone
          (2410.16454). None for other attacks.

    Examples
    --------
    >>> import unlearnkit as uk
    >>> lab = uk.load_testbed("atlas", fold=1)
    >>> attack = uk.attacks.parse_attack("quantize-4:nf4")
    >>> rounded = uk.attacks.quantize(lab.model, bits=4, scheme="nf4")
    >>> displacement_of(rounded, lab.model, attack=attack, lab=lab)["flip_fraction"]
    0.0
    """
    squares, largest = 0.0, 0.0
    for new, old in zip(attacked.parameters(), before.parameters(), strict=True):
        change = (new.double() - old.double()).abs()
        squares += change.square().sum().item()
        largest = max(largest, change.max().item())
    flipped = _flipped(before, lab.model, **dict(attack.params)) if attack.name == "quantize" else None
    return {"distance_l2": math.sqrt(squares), "distance_max": largest, "flip_fraction": flipped}


def _flipped(before: Any, target: Any, *, bits: int, scheme: str, skip: tuple[str, ...] = ()) -> float:
    flipped = total = 0
    pairs = zip(matrices(before, skip=skip), matrices(target, skip=skip), strict=True)
    for (_, ours), (_, theirs) in pairs:
        moved = codes(ours, bits=bits, scheme=scheme) != codes(theirs, bits=bits, scheme=scheme)
        flipped += int(moved.sum())
        total += moved.numel()
    return flipped / total if total else 0.0
