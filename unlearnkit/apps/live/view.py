"""LiveUnlearning: a run to watch, pause and cancel."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from threading import Event
from typing import Any

import ipywidgets as W  # noqa: N812
import pandas as pd

from unlearnkit.apps.live.figure import answer_rows, live_figure, live_sentence, redraw_live
from unlearnkit.apps.live.run import LiveRun
from unlearnkit.apps.parts.charts import as_widget
from unlearnkit.apps.parts.guard import guarded
from unlearnkit.apps.parts.html_table import html_table
from unlearnkit.apps.parts.html_text import html_text
from unlearnkit.apps.parts.job import Job
from unlearnkit.apps.parts.status_line import StatusLine
from unlearnkit.apps.parts.view import View
from unlearnkit.errors import BadInput
from unlearnkit.reports.looks import template_of
from unlearnkit.testbeds.testbed import Testbed
from unlearnkit.unlearning import Run

DROPOUT = " This model has dropout: draw no random numbers elsewhere while it runs."
NEWS_SECONDS = 0.25  # between two messages about steps


class LiveUnlearning(View):
    """Watch a run: loss, what it still knows, and its actual answers; pause it, go on, cancel it.

    The run goes on in a thread, and is the one that `uk.unlearn` makes of the same arguments, to the bit:
    looking changes nothing. Steps and looks share the processor, so it takes longer; its `cost` counts the
    steps only.

    Parameters
    ----------
    lab : Testbed
    objective : str
    every : int, optional
        Steps between looks; by default a twentieth of the run.
    questions : int
        How many questions are sampled to show their answers.
    theme : {"light", "dark"}
    **settings
        As for `unlearn`: optimizer, lr, steps, batch_size, seed, …

    Attributes
    ----------
    run : Run or None
        The finished run.
    looks : pandas.DataFrame
        What was seen, one row a look; kept when the run is cancelled.
    losses : list of float

    Raises
    ------
    UnknownName, BadInput, NotCalibrated
        As `unlearn`, before any work.

    Examples
    --------
    >>> import unlearnkit as uk
    >>> lab = uk.load_testbed("atlas", fold=1)
    >>> live = LiveUnlearning(lab, optimizer="signadam", steps=2, every=1)
    >>> live.start()
    >>> live.wait()
    >>> live.run.status
    'not reached'
    """

    def __init__(
        self,
        lab: Testbed,
        objective: str = "npo",
        *,
        every: int | None = None,
        questions: int = 6,
        theme: str = "light",
        **settings: Any,
    ) -> None:
        template_of(theme)
        for name in ("progress", "on_step"):
            if name in settings:
                raise BadInput(f"{name}: the view itself shows the run; leave it out, or call uk.unlearn")
        self._make = partial(LiveRun, lab, objective, every=every, questions=questions, **settings)
        self._live = self._make()
        self._job = Job(failed=self._failed)
        self._told = 0.0
        self.status = StatusLine()
        self.start_button = W.Button(description="Start", tooltip="Begin the run, again if there was one")
        self.pause_button = W.Button(description="Pause", tooltip="Hold the run before its next step")
        self.cancel_button = W.Button(description="Cancel", tooltip="End the run; what was seen stays")
        self.figure = as_widget(live_figure(self._live, theme=theme))
        self._words, self._answers = W.HTML(), W.HTML()
        buttons = W.HBox([self.start_button, self.pause_button, self.cancel_button])
        super().__init__([buttons, self.status, self.figure, self._words, self._answers])
        self._listen()
        self._tell()
        self._ready(f"{self._live.config.steps} steps, not begun.{DROPOUT * self._live.draws}")

    def _listen(self) -> None:
        acts: list[tuple[W.Button, Callable[[], None]]] = [
            (self.start_button, self.start),
            (self.pause_button, lambda: self.resume() if self._live.paused else self.pause()),
            (self.cancel_button, self.cancel),
        ]
        for button, act in acts:
            button.on_click(guarded(lambda _, act=act: act(), self._failed))

    @property
    def run(self) -> Run | None:
        """The finished run; None before it is, and when it was cancelled."""
        return self._live.run

    @property
    def losses(self) -> list[float]:
        """The loss before each step so far."""
        return list(self._live.losses)

    @property
    def looks(self) -> pd.DataFrame:
        """What was seen so far, one row a look."""
        return pd.DataFrame(
            [
                {name: getattr(look, name) for name in ("step", "shown", "heldout", "retain", "nll_forget")}
                for look in self._live.looks
            ]
        )

    @property
    def sentence(self) -> str:
        """The figure in words."""
        return live_sentence(self._live)

    def start(self) -> None:
        """Begin; a run that is under way is left alone."""
        if not self.start_button.disabled:
            self._live = live = self._make()
            self._buttons(running=True)
            self.status.say(f"Looking at the model before the first of {live.config.steps} steps …")
            self._job.start(lambda cancel: self._take(live, cancel), then=self._ended)

    def pause(self) -> None:
        """Hold the run before its next step."""
        if self.start_button.disabled:
            self._live.pause()
            self.pause_button.description = "Go on"
            self.status.say(f"Held after {len(self._live.losses)} of {self._live.config.steps} steps.")

    def resume(self) -> None:
        """Go on after `pause`."""
        self._live.resume()
        self.pause_button.description = "Pause"
        if self.start_button.disabled:
            self.status.say("Going on.")

    def cancel(self) -> None:
        """End the run before its next step; what was seen stays."""
        if self.start_button.disabled:
            self._job.cancel()
            self._ready(f"Cancelled after {len(self._live.losses)} of {self._live.config.steps} steps.")

    def wait(self) -> None:
        """Wait until nothing runs any more."""
        self._job.wait()

    def _take(self, live: LiveRun, cancel: Event) -> Run | None:
        def looked() -> None:
            """Show a look, unless the run was cancelled meanwhile."""
            if not cancel.is_set():
                redraw_live(self.figure, live)
                self._tell()

        def stepped() -> None:
            """Say how far it is, now and then: a message a step would drown the browser."""
            now = time.monotonic()
            if now - self._told > NEWS_SECONDS and not cancel.is_set() and not live.paused:
                self._told = now
                self.status.say(f"Step {len(live.losses)} of {live.config.steps}.")

        return live.take(cancel, looked, stepped)

    def _ended(self, run: Run | None) -> None:
        redraw_live(self.figure, self._live)
        self._tell()
        if run is not None:
            self._ready(f'Done: "{run.status}" after {len(run.history.loss)} steps. It is in .run.')

    def _failed(self, error: Exception) -> None:
        self._buttons(running=False)
        self.status.fail(error)

    def _tell(self) -> None:
        self._words.value = html_text(self.sentence)
        self._answers.value = html_table(
            answer_rows(self._live), caption="Questions asked at every look, and the model's answers"
        )

    def _ready(self, message: str) -> None:
        self._buttons(running=False)
        self.status.say(message)

    def _buttons(self, *, running: bool) -> None:
        self.start_button.disabled = running
        self.pause_button.disabled = self.cancel_button.disabled = not running
        self.pause_button.description = "Pause"
