"""The records in a notebook: filtered, tagged and annotated, at once in the store."""

from __future__ import annotations

import pytest

import unlearnkit as uk
from unlearnkit.apps import RecordsView


@pytest.fixture
def view(store):
    return RecordsView(store)


def test_it_shows_all_runs(view, store):
    assert len(view.frame) == store.count() == 9
    assert view.status.text == "9 runs."
    assert "robustness-test" in view._html.value


def test_filters_are_the_stores(view, store):
    view.optimizer_filter.value = "adam"
    assert set(view.frame["optimizer"]) == {"adam"}
    view.outcome_filter.value = "recovered"
    assert len(view.frame) == store.count(optimizer="adam", outcome="recovered")
    view.optimizer_filter.value = "any"
    assert len(view.frame) == store.count(outcome="recovered")


def test_a_tag_is_put_on_and_taken_off(view, store):
    run_id = view.run.value
    view.tag.value = "lecture-3"
    view.add_button.click()
    assert "lecture-3" in store.get(run_id)["tags"]
    assert "lecture-3" in view._html.value
    view.tag_filter.value = "lecture-3"
    assert view.frame["run_id"].tolist() == [run_id]
    view.remove_button.click()
    assert "lecture-3" not in store.get(run_id)["tags"]
    assert len(view.frame) == 9  # the filter's tag is gone, and the filter with it


def test_a_note_is_saved_and_comes_back(view, store):
    first, second = (value for _, value in view.run.options[:2])
    view.note.value = "<b>odd</b>"
    view.note_button.click()
    assert store.get(first)["notes"] == "<b>odd</b>"
    assert "<b>odd" not in view._html.value
    view.run.value = second
    assert not view.note.value
    view.run.value = first
    assert view.note.value == "<b>odd</b>"


def test_a_note_in_the_making_is_not_lost_by_a_tag(view):
    view.note.value = "half a sent"
    view.tag.value = "x"
    view.add_button.click()
    assert view.note.value == "half a sent"


def test_a_bad_tag_is_an_error_in_the_view(view):
    view.tag.value = ""
    view.add_button.click()
    assert view.status.text.startswith("tags:")
    assert "alert" in view.status.value


def test_the_shipped_records_are_not_changed():
    view = RecordsView(uk.records.shipped_store())
    view.tag.value = "mine"
    view.add_button.click()
    assert "records that ship" in view.status.text
