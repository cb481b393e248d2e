"""One run seen at several lengths: what it was at each, without running it again."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from unlearnkit.errors import BadInput, require_integer
from unlearnkit.metrics.evaluating import evaluating
from unlearnkit.metrics.forced import teacher_forced
from unlearnkit.metrics.references import references
from unlearnkit.metrics.scores import evaluate_with_answers
from unlearnkit.randomness import fitting_threads
from unlearnkit.testbeds.encoding import encode_rows
from unlearnkit.testbeds.testbed import Testbed
from unlearnkit.unlearning.configure import configure
from unlearnkit.unlearning.cost import Cost, displacement
from unlearnkit.unlearning.problem import Problem, prepare
from unlearnkit.unlearning.run import History, Run
from unlearnkit.unlearning.status import judge


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A run as it stands after `step` steps. It moves on: look at it before asking for the next.

    Attributes
    ----------
    step : int
    losses : tuple of float, the loss before each step so far
    seconds : float, of the steps so far
    """

    step: int
    losses: tuple[float, ...]
    seconds: float
    problem: Problem

    @cached_property
    def model(self) -> Any:
        """The model in the making, in float32 and training mode; not to be changed.

        Where the objective finishes a model, or freezes weights meanwhile: a copy, finished.
        """
        return self.problem.finished_copy() if self.problem.in_the_making else self.problem.model

    @property
    def diverged(self) -> bool:
        """Whether the loss or a weight stopped being a number."""
        finite = all(bool(weight.isfinite().all()) for weight in self.model.parameters())
        return not (finite and math.isfinite(self.losses[-1]))

    def nll_forget(self) -> float:
        """Nats a token over the answers to the forget questions: a run's `nll_forget`, and quick."""
        lab = self.problem.lab
        questions = (*lab.forget_shown.questions, *lab.forget_heldout.questions)
        rows = encode_rows(questions, lab.tokenizer)
        with evaluating(self.model):
            forced = teacher_forced(self.model, rows, pad_id=lab.tokenizer.pad_token_id)
        return sum(row.nll for row in forced) / sum(len(row.hits) for row in forced)

    def to_run(self, *, steps: int | None = None) -> Run:
        """The run that would have ended here, scored, with a model of its own.

        `steps` is how many it was asked for, where it ended sooner because it diverged.
        """
        lab, config = self.problem.lab, replace(self.problem.config, steps=steps or self.step)
        model = self.problem.finished_model()
        scores, answers = evaluate_with_answers(model, lab)
        cost = Cost(
            forward_equivalents=self.problem.forward_equivalents,
            seconds=self.seconds,
            **displacement(model, lab.model),
        )
        return Run(
            id=self.problem.identity(config),
            model=model,
            tokenizer=lab.tokenizer,
            scores=scores,
            status=judge(scores, references(lab), diverged=self.diverged),
            history=History(self.losses),
            cost=cost,
            config=config,
            answers=answers,
        )


def checkpoints(
    lab: Testbed, objective: str = "npo", *, optimizer: str = "adam", at: Sequence[int], **settings: Any
) -> Iterator[Checkpoint]:
    """Run once, to the last of the given steps, and look at the run at each of them.

    At every step it is what `unlearn` with so many steps would have made, to the bit. Whoever has
    seen enough stops asking, and the run ends there.

    Parameters
    ----------
    lab, objective, optimizer
        As for `unlearn`.
    at : sequence of int
        Steps, in any order. An optimizer with a schedule (the hybrid) allows only ends of its cycle.
    **settings
        `lr`, `batch_size`, `seed`, `objective_options`, … as for `unlearn`; not `steps`.

    Yields
    ------
    Checkpoint
        A run that diverges yields its last one at the step at which it does.

    Examples
    --------
    >>> import unlearnkit as uk
    >>> lab = uk.load_testbed("atlas", fold=1)
    >>> seen = checkpoints(lab, optimizer="signadam", at=[1, 2])
    >>> [checkpoint.step for checkpoint in seen]
    [1, 2]
    """
    steps = _steps(at)
    problem = prepare(lab, configure(lab, objective, optimizer, steps=steps[-1], **settings))
    _check_cycle(problem, steps)
    return _walk(problem, set(steps))


def _walk(problem: Problem, steps: set[int]) -> Iterator[Checkpoint]:
    losses: list[float] = []
    seconds = 0.0
    descent = problem.descent()
    for step in range(1, problem.config.steps + 1):
        started = time.perf_counter()
        with fitting_threads(problem.model):
            loss = next(descent)
        losses.append(loss)
        seconds += time.perf_counter() - started
        if step in steps or not math.isfinite(loss):
            yield Checkpoint(step, tuple(losses), seconds, problem)
        if not math.isfinite(loss):
            return


def _steps(at: Sequence[int]) -> list[int]:
    if not at:
        raise BadInput("at: at least one number of steps is needed, none was given; try at=[50, 100]")
    for step in at:
        require_integer("at", step, minimum=1)
    return sorted({int(step) for step in at})


def _check_cycle(problem: Problem, steps: Sequence[int]) -> None:
    cycle = getattr(problem.optimizer, "cycle", 1)
    uneven = [step for step in steps if step % cycle]
    if uneven:
        raise BadInput(
            f"at: {problem.config.optimizer} completes its schedule every {cycle} steps, but {uneven[0]} was "
            f"given; a run that ends elsewhere is another run: use multiples of {cycle}"
        )
