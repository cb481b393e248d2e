"""What goes in comes out: rows, merged rows, tags, notes, answers; and bad ones are named."""

from __future__ import annotations

import copy
import math
import threading

import pytest

import unlearnkit as uk
from unlearnkit.errors import BadInput, MissingReference
from unlearnkit.records import RULE, RunStore, StoreFault


def test_a_row_comes_out_as_it_went_in(filled, content):
    for row in (*content["rows"], *content["controls"]):
        got = filled.get(row["run_id"])
        assert (got["testbed"], got["versions"]) == ("atlas", content["versions"])
        for attack in got["attacks"]:
            assert attack.pop("rule", RULE) == RULE
        assert {name: got[name] for name in row} == row


def test_what_was_attacked_is_tagged_by_itself_and_controls_are_not(filled, content, make_row):
    filled.add(make_row("calm", attacks=[]))
    assert filled.count(tag="robustness-test") == len(content["rows"])
    assert filled.count() == len(content["rows"]) + 1
    assert filled.get(content["controls"][0]["run_id"])["tags"] == []
    filled.add(make_row("calm"))  # attacked later
    assert filled.get("calm")["tags"] == ["robustness-test"]
    with pytest.raises(BadInput, match="was attacked, and stays"):
        filled.untag("calm", "robustness-test")


def test_the_same_row_again_is_merged(store, make_row):
    other = {"name": "quantize", "params": {"bits": 4, "scheme": "rtn"}, "scores": make_row()["scores"]}
    store.add(make_row(answers={"a": "b"}), tags=["mine"], notes="first", device="cpu")
    first = store.get("r0")
    store.add(make_row(attacks=[other], weights="ab" * 32), tags=["yours"])
    again = store.get("r0")
    assert [attack["name"] for attack in again["attacks"]] == ["relearn", "quantize"]
    assert again["attacks"][0] == first["attacks"][0]
    assert again["tags"] == ["mine", "robustness-test", "yours"]
    assert (again["notes"], again["device"], again["answers"]) == ("first", "cpu", {"a": "b"})
    assert again["weights"] == "ab" * 32
    assert again["time"] == first["time"]
    assert store.count() == 1


@pytest.mark.parametrize("field", ["weights", "scores"])
def test_another_result_under_the_same_id_is_refused(field, store, make_row):
    one = make_row(weights="aa" * 32) if field == "weights" else make_row()
    other = copy.deepcopy(one)
    if field == "weights":
        other["weights"] = "bb" * 32
    else:
        other["scores"]["nll_forget"] += 1e-9
    store.add(one)
    before = store.get("r0")
    with pytest.raises(BadInput, match=f"with other {field}"):
        store.add({**other, "attacks": []}, tags=["x"])
    assert store.get("r0") == before
    content = {
        "schema": 1,
        "testbed": "atlas",
        "versions": {},
        "controls": [],
        "rows": [other, make_row("r1")],
    }
    with pytest.warns(UserWarning, match=f"with other {field}"):
        store.add_results(content)
    assert store.get("r0") == before
    assert store.count() == 2
    store.remove("r0")
    store.add(other)
    assert store.get("r0")[field] == other[field]


def test_a_control_is_kept_once_for_each_seed(store, content):
    control = content["controls"][1]
    store.add(control)
    store.add({**control, "seed": 1, "attacks": []})
    met = [len(store.get(control["run_id"], seed=seed)["attacks"]) for seed in (0, 1)]
    assert met == [len(control["attacks"]), 0]
    assert store.get(control["run_id"])["seed"] == 0
    with pytest.raises(BadInput, match="with seed 0, 1, not 2"):
        store.get(control["run_id"], seed=2)


def test_tags_and_notes(store, make_row):
    store.add(make_row(attacks=[]))
    store.tag("r0", "b", " a ", "b")
    store.note("r0", "line one\nline two")
    assert store.get("r0")["tags"] == ["a", "b"]
    store.untag("r0", "a", "never there")
    store.note("r0", "only this")
    assert store.get("r0")["tags"] == ["b"]
    assert store.get("r0")["notes"] == "only this"


def test_removing_takes_everything_of_a_run(filled, content):
    gone, *rows = content["rows"]
    filled.remove(gone["run_id"])
    tables = ("runs", "attacks", "tags", "answers")
    with filled._database.reading() as connection:
        left = [connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables]
    stay = [*rows, *content["controls"]]
    attacks = sum(len(row["attacks"]) for row in stay)
    assert left == [len(stay), attacks, len(rows), len(stay) + attacks]


def test_answers_before_and_after_an_attack(filled, content):
    run_id = content["rows"][1]["run_id"]
    before, after = filled.answers(run_id), filled.answers(run_id, "relearn-100")
    assert list(before.columns) == [
        "id", "prompt", "subject", "relation", "split", "open_class", "answer", "given", "right",
    ]  # fmt: skip
    assert list(before.given) == ["bern.", "Rome"]
    assert list(before.right) == [True, False]
    assert list(after.right) == [True, True]
    assert list(after.split) == ["shown", "heldout"]
    assert len(filled.answers(content["controls"][0]["run_id"])) == 2
    made = ", ".join(filled.attacks().query("run_id == @run_id").attack)
    with pytest.raises(BadInput, match=f"made were: {made}"):
        filled.answers(run_id, "relearn-99")


def test_answers_of_a_control_are_of_the_seed_asked_for(filled, content):
    control = content["controls"][0]
    filled.add(control | {"seed": 1, "answers": dict.fromkeys(control["answers"], "said with seed 1")})
    assert set(filled.answers(control["run_id"], seed=1).given) == {"said with seed 1"}
    first = filled.answers(control["run_id"])
    assert "said with seed 1" not in set(first.given)
    assert filled.answers(control["run_id"], seed=0).equals(first)
    with pytest.raises(BadInput, match=r"seed: .* is here with seed 0, 1, not 2"):
        filled.answers(control["run_id"], seed=2)


def test_no_answers_is_an_empty_frame(store, make_row):
    store.add(make_row())
    assert store.answers("r0").empty
    assert "right" in store.answers("r0", "relearn-100").columns


def test_scores_that_were_not_taken_come_back_as_not_a_number(store, make_row):
    row = make_row()
    row["scores"]["verbmem_forget"] = math.nan
    row["scores"]["nll_forget"] = math.inf
    store.add(row)
    (shown,) = store.to_frame().itertuples()
    assert math.isnan(shown.verbmem_forget)
    assert shown.nll_forget == math.inf
    assert math.isnan(store.get("r0")["scores"]["verbmem_forget"])


def test_a_run_that_failed_is_kept_without_scores(store, make_row):
    row = make_row(error="out of memory", attacks=[])
    del row["scores"], row["cost"]
    store.add(row)
    assert store.get("r0")["error"] == "out of memory"
    assert math.isnan(store.to_frame().nll_forget[0])


BAD_ROWS = {
    "no run_id": ({"run_id": None}, "row has no run_id"),
    "empty run_id": ({"run_id": " "}, "run_id must not be empty"),
    "no optimizer": ({"optimizer": None}, "row has no optimizer"),
    "no scores": ({"scores": None}, "row has no scores"),
    "scores are a list": ({"scores": [1]}, "scores must be a mapping"),
    "a score is a text": ({"scores": {"nll_forget": "4"}}, "nll_forget must be a number"),
    "a cost is a text": ({"cost": {"seconds": "4"}}, "seconds must be a number"),
    "fold is a text": ({"fold": "1"}, "fold must be an integer"),
    "seed is huge": ({"seed": 2**70}, "seed must be an integer"),
    "lr is a text": ({"lr": "fast"}, "lr must be a number"),
    "a path as weights": ({"weights": "../../x"}, "weights must be 64 hexadecimal digits"),
    "a tensor": ({"extra": object()}, "plain JSON values only"),
    "attacks is a dict": ({"attacks": {}}, "attacks must be a list"),
    "an attack is a text": ({"attacks": ["x"]}, "attack 0 must be a mapping"),
    "an attack without scores": ({"attacks": [{"name": "a", "params": {}}]}, "attack 0 has no scores"),
    "an answer is a number": ({"answers": {"q": 1}}, "must be a text"),
    "tags is a text": ({"tags": "one"}, "tags must be a list"),
    "no time": ({"time": "yesterday"}, "ISO 8601"),
    "versions is a list": ({"versions": [1]}, "versions must be a mapping"),
}


@pytest.mark.parametrize(("changes", "words"), BAD_ROWS.values(), ids=BAD_ROWS)
def test_a_bad_row_is_named_and_nothing_is_written(changes, words, store, make_row):
    with pytest.raises(BadInput, match=words):
        store.add(make_row(**changes))
    assert store.count(controls=True) == 0


def test_results_are_added_whole_or_not_at_all(store, content):
    content["rows"][2]["scores"]["nll_forget"] = "deep"
    with pytest.raises(BadInput, match="results: row 2: row: scores: nll_forget must be a number"):
        store.add_results(content)
    assert store.count(controls=True) == 0


@pytest.mark.parametrize("change", [{"schema": 2}, {"schema": None}], ids=["a newer schema", "none"])
def test_other_schemas_are_refused(change, store, content):
    with pytest.raises(BadInput, match=r"schema .* is not known"):
        store.add_results(content | change)


def test_a_study_is_no_comparison(store):
    with pytest.raises(BadInput, match=r"no results\.json"):
        store.add_results({"schema": 1, "study": "depth", "rows": [], "controls": []})


def test_what_is_not_there_is_said(store):
    for call in (store.get, store.remove, store.answers, lambda name: store.tag(name, "x"), store.weights):
        with pytest.raises(MissingReference, match="'nobody' is not in this store"):
            call("nobody")


def test_the_beginning_of_an_id_will_do_where_it_is_clear(store, make_row):
    for name in ("abc1", "abd2", "abd"):
        store.add(make_row(name))
    assert [store.full_id(start) for start in ("abc", "abd2", "abd")] == ["abc1", "abd2", "abd"]
    with pytest.raises(BadInput, match="may mean"):
        store.full_id("ab")
    with pytest.raises(BadInput, match="must not be empty"):
        store.full_id("")
    with pytest.raises(MissingReference, match="'%' is not in this store"):
        store.full_id("%")


def test_a_missing_file_is_made_or_refused(tmp_path):
    with pytest.raises(MissingReference, match="there is no"):
        RunStore(tmp_path / "none.sqlite", create=False)
    assert not list(tmp_path.iterdir())
    with pytest.raises(BadInput, match=r"folder .* does not exist"):
        RunStore(tmp_path / "nowhere" / "runs.sqlite")


def test_a_closed_store_says_so(tmp_path):
    store = RunStore(tmp_path / "runs.sqlite")
    store.close()
    store.close()
    with pytest.raises(StoreFault, match="Open it again"):
        store.count()
    assert "closed" in repr(store)
    assert "closed" in store._repr_html_()


def test_threads_share_a_store(store, make_row):
    def write(start: int) -> None:
        for place in range(start, start + 20):
            store.add(make_row(f"r{place}"))

    threads = [threading.Thread(target=write, args=(start,)) for start in (0, 100, 200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.count() == 60
    assert len(store.attacks()) == 60


def test_the_room_is_on_the_public_face():
    assert "records" in dir(uk)
    assert uk.records.RunStore is RunStore
