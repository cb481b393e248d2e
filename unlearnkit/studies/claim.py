"""One claim of the ledger, and the hash of the rule that it is judged by."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import date
from html import escape
from typing import Any

from unlearnkit.testbeds.atlas.tasks import FOLDS

KINDS = ("claim", "control")
NO_RULE = ("statement", "source", "effect_reason", "history")  # these may be reworded at any time
HASH_DIGITS = 16


@dataclass(frozen=True)
class Revision:
    """One entry of a claim's history: when its rule became what it is, and why.

    `rule` is the hash that the rule has had from then on, see `rule_hash`.
    """

    date: date
    why: str
    rule: str

    def to_dict(self) -> dict[str, str]:
        """Plain values, ready for JSON; the date as YYYY-MM-DD."""
        return {"date": self.date.isoformat(), "why": self.why, "rule": self.rule}


@dataclass(frozen=True, repr=False)
class Claim:
    """One claim, and how it will be judged.

    Attributes
    ----------
    id : str
        Words in lower case with hyphens.
    kind : {"claim", "control"}
        What the paper says, or what must hold for its explanation to be the right one.
    statement, source : str
        The claim in our words; where it stands, and how well that is known.
    measure : str
        What is measured, with its unit and sign.
    comparison : str
        The effects, as differences of the measure between arms.
    objective : str
        The unlearning objective that decides; a name of `objectives.catalogue()`.
    arms : tuple of str
        Names of `optim.catalogue()`.
    matching : tuple of str
        What is held equal.
    valid_runs : str
        Which runs count.
    tasks : tuple of str
        Where it is judged.
    folds, seeds : tuple of int
        Where and how often; of the folds those that a task has, see `problems`.
    interval : str
        How an effect is estimated, and its interval.
    undecided_when : str
        What is lacking when nothing can be said.
    smallest_effect : float
        The smallest effect that matters, in `effect_unit`.
    effect_unit, effect_reason : str
        Its unit; why it is this and not another.
    decision_rule : str
        When the claim is supported, contradicted, undecided.
    would_change_our_mind : str
        What would, either way.
    history : tuple of Revision
        Oldest first; the last one's `rule` is the hash of the rule as it stands.
    """

    id: str
    kind: str
    statement: str
    source: str
    measure: str
    comparison: str
    objective: str
    arms: tuple[str, ...]
    matching: tuple[str, ...]
    valid_runs: str
    tasks: tuple[str, ...]
    folds: tuple[int, ...]
    seeds: tuple[int, ...]
    interval: str
    undecided_when: str
    smallest_effect: float
    effect_unit: str
    effect_reason: str
    decision_rule: str
    would_change_our_mind: str
    history: tuple[Revision, ...]

    @property
    def problems(self) -> tuple[tuple[str, int], ...]:
        """Every (task, fold) that the claim is judged on."""
        return tuple((task, fold) for task in self.tasks for fold in self.folds if fold in FOLDS[task])

    @property
    def rule(self) -> dict[str, Any]:
        """The fields that make the rule: all but the wording and the history."""
        return {name: value for name, value in self.to_dict().items() if name not in NO_RULE}

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        values = {**asdict(self), "history": [revision.to_dict() for revision in self.history]}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}

    def __repr__(self) -> str:
        return f"Claim({self.id}, rule {self.history[-1].rule} of {self.history[-1].date})"

    def _repr_html_(self) -> str:
        """A card to project: the statement on top, then how it is judged."""
        body = {name: value for name, value in self.to_dict().items() if name not in _ON_TOP}
        rows = [(name.replace("_", " "), _in_words(value)) for name, value in body.items()]
        rows += [(f"rule of {entry.date}", f"{entry.why} ({entry.rule})") for entry in self.history]
        cells = "".join(_CELLS.format(escape(name), escape(text)) for name, text in rows)
        return f"<h4>{escape(self.id)}</h4><p><b>{escape(self.statement)}</b></p><table>{cells}</table>"


_ON_TOP = ("id", "statement", "history")
_CELLS = (
    "<tr><th style='text-align:left;vertical-align:top'>{}</th>"
    "<td style='text-align:left;white-space:normal'>{}</td></tr>"
)


def _in_words(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def rule_hash(claim: Claim) -> str:
    """The hash of a claim's rule: of every field but statement, source, effect_reason and history.

    Line breaks in the ledger do not count, nor does the order of its fields.

    Parameters
    ----------
    claim : Claim

    Returns
    -------
    str
        The first 16 hexadecimal digits of the SHA-256 of the rule as canonical JSON.

    Examples
    --------
    >>> from unlearnkit.studies import load_claims
    >>> claim = load_claims()[0]
    >>> rule_hash(claim) == claim.history[-1].rule
    True
    """
    text = json.dumps(claim.rule, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:HASH_DIGITS]
