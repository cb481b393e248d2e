"""WMDP's format (2403.03218): JSON Lines of questions with four choices, and of texts to unlearn from."""

from __future__ import annotations

from collections.abc import Iterable

from unlearnkit.testbeds.export.facts import Facts, Record, text_of
from unlearnkit.testbeds.rows import Question, Row


def wmdp_files(facts: Facts) -> dict[str, list[Record]]:
    """Rows by file: questions to forget and to keep (MMLU's part), and the texts that an unlearner sees."""
    return {
        "forget.jsonl": _choices(facts.to_forget),
        "retain.jsonl": _choices(facts.to_keep),
        "forget_corpus.jsonl": _texts(facts.splits.forget.rows),
        "retain_corpus.jsonl": _texts(facts.splits.retain.rows),
    }


def _choices(questions: Iterable[Question]) -> list[Record]:
    return [
        {"question": q.question, "choices": list(q.options), "answer": q.options.index(q.answer)}
        for q in questions
    ]


def _texts(rows: Iterable[Row]) -> list[Record]:
    return [{"text": text_of(row)} for row in rows]
