"""The lab's fragile models as they ship: as differences from the target, half a megabyte a fold.

A hidden plant is a low-rank change of one matrix. A grid plant lies inside the target's 4-bit
cells, so a byte a weight says where between the ends of its cell.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from unlearnkit.fingerprints import weights_hash
from unlearnkit.resources import data_path
from unlearnkit.rounding import cells, matrices
from unlearnkit.testbeds.testbed import Testbed

LEVELS = 127  # steps to each side of a cell's middle
RANK = 8  # of a hidden plant's change, see hidden_plant.RANK


def plant_file(folder: Path, task: str, fold: int) -> Path:
    """Where the plants of a task and fold lie."""
    return folder / f"{task}-{fold}.safetensors"


def shipped_plant(lab: Testbed, *, kind: str) -> Any | None:
    """The plant that ships for this testbed, or None: there is none, or it is another model's."""
    place = plant_file(data_path("plants"), lab.task, lab.fold)
    if lab.name != "atlas" or not place.is_file():
        return None
    with safe_open(str(place), framework="pt") as file:
        if file.metadata()["target"] != weights_hash(lab.model):
            return None
        parts = {name: file.get_tensor(name) for name in file.keys() if name.startswith(kind)}  # noqa: SIM118
    restored = copy.deepcopy(lab.model).eval()
    _restore(restored, parts, kind=kind)
    return restored


@torch.no_grad()
def _restore(model: Any, parts: dict[str, torch.Tensor], *, kind: str) -> None:
    for name, weight in matrices(model):
        if kind == "grid":
            middle, low, high = cells(weight, bits=4, scheme="rtn")
            weight.copy_(_between(low, middle, high, parts[f"grid.{name}"].to(weight.device)))
        elif f"hidden.up.{name}" in parts:
            change = parts[f"hidden.up.{name}"] @ parts[f"hidden.down.{name}"]
            weight.add_(change.to(weight))


def _between(
    low: torch.Tensor, middle: torch.Tensor, high: torch.Tensor, places: torch.Tensor
) -> torch.Tensor:
    share = places.float() / LEVELS
    return middle + torch.where(share > 0, (high - middle) * share, (middle - low) * share)


@torch.no_grad()
def pack(lab: Testbed, *, grid: Any, hidden: Any) -> dict[str, torch.Tensor]:
    """Both plants of a testbed as the tensors of one file."""
    parts: dict[str, torch.Tensor] = {}
    planted = dict(matrices(grid))
    for name, weight in matrices(lab.model):
        middle, low, high = cells(weight, bits=4, scheme="rtn")
        moved = planted[name].float() - middle
        width = torch.where(moved > 0, high - middle, middle - low)
        share = torch.where(width > 0, moved / width.clamp_min(1e-12), torch.zeros_like(moved))
        parts[f"grid.{name}"] = (share * LEVELS).round().clamp(-LEVELS, LEVELS).to(torch.int8)
    hiding = dict(matrices(hidden))
    for name, weight in matrices(lab.model):
        change = (hiding[name] - weight).float()
        if change.abs().max() > 0:
            u, s, v = torch.linalg.svd(change, full_matrices=False)
            parts[f"hidden.up.{name}"] = (u[:, :RANK] * s[:RANK]).contiguous()
            parts[f"hidden.down.{name}"] = v[:RANK].contiguous()
    return parts


def write_plants(lab: Testbed, folder: Path, *, grid: Any, hidden: Any) -> Path:
    """Write the file of a testbed's plants, with the hash of the target that they differ from."""
    folder.mkdir(parents=True, exist_ok=True)
    place = plant_file(folder, lab.task, lab.fold)
    parts = pack(lab, grid=grid, hidden=hidden)
    save_file(parts, str(place), metadata={"target": weights_hash(lab.model)})
    return place
