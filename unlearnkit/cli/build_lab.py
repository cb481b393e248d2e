"""`unlearnkit build-lab`: make the lab's checkpoints again, or check those that ship."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unlearnkit.cli.options import listed, whole_number
from unlearnkit.errors import BadInput, require_one_of

if TYPE_CHECKING:
    from unlearnkit.studies.lab import Bound
    from unlearnkit.testbeds.atlas.checkpoints import Checkpoint

MISSED = 1


def add_command(commands: Any) -> None:
    """Add the command to a parser."""
    parser = commands.add_parser(
        "build-lab",
        help="train the lab's models again, or check those that ship",
        description="Train the target and its never-learned controls again (about five minutes each on one "
        "core), score them, and compare them with what ships. With --check nothing is trained.",
    )
    add = parser.add_argument
    add("--out", metavar="DIR", help="where to build (default: lab), or with --check: what to score")
    add("--check", action="store_true", help="score only; exit code 1 where a bound is missed")
    add("--only", metavar="A,B", help="checkpoints by name, such as target,never-learned-topic-1")
    add(
        "--plants",
        action="store_true",
        help="only the planted models, of the target that ships (to DIR: plants)",
    )
    add("--sealed", action="store_true", help="also build the control of the sealed entity fold 6")
    add("--workers", metavar="N", help="processes (default: one a core)")
    add("--json", action="store_true", help="print a list of objects instead of a table")
    parser.set_defaults(run=run)


def _plants(folder: Path, workers: int | None) -> int:
    from unlearnkit.studies.plants import build_plants

    if folder.exists():
        raise BadInput(f"out: {folder} exists; name another folder")
    print("Written: " + ", ".join(build_plants(folder, workers=workers)))
    return 0


def run(chosen: argparse.Namespace) -> int:
    """Build if asked to, score, print the bounds; 1 where one is missed."""
    from unlearnkit.resources import data_path
    from unlearnkit.studies import lab

    wanted = _wanted(chosen)
    workers = None if chosen.workers is None else whole_number("workers", chosen.workers)
    if chosen.plants:
        return _plants(Path(chosen.out or "plants"), workers)
    shipped = data_path("lab")
    folder = Path(chosen.out) if chosen.out else (shipped if chosen.check else Path("lab"))
    if not chosen.check:
        _require_new(folder, wanted)
        lab.build_lab(folder, wanted, workers=workers)
    scored = lab.score_lab(folder, _complete(folder, wanted), workers=workers)
    bounds = lab.check_bounds(scored)
    if not chosen.check and len(scored) == len(_places(wanted)):
        lab.write_expected(folder, scored)
    if (shipped / lab.EXPECTED_FILE).exists():
        expected = lab.read_expected(shipped)
        known = {place: models for place, models in scored.items() if place in expected}
        bounds += lab.check_against(known, expected)
    _print(bounds, scored, as_json=chosen.json)
    return MISSED if any(not bound.kept for bound in bounds) else 0


def _wanted(chosen: argparse.Namespace) -> list[Checkpoint]:
    from unlearnkit.testbeds.atlas.checkpoints import SEALED, shipped_checkpoints

    every = [*shipped_checkpoints(), *([SEALED] if chosen.sealed else [])]
    if chosen.only is None:
        return every
    names = listed(chosen.only)
    for name in names:
        require_one_of("only", name, [checkpoint.name for checkpoint in every])
    return [checkpoint for checkpoint in every if checkpoint.name in names]


def _places(checkpoints: Sequence[Checkpoint]) -> list[Checkpoint]:
    return [checkpoint for checkpoint in checkpoints if checkpoint.task is not None]


def _require_new(folder: Path, wanted: Sequence[Checkpoint]) -> None:
    """Nothing that took minutes to train is overwritten."""
    taken = [checkpoint.name for checkpoint in wanted if (folder / checkpoint.name).exists()]
    if taken:
        raise BadInput(f"out: {folder} holds {', '.join(taken)} already; remove them or name another folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"out: {folder} cannot be made ({error.strerror}); name another folder") from error


def _complete(folder: Path, wanted: Sequence[Checkpoint]) -> list[Checkpoint]:
    """Controls that can be scored: with their own checkpoint and the target's in the folder."""
    from unlearnkit.testbeds.atlas.checkpoints import TARGET

    if not folder.is_dir():
        raise BadInput(f"out: {folder} is no folder; build into it first, without --check")
    if not (folder / TARGET).exists():
        raise BadInput(f"out: {folder} holds no {TARGET}, without which nothing can be scored")
    return [c for c in _places(wanted) if (folder / c.name).exists()]


def _print(bounds: Sequence[Bound], scored: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps([bound.to_dict() for bound in bounds], indent=1, ensure_ascii=False))
        return
    for bound in bounds:
        mark = "ok  " if bound.kept else "MISS"
        where = f"{bound.task} fold {bound.fold}"
        print(f"{mark} {where:16} {bound.checkpoint:26} {bound.score:28} {bound.value:6.3f}  {bound.rule}")
    for place, models in scored.items():
        for name, found in models.items():
            if name != "target":
                print(f"{place:12} never_learned by relation: {_relations(found['scores'])}")
    missed = sum(not bound.kept for bound in bounds)
    print(f"{len(bounds) - missed} bounds kept, {missed} missed")


def _relations(scores: dict[str, Any]) -> str:
    forgotten = {k: v for k, v in scores["knowmem_by_relation"].items() if k.startswith("forget/")}
    words = [f"{key.split('/')[1]} {value:.2f}" for key, value in sorted(forgotten.items())]
    return f"nll {scores['nll_forget']:.2f}; " + ", ".join(words)
