"""The drill-down: one run, one attack, and every fact with the answers that were really given."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event
from typing import Any

import ipywidgets as W  # noqa: N812
import pandas as pd

from unlearnkit.apps.parts.html_table import html_table
from unlearnkit.apps.parts.html_text import html_text
from unlearnkit.apps.parts.job import Job
from unlearnkit.apps.robustness.answers import EVERYTHING, WAYS, answers_sentence, compare_answers

WIDE = {"description_width": "initial"}


class FactView(W.VBox):
    """Questions with the true answer, and a run's answers before and after an attack.

    Parameters
    ----------
    store : RunStore
        Its `answers` are what is shown.
    failed : callable
        Takes the exception when reading fails.

    Attributes
    ----------
    table : pandas.DataFrame
        What is shown, before filtering.
    """

    def __init__(self, store: Any, *, failed: Callable[[Exception], None]) -> None:
        self._store = store
        self._attack = ""
        self.table = compare_answers(pd.DataFrame(), pd.DataFrame())
        self.job = Job(failed=failed)
        self.change = W.Dropdown(
            options=WAYS, description="Answers", style=WIDE, tooltip="Show only facts whose answer changed so"
        )
        self.split = W.Dropdown(
            options=["both halves", "shown", "heldout"],
            description="Half",
            style=WIDE,
            tooltip="Facts that the attack showed to the model, or those it never showed",
        )
        self._sentence, self._html = W.HTML(), W.HTML()
        for control in (self.change, self.split):
            control.observe(lambda _: self._show(), names="value")
        super().__init__([W.HBox([self.change, self.split]), self._sentence, self._html])

    @property
    def sentence(self) -> str:
        """What the table shows, in words."""
        return answers_sentence(self.table, attack=self._attack) if self._attack else "No run is picked."

    def clear(self) -> None:
        """Show nothing, since no run is picked."""
        self.job.cancel()
        self._attack, self.table = "", compare_answers(pd.DataFrame(), pd.DataFrame())
        self._show()

    def look_at(self, run_id: str, attack: str, *, control: tuple[str, int] | None) -> None:
        """Read a run's answers in the background, and those of its control (id and seed); then show them."""

        def read(cancel: Event) -> pd.DataFrame:
            """In the background: a store may be large."""
            before, after = self._store.answers(run_id), self._store.answers(run_id, attack)
            if control is None:
                return compare_answers(before, after)
            control_id, seed = control
            return compare_answers(before, after, self._store.answers(control_id, attack, seed=seed))

        def take(table: pd.DataFrame) -> None:
            """Only what was asked for last comes here."""
            self._attack, self.table = attack, table
            self._show()

        self.job.start(read, then=take)

    def _show(self) -> None:
        found = self.table
        if self.change.value != EVERYTHING:
            found = found[found["change"] == self.change.value]
        if self.split.value != "both halves":
            found = found[found["split"] == self.split.value]
        rows: list[dict[str, Any]] = [
            {str(name): value for name, value in row.items()} for row in found.to_dict("records")
        ]
        self._sentence.value = html_text(self.sentence)
        self._html.value = html_table(rows, caption=f"Facts after {self._attack}") if len(self.table) else ""
