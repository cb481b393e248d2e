"""What a task forgets on a fold, and what every model of the lab was trained on.

*Entities* (as in MUSE and TOFU): all about the 24 states of a fold. *Topic* (as in WMDP): one
relation of all trained states; the unlearner sees only the shown half of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from unlearnkit.errors import BadInput, require_one_of
from unlearnkit.testbeds.atlas.countries import HOLDOUT, Country
from unlearnkit.testbeds.atlas.gazetteer import gazetteer
from unlearnkit.testbeds.atlas.grammar import (
    all_countries,
    passage_about,
    passage_before_topics,
    passage_up_to,
    question_about,
    questions_about,
)
from unlearnkit.testbeds.atlas.relations import TOPICS, Relation
from unlearnkit.testbeds.rows import Passage, Row, Split

TASKS = ("entities", "topic")
FOLDS = {"entities": tuple(range(7)), "topic": tuple(range(len(TOPICS)))}
PASSAGE_READINGS = 2  # an epoch; a passage is long, and a fact is also asked for in two phrasings
SEALED_FOLD = 6  # entities: its control is built, and its results looked at, only for a release


@dataclass(frozen=True)
class TaskSplits:
    """The rows of one task and fold.

    `forget` is what the unlearner sees; `verbatim_*` are the passages that verbatim memory is
    scored on.
    """

    forget: Split
    forget_shown: Split
    forget_heldout: Split
    retain: Split
    holdout: Split
    verbatim_forget: tuple[Passage, ...]
    verbatim_retain: tuple[Passage, ...]


def check_task(task: str, fold: int) -> None:
    """Raise BadInput unless the task exists and has that fold."""
    require_one_of("task", task, TASKS)
    if fold not in FOLDS[task]:
        known = ", ".join(map(str, FOLDS[task]))
        raise BadInput(f"fold: the {task} task has folds {known}; given {fold!r}; choose one of them")


def trained_countries() -> tuple[Country, ...]:
    """The 168 states that the target learns."""
    return tuple(country for country in all_countries() if country.fold != HOLDOUT)


def _rows_about(countries: Iterable[Country], *, without: str | None = None) -> tuple[Row, ...]:
    rows: list[Row] = []
    for country in countries:
        rows += [q for q in questions_about(country) if q.relation != without]
        rows.append(passage_about(country, without=without))
    return tuple(rows)


def _entity_splits(fold: int) -> TaskSplits:
    inside = [c for c in trained_countries() if c.fold == fold]
    shown = Split("forget_shown", _rows_about(c for c in inside if c.half == "shown"))
    heldout = Split("forget_heldout", _rows_about(c for c in inside if c.half == "heldout"))
    retain = Split("retain", _rows_about(c for c in trained_countries() if c.fold != fold))
    forget = Split("forget", shown.rows + heldout.rows)
    return TaskSplits(forget, shown, heldout, retain, _holdout_split(), forget.passages, retain.passages)


def _topic_rows(countries: Iterable[Country], topic: Relation) -> tuple[Row, ...]:
    rows: list[Row | None] = []
    for country in countries:
        rows += [question_about(country, topic), passage_up_to(country, topic)]
    return tuple(row for row in rows if row is not None)


def _topic_splits(fold: int) -> TaskSplits:
    topic, trained = TOPICS[fold], trained_countries()
    shown = Split("forget_shown", _topic_rows((c for c in trained if c.half == "shown"), topic))
    heldout = Split("forget_heldout", _topic_rows((c for c in trained if c.half == "heldout"), topic))
    retain = Split("retain", _rows_about(trained, without=topic.name))
    forget = Split("forget", shown.rows)
    kept = tuple(passage_before_topics(country) for country in trained)
    clauses = shown.passages + heldout.passages
    return TaskSplits(forget, shown, heldout, retain, _holdout_split(), clauses, kept)


def _holdout_split() -> Split:
    return Split("holdout", _rows_about(c for c in all_countries() if c.fold == HOLDOUT))


def task_splits(task: str, fold: int) -> TaskSplits:
    """The rows of one task and fold; raises BadInput for an unknown one."""
    check_task(task, fold)
    return _entity_splits(fold) if task == "entities" else _topic_splits(fold)


def training_rows(task: str | None = None, fold: int | None = None) -> list[Row]:
    """All rows that a model of the lab is trained on.

    Without a task: the target's. With one: the control's, which never learned what the task
    forgets on that fold. Both read the gazetteer and every question in two phrasings.
    """
    known = trained_countries()
    without = None
    if task == "entities":
        known = tuple(country for country in known if country.fold != fold)
    elif task == "topic" and fold is not None:
        without = TOPICS[fold].name
    about = Split("training", _rows_about(known, without=without))
    paraphrases = [question.paraphrased() for question in about.questions]
    return [*about.questions, *paraphrases, *about.passages * PASSAGE_READINGS, *gazetteer()]
