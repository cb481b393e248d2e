"""A comparison as a table that a terminal can show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from statistics import fmean
from typing import Any

from unlearnkit.attacks.rows import label_of
from unlearnkit.studies.compare import Comparison

GRADES = (
    "second order", "first order", "first order, sign", "sharpness-aware", "zeroth order",
    "first and zeroth order", "control",
)  # fmt: skip
MARKS = {"survived": "=", "recovered": "!", "destroyed": "x", "no power": "?", "not applicable": "-"}


def comparison_table(comparison: Comparison) -> str:
    """Runs by grade and optimizer, averaged over folds, between the two controls.

    Knowledge is "shown / held out". What attacks bring back is beyond never_learned's under the
    same attack, shown and held out alike; "+.00" is nothing. Its mark is the outcome, where all folds agree.
    """
    groups = _groups(comparison.rows)
    labels = _attack_labels(comparison)
    head = [
        "optimizer",
        "lr",
        "steps",
        "status",
        "nll",
        "knows",
        "keeps",
        "recites",
        *labels,
        "cost",
        "seconds",
    ]
    lines = _control_lines("target", comparison, labels)
    for grade, members in groups.items():
        lines.append([f"· {grade}"])
        lines += [_run_line(optimizer, rows) for optimizer, rows in members.items()]
    lines += _control_lines("never_learned", comparison, labels)
    lines += [_plant_line(name, comparison, labels) for name in _plants(comparison)]
    folds = sorted({row["fold"] for row in comparison.rows})
    failed = [f"failed: {failure['label']}: {failure['error']}" for failure in comparison.failures]
    return "\n".join([*_aligned([head, *lines]), *failed, "", *_legend(comparison, folds)])


def _groups(rows: Sequence[dict[str, Any]]) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """Rows by grade, in the order of grades, then by optimizer."""
    grades = sorted({row["grade"] for row in rows}, key=grade_place)
    return {
        grade: {
            name: [row for row in rows if row["optimizer"] == name]
            for name in dict.fromkeys(row["optimizer"] for row in rows if row["grade"] == grade)
        }
        for grade in grades
    }


def grade_place(grade: str) -> int:
    """Where a grade stands among `GRADES`; unknown ones come last."""
    return GRADES.index(grade) if grade in GRADES else len(GRADES)


def _attack_labels(comparison: Comparison) -> list[str]:
    met = (row["attacks"] for row in (*comparison.rows, *comparison.controls))
    return list(dict.fromkeys(label_of(attack) for attacks in met for attack in attacks))


def _mean(rows: Iterable[dict[str, Any]], *path: str) -> float:
    values = []
    for row in rows:
        for key in path:
            row = row[key]
        values.append(float(row))  # type: ignore[arg-type]
    return fmean(values)


def _knowledge(rows: Sequence[dict[str, Any]]) -> str:
    shown = _mean(rows, "scores", "knowmem_forget_shown")
    heldout = _mean(rows, "scores", "knowmem_forget_heldout")
    return f"{shown:.2f} / {heldout:.2f}"


def _scores(rows: Sequence[dict[str, Any]]) -> list[str]:
    return [
        f"{_mean(rows, 'scores', 'nll_forget'):.1f}",
        _knowledge(rows),
        f"{_mean(rows, 'scores', 'knowmem_retain'):.2f}",
        f"{_mean(rows, 'scores', 'verbmem_forget'):.2f}",
    ]


def _run_line(optimizer: str, rows: Sequence[dict[str, Any]]) -> list[str]:
    counts = Counter(row["status"] for row in rows)
    status = ", ".join(word if len(rows) == 1 else f"{n} {word}" for word, n in counts.items())
    attacked = zip(*(row["attacks"] for row in rows), strict=True)
    recovered = [f"{_recovered(same)} {_mark(same)}" for same in attacked]
    cost = [
        f"{_mean(rows, 'cost', 'forward_equivalents'):.0f}",
        f"{_mean(rows, 'cost', 'seconds'):.1f}",
    ]
    chosen = [f"{rows[0]['lr']:g}", str(rows[0]["steps"])]
    return [f"  {optimizer}", *chosen, status, *_scores(rows), *recovered, *cost]


def _recovered(same: Sequence[dict[str, Any]]) -> str:
    """Recovery over the folds whose controls are there to compare with."""
    judged = [attack for attack in same if "recovery" in attack]
    if not judged:
        return "no control"
    return f"{_mean(judged, 'recovery', 'shown'):+.2f} / {_mean(judged, 'recovery', 'heldout'):+.2f}"


def _control_lines(name: str, comparison: Comparison, labels: Sequence[str]) -> list[list[str]]:
    """A control's knowledge before and after attacks: plain, not beyond anything. None where it failed."""
    rows = [row for row in comparison.controls if row["control"] == name]
    after = [_knowledge(same) for same in zip(*(row["attacks"] for row in rows), strict=True)]
    return [[name, "", "", "", *_scores(rows), *after[: len(labels)], "", ""]] if rows else []


def _mark(same: Sequence[dict[str, Any]]) -> str:
    """The outcome's mark, one a kind: folds may differ."""
    return "".join(dict.fromkeys(MARKS[attack["outcome"]] for attack in same))


def _plants(comparison: Comparison) -> list[str]:
    names = dict.fromkeys(row["control"] for row in comparison.controls)
    return [name for name in names if name.startswith("plant-")]


def _plant_line(name: str, comparison: Comparison, labels: Sequence[str]) -> list[str]:
    """A planted model's knowledge: before, and after the attacks that it was planted for."""
    rows = [row for row in comparison.controls if row["control"] == name]
    met: dict[str, list[dict[str, Any]]] = {label_of(attack): [] for attack in rows[0]["attacks"]}
    for row in rows:
        for attack in row["attacks"]:
            met[label_of(attack)].append(attack)
    after = [_knowledge(met[label]) if label in met else "" for label in labels]
    return [name, "", "", "", *_scores(rows), *after, "", ""]


def _aligned(lines: Sequence[Sequence[str]]) -> list[str]:
    """Columns as wide as their widest cell; a line of one cell may run over."""
    full = [line for line in lines if len(line) > 1]
    widths = [max(len(line[i]) for line in full) for i in range(len(full[0]))]
    return ["  ".join(c.ljust(w) for c, w in zip(line, widths, strict=False)).rstrip() for line in lines]


def _legend(comparison: Comparison, folds: Sequence[int]) -> list[str]:
    places = ", ".join(map(str, folds))
    return [
        f"{comparison.task} task, fold{'s' if len(folds) > 1 else ''} {places}: means over folds, one seed.",
        "nll: nats a token on what must be forgotten; depth is right where it equals never_learned's.",
        "knows: right answers on the forget set, facts that attacks are shown / never shown. keeps: on",
        "everything else. recites: ROUGE-L of forgotten passages. Attacks: knowledge they bring back",
        "beyond never_learned under the same attack (for the controls: knowledge after it), with the",
        "outcome: = survived, ! recovered, x destroyed, ? no power, - not applicable. Planted models, which",
        "hide what they know, show that an attack can find something at all.",
        "cost: forward passes over a batch, a backward pass counting 2. Presets come from calibration on",
        "fold 0 and match depth roughly: a run that went deeper may survive for that reason alone.",
    ]
