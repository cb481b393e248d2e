"""TOFU's files: questions about invented authors, some of whom must be forgotten (2401.06121).

A folder holds forgetNN and retainMM, and may hold their perturbed forms, real_authors and world_facts. Rows
are JSON Lines, whatever the ending says. Beyond the published fields, a row may name its "subject",
"relation", "half" ("shown" or "heldout") and whether it is "open_class".
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from unlearnkit.errors import MissingReference
from unlearnkit.testbeds.benchmarks.perturbed import ADDED, Perturbed, perturbed_of
from unlearnkit.testbeds.benchmarks.questions import distinct, flag_or, without_repeats
from unlearnkit.testbeds.files.folder import contents, names_like, picked, required_rows, rows_of
from unlearnkit.testbeds.files.located import Contents, Located, LocatedRows
from unlearnkit.testbeds.files.record import Record, shorten
from unlearnkit.testbeds.rows import Question

FORGET = re.compile(r"forget\d\d")
ROWS_AN_AUTHOR = 20  # TOFU asks 20 questions in a row about each of its 200 authors
BESIDE = ("real_authors", "world_facts")
OPTIONS = ("option1", "option2", "option3", "option4")
NO_TASK = "no forget set (forget01.json and the like), so it is no TOFU folder"


def read_tofu(folder: Path, task: str | None) -> Contents:
    """The rows of a TOFU folder; see `load_testbed`.

    Raises
    ------
    MissingReference, UnknownName, BadInput
        For a part that is missing, a forget set that is not there, and a row that breaks a rule.
    """
    task = picked(folder, task, known=forget_sets(folder), lacks=NO_TASK)
    kept = _matching_retain(folder, task)
    rows = {part: required_rows(folder, part, "which TOFU's rows need") for part in (task, kept)}
    _check_apart(rows[task], rows[kept])
    complement = retain_of(task)
    notes = [] if kept == complement else [f"no {complement}, which {task} leaves: {kept} stands in for it"]
    forget = _located(folder, task, rows[task], f"{task}_perturbed", notes)
    retain = _located(folder, kept, rows[kept], "retain_perturbed", notes)
    beside = {part: found for part in BESIDE if (found := _beside(folder, part, notes))}
    notes += [f"no {part}: TOFU's model utility lacks it" for part in BESIDE if part not in beside]
    notes.append("no holdout: TOFU has no rows that nobody was trained on")
    return Contents("tofu", task, forget, retain, extra=beside, notes=tuple(notes))


def tofu_parts(task: str | None) -> list[str]:
    """What is fetched of a data set on the hub: a forget set, its retain set, and what both need."""
    kept = retain_of(task) if task and FORGET.fullmatch(task) else "retain"
    return [f"{task or 'forget'}*", f"{kept}*", "retain_perturbed*", *(f"{part}*" for part in BESIDE)]


def forget_sets(folder: Path) -> list[str]:
    """The forget sets in a folder, such as "forget01"."""
    return names_like(folder, FORGET.pattern)


def retain_of(task: str) -> str:
    """The retain set that completes a forget set: retain99 for forget01.

    Examples
    --------
    >>> retain_of("forget05")
    'retain95'
    """
    return f"retain{100 - int(task.removeprefix('forget'))}"


def _matching_retain(folder: Path, task: str) -> str:
    known, wanted = names_like(folder, r"retain\d\d"), retain_of(task)
    if wanted in known or len(known) == 1:
        return wanted if wanted in known else known[0]
    found = f"holds {', '.join(known)}" if known else f"holds {contents(folder)}"
    raise MissingReference(
        f"{folder}: {task} needs {wanted}.json, what must be kept, and the folder {found}; add {wanted}.json"
    )


def _check_apart(forget: Sequence[Record], retain: Sequence[Record]) -> None:
    """No row may have to be forgotten and kept."""
    kept = {(row.text("question"), row.text("answer")): row.place for row in retain}
    for row in forget:
        other = kept.get((row.text("question"), row.text("answer")))
        if other:
            raise row.fault(
                "question", f"must be forgotten, and {other} keeps it; give the matching retain set"
            )


def _located(folder: Path, part: str, rows: Sequence[Record], other: str, notes: list[str]) -> LocatedRows:
    """The questions of a part, with what its perturbed form adds."""
    places = {row.place: i for i, row in enumerate(rows)}
    blocks = len(rows) % ROWS_AN_AUTHOR == 0
    rows = without_repeats(rows, part, notes)
    added = perturbed_of(_perturbed(folder, other, notes), rows)
    if not added:
        notes.append(f"no {other}: {part} has no wrong answers, so no truth ratio")
    made = [_question(row, part, added, places[row.place], blocks) for row in rows]
    distinct(rows, made)
    pairs = zip(rows, made, strict=True)
    return tuple(Located(question, row.place, row.text_or("half", "")) for row, question in pairs)


def _question(row: Record, part: str, joined: Mapping[str, Perturbed], place: int, blocks: bool) -> Question:
    """Each block of 20 rows is about one author; where rows are no multiple of 20, all have one subject."""
    author, number = divmod(place, ROWS_AN_AUTHOR) if blocks else (0, place)
    added = joined.get(row.place, Perturbed())
    return Question(
        subject=row.text_or("subject", f"{part} author {author + 1}" if blocks else part),
        relation=row.text_or("relation", f"question {number + 1}"),
        question=row.text("question"),
        answer=_answer(row),
        paraphrase=added.question,
        wrong_answers=added.wrong,
        paraphrased_answer=added.answer,
        open_class=flag_or(row, "open_class", True),
    )


def _answer(row: Record) -> str:
    if isinstance(row.get("answer"), list):
        raise row.fault(
            "answer", "is a list, and only a perturbed file may list wrong answers; give one text"
        )
    return row.text("answer")


def _perturbed(folder: Path, part: str, notes: list[str]) -> list[Record]:
    return without_repeats(rows_of(folder, part), part, notes, by=("question", "answer", *ADDED))


def _beside(folder: Path, part: str, notes: list[str]) -> LocatedRows:
    """real_authors or world_facts; each is asked with options, and with the wrong ones as wrong answers."""
    perturbed = _perturbed(folder, f"{part}_perturbed", notes)
    rows = without_repeats(rows_of(folder, part), part, notes) or perturbed
    added = perturbed_of(perturbed, rows)
    return tuple(
        Located(_optional(row, f"{part} {number}", added.get(row.place, Perturbed())), row.place)
        for number, row in enumerate(rows, 1)
    )


def _optional(row: Record, subject: str, added: Perturbed) -> Question:
    return Question(
        subject=subject,
        relation="fact",
        question=row.text("question"),
        answer=_answer(row),
        options=_options(row),
        wrong_answers=added.wrong,
        paraphrased_answer=added.answer,
    )


def _options(row: Record) -> tuple[str, ...]:
    if not any(row.has(field) for field in OPTIONS):
        return ()
    options = tuple(row.text(field) for field in OPTIONS)
    if row.text("answer") not in options:
        raise row.fault("answer", f"is none of the four options: {shorten(row.text('answer'))!r}")
    return options
