"""A run in a thread that can be watched, paused and cancelled; what it makes is what `unlearn` makes."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from threading import Event
from typing import Any

from unlearnkit.errors import require_integer
from unlearnkit.metrics import answer, generate_answers
from unlearnkit.randomness import draws_in_training, fitting_threads, generator, leave_global_state
from unlearnkit.testbeds.rows import Question
from unlearnkit.testbeds.testbed import Testbed
from unlearnkit.unlearning import Run, unlearn
from unlearnkit.unlearning.configure import configure

RETAIN_ASKED = 60  # of a thousand and more: enough to see retention fall, few enough to ask often
LOOKS = 20  # how often a run is looked at, unless told


@dataclass(frozen=True)
class Look:
    """What the model knew after so many steps.

    Attributes
    ----------
    step : int
    shown, heldout, retain : float
        Share of open-class questions answered right, 0 to 1; of retain, of a fixed sample.
    nll_forget : float
        Nats a token over the answers to all forget questions.
    answers : tuple of str
        The greedy answers to the sampled questions.
    """

    step: int
    shown: float
    heldout: float
    retain: float
    nll_forget: float
    answers: tuple[str, ...]


class _Cancelled(BaseException):
    """Leaves `unlearn` between two steps; no error, so nothing on the way may catch it as one."""


class LiveRun:
    """One run, step by step, with looks at the model in between; looking changes nothing.

    Parameters
    ----------
    lab : Testbed
    objective : str
    every : int, optional
        Steps between looks; by default a twentieth of the run.
    questions : int
        How many questions are sampled: two thirds from what must be forgotten, one from what must be kept.
    **settings
        As for `unlearn`: optimizer, lr, steps, batch_size, seed, …

    Attributes
    ----------
    losses : list of float
        The loss before each step so far.
    looks : list of Look
    sample : tuple of Question
        Chosen by the run's seed.
    control : Look or None
        never_learned, once the run has begun.
    draws : bool
        Whether the model has dropout or the like. It then draws from torch's global generators, so nobody
        else should while it runs.
    run : Run or None
        The finished run.

    Raises
    ------
    UnknownName, BadInput, NotCalibrated
        As `unlearn`, before any work.
    """

    def __init__(
        self,
        lab: Testbed,
        objective: str = "npo",
        *,
        every: int | None = None,
        questions: int = 6,
        **settings: Any,
    ) -> None:
        self.config = configure(lab, objective, settings.pop("optimizer", "adam"), **settings)
        every = max(1, self.config.steps // LOOKS) if every is None else every
        require_integer("every", every, minimum=1)
        require_integer("questions", questions, minimum=0)
        self.lab, self.every = lab, int(every)
        self.losses: list[float] = []
        self.looks: list[Look] = []
        self.run: Run | None = None
        self.control: Look | None = None
        self.draws = draws_in_training(lab.model)
        self.sample = self._sampled(questions)
        self._retain = _drawn(_open(lab.retain.questions), RETAIN_ASKED, self.config.seed, "retain")
        self._go = Event()
        self._go.set()
        self._seconds_aside = 0.0

    def take(self, cancel: Event, on_look: Callable[[], None], on_step: Callable[[], None]) -> Run | None:
        """Run to the end in this thread; None when it was cancelled, and what was seen stays.

        Parameters
        ----------
        cancel : Event
            Set from elsewhere, it ends the run before its next step.
        on_look, on_step : callable
            Called after each look, the first one before any step, and after each step.
        """
        config = self.config

        def between(step: int, model: Any, loss: float) -> None:
            """What happens between two steps; looking and pausing do not count as the run's seconds."""
            started = time.perf_counter()
            self.losses.append(loss)
            on_step()
            if step % self.every == 0 or step == config.steps:
                self.looks.append(self._look(step, model))
                on_look()
            self._wait_while_paused(cancel)
            self._seconds_aside += time.perf_counter() - started

        try:
            self._look_before(on_look)
            self._wait_while_paused(cancel)
            with nullcontext() if self.draws else leave_global_state():
                settings = _settings(config)
                run = unlearn(self.lab, config.objective, **settings, progress=False, on_step=between)
        except _Cancelled:
            return None
        cost = replace(run.cost, seconds=run.cost.seconds - self._seconds_aside)
        self.run = replace(run, cost=cost)
        return self.run

    def pause(self) -> None:
        """Stop before the next step until `resume`."""
        self._go.clear()

    def resume(self) -> None:
        """Go on after `pause`."""
        self._go.set()

    @property
    def paused(self) -> bool:
        """Whether it is held."""
        return not self._go.is_set()

    def _look_before(self, on_look: Callable[[], None]) -> None:
        if self.lab.has_control:
            self.control = self._look(0, self.lab.never_learned)
        self.looks.append(self._look(0, self.lab.model))
        on_look()

    def _wait_while_paused(self, cancel: Event) -> None:
        while not self._go.wait(0.1) and not cancel.is_set():
            pass
        if cancel.is_set():
            raise _Cancelled

    def _look(self, step: int, model: Any) -> Look:
        """Ask a model in the making; it is put back in training mode, module by module."""
        lab = self.lab
        shown, heldout = lab.forget_shown.questions, lab.forget_heldout.questions
        training = [module for module in model.modules() if module.training]
        model.eval()
        try:
            with fitting_threads(model):
                found = answer(model, lab.tokenizer, [*shown, *heldout, *self._retain])
                given = generate_answers(model, lab.tokenizer, self.sample) if self.sample else []
        finally:
            for module in training:
                module.training = True
        first, second = len(shown), len(shown) + len(heldout)
        return Look(
            step,
            shown=_share(shown, found.right[:first]),
            heldout=_share(heldout, found.right[first:second]),
            retain=_share(self._retain, found.right[second:]),
            nll_forget=sum(found.nll[:second]) / sum(found.tokens[:second]),
            answers=tuple(given),
        )

    def _sampled(self, count: int) -> tuple[Question, ...]:
        lab, seed = self.lab, self.config.seed
        kept = count // 3
        half = (count - kept) // 2
        counts = (count - kept - half, half, kept)
        splits = (lab.forget_heldout, lab.forget_shown, lab.retain)
        drawn = [
            _drawn(_open(split.questions), number, seed, f"sample {split.name}")
            for split, number in zip(splits, counts, strict=True)
        ]
        return tuple(question for part in drawn for question in part)


def _settings(config: Any) -> dict[str, Any]:
    """What `unlearn` takes by keyword of a complete configuration."""
    names = (
        "optimizer", "lr", "steps", "batch_size", "seed", "objective_options", "optimizer_options",
        "max_grad_norm", "loss_on",
    )  # fmt: skip
    return {name: getattr(config, name) for name in names}


def _open(questions: Sequence[Question]) -> list[Question]:
    return [question for question in questions if question.open_class]


def _drawn(questions: Sequence[Question], count: int, seed: int, stream: str) -> list[Question]:
    """A sample of its own generator; none is drawn twice."""
    import torch

    order = torch.randperm(len(questions), generator=generator(seed, "live", stream)).tolist()
    return [questions[place] for place in sorted(order[:count])]


def _share(questions: Sequence[Question], right: Sequence[bool]) -> float:
    asked = [hit for question, hit in zip(questions, right, strict=True) if question.open_class]
    return sum(asked) / len(asked) if asked else float("nan")
