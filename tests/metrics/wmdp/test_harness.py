"""Our likelihoods and accuracies are those of lm-evaluation-harness, where it is installed."""

from __future__ import annotations

import copy
import json
import sys

import pytest
import torch

from unlearnkit.errors import BadInput, MissingReference, UnknownName
from unlearnkit.metrics import harness_accuracy
from unlearnkit.metrics.wmdp import LETTERS, letter_prompt, log_likelihoods, score_choices
from unlearnkit.metrics.wmdp.likelihoods import encode_pair

LETTER_TASK = r"""
task: atlas_letter
description: "The following are multiple choice questions (with answers) about geography.\n\n"
doc_to_text: "{{question.strip()}}\nA. {{choices[0]}}\nB. {{choices[1]}}\nC. {{choices[2]}}\nD. {{choices[3]}}\nAnswer:"
doc_to_choice: ["A", "B", "C", "D"]
metric_list: [{metric: acc}]
"""  # noqa: E501
TEXT_TASK = r"""
task: atlas_text
doc_to_text: "Question: {{question}}\nAnswer:"
doc_to_choice: "{{choices}}"
metric_list: [{metric: acc}, {metric: acc_norm}, {metric: acc_bytes}]
"""
SHARED = """
dataset_path: json
dataset_kwargs: {{data_files: {{test: "{rows}"}}, cache_dir: "{cache}"}}
test_split: test
num_fewshot: 0
output_type: multiple_choice
doc_to_target: answer
"""


@pytest.fixture(scope="module")
def questions(lab):
    """Forty of the lab's, some of them with answers that the model must guess."""
    return lab.forget_shown.questions[:40]


@pytest.fixture(scope="module")
def model(lab, noisy):
    """The target with noise, so that some answers are wrong."""
    return noisy(lab.model, 0.1)


@pytest.fixture(scope="module")
def task_folder(questions, tmp_path_factory):
    """Two tasks of the harness over a local file of these questions."""
    pytest.importorskip("lm_eval", reason='lm-evaluation-harness is not installed: the extra "lm-eval"')
    folder = tmp_path_factory.mktemp("tasks")
    rows = [
        {"question": q.question, "choices": list(q.options), "answer": q.options.index(q.answer)}
        for q in questions
    ]
    (folder / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    shared = SHARED.format(rows=(folder / "rows.jsonl").as_posix(), cache=(folder / "cache").as_posix())
    for name, text in (("letter", LETTER_TASK), ("text", TEXT_TASK)):
        (folder / f"atlas_{name}.yaml").write_text(text + shared, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def logged(model, lab, task_folder):
    """The harness's own likelihoods, by task and question."""
    import lm_eval
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager

    found = lm_eval.simple_evaluate(
        model=HFLM(pretrained=copy.deepcopy(model), tokenizer=copy.deepcopy(lab.tokenizer), batch_size=8),
        tasks=["atlas_letter", "atlas_text"], log_samples=True,
        task_manager=TaskManager(include_path=str(task_folder), include_defaults=False),
    )  # fmt: skip
    ordered = {task: sorted(rows, key=lambda row: row["doc_id"]) for task, rows in found["samples"].items()}
    return {task: [row["filtered_resps"] for row in rows] for task, rows in ordered.items()}


@pytest.mark.slow
def test_every_likelihood_is_the_harness_s(logged, model, lab, questions):
    prompts = {
        "atlas_letter": [letter_prompt(q, about="geography") for q in questions],
        "atlas_text": [f"Question: {q.question}\nAnswer:" for q in questions],
    }
    ways = {
        "atlas_letter": [[f" {letter}" for letter in LETTERS]] * len(questions),
        "atlas_text": [[f" {option}" for option in q.options] for q in questions],
    }
    for task, theirs in logged.items():
        ours = log_likelihoods(model, lab.tokenizer, contexts=prompts[task], continuations=ways[task])
        assert len(theirs) == len(questions)
        for mine, other in zip(ours, theirs, strict=True):
            assert [way.log_likelihood for way in mine] == pytest.approx(
                [total for total, _ in other], abs=2e-4
            )
            assert [way.greedy for way in mine] == [greedy for _, greedy in other]


@pytest.mark.slow
def test_every_accuracy_is_the_harness_s(model, lab, task_folder, questions, fingerprint, random_state):
    before = fingerprint(model), random_state(), lab.tokenizer.padding_side
    tasks = ["atlas_letter", "atlas_text"]
    theirs = harness_accuracy(model, lab.tokenizer, tasks=tasks, task_folder=task_folder)
    assert (fingerprint(model), random_state(), lab.tokenizer.padding_side) == before
    ours = score_choices(model, lab.tokenizer, questions=questions, about="geography")
    assert theirs.questions == dict.fromkeys(tasks, len(questions))
    assert theirs.results["atlas_letter"]["acc"] == pytest.approx(ours.letter.value)
    text = theirs.results["atlas_text"]
    assert text["acc"] == pytest.approx(ours.option_text_summed.value)
    assert text["acc_norm"] == pytest.approx(ours.option_text_per_character.value)
    assert text["acc_bytes"] == pytest.approx(ours.option_text_per_byte.value)
    assert 0 < text["acc_norm"] < 1  # neither all nor nothing: the comparison could fail


@pytest.mark.slow
def test_weights_that_an_attack_parted_stay_apart(model, lab, task_folder):
    parted = copy.deepcopy(model)
    parted.lm_head.weight = torch.nn.Parameter(-parted.lm_head.weight.detach())
    harness_accuracy(parted, lab.tokenizer, tasks=["atlas_letter"], task_folder=task_folder, limit=1)
    assert torch.equal(parted.lm_head.weight, -model.lm_head.weight)


@pytest.mark.slow
@pytest.mark.parametrize(
    "texts", [("Answer:", " A"), ("Answer: ", "A"), ("Answer:\n\n", " Lima"), ("Question", "s: A")]
)
def test_context_and_continuation_are_parted_as_the_harness_does(texts, model, lab, task_folder):
    from lm_eval.models.huggingface import HFLM

    wrapped = HFLM(pretrained=copy.deepcopy(model), tokenizer=copy.deepcopy(lab.tokenizer))
    theirs = tuple(map(tuple, wrapped._encode_pair(*texts)))
    assert encode_pair(lab.tokenizer, *texts) == theirs


@pytest.mark.slow
def test_a_task_that_the_harness_does_not_know_is_named(lab, task_folder):
    with pytest.raises(UnknownName, match="atlas_letter"):
        harness_accuracy(lab.model, lab.tokenizer, tasks=["atlas_leter"], task_folder=task_folder)


def test_without_the_harness_the_error_says_how_to_install_it(lab, monkeypatch):
    monkeypatch.setitem(sys.modules, "lm_eval", None)
    with pytest.raises(MissingReference, match=r'pip install "unlearnkit\[lm-eval\]"'):
        harness_accuracy(lab.model, lab.tokenizer, tasks=["mmlu"])


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"tasks": "mmlu"}, "a list of names"),
        ({"tasks": []}, "none named"),
        ({"tasks": [3]}, "a list of names"),
        ({"tasks": ["mmlu"], "limit": 0}, "limit must be an integer"),
        ({"tasks": ["mmlu"], "few_shot": -1}, "few_shot must be an integer"),
        ({"tasks": ["mmlu"], "batch_size": "auto"}, "batch_size must be an integer"),
        ({"tasks": ["mmlu"], "seed": 0.5}, "seed must be an integer"),
    ],
)
def test_what_cannot_be_run_is_refused_before_any_work(wrong, said, lab):
    with pytest.raises(BadInput, match=said):
        harness_accuracy(lab.model, lab.tokenizer, **wrong)


def test_a_folder_that_is_not_there_is_named(lab, tmp_path):
    with pytest.raises(MissingReference, match="no folder"):
        harness_accuracy(lab.model, lab.tokenizer, tasks=["mmlu"], task_folder=tmp_path / "none")
