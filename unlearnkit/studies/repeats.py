"""Does calibration pick the same again? The choices of several seeds, side by side."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from unlearnkit.studies.attacked import rate_text, read
from unlearnkit.unlearning.calibration import FINE_STEP

KEPT = ("lr", "steps", "outcome", "nll_forget", "knowmem_retain")


def repeats_of(frontiers: Mapping[str, Any]) -> dict[str, Any]:
    """What each seed's calibration chose: the content of repeats.json.

    Parameters
    ----------
    frontiers : mapping
        What `calibrate` returns.
    """
    choices = [
        {name: pair[name] for name in ("task", "objective", "optimizer", "seed")}
        | {name: pair["choice"][name] for name in KEPT}
        for pair in frontiers["pairs"]
    ]
    return {"schema": 1, "choices": choices}


def grid_steps(rates: Sequence[float]) -> int:
    """How many steps of calibration's finest grid, factors of 10^(1/4), lie between smallest and largest.

    Examples
    --------
    >>> grid_steps([1.8e-4, 3.2e-4, 1.8e-4])
    1
    """
    return round(math.log(max(rates) / min(rates)) / math.log(FINE_STEP))


def repeats_sentences(record: Mapping[str, Any]) -> str:
    """One line for each task and optimizer: the learning rates chosen, and how far apart they lie.

    Raises
    ------
    BadInput
        When a field is missing.

    Examples
    --------
    >>> one = {"task": "topic", "optimizer": "adam", "lr": 1.8e-4, "steps": 100}
    >>> print(repeats_sentences({"choices": [one, {**one, "lr": 3.2e-4, "steps": 70}]}))
    topic task, adam, 2 seeds: 1.8e-4 (1 times), 3.2e-4 (1 times); 1 grid step apart; 70 to 100 steps.
    """
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for place, choice in enumerate(read(record, "repeats", "choices")):
        named = (read(choice, f"repeats: choice {place}", name) for name in ("task", "optimizer"))
        groups.setdefault(tuple(named), []).append(choice)
    return "\n".join(_sentence(task, optimizer, found) for (task, optimizer), found in groups.items())


def _sentence(task: str, optimizer: str, found: Sequence[Mapping[str, Any]]) -> str:
    rates = [float(choice["lr"]) for choice in found]
    counts = ", ".join(f"{rate_text(lr)} ({n} times)" for lr, n in sorted(Counter(rates).items()))
    apart = grid_steps(rates)
    distance = f"{apart} grid step{'' if apart == 1 else 's'} apart"
    steps = [choice["steps"] for choice in found]
    return (
        f"{task} task, {optimizer}, {len(found)} seeds: {counts}; {distance}; "
        f"{min(steps)} to {max(steps)} steps."
    )
