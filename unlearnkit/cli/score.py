"""`unlearnkit score`: logs that other tools made, scored as the benchmarks' papers mean it."""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def add_command(commands: Any) -> None:
    """Add the command to a parser."""
    parser = commands.add_parser(
        "score",
        help="score logs that other tools made: tofu, muse, privleak",
        description="Score logs of TOFU and MUSE, whoever made them. No model is needed.",
    )
    kinds = parser.add_subparsers(dest="kind", required=True, metavar="KIND")
    tofu = _kind(kinds, "tofu", "forget quality and model utility of TOFU's eval_log_aggregated.json")
    tofu.add_argument("log", metavar="LOG")
    tofu.add_argument("--reference", metavar="LOG", help="the log of the model that never learned")
    muse = _kind(kinds, "muse", "ROUGE-L of rows of prompt, gt and response")
    muse.add_argument("file", metavar="FILE")
    leak = _kind(kinds, "privleak", "MUSE's PrivLeak from the scores of two sets of texts")
    leak.add_argument("--forget", metavar="FILE", required=True, help="of the texts that must be forgotten")
    leak.add_argument("--holdout", metavar="FILE", required=True, help="of texts that no model saw")
    words = "of the model that never learned: a number, muse_news or muse_books (default: 0.5)"
    leak.add_argument("--reference-auc", metavar="A", help=words)
    parser.set_defaults(run=run)


def _kind(kinds: Any, name: str, words: str) -> Any:
    kind = kinds.add_parser(name, help=words, description=f"{words[0].upper()}{words[1:]}.")
    kind.add_argument("--json", action="store_true", help="print JSON instead of a table")
    return kind


def run(chosen: argparse.Namespace) -> int:
    """Print the scores; what could not be scored is said on the error stream."""
    scored = {"tofu": _tofu, "muse": _muse, "privleak": _privleak}[chosen.kind](chosen)
    for note in scored.get("notes", ()):
        print(f"unlearnkit score {chosen.kind}: {note}", file=sys.stderr)
    if chosen.json:
        print(json.dumps(_plain(scored), indent=1, allow_nan=False))
    else:
        print(_table(scored))
    return 0


def _tofu(chosen: argparse.Namespace) -> dict[str, Any]:
    from unlearnkit.metrics.tofu.log import score_log

    reference = None if chosen.reference is None else Path(chosen.reference)
    return score_log(Path(chosen.log), reference)


def _muse(chosen: argparse.Namespace) -> dict[str, Any]:
    from unlearnkit.metrics.muse.log import score_rows

    return dict(score_rows(Path(chosen.file)))


def _privleak(chosen: argparse.Namespace) -> dict[str, Any]:
    from unlearnkit.metrics.muse.privleak import score_privleak

    auc = None if chosen.reference_auc is None else _auc(chosen.reference_auc)
    return dict(score_privleak(Path(chosen.forget), Path(chosen.holdout), reference_auc=auc))


def _auc(text: str) -> float | str:
    """A number, or the name of one that MUSE's authors measured; `score_privleak` says what is allowed."""
    try:
        return float(text)
    except ValueError:
        return text


def _table(scored: dict[str, Any]) -> str:
    """A line a number, whatever the nesting; the longest name sets the width."""
    lines = list(_lines(scored))
    width = max(len(name) for name, _ in lines)
    return "\n".join(f"{name.ljust(width)}  {text}" for name, text in lines)


def _lines(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for inner, part in value.items():
            if inner not in (
                "notes",
                "truth_ratio",
            ):  # notes are said already, truth ratios stand in the parts
                named = isinstance(part, dict) and inner in (
                    "parts",
                    "forget",
                )  # what is in them says it itself
                yield from _lines(part, "" if named else f"{name} {inner}".strip())
    elif value not in ("", []):
        yield name, ", ".join(map(_text, value)) if isinstance(value, list) else _text(value)


def _text(value: Any) -> str:
    if value is None:
        return "not measured"
    if isinstance(value, float):
        return f"{value:.4f}" if 1e-3 <= abs(value) < 1e4 or value == 0 else f"{value:.3e}"
    return str(value)


def _plain(value: Any) -> Any:
    """Values as strict JSON has them: what is not a number is null."""
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
