"""The store that is meant when none is named, and how a store looks."""

from __future__ import annotations

import warnings

import pytest

from unlearnkit.errors import UnlearnkitError
from unlearnkit.records import ReadOnly, RunStore, default_store, shipped_store
from unlearnkit.records.shipped import shipped_results


def test_the_shipped_comparisons_are_shown_and_studies_are_not():
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # no two shipped records contradict each other
        store = shipped_store()
    results = list(shipped_results())
    for row in (row for result in results for row in result["rows"]):
        assert store.get(row["run_id"])["scores"] == row["scores"]
    assert all({"testbed", "rows", "controls"} <= result.keys() for result in results)
    ids = {row["run_id"] for result in results for row in result["rows"]}
    assert set(store.to_frame().run_id) == ids


def test_shipped_outcomes_come_again_from_shipped_scores():
    store = RunStore.in_memory(shipped_results())
    assert store.rejudge() == 0


def test_shipped_records_are_not_changed_and_the_way_out_works(tmp_path, make_row, content):
    store = shipped_store()
    run_id = content["rows"][0]["run_id"]
    changes = [
        lambda: store.tag(run_id, "x"), lambda: store.untag(run_id, "x"), lambda: store.note(run_id, "x"),
        lambda: store.add(make_row()), lambda: store.add_results(content), lambda: store.remove(run_id),
        store.rejudge, lambda: store.import_(tmp_path / "x.jsonl"),
    ]  # fmt: skip
    before = list(store.rows())
    for change in changes:
        with pytest.raises(ReadOnly, match="unlearnkit records export") as error:
            change()
        assert isinstance(error.value, UnlearnkitError)
    assert list(store.rows()) == before
    store.export(tmp_path / "records.jsonl")
    with RunStore(tmp_path / "runs.sqlite") as mine:
        mine.import_(tmp_path / "records.jsonl")
        mine.tag(run_id, "x")
        assert mine.count(tag="x") == 1


def test_the_default_is_runs_sqlite_where_there_is_one(tmp_path, monkeypatch, make_row):
    monkeypatch.chdir(tmp_path)
    assert default_store().path is None
    assert list(tmp_path.iterdir()) == []
    with RunStore("runs.sqlite") as mine:
        mine.add(make_row("mine"))
    with default_store() as store:
        assert list(store.to_frame().run_id) == ["mine"]
        store.tag("mine", "x")


def test_a_store_shows_itself(store, make_row):
    assert repr(store) == f"<RunStore {store.path}: 0 runs, 0 controls>"
    for place in range(12):
        store.add(make_row(f"r{place:02}"), notes="n" * 500)
    page = store._repr_html_()
    assert "12 runs" in page
    assert page.count("<tr>") == 1 + 10
    assert "all: <code>store.to_frame()</code>" in page
    assert "n" * 199 + "…" in page
    assert "n" * 200 not in page
