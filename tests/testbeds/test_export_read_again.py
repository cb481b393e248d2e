"""What was exported is read back: the same questions, answers, choices and halves, and the same scores."""

from __future__ import annotations

from dataclasses import replace

import pytest

import unlearnkit as uk
from unlearnkit.metrics import evaluate, verbatim
from unlearnkit.metrics.references import references
from unlearnkit.resources import data_path
from unlearnkit.testbeds.export import export_testbed

TARGET = data_path("lab", "target")
SPLITS = ("forget_shown", "forget_heldout", "retain")
BARE = {"paraphrase": "", "wrong_answers": (), "options": (), "paraphrased_answer": ""}
# What a format has no field for, or has otherwise.
LOST = {"tofu": {"options": ()}, "muse": BARE, "wmdp": {"paraphrase": "", "wrong_answers": ()}}


@pytest.fixture(scope="module")
def again(tmp_path_factory):
    """A testbed that was exported and read: again("tofu", "topic")."""
    made = {}

    def load(form: str, task: str):
        if (form, task) not in made:
            place = tmp_path_factory.mktemp("again") / form
            export_testbed(place, form, task=task)
            control = data_path("lab", f"never-learned-{task}-1")
            made[form, task] = uk.load_testbed(
                f"{form}:{place}", model=TARGET, never_learned=control, device="cpu"
            )
        return made[form, task]

    return load


@pytest.fixture(scope="module")
def labs(lab, topic_lab):
    """The atlas by task."""
    return {"entities": lab, "topic": topic_lab}


def _asked(split, form: str) -> list:
    """Questions as a format has them; an answer that stands for its own paraphrase is no paraphrase."""
    asked = [replace(question, **LOST[form]) for question in split.questions]
    return [replace(q, paraphrased_answer="") if q.paraphrased_answer == q.answer else q for q in asked]


@pytest.mark.parametrize("task", ["entities", "topic"])
@pytest.mark.parametrize("form", LOST)
def test_the_same_questions_come_back_in_the_same_splits(form, task, labs, again):
    read = again(form, task)
    for name in SPLITS:
        ours, theirs = getattr(labs[task], name), getattr(read, name)
        assert _asked(theirs, form) == _asked(ours, form)


@pytest.mark.parametrize("form", LOST)
def test_the_targets_scores_come_back(form, lab, again):
    before, read = references(lab).target, again(form, "entities")
    after = evaluate(read.model, read, verbatim=False)
    for score in ("knowmem_forget_shown", "knowmem_forget_heldout", "knowmem_retain"):
        assert getattr(after, score) == getattr(before, score)
    assert after.nll_forget == pytest.approx(before.nll_forget, rel=1e-4)
    assert after.nll_retain == pytest.approx(before.nll_retain, rel=1e-4)


def test_what_tofu_has_besides_comes_back(lab, again):
    read = again("tofu", "entities")
    kept = {q.paraphrase: q for q in lab.retain.questions}
    for name, count in (("real_authors", 100), ("world_facts", 117)):
        rows = read.extra[name].questions
        assert len(rows) == count
        for row in rows:
            fact = kept[row.question]
            assert (row.answer, row.options) == (fact.answer, fact.options)
            assert {*row.wrong_answers, row.answer} == set(fact.options)


def test_what_muse_has_besides_comes_back(lab, again):
    read = again("muse", "entities")
    prompts = [(passage.prompt, passage.target) for passage in lab.verbatim_forget]
    assert [(passage.prompt, passage.target) for passage in read.verbatim_forget] == prompts
    before = verbatim(lab.never_learned, lab.tokenizer, lab.verbatim_forget)
    assert verbatim(read.never_learned, read.tokenizer, read.verbatim_forget) == before
    texts = [row.prompt + row.target for row in lab.forget.passages]
    assert _joined(read.forget) == "".join(texts)
    assert _joined(read.holdout) == "".join(row.prompt + row.target for row in lab.holdout.passages)
    assert _joined(read.kept) == "".join(row.prompt + row.target for row in lab.retain.passages[0::2])
    assert {name: len(split) for name, split in read.extra.items()} == {
        "knowmem_forget_icl": 10, "knowmem_retain_icl": 10, "privleak_forget": 24, "privleak_retain": 72,
        "privleak_holdout": 27,
    }  # fmt: skip


@pytest.mark.parametrize("task", ["entities", "topic"])
def test_wmdps_unlearner_reads_what_the_labs_does(task, labs, again):
    read = again("wmdp", task)
    texts = [row.prompt + row.target for row in labs[task].forget.rows]
    assert _joined(read.forget) == "".join(texts)
    assert _joined(read.kept) == "".join(row.prompt + row.target for row in labs[task].retain.rows)


def _joined(split) -> str:
    return "".join(row.target for row in split.rows)
