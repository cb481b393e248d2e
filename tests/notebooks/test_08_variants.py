"""Lesson 08: its bugs are those that the package's variants name, and they show where its text says so."""

from __future__ import annotations

import math
import re

import pytest
import torch
from torch.nn.functional import logsigmoid

import unlearnkit as uk
from unlearnkit.losses import mean_nll, sequence_nll
from unlearnkit.metrics.forced import teacher_forced
from unlearnkit.objectives.rmu import direction
from unlearnkit.testbeds.batches import collate

from .exercises import cells_of, run_cells, solution

STEM = "08-five-bugs"
GIVEN = {"math": math, "torch": torch, "uk": uk, "logsigmoid": logsigmoid, "mean_nll": mean_nll}


@pytest.fixture(scope="module")
def cells():
    return cells_of(STEM)


def function(cells, cell, wanted, **names):
    """One function of a cell that does more."""
    (source,) = re.findall(rf"^def {wanted}\(.*?(?=^\S|\Z)", cells[cell], flags=re.DOTALL | re.MULTILINE)
    names = GIVEN | names
    exec(source, names)
    return names[wanted]


# The bugs are what the package says that other code does


def test_the_arithmetic_of_the_text_is_right(cells):
    names = run_cells(GIVEN, cells, "rmu")
    assert names["rows_mixed"](names["ones"], names["two_rows"]) == 1.5625
    assert names["rows_apart"](names["ones"], names["two_rows"]) == 1.0
    assert round(2 / 0.1 * math.log(2), 3) == 13.863
    assert 0.0004 < solution(GIVEN, cells, "spacing")["spacing"](0.1) < 0.0006
    near_one = torch.tensor([1.0]).bfloat16().view(torch.int16)
    below, above = ((near_one + step).view(torch.bfloat16).item() for step in (-1, 1))
    assert 0.0039 <= 1 - below < above - 1


def test_the_ways_to_count_are_the_packages_variants(cells, lab):
    finished = function(cells, "check-strength", "finished")
    (lines,) = re.findall(r"^counted = \{.*?^\}", cells["strength-lab"], flags=re.DOTALL | re.MULTILINE)
    names = {"finished": finished}
    exec(lines, names)
    asked = lab.forget_shown.questions[:30]
    rows = lab.encode(uk.testbeds.Split("asked", asked))
    hits = [
        list(row.hits) for row in teacher_forced(lab.never_learned, rows, pad_id=lab.tokenizer.pad_token_id)
    ]
    variants = {"text": "text", "floor": "open_unlearning", "all tokens": "all_tokens"}
    assert set(names["counted"]) == set(variants)
    for way, variant in variants.items():
        theirs = uk.metrics.extraction_strength(lab.never_learned, lab, rows=asked, variant=variant)
        assert [names["counted"][way](row) for row in hits] == pytest.approx(theirs.by_row)


def test_mixed_rows_are_rmus_variant(cells, toy):
    batch = collate(toy.encode(toy.forget)[:8], pad_id=toy.tokenizer.pad_token_id)
    rmu = uk.objectives.create("rmu", variant="open_unlearning", adaptive=False, coefficient=2.0, layer=0)
    there = toy.model(
        input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], output_hidden_states=True
    )
    distances = (there.hidden_states[1] - 2.0 * direction(32, 0)).square().mean(dim=-1)
    ours = run_cells(GIVEN, cells, "rmu")["rows_mixed"](distances, (batch["labels"] != -100).float())
    assert ours.item() == pytest.approx(rmu.forget_term(toy.model, batch).item(), rel=1e-5)


def npo_batch(model, lab, rows=None):
    """A forget batch with what the lesson's variants compare with: what the model says of it."""
    batch = collate(rows or lab.encode(lab.forget)[:6], pad_id=lab.tokenizer.pad_token_id)
    with torch.no_grad():
        inputs = {name: batch[name] for name in ("input_ids", "attention_mask")}
        return batch | {
            "reference_nll": sequence_nll(model, batch),
            "reference_mean": mean_nll(model, batch),
            "reference_logits": model(**inputs).logits,
        }


def test_npos_variants_share_their_value_at_the_reference_and_nothing_else(cells, toy, make_llama):
    npo = uk.objectives.create("npo", beta=0.1)
    losses = [
        npo.forget_term,
        *(function(cells, "npo", f"npo_{v}", BETA=0.1) for v in ("raw_logits", "batch_mean")),
    ]
    with torch.no_grad():
        here, there = (
            [loss(toy.model, npo_batch(model, toy)).item() for loss in losses]
            for model in (toy.model, make_llama(5))
        )
    assert here == pytest.approx([20 * math.log(2)] * 3)
    assert len({round(value, 2) for value in there}) == 3


@pytest.mark.parametrize(("ours", "variant"), [("npo_raw_logits", "muse_bench"), ("npo_batch_mean", "soul")])
def test_the_wrong_ones_are_npos_variants(cells, toy, make_llama, ours, variant):
    rows = [
        row
        for row in toy.encode(toy.forget)
        if len(row.input_ids) == len(toy.encode(toy.forget)[0].input_ids)
    ]
    assert len(rows) > 3
    batch = npo_batch(toy.model, toy, rows[:4])  # of one length: the lesson's raw logits count padding
    theirs = uk.objectives.create("npo", beta=0.1, variant=variant)
    reference = {
        key: torch.cat(list(parts)) for key, parts in theirs.forget_reference(toy.model, batch).items()
    }
    other = make_llama(5)
    with torch.no_grad():
        wanted = theirs.forget_term(other, batch | reference).item()
        assert function(cells, "npo", ours, BETA=0.1)(other, batch).item() == pytest.approx(wanted, rel=1e-5)


def test_raw_logits_reward_what_changes_no_probability(cells, toy):
    raw = function(cells, "npo", "npo_raw_logits", BETA=0.1)
    batch = npo_batch(toy.model, toy)

    class Lowered(torch.nn.Module):
        """The model, all of its logits 5 lower: the same probabilities."""

        def forward(self, **inputs):
            output = toy.model(**inputs)
            output.logits = output.logits - 5
            return output

    with torch.no_grad():
        assert raw(Lowered(), batch) < raw(toy.model, batch) - 1
        npo = uk.objectives.create("npo", beta=0.1)
        assert npo.forget_term(Lowered(), batch).item() == pytest.approx(
            npo.forget_term(toy.model, batch).item(), rel=1e-5
        )


# What the lesson says, measured


@pytest.mark.slow
def test_every_test_of_the_last_table_passes_on_right_code_and_fails_on_wrong(executed):
    told = said(executed, "all-tests")
    assert len(re.findall(r"passes +fails", told)) == 7
    assert not re.findall(r"fails +passes|passes +passes|fails +fails", told)


@pytest.mark.slow
def test_the_bugs_show_where_the_text_says_that_they_do(executed):
    bare, masters = (
        float(re.search(rf"{name} +after \d+ steps: surprise ([\d.]+)", said(executed, "vanish-twin"))[1])
        for name in ("bfloat16 as it stands", "bfloat16, float32 masters")
    )
    assert bare < 0.75 * masters
    wrong, right = map(float, re.findall(r"(\d+\.\d+) in", said(executed, "row-words")))
    assert wrong > 0.8 * right
    shown = {line.split("  ")[0]: line for line in said(executed, "bits-twin").splitlines()}
    assert "planted 0%" in shown["NF4, blocks of 64"] and "planted 9" in shown["RTN, row"]
    assert all(re.search(r"target (9\d|100)%, .* never learned 0%", line) for line in shown.values())


def said(executed, cell):
    """What a cell printed or showed, as text."""
    (place,) = [one for one in executed(STEM)["notebook"].cells if one.id == cell]
    return "\n".join(o.get("text") or o.get("data", {}).get("text/plain", "") for o in place.outputs)
