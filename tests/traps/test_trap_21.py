"""Trap 21: metrics that cache by name give one model another's numbers."""

from __future__ import annotations

import json
from dataclasses import replace

from unlearnkit.metrics import evaluate_muse, membership_attack
from unlearnkit.metrics.muse.log import score_rows
from unlearnkit.metrics.muse.privleak import score_privleak
from unlearnkit.testbeds import Split


def test_two_models_of_one_name_are_scored_apart(toy, make_llama):
    toy = replace(toy, verbatim_forget=toy.verbatim_forget[:1], retain=Split("retain", toy.retain.rows[:5]))

    def scores(seed):
        model = make_llama(seed)
        model.name_or_path = model.config._name_or_path = "the same"
        return evaluate_muse(model, toy, reference=0.5), membership_attack(model, toy)

    alone = [scores(seed) for seed in (3, 4)]
    assert [scores(seed) for seed in (4, 3)] == alone[::-1]
    assert alone[0][1].members != alone[1][1].members


def test_a_model_whose_weights_move_is_scored_anew(toy, make_llama, noisy):
    model = make_llama(3)
    before = membership_attack(model, toy)
    model.load_state_dict(noisy(model, 0.1).state_dict())
    after = membership_attack(model, toy)
    model.load_state_dict(make_llama(3).state_dict())
    assert membership_attack(model, toy) == before != after


def test_a_log_that_was_written_over_is_read_again(tmp_path):
    file, found = tmp_path / "log.json", []
    for response in ("a b", "c", "a b"):
        file.write_text(json.dumps([{"prompt": "", "gt": "a b", "response": response}]), encoding="utf-8")
        found.append(score_rows(file)["rouge_l"]["f1"])
    assert found == [1.0, 0.0, 1.0]


def test_two_logs_of_one_name_in_two_folders_are_scored_apart(tmp_path):
    files = []
    for folder, scores in (("one", [1.0, 2.0]), ("two", [3.0, 4.0])):
        (tmp_path / folder).mkdir()
        files.append(tmp_path / folder / "log.json")
        files[-1].write_text(json.dumps(scores), encoding="utf-8")
    assert score_privleak(*files)["privleak"] == -100.0
    assert score_privleak(*files[::-1])["privleak"] == 100.0
    assert score_privleak(files[0], files[0])["privleak"] == 0.0
