"""What can be asked of a store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unlearnkit.errors import BadInput
from unlearnkit.records import entries, frames
from unlearnkit.records.database import Database
from unlearnkit.records.filters import Choice, Filters
from unlearnkit.records.rows import LONGEST_NOTE, check_text

if TYPE_CHECKING:
    import pandas as pd


class Records:
    """The reading side of `RunStore`."""

    path: Path | None
    _database: Database

    def get(self, run_id: str, *, seed: int | None = None) -> dict[str, Any]:
        """A row as in results.json, with testbed, versions, device, tags, notes and time.

        A control may be there once for every `seed` that its attacks were made with; without one the
        first is meant.

        Raises
        ------
        MissingReference
            When it is not there.
        """
        with self._database.reading() as connection:
            return entries.fetch(connection, frames.number_of(connection, run_id, seed))

    def full_id(self, start: str) -> str:
        """The one run_id that starts so.

        Raises
        ------
        MissingReference, BadInput
            When none does, or several do.
        """
        text = check_text("run_id", start, longest=LONGEST_NOTE)
        if not text:
            raise BadInput("run_id must not be empty; give it, or its beginning")
        with self._database.reading() as connection:
            query = """SELECT DISTINCT run_id FROM runs WHERE substr(run_id, 1, ?) = ?
                ORDER BY run_id != ?, run_id LIMIT 2"""
            found = [name for (name,) in connection.execute(query, (len(text), text, text))]
            if not found:
                entries.numbers_of(connection, text)
        if len(found) > 1 and found[0] != text:
            raise BadInput(f"run_id: {text!r} may mean {found[0]!r} or {found[1]!r}; write more of it")
        return str(found[0])

    def rows(self) -> Iterator[dict[str, Any]]:
        """Every row, controls too, in the order in which they came; see `get`."""
        with self._database.reading() as connection:
            numbers = [n for (n,) in connection.execute("SELECT id FROM runs ORDER BY id").fetchall()]
        for number in numbers:
            with self._database.reading() as connection:
                yield entries.fetch(connection, number)

    def to_frame(
        self,
        *,
        tag: Choice = None,
        optimizer: Choice = None,
        outcome: Choice = None,
        task: Choice = None,
        objective: Choice = None,
        fold: int | Sequence[int] | None = None,
        status: Choice = None,
        controls: bool = False,
        limit: int | None = None,
    ) -> pd.DataFrame:
        """One row a run, with its settings, scores and cost, tags (a list) and notes.

        Parameters
        ----------
        tag, optimizer, outcome, task, objective, status : str or several, optional
            Any of several will do. `outcome`: runs with at least one attack that ended so.
        fold : int or several, optional
        controls : bool
            Whether the controls of the same task and fold come along, whatever the other filters say;
            their `control` names them, a run's is None.
        limit : int, optional
            At most so many, the first that came.
        """
        filters = Filters(tag, optimizer, outcome, task, objective, fold, status, controls)
        return frames.runs(self._database, filters, limit)

    def attacks(
        self,
        *,
        tag: Choice = None,
        optimizer: Choice = None,
        outcome: Choice = None,
        task: Choice = None,
        objective: Choice = None,
        fold: int | Sequence[int] | None = None,
        status: Choice = None,
        controls: bool = False,
        limit: int | None = None,
    ) -> pd.DataFrame:
        """One row an attack: what was attacked, the scores after it, what came back, and the outcome.

        Filters as for `to_frame`; `outcome` is the attack's own.

        Columns beside the run's: `attack` (its short form), `name`, `family` (the short form without
        the budget), `steps` (the budget, where there is one), `nll_forget_before` and `retain_before`
        (of the run), the seven scores after it, `recovery_shown` and `recovery_heldout` (beyond
        never_learned's under the same attack; higher means more came back), `outcome`, and the `rule`
        that it was given under.
        """
        filters = Filters(tag, optimizer, outcome, task, objective, fold, status, controls)
        return frames.attacks(self._database, filters, limit)

    def answers(self, run_id: str, attack: str | None = None, *, seed: int | None = None) -> pd.DataFrame:
        """What a model said to each question that it should have forgotten.

        Parameters
        ----------
        run_id : str
            Of a run or a control.
        attack : str, optional
            An attack's short form, such as "relearn-100"; without one, before any attack.
        seed : int, optional
            Of a control that is there once a seed; without one the first is meant.

        Returns
        -------
        pandas.DataFrame
            id, prompt, subject, relation, split ("shown" or "heldout"), open_class, answer (the true
            one), given, right; empty where no answers were kept.
        """
        return frames.answers(self._database, run_id, attack, seed=seed)

    def count(
        self,
        *,
        tag: Choice = None,
        optimizer: Choice = None,
        outcome: Choice = None,
        task: Choice = None,
        objective: Choice = None,
        fold: int | Sequence[int] | None = None,
        status: Choice = None,
        controls: bool = False,
    ) -> int:
        """How many rows `to_frame` with these filters has."""
        filters = Filters(tag, optimizer, outcome, task, objective, fold, status, controls)
        condition, parameters = filters.where()
        with self._database.reading() as connection:
            found = connection.execute(f"SELECT count(*) FROM runs WHERE {condition}", parameters)
            return int(found.fetchone()[0])
