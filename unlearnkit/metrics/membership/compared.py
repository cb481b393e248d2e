"""Which texts of a testbed a membership attack compares: what must be forgotten, and what was never seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from unlearnkit.errors import MissingReference
from unlearnkit.metrics.membership.variant import Variant, as_variant
from unlearnkit.testbeds.encoding import Encoded
from unlearnkit.testbeds.rows import Question, Row, Split
from unlearnkit.testbeds.testbed import Testbed

MUSE_TEXTS = ("privleak_forget", "privleak_holdout")


@dataclass(frozen=True)
class Compared:
    """Two groups of texts, encoded, and what they are in words.

    `variant` is the one that fits them: MUSE's for running text, open-unlearning's for answers, which are too
    short for the other.
    """

    members: tuple[Encoded, ...]
    nonmembers: tuple[Encoded, ...]
    words: str
    variant: Variant

    @property
    def both(self) -> tuple[Encoded, ...]:
        """Members first."""
        return self.members + self.nonmembers

    def split(self, scores: Sequence[float]) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """The scores of `both`, by group."""
        return tuple(scores[: len(self.members)]), tuple(scores[len(self.members) :])


def compared(lab: Testbed, *, variant: str | Variant | None = None) -> Compared:
    """The texts of a testbed that a membership attack compares.

    Where the testbed brings MUSE's privleak texts: these, every token scored. Elsewhere: the open-class
    questions about what must be forgotten and about the holdout, of the relations that both have, and of
    these the answers' tokens alone. The atlas's control has read all names in its lists, and finds the words
    of forget's questions more likely than the holdout's: it would seem to remember what it never learned.

    Raises
    ------
    MissingReference
        When one of the groups has no text: without texts that were never seen there is nothing to compare.
    """
    names = [name for name in MUSE_TEXTS if name in lab.extra]
    if len(names) == len(MUSE_TEXTS):
        groups: list[Sequence[Row]] = [lab.extra[name].rows for name in MUSE_TEXTS]
        words, loss_on, fitting = "MUSE's privleak texts, forget against holdout, every token", "row", "muse"
    else:
        groups = _questions(lab)
        words = "answers to questions about what must be forgotten, against those about the holdout"
        loss_on, fitting = "answer", "open_unlearning"
    for name, rows in zip(("forget", "holdout"), groups, strict=True):
        if not rows:
            raise MissingReference(
                f"testbed {lab.name!r} has no {name} texts to compare, so nobody knows what a nonmember "
                "looks like; a MUSE folder brings privleak/forget.json and privleak/holdout.json"
            )
    members, nonmembers = (
        tuple(lab.encode(Split("compared", tuple(rows)), loss_on=loss_on)) for rows in groups
    )
    return Compared(members, nonmembers, words, as_variant(fitting if variant is None else variant))


def _questions(lab: Testbed) -> list[Sequence[Row]]:
    """Open-class questions of forget (both halves) and holdout, of shared relations where there are any."""
    forget = _open((*lab.forget_shown.questions, *lab.forget_heldout.questions))
    holdout = _open(lab.holdout.questions)
    shared = {q.relation for q in forget} & {q.relation for q in holdout}
    return [[q for q in group if not shared or q.relation in shared] for group in (forget, holdout)]


def _open(questions: Sequence[Question]) -> list[Question]:
    return [question for question in questions if question.open_class]
