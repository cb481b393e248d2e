"""A testbed from files is one like any other: evaluated, unlearned and attacked; it says what it lacks."""

from __future__ import annotations

import html
import math

import pytest

import unlearnkit as uk
from unlearnkit.errors import MissingReference
from unlearnkit.testbeds import Question
from unlearnkit.testbeds.benchmarks.fitting import Fitting
from unlearnkit.testbeds.benchmarks.halves import halves
from unlearnkit.testbeds.benchmarks.running_text import cut
from unlearnkit.testbeds.files.located import Located


@pytest.fixture(scope="module")
def folders(tmp_path_factory, write_lines, write_array):
    """One small folder of each family."""
    where = tmp_path_factory.mktemp("families")
    pairs = {word: [{"question": f"Which {word} is {i}?", "answer": f"{word} {i}"} for i in range(6)]
             for word in ("river", "lake")}  # fmt: skip
    write_lines(where / "tofu/forget01.json", pairs["river"])
    write_lines(where / "tofu/retain99.json", pairs["lake"])
    for part in ("raw/forget", "raw/retain1", "raw/holdout"):
        write_array(where / f"muse/{part}.json", [f"The {part} of day {i} is long." for i in range(4)])
    write_array(where / "muse/knowmem/forget_qa.json", pairs["river"])
    write_array(where / "muse/knowmem/retain_qa.json", pairs["lake"])
    write_array(where / "muse/verbmem/forget.json", [{"prompt": "One", "gt": "two three"}] * 2)
    for part, word in (("forget", "river"), ("retain", "lake")):
        choices = [f"{word} {k}" for k in range(4)]
        rows = [{"question": f"Which {word} is {i}?", "choices": choices, "answer": i % 4} for i in range(6)]
        write_lines(where / f"wmdp/{part}.jsonl", rows)
    return where


@pytest.fixture(scope="module", params=["tofu", "muse", "wmdp"])
def lab(request, folders, toy_model):
    """A testbed of each family, without a control."""
    return uk.load_testbed(f"{request.param}:{folders / request.param}", model=toy_model, device="cpu")


def test_it_is_evaluated(lab):
    scores = uk.metrics.evaluate(lab.model, lab)
    assert 0 <= scores.knowmem_forget_shown <= 1
    assert 0 < scores.nll_forget < 20
    assert math.isnan(scores.verbmem_forget) == (lab.name != "muse")


def test_it_is_unlearned_and_says_that_there_is_no_control(lab):
    run = uk.unlearn(lab, objective="npo", optimizer="adam", lr=1e-3, steps=2, batch_size=2, seed=0)
    assert run.status == "no control"
    assert run.config.testbed == lab.name
    again = uk.unlearn(lab, objective="npo", optimizer="adam", lr=1e-3, steps=2, batch_size=2, seed=0)
    assert again.id == run.id


@pytest.mark.parametrize("rows", ["shown", "retain"])
def test_it_is_relearned(lab, rows, same_bits):
    attacked = uk.attacks.relearn(lab.model, lab, steps=2, rows=rows)
    assert not same_bits(attacked, lab.model)


def test_a_pair_that_was_never_calibrated_on_it_is_named(lab):
    with pytest.raises(uk.errors.NotCalibrated):
        uk.unlearn(lab, objective="npo", optimizer="adam")


def test_the_control_is_loaded_when_it_is_asked_for(folders, toy_model, same_bits):
    lab = uk.load_testbed(f"tofu:{folders / 'tofu'}", model=toy_model, never_learned=toy_model, device="cpu")
    assert same_bits(lab.never_learned, lab.model)
    assert lab.never_learned is not lab.model
    assert (
        uk.unlearn(lab, objective="npo", optimizer="adam", lr=1e-9, steps=1, batch_size=2).status
        != "no control"
    )


def test_without_a_control_it_raises(lab):
    with pytest.raises(MissingReference, match="never_learned=PATH"):
        _ = lab.never_learned


def test_it_shows_what_is_there_and_what_is_missing(lab):
    line, page = repr(lab), lab._repr_html_()
    assert "fold" not in line
    assert "without a never-learned control" in line
    assert ("lacks holdout" in line) == (lab.name != "muse")
    assert all(html.escape(note) in page for note in lab.notes)
    assert ("pieces of text" in page) == (lab.name == "muse")


def test_a_name_in_a_note_cannot_become_markup(folders, toy_model, tmp_path, write_lines):
    lab = uk.load_testbed(f"tofu:{folders / 'tofu'}", model=toy_model, device="cpu")
    object.__setattr__(lab, "notes", ("<script>",))
    assert "<script>" not in lab._repr_html_()


def test_a_model_with_fewer_positions_has_shorter_rows(folders, make_llama, tokenizer, tmp_path):
    make_llama(max_position_embeddings=12).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    with pytest.raises(uk.errors.BadInput, match=r"row 1: has \d+ tokens, more than 12"):
        uk.load_testbed(f"tofu:{folders / 'tofu'}", model=tmp_path, device="cpu")
    lab = uk.load_testbed(
        f"muse:{folders / 'muse'}", model=_longer(tmp_path, make_llama, tokenizer), device="cpu"
    )
    assert max(len(row.input_ids) for row in lab.encode(lab.forget)) <= 40


def _longer(folder, make_llama, tokenizer):
    make_llama(max_position_embeddings=40).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def test_what_is_cut_is_the_beginning_of_what_was_there(tokenizer):
    fitting = Fitting(tokenizer, 40, "cut")
    row = Question("s", "r", "What then?", "É bien sûr " * 20, wrong_answers=("non " * 60, "si"))
    ((fitted),) = fitting.rows("forget", (Located(row, "here"),))
    short = fitted.row
    assert row.answer.startswith(short.answer)
    assert row.wrong_answers[0].startswith(short.wrong_answers[0])
    assert short.wrong_answers[1] == "si"
    lengths = [
        len(tokenizer(short.prompt + f" {text}").input_ids) + 1
        for text in (short.answer, *short.wrong_answers)
    ]
    assert max(lengths) == 40
    assert fitting.notes() == ["1 rows of forget cut to 40 tokens"]


@pytest.mark.parametrize(("count", "shown"), [(1, None), (2, [0]), (3, [0, 1]), (5, [0, 1, 2])])
def test_halves_by_subject(count, shown):
    rows = tuple(Located(Question(f"s{i}", "r", "q", "a"), f"row {i}") for i in range(count))
    if shown is None:
        with pytest.raises(uk.errors.BadInput, match="one of them is empty"):
            halves(rows)
    else:
        ours, others = halves(rows)
        assert [rows.index(row) for row in ours] == shown
        assert (*ours, *others) == rows


@pytest.mark.parametrize("count", range(1, 30))
@pytest.mark.parametrize("size", [2, 3, 7])
def test_pieces_lose_nothing_and_stand_never_alone(count, size):
    parts = cut(list(range(count)), size)
    assert [token for part in parts for token in part] == list(range(count))
    assert all(2 <= len(part) <= size for part in parts) or count == 1 or size == 2
