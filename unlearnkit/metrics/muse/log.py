"""ROUGE-L of a log that another tool wrote: rows of prompt, true continuation and response."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from rouge_score import rouge_scorer

from unlearnkit.errors import BadInput
from unlearnkit.metrics.muse.items import read_items

FIELDS = ("prompt", "gt", "response")


def score_rows(path: str | Path) -> dict[str, Any]:
    """Mean ROUGE-L of the responses, without stemming, as MUSE's VerbMem and KnowMem take it.

    Parameters
    ----------
    path : str or Path
        A JSON array or JSON Lines of objects with "gt" and "response", texts, and perhaps "prompt"; other
        fields are ignored, scores among them: they are computed anew.

    Returns
    -------
    dict
        {"rouge_l": {"f1", "recall"}, "n"}: means over rows, 0 to 1, higher meaning more remembered (MUSE's
        tables print F1 times 100); n rows. "notes" beside them where ROUGE sees no word in some of the true
        texts: it knows runs of a to z and digits alone, and gives 0 even where the response is the same.

    Raises
    ------
    MissingReference
        When there is no such file.
    BadInput
        For a file that cannot be read, or a row without a text in a field; naming file, row and field.

    References
    ----------
    Lin 2004, "ROUGE"; Shi et al., "MUSE" (2407.06460), section 3.1.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     file = Path(folder) / "log.json"
    ...     _ = file.write_text('[{"prompt": "The", "gt": "cat sat down", "response": "cat sat"}]')
    ...     score_rows(file)
    {'rouge_l': {'f1': 0.8, 'recall': 0.67}, 'n': 1}
    """
    items = read_items(path)
    rows = [items] if isinstance(items, dict) else items
    if not rows:
        raise BadInput(f"{path} has no row; there is nothing to score")
    pairs = [_pair(path, number, row) for number, row in enumerate(rows, start=1)]
    scorer = rouge_scorer.RougeScorer(["rougeL"], use_stemmer=False)
    scores = [scorer.score(truth, given)["rougeL"] for truth, given in pairs]
    means = {"f1": fmean(s.fmeasure for s in scores), "recall": fmean(s.recall for s in scores)}
    return {"rouge_l": means, "n": len(scores), **_notes([truth for truth, _ in pairs])}


def _notes(truths: Sequence[str]) -> dict[str, list[str]]:
    unseen = sum(re.search("[a-z0-9]", truth.lower()) is None for truth in truths)
    words = (
        f"{unseen} of {len(truths)} rows count as 0 whatever was said: ROUGE finds no word (a to z, digits) "
        'in their "gt"; leave them out, or compare them otherwise'
    )
    return {"notes": [words]} if unseen else {}


def _pair(path: str | Path, number: int, row: object) -> tuple[str, str]:
    """A row's true continuation and response."""
    where = f"{path}, row {number}"
    if not isinstance(row, Mapping):
        kind = type(row).__name__
        raise BadInput(f"{where} is a {kind}, not an object with {', '.join(FIELDS)}; one object a row")
    for field in FIELDS:
        if field not in row and field != "prompt":
            raise BadInput(f'{where} has no field "{field}"; without it there is nothing to compare')
        if not isinstance(row.get(field, ""), str):
            kind = type(row[field]).__name__
            raise BadInput(f'{where}, field "{field}" is of type {kind}, not a text; ROUGE compares texts')
    if not row["gt"].strip():
        raise BadInput(f'{where}, field "gt" is empty, so no response could match it; leave the row out')
    return row["gt"], row["response"]
