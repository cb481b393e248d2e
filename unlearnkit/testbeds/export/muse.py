"""MUSE's format (2407.06460): JSON arrays of questions, of passages to continue, and of texts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from unlearnkit.testbeds.export.facts import Asked, Facts, Record, spread, text_of
from unlearnkit.testbeds.rows import Passage, Question

PAIRS = 10  # shown before each question, as MUSE has
Array = list[Record] | list[str]


def muse_files(facts: Facts) -> dict[str, Array]:
    """Arrays by file.

    The pairs to show before a question are of states that no model was trained on, so that they give no
    answer away. raw/retain1 and raw/retain2 are every other page that must be kept.
    """
    splits = facts.splits
    kept, unseen = splits.retain.passages, _texts(facts.unseen_pages)
    seen = splits.forget.passages
    return {
        "knowmem/forget_qa.json": _asked(facts.to_forget),
        "knowmem/forget_qa_icl.json": _pairs(spread(facts.unseen_questions(to_forget=True), PAIRS)),
        "knowmem/retain_qa.json": _asked(facts.to_keep),
        "knowmem/retain_qa_icl.json": _pairs(spread(facts.unseen_questions(to_forget=False), PAIRS)),
        "verbmem/forget.json": _continuations(splits.verbatim_forget),
        "privleak/forget.json": _texts(seen),
        "privleak/retain.json": _texts(kept[1::2]),
        "privleak/holdout.json": unseen,
        "raw/forget.json": _texts(seen),
        "raw/retain1.json": _texts(kept[0::2]),
        "raw/retain2.json": _texts(kept[1::2]),
        "raw/holdout.json": unseen,
    }


def _pairs(questions: Iterable[Question]) -> list[Record]:
    return [{"question": q.question, "answer": q.answer} for q in questions]


def _asked(asked: Iterable[Asked]) -> list[Record]:
    return [{"question": q.question, "answer": q.answer, **more} for q, more in asked]


def _continuations(passages: Iterable[Passage]) -> list[Record]:
    return [{"prompt": passage.prompt, "gt": passage.text} for passage in passages]


def _texts(pages: Sequence[Passage]) -> list[str]:
    return [text_of(page) for page in pages]
