"""TOFU's published logs, scored: forget quality, and model utility in both variants."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from unlearnkit.errors import BadInput, MissingReference
from unlearnkit.metrics.tofu.forget_quality import ForgetQuality, forget_quality
from unlearnkit.metrics.tofu.log_format import LOSSES, PARTS, RECALL, TEXTS, Part, read_parts, shown
from unlearnkit.metrics.tofu.measured import Measured
from unlearnkit.metrics.tofu.rouge import rouge_l_recall
from unlearnkit.metrics.tofu.scores import TofuScores, scores_of


def score_log(path: str | Path, reference: str | Path | None = None) -> dict[str, Any]:
    """Score a TOFU log: eval_log_aggregated.json as TOFU's own code writes it.

    Parameters
    ----------
    path : str or Path
        The log of the unlearned model. Rows are joined by their numbers; a log may have any number of them,
        and may lack parts.
    reference : str or Path, optional
        The log of the model that never learned, on the same forget set.

    Returns
    -------
    dict
        "forget_quality": {"p", "d", "n"}, or None; see `ForgetQuality`. "model_utility": {"tofu",
        "open_unlearning", "parts", "missing"}, the two None where one of their nine parts is missing; see
        `model_utility`. "forget": probability, ROUGE-L recall and both truth ratios on the forget set.
        "truth_ratio": the parts that are truth ratios, of all groups. "rows": by group. "notes": what could
        not be scored, and why.

    Raises
    ------
    MissingReference
        When a file is not there, or the reference has no forget set.
    BadInput
        When a file is no such log, holds NaN, or the two are about other rows. The message names the file,
        the part, the field and the row.

    Notes
    -----
    The values of "rougeL_recall" are taken as they stand; where a log has none, they are made of its
    "generated_text", which gives the same ones.
    """
    groups = read_log(path)
    scores = scores_of({group: measured for group, (measured, _) in groups.items()})
    quality = None if reference is None else _compared(path, groups, reference)
    forget = {name: value for name, value in scores.parts.items() if name.startswith("forget_")}
    kept = {name: value for name, value in scores.parts.items() if name not in forget}
    return {
        "forget_quality": None if quality is None else quality.to_dict(),
        "model_utility": {**scores.model_utility, "parts": kept, "missing": list(scores.missing)},
        "forget": forget,
        "truth_ratio": {name: value for name, value in scores.parts.items() if "truth_ratio" in name},
        "rows": scores.rows,
        "notes": _notes(scores, reference),
    }


def read_log(path: str | Path) -> dict[str, tuple[Measured, Part]]:
    """What a log holds by group, and the part that it was read from."""
    parts = {group: Part(path, group, fields) for group, fields in read_parts(path).items()}
    return {group: (_measured(part), part) for group, part in parts.items()}


def recalls(part: Part) -> tuple[float, ...]:
    """ROUGE-L recall, stemmed, of what a log says that the model said."""
    return tuple(rouge_l_recall(truth, said) for _, said, truth in part.texts())


def _measured(part: Part) -> Measured:
    own, paraphrased = (part.losses(field) for field in LOSSES)
    stored = RECALL in part or TEXTS not in part
    recall = part.shares(RECALL) if stored else recalls(part)
    return Measured(own, paraphrased, part.wrong_losses(), recall)


def _compared(
    path: str | Path, groups: Mapping[str, tuple[Measured, Part]], reference: str | Path
) -> ForgetQuality | None:
    theirs = read_parts(reference)
    if "forget" not in theirs:
        raise MissingReference(
            f"reference: {reference} has no {PARTS['forget']}, so there is nothing to compare with; "
            "give the log of the model that never learned"
        )
    other = Part(reference, "forget", theirs["forget"])
    control = _measured(other).truth_ratios()
    if "forget" not in groups:
        return None
    measured, part = groups["forget"]
    _require_one_forget_set(path, part, reference, other)
    return forget_quality(measured.truth_ratios(), control)


def _require_one_forget_set(path: str | Path, part: Part, reference: str | Path, other: Part) -> None:
    ours, theirs = set(part.rows), set(other.rows)
    if ours != theirs:
        row = shown(min(ours ^ theirs))
        raise BadInput(
            f"reference: {reference} and {path} are about different forget sets: row {row} is in only one "
            f"of them ({len(ours)} and {len(theirs)} rows); take the model that was trained without this one"
        )
    answers, others = _true_answers(part), _true_answers(other)
    differing = [row for row in answers if row in others and answers[row] != others[row]]
    if 2 * len(differing) > len(ours):  # a tokenizer may give a few back in another spelling
        raise BadInput(
            f"reference: {reference} and {path} are about different forget sets: the true answers of "
            f"{len(differing)} of {len(ours)} rows differ, the first in row {shown(differing[0])}; take the "
            "model that was trained without this forget set"
        )


def _true_answers(part: Part) -> dict[str, str]:
    """Letters and digits of the true answers by row; none where the log does not say them."""
    try:
        texts = part.texts() if TEXTS in part else ()
    except BadInput:
        return {}  # nothing else is asked of them where the recall is stored
    letters = (re.sub(r"\W", "", truth.casefold()) for _, _, truth in texts)
    return dict(zip(part.rows, letters, strict=False))


def _notes(scores: TofuScores, reference: str | Path | None) -> list[str]:
    notes = []
    if "forget" not in scores.rows:
        notes.append(f"no forget quality: the log has no {PARTS['forget']}")
    elif reference is None:
        notes.append(
            "no forget quality: it compares with a model that never learned; give its log as --reference"
        )
    if scores.missing:
        lacking = [PARTS[group] for group in PARTS if group not in (*scores.rows, "forget")]
        notes.append(f"no model utility: the log has no {', no '.join(lacking)}, so parts are missing")
    return notes
