"""The atlas in three formats: what is in the files, and that a folder appears whole or not at all."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest

from unlearnkit.errors import BadInput, UnknownName
from unlearnkit.files import CannotWrite
from unlearnkit.testbeds.atlas.tasks import TASKS, task_splits, training_rows
from unlearnkit.testbeds.export import FORMATS, export_testbed
from unlearnkit.testbeds.export import export as module


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """An export's folder: written("tofu", "topic"), fold 1."""
    made: dict[tuple[str, str], Path] = {}

    def find(form: str, task: str) -> Path:
        if (form, task) not in made:
            made[form, task] = tmp_path_factory.mktemp("export") / form
            export_testbed(made[form, task], form, task=task)
        return made[form, task]

    return find


def _lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _array(path: Path) -> list:
    return json.loads(path.read_text(encoding="utf-8"))


def _published(rows: list[dict]) -> list[dict]:
    """Rows without the fields that no benchmark has."""
    ours = {"subject", "relation", "open_class", "half"}
    return [{name: value for name, value in row.items() if name not in ours} for row in rows]


def _forget(task: str):
    splits = task_splits(task, 1)
    return splits.forget_shown.questions + splits.forget_heldout.questions


@pytest.mark.parametrize(("task", "forget", "retain"), [("entities", "14", "86"), ("topic", "11", "89")])
def test_tofu_has_every_question_with_its_wrong_answers(written, task, forget, retain):
    folder, kept = written("tofu", task), task_splits(task, 1).retain.questions
    for name, questions in ((f"forget{forget}", _forget(task)), (f"retain{retain}", kept)):
        plain = _published(_lines(folder / f"{name}.json"))
        assert plain == [{"question": q.question, "answer": q.answer} for q in questions]
    for name, questions in ((f"forget{forget}", _forget(task)), ("retain", kept)):
        perturbed = _lines(folder / f"{name}_perturbed.json")
        assert [tuple(row["perturbed_answer"]) for row in perturbed] == [q.wrong_answers for q in questions]
        assert all(len({*row["perturbed_answer"], row["answer"]}) == 6 for row in perturbed)
        assert [row["paraphrased_answer"] for row in perturbed] == [q.answer for q in questions]


@pytest.mark.parametrize("task", TASKS)
def test_tofus_other_files_ask_for_kept_facts_in_trained_words_that_no_unlearner_sees(written, task):
    folder = written("tofu", task)
    retain = task_splits(task, 1).retain
    trained = {row.question for row in training_rows(task, 1) if hasattr(row, "question")}
    kept = {q.paraphrase: q for q in retain.questions}
    for name, count, is_open in (("real_authors", 100, True), ("world_facts", 117, False)):
        rows, wrong = _lines(folder / f"{name}.json"), _lines(folder / f"{name}_perturbed.json")
        assert len(rows) == len({row["question"] for row in rows}) == count
        for row, same in zip(rows, wrong, strict=True):
            fact = kept[row["question"]]
            assert (fact.open_class, fact.answer) == (is_open, row["answer"])
            options = [row[f"option{place}"] for place in (1, 2, 3, 4)]
            assert sorted([*same["perturbed_answer"], same["answer"]]) == sorted(options)
            assert same["question"] in trained
            assert same["question"] not in {q.question for q in retain.questions}


@pytest.mark.parametrize("task", TASKS)
def test_muse_has_pages_and_pairs_that_give_nothing_away(written, task):
    folder, splits = written("muse", task), task_splits(task, 1)
    for name, questions in (("forget", _forget(task)), ("retain", splits.retain.questions)):
        asked = [{"question": q.question, "answer": q.answer} for q in questions]
        assert _published(_array(folder / "knowmem" / f"{name}_qa.json")) == asked
        pairs = _array(folder / "knowmem" / f"{name}_qa_icl.json")
        assert len(pairs) == 10
        names = {subject for split in (splits.forget_shown, splits.retain) for subject in split.subjects}
        told = " ".join(pair["question"] for pair in pairs)
        assert not [name for name in names if f" {name}?" in told]
    verbmem = _array(folder / "verbmem" / "forget.json")
    assert [(row["prompt"], row["gt"]) for row in verbmem] == [
        (passage.prompt, passage.text) for passage in splits.verbatim_forget
    ]


@pytest.mark.parametrize("task", TASKS)
def test_muses_texts_are_disjoint_and_read_by_whom_they_should_be(written, task):
    folder = written("muse", task)
    parts = {n: _array(folder / "raw" / f"{n}.json") for n in ("forget", "holdout", "retain1", "retain2")}
    together = [text for texts in parts.values() for text in texts]
    assert len(set(together)) == len(together)
    read = {row.prompt + row.target for row in training_rows()}
    whole = task == "entities"  # of a topic: pages up to it, or without it
    assert all(text in read for text in parts["retain1"] + parts["forget"]) == whole
    for text in parts["forget"]:
        assert any(page.startswith(text) for page in read)
    for text in parts["holdout"]:
        assert not any(page.startswith(text) for page in read)
    for name in ("forget", "holdout"):
        assert _array(folder / "privleak" / f"{name}.json") == parts[name]
    for name, texts in parts.items():
        plain = (folder / "raw" / f"{name}.txt").read_text(encoding="utf-8")
        assert plain.split("\n\n") == texts


@pytest.mark.parametrize("task", TASKS)
def test_wmdp_has_four_choices_and_the_place_of_the_right_one(written, task):
    folder, splits = written("wmdp", task), task_splits(task, 1)
    for name, questions in (("forget", _forget(task)), ("retain", splits.retain.questions)):
        rows = _published(_lines(folder / f"{name}.jsonl"))
        for row, question in zip(rows, questions, strict=True):
            assert set(row) == {"question", "choices", "answer"}
            assert (row["question"], tuple(row["choices"])) == (question.question, question.options)
            assert row["choices"][row["answer"]] == question.answer
        assert {row["answer"] for row in rows} == {0, 1, 2, 3}
    for name, split in (("forget", splits.forget), ("retain", splits.retain)):
        texts = [row["text"] for row in _lines(folder / f"{name}_corpus.jsonl")]
        assert texts == [row.prompt + row.target for row in split.rows]


@pytest.mark.parametrize("form", FORMATS)
def test_the_same_command_writes_the_same_bytes(form, written, tmp_path):
    export_testbed(tmp_path / "again", form, task="topic")
    first, again = written(form, "topic"), tmp_path / "again"
    files = sorted(path.relative_to(first) for path in first.rglob("*.*"))
    assert files == sorted(path.relative_to(again) for path in again.rglob("*.*"))
    assert all((first / name).read_bytes() == (again / name).read_bytes() for name in files)
    assert all(module.OURS.fullmatch(name.as_posix()) for name in files)


@pytest.mark.parametrize("form", FORMATS)
def test_a_card_says_what_it_is_and_how_to_load_it(form, written):
    text = (written(form, "entities") / "README.md").read_text(encoding="utf-8")
    assert "Licence: MIT" in text
    assert f'"{form}:FOLDER"' in text
    assert 'data_path("lab", "never-learned-entities-1")' in text
    files = [p for p in written(form, "entities").rglob("*.*") if p.name.endswith((".json", ".jsonl"))]
    assert all(f"| `{p.relative_to(written(form, 'entities')).as_posix()}` | " in text for p in files)
    fences = text.split("```python\n")[1].split("```")[0]
    compile(fences, "README.md", "exec")


# Whole or not at all


def test_a_folder_with_files_is_refused_and_an_earlier_export_is_replaced_when_told(tmp_path):
    place = tmp_path / "out"
    export_testbed(place, "tofu")
    before = sorted(place.rglob("*"))
    with pytest.raises(BadInput, match=r"holds files already.*--overwrite"):
        export_testbed(place, "wmdp")
    assert sorted(place.rglob("*")) == before
    export_testbed(place, "muse", overwrite=True)
    assert not list(place.glob("forget*"))
    assert (place / "raw" / "forget.txt").is_file()
    assert list(tmp_path.iterdir()) == [place]


@pytest.mark.parametrize("name", ["notes.txt", "raw/forget.csv", "forget.json", "deep/README.md"])
def test_what_no_export_wrote_is_never_replaced(name, tmp_path):
    export_testbed(tmp_path / "out", "wmdp")
    (tmp_path / "out" / name).parent.mkdir(exist_ok=True)
    (tmp_path / "out" / name).write_text("mine")
    with pytest.raises(BadInput, match=f"holds {name}, which no export wrote"):
        export_testbed(tmp_path / "out", "wmdp", overwrite=True)
    assert (tmp_path / "out" / name).read_text() == "mine"


def test_an_empty_folder_will_do(tmp_path):
    (tmp_path / "out").mkdir()
    export = export_testbed(tmp_path / "out", "wmdp")
    assert export.name == f"wmdp:{tmp_path / 'out'}"
    assert export.to_dict()["rows"]["forget.jsonl"] == len(_forget("entities"))


@pytest.mark.parametrize("error", [KeyboardInterrupt, CannotWrite])
def test_what_stops_it_leaves_what_was_there(error, tmp_path, monkeypatch):
    place = tmp_path / "out"
    export_testbed(place, "tofu")
    before = {path: path.read_bytes() for path in place.iterdir()}
    calls = []

    def stopped(path, text):
        calls.append(path)
        if len(calls) == 3:
            raise error("stopped")
        path.write_text(text, encoding="utf-8")

    monkeypatch.setattr(module, "write_whole", stopped)
    with pytest.raises(error):
        export_testbed(place, "wmdp", overwrite=True)
    assert {path: path.read_bytes() for path in place.iterdir()} == before
    assert list(tmp_path.iterdir()) == [place]


def test_a_swap_that_fails_puts_back_what_was_there(tmp_path, monkeypatch):
    place = tmp_path / "out"
    export_testbed(place, "tofu")
    real = Path.rename

    def refuse(path: Path, target: Path) -> Path:
        if path.name.endswith(".unfinished"):
            raise OSError(1, "not permitted")
        return real(path, target)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(CannotWrite, match="not permitted"):
        export_testbed(place, "wmdp", overwrite=True)
    assert (place / "forget14.json").is_file()
    assert list(tmp_path.iterdir()) == [place]


@pytest.mark.parametrize(
    ("form", "more", "error", "words"),
    [
        ("tofoo", {}, UnknownName, 'did you mean "tofu"'),
        ("tofu", {"task": "people"}, UnknownName, "Known: entities, topic"),
        ("tofu", {"fold": 9}, BadInput, "folds 0, 1, 2, 3, 4, 5, 6"),
        ("tofu", {"fold": 1.0}, BadInput, "fold must be an integer"),
        ("tofu", {"fold": 6}, BadInput, "sealed"),
    ],
)
def test_nonsense_is_refused_before_anything_is_written(form, more, error, words, tmp_path):
    with pytest.raises(error, match=words):
        export_testbed(tmp_path / "out", form, **more)
    assert not list(tmp_path.iterdir())


def test_files_of_one_kind_differ_between_folds(tmp_path):
    rows = []
    for fold in (1, 2, 3):
        export_testbed(tmp_path / str(fold), "wmdp", fold=fold)
        rows.append({row["question"] for row in _lines(tmp_path / str(fold) / "forget.jsonl")})
    assert not [pair for pair in pairwise(rows) if pair[0] & pair[1]]
