"""Which tokens of a row a model would have said itself, after the true ones before them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any

from unlearnkit.errors import BadInput, require_integer, require_one_of
from unlearnkit.metrics.evaluating import evaluating
from unlearnkit.metrics.forced import ROWS_AT_ONCE, teacher_forced
from unlearnkit.testbeds.encoding import Encoded, encode_rows
from unlearnkit.testbeds.rows import Row
from unlearnkit.testbeds.testbed import Testbed

VARIANTS = ("text", "all_tokens", "open_unlearning")


@dataclass(frozen=True)
class RowShares:
    """A share for each row, and their mean; 0 to 1, higher means more is known by heart.

    Attributes
    ----------
    name : str
        The metric with its variant: "extraction_strength_text".
    by_row : tuple of float
        In the order of the rows.
    """

    name: str
    by_row: tuple[float, ...]

    @property
    def mean(self) -> float:
        """The mean over rows, each counted once, however long."""
        return fmean(self.by_row)

    @property
    def stderr(self) -> float | None:
        """The standard error of the mean over rows; None of one row, which shows no spread."""
        count = len(self.by_row)
        return stdev(self.by_row) / count**0.5 if count > 1 else None

    def to_dict(self) -> dict[str, Any]:
        """Plain values by name and variant, ready for JSON."""
        found = {"": self.mean, "_stderr": self.stderr, "_by_row": list(self.by_row)}
        return {f"{self.name}{ending}": value for ending, value in found.items()}

    def __str__(self) -> str:
        spread = "" if self.stderr is None else f" ± {self.stderr:.3f}"
        return f"{self.mean:.3f}{spread}"

    def _repr_html_(self) -> str:
        return f"<b>{self.name}</b>: {self} (mean and standard error over {len(self.by_row)} rows)"


def recalled(
    model: Any,
    lab: Testbed,
    *,
    rows: Sequence[Row] | None,
    variant: str,
    rows_at_once: int = ROWS_AT_ONCE,
) -> list[tuple[bool, ...]]:
    """For each token of each row: whether it is the likeliest one after the true tokens before it.

    Parameters
    ----------
    model : a Hugging Face causal language model
        Nothing of it is changed.
    lab : Testbed
        Whose tokenizer encodes the rows.
    rows : sequence of rows, or None
        `lab.forget`'s for None.
    variant : {"text", "all_tokens", "open_unlearning"}
        Which tokens count: those of the text; the end token too; or all labelled ones but the last, whatever
        that is. The last is a real token in rows that no end token closes.
    rows_at_once : int
        Rows in one pass.

    Raises
    ------
    BadInput
        Without rows, and for a row of which no token would count.
    """
    require_one_of("variant", variant, VARIANTS)
    require_integer("rows_at_once", rows_at_once, minimum=1)
    asked = list(lab.forget.rows if rows is None else rows)
    if not asked:
        raise BadInput("rows: none given, so there is no share to take; give at least one")
    encoded = encode_rows(asked, lab.tokenizer)
    counts = [_counted(row, variant, lab.tokenizer.eos_token_id) for row in encoded]
    _require_tokens(asked, counts, variant)
    with evaluating(model):
        forced = teacher_forced(
            model, encoded, pad_id=lab.tokenizer.pad_token_id, rows_at_once=rows_at_once
        )  # fmt: skip
    return [row.hits[:count] for row, count in zip(forced, counts, strict=True)]


def _counted(row: Encoded, variant: str, eos_id: int) -> int:
    """How many of a row's labelled tokens count, from the first."""
    labelled = len(row.target_ids)
    closed = row.labels[-1] == eos_id
    return labelled - {"text": closed, "all_tokens": False, "open_unlearning": True}[variant]


def _require_tokens(rows: Sequence[Row], counts: Sequence[int], variant: str) -> None:
    for place, (row, count) in enumerate(zip(rows, counts, strict=True), start=1):
        if not count:
            raise BadInput(
                f"rows: number {place} ({row.target[:60]!r}) has no token that counts in the variant "
                f'"{variant}", so its share is 0 of 0; leave it out or take the variant "all_tokens"'
            )
