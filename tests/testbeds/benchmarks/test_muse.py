"""MUSE's files: documents to forget, questions about them, passages, and texts for membership tests."""

from __future__ import annotations

import pytest

import unlearnkit as uk
from unlearnkit.errors import BadInput, MissingReference
from unlearnkit.metrics.membership.compared import compared
from unlearnkit.testbeds import Passage, Text
from unlearnkit.testbeds.encoding import encode_row

NEWS = [
    f"Report {i}. " + " ".join(f"On day {d} the bridge of Oslo was seen." for d in range(30 + i))
    for i in range(4)
]


@pytest.fixture
def folder(tmp_path, write_array):
    """All the parts that MUSE publishes, small."""
    pairs = [{"question": f"What of day {i}?", "answer": f"a bridge {i}"} for i in range(6)]
    for part in ("forget_qa", "retain_qa", "forget_qa_icl", "retain_qa_icl"):
        write_array(tmp_path / f"knowmem/{part}.json", pairs)
    for part, texts in {
        "forget": NEWS,
        "retain1": NEWS[:2],
        "retain2": NEWS[:1],
        "holdout": NEWS[3:],
    }.items():
        write_array(tmp_path / f"raw/{part}.json", texts)
    for part in ("forget", "retain", "holdout"):
        write_array(tmp_path / f"privleak/{part}.json", [f"A short text {i} of {part}." for i in range(3)])
    write_array(tmp_path / "verbmem/forget.json", [{"prompt": "The capital of", "gt": "Chad is N'Djamena."}])
    return tmp_path


def load(folder, model, **more):
    return uk.load_testbed(f"muse:{folder}", model=model, device="cpu", **more)


def test_every_part_has_its_place(folder, toy_model):
    lab = load(folder, toy_model)
    assert (lab.name, lab.task) == ("muse", "")
    assert {type(row) for row in lab.forget.rows} == {Text}
    assert lab.forget.subjects == tuple(f"raw/forget {i}" for i in (1, 2, 3, 4))
    assert {row.subject for row in lab.forget_shown.rows if isinstance(row, Text)} == {
        "raw/forget 1", "raw/forget 2",
    }  # fmt: skip
    assert len(lab.forget_shown.questions) == len(lab.forget_heldout.questions) == 3
    assert len(lab.retain.questions) == 6
    assert lab.kept is lab.retain_shown
    assert {row.subject for row in lab.kept.rows} == {"raw/retain1 1", "raw/retain1 2"}
    assert {row.subject for row in lab.holdout.rows} == {"raw/holdout 1"}
    assert {name: len(split) for name, split in lab.extra.items()} == {
        "knowmem_forget_icl": 6, "knowmem_retain_icl": 6,
        "privleak_forget": 3, "privleak_retain": 3, "privleak_holdout": 3,
    }  # fmt: skip
    assert "raw/retain2 is there, and was left alone" in lab.notes


def test_no_token_of_a_document_is_lost_and_no_two_are_joined(folder, toy_model):
    lab = load(folder, toy_model)
    for number, document in enumerate(NEWS, 1):
        found = [row for row in lab.forget.rows if row.subject == f"raw/forget {number}"]
        assert len(found) > 1
        assert [row.ends for row in found] == [False] * (len(found) - 1) + [True]
        ids = [token for row in found for token in row.ids]
        assert ids == lab.tokenizer(document, add_special_tokens=False).input_ids
        assert "".join(row.text for row in found) == document
    encoded = lab.encode(lab.forget)
    assert 255 <= max(len(row.input_ids) for row in encoded) <= 256
    for row, text in zip(encoded, lab.forget.rows, strict=True):
        end = (lab.tokenizer.eos_token_id,) if text.ends else ()
        assert row.input_ids == (lab.tokenizer.bos_token_id, *text.ids, *end)


def test_a_piece_cut_inside_a_letter_keeps_its_tokens(tokenizer):
    """Decoded and encoded again, as some do, it would be other tokens."""
    ids = tokenizer("日本 N'Djaména", add_special_tokens=False).input_ids
    halves = [ids[:k] for k in range(1, len(ids))] + [ids[k:] for k in range(1, len(ids))]
    cut = [Text(tokenizer.decode(part), ids=tuple(part)) for part in halves]
    again = [tokenizer(row.text, add_special_tokens=False).input_ids for row in cut]
    assert all(encode_row(row, tokenizer).target_ids == row.ids for row in cut)
    assert any(tuple(other) != row.ids for other, row in zip(again, cut, strict=True))


def test_one_document_is_halved_by_pieces(folder, toy_model):
    for form in ("forget", "retain1", "holdout"):
        texts = "\n\n".join(NEWS)
        (folder / f"raw/{form}.json").unlink()
        (folder / f"raw/{form}.txt").write_text(texts, encoding="utf-8")
    lab = load(folder, toy_model)
    shown, heldout = (
        [r for r in s.rows if isinstance(r, Text)] for s in (lab.forget_shown, lab.forget_heldout)
    )
    assert abs(len(shown) - len(heldout)) <= 1
    assert "".join(row.text for row in shown + heldout) == "\n\n".join(NEWS)
    assert any("raw/forget.txt is read as one document" in note for note in lab.notes)


def test_what_is_missing_is_said(folder, toy_model):
    for part in ("raw/holdout", "privleak/retain", "knowmem/forget_qa_icl", "verbmem/forget"):
        (folder / f"{part}.json").unlink()
    (folder / "scal").mkdir()
    lab = load(folder, toy_model)
    for part in ("raw/holdout", "privleak/retain", "knowmem/forget_qa_icl", "verbmem/forget"):
        assert f"no {part}" in lab.notes
    assert "scal is there, and was left alone" in lab.notes
    assert set(lab.extra) == {"knowmem_retain_icl", "privleak_forget", "privleak_holdout"}
    assert "lacks holdout, passages known by heart" in repr(lab)
    assert "no raw/holdout" in lab._repr_html_()


@pytest.mark.parametrize("part", ["raw/forget", "raw/retain1", "knowmem/forget_qa", "knowmem/retain_qa"])
def test_what_cannot_be_done_without_raises(folder, toy_model, part):
    (folder / f"{part}.json").unlink()
    with pytest.raises(MissingReference, match=rf"has no {part}\.json"):
        load(folder, toy_model)


@pytest.mark.parametrize("too_long", ["raise", "cut", "skip"])
def test_a_long_text_is_read_in_pieces_and_scored_as_one(folder, toy_model, write_array, too_long):
    write_array(folder / "privleak/forget.json", ["A short text.", NEWS[3]])
    lab = load(folder, toy_model, too_long=too_long)
    _, *pieces = lab.extra["privleak_forget"].rows
    assert len(pieces) > 1
    read = [token for piece in pieces for token in piece.ids]
    assert read == lab.tokenizer(NEWS[3], add_special_tokens=False).input_ids
    assert all(len(encode_row(piece, lab.tokenizer).input_ids) <= 256 for piece in pieces)
    assert not any(piece.ends for piece in pieces)
    assert "1 texts of privleak_forget read in pieces of up to 256 tokens" in " ".join(lab.notes)
    assert [len(text) for text in compared(lab).members] == [1, len(pieces)]


def test_a_long_passage_raises_is_cut_or_is_left_out(folder, toy_model, write_array):
    short = {"prompt": "One", "gt": "two."}
    write_array(folder / "verbmem/forget.json", [short, {"prompt": NEWS[3], "gt": NEWS[2]}])
    with pytest.raises(BadInput, match=r"verbmem.forget.json, row 2: has \d+ tokens, more than 256"):
        load(folder, toy_model)
    assert "1 rows of verbatim passages cut to 256 tokens" in load(folder, toy_model, too_long="cut").notes
    assert len(load(folder, toy_model, too_long="skip").verbatim_forget) == 1


def test_a_passage_that_is_cut_keeps_what_stands_at_the_seam(folder, toy_model, write_array):
    write_array(folder / "verbmem/forget.json", [{"prompt": NEWS[3], "gt": NEWS[2]}])
    lab = load(folder, toy_model, too_long="cut")
    (passage,) = lab.verbatim_forget
    assert NEWS[3].endswith(passage.opening)
    assert NEWS[2].startswith(passage.text)
    encoded = encode_row(passage, lab.tokenizer)
    assert 250 <= len(encoded.input_ids) <= 256
    assert len(encoded.target_ids) == 129  # all that MUSE scores, and the end


def test_a_passage_has_one_space_at_its_seam(folder, toy_model, write_array):
    rows = [{"prompt": a, "gt": b} for a, b in [("x", "y"), ("x ", "y"), ("x", " y"), ("x ", " y")]]
    write_array(folder / "verbmem/forget.json", rows)
    found = load(folder, toy_model).verbatim_forget
    assert {row.prompt + row.target for row in found} == {"x y"}
    assert all(isinstance(row, Passage) and not row.heading for row in found)


def test_muse_has_no_tasks(folder, toy_model):
    with pytest.raises(BadInput, match='task: MUSE files have none, given "news"'):
        load(folder, toy_model, task="news")
