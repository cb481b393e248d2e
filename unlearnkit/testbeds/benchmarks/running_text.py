"""Running text in pieces that a model can read at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from unlearnkit.testbeds.rows import Text


def pieces(document: Text, tokenizer: Any, size: int) -> list[Text]:
    """A document in pieces of at most `size` tokens: none is lost, and none is read twice.

    Every piece keeps its tokens, since a cut may fall inside a word, which alone would be encoded otherwise.
    An end token follows the last piece where one follows the document.

    Parameters
    ----------
    document : Text
    tokenizer : a Hugging Face tokenizer
    size : int
        Tokens a piece, 3 or above.
    """
    ids = tokenizer(document.text, add_special_tokens=False, verbose=False).input_ids
    parts = cut(ids, size)
    return [
        Text(decoded(tokenizer, part), document.subject, document.ends and number == len(parts), tuple(part))
        for number, part in enumerate(parts, 1)
    ]


def cut(ids: Sequence[int], size: int) -> list[Sequence[int]]:
    """Consecutive parts of at most `size`; none of one alone, since its only token may have none before it.

    Examples
    --------
    >>> cut([1, 2, 3, 4, 5, 6, 7], 3)
    [[1, 2, 3], [4, 5], [6, 7]]
    """
    starts = list(range(0, len(ids), size))
    if len(starts) > 1 and len(ids) - starts[-1] == 1:
        starts[-1] -= 1
    return [ids[start:end] for start, end in zip(starts, [*starts[1:], len(ids)], strict=True)]


def decoded(tokenizer: Any, ids: Sequence[int]) -> str:
    """Tokens as text, with no space tidied away."""
    return str(tokenizer.decode(ids, clean_up_tokenization_spaces=False))
