"""The study of smoothing as tables: certificates under one noise, one row an optimizer, over folds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from unlearnkit.errors import BadInput
from unlearnkit.smoothing.certificates.model_certificate import ModelCertificate
from unlearnkit.studies.attacked import read
from unlearnkit.studies.flatness_table import counted
from unlearnkit.studies.intervals import over_folds
from unlearnkit.studies.smoothing import RELEARNING, ROUNDING
from unlearnkit.studies.smoothing_measures import INSIDE

if TYPE_CHECKING:
    import pandas as pd

REACHES = {ROUNDING: "rounding", RELEARNING: "relearning"}  # in the order of a row's attacks


def smoothing_frame(record: Mapping[str, Any]) -> pd.DataFrame:
    """One row for each model and certificate.

    Parameters
    ----------
    record : mapping
        The content of smoothing.json.

    Returns
    -------
    pandas.DataFrame
        - task, fold, name (an optimizer's, "target" or "never_learned"), control (whether it is one), status,
          distance_l2 (to the target);
        - where ("all weights" or "attack subspace"), dimensions, sigma, samples;
        - works: whether the smoothed model keeps what it must; kept: the share of kept facts that it
          answers; floor;
        - share: of facts certified, 0 to 1; excess: that less the target's under the same noise;
        - radius, longest: certified, in L2, in the median over facts and at most, each fact at risk alpha by
          itself; split: of the split. 0 where it abstains;
        - rounding, relearning: how far they moved this very model, in L2; rounding_inside,
          relearning_inside: the part of it where the noise is;
        - holds: whether the certificate lies below what was found on relearning's way; None where that was
          not looked at.

        A run that diverged is left out: it has no measures.

    Raises
    ------
    BadInput
        When a field is missing, or a fold has no target under the same noise.

    Examples
    --------
    >>> smoothing_frame({"rows": []})
    Traceback (most recent call last):
    unlearnkit.errors.BadInput: record has no controls; give the file as the command that made it wrote it
    """
    import pandas as pd

    lines = [line for where, row in models_of(record) for line in _lines(where, row)]
    targets = {_key(line): line["model"] for line in lines if line["name"] == "target"}
    for line in lines:
        if _key(line) not in targets:
            raise BadInput(
                f"record: no control is the target of {line['task']}, fold {line['fold']}, under the same "
                "noise; without it nothing tells forgetting from a wreck"
            )
        line["excess"] = line["model"].excess_share(targets[_key(line)])
    return pd.DataFrame(lines).drop(columns="model", errors="ignore")


def models_of(record: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Every row that was measured, with where it stands."""
    rows, controls = (list(read(record, "record", name)) for name in ("rows", "controls"))
    found = [(f"record: row {place}", row) for place, row in enumerate(rows)]
    found += [(f"record: control {place}", row) for place, row in enumerate(controls)]
    return [(where, row) for where, row in found if read(row, where, "measures") is not None]


def _key(line: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(line[name] for name in ("task", "fold", "where", "sigma"))


def about(where: str, row: Any) -> dict[str, Any]:
    """Whose row it is."""
    return {
        "task": read(row, where, "task"),
        "fold": read(row, where, "fold"),
        "name": row["control"] if "control" in row else read(row, where, "optimizer"),
        "control": "control" in row,
        "status": read(row, where, "status"),
        "distance_l2": read(row, where, "cost", "distance_l2"),
    }


def _lines(where: str, row: Any) -> list[dict[str, Any]]:
    whose = about(where, row)
    attacks = dict(zip(REACHES.values(), read(row, where, "attacks"), strict=True))
    return [
        whose | _certified(where, found) | _reached(where, found, attacks)
        for found in read(row, where, "measures", "certificates")
    ]


def _certified(where: str, found: Any) -> dict[str, Any]:
    mine = ModelCertificate.from_dict(read(found, where, "model"))
    if mine.split is None:
        raise BadInput(f"{where} has a certificate without a split; the study has never_learned for it")
    return {
        "model": mine,
        "where": read(found, where, "where"),
        "dimensions": read(found, where, "dimensions"),
        "sigma": mine.sigma,
        "samples": mine.samples,
        "works": mine.works,
        "kept": mine.retain.estimate,
        "floor": mine.retain.floor,
        "share": mine.certified_share(),
        "radius": float(np.median(mine.radii())),
        "longest": float(mine.radii().max()),
        "split": mine.split.radius,
    }


def _reached(where: str, found: Any, attacks: Mapping[str, Any]) -> dict[str, Any]:
    inside = read(found, where, "where") == INSIDE
    along = read(found, where, "along")
    reached: dict[str, Any] = {"holds": None if along is None else read(along, where, "holds")}
    for name, attack in attacks.items():
        reached[name] = read(attack, where, "displacement", "distance_l2")
        reached[f"{name}_inside"] = read(attack, where, "inside") if inside else reached[name]
    return reached


def smoothing_table(record: Mapping[str, Any], *, task: str, where: str, sigma: float) -> str:
    """One line an optimizer, then the controls, under one noise: means over folds with a 95 % t interval.

    Parameters
    ----------
    record : mapping
        The content of smoothing.json.
    task : str
    where : {"all weights", "attack subspace"}
    sigma : float

    Returns
    -------
    str
        Markdown. status: on how many folds; works: on how many the smoothed model keeps what it must; keeps:
        the share of kept facts that it answers; certified: the share of facts, and beyond the target's;
        radius: in the median over facts; split: the split's; rounding, relearning: their length over the
        longest radius of a fact (each at risk alpha by itself), in the median over folds ("beyond" where
        nothing is certified), and of their squared length the share that lies where the noise is.

    Raises
    ------
    BadInput
        As `smoothing_frame`; when the record has no certificate of this task and noise.
    """
    frame = chosen(smoothing_frame(record), task=task, where=where, sigma=sigma)
    head = ["model", "status", "works", "keeps", "certified", "beyond the target's", "radius", "split",
            *(f"{name} / radius" for name in REACHES.values())]  # fmt: skip
    lines = [_line(frame[frame.name == name], name) for name in names_of(frame)]
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, ["---"] * len(head), *lines))


def names_of(frame: pd.DataFrame) -> list[str]:
    """Optimizers in their order, then the controls."""
    return [str(name) for name in dict.fromkeys(frame.sort_values("control", kind="stable").name)]


def chosen(frame: pd.DataFrame, **wanted: object) -> pd.DataFrame:
    """The rows whose columns hold these values, one after the other; raises BadInput where there are none."""
    for column, value in wanted.items():
        known = sorted(set(frame[column])) if len(frame) else []
        if value not in known:
            listed = ", ".join(str(name) for name in known) or "no row"
            raise BadInput(f"{column}: the record has nothing of {value!r}; it has {listed}")
        frame = frame[frame[column] == value]
    return frame


def _line(mine: pd.DataFrame, name: str) -> list[str]:
    means = [over_folds(mine[column]).cell(".2f") for column in ("kept", "share")]
    beyond = over_folds(mine.excess).cell()
    radii = [over_folds(mine[column]).cell(".3g") for column in ("radius", "split")]
    works = f"{int(mine.works.sum())} of {len(mine)}"
    reaches = [reach_text(mine, reach) for reach in REACHES.values()]
    return [name, counted(mine.status), works, *means, beyond, *radii, *reaches]


def reach_text(mine: pd.DataFrame, reach: str) -> str:
    """How many times the longest radius an attack went, in the median over folds, and its share inside."""
    ratio = ratio_of(mine, reach)
    inside = float(((mine[f"{reach}_inside"] / mine[reach]) ** 2).median())
    told = "beyond" if math.isinf(ratio) else f"{ratio:.4g}"
    return told if inside == 1 else f"{told} ({inside:.2%} inside)"


def ratio_of(mine: pd.DataFrame, reach: str) -> float:
    """An attack's length over the longest certified radius, the median over folds; infinite without one."""
    lengths = mine[reach] / mine.longest.where(mine.longest > 0)
    return float(lengths.fillna(math.inf).median())
