"""A document in pieces, for tokenizers that open a text, close it, or do neither."""

from __future__ import annotations

import pytest

from unlearnkit.errors import BadInput
from unlearnkit.testbeds import Text
from unlearnkit.testbeds.benchmarks.fitting import Fitting
from unlearnkit.testbeds.benchmarks.running_text import cut
from unlearnkit.testbeds.encoding import encode_row
from unlearnkit.testbeds.files.located import Located

DOCUMENT = "Über 日本 and Čapek: " * 40 + "\n" * 30 + "The end."


class Habits:
    """The lab's tokenizer with another's habits."""

    def __init__(self, inner, *, opens: bool, closes: bool):
        self.inner, self.opens, self.closes = inner, opens, closes
        self.eos_token_id, self.decode = inner.eos_token_id, inner.decode

    def __call__(self, text, *, add_special_tokens=True, **options):
        out = self.inner(text, add_special_tokens=False)
        if add_special_tokens:
            ids = out["input_ids"] + [self.eos_token_id] * self.closes
            out["input_ids"] = [self.inner.bos_token_id] * self.opens + ids
        return out


@pytest.mark.parametrize("opens", [True, False])
@pytest.mark.parametrize("closes", [True, False])
@pytest.mark.parametrize("limit", [8, 31, 256])
def test_every_token_of_a_document_is_read_once_and_the_end_is_learned(opens, closes, limit, tokenizer):
    habits = Habits(tokenizer, opens=opens, closes=closes)
    located = (Located(Text(DOCUMENT, "d", ends=True), "d.txt"),)
    rows = [each.row for each in Fitting(habits, limit).rows("forget", located)]
    encoded = [encode_row(row, habits) for row in rows]
    assert max(len(row.input_ids) for row in encoded) <= limit
    read = [token for row in encoded for token in row.input_ids[int(opens) :]]
    assert read == [*tokenizer(DOCUMENT, add_special_tokens=False).input_ids, tokenizer.eos_token_id]
    assert all(len(row.target_ids) == len(row.input_ids) - 1 for row in encoded)
    assert tokenizer.decode(read[:-1]) == DOCUMENT


def test_pieces_encoded_again_would_lose_letters(tokenizer):
    """What decoding and encoding again does where a cut falls inside a letter of several bytes."""
    ids = tokenizer(DOCUMENT, add_special_tokens=False).input_ids
    parts = cut(ids, 8)
    again = [token for part in parts for token in tokenizer(tokenizer.decode(part)).input_ids[1:]]
    assert again != ids


def test_a_document_of_one_token_has_nothing_to_learn_without_an_opening_token(tokenizer):
    located = (Located(Text("a", "d", ends=True), "d.txt, row 1"),)
    assert len(Fitting(Habits(tokenizer, opens=True, closes=False)).rows("forget", located)) == 1
    with pytest.raises(BadInput, match=r"d.txt, row 1: 'a' leaves this tokenizer no token to learn"):
        Fitting(Habits(tokenizer, opens=False, closes=False)).rows("forget", located)
