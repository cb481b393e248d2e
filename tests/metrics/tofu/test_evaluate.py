"""TOFU's scores of a model: right on a toy, with power on the lab, and without a trace on the model."""

from __future__ import annotations

import copy
import dataclasses
import json

import numpy as np
import pytest
import torch
from scipy import stats

from unlearnkit.errors import BadInput
from unlearnkit.metrics import evaluate_tofu
from unlearnkit.metrics.tofu import forget_quality, rouge_l_recall, utility_parts
from unlearnkit.metrics.tofu.answers import asked, measure
from unlearnkit.metrics.tofu.scores import scores_of
from unlearnkit.testbeds import Split


def nats_a_token(model, tokenizer, question, answer):
    """In double precision, one row at a time, without padding and without labels."""
    prompt = tokenizer(f"Question: {question.question}\nAnswer:").input_ids
    target = [*tokenizer(f" {answer}", add_special_tokens=False).input_ids, tokenizer.eos_token_id]
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([[*prompt, *target]])).logits[0].numpy()
    rows = logits[len(prompt) - 1 : -1]
    likely = rows - np.log(np.exp(rows).sum(axis=1, keepdims=True))
    return -float(np.mean(likely[np.arange(len(target)), target]))


@pytest.fixture(scope="module")
def questions(toy):
    """A few of the toy's, every second with its answer in other words."""
    few = toy.forget_shown.questions[:6]
    return [
        dataclasses.replace(q, paraphrased_answer=f"It is {q.answer}." if i % 2 else "")
        for i, q in enumerate(few)
    ]


@pytest.fixture(scope="module")
def tofu_lab(toy):
    """The toy with what TOFU has beside it: real authors and world facts."""
    beside = {"real_authors": toy.holdout.questions[:5], "world_facts": toy.holdout.questions[5:]}
    return dataclasses.replace(toy, extra={name: Split(name, rows) for name, rows in beside.items()})


def test_losses_are_those_of_a_double_precision_pass_row_by_row(toy, questions):
    found = measure(toy.model, toy.tokenizer, questions, max_new_tokens=4)
    double = copy.deepcopy(toy.model).double()

    def expected(question, answer):
        return nats_a_token(double, toy.tokenizer, question, answer)

    assert found.nll == pytest.approx([expected(q, q.answer) for q in questions], rel=1e-5)
    told = [expected(q, q.paraphrased_answer or q.answer) for q in questions]
    assert found.paraphrased_nll == pytest.approx(told, rel=1e-5)
    for row, question in zip(found.wrong_nll, questions, strict=True):
        assert row == pytest.approx([expected(question, w) for w in question.wrong_answers], rel=1e-5)
    own = [i for i, q in enumerate(questions) if not q.paraphrased_answer]
    assert [found.paraphrased_nll[i] for i in own] == pytest.approx([found.nll[i] for i in own], rel=1e-5)
    assert all(found.paraphrased_nll[i] != found.nll[i] for i in range(len(questions)) if i not in own)


def test_recall_is_of_the_greedy_answer(lab, noisy, questions):
    model = noisy(lab.model, 0.05)
    found = measure(model, lab.tokenizer, questions, max_new_tokens=12)
    for question, recall in zip(questions, found.rouge_l_recall, strict=True):
        ids = torch.tensor([lab.tokenizer(f"Question: {question.question}\nAnswer:").input_ids])
        mask = torch.ones_like(ids)
        out = model.generate(
            ids, attention_mask=mask, max_new_tokens=12, do_sample=False,
            pad_token_id=lab.tokenizer.pad_token_id,
        )  # fmt: skip
        said = lab.tokenizer.decode(out[0, ids.shape[1] :], skip_special_tokens=True)
        assert recall == rouge_l_recall(question.answer, said)
    assert np.mean(found.rouge_l_recall) > 0


def test_an_answer_ends_at_the_limit_and_where_the_model_cannot_read_further(toy, questions, monkeypatch):
    limits = []

    def greedy(model, prompts, *, max_new_tokens, **_):
        limits.extend(zip(map(len, prompts), max_new_tokens, strict=True))
        return [[] for _ in prompts]

    monkeypatch.setattr("unlearnkit.metrics.tofu.answers.greedy", greedy)
    measure(toy.model, toy.tokenizer, questions)
    assert {limit for _, limit in limits} == {200}
    limits.clear()
    monkeypatch.setattr(toy.model.config, "max_position_embeddings", 40)
    measure(toy.model, toy.tokenizer, questions)
    assert all(limit == max(1, 40 - length) for length, limit in limits)


def test_the_target_knows_and_the_control_does_not(lab):
    target = evaluate_tofu(lab.model, lab, rows=60)
    control = evaluate_tofu(lab.never_learned, lab, rows=60)
    assert target.forget_quality.p < 1e-9
    assert target.forget_quality.d > 0.6
    assert (control.forget_quality.p, control.forget_quality.d, control.forget_quality.n) == (1.0, 0.0, 60)
    for name, share in (("forget_probability", 0.3), ("forget_rouge_l_recall", 0.3)):
        assert control.parts[name] < share < 0.95 < target.parts[name]
    for found in (target, control):
        assert found.parts["retain_probability"] > 0.95
        assert found.parts["retain_truth_ratio_arithmetic"] > 0.9
    assert 10 * target.parts["forget_truth_ratio_geometric"] < control.parts["forget_truth_ratio_geometric"]


def test_noise_passes_for_forgetting_and_what_was_kept_tells_that_it_is_none(lab, noisy):
    destroyed = evaluate_tofu(noisy(lab.model, 0.3), lab, rows=40, max_new_tokens=4)
    target = evaluate_tofu(lab.model, lab, rows=40, max_new_tokens=4)
    assert destroyed.forget_quality.p > 1e3 * target.forget_quality.p
    assert destroyed.partial_utility("tofu")[1] < 0.3 < 0.9 < target.partial_utility("tofu")[1]


def test_all_nine_parts_make_the_utility(tofu_lab):
    found = evaluate_tofu(tofu_lab.model, tofu_lab, max_new_tokens=4)
    assert found.missing == ()
    assert (found.rows["forget"], found.rows["real_authors"]) == (len(tofu_lab.forget.questions), 5)
    for variant in ("tofu", "open_unlearning"):
        nine = [found.parts[name] for name in utility_parts(variant)]
        assert found.model_utility[variant] == pytest.approx(0.0 if not all(nine) else stats.hmean(nine))
    assert not any("hmean_of" in name for name in found.to_dict())


def test_fewer_parts_make_a_number_of_another_name(toy):
    found = evaluate_tofu(toy.model, toy, rows=5, max_new_tokens=4)
    assert found.model_utility == {"tofu": None, "open_unlearning": None}
    kept = [found.parts[name] for name in utility_parts("tofu") if name in found.parts]
    assert len(kept) == 3
    expected = 0.0 if not all(kept) else stats.hmean(kept)
    assert found.to_dict()["tofu_hmean_of_3_parts_tofu"] == pytest.approx(expected)
    assert "real_authors_rouge_l_recall" in found.missing
    assert "Not measured: real_authors" in found._repr_html_()


def test_means_have_standard_errors(toy, questions):
    found = scores_of({"forget": measure(toy.model, toy.tokenizer, questions, max_new_tokens=4)})
    values = np.exp([-nats_a_token(toy.model, toy.tokenizer, q, q.answer) for q in questions])
    assert found.parts["forget_probability"] == pytest.approx(values.mean(), rel=1e-4)
    assert found.stderr["forget_probability"] == pytest.approx(stats.sem(values), rel=1e-3)
    alone = scores_of({"forget": measure(toy.model, toy.tokenizer, questions[:1], max_new_tokens=1)})
    assert alone.stderr["forget_probability"] is None
    assert "NaN" not in json.dumps(alone.to_dict())


def test_only_questions_with_wrong_answers_are_asked_where_there_are_some(toy):
    bare = [dataclasses.replace(q, wrong_answers=()) for q in toy.retain.questions]
    some = (*bare[:3], *toy.retain.questions[3:5])
    assert asked(some) == toy.retain.questions[3:5]
    found = evaluate_tofu(
        toy.model, dataclasses.replace(toy, retain=Split("retain", some)), rows=9, max_new_tokens=1
    )
    assert found.rows["retain"] == 2


def test_without_wrong_answers_there_is_no_truth_ratio_and_it_is_named(toy):
    bare = {
        name: Split(name, tuple(dataclasses.replace(q, wrong_answers=()) for q in rows.questions[:4]))
        for name, rows in (("forget_shown", toy.forget_shown), ("forget_heldout", toy.forget_heldout))
    }
    found = evaluate_tofu(toy.model, dataclasses.replace(toy, **bare), rows=4, max_new_tokens=2)
    assert found.forget_quality is None
    assert "forget_truth_ratio_geometric" not in found.parts
    assert 0 < found.parts["forget_probability"] < 1
    with pytest.raises(BadInput, match="no wrong answers"):
        evaluate_tofu(toy.model, dataclasses.replace(toy, **bare), reference=[1.0, 2.0])


# What a model is compared with


def test_a_reference_is_a_model_its_ratios_or_the_testbeds_control(toy, make_llama):
    other = make_llama(1)  # the toy's control is made anew each time, and alike
    options = {"rows": 20, "max_new_tokens": 1}
    by_control = evaluate_tofu(toy.model, toy, **options)
    by_model = evaluate_tofu(toy.model, toy, reference=other, **options)
    ratios = evaluate_tofu(other, toy, **options).forget_ratios
    by_ratios = evaluate_tofu(toy.model, toy, reference=ratios, **options)
    assert by_control == by_model == by_ratios
    assert by_control.forget_quality == forget_quality(by_control.forget_ratios, ratios)
    assert 0 < by_control.forget_quality.d < 1
    assert evaluate_tofu(toy.model, toy, reference=toy.model, **options).forget_quality.d == 0.0
    alone = dataclasses.replace(toy, load_control=None)
    assert evaluate_tofu(toy.model, alone, **options).forget_quality is None


def test_ratios_of_other_rows_are_refused_before_the_work(toy, monkeypatch):
    monkeypatch.setattr("unlearnkit.metrics.tofu.evaluate.measure", lambda *_, **__: pytest.fail("worked"))
    with pytest.raises(BadInput, match="reference: 3 rows given, but 20"):
        evaluate_tofu(toy.model, toy, reference=[1.0, 1.0, 1.0], rows=20)
    for options in ({"rows": 0}, {"rows": 2.5}, {"max_new_tokens": 0}):
        with pytest.raises(BadInput, match="must be an integer"):
            evaluate_tofu(toy.model, toy, **options)
    empty = dict.fromkeys(("forget_shown", "forget_heldout", "retain"), Split("none", ()))
    with pytest.raises(BadInput, match="nothing to score"):
        evaluate_tofu(toy.model, dataclasses.replace(toy, **empty))


# Nothing of the model changes


def test_nothing_of_the_model_changes_and_the_same_call_gives_the_same_bits(toy, make_llama, fingerprint):
    model = make_llama(3).train()
    model.model.layers[0].eval()
    before, state = fingerprint(model), torch.get_rng_state()
    found = evaluate_tofu(model, toy, rows=6, max_new_tokens=2)
    assert found == evaluate_tofu(model, toy, rows=6, max_new_tokens=2)
    assert fingerprint(model) == before
    assert torch.equal(torch.get_rng_state(), state)


def test_a_diverged_model_is_refused_and_its_flags_come_back(toy, make_llama):
    model = make_llama(3).train()
    with torch.no_grad():
        model.lm_head.weight.fill_(float("nan"))
    with pytest.raises(BadInput, match="nll: all must be finite"):
        evaluate_tofu(model, toy, rows=3, max_new_tokens=1)
    assert all(module.training for module in model.modules())


def test_half_precision_is_scored_in_float32(toy, questions):
    half = copy.deepcopy(toy.model).bfloat16()
    found = measure(half, toy.tokenizer, questions, max_new_tokens=1)
    exact = copy.deepcopy(half)

    def scored(question):
        encoded = toy.tokenizer(f"Question: {question.question}\nAnswer:").input_ids
        target = toy.tokenizer(f" {question.answer}", add_special_tokens=False).input_ids
        target = [*target, toy.tokenizer.eos_token_id]
        with torch.no_grad():
            logits = exact(input_ids=torch.tensor([[*encoded, *target]])).logits[0, len(encoded) - 1 : -1]
        return torch.nn.functional.cross_entropy(logits.double(), torch.tensor(target)).item()

    assert found.nll == pytest.approx([scored(q) for q in questions], rel=2e-2)
    assert any(torch.tensor(loss).bfloat16().item() != loss for loss in found.nll)


def test_results_are_plain_numbers_by_names_that_say_the_benchmark(toy):
    found = evaluate_tofu(toy.model, toy, rows=5, max_new_tokens=1)
    plain = found.to_dict()
    assert json.loads(json.dumps(plain)) == plain
    assert all(name.startswith("tofu_") for name in plain)
    assert found.headline()["tofu_forget_quality_n"] == 5


def test_a_bar_is_shown_when_asked_for(toy, capsys):
    evaluate_tofu(toy.model, toy, rows=2, max_new_tokens=1)
    assert not capsys.readouterr().err
    evaluate_tofu(toy.model, toy, rows=2, max_new_tokens=1, progress=True)
    assert "TOFU: 100%" in capsys.readouterr().err
