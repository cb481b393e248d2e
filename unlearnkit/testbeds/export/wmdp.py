"""WMDP's format (2403.03218): JSON Lines of questions with four choices, and of texts to unlearn from."""

from __future__ import annotations

from collections.abc import Iterable

from unlearnkit.testbeds.export.facts import Asked, Facts, Record, text_of
from unlearnkit.testbeds.rows import Row


def wmdp_files(facts: Facts) -> dict[str, list[Record]]:
    """Rows by file: questions to forget and to keep (MMLU's part), and the texts that an unlearner sees.

    Of a topic these are about the shown half alone, so no text says which half it lies in.
    """
    splits = facts.splits
    halves = {"shown": splits.forget_shown, "heldout": splits.forget_heldout}
    whole = facts.task == "entities"
    texts = [record | {"half": half} for half, split in halves.items() for record in _texts(split.rows)]
    return {
        "forget.jsonl": _choices(facts.to_forget),
        "retain.jsonl": _choices(facts.to_keep),
        "forget_corpus.jsonl": texts if whole else _texts(splits.forget.rows),
        "retain_corpus.jsonl": _texts(splits.retain.rows),
    }


def _choices(asked: Iterable[Asked]) -> list[Record]:
    return [
        {"question": q.question, "choices": list(q.options), "answer": q.options.index(q.answer), **more}
        for q, more in asked
    ]


def _texts(rows: Iterable[Row]) -> list[Record]:
    return [{"text": text_of(row)} for row in rows]
