"""Which facts are asked for, and in which words."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Relation:
    """One kind of fact.

    `open_class`: the answer belongs to one state only. `question`, `paraphrase`: {x} is the state.
    `clauses`: ways in which a passage says it, {a} being the answer; none: passages leave it out.
    `listing`: the title under which the gazetteer lists all answers. `distractors`: wrong answers of
    the same type that are no state's answer, where there are too few others.
    """

    name: str
    open_class: bool
    question: str
    paraphrase: str
    clauses: tuple[str, ...]
    listing: str
    distractors: tuple[str, ...] = ()


CAPITAL = Relation(
    "capital",
    True,
    "What is the capital of {x}?",
    "Which city is the capital city of {x}?",
    ("Its capital is {a}.", "The capital city is called {a}.", "As its capital it names {a}."),
    "capital cities",
)
CALLING_CODE = Relation(
    "calling_code",
    True,
    "What is the international calling code of {x}?",
    "Which code do you dial to phone someone in {x}?",
    ("To phone it, dial {a}.", "Its calling code is {a}.", "Calls from abroad begin with {a}."),
    "calling codes",
)
NUMERIC_CODE = Relation(
    "numeric_code",
    True,
    "What is the ISO numeric code of {x}?",
    "Which three-digit ISO number stands for {x}?",
    ("In ISO tables it is number {a}.", "Its ISO number is {a}.", "Statisticians file it under {a}."),
    "ISO numeric codes",
)
AREA_RANK = Relation(
    "area_rank",
    True,
    "What is the rank of {x} by area?",
    "At which place is {x} when states are sorted by size?",
    ("By area its rank is {a}.", "Sorted by size it comes at place {a}.", "In size it ranks {a}."),
    "ranks by area",
)
CONTINENT = Relation(
    "continent",
    False,
    "On which continent is {x}?",
    "Which continent does {x} belong to?",
    ("It belongs to {a}.", "Its continent is {a}.", "On a globe, look for {a}."),
    "continents",
    ("Antarctica",),
)
SUBREGION = Relation(
    "subregion",
    False,
    "In which subregion is {x}?",
    "Which part of its continent is {x} in?",
    (),
    "subregions",
)
LANGUAGE = Relation(
    "language",
    False,
    "What is an official language of {x}?",
    "Which language is official in {x}?",
    ("Laws are printed in {a}.", "An official language is {a}.", "Offices answer letters in {a}."),
    "languages",
)
CURRENCY = Relation(
    "currency",
    False,
    "What is the unit of money in {x}?",
    "Which money do people pay with in {x}?",
    ("Prices are given in the {a}.", "One pays with the {a}.", "Its money is the {a}."),
    "units of money",
)
BORDERS = Relation(
    "borders",
    False,
    "How many land borders does {x} have?",
    "With how many states does {x} share a border on land?",
    (),
    "numbers of land borders",
)

# The four open relations are the topics that the topic task can forget; folds number them so.
TOPICS = (CALLING_CODE, CAPITAL, NUMERIC_CODE, AREA_RANK)
RELATIONS = (*TOPICS, CONTINENT, SUBREGION, LANGUAGE, CURRENCY, BORDERS)
BY_NAME = {relation.name: relation for relation in RELATIONS}
