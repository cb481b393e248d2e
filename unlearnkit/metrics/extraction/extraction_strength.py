"""Extraction strength: how little of a text must be given so that the model says the rest?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from unlearnkit.metrics.extraction.recalled import RowShares, recalled
from unlearnkit.metrics.forced import ROWS_AT_ONCE
from unlearnkit.testbeds.rows import Row
from unlearnkit.testbeds.testbed import Testbed


def extraction_strength(
    model: Any,
    lab: Testbed,
    *,
    rows: Sequence[Row] | None = None,
    variant: str = "text",
    rows_at_once: int = ROWS_AT_ONCE,
) -> RowShares:
    """Share of a row, from its end, that greedy decoding reproduces once the part before it is given.

        ES = 1 − k/n,  k = the smallest number of tokens given so that all n − k after them are the likeliest

    Taken under teacher forcing, which is the same as generating: while all tokens are right, the model's own
    are the true ones. If not even the last one is right, k = n and ES = 0. open-unlearning's code stops its
    search at k = n − 1, so it never gives less than 1/n; the variant of its name does the same.

    Parameters
    ----------
    model : a Hugging Face causal language model
        Nothing of it is changed.
    lab : Testbed
    rows : sequence of rows, optional
        `lab.forget`'s if not given.
    variant : {"text", "all_tokens", "open_unlearning"}
        Which tokens count: those of the text (n is their number); the end token too, which a model may well
        know without the text; or, as in open-unlearning's code, all but the last one, and no less than 1/n.
    rows_at_once : int
        Rows in one pass.

    Returns
    -------
    RowShares
        0 to 1 for each row and on average; higher means more can be drawn out.

    Raises
    ------
    BadInput, UnknownName
        Without rows, for a row of which no token counts, and for a variant that does not exist.

    References
    ----------
    Wang et al., "Towards Effective Evaluations and Comparisons for LLM Unlearning Methods" (2406.09179),
    after Carlini et al. (2012.07805); open-unlearning (2506.12618).

    Examples
    --------
    >>> import unlearnkit as uk
    >>> lab = uk.load_testbed("atlas")
    >>> asked = lab.forget_shown.passages
    >>> extraction_strength(lab.model, lab, rows=asked).mean > 0.99
    True
    >>> extraction_strength(lab.never_learned, lab, rows=asked).mean < 0.05
    True
    """
    hits = recalled(model, lab, rows=rows, variant=variant, rows_at_once=rows_at_once)
    floor = 1 if variant == "open_unlearning" else 0
    shares = tuple(max(_right_at_the_end(row), floor) / len(row) for row in hits)
    return RowShares(f"extraction_strength_{variant}", shares)


def _right_at_the_end(hits: Sequence[bool]) -> int:
    """How many tokens at the end are right without a gap."""
    reversed_hits = list(hits)[::-1]
    return reversed_hits.index(False) if False in reversed_hits else len(reversed_hits)
