"""Trap 23: a backslash and a space end a shell command there, and what follows runs as something else."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BROKEN = re.compile(r"\\[ \t]+$", flags=re.MULTILINE)
DOCUMENTS = [ROOT / "README.md", *(ROOT / ".github").rglob("*.md"), *(ROOT / "data").rglob("*.md")]
FENCE = re.compile(r"```(?:sh|bash|console|text)?\n(.*?)```", flags=re.DOTALL)


def scripts() -> dict[str, str]:
    """Every shell text of the repository: what CI runs, and what documents say to type."""
    found = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / ".ci").iterdir()}
    for path in DOCUMENTS:
        for number, block in enumerate(FENCE.findall(path.read_text(encoding="utf-8")), start=1):
            found[f"{path.relative_to(ROOT).as_posix()}, block {number}"] = block
    return found


def test_no_command_of_ours_is_broken_off():
    found = scripts()
    assert any("set -euo pipefail" in text for text in found.values())  # CI's script is among them
    assert any("pytest" in text for name, text in found.items() if name.startswith("README.md"))
    assert not [name for name, text in found.items() if BROKEN.search(text)]


@pytest.mark.parametrize("end", ["\\ ", "\\  ", "\\\t"])
def test_a_command_that_is_broken_off_is_recognised(end):
    assert BROKEN.search(f"python eval.py {end}\n  out=results \\\n  --last\n")


@pytest.mark.parametrize("text", ["a \\\n b", "path\\ with\\ spaces", "a \\", "grep '\\ x'"])
def test_what_is_in_order_is_not(text):
    assert not BROKEN.search(text)


def test_the_shell_does_just_that():
    whole = _said("echo one \\\n  two")
    broken = _said("echo one \\ \n  two=2")
    assert whole.split() == ["one", "two"]
    assert broken.split() == ["one"]


def _said(script: str) -> str:
    try:
        done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    except FileNotFoundError:
        pytest.skip("no bash on this machine")
    return done.stdout
