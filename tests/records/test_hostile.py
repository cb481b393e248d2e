"""Whatever stands in a text field is text: no SQL, no HTML, no terminal command comes of it."""

from __future__ import annotations

import html
import json
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from unlearnkit.errors import BadInput
from unlearnkit.records import RunStore

HOSTILE = {
    "sql": "'; DROP TABLE runs;--",
    "sql with a quote": '" OR 1=1; --',
    "script": "<script>alert(1)</script>",
    "attribute": "\"><img src=x onerror='alert(1)'>",
    "emoji": "👩‍🔬🧪 naïve Ünïcødé",
    "wildcards": "%_*?[a]",
    "brackets": "{0} {row} %s $(rm)",
    "right to left": "\u202eevil",
    "long": "y" * 200,
}
CONTROL = {"terminal": "\x1b[2J\x07", "newline": "a\nb", "separator": "a\x1fb\u2028c"}
NO_FILE_HOLDS = {"NUL": "a\0b", "half a character": "a\ud800b"}
FIELDS = ("run_id", "task", "objective", "optimizer", "grade", "status")


@pytest.mark.parametrize("text", [*HOSTILE.values(), *CONTROL.values()], ids=[*HOSTILE, *CONTROL])
def test_text_comes_back_as_text(text, store, make_row):
    row = make_row(**dict.fromkeys(FIELDS, text), extra={text: text}, answers={text: text})
    row["attacks"][0] |= {"name": text, "params": {text: text}, "outcome": text, "rule": text}
    tag = text if text.isprintable() and len(text) <= 100 else "tag"
    store.add(row, testbed=text, device=text, versions={text: text}, tags=[tag], notes=text)
    store.add(make_row("innocent"))
    got = store.get(text)
    assert {name: got[name] for name in row} == row
    assert (got["testbed"], got["device"], got["versions"], got["notes"]) == (text, text, {text: text}, text)
    assert store.count(optimizer=text, task=text, objective=text, tag=tag) == 1
    assert store.count() == 2
    assert list(store.attacks(optimizer=text)["name"]) == [text]
    assert list(store.answers(text).given) == [text]
    store.note(text, f"{text} again")
    store.remove(text)
    assert list(store.to_frame().run_id) == ["innocent"]


@pytest.mark.parametrize("text", [*HOSTILE.values(), *CONTROL.values()], ids=[*HOSTILE, *CONTROL])
def test_html_shows_text_only(text, store, make_row):
    tag = text if text.isprintable() and len(text) <= 100 else "tag"
    store.add(make_row(**dict.fromkeys(FIELDS, text)), tags=[tag], notes=text)
    page = store._repr_html_()
    tags = {found.lower() for found in re.findall(r"<\s*/?\s*([a-zA-Z!?][^\s>/]*)", page)}
    assert tags <= {"b", "table", "tr", "th", "td", "p", "code"}
    assert "=" not in "".join(re.findall(r"<[^>]*>", page))  # no attribute at all
    assert not re.search(r"[\x00-\x1f\x7f\u2028\u202e]", page)
    if text.isprintable():
        assert html.escape(text) in page
    assert "\n" not in repr(store)


@pytest.mark.parametrize("text", NO_FILE_HOLDS.values(), ids=NO_FILE_HOLDS)
@pytest.mark.parametrize("field", [*FIELDS, "tags", "notes", "device", "testbed"])
def test_what_no_file_can_hold_is_refused(field, text, store, make_row):
    words = r"NUL character|half a character"
    with pytest.raises(BadInput, match=words):
        if field in FIELDS:
            store.add(make_row(**{field: text}))
        else:
            store.add(make_row(), **{field: [text] if field == "tags" else text})
    assert store.count() == 0
    with pytest.raises(BadInput, match=words):
        store.count(optimizer=text)
    with pytest.raises(BadInput, match=words):
        store.get(text)


def test_deep_inside_a_nul_is_kept_and_half_a_character_is_refused(store, make_row):
    store.add(make_row(answers={"q": "a\0b"}))
    assert list(store.answers("r0").given) == ["a\0b"]
    for bad in ({"answers": {"q": "\ud800"}}, {"extra": ["\udfff"]}, {"config": {"\ud800": 1}}):
        with pytest.raises(BadInput, match="half a character"):
            store.add(make_row("r1", **bad))


@pytest.mark.parametrize("tag", ["", "  ", "two\nlines", "a\x1fb", "x" * 101, 3, None])
def test_a_tag_is_one_short_line(tag, store, make_row):
    store.add(make_row())
    with pytest.raises(BadInput, match="tags"):
        store.tag("r0", tag)
    with pytest.raises(BadInput, match="tags"):
        store.add(make_row("r1"), tags=[tag])


def test_one_text_is_not_a_list_of_letters(store, make_row):
    with pytest.raises(BadInput, match=r'write tags=\["abc"\]'):
        store.add(make_row(), tags="abc")


def test_what_is_too_long_is_refused(store, make_row):
    store.add(make_row())
    with pytest.raises(BadInput, match="at most 1,000,000 characters"):
        store.note("r0", "x" * 1_000_001)
    with pytest.raises(BadInput, match="at most 200 characters"):
        store.add(make_row("x" * 201))


def test_nested_too_deep_is_refused(store, make_row):
    deep: list = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(BadInput, match="plain JSON values only"):
        store.add(make_row(extra=deep))


SETTINGS = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
TEXT = st.text(st.characters(exclude_categories=()), max_size=40)  # half characters too
NUMBER = st.floats(allow_nan=False) | st.integers(-(2**63), 2**63 - 1)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBER | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


@SETTINGS
@given(note=TEXT, extra=JSON, answers=st.dictionaries(TEXT, TEXT, max_size=3), lr=NUMBER, nll=NUMBER)
def test_whatever_is_taken_comes_back_and_round_trips(note, extra, answers, lr, nll, tmp_path, make_row):
    row = make_row(extra=extra, answers=answers, lr=lr)
    row["scores"] = {**row["scores"], "nll_forget": nll}
    row["attacks"][0]["rule"] = "recovery-0.10"
    files = [tmp_path / "one.jsonl", tmp_path / "two.jsonl"]
    with RunStore.in_memory() as one, RunStore.in_memory() as two:
        try:
            one.add(row, notes=note)
        except BadInput as error:
            assert "NUL" in str(error) or "surrogate" in str(error)
            assert one.count() == 0
            return
        got = one.get("r0")
        assert {name: got.get(name, {}) for name in row} == row
        assert json.dumps(got["extra"]) == json.dumps(extra)
        one.export(files[0], overwrite=True)
        assert two.import_(files[0]).rejected == ()
        two.export(files[1], overwrite=True)
        assert files[0].read_bytes() == files[1].read_bytes()
        assert two.get("r0") == got
