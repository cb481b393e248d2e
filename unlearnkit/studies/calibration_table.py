"""A calibration as a table that a terminal can show."""

from __future__ import annotations

from typing import Any

HEAD = (
    "task", "objective", "optimizer", "lr", "steps", "outcome", "nll", "knows", "keeps", "cost", "distance",
    "tried",
)  # fmt: skip
OBJECTIVE = HEAD.index("objective")


def calibration_table(frontiers: dict[str, Any]) -> str:
    """The choice of each pair, and the control's depth that it was to reach.

    The objective is named where there is more than one.
    """
    rows = [HEAD, *(_row(pair) for pair in frontiers["pairs"])]
    if len({pair["objective"] for pair in frontiers["pairs"]}) == 1:
        rows = [row[:OBJECTIVE] + row[OBJECTIVE + 1 :] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    levels = {pair["task"]: pair["never_learned"]["nll_forget"] for pair in frontiers["pairs"]}
    aims = ", ".join(f"{task} {level:.2f}" for task, level in sorted(levels.items()))
    return "\n".join([*(line.rstrip() for line in lines), "", f"never_learned's nll: {aims}. {LEGEND}"])


LEGEND = (
    "knows: shown / held out. cost: forward-equivalents (a forward pass 1, a backward pass 2). distance: L2. "
    "tried: learning rates followed."
)


def _row(pair: dict[str, Any]) -> tuple[str, ...]:
    choice = pair["choice"]
    return (
        pair["task"],
        pair["objective"],
        pair["optimizer"] + (f" (seed {pair['seed']})" if pair["seed"] else ""),
        f"{choice['lr']:g}",
        str(choice["steps"]),
        choice["outcome"],
        f"{choice['nll_forget']:.2f}",
        f"{choice['knowmem_forget_shown']:.2f}/{choice['knowmem_forget_heldout']:.2f}",
        f"{choice['knowmem_retain']:.2f}",
        f"{choice['forward_equivalents']:.0f}",
        f"{choice['distance_l2']:.1f}",
        str(len(pair["lines"])),
    )
