"""JSON Lines: the same store again, bad lines by their number, and nothing half-written."""

from __future__ import annotations

import json
import os
from itertools import zip_longest

import pytest

from unlearnkit.errors import BadInput, MissingReference, UnlearnkitError
from unlearnkit.records import Imported, RunStore, StoreFault, shipped_store


@pytest.fixture
def exported(filled, tmp_path, content, total):
    """A file of the shipped comparison, with answers, tags and notes."""
    run_id = content["rows"][0]["run_id"]
    filled.tag(run_id, "mine", "Ω")
    filled.note(run_id, "a\nnote “with” \u2028 lines")
    path = tmp_path / "records.jsonl"
    assert filled.export(path) == total
    return path


def test_an_import_is_the_same_store_again(exported, filled, tmp_path, total):
    with RunStore(tmp_path / "copy.sqlite") as copy:
        assert copy.import_(exported) == Imported(added=total, merged=0)
        assert list(copy.rows()) == list(filled.rows())
        assert copy.to_frame(controls=True).equals(filled.to_frame(controls=True))
        assert copy.attacks(controls=True).equals(filled.attacks(controls=True))
        for row in copy.rows():
            assert copy.answers(row["run_id"]).equals(filled.answers(row["run_id"]))
        copy.export(tmp_path / "again.jsonl")
        assert (tmp_path / "again.jsonl").read_bytes() == exported.read_bytes()
        assert copy.rejudge() == 0  # the link to the controls came along
        assert copy.import_(exported) == Imported(added=0, merged=total)
        copy.export(tmp_path / "thrice.jsonl")
        assert (tmp_path / "thrice.jsonl").read_bytes() == exported.read_bytes()


def test_every_line_is_an_object_in_plain_ascii(exported, total):
    lines = exported.read_bytes().split(b"\n")
    assert lines.pop() == b""
    kinds = [next(iter(json.loads(line.decode("ascii")))) for line in lines]
    assert kinds == ["format", "testbed", "testbed", *["row"] * total]


BAD_LINES = {
    b"{": "it is no JSON",
    b"[1]": "no JSON object, but a list",
    b'"row"': "no JSON object, but a str",
    b"{}": 'neither "row" nor "question"',
    b'{"row": 1}': "row must be a mapping",
    b'{"row": {"run_id": "x"}}': "row has no task, fold",
    b'{"question": {"id": "a"}}': "testbed must be a text",
    b'{"testbed": "t", "question": {"id": "a"}}': "question: task must be a text",
    b"\xff\xfe": "it is no JSON",
    b"[" * 100_000: "it is no JSON",
    b'{"row": {"run_id": "\\ud800"}}': "row has no task, fold",
    b"1" * 5000: "it is no JSON",
}


def test_bad_lines_are_rejected_by_number_and_good_ones_kept(exported, tmp_path, total):
    good = exported.read_bytes().splitlines()
    lines = [line for pair in zip_longest(good, BAD_LINES, fillvalue=b" ") for line in pair]
    mixed = tmp_path / "mixed.jsonl"
    mixed.write_bytes(b"\r\n".join(lines))
    with RunStore(tmp_path / "copy.sqlite") as copy:
        done = copy.import_(mixed)
        assert done.added == total
        bad = [number for number, line in enumerate(lines, start=1) if line in BAD_LINES]
        assert [number for number, _ in done.rejected] == bad
        for (_, reason), words in zip(done.rejected, BAD_LINES.values(), strict=True):
            assert words in reason
        assert copy.count(controls=True) == total


def test_a_run_with_other_weights_is_a_bad_line(exported, filled, content, total):
    run_id = content["rows"][0]["run_id"]
    lines = exported.read_text(encoding="ascii").splitlines()
    place = next(i for i, line in enumerate(lines) if run_id in line and '"optimizer"' in line)
    line = json.loads(lines[place])
    line["row"]["scores"]["nll_forget"] = 0.5
    lines[place] = json.dumps(line)
    exported.write_text("\n".join(lines), encoding="ascii")
    before = filled.get(run_id)
    done = filled.import_(exported)
    assert (done.added, done.merged) == (0, total - 1)
    assert [number for number, _ in done.rejected] == [place + 1]
    assert "with other scores" in done.rejected[0][1]
    assert filled.get(run_id) == before


def test_a_file_of_bad_lines_only_is_reported_too(store, tmp_path):
    (tmp_path / "bad.jsonl").write_bytes(b"\n".join(BAD_LINES))
    done = store.import_(tmp_path / "bad.jsonl")
    assert (done.added, done.merged) == (0, 0)
    assert [number for number, _ in done.rejected] == [*range(1, len(BAD_LINES) + 1)]


def test_a_newer_format_is_refused_as_a_whole(exported, tmp_path):
    lines = exported.read_text(encoding="ascii").splitlines()
    exported.write_text("\n".join([lines[0].replace('"schema": 1', '"schema": 2'), *lines[1:]]))
    with RunStore(tmp_path / "copy.sqlite") as copy:
        with pytest.raises(UnlearnkitError, match="update unlearnkit"):
            copy.import_(exported)
        assert copy.count(controls=True) == 0


def test_results_json_is_imported_too(store, content, tmp_path, total):
    path = tmp_path / "results.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    assert store.import_(path) == Imported(added=total, merged=0)
    assert store.get(content["rows"][0]["run_id"])["controls"]
    path.write_text("{", encoding="utf-8")
    with pytest.raises(BadInput, match="is no JSON"):
        store.import_(path)


def test_files_that_are_not_there_or_in_the_way(filled, tmp_path, total):
    with pytest.raises(MissingReference, match="there is no file"):
        filled.import_(tmp_path / "none.jsonl")
    with pytest.raises(MissingReference, match="there is no file"):
        filled.import_(tmp_path)
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(BadInput, match="exists already"):
        filled.export(tmp_path / "mine.txt")
    with pytest.raises(BadInput, match="is the store itself"):
        filled.export(filled.path, overwrite=True)
    with pytest.raises(StoreFault, match="cannot be written"):
        filled.export(tmp_path / "nowhere" / "x.jsonl")
    assert (tmp_path / "mine.txt").read_text() == "mine"
    assert filled.export(tmp_path / "mine.txt", overwrite=True) == total


@pytest.mark.skipif(os.name != "posix", reason="limits the size of files with setrlimit")
def test_an_export_to_a_full_disk_leaves_what_was_there(filled, tmp_path):
    import resource

    path = tmp_path / "records.jsonl"
    path.write_text("before")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(StoreFault, match="cannot be written"):
            filled.export(path, overwrite=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_text() == "before"
    assert not [p.name for p in tmp_path.iterdir() if "unfinished" in p.name]


def test_the_shipped_records_can_be_taken_out(tmp_path):
    assert shipped_store().export(tmp_path / "records.jsonl") > 0
    with RunStore(tmp_path / "mine.sqlite") as mine:
        assert mine.import_(tmp_path / "records.jsonl").rejected == ()
        assert mine.count() == shipped_store().count()
