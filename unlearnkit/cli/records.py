"""`unlearnkit records`: the runs that were made, their tags and notes, as a table or as JSON Lines."""

from __future__ import annotations

import argparse
import json
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unlearnkit.cli.options import listed, whole_number

if TYPE_CHECKING:
    from unlearnkit.records import RunStore

FILTERS = ("tag", "optimizer", "outcome", "task", "objective", "status")
COLUMNS = {
    "run_id": "run_id", "task": "task", "fold": "fold", "objective": "objective", "optimizer": "optimizer",
    "lr": "lr", "status": "status", "nll_forget": "nll", "knowmem_forget_heldout": "held out",
    "knowmem_retain": "keeps", "tags": "tags", "notes": "notes",
}  # fmt: skip
ATTACKS = {
    "attack": "attack", "outcome": "outcome", "recovery_shown": "shown back",
    "recovery_heldout": "held out back", "knowmem_retain": "keeps", "rule": "rule",
}  # fmt: skip
REJECTED = 1


def add_command(commands: Any) -> None:
    """Add the command to a parser."""
    parser = commands.add_parser(
        "records",
        help="the runs that were made: list, show, tag, note, export, import",
        description="Runs with their attacks, tags and notes. Without --store: ./runs.sqlite if there is "
        "one, else the records that ship with unlearnkit.",
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    _add_list(_action(actions, "list", "a table of runs", json_too=True))
    show = _action(actions, "show", "everything about one run", json_too=True)
    tag = _action(actions, "tag", "put tags on a run")
    note = _action(actions, "note", "write a run's note, over the one that was there")
    for action in (show, tag, note):
        action.add_argument("run_id", metavar="RUN_ID", help="or its beginning, where that is clear")
    tag.add_argument("tags", metavar="TAG", nargs="+")
    tag.add_argument("--remove", action="store_true", help="take them off instead")
    note.add_argument("text", metavar="TEXT")
    to = _action(actions, "export", "write everything as JSON Lines")
    to.add_argument("file", metavar="FILE")
    to.add_argument("--overwrite", action="store_true", help="replace FILE if it is there")
    from_ = _action(actions, "import", "add JSON Lines, or a results.json, to the store (made if missing)")
    from_.add_argument("file", metavar="FILE")
    parser.set_defaults(run=run)


def _action(actions: Any, name: str, words: str, *, json_too: bool = False) -> Any:
    action = actions.add_parser(name, help=words, description=f"{words[0].upper()}{words[1:]}.")
    action.add_argument("--store", metavar="PATH", help="the SQLite file (default: ./runs.sqlite)")
    if json_too:
        action.add_argument("--json", action="store_true", help="print JSON instead of a table")
    return action


def _add_list(action: Any) -> None:
    for name in FILTERS:
        action.add_argument(f"--{name}", metavar="A,B", help=f"only runs with this {name}, or one of several")
    action.add_argument("--fold", metavar="1,2", help="only these folds")
    action.add_argument("--controls", action="store_true", help="the controls of the same problems too")
    action.add_argument("--limit", metavar="N", help="at most so many, the first that came")


def run(chosen: argparse.Namespace) -> int:
    """Open the store and do what is asked; 0 only when all of it was done."""
    actions = {
        "list": _list, "show": _show, "tag": _tag, "note": _note, "export": _export, "import": _import,
    }  # fmt: skip
    with _store(chosen) as store:
        return actions[chosen.action](store, chosen)


def _store(chosen: argparse.Namespace) -> RunStore:
    from unlearnkit.records import RunStore, default_store
    from unlearnkit.records.lines import require_readable
    from unlearnkit.records.shipped import DEFAULT

    if chosen.action == "import":
        place = Path(chosen.store or DEFAULT)
        if not place.exists():  # an empty store would hide the shipped records
            require_readable(Path(chosen.file))
        return RunStore(place)
    return default_store() if chosen.store is None else RunStore(chosen.store, create=False)


def _list(store: RunStore, chosen: argparse.Namespace) -> int:
    filters: dict[str, Any] = {
        n: listed(getattr(chosen, n)) for n in FILTERS if getattr(chosen, n) is not None
    }
    if chosen.fold is not None:
        filters["fold"] = [whole_number("fold", part) for part in listed(chosen.fold)]
    if chosen.limit is not None:
        filters["limit"] = whole_number("limit", chosen.limit)
    frame = store.to_frame(**filters, controls=chosen.controls)
    rows: list[Any] = frame.to_dict("records")
    if chosen.json:
        _print_json(rows)
    else:
        for row in rows:
            row["optimizer"] = row["optimizer"] or row["control"]
        print(_table(COLUMNS, rows) if rows else "No run is there that fits.")
    return 0


def _show(store: RunStore, chosen: argparse.Namespace) -> int:
    row = store.get(store.full_id(chosen.run_id))
    if chosen.json:
        _print_json(row)
        return 0
    for name, value in row.items():
        if name not in ("attacks", "answers"):
            print(f"{name}: {_text(value)}")
    attacks = store.attacks(controls=True, task=row["task"], fold=row["fold"])
    met: list[Any] = attacks[attacks.run_id == row["run_id"]].to_dict("records")
    print(f"\n{_table(ATTACKS, met)}" if met else "\nIt was not attacked.")
    return 0


def _tag(store: RunStore, chosen: argparse.Namespace) -> int:
    change = store.untag if chosen.remove else store.tag
    change(store.full_id(chosen.run_id), *chosen.tags)
    return 0


def _note(store: RunStore, chosen: argparse.Namespace) -> int:
    store.note(store.full_id(chosen.run_id), chosen.text)
    return 0


def _export(store: RunStore, chosen: argparse.Namespace) -> int:
    rows = store.export(Path(chosen.file), overwrite=chosen.overwrite)
    print(f"Written: {chosen.file}, {rows} rows")
    return 0


def _import(store: RunStore, chosen: argparse.Namespace) -> int:
    done = store.import_(Path(chosen.file))
    print(f"{done.added} added, {done.merged} merged, {len(done.rejected)} rejected")
    for line, reason in done.rejected:
        print(f"{chosen.file}, line {line}: {_text(reason)}", file=sys.stderr)
    return REJECTED if done.rejected else 0


def _print_json(value: Any) -> None:
    print(json.dumps(_plain(value), indent=1, ensure_ascii=True, allow_nan=False))


def _plain(value: Any) -> Any:
    """Values as strict JSON has them: what is not a number is null."""
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _table(columns: dict[str, str], rows: list[dict[str, Any]]) -> str:
    lines = [list(columns.values()), *([_text(row[name]) for name in columns] for row in rows)]
    widths = [max(len(line[place]) for line in lines) for place in range(len(columns))]
    padded = ("  ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)) for line in lines)
    return "\n".join(line.rstrip() for line in padded)


def _text(value: Any) -> str:
    """A value on one line; what a terminal would obey is written out."""
    from unlearnkit.records.look import printable, shortened

    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        value = ", ".join(value)
    if isinstance(value, float):
        value = "" if math.isnan(value) else f"{value:.4g}"
    if isinstance(value, dict):
        value = ", ".join(f"{name} {_text(inner)}" for name, inner in value.items())
    return shortened(printable("" if value is None else str(value)))
