"""Unlearn: take a testbed's model, an objective and an optimizer, and make it forget."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch
from tqdm.auto import tqdm

from unlearnkit import objectives, optim
from unlearnkit.descent import descend
from unlearnkit.errors import BadInput, require_integer, require_one_of, require_positive
from unlearnkit.metrics.references import references
from unlearnkit.metrics.scores import evaluate
from unlearnkit.randomness import fitting_threads, global_stream
from unlearnkit.testbeds.encoding import LOSS_ON, Encoded
from unlearnkit.testbeds.testbed import Testbed
from unlearnkit.unlearning.cost import Cost, displacement
from unlearnkit.unlearning.identity import rows_hash, run_id, weights_hash
from unlearnkit.unlearning.pairs import Pair, paired_batches, reference_sums
from unlearnkit.unlearning.presets import find_preset
from unlearnkit.unlearning.run import History, Run, RunConfig
from unlearnkit.unlearning.status import judge

MAX_GRAD_NORM = 1.0
OnStep = Callable[[int, Any, float], None]


def unlearn(
    lab: Testbed,
    objective: str = "npo",
    *,
    optimizer: str = "adam",
    lr: float | None = None,
    steps: int | None = None,
    batch_size: int | None = None,
    seed: int = 0,
    objective_options: dict[str, Any] | None = None,
    optimizer_options: dict[str, Any] | None = None,
    max_grad_norm: float | None = MAX_GRAD_NORM,
    loss_on: str = "answer",
    progress: bool = True,
    on_step: OnStep | None = None,
) -> Run:
    """Make a copy of the testbed's model forget, and score it.

    Parameters
    ----------
    lab : Testbed
        Its model never changes.
    objective, optimizer : str
        Names from `objectives.catalogue()` and `optim.catalogue()`.
    lr, steps, batch_size : optional
        Where one is not given, it and the objective's options come from the preset of the task,
        objective and optimizer. A batch is this many forget rows and as many retain rows.
    seed : int
        Decides the order of rows (and dropout, where a model has any). With one intra-op thread
        the same seed gives the same weights, to the bit.
    objective_options, optimizer_options : dict, optional
        Further options by name, such as `{"beta": 0.1}`; they go before a preset's.
    max_grad_norm : float or None
        First-order gradients are scaled down to this L2 norm.
    loss_on : {"answer", "row"}
        "row" also takes the loss on the prompt: a known mistake, kept to be shown.
    progress : bool
        Whether to show a bar.
    on_step : callable, optional
        Called as on_step(step, model, loss) after each step; it must not change the model.

    Returns
    -------
    Run

    Raises
    ------
    UnknownName, BadInput
        For a bad argument, before any work.
    NotCalibrated
        When lr, steps or batch_size is left out and no preset says it.

    Examples
    --------
    >>> import unlearnkit as uk
    >>> lab = uk.load_testbed("atlas", fold=1)
    >>> run = uk.unlearn(lab, "npo", optimizer="signadam", steps=2, progress=False)
    >>> run.status
    'not reached'
    """
    config = _config(
        lab, objective, optimizer, lr=lr, steps=steps, batch_size=batch_size, seed=seed,
        objective_options={**(objective_options or {})}, optimizer_options={**(optimizer_options or {})},
        max_grad_norm=max_grad_norm, loss_on=loss_on,
    )  # fmt: skip
    with fitting_threads(lab.model):
        return _run(lab, config, progress=progress, on_step=on_step)


def _run(lab: Testbed, config: RunConfig, *, progress: bool, on_step: OnStep | None) -> Run:
    problem = _prepare(lab, config)
    words = f"{config.optimizer} + {config.objective}"
    bar = tqdm(total=config.steps, desc=words, disable=not progress, leave=False)
    started = time.perf_counter()
    with bar:
        losses = _take_steps(problem, lab, config, bar=bar, on_step=on_step)
    return _finish(problem, lab, config, losses, seconds=time.perf_counter() - started)


@dataclass(frozen=True)
class _Problem:
    """What the steps work on: a float32 copy of the model, its optimizer, loss and rows."""

    model: Any
    objective: objectives.Objective
    optimizer: torch.optim.Optimizer
    forget: list[Encoded]
    retain: list[Encoded]
    id: str


def _config(
    lab: Testbed, objective: str, optimizer: str, *,
    lr: float | None, steps: int | None, batch_size: int | None, **rest: Any,
) -> RunConfig:  # fmt: skip
    """Check every argument and fill in the preset where one is left out."""
    grade = optim.find(optimizer).grade
    objectives.create(objective, **rest["objective_options"])
    chosen: dict[str, Any] = {"lr": lr, "steps": steps, "batch_size": batch_size}
    if None in chosen.values():
        preset = find_preset(lab.task, objective, optimizer)
        chosen = {name: getattr(preset, name) if value is None else value for name, value in chosen.items()}
        rest["objective_options"] = preset.objective_options | rest["objective_options"]
    _check(optimizer, **chosen, **rest)
    # Plain numbers: NumPy's would give the same run another id, and no JSON.
    chosen |= {name: int(chosen[name]) for name in ("steps", "batch_size")} | {"lr": float(chosen["lr"])}
    rest |= {"seed": int(rest["seed"])}
    return RunConfig(
        testbed=lab.name, task=lab.task, fold=lab.fold, objective=objective, optimizer=optimizer,
        grade=grade, **chosen, **rest,
    )  # fmt: skip


def _check(optimizer: str, **given: Any) -> None:
    require_positive("lr", given["lr"])
    require_integer("steps", given["steps"], minimum=1)
    require_integer("batch_size", given["batch_size"], minimum=1)
    require_integer("seed", given["seed"])
    require_one_of("loss_on", given["loss_on"], LOSS_ON)
    if given["max_grad_norm"] is not None:
        require_positive("max_grad_norm", given["max_grad_norm"])
    if "lr" in given["optimizer_options"]:
        raise BadInput("optimizer_options: the learning rate has an argument of its own; give it as lr=…")
    one_weight = [torch.nn.Parameter(torch.zeros(1))]
    optim.create(optimizer, one_weight, lr=given["lr"], **given["optimizer_options"])


def _prepare(lab: Testbed, config: RunConfig) -> _Problem:
    # Steps of 1e-5 vanish in bfloat16, so weights move in float32 whatever they are kept in.
    model = copy.deepcopy(lab.model).float().train()
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    forget = lab.encode(lab.forget, loss_on=config.loss_on)
    retain = lab.encode(lab.retain, loss_on=config.loss_on)
    data = f"{rows_hash(forget)} {rows_hash(retain)}"
    return _Problem(
        model=model,
        objective=objectives.create(config.objective, **config.objective_options),
        optimizer=optim.create(config.optimizer, weights, lr=config.lr, **config.optimizer_options),
        forget=forget,
        retain=retain,
        id=run_id(config.to_dict(), weights=weights_hash(lab.model), data=data),
    )


def _pairs(problem: _Problem, lab: Testbed, config: RunConfig) -> Iterator[Pair]:
    pad_id = lab.tokenizer.pad_token_id
    sums = None
    if problem.objective.needs_reference:
        sums = reference_sums(problem.model, problem.forget, batch_size=config.batch_size, pad_id=pad_id)
    pairs = paired_batches(
        problem.forget,
        problem.retain,
        batch_size=config.batch_size,
        seed=config.seed,
        pad_id=pad_id,
        device=lab.device,
        reference_nll=sums,
    )
    return islice(pairs, config.steps)


def _take_steps(
    problem: _Problem, lab: Testbed, config: RunConfig, *, bar: Any, on_step: OnStep | None
) -> list[float]:
    """Run the loop; a loss that is no number ends it."""
    losses: list[float] = []
    steps = descend(
        problem.optimizer,
        lambda pair: problem.objective(problem.model, *pair),
        _pairs(problem, lab, config),
        max_grad_norm=config.max_grad_norm,
    )
    for step in range(1, config.steps + 1):
        with global_stream(config.seed, "dropout", step):  # a stream a step: on_step may draw, too
            loss = next(steps)
        losses.append(loss)
        bar.update()
        if on_step is not None:
            on_step(step, problem.model, loss)
        if not math.isfinite(loss):
            break
    return losses


def _forward_equivalents(problem: _Problem, config: RunConfig, steps: int) -> float:
    """Steps by the catalogue's price, and half a pass for each batch of reference likelihoods."""
    total = steps * optim.find(config.optimizer).forward_equivalents
    if problem.objective.needs_reference:
        total += 0.5 * math.ceil(len(problem.forget) / config.batch_size)
    return total


def _finish(
    problem: _Problem, lab: Testbed, config: RunConfig, losses: list[float], *, seconds: float
) -> Run:
    model = problem.model.to(lab.model.dtype).eval()
    model.zero_grad(set_to_none=True)
    diverged = not math.isfinite(losses[-1]) or not all(
        bool(weight.isfinite().all()) for weight in model.parameters()
    )
    scores = evaluate(model, lab)
    cost = Cost(
        forward_equivalents=_forward_equivalents(problem, config, len(losses)),
        seconds=seconds,
        **displacement(model, lab.model),
    )
    return Run(
        id=problem.id,
        model=model,
        tokenizer=lab.tokenizer,
        scores=scores,
        status=judge(scores, references(lab), diverged=diverged),
        history=History(tuple(losses)),
        cost=cost,
        config=config,
    )
