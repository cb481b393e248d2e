"""Trap 10: at the seam of prompt and answer tokens may merge, a space may be missing, answers be cut off."""

from __future__ import annotations

import json

import pytest

import unlearnkit as uk
from unlearnkit.errors import BadInput
from unlearnkit.testbeds import Passage
from unlearnkit.testbeds.encoding import encode_row


def by_length(prompt: str, answer: str, tokenizer) -> list[int]:
    """What is often done: encode both together, and take the prompt's tokens off by their number."""
    whole = tokenizer(prompt + answer).input_ids
    return whole[len(tokenizer(prompt).input_ids) :]


def test_tokens_that_merge_across_the_seam_would_take_the_answer_along(tokenizer):
    whole, parts = tokenizer("the capital").input_ids, tokenizer("the capi").input_ids
    assert whole[: len(parts)] != parts  # "capi" and "tal" are one token together
    lost = by_length("the capi", "tal", tokenizer)
    assert tokenizer.decode(lost) != "tal"
    ours = encode_row(Passage("x", "the capi", "tal", heading=""), tokenizer)
    assert tokenizer.decode(ours.target_ids[:-1]) == " tal"
    assert list(ours.prompt_ids) == parts


def folder(tmp_path, prompt: str, gt: str):
    files = {
        "raw/forget": ["One text.", "Another."],
        "raw/retain1": ["A third."],
        "knowmem/forget_qa": [{"question": f"{i}?", "answer": "a"} for i in range(2)],
        "knowmem/retain_qa": [{"question": "c?", "answer": "d"}],
        "verbmem/forget": [{"prompt": prompt, "gt": gt}],
    }
    for name, rows in files.items():
        path = tmp_path / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(rows), encoding="utf-8")
    return f"muse:{tmp_path}"


def test_a_passage_of_muse_gets_the_space_that_its_file_leaves_out(tmp_path, tokenizer, make_llama):
    make_llama().save_pretrained(tmp_path / "model")
    tokenizer.save_pretrained(tmp_path / "model")
    name = folder(tmp_path, "Its capital", "is Paris.")
    (passage,) = uk.load_testbed(name, model=tmp_path / "model", device="cpu").verbatim_forget
    encoded = encode_row(passage, tokenizer)
    read = tokenizer.decode(encoded.input_ids, skip_special_tokens=True)
    assert read == "Its capital is Paris."
    glued = tokenizer("Its capital").input_ids + tokenizer("is Paris.", add_special_tokens=False).input_ids
    assert tokenizer.decode(glued, skip_special_tokens=True) == "Its capitalis Paris."
    assert list(encoded.input_ids[:-1]) != glued


def test_cutting_on_the_right_never_leaves_a_row_without_an_answer(tmp_path, tokenizer, make_llama):
    """A question that fills the row would leave a mean over no token: 0/0."""
    make_llama(max_position_embeddings=256).save_pretrained(tmp_path / "model")
    tokenizer.save_pretrained(tmp_path / "model")
    name = folder(tmp_path, "a", "b")
    rows = [{"question": "word " * 300, "answer": "a"}, {"question": "c?", "answer": "d"}]
    (tmp_path / "knowmem/forget_qa.json").write_text(json.dumps(rows), encoding="utf-8")
    for wanted in ("raise", "cut"):
        with pytest.raises(BadInput, match=r"forget_qa.json, row 1: "):
            uk.load_testbed(name, model=tmp_path / "model", device="cpu", too_long=wanted)
    rows[0] = {"question": "Which?", "answer": "word " * 300}
    (tmp_path / "knowmem/forget_qa.json").write_text(json.dumps(rows), encoding="utf-8")
    lab = uk.load_testbed(name, model=tmp_path / "model", device="cpu", too_long="cut")
    assert all(len(row.target_ids) > 1 for row in lab.encode(lab.forget_shown))
