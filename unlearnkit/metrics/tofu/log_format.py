"""TOFU's eval_log_aggregated.json: what its parts and fields are, and whether they hold what they must."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from unlearnkit.errors import BadInput, MissingReference

# The four parts, by the group of questions that each is about.
PARTS = {
    "forget": "eval_log_forget.json",
    "retain": "eval_log.json",
    "real_authors": "eval_real_author_wo_options.json",
    "world_facts": "eval_real_world_wo_options.json",
}
LOSSES = ("avg_gt_loss", "avg_paraphrased_loss")
WRONG = "average_perturb_loss"
RECALL = "rougeL_recall"
TEXTS = "generated_text"
COUNTS = ("num_token_gt", "num_token_paraphrased")

Rows = dict[str, Any]


def read_parts(path: str | Path) -> dict[str, dict[str, Any]]:
    """The parts of a log by group, as they stand in the file; those that it lacks are not there."""
    found = _loaded(Path(path))
    if not isinstance(found, dict):
        raise BadInput(f"{path}: a TOFU log is a JSON object with a part a file, not {_kind(found)}")
    parts = {group: found[name] for group, name in PARTS.items() if name in found}
    if not parts:
        single = "; this is one part of it: give eval_log_aggregated.json" if LOSSES[0] in found else ""
        raise BadInput(f"{path}: no part of a TOFU log is there ({', '.join(PARTS.values())}){single}")
    for group, part in parts.items():
        if not isinstance(part, dict):
            raise BadInput(
                f"{path}: {PARTS[group]} must be an object with a field a measure, not {_kind(part)}"
            )
    return parts


def _loaded(path: Path) -> Any:
    if not path.exists():
        raise MissingReference(f"{path}: there is no such file; give TOFU's eval_log_aggregated.json")
    if path.is_dir():
        raise BadInput(f"{path} is a folder; give the eval_log_aggregated.json in it")
    try:
        text = path.read_bytes().decode("utf-8-sig")
        return json.loads(text, object_pairs_hook=_without_doubles)
    except UnicodeDecodeError as error:
        raise BadInput(
            f"{path}: byte {error.start} is not UTF-8, so it is no JSON; write it again"
        ) from error
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise BadInput(f"{path}: no JSON from {where} on ({error.msg}); is it cut off?") from error
    except (OSError, ValueError, RecursionError) as error:
        raise BadInput(f"{path}: cannot be read: {error}") from error


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{shown(twice)} stands twice in one object, and only one of them can be meant")
    return found


class Part:
    """One part of a log, checked as it is read; an error names the file, the part, the field and the row."""

    def __init__(self, path: str | Path, group: str, fields: Mapping[str, Any]) -> None:
        self.place = f"{path}: {PARTS[group]}"
        self.fields = fields
        self.rows = tuple(self._raw(LOSSES[0]))
        for name in COUNTS:
            if name in fields:
                self._read(name, _count)

    def __contains__(self, field: str) -> bool:
        return field in self.fields

    def losses(self, field: str) -> tuple[float, ...]:
        """Nats a token, row after row."""
        return self._read(field, _loss)

    def wrong_losses(self) -> tuple[tuple[float, ...], ...]:
        """Nats a token of each wrong answer, row after row."""
        return self._read(WRONG, _losses)

    def shares(self, field: str) -> tuple[float, ...]:
        """Numbers from 0 to 1, row after row."""
        return self._read(field, _share)

    def texts(self) -> tuple[tuple[str, str, str], ...]:
        """Prompt, continuation and true answer, row after row."""
        return self._read(TEXTS, _three_texts)

    def _raw(self, field: str) -> Rows:
        if field not in self.fields:
            raise BadInput(f'{self.place} has no "{field}"; without it the part cannot be scored')
        given = self.fields[field]
        if not isinstance(given, dict):
            raise BadInput(
                f'{self.place}, "{field}" must be an object by row number, not {_kind(given)}; '
                "rows are joined by their numbers, never by their places"
            )
        if not given:
            raise BadInput(f'{self.place}, "{field}" has no row; there is nothing to take a mean of')
        found = {_row_id(row): value for row, value in given.items()}
        if len(found) != len(given):
            raise BadInput(f'{self.place}, "{field}" has a row twice under two spellings of its number')
        return found

    def _read(self, field: str, convert: Callable[[Any], Any]) -> tuple[Any, ...]:
        found = self._raw(field)
        self._require_same_rows(field, found)
        values = []
        for row in self.rows:
            try:
                values.append(convert(found[row]))
            except BadInput as error:
                raise BadInput(f'{self.place}, "{field}", row {shown(row)}: {error}') from error
        return tuple(values)

    def _require_same_rows(self, field: str, found: Rows) -> None:
        lacking, added = _differences(self.rows, found)
        if lacking or added:
            which = f"lacks row {shown(lacking[0])}" if lacking else f"has row {shown(added[0])} besides"
            raise BadInput(
                f'{self.place}, "{field}" {which}, unlike "{LOSSES[0]}" ({len(lacking)} lacking, '
                f"{len(added)} more); a mean over other rows is another number"
            )


def _differences(wanted: tuple[str, ...], found: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    known = set(wanted)
    return [row for row in wanted if row not in found], [row for row in found if row not in known]


def _row_id(row: Any) -> str:
    text = str(row).strip()
    return str(int(text)) if text.isascii() and text.isdecimal() else text


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadInput(f"must be a number, not {_kind(value)}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise BadInput(f"must be finite, not {number}; the model diverged, or the log is damaged")
    return number


def _loss(value: Any) -> float:
    number = _number(value)
    if number < 0:
        raise BadInput(f"must be 0 or above, not {number:g}: it is a negative log-likelihood in nats a token")
    return number


def _losses(value: Any) -> tuple[float, ...]:
    if not isinstance(value, list) or not value:
        given = "an empty list" if value == [] else _kind(value)
        raise BadInput(f"must be a list with a loss a wrong answer, not {given}")
    return tuple(_loss(entry) for entry in value)


def _share(value: Any) -> float:
    number = _number(value)
    if not 0 <= number <= 1:
        raise BadInput(f"must lie between 0 and 1, not {number:g}")
    return number


def _count(value: Any) -> float:
    number = _number(value)
    if number < 1 or number != int(number):
        raise BadInput(f"must be a whole number of tokens, 1 or above, not {number:g}")
    return number


def _three_texts(value: Any) -> tuple[str, str, str]:
    if not isinstance(value, list) or len(value) != 3 or not all(isinstance(text, str) for text in value):
        raise BadInput("must be a list of three texts: prompt, what the model said, the true answer")
    return (value[0], value[1], value[2])


def shown(name: str) -> str:
    """A name from a file on one line: what a terminal would obey is written out."""
    return json.dumps(name if len(name) <= 60 else f"{name[:60]}…")


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(type(value), f"the number {value!r:.40}")
