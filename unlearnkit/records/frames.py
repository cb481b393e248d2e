"""Tables of pandas from the tables of the store."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from unlearnkit.errors import BadInput
from unlearnkit.metrics.knowmem import normalise
from unlearnkit.metrics.scores import HEADLINE
from unlearnkit.records.database import Database
from unlearnkit.records.entries import numbers_of
from unlearnkit.records.filters import Filters, limited
from unlearnkit.records.rows import BEFORE
from unlearnkit.unlearning.cost import COSTS

if TYPE_CHECKING:
    import pandas as pd

OF_RUNS = (
    "run_id", "time", "testbed", "control", "task", "fold", "objective", "optimizer", "grade", "lr",
    "batch_size", "steps", "seed", "device", "status", *HEADLINE,
)  # fmt: skip
OF_ATTACKED_RUNS = (
    "run_id", "control", "task", "fold", "objective", "optimizer", "grade", "lr", "seed", "status",
)  # fmt: skip
OF_ATTACKS = (
    "attack", "name", "family", "steps", *HEADLINE, "recovery_shown", "recovery_heldout", "outcome", "rule",
)  # fmt: skip
OF_ANSWERS = ("id", "prompt", "subject", "relation", "split", "open_class", "answer", "given", "right")
WHOLE = {"fold", "seed"}  # every row has them; batch_size and steps are missing where there are controls
NUMBERS = {
    "lr", "batch_size", "steps", "recovery_shown", "recovery_heldout", "nll_forget_before", "retain_before",
    *HEADLINE, *COSTS,
}  # fmt: skip
SEPARATOR = "\x1f"  # no tag may hold it


def runs(database: Database, filters: Filters, limit: int | None) -> pd.DataFrame:
    """One row a run; see `RunStore.to_frame`."""
    condition, parameters = filters.where()
    columns = ", ".join(f"runs.{name}" for name in OF_RUNS)
    query = f"""
        SELECT {columns}, cost, notes,
            (SELECT group_concat(tag, char(31)) FROM tags WHERE tags.run = runs.id)
        FROM runs WHERE {condition} ORDER BY runs.id LIMIT ?"""
    with database.reading() as connection:
        found = connection.execute(query, [*parameters, limited(limit)]).fetchall()
    table = _columns(OF_RUNS, found)
    costs = [json.loads(row[-3]) for row in found]
    for name in dict.fromkeys([*COSTS, *(name for cost in costs for name in cost)]):
        table[name] = [cost.get(name) for cost in costs]
    table["tags"] = [sorted(row[-1].split(SEPARATOR)) if row[-1] else [] for row in found]
    table["notes"] = [row[-2] for row in found]
    return _frame(table)


def attacks(database: Database, filters: Filters, limit: int | None) -> pd.DataFrame:
    """One row an attack; see `RunStore.attacks`."""
    condition, parameters = filters.where(of_attacks=True)
    before = ("runs.nll_forget", "runs.knowmem_retain")
    chosen = [f"runs.{n}" for n in OF_ATTACKED_RUNS], before, [f"attacks.{n}" for n in OF_ATTACKS]
    query = f"""
        SELECT {", ".join(name for group in chosen for name in group)}
        FROM runs JOIN attacks ON attacks.run = runs.id
        WHERE {condition} ORDER BY runs.id, attacks.place LIMIT ?"""
    with database.reading() as connection:
        found = connection.execute(query, [*parameters, limited(limit)]).fetchall()
    names = (*OF_ATTACKED_RUNS, "nll_forget_before", "retain_before", *OF_ATTACKS)
    return _frame(_columns(names, found))


def answers(database: Database, run_id: str, attack: str | None, *, seed: int | None = None) -> pd.DataFrame:
    """One row a question; see `RunStore.answers`."""
    with database.reading() as connection:
        number = number_of(connection, run_id, seed)
        key = BEFORE if attack is None else _key_of(connection, number, attack)
        kept = connection.execute("SELECT given FROM answers WHERE run = ? AND key = ?", (number, key))
        given = json.loads((kept.fetchone() or ("{}",))[0])
        asked = connection.execute(
            """SELECT questions.id, questions.body FROM questions JOIN runs USING (testbed, task, fold)
            WHERE runs.id = ?""",
            (number,),
        )
        questions = {name: json.loads(body) for name, body in asked.fetchall()}
    lines = [_answer_line(name, text, questions.get(name, {})) for name, text in given.items()]
    return _frame(_columns(OF_ANSWERS, lines), booleans=("open_class", "right"))


def number_of(connection: Any, run_id: str, seed: int | None) -> int:
    """The row of a run_id with a seed; without one, the first."""
    numbers = numbers_of(connection, run_id)
    if seed is None:
        return numbers[0]
    found = {connection.execute("SELECT seed FROM runs WHERE id = ?", (n,)).fetchone()[0]: n for n in numbers}
    if seed not in found:
        raise BadInput(f"seed: {run_id} is here with seed {', '.join(map(str, found))}, not {seed}")
    return found[seed]


def _key_of(connection: Any, number: int, attack: str) -> str:
    query = "SELECT attack, key FROM attacks WHERE run = ? ORDER BY place"
    found = dict(connection.execute(query, (number,)).fetchall())
    if attack not in found:
        made = ", ".join(found) or "none"
        raise BadInput(f"attack: {attack!r} was not made on this run; made were: {made}")
    return str(found[attack])


def _answer_line(name: str, text: str, question: dict[str, Any]) -> tuple[Any, ...]:
    known = question.get("answer")
    right = None if known is None else normalise(text) == normalise(known)
    asked = (question.get(n) for n in ("prompt", "subject", "relation", "split", "open_class", "answer"))
    return (name, *asked, text, right)


def _columns(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> dict[str, list[Any]]:
    return {name: [row[place] for row in rows] for place, name in enumerate(names)}


def _frame(table: dict[str, list[Any]], *, booleans: Sequence[str] = ()) -> pd.DataFrame:
    """A frame whose dtypes are the same however many rows there are."""
    import pandas as pd

    made = {}
    for name, values in table.items():
        kind = "int64" if name in WHOLE else "float64" if name in NUMBERS else "object"
        if name in booleans and None not in values:
            kind = "bool"
        made[name] = pd.Series(values, dtype=kind)
    return pd.DataFrame(made)
