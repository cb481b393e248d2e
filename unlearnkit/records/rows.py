"""From a row of results.json to what the tables hold, every field checked on the way."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any

from unlearnkit.attacks.rows import attack_key, family_of, label_of
from unlearnkit.errors import BadInput, require_integer
from unlearnkit.metrics.scores import HEADLINE
from unlearnkit.records.rules import RULE

BESIDE = ("testbed", "versions", "device", "tags", "notes", "time", "controls")  # in get(), not in a row
TEXTS = ("control", "task", "objective", "optimizer", "grade", "status")
WHOLE = ("fold", "batch_size", "steps")
OF_A_RUN = ("objective", "optimizer", "status")
LONGEST_ID, LONGEST_TAG, LONGEST_NOTE = 200, 100, 1_000_000
INTEGERS = 2**63 - 1  # what SQLite holds
BEFORE = ""  # the key of the answers before any attack


@dataclass(frozen=True)
class Attacked:
    """An attack: what makes it the same one, its content, and the columns of its table."""

    key: str
    content: dict[str, Any]
    columns: dict[str, Any]


@dataclass(frozen=True)
class Entry:
    """A row taken apart: columns of its table, the rest as it came, its attacks, and its answers as JSON."""

    run_id: str
    seed: int
    columns: dict[str, Any]
    body: dict[str, Any]
    attacks: list[Attacked]
    answers: dict[str, str]

    @property
    def is_run(self) -> bool:
        """Whether it is a run, and not a control."""
        return self.columns["control"] is None


def take_apart(row: Mapping[str, Any]) -> Entry:
    """Check a row and take it apart; raises BadInput that names the field."""
    if not isinstance(row, Mapping):
        raise BadInput(f"row must be a mapping as in results.json, not {type(row).__name__}")
    rest = {name: value for name, value in row.items() if name not in BESIDE}
    attacks = rest.pop("attacks", [])
    answers = {BEFORE: _answers("row", rest.pop("answers", None))}
    _check_row(rest)
    if not isinstance(attacks, list | tuple):
        raise BadInput(f"row: attacks must be a list, not {type(attacks).__name__}")
    kept = []
    for place, attack in enumerate(attacks):
        inner = _checked_attack(attack, f"row: attack {place}")
        said = inner.pop("answers", None)
        columns = attack_columns(inner, f"row: attack {place}")
        answers[columns["key"]] = _answers(f"row: attack {place}", said)
        kept.append(Attacked(columns["key"], inner, columns))
    columns = {name: rest.get(name) for name in (*TEXTS, *WHOLE, "lr")} | headline(rest.get("scores", {}))
    columns |= {"cost": as_json(rest.get("cost", {}), "row: cost"), "body": as_json(rest, "row")}
    given = {key: text for key, text in answers.items() if text is not None}
    return Entry(rest["run_id"], rest.get("seed") or 0, columns, rest, kept, given)


def attack_columns(attack: Mapping[str, Any], where: str = "row: attack") -> dict[str, Any]:
    """What the table of attacks says of one: its names, scores, recovery, outcome and rule."""
    recovery = attack.get("recovery") or {}
    return {
        "key": attack_key(attack),
        "attack": label_of(attack),
        "name": attack["name"],
        "family": family_of(attack),
        "steps": attack["params"].get("steps"),
        **headline(attack["scores"]),
        "recovery_shown": number(recovery.get("shown")),
        "recovery_heldout": number(recovery.get("heldout")),
        "outcome": attack.get("outcome"),
        "rule": attack.get("rule"),
        "body": as_json(attack, where),
    }


def headline(scores: Mapping[str, Any]) -> dict[str, float | None]:
    """The seven scores; None where one was not taken."""
    return {name: number(scores.get(name)) for name in HEADLINE}


def number(value: object) -> float | None:
    """A number as SQLite can hold it: it knows no NaN, and no integer of a thousand digits."""
    if type(value) is float:  # nearly all are: asking for a Real takes ten times as long
        return None if math.isnan(value) else value
    try:
        return float(value) if isinstance(value, Real) and not math.isnan(value) else None
    except OverflowError:
        return None


def as_json(value: object, name: str) -> str:
    """JSON text, with Python's NaN and Infinity; raises BadInput for what JSON or UTF-8 cannot hold."""
    try:
        text = json.dumps(value, ensure_ascii=False)
        text.encode()
    except UnicodeEncodeError as error:
        raise _half_character(name) from error
    except (TypeError, ValueError, RecursionError) as error:
        raise BadInput(f"{name} must hold plain JSON values only ({error}); convert it first") from error
    return text


def check_tag(tag: object) -> str:
    """A tag: one line of 1 to 100 characters, none of them invisible."""
    text = check_text("tags", tag, longest=LONGEST_TAG).strip()
    if not text or not text.isprintable():
        raise BadInput(f"tags: {text!r} must be one line of printable characters, at least one; rename it")
    return text


def check_text(name: str, value: object, *, longest: int) -> str:
    """A text that a file can hold and every program can show."""
    if not isinstance(value, str):
        raise BadInput(f"{name} must be a text, not {value!r}")
    if len(value) > longest:
        raise BadInput(f"{name} must have at most {longest:,} characters, not {len(value):,}; shorten it")
    if "\0" in value:
        raise BadInput(f"{name} must not hold the NUL character, at which other programs stop; take it out")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise _half_character(name) from error
    return value


def _half_character(name: str) -> BadInput:
    return BadInput(
        f"{name} holds half a character (a lone surrogate), which no file can hold; take it out, or read the "
        "text again with its right encoding"
    )


def _check_row(row: dict[str, Any]) -> None:
    required = ("run_id", "task", "fold", *(() if "control" in row else OF_A_RUN))
    missing = [
        name for name in (*required, *(() if "error" in row else ("scores",))) if row.get(name) is None
    ]
    if missing:
        raise BadInput(f"row has no {', '.join(missing)}; give a row as `unlearnkit compare` wrote it")
    if not check_text("row: run_id", row["run_id"], longest=LONGEST_ID).strip():
        raise BadInput("row: run_id must not be empty; give the row's own")
    for name in TEXTS:
        if row.get(name) is not None:
            check_text(f"row: {name}", row[name], longest=LONGEST_ID)
    for name in (*WHOLE, "seed"):
        if row.get(name) is not None:
            require_integer(f"row: {name}", row[name], minimum=-INTEGERS, maximum=INTEGERS)
    if row.get("lr") is not None and number(row["lr"]) is None:
        raise BadInput(f"row: lr must be a number, not {row['lr']!r}")
    for name in ("scores", "cost", "config"):
        require_mapping(f"row: {name}", row.get(name, {}))
    _require_numbers("row: scores", row.get("scores", {}), HEADLINE)
    _require_numbers("row: cost", row.get("cost", {}), tuple(row.get("cost", {})))
    if "weights" in row and not is_digest(row["weights"]):
        raise BadInput(f"row: weights must be 64 hexadecimal digits (SHA-256), not {row['weights']!r}")


def is_digest(value: object) -> bool:
    """Whether it is a SHA-256 as text: it becomes a file's name, so nothing else may pass."""
    return isinstance(value, str) and re.fullmatch(r"[0-9a-f]{64}", value) is not None


def _checked_attack(attack: object, where: str) -> dict[str, Any]:
    require_mapping(where, attack)
    inner: dict[str, Any] = dict(attack)  # type: ignore[call-overload]
    missing = [name for name in ("name", "params", "scores") if name not in inner]
    if missing:
        raise BadInput(f"{where} has no {', '.join(missing)}; give it as `unlearnkit compare` wrote it")
    for name in ("name", "outcome", "rule"):
        if inner.get(name) is not None or name == "name":
            check_text(f"{where}: {name}", inner[name], longest=LONGEST_ID)
    for name in ("params", "scores"):
        require_mapping(f"{where}: {name}", inner[name])
    _require_numbers(f"{where}: scores", inner["scores"], HEADLINE)
    if inner["params"].get("steps") is not None:
        require_integer(f"{where}: steps", inner["params"]["steps"], minimum=0, maximum=INTEGERS)
    if inner.get("recovery") is not None:
        require_mapping(f"{where}: recovery", inner["recovery"])
    if inner.get("outcome") is not None:
        inner.setdefault("rule", RULE)  # what judges today; results.json says no more than the outcome
    return inner


def require_mapping(name: str, value: object) -> None:
    """Raise BadInput unless it is a mapping."""
    if not isinstance(value, Mapping):
        raise BadInput(f"{name} must be a mapping, not {type(value).__name__}")


def _require_numbers(where: str, values: Mapping[str, Any], names: tuple[str, ...]) -> None:
    for name in names:
        if type(values.get(name)) is not float and not isinstance(values.get(name), Real | None):
            raise BadInput(f"{where}: {name} must be a number, not {values[name]!r}")


def _answers(where: str, answers: object) -> str | None:
    """JSON text; None where there are none."""
    if not answers and (answers is None or isinstance(answers, Mapping)):
        return None
    require_mapping(f"{where}: answers", answers)
    given: dict[str, str] = dict(answers)  # type: ignore[call-overload]
    if not set(map(type, given.values())) <= {str}:  # hundreds a row: one by one takes too long
        question = next(q for q, text in given.items() if type(text) is not str)
        raise BadInput(f"{where}: the answer to {question!r} must be a text, not {given[question]!r}")
    return as_json(given, f"{where}: answers")


def question_entry(question: object, where: str) -> tuple[str, int, str, str]:
    """(task, fold, id, body) of one question; raises BadInput that names what is wrong."""
    require_mapping(where, question)
    inner: dict[str, Any] = dict(question)  # type: ignore[call-overload]
    for name in ("id", "task", "prompt", "answer"):
        check_text(f"{where}: {name}", inner.get(name), longest=LONGEST_NOTE)
    require_integer(f"{where}: fold", inner.get("fold"), minimum=-INTEGERS, maximum=INTEGERS)
    return inner["task"], int(inner["fold"]), inner["id"], as_json(inner, where)
