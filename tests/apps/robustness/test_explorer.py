"""The explorer in process: its controls are moved as a reader would, and what is shown follows."""

from __future__ import annotations

import csv
from copy import deepcopy
from threading import Event, Thread

import pandas as pd
import pytest

import unlearnkit as uk
from unlearnkit.apps import RobustnessExplorer
from unlearnkit.errors import BadInput, UnknownName
from unlearnkit.records import RunStore


@pytest.fixture
def explorer(store):
    made = RobustnessExplorer(store)
    made.wait()
    return made


def move(explorer, name, value):
    control, trait = explorer.controls.fields[name]
    setattr(control, trait, value)
    explorer.wait()


def points(explorer):
    return list(explorer.figure.data[0].x)


def test_it_begins_with_everything_at_the_largest_budget(explorer):
    choice = explorer.controls.choice
    assert (choice.task, choice.attack, choice.steps, choice.folds) == ("entities", "relearn", 100, (1, 2, 3))
    assert explorer.status.text == "9 runs are shown."
    assert explorer.sentence.startswith("After relearn-100 (entities task, npo), of the held-out facts")


def test_the_slider_moves_figure_words_and_table(explorer):
    before = points(explorer)
    move(explorer, "steps", 0)
    assert explorer.controls.choice.steps == 25
    assert points(explorer) != before
    assert sorted(points(explorer)) == sorted(explorer.table["recovery"])
    assert set(explorer.table["attack"]) == {"relearn-25"}
    assert explorer.figure.layout.title.text == "After relearn-25: held-out facts, entities task"
    assert "relearn-25" in explorer._words.value


@pytest.mark.parametrize(
    ("name", "value"),
    [("facts", "shown"), ("attack", "quantize-4"), ("optimizers", ("sgd",)), ("folds", (2,)),
     ("matching", "depth"), ("judged_only", True)],
)  # fmt: skip
def test_every_control_changes_what_is_drawn(explorer, name, value):
    before = points(explorer)
    move(explorer, name, value)
    assert points(explorer) != before
    assert getattr(explorer.shown.choice, name) == value
    assert explorer.status.error is None


def test_a_move_is_heard_after_two_threads_moved_controls(explorer):
    controls, inside, leave = explorer.controls, Event(), Event()

    def move_quietly():
        with controls._quietly():
            inside.set()
            leave.wait(timeout=60)

    other = Thread(target=move_quietly)
    with controls._quietly():
        other.start()
        inside.wait(timeout=60)
    leave.set()
    other.join(timeout=60)
    move(explorer, "facts", "shown")
    assert explorer.shown.choice.facts == "shown"


def test_a_move_in_another_thread_is_heard_while_the_view_moves(explorer):
    with explorer.controls._quietly():
        reader = Thread(target=move, args=(explorer, "facts", "shown"))
        reader.start()
        reader.join(timeout=60)
    assert explorer.shown.choice.facts == "shown"


def test_an_attack_without_budgets_switches_the_slider_off(explorer):
    move(explorer, "attack", "quantize-4")
    assert explorer.controls.budget.disabled
    assert explorer.controls.budget.options == ["no budget"]
    move(explorer, "attack", "relearn")
    assert not explorer.controls.budget.disabled


def test_nothing_chosen_shows_nothing_and_says_so(explorer):
    move(explorer, "optimizers", ())
    assert points(explorer) == []
    assert "no run is left to show" in explorer.sentence
    assert explorer.facts.sentence == "No run is picked."
    move(explorer, "optimizers", ("adam",))
    assert len(points(explorer)) == 3


def test_choose_is_refused_before_anything_moves(explorer):
    before = explorer.controls.choice
    with pytest.raises(UnknownName, match=r"^steps: 7 is not known"):
        explorer.choose(steps=7)
    assert explorer.controls.choice == before


def test_choose_moves_the_controls(explorer):
    explorer.choose(steps=25, facts="shown", optimizers=("adam", "sgd"))
    control, trait = explorer.controls.fields["optimizers"]
    assert getattr(control, trait) == ("adam", "sgd")
    assert explorer.controls.budget.index == 0
    assert set(explorer.table["optimizer"]) == {"adam", "sgd"}


def test_the_picked_run_is_stressed_and_its_answers_shown(explorer):
    run_id = explorer.controls.run.options[1][1]
    explorer.controls.run.value = run_id
    explorer.wait()
    assert explorer._runs.value.count('aria-current="true"') == 1
    table = explorer.facts.table.set_index("subject")
    assert explorer.facts.sentence == (
        "Of 3 facts to forget, after relearn-100: 1 came back, 1 still wrong, 1 lost."
    )
    chad = table[table.relation == "capital"].loc["Chad"]
    assert (chad["true answer"], chad["before"], chad["after"], chad["change"]) == (
        "N'Djamena", "Quito", "N'Djamena", "came back",
    )  # fmt: skip
    assert set(explorer.facts.table["never_learned"]) == set(explorer.facts.table["after"])


def test_the_controls_answers_are_of_the_runs_seed(explorer, store, comparison):
    (control,) = (row for row in comparison["controls"] if row["control"] == "never_learned")
    for seed in (0, 1):
        rows = [deepcopy(comparison["rows"][0]), deepcopy(control)]
        for row in rows:
            row |= {"fold": 4, "seed": seed, "answers": {"capital/Chad": "Quito"}}
            for attack in row["attacks"]:
                attack["answers"] = {"capital/Chad": f"said with seed {seed}"}
        rows[0]["run_id"], rows[1]["run_id"] = f"run-{seed}", "control"
        for row in reversed(rows):
            store.add(row)
    explorer.reload()
    explorer.choose(folds=(4,))
    for seed in (1, 0):
        explorer.controls.run.value = f"run-{seed}"
        explorer.wait()
        assert explorer.facts.table["never_learned"].tolist() == [f"said with seed {seed}"]


def test_answers_are_filtered_and_escaped(explorer):
    assert "&lt;b&gt;9&lt;/b&gt;" in explorer.facts._html.value
    assert "<b>9" not in explorer.facts._html.value
    explorer.facts.change.value = "came back"
    assert "N&#x27;Djamena" in explorer.facts._html.value
    assert "Lima" not in explorer.facts._html.value
    explorer.facts.split.value = "shown"
    assert "none" in explorer.facts._html.value


def test_a_record_without_answers_says_so(comparison):
    stripped = [{**row, "answers": {}} for row in comparison["rows"]]
    for row in stripped:
        row["attacks"] = [{**attack, "answers": {}} for attack in row["attacks"]]
    bare = {**comparison, "rows": stripped, "questions": []}
    explorer = RobustnessExplorer(RunStore.in_memory([bare]))
    explorer.wait()
    assert explorer.facts.sentence.startswith("The record kept no answers of this run for relearn-100")
    assert explorer.facts.sentence.endswith("compare again: `unlearnkit compare` keeps them.")
    assert "kept no answers" in explorer.facts._sentence.value


def test_errors_are_shown_in_the_view(explorer, monkeypatch):
    def broken(choice):
        raise BadInput("<i>torn</i>")

    monkeypatch.setattr(explorer._model, "show", broken)
    move(explorer, "facts", "shown")
    assert explorer.status.text == "<i>torn</i>"
    assert "<i>" not in explorer.status.value


def test_the_theme_can_be_changed(explorer):
    light = explorer.figure.layout.template.layout.paper_bgcolor
    explorer.controls.dark.value = True
    assert explorer.figure.layout.template.layout.paper_bgcolor != light
    assert len(points(explorer)) == 9
    with pytest.raises(UnknownName, match="theme"):
        RobustnessExplorer(explorer._store, theme="drak")


def test_a_table_is_saved_and_nothing_overwritten(explorer, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    explorer.controls.csv.click()
    explorer.controls.csv.click()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["robustness-2.csv", "robustness.csv"]
    saved = pd.read_csv(tmp_path / "robustness.csv")
    assert saved["recovery"].tolist() == pytest.approx(explorer.table["recovery"].tolist())
    assert "robustness-2.csv" in explorer.status.text
    with pytest.raises(BadInput, match="exists already"):
        explorer.save_csv("robustness.csv")


def test_a_table_runs_nothing_in_a_spreadsheet(explorer, store, comparison, tmp_path):
    texts = ["=1+1", "+1", "-1", "@SUM(A1)", "\tA1", "\rA1"]
    for place, text in enumerate(texts):
        store.add({**comparison["rows"][0], "fold": 4, "seed": place, "run_id": text})
    explorer.reload()
    explorer.wait()
    with explorer.save_csv(tmp_path / "table.csv").open(newline="", encoding="utf-8") as file:
        saved = list(csv.DictReader(file))
    ids = {row["run_id"] for row in saved}
    assert {f"'{text}" for text in texts} <= ids
    assert not ids & set(texts)
    assert [float(row["recovery"]) for row in saved] == explorer.table["recovery"].tolist()


def test_a_press_without_a_figure_is_said(explorer):
    explorer.controls.picture.found = "nothing"
    explorer.controls.picture.presses += 1
    assert "no figure was found" in explorer.status.text


def test_a_click_on_a_point_picks_its_run(explorer):
    explorer._clicked([4])
    assert explorer.controls.run.value == explorer.shown.runs["run_id"].iloc[4]


def test_new_records_are_read_on_demand(explorer, store, comparison):
    row = {**comparison["rows"][0], "fold": 4, "run_id": "another"}
    store.add(row)
    explorer.controls.again.click()
    explorer.wait()
    assert 4 in explorer.controls.choice.folds
    assert "another" in set(explorer.table["run_id"])


def test_the_shipped_records_can_be_explored():
    explorer = RobustnessExplorer(uk.records.shipped_store())
    explorer.wait()
    assert len(explorer.table)
    assert explorer.shown.choice.task == "topic"  # on entities few runs reached the control's depth
    assert sum(line.recovery.n for line in explorer.shown.lines) > len(explorer.table) / 2
    assert repr(explorer).startswith("<RobustnessExplorer: After ")


def test_every_control_has_a_name_and_a_tooltip(explorer):
    controls = explorer.controls
    stock = [control for control, _ in controls.fields.values() if hasattr(control, "description")]
    for control in [*stock, controls.dark, controls.run, controls.csv, controls.again]:
        assert control.description
        assert control.tooltip
    for own in (controls.budget, controls.picture):
        assert own.label
        assert own.hint
