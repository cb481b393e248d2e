"""Which of a text's tokens a membership score looks at: two code bases differ, and so do their numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from unlearnkit.errors import BadInput, require_integer, unknown_name
from unlearnkit.testbeds.encoding import NO_TARGET, Encoded


@dataclass(frozen=True, kw_only=True)
class Variant:
    """How the tokens of a text are counted.

    Attributes
    ----------
    name : str
        Stands in the name of every number taken so.
    floor : int
        Min-K% takes int(k · tokens) of the tokens, and at least so many. With 0, a very short text has no
        score: muse_bench writes NaN for it, here it is an error.
    first_token : bool
        Whether a text's first token counts, which is predicted from the opening token (BOS) alone. Without
        an opening token it is predicted from nothing and never counts.
    last_token : bool
        Whether the last labelled token counts. For the atlas it is the end token; for running text it is a
        token of the text.
    """

    name: str
    floor: int = 1
    first_token: bool = True
    last_token: bool = True

    def __post_init__(self) -> None:
        require_integer("floor", self.floor, minimum=0, maximum=1)

    def cut(self, pieces: Sequence[Encoded], *, bos_id: int | None) -> tuple[Encoded, ...]:
        """A text, in one piece or more, with labels on the tokens that count.

        Raises
        ------
        BadInput
            When none is left.
        """
        labels = [list(piece.labels) for piece in pieces]
        if not self.first_token and pieces[0].input_ids[0] == bos_id:
            labels[0][1:2] = [NO_TARGET]
        places = [i for i, label in enumerate(labels[-1]) if label != NO_TARGET]
        if not self.last_token and places:
            labels[-1][places[-1]] = NO_TARGET
        if all(label == NO_TARGET for piece in labels for label in piece):
            raise BadInput(
                f"a text of {sum(map(len, labels))} tokens has none left to score, as variant {self.name!r} "
                "counts them; leave it out, or take a variant that keeps its first and last token"
            )
        return tuple(
            Encoded(piece.input_ids, tuple(kept)) for piece, kept in zip(pieces, labels, strict=True)
        )


VARIANTS = {
    "muse": Variant(name="muse", floor=0),
    "open_unlearning": Variant(name="open_unlearning", last_token=False),
}


def as_variant(variant: str | Variant) -> Variant:
    """A variant by name, or the one that was given; raises UnknownName for a name that is none."""
    if isinstance(variant, Variant):
        return variant
    if variant not in VARIANTS:
        raise unknown_name("variant", variant, VARIANTS)
    return VARIANTS[variant]
