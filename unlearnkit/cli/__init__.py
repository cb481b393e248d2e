"""The command line: `unlearnkit COMMAND --help`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from unlearnkit import __version__
from unlearnkit.cli import brief, build_lab, calibrate, compare, doctor, lab, records, report, score, study
from unlearnkit.cli import export_testbed as export
from unlearnkit.errors import UnlearnkitError

BAD_INPUT = 2  # argparse's own code for a bad argument
INTERRUPTED = 130  # the shell's code for Ctrl-C
COMMANDS = (compare, records, report, brief, score, calibrate, study, build_lab, lab, doctor, export)


def parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    top = argparse.ArgumentParser(
        prog="unlearnkit",
        description="Does the grade of the optimizer decide whether LLM unlearning survives? Test it.",
    )
    top.add_argument("--version", action="version", version=f"unlearnkit {__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add_command(commands)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; 0 only on success, 2 on bad input, with one line that says what to do."""
    chosen = parser().parse_args(arguments)
    try:
        code = int(chosen.run(chosen))
        sys.stdout.flush()
        return code
    except UnlearnkitError as error:
        print(f"unlearnkit {chosen.command}: {error}", file=sys.stderr)
        return BAD_INPUT
    except BrokenPipeError:  # the reader left, as `head` does; what was to be written is written
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python complains at exit
        return 0
    except KeyboardInterrupt:
        what_stays = getattr(chosen, "interrupted", "nothing half-written is left")
        print(f"unlearnkit {chosen.command}: interrupted; {what_stays}", file=sys.stderr)
        return INTERRUPTED
