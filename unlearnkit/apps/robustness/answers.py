"""What a model really answered before and after an attack, fact by fact."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

CHANGES = {
    (False, True): "came back",
    (False, False): "still wrong",
    (True, True): "still right",
    (True, False): "lost",
}
EVERYTHING = "all facts"
WAYS = (EVERYTHING, *CHANGES.values())


def compare_answers(
    before: pd.DataFrame, after: pd.DataFrame, control: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Join a run's answers before and after an attack, and never_learned's after the same.

    Parameters
    ----------
    before, after, control : pandas.DataFrame
        What `store.answers` gives; `control` of never_learned, where it was kept.

    Returns
    -------
    pandas.DataFrame
        One row a question that both have: subject, relation, split, question, true answer, before, after,
        change ("came back", "still right", "still wrong", "lost"), never_learned (None where not kept).
    """
    import pandas as pd

    if before.empty or after.empty:
        return pd.DataFrame(columns=[*_row({}, {}, None)])
    later = {row["id"]: row for row in after.to_dict("records")}
    others = {} if control is None else dict(zip(control["id"], control["given"], strict=True))
    joined = [
        _row(row, later[row["id"]], others.get(row["id"]))
        for row in before.to_dict("records")
        if row["id"] in later
    ]
    return pd.DataFrame(joined, columns=[*_row({}, {}, None)])


def answers_sentence(found: pd.DataFrame, *, attack: str) -> str:
    """How many answers changed, and how; says so where the record kept none."""
    if found.empty:
        return (
            f"The record kept no answers of this run for {attack}, so nothing can be shown fact by fact. "
            "To have them, compare again: `unlearnkit compare` keeps them."
        )
    counts = Counter(found["change"])
    told = ", ".join(f"{counts[way]} {way}" for way in CHANGES.values() if counts[way])
    return f"Of {len(found)} facts to forget, after {attack}: {told}."


def _row(before: dict[Any, Any], after: dict[Any, Any], control: str | None) -> dict[str, Any]:
    return {
        "subject": before.get("subject"),
        "relation": before.get("relation"),
        "split": before.get("split"),
        "question": before.get("prompt"),
        "true answer": before.get("answer"),
        "before": before.get("given"),
        "after": after.get("given"),
        "change": CHANGES[bool(before.get("right")), bool(after.get("right"))],
        "never_learned": control,
    }
