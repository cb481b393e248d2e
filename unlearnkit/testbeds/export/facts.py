"""What every format is made of: the splits of a task and fold, and what formats ask for besides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from unlearnkit.testbeds.atlas.countries import HOLDOUT, Country
from unlearnkit.testbeds.atlas.grammar import all_countries, passage_about, passage_up_to, questions_about
from unlearnkit.testbeds.atlas.relations import TOPICS
from unlearnkit.testbeds.atlas.tasks import TaskSplits, task_splits
from unlearnkit.testbeds.rows import Passage, Question, Row

Record = dict[str, object]
# A question, and what no benchmark has a field for: its subject, relation, class and half. `load_testbed`
# reads them, so that the atlas comes back as it was; other readers do not ask for them.
Asked = tuple[Question, Record]
Item = TypeVar("Item")


@dataclass(frozen=True)
class Facts:
    """The atlas as one task and fold divide it, for writing."""

    task: str
    fold: int
    splits: TaskSplits

    @classmethod
    def of(cls, task: str, fold: int) -> Facts:
        """Those of a task and fold; raises BadInput for an unknown one."""
        return cls(task, fold, task_splits(task, fold))

    @property
    def to_forget(self) -> list[Asked]:
        """All questions about what must be forgotten: those shown, then those held out."""
        halves = {"shown": self.splits.forget_shown, "heldout": self.splits.forget_heldout}
        return [
            (q, _described(q) | {"half": half}) for half, split in halves.items() for q in split.questions
        ]

    @property
    def to_keep(self) -> list[Asked]:
        """All questions about what must be kept."""
        return [(question, _described(question)) for question in self.splits.retain.questions]

    @property
    def unseen_pages(self) -> tuple[Passage, ...]:
        """Pages that no model read, of the kind that must be forgotten: whole, or up to the topic."""
        if self.task == "entities":
            return tuple(passage_about(country) for country in _unseen())
        found = (passage_up_to(country, TOPICS[self.fold]) for country in _unseen())
        return tuple(page for page in found if page is not None)

    def unseen_questions(self, *, to_forget: bool) -> tuple[Question, ...]:
        """Questions that no model was trained on, of the kind to forget or to keep."""
        asked = [question for country in _unseen() for question in questions_about(country)]
        if self.task == "entities":
            return tuple(asked[0 if to_forget else 1 :: 2])
        topic = TOPICS[self.fold].name
        return tuple(question for question in asked if (question.relation == topic) == to_forget)


def _unseen() -> list[Country]:
    return [country for country in all_countries() if country.fold == HOLDOUT]


def _described(question: Question) -> Record:
    return {"subject": question.subject, "relation": question.relation, "open_class": question.open_class}


def text_of(row: Row) -> str:
    """A row as running text, as models read it."""
    return row.prompt + row.target


def spread(items: Sequence[Item], count: int) -> list[Item]:
    """So many of a sequence, evenly spaced, in order; all where there are fewer."""
    count = min(count, len(items))
    return [items[i * len(items) // count] for i in range(count)]
