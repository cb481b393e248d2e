"""The states of the atlas, read from data/atlas/countries.csv."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache

from unlearnkit.resources import data_path

HOLDOUT = -1  # the fold number of states that no model is ever trained on


@dataclass(frozen=True)
class Country:
    """One state and what is known about it; a fact that is missing is absent from `facts`."""

    code: str
    name: str
    article: str
    fold: int
    half: str
    facts: tuple[tuple[str, str], ...]

    @property
    def name_in_text(self) -> str:
        """The name as a sentence has it ("the Gambia")."""
        return f"{self.article} {self.name}".strip()

    def fact(self, relation: str) -> str | None:
        """The answer for a relation, or None where the table has a gap."""
        return dict(self.facts).get(relation)


def _read(line: dict[str, str], relations: tuple[str, ...]) -> Country:
    fold = HOLDOUT if line["fold"] == "holdout" else int(line["fold"])
    facts = tuple((name, line[name]) for name in relations if line[name])
    return Country(line["alpha3"], line["name"], line["article"], fold, line["half"], facts)


@cache
def read_countries(relations: tuple[str, ...]) -> tuple[Country, ...]:
    """All states in the order of the table, with the facts of the relations named."""
    with data_path("atlas", "countries.csv").open(encoding="utf-8", newline="") as stream:
        return tuple(_read(line, relations) for line in csv.DictReader(stream))
