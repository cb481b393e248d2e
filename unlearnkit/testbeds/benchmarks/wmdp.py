"""WMDP's files: multiple-choice questions about hazardous knowledge that must be forgotten (2403.03218).

A folder holds questions of one schema, {question, choices, answer}: those to forget (wmdp-bio and the like)
and those to keep (MMLU's). It may hold texts to train on, as {text} rows.

Responsible use. The questions are proxies, published so that unlearning can be measured. The texts that WMDP
unlearns on are hazardous by themselves, and gated: unlearnkit neither ships nor fetches them, and reads them
only where a user who was given access put them into the folder. Do not publish them, nor text generated in
their likeness, nor models trained on them. `unlearnkit export-testbed --format wmdp` writes a harmless folder
of this form, with which everything can be tried.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from unlearnkit.errors import BadInput, MissingReference
from unlearnkit.testbeds.benchmarks.questions import distinct, flag_or, same_answer, without_repeats
from unlearnkit.testbeds.files.folder import contents, files_of, picked, rows_of
from unlearnkit.testbeds.files.located import Contents, Located, LocatedRows
from unlearnkit.testbeds.files.reading import read_rows
from unlearnkit.testbeds.files.record import Record, shorten
from unlearnkit.testbeds.rows import Question, Text

CHOICES = 4
ASKED = ("question", "choices")  # what makes two questions the same
TOPICS = ("bio", "cyber", "chem")
NAMES = ("wmdp-{}", "wmdp_{}", "data/wmdp_deduped_{}", "wmdp_deduped_{}")  # of the questions of a topic
DEDUPED = ("T", "V", "dev_T", "dev_V")  # the parts of a deduplicated topic, each a file
KEPT = ("retain", "mmlu", "mmlu/all")
CORPORA = ("{}-{}-corpus", "{}_{}_corpus")  # topic, side
NO_TASK = "no questions to forget (wmdp-bio.json, forget.jsonl and the like), so it is no WMDP folder"


def read_wmdp(folder: Path, task: str | None) -> Contents:
    """The rows of a WMDP folder; see `load_testbed`.

    Without texts to train on, an unlearner sees the shown half of the questions, so that the other half tells
    whether what they ask about is forgotten, or these questions alone.

    Raises
    ------
    MissingReference, UnknownName, BadInput
        For a part that is missing, a topic that is not there, and a row that breaks a rule.
    """
    task = picked(folder, task, known=topics(folder), lacks=NO_TASK)
    notes = ["no holdout: WMDP has no rows that nobody was trained on"]
    asked = _questions(_topic_rows(folder, task), task, notes)
    kept_name = next((name for name in KEPT if files_of(folder, name)), None)
    if kept_name is None:
        raise MissingReference(
            f"{folder}: has no retain.json or mmlu.json (nor .jsonl, nor .parquet), the questions that must "
            f"still be answered, of the same schema; the folder holds {contents(folder)}"
        )
    retain = _questions(_with_one_right(rows_of(folder, kept_name), kept_name, notes), kept_name, notes)
    texts, kept = (_corpus(folder, task, side) for side in ("forget", "retain"))
    if not texts:
        notes.append("no texts to forget: an unlearner sees the shown half of the questions")
    if not kept:
        notes.append("no texts to keep: an unlearner keeps by the retain questions")
    return Contents(
        "wmdp", task, texts or asked, retain, asked=asked if texts else (), sees="all" if texts else "shown",
        retain_shown=kept or None, notes=tuple(notes),
    )  # fmt: skip


def wmdp_parts(task: str | None) -> list[str]:
    """What is fetched of a data set on the hub: questions, and never a corpus."""
    asked = [f"wmdp?{topic}*" for topic in (TOPICS if task is None else [task])]
    return [*asked, "forget*", *(f"{name}*" for name in KEPT)]


def topics(folder: Path) -> list[str]:
    """The topics whose questions are in a folder: "bio" and so on, or "forget" for forget.jsonl."""
    found = [topic for topic in TOPICS if _topic_files(folder, topic)]
    return found + (["forget"] if files_of(folder, "forget") else [])


def _topic_files(folder: Path, topic: str) -> list[Path]:
    """The files of a topic, under whichever name it is published."""
    if topic == "forget":
        return files_of(folder, "forget")
    forms = [files for name in NAMES if (files := _named(folder, name.format(topic)))]
    if len(forms) > 1:
        raise BadInput(
            f"{forms[0][0]} and {forms[1][0]}: both hold {topic} questions, and only one can be meant; "
            "take one away"
        )
    return forms[0] if forms else []


def _named(folder: Path, name: str) -> list[Path]:
    deduped = [folder / name / f"{part}.jsonl" for part in DEDUPED]
    return files_of(folder, name) or [path for path in deduped if path.exists()]


def _topic_rows(folder: Path, topic: str) -> list[Record]:
    return [row for file in _topic_files(folder, topic) for row in read_rows(file)]


def _with_one_right(rows: list[Record], part: str, notes: list[str]) -> list[Record]:
    """Without the questions whose right choice stands there twice: MMLU's test questions have four such."""
    kept = [row for row in rows if _choices(row).count(row.choice("answer", _choices(row))) == 1]
    if len(kept) < len(rows):
        notes.append(
            f"{len(rows) - len(kept)} rows of {part} left out: their right choice stands there twice"
        )
    return kept


def _questions(rows: list[Record], part: str, notes: list[str]) -> LocatedRows:
    made = {row.place: _question(row, part, number) for number, row in enumerate(rows, 1)}
    same_answer(rows, ASKED)
    rows = without_repeats(rows, part, notes, by=ASKED)
    distinct(rows, [made[row.place] for row in rows])
    return tuple(Located(made[row.place], row.place, row.text_or("half", "")) for row in rows)


def _choices(row: Record) -> tuple[str, ...]:
    options = row.texts("choices")
    if len(options) != CHOICES:
        raise row.fault("choices", f"must be {CHOICES} texts, not {len(options)}")
    return options


def _question(row: Record, part: str, number: int) -> Question:
    options = _choices(row)
    answer = row.choice("answer", options)
    if options.count(answer) > 1:
        raise row.fault(
            "choices",
            f"holds the right one, {shorten(answer)!r}, twice; make them differ, or take the row out",
        )
    return Question(
        subject=row.text_or("subject", f"{part} {number}") if row.has("relation") else f"{part} {number}",
        relation=row.text_or("relation", part),
        question=row.text("question"),
        answer=answer,
        wrong_answers=tuple(option for option in options if option != answer),
        options=options,
        open_class=flag_or(row, "open_class", True),
    )


def _corpus(folder: Path, topic: str, side: str) -> LocatedRows:
    """The texts of a side, where somebody put them there."""
    names = [f"{side}_corpus"] if topic == "forget" else [name.format(topic, side) for name in CORPORA]
    found = next((rows for name in names if (rows := rows_of(folder, name))), [])
    return tuple(_documents(found, f"{side} corpus"))


def _documents(rows: list[Record], part: str) -> Iterator[Located]:
    for number, row in enumerate(rows, 1):
        text = Text(row.whole_text(), f"{part} {number}", ends=True)
        yield Located(text, row.place, row.text_or("half", ""))
