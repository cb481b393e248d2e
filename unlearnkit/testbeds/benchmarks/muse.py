"""MUSE's files: news or books that must be forgotten, and questions about them (2407.06460).

A folder holds raw/{forget,retain1,holdout}, knowmem/{forget_qa,retain_qa} and their _icl forms,
verbmem/forget and privleak/{forget,retain,holdout}. Files are JSON arrays; raw texts may be .txt, all
documents in one.
"""

from __future__ import annotations

from pathlib import Path

from unlearnkit.errors import BadInput, MissingReference
from unlearnkit.testbeds.benchmarks.questions import distinct, flag_or, without_repeats
from unlearnkit.testbeds.files.folder import contents, files_of, required_rows, rows_of
from unlearnkit.testbeds.files.located import Contents, Located, LocatedRows
from unlearnkit.testbeds.files.reading import read_text
from unlearnkit.testbeds.files.record import Record
from unlearnkit.testbeds.rows import Passage, Question, Text

EXTRA_QUESTIONS = {"knowmem_forget_icl": "forget_qa_icl", "knowmem_retain_icl": "retain_qa_icl"}
EXTRA_TEXTS = {f"privleak_{group}": f"privleak/{group}" for group in ("forget", "retain", "holdout")}
LEFT_ALONE = ("scal", "sust")  # other sizes of the forget set, and forget sets one after another
NO_RAW = "the documents themselves, which an unlearner trains on"
UNMATCHED = (
    "the files do not say which document answers which question, so a question held out may be answered by a "
    "document that is shown"
)


def read_muse(folder: Path, task: str | None) -> Contents:
    """The rows of a MUSE folder; see `load_testbed`.

    Raises
    ------
    MissingReference, BadInput
        For a part that cannot be done without, and a row that breaks a rule.
    """
    if task not in (None, ""):
        raise BadInput(
            f'task: MUSE files have none, given "{task}"; leave it out, and name the folder you mean'
        )
    notes: list[str] = [UNMATCHED]
    forget = _required_documents(folder, "raw/forget", notes)
    kept = _required_documents(folder, "raw/retain1", notes)
    asked, retain = (
        _questions(
            required_rows(folder, f"knowmem/{part}", "the questions that memory is scored by"), part, notes
        )
        for part in ("forget_qa", "retain_qa")
    )
    extra = {
        name: _questions(rows_of(folder, f"knowmem/{part}"), part, notes)
        for name, part in EXTRA_QUESTIONS.items()
    }
    extra |= {name: _texts(rows_of(folder, part), part, ends=False) for name, part in EXTRA_TEXTS.items()}
    holdout = _documents(folder, "raw/holdout", notes)
    verbatim = _passages(rows_of(folder, "verbmem/forget"))
    notes += _missing(folder, extra, holdout, verbatim)
    extra = {name: rows for name, rows in extra.items() if rows}
    return Contents(
        "muse", "", forget, retain, asked=asked, retain_shown=kept, holdout=holdout, verbatim=verbatim,
        extra=extra, notes=tuple(notes),
    )  # fmt: skip


def muse_parts(task: str | None) -> list[str]:
    """What is fetched of a data set on the hub: all but the other forget sets, which are left alone."""
    return ["knowmem/*", "verbmem/*", "privleak/*", "raw/*"]


def _missing(
    folder: Path, extra: dict[str, LocatedRows], holdout: LocatedRows, verbatim: LocatedRows
) -> list[str]:
    parts = {f"knowmem/{part}": extra[name] for name, part in EXTRA_QUESTIONS.items()}
    parts |= {part: extra[name] for name, part in EXTRA_TEXTS.items()}
    parts |= {"raw/holdout": holdout, "verbmem/forget": verbatim}
    missing = [f"no {part}" for part, rows in parts.items() if not rows]
    unread = [part for part in LEFT_ALONE if (folder / part).is_dir()]
    unread += ["raw/retain2"] if files_of(folder, "raw/retain2") else []
    return missing + [f"{part} is there, and was left alone" for part in unread]


def _questions(rows: list[Record], part: str, notes: list[str]) -> LocatedRows:
    rows = without_repeats(rows, part, notes)
    made = [
        Question(
            subject=row.text_or("subject", f"{part} {number}"),
            relation=row.text_or("relation", "knowmem"),
            question=row.text("question"),
            answer=row.text("answer"),
            open_class=flag_or(row, "open_class", True),
        )
        for number, row in enumerate(rows, 1)
    ]
    distinct(rows, made)
    pairs = zip(rows, made, strict=True)
    return tuple(Located(question, row.place, row.text_or("half", "")) for row, question in pairs)


def _texts(rows: list[Record], part: str, *, ends: bool) -> LocatedRows:
    return tuple(
        Located(Text(row.whole_text(), f"{part} {number}", ends), row.place, row.text_or("half", ""))
        for number, row in enumerate(rows, 1)
    )


def _documents(folder: Path, part: str, notes: list[str]) -> LocatedRows:
    """Every document is a text that ends; it is cut into pieces when the tokenizer is known."""
    rows = rows_of(folder, part)
    plain = folder / f"{part}.txt"
    if rows or not plain.exists():
        return _texts(rows, part, ends=True)
    notes.append(f"{part}.txt is read as one document: where others begin, it does not say")
    return (Located(Text(read_text(plain), part, ends=True), str(plain)),)


def _required_documents(folder: Path, part: str, notes: list[str]) -> LocatedRows:
    found = _documents(folder, part, notes)
    if not found:
        raise MissingReference(
            f"{folder}: has no {part}.json (nor .jsonl, .parquet or .txt), {NO_RAW}; the folder holds "
            f"{contents(folder)}"
        )
    return found


def _passages(rows: list[Record]) -> LocatedRows:
    """One space stands at the seam, as in MUSE's own evaluation, whether a row has one there or not."""
    return tuple(
        Located(
            Passage(
                f"verbmem {number}", row.text("prompt").rstrip(" "), row.text("gt").strip(" "), heading=""
            ),
            row.place,
        )
        for number, row in enumerate(rows, 1)
    )
