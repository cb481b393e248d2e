"""The claims ledger: what is claimed and how it will be judged, written down before the tables.

The last entry of a claim's history holds the hash of its rule. So a rule that was changed without a
dated word of why does not load.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from unlearnkit.errors import BadInput
from unlearnkit.resources import data_path
from unlearnkit.studies.claim import Claim, rule_hash
from unlearnkit.studies.claim_fields import READERS, in_short, require_fields

if TYPE_CHECKING:
    import pandas as pd

LEDGER = "claims.yaml"
IN_TABLE = ("id", "kind", "statement", "comparison", "smallest_effect", "effect_unit", "decision_rule")


def load_claims(path: str | Path | None = None) -> tuple[Claim, ...]:
    """Read the claims ledger and check it.

    Parameters
    ----------
    path : str or Path, optional
        A ledger of one's own; by itself the one that ships.

    Returns
    -------
    tuple of Claim
        In the ledger's order.

    Raises
    ------
    BadInput
        For a file that is no ledger; for a claim with a field that is missing, unknown or malformed,
        an id that is taken, a history that goes backwards; for a rule that is not the one that the last
        entry of its history vouches for. The message names the claim and the field, and in the last
        case gives the new hash.
    MissingReference
        When the ledger that ships is not there.

    Examples
    --------
    >>> len(load_claims()) >= 9
    True
    """
    entries = _read(data_path(LEDGER) if path is None else Path(path))
    claims = tuple(_claim(entry, place) for place, entry in enumerate(entries, start=1))
    ids = [claim.id for claim in claims]
    for taken in (claim.id for place, claim in enumerate(claims) if claim.id in ids[:place]):
        raise BadInput(f"claims: {taken}: id is given to more than one claim; name each once")
    for claim in claims:
        _require_vouched(claim)
    return claims


def claims_table(claims: Sequence[Claim] | None = None) -> pd.DataFrame:
    """The ledger as a table: a row a claim, with what is compared, how it is decided, and since when.

    Parameters
    ----------
    claims : sequence of Claim, optional
        By itself those of the ledger that ships.

    Examples
    --------
    >>> list(claims_table().columns[:3])
    ['id', 'kind', 'statement']
    """
    import pandas as pd

    rows = [
        {name: getattr(claim, name) for name in IN_TABLE}
        | {"problems": len(claim.problems), "seeds": len(claim.seeds)}
        | {"rule": claim.history[-1].rule, "since": claim.history[-1].date.isoformat()}
        for claim in (load_claims() if claims is None else claims)
    ]
    return pd.DataFrame(rows)


# The file


def _read(path: Path) -> list[Any]:
    try:
        text = path.read_text(encoding="utf-8")
        _require_single_keys(yaml.compose(text, Loader=yaml.SafeLoader))
        entries = yaml.safe_load(text)
    except (OSError, UnicodeDecodeError, yaml.YAMLError, ValueError, RecursionError) as error:
        if isinstance(error, BadInput):
            raise
        # YAML's own: a ValueError for the date 2026-13-01, a RecursionError for a list that holds itself.
        raise BadInput(f"claims: {path} cannot be read: {error}; mend it, or name another file") from error
    if not isinstance(entries, list) or not entries:
        raise BadInput(
            f"claims: {path} must be a list of claims, each opening with `- id:`, not {in_short(entries)}; "
            "data/claims.yaml shows how one is written"
        )
    return entries


def _require_single_keys(node: yaml.Node | None) -> None:
    """Raise for a key that stands twice: YAML would silently take the second, a reader sees the first."""
    if isinstance(node, yaml.MappingNode):
        keys = [key.value for key, _ in node.value]
        for key, _ in node.value:
            if keys.count(key.value) > 1:
                line = key.start_mark.line + 1
                raise BadInput(
                    f"claims: {key.value} stands twice in the entry at line {line}; keep one of them"
                )
        for _, value in node.value:
            _require_single_keys(value)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            _require_single_keys(value)


# One claim


def _claim(entry: Any, place: int) -> Claim:
    if not isinstance(entry, dict):
        raise BadInput(f"claims: entry {place} must be a mapping of fields, not {in_short(entry)}")
    name = entry.get("id")
    where = f"claims: {name}" if isinstance(name, str) and name else f"claims: entry {place}"
    if next(iter(entry), None) != "id":
        raise BadInput(f"{where}: every claim opens with `- id:`, not with {next(iter(entry), 'nothing')}")
    require_fields(where, entry, [field.name for field in fields(Claim)])
    claim = Claim(**{field: READERS[field](f"{where}: {field}", value) for field, value in entry.items()})
    for task in (task for task in claim.tasks if task not in dict(claim.problems)):
        raise BadInput(
            f"{where}: folds: the {task} task has none of {', '.join(map(str, claim.folds))}, so nothing "
            "would be judged there; add one that it has, or leave the task out"
        )
    return claim


def _require_vouched(claim: Claim) -> None:
    """Raise unless the last entry of the history holds the hash of the rule as it stands."""
    last, now = claim.history[-1], rule_hash(claim)
    if last.rule != now:
        raise BadInput(
            f"claims: {claim.id}: the rule is not the one that history vouches for: its last entry "
            f"({last.date}) has {last.rule}, the rule as it stands has {now}. A rule does not change "
            "silently: undo the change, or add at the end of this claim's history an entry with today's "
            f'date, why, and rule: "{now}"'
        )
