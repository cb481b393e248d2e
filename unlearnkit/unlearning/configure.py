"""From what a user says to a complete, checked configuration of a run."""

from __future__ import annotations

from typing import Any

import torch

from unlearnkit import objectives, optim
from unlearnkit.errors import BadInput, require_integer, require_one_of, require_positive
from unlearnkit.testbeds.encoding import LOSS_ON
from unlearnkit.testbeds.testbed import Testbed
from unlearnkit.unlearning.presets import find_preset
from unlearnkit.unlearning.run import RunConfig

MAX_GRAD_NORM = 1.0


def configure(
    lab: Testbed,
    objective: str,
    optimizer: str,
    *,
    lr: float | None = None,
    steps: int | None = None,
    batch_size: int | None = None,
    seed: int = 0,
    objective_options: dict[str, Any] | None = None,
    optimizer_options: dict[str, Any] | None = None,
    max_grad_norm: float | None = MAX_GRAD_NORM,
    loss_on: str = "answer",
) -> RunConfig:
    """Check every argument of `unlearn` and fill in the preset where one is left out.

    Raises
    ------
    UnknownName, BadInput, NotCalibrated
        See `unlearn`.
    """
    grade = optim.find(optimizer).grade
    of_objective, of_optimizer = {**(objective_options or {})}, {**(optimizer_options or {})}
    objectives.create(objective, **of_objective)
    chosen: dict[str, Any] = {"lr": lr, "steps": steps, "batch_size": batch_size}
    if None in chosen.values():
        preset = find_preset(lab.task, objective, optimizer)
        chosen = {name: getattr(preset, name) if value is None else value for name, value in chosen.items()}
        of_objective = preset.objective_options | of_objective
        of_optimizer = preset.optimizer_options | of_optimizer
    rest: dict[str, Any] = {"seed": seed, "max_grad_norm": max_grad_norm, "loss_on": loss_on}
    _check(optimizer, of_optimizer, **chosen, **rest)
    # Plain numbers: NumPy's would give the same run another id, and no JSON.
    chosen |= {name: int(chosen[name]) for name in ("steps", "batch_size")} | {"lr": float(chosen["lr"])}
    return RunConfig(
        testbed=lab.name, task=lab.task, fold=lab.fold, objective=objective, optimizer=optimizer,
        grade=grade, objective_options=of_objective, optimizer_options=of_optimizer,
        **chosen, **(rest | {"seed": int(seed)}),
    )  # fmt: skip


def make_optimizer(config: RunConfig, weights: list[torch.nn.Parameter]) -> torch.optim.Optimizer:
    """The optimizer of a configuration.

    One that draws gets the run's seed, one that owns its gradients the run's limit on them, unless told
    another.
    """
    entry = optim.find(config.optimizer)
    runs_own = {"seed": config.seed, "max_grad_norm": config.max_grad_norm}
    options = {name: value for name, value in runs_own.items() if entry.takes(name)}
    return optim.create(config.optimizer, weights, lr=config.lr, **(options | config.optimizer_options))


def _check(optimizer: str, options: dict[str, Any], **given: Any) -> None:
    require_positive("lr", given["lr"])
    require_integer("steps", given["steps"], minimum=1)
    require_integer("batch_size", given["batch_size"], minimum=1)
    require_integer("seed", given["seed"])
    require_one_of("loss_on", given["loss_on"], LOSS_ON)
    if given["max_grad_norm"] is not None:
        require_positive("max_grad_norm", given["max_grad_norm"])
    if "lr" in options:
        raise BadInput("optimizer_options: the learning rate has an argument of its own; give it as lr=…")
    one_weight = [torch.nn.Parameter(torch.zeros(1))]
    optim.create(optimizer, one_weight, lr=given["lr"], **options)
