"""`unlearnkit doctor`: what this machine has, what is missing, and the command that mends it."""

from __future__ import annotations

import argparse
import json
from typing import Any

from unlearnkit.cli.checkup import MISSING, OK, Finding, examine

MARKS = {OK: "ok", MISSING: "MISSING", "optional": "optional"}


def add_command(commands: Any) -> None:
    """Add `doctor` to the parser's commands."""
    parser = commands.add_parser(
        "doctor",
        help="what this machine has, what is missing, and how to mend it",
        description="Look at this machine and environment. Exit code 1 if something required is missing.",
    )
    parser.add_argument("--json", action="store_true", help="print a list of objects")
    parser.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    """Print what was found; 1 if something required is missing."""
    findings = examine()
    if chosen.json:
        print(json.dumps([finding.to_dict() for finding in findings], indent=1))
    else:
        print(table(findings))
    return int(any(finding.status == MISSING for finding in findings))


def table(findings: list[Finding]) -> str:
    """One line a finding, then the commands that mend what is not there, and a verdict."""
    lines = [("", "what", "found", "needed")]
    lines += [(MARKS[f.status], f.name, f.found, f.needed) for f in findings]
    widths = [max(len(line[column]) for line in lines) for column in range(3)]
    rows = [
        "  ".join([*(cell.ljust(width) for cell, width in zip(line, widths, strict=False)), line[3]]).rstrip()
        for line in lines
    ]
    missing = [finding for finding in findings if finding.status == MISSING]
    optional = [finding for finding in findings if finding.status not in (OK, MISSING)]
    rows += _mends("Missing:", missing)
    rows += _mends("Optional, only if you want it:", [finding for finding in optional if finding.mend])
    verdict = f"{len(missing)} missing." if missing else "Nothing required is missing."
    return "\n".join([*rows, "", verdict])


def _mends(title: str, findings: list[Finding]) -> list[str]:
    if not findings:
        return []
    return ["", title, *(f"  {finding.name}: {finding.mend}" for finding in findings)]
