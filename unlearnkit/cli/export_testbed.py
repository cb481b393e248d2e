"""`unlearnkit export-testbed`: the atlas in the formats of TOFU, MUSE and WMDP."""

from __future__ import annotations

import argparse
import json
from typing import Any

from unlearnkit.cli.options import whole_number


def add_command(commands: Any) -> None:
    """Add the command to a parser."""
    parser = commands.add_parser(
        "export-testbed",
        help="write the atlas as files in the format of TOFU, MUSE or WMDP",
        description="Write the atlas, harmless facts about states that are free to pass on, in the format of "
        'a benchmark: what load_testbed("tofu:DIR", model=…) and its like read, with a README.md. The folder '
        "appears whole or not at all.",
    )
    add = parser.add_argument
    add("--format", required=True, metavar="NAME", help="tofu, muse or wmdp")
    add("--out", required=True, metavar="DIR", help="where to write")
    add("--task", default="entities", metavar="TASK", help="entities (default) or topic")
    add("--fold", default="1", metavar="N", help="which part is to be forgotten (default: 1)")
    add("--overwrite", action="store_true", help="replace an earlier export in DIR")
    add("--json", action="store_true", help="print an object instead of a table")
    parser.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    """Write the files and say what was written."""
    from unlearnkit.testbeds.export import export_testbed

    export = export_testbed(
        chosen.out, chosen.format, task=chosen.task, fold=whole_number("fold", chosen.fold),
        overwrite=chosen.overwrite,
    )  # fmt: skip
    if chosen.json:
        print(json.dumps(export.to_dict(), indent=1, ensure_ascii=False))
        return 0
    for name, count in export.rows.items():
        print(f"{count:6}  {name}")
    print(
        f'Written: {chosen.out}. Its README.md says how to load it: uk.load_testbed("{export.name}", model=…)'
    )
    return 0
