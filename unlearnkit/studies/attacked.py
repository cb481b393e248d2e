"""The runs of a study under one of its attacks, as a tidy table."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from unlearnkit.attacks import parse_attack
from unlearnkit.attacks.outcomes import OUTCOMES
from unlearnkit.errors import BadInput
from unlearnkit.unlearning.status import RETAIN_FLOOR

if TYPE_CHECKING:
    import pandas as pd

Study = Mapping[str, Any]


def attacked_frame(study: Study, attack: str) -> pd.DataFrame:
    """One row for each run that the study saw, before and after one attack.

    Parameters
    ----------
    study : mapping
        The content of step-size.json or depth.json: "rows" and "controls".
    attack : str
        Its short form, such as "relearn-100@3e-4".

    Returns
    -------
    pandas.DataFrame
        - task, fold, seed, optimizer, lr, status: of the run;
        - aim: the multiple of never_learned's nll_forget that it was stopped at;
        - depth: its nll_forget as a multiple of never_learned's on the same fold (1 is as deep as the
          control);
        - steps; distance_l2: the weights' distance to the target's;
        - retain: knowmem_retain before the attack, 0 to 1;
        - shown, heldout: recovery, knowledge after the attack beyond never_learned's under the same attack
          (0 is nothing, higher means more came back);
        - outcome: of the attack;
        - floor: 0.8 of the target's knowmem_retain on that fold, below which a run is destroyed.

    Raises
    ------
    BadInput
        When rows, controls or a field are missing, or no run met the attack.

    Examples
    --------
    >>> from unlearnkit.studies.attacked import attacked_frame
    >>> attacked_frame({"rows": [], "controls": []}, "relearn-100")
    Traceback (most recent call last):
    unlearnkit.errors.BadInput: study: it has no rows; give the content of step-size.json or depth.json
    """
    import pandas as pd

    wanted = _key(parse_attack(attack).to_dict())
    rows, levels = _parts(study)
    return pd.DataFrame([_line(row, place, wanted, attack, levels) for place, row in enumerate(rows)])


def read(record: object, where: str, *path: str) -> Any:
    """A field of a record by its path; raises BadInput naming what is missing and where."""
    found = record
    for name in path:
        if not isinstance(found, Mapping) or name not in found:
            raise BadInput(
                f"{where} has no {'.'.join(path)}; give the file as the command that made it wrote it"
            )
        found = found[name]
    return found


def rate_text(lr: float) -> str:
    """A learning rate as one writes it.

    Examples
    --------
    >>> [rate_text(lr) for lr in (0.1, 3.2e-4, 1e-4)]
    ['0.1', '3.2e-4', '1e-4']
    """
    if lr >= 0.01:
        return f"{lr:g}"
    digits, power = f"{lr:.1e}".split("e")
    return f"{digits.removesuffix('.0')}e{int(power)}"


def grouped(frame: pd.DataFrame, *by: str) -> Iterator[tuple[Any, pd.DataFrame]]:
    """`frame.groupby`, with keys as plain values: one for one column, a tuple for several."""
    yield from frame.groupby(by[0] if len(by) == 1 else list(by))


def runs_beside(frame: pd.DataFrame, reference: str) -> pd.DataFrame:
    """The rows of runs, controls left out; raises BadInput where none is the reference's."""
    runs = frame[~frame.control] if len(frame) else frame
    if not len(runs) or reference not in set(runs.name):
        raise BadInput(
            f"record: no run is {reference.capitalize()}'s, so there is nothing to hold the others against"
        )
    return runs


def by_status(both: pd.DataFrame, reference: str) -> tuple[pd.DataFrame, dict[int, str]]:
    """Of pairs of runs, a row a fold: those of equal status, and both statuses on the other folds."""
    theirs = both[f"status_{reference}"]
    unequal = both[both.status != theirs]
    columns = (unequal[name] for name in ("fold", "status", f"status_{reference}"))
    told = {int(fold): f"{ours} against {other}" for fold, ours, other in zip(*columns, strict=True)}
    return both[both.status == theirs], told


def _parts(study: Study) -> tuple[Sequence[Any], dict[tuple[str, int, str], Any]]:
    rows, controls = (list(read(study, "study: it", name)) for name in ("rows", "controls"))
    if not rows:
        raise BadInput("study: it has no rows; give the content of step-size.json or depth.json")
    levels = {}
    for place, control in enumerate(controls):
        where = f"study: control {place}"
        task, fold, name = (read(control, where, field) for field in ("task", "fold", "control"))
        levels[task, fold, name] = read(control, where, "scores")
    return rows, levels


def _line(
    row: Any, place: int, wanted: str, attack: str, levels: Mapping[tuple[str, int, str], Any]
) -> dict[str, Any]:
    where = f"study: row {place}"
    named = ("task", "fold", "seed", "optimizer", "lr", "status", "steps")
    line = {name: read(row, where, name) for name in named}
    control, target = (_level(levels, line, name) for name in ("never_learned", "target"))
    done = _attack(row, where, wanted, attack)
    return {
        **line,
        "aim": read(row, where, "depth"),
        "depth": read(row, where, "scores", "nll_forget") / read(control, "never_learned", "nll_forget"),
        "distance_l2": read(row, where, "cost", "distance_l2"),
        "retain": read(row, where, "scores", "knowmem_retain"),
        "shown": read(done, where, "recovery", "shown"),
        "heldout": read(done, where, "recovery", "heldout"),
        "outcome": _outcome(done, where),
        "floor": RETAIN_FLOOR * read(target, "target", "knowmem_retain"),
    }


def _level(levels: Mapping[tuple[str, int, str], Any], line: Mapping[str, Any], name: str) -> Any:
    key = (line["task"], line["fold"], name)
    if key not in levels:
        raise BadInput(
            f"study: no control is {name} of {key[0]}, fold {key[1]}; without it nothing is judged"
        )
    return levels[key]


def _attack(row: Any, where: str, wanted: str, attack: str) -> Any:
    met = read(row, where, "attacks")
    for done in met:
        if _key(done) == wanted:
            return done
    listed = ", ".join(_key(done) for done in met) or "none"
    raise BadInput(f'attack: "{attack}" was not made on {where.removeprefix("study: ")}; made were {listed}')


def _outcome(done: Any, where: str) -> str:
    outcome: str = read(done, where, "outcome")
    if outcome not in OUTCOMES:
        raise BadInput(f'{where} has the outcome "{outcome}"; known are {", ".join(OUTCOMES)}')
    return outcome


def _key(attack: Any) -> str:
    """What makes two attacks the same: name and parameters."""
    name, params = (read(attack, "study: an attack", field) for field in ("name", "params"))
    return f"{name} {json.dumps(params, sort_keys=True)}"
