"""Unlearn: take a testbed's model, an objective and an optimizer, and make it forget."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from tqdm.auto import tqdm

from unlearnkit.randomness import fitting_threads
from unlearnkit.testbeds.testbed import Testbed
from unlearnkit.unlearning.checkpoints import Checkpoint
from unlearnkit.unlearning.configure import MAX_GRAD_NORM, configure
from unlearnkit.unlearning.problem import Problem, prepare
from unlearnkit.unlearning.run import Run

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
        Called as on_step(step, model, loss) after each step; it must not change the model, which is the one
        in the making also where the objective finishes it (task vector).

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
    config = configure(
        lab, objective, optimizer, lr=lr, steps=steps, batch_size=batch_size, seed=seed,
        objective_options=objective_options, optimizer_options=optimizer_options,
        max_grad_norm=max_grad_norm, loss_on=loss_on,
    )  # fmt: skip
    problem = prepare(lab, config)
    started = time.perf_counter()
    with fitting_threads(lab.model):
        losses = take_steps(problem, progress=progress, on_step=on_step)
        last = Checkpoint(len(losses), tuple(losses), time.perf_counter() - started, problem)
        return last.to_run(steps=config.steps)


def take_steps(problem: Problem, *, progress: bool, on_step: OnStep | None = None) -> list[float]:
    """Take the steps of a problem, under a bar; the loss before each."""
    losses: list[float] = []
    words = f"{problem.config.optimizer} + {problem.config.objective}"
    with tqdm(total=problem.config.steps, desc=words, disable=not progress, leave=False) as bar:
        for step, loss in enumerate(problem.descent(), start=1):
            losses.append(loss)
            bar.update()
            if on_step is not None:
                on_step(step, problem.model, loss)
    return losses
