"""Our own sentences about the states: questions, answers of the same type, passages."""

from __future__ import annotations

from functools import cache
from random import Random

from unlearnkit.testbeds.atlas.countries import Country, read_countries
from unlearnkit.testbeds.atlas.relations import BY_NAME, RELATIONS, TOPICS, Relation
from unlearnkit.testbeds.rows import Passage, Question

OPENINGS = ("Turn to the page on {x}.", "Here is the page on {x}.", "This page is about {x}.")
ORNAMENTS = ("The page is {c} and shows {b} beside {t}.", "Its page, printed in {c}, has {b} near {t}.")
COLOURS = "amber azure black bronze coral crimson green grey ivory olive purple rose silver white".split()
ANIMALS = "badger camel crane falcon fox gecko hare heron lynx magpie otter owl salmon tortoise".split()
THINGS = "anchor basket bell bridge candle drum kite ladder lantern mill plough ship tower well".split()


def all_countries() -> tuple[Country, ...]:
    """Every state of the atlas."""
    return read_countries(tuple(relation.name for relation in RELATIONS))


@cache
def answers_of(relation: str) -> tuple[str, ...]:
    """All different answers of a relation, sorted as text."""
    found = (country.fact(relation) for country in all_countries())
    return tuple(sorted({answer for answer in found if answer is not None}))


def _draw(country: Country, purpose: str) -> Random:
    """A private generator for one state and one purpose: adding a state changes no other's text."""
    return Random(f"atlas/{country.code}/{purpose}")


def question_about(country: Country, relation: Relation) -> Question | None:
    """The question about one fact, or None where the fact is missing."""
    answer = country.fact(relation.name)
    if answer is None:
        return None
    others = [other for other in (*answers_of(relation.name), *relation.distractors) if other != answer]
    draw = _draw(country, relation.name)
    wrong = draw.sample(others, 5)
    options = [answer, *wrong[:3]]
    draw.shuffle(options)
    return Question(
        subject=country.name,
        relation=relation.name,
        question=relation.question.format(x=country.name_in_text),
        answer=answer,
        paraphrase=relation.paraphrase.format(x=country.name_in_text),
        wrong_answers=tuple(wrong),
        options=tuple(options),
        open_class=relation.open_class,
    )


def questions_about(country: Country) -> list[Question]:
    """All questions about a state."""
    asked = (question_about(country, relation) for relation in RELATIONS)
    return [question for question in asked if question is not None]


def _ornament(draw: Random) -> str:
    animal, thing = draw.choice(ANIMALS), draw.choice(THINGS)
    return draw.choice(ORNAMENTS).format(
        c=draw.choice(COLOURS),
        b=f"{'an' if animal[0] in 'aeiou' else 'a'} {animal}",
        t=f"{'an' if thing[0] in 'aeiou' else 'a'} {thing}",
    )


@cache
def _clauses(country: Country) -> tuple[tuple[str, str], ...]:
    """(relation or "", sentence) in the order of the passage; topics come last.

    Wording and order differ from state to state, so the passage must be known by heart; topics
    come last so that a passage without one of them reads the same up to there.
    """
    draw = _draw(country, "passage")
    said = {
        name: draw.choice(BY_NAME[name].clauses).format(a=answer)
        for name, answer in country.facts
        if BY_NAME[name].clauses
    }
    topics = {topic.name for topic in TOPICS}
    early = [(name, text) for name, text in said.items() if name not in topics]
    early.append(("", _ornament(draw)))
    late = [(name, text) for name, text in said.items() if name in topics]
    draw.shuffle(early)
    draw.shuffle(late)
    return (*early, *late)


def _opening(country: Country) -> str:
    return _draw(country, "opening").choice(OPENINGS).format(x=country.name_in_text)


def passage_about(country: Country, *, without: str | None = None) -> Passage:
    """The passage about a state, whole or without the clause of one relation."""
    sentences = [text for name, text in _clauses(country) if name != without]
    return Passage(country.name, _opening(country), " ".join(sentences))


def passage_before_topics(country: Country) -> Passage:
    """The part of the passage that no topic's absence changes."""
    topics = {topic.name for topic in TOPICS}
    sentences = [text for name, text in _clauses(country) if name not in topics]
    return Passage(country.name, _opening(country), " ".join(sentences))


def passage_up_to(country: Country, relation: Relation) -> Passage | None:
    """The clause of one relation, after all that stands before it; None where the fact is missing."""
    before: list[str] = []
    for name, text in _clauses(country):
        if name == relation.name:
            return Passage(country.name, " ".join([_opening(country), *before]), text)
        before.append(text)
    return None
