"""Outcomes under a named rule, computed again from the raw scores and the stored controls."""

from __future__ import annotations

import copy
import re
import sqlite3
from collections.abc import Iterator
from typing import Any

from unlearnkit.attacks.judging import judge_attacks
from unlearnkit.attacks.outcomes import RECOVERY_MARGIN
from unlearnkit.attacks.rows import attack_key
from unlearnkit.errors import BadInput

RULE = f"recovery-{RECOVERY_MARGIN:.2f}"
NEEDED = ("target", "never_learned")
AT_ONCE = 100  # runs in one transaction: others need not wait long

Row = dict[str, Any]


def margin_of(rule: str) -> float:
    """How much recovery still counts as none under a rule.

    Examples
    --------
    >>> margin_of("recovery-0.10")
    0.1
    """
    found = re.fullmatch(r"recovery-([01]\.[0-9]{2})", rule) if isinstance(rule, str) else None
    if found is None or float(found[1]) > 1:
        raise BadInput(
            f'rule: {rule!r} is none; write "recovery-" and a margin from 0.00 to 1.00 with two digits, '
            f'such as "{RULE}"'
        )
    return float(found[1])


def judged(row: Row, controls: list[Row], rule: str) -> list[Row] | str:
    """The attacks of a run with recovery and outcome under a rule, or why there are none."""
    reason = _missing(row, controls)
    if reason:
        return reason
    again = copy.deepcopy(row)
    try:
        judge_attacks(again, controls, margin=margin_of(rule))
    except (TypeError, KeyError) as error:
        return f"a score is missing or unknown ({error})"
    return [{**attack, "rule": rule} for attack in again["attacks"]]


def _missing(row: Row, controls: list[Row]) -> str:
    names = [control["control"] for control in controls]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        return f"two controls are called {twice[0]}, and nothing says which is meant"
    for needed in NEEDED:
        if needed not in names:
            return f"its control {needed} is not in the store"
    met = {attack_key(attack) for attack in controls[names.index("never_learned")]["attacks"]}
    unmet = [attack for attack in row["attacks"] if attack_key(attack) not in met]
    return f"never_learned did not meet {unmet[0]['name']} {unmet[0]['params']}" if unmet else ""


def attacked_runs(connection: sqlite3.Connection) -> Iterator[list[int]]:
    """The runs that carry attacks, some at a time."""
    query = "SELECT id FROM runs WHERE control IS NULL AND id IN (SELECT run FROM attacks) ORDER BY id"
    numbers = [number for (number,) in connection.execute(query)]
    for start in range(0, len(numbers), AT_ONCE):
        yield numbers[start : start + AT_ONCE]


def controls_of(connection: sqlite3.Connection, number: int) -> list[int]:
    """The controls that a run came with; of one that came alone, those of its problem and seed."""
    linked = connection.execute(
        """SELECT c.id FROM runs AS r, json_each(r.controls) AS link
        JOIN runs AS c ON c.run_id = link.value AND c.seed = r.seed AND c.control IS NOT NULL
        WHERE r.id = ?""",
        (number,),
    ).fetchall()
    found = (
        linked
        or connection.execute(
            """SELECT c.id FROM runs AS r JOIN runs AS c
        ON c.task = r.task AND c.fold = r.fold AND c.control IS NOT NULL
        WHERE r.id = ? AND c.testbed = r.testbed AND c.seed = r.seed""",
            (number,),
        ).fetchall()
    )
    return [control for (control,) in found]
