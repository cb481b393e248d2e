"""Rows to token ids: the prompt carries no loss, the answer and its end token do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from unlearnkit.errors import BadInput, require_one_of
from unlearnkit.testbeds.rows import Row, Text

MAX_TOKENS = 256  # rows are short on purpose: DESIGN's limit for every testbed
NO_TARGET = -100  # Hugging Face's and torch's label for "no loss here"
LOSS_ON = ("answer", "row")


@dataclass(frozen=True)
class Encoded:
    """Token ids and labels of one row; labels are unshifted, -100 where no loss is taken."""

    input_ids: tuple[int, ...]
    labels: tuple[int, ...]

    @property
    def prompt_ids(self) -> tuple[int, ...]:
        """The tokens before the first label: what a generation starts from."""
        first = next(i for i, label in enumerate(self.labels) if label != NO_TARGET)
        return self.input_ids[:first]

    @property
    def target_ids(self) -> tuple[int, ...]:
        """The labelled tokens."""
        return tuple(label for label in self.labels if label != NO_TARGET)


def encode_row(row: Row, tokenizer: Any, *, loss_on: str = "answer") -> Encoded:
    """Encode prompt and target apart, so that no token spans the seam between them.

    Parameters
    ----------
    row : Question, Passage, Listing or Text
        Of a text every token carries loss but the first: the tokenizer's opening token, or else its own.
    tokenizer : a Hugging Face tokenizer with an end-of-sequence token
    loss_on : {"answer", "row"}
        "answer": labels on the target and the end token only. "row": labels on the prompt as well,
        a known mistake that unlearns the wording of the question instead of the answer; kept so
        that it can be shown.

    Raises
    ------
    BadInput
        When the row is longer than 256 tokens, has no target token, or `loss_on` is unknown.
    """
    require_one_of("loss_on", loss_on, LOSS_ON)
    prompt = encode_prompt(row.prompt, tokenizer)
    cut = row.ids if isinstance(row, Text) else ()
    target = list(cut or tokenizer(row.target, add_special_tokens=False).input_ids)
    if isinstance(row, Text) and not prompt:
        prompt, target = target[:1], target[1:]
    _check_lengths(row, prompt, target)
    if not isinstance(row, Text) or row.ends:
        target.append(tokenizer.eos_token_id)
    seen = prompt if loss_on == "row" else [NO_TARGET] * len(prompt)
    # The first token of a row is predicted from nothing, so it never carries a label.
    labels = [NO_TARGET, *seen[1:], *target]
    return Encoded(tuple(prompt + target), tuple(labels))


def encode_prompt(prompt: str, tokenizer: Any) -> list[int]:
    """A text to go on from: with the tokenizer's opening token, and not closed."""
    ids = list(tokenizer(prompt, verbose=False).input_ids)  # too long is said by whoever checks it
    if ids and ids[-1] == tokenizer.eos_token_id and (len(ids) > 1 or _closes(tokenizer)):
        ids.pop()  # some tokenizers close every text
    return ids


def _closes(tokenizer: Any) -> bool:
    """Whether it ends texts with its end token; OPT's opens them with the same."""
    ends: bool = tokenizer("a").input_ids[-1] == tokenizer.eos_token_id
    return ends


def _check_lengths(row: Row, prompt: Sequence[int], target: Sequence[int]) -> None:
    # " ", the target of an empty answer, is a token too; a piece of a longer text may be blank.
    blank = not row.target.strip() and not (isinstance(row, Text) and row.ids)
    if blank or not prompt or not target:
        empty = "prompt" if not prompt else "answer"
        raise BadInput(f"a row has no {empty} token: {row!r}; give it text or leave it out")
    length = len(prompt) + len(target) + 1
    if length > MAX_TOKENS:
        raise BadInput(
            f"a row has {length} tokens, more than {MAX_TOKENS}: {row.prompt[:60]!r}…; "
            "shorten it or split it in two"
        )


# Scores are taken on the same rows dozens of times a run, and took a fifth of their time to encode them.
_Known = dict[tuple[Row, str, int], Encoded]
_KNOWN: WeakKeyDictionary[Any, _Known] = WeakKeyDictionary()


def encode_rows(rows: Sequence[Row], tokenizer: Any, *, loss_on: str = "answer") -> list[Encoded]:
    """Encode rows in order; see `encode_row`. A row that a tokenizer encoded before is not encoded again."""
    known = _KNOWN.setdefault(tokenizer, {})
    size = len(tokenizer)  # a token that was added since may encode a row otherwise
    for row in rows:
        if (row, loss_on, size) not in known:
            known[row, loss_on, size] = encode_row(row, tokenizer, loss_on=loss_on)
    return [known[row, loss_on, size] for row in rows]
