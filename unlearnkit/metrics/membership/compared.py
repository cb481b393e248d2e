"""Which texts of a testbed a membership attack compares: what must be forgotten, and what was never seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from unlearnkit.errors import MissingReference
from unlearnkit.metrics.membership.variant import Variant, as_variant
from unlearnkit.testbeds.encoding import Encoded
from unlearnkit.testbeds.rows import Question, Row, Split, Text
from unlearnkit.testbeds.testbed import Testbed

MUSE_TEXTS = ("privleak_forget", "privleak_holdout")
WORDS = {
    "privleak": "MUSE's privleak texts, forget against holdout, every token, long texts in pieces",
    "running text": "running text of forget against that of the holdout, every token",
    "answers": "answers to questions about what must be forgotten, against those about the holdout",
}


@dataclass(frozen=True)
class Compared:
    """Two groups of texts, each encoded in one piece or more, and what they are in words.

    `variant` is the one that fits them: MUSE's for running text, open-unlearning's for answers, which are too
    short for the other.
    """

    members: tuple[tuple[Encoded, ...], ...]
    nonmembers: tuple[tuple[Encoded, ...], ...]
    words: str
    variant: Variant

    @property
    def both(self) -> tuple[tuple[Encoded, ...], ...]:
        """Members first."""
        return self.members + self.nonmembers

    def split(self, scores: Sequence[float]) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """The scores of `both`, by group."""
        return tuple(scores[: len(self.members)]), tuple(scores[len(self.members) :])


def compared(lab: Testbed, *, variant: str | Variant | None = None) -> Compared:
    """The texts of a testbed that a membership attack compares.

    Where the testbed brings MUSE's privleak texts: these, every token scored, the pieces of one text as one.
    Else running text of forget and of the holdout, piece by piece, where it has both. Else the open-class
    questions about what must be forgotten and about the holdout, of the relations that both have, and of
    these the answers' tokens alone. The atlas's control has read all names in its lists, and finds the words
    of forget's questions more likely than the holdout's: it would seem to know what it never learned.

    Raises
    ------
    MissingReference
        When one of the groups has no text: without texts that were never seen there is nothing to compare.
    """
    kind, groups = _groups(lab)
    for name, rows in zip(("forget", "holdout"), groups, strict=True):
        if not rows:
            raise MissingReference(
                f"testbed {lab.name!r} has no {name} texts to compare, so nobody knows what a nonmember "
                "looks like; a MUSE folder brings privleak/forget.json and privleak/holdout.json"
            )
    whole = kind != "answers"
    members, nonmembers = (
        tuple(tuple(lab.encode(Split(kind, text), loss_on="row" if whole else "answer")) for text in texts)
        for texts in ((_texts(rows) if kind == "privleak" else [(row,) for row in rows]) for rows in groups)
    )
    fitting = "muse" if whole else "open_unlearning"
    return Compared(members, nonmembers, WORDS[kind], as_variant(fitting if variant is None else variant))


def _groups(lab: Testbed) -> tuple[str, list[Sequence[Row]]]:
    """What kind of texts, and forget's and holdout's."""
    if all(name in lab.extra for name in MUSE_TEXTS):
        return "privleak", [lab.extra[name].rows for name in MUSE_TEXTS]
    running = [[row for row in split.rows if isinstance(row, Text)] for split in (lab.forget, lab.holdout)]
    if all(running):
        return "running text", list(running)
    return "answers", _questions(lab)


def _texts(rows: Sequence[Row]) -> list[tuple[Row, ...]]:
    """Neighbouring rows of one subject are pieces of one text; a row without a subject is one alone."""
    texts: list[tuple[Row, ...]] = []
    for row in rows:
        subject = row.subject if isinstance(row, Text) else ""
        before = texts[-1][-1] if texts else None
        if subject and isinstance(before, Text) and before.subject == subject:
            texts[-1] = (*texts[-1], row)
        else:
            texts.append((row,))
    return texts


def _questions(lab: Testbed) -> list[Sequence[Row]]:
    """Open-class questions of forget (both halves) and holdout, of shared relations where there are any."""
    forget = _open((*lab.forget_shown.questions, *lab.forget_heldout.questions))
    holdout = _open(lab.holdout.questions)
    shared = {q.relation for q in forget} & {q.relation for q in holdout}
    return [[q for q in group if not shared or q.relation in shared] for group in (forget, holdout)]


def _open(questions: Sequence[Question]) -> list[Question]:
    return [question for question in questions if question.open_class]
