"""What the study of TOFU's rows says, as tables in Markdown and in a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from unlearnkit.errors import BadInput
from unlearnkit.studies.tofu import FORGOTTEN, KEEPS
from unlearnkit.studies.tofu_lab import CONTROL, TARGET

P, D, UTILITY = "tofu_forget_quality_p", "tofu_forget_quality_d", "tofu_model_utility_tofu"
ROUGE, PROBABILITY = "tofu_forget_rouge_l_recall", "tofu_forget_probability"
OBJECTIVE_HEAD = (
    "objective",
    "steps",
    "p",
    "D",
    "utility",
    "recall",
    "at the end: p",
    "D",
    "utility",
    "recall",
)
CONTROL_HEAD = ("model", "p", "D", "utility", "open-unlearning's utility", "recall", "probability")
Point = dict[str, Any]


def tofu_objectives_table(study: dict[str, Any]) -> str:
    """One row an objective: the look that is read, and the last one.

    Parameters
    ----------
    study : dict
        The content of data/records/tofu.json.

    Returns
    -------
    str
        p and D of forget quality, model utility (TOFU's variant), ROUGE-L recall (stemmed) on forget01. The
        look that is read has the highest p of those with at least 0.8 of the target's utility; "none" where
        no look has.
    """
    floor = KEEPS * _control(study, TARGET)[UTILITY]
    rows = [_objective_row(row, floor) for row in study["rows"]]
    return _markdown(OBJECTIVE_HEAD, rows)


def tofu_controls_table(study: dict[str, Any]) -> str:
    """One row a control: the target, the one that never learned, and those of other seeds."""
    rows = [
        (c["name"], *(_number(c["scores"][name]) for name in _control_columns())) for c in study["controls"]
    ]
    return _markdown(CONTROL_HEAD, rows)


def tofu_sentence(study: dict[str, Any]) -> str:
    """How many objectives pass TOFU's test while they keep, and how far two trainings lie apart."""
    target = _control(study, TARGET)
    floor = KEEPS * target[UTILITY]
    found = {row["objective"]: read_look(row["points"], floor) for row in study["rows"]}
    passed = [name for name, look in found.items() if look and look["scores"][P] > FORGOTTEN]
    kept = [name for name, look in found.items() if look]
    seeds = [c["scores"][D] for c in study["controls"] if c["name"].startswith(f"{CONTROL}, ")]
    rows = target["tofu_forget_quality_n"]
    return "\n".join([
        f"Of {len(found)} objectives, {len(kept)} have a look that keeps {KEEPS} of the target's utility; "
        f"{len(passed)} of these pass TOFU's test there (p above {FORGOTTEN}, {rows} rows): "
        f"{', '.join(passed) or 'none'}.",
        f"The target: D = {target[D]:.3f}, p = {target[P]:.1e}. Controls of other seeds against the control: "
        f"D = {', '.join(f'{d:.3f}' for d in seeds)}.",
    ])  # fmt: skip


def read_look(points: Sequence[Point], floor: float) -> Point | None:
    """The look of highest p whose utility is at least `floor`; of equal ones the earliest; None for none."""
    kept = [point for point in points if not point["diverged"] and point["scores"][UTILITY] >= floor]
    return max(kept, key=lambda point: (point["scores"][P], -point["steps"])) if kept else None


def _objective_row(row: dict[str, Any], floor: float) -> tuple[str, ...]:
    look, last = read_look(row["points"], floor), row["points"][-1]
    steps = "none" if look is None else str(look["steps"])
    return row["objective"], steps, *_cells(look), *_cells(last)


def _cells(point: Point | None) -> tuple[str, ...]:
    if point is None:
        return ("",) * 4
    if point["diverged"]:
        return ("diverged", "", "", "")
    return tuple(_number(point["scores"][name]) for name in (P, D, UTILITY, ROUGE))


def _control_columns() -> tuple[str, ...]:
    return P, D, UTILITY, "tofu_model_utility_open_unlearning", ROUGE, PROBABILITY


def _control(study: dict[str, Any], name: str) -> dict[str, Any]:
    for control in study.get("controls", []):
        if control["name"] == name:
            scores: dict[str, Any] = control["scores"]
            return scores
    raise BadInput(f"study: it has no control {name!r}; give the file as `unlearnkit study tofu` wrote it")


def _number(value: float) -> str:
    return f"{value:.1e}" if 0 < value < 0.001 else f"{value:.3f}"


def _markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows))
