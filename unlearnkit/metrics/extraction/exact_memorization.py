"""Exact memorization: how many of a text's tokens would the model have said itself?"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import Any

from unlearnkit.metrics.extraction.recalled import RowShares, recalled
from unlearnkit.metrics.forced import ROWS_AT_ONCE
from unlearnkit.testbeds.rows import Row
from unlearnkit.testbeds.testbed import Testbed


def exact_memorization(
    model: Any,
    lab: Testbed,
    *,
    rows: Sequence[Row] | None = None,
    variant: str = "text",
    rows_at_once: int = ROWS_AT_ONCE,
) -> RowShares:
    """Share of a row's tokens that are the likeliest ones, each after the true tokens before it.

        EM = 1/n · Σ_t [argmax_v p(v | y_<t, x) = y_t]

    A model that never saw a text still gets its easy tokens right: compare with `never_learned`'s.

    Parameters
    ----------
    model : a Hugging Face causal language model
        Nothing of it is changed.
    lab : Testbed
    rows : sequence of rows, optional
        `lab.forget`'s if not given.
    variant : {"text", "all_tokens", "open_unlearning"}
        Which tokens count: those of the text (n is their number); the end token too; or, as in
        open-unlearning's code, all but the last one, which is a real token in rows that no end token closes.
    rows_at_once : int
        Rows in one pass.

    Returns
    -------
    RowShares
        0 to 1 for each row and on average; higher means more is known by heart.

    Raises
    ------
    BadInput, UnknownName
        Without rows, for a row of which no token counts, and for a variant that does not exist.

    References
    ----------
    Tirumala et al., "Memorization Without Overfitting" (2205.10770); open-unlearning (2506.12618).

    Examples
    --------
    >>> import unlearnkit as uk
    >>> lab = uk.load_testbed("atlas")
    >>> asked = lab.forget_shown.passages
    >>> exact_memorization(lab.model, lab, rows=asked).mean > 0.99
    True
    """
    hits = recalled(model, lab, rows=rows, variant=variant, rows_at_once=rows_at_once)
    return RowShares(f"exact_memorization_{variant}", tuple(fmean(map(float, row)) for row in hits))
