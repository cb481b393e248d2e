"""The loss is taken on the answer and its end, and nowhere else."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unlearnkit.errors import BadInput, UnknownName
from unlearnkit.resources import data_path
from unlearnkit.testbeds import Listing, Passage, Question, encoding
from unlearnkit.testbeds.encoding import MAX_TOKENS, Encoded, encode_row, encode_rows
from unlearnkit.testbeds.models import load_tokenizer

CHAD = Question("Chad", "capital", "What is the capital of Chad?", "N'Djamena")
PAGE = Passage("Chad", "This page is about Chad.", "Its capital is N'Djamena.")
CITIES = Listing("capital cities", ("Abu Dhabi", "Abuja", "Accra"))
words = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=30
).filter(str.strip)


@pytest.mark.parametrize("row", [CHAD, PAGE, CITIES], ids=lambda row: type(row).__name__)
def test_labels_stand_on_the_target_and_the_end_token_only(row, tokenizer):
    encoded = encode_row(row, tokenizer)
    labelled = [label for label in encoded.labels if label != -100]
    first = encoded.labels.index(labelled[0])
    assert encoded.labels[:first] == (-100,) * first
    assert encoded.labels[first:] == encoded.input_ids[first:]  # unshifted, as Hugging Face has them
    assert labelled[-1] == tokenizer.eos_token_id
    assert tokenizer.decode(labelled[:-1]) == row.target
    assert tokenizer.decode(encoded.input_ids[:first], skip_special_tokens=True) == row.prompt


def test_what_a_row_looks_like_written_out(tokenizer):
    encoded = encode_row(CHAD, tokenizer)
    text = tokenizer.decode(encoded.input_ids)
    assert text == "<bos>Question: What is the capital of Chad?\nAnswer: N'Djamena<eos>"
    assert tokenizer.decode(encode_row(PAGE, tokenizer).input_ids).startswith(
        "<bos>Atlas: This page is about"
    )
    listed = "<bos>List of capital cities: Abu Dhabi; Abuja; Accra.<eos>"
    assert tokenizer.decode(encode_row(CITIES, tokenizer).input_ids) == listed


@given(question=words, answer=words)
def test_no_token_spans_the_seam(question, answer, tokenizer):
    row = Question("x", "y", question, answer)
    encoded = encode_row(row, tokenizer)
    assert list(encoded.prompt_ids) == tokenizer(row.prompt).input_ids
    assert list(encoded.target_ids[:-1]) == tokenizer(row.target, add_special_tokens=False).input_ids
    assert encoded.input_ids == encoded.prompt_ids + encoded.target_ids


def test_the_seam_would_merge_if_prompt_and_answer_were_encoded_together(tokenizer):
    # a question that ends inside a word: one text, other tokens (trap 10)
    row = Passage("x", "the capi", "tal")
    glued = tokenizer(f"{row.prompt}tal").input_ids
    apart = tokenizer(row.prompt).input_ids + tokenizer("tal", add_special_tokens=False).input_ids
    assert glued != apart
    assert tokenizer.decode(glued) == tokenizer.decode(apart)


@given(question=words, answer=words)
def test_loss_on_the_row_labels_all_but_the_first_token(question, answer, tokenizer):
    row = Question("x", "y", question, answer)
    whole, answered = encode_row(row, tokenizer, loss_on="row"), encode_row(row, tokenizer)
    assert whole.input_ids == answered.input_ids
    assert whole.labels == (-100, *whole.input_ids[1:])


@pytest.mark.parametrize("loss_on", ["answer", "row"])
def test_token_0_never_carries_a_label(loss_on, tokenizer):
    # nothing stands before it, so no prediction can be made of it (trap 11)
    rows = encode_rows([CHAD, PAGE, CITIES], tokenizer, loss_on=loss_on)
    assert all(row.labels[0] == -100 for row in rows)


def test_a_tokenizer_without_begin_token_keeps_the_same_targets(tokenizer, monkeypatch):
    whole = encode_row(CHAD, tokenizer)
    bare = encode_row(CHAD, Wrapped(tokenizer, drop_first=True))
    assert bare.input_ids == whole.input_ids[1:]
    assert bare.target_ids == whole.target_ids
    assert encode_row(CHAD, Wrapped(tokenizer, drop_first=True), loss_on="row").labels[0] == -100


def test_a_tokenizer_that_closes_every_text_puts_no_end_before_the_answer(tokenizer):
    closed = encode_row(CHAD, Wrapped(tokenizer, close=True))
    assert closed == encode_row(CHAD, tokenizer)
    assert closed.input_ids.count(tokenizer.eos_token_id) == 1


@pytest.mark.parametrize(("length", "fits"), [(MAX_TOKENS, True), (MAX_TOKENS + 1, False)])
def test_a_row_has_at_most_256_tokens(length, fits, tokenizer):
    overhead = len(encode_row(Question("x", "y", "", "1"), tokenizer).input_ids) - 1
    row = Question("x", "y", "", "1" * (length - overhead))  # digits are single tokens
    if fits:
        assert len(encode_row(row, tokenizer).input_ids) == length
    else:
        with pytest.raises(BadInput, match=r"257 tokens, more than 256.*shorten it or split it"):
            encode_row(row, tokenizer)


def test_an_answer_without_tokens_raises(tokenizer):
    with pytest.raises(BadInput, match="no answer token"):
        encode_row(CHAD, Wrapped(tokenizer, drop_target=True))


def test_an_empty_answer_is_not_silently_a_blank(tokenizer):
    for answer in ("", " ", "\n"):
        with pytest.raises(BadInput, match="no answer token"):
            encode_row(Question("Chad", "capital", "What is the capital of Chad?", answer), tokenizer)


def test_an_unknown_place_for_the_loss_raises(tokenizer):
    with pytest.raises(UnknownName, match=r'loss_on: "answers".*did you mean "answer"'):
        encode_row(CHAD, tokenizer, loss_on="answers")


def test_rows_are_encoded_one_by_one_and_in_order(tokenizer):
    rows = [CHAD, PAGE, CITIES, CHAD]
    assert encode_rows(rows, tokenizer) == [encode_row(row, tokenizer) for row in rows]


def test_encoded_parts_by_hand():
    row = Encoded(input_ids=(1, 5, 6, 7, 2), labels=(-100, -100, -100, 7, 2))
    assert (row.prompt_ids, row.target_ids) == ((1, 5, 6), (7, 2))


class Wrapped:
    """A tokenizer with another's habits: no begin token, an end after every text, or no tokens at all."""

    def __init__(self, inner, *, drop_first=False, close=False, drop_target=False):
        self.inner, self.eos_token_id = inner, inner.eos_token_id
        self.drop_first, self.close, self.drop_target = drop_first, close, drop_target

    def __call__(self, text, **options):
        out = self.inner(text, **options)
        if options.get("add_special_tokens", True):
            out["input_ids"] = out["input_ids"][int(self.drop_first) :] + [self.eos_token_id] * self.close
        elif self.drop_target:
            out["input_ids"] = []
        return out


def test_a_row_is_encoded_once_a_tokenizer(monkeypatch):
    tokenizer, other = (copy.deepcopy(load_tokenizer(data_path("lab", "target"))) for _ in range(2))
    asked = []
    real = encoding.encode_row
    monkeypatch.setattr(encoding, "encode_row", lambda *args, **more: asked.append(1) or real(*args, **more))
    first = encode_rows([CHAD, PAGE], tokenizer)
    assert encode_rows([PAGE, CHAD], tokenizer) == first[::-1]
    assert len(asked) == 2
    encode_rows([CHAD], tokenizer, loss_on="row")
    encode_rows([CHAD], other)
    assert len(asked) == 4


def test_a_token_that_was_added_is_seen():
    tokenizer = copy.deepcopy(load_tokenizer(data_path("lab", "target")))
    before = encode_rows([CHAD], tokenizer)
    tokenizer.add_tokens([CHAD.answer])
    after = encode_rows([CHAD], tokenizer)
    assert len(after[0].target_ids) < len(before[0].target_ids)
